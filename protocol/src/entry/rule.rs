// SPDX-License-Identifier: EUPL-1.2
//! Rules between the fields of a body, in the form that several kinds share.

use std::collections::BTreeSet;

use super::envelope::EntryError;
use super::id::EntryRef;
use crate::member::MemberId;

/// The refusal of a broken rule.
pub(crate) fn broken(field: &'static str, rule: &'static str) -> Result<(), EntryError> {
    Err(EntryError::Rule { field, rule })
}

/// No value appears twice in the list `field`.
pub(crate) fn each_once<T: Ord>(
    field: &'static str,
    values: impl IntoIterator<Item = T>,
) -> Result<(), EntryError> {
    let mut seen = BTreeSet::new();
    if values.into_iter().all(|value| seen.insert(value)) {
        Ok(())
    } else {
        broken(field, "each value at most once")
    }
}

/// `field` names an entry of `author`: only who wrote it may speak for it.
pub(crate) fn own(field: &'static str, entry: &EntryRef, author: &MemberId) -> Result<(), EntryError> {
    if entry.author == *author { Ok(()) } else { broken(field, "must be an entry of the same author") }
}
