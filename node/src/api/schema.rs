// SPDX-License-Identifier: EUPL-1.2
//! Descriptions of protocol types for the API's description. Nothing is read or written through them.
//!
//! The protocol crate knows nothing of HTTP, so its types are described here once more. A test holds every description
//! against the type that it describes.

#![expect(dead_code, reason = "these types are only described, never made")]

use utoipa::ToSchema;

/// What one unit says about one content at one or more addresses.
#[derive(ToSchema)]
#[schema(as = Referral)]
pub(super) struct ReferralSchema {
    /// The unit that assessed the content, 1 to 120 characters.
    pub(super) unit: String,
    /// The unit's own file reference, unique within the unit, 1 to 120 characters.
    pub(super) reference: String,
    /// Who carried it when that was not the unit itself.
    pub(super) transmitted_by: Option<String>,
    /// When the unit saw the content.
    #[schema(example = "2026-11-22T08:02:41.000000Z")]
    pub(super) detected_at: String,
    /// Every known address of this one content.
    #[schema(min_items = 1, max_items = 50)]
    pub(super) items: Vec<ReferredItemSchema>,
    /// What sort of content. Collections and sites wait for a second person's approval.
    pub(super) content_type: ContentTypeSchema,
    /// Languages of the content (BCP 47).
    #[schema(required = false, max_items = 24)]
    pub(super) languages: Vec<String>,
    /// Why, sufficiently substantiated, 1 to 4,000 characters.
    pub(super) reasons: String,
    /// Points of Article 2(7) of Regulation (EU) 2021/784, each once.
    #[schema(min_items = 1, max_items = 5)]
    pub(super) types: Vec<LegalTypeSchema>,
    /// The check of Article 1(3).
    pub(super) exception_check: ExceptionCheckSchema,
    /// Severity: 1 threat to life, 2 crisis, 3 designated entity, 4 promotional.
    #[schema(minimum = 1, maximum = 4)]
    pub(super) tier: u8,
    /// The content is graphic.
    #[schema(required = false)]
    pub(super) graphic: bool,
    /// Clause of the platform's terms.
    pub(super) terms_clause: Option<String>,
    /// Entity label.
    pub(super) entity: Option<String>,
    /// Ideology label.
    pub(super) ideology: Option<String>,
    /// Digests and perceptual hashes of the content.
    #[schema(required = false, max_items = 64)]
    pub(super) fingerprints: Vec<ReferredFingerprintSchema>,
    /// A capture that the unit holds; the content itself is never federated.
    pub(super) evidence: Option<EvidenceSchema>,
    /// Who may see the signed referral.
    pub(super) handling: HandlingSchema,
    /// How long it is kept.
    pub(super) retention: RetentionSchema,
    /// How the unit came to know.
    pub(super) source: SourceSchema,
    /// Other entries that this one concerns.
    #[schema(required = false, max_items = 32)]
    pub(super) links: Vec<LinkSchema>,
}

/// One address.
#[derive(ToSchema)]
#[schema(as = ReferredItem)]
pub(super) struct ReferredItemSchema {
    /// The address as the unit recorded it: live, `http://` or `https://`, at most 8,192 bytes.
    pub(super) url: String,
    /// Where in it: a video time, a post, a page.
    pub(super) locator: Option<String>,
    /// The platform's own id of the content.
    pub(super) platform_content_id: Option<String>,
    /// The platform's own id of the account.
    pub(super) account_id: Option<String>,
}

/// Sorts of content.
#[derive(ToSchema)]
#[schema(as = ContentType, rename_all = "snake_case")]
pub(super) enum ContentTypeSchema {
    Video,
    Image,
    Text,
    Audio,
    Archive,
    Account,
    Channel,
    Collection,
    Site,
}

/// Points of Article 2(7): (a) incites or glorifies, (b) solicits to commit, (c) solicits to join, (d) instructs, (e) threatens.
#[derive(ToSchema)]
#[schema(as = LegalType, rename_all = "snake_case")]
pub(super) enum LegalTypeSchema {
    A,
    B,
    C,
    D,
    E,
}

/// The recorded check of Article 1(3).
#[derive(ToSchema)]
#[schema(as = ExceptionCheck)]
pub(super) struct ExceptionCheckSchema {
    /// What the check found; anything but `none` needs a note.
    pub(super) finding: ExceptionSchema,
    /// Why the content was referred in spite of the finding, or how the check was made.
    pub(super) note: Option<String>,
}

/// Purposes that Article 1(3) protects.
#[derive(ToSchema)]
#[schema(as = Exception, rename_all = "snake_case")]
pub(super) enum ExceptionSchema {
    None,
    Educational,
    Journalistic,
    Artistic,
    Research,
    CounterTerror,
    Polemic,
}

/// A fingerprint and how it relates to the content.
#[derive(ToSchema)]
#[schema(as = ReferredFingerprint)]
pub(super) struct ReferredFingerprintSchema {
    /// `sha256:...`, `sha1:...`, `md5:...`, `pdq:<64 digits>:q<quality>`, or another algorithm and its value.
    pub(super) value: String,
    /// Whether the content is what was hashed, or contains it.
    #[schema(required = false)]
    pub(super) relation: RelationSchema,
    /// Length in bytes of what was hashed; MD5 and SHA-1 join only when it agrees.
    pub(super) size: Option<u64>,
}

/// How a fingerprint relates to the content.
#[derive(ToSchema)]
#[schema(as = Relation, rename_all = "snake_case")]
pub(super) enum RelationSchema {
    Is,
    Contains,
}

/// A capture held by the unit.
#[derive(ToSchema)]
#[schema(as = Evidence)]
pub(super) struct EvidenceSchema {
    /// The unit's id of it.
    pub(super) id: String,
    /// Its SHA-256, as `sha256:...`.
    pub(super) sha256: String,
}

/// Who may see the signed referral itself: members and the notice's recipient, or members alone.
#[derive(ToSchema)]
#[schema(as = Handling, rename_all = "snake_case")]
pub(super) enum HandlingSchema {
    Recipient,
    Members,
}

/// How long it is kept.
#[derive(ToSchema)]
#[schema(as = Retention)]
pub(super) struct RetentionSchema {
    /// The unit's retention class.
    pub(super) class: String,
    /// When the unit looks at it again.
    pub(super) review_on: Option<String>,
    /// When its payload is erased.
    pub(super) erase_by: Option<String>,
}

/// How the unit came to know.
#[derive(ToSchema)]
#[schema(as = Source, rename_all = "snake_case")]
pub(super) enum SourceSchema {
    PublicReport,
    OwnMonitoring,
    Partner,
    HashMatch,
    ActionDay,
    Crisis,
}

/// A pointer to another entry.
#[derive(ToSchema)]
#[schema(as = Link)]
pub(super) struct LinkSchema {
    /// What the other entry is to this one.
    pub(super) relation: LinkRelationSchema,
    /// The other entry.
    pub(super) entry: String,
}

/// What a linked entry is.
#[derive(ToSchema)]
#[schema(as = LinkRelation, rename_all = "snake_case")]
pub(super) enum LinkRelationSchema {
    EscalatedFrom,
    Related,
    Replaces,
}

/// A recipient's record.
#[derive(ToSchema)]
#[schema(as = Recipient)]
pub(super) struct RecipientSchema {
    /// Its id: 2 to 64 of `a-z`, `0-9` and `-`; for a platform that the locator rules know, its id there.
    #[schema(example = "video-a")]
    pub(super) recipient: String,
    /// Name for people.
    pub(super) name: String,
    /// What it does.
    pub(super) role: RecipientRoleSchema,
    /// Its domains; subdomains are included.
    #[schema(min_items = 1, max_items = 200)]
    pub(super) domains: Vec<String>,
    /// State of main establishment, or of the legal representative (ISO 3166-1 alpha-2).
    #[schema(example = "IE")]
    pub(super) established: String,
    /// Languages in which it can be written to, best first.
    #[schema(required = false, max_items = 24)]
    pub(super) languages: Vec<String>,
    /// Contact point (Regulation (EU) 2021/784, Article 15).
    pub(super) contact: Option<String>,
    /// The Ed25519 key with which it signs answers: 64 hexadecimal digits.
    pub(super) key: Option<String>,
}

/// What a recipient does: hosting services get notices, search engines and access providers national measures.
#[derive(ToSchema)]
#[schema(as = RecipientRole, rename_all = "snake_case")]
pub(super) enum RecipientRoleSchema {
    Hosting,
    Search,
    Access,
}

/// What was decided about one item.
#[derive(ToSchema)]
#[schema(as = ItemAnswer)]
pub(super) struct ItemAnswerSchema {
    /// The item, by its id in the notice.
    pub(super) item: String,
    /// The decision.
    pub(super) outcome: AnswerOutcomeSchema,
    /// When it was done, by the recipient's clock.
    #[schema(example = "2026-11-22T08:02:41.000000Z")]
    pub(super) at: String,
    /// Required for `kept` and `not_precise`; 1 to 1,000 characters.
    pub(super) reason: Option<String>,
    /// Where it is no longer shown (ISO 3166-1 alpha-2); required for `geo_limited`, empty otherwise.
    #[schema(required = false, max_items = 60)]
    pub(super) countries: Vec<String>,
}

/// A platform's decision on a referral.
#[derive(ToSchema)]
#[schema(as = AnswerOutcome, rename_all = "snake_case")]
pub(super) enum AnswerOutcomeSchema {
    /// Received, being looked at.
    Acknowledged,
    /// Removed everywhere.
    Removed,
    /// Access disabled in all member states.
    Disabled,
    /// Access disabled in the named states.
    GeoLimited,
    /// Was already gone.
    AlreadyGone,
    /// Kept, with the reason.
    Kept,
    /// The location is not precise enough, with what is missing.
    NotPrecise,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use concert_protocol::entry::answer::ItemAnswer;
    use concert_protocol::entry::recipient::Recipient;
    use concert_protocol::entry::referral::Referral;
    use serde_json::{Value, json};

    /// A value with every member that its type has.
    fn full_referral() -> Value {
        let sha = format!("sha256:{}", "ab".repeat(32));
        json!({
            "unit": "Unit A", "reference": "A-1", "transmitted_by": "Desk", "detected_at": "2026-11-20T08:00:00.000000Z",
            "items": [{ "url": "https://host.example/", "locator": "1:00", "platform_content_id": "1", "account_id": "2" }],
            "content_type": "video", "languages": ["fr"], "reasons": "R", "types": ["a", "b", "c", "d", "e"],
            "exception_check": { "finding": "none", "note": "n" }, "tier": 1, "graphic": true, "terms_clause": "t",
            "entity": "e", "ideology": "i", "fingerprints": [{ "value": sha, "relation": "contains", "size": 1 }],
            "evidence": { "id": "1", "sha256": sha }, "handling": "members",
            "retention": { "class": "c", "review_on": "2026-11-20T08:00:00.000000Z", "erase_by": "2026-11-20T08:00:00.000000Z" },
            "source": "crisis",
            "links": [{ "relation": "related", "entry": "FR/018bcfe5-6800-7fff-bfff-ffffffffffff" }]
        })
    }

    /// Names of members in a description and in a value are the same, all the way down.
    fn compare(document: &Value, name: &str, value: &Value) {
        let schema = &document["components"]["schemas"][name];
        let described: BTreeSet<&String> =
            schema["properties"].as_object().expect("an object").keys().collect();
        let object = value.as_object().expect("an object");
        let written: BTreeSet<&String> = object.keys().collect();
        assert_eq!(described, written, "{name}");
        for (member, value) in object {
            let property = &schema["properties"][member];
            let inner = [property, &property["items"], &property["oneOf"][1]]
                .into_iter()
                .find_map(|schema| schema["$ref"].as_str()?.rsplit('/').next());
            let first = value.as_array().and_then(|list| list.first()).unwrap_or(value);
            match inner {
                Some(inner) if first.is_object() => compare(document, inner, first),
                Some(inner) => {
                    let words = document["components"]["schemas"][inner]["enum"].as_array().expect("words");
                    for value in value.as_array().unwrap_or(&vec![value.clone()]) {
                        assert!(words.contains(value), "{inner}: {value}");
                    }
                }
                None => {}
            }
        }
    }

    fn read_and_written<T: serde::de::DeserializeOwned + serde::Serialize>(value: Value) -> Value {
        serde_json::to_value(serde_json::from_value::<T>(value).expect("valid")).expect("written")
    }

    #[test]
    fn descriptions_have_the_members_of_their_types() {
        let document: Value = serde_json::from_str(&super::super::description()).expect("JSON");
        compare(&document, "Referral", &read_and_written::<Referral>(full_referral()));
        let recipient = json!({
            "recipient": "video-a", "name": "A", "role": "hosting", "domains": ["video-a.example"], "established": "IE",
            "languages": ["en"], "contact": "c", "key": concert_protocol::key::SecretKey::from_seed(&[1; 32]).public().to_string()
        });
        compare(&document, "Recipient", &read_and_written::<Recipient>(recipient));
        let answer = json!({
            "item": "ab".repeat(16), "outcome": "geo_limited", "at": "2026-11-20T08:00:00.000000Z", "reason": "r", "countries": ["FR"]
        });
        compare(&document, "ItemAnswer", &read_and_written::<ItemAnswer>(answer));
    }

    #[test]
    fn every_word_of_a_description_is_one_that_the_type_reads() {
        let document: Value = serde_json::from_str(&super::super::description()).expect("JSON");
        let try_word = |name: &str, put: &dyn Fn(&mut Value, &Value)| {
            for word in document["components"]["schemas"][name]["enum"].as_array().expect("words") {
                let mut referral = full_referral();
                put(&mut referral, word);
                assert!(serde_json::from_value::<Referral>(referral).is_ok(), "{name}: {word}");
            }
        };
        try_word("ContentType", &|referral, word| referral["content_type"] = word.clone());
        try_word("LegalType", &|referral, word| referral["types"] = json!([word]));
        try_word("Exception", &|referral, word| referral["exception_check"]["finding"] = word.clone());
        try_word("Handling", &|referral, word| referral["handling"] = word.clone());
        try_word("Source", &|referral, word| referral["source"] = word.clone());
        try_word("LinkRelation", &|referral, word| referral["links"][0]["relation"] = word.clone());
        try_word("Relation", &|referral, word| referral["fingerprints"][0]["relation"] = word.clone());
    }
}
