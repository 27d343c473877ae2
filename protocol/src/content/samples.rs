// SPDX-License-Identifier: EUPL-1.2
//! The sample exports of three units and the examples of the specification, held against the builtin rules.
//!
//! Of the exports every address gets a platform key, and two keys are equal exactly where the truth table says that
//! the items are.

use std::collections::BTreeMap;

use super::{Fingerprint, Locator, LocatorRules, RatedPdq};

/// One record of an export: unit, reference, address, PDQ hashes with quality.
struct Record {
    unit: &'static str,
    reference: String,
    address: String,
    pictures: Vec<RatedPdq>,
}

fn picture(hash: &str, quality: &str) -> RatedPdq {
    format!("pdq:{hash}:q{quality}").parse::<Fingerprint>().expect("a fingerprint").pdq().expect("a PDQ hash")
}

/// Windows-1252, semicolons. The columns in use are ASCII; a lossy reading leaves them alone.
fn fr() -> Vec<Record> {
    let text = String::from_utf8_lossy(include_bytes!("../../../tests/data/units/fr.csv"));
    let record = |line: &str| {
        let columns: Vec<&str> = line.split(';').collect();
        let pictures = if columns[4].is_empty() { vec![] } else { vec![picture(columns[4], columns[5])] };
        Record { unit: "FR", reference: columns[0].into(), address: columns[2].into(), pictures }
    };
    text.lines().skip(1).map(record).collect()
}

fn de() -> Vec<Record> {
    let record = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        let pdq = json["hashwerte"].get("pdq");
        Record {
            unit: "DE",
            reference: text(&json["aktenzeichen"]),
            address: text(&json["fundstelle"][0]),
            pictures: pdq
                .map(|pdq| picture(&text(&pdq["wert"]), &pdq["guete"].to_string()))
                .into_iter()
                .collect(),
        }
    };
    include_str!("../../../tests/data/units/de.ndjson").lines().map(record).collect()
}

/// UTF-8 with a byte-order mark, commas; no comma before the fifth column's end is inside a field.
fn be() -> Vec<Record> {
    let record = |line: &str| {
        let columns: Vec<&str> = line.split(',').collect();
        let hashes =
            columns[3].split_whitespace().map(|text| text.parse::<Fingerprint>().expect("a fingerprint"));
        let pictures = hashes.filter_map(|fingerprint| fingerprint.pdq()).collect();
        Record { unit: "BE", reference: columns[0].into(), address: columns[2].into(), pictures }
    };
    include_str!("../../../tests/data/units/be.csv").lines().skip(1).map(record).collect()
}

fn records() -> Vec<Record> {
    [fr(), de(), be()].into_iter().flatten().collect()
}

/// The item of each record, such as `video-a:2988`.
fn truth() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let row = |line: &'static str| {
        let columns: Vec<&str> = line.split(',').collect();
        ((columns[0], columns[1]), columns[2])
    };
    include_str!("../../../tests/data/units/truth.csv").lines().skip(1).map(row).collect()
}

#[test]
fn platform_keys_are_equal_exactly_where_the_items_are() {
    let (rules, truth, records) = (LocatorRules::builtin(), truth(), records());
    assert_eq!((records.len(), truth.len()), (6_000, 6_000));
    let (mut key_of, mut item_of) = (BTreeMap::new(), BTreeMap::new());
    for record in &records {
        let item = truth[&(record.unit, record.reference.as_str())];
        let address = Locator::parse(&record.address).expect(&record.reference);
        let key = address.keys(&rules).platform.expect(&record.reference);
        let (platform, _) = item.split_once(':').expect("platform and number");
        assert_eq!((key.platform(), address.recipient_hint(&rules)), (platform, Some(platform)));
        assert_ne!(key.kind(), "page", "{}: known by an object rule", record.reference);
        assert_eq!(*key_of.entry(item).or_insert_with(|| key.clone()), key, "{}: missed", record.reference);
        assert_eq!(*item_of.entry(key).or_insert(item), item, "{}: wrongly joined", record.reference);
    }
    assert!(key_of.len() < records.len() && key_of.len() == item_of.len());
}

#[test]
fn every_sample_picture_is_valid() {
    let pictures: Vec<RatedPdq> = records().into_iter().flat_map(|record| record.pictures).collect();
    assert_eq!(pictures.len(), 891);
    let ones: Vec<u32> = pictures.iter().map(|picture| picture.hash().popcount()).collect();
    assert_eq!((ones.iter().min(), ones.iter().max()), (Some(&106), Some(&151)));
    assert!(pictures.iter().all(|picture| picture.hash().is_valid()));
}

/// Every block of the specification that states keys: an address, then its keys, indented.
#[test]
fn the_specification_s_examples_hold() {
    let page = include_str!("../../spec/05-content.md");
    let rules = LocatorRules::builtin();
    let blocks: Vec<&str> =
        page.split("```keys\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let mut addresses = 0;
    for example in blocks
        .iter()
        .flat_map(|block| block.replace("\n  ", "\t").lines().map(str::to_owned).collect::<Vec<_>>())
    {
        let mut parts = example.split('\t');
        let address = parts.next().expect("an address");
        let keys = Locator::parse(address).expect(address).keys(&rules);
        let derived = [
            keys.platform.map(|key| key.to_string()),
            Some(keys.exact.to_string()),
            Some(keys.loose.to_string()),
        ];
        let derived: Vec<String> = derived.into_iter().flatten().collect();
        assert_eq!(derived, parts.collect::<Vec<_>>(), "{address}");
        addresses += 1;
    }
    assert!(blocks.len() >= 3 && addresses >= 19, "{addresses} addresses");
}

/// The rules file of the specification is one.
#[test]
fn the_specification_s_rules_hold() {
    let page = include_str!("../../spec/05-content.md");
    let (_, rest) = page.split_once("```toml\n").expect("a block of rules");
    let (rules, _) = rest.split_once("```").expect("its end");
    let rules = LocatorRules::from_toml(rules).expect("rules");
    assert_eq!(rules.platforms().collect::<Vec<_>>(), ["messenger-c"]);
}
