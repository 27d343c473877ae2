// SPDX-License-Identifier: EUPL-1.2
//! What simulated members say: entries about a small world of addresses and files, so that many concern the same.

use concert_protocol::entry::{Body, EntryRef};
use serde_json::{Value, json};

use super::rng::Rng;

/// Addresses and files in the world.
const THINGS: u64 = 12;

fn body<T: serde::de::DeserializeOwned>(value: Value) -> Box<T> {
    Box::new(serde_json::from_value(value).expect("the simulation's own words are well-formed"))
}

/// A recipient for every address of the world.
pub(super) fn recipient() -> Body {
    Body::RecipientRegistered(body(json!({
        "recipient": "paste-e", "name": "Paste E", "role": "hosting", "domains": ["paste-e.test"], "established": "PL"
    })))
}

/// A referral of something in the world, sometimes with the digest of a file that is also elsewhere.
pub(super) fn referral(rng: &mut Rng, number: u64) -> Body {
    let thing = rng.below(THINGS);
    let mut fingerprints = Vec::new();
    if rng.percent(40) {
        // Two addresses share each file.
        fingerprints.push(json!({ "value": format!("sha256:{:064x}", 1 + thing / 2) }));
    }
    let tier = 1 + rng.below(4);
    Body::Referral(body(json!({
        "unit": "unit", "reference": format!("file {number}"), "detected_at": "2026-03-03T00:00:00.000000Z",
        "items": [{ "url": format!("https://paste-e.test/thing{thing}") }], "content_type": "text",
        "reasons": "Assessed as terrorist content.", "types": ["a"], "exception_check": { "finding": "none" },
        "tier": tier, "fingerprints": fingerprints, "handling": "recipient", "retention": { "class": "standard" },
        "source": "own_monitoring"
    })))
}

pub(super) fn withdrawal(referral: &EntryRef) -> Body {
    Body::ReferralWithdrawn(body(json!({ "referral": referral, "reason": "Assessed again." })))
}

pub(super) fn endorsement(referral: &EntryRef, number: u64) -> Body {
    Body::ReferralEndorsed(body(
        json!({ "referral": referral, "unit": "unit", "reference": format!("file {number}") }),
    ))
}

pub(super) fn hold(referral: &EntryRef) -> Body {
    Body::Hold(body(json!({ "referrals": [referral] })))
}

pub(super) fn release(hold: &EntryRef) -> Body {
    Body::HoldReleased(body(json!({ "hold": hold })))
}

/// A removal order: must come through unmerged, unaltered and undelayed.
pub(super) fn order(number: u64) -> Body {
    Body::Order(body(json!({
        "reference": format!("order {number}"), "authority": "Authority", "authority_type": "judicial",
        "feedback_contact": "desk@authority.example", "recipient": "paste-e", "contact_point": "abuse@paste-e.test",
        "established": "PL", "issued_at": "2026-03-03T00:00:00.000000Z",
        "addresses": ["https://paste-e.test/thing1"], "types": ["a"], "reasons": "Incites.", "redress": "Court, 10 days."
    })))
}
