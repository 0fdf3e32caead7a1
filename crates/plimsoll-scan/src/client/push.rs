//! Pushes blobs and manifests, the way docker does: POST, PATCH, PUT for each blob, then the manifest.

use std::fs::File;
use std::io::Seek;
use std::time::Duration;

use bytes::Bytes;
use plimsoll_types::{Digest, Reference, RepositoryName};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Body, Method, Response, StatusCode, Url};
use tokio_util::io::ReaderStream;

use super::{ATTEMPTS, RegistryClient, Request, may_speak};
use crate::clock::backoff;
use crate::{Error, ErrorKind, Result};

/// The content of a blob that is pushed.
#[derive(Debug, Clone)]
pub(crate) enum Content<'a> {
    /// In memory.
    Bytes(Bytes),
    /// All of an open file.
    File { file: &'a File, size: u64 },
}

impl RegistryClient {
    /// Pushes a blob, unless the repository has it. What broke off is begun anew.
    pub(crate) async fn push_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        content: &Content<'_>,
    ) -> Result<()> {
        let mut attempt = 1;
        while !self.has_blob(repository, digest).await? {
            match self.upload(repository, digest, content).await {
                Ok(()) => return Ok(()),
                // An answer that was lost on its way back leaves no upload, but the blob.
                Err(error)
                    if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::NotFound)
                        && attempt < ATTEMPTS =>
                {
                    let wait = backoff(Duration::from_millis(500), Duration::from_secs(10), attempt);
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn has_blob(&self, repository: &RepositoryName, digest: &Digest) -> Result<bool> {
        let path = format!("v2/{repository}/blobs/{digest}");
        let head = Request {
            method: Method::HEAD,
            url: self.shared.url(&path)?,
            headers: &[],
            body: Bytes::new(),
            also: &[StatusCode::NOT_FOUND, StatusCode::FOUND, StatusCode::TEMPORARY_REDIRECT],
        };
        // To be sent elsewhere for it means that there is one.
        Ok(self.ask(repository, &path, head).await?.status() != StatusCode::NOT_FOUND)
    }

    async fn upload(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        content: &Content<'_>,
    ) -> Result<()> {
        let path = format!("v2/{repository}/blobs/uploads/");
        let url = self.shared.url(&path)?;
        // This one logs in, so that no body is sent in vain.
        let begin = Request { method: Method::POST, url, headers: &[], body: Bytes::new(), also: &[] };
        let begun = self.ask(repository, &path, begin).await?;
        let place = self.place(&begun)?;
        let (body, size) = match content {
            Content::Bytes(bytes) => (Body::from(bytes.clone()), bytes.len() as u64),
            Content::File { file, size } => {
                // Both share one place in the file, and one attempt ends before the next begins.
                let again = || {
                    let mut again = file.try_clone()?;
                    again.rewind().map(|()| tokio::fs::File::from_std(again))
                };
                let file = again().map_err(|error| {
                    Error::new(ErrorKind::Unavailable, "cannot read what is to be pushed").because(error)
                })?;
                (Body::wrap_stream(ReaderStream::with_capacity(file, 256 << 10)), *size)
            }
        };
        let headers = [
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            // Without it the body goes in chunks of HTTP's own, which not every registry takes.
            (CONTENT_LENGTH, size.to_string()),
        ];
        let authorization = self.shared.authorization(repository);
        let sent = self.shared.send(&Method::PATCH, &place, authorization.as_ref(), &headers, body).await?;
        if !sent.status().is_success() {
            return Err(self.shared.refused(&path, sent, authorization.is_some()).await);
        }
        let mut place = self.place(&sent)?;
        place.query_pairs_mut().append_pair("digest", digest.as_str());
        let end = Request { method: Method::PUT, url: place, headers: &[], body: Bytes::new(), also: &[] };
        self.ask(repository, &path, end).await.map(drop)
    }

    /// Where an upload goes on.
    fn place(&self, response: &Response) -> Result<Url> {
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let place = location.and_then(|location| response.url().join(location).ok());
        place.filter(|place| may_speak(place, &self.shared.options)).ok_or_else(|| {
            let message = format!("{} does not say where an upload goes on", self.shared.host());
            Error::new(ErrorKind::Damaged, message)
        })
    }

    /// Pushes a manifest under a tag, or by its digest. Says whether the registry lists it for its subject.
    pub(crate) async fn push_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
        media_type: &str,
        body: Bytes,
    ) -> Result<bool> {
        let path = format!("v2/{repository}/manifests/{reference}");
        let headers = [(CONTENT_TYPE, media_type.to_owned())];
        let url = self.shared.url(&path)?;
        let put = Request { method: Method::PUT, url, headers: &headers, body, also: &[] };
        let response = self.ask(repository, &path, put).await?;
        Ok(response.headers().contains_key("oci-subject"))
    }
}
