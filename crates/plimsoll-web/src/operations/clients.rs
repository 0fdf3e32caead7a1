//! What clients ask before they know anything, and what operators ask.

use super::{Area, Operation, get};

pub(super) const ALL: &[Operation] = &[
    get(
        "/metadata/endpoints",
        "Metadata_Endpoints",
        "Where the parts of this cloud are; `az cloud register` asks it",
    )
    .of(Area::Server)
    .for_anyone()
    .gives("CloudMetadata")
    .asks(&["api-version"]),
    get("/tenants", "Tenants_List", "The one tenant").gives("TenantList"),
    get("/openapi.json", "OpenApi_Get", "This document").of(Area::Server).for_anyone().gives("Document"),
    get("/healthz", "Health_Get", "Whether the process answers").of(Area::Server).for_anyone(),
    get("/readyz", "Ready_Get", "Whether its parts answer too")
        .of(Area::Server)
        .for_anyone()
        .answers(&[200, 503])
        .gives("Readiness"),
];
