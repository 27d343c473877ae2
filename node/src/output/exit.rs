// SPDX-License-Identifier: EUPL-1.2
//! With which status the program ends.

/// The exit statuses, the same for every command. `check --exit-status` adds its own, from 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Not done, for a reason without a status of its own.
    Failed = 1,
    /// The command line or the settings cannot be understood.
    Usage = 2,
    /// What was named does not exist, or not for this user.
    NotFound = 3,
    /// Not signed in, or not allowed.
    NotAllowed = 4,
    /// In conflict with what is there, or a precondition does not hold.
    Conflict = 5,
    /// The node cannot be reached or did not answer in time.
    Unreachable = 6,
    /// A signature or a hash does not hold.
    Integrity = 7,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl Exit {
    /// The status as a number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What an HTTP status means for the caller.
    pub fn of_http_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::NotAllowed,
            404 | 410 => Self::NotFound,
            409 | 412 | 422 | 428 => Self::Conflict,
            408 | 429 | 502 | 503 | 504 => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

/// The statuses as `--help` lists them.
pub const EXIT_HELP: &str = "\
Exit status:
  0 done                 4 not signed in or not allowed   7 a signature or hash does not hold
  1 failed               5 conflict or precondition     130 interrupted
  2 usage or settings    6 node unreachable or too slow
  3 not found";
