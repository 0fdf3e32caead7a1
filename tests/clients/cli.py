"""az, the command line of Azure, as it comes from PyPI: registers the cloud, logs in, and asks as a user would.

PLIMSOLL_TEST_AZ names the program. It gets a home of its own, so that nothing of the user's is seen or changed.
"""

import json
import os
import subprocess
import tempfile

from support import FIRST, SECOND, SERVER, Case, eventually, main, push, push_images, registry_client

AZ = os.environ["PLIMSOLL_TEST_AZ"]
HOME = tempfile.TemporaryDirectory(prefix="plimsoll-az-")
DIGESTS = {}
CLOUD = "Plimsoll"
REGISTRY = ["--name", SERVER.registry]
IMAGE = "team/app:old"


def environment():
    home = HOME.name
    return {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "AZURE_CONFIG_DIR": os.path.join(home, "azure"),
        "DOCKER_CONFIG": os.path.join(home, "docker"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_NO_COLOR": "yes",
        "AZURE_CORE_SURVEY_MESSAGE": "no",
        "AZURE_LOGGING_ENABLE_LOG_FILE": "no",
        "AZURE_EXTENSION_USE_DYNAMIC_INSTALL": "no",
        "REQUESTS_CA_BUNDLE": SERVER.ca,
        "IDENTITY_ENDPOINT": f"{SERVER.endpoint}/msi/token",
        "IDENTITY_HEADER": SERVER.token,
    }


def run(*arguments):
    return subprocess.run(
        [AZ, *arguments, "--output", "json"], env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def az(*arguments):
    """What the command answers, as JSON; fails with what it says where it fails."""
    done = run(*arguments)
    if done.returncode != 0:
        raise AssertionError(f"az {' '.join(arguments)}\n{done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def setUpModule():
    az("cloud", "register", "--name", CLOUD, "--endpoint-resource-manager", SERVER.endpoint)
    az("cloud", "set", "--name", CLOUD)
    az("login", "--identity")
    az("security", "pricing", "create", "--name", "Containers", "--tier", "standard")
    DIGESTS.update(push_images())
    eventually("verdicts of all images", verdicts_stand, 60)


def verdicts_stand():
    rows = az("security", "sub-assessment", "list", "--assessed-resource-id", SERVER.registry_id, "--assessment-name", FIRST)
    return set(DIGESTS.values()) <= {row["additionalData"]["imageDigest"] for row in rows}


class Cloud(Case):
    def test_the_registered_cloud_is_the_servers(self):
        cloud = az("cloud", "show", "--name", CLOUD)
        self.assertEqual(cloud["endpoints"]["resourceManager"].rstrip("/"), SERVER.endpoint)
        self.assertTrue(cloud["isActive"])

    def test_account_list_and_show_tell_the_subscription(self):
        accounts = az("account", "list")
        self.assertIn(SERVER.subscription, [account["id"] for account in accounts])
        self.assertEqual(az("account", "show")["environmentName"], CLOUD)
        self.assertEqual(az("account", "show")["state"], "Enabled")

    def test_account_get_access_token_gives_one(self):
        token = az("account", "get-access-token")
        self.assertTrue(token["accessToken"])
        self.assertEqual(token["subscription"], SERVER.subscription)

    def test_group_list_tells_the_resource_group(self):
        self.assertIn(SERVER.group, [group["name"] for group in az("group", "list")])

    def test_resource_list_tells_the_registry(self):
        listed = az("resource", "list", "--resource-type", "Microsoft.ContainerRegistry/registries")
        self.assertIn(SERVER.registry_id.lower(), [resource["id"].lower() for resource in listed])


class Security(Case):
    def test_sub_assessment_list_of_the_subscription(self):
        rows = az("security", "sub-assessment", "list")
        self.assertEqual({row["id"].split("/")[-3] for row in rows}, {FIRST, SECOND})

    def test_sub_assessment_show(self):
        where = ["--assessed-resource-id", SERVER.registry_id, "--assessment-name", SECOND]
        for row in az("security", "sub-assessment", "list", *where)[:2]:
            one = az("security", "sub-assessment", "show", *where, "--name", row["name"])
            self.assertEqual(one, row)

    def test_assessment_list_and_show(self):
        listed = az("security", "assessment", "list")
        self.assertEqual([one["name"] for one in listed], [FIRST, SECOND])
        one = az("security", "assessment", "show", "--assessed-resource-id", SERVER.registry_id, "--name", FIRST)
        self.assertEqual(one["status"]["code"], "Unhealthy")

    def test_assessment_metadata_list_and_show(self):
        names = [one["name"] for one in az("security", "assessment-metadata", "list")]
        self.assertLessEqual({FIRST, SECOND}, set(names))
        self.assertEqual(az("security", "assessment-metadata", "show", "--name", SECOND)["severity"], "High")

    def test_pricing_list_show_and_create(self):
        plans = az("security", "pricing", "list")
        plans = plans["value"] if isinstance(plans, dict) else plans
        self.assertIn("Containers", [plan["name"] for plan in plans])
        made = az("security", "pricing", "create", "--name", "ContainerRegistry", "--tier", "free")
        self.assertEqual(made["pricingTier"], "Free")
        self.assertEqual(az("security", "pricing", "show", "--name", "Containers")["pricingTier"], "Standard")

    def test_secure_scores_list_and_show(self):
        scores = az("security", "secure-scores", "list")
        self.assertEqual([score["name"] for score in scores], ["ascScore"])
        self.assertEqual(az("security", "secure-scores", "show", "--name", "ascScore")["max"], scores[0]["max"])

    def test_secure_score_controls_list_and_list_by_score(self):
        controls = az("security", "secure-score-controls", "list")
        of_score = az("security", "secure-score-controls", "list_by_score", "--name", "ascScore")
        self.assertEqual([c["name"] for c in controls], [c["name"] for c in of_score])
        self.assertTrue(controls)

    def test_secure_score_control_definitions_list(self):
        self.assertTrue(az("security", "secure-score-control-definitions", "list"))

    def test_automation_list(self):
        self.assertEqual(az("security", "automation", "list"), [])

    def test_alert_list(self):
        self.assertEqual(az("security", "alert", "list"), [])

    def test_alerts_suppression_rule_list(self):
        self.assertEqual(az("security", "alerts-suppression-rule", "list"), [])


class Registry(Case):
    def test_list_and_show(self):
        self.assertIn(SERVER.registry, [registry["name"] for registry in az("acr", "list")])
        in_group = az("acr", "list", "--resource-group", SERVER.group)
        self.assertIn(SERVER.registry, [registry["name"] for registry in in_group])
        shown = az("acr", "show", *REGISTRY)
        self.assertEqual((shown["loginServer"], shown["provisioningState"]), (SERVER.login_server, "Succeeded"))

    def test_check_name(self):
        self.assertTrue(az("acr", "check-name", "--name", "surelyfree")["nameAvailable"])
        self.assertEqual(az("acr", "check-name", *REGISTRY)["reason"], "AlreadyExists")

    def test_show_usage(self):
        self.assertIn("Size", [usage["name"] for usage in az("acr", "show-usage", *REGISTRY)["value"]])

    def test_show_endpoints(self):
        self.assertEqual(az("acr", "show-endpoints", *REGISTRY)["loginServer"], SERVER.login_server)

    def test_create_update_and_delete(self):
        where = ["--name", "azmadereg", "--resource-group", SERVER.group]
        made = az("acr", "create", *where, "--sku", "Premium", "--location", "local")
        self.assertEqual((made["name"], made["sku"]["name"]), ("azmadereg", "Premium"))
        changed = az(
            "acr", "update", *where, "--allow-trusted-services", "true", "--public-network-enabled", "false"
        )
        self.assertEqual((changed["publicNetworkAccess"], changed["networkRuleBypassOptions"]), ("Disabled", "AzureServices"))
        az("acr", "network-rule", "add", *where, "--ip-address", "192.0.2.0/24")
        rules = az("acr", "network-rule", "list", *where)
        self.assertEqual([rule["ipAddressOrRange"] for rule in rules["ipRules"]], ["192.0.2.0/24"])
        az("acr", "delete", *where, "--yes")
        self.assertNotIn("azmadereg", [registry["name"] for registry in az("acr", "list")])

    def test_credential_show(self):
        az("acr", "update", *REGISTRY, "--admin-enabled", "true")
        try:
            self.assertEqual(az("acr", "credential", "show", *REGISTRY)["username"], SERVER.registry)
        finally:
            az("acr", "update", *REGISTRY, "--admin-enabled", "false")

    def test_webhook_create_list_show_and_delete(self):
        where = ["--registry", SERVER.registry, "--name", "azhook"]
        az("acr", "webhook", "create", *where, "--uri", "http://127.0.0.1:9/hook", "--actions", "push", "delete")
        self.assertEqual(az("acr", "webhook", "show", *where)["actions"], ["push", "delete"])
        self.assertIn("azhook", [hook["name"] for hook in az("acr", "webhook", "list", "--registry", SERVER.registry)])
        self.assertEqual(az("acr", "webhook", "get-config", *where)["serviceUri"], "http://127.0.0.1:9/hook")
        az("acr", "webhook", "delete", *where)

    def test_import_from_another_of_ours(self):
        source = f"{SERVER.login_server}/{IMAGE}"
        az("acr", "import", *REGISTRY, "--source", source, "--image", "az/imported:1", "--force")
        tags = az("acr", "repository", "show-tags", *REGISTRY, "--repository", "az/imported")
        self.assertEqual(tags, ["1"])
        shown = az("acr", "repository", "show", *REGISTRY, "--image", "az/imported:1")
        self.assertEqual(shown["digest"], DIGESTS["team/app", "old"])

    def test_login_expose_token(self):
        exposed = az("acr", "login", *REGISTRY, "--expose-token")
        self.assertEqual(exposed["loginServer"], SERVER.login_server)
        self.assertTrue(exposed["accessToken"])


class Repositories(Case):
    def test_list(self):
        self.assertLessEqual({"team/app", "team/other"}, set(az("acr", "repository", "list", *REGISTRY)))

    def test_show(self):
        shown = az("acr", "repository", "show", *REGISTRY, "--repository", "team/app")
        self.assertEqual((shown["imageName"], shown["manifestCount"], shown["tagCount"]), ("team/app", 2, 2))
        image = az("acr", "repository", "show", *REGISTRY, "--image", IMAGE)
        self.assertEqual((image["name"], image["digest"]), ("old", DIGESTS["team/app", "old"]))

    def test_show_tags(self):
        tags = az("acr", "repository", "show-tags", *REGISTRY, "--repository", "team/app")
        self.assertEqual(tags, ["clean", "old"])
        detailed = ["--detail", "--orderby", "time_desc", "--top", "1"]
        tags = az("acr", "repository", "show-tags", *REGISTRY, "--repository", "team/app", *detailed)
        self.assertEqual(len(tags), 1)
        self.assertTrue(tags[0]["digest"].startswith("sha256:"))

    def test_show_manifests(self):
        manifests = az("acr", "repository", "show-manifests", *REGISTRY, "--repository", "team/app")
        self.assertEqual({m["digest"] for m in manifests}, {DIGESTS["team/app", tag] for tag in ("old", "clean")})

    def test_update_locks_and_unlocks(self):
        image = ["--image", "team/other:old"]
        locked = az("acr", "repository", "update", *REGISTRY, *image, "--delete-enabled", "false")
        self.assertFalse(locked["changeableAttributes"]["deleteEnabled"])
        refused = run("acr", "repository", "delete", *REGISTRY, *image, "--yes")
        self.assertNotEqual(refused.returncode, 0)
        az("acr", "repository", "update", *REGISTRY, *image, "--delete-enabled", "true")

    def test_untag(self):
        with registry_client() as client:
            digest = push(client, "az/untagged", "1", "clean")
        az("acr", "repository", "untag", *REGISTRY, "--image", "az/untagged:1")
        manifests = az("acr", "manifest", "list-metadata", "--registry", SERVER.registry, "--name", "az/untagged")
        self.assertEqual([(m["digest"], m["tags"]) for m in manifests], [(digest, [])])

    def test_delete_an_image_and_a_repository(self):
        with registry_client() as client:
            push(client, "az/deleted", "1", "clean")
            push(client, "az/deleted", "2", "old")
        az("acr", "repository", "delete", *REGISTRY, "--image", "az/deleted:1", "--yes")
        self.assertEqual(az("acr", "repository", "show-tags", *REGISTRY, "--repository", "az/deleted"), ["2"])
        az("acr", "repository", "delete", *REGISTRY, "--repository", "az/deleted", "--yes")
        self.assertNotIn("az/deleted", az("acr", "repository", "list", *REGISTRY))

    def test_what_is_not_there_is_told(self):
        done = run("acr", "repository", "show", *REGISTRY, "--repository", "no/such")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("there is no repository", done.stderr.lower())


class Manifests(Case):
    WHERE = ["--registry", SERVER.registry, "--name"]

    def test_list_and_list_metadata(self):
        for command in ("list", "list-metadata"):
            listed = az("acr", "manifest", command, *self.WHERE, "team/app")
            self.assertEqual(len(listed), 2, command)

    def test_show(self):
        manifest = az("acr", "manifest", "show", *self.WHERE, IMAGE)
        self.assertEqual(manifest["schemaVersion"], 2)

    def test_show_metadata(self):
        metadata = az("acr", "manifest", "show-metadata", *self.WHERE, f"team/app@{DIGESTS['team/app', 'old']}")
        self.assertEqual((metadata["digest"], metadata["tags"]), (DIGESTS["team/app", "old"], ["old"]))
        self.assertEqual((metadata["architecture"], metadata["os"]), ("amd64", "linux"))

    def test_update_metadata(self):
        digest = DIGESTS["team/other", "old"]
        where = [*self.WHERE, f"team/other@{digest}"]
        locked = az("acr", "manifest", "update-metadata", *where, "--delete-enabled", "false")
        self.assertFalse(locked["changeableAttributes"]["deleteEnabled"])
        az("acr", "manifest", "update-metadata", *where, "--delete-enabled", "true")

    def test_list_referrers(self):
        digest = DIGESTS["team/app", "old"]
        referrers = az("acr", "manifest", "list-referrers", *self.WHERE, f"team/app@{digest}")
        self.assertEqual(referrers["manifests"], [])

    def test_delete(self):
        with registry_client() as client:
            push(client, "az/manifest", "1", "clean")
        az("acr", "manifest", "delete", *self.WHERE, "az/manifest:1", "--yes")
        done = run("acr", "manifest", "show", *self.WHERE, "az/manifest:1")
        self.assertNotEqual(done.returncode, 0)


class Rest(Case):
    def test_get_of_our_own_surface(self):
        url = f"{SERVER.endpoint}{SERVER.registry_id}/providers/Microsoft.Security/assessments?api-version=2021-06-01"
        self.assertEqual([one["name"] for one in az("rest", "--url", url)["value"]], [FIRST, SECOND])

    def test_a_query_of_resource_graph(self):
        url = f"{SERVER.endpoint}/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01"
        query = "securityresources | where type =~ 'microsoft.security/assessments/subassessments' | count"
        answer = az("rest", "--method", "post", "--url", url, "--body", json.dumps({"query": query}))
        self.assertEqual(answer["count"], 1)
        self.assertGreater(answer["data"][0]["Count"], 0)


if __name__ == "__main__":
    main()
