// SPDX-License-Identifier: EUPL-1.2
//! One record with its values reachable by the profile's columns, whichever format it came in.

use std::borrow::Cow;

use super::json::Json;
use super::problem::Reason;
use super::profile::Column;

/// The decoded values of one record.
pub(super) enum Row<'a> {
    /// The cells of a line, and where each of the profile's columns stands among them.
    Cells { cells: Vec<Cow<'a, str>>, places: &'a [Option<usize>] },
    /// A JSON object.
    Object(&'a Json),
}

impl Row<'_> {
    /// The values of a column, trimmed, the empty ones left out.
    pub(super) fn values(&self, number: usize, column: &Column) -> Result<Vec<&str>, Reason> {
        match self {
            Self::Cells { cells, places } => {
                let cell = places.get(number).copied().flatten().and_then(|place| cells.get(place));
                Ok(cell.map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).into_iter().collect())
            }
            Self::Object(object) => match find(object, &column.path)? {
                Some(Json::List(values)) => {
                    let values: Result<Vec<_>, _> = values.iter().map(scalar).collect();
                    Ok(values?.into_iter().flatten().collect())
                }
                Some(value) => Ok(scalar(value)?.into_iter().collect()),
                None => Ok(Vec::new()),
            },
        }
    }
}

fn find<'j>(object: &'j Json, path: &[String]) -> Result<Option<&'j Json>, Reason> {
    let mut at = object;
    for key in path {
        match at {
            Json::Map(_) => match at.get(key) {
                Some(value) => at = value,
                None => return Ok(None),
            },
            Json::Null => return Ok(None),
            other => return Err(Reason::Shape { found: other.kind() }),
        }
    }
    Ok(Some(at))
}

fn scalar(value: &Json) -> Result<Option<&str>, Reason> {
    match value {
        Json::Null => Ok(None),
        Json::Scalar(text) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Json::Inexact => Err(Reason::JsonNumber),
        other => Err(Reason::Shape { found: other.kind() }),
    }
}

/// Whether an object has a key at the path, be its value null.
pub(super) fn has_path(object: &Json, path: &[String]) -> bool {
    path.iter().try_fold(object, |at, key| at.get(key)).is_some()
}
