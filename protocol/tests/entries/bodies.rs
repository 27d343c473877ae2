// SPDX-License-Identifier: EUPL-1.2
//! A body of every kind: one with every member, one with the required members alone.

use concert_protocol::entry::text::RecipientId;
use concert_protocol::entry::{EntryId, EntryRef, KnownKind, Nonce, NoticeId};
use concert_protocol::time::Timestamp;
use serde_json::{Value, json};

use crate::forge::member;

/// 2026-11-22T08:02:41Z, when every vector was written.
pub(crate) const AT_SECONDS: i64 = 1_795_334_561;

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

pub(crate) fn at() -> Timestamp {
    Timestamp::from_seconds(AT_SECONDS)
}

/// The reference of the vector of `kind`.
pub(crate) fn reference(kind: KnownKind) -> EntryRef {
    EntryRef { author: member(author(kind)), id: id(kind) }
}

/// The author of the vector of `kind`.
pub(crate) fn author(kind: KnownKind) -> &'static str {
    use KnownKind as K;
    match kind {
        K::ReferralEndorsed | K::OrderScrutiny => "DE",
        K::RecipientRegistered | K::RecipientUpdated | K::RecipientSuspended => "EU",
        K::NoticeIssued | K::NoticeRevised | K::NoticeMerged | K::NoticeWithdrawn => "EU",
        K::Delivery | K::Answer | K::RulesPublished => "EU",
        _ => "FR",
    }
}

/// Position of a kind in the specification, from 1; makes its id and nonce.
fn number(kind: KnownKind) -> u8 {
    let position = KnownKind::ALL.iter().position(|k| *k == kind).expect("a known kind");
    u8::try_from(position + 1).expect("few kinds")
}

pub(crate) fn id(kind: KnownKind) -> EntryId {
    EntryId::new(at(), [number(kind); 10])
}

/// The whole payload around a body.
pub(crate) fn payload(kind: KnownKind, body: Value) -> Value {
    json!({
        "id": id(kind).to_string(),
        "author": author(kind),
        "at": at().to_string(),
        "nonce": Nonce::new([number(kind); 16]).to_string(),
        "audience": audience(kind),
        "body": body,
    })
}

/// Every form of audience appears among the vectors.
fn audience(kind: KnownKind) -> Value {
    match kind {
        KnownKind::Alert => json!(["DE", "EU", "FR"]),
        KnownKind::Outcome => json!("coordinators"),
        _ => json!("members"),
    }
}

pub(crate) fn notice() -> NoticeId {
    NoticeId::derive(&recipient(), &reference(KnownKind::Referral))
}

fn recipient() -> RecipientId {
    "video-a".parse().expect("a recipient")
}

/// A body with every member.
pub(crate) fn full(kind: KnownKind) -> Value {
    use KnownKind as K;
    let of = |kind| reference(kind).to_string();
    let item = "0c1d2e3f405162738495a6b7c8d9eafb";
    let other_item = "1c1d2e3f405162738495a6b7c8d9eafb";
    let notice = notice().to_string();
    let facts = json!({
        "tier": 2, "types": ["a", "d"], "content_types": ["video"], "languages": ["fr"], "graphic": true,
        "answer_by": "2026-11-23T08:02:41.000000Z",
    });
    let notice_item = json!({"item": item, "url": "https://www.video-a.test/watch?v=9wAc6GMbymA", "locator": "00:12-01:40"});
    let originator = json!({
        "entry": of(K::Referral), "log": "FR/1", "index": 41, "leaf": DIGEST, "unit": "Unit A", "reference": "A-2026-118",
        "transmitted_by": "Desk B", "reasons": "Shows how to build the device.",
    });
    match kind {
        K::Referral => referral(),
        K::ReferralAmended => {
            let mut replacement = referral();
            replacement["tier"] = json!(3);
            json!({"referral": of(K::Referral), "replacement": replacement, "reason": "Tier corrected after review."})
        }
        K::ReferralWithdrawn => {
            json!({"referral": of(K::Referral), "reason": "A documentary, as the archive says."})
        }
        K::ReferralEndorsed => json!({
            "referral": of(K::Referral), "unit": "Unit C", "reference": "C/77", "note": "Seen in our language too.",
        }),
        K::Order => json!({
            "reference": "TCO-2026-9", "authority": "Authority of the capital", "authority_type": "law_enforcement",
            "feedback_contact": "orders@authority.example", "recipient": "video-a",
            "legal_representative": "Representative Ltd", "contact_point": "tco@video-a.test", "established": "DE",
            "issued_at": "2026-11-22T08:00:00.000000Z",
            "addresses": ["https://www.video-a.test/watch?v=9wAc6GMbymA"], "types": ["d"],
            "reasons": "Gives instructions for making an explosive device.",
            "non_disclosure": {"from": "2026-11-22T08:00:00.000000Z", "until": "2027-01-03T08:00:00.000000Z"},
            "redress": "Administrative court of the capital, within two months.", "escalated_from": of(K::Referral),
        }),
        K::OrderAnnulled => {
            json!({"order": of(K::Order), "body": "Administrative court of the capital", "reason": "Reasons insufficient."})
        }
        K::OrderFinal => json!({"order": of(K::Order), "since": "2027-01-22T00:00:00.000000Z"}),
        K::OrderScrutiny => json!({
            "order": of(K::Order), "authority": "Scrutinising authority", "infringement": false,
            "reason": "No infringement was found.",
        }),
        K::Measure => json!({
            "measure": "delisting", "reference": "M-12", "legal_basis": "National act, article 6-1",
            "addresses": ["https://paste-h.test/4fGh"], "hosts": [], "review_on": "2027-02-22T00:00:00.000000Z",
        }),
        K::MeasureLifted => json!({"measure": of(K::Measure), "reason": "The page is clean."}),
        K::Hold => json!({
            "addresses": ["https://paste-h.test/4fGh"], "fingerprints": [format!("sha256:{DIGEST}")],
            "referrals": [of(K::Referral)], "until": "2026-11-29T08:00:00.000000Z",
        }),
        K::HoldReleased => json!({"hold": of(K::Hold)}),
        K::HashlistUpdated => json!({
            "owner": "FR", "list": "attack-2026-11",
            "added": [{"value": format!("sha256:{DIGEST}"), "labels": ["video", "tier:2"]}],
            "removed": ["md5:0123456789abcdef0123456789abcdef"],
            "opinions": [{"value": format!("sha1:{}", &DIGEST[..40]), "says": "dispute", "reason": "A news report."}],
        }),
        K::RecipientRegistered | K::RecipientUpdated => json!({
            "recipient": "video-a", "name": "Video A", "role": "hosting", "domains": ["video-a.test", "vid-a.test"],
            "established": "IE", "languages": ["en", "fr"], "contact": "tco@video-a.test",
            "key": "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
        }),
        K::RecipientSuspended => json!({"recipient": "video-a", "reason": "The service has closed."}),
        K::NoticeIssued => json!({
            "notice": notice, "recipient": "video-a", "anchor": of(K::Referral), "epoch": 1, "rules": DIGEST,
            "facts": facts, "items": [notice_item], "originators": [originator],
        }),
        K::NoticeRevised => json!({
            "notice": notice, "recipient": "video-a", "epoch": 1, "rules": DIGEST, "facts": facts,
            "items_added": [notice_item], "items_withdrawn": [other_item], "originators_added": [originator],
            "originators_withdrawn": [of(K::ReferralEndorsed)], "attention": true,
        }),
        K::NoticeMerged => json!({
            "notice": notice, "recipient": "video-a",
            "into": NoticeId::derive(&recipient(), &reference(K::ReferralEndorsed)).to_string(), "epoch": 1,
            "rules": DIGEST,
        }),
        K::NoticeWithdrawn => json!({
            "notice": notice, "recipient": "video-a", "reason": "All referrals were withdrawn.", "epoch": 1,
            "rules": DIGEST,
        }),
        K::Delivery => json!({
            "recipient": "video-a", "channel": "feed", "received_at": "2026-11-22T08:02:43.250000Z", "notices": [notice],
        }),
        K::Answer => json!({
            "recipient": "video-a", "notice": notice,
            "items": [
                {"item": item, "outcome": "geo_limited", "at": "2026-11-22T08:40:00.000000Z", "countries": ["DE", "FR"]},
                {"item": other_item, "outcome": "kept", "at": "2026-11-22T08:41:00.000000Z",
                 "reason": "News reporting.", "countries": []},
            ],
            "external_ref": "case 5512", "signed": "e30.e30.AA",
        }),
        K::ContentJoined | K::ContentSplit => json!({
            "first": of(K::Referral), "second": "DE/019aaa00-0000-7000-8000-000000000000",
            "reason": "Compared frame by frame.",
        }),
        K::RulesPublished => json!({"version": 3, "digest": DIGEST}),
        K::Outcome => json!({
            "entry": of(K::Referral), "code": "conviction", "authority": "Court of the capital",
            "on": "2027-03-01T00:00:00.000000Z",
        }),
        K::Recommendation => json!({
            "entry": of(K::Referral), "recommends": "withdraw", "reason": "The address is a library's catalogue.",
        }),
        K::Alert => json!({
            "states": ["DE", "FR"], "contact": "+33 1 00 00 00 00, desk A", "summary": "An attack is announced for tonight.",
            "entry": of(K::Referral),
        }),
    }
}

fn referral() -> Value {
    json!({
        "unit": "Unit A",
        "reference": "A-2026-118",
        "transmitted_by": "Desk B",
        "detected_at": "2026-11-22T07:55:00.000000Z",
        "items": [
            {"url": "https://www.video-a.test/watch?v=9wAc6GMbymA&t=19s", "locator": "00:12-01:40",
             "platform_content_id": "9wAc6GMbymA", "account_id": "user77"},
            {"url": "https://paste-h.test/4fGh"},
        ],
        "content_type": "video",
        "languages": ["fr", "sr-Latn"],
        "reasons": "Shows step by step how to build an explosive device and calls for its use.",
        "types": ["a", "d"],
        "exception_check": {"finding": "journalistic", "note": "Cut from a report, without its commentary."},
        "tier": 2,
        "graphic": true,
        "terms_clause": "3.2 Violent extremism",
        "entity": "entity:77",
        "ideology": "unknown",
        "fingerprints": [
            {"value": format!("sha256:{DIGEST}"), "relation": "is", "size": 1_048_576},
            {"value": format!("pdq:{}:q87:p512", DIGEST), "relation": "contains"},
        ],
        "evidence": {"id": "capture-9", "sha256": format!("sha256:{DIGEST}")},
        "handling": "recipient",
        "retention": {
            "class": "standard", "review_on": "2027-05-22T00:00:00.000000Z", "erase_by": "2036-11-22T00:00:00.000000Z",
        },
        "source": "public_report",
        "links": [{"relation": "related", "entry": "DE/019aaa00-0000-7000-8000-000000000000"}],
    })
}

/// A body with its required members alone.
pub(crate) fn minimal(kind: KnownKind) -> Value {
    use KnownKind as K;
    let mut body = full(kind);
    match kind {
        K::Referral => strip_referral(&mut body),
        K::ReferralAmended => strip_referral(&mut body["replacement"]),
        K::ReferralEndorsed => strip(&mut body, &["note"]),
        K::Order => strip(&mut body, &["legal_representative", "non_disclosure", "escalated_from"]),
        K::Measure => strip(&mut body, &["hosts", "review_on"]),
        K::Hold => strip(&mut body, &["fingerprints", "referrals", "until"]),
        K::HashlistUpdated => {
            strip(&mut body, &["removed", "opinions"]);
            strip(&mut body["added"][0], &["labels"]);
        }
        K::RecipientRegistered | K::RecipientUpdated => strip(&mut body, &["languages", "contact", "key"]),
        K::NoticeIssued => {
            strip(&mut body["facts"], &["answer_by"]);
            strip(&mut body["items"][0], &["locator"]);
            strip(&mut body["originators"][0], &["transmitted_by"]);
        }
        K::NoticeRevised => {
            strip(&mut body["facts"], &["answer_by"]);
            strip(
                &mut body,
                &["items_added", "items_withdrawn", "originators_added", "originators_withdrawn"],
            );
        }
        K::Answer => {
            strip(&mut body, &["external_ref", "signed"]);
            body["items"] = json!([{
                "item": body["items"][0]["item"], "outcome": "removed", "at": body["items"][0]["at"],
            }]);
        }
        K::Alert => strip(&mut body, &["entry"]),
        _ => {}
    }
    body
}

fn strip_referral(body: &mut Value) {
    strip(body, &["transmitted_by", "languages", "graphic", "terms_clause", "entity", "ideology"]);
    strip(body, &["fingerprints", "evidence", "links"]);
    body["items"] = json!([{"url": "https://www.video-a.test/watch?v=9wAc6GMbymA"}]);
    body["exception_check"] = json!({"finding": "none"});
    body["retention"] = json!({"class": "standard"});
}

fn strip(object: &mut Value, members: &[&str]) {
    let object = object.as_object_mut().expect("an object");
    for member in members {
        assert!(object.remove(*member).is_some(), "{member} is not there");
    }
}
