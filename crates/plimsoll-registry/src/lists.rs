//! Lists: the tags of a repository, the repositories, the referrers of a manifest. All are paged the same way: `n` at most,
//! behind `last`, and a `Link` to the next page where there is one.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::response::Response;
use http::{StatusCode, header, response};
use plimsoll_store::Referrer;
use plimsoll_types::access::Verb;
use plimsoll_types::manifest::{MAX_MANIFEST_BYTES, media};
use plimsoll_types::{Digest, Manifest, Reference, RepositoryName, Tag};
use serde::Serialize;

use crate::Registry;
use crate::access::Visit;
use crate::answers::OCI_FILTERS_APPLIED;
use crate::errors::{Error, Kind};
use crate::routes::Query;

/// Some clients do not follow `Link` on tags; so a page holds all that any sane repository has. It is one short of what the
/// store gives at once, since one more is always asked for, to see whether there is a next page.
const TAGS: PageSize = PageSize { usual: 9_999, most: 9_999 };
const REPOSITORIES: PageSize = PageSize { usual: 100, most: 1000 };
/// Each may carry annotations, so the pages are small.
const REFERRERS: PageSize = PageSize { usual: 100, most: 100 };

/// `GET …/tags/list`
pub(crate) async fn tags(
    registry: &Registry,
    repository: &RepositoryName,
    query: &Query,
) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Tags<'a> {
        name: &'a str,
        tags: &'a [Tag],
    }
    let n = TAGS.asked(query)?;
    let found = registry.store.tags(repository, query.first("last"), n + 1).await?;
    let found =
        found.ok_or_else(|| Error::new(Kind::NameUnknown, format!("there is no repository {repository}")))?;
    let (page, next) = cut(&found, n);
    let next = next.map(|last| format!("/v2/{repository}/tags/list?n={n}&last={last}"));
    answer(Response::builder(), "application/json", next, &Tags { name: repository.as_str(), tags: page })
}

/// `GET /v2/_catalog`: the repositories that the caller may see.
pub(crate) async fn repositories(visit: &Visit, query: &Query) -> Result<Response, Error> {
    #[derive(Serialize)]
    struct Catalog<'a> {
        repositories: &'a [RepositoryName],
    }
    let n = REPOSITORIES.asked(query)?;
    let (page, next) = seen_repositories(visit, query.first("last"), n).await?;
    let next = next.map(|last| format!("/v2/_catalog?n={n}&last={last}"));
    answer(Response::builder(), "application/json", next, &Catalog { repositories: &page })
}

/// A page of the repositories that the caller may see, and the last of them where more follow. The others are passed over:
/// not even a link to the next page names one.
pub(crate) async fn seen_repositories(
    visit: &Visit,
    last: Option<&str>,
    n: u32,
) -> Result<(Vec<RepositoryName>, Option<RepositoryName>), Error> {
    let sees_all = visit.caller.may_verb(Verb::MetadataRead, &visit.gate, None);
    let at_once = if sees_all { n + 1 } else { REPOSITORIES.most };
    let mut seen = Vec::new();
    let mut last = last.map(str::to_owned);
    for _ in 0..MAX_LOOKS {
        let found = visit.registry.store.repositories(last.as_deref(), at_once).await?;
        let is_end = found.len() < at_once as usize;
        last = found.last().map(RepositoryName::to_string);
        let sees = |name: &RepositoryName| visit.caller.may_verb(Verb::MetadataRead, &visit.gate, Some(name));
        seen.extend(found.into_iter().filter(|name| sees_all || sees(name)));
        if is_end || seen.len() > n as usize {
            break;
        }
    }
    let (page, next) = cut(&seen, n);
    Ok((page.to_vec(), next.cloned()))
}

/// `GET …/referrers/<digest>`: always an index, an empty one where nobody refers to the digest.
pub(crate) async fn referrers(
    registry: &Registry,
    repository: &RepositoryName,
    subject: &Digest,
    query: &Query,
) -> Result<Response, Error> {
    let n = REFERRERS.asked(query)?;
    let wanted = query.first("artifactType").filter(|wanted| !wanted.is_empty());
    let last: Option<Digest> = match query.first("last") {
        Some(text) => {
            Some(text.parse().map_err(|error| Error::new(Kind::DigestInvalid, format!("last: {error}")))?)
        }
        None => None,
    };
    let mut listed: BTreeMap<Digest, Entry> = BTreeMap::new();
    for entry in tagged_referrers(registry, repository, subject).await? {
        let is_ahead = last.as_ref().is_none_or(|last| entry.digest > *last);
        let is_wanted =
            wanted.is_none_or(|wanted| entry.artifact_type.as_deref().unwrap_or_default() == wanted);
        if is_ahead && is_wanted {
            listed.insert(entry.digest.clone(), entry);
        }
    }
    let known = registry.store.referrers(repository, subject, wanted, last.as_ref(), n + 1).await?;
    // What the registry read itself is more reliable than what a client wrote into an index.
    listed.extend(known.into_iter().map(|referrer| (referrer.digest.clone(), Entry::from(referrer))));
    let listed: Vec<Entry> = listed.into_values().collect();
    let (page, next) = cut(&listed, fitting(&listed, n));
    let next = next.map(|last| {
        let filter = wanted.map(|wanted| format!("&artifactType={}", escaped(wanted))).unwrap_or_default();
        format!("/v2/{repository}/referrers/{subject}?n={n}&last={}{filter}", last.digest)
    });
    let mut response = Response::builder();
    if wanted.is_some() {
        response = response.header(OCI_FILTERS_APPLIED, "artifactType");
    }
    let index = Index { schema_version: 2, media_type: media::OCI_INDEX, manifests: page };
    answer(response, media::OCI_INDEX, next, &index)
}

/// How often the store is asked for one page of repositories: a million names are looked through.
const MAX_LOOKS: usize = 1000;

/// How long the pages of a list are.
struct PageSize {
    usual: u32,
    most: u32,
}

impl PageSize {
    /// What the client asked for with `n`, but never more than is good (CVE-2023-2253).
    fn asked(&self, query: &Query) -> Result<u32, Error> {
        let Some(text) = query.first("n") else { return Ok(self.usual) };
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Error::new(Kind::PaginationInvalid, "n is the length of a page, a number from 0 on"));
        }
        Ok(text.parse().unwrap_or(self.most).min(self.most))
    }
}

/// The first `n`, and the last of them where more follow. A page of none leads nowhere, so it has no next.
fn cut<T>(found: &[T], n: u32) -> (&[T], Option<&T>) {
    let n = n as usize;
    if found.len() <= n { (found, None) } else { (&found[..n], found[..n].last()) }
}

fn answer(
    response: response::Builder,
    media_type: &str,
    next: Option<String>,
    list: &impl Serialize,
) -> Result<Response, Error> {
    let body = serde_json::to_vec(list).map_err(|error| {
        tracing::error!(causes = %error, "a list could not be written");
        Error::new(Kind::Internal, "the registry failed; its operator finds the cause in the log")
    })?;
    let mut response = response
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CONTENT_LENGTH, body.len());
    if let Some(next) = next {
        response = response.header(header::LINK, format!("<{next}>; rel=\"next\""));
    }
    Ok(response.body(Body::from(body))?)
}

/// An index as the referrers API writes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: &'a [Entry],
}

/// A descriptor of a referrer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl From<Referrer> for Entry {
    fn from(referrer: Referrer) -> Self {
        let Referrer { digest, media_type, size, artifact_type, annotations } = referrer;
        Self { media_type, digest, size, artifact_type, annotations }
    }
}

/// The referrers that clients listed themselves, in an index under the fallback tag, when they met a registry without the
/// referrers API and this repository was copied from there (distribution specification, "Referrers Tag Schema").
async fn tagged_referrers(
    registry: &Registry,
    repository: &RepositoryName,
    subject: &Digest,
) -> Result<Vec<Entry>, Error> {
    let hex = subject.hex();
    let tag = format!("{}-{}", subject.algorithm().as_str(), &hex[..hex.len().min(64)]);
    let Ok(tag) = tag.parse::<Tag>() else { return Ok(Vec::new()) };
    let Some(stored) = registry.store.manifest(repository, &Reference::Tag(tag)).await? else {
        return Ok(Vec::new());
    };
    let manifests = Manifest::parse(&stored.media_type, &stored.body).map(|index| index.manifests);
    let entries = manifests.unwrap_or_default().into_iter().map(|descriptor| Entry {
        media_type: descriptor.media_type,
        digest: descriptor.digest,
        size: descriptor.size,
        artifact_type: descriptor.artifact_type,
        annotations: descriptor.annotations.unwrap_or_default(),
    });
    Ok(entries.collect())
}

/// How many of the first `n` entries make an index that clients still take, at least one.
fn fitting(entries: &[Entry], n: u32) -> u32 {
    let mut bytes = 0;
    let mut fitting = 0;
    for entry in entries.iter().take(n as usize) {
        bytes += serde_json::to_vec(entry).map_or(0, |text| text.len());
        if bytes > MAX_MANIFEST_BYTES && fitting > 0 {
            break;
        }
        fitting += 1;
    }
    if fitting == entries.len() as u32 { n } else { fitting.min(n) }
}

/// Percent-encodes all but the unreserved characters of a URI (RFC 3986, 2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
