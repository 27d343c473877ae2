// SPDX-License-Identifier: EUPL-1.2
//! Which records belong into one case, worked out from the truth and the captured hashes by the plainest means.
//!
//! It shares no code with the consolidation beyond the distance of two pictures, so that one can be held against the
//! other: contents are records joined by their item or an equal SHA-256; cases are stars around the earliest content.

use concert_protocol::content::{RatedPdq, near};

use crate::units::Record;

/// What belongs together.
pub(crate) struct Oracle {
    /// Case of each record, by its anchor content.
    pub(crate) case: Vec<usize>,
    /// What each record would belong to if near pictures were followed from one to the next, whatever the anchor.
    pub(crate) chain: Vec<usize>,
}

impl Oracle {
    /// Groups records. `age` orders them: what decides which content anchors a case.
    pub(crate) fn new<A: Ord + Clone>(records: &[Record], age: &[A]) -> Self {
        let content = contents(records);
        let mut oldest: Vec<Option<A>> = vec![None; records.len()];
        for (record, content) in content.iter().enumerate() {
            let best = &mut oldest[*content];
            if best.as_ref().is_none_or(|best| age[record] < *best) {
                *best = Some(age[record].clone());
            }
        }
        let mut order: Vec<usize> = (0..records.len()).filter(|content| oldest[*content].is_some()).collect();
        order.sort_by(|a, b| oldest[*a].cmp(&oldest[*b]));
        let pictures = pictures(records, &content);
        let mut anchor_of: Vec<Option<usize>> = vec![None; records.len()];
        for (place, anchor) in order.iter().enumerate() {
            if anchor_of[*anchor].is_some() {
                continue;
            }
            anchor_of[*anchor] = Some(*anchor);
            for other in &order[place + 1..] {
                if anchor_of[*other].is_none() && are_near(&pictures[*anchor], &pictures[*other]) {
                    anchor_of[*other] = Some(*anchor);
                }
            }
        }
        let case =
            content.iter().map(|content| anchor_of[*content].expect("every content has a case")).collect();
        let chain = chains(&content, &order, &pictures);
        Self { case, chain }
    }
}

/// Records joined by item or SHA-256, each named by the lowest record of its set.
fn contents(records: &[Record]) -> Vec<usize> {
    let mut sets = Sets((0..records.len()).collect());
    let (mut by_item, mut by_file) = (std::collections::HashMap::new(), std::collections::HashMap::new());
    for (number, record) in records.iter().enumerate() {
        sets.join(*by_item.entry(record.item).or_insert(number), number);
        for file in record.files() {
            sets.join(*by_file.entry(file).or_insert(number), number);
        }
    }
    (0..records.len()).map(|record| sets.find(record)).collect()
}

/// Contents joined through any number of near pictures.
fn chains(content: &[usize], all: &[usize], pictures: &[Vec<RatedPdq>]) -> Vec<usize> {
    let mut sets = Sets((0..content.len()).collect());
    for (place, one) in all.iter().enumerate().filter(|(_, one)| !pictures[**one].is_empty()) {
        for other in &all[place + 1..] {
            if are_near(&pictures[*one], &pictures[*other]) {
                sets.join(*one, *other);
            }
        }
    }
    content.iter().map(|content| sets.find(*content)).collect()
}

/// The pictures of each content.
fn pictures(records: &[Record], content: &[usize]) -> Vec<Vec<RatedPdq>> {
    let mut pictures: Vec<Vec<RatedPdq>> = vec![Vec::new(); records.len()];
    for (record, content) in records.iter().zip(content) {
        for picture in record.pictures() {
            if !pictures[*content].contains(&picture) {
                pictures[*content].push(picture);
            }
        }
    }
    pictures
}

/// Whether any picture of one is a copy of any of the other.
pub(crate) fn are_near(some: &[RatedPdq], others: &[RatedPdq]) -> bool {
    some.iter().any(|one| others.iter().any(|other| near(one, other).is_some()))
}

/// Disjoint sets.
struct Sets(Vec<usize>);

impl Sets {
    fn find(&mut self, mut member: usize) -> usize {
        while self.0[member] != member {
            self.0[member] = self.0[self.0[member]];
            member = self.0[member];
        }
        member
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        let (low, high) = (a.min(b), a.max(b));
        self.0[high] = low;
    }
}
