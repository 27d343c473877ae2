// SPDX-License-Identifier: EUPL-1.2
//! The kinds of entry and their JOSE `typ` values.

use std::fmt;

/// What an entry is, as its `typ` header names it: `concert.<name>.v1+jws`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A kind that this version acts on.
    Known(KnownKind),
    /// A well-formed name that this version does not know: kept and shown, not acted on.
    Unknown(Box<str>),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// The kinds that this version knows (spec 01-entries, table of kinds).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum KnownKind {
            $($(#[$doc])* $variant,)*
        }

        impl KnownKind {
            /// Every kind, in the order of the specification.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name, such as `referral.withdrawn`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// A request to a platform to look at content against its own terms.
    Referral = "referral",
    /// A correction by its author.
    ReferralAmended = "referral.amended",
    /// Taken back by its author.
    ReferralWithdrawn = "referral.withdrawn",
    /// Another member's signature under a referral.
    ReferralEndorsed = "referral.endorsed",
    /// A removal order (Regulation (EU) 2021/784, Article 3).
    Order = "order",
    /// An order that was annulled.
    OrderAnnulled = "order.annulled",
    /// An order that became final.
    OrderFinal = "order.final",
    /// A decision after scrutiny (Article 4).
    OrderScrutiny = "order.scrutiny",
    /// A national measure: delisting or blocking.
    Measure = "measure",
    /// A national measure lifted.
    MeasureLifted = "measure.lifted",
    /// Deconfliction: do not disturb.
    Hold = "hold",
    /// A hold ended.
    HoldReleased = "hold.released",
    /// Additions, removals and opinions on one hash list.
    HashlistUpdated = "hashlist.updated",
    /// A recipient made known.
    RecipientRegistered = "recipient.registered",
    /// A recipient's record replaced.
    RecipientUpdated = "recipient.updated",
    /// A recipient that receives nothing more.
    RecipientSuspended = "recipient.suspended",
    /// The one coordinated notice.
    NoticeIssued = "notice.issued",
    /// What changed in a notice.
    NoticeRevised = "notice.revised",
    /// A notice that goes on as another.
    NoticeMerged = "notice.merged",
    /// A notice taken back.
    NoticeWithdrawn = "notice.withdrawn",
    /// Notices handed over.
    Delivery = "delivery",
    /// A recipient's answer.
    Answer = "answer",
    /// An officer's decision that two contents are one.
    ContentJoined = "content.joined",
    /// An officer's decision that two contents are not one.
    ContentSplit = "content.split",
    /// The locator rules in force.
    RulesPublished = "rules.published",
    /// A judicial outcome.
    Outcome = "outcome",
    /// An independent reviewer's recommendation.
    Recommendation = "recommendation",
    /// A threat to life (Article 14(5)).
    Alert = "alert",
}

/// Longest `typ` accepted, in bytes.
const TYP_LEN_MAX: usize = 80;

impl Kind {
    /// Reads a `typ` header; `None` unless it is `concert.<lower-case words>.v<number>+jws`.
    pub fn from_typ(typ: &str) -> Option<Self> {
        let inner = typ.strip_prefix("concert.")?.strip_suffix("+jws")?;
        let (name, version) = inner.rsplit_once(".v")?;
        let words = name.split('.').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()));
        let number =
            !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()) && !version.starts_with('0');
        if typ.len() > TYP_LEN_MAX || !words || !number {
            return None;
        }
        let known = KnownKind::ALL.iter().find(|kind| version == "1" && kind.name() == name);
        Some(known.map_or_else(|| Self::Unknown(inner.into()), |kind| Self::Known(*kind)))
    }

    /// The `typ` header.
    pub fn typ(&self) -> String {
        match self {
            Self::Known(kind) => format!("concert.{}.v1+jws", kind.name()),
            Self::Unknown(inner) => format!("concert.{inner}+jws"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(kind) => f.write_str(kind.name()),
            Self::Unknown(inner) => write!(f, "{inner} (unknown)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_typ_and_is_read_back() {
        for kind in KnownKind::ALL {
            let kind = Kind::Known(*kind);
            assert_eq!(Kind::from_typ(&kind.typ()), Some(kind));
        }
    }

    #[test]
    fn later_versions_and_other_names_are_unknown_not_wrong() {
        assert_eq!(Kind::from_typ("concert.referral.v2+jws"), Some(Kind::Unknown("referral.v2".into())));
        assert_eq!(
            Kind::from_typ("concert.seal.v1+jws").map(|k| k.typ()).as_deref(),
            Some("concert.seal.v1+jws")
        );
        for bad in [
            "referral",
            "concert.referral+jws",
            "concert..v1+jws",
            "concert.Referral.v1+jws",
            "concert.referral.v01+jws",
            "JWT",
        ] {
            assert_eq!(Kind::from_typ(bad), None, "{bad}");
        }
    }
}
