//! What is attached to an image: the manifests that name it as their subject (distribution specification, "Listing
//! Referrers"), by the registry's own list or, where it keeps none, by the index that clients keep under a tag.

use plimsoll_types::manifest::{MAX_MANIFEST_BYTES, media};
use plimsoll_types::{Descriptor, Digest, Manifest, Reference, RepositoryName, Tag};
use reqwest::header::{ACCEPT, LINK};
use reqwest::{Method, StatusCode};

use super::{RegistryClient, Request};
use crate::{Error, ErrorKind, Result};

/// Referrers of one image that are looked at. A registry may have any number of them (CVE-2024-29902 and its kin).
const MAX_REFERRERS: usize = 1_000;
/// Pages of a list.
const MAX_PAGES: usize = 20;

/// A list of referrers.
#[derive(Debug, Default)]
pub(crate) struct Referrers {
    /// Them, in the order of the list.
    pub(crate) all: Vec<Descriptor>,
    /// Whether there are more than are looked at.
    pub(crate) cut_short: bool,
}

impl RegistryClient {
    /// The referrers of a manifest. A registry that keeps no list is asked for the index under the fallback tag.
    pub(crate) async fn referrers(&self, repository: &RepositoryName, subject: &Digest) -> Result<Referrers> {
        let path = format!("v2/{repository}/referrers/{subject}");
        let (mut url, mut found) = (self.shared.url(&path)?, Referrers::default());
        for _ in 0..MAX_PAGES {
            // Whoever does not know the API answers with one of these.
            let unknown = [StatusCode::NOT_FOUND, StatusCode::BAD_REQUEST, StatusCode::METHOD_NOT_ALLOWED];
            let headers = [(ACCEPT, media::OCI_INDEX.to_owned())];
            let request = Request {
                method: Method::GET,
                url: url.clone(),
                headers: &headers,
                body: bytes::Bytes::new(),
                also: &unknown,
            };
            let response = self.ask(repository, &path, request).await?;
            if !response.status().is_success() {
                return self.tagged_referrers(repository, subject).await;
            }
            let next = response.headers().get(LINK).and_then(|value| next_page(value.to_str().ok()?));
            let body = self.whole(response, MAX_MANIFEST_BYTES, &path).await?;
            // Some answer everything they do not know with a page for people.
            let Ok(index) = Manifest::parse(media::OCI_INDEX, &body) else {
                return self.tagged_referrers(repository, subject).await;
            };
            found.all.extend(index.manifests);
            if found.all.len() > MAX_REFERRERS {
                found.all.truncate(MAX_REFERRERS);
                found.cut_short = true;
                return Ok(found);
            }
            let next = next.and_then(|next| url.join(&next).ok());
            match next.filter(|next| next.origin() == url.origin()) {
                Some(next) => url = next,
                None => return Ok(found),
            }
        }
        found.cut_short = true;
        Ok(found)
    }

    /// The index that clients keep themselves where the registry keeps no list.
    pub(crate) async fn tagged_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Referrers> {
        let tag = fallback_tag(subject)?;
        let fetched = match self.manifest(repository, &Reference::Tag(tag)).await {
            Ok(fetched) => fetched,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Referrers::default()),
            Err(error) => return Err(error),
        };
        let index = Manifest::parse(&fetched.media_type, &fetched.body)
            .map_err(|error| Error::new(ErrorKind::Damaged, format!("the list of referrers: {error}")))?;
        let mut all = index.manifests;
        let cut_short = all.len() > MAX_REFERRERS;
        all.truncate(MAX_REFERRERS);
        Ok(Referrers { all, cut_short })
    }
}

/// `sha256-…`: the digest as a tag (distribution specification, "Referrers Tag Schema").
pub(crate) fn fallback_tag(subject: &Digest) -> Result<Tag> {
    let hex = subject.hex();
    let tag = format!("{}-{}", subject.algorithm().as_str(), hex.get(..64).unwrap_or(hex));
    tag.parse()
        .map_err(|error| Error::new(ErrorKind::Usage, format!("{subject} makes no tag")).because(error))
}

/// The address of the next page, of a `Link` header (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then(|| address.to_owned())
}
