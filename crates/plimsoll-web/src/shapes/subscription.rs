//! Subscriptions and resource groups of `Microsoft.Resources`. Azure has much more to say of them; this is what its clients
//! look for before they ask anything else.

use plimsoll_store::ResourceGroup;
use serde_json::{Value, json};

/// The one tenant. There are none here, but clients refuse a subscription or a token without one.
pub(crate) const TENANT: &str = "00000000-0000-0000-0000-000000000000";

/// A subscription.
pub(crate) fn subscription(subscription: &plimsoll_store::Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "subscriptionId": subscription.id,
        "tenantId": TENANT,
        "displayName": subscription.display_name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "managedByTenants": [],
    })
}

/// A resource group.
pub(crate) fn resource_group(group: &ResourceGroup) -> Value {
    json!({
        "id": group_id(group),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": group.tags,
        "properties": {"provisioningState": "Succeeded"},
    })
}

/// The id of a resource group.
pub(crate) fn group_id(group: &ResourceGroup) -> String {
    format!("/subscriptions/{}/resourceGroups/{}", group.subscription, group.name)
}
