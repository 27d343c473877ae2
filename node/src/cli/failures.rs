// SPDX-License-Identifier: EUPL-1.2
//! Which exit status and which hint each of the node's errors gets.

use std::io;
use std::path::Path;

use concert_protocol::roster::RosterError;

use crate::engine::RosterFileError;
use crate::journal::{JournalError, LockError};
use crate::keys::KeyError;
use crate::output::{Exit, Failure};
use crate::settings::SettingsError;

/// Wrong settings: each complaint is a cause.
pub(super) fn settings(error: SettingsError) -> Failure {
    let failure = Failure::new(Exit::Usage, "the settings cannot be used");
    let causes = error.0.iter().fold(failure, |failure, complaint| failure.cause(complaint.to_string()));
    causes.hint("concert config example explains every key")
}

/// A key or token file that was refused or not made.
pub(super) fn key(error: KeyError) -> Failure {
    let exit = match error {
        KeyError::Missing { .. } => Exit::NotFound,
        KeyError::Exists { .. } => Exit::Conflict,
        KeyError::Open { .. } => Exit::NotAllowed,
        KeyError::Malformed { .. } | KeyError::WrongPurpose { .. } => Exit::Integrity,
        _ => Exit::Failed,
    };
    Failure::of(exit, &error).maybe_hint(error.hint())
}

/// A file that could not be read or written.
pub(super) fn file(step: &str, path: &Path, error: io::Error) -> Failure {
    let exit = match error.kind() {
        io::ErrorKind::NotFound => Exit::NotFound,
        io::ErrorKind::AlreadyExists => Exit::Conflict,
        io::ErrorKind::PermissionDenied => Exit::NotAllowed,
        _ => Exit::Failed,
    };
    Failure::new(exit, format!("{step} {}", path.display())).because(error)
}

/// A durable write that failed.
pub(super) fn journal(error: JournalError) -> Failure {
    Failure::of(Exit::Failed, &error)
}

/// A data folder that another process holds.
pub(super) fn lock(error: LockError) -> Failure {
    let exit = if matches!(error, LockError::InUse { .. }) { Exit::Conflict } else { Exit::Failed };
    Failure::of(exit, &error)
}

/// A roster that was not read, signed or trusted.
pub(super) fn roster(error: RosterError) -> Failure {
    let exit = match error {
        RosterError::BadSignature(_)
        | RosterError::TooFewTrusted { .. }
        | RosterError::TooFewOwn { .. }
        | RosterError::SecondVersion { .. }
        | RosterError::OtherDigest { .. } => Exit::Integrity,
        RosterError::AlreadyTrusted(_)
        | RosterError::Rollback { .. }
        | RosterError::NotNext { .. }
        | RosterError::OtherFederation { .. }
        | RosterError::OtherPayload(..)
        | RosterError::DuplicateSignature(_)
        | RosterError::History { .. }
        | RosterError::KeyReuse { .. } => Exit::Conflict,
        _ => Exit::Failed,
    };
    Failure::of(exit, &error)
}

/// A roster version on disk.
pub(super) fn roster_file(error: RosterFileError) -> Failure {
    match error {
        RosterFileError::Missing(_) => Failure::of(Exit::NotFound, &error),
        RosterFileError::Invalid { path, source } => roster(source).cause(format!("in {path}")),
        RosterFileError::Read { path, source } => file("cannot read", &path, source),
        other => Failure::of(Exit::Failed, &other),
    }
}
