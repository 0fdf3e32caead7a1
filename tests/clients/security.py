"""azure-mgmt-security: every operation of it that the server has."""

import datetime

from azure.core.exceptions import HttpResponseError
from azure.mgmt.security import SecurityCenter
from azure.mgmt.security.v2019_01_01_preview.models import ContainerRegistryVulnerabilityProperties

from support import ELSEWHERE, FIRST, SECOND, SERVER, Case, Token, eventually, main, push_images, switch_plan_on

GROUP_SCOPE = f"{SERVER.scope}/resourceGroups/{SERVER.group}"
CLIENT = None
DIGESTS = {}


def setUpModule():
    global CLIENT
    CLIENT = SecurityCenter(Token(), SERVER.subscription, base_url=SERVER.endpoint)
    switch_plan_on(CLIENT)
    DIGESTS.update(push_images())
    eventually("verdicts of all images", lambda: all(rows_of(digest) for digest in DIGESTS.values()))


def rows_of(digest):
    rows = CLIENT.sub_assessments.list(SERVER.registry_id, FIRST)
    return [row for row in rows if row.additional_data.image_digest == digest]


def key_of(row):
    return row.id.split("/")[-3]


class SubAssessments(Case):
    def test_list_all_tells_each_row_of_both_generations_once(self):
        rows = list(CLIENT.sub_assessments.list_all(SERVER.scope))
        self.assertEqual(len({row.id for row in rows}), len(rows), "a row is told twice")
        by_key = {key: [row for row in rows if key_of(row) == key] for key in (FIRST, SECOND)}
        self.assertEqual(len(by_key[FIRST]), len(by_key[SECOND]))
        self.assertEqual(len(by_key[FIRST]) + len(by_key[SECOND]), len(rows))
        for row in rows:
            with self.subTest(row.id):
                self.check(row)

    def check(self, row):
        self.assertTrue(row.id.startswith(f"{SERVER.registry_id}/providers/Microsoft.Security/assessments/"))
        self.assertEqual(row.type, "Microsoft.Security/assessments/subAssessments")
        self.assertIn(row.status.code, ("Healthy", "Unhealthy", "NotApplicable"))
        self.assertTrue(row.display_name and row.description)
        self.assertIsInstance(row.time_generated, datetime.datetime)
        self.assertEqual(row.resource_details.source, "Azure")
        self.assertTrue(row.resource_details.id)
        unhealthy = row.status.code == "Unhealthy"
        if unhealthy:
            self.assertTrue(row.id_properties_id and row.remediation and row.category and row.impact)
        if key_of(row) == FIRST:
            self.check_first(row, unhealthy)
        else:
            self.check_second(row, unhealthy)

    def check_first(self, row, unhealthy):
        data = row.additional_data
        self.assertIsInstance(data, ContainerRegistryVulnerabilityProperties)
        self.assertTrue(data.repository_name and data.image_digest.startswith("sha256:"))
        self.assertIsInstance(data.cve, list)
        self.assertIsInstance(data.vendor_references, list)
        self.assertIsInstance(data.patchable, bool)
        for cvss in data.cvss.values():
            self.assertIsInstance(cvss.base, float)
        self.assertIn(row.status.severity, ("Low", "Medium", "High", "Unknown") if unhealthy else (None,))

    def check_second(self, row, unhealthy):
        # The SDK has no class for the second generation and hands its fields out as they came.
        data = row.additional_data.additional_properties
        self.assertTrue(data["artifactDetails"]["repositoryName"])
        self.assertTrue(data["artifactDetails"]["digest"].startswith("sha256:"))
        if unhealthy:
            self.assertEqual(data["vulnerabilityDetails"]["cveId"], row.id_properties_id)
            self.assertTrue(data["softwareDetails"]["packageName"])

    def test_list_all_at_the_registry_and_its_group_tells_the_same(self):
        rows = list(CLIENT.sub_assessments.list_all(SERVER.scope))
        self.same_ids(rows, CLIENT.sub_assessments.list_all(GROUP_SCOPE))
        self.same_ids(rows, CLIENT.sub_assessments.list_all(SERVER.registry_id))
        without_slash = SERVER.registry_id.removeprefix("/")
        self.same_ids(rows, CLIENT.sub_assessments.list_all(without_slash))

    def test_list_tells_the_rows_of_one_assessment(self):
        for key in (FIRST, SECOND):
            rows = list(CLIENT.sub_assessments.list(SERVER.registry_id, key))
            self.assertEqual({key_of(row) for row in rows}, {key})
        self.same_ids(rows, CLIENT.sub_assessments.list(SERVER.scope, SECOND))

    def test_get_gives_what_the_list_has(self):
        rows = list(CLIENT.sub_assessments.list_all(SERVER.registry_id))
        for row in rows[:3] + rows[-3:]:
            one = CLIENT.sub_assessments.get(SERVER.registry_id, key_of(row), row.name)
            self.assertEqual(one.as_dict(), row.as_dict())

    def test_pages_tell_the_same_rows_in_the_same_order(self):
        rows = list(CLIENT.sub_assessments.list_all(SERVER.scope))
        pages = [list(page) for page in CLIENT.sub_assessments.list_all(SERVER.scope, params={"$top": 2}).by_page()]
        self.same_ids(rows, [row for page in pages for row in page])
        self.assertGreater(len(pages), 2)
        self.assertTrue(all(len(page) == 2 for page in pages[:-1]))

    def test_the_old_image_is_unhealthy_and_the_clean_one_healthy(self):
        old, clean = rows_of(DIGESTS["team/app", "old"]), rows_of(DIGESTS["team/app", "clean"])
        self.assertEqual({row.status.code for row in old}, {"Unhealthy"})
        self.assertEqual({row.additional_data.repository_name for row in old}, {"team/app", "team/other"})
        self.assertEqual([row.status.code for row in clean], ["Healthy"])

    def test_what_is_not_there_is_told_by_code(self):
        get = CLIENT.sub_assessments.get
        self.refused("ResourceNotFound", lambda: get(SERVER.registry_id, FIRST, "no-such-row"), 404)
        elsewhere = f"/subscriptions/{ELSEWHERE}"
        self.refused("SubscriptionNotFound", lambda: list(CLIENT.sub_assessments.list_all(elsewhere)), 404)


class Assessments(Case):
    def test_list_tells_one_of_each_generation(self):
        listed = list(CLIENT.assessments.list(SERVER.scope))
        self.assertEqual([one.name for one in listed], [FIRST, SECOND])
        for one in listed:
            self.assertEqual(one.status.code, "Unhealthy")
            self.assertTrue(one.status.first_evaluation_date and one.status.status_change_date)
            self.assertEqual(one.resource_details.id, SERVER.registry_id)
            self.assertGreater(int(one.additional_data["images"]), 0)
            self.assertIsNone(one.metadata)
        self.same_ids(listed, CLIENT.assessments.list(SERVER.registry_id))

    def test_get_expands_metadata(self):
        for listed in CLIENT.assessments.list(SERVER.registry_id):
            one = CLIENT.assessments.get(SERVER.registry_id, listed.name, expand="metadata")
            self.assertEqual(one.status.as_dict(), listed.status.as_dict())
            self.assertEqual(one.metadata.display_name, listed.display_name)
            self.assertTrue(one.links.azure_portal_uri.startswith("http"))
        self.refused("ResourceNotFound", lambda: CLIENT.assessments.get(SERVER.registry_id, "no-such-key"), 404)

    def test_a_built_in_one_cannot_be_written_or_deleted(self):
        wanted = {"properties": {"resource_details": {"source": "Azure"}, "status": {"code": "Healthy"}}}
        for call in (
            lambda: CLIENT.assessments.create_or_update(SERVER.registry_id, FIRST, wanted),
            lambda: CLIENT.assessments.delete(SERVER.registry_id, FIRST),
        ):
            with self.assertRaises(Exception) as caught:
                call()
            self.assertIn(caught.exception.status_code, (400, 403, 405, 409))
            self.assertTrue(caught.exception.error.code)

    def test_a_customers_own_lives(self):
        key = "7d8f1c5a-0000-4000-8000-000000000001"
        status = {"properties": {"resourceDetails": {"source": "Azure"}, "status": {"code": "Unhealthy"}}}
        write = lambda code: CLIENT.assessments.create_or_update(
            SERVER.registry_id, key, {"properties": {**status["properties"], "status": {"code": code}}}
        )
        self.refused("AssessmentMetadataNotFound", lambda: write("Unhealthy"), 400)
        metadata = {"displayName": "Images are signed", "severity": "High", "assessmentType": "CustomerManaged"}
        made = CLIENT.assessments_metadata.create_in_subscription(key, {"properties": metadata})
        self.assertEqual((made.name, made.severity), (key, "High"))
        self.assertEqual(CLIENT.assessments_metadata.get_in_subscription(key).display_name, "Images are signed")
        self.assertIn(key, [one.name for one in CLIENT.assessments_metadata.list_by_subscription()])
        self.assertEqual(write("Unhealthy").status.code, "Unhealthy")
        self.refused("InvalidRequestContent", lambda: write("Sick"), 400)
        found = CLIENT.assessments.get(SERVER.registry_id, key)
        self.assertEqual((found.display_name, found.status.code), ("Images are signed", "Unhealthy"))
        self.assertIn(key, [one.name for one in CLIENT.assessments.list(SERVER.scope)])
        self.assertEqual(write("Healthy").status.first_evaluation_date, found.status.first_evaluation_date)
        CLIENT.assessments.delete(SERVER.registry_id, key)
        self.refused("ResourceNotFound", lambda: CLIENT.assessments.get(SERVER.registry_id, key), 404)
        CLIENT.assessments_metadata.delete_in_subscription(key)
        self.assertNotIn(key, [one.name for one in CLIENT.assessments_metadata.list_by_subscription()])


class Metadata(Case):
    def test_list_and_list_by_subscription(self):
        everywhere, here = CLIENT.assessments_metadata.list(), CLIENT.assessments_metadata.list_by_subscription()
        for known in (list(everywhere), list(here)):
            names = [metadata.name for metadata in known]
            self.assertIn(FIRST, names)
            self.assertIn(SECOND, names)
            for metadata in known:
                self.assertTrue(metadata.display_name and metadata.severity and metadata.assessment_type)

    def test_get_and_get_in_subscription(self):
        self.assertEqual(CLIENT.assessments_metadata.get(FIRST).severity, "High")
        self.assertEqual(CLIENT.assessments_metadata.get_in_subscription(SECOND).assessment_type, "BuiltIn")
        self.refused("ResourceNotFound", lambda: CLIENT.assessments_metadata.get("no-such-key"), 404)


class Pricings(Case):
    def test_list_tells_every_plan(self):
        plans = {plan.name: plan for plan in CLIENT.pricings.list(SERVER.scope).value}
        self.assertLessEqual({"Containers", "ContainerRegistry"}, plans.keys())
        self.assertTrue(plans["ContainerRegistry"].deprecated)
        self.assertEqual(plans["ContainerRegistry"].replaced_by, ["Containers"])

    def test_list_takes_a_filter(self):
        plans = CLIENT.pricings.list(SERVER.scope, filter="name in (Containers)").value
        self.assertEqual([plan.name for plan in plans], ["Containers"])

    def test_update_switches_a_plan_and_its_extension(self):
        extension = {"name": "ContainerRegistriesVulnerabilityAssessments", "is_enabled": "True"}
        plan = CLIENT.pricings.update(
            SERVER.scope, "Containers", {"pricing_tier": "Standard", "extensions": [extension]}
        )
        self.assertEqual(plan.pricing_tier, "Standard")
        self.assertIsNotNone(plan.enablement_time)
        self.assertIn((extension["name"], "True"), [(e.name, e.is_enabled) for e in plan.extensions])
        again = CLIENT.pricings.get(SERVER.scope, "Containers")
        self.assertEqual(again.as_dict(), plan.as_dict())

    def test_update_switches_a_plan_off_and_on(self):
        off = CLIENT.pricings.update(SERVER.scope, "ContainerRegistry", {"pricing_tier": "Free"})
        self.assertEqual(off.pricing_tier, "Free")
        on = CLIENT.pricings.update(SERVER.scope, "ContainerRegistry", {"pricing_tier": "Standard"})
        self.assertEqual(on.pricing_tier, "Standard")
        CLIENT.pricings.update(SERVER.scope, "ContainerRegistry", {"pricing_tier": "Free"})

    def test_get_tells_the_time_of_the_trial(self):
        plan = CLIENT.pricings.get(SERVER.scope, "Containers")
        self.assertIsInstance(plan.free_trial_remaining_time, datetime.timedelta)

    def test_a_plan_of_a_subscription_cannot_be_deleted(self):
        with self.assertRaises(Exception) as caught:
            CLIENT.pricings.delete(SERVER.scope, "Containers")
        self.assertIn(caught.exception.status_code, (400, 405, 409))

    def test_a_plan_that_does_not_exist_and_a_tier_that_does_not_are_refused(self):
        for call in (
            lambda: CLIENT.pricings.get(SERVER.scope, "NoSuchPlan"),
            lambda: CLIENT.pricings.update(SERVER.scope, "Containers", {"pricing_tier": "Golden"}),
        ):
            with self.assertRaises(Exception) as caught:
                call()
            self.assertIn(caught.exception.status_code, (400, 404))
            self.assertNotEqual(caught.exception.error.code, "NotFound")
            self.assertTrue(caught.exception.error.message)


class SecureScores(Case):
    def test_list_and_get_tell_the_same_score(self):
        scores = list(CLIENT.secure_scores.list())
        self.assertEqual([score.name for score in scores], ["ascScore"])
        one = CLIENT.secure_scores.get("ascScore")
        self.assertEqual(one.as_dict(), scores[0].as_dict())
        self.assertAlmostEqual(one.percentage, one.current / one.max, places=3)
        self.assertTrue(0 <= one.current <= one.max)

    def test_controls_are_those_of_the_score_and_follow_the_formula(self):
        listed = list(CLIENT.secure_score_controls.list(expand="definition"))
        of_score = list(CLIENT.secure_score_controls.list_by_secure_score("ascScore", expand="definition"))
        self.same_ids(listed, of_score)
        self.assertTrue(listed)
        for control in listed:
            counted = control.healthy_resource_count + control.unhealthy_resource_count
            if counted:
                self.assertAlmostEqual(control.current, control.max / counted * control.healthy_resource_count, places=1)
            self.assertTrue(control.definition.display_name)
        plain = list(CLIENT.secure_score_controls.list())
        self.assertTrue(all(control.definition is None for control in plain))

    def test_definitions_stand_at_the_tenant_and_in_the_subscription(self):
        everywhere = list(CLIENT.secure_score_control_definitions.list())
        here = list(CLIENT.secure_score_control_definitions.list_by_subscription())
        self.assertEqual([d.name for d in everywhere], [d.name for d in here])
        remediate = [d for d in everywhere if "vulnerabilities" in d.display_name]
        self.assertEqual([d.max_score for d in remediate], [6])
        self.assertTrue(all(len(d.description) <= 256 for d in everywhere))
        self.assertTrue(remediate[0].assessment_definitions)

    def test_an_unknown_score_is_refused(self):
        self.refused("ResourceNotFound", lambda: CLIENT.secure_scores.get("no-such-score"), 404)


class Automations(Case):
    NAME = "to-the-chat"

    def wanted(self):
        return {
            "location": "global",
            "is_enabled": True,
            "description": "tells the chat of high findings",
            "scopes": [{"description": "all", "scope_path": SERVER.scope}],
            "sources": [
                {
                    "event_source": "SubAssessments",
                    "rule_sets": [
                        {
                            "rules": [
                                {
                                    "property_j_path": "properties.status.severity",
                                    "property_type": "String",
                                    "expected_value": "High",
                                    "operator": "Equals",
                                }
                            ]
                        }
                    ],
                }
            ],
            "actions": [
                {
                    "action_type": "LogicApp",
                    "logic_app_resource_id": f"{GROUP_SCOPE}/providers/Microsoft.Logic/workflows/chat",
                    "uri": "https://chat.example/hook",
                }
            ],
        }

    def test_an_automation_lives_through_create_list_get_and_delete(self):
        made = CLIENT.automations.create_or_update(SERVER.group, self.NAME, self.wanted())
        self.assertEqual((made.name, made.is_enabled), (self.NAME, True))
        self.assertEqual(made.sources[0].event_source, "SubAssessments")
        got = CLIENT.automations.get(SERVER.group, self.NAME)
        self.assertEqual(got.as_dict(), made.as_dict())
        for listed in (CLIENT.automations.list(), CLIENT.automations.list_by_resource_group(SERVER.group)):
            self.assertIn(made.id, [one.id for one in listed])
        CLIENT.automations.delete(SERVER.group, self.NAME)
        self.refused("ResourceNotFound", lambda: CLIENT.automations.get(SERVER.group, self.NAME), 404)

    def test_validate_tells_a_good_one_from_a_bad_one(self):
        self.assertTrue(CLIENT.automations.validate(SERVER.group, self.NAME, self.wanted()).is_valid)
        bad = self.wanted()
        bad["sources"][0]["rule_sets"][0]["rules"][0]["operator"] = "SmellsLike"
        self.assertFalse(CLIENT.automations.validate(SERVER.group, self.NAME, bad).is_valid)


class Alerts(Case):
    """The server raises no alerts; its lists are empty, not missing."""

    def test_lists_are_empty(self):
        lists = (
            CLIENT.alerts.list(),
            CLIENT.alerts.list_by_resource_group(SERVER.group),
            CLIENT.alerts.list_subscription_level_by_region("global"),
            CLIENT.alerts.list_resource_group_level_by_region("global", SERVER.group),
        )
        for alerts in lists:
            self.assertEqual(list(alerts), [])

    def test_an_alert_is_not_found(self):
        self.refused("ResourceNotFound", lambda: CLIENT.alerts.get_subscription_level("global", "a"), 404)
        dismiss = CLIENT.alerts.update_subscription_level_state_to_dismiss
        self.refused("ResourceNotFound", lambda: dismiss("global", "a"), 404)

    def test_a_suppression_rule_lives_through_update_list_get_and_delete(self):
        rules = CLIENT.alerts_suppression_rules
        made = rules.update("quiet", {"alert_type": "*", "reason": "Noise", "state": "Enabled", "comment": "for a week"})
        self.assertEqual((made.name, made.alert_type, made.state), ("quiet", "*", "Enabled"))
        self.assertEqual(rules.get("quiet").as_dict(), made.as_dict())
        self.assertEqual([rule.name for rule in rules.list()], ["quiet"])
        self.assertEqual([rule.name for rule in rules.list(alert_type="*")], ["quiet"])
        self.assertEqual(list(rules.list(alert_type="Other")), [])
        rules.delete("quiet")
        self.refused("ResourceNotFound", lambda: rules.get("quiet"), 404)


class Governance(Case):
    RULE = "ad9a8e26-29d9-4829-bb30-e597a58cdbb8"
    ASSIGNMENT = "6634ff9f-127b-4bf2-8e6e-b1737f5e789c"

    def test_a_rule_lives_through_create_list_get_execute_and_delete(self):
        wanted = {
            "display_name": "the team answers for its images",
            "rule_type": "Integrated",
            "source_resource_type": "Assessments",
            "rule_priority": 200,
            "remediation_timeframe": "7.00:00:00",
            "is_grace_period": True,
            "condition_sets": [
                {
                    "conditions": [
                        {"property": "$.AssessmentKey", "operator": "In", "value": f'["{SECOND}"]'}
                    ]
                }
            ],
            "owner_source": {"type": "Manually", "value": "team@example.org"},
        }
        rules = CLIENT.governance_rules
        made = rules.create_or_update(SERVER.scope, self.RULE, wanted)
        self.assertEqual((made.name, made.rule_priority), (self.RULE, 200))
        self.assertEqual(rules.get(SERVER.scope, self.RULE).display_name, wanted["display_name"])
        self.assertEqual([rule.name for rule in rules.list(SERVER.scope)], [self.RULE])
        rules.begin_execute(SERVER.scope, self.RULE).result()
        assigned = CLIENT.governance_assignments.get(SERVER.registry_id, SECOND, self.RULE)
        self.assertEqual((assigned.owner, assigned.is_grace_period), ("team@example.org", True))
        with self.assertRaises(HttpResponseError):
            CLIENT.governance_assignments.get(SERVER.registry_id, FIRST, self.RULE)
        rules.begin_delete(SERVER.scope, self.RULE).result()
        self.assertEqual(list(rules.list(SERVER.scope)), [])

    def test_an_assignment_lives_through_create_list_get_and_delete(self):
        wanted = {
            "owner": "team@example.org",
            "remediation_due_date": datetime.datetime(2031, 1, 7, tzinfo=datetime.timezone.utc),
            "is_grace_period": True,
        }
        assignments = CLIENT.governance_assignments
        where = (SERVER.registry_id, SECOND)
        made = assignments.create_or_update(*where, self.ASSIGNMENT, wanted)
        self.assertEqual((made.name, made.owner), (self.ASSIGNMENT, "team@example.org"))
        self.assertEqual(assignments.get(*where, self.ASSIGNMENT).as_dict(), made.as_dict())
        self.assertIn(self.ASSIGNMENT, [one.name for one in assignments.list(*where)])
        assignments.delete(*where, self.ASSIGNMENT)
        self.assertNotIn(self.ASSIGNMENT, [one.name for one in assignments.list(*where)])


class Operations(Case):
    def test_list_tells_the_actions_of_the_provider(self):
        operations = {operation.name.lower(): operation for operation in CLIENT.operations.list()}
        for action in ("assessments/read", "assessments/subassessments/read", "pricings/write", "securescores/read"):
            self.assertIn(f"microsoft.security/{action}", operations)
        self.assertTrue(all(operation.display.operation for operation in operations.values()))


class Models(Case):
    """Every model that the SDK makes of a list can be walked to its last field and written out again."""

    LISTS = [
        ("sub_assessments", lambda c: c.sub_assessments.list_all(SERVER.scope)),
        ("assessments", lambda c: c.assessments.list(SERVER.scope)),
        ("assessments_metadata", lambda c: c.assessments_metadata.list()),
        ("secure_scores", lambda c: c.secure_scores.list()),
        ("secure_score_controls", lambda c: c.secure_score_controls.list(expand="definition")),
        ("secure_score_control_definitions", lambda c: c.secure_score_control_definitions.list()),
        ("automations", lambda c: c.automations.list()),
        ("operations", lambda c: c.operations.list()),
        ("pricings", lambda c: c.pricings.list(SERVER.scope).value),
    ]

    def test_every_field_is_what_the_model_declares(self):
        for name, call in self.LISTS:
            for item in call(CLIENT):
                with self.subTest(name, item=getattr(item, "id", item)):
                    walk(self, item)
                    self.assertEqual(type(item).deserialize(item.serialize(keep_readonly=True)).as_dict(), item.as_dict())


SIMPLE = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "iso-8601": datetime.datetime,
    "duration": datetime.timedelta,
    "{str}": dict,
    "[str]": list,
}


def walk(case, model):
    """Compares each field of a model with the type that the SDK declares for it, down to the last one."""
    for field, declared in model._attribute_map.items():
        value = getattr(model, field)
        if value is None:
            # The base of several classes has no value for what tells them apart.
            required = model._validation.get(field, {}).get("required") and not getattr(model, "_subtype_map", None)
            case.assertFalse(required, f"{type(model).__name__}.{field} is required and missing")
            continue
        wanted = SIMPLE.get(declared["type"])
        if wanted:
            case.assertIsInstance(value, wanted, f"{type(model).__name__}.{field}")
        for nested in value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]:
            if hasattr(nested, "_attribute_map"):
                walk(case, nested)


if __name__ == "__main__":
    main()
