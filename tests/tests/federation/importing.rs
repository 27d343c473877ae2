// SPDX-License-Identifier: EUPL-1.2
//! Three national exports go in at once while nodes and import commands are killed at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::cluster::{Cluster, until};
use super::node::{Node, PAUSE};
use super::program::{Ended, arg, command, project};
use super::seed::Seed;

const UNITS: [(&str, &str, u64); 3] =
    [("FR", "fr.csv", 2904), ("DE", "de.ndjson", 1997), ("BE", "be.csv", 1099)];
const RECORDS: u64 = 6000;
/// Nodes and import commands that are killed while the exports go in.
const KILLS: usize = 8;
/// Starts of one import command, the first and those after it was killed.
const STARTS_MAX: usize = 20;
const WITHIN: Duration = Duration::from_secs(240);

#[test]
fn every_record_is_on_one_open_notice_whoever_is_killed() {
    let mut seed = Seed::new();
    let mut federation = Cluster::new(&["EU", "FR", "DE", "BE"]);
    federation.start();
    federation.register_platforms("EU");

    import_with_kills(&mut federation, &mut seed);
    until("every referral is everywhere", WITHIN, || {
        let all = federation.nodes.values().all(|node| counts(node)["referrals"] == RECORDS);
        all.then_some(())
    });
    until("every referral is on a notice", WITHIN, || {
        let notices = federation.node("EU").admin().list("/api/v1/notices?state=open");
        (behind(&notices) == RECORDS).then_some(())
    });
    let digest = federation.until_equal(WITHIN);
    check_notices(federation.node("EU"));
    for node in federation.nodes.values() {
        assert!(!node.alarms().iter().any(|code| code == "equivocation"), "{} convicts somebody", node.code);
    }

    let sizes = log_sizes(federation.node("EU"));
    for (code, file, records) in UNITS {
        let mut import = Import::start(&federation, code, file, 99);
        let summary = import.end(&federation);
        assert_eq!(summary["existing"], records, "{summary}");
        assert_eq!(summary["sent"], 0, "{summary}");
    }
    assert_eq!(federation.until_equal(WITHIN), digest, "importing again changes nothing");
    assert_eq!(log_sizes(federation.node("EU")), sizes, "and adds nothing");
}

/// One import command, started again until it ends well.
struct Import {
    code: &'static str,
    file: &'static str,
    child: Child,
    starts: usize,
    done: bool,
}

impl Import {
    fn start(federation: &Cluster, code: &'static str, file: &'static str, number: usize) -> Self {
        Self { code, file, child: spawn(federation, code, file, number), starts: number, done: false }
    }

    /// Looks whether it ended; starts it again if it did not end well.
    fn look(&mut self, federation: &Cluster) {
        let Some(status) = self.child.try_wait().expect("a child can be waited for") else { return };
        if status.success() {
            self.done = true;
            return;
        }
        self.starts += 1;
        assert!(
            self.starts < STARTS_MAX,
            "{}: {}",
            self.code,
            said(federation, self.code, self.starts - 1).err
        );
        self.child = spawn(federation, self.code, self.file, self.starts);
    }

    /// Waits for its good end; its result.
    fn end(&mut self, federation: &Cluster) -> Value {
        let status = until("the import ends", WITHIN, || self.child.try_wait().expect("a child"));
        let said = said(federation, self.code, self.starts);
        assert!(status.success(), "{}", said.err);
        said.json()
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(federation: &Cluster, code: &str, file: &str, number: usize) -> Child {
    let node = federation.node(code);
    let token = federation.path(&format!("{code}.token"));
    if !token.exists() {
        let out = arg(&token);
        node.run(&["-q", "token", "issue", "--role", "analyst", "--out", out]).good();
    }
    let profile = project(&format!("config/import/{}.toml", code.to_lowercase()));
    let export = project(&format!("tests/data/units/{file}"));
    let rejects = federation.path(&format!("{code}-{number}.rejects"));
    let url = node.url();
    let create =
        |form: &str| File::create(federation.path(&format!("{code}-{number}.{form}"))).expect("a file");
    command(["--url", &url, "--token-file", arg(&token), "--json", "referral", "import"])
        .args(["--profile", arg(&profile), arg(&export), "--reject-file", arg(&rejects)])
        .stdout(create("out"))
        .stderr(create("err"))
        .spawn()
        .expect("the program starts")
}

fn said(federation: &Cluster, code: &str, number: usize) -> Ended {
    let read = |form: &str| {
        std::fs::read_to_string(federation.path(&format!("{code}-{number}.{form}"))).unwrap_or_default()
    };
    Ended { status: 0, out: read("out"), err: read("err") }
}

/// What is killed once the log of a unit has reached a size.
struct Kill {
    unit: &'static str,
    at: u64,
    victim: Victim,
}

enum Victim {
    Node(&'static str),
    Import(usize),
}

fn plan(seed: &mut Seed) -> Vec<Kill> {
    let mut kills: Vec<Kill> = (0..KILLS)
        .map(|number| {
            let (unit, _, records) = *seed.one_of(&UNITS);
            let victim = match number {
                0 => Victim::Import(seed.within(0..3) as usize),
                // The hub writes the notices, so it is never left out.
                1 => Victim::Node("EU"),
                _ => Victim::Node(["EU", "FR", "DE", "BE"][seed.within(0..4) as usize]),
            };
            Kill { unit, at: seed.within(0..records), victim }
        })
        .collect();
    // By how far the import is, whatever the length of the export.
    let share = |kill: &Kill| {
        let records = UNITS.iter().find(|unit| unit.0 == kill.unit).map_or(1, |unit| unit.2);
        kill.at * 10_000 / records
    };
    kills.sort_by_key(share);
    kills
}

fn import_with_kills(federation: &mut Cluster, seed: &mut Seed) {
    let mut kills = plan(seed).into_iter().peekable();
    let mut imports: Vec<Import> =
        UNITS.iter().map(|(code, file, _)| Import::start(federation, code, file, 0)).collect();
    let begin = Instant::now();
    let mut killed = 0;
    while kills.peek().is_some() || imports.iter().any(|import| !import.done) {
        assert!(begin.elapsed() < WITHIN, "the imports do not end");
        for import in imports.iter_mut().filter(|import| !import.done) {
            import.look(federation);
        }
        let log = |kill: &Kill| federation.node(kill.unit).log_state(&format!("{}/1", kill.unit));
        let due = |kill: &Kill| log(kill).is_some_and(|state| state["stored"].as_u64() >= Some(kill.at));
        if let Some(kill) = kills.next_if(due) {
            match kill.victim {
                Victim::Import(number) => {
                    // One that has just ended is started again all the same.
                    let _ = imports[number].child.kill();
                    imports[number].done = false;
                }
                Victim::Node(code) => {
                    let node = federation.node_mut(code);
                    node.kill();
                    node.start();
                    node.ready();
                }
            }
            killed += 1;
        }
        std::thread::sleep(PAUSE);
    }
    assert_eq!(killed, KILLS);
}

fn counts(node: &Node) -> Value {
    node.status()["node"]["counts"].clone()
}

fn log_sizes(node: &Node) -> BTreeMap<String, u64> {
    let logs = node.admin().list("/api/v1/log");
    let size = |log: &Value| (log["log"].as_str().map(str::to_owned), log["stored"].as_u64());
    logs.iter().map(size).filter_map(|(log, size)| Some((log?, size?))).collect()
}

/// Open notices of a referral's case.
fn open_notices(referral: &Value) -> Vec<String> {
    let notices = referral["notices"].as_array().cloned().unwrap_or_default();
    notices.iter().filter(|notice| notice["state"] == "open").map(|notice| text(notice, "id")).collect()
}

/// Sum of those who stand behind open notices.
fn behind(notices: &[Value]) -> u64 {
    notices.iter().filter_map(|notice| notice["originators"].as_u64()).sum()
}

/// For each record of the sample data, by member and reference, the platform that its address belongs to.
fn recipients() -> BTreeMap<(String, String), String> {
    let truth = std::fs::read_to_string(project("tests/data/units/truth.csv")).expect("the sample data");
    let row = |line: &str| {
        let mut cells = line.split(',').map(str::to_owned);
        let (unit, reference, item) = (cells.next()?, cells.next()?, cells.next()?);
        Some(((unit, reference), item.split(':').next()?.to_owned()))
    };
    truth.lines().skip(1).filter_map(row).collect()
}

/// One open notice for each case and recipient, and every referral on the one to its own recipient.
fn check_notices(node: &Node) {
    let api = node.admin();
    let notices = api.list("/api/v1/notices?state=open");
    let recipient_of: BTreeMap<String, String> =
        notices.iter().map(|notice| (text(notice, "id"), text(notice, "recipient"))).collect();
    assert_eq!(recipient_of.len(), notices.len(), "a notice is listed once");
    let referrals = api.list("/api/v1/referrals");
    assert_eq!(referrals.len() as u64, RECORDS);
    let own = recipients();
    let mut of_case: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let mut carried: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for referral in &referrals {
        let name = text(referral, "referral");
        let own = &own[&(text(referral, "member"), text(referral, "reference"))];
        let mut to_own = Vec::new();
        for notice in open_notices(referral) {
            let to = &recipient_of[&notice];
            of_case.entry((text(referral, "case"), to.clone())).or_default().insert(notice.clone());
            if to == own {
                to_own.push(notice);
            }
        }
        assert_eq!(to_own.len(), 1, "{name} is on {to_own:?} to {own}");
        carried.entry(to_own.remove(0)).or_default().insert(name);
    }
    for ((case, to), notices) in &of_case {
        assert_eq!(notices.len(), 1, "{case} has {notices:?} to {to}");
    }
    assert_eq!(of_case.len(), notices.len(), "every open notice is of a case");
    assert_eq!(carried.len(), notices.len(), "and of a standing referral");
    // The notices' own word: who stands behind each.
    for notice in &notices {
        assert_eq!(notice["originators"], carried[&text(notice, "id")].len(), "{notice}");
    }
    let most = carried.iter().max_by_key(|(_, referrals)| referrals.len()).expect("notices");
    let whole = api.get(&format!("/api/v1/notices/{}", most.0)).good();
    let originators = whole["originators"].as_array().expect("originators");
    let names: BTreeSet<String> = originators.iter().map(|one| text(one, "entry")).collect();
    assert_eq!(names, *most.1, "the notice names exactly the referrals that it carries");
    assert!(counts(node)["duplicates_avoided"].as_u64() > Some(1000), "{}", counts(node));
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}
