// SPDX-License-Identifier: EUPL-1.2
//! From the values of a record to a referral, or to everything that is wrong with it.
//!
//! Every rule of `Referral` that another member would check is checked here first, so that a record is refused while the
//! person who can mend it is looking. Repeated values are kept once; nothing else is changed silently.

mod values;

use concert_protocol::entry::referral::{
    Evidence, Exception, ExceptionCheck, Label, Referral, ReferredFingerprint, ReferredItem, Relation,
    Retention,
};
use concert_protocol::entry::text::{Address, LanguageTag, List};
use concert_protocol::time::Timestamp;

use self::values::{address, fingerprint, in_own_words, line, parse, rfc3339, sha256, split, tier, word};
use super::problem::{Problem, Reason, hint};
use super::profile::{FingerprintRule, Origin, Profile};
use super::row::Row;
use super::target::{Form, Target};

pub(super) use self::values::check_value;

/// Most bytes of a referral's JSON: with base64 and the signature around it, what fits into an entry.
const REFERRAL_LEN_MAX: usize = 48_000;

/// Most values of one field that are looked at; more than any list of a referral holds.
const VALUES_MAX: usize = 256;

/// Maps one record.
pub(super) fn referral(profile: &Profile, row: &Row<'_>) -> Result<Referral, Vec<Problem>> {
    let mut mapper = Mapper { profile, row, problems: Vec::new() };
    match mapper.referral() {
        Some(referral) if mapper.problems.is_empty() => match too_long(&referral) {
            None => Ok(referral),
            Some(reason) => Err(vec![Problem::of_record(reason)]),
        },
        _ => Err(mapper.problems),
    }
}

/// The record's own reference, as far as it can be told; for reports about records that cannot be mapped.
pub(super) fn reference(profile: &Profile, row: &Row<'_>) -> Option<String> {
    let rule = profile.fields.get(&Target::Reference)?;
    let Origin::Column(column) = rule.origin else { return None };
    let values = row.values(column, &profile.columns[column]).ok()?;
    values.first().map(|reference| reference.chars().take(120).filter(|c| !c.is_control()).collect())
}

fn too_long(referral: &Referral) -> Option<Reason> {
    // A referral that cannot be written at all does not exist: all of its parts are plain values.
    let len = serde_json::to_vec(referral).map_or(usize::MAX, |json| json.len());
    (len > REFERRAL_LEN_MAX).then_some(Reason::ReferralTooLong { len, len_max: REFERRAL_LEN_MAX })
}

/// A value and who wrote it: the profile's own words and dates have one form, the export's another.
#[derive(Clone, Copy)]
struct Value<'a> {
    text: &'a str,
    by_profile: bool,
}

struct Mapper<'a> {
    profile: &'a Profile,
    row: &'a Row<'a>,
    problems: Vec<Problem>,
}

impl<'a> Mapper<'a> {
    /// Every field is looked at before any is given up, so that a person sees all problems at once.
    fn referral(&mut self) -> Option<Referral> {
        let unit = self.one(Target::Unit, |v| line(v.text));
        let reference = self.one(Target::Reference, |v| line(v.text));
        let transmitted_by = self.one(Target::TransmittedBy, |v| line(v.text));
        let detected_at = self.date(Target::DetectedAt);
        let items = self.items();
        let content_type = self.one(Target::ContentType, |v| word(v.text));
        let languages = self.list(Target::Languages, |v| parse::<LanguageTag>(v.text));
        let reasons = self.one(Target::Reasons, |v| parse(v.text));
        let types = self.list(Target::Types, |v| word(v.text));
        let exception_check = self.exception_check();
        let tier = self.one(Target::Tier, |v| tier(v.text));
        let graphic = self.one(Target::Graphic, |v| Ok(v.text == "true"));
        let terms_clause = self.one(Target::TermsClause, |v| line(v.text));
        let entity = self.one(Target::Entity, |v| parse::<Label>(v.text));
        let ideology = self.one(Target::Ideology, |v| parse::<Label>(v.text));
        let fingerprints = self.fingerprints();
        let evidence = self.evidence();
        let handling = self.one(Target::Handling, |v| word(v.text));
        let class = self.one(Target::RetentionClass, |v| parse::<Label>(v.text));
        let (review_on, erase_by) = (self.date(Target::ReviewOn), self.date(Target::EraseBy));
        let source = self.one(Target::Source, |v| word(v.text));
        Some(Referral {
            unit: unit?,
            reference: reference?,
            transmitted_by,
            detected_at: detected_at?,
            items: items?,
            content_type: content_type?,
            languages: languages?,
            reasons: reasons?,
            types: types?,
            exception_check: exception_check?,
            tier: tier?,
            graphic: graphic.unwrap_or(false),
            terms_clause,
            entity,
            ideology,
            fingerprints: fingerprints?,
            evidence,
            handling: handling?,
            retention: Retention { class: class?, review_on, erase_by },
            source: source?,
            links: List::default(),
        })
    }

    fn refuse(&mut self, target: Target, value: Option<&str>, reason: Reason) {
        let shown = if target.form() == Form::Prose { None } else { value };
        self.problems.push(Problem {
            field: self.profile.shown(target),
            value_hint: shown.map(hint),
            reason,
        });
    }

    /// The values of a field, split and in Concert's words; `None` after a complaint.
    fn values(&mut self, target: Target) -> Option<Vec<Value<'a>>> {
        let rule = self.profile.fields.get(&target)?;
        let by_profile = |text: &'a String| Value { text, by_profile: true };
        let column = match &rule.origin {
            Origin::Constant(values) => return Some(values.iter().map(by_profile).collect()),
            Origin::Column(column) => *column,
        };
        let parts = match self.row.values(column, &self.profile.columns[column]) {
            Ok(values) => split(&values, &rule.split),
            Err(reason) => {
                self.refuse(target, None, reason);
                return None;
            }
        };
        if parts.len() > VALUES_MAX {
            self.refuse(target, None, Reason::SeveralValues { found: parts.len() });
            return None;
        }
        if parts.is_empty() {
            let default = rule.default.as_ref().map(by_profile);
            if default.is_none() && target.is_required() {
                self.refuse(target, None, Reason::Empty);
                return None;
            }
            return Some(default.into_iter().collect());
        }
        let mut values = Vec::with_capacity(parts.len());
        for part in parts {
            match in_own_words(target, rule, part) {
                Ok(value) => values.push(value),
                Err(reason) => self.refuse(target, Some(part), reason),
            }
        }
        Some(values)
    }

    /// The one value of a field; `None` if there is none or after a complaint.
    fn one<T>(&mut self, target: Target, read: impl Fn(Value<'a>) -> Result<T, Reason>) -> Option<T> {
        let values = self.values(target)?;
        if values.len() > 1 {
            self.refuse(target, None, Reason::SeveralValues { found: values.len() });
            return None;
        }
        let value = *values.first()?;
        read(value).map_err(|reason| self.refuse(target, Some(value.text), reason)).ok()
    }

    /// Every value of a field, each once.
    fn several<T: PartialEq>(
        &mut self,
        target: Target,
        read: impl Fn(Value<'a>) -> Result<T, Reason>,
    ) -> Vec<T> {
        let mut found = Vec::new();
        for value in self.values(target).unwrap_or_default() {
            match read(value) {
                Ok(value) if found.contains(&value) => {}
                Ok(value) => found.push(value),
                Err(reason) => self.refuse(target, Some(value.text), reason),
            }
        }
        found
    }

    fn list<T: PartialEq, const MIN: usize, const MAX: usize>(
        &mut self,
        target: Target,
        read: impl Fn(Value<'a>) -> Result<T, Reason>,
    ) -> Option<List<T, MIN, MAX>> {
        let before = self.problems.len();
        let values = self.several(target, read);
        if self.problems.len() > before {
            return None;
        }
        values.try_into().map_err(|length| self.refuse(target, None, Reason::List(length))).ok()
    }

    fn date(&mut self, target: Target) -> Option<Timestamp> {
        let rule = self.profile.fields.get(&target)?.date.as_ref();
        self.one(target, |value| match rule {
            Some(rule) if !value.by_profile => rule.read(value.text),
            _ => rfc3339(value.text),
        })
    }

    fn items(&mut self) -> Option<List<ReferredItem, 1, 50>> {
        let addresses: Option<List<Address, 1, 50>> = self.list(Target::Url, |v| address(v.text));
        let locator = self.one(Target::Locator, |v| line(v.text));
        let platform_content_id = self.one(Target::PlatformContentId, |v| line(v.text));
        let account_id = self.one(Target::AccountId, |v| line(v.text));
        let addresses = addresses?;
        let singular = [
            (Target::Locator, locator.is_some()),
            (Target::PlatformContentId, platform_content_id.is_some()),
            (Target::AccountId, account_id.is_some()),
        ];
        if addresses.len() > 1 {
            for (target, _) in singular.into_iter().filter(|(_, present)| *present) {
                self.refuse(target, None, Reason::WhichAddress);
            }
        }
        let item = |url| ReferredItem {
            url,
            locator: locator.clone(),
            platform_content_id: platform_content_id.clone(),
            account_id: account_id.clone(),
        };
        addresses.into_vec().into_iter().map(item).collect::<Vec<_>>().try_into().ok()
    }

    fn exception_check(&mut self) -> Option<ExceptionCheck> {
        let finding = self.one(Target::ExceptionFinding, |v| word(v.text));
        let note = self.one(Target::ExceptionNote, |v| parse(v.text));
        let finding = finding?;
        if finding != Exception::None && note.is_none() {
            self.refuse(Target::ExceptionNote, None, Reason::NoteNeeded);
        }
        Some(ExceptionCheck { finding, note })
    }

    fn evidence(&mut self) -> Option<Evidence> {
        let id = self.one(Target::EvidenceId, |v| line(v.text));
        let sha256 = self.one(Target::EvidenceSha256, |v| sha256(v.text));
        match (id, sha256) {
            (Some(id), Some(sha256)) => Some(Evidence { id, sha256 }),
            (Some(_), None) => {
                self.refuse(Target::EvidenceSha256, None, Reason::Empty);
                None
            }
            (None, Some(_)) => {
                self.refuse(Target::EvidenceId, None, Reason::Empty);
                None
            }
            (None, None) => None,
        }
    }

    fn fingerprints(&mut self) -> Option<List<ReferredFingerprint, 0, 64>> {
        let mut found: Vec<ReferredFingerprint> = Vec::new();
        let before = self.problems.len();
        for rule in &self.profile.fingerprints {
            for fingerprint in self.by_rule(rule) {
                if !found.contains(&fingerprint) {
                    found.push(fingerprint);
                }
            }
        }
        if self.problems.len() > before {
            return None;
        }
        let list = found.try_into();
        list.map_err(|length| self.problems.push(Problem::of_record(Reason::List(length)))).ok()
    }

    fn by_rule(&mut self, rule: &'a FingerprintRule) -> Vec<ReferredFingerprint> {
        let Some(values) = self.column(rule.column) else { return Vec::new() };
        let values = split(&values, &rule.split);
        if values.is_empty() {
            return Vec::new();
        }
        if values.len() > VALUES_MAX {
            self.refuse_column(rule.column, None, Reason::SeveralValues { found: values.len() });
            return Vec::new();
        }
        let (Some(quality), Some(size)) = (self.beside(rule.quality), self.beside(rule.size)) else {
            return Vec::new();
        };
        let size = match size.map(str::parse::<u64>).transpose() {
            Ok(size) => size,
            Err(_) => {
                self.refuse_column(rule.size.unwrap_or(rule.column), size, Reason::NotANumber);
                return Vec::new();
            }
        };
        let relation = if rule.contains { Relation::Contains } else { Relation::Is };
        let mut found = Vec::with_capacity(values.len());
        for value in values {
            match fingerprint(rule, value, quality) {
                Ok(value) => found.push(ReferredFingerprint { value, relation, size }),
                Err(reason) => self.refuse_column(rule.column, Some(value), reason),
            }
        }
        found
    }

    fn column(&mut self, column: usize) -> Option<Vec<&'a str>> {
        let (row, columns) = (self.row, &self.profile.columns);
        row.values(column, &columns[column]).map_err(|reason| self.refuse_column(column, None, reason)).ok()
    }

    /// The value that stands beside a fingerprint, `Some(None)` if there is none, `None` after a complaint.
    fn beside(&mut self, column: Option<usize>) -> Option<Option<&'a str>> {
        let Some(column) = column else { return Some(None) };
        let values = self.column(column)?;
        if values.len() > 1 {
            self.refuse_column(column, None, Reason::SeveralValues { found: values.len() });
            return None;
        }
        Some(values.first().copied())
    }

    fn refuse_column(&mut self, column: usize, value: Option<&str>, reason: Reason) {
        let field = self.profile.columns[column].shown();
        self.problems.push(Problem { field, value_hint: value.map(hint), reason });
    }
}
