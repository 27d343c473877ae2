// SPDX-License-Identifier: EUPL-1.2
//! The live set: what the private journal's records come to. A pure function of them, in order.

use std::collections::{BTreeMap, HashMap, VecDeque};

use concert_protocol::time::Timestamp;

use super::draft::{Draft, DraftId, DraftState};
use super::reading::{LINES_KEPT_MAX, Reading};
use super::record::{Decoded, Record};
use super::token::{TokenId, TokenInfo};
use crate::journal::PrivateRecord;

/// What loading found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Tokens that are not revoked; some may have expired.
    pub tokens: usize,
    /// Drafts that wait.
    pub drafts_waiting: usize,
    /// Number of the newest line of the access log.
    pub readings_ever: u64,
    /// Records of access control that this version cannot read; worth an alarm.
    pub unreadable: usize,
}

#[derive(Default)]
pub(super) struct State {
    by_digest: HashMap<[u8; 32], TokenInfo>,
    digests: HashMap<TokenId, [u8; 32]>,
    drafts: BTreeMap<DraftId, Draft>,
    readings: VecDeque<Reading>,
}

impl State {
    pub(super) fn load(records: &[PrivateRecord]) -> (Self, LoadReport) {
        let mut state = Self::default();
        let mut unreadable = 0;
        for record in records {
            match Record::decode(record) {
                Decoded::Record(record) => state.apply(*record),
                Decoded::Other => {}
                Decoded::Unreadable => unreadable += 1,
            }
        }
        let report = LoadReport {
            tokens: state.tokens().filter(|token| token.revoked_at.is_none()).count(),
            drafts_waiting: state.open_drafts(),
            readings_ever: state.readings.back().map_or(0, |line| line.number),
            unreadable,
        };
        (state, report)
    }

    pub(super) fn apply(&mut self, record: Record) {
        match record {
            Record::TokenIssued { token, digest } => {
                self.digests.insert(token.id, digest);
                self.by_digest.insert(digest, token);
            }
            Record::TokenRevoked { id, at } => {
                if let Some(token) = self.digests.get(&id).and_then(|digest| self.by_digest.get_mut(digest)) {
                    token.revoked_at.get_or_insert(at);
                }
            }
            Record::DraftPut { draft } => {
                self.drafts.insert(draft.id, *draft);
            }
            Record::DraftDecided { id, decision } => {
                if let Some(draft) = self.drafts.get_mut(&id) {
                    draft.decide(decision);
                }
            }
            Record::Read { lines } => {
                self.readings.extend(lines);
                let surplus = self.readings.len().saturating_sub(LINES_KEPT_MAX);
                self.readings.drain(..surplus);
            }
        }
    }

    pub(super) fn token(&self, digest: &[u8; 32]) -> Option<&TokenInfo> {
        self.by_digest.get(digest)
    }

    pub(super) fn token_by_id(&self, id: TokenId) -> Option<&TokenInfo> {
        self.by_digest.get(self.digests.get(&id)?)
    }

    pub(super) fn tokens(&self) -> impl Iterator<Item = &TokenInfo> {
        self.by_digest.values()
    }

    pub(super) fn live_tokens(&self, now: Timestamp) -> usize {
        self.tokens().filter(|token| token.is_live(now)).count()
    }

    pub(super) fn draft(&self, id: &DraftId) -> Option<&Draft> {
        self.drafts.get(id)
    }

    pub(super) fn drafts(&self) -> impl Iterator<Item = &Draft> {
        self.drafts.values()
    }

    pub(super) fn open_drafts(&self) -> usize {
        self.drafts().filter(|draft| draft.state == DraftState::Waiting).count()
    }

    pub(super) fn readings(&self, before: Option<u64>, limit: usize) -> Vec<Reading> {
        let end = before
            .map_or(self.readings.len(), |before| self.readings.partition_point(|line| line.number < before));
        self.readings.range(..end).rev().take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::draft::{Decision, DraftError};
    use super::super::role::{Role, RoleName};
    use super::super::token::TokenSecret;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn issued() -> (TokenSecret, Record) {
        let secret = TokenSecret::random(RoleName::Analyst).expect("random bytes");
        let id = TokenId::random().expect("random bytes");
        let name = "Analyst 1".parse().expect("a name");
        let token =
            TokenInfo { id, name, role: Role::Analyst, issued_at: at(1), expires: None, revoked_at: None };
        let record = Record::TokenIssued { token, digest: secret.digest() };
        (secret, record)
    }

    fn line(number: u64) -> Reading {
        Reading {
            number,
            at: at(5),
            token: TokenId::random().expect("random bytes"),
            name: "A".parse().expect("a name"),
            role: Role::Analyst,
            action: "referral_read".into(),
            subject: "FR/0".into(),
            note: None,
        }
    }

    #[test]
    fn records_survive_the_journal_and_no_secret_is_in_them() {
        let (secret, record) = issued();
        let encoded = record.encode().expect("encoded");
        assert!(!String::from_utf8_lossy(&encoded.body).contains(&secret.text()[7..]));
        let (state, report) = State::load(&[encoded]);
        assert_eq!((report.tokens, report.unreadable), (1, 0));
        assert!(state.token(&secret.digest()).is_some_and(|token| token.is_live(at(2))));
    }

    #[test]
    fn a_revoked_token_stays_revoked_after_a_restart() {
        let (secret, record) = issued();
        let Record::TokenIssued { token, .. } = &record else { unreachable!("issued") };
        let revoked = Record::TokenRevoked { id: token.id, at: at(3) };
        let records = [record.encode().expect("encoded"), revoked.encode().expect("encoded")];
        let (state, _) = State::load(&records);
        assert_eq!(state.token(&secret.digest()).and_then(|token| token.revoked_at), Some(at(3)));
        assert_eq!(state.live_tokens(at(4)), 0);
    }

    #[test]
    fn later_versions_and_damage_are_counted_others_records_passed_over() {
        let (_, record) = issued();
        let mut later = record.encode().expect("encoded");
        later.body = String::from_utf8_lossy(&later.body).replacen("\"v\":1", "\"v\":2", 1).into_bytes();
        let torn = PrivateRecord { kind: super::super::record::kinds::READ, body: b"{".to_vec() };
        let other = PrivateRecord { kind: 99, body: b"not ours".to_vec() };
        let (_, report) = State::load(&[later, torn, other]);
        assert_eq!((report.tokens, report.unreadable), (0, 2));
    }

    #[test]
    fn the_access_log_keeps_the_newest_and_pages_backwards() {
        let mut state = State::default();
        state.apply(Record::Read { lines: (1..=LINES_KEPT_MAX as u64 + 5).map(line).collect() });
        let newest = state.readings(None, 2);
        assert_eq!(
            newest.iter().map(|line| line.number).collect::<Vec<_>>(),
            [LINES_KEPT_MAX as u64 + 5, LINES_KEPT_MAX as u64 + 4]
        );
        assert_eq!(state.readings(Some(8), 9).iter().map(|line| line.number).collect::<Vec<_>>(), [7, 6]);
    }

    #[test]
    fn the_author_never_decides_and_a_decision_stands() {
        let [author, second, third] = [(); 3].map(|()| TokenId::random().expect("random bytes"));
        let referral = crate::access::draft::tests_support::referral();
        let mut draft = Draft::new(referral, author, "A".parse().expect("a name"), at(1));
        let decision = |by, approved| Decision {
            approved,
            by,
            by_name: "B".parse().expect("a name"),
            at: at(2),
            reason: None,
        };
        assert_eq!(draft.check_decision(&decision(author, true)), Err(DraftError::OwnDraft));
        assert_eq!(draft.check_decision(&decision(second, true)), Ok(true));
        draft.decide(decision(second, true));
        assert_eq!(draft.check_decision(&decision(third, true)), Ok(false));
        assert_eq!(draft.check_decision(&decision(third, false)), Err(DraftError::Decided));
        let records = [Record::DraftPut { draft: Box::new(draft.clone()) }.encode().expect("encoded")];
        assert_eq!(State::load(&records).0.draft(&draft.id), Some(&draft));
    }
}
