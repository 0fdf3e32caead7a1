//! `Microsoft.ContainerRegistry`: registries, imports, webhooks.

use super::{Operation, delete, get, patch, post, put};

const PAGED: &[&str] = &["$top", "$skipToken"];

pub(super) const ALL: &[Operation] = &[
    get("/subscriptions/{subscriptionId}/providers/Microsoft.ContainerRegistry/registries", "Registries_List", "The registries of a subscription that the caller sees")
        .gives("RegistryList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries", "Registries_ListByResourceGroup", "The registries of a resource group that the caller sees")
        .gives("RegistryList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}", "Registries_Get", "One registry")
        .needs("Microsoft.ContainerRegistry/registries/read")
        .gives("Registry"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}", "Registries_Create", "Make a registry, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/write")
        .takes("Registry")
        .gives("Registry"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}", "Registries_Update", "Change what the body names")
        .needs("Microsoft.ContainerRegistry/registries/write")
        .takes("Registry")
        .gives("Registry"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}", "Registries_Delete", "Delete a registry with its images")
        .needs("Microsoft.ContainerRegistry/registries/delete"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/importImage", "Registries_ImportImage", "Copy an image from another registry")
        .needs("Microsoft.ContainerRegistry/registries/importImage/action")
        .takes("ImportImage")
        .answers(&[202]),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/listUsages", "Registries_ListUsages", "What a registry holds")
        .needs("Microsoft.ContainerRegistry/registries/listUsages/read")
        .gives("RegistryUsageList"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/listUsages", "Registries_ListUsagesByPost", "What a registry holds, as older clients ask")
        .needs("Microsoft.ContainerRegistry/registries/listUsages/read")
        .gives("RegistryUsageList"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/generateCredentials", "Registries_GenerateCredentials", "Refused: tokens of our own do what these passwords would")
        .needs("Microsoft.ContainerRegistry/registries/generateCredentials/action")
        .gives("Error")
        .answers(&[400]),
    post("/{scope}/providers/Microsoft.ContainerRegistry/checkNameAvailability", "Registries_CheckNameAvailability", "Whether a registry could be made under a name")
        .needs("Microsoft.ContainerRegistry/checkNameAvailability/read")
        .takes("NameCheck")
        .gives("NameAvailability"),
    post("/{scope}/providers/Microsoft.ContainerRegistry/locations/{location}/checkNameAvailability", "Registries_CheckNameAvailabilityAtLocation", "Whether a registry could be made under a name")
        .needs("Microsoft.ContainerRegistry/checkNameAvailability/read")
        .takes("NameCheck")
        .gives("NameAvailability"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateLinkResources", "PrivateLinkResources_List", "Nothing: no network is private here")
        .needs("Microsoft.ContainerRegistry/registries/privateLinkResources/read")
        .gives("RegistryChildList"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateLinkResources/{name}", "PrivateLinkResources_Get", "Nothing")
        .needs("Microsoft.ContainerRegistry/registries/privateLinkResources/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateLinkResources/{name}", "PrivateLinkResources_CreateOrUpdate", "Refused: there is none to approve")
        .needs("Microsoft.ContainerRegistry/registries/privateLinkResources/write")
        .takes("RegistryChild")
        .gives("Error")
        .answers(&[404]),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateLinkResources/{name}", "PrivateLinkResources_Delete", "Nothing is there")
        .needs("Microsoft.ContainerRegistry/registries/privateLinkResources/delete")
        .answers(&[204]),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateEndpointConnections", "PrivateEndpointConnections_List", "Nothing: no network is private here")
        .needs("Microsoft.ContainerRegistry/registries/privateEndpointConnections/read")
        .gives("RegistryChildList"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateEndpointConnections/{name}", "PrivateEndpointConnections_Get", "Nothing")
        .needs("Microsoft.ContainerRegistry/registries/privateEndpointConnections/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateEndpointConnections/{name}", "PrivateEndpointConnections_CreateOrUpdate", "Refused: there is none to approve")
        .needs("Microsoft.ContainerRegistry/registries/privateEndpointConnections/write")
        .takes("RegistryChild")
        .gives("Error")
        .answers(&[404]),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/privateEndpointConnections/{name}", "PrivateEndpointConnections_Delete", "Nothing is there")
        .needs("Microsoft.ContainerRegistry/registries/privateEndpointConnections/delete")
        .answers(&[204]),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks", "Webhooks_List", "A registry's webhooks")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/read")
        .gives("WebhookList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks/{name}", "Webhooks_Get", "One webhook")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/read")
        .gives("Webhook"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks/{name}", "Webhooks_Create", "Make a webhook, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/write")
        .takes("Webhook")
        .gives("Webhook"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks/{name}", "Webhooks_Update", "Change a webhook")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/write")
        .takes("Webhook")
        .gives("Webhook"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks/{name}", "Webhooks_Delete", "Delete a webhook")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/delete"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks/{name}/getCallbackConfig", "Webhooks_GetCallbackConfig", "Where a webhook is told, with which headers")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/getCallbackConfig/action")
        .gives("WebhookConfig"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/scopeMaps", "ScopeMaps_List", "A registry's scope maps")
        .needs("Microsoft.ContainerRegistry/registries/scopeMaps/read")
        .gives("RegistryChildList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/scopeMaps/{name}", "ScopeMaps_Get", "One scope map")
        .needs("Microsoft.ContainerRegistry/registries/scopeMaps/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/scopeMaps/{name}", "ScopeMaps_Create", "Make a scope map, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/scopeMaps/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/scopeMaps/{name}", "ScopeMaps_Update", "Change a scope map")
        .needs("Microsoft.ContainerRegistry/registries/scopeMaps/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/scopeMaps/{name}", "ScopeMaps_Delete", "Delete a scope map")
        .needs("Microsoft.ContainerRegistry/registries/scopeMaps/delete"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/tokens", "Tokens_List", "A registry's tokens")
        .needs("Microsoft.ContainerRegistry/registries/tokens/read")
        .gives("RegistryChildList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/tokens/{name}", "Tokens_Get", "One token")
        .needs("Microsoft.ContainerRegistry/registries/tokens/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/tokens/{name}", "Tokens_Create", "Make a token, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/tokens/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/tokens/{name}", "Tokens_Update", "Change a token")
        .needs("Microsoft.ContainerRegistry/registries/tokens/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/tokens/{name}", "Tokens_Delete", "Delete a token")
        .needs("Microsoft.ContainerRegistry/registries/tokens/delete"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/cacheRules", "CacheRules_List", "A registry's cache rules")
        .needs("Microsoft.ContainerRegistry/registries/cacheRules/read")
        .gives("RegistryChildList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/cacheRules/{name}", "CacheRules_Get", "One cache rule")
        .needs("Microsoft.ContainerRegistry/registries/cacheRules/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/cacheRules/{name}", "CacheRules_Create", "Make a cache rule, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/cacheRules/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/cacheRules/{name}", "CacheRules_Update", "Change a cache rule")
        .needs("Microsoft.ContainerRegistry/registries/cacheRules/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/cacheRules/{name}", "CacheRules_Delete", "Delete a cache rule")
        .needs("Microsoft.ContainerRegistry/registries/cacheRules/delete"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/credentialSets", "CredentialSets_List", "A registry's credential sets")
        .needs("Microsoft.ContainerRegistry/registries/credentialSets/read")
        .gives("RegistryChildList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/credentialSets/{name}", "CredentialSets_Get", "One credential set")
        .needs("Microsoft.ContainerRegistry/registries/credentialSets/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/credentialSets/{name}", "CredentialSets_Create", "Make a credential set, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/credentialSets/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/credentialSets/{name}", "CredentialSets_Update", "Change a credential set")
        .needs("Microsoft.ContainerRegistry/registries/credentialSets/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/credentialSets/{name}", "CredentialSets_Delete", "Delete a credential set")
        .needs("Microsoft.ContainerRegistry/registries/credentialSets/delete"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/replications", "Replications_List", "A registry's replications")
        .needs("Microsoft.ContainerRegistry/registries/replications/read")
        .gives("RegistryChildList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/replications/{name}", "Replications_Get", "One replication")
        .needs("Microsoft.ContainerRegistry/registries/replications/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/replications/{name}", "Replications_Create", "Make a replication, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/replications/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/replications/{name}", "Replications_Update", "Change a replication")
        .needs("Microsoft.ContainerRegistry/registries/replications/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/replications/{name}", "Replications_Delete", "Delete a replication")
        .needs("Microsoft.ContainerRegistry/registries/replications/delete"),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/connectedRegistries", "ConnectedRegistries_List", "A registry's connected registries")
        .needs("Microsoft.ContainerRegistry/registries/connectedRegistries/read")
        .gives("RegistryChildList")
        .asks(PAGED),
    get("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/connectedRegistries/{name}", "ConnectedRegistries_Get", "One connected registry")
        .needs("Microsoft.ContainerRegistry/registries/connectedRegistries/read")
        .gives("RegistryChild"),
    put("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/connectedRegistries/{name}", "ConnectedRegistries_Create", "Make a connected registry, or describe it anew")
        .needs("Microsoft.ContainerRegistry/registries/connectedRegistries/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    patch("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/connectedRegistries/{name}", "ConnectedRegistries_Update", "Change a connected registry")
        .needs("Microsoft.ContainerRegistry/registries/connectedRegistries/write")
        .takes("RegistryChild")
        .gives("RegistryChild"),
    delete("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/connectedRegistries/{name}", "ConnectedRegistries_Delete", "Delete a connected registry")
        .needs("Microsoft.ContainerRegistry/registries/connectedRegistries/delete"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/connectedRegistries/{name}/deactivate", "ConnectedRegistries_Deactivate", "Deactivate a connected registry, which it is already")
        .needs("Microsoft.ContainerRegistry/registries/connectedRegistries/deactivate/action"),
    get("/{scope}/providers/{namespace}/locations/{location}/operationResults/{operationId}", "OperationResults_Get", "The result of an operation, or 202 while it runs")
            .gives("OperationStatus")
        .answers(&[200, 202]),
    get("/{scope}/providers/{namespace}/locations/{location}/operationStatuses/{operationId}", "OperationStatuses_Get", "How far an operation is")
            .gives("OperationStatus"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/listCredentials", "Registries_ListCredentials", "The passwords of a registry's own user")
        .needs("Microsoft.ContainerRegistry/registries/listCredentials/action")
        .gives("RegistryCredentials"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/regenerateCredential", "Registries_RegenerateCredential", "Renew a password of a registry's own user")
        .needs("Microsoft.ContainerRegistry/registries/regenerateCredential/action")
        .takes("PasswordName")
        .gives("RegistryCredentials"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks/{name}/ping", "Webhooks_Ping", "Send a test to a webhook")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/ping/action")
        .gives("EventInfo"),
    post("/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/{registryName}/webhooks/{name}/listEvents", "Webhooks_ListEvents", "What was sent to a webhook last, and what it answered")
        .needs("Microsoft.ContainerRegistry/registries/webhooks/listEvents/action")
        .gives("WebhookEventList")
        .asks(&["$top"]),
];
