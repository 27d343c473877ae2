// SPDX-License-Identifier: EUPL-1.2
//! Alarms: what people must look at. Kept in memory within a bound; evidence against a log's author is kept as files.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use concert_protocol::time::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::journal::replace_file;

/// Alarms kept for `status` and the API; older ones are in the log.
const ALARMS_MAX: usize = 500;

/// One alarm.
#[derive(Clone, Debug, Serialize)]
pub struct RaisedAlarm {
    /// When this node noticed.
    pub at: Timestamp,
    /// A stable word, such as `equivocation` or `silent`.
    pub code: &'static str,
    /// A sentence with what and who.
    pub message: String,
}

/// The newest alarms.
pub struct AlarmLog {
    recent: Mutex<VecDeque<RaisedAlarm>>,
    evidence: PathBuf,
}

impl AlarmLog {
    /// Keeps evidence in the folder `evidence`.
    pub fn new(evidence: PathBuf) -> Self {
        Self { recent: Mutex::default(), evidence }
    }

    /// Raises an alarm: in the log at once, and in the list.
    pub fn raise(&self, at: Timestamp, code: &'static str, message: String) {
        tracing::error!(code, message, "alarm");
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == ALARMS_MAX {
            recent.pop_front();
        }
        recent.push_back(RaisedAlarm { at, code, message });
    }

    /// The alarms, newest last.
    pub fn recent(&self) -> Vec<RaisedAlarm> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Keeps evidence durably under its digest; the same evidence twice is one file.
    pub fn keep_evidence(&self, evidence: &[u8]) -> Option<PathBuf> {
        let name = format!("equivocation-{}.json", &hex::encode(Sha256::digest(evidence))[..16]);
        let path = self.evidence.join(name);
        if path.exists() {
            return Some(path);
        }
        match std::fs::create_dir_all(&self.evidence)
            .map_err(|e| e.to_string())
            .and_then(|()| replace_file(&path, evidence).map_err(|e| e.to_string()))
        {
            Ok(()) => Some(path),
            Err(error) => {
                tracing::error!(%error, "evidence could not be kept");
                None
            }
        }
    }
}
