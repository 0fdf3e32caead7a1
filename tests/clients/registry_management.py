"""azure-mgmt-containerregistry: registries, imports, webhooks and what else a registry has as an ARM resource."""

import datetime
import http.server
import json
import threading

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

from support import SERVER, Case, Token, eventually, main, push, push_images, registry_client

CLIENT = None
WHERE = (SERVER.group, SERVER.registry)


def setUpModule():
    global CLIENT
    CLIENT = ContainerRegistryManagementClient(Token(), SERVER.subscription, base_url=SERVER.endpoint)
    push_images()


class Registries(Case):
    def test_list_and_get_tell_the_embedded_registry(self):
        registry = CLIENT.registries.get(*WHERE)
        self.assertEqual((registry.name, registry.type), (SERVER.registry, "Microsoft.ContainerRegistry/registries"))
        self.assertEqual(registry.id.lower(), SERVER.registry_id.lower())
        self.assertTrue(registry.location and registry.sku.name)
        properties = registry.properties
        self.assertEqual(properties.login_server, SERVER.login_server)
        self.assertEqual(properties.provisioning_state, "Succeeded")
        self.assertIsInstance(properties.creation_date, datetime.datetime)
        self.assertEqual(properties.public_network_access, "Enabled")
        self.assertEqual(properties.network_rule_bypass_options, "AzureServices")
        self.assertEqual(properties.network_rule_set.default_action, "Allow")
        self.assertEqual(properties.policies.quarantine_policy.status, "disabled")
        for listed in (CLIENT.registries.list(), CLIENT.registries.list_by_resource_group(SERVER.group)):
            self.assertIn(registry.id, [one.id for one in listed])

    def test_a_registry_lives_through_create_update_and_delete(self):
        wanted = {"location": "westeurope", "sku": {"name": "Premium"}, "tags": {"team": "harbour"}}
        where = (SERVER.group, "secondreg")
        made = CLIENT.registries.begin_create(*where, wanted).result()
        self.assertEqual((made.name, made.location, made.sku.name), ("secondreg", "westeurope", "Premium"))
        self.assertEqual(made.properties.provisioning_state, "Succeeded")
        change = {
            "tags": {"team": "dock"},
            "properties": {
                "publicNetworkAccess": "Disabled",
                "networkRuleSet": {"defaultAction": "Deny", "ipRules": [{"action": "Allow", "value": "192.0.2.0/24"}]},
                "networkRuleBypassOptions": "AzureServices",
                "policies": {"quarantinePolicy": {"status": "enabled"}},
            },
        }
        changed = CLIENT.registries.begin_update(*where, change).result()
        self.assertEqual(changed.tags, {"team": "dock"})
        self.assertEqual(changed.sku.name, "Premium", "what is not named stays")
        self.assertEqual(changed.properties.public_network_access, "Disabled")
        self.assertEqual(changed.properties.network_rule_set.ip_rules[0].ip_address_or_range, "192.0.2.0/24")
        self.assertEqual(changed.properties.policies.quarantine_policy.status, "enabled")
        self.assertEqual(CLIENT.registries.get(*where).as_dict(), changed.as_dict())
        CLIENT.registries.begin_delete(*where).result()
        with self.assertRaises(ResourceNotFoundError):
            CLIENT.registries.get(*where)

    def test_check_name_availability_tells_why_not(self):
        check = lambda name: CLIENT.registries.check_name_availability(
            {"name": name, "type": "Microsoft.ContainerRegistry/registries"}
        )
        self.assertTrue(check("surelyfree").name_available)
        taken = check(SERVER.registry)
        self.assertFalse(taken.name_available)
        self.assertEqual(taken.reason, "AlreadyExists")
        bad = check("a-b")
        self.assertFalse(bad.name_available)
        self.assertEqual(bad.reason, "Invalid")
        self.assertTrue(bad.message)

    def test_list_usages_tells_what_is_used(self):
        usages = {usage.name: usage for usage in CLIENT.registries.list_usages(*WHERE).value}
        self.assertLessEqual({"Size", "Webhooks"}, usages.keys())
        self.assertGreater(usages["Size"].current_value, 0)
        self.assertEqual(usages["Size"].unit, "Bytes")

    def test_credentials_are_there_while_the_admin_user_is_on(self):
        with self.assertRaises(HttpResponseError):
            CLIENT.registries.list_credentials(*WHERE)
        CLIENT.registries.begin_update(*WHERE, {"properties": {"adminUserEnabled": True}}).result()
        try:
            first = CLIENT.registries.list_credentials(*WHERE)
            self.assertEqual(first.username, SERVER.registry)
            self.assertEqual([password.name for password in first.passwords], ["password", "password2"])
            second = CLIENT.registries.regenerate_credential(*WHERE, {"name": "password2"})
            self.assertEqual(second.passwords[0].value, first.passwords[0].value)
            self.assertNotEqual(second.passwords[1].value, first.passwords[1].value)
        finally:
            CLIENT.registries.begin_update(*WHERE, {"properties": {"adminUserEnabled": False}}).result()

    def test_there_is_nothing_that_a_private_link_leads_to(self):
        self.assertEqual(list(CLIENT.registries.list_private_link_resources(*WHERE)), [])
        self.assertEqual(list(CLIENT.private_endpoint_connections.list(*WHERE)), [])
        with self.assertRaises(ResourceNotFoundError):
            CLIENT.registries.get_private_link_resource(*WHERE, "registry")
        with self.assertRaises(ResourceNotFoundError):
            CLIENT.private_endpoint_connections.get(*WHERE, "none")

    def test_a_bad_body_is_refused_by_field(self):
        for body in (
            {"location": "here", "sku": {"name": "Golden"}},
            {"sku": {"name": "Basic"}},
            {"location": "here", "sku": {"name": "Basic"}, "properties": {"publicNetworkAccess": "Perhaps"}},
        ):
            with self.assertRaises(HttpResponseError) as caught:
                CLIENT.registries.begin_create(SERVER.group, "thirdreg", body).result()
            self.assertEqual(caught.exception.status_code, 400, body)


class Imports(Case):
    def source(self, image="team/app:old"):
        return {"resourceId": SERVER.registry_id, "sourceImage": image}

    def import_image(self, **body):
        CLIENT.registries.begin_import_image(*WHERE, {"source": self.source(), **body}).result()

    def test_an_image_is_imported_under_several_tags(self):
        self.import_image(targetTags=["imported/app:1", "imported/app:2"])
        with registry_client() as client:
            tags = {tag.name: tag.digest for tag in client.list_tag_properties("imported/app")}
            original = client.get_tag_properties("team/app", "old").digest
        self.assertEqual(tags, {"1": original, "2": original})

    def test_an_import_without_a_tag_takes_the_sources(self):
        self.import_image(targetTags=["imported/same"])
        with registry_client() as client:
            self.assertEqual([tag.name for tag in client.list_tag_properties("imported/same")], ["old"])

    def test_an_untagged_import_leaves_a_digest(self):
        self.import_image(untaggedTargetRepositories=["imported/untagged"])
        with registry_client() as client:
            manifests = list(client.list_manifest_properties("imported/untagged"))
            self.assertEqual(len(manifests), 1)
            self.assertFalse(manifests[0].tags)

    def test_a_tag_that_is_there_is_replaced_only_by_force(self):
        self.import_image(targetTags=["imported/forced:1"])
        with self.assertRaises(HttpResponseError) as caught:
            self.import_image(targetTags=["imported/forced:1"], mode="NoForce")
        self.assertEqual(caught.exception.status_code, 409)
        self.import_image(targetTags=["imported/forced:1"], mode="Force")

    def test_an_image_that_is_not_there_fails_with_a_reason(self):
        body = {"source": self.source("team/app:no-such-tag"), "targetTags": ["imported/none:1"]}
        with self.assertRaises(HttpResponseError) as caught:
            CLIENT.registries.begin_import_image(*WHERE, body).result()
        self.assertTrue(caught.exception.message)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(({name.lower(): value for name, value in self.headers.items()}, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments):
        pass


class Webhooks(Case):
    def setUp(self):
        self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.receiver.told = []
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)

    def wanted(self, **properties):
        uri = f"http://127.0.0.1:{self.receiver.server_address[1]}/hook"
        return {
            "location": "local",
            "properties": {
                "serviceUri": uri,
                "actions": ["push", "delete"],
                "customHeaders": {"X-Team": "harbour"},
                "status": "enabled",
                **properties,
            },
        }

    def test_a_webhook_lives_through_create_update_list_and_delete(self):
        hooks, where = CLIENT.webhooks, (*WHERE, "lifecycle")
        made = hooks.begin_create(*where, self.wanted(scope="team/app:*")).result()
        self.assertEqual((made.name, made.properties.status), ("lifecycle", "enabled"))
        self.assertEqual((made.properties.scope, made.properties.actions), ("team/app:*", ["push", "delete"]))
        config = hooks.get_callback_config(*where)
        self.assertEqual(config.service_uri, self.wanted()["properties"]["serviceUri"])
        self.assertEqual(config.custom_headers, {"X-Team": "harbour"})
        changed = hooks.begin_update(*where, {"properties": {"status": "disabled"}}).result()
        self.assertEqual((changed.properties.status, changed.properties.scope), ("disabled", "team/app:*"))
        self.assertEqual(hooks.get(*where).as_dict(), changed.as_dict())
        self.assertIn("lifecycle", [hook.name for hook in hooks.list(*WHERE)])
        hooks.begin_delete(*where).result()
        with self.assertRaises(ResourceNotFoundError):
            hooks.get(*where)

    def test_a_ping_and_a_push_arrive_and_are_listed(self):
        hooks, where = CLIENT.webhooks, (*WHERE, "delivery")
        hooks.begin_create(*where, self.wanted()).result()
        self.addCleanup(lambda: hooks.begin_delete(*where).result())
        ping = hooks.ping(*where)
        self.assertTrue(ping.id)
        with registry_client() as client:
            digest = push(client, "hooked/app", "1", "clean")
        told = eventually("a push is told", lambda: [t for t in self.receiver.told if t[1]["action"] == "push"])
        headers, payload = told[0]
        self.assertEqual(headers["x-team"], "harbour")
        target = payload["target"]
        self.assertEqual((target["repository"], target["tag"], target["digest"]), ("hooked/app", "1", digest))
        self.assertEqual(payload["request"]["method"], "PUT")
        self.assertIn("ping", [payload["action"] for _, payload in self.receiver.told])
        events = eventually("events are listed", lambda: list(hooks.list_events(*where)))
        for event in events:
            self.assertEqual(event.event_request_message.method, "POST")
        eventually(
            "an answer is listed",
            lambda: [e for e in hooks.list_events(*where) if e.event_response_message.status_code == "200"],
        )


class Children(Case):
    """What else hangs below a registry: each is made, listed, read, changed and deleted in the same way."""

    def lives(self, group, name, wanted, change, told):
        """`told` gives of a resource what the change must have changed."""
        where = (*WHERE, name)
        made = group.begin_create(*where, wanted).result()
        self.assertEqual(made.name, name)
        self.assertTrue(made.id.lower().startswith(SERVER.registry_id.lower()))
        self.assertIn(name, [one.name for one in group.list(*WHERE)])
        before = told(group.get(*where))
        changed = group.begin_update(*where, change).result()
        self.assertNotEqual(told(changed), before)
        self.assertEqual(told(group.get(*where)), told(changed))
        group.begin_delete(*where).result()
        with self.assertRaises(ResourceNotFoundError):
            group.get(*where)
        return made

    def scope_map(self, actions=("repositories/team/app/content/read",)):
        return {"properties": {"description": "readers", "actions": list(actions)}}

    def test_a_scope_map_lives(self):
        change = self.scope_map(["repositories/team/app/content/read", "repositories/team/app/metadata/read"])
        self.lives(CLIENT.scope_maps, "readers", self.scope_map(), change, lambda one: one.properties.actions)

    def test_a_token_lives(self):
        CLIENT.scope_maps.begin_create(*WHERE, "oftoken", self.scope_map()).result()
        self.addCleanup(lambda: CLIENT.scope_maps.begin_delete(*WHERE, "oftoken").result())
        wanted = {"properties": {"scopeMapId": f"{SERVER.registry_id}/scopeMaps/oftoken", "status": "enabled"}}
        change = {"properties": {"status": "disabled"}}
        self.lives(CLIENT.tokens, "robot", wanted, change, lambda one: one.properties.status)

    def test_a_cache_rule_lives(self):
        credentials = f"{SERVER.registry_id}/credentialSets/hub"
        wanted = {"properties": {"sourceRepository": "docker.io/library/alpine", "targetRepository": "cached/alpine"}}
        change = {"properties": {"credentialSetResourceId": credentials}}
        self.lives(CLIENT.cache_rules, "alpine", wanted, change, lambda one: one.properties.credential_set_resource_id)

    def test_a_credential_set_lives(self):
        secret = "https://vault.example/secrets/"
        credential = {
            "name": "Credential1",
            "usernameSecretIdentifier": f"{secret}name",
            "passwordSecretIdentifier": f"{secret}word",
        }
        wanted = {"properties": {"loginServer": "docker.io", "authCredentials": [credential]}}
        other = {**credential, "passwordSecretIdentifier": f"{secret}other"}
        change = {"properties": {"authCredentials": [other]}}
        told = lambda one: one.properties.auth_credentials[0].password_secret_identifier
        self.lives(CLIENT.credential_sets, "hub", wanted, change, told)

    def test_a_replication_lives(self):
        wanted = {"location": "northeurope", "tags": {"a": "b"}}
        self.lives(CLIENT.replications, "northeurope", wanted, {"tags": {"a": "c"}}, lambda one: one.tags)

    def test_a_connected_registry_lives(self):
        token = f"{SERVER.registry_id}/tokens/sync"
        wanted = {"properties": {"mode": "ReadOnly", "parent": {"syncProperties": {"tokenId": token, "messageTtl": "P2D"}}}}
        change = {"properties": {"logging": {"logLevel": "Debug"}}}
        told = lambda one: one.properties.logging and one.properties.logging.log_level
        self.lives(CLIENT.connected_registries, "edge", wanted, change, told)
        CLIENT.connected_registries.begin_create(*WHERE, "quiet", wanted).result()
        CLIENT.connected_registries.begin_deactivate(*WHERE, "quiet").result()
        self.assertEqual(CLIENT.connected_registries.get(*WHERE, "quiet").properties.activation.status, "Inactive")
        CLIENT.connected_registries.begin_delete(*WHERE, "quiet").result()

    def test_passwords_of_a_token_are_refused_with_what_to_do(self):
        CLIENT.scope_maps.begin_create(*WHERE, "ofrobot", self.scope_map()).result()
        token = {"properties": {"scopeMapId": f"{SERVER.registry_id}/scopeMaps/ofrobot", "status": "enabled"}}
        made = CLIENT.tokens.begin_create(*WHERE, "withword", token).result()
        ask = lambda: CLIENT.registries.begin_generate_credentials(*WHERE, {"tokenId": made.id, "name": "password1"})
        error = self.refused("NotSupported", ask, 400)
        self.assertIn("plimsoll token create", str(error))


class Operations(Case):
    def test_list_tells_the_actions_of_the_provider(self):
        names = [operation.name.lower() for operation in CLIENT.operations.list()]
        for action in ("registries/read", "registries/importimage/action", "registries/pull/read"):
            self.assertIn(f"microsoft.containerregistry/{action}", names)


class Errors(Case):
    def test_what_is_not_there_is_told_by_code(self):
        error = self.refused("ResourceNotFound", lambda: CLIENT.registries.get(SERVER.group, "nosuchregistry"), 404)
        self.assertIsInstance(error, ResourceNotFoundError)
        self.refused("ResourceGroupNotFound", lambda: CLIENT.registries.get("no-such-group", SERVER.registry), 404)


if __name__ == "__main__":
    main()
