// SPDX-License-Identifier: EUPL-1.2
//! Paging by cursor: `limit` and an opaque `cursor` in, `next` and a `Link` header (RFC 8288) out.
//!
//! A cursor says where the next page begins and nothing else; it opens nothing that the caller may not see anyway.

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use concert_protocol::encoding::{base64url_decode, base64url_encode};
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Code, Problem};

/// Most records on one page.
pub const PAGE_MAX: usize = 500;
/// Records on a page when nothing is asked for.
const PAGE_DEFAULT: usize = 100;

/// The bounds of a page, from `limit`.
///
/// # Errors
///
/// `Malformed` for 0 and above [`PAGE_MAX`].
pub(super) fn limit(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(PAGE_DEFAULT),
        Some(limit) if (1..=PAGE_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::new(Code::Malformed, format!("limit: expected 1 to {PAGE_MAX}"))),
    }
}

/// Makes a cursor of a key.
pub(super) fn cursor_of(key: &[u8]) -> String {
    base64url_encode(key)
}

/// The key in a cursor.
///
/// # Errors
///
/// `Malformed` for a text that [`cursor_of`] did not make.
pub(super) fn key_of(cursor: Option<&str>) -> Result<Option<Vec<u8>>, Problem> {
    cursor.map(|text| base64url_decode(text.as_bytes()).ok_or_else(foreign_cursor)).transpose()
}

/// The text form of a key, for lists that are ordered by names.
///
/// # Errors
///
/// `Malformed`.
pub(super) fn name_of<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>, Problem> {
    let name = |key: Vec<u8>| std::str::from_utf8(&key).ok()?.parse().ok();
    key_of(cursor)?.map(|key| name(key).ok_or_else(foreign_cursor)).transpose()
}

/// The answer to a cursor from elsewhere.
pub(super) fn foreign_cursor() -> Problem {
    Problem::new(Code::Malformed, "cursor: not one that this list gave; begin again without a cursor")
}

/// One page.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The records.
    pub items: Vec<T>,
    /// Cursor of the next page; absent on the last one. A page may hold fewer records than asked for, even none, and
    /// still have a next one: go on until it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T: Serialize> Page<T> {
    /// The response, with a `Link` to the next page of the same list.
    pub(super) fn respond(self, uri: &Uri) -> Response {
        let link = self.next.as_ref().and_then(|next| HeaderValue::from_str(&link(uri, next)).ok());
        let mut response = Json(self).into_response();
        if let Some(link) = link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

fn link(uri: &Uri, next: &str) -> String {
    let others = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty() && !part.starts_with("cursor="));
    let query: String = others.flat_map(|part| [part, "&"]).collect();
    format!("<{}?{query}cursor={next}>; rel=\"next\"", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_others_are_refused() {
        assert_eq!(
            key_of(Some(&cursor_of(b"\x00key\xff"))).expect("a cursor"),
            Some(b"\x00key\xff".to_vec())
        );
        assert!(key_of(Some("not base64url!")).is_err());
        assert!(name_of::<concert_protocol::entry::NoticeId>(Some(&cursor_of(b"N-1"))).is_err());
    }

    #[test]
    fn the_link_keeps_the_filters() {
        let uri: Uri = "/api/v1/referrals?member=FR&cursor=old&limit=2".parse().expect("a path");
        assert_eq!(link(&uri, "new"), "</api/v1/referrals?member=FR&limit=2&cursor=new>; rel=\"next\"");
    }

    #[test]
    fn limits_are_kept() {
        assert_eq!(limit(None).ok(), Some(PAGE_DEFAULT));
        for (asked, granted) in [(0, None), (1, Some(1)), (500, Some(500)), (501, None)] {
            assert_eq!(limit(Some(asked)).ok(), granted);
        }
    }
}
