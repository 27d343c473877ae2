// SPDX-License-Identifier: EUPL-1.2
//! The `concert` program as a user meets it: its own process, arguments, exit status, stdout and stderr.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder to work in, and the program without anything of the environment.
struct Place(tempfile::TempDir);

/// How an invocation ended.
struct Ended {
    status: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.args(args).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().expect("the program starts"))
    }

    /// Runs what must succeed, and gives its stdout.
    fn good(&self, args: &[&str]) -> String {
        let ended = self.run(args);
        assert_eq!(ended.status, 0, "{args:?}\n{}{}", ended.out, ended.err);
        ended.out
    }

    /// As [`Place::good`], with `--json`.
    fn json(&self, args: &[&str]) -> Value {
        let text = self.good(&[args, &["--json"]].concat());
        serde_json::from_str(&text).expect(&text)
    }

    /// Runs what must end with `status` and say `part` on stderr.
    fn bad(&self, args: &[&str], status: i32, part: &str) {
        let ended = self.run(args);
        assert_eq!(ended.status, status, "{args:?}\n{}{}", ended.out, ended.err);
        assert!(ended.err.contains(part), "{args:?}: {part:?}\n{}", ended.err);
        assert_eq!(ended.out, "", "{args:?} has no result");
    }

    /// Hub and one member with their data folders, two root keys, and a first roster `1.json` that both signed.
    fn federation() -> Self {
        let place = Self::new();
        place.good(&[
            "init",
            "--member",
            "EU",
            "--data",
            "eu",
            "--set",
            "peer.listen=/ip4/127.0.0.1/tcp/4450",
        ]);
        place.good(&["init", "--member", "FR", "--data", "fr", "--federation", "concert.test"]);
        place.good(&["key", "generate", "one.key"]);
        place.good(&["key", "generate", "two.key"]);
        let second = place.good(&["key", "export-public", "two.key"]);
        let cards = ["eu/concert-member.json", "fr/concert-member.json"];
        place.good(&[
            "roster",
            "create",
            "--federation",
            "concert.test",
            "--members",
            cards[0],
            cards[1],
            "--coordinators",
            "EU",
            "--root-key",
            "one.key",
            "--root-public",
            second.trim(),
            "--out",
            "1.json",
        ]);
        place.good(&["roster", "sign", "1.json", "--key", "two.key", "--yes"]);
        place
    }
}

fn ended(output: Output) -> Ended {
    Ended {
        status: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn help_is_a_result_and_goes_to_stdout() {
    let place = Place::new();
    let trees: [&[&str]; 8] = [
        &[],
        &["init"],
        &["config"],
        &["config", "show"],
        &["key"],
        &["roster"],
        &["roster", "create"],
        &["roster", "apply"],
    ];
    for path in trees {
        let long = place.good(&[path, &["--help"]].concat());
        let short = place.good(&[path, &["-h"]].concat());
        assert!(long.contains("Usage: concert") && long.contains("--token-file"), "{path:?}\n{long}");
        assert!(short.contains("--data") && short.len() < long.len(), "{path:?}\n{short}");
        assert!(long.lines().all(|line| line.chars().count() <= 110), "{path:?}\n{long}");
    }
    assert!(place.good(&["--help"]).contains("Exit status:"));
}

#[test]
fn the_command_line_that_cannot_be_understood_ends_with_2() {
    let place = Place::new();
    place.bad(&[], 2, "Usage: concert");
    place.bad(&["frobnicate"], 2, "unrecognized subcommand");
    place.bad(&["config", "shwo"], 2, "show");
    place.bad(&["version", "-o", "xml"], 2, "xml");
    place.bad(&["version", "--json", "-o", "csv"], 2, "cannot be used with");
    place.bad(&["init", "--member", "france"], 2, "not a member code");
    place.bad(&["version", "--timeout", "soon"], 2, "as in 500ms, 30s or 2m");
    place.bad(&["config", "check", "--set", "http.listn=1"], 2, "did you mean \"http.listen\"?");
}

#[test]
fn the_version_comes_in_every_form() {
    let place = Place::new();
    assert_eq!(place.json(&["version"])["version"], env!("CARGO_PKG_VERSION"));
    assert!(place.good(&["version"]).starts_with(concat!("concert ", env!("CARGO_PKG_VERSION"))));
    assert!(place.good(&["--version"]).starts_with("concert "));
    assert_eq!(place.good(&["version", "-o", "jsonl"]).lines().count(), 1);
    assert!(place.good(&["version", "-o", "csv"]).starts_with("version,peer_protocols,api,licence\r\n"));
}

#[test]
fn settings_are_shown_with_their_origin_and_explained() {
    let place = Place::new();
    fs::write(place.path("c.toml"), "[http]\nlisten = \"127.0.0.1:9000\"\n").expect("written");
    let args = ["--config", "c.toml", "config", "show"];
    assert_eq!(place.good(&[&args[..], &["http.listen"]].concat()), "127.0.0.1:9000\n");
    let mut command = place.command(&[&args[..], &["--origin", "--json", "http.listen"]].concat());
    let shown = ended(command.env("CONCERT__HTTP__LISTEN", "127.0.0.1:9001").output().expect("it runs"));
    let shown: Value = serde_json::from_str(&shown.out).expect("JSON");
    assert_eq!(shown["value"], "127.0.0.1:9001");
    assert_eq!(shown["origin"], "CONCERT__HTTP__LISTEN");
    assert_eq!(shown["covers"][0], "c.toml:2");
    assert!(place.good(&["config", "show"]).starts_with("KEY\tVALUE\n"));
    place.bad(&["config", "show", "http.listn"], 3, "hint: did you mean http.listen?");
    place.bad(&["--config", "none.toml", "config", "check"], 2, "none.toml:1: cannot be read");
    fs::write(place.path("example.toml"), place.good(&["config", "example"])).expect("written");
    assert_eq!(place.json(&["--config", "example.toml", "config", "check"])["valid"], true);
    let schema: Value = serde_json::from_str(&place.good(&["config", "schema"])).expect("JSON");
    assert_eq!(schema["properties"]["http"]["properties"]["listen"]["type"], "string");
}

#[test]
fn a_variable_that_means_nothing_is_complained_of() {
    let place = Place::new();
    let mut command = place.command(&["config", "check"]);
    let ended = ended(command.env("CONCERT__HTTP__LISTN", "x").output().expect("it runs"));
    assert_eq!(ended.status, 2);
    assert!(ended.err.contains("cause: CONCERT__HTTP__LISTN: unknown key \"http.listn\""), "{}", ended.err);
    assert!(ended.err.starts_with("error: ") && ended.err.contains("\nhint: "), "{}", ended.err);
}

#[test]
fn a_new_node_has_private_keys_a_card_and_settings() {
    let place = Place::new();
    let set = ["--set", "http.listen=127.0.0.1:8450", "--set", "consolidation.rules=rules.toml"];
    let made = place
        .json(&[&["init", "--member", "FR", "--data", "run/fr", "--name", "Unité FR"][..], &set].concat());
    for name in ["run/fr", "run/fr/keys", "run/fr/roster"] {
        assert_eq!(mode(&place.path(name)), 0o700, "{name}");
    }
    for name in ["signing", "cosigner", "transport"] {
        assert_eq!(mode(&place.path(&format!("run/fr/keys/{name}.key"))), 0o600, "{name}");
    }
    let card: Value =
        serde_json::from_slice(&fs::read(place.path("run/fr/concert-member.json")).expect("a card"))
            .expect("JSON");
    assert_eq!((&card["member"], &card["name"]), (&Value::from("FR"), &Value::from("Unité FR")));
    let seed = fs::read_to_string(place.path("run/fr/keys/signing.key")).expect("a key");
    let seed = seed.lines().nth(1).expect("a seed");
    assert!(
        !card.to_string().contains(seed) && !made.to_string().contains(seed),
        "secrets stay in their files"
    );
    assert_eq!(place.good(&["config", "show", "http.listen", "--data", "run/fr"]), "127.0.0.1:8450\n");
    assert_eq!(place.good(&["config", "show", "node.member", "--data", "run/fr"]), "FR\n");
    let rules = place.good(&["config", "show", "consolidation.rules", "--data", "run/fr"]);
    assert!(Path::new(rules.trim()).is_absolute() && rules.trim().ends_with("/rules.toml"), "{rules}");
    assert!(!rules.contains("run/fr"), "relative to where the command ran: {rules}");
    let fingerprint = place.good(&["key", "fingerprint", "transport", "--data", "run/fr"]);
    assert_eq!(made["transport_fingerprint"], fingerprint.trim());
    place.bad(&["init", "--member", "FR", "--data", "run/fr"], 5, "is in use");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let place = Place::new();
    place.good(&["init", "--member", "FR", "--data", "fr"]);
    let path = place.path("fr/keys/cosigner.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    place.bad(&["key", "list", "--data", "fr"], 4, "hint: chmod 600 fr/keys/cosigner.key");
    place.bad(&["key", "show", "nothing.key"], 3, "there is no file nothing.key");
    place.good(&["key", "generate", "root.key"]);
    assert_eq!(mode(&place.path("root.key")), 0o600);
    place.bad(&["key", "generate", "root.key"], 5, "never overwritten");
    fs::write(place.path("root.key"), "concert root key v1\nnot a seed\n").expect("written");
    place.bad(&["key", "show", "root.key"], 7, "is not a key file");
}

#[test]
fn public_halves_come_in_three_encodings() {
    let place = Place::new();
    place.good(&["init", "--member", "FR", "--data", "fr"]);
    let export = ["key", "export-public", "--data", "fr"];
    let hex = place.good(&export);
    assert_eq!(hex.trim().len(), 64);
    let jwk: Value =
        serde_json::from_str(&place.good(&[&export[..], &["--encoding", "jwk"]].concat())).expect("JSON");
    assert_eq!(
        (&jwk["kty"], &jwk["crv"], jwk["d"].is_null()),
        (&Value::from("OKP"), &Value::from("Ed25519"), true)
    );
    let peer = place.good(&[&export[..], &["transport", "--encoding", "peer-id"]].concat());
    assert!(peer.starts_with("12D3KooW"), "{peer}");
    place.bad(&[&export[..], &["--encoding", "peer-id"]].concat(), 2, "has no peer id");
    let listed = place.json(&["key", "list", "--data", "fr"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    assert_eq!(listed[0]["public"], hex.trim());
}

#[test]
fn a_roster_is_created_signed_applied_and_shown() {
    let place = Place::federation();
    let shown = place.json(&["roster", "show", "1.json"]);
    assert_eq!(
        (&shown["version"], &shown["signatures"], &shown["threshold"]),
        (&1.into(), &2.into(), &2.into())
    );
    let digest = shown["digest"].as_str().expect("a digest");
    place.bad(&["roster", "apply", "1.json", "--data", "eu"], 5, "add --yes to consent");
    place.bad(
        &["roster", "apply", "1.json", "--data", "eu", "--digest", &"0".repeat(64)],
        7,
        "is not the one",
    );
    place.bad(&["roster", "show", "--data", "eu"], 3, "roster apply");
    place.good(&["roster", "apply", "1.json", "--data", "eu", "--digest", digest]);
    place.good(&["roster", "apply", "1.json", "--data", "eu"]);
    assert_eq!(
        fs::read(place.path("eu/roster/1.json")).expect("kept"),
        fs::read(place.path("1.json")).expect("there")
    );
    let table = place.good(&["roster", "show", "--data", "eu"]);
    assert!(
        table.contains("EU\tEU\tmember\tactive\t") && table.contains("/ip4/127.0.0.1/tcp/4450"),
        "{table}"
    );
    let members = place.good(&["roster", "show", "1.json", "-o", "csv"]);
    assert!(
        members.starts_with("member,name,roles,state,signing,addresses\r\nEU,EU,member,active,"),
        "{members}"
    );
}

#[test]
fn the_next_version_needs_the_root_keys_of_the_one_before() {
    let place = Place::federation();
    place.good(&["roster", "apply", "1.json", "--data", "eu", "--yes"]);
    let next = ["roster", "create", "--previous", "1.json", "--coordinators", "EU,FR"];
    place.good(&[&next[..], &["--root-key", "one.key", "--out", "short.json"]].concat());
    place.bad(&["roster", "apply", "short.json", "--data", "eu"], 7, "signed by 1 trusted root keys");
    place.good(&[&next[..], &["--root-key", "one.key", "two.key", "--out", "2.json"]].concat());
    place.good(&[
        "roster",
        "create",
        "--previous",
        "2.json",
        "--suspend",
        "FR",
        "--coordinators",
        "EU",
        "--root-key",
        "one.key",
        "two.key",
        "--out",
        "3.json",
    ]);
    place.bad(&["roster", "apply", "3.json", "--data", "eu"], 5, "fetch the versions between them");
    place.good(&["roster", "apply", "3.json", "2.json", "--data", "eu"]);
    let shown = place.json(&["roster", "show", "--data", "eu"]);
    assert_eq!((&shown["version"], &shown["epoch"]), (&3.into(), &3.into()));
    assert_eq!(shown["content"]["members"][1]["state"], "suspended");
    place.bad(&["roster", "apply", "2.json", "--data", "eu"], 5, "rollback");
    let mut walker =
        place.good(&["roster", "apply", "1.json", "2.json", "3.json", "--data", "fr", "--yes", "--json"]);
    walker.retain(|c| c != ' ');
    assert!(walker.contains("\"version\":3"), "{walker}");
}

#[test]
fn root_keys_may_sign_copies_apart_from_each_other() {
    let place = Place::federation();
    let next = ["roster", "create", "--previous", "1.json", "--root-key"];
    place.good(&[&next[..], &["one.key", "--out", "a.json"]].concat());
    fs::copy(place.path("a.json"), place.path("b.json")).expect("copied");
    place.bad(&["roster", "sign", "b.json", "--key", "two.key"], 5, "add --yes");
    place.good(&["roster", "sign", "b.json", "--key", "two.key", "--yes"]);
    place.good(&["roster", "sign", "a.json", "--merge", "b.json", "--out", "both.json"]);
    assert_eq!(place.json(&["roster", "show", "both.json"])["signatures"], 2);
    assert_eq!(place.json(&["roster", "show", "a.json"])["signatures"], 1);
    place.bad(&["roster", "sign", "both.json", "--key", "two.key", "--yes"], 5, "each key signs once");
    place.bad(
        &["roster", "sign", "a.json", "--key", "fr/keys/signing.key", "--yes"],
        7,
        "expected a root key",
    );
    place.bad(&[&next[..], &["one.key", "--out", "a.json"]].concat(), 5, "exists already");
}

#[test]
fn what_is_no_roster_or_card_is_refused() {
    let place = Place::federation();
    fs::write(place.path("bad.json"), "{\"payload\": 1}").expect("written");
    place.bad(&["roster", "show", "bad.json"], 1, "not a roster");
    let mut text = fs::read_to_string(place.path("1.json")).expect("there");
    let at = text.rfind("\"signature\":\"").expect("a signature") + 20;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    text.replace_range(at..=at, other);
    fs::write(place.path("tampered.json"), text).expect("written");
    place.bad(&["roster", "show", "tampered.json"], 7, "does not hold");
    place.bad(&["roster", "apply", "tampered.json", "--data", "eu", "--yes"], 7, "does not hold");
    let create = ["roster", "create", "--coordinators", "EU", "--root-key", "one.key", "--out", "x.json"];
    let with = |rest: &[&'static str]| [&create[..], rest].concat();
    place.bad(&with(&["--federation", "concert.test", "--members", "bad.json"]), 1, "is not a member card");
    place.bad(
        &with(&["--federation", "other.test", "--members", "fr/concert-member.json"]),
        5,
        "asks to join",
    );
    place.bad(
        &with(&["--federation", "concert.test", "--members", "fr/concert-member.json"]),
        1,
        "coordinator",
    );
    place.bad(&["roster", "apply", "1.json", "--data", "nowhere"], 3, "concert init");
}

#[test]
fn a_data_folder_in_use_is_left_alone() {
    let place = Place::federation();
    let lock = fs::File::options().write(true).open(place.path("eu/lock")).expect("a lock file");
    lock.try_lock().expect("free");
    place.bad(&["roster", "apply", "1.json", "--data", "eu", "--yes"], 5, "in use");
}

#[test]
fn colour_comes_only_when_asked_for() {
    let place = Place::federation();
    let show = ["roster", "show", "1.json", "-o", "table"];
    assert!(!place.good(&show).contains('\u{1b}'), "a pipe is not a terminal");
    let bad = ["config", "check", "--set", "x=1"];
    let painted = place.run(&[&bad[..], &["--color", "always"]].concat());
    assert!(painted.err.contains("\u{1b}[1merror:\u{1b}[0m"), "{:?}", painted.err);
    let mut command = place.command(&bad);
    let plain = ended(command.env("NO_COLOR", "1").output().expect("it runs"));
    assert!(!plain.err.contains('\u{1b}'), "{:?}", plain.err);
}

#[test]
fn quiet_leaves_the_result_and_what_went_wrong() {
    let place = Place::new();
    let quiet = place.run(&["init", "--member", "FR", "--data", "fr", "-q"]);
    assert_eq!((quiet.status, quiet.err.as_str()), (0, ""));
    assert!(quiet.out.contains("peer_id\t12D3KooW"), "{}", quiet.out);
    place.bad(&["init", "--member", "FR", "--data", "fr", "-q"], 5, "error: ");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    let mut child = place
        .command(&["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
    assert_eq!((child.wait().expect("it ends").code(), err.as_str()), (Some(0), ""));
}

#[test]
fn completions_are_scripts_that_their_shells_accept() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = place.good(&["completions", shell]);
        assert!(script.contains("export-public") && script.contains("token-file"), "{shell}");
        fs::write(place.path("script"), &script).expect("written");
        // Not every machine has every shell; where one is there, it has the last word.
        let checked = Command::new(shell).arg("-n").arg(place.path("script")).output();
        if let Ok(checked) = checked {
            assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    place.bad(&["completions", "csh"], 2, "csh");
}
