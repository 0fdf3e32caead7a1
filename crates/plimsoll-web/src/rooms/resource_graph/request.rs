//! What a client asks for, and what is meant by it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The most rows of a page, and of a facet.
const LARGEST_PAGE: u64 = 1000;
/// Subscriptions that one request may name.
const MOST_SUBSCRIPTIONS: usize = 10_000;
/// Facets of one request: each is a query of its own.
const MOST_FACETS: usize = 10;
/// From this version on rows are objects where nothing else is asked for.
const OBJECTS_SINCE: &str = "2021-03-01";
/// From this version on the table format knows instants.
const INSTANTS_SINCE: &str = "2022-10-01";

/// How the tables are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settings {
    /// Whether `securityresources` has the rows of the first generation beside those of the second. With them, every finding
    /// counts twice in a query that does not look at the assessment.
    pub both_generations: bool,
}

/// The body.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QueryRequest {
    query: String,
    #[serde(default)]
    subscriptions: Option<Vec<String>>,
    #[serde(default)]
    management_groups: Option<Vec<String>>,
    #[serde(default)]
    options: Option<Options>,
    #[serde(default)]
    facets: Option<Vec<FacetRequest>>,
}

#[derive(Debug, Default, Deserialize)]
struct Options {
    #[serde(rename = "$top", default)]
    top: Option<i64>,
    #[serde(rename = "$skip", default)]
    skip: Option<i64>,
    #[serde(rename = "$skipToken", default)]
    skip_token: Option<String>,
    #[serde(rename = "resultFormat", default)]
    result_format: Option<Format>,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Format {
    #[serde(rename = "objectArray")]
    Objects,
    #[serde(rename = "table")]
    Table,
}

#[derive(Debug, Deserialize)]
struct FacetRequest {
    expression: String,
    #[serde(default)]
    options: Option<FacetOptions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FacetOptions {
    #[serde(default)]
    sort_by: Option<String>,
    #[serde(default)]
    sort_order: Option<Order>,
    #[serde(default)]
    filter: Option<String>,
    #[serde(rename = "$top", default)]
    top: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Order {
    #[serde(rename = "asc", alias = "Asc")]
    Rising,
    #[serde(rename = "desc", alias = "Desc")]
    Falling,
}

/// A request, understood.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: String,
    /// In lower case; `None`: all that the caller may see.
    pub(super) subscriptions: Option<Vec<String>>,
    pub(super) skip: u64,
    pub(super) top: u64,
    pub(super) format: Format,
    /// Whether the table format calls an instant one, or a text.
    pub(super) knows_instants: bool,
    pub(super) facets: Vec<Facet>,
    /// Of query and scope: a token goes on with the same ones only.
    mark: String,
}

/// A facet: a query of its own over the query's answer.
#[derive(Debug)]
pub(super) struct Facet {
    pub(super) expression: String,
    /// `None` where the expression is no path.
    pub(super) query: Option<String>,
    pub(super) top: u64,
}

/// Where the next page begins.
#[derive(Debug, Serialize, Deserialize)]
struct SkipToken {
    /// The rows before it.
    o: u64,
    /// Rows of a page.
    t: u64,
    m: String,
}

impl QueryRequest {
    /// What is meant, or what is wrong with it.
    pub(super) fn understand(self, version: &str) -> Result<Asked, Error> {
        let bad = |message: String| Err(Error::bad_request("BadRequest", message));
        if self.query.trim().is_empty() {
            return bad("query in the body of the request is empty".to_owned());
        }
        let named = self.subscriptions.unwrap_or_default();
        if !named.is_empty() && self.management_groups.as_ref().is_some_and(|groups| !groups.is_empty()) {
            return bad("a query names subscriptions or managementGroups, not both".to_owned());
        }
        if named.len() > MOST_SUBSCRIPTIONS {
            return bad(format!("a query names at most {MOST_SUBSCRIPTIONS} subscriptions"));
        }
        // There is one tenant with one hierarchy, so that a management group is everything.
        let subscriptions = (!named.is_empty()).then(|| {
            let mut all: Vec<String> = named.iter().map(|id| id.trim().to_ascii_lowercase()).collect();
            all.sort();
            all
        });
        let options = self.options.unwrap_or_default();
        let mark = mark(&self.query, subscriptions.as_deref());
        let token = options.skip_token.filter(|token| !token.is_empty()).map(|token| read(&token, &mark));
        let token = token.transpose()?;
        let top = match options.top {
            None => token.as_ref().map_or(LARGEST_PAGE, |token| token.t),
            Some(top) => page_size("options.$top", top)?,
        };
        let skip = match options.skip {
            None => token.as_ref().map_or(0, |token| token.o),
            Some(skip) => u64::try_from(skip).map_err(|_| {
                let message =
                    format!("options.$skip must be a whole number that is not negative, found {skip}");
                Error::bad_request("BadRequest", message)
            })?,
        };
        let facets = self.facets.unwrap_or_default();
        if facets.len() > MOST_FACETS {
            return bad(format!("a query has at most {MOST_FACETS} facets"));
        }
        let facets =
            facets.into_iter().map(|facet| facet.understand(&self.query)).collect::<Result<_, _>>()?;
        let default = if version < OBJECTS_SINCE { Format::Table } else { Format::Objects };
        Ok(Asked {
            query: self.query,
            subscriptions,
            skip,
            top,
            format: options.result_format.unwrap_or(default),
            knows_instants: version >= INSTANTS_SINCE,
            facets,
            mark,
        })
    }
}

impl FacetRequest {
    fn understand(self, query: &str) -> Result<Facet, Error> {
        let options = self.options.unwrap_or_default();
        let top = options.top.map_or(Ok(LARGEST_PAGE), |top| page_size("facets.options.$top", top))?;
        let by = self.expression.trim();
        let is_path = |text: &str| {
            !text.is_empty()
                && text.split('.').all(|part| {
                    part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                        && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                })
        };
        let sort = options.sort_by.as_deref().map(str::trim).unwrap_or("count");
        let sort =
            if sort.eq_ignore_ascii_case("count") { "['count']".to_owned() } else { sort.replace('.', "_") };
        let order = if options.sort_order == Some(Order::Rising) { "asc" } else { "desc" };
        let filter = options.filter.filter(|filter| !filter.trim().is_empty());
        let filter = filter.map(|filter| format!("\n| where {filter}")).unwrap_or_default();
        // A comment may end the query; what follows stands on a line of its own.
        let query = is_path(by).then(|| {
            format!(
                "{}{filter}\n| summarize ['count'] = count() by {by}\n| order by {sort} {order}",
                query.trim_end().trim_end_matches(';')
            )
        });
        Ok(Facet { expression: self.expression, query, top })
    }
}

impl Asked {
    /// The token of the page behind `rows` rows.
    pub(super) fn token_at(&self, rows: u64) -> String {
        let token = SkipToken { o: rows, t: self.top, m: self.mark.clone() };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap_or_default())
    }
}

fn page_size(name: &str, size: i64) -> Result<u64, Error> {
    let fits = u64::try_from(size).ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
    fits.ok_or_else(|| {
        let message = format!("{name} must be a whole number from 1 to {LARGEST_PAGE}, found {size}");
        Error::bad_request("BadRequest", message)
    })
}

fn read(token: &str, mark: &str) -> Result<SkipToken, Error> {
    let bad = |message: &str| Error::bad_request("InvalidSkipToken", message);
    let not_ours = "options.$skipToken is not a token that an answer had";
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() < 512);
    let read: Option<SkipToken> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let read = read.filter(|token| (1..=LARGEST_PAGE).contains(&token.t)).ok_or_else(|| bad(not_ours))?;
    if read.m != mark {
        return Err(bad(
            "options.$skipToken belongs to another query, or to the same one over other subscriptions",
        ));
    }
    Ok(read)
}

/// A short text that another query or scope hardly has (FNV-1a): it keeps clients from mixing up their tokens, no more.
fn mark(query: &str, subscriptions: Option<&[String]>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let scope = subscriptions.map(|all| all.join(",")).unwrap_or_default();
    for byte in query.bytes().chain([0]).chain(scope.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:x}")
}
