//! `Microsoft.Resources`: subscriptions, groups, and lists of what is in them.

use super::{Operation, delete, get, patch, post, put};

const PAGED: &[&str] = &["$top", "$skipToken"];
const FILTERED: &[&str] = &["$filter", "$top", "$skipToken"];
const READ_GROUP: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const WRITE_GROUP: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";
const DELETE_GROUP: &str = "Microsoft.Resources/subscriptions/resourceGroups/delete";
const READ_PROVIDERS: &str = "Microsoft.Resources/subscriptions/providers/read";

pub(super) const ALL: &[Operation] = &[
    get("/subscriptions", "Subscriptions_List", "The subscriptions that the caller sees")
        .gives("SubscriptionList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}", "Subscriptions_Get", "One subscription")
        .needs("Microsoft.Resources/subscriptions/read")
        .gives("Subscription"),
    put(
        "/subscriptions/{subscriptionId}",
        "Subscriptions_Put",
        "Make a subscription, or rename it; Azure has no such thing",
    )
    .needs("Microsoft.Resources/subscriptions/write")
    .takes("SubscriptionName")
    .gives("Subscription"),
    delete(
        "/subscriptions/{subscriptionId}",
        "Subscriptions_Delete",
        "Delete a subscription without resource groups",
    )
    .needs("Microsoft.Resources/subscriptions/delete"),
    get(
        "/subscriptions/{subscriptionId}/locations",
        "Subscriptions_ListLocations",
        "The one place that there is",
    )
    .needs("Microsoft.Resources/subscriptions/locations/read")
    .gives("LocationList"),
    get("/subscriptions/{subscriptionId}/resources", "Resources_List", "The resources that the caller sees")
        .gives("ResourceList")
        .asks(FILTERED),
    get(
        "/subscriptions/{subscriptionId}/resourceGroups",
        "ResourceGroups_List",
        "The resource groups that the caller sees",
    )
    .gives("ResourceGroupList")
    .asks(FILTERED),
    get(
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}",
        "ResourceGroups_Get",
        "One resource group",
    )
    .needs(READ_GROUP)
    .gives("ResourceGroup"),
    put(
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}",
        "ResourceGroups_CreateOrUpdate",
        "Make a resource group, or change its tags",
    )
    .needs(WRITE_GROUP)
    .takes("ResourceGroup")
    .gives("ResourceGroup"),
    patch(
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}",
        "ResourceGroups_Update",
        "Change the tags of a resource group",
    )
    .needs(WRITE_GROUP)
    .takes("ResourceGroup")
    .gives("ResourceGroup"),
    delete(
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}",
        "ResourceGroups_Delete",
        "Delete a resource group without registries",
    )
    .needs(DELETE_GROUP),
    get(
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/resources",
        "Resources_ListByResourceGroup",
        "The resources of a group that the caller sees",
    )
    .gives("ResourceList")
    .asks(FILTERED),
    get("/subscriptions/{subscriptionId}/providers", "Providers_List", "The resource providers")
        .needs(READ_PROVIDERS)
        .gives("ProviderList"),
    get("/subscriptions/{subscriptionId}/providers/{namespace}", "Providers_Get", "One resource provider")
        .needs(READ_PROVIDERS)
        .gives("Provider"),
    post(
        "/subscriptions/{subscriptionId}/providers/{namespace}/register",
        "Providers_Register",
        "Register a provider, which it is already",
    )
    .gives("Provider"),
    get("/providers", "Providers_ListAtTenant", "The resource providers").gives("ProviderList"),
    get("/providers/{namespace}", "Providers_GetAtTenant", "One resource provider").gives("Provider"),
    get(
        "/providers/{namespace}/operations",
        "Operations_List",
        "What can be done with a provider's resources",
    )
    .gives("ProviderOperationList"),
];
