// SPDX-License-Identifier: EUPL-1.2
//! One hash over everything that members must agree on (spec 06-consolidation, "State digest").

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Consolidation;
use super::key::Ref;
use crate::encoding::hex_encode;
use crate::entry::EntryRef;
use crate::log::Hash;

/// First line of the text that is hashed.
const HEAD: &str = "concert state digest v1";

impl Consolidation {
    /// Equal for two members that applied the same entries, in whatever order, under the same rules and coordinators.
    ///
    /// It does not depend on the time that was told. Takes time in proportion to all there is.
    pub fn state_digest(&mut self) -> Hash {
        self.settle();
        let mut lines = self.content_lines();
        lines.extend(self.notice_lines());
        lines.extend(self.other_lines());
        lines.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(format!("{HEAD}\nrules {}\n", self.rules.digest_hex()));
        lines.into_iter().for_each(|line| hash.update(line));
        Hash::from_bytes(hash.finalize().into())
    }

    /// Each content with its members as they now read, and each case with its contents.
    fn content_lines(&self) -> Vec<[u8; 32]> {
        let mut lines = Vec::new();
        for (row, content) in self.contents.rows() {
            let mut line = String::from("content");
            for member in &content.members {
                let version = self.referrals.reading(*member);
                push(&mut line, self.referrals.lineage(*member).first.entry);
                push(&mut line, version.entry);
                let mut endorsements: Vec<Ref> =
                    self.referrals.endorsements_of(*member).map(|endorsement| endorsement.entry).collect();
                endorsements.sort_unstable();
                endorsements.into_iter().for_each(|endorsement| push(&mut line, endorsement));
            }
            lines.push(digest(&line));
            if self.contents.case_of(row) == Some(row) {
                let mut line = String::from("case");
                push(&mut line, self.case_name(row));
                for content in self.contents.of_case(row) {
                    push(&mut line, self.contents.content(content).age.1);
                }
                lines.push(digest(&line));
            }
        }
        lines
    }

    /// Each issued notice as it reads, with its answers and deliveries.
    fn notice_lines(&self) -> Vec<[u8; 32]> {
        let mut lines = Vec::new();
        for id in self.notices.by_id().keys() {
            let Some(mut view) = self.notice(id) else { continue };
            // Holds end by the clock, which members do not share.
            view.held.clear();
            let home = self.notices.row(id).and_then(|row| self.notices.home(row));
            let home = home.map(|(content, _)| self.contents.content(content).age.1.entry());
            lines.push(digest(&format!("notice {view:?} {home:?}")));
        }
        lines
    }

    /// Recipients, holds, contradictions.
    fn other_lines(&self) -> Vec<[u8; 32]> {
        let recipients = self.recipients().map(|view| format!("recipient {view:?}"));
        let holds = self.holds().into_iter().map(|view| format!("hold {view:?}"));
        let contradictions = self.contradictions().into_iter().map(|c| {
            let referrals: Vec<String> = c.referrals.iter().map(EntryRef::to_string).collect();
            format!("contradiction {} {} {}", hex_encode(&c.digest), c.size, referrals.join(" "))
        });
        recipients.chain(holds).chain(contradictions).map(|line| digest(&line)).collect()
    }
}

fn digest(line: &str) -> [u8; 32] {
    Sha256::digest(line).into()
}

fn push(line: &mut String, name: Ref) {
    // Writing to a string cannot fail.
    let _ = write!(line, " {}", name.entry());
}
