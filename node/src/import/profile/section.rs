// SPDX-License-Identifier: EUPL-1.2
//! A table of a profile that knows its place, so that every complaint names file, line and key.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ProfileError, ProfileFault};

/// The text that is being read.
#[derive(Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
}

impl Source<'_> {
    pub(super) fn line(self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1
    }

    pub(super) fn fault(self, at: usize, key: String, fault: ProfileFault) -> ProfileError {
        ProfileError::Key { file: self.file.to_owned(), line: self.line(at), key, fault: Box::new(fault) }
    }
}

/// One table.
pub(super) struct Section<'t> {
    source: Source<'t>,
    path: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
}

/// One value and where it stands.
pub(super) struct Entry<'t> {
    source: Source<'t>,
    path: String,
    value: &'t Spanned<DeValue<'t>>,
}

impl<'t> Section<'t> {
    /// Refuses every key that is not among `known`.
    pub(super) fn open(
        source: Source<'t>,
        path: String,
        span: Range<usize>,
        table: &'t DeTable<'t>,
        known: &[&str],
    ) -> Result<Self, ProfileError> {
        let section = Self { source, path, span, table };
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let fault = ProfileFault::unknown_key(name, known);
                return Err(source.fault(key.span().start, section.key(name), fault));
            }
        }
        Ok(section)
    }

    fn key(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The value of a key.
    pub(super) fn entry(&self, name: &str) -> Option<Entry<'t>> {
        let (_, value) = self.table.iter().find(|(key, _)| key.get_ref() == name)?;
        Some(Entry { source: self.source, path: self.key(name), value })
    }

    /// Every key with its value.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'t str, Entry<'t>)> + '_ {
        self.table.iter().map(|(key, value)| {
            let name: &str = key.get_ref();
            (name, Entry { source: self.source, path: self.key(name), value })
        })
    }

    /// The value of a key that must be there.
    pub(super) fn required(&self, name: &str, why: &'static str) -> Result<Entry<'t>, ProfileError> {
        self.entry(name).ok_or_else(|| self.missing(name, why))
    }

    pub(super) fn missing(&self, name: &str, why: &'static str) -> ProfileError {
        self.source.fault(self.span.start, self.key(name), ProfileFault::Missing { why })
    }

    /// Text under a key, if the key is there.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'t str>, ProfileError> {
        self.entry(name).map(|entry| entry.text()).transpose()
    }

    /// `true` or `false` under a key; `false` if it is not there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ProfileError> {
        self.entry(name).map_or(Ok(false), |entry| {
            entry.value.get_ref().as_bool().ok_or_else(|| entry.wrong_type("true or false"))
        })
    }
}

impl<'t> Entry<'t> {
    pub(super) fn fault(&self, fault: ProfileFault) -> ProfileError {
        self.source.fault(self.value.span().start, self.path.clone(), fault)
    }

    pub(super) fn value_fault(&self, reason: impl ToString) -> ProfileError {
        self.fault(ProfileFault::Value { reason: reason.to_string() })
    }

    pub(super) fn wrong_type(&self, wanted: &'static str) -> ProfileError {
        self.fault(ProfileFault::WrongType { found: self.value.get_ref().type_str(), wanted })
    }

    pub(super) fn text(&self) -> Result<&'t str, ProfileError> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong_type("a text"))
    }

    /// A text, a whole number or a truth value, as a text.
    pub(super) fn scalar(&self) -> Result<String, ProfileError> {
        scalar(self.value.get_ref()).ok_or_else(|| self.wrong_type("a text or a number"))
    }

    /// One scalar or a list of them.
    pub(super) fn scalars(&self) -> Result<Vec<String>, ProfileError> {
        match self.value.get_ref().as_array() {
            None => Ok(vec![self.scalar()?]),
            Some(values) => values
                .iter()
                .map(|value| scalar(value.get_ref()).ok_or_else(|| self.wrong_type("a list of texts")))
                .collect(),
        }
    }

    /// The keys of a path: one text, taken apart by `split`, or a list of texts, taken as they are.
    pub(super) fn path(&self, split: bool) -> Result<Vec<String>, ProfileError> {
        let path = match self.value.get_ref().as_array() {
            Some(_) => self.scalars()?,
            None if split => self.text()?.split('.').map(str::to_owned).collect(),
            None => vec![self.text()?.to_owned()],
        };
        if path.is_empty() || path.iter().any(String::is_empty) {
            return Err(self.value_fault("is empty; name a column or a key of the export"));
        }
        Ok(path)
    }

    /// The table under this key.
    pub(super) fn section(&self, known: &[&str]) -> Result<Section<'t>, ProfileError> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Section::open(self.source, self.path.clone(), self.value.span(), table, known)
    }

    /// The table under this key, whatever its keys.
    pub(super) fn open_section(&self) -> Result<Section<'t>, ProfileError> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Ok(Section { source: self.source, path: self.path.clone(), span: self.value.span(), table })
    }

    /// The tables under this key.
    pub(super) fn sections(&self, known: &[&str]) -> Result<Vec<Section<'t>>, ProfileError> {
        let values = self.value.get_ref().as_array().ok_or_else(|| self.wrong_type("a list of tables"))?;
        let one = |(i, value): (usize, &'t Spanned<DeValue<'t>>)| {
            Entry { source: self.source, path: format!("{}[{}]", self.path, i + 1), value }.section(known)
        };
        values.iter().enumerate().map(one).collect()
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        DeValue::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}
