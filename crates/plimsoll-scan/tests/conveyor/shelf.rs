//! A registry in memory, as plain as one can be: it takes what is pushed, gives it back, and may keep a list of referrers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use plimsoll_types::{Digest, Manifest};
use serde_json::json;

use crate::web::{Request, Response, Server};

/// What lies on the shelf.
#[derive(Default)]
pub(crate) struct Shelf {
    /// Blobs by digest.
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    /// Type and bytes of manifests, by tag and by digest.
    pub(crate) manifests: BTreeMap<String, (String, Vec<u8>)>,
    /// Whether it answers the referrers API.
    pub(crate) lists_referrers: bool,
    /// How many uploads it breaks off.
    pub(crate) breaks_off: u32,
    /// How many uploads it ends well, without saying so.
    pub(crate) loses_answers: u32,
}

impl Shelf {
    pub(crate) fn put_blob(&mut self, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        self.blobs.insert(digest.to_string(), bytes.to_vec());
        digest
    }

    pub(crate) fn put_manifest(&mut self, reference: &str, media_type: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        for name in [reference, digest.as_str()] {
            self.manifests.insert(name.to_owned(), (media_type.to_owned(), bytes.to_vec()));
        }
        digest
    }

    /// The manifests that name another as their subject, each once.
    pub(crate) fn referrers(&self, subject: &str) -> Vec<serde_json::Value> {
        let named = self.manifests.iter().filter(|(name, _)| name.starts_with("sha256:"));
        named
            .filter_map(|(name, (media_type, bytes))| {
                let manifest = Manifest::parse(media_type, bytes).ok()?;
                let is_about =
                    manifest.subject.as_ref().is_some_and(|about| about.digest.as_str() == subject);
                is_about.then(|| {
                    json!({
                        "mediaType": media_type, "digest": name, "size": bytes.len(),
                        "artifactType": manifest.artifact_type, "annotations": manifest.annotations,
                    })
                })
            })
            .collect()
    }

    fn answer(&mut self, request: &Request) -> Response {
        let path = request.path.clone();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        let created = |location: String| Response::new(201, "").header("location", location);
        match (request.method.as_str(), path) {
            ("POST", path) if path.ends_with("/blobs/uploads/") => {
                Response::new(202, "").header("location", format!("{path}1"))
            }
            ("PATCH", _) if self.breaks_off > 0 => {
                self.breaks_off -= 1;
                Response::new(503, "")
            }
            ("PATCH", path) => {
                self.blobs.insert("upload".to_owned(), request.body.clone());
                Response::new(202, "").header("location", path)
            }
            ("PUT", path) if path.contains("/blobs/uploads/") => {
                let bytes = self.blobs.remove("upload").unwrap_or_default();
                let digest = self.put_blob(&bytes);
                if self.loses_answers > 0 {
                    self.loses_answers -= 1;
                    return Response::new(404, "");
                }
                match query.replace("%3A", ":") == format!("digest={digest}") {
                    true => created(format!("/v2/x/blobs/{digest}")),
                    false => Response::new(400, ""),
                }
            }
            ("PUT", path) if path.contains("/manifests/") => {
                let media_type = request.header("content-type").unwrap_or_default().to_owned();
                let digest = self.put_manifest(name, &media_type, &request.body);
                let subject = Manifest::parse(&media_type, &request.body).ok().and_then(|read| read.subject);
                let response = created(format!("/v2/x/manifests/{digest}"));
                match subject.filter(|_| self.lists_referrers) {
                    Some(subject) => response.header("oci-subject", subject.digest.as_str()),
                    None => response,
                }
            }
            (_, path) if path.contains("/referrers/") && self.lists_referrers => {
                let index = json!({
                    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                    "manifests": self.referrers(name),
                });
                Response::new(200, index.to_string())
                    .header("content-type", "application/vnd.oci.image.index.v1+json")
            }
            (method, path) if path.contains("/manifests/") => match self.manifests.get(name) {
                Some((media_type, bytes)) if method == "GET" => {
                    Response::new(200, bytes.clone()).header("content-type", media_type)
                }
                Some(_) => Response::new(200, ""),
                None => Response::new(404, ""),
            },
            (method, path) if path.contains("/blobs/") => match self.blobs.get(name) {
                Some(bytes) if method == "GET" => Response::new(200, bytes.clone()),
                Some(_) => Response::new(200, ""),
                None => Response::new(404, ""),
            },
            _ => Response::new(404, ""),
        }
    }

    /// The shelf behind a server.
    pub(crate) async fn serve(self) -> (Server, Arc<Mutex<Shelf>>) {
        let shelf = Arc::new(Mutex::new(self));
        let answering = Arc::clone(&shelf);
        (Server::start(move |request| answering.lock().unwrap().answer(request)).await, shelf)
    }
}
