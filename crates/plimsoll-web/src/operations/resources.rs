//! `Microsoft.Resources`: subscriptions, groups, and lists of what is in them.

use super::{Operation, get};

pub(super) const ALL: &[Operation] = &[
    get("/subscriptions", "Subscriptions_List", "The subscriptions that the caller sees")
        .gives("SubscriptionList"),
    get("/subscriptions/{subscriptionId}", "Subscriptions_Get", "One subscription")
        .needs("Microsoft.Resources/subscriptions/read")
        .gives("Subscription"),
];
