// SPDX-License-Identifier: EUPL-1.2
//! Bad entries in a member's log: quarantined in place, shown to the operator, and in nobody's way.

use std::time::Duration;

use concert_node::engine::now;
use concert_node::journal::{LogJournal, Record, SignedStateFile};
use concert_protocol::encoding::base64url_encode;
use concert_protocol::entry::{Audience, Body, Entry, EntryId, Envelope, KeyId, NewEntry, Nonce};
use concert_protocol::key::SecretKey;
use concert_protocol::log::{Checkpoint, sign_checkpoint};
use serde_json::{Value, json};

use super::cluster::{Cluster, address, referral, until};
use super::node::Node;

const WITHIN: Duration = Duration::from_secs(60);

/// A member that writes into its own log what it likes.
pub(crate) struct Author<'a> {
    node: &'a Node,
    key: SecretKey,
    entries: Vec<Vec<u8>>,
}

impl<'a> Author<'a> {
    /// Of a node that does not run.
    pub(crate) fn of(node: &'a Node) -> Self {
        Self { node, key: node.keys().signing, entries: Vec::new() }
    }

    /// A different number each time it is asked.
    fn number(&self) -> u8 {
        u8::try_from(self.entries.len() + 1).expect("few entries")
    }

    /// An honest entry.
    pub(crate) fn signed(&self, body: Body, audience: Audience) -> Vec<u8> {
        let (author, nonce) = (self.node.member(), Nonce::new([self.number(); 16]));
        let id = EntryId::new(now(), [self.number(); 10]);
        let new = NewEntry { id, author, at: now(), nonce, audience, body };
        new.sign(&self.key).expect("an honest entry").bytes
    }

    /// An honest referral of one address.
    fn referral(&self, n: usize) -> Vec<u8> {
        let value = referral(&format!("r{n}"), &address(n));
        let body = Body::Referral(Box::new(serde_json::from_value(value).expect("a referral")));
        self.signed(body, Audience::MEMBERS)
    }

    /// Signs any payload as an entry of any kind.
    fn jws(&self, typ: &str, payload: &[u8], key: &SecretKey) -> Vec<u8> {
        let kid = KeyId::of(&self.node.member(), &key.public());
        let header = format!("{{\"alg\":\"EdDSA\",\"kid\":\"{kid}\",\"typ\":\"{typ}\"}}");
        let input = format!("{}.{}", base64url_encode(header.as_bytes()), base64url_encode(payload));
        let signature = base64url_encode(&key.sign(input.as_bytes()));
        format!("{input}.{signature}").into_bytes()
    }

    /// A payload as JSON, changed by `change`.
    fn payload(&self, body: &Value, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let id = EntryId::new(now(), [self.number(); 10]);
        let mut payload = json!({
            "id": id, "author": self.node.code, "at": now(), "nonce": Nonce::new([self.number(); 16]),
            "audience": "members", "body": body,
        });
        change(&mut payload);
        payload.to_string().into_bytes()
    }

    fn push(&mut self, bytes: Vec<u8>) {
        self.entries.push(bytes);
    }

    /// Writes all of it, and signs a checkpoint over it as an honest node would.
    pub(crate) fn write(self) {
        let (log, data) = (self.node.own_log(), &self.node.data);
        let (mut journal, _) = LogJournal::open(&data.log(&log), 0).expect("a new log");
        let records: Vec<Record> = self.entries.into_iter().map(Record::Entry).collect();
        journal.append(&records).expect("appended");
        let (size, root) = (journal.size(), journal.frontier().root());
        let mut signed = SignedStateFile::open(&data.signed_state()).expect("created");
        signed.advance(&log, size, root).expect("larger");
        let checkpoint = Checkpoint::new(log.origin("concert.test"), size, root).expect("a checkpoint");
        let note = sign_checkpoint(&checkpoint, &self.key).expect("signed");
        journal.store_checkpoint(&note.to_bytes()).expect("stored");
    }
}

const REFERRAL: &str = "concert.referral.v1+jws";

/// Fills `author`'s log: what is bad between two honest referrals. Returns the indexes of the bad ones, each with words
/// of the reason that the operator must be told.
fn fill(author: &mut Author<'_>, foreign: Vec<u8>) -> Vec<(usize, &'static str)> {
    let body = referral("bad", &address(99));
    let key = author.key.clone();
    let stranger = SecretKey::from_seed(&[99; 32]);
    let mut bad = Vec::new();
    author.push(author.referral(0));
    let mut push = |author: &mut Author<'_>, bytes: Vec<u8>, reason| {
        bad.push((author.entries.len(), reason));
        author.push(bytes);
    };
    push(author, b"not an entry at all".to_vec(), "three parts");
    push(author, vec![0xff, 0xfe, 0x00, 0x80], "three parts");
    push(author, Vec::new(), "three parts");
    // As long as an entry can be in a log, and nothing in it.
    push(author, vec![b'a'; 65_535], "three parts");
    let bytes = author.jws(REFERRAL, b"{\"id\":", &key);
    push(author, bytes, "the payload is not a referral");
    let bytes = author.jws(REFERRAL, b"\xff\xfe\xfd", &key);
    push(author, bytes, "the payload is not a referral");
    let good = String::from_utf8(author.payload(&body, |_| {})).expect("JSON");
    let twice = good.replacen('{', "{\"author\":\"FR\",", 1);
    let bytes = author.jws(REFERRAL, twice.as_bytes(), &key);
    push(author, bytes, "the payload is not a referral");
    let bytes = author.jws(REFERRAL, format!("{good} {{}}").as_bytes(), &key);
    push(author, bytes, "the payload is not a referral");
    let payload = author.payload(&body, |payload| payload["extra"] = 1.into());
    let bytes = author.jws(REFERRAL, &payload, &key);
    push(author, bytes, "the payload is not a referral");
    let mut bytes = author.jws(REFERRAL, good.as_bytes(), &key);
    bytes.extend_from_slice(b"AA");
    push(author, bytes, "signature");
    // Signed once, changed after.
    let one = author.jws(REFERRAL, good.as_bytes(), &key);
    let other = author.jws(REFERRAL, good.replace("Terrorist", "Something").as_bytes(), &key);
    let (one, other) = (String::from_utf8(one).expect("ASCII"), String::from_utf8(other).expect("ASCII"));
    let (input, _) = one.rsplit_once('.').expect("three parts");
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    push(author, format!("{input}.{signature}").into_bytes(), "the signature does not match");
    let bytes = author.jws(REFERRAL, good.as_bytes(), &stranger);
    push(author, bytes, "is not valid at this position");
    // Somebody else's entry, copied; and one in somebody else's name.
    push(author, foreign, "is not valid at this position");
    let payload = author.payload(&body, |payload| payload["author"] = "DE".into());
    let bytes = author.jws(REFERRAL, &payload, &key);
    push(author, bytes, "written as DE");
    // What a unit may not do: issue in a coordinator's name is judged later; a wrong kind is refused here.
    let payload = author.payload(&body, |payload| payload["audience"] = "everybody".into());
    let bytes = author.jws(REFERRAL, &payload, &key);
    push(author, bytes, "the payload is not a referral");
    author.push(author.referral(1));
    bad
}

#[test]
fn bad_entries_stay_where_they_are_and_the_next_ones_count() {
    let mut federation = Cluster::new(&["EU", "FR", "DE"]);
    // Something of DE's that FR can copy.
    let mut honest = Author::of(federation.node("DE"));
    let copied = honest.referral(50);
    honest.push(copied.clone());
    honest.write();
    let mut hostile = Author::of(federation.node("FR"));
    let bad = fill(&mut hostile, copied);
    // A kind of a later version: kept and shown, without effect.
    let unknown = hostile.entries.len();
    let payload = hostile.payload(&json!({"anything": [1, 2, {"deep": null}]}), |_| {});
    let bytes = hostile.jws("concert.future.thing.v1+jws", &payload, &hostile.key);
    hostile.push(bytes);
    // Addressed to DE and the author: the hub holds the place alone.
    let restricted = hostile.entries.len();
    let body = serde_json::from_value(referral("only", &address(60))).expect("a referral");
    let only: Audience = serde_json::from_value(json!(["DE"])).expect("an audience");
    let bytes = hostile.signed(Body::Referral(Box::new(body)), only);
    hostile.push(bytes);
    hostile.push(hostile.referral(2));
    let size = hostile.entries.len();
    let original = hostile.entries.clone();
    hostile.write();

    // DE has it from FR itself, before the hub comes in between.
    for code in ["FR", "DE"] {
        federation.node_mut(code).start_ready();
    }
    until("DE has applied all of it", WITHIN, || {
        federation.node("DE").log_state("FR/1").filter(|log| log["applied"] == size)
    });
    federation.node("DE").run(&["log", "show", "FR/1", &restricted.to_string(), "--raw"]).good();
    federation.start();
    federation.register_platforms("EU");
    let hub = federation.node("EU");
    until("the honest referrals are on notices", WITHIN, || {
        let notices = hub.admin().list("/api/v1/notices?state=open");
        (notices.len() == 4).then_some(())
    });
    let log = until("the hub has applied all of it", WITHIN, || {
        hub.log_state("FR/1").filter(|log| log["applied"] == size)
    });
    assert_eq!((&log["stored"], &log["head"], &log["frozen"]), (&json!(size), &json!(size), &json!(false)));
    // The operator is told at once, and finds all of them with their reasons.
    assert!(hub.alarms().iter().any(|code| code == "quarantine"), "{:?}", hub.alarms());
    let checked = hub.run(&["--json", "log", "check", "FR/1"]);
    let report = checked.json()[0].clone();
    assert_eq!(checked.status, 0, "a quarantined entry is no damage: {}", checked.err);
    assert_eq!(report["quarantined"], bad.len(), "{report}");
    assert_eq!(report["withheld"], 1, "{report}");
    for (index, reason) in &bad {
        let remark = format!("entry {index} has no effect");
        let told = report["remarks"].as_array().expect("remarks").iter().find_map(|text| {
            let text = text.as_str()?;
            text.strip_prefix(&remark).map(str::to_owned)
        });
        assert!(told.as_ref().is_some_and(|told| told.contains(reason)), "{index}: {reason:?} in {told:?}");
    }
    // Byte for byte where they were written.
    for (index, _) in bad.iter().filter(|(index, _)| !original[*index].is_empty()) {
        let shown = hub.run(&["log", "show", "FR/1", &index.to_string(), "--raw"]);
        assert_eq!(shown.status, 0, "{}", shown.err);
        assert_eq!(shown.out.trim_end(), String::from_utf8_lossy(&original[*index]).trim_end(), "{index}");
    }
    let shown = hub.run(&["log", "show", "FR/1", &unknown.to_string(), "--raw"]).good();
    let envelope = Envelope::open(shown.trim().as_bytes()).expect("well formed");
    let entry = Entry::decode(&envelope).expect("an unknown kind is read");
    assert!(matches!(entry.body, Body::Unknown { .. }), "{entry:?}");
    // What was addressed to DE leaves only its place at the hub.
    hub.run(&["log", "show", "FR/1", &restricted.to_string(), "--raw"]).refused(3, &[]);
    for node in federation.nodes.values() {
        assert!(!node.alarms().iter().any(|code| code == "equivocation"), "{}", node.code);
    }
    // A node that begins anew comes to the same.
    let digest = hub.digest();
    let hub = federation.node_mut("EU");
    hub.stop();
    hub.offline(&["-q", "db", "check"]).good();
    hub.offline(&["-q", "db", "rebuild"]).good();
    hub.start_ready();
    assert_eq!(hub.digest(), digest);
}

#[test]
fn an_entry_held_by_mistake_has_no_effect() {
    let mut federation = Cluster::new(&["EU", "FR"]);
    let body = || serde_json::from_value(referral("only", &address(60))).expect("a referral");
    let other: Audience = serde_json::from_value(json!(["FR"])).expect("an audience");
    let mut author = Author::of(federation.node("FR"));
    let secret = author.signed(Body::Referral(Box::new(body())), other);
    author.push(secret.clone());
    author.push(author.referral(1));
    let entries = author.entries.clone();
    author.write();
    // A peer that does not obey audiences gave it to the hub in full.
    let (hub, log) = (federation.node("EU"), federation.node("FR").own_log());
    let (mut journal, _) = LogJournal::open(&hub.data.log(&log), 0).expect("a new log");
    journal.append(&entries.into_iter().map(Record::Entry).collect::<Vec<_>>()).expect("appended");
    let note = std::fs::read(federation.node("FR").data.log(&log).join("checkpoint")).expect("a checkpoint");
    journal.store_checkpoint(&note).expect("stored");
    drop(journal);
    federation.start();
    federation.register_platforms("EU");
    let hub = federation.node("EU");
    until("the other referral is on a notice", WITHIN, || {
        (hub.status()["node"]["counts"]["notices_open"] == 1).then_some(())
    });
    assert_eq!(hub.status()["node"]["counts"]["referrals"], 1, "the other is not the hub's to act on");
    assert!(hub.log_text().contains("addressed to others"), "the operator is told");
    assert!(hub.alarms().iter().any(|code| code == "quarantine"), "{:?}", hub.alarms());
}
