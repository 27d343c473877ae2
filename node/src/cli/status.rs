// SPDX-License-Identifier: EUPL-1.2
//! `concert status`: how the node stands, on one screen.
//!
//! What keeps the node from its work makes the exit status 1; what only deserves a look is said and leaves it 0.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::Args;
use concert_protocol::time::Timestamp;
use serde_json::Value;

use super::{Client, Context, LIST_LEN_MAX, view};
use crate::output::{Exit, Failure, printable};

/// Between two looks with `--watch`.
const WATCH_PAUSE: Duration = Duration::from_secs(2);
/// Clears a terminal and begins at its top.
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";
/// A roster that ends within this many days deserves a look.
const EXPIRY_DAYS: u64 = 30;
/// A log whose author was not heard for this long deserves a look; checkpoints come every few minutes.
const SILENCE: Duration = Duration::from_secs(600);

/// Say how the node stands: logs, peers, notices, what is wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status 1 when something keeps the node from its work: the roster has ended, it may not sign, a log is frozen, \
    no peer is connected."
)]
pub(super) struct Status {
    /// Go on looking until interrupted
    #[arg(long)]
    watch: bool,
    /// Also work out the digest of the derived state, which members compare
    #[arg(long)]
    digest: bool,
}

/// How grave one line is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Health {
    Fine,
    Look,
    Broken,
}

struct Line {
    name: &'static str,
    text: String,
    health: Health,
    hint: Option<String>,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Status) -> Result<(), Failure> {
    let client = Client::new(context)?;
    context.block_on(async {
        loop {
            if args.watch && std::io::stdout().is_terminal() && !view::for_programs(context) {
                context.output.text(CLEAR)?;
            }
            let seen = look(context, args, &client).await;
            if !args.watch {
                return seen;
            }
            match seen {
                // A node that is away may come back, and an unhealthy one may mend.
                Err(failure) if failure.lines().is_empty() => {}
                Err(failure) if failure.code() == Exit::Unreachable.code() => {
                    context.output.failure(&failure)
                }
                other => other?,
            }
            tokio::time::sleep(WATCH_PAUSE).await;
        }
    })
}

async fn look(context: &Context, args: &Status, client: &Client) -> Result<(), Failure> {
    let query: &[(&str, &str)] = if args.digest { &[("digest", "true")] } else { &[] };
    let status: Value = client.get(&["status"], query).await?;
    let (mut peers, mut alarms): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    if status.get("node").is_some() {
        peers = client.list_all(&["peers"], &[], LIST_LEN_MAX).await?;
        alarms = client.list_all(&["alarms"], &[], LIST_LEN_MAX).await?;
    }
    let lines = lines(&status, &peers, &alarms);
    show(context, &status, &lines)?;
    let broken = lines.iter().any(|line| line.health == Health::Broken);
    if broken { Err(Failure::silent(Exit::Failed.code())) } else { Ok(()) }
}

fn show(context: &Context, status: &Value, lines: &[Line]) -> Result<(), Failure> {
    if view::for_programs(context) {
        return context.output.one(status, &[]);
    }
    let now = view::time(status, "now").unwrap_or(Timestamp::EPOCH);
    let mut text =
        format!("concert {} · member {}", view::text(status, "version"), view::text(status, "member"));
    if status.get("node").is_some() {
        let (role, up) = (view::text(status, "node.role"), view::age(status, "node.started", now));
        text.push_str(&format!(" · {role} · up {up}"));
    }
    text.push('\n');
    for line in lines {
        let word = match line.health {
            Health::Fine => "ok",
            Health::Look => "warn",
            Health::Broken => "FAIL",
        };
        text.push_str(&format!("{:<9}{:<66} {word}\n", line.name, printable(&line.text)));
    }
    let warnings = lines.iter().filter(|line| line.health == Health::Look).count();
    let failures = lines.iter().filter(|line| line.health == Health::Broken).count();
    if warnings + failures > 0 {
        text.push_str(&format!(
            "{}, {}.\n",
            view::counted(failures as u64, "failure", "failures"),
            view::counted(warnings as u64, "warning", "warnings")
        ));
    }
    context.output.text(&text)?;
    for hint in lines.iter().filter_map(|line| line.hint.as_ref()) {
        context.output.note(&format!("hint: {hint}"));
    }
    Ok(())
}

fn lines(status: &Value, peers: &[Value], alarms: &[Value]) -> Vec<Line> {
    let now = view::time(status, "now").unwrap_or(Timestamp::EPOCH);
    let mut lines = vec![roster(status, now)];
    if status.get("node").is_none() {
        return lines;
    }
    lines.extend([own_log(status), logs(status, now), store(status), connections(peers, now), work(status)]);
    lines.push(alarm_line(alarms));
    if let Some(digest) = status["node"]["state_digest"].as_str() {
        lines.push(line("digest", digest.to_owned(), Health::Fine));
    }
    lines
}

fn line(name: &'static str, text: String, health: Health) -> Line {
    Line { name, text, health, hint: None }
}

fn roster(status: &Value, now: Timestamp) -> Line {
    let (version, federation) =
        (view::number(status, "roster.version"), view::text(status, "roster.federation"));
    let expires = view::time(status, "roster.expires").unwrap_or(Timestamp::EPOCH);
    let days = expires.since(now).as_secs() / 86_400;
    let hint = Some(
        "the holders of the root keys sign the next version; concert roster apply FILE puts it in force"
            .to_owned(),
    );
    if view::flag(status, "roster.expired") {
        let text = format!("version {version} of {federation} has ended; nothing new is issued");
        return Line { hint, ..line("roster", text, Health::Broken) };
    }
    let text = format!("version {version} of {federation}, ends in {days} days");
    if days < EXPIRY_DAYS {
        Line { hint, ..line("roster", text, Health::Look) }
    } else {
        line("roster", text, Health::Fine)
    }
}

fn own_log(status: &Value) -> Line {
    let member = view::text(status, "member");
    let own = view::items(status, "node.logs")
        .iter()
        .rfind(|log| view::text(log, "log").split('/').next() == Some(member));
    let Some(log) = own else {
        return line("log", "none: this node replicates and serves".into(), Health::Fine);
    };
    let text = format!(
        "{} head {} stored {} confirmed {}",
        view::text(log, "log"),
        view::number(log, "head"),
        view::number(log, "stored"),
        view::number(log, "confirmed")
    );
    if view::flag(status, "node.own_ready") {
        return line("log", text, Health::Fine);
    }
    let hint = "the node waits for peers to return its own newest checkpoint; it signs nothing until then";
    Line { hint: Some(hint.into()), ..line("log", format!("{text}, not ready to sign"), Health::Broken) }
}

fn logs(status: &Value, now: Timestamp) -> Line {
    let logs = view::items(status, "node.logs");
    let sum = |name: &str| logs.iter().map(|log| view::number(log, name)).sum::<u64>();
    let frozen: Vec<&str> =
        logs.iter().filter(|log| view::flag(log, "frozen")).map(|log| view::text(log, "log")).collect();
    let behind = sum("head").saturating_sub(sum("stored"));
    let text = format!(
        "{}, {} stored, {} checked, {behind} to fetch",
        view::counted(logs.len() as u64, "log", "logs"),
        sum("stored"),
        sum("applied")
    );
    if !frozen.is_empty() {
        let hint = "its author showed two faces: concert log convict FILE on the evidence under alarms/";
        return Line {
            hint: Some(hint.into()),
            ..line("logs", format!("{text}; frozen: {}", frozen.join(", ")), Health::Broken)
        };
    }
    let silent = |log: &&Value| view::time(log, "author_time").is_some_and(|at| now.since(at) > SILENCE);
    let silent: Vec<&str> = logs.iter().filter(silent).map(|log| view::text(log, "log")).collect();
    if !silent.is_empty() {
        return line("logs", format!("{text}; silent: {}", silent.join(", ")), Health::Look);
    }
    let health = if view::flag(status, "caught_up") && behind == 0 { Health::Fine } else { Health::Look };
    line("logs", text, health)
}

fn store(status: &Value) -> Line {
    let text = format!(
        "{} of index, rules version {}",
        view::bytes(view::number(status, "node.store_bytes")),
        view::number(status, "node.rules.version")
    );
    line("store", text, Health::Fine)
}

fn connections(peers: &[Value], now: Timestamp) -> Line {
    let active = |peer: &&Value| !view::flag(peer, "own") && view::text(peer, "state") == "active";
    let others: Vec<&Value> = peers.iter().filter(active).collect();
    let connected = others.iter().filter(|peer| view::flag(peer, "connected")).count();
    let lags = others
        .iter()
        .filter_map(|peer| Some((now.since(view::time(peer, "heard_at")?), view::text(peer, "member"))));
    let worst = lags.max().map(|(lag, member)| format!(", longest unheard {member} ({})", view::span(lag)));
    let text = format!("{connected} of {} connected{}", others.len(), worst.unwrap_or_default());
    if connected == others.len() {
        return line("peers", text, Health::Fine);
    }
    let health = if connected == 0 { Health::Broken } else { Health::Look };
    Line { hint: Some("concert peer list shows who is away".into()), ..line("peers", text, health) }
}

fn work(status: &Value) -> Line {
    let count = |name: &str| view::number(status, &format!("node.counts.{name}"));
    let text = format!(
        "{} referrals, {} notices open, {} duplicates avoided, {} answers",
        count("referrals"),
        count("notices_open"),
        count("duplicates_avoided"),
        count("answers")
    );
    line("notices", text, Health::Fine)
}

fn alarm_line(alarms: &[Value]) -> Line {
    let Some(newest) = alarms.first() else {
        return line("alarms", "none since the start".into(), Health::Fine);
    };
    let text = format!("{} since the start, the newest: {}", alarms.len(), view::text(newest, "message"));
    line("alarms", text, Health::Look)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status() -> Value {
        json!({
            "member": "FR", "version": "0.1.0", "now": "2026-11-22T08:00:00.000000Z", "caught_up": true,
            "roster": {"federation": "c.test", "version": 1, "expires": "2027-11-22T08:00:00.000000Z", "expired": false},
            "node": {
                "role": "member", "own_ready": true, "started": "2026-11-22T07:00:00.000000Z", "store_bytes": 1024,
                "rules": {"version": 1}, "counts": {"referrals": 3},
                "logs": [{"log": "FR/1", "head": 3, "stored": 3, "applied": 3, "confirmed": 3, "frozen": false,
                          "author_time": "2026-11-22T07:59:00.000000Z"}],
            },
        })
    }

    fn peers(connected: [bool; 2]) -> Vec<Value> {
        let peer = |(member, connected): (&str, bool)| json!({"member": member, "state": "active", "connected": connected});
        ["DE", "BE"].into_iter().zip(connected).map(peer).collect()
    }

    fn worst(status: &Value, peers: &[Value]) -> Health {
        lines(status, peers, &[]).iter().map(|line| line.health).max().unwrap_or(Health::Fine)
    }

    #[test]
    fn what_keeps_the_node_from_its_work_is_told_from_what_deserves_a_look() {
        assert!(worst(&status(), &peers([true, true])) == Health::Fine);
        assert!(worst(&status(), &peers([true, false])) == Health::Look);
        assert!(worst(&status(), &peers([false, false])) == Health::Broken);
        assert!(worst(&status(), &[]) == Health::Fine, "a federation of one");
        for (path, value) in
            [("/roster/expired", true), ("/node/own_ready", false), ("/node/logs/0/frozen", true)]
        {
            let mut status = status();
            *status.pointer_mut(path).expect("there") = value.into();
            assert!(worst(&status, &peers([true, true])) == Health::Broken, "{path}");
        }
    }

    #[test]
    fn a_recipient_sees_the_roster_alone() {
        let mut status = status();
        status.as_object_mut().expect("an object").remove("node");
        assert_eq!(lines(&status, &[], &[]).len(), 1);
    }
}
