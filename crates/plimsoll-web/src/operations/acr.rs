//! The registry's data as Azure's clients ask for it beyond the specification.

use super::{Area, Operation};

const READ: &str = "Microsoft.ContainerRegistry/registries/metadata/read";
const WRITE: &str = "Microsoft.ContainerRegistry/registries/metadata/write";
const DELETE: &str = "Microsoft.ContainerRegistry/registries/artifacts/delete";
const LISTED: &[&str] = &["n", "last", "orderby"];

pub(super) const ALL: &[Operation] = &[
    get("/acr/v1/_catalog", "AcrRepositories_List", "The repositories that the caller sees")
        .gives("Catalog")
        .asks(LISTED),
    get("/acr/v1/{repository}", "AcrRepositories_Get", "One repository").needs(READ).gives("AcrRepository"),
    patch("/acr/v1/{repository}", "AcrRepositories_Update", "Change what may be done with a repository")
        .needs(WRITE)
        .takes("AcrAttributes")
        .gives("AcrRepository"),
    delete("/acr/v1/{repository}", "AcrRepositories_Delete", "Delete a repository with all that it holds")
        .needs(DELETE)
        .gives("AcrDeleted")
        .answers(&[202]),
    get("/acr/v1/{repository}/_tags", "AcrTags_List", "A repository's tags")
        .needs(READ)
        .gives("AcrTags")
        .asks(&["n", "last", "orderby", "digest"]),
    get("/acr/v1/{repository}/_tags/{tag}", "AcrTags_Get", "One tag").needs(READ).gives("AcrTag"),
    patch("/acr/v1/{repository}/_tags/{tag}", "AcrTags_Update", "Change what may be done with a tag")
        .needs(WRITE)
        .takes("AcrAttributes")
        .gives("AcrTag"),
    delete("/acr/v1/{repository}/_tags/{tag}", "AcrTags_Delete", "Take a tag off its manifest")
        .needs(DELETE)
        .answers(&[202]),
    get("/acr/v1/{repository}/_manifests", "AcrManifests_List", "A repository's manifests")
        .needs(READ)
        .gives("AcrManifests")
        .asks(LISTED),
    get("/acr/v1/{repository}/_manifests/{digest}", "AcrManifests_Get", "One manifest")
        .needs(READ)
        .gives("AcrManifest"),
    patch(
        "/acr/v1/{repository}/_manifests/{digest}",
        "AcrManifests_Update",
        "Change what may be done with a manifest, or let it out of quarantine",
    )
    .needs(WRITE)
    .takes("AcrAttributes")
    .gives("AcrManifest"),
    delete("/acr/v1/{repository}/_manifests/{digest}", "AcrManifests_Delete", "Delete a manifest")
        .needs(DELETE)
        .answers(&[202]),
];

const fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::get(path, id, summary).of(Area::Registry)
}

const fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::patch(path, id, summary).of(Area::Registry)
}

const fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    super::delete(path, id, summary).of(Area::Registry)
}
