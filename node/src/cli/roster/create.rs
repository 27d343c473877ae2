// SPDX-License-Identifier: EUPL-1.2
//! `concert roster create`.

use std::path::PathBuf;

use clap::Args;
use concert_protocol::key::PublicKey;
use concert_protocol::member::MemberId;
use concert_protocol::roster::{FederationName, MemberState, RootKeys, RosterVersion, SignedRoster};
use concert_protocol::time::Timestamp;

use super::show::summary;
use crate::cli::context::Context;
use crate::cli::failures;
use crate::cli::files::write_new;
use crate::cli::member_card::MemberCard;
use crate::output::{Exit, Failure};

/// Write a first or a next version from member cards, and sign it.
///
/// A first version needs --federation, --members, --coordinators and --root-key. With --previous, the version after that
/// file is written: whatever is not given stays as it was, and a card adds its member or brings it up to date. Root keys that
/// are held elsewhere are named with --root-public and sign later, with concert roster sign.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// Name of the federation: a DNS name, as in concert.example
    #[arg(long, value_name = "NAME", required_unless_present = "previous")]
    federation: Option<FederationName>,
    /// The version before the one to write
    #[arg(long, value_name = "FILE", conflicts_with = "federation")]
    previous: Option<PathBuf>,
    /// Member cards, one file each
    #[arg(long, value_name = "CARD", num_args = 1.., required_unless_present = "previous")]
    members: Vec<PathBuf>,
    /// Members that no longer take part; what their logs hold stays valid
    #[arg(long, value_name = "CODE", num_args = 1.., value_delimiter = ',', requires = "previous")]
    suspend: Vec<MemberId>,
    /// Members that take part again
    #[arg(long, value_name = "CODE", num_args = 1.., value_delimiter = ',', requires = "previous")]
    resume: Vec<MemberId>,
    /// Who issues notices, the first in order first
    #[arg(long, value_name = "CODE", num_args = 1.., value_delimiter = ',', required_unless_present = "previous")]
    coordinators: Vec<MemberId>,
    /// Root key files to sign with; in a first version they become root keys
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    root_key: Vec<PathBuf>,
    /// Public halves of further root keys, in hexadecimal; with --previous, root keys to add
    #[arg(long, value_name = "HEX", num_args = 1..)]
    root_public: Vec<PublicKey>,
    /// Public halves of root keys to take out
    #[arg(long, value_name = "HEX", num_args = 1.., requires = "previous")]
    root_remove: Vec<PublicKey>,
    /// How many root keys must sign a version [default: more than half of them, or as before]
    #[arg(long, value_name = "NUMBER")]
    threshold: Option<u32>,
    /// Until when the version gives privileges: a date, a time, or days from now, as in 2027-12-31 or 365d
    #[arg(long, value_name = "WHEN", default_value = "365d", value_parser = parse_expiry)]
    expires: Expiry,
    /// The file to write; it must not exist
    #[arg(short = 'O', long = "out", value_name = "FILE")]
    out: PathBuf,
}

/// When a version expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expiry {
    At(Timestamp),
    Days(u32),
}

pub(super) fn run(context: &Context, args: &Create) -> Result<(), Failure> {
    let keys = super::root_keys(&args.root_key)?;
    let now = super::now();
    let expires = match args.expires {
        Expiry::At(at) => at,
        Expiry::Days(days) => now.plus(std::time::Duration::from_secs(u64::from(days) * 86_400)),
    };
    let mut version = match &args.previous {
        Some(previous) => super::read(previous)?.content().next(now, expires),
        None => {
            let federation = args.federation.clone().ok_or_else(|| missing("--federation"))?;
            let keys = keys.iter().map(|key| key.public()).collect();
            RosterVersion::new(federation, now, expires, RootKeys { keys, threshold: 0 })
        }
    };
    set_root(&mut version, args);
    set_members(&mut version, args)?;
    if !args.coordinators.is_empty() {
        set_coordinators(&mut version, args);
    }
    let secrets: Vec<_> = keys.iter().map(|key| key.key()).collect();
    let signed = SignedRoster::sign(&version, &secrets).map_err(failures::roster)?;
    write_new(&args.out, signed.bytes(), false)?;
    summary(context, &signed, Some(&args.out))?;
    remind(context, &signed, args);
    Ok(())
}

fn set_root(version: &mut RosterVersion, args: &Create) {
    for key in &args.root_public {
        if !version.root.keys.contains(key) {
            version.root.keys.push(key.clone());
        }
    }
    version.root.keys.retain(|key| !args.root_remove.contains(key));
    let half = u32::try_from(version.root.keys.len() / 2 + 1).unwrap_or(u32::MAX);
    version.root.threshold = match (args.threshold, version.root.threshold) {
        (Some(given), _) => given,
        (None, 0) => half,
        (None, before) => before,
    };
}

fn set_members(version: &mut RosterVersion, args: &Create) -> Result<(), Failure> {
    for path in &args.members {
        let card = MemberCard::load(path)?;
        if let Some(federation) = card.federation.as_ref().filter(|name| **name != version.federation) {
            let error =
                format!("the card of {} asks to join {federation}, not {}", card.member, version.federation);
            return Err(Failure::new(Exit::Conflict, error).cause(format!("in {}", path.display())));
        }
        match version.member_mut(&card.member) {
            Some(member) => card.update(member)?,
            None => version.members.push(card.to_roster_member()),
        }
    }
    version.members.sort_by(|a, b| a.member.cmp(&b.member));
    let states = [(&args.suspend, MemberState::Suspended), (&args.resume, MemberState::Active)];
    for (codes, state) in states {
        for code in codes {
            let member = version.member_mut(code);
            member
                .ok_or_else(|| Failure::new(Exit::NotFound, format!("{code} is not in the roster")))?
                .state = state;
        }
    }
    Ok(())
}

/// In a first version the order is simply set; later a change of it raises the epoch.
fn set_coordinators(version: &mut RosterVersion, args: &Create) {
    if args.previous.is_some() {
        version.set_coordinators(args.coordinators.clone());
    } else {
        version.coordinators = args.coordinators.clone();
    }
}

/// Says whose signatures are still missing.
fn remind(context: &Context, signed: &SignedRoster, args: &Create) {
    let root = &signed.content().root;
    let own = signed.count(&root.keys).unwrap_or(0);
    let needed = usize::try_from(root.threshold).unwrap_or(usize::MAX);
    let file = args.out.display();
    if own < needed {
        context.output.note(&format!(
            "next: {} more of its root keys must sign: concert roster sign {file} --key ROOT_KEY",
            needed - own
        ));
    } else if args.previous.is_some() {
        context.output.note(&format!("next: concert roster apply {file} --data DIR at every member"));
    } else {
        context.output.note(&format!(
            "next: concert roster apply {file} --data DIR --digest {} at every member",
            signed.digest()
        ));
    }
}

fn missing(flag: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{flag} is needed for a first version"))
}

fn parse_expiry(text: &str) -> Result<Expiry, String> {
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        return if (1..=3650).contains(&days) {
            Ok(Expiry::Days(days))
        } else {
            Err("expected 1d to 3650d".into())
        };
    }
    let date =
        text.parse::<jiff::civil::Date>().ok().and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let at = match date {
        Some(date) if text.len() == 10 => Some(date.timestamp()),
        _ => text.parse::<jiff::Timestamp>().ok(),
    };
    at.map(|at| Expiry::At(Timestamp::from_micros(at.as_microsecond()))).ok_or_else(|| {
        "expected a date, a time in RFC 3339 or a number of days, as in 2027-12-31 or 365d".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_date_a_time_or_days() {
        let at = |text: &str| Ok(Expiry::At(text.parse().expect("a timestamp")));
        assert_eq!(parse_expiry("365d"), Ok(Expiry::Days(365)));
        assert_eq!(parse_expiry("2027-12-31"), at("2027-12-31T00:00:00.000000Z"));
        assert_eq!(parse_expiry("2027-12-31T12:00:00+01:00"), at("2027-12-31T11:00:00.000000Z"));
        for bad in ["", "0d", "4000d", "2027-02-30", "soon", "-1d", "2027-12-31T12:00:00"] {
            assert!(parse_expiry(bad).is_err(), "{bad}");
        }
    }
}
