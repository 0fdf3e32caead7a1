//! Roles, as `Microsoft.Authorization` tells them.

use plimsoll_types::ResourceId;
use plimsoll_types::access::{Assignment, Role};
use serde_json::{Value, json};

/// A role definition, as it is seen from a scope.
pub(crate) fn role_definition(role: &Role, scope: &ResourceId) -> Value {
    json!({
        "id": definition_id(role.id, scope),
        "name": role.id,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "description": role.description,
            "assignableScopes": ["/"],
            "permissions": [permissions_of(role)],
        },
    })
}

/// What a role permits.
pub(crate) fn permissions_of(role: &Role) -> Value {
    json!({
        "actions": role.actions,
        "notActions": role.not_actions,
        "dataActions": role.data_actions,
        "notDataActions": [],
    })
}

/// A role assignment.
pub(crate) fn role_assignment(assignment: &Assignment) -> Value {
    let Assignment { id, scope, role, principal, principal_kind, created_by, created_at } = assignment;
    let front = if scope.is_root() { "" } else { scope.as_str() };
    json!({
        "id": format!("{front}/providers/Microsoft.Authorization/roleAssignments/{id}"),
        "name": id,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": definition_id(role.as_str(), scope),
            "principalId": principal,
            "principalType": principal_kind.as_str(),
            "scope": scope.as_str(),
            "condition": null,
            "createdOn": created_at.to_string(),
            "updatedOn": created_at.to_string(),
            "createdBy": created_by,
            "updatedBy": created_by,
        },
    })
}

/// Azure names a definition below the subscription that one looks from, and below nothing where there is none.
fn definition_id(role: &str, scope: &ResourceId) -> String {
    let subscription = scope.subscription().map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}")
}
