"""azure-mgmt-resourcegraph: queries, their pages and errors, and saved queries."""

from azure.core.exceptions import HttpResponseError
from azure.mgmt.resourcegraph import ResourceGraphClient
from azure.mgmt.resourcegraph.models import (
    FacetRequest,
    FacetRequestOptions,
    GraphQueryResource,
    GraphQueryUpdateParameters,
    QueryRequest,
    QueryRequestOptions,
    ResultFormat,
)
from azure.mgmt.security import SecurityCenter

from support import ELSEWHERE, SECOND, SERVER, Case, Token, eventually, main, push_images, switch_plan_on

CLIENT = None
FINDINGS = "securityresources | where type =~ 'microsoft.security/assessments/subassessments'"
UNHEALTHY = f"{FINDINGS} | where properties.status.code == 'Unhealthy'"


def setUpModule():
    global CLIENT
    CLIENT = ResourceGraphClient(Token(), base_url=SERVER.endpoint)
    security = SecurityCenter(Token(), SERVER.subscription, base_url=SERVER.endpoint)
    switch_plan_on(security)
    digests = set(push_images().values())

    def told():
        rows = security.sub_assessments.list(SERVER.registry_id, SECOND)
        return digests <= {row.additional_data.additional_properties["artifactDetails"]["digest"] for row in rows}

    eventually("verdicts of all images", told)


def ask(query, facets=None, subscriptions=(SERVER.subscription,), **options):
    request = QueryRequest(
        query=query,
        subscriptions=list(subscriptions) if subscriptions else None,
        options=QueryRequestOptions(**options) if options else None,
        facets=facets,
    )
    return CLIENT.resources(request)


class Queries(Case):
    def test_findings_are_rows_with_nested_properties(self):
        answer = ask(UNHEALTHY)
        self.assertGreater(answer.total_records, 0)
        self.assertEqual((answer.count, answer.count), (answer.total_records, len(answer.data)))
        self.assertEqual(answer.result_truncated, "false")
        self.assertIsNone(answer.skip_token)
        self.assertEqual(answer.facets, [])
        row = answer.data[0]
        self.assertEqual(row["type"], "microsoft.security/assessments/subassessments")
        self.assertEqual(row["subscriptionId"], SERVER.subscription)
        self.assertEqual(row["properties"]["additionalData"]["assessedResourceType"], "AzureContainerRegistryVulnerability")

    def test_summarize_counts_by_severity(self):
        answer = ask(f"{UNHEALTHY} | summarize count() by severity = tostring(properties.status.severity)")
        self.assertTrue(answer.data)
        self.assertEqual({frozenset(row) for row in answer.data}, {frozenset(("severity", "count_"))})

    def test_without_subscriptions_all_that_the_caller_sees_are_asked(self):
        self.assertEqual(ask(UNHEALTHY, subscriptions=None).total_records, ask(UNHEALTHY).total_records)

    def test_another_subscription_has_no_rows(self):
        with self.assertRaises(HttpResponseError) as caught:
            ask(FINDINGS, subscriptions=[ELSEWHERE])
        self.assertEqual(caught.exception.status_code, 403)

    def test_pages_go_on_by_skip_token_until_there_is_none(self):
        query = f"{FINDINGS} | project id | order by id asc"
        whole = [row["id"] for row in ask(query).data]
        walked, token = [], None
        while True:
            page = ask(query, top=1, skip_token=token)
            self.assertEqual(page.total_records, len(whole))
            self.assertEqual(page.result_truncated, "false")
            walked += [row["id"] for row in page.data]
            token = page.skip_token
            if not token:
                break
            self.assertLess(len(walked), len(whole) + 1)
        self.assertEqual(walked, whole)

    def test_skip_leaves_out_the_first_rows(self):
        query = f"{FINDINGS} | project id | order by id asc"
        whole = [row["id"] for row in ask(query).data]
        self.assertEqual([row["id"] for row in ask(query, skip=1).data], whole[1:])

    def test_a_table_has_columns_and_rows(self):
        answer = ask(f"{FINDINGS} | project name, properties | take 1", result_format=ResultFormat.TABLE)
        self.assertEqual([(c["name"], c["type"]) for c in answer.data["columns"]], [("name", "string"), ("properties", "object")])
        self.assertEqual(len(answer.data["rows"]), 1)

    def test_facets_count_the_result(self):
        facets = [
            FacetRequest(expression="code", options=FacetRequestOptions(top=5, sort_order="desc")),
            FacetRequest(expression="nonsense"),
        ]
        answer = ask(f"{FINDINGS} | extend code = tostring(properties.status.code) | project code", facets=facets)
        good, bad = answer.facets
        self.assertEqual((good.result_type, good.expression), ("FacetResult", "code"))
        self.assertEqual(sum(row["count"] for row in good.data), answer.total_records)
        self.assertEqual(bad.result_type, "FacetError")
        self.assertTrue(bad.errors[0].code)

    def test_the_registry_and_its_containers_are_rows_too(self):
        registries = ask("Resources | where type =~ 'Microsoft.ContainerRegistry/registries' | project id, name, location")
        self.assertIn(SERVER.registry_id.lower(), [row["id"].lower() for row in registries.data])
        containers = ask("ResourceContainers | summarize count() by type")
        self.assertIn("microsoft.resources/subscriptions", [row["type"] for row in containers.data])

    def test_the_quota_is_told_with_every_answer(self):
        seen = {}
        CLIENT.resources(QueryRequest(query="resources | count"), raw_response_hook=lambda r: seen.update(r.http_response.headers))
        headers = {name.lower(): value for name, value in seen.items()}
        self.assertRegex(headers["x-ms-user-quota-remaining"], r"^\d+$")
        self.assertRegex(headers["x-ms-user-quota-resets-after"], r"^\d\d:\d\d:\d\d$")

    def test_a_query_that_cannot_be_read_tells_where(self):
        with self.assertRaises(HttpResponseError) as caught:
            ask("resources | where name = = 'x'")
        error = caught.exception.error
        self.assertEqual((caught.exception.status_code, error.code), (400, "BadRequest"))
        codes = [detail.code for detail in error.details]
        self.assertEqual(codes[:2], ["InvalidQuery", "ParserFailure"])

    def test_an_operator_that_is_not_supported_is_named(self):
        with self.assertRaises(HttpResponseError) as caught:
            ask("resources | render piechart")
        self.assertEqual([detail.code for detail in caught.exception.error.details][0], "InvalidQuery")


class SavedQueries(Case):
    def test_a_query_lives_through_create_list_get_update_and_delete(self):
        queries, where = CLIENT.graph_query, (SERVER.subscription, SERVER.group)
        wanted = GraphQueryResource(location="global", query=UNHEALTHY, description="what is not fit to sail")
        made = queries.create_or_update(*where, "unfit", wanted)
        self.assertEqual((made.name, made.query, made.result_kind), ("unfit", UNHEALTHY, "basic"))
        self.assertIsNotNone(made.time_modified)
        self.assertEqual(queries.get(*where, "unfit").query, UNHEALTHY)
        changed = queries.update(*where, "unfit", GraphQueryUpdateParameters(description="changed", tags={"a": "b"}))
        self.assertEqual((changed.description, changed.query, changed.tags), ("changed", UNHEALTHY, {"a": "b"}))
        for listed in (queries.list(*where), queries.list_by_subscription(SERVER.subscription)):
            self.assertIn("unfit", [query.name for query in listed])
        queries.delete(*where, "unfit")
        with self.assertRaises(HttpResponseError) as caught:
            queries.get(*where, "unfit")
        self.assertEqual(caught.exception.status_code, 404)


class Operations(Case):
    def test_list_tells_the_actions_of_the_provider(self):
        names = [operation.name.lower() for operation in CLIENT.operations.list()]
        self.assertIn("microsoft.resourcegraph/queries/read", names)


if __name__ == "__main__":
    main()
