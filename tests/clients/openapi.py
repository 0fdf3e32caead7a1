"""The OpenAPI document: it is valid, and what the server answers is what it says.

Every operation that reads, and whose path can be filled with what is known of the server, is asked for; the answer is
compared with the schema that the document names.
"""

import json
import ssl
import urllib.error
import urllib.parse
import urllib.request

from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from support import FIRST, SERVER, Case, main, push_images

DOCUMENT = None
DIGESTS = {}


def setUpModule():
    global DOCUMENT
    DIGESTS.update(push_images())
    _, DOCUMENT = get("/openapi.json")


def get(path, token=None):
    """Status and JSON of an answer."""
    request = urllib.request.Request(SERVER.endpoint + urllib.parse.quote(path, safe="/?=&:%$@"))
    request.add_header("Accept", "*/*")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
        # The identity endpoint wants it here.
        request.add_header("X-IDENTITY-HEADER", token)
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=SERVER.ca)) as answer:
            body = answer.read()
            return answer.status, json.loads(body) if "json" in answer.headers.get_content_type() else body
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


def known(template):
    """The path with what is known of the server, or None where something is not."""
    values = {
        "scope": SERVER.registry_id.removeprefix("/"),
        "subscriptionId": SERVER.subscription,
        "resourceGroupName": SERVER.group,
        "registryName": SERVER.registry,
        "assessmentName": FIRST,
        "secureScoreName": "ascScore",
        "pricingName": "Containers",
        "repository": "team/app",
        "reference": "old",
        "tag": "old",
        "digest": DIGESTS["team/app", "old"],
    }
    for name, value in values.items():
        template = template.replace("{" + name + "}", value)
    return None if "{" in template else template


class Document(Case):
    def test_it_is_valid(self):
        errors = [f"{list(error.path)}: {error.message}" for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()]
        self.assertEqual(errors, [])

    def test_what_is_answered_is_what_it_says(self):
        asked = 0
        for template, item in DOCUMENT["paths"].items():
            operation, path = item.get("get"), known(template)
            # The registry wants tokens of its own, and who asks for one says who he is in another way; the clients' own
            # tests go there.
            if not operation or not path or {"Registry", "Tokens"} & set(operation["tags"]):
                continue
            if any(parameter["name"] == "api-version" for parameter in operation.get("parameters", [])):
                path += "?api-version=2022-12-01"
            if any(parameter["name"] == "resource" for parameter in operation.get("parameters", [])):
                path += "&resource=https://containerregistry.azure.net"
            if any(parameter["name"] == "vulnerability" for parameter in operation.get("parameters", [])):
                path += "&vulnerability=CVE-2018-0732"
            with self.subTest(operation["operationId"]):
                self.compare(operation, path)
            asked += 1
        self.assertGreater(asked, 15)

    def compare(self, operation, path):
        status, answer = get(path, SERVER.token)
        described = operation["responses"].get(str(status))
        self.assertIsNotNone(described, f"{path} answers {status}: {answer}")
        for media_type, content in described.get("content", {}).items():
            if "json" in media_type:
                schema = {**content["schema"], "components": DOCUMENT["components"]}
                errors = [f"{list(e.absolute_path)}: {e.message}" for e in OAS31Validator(schema).iter_errors(answer)]
                self.assertEqual(errors[:5], [], path)

    def test_who_is_nobody_gets_only_what_is_for_anyone(self):
        for template, item in DOCUMENT["paths"].items():
            operation, path = item.get("get"), known(template)
            if not operation or not path or "Tokens" in operation["tags"]:
                continue
            for_anyone = operation.get("security") == []
            with self.subTest(operation["operationId"]):
                status, _ = get(f"{path}?api-version=2022-12-01")
                self.assertEqual(status == 401, not for_anyone, f"{path} answers {status}")


if __name__ == "__main__":
    main()
