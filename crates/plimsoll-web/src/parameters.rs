//! What a query string asks for.
//!
//! Clients in the field send very different versions for the same resource, previews of next year among them, so a
//! version only has to look like one. The answer does not depend on it.

use axum::extract::Query;
use http::Uri;

use crate::error::Error;

/// The most rows that a page has, and how many it has where nobody asks for fewer.
pub(crate) const LARGEST_PAGE: usize = 1000;

/// The query, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// `api-version`, as it came.
    pub(crate) api_version: String,
    /// `$top`, where it was given: rows on a page.
    pub(crate) top: Option<usize>,
    /// `$skiptoken`: where the page begins. Each list reads its own.
    pub(crate) skip_token: Option<String>,
    /// Whether `$expand` names `metadata`. It may name `links` too, which are always there.
    pub(crate) expand_metadata: bool,
    /// All of it, in order, decoded.
    pairs: Vec<(String, String)>,
}

impl Parameters {
    /// Reads the query of a request. The names of parameters have no case. Resource Manager's own paths need a version.
    pub(crate) fn parse(uri: &Uri, needs_version: bool) -> Result<Self, Error> {
        let pairs =
            Query::<Vec<(String, String)>>::try_from_uri(uri).map(|query| query.0).unwrap_or_default();
        let get = |wanted: &str| {
            pairs.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
        };
        let api_version = match get("api-version") {
            None | Some("") if needs_version => return Err(Error::MissingApiVersion),
            None | Some("") => String::new(),
            Some(version) if looks_like_a_version(version) => version.to_owned(),
            Some(other) => return Err(Error::InvalidApiVersion(other.to_owned())),
        };
        let invalid = |name, expected, found: &str| {
            Err(Error::InvalidParameter { name, expected, found: found.chars().take(100).collect() })
        };
        let top = match get("$top").map(|text| (text, text.parse())) {
            None => None,
            Some((_, Ok(top))) if (1..=LARGEST_PAGE).contains(&top) => Some(top),
            Some((text, _)) => return invalid("$top", "a whole number from 1 to 1000", text),
        };
        let skip_token = get("$skiptoken").map(str::to_owned);
        let mut expand_metadata = false;
        for word in get("$expand").unwrap_or_default().split(',').map(str::trim) {
            match word.to_ascii_lowercase().as_str() {
                "metadata" => expand_metadata = true,
                // What lists of resources can tell besides; az asks for all of it.
                "createdtime" | "changedtime" | "provisioningstate" => {}
                "links" | "definition" | "" => {}
                _ => return invalid("$expand", "links, metadata or definition", word),
            }
        }
        Ok(Self { api_version, top, skip_token, expand_metadata, pairs })
    }

    /// The first value of any other parameter, whatever the case of its name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// `2021-06-01`, `2019-01-01-preview`, `2026-09-01-privatepreview.2`.
fn looks_like_a_version(text: &str) -> bool {
    let (Some(date), Some(suffix)) = (text.get(..10), text.get(10..)) else { return false };
    let is_date = date.bytes().enumerate().all(|(at, b)| match at {
        4 | 7 => b == b'-',
        _ => b.is_ascii_digit(),
    });
    let is_suffix = match suffix.strip_prefix('-') {
        Some(word) => {
            (1..=32).contains(&word.len())
                && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
        }
        None => suffix.is_empty(),
    };
    is_date && is_suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Parameters, Error> {
        Parameters::parse(&format!("/x?{query}").parse().unwrap(), true)
    }

    #[test]
    fn any_version_that_looks_like_one_is_taken() {
        for version in ["2019-01-01-preview", "2021-06-01", "2031-12-31-Preview", "2026-09-01-beta.2"] {
            assert_eq!(parse(&format!("API-Version={version}")).unwrap().api_version, version);
        }
        assert!(matches!(parse(""), Err(Error::MissingApiVersion)));
        assert!(matches!(parse("api-version="), Err(Error::MissingApiVersion)));
        for version in
            ["latest", "2021-06-0", "2021-06-01preview", "2021-06-01-", "2021-06-01-a%20b", "%C3%A9021-06-01"]
        {
            assert!(
                matches!(parse(&format!("api-version={version}")), Err(Error::InvalidApiVersion(_))),
                "{version}"
            );
        }
    }

    #[test]
    fn pages_have_one_to_a_thousand_rows() {
        let top = |text: &str| parse(&format!("api-version=2021-06-01&%24top={text}")).map(|p| p.top);
        assert_eq!(top("1").unwrap(), Some(1));
        assert_eq!(top("1000").unwrap(), Some(1000));
        for bad in ["0", "1001", "-1", "x", "", "99999999999999999999"] {
            assert!(matches!(top(bad), Err(Error::InvalidParameter { name: "$top", .. })), "{bad}");
        }
    }

    #[test]
    fn expansions_are_named_or_refused() {
        let expand =
            |text: &str| parse(&format!("api-version=2021-06-01&$expand={text}")).map(|p| p.expand_metadata);
        assert!(expand("metadata").unwrap());
        assert!(expand("links,Metadata").unwrap());
        assert!(!expand("links").unwrap());
        assert!(matches!(expand("everything"), Err(Error::InvalidParameter { name: "$expand", .. })));
    }
}
