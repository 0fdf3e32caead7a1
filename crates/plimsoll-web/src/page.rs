//! Lists in pages, each with a link to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plimsoll_store::FindingCursor;
use serde::Serialize;

use crate::links::Base;
use crate::parameters::Parameters;
use plimsoll_types::Generation;

/// A page of a list, as Azure has it: `value` is always an array, `nextLink` is there while there is more.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page<T> {
    pub(crate) value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_link: Option<String>,
}

impl<T> Page<T> {
    /// A list that fits on one page.
    pub(crate) fn whole(value: Vec<T>) -> Self {
        Self { value, next_link: None }
    }
}

/// The last row of a page: a list goes through the generations one after the other, through each in the order of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The generation in which the page ends.
    pub(crate) generation: Generation,
    /// The row.
    pub(crate) row: FindingCursor,
}

/// The form of the token. It goes up when the form changes; a token of another form is refused.
const FORM: u8 = 1;

impl Cursor {
    /// The cursor as a token. Base64url without padding, because the Python client decodes and encodes the query of a
    /// `nextLink` once more, and loses `+`, `/` and empty values on the way.
    pub(crate) fn to_token(self) -> String {
        let mut bytes = vec![FORM, self.generation as u8];
        for number in [self.row.image, self.row.package, self.row.vulnerability] {
            bytes.extend(number.to_be_bytes());
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cursor in a token; `None` where it is not one of ours.
    pub(crate) fn from_token(token: &str) -> Option<Self> {
        // Longer than any token: not worth decoding.
        if token.len() > 64 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let [FORM, generation, ref numbers @ ..] = bytes[..] else { return None };
        let generation = Generation::ALL.into_iter().find(|g| *g as u8 == generation)?;
        let (numbers, []) = numbers.as_chunks::<8>() else { return None };
        let &[image, package, vulnerability] = numbers else { return None };
        Some(Self {
            generation,
            row: FindingCursor {
                image: i64::from_be_bytes(image),
                package: i64::from_be_bytes(package),
                vulnerability: i64::from_be_bytes(vulnerability),
            },
        })
    }
}

/// The link to the page behind `last`, of the list that was asked for with this path.
pub(crate) fn next_link(base: &Base, path: &str, parameters: &Parameters, last: Cursor) -> String {
    let mut link = base.link(&format!(
        "/{}?api-version={}&$skipToken={}",
        path.trim_start_matches('/'),
        parameters.api_version,
        last.to_token()
    ));
    if let Some(top) = parameters.top {
        link.push_str(&format!("&$top={top}"));
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: Cursor = Cursor {
        generation: Generation::Second,
        row: FindingCursor { image: 7, package: i64::MAX, vulnerability: 0 },
    };

    #[test]
    fn a_token_survives_a_client_that_encodes_it_anew() {
        let token = CURSOR.to_token();
        assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{token}");
        assert_eq!(Cursor::from_token(&token), Some(CURSOR));
    }

    #[test]
    fn strangers_tokens_are_refused() {
        let token = CURSOR.to_token();
        let other_form = URL_SAFE_NO_PAD.encode([&[9, 1][..], &[0; 24]].concat());
        let other_generation = URL_SAFE_NO_PAD.encode([&[FORM, 9][..], &[0; 24]].concat());
        let too_long = URL_SAFE_NO_PAD.encode([&[FORM, 1][..], &[0; 32]].concat());
        let huge = "A".repeat(100_000);
        for bad in ["", "YTE", "!", &token[1..], &other_form, &other_generation, &too_long, &huge] {
            assert_eq!(Cursor::from_token(bad), None, "{bad}");
        }
    }
}
