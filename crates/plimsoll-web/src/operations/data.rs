//! The registry's data: the OCI Distribution API.

use super::{Area, Operation};

const PULL: &str = "Microsoft.ContainerRegistry/registries/pull/read";
const PUSH: &str = "Microsoft.ContainerRegistry/registries/push/write";
const DELETE: &str = "Microsoft.ContainerRegistry/registries/artifacts/delete";

pub(super) const ALL: &[Operation] = &[
    get("/v2/", "Registry_Check", "Whether this is a registry, and whether the caller is known")
        .gives("Empty"),
    get("/v2/_catalog", "Repositories_List", "The repositories that the caller sees")
        .gives("Catalog")
        .asks(&["n", "last"]),
    get("/v2/{repository}/tags/list", "Tags_List", "A repository's tags")
        .needs(PULL)
        .gives("TagNames")
        .asks(&["n", "last"]),
    get("/v2/{repository}/referrers/{digest}", "Referrers_List", "What refers to a manifest")
        .needs(PULL)
        .gives("Index")
        .asks(&["artifactType"]),
    get("/v2/{repository}/manifests/{reference}", "Manifests_Get", "A manifest, by tag or digest")
        .needs(PULL)
        .gives("Manifest"),
    put("/v2/{repository}/manifests/{reference}", "Manifests_Put", "Push a manifest")
        .needs(PUSH)
        .takes("Manifest")
        .answers(&[201]),
    delete(
        "/v2/{repository}/manifests/{reference}",
        "Manifests_Delete",
        "Delete a manifest by digest, or a tag",
    )
    .needs(DELETE)
    .answers(&[202]),
    get("/v2/{repository}/blobs/{digest}", "Blobs_Get", "A blob, whole or a range of it")
        .needs(PULL)
        .gives("Bytes")
        .answers(&[200, 206]),
    delete("/v2/{repository}/blobs/{digest}", "Blobs_Delete", "Take a blob out of a repository")
        .needs(DELETE)
        .answers(&[202]),
    post(
        "/v2/{repository}/blobs/uploads",
        "Uploads_Start",
        "Begin an upload, send a blob at once, or mount one",
    )
    .needs(PUSH)
    .takes("Bytes")
    .answers(&[201, 202])
    .asks(&["digest", "mount", "from"]),
    get("/v2/{repository}/blobs/uploads/{uploadId}", "Uploads_Get", "How far an upload is")
        .needs(PUSH)
        .answers(&[204]),
    patch("/v2/{repository}/blobs/uploads/{uploadId}", "Uploads_Append", "Send a part of a blob")
        .needs(PUSH)
        .takes("Bytes")
        .answers(&[202]),
    put("/v2/{repository}/blobs/uploads/{uploadId}", "Uploads_Finish", "Finish an upload")
        .needs(PUSH)
        .takes("Bytes")
        .answers(&[201])
        .asks(&["digest"]),
    delete("/v2/{repository}/blobs/uploads/{uploadId}", "Uploads_Cancel", "Drop an upload")
        .needs(PUSH)
        .answers(&[204]),
];

const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::get(path, id, summary).of(Area::Registry)
}

const fn put(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::put(path, id, summary).of(Area::Registry)
}

const fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::patch(path, id, summary).of(Area::Registry)
}

const fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::post(path, id, summary).of(Area::Registry)
}

const fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::delete(path, id, summary).of(Area::Registry)
}
