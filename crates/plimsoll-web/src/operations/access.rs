//! `Microsoft.Authorization`: who may do what. And the tokens by which callers say who they are.

use super::{Area, Operation, delete, get, post, put};

const ASSIGNMENT: &str = "/{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}";

pub(super) const ALL: &[Operation] = &[
    get("/{scope}/providers/Microsoft.Authorization/roleDefinitions", "RoleDefinitions_List", "The roles")
        .gives("RoleDefinitionList")
        .asks(&["$filter"]),
    get(
        "/{scope}/providers/Microsoft.Authorization/roleDefinitions/{roleDefinitionId}",
        "RoleDefinitions_Get",
        "One role",
    )
    .gives("RoleDefinition"),
    get(
        "/{scope}/providers/Microsoft.Authorization/permissions",
        "Permissions_List",
        "What the caller may do at a scope",
    )
    .gives("PermissionList"),
    get(
        "/{scope}/providers/Microsoft.Authorization/roleAssignments",
        "RoleAssignments_List",
        "Who has which role at a scope and below it",
    )
    .needs("Microsoft.Authorization/roleAssignments/read")
    .gives("RoleAssignmentList")
    .asks(&["$filter", "$top", "$skipToken"]),
    get(ASSIGNMENT, "RoleAssignments_Get", "One role assignment")
        .needs("Microsoft.Authorization/roleAssignments/read")
        .gives("RoleAssignment"),
    put(ASSIGNMENT, "RoleAssignments_Create", "Give somebody a role")
        .needs("Microsoft.Authorization/roleAssignments/write")
        .takes("RoleAssignment")
        .gives("RoleAssignment"),
    delete(ASSIGNMENT, "RoleAssignments_Delete", "Take a role away")
        .needs("Microsoft.Authorization/roleAssignments/delete")
        .gives("RoleAssignment"),
    get(
        "/msi/token",
        "IdentityToken_Get",
        "A bearer token for one of this server's tokens in X-IDENTITY-HEADER, as a managed identity gets one",
    )
    .of(Area::Server)
    .for_anyone()
    .gives("IdentityToken")
    .asks(&["api-version", "resource"]),
    get(
        "/oauth2/token",
        "RegistryToken_Get",
        "An access token of the registry, for Basic credentials or none",
    )
    .of(Area::Tokens)
    .for_anyone()
    .gives("RegistryToken")
    .asks(&["service", "scope", "offline_token"]),
    post(
        "/oauth2/token",
        "RegistryToken_Create",
        "An access token of the registry, for a refresh token or a password",
    )
    .of(Area::Tokens)
    .for_anyone()
    .takes("Form")
    .gives("RegistryToken"),
    post(
        "/oauth2/exchange",
        "RegistryToken_Exchange",
        "A refresh token of the registry, for a bearer token of Resource Manager",
    )
    .of(Area::Tokens)
    .for_anyone()
    .takes("Form")
    .gives("RegistryRefreshToken"),
];
