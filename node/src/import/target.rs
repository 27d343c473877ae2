// SPDX-License-Identifier: EUPL-1.2
//! The fields of a referral that a profile can fill, by the names that profiles use.

/// A field of a referral. Fingerprints have rules of their own and are not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The unit that assessed the content.
    Unit,
    /// The unit's own file reference.
    Reference,
    /// Who carried it.
    TransmittedBy,
    /// When the unit saw it.
    DetectedAt,
    /// Its addresses.
    Url,
    /// Where in the address.
    Locator,
    /// The platform's id of the content.
    PlatformContentId,
    /// The platform's id of the account.
    AccountId,
    /// What sort of content.
    ContentType,
    /// Its languages.
    Languages,
    /// Why.
    Reasons,
    /// Points of Article 2(7).
    Types,
    /// What the check of Article 1(3) found.
    ExceptionFinding,
    /// A note on that check.
    ExceptionNote,
    /// Severity.
    Tier,
    /// Whether it is graphic.
    Graphic,
    /// Clause of the platform's terms.
    TermsClause,
    /// Entity label.
    Entity,
    /// Ideology label.
    Ideology,
    /// Id of a capture that the unit holds.
    EvidenceId,
    /// SHA-256 of that capture.
    EvidenceSha256,
    /// Who may see it.
    Handling,
    /// Retention class.
    RetentionClass,
    /// When it is looked at again.
    ReviewOn,
    /// When it is erased.
    EraseBy,
    /// How the unit came to know.
    Source,
}

/// What sort of value a field takes, hence which keys of a profile have a meaning for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Text of one line.
    Line,
    /// Free text, which may have several lines and is never shown in a hint.
    Prose,
    Date,
    Address,
    Language,
    Label,
    Sha256,
    /// One of Concert's own words.
    Word(&'static [&'static str]),
}

const CONTENT_TYPES: &[&str] =
    &["video", "image", "text", "audio", "archive", "account", "channel", "collection", "site"];
const EXCEPTIONS: &[&str] =
    &["none", "educational", "journalistic", "artistic", "research", "counter_terror", "polemic"];
const SOURCES: &[&str] =
    &["public_report", "own_monitoring", "partner", "hash_match", "action_day", "crisis"];

impl Target {
    /// Every field, in the order of DOMAIN's list.
    pub const ALL: [Self; 26] = [
        Self::Unit,
        Self::Reference,
        Self::TransmittedBy,
        Self::DetectedAt,
        Self::Url,
        Self::Locator,
        Self::PlatformContentId,
        Self::AccountId,
        Self::ContentType,
        Self::Languages,
        Self::Reasons,
        Self::Types,
        Self::ExceptionFinding,
        Self::ExceptionNote,
        Self::Tier,
        Self::Graphic,
        Self::TermsClause,
        Self::Entity,
        Self::Ideology,
        Self::EvidenceId,
        Self::EvidenceSha256,
        Self::Handling,
        Self::RetentionClass,
        Self::ReviewOn,
        Self::EraseBy,
        Self::Source,
    ];

    /// The name that profiles use, as in `[fields.detected_at]`.
    pub fn name(self) -> &'static str {
        self.traits().0
    }

    /// The field with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Whether every referral has it, so that every profile must say where it comes from.
    pub fn is_required(self) -> bool {
        self.traits().2
    }

    /// Whether it takes several values.
    pub fn takes_several(self) -> bool {
        matches!(self, Self::Url | Self::Languages | Self::Types)
    }

    pub(super) fn form(self) -> Form {
        self.traits().1
    }

    fn traits(self) -> (&'static str, Form, bool) {
        match self {
            Self::Unit => ("unit", Form::Line, true),
            Self::Reference => ("reference", Form::Line, true),
            Self::TransmittedBy => ("transmitted_by", Form::Line, false),
            Self::DetectedAt => ("detected_at", Form::Date, true),
            Self::Url => ("url", Form::Address, true),
            Self::Locator => ("locator", Form::Line, false),
            Self::PlatformContentId => ("platform_content_id", Form::Line, false),
            Self::AccountId => ("account_id", Form::Line, false),
            Self::ContentType => ("content_type", Form::Word(CONTENT_TYPES), true),
            Self::Languages => ("languages", Form::Language, false),
            Self::Reasons => ("reasons", Form::Prose, true),
            Self::Types => ("types", Form::Word(&["a", "b", "c", "d", "e"]), true),
            Self::ExceptionFinding => ("exception_finding", Form::Word(EXCEPTIONS), true),
            Self::ExceptionNote => ("exception_note", Form::Prose, false),
            Self::Tier => ("tier", Form::Word(&["1", "2", "3", "4"]), true),
            Self::Graphic => ("graphic", Form::Word(&["true", "false"]), false),
            Self::TermsClause => ("terms_clause", Form::Line, false),
            Self::Entity => ("entity", Form::Label, false),
            Self::Ideology => ("ideology", Form::Label, false),
            Self::EvidenceId => ("evidence_id", Form::Line, false),
            Self::EvidenceSha256 => ("evidence_sha256", Form::Sha256, false),
            Self::Handling => ("handling", Form::Word(&["recipient", "members"]), true),
            Self::RetentionClass => ("retention_class", Form::Label, true),
            Self::ReviewOn => ("review_on", Form::Date, false),
            Self::EraseBy => ("erase_by", Form::Date, false),
            Self::Source => ("source", Form::Word(SOURCES), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for target in Target::ALL {
            assert_eq!(Target::from_name(target.name()), Some(target));
        }
        assert_eq!(Target::from_name("urls"), None);
    }
}
