"""azure-identity: a managed identity, whose endpoint is the server's own, gives tokens that every client can use."""

import os

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ManagedIdentityCredential
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import QueryRequest
from azure.mgmt.security import SecurityCenter

from support import SERVER, Case, main, registry_client


def identity(token=SERVER.token):
    os.environ["IDENTITY_ENDPOINT"] = f"{SERVER.endpoint}/msi/token"
    os.environ["IDENTITY_HEADER"] = token
    return ManagedIdentityCredential()


class ManagedIdentity(Case):
    def test_a_token_for_each_audience(self):
        with identity() as credential:
            for scope in (f"{SERVER.endpoint}/.default", "https://containerregistry.azure.net/.default"):
                token = credential.get_token(scope)
                self.assertTrue(token.token)

    def test_every_client_works_with_it(self):
        scopes = {"credential_scopes": [f"{SERVER.endpoint}/.default"]}
        with identity() as credential:
            security = SecurityCenter(credential, SERVER.subscription, base_url=SERVER.endpoint, **scopes)
            self.assertTrue(list(security.assessments_metadata.list()))
            graph = ResourceGraphClient(credential, base_url=SERVER.endpoint, **scopes)
            self.assertEqual(graph.resources(QueryRequest(query="resources | count")).count, 1)
            registries = ContainerRegistryManagementClient(
                credential, SERVER.subscription, base_url=SERVER.endpoint, **scopes
            )
            self.assertIn(SERVER.registry, [one.name for one in registries.registries.list()])
            with registry_client(credential) as data:
                list(data.list_repository_names())

    def test_who_does_not_know_the_header_gets_no_token(self):
        with identity("wrong") as credential:
            with self.assertRaises(ClientAuthenticationError):
                credential.get_token(f"{SERVER.endpoint}/.default")


if __name__ == "__main__":
    main()
