//! `Microsoft.ResourceGraph`: queries and what is kept of them.

use super::{Operation, delete, get, patch, post, put};

const IN_SUBSCRIPTION: &str = "/subscriptions/{subscriptionId}/providers/Microsoft.ResourceGraph/queries";
const IN_GROUP: &str = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ResourceGraph/queries";
const QUERY: &str = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/\
                     Microsoft.ResourceGraph/queries/{queryName}";
const READ: &str = "Microsoft.ResourceGraph/queries/read";
const WRITE: &str = "Microsoft.ResourceGraph/queries/write";

pub(super) const ALL: &[Operation] = &[
    post(
        "/providers/Microsoft.ResourceGraph/resources",
        "ResourceGraph_Query",
        "What a KQL query finds among the resources that the caller may see",
    )
    .takes("QueryRequest")
    .gives("QueryResponse"),
    get(IN_SUBSCRIPTION, "GraphQueries_ListBySubscription", "The queries that are kept in a subscription")
        .needs(READ)
        .gives("GraphQueryList"),
    get(IN_GROUP, "GraphQueries_List", "The queries that are kept in a resource group")
        .needs(READ)
        .gives("GraphQueryList"),
    get(QUERY, "GraphQueries_Get", "One kept query").needs(READ).gives("GraphQuery"),
    put(QUERY, "GraphQueries_CreateOrUpdate", "Keep a query")
        .needs(WRITE)
        .takes("GraphQuery")
        .gives("GraphQuery"),
    patch(QUERY, "GraphQueries_Update", "Change a kept query")
        .needs(WRITE)
        .takes("GraphQuery")
        .gives("GraphQuery"),
    delete(QUERY, "GraphQueries_Delete", "Forget a kept query")
        .needs("Microsoft.ResourceGraph/queries/delete"),
];
