//! A subscription. Azure has much more to say of one; this is what its clients look for before they ask anything else.

use plimsoll_types::Scope;
use serde::Serialize;

/// The one tenant. There are none here, but clients refuse a subscription or a token without one.
pub(crate) const TENANT: &str = "00000000-0000-0000-0000-000000000000";

/// A subscription of `Microsoft.Resources`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription<'a> {
    id: String,
    subscription_id: &'a str,
    tenant_id: &'static str,
    display_name: &'static str,
    state: &'static str,
}

impl<'a> Subscription<'a> {
    /// The subscription that is configured.
    pub(crate) fn new(scope: &'a Scope) -> Self {
        Self {
            id: scope.subscription_id(),
            subscription_id: &scope.subscription,
            tenant_id: TENANT,
            display_name: "Plimsoll",
            state: "Enabled",
        }
    }
}
