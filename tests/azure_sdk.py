"""Reads a server's verdicts with Azure's own SDK, unmodified, and fails where it does not understand them.

    azure_sdk.py ENDPOINT SUBSCRIPTION REGISTRY_ID

ENDPOINT is the server's base URL, REGISTRY_ID the registry's resource id. The server must hold at least one image with a
verdict, and nothing may be pushed meanwhile. Prints a summary as one line of JSON: rows by key and status code, and the
images under them.
"""

import collections
import json
import logging
import sys
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.security import SecurityCenter
from azure.mgmt.security.v2019_01_01_preview.models import ContainerRegistryVulnerabilityProperties

FIRST = "dbd0cb49-b563-45e7-9724-889e799fa648"
SECOND = "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5"


class StaticCredential:
    """A token that somebody handed to the user."""

    def get_token(self, *scopes, **options):
        return AccessToken("static", int(time.time()) + 3600)


class AllowPlainHttp(SansIOHTTPPolicy):
    """Lets the SDK's bearer policy send the token over http, which it refuses to do by itself."""

    def on_request(self, request):
        request.context.options.setdefault("enforce_https", False)


def main(endpoint, subscription, registry_id):
    # It warns of every row of the second generation, which it has no class for; see check_row.
    logging.getLogger("azure").setLevel(logging.ERROR)
    client = SecurityCenter(
        StaticCredential(), subscription, base_url=endpoint, per_call_policies=[AllowPlainHttp()], retry_total=2
    )
    scope = f"/subscriptions/{subscription}"
    rows = check_sub_assessments(client, scope, registry_id)
    check_pages(client, scope, rows)
    check_assessments(client, scope, registry_id, rows)
    check_metadata(client)
    check_errors(client, registry_id)
    print(json.dumps(summary(rows)))


def check_sub_assessments(client, scope, registry_id):
    rows = list(client.sub_assessments.list_all(scope))
    assert rows, "the subscription has no sub-assessment"
    names = [row.id for row in rows]
    assert len(set(names)) == len(names), "a row is told twice"
    at_registry = [row.id for row in client.sub_assessments.list_all(registry_id)]
    assert at_registry == names, "the registry's rows are not the subscription's"
    by_key = {
        key: [row.id for row in client.sub_assessments.list(registry_id, key)] for key in (FIRST, SECOND)
    }
    assert by_key[FIRST] + by_key[SECOND] == names, "the keys' rows are not all rows"
    assert len(by_key[FIRST]) == len(by_key[SECOND]), "the generations do not tell the same findings"

    for row in rows:
        check_row(row, registry_id)
    for row in rows[:3] + rows[-3:]:
        one = client.sub_assessments.get(registry_id, key_of(row), row.name)
        assert one.as_dict() == row.as_dict(), f"{row.id} alone is not what the list has"
    return rows


def check_row(row, registry_id):
    assert row.id.startswith(f"{registry_id}/providers/Microsoft.Security/assessments/"), row.id
    assert row.type == "Microsoft.Security/assessments/subAssessments", row.type
    assert row.status.code in ("Healthy", "Unhealthy", "NotApplicable"), row.status.code
    assert row.display_name and row.description and row.time_generated, row.id
    assert row.resource_details.source == "Azure" and row.resource_details.id, row.id
    unhealthy = row.status.code == "Unhealthy"
    if unhealthy:
        assert row.id_properties_id and row.remediation and row.category, row.id
    data = row.additional_data
    if key_of(row) == FIRST:
        assert isinstance(data, ContainerRegistryVulnerabilityProperties), type(data)
        assert data.repository_name and data.image_digest.startswith("sha"), row.id
        assert isinstance(data.cve, list) and isinstance(data.vendor_references, list), row.id
        assert isinstance(data.patchable, bool), row.id
        assert all(isinstance(cvss.base, float) for cvss in data.cvss.values()), row.id
        assert row.status.severity in ((None,) if not unhealthy else ("Low", "Medium", "High", "Unknown")), row.id
    else:
        # The SDK has no class for the second generation and hands its fields out as they came.
        artifact = data.additional_properties["artifactDetails"]
        assert artifact["repositoryName"] and artifact["digest"].startswith("sha"), row.id
        if unhealthy:
            assert data.additional_properties["vulnerabilityDetails"]["cveId"] == row.id_properties_id, row.id
            assert data.additional_properties["softwareDetails"]["packageName"], row.id


def check_pages(client, scope, rows):
    """Small pages tell the same rows in the same order, each once."""
    size = max(1, min(1000, len(rows) // 7))
    pages = [list(page) for page in client.sub_assessments.list_all(scope, params={"$top": size}).by_page()]
    assert [row.id for page in pages for row in page] == [row.id for row in rows], "pages lose or repeat rows"
    assert all(len(page) == size for page in pages[:-1]) and 0 < len(pages[-1]) <= size, [len(page) for page in pages]


def check_assessments(client, scope, registry_id, rows):
    at_subscription = list(client.assessments.list(scope))
    at_registry = list(client.assessments.list(registry_id))
    assert [a.name for a in at_subscription] == [a.name for a in at_registry] == [FIRST, SECOND]
    codes = {row.status.code for row in rows}
    for listed in at_subscription:
        assert "Unhealthy" not in codes or listed.status.code == "Unhealthy", listed.status.code
        assert listed.status.first_evaluation_date and listed.status.status_change_date
        assert listed.resource_details.id == registry_id
        assert int(listed.additional_data["images"]) > 0
        assert listed.metadata is None
        one = client.assessments.get(registry_id, listed.name, expand="metadata")
        assert one.status.as_dict() == listed.status.as_dict()
        assert one.metadata.display_name == listed.display_name
        assert one.links.azure_portal_uri.startswith("http")


def check_metadata(client):
    for known in (client.assessments_metadata.list(), client.assessments_metadata.list_by_subscription()):
        assert [metadata.name for metadata in known] == [FIRST, SECOND]
    assert client.assessments_metadata.get(FIRST).severity == "High"
    assert client.assessments_metadata.get_in_subscription(SECOND).assessment_type == "BuiltIn"


def check_errors(client, registry_id):
    expect("ResourceNotFound", lambda: client.sub_assessments.get(registry_id, FIRST, "no-such-row"))
    expect("ResourceNotFound", lambda: client.assessments.get(registry_id, "no-such-key"))
    other = "/subscriptions/11111111-2222-3333-4444-555555555555"
    expect("SubscriptionNotFound", lambda: list(client.sub_assessments.list_all(other)))


def expect(code, call):
    try:
        call()
    except ResourceNotFoundError as error:
        assert error.error.code == code, error
        return
    except HttpResponseError as error:
        raise AssertionError(f"{code} was expected, not {error}")
    raise AssertionError(f"{code} was expected, and nothing failed")


def summary(rows):
    counts = collections.Counter(f"{key_of(row)} {row.status.code}" for row in rows)
    images = {
        f"{row.additional_data.repository_name}@{row.additional_data.image_digest}"
        for row in rows
        if key_of(row) == FIRST
    }
    return {"rows": len(rows), "by_key_and_status": dict(sorted(counts.items())), "images": sorted(images)}


def key_of(row):
    return row.id.split("/")[-3]


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
