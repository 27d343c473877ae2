// SPDX-License-Identifier: EUPL-1.2
//! What the profiles of the product make of the samples, and what a mistake in a profile is answered with.

use std::collections::BTreeSet;

use concert_protocol::entry::referral::{ContentType, LegalType, Tier};
use concert_protocol::entry::{Audience, Body, EntryId, NewEntry, Nonce};
use concert_protocol::key::SecretKey;
use concert_protocol::member::MemberId;
use concert_protocol::time::Timestamp;

use super::*;
use crate::import::{Standing, import_key, record_digest};

#[test]
fn all_six_thousand_sample_records_become_referrals() {
    let mut total = 0;
    for (unit, file) in [("fr", "fr.csv"), ("de", "de.ndjson"), ("be", "be.csv")] {
        let (profile, source) = (profile(unit), sample(file));
        let mut import = read(&profile, &source[..], file).expect("a good export");
        let records: Vec<_> = import.by_ref().map(|record| record.expect("memory")).collect();
        assert_eq!(problems(&records), [], "{unit}");
        assert_eq!(remarks(&import), [], "{unit}: every column is used and the file is complete");
        assert_eq!(import.position(), source.len() as u64);
        let raw: Vec<u8> = records.iter().flat_map(|record| record.raw.clone()).collect();
        assert_eq!([import.header(), &raw].concat(), source, "{unit}: the bytes are those of the file");
        let references: BTreeSet<_> =
            records.iter().map(|record| record.reference.clone().expect("read")).collect();
        assert_eq!(references.len(), records.len());
        let truth = String::from_utf8(sample("truth.csv")).expect("ASCII");
        let code = unit.to_uppercase();
        let rows = truth.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let expected: BTreeSet<_> = rows.filter(|row| row[0] == code).map(|row| row[1].to_owned()).collect();
        assert_eq!(references, expected);
        total += records.len();
    }
    assert_eq!(total, 6_000);
}

#[test]
fn fields_arrive_with_their_meaning() {
    let fr = records(&profile("fr"), &fr(2)).expect("a good export");
    let second = fr[1].result.as_ref().expect("taken");
    assert_eq!(second.reference.as_str(), "PH-2026-002771");
    assert_eq!(second.detected_at.to_string(), "2026-03-03T07:02:00.000000Z");
    assert_eq!(second.items[0].url.as_str(), "https://vid-a.test/qMjOiC5mAVQ?si=qCGzAngmNv9Z");
    assert_eq!((second.content_type, second.tier), (ContentType::Image, Tier::Promotional));
    assert_eq!(second.types[..], [LegalType::Solicits]);
    let shown: Vec<_> = second.fingerprints.iter().map(|fingerprint| fingerprint.value.to_string()).collect();
    assert_eq!(
        shown,
        [
            "sha256:ba620fcb30ed8ab07e397d65c5e1b488d602eb9aa2c02a0fe8c17668b8bed697",
            "pdq:9adaa6339a1af251f92d1b67808b1d0735154880bb1f7c4cfadb31f7c5b07eef:q95"
        ]
    );
    assert!(second.reasons.as_str().contains("« incitation à commettre »"));

    let defanged =
        BE_LINE.replace("https://www.video-a.test/", "HXXPS://www[.]video-a[.]test/").replace(",d,", ",da,");
    let be =
        records(&profile("be"), format!("\u{feff}{BE_HEAD}{defanged}").as_bytes()).expect("a good export");
    let referral = be[0].result.as_ref().expect("taken");
    assert_eq!(referral.items[0].url.as_str(), "https://www.video-a.test/watch?v=IyFJ2ZJmwH1");
    assert_eq!(referral.types[..], [LegalType::Instructs, LegalType::Incites]);
}

#[test]
fn every_imported_referral_can_be_signed() {
    let key = SecretKey::from_seed(&[7; 32]);
    let author: MemberId = "DE".parse().expect("a member");
    let at = Timestamp::from_seconds(1_800_000_000);
    for record in records(&profile("de"), &sample("de.ndjson")).expect("a good export").into_iter().take(200)
    {
        let entry = NewEntry {
            id: EntryId::new(at, [1; 10]),
            author: author.clone(),
            at,
            nonce: Nonce::new([1; 16]),
            audience: Audience::MEMBERS,
            body: Body::Referral(Box::new(record.result.expect("taken"))),
        };
        entry.sign(&key).expect("within every rule");
    }
}

#[test]
fn the_same_file_twice_is_known_and_a_changed_record_is_told() {
    let member: MemberId = "BE".parse().expect("a member");
    let profile = profile("be");
    let of = |line: &str| {
        let records = records(&profile, format!("{BE_HEAD}{line}").as_bytes()).expect("a good export");
        records[0].result.clone().expect("taken")
    };
    let (first, again) = (of(BE_LINE), of(BE_LINE));
    let changed = of(&BE_LINE.replace(",3,", ",2,"));
    assert_eq!(import_key(&member, &first), r#"["BE","BE internet referral unit","i2-1"]"#);
    assert_eq!(import_key(&member, &first), import_key(&member, &changed));
    let stored = record_digest(&first);
    assert_eq!(Standing::of(&record_digest(&again), Some(&stored)), Standing::Known);
    assert_eq!(Standing::of(&record_digest(&changed), Some(&stored)), Standing::Changed);
    assert_eq!(Standing::of(&stored, None), Standing::New);
}

#[test]
fn mistakes_in_a_profile_are_named_with_line_key_and_nearest_name() {
    let good = std::fs::read_to_string(project("config/import/fr.toml")).expect("readable");
    let complaint = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        Profile::from_toml(&good.replacen(from, to, 1)).expect_err(to).to_string()
    };
    for (from, to, expected) in [
        ("[fields.tier]", "[fields.tire]", vec!["fields.tire: no such key", "did you mean \"tier\""]),
        (
            "split = \",\"",
            "splitt = \",\"",
            vec!["profile:42: fields.types.splitt", "did you mean \"split\""],
        ),
        ("\"windows-1252\"", "\"windows-1225\"", vec!["file.encoding", "did you mean \"windows-1252\""]),
        (
            "\"Europe/Paris\"",
            "\"Europe/Pari\"",
            vec!["fields.detected_at.zone", "did you mean \"Europe/Paris\""],
        ),
        (
            "zone = \"Europe/Paris\"\nambiguous = \"earlier\"\nnonexistent = \"reject\"",
            "",
            vec!["fields.detected_at.zone: is missing", "no offset"],
        ),
        ("%d/%m/%Y %H:%M", "%H:%M", vec!["fields.detected_at.format", "day, month and year"]),
        ("P4 = 4", "P4 = 5", vec!["fields.tier.map.P4: \"5\" means nothing here", "known: 1, 2, 3, 4"]),
        (
            "handling.value = \"recipient\"",
            "handling.value = \"recepient\"",
            vec!["did you mean \"recipient\""],
        ),
        ("exception_finding.value = \"none\"", "", vec!["fields.exception_finding: is missing"]),
        ("quality = \"Qualité\"", "", vec!["fingerprints[2].quality: is missing"]),
        ("kind = \"sha256\"", "kind = \"sha265\"", vec!["fingerprints[1].kind", "did you mean \"sha256\""]),
        ("source.value = \"own_monitoring\"", "source.value = 7", vec!["fields.source.value: \"7\""]),
        (
            "reference.from",
            "reference.zone = \"UTC\"\nreference.from",
            vec!["fields.reference.zone: has no meaning here"],
        ),
        (
            "reference.from = \"N° dossier\"",
            "reference = 4",
            vec!["fields.reference: is integer, where a table is wanted"],
        ),
        ("profile = 1", "profile = 2", vec!["profile:3: profile: this program reads version 1"]),
        ("[file]", "[file", vec!["profile:6: "]),
    ] {
        let complaint = complaint(from, to);
        for part in expected {
            assert!(complaint.contains(part), "{to:?}: {complaint}");
        }
    }
}

#[test]
fn the_example_of_the_description_holds() {
    let page = std::fs::read_to_string(project("config/import/README.md")).expect("readable");
    let export: String =
        page.lines().filter_map(|line| line.strip_prefix("    ")).take(3).map(|l| format!("{l}\n")).collect();
    let toml = |number: usize| {
        page.split("```toml\n").nth(number).and_then(|rest| rest.split("```").next()).expect("there")
    };
    let profile = Profile::from_toml(toml(1)).expect("a good profile");
    let records = records(&profile, export.as_bytes()).expect("a good export");
    let tiers: Vec<_> = records.iter().map(|r| r.result.as_ref().expect("taken").tier).collect();
    assert_eq!(tiers, [Tier::Crisis, Tier::Promotional]);
    let first = records[0].result.as_ref().expect("taken");
    assert_eq!(first.detected_at.to_string(), "2026-02-28T08:15:00.000000Z");
    assert_eq!(first.types[..], [LegalType::Incites, LegalType::Instructs]);
    let with_hashes = [toml(1), toml(2)].concat();
    Profile::from_toml(&with_hashes).expect("the rules for hashes hold");
    for target in crate::import::Target::ALL {
        assert!(page.contains(&format!("`{}`", target.name())), "{} is described", target.name());
    }
}

#[test]
fn a_profile_that_is_none_is_refused() {
    for text in ["", "\u{0}", "[[fields]]", "profile = 1\nfile = 1", &"a".repeat(300_000)] {
        assert!(Profile::from_toml(text).is_err());
    }
    assert!(
        Profile::load("/nonexistent/fr.toml")
            .expect_err("no such file")
            .to_string()
            .contains("/nonexistent/fr.toml")
    );
}
