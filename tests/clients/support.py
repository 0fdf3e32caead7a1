"""What the tests of Azure's clients share: where the server is, who they are, and the images that they find in it.

Each file here is a program that the Rust tests run against a `plimsoll serve` of their own, over TLS and with
authentication. PLIMSOLL_TEST_SERVER names a JSON file with the server's facts (see `Server`). The clients are those of PyPI,
unmodified: they trust the server's authority by REQUESTS_CA_BUNDLE, as a user would tell them to, and nothing else is
done to them. Every operation is a test method of its own.
"""

import dataclasses
import io
import json
import logging
import os
import pathlib
import sys
import time
import unittest
import warnings

from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError

#: The recommendation of the older generation (ContainerRegistryVulnerability) and of the newer one.
FIRST = "dbd0cb49-b563-45e7-9724-889e799fa648"
SECOND = "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5"
#: A subscription that no server has.
ELSEWHERE = "11111111-2222-3333-4444-555555555555"


@dataclasses.dataclass
class Server:
    """The server under test, as the Rust side describes it."""

    #: https://HOST:PORT
    endpoint: str
    #: The file of the authority to trust.
    ca: str
    #: A token that may do everything.
    token: str
    subscription: str
    group: str
    #: The embedded registry: its name, resource id, and the host and port that clients push to.
    registry: str
    registry_id: str
    login_server: str
    #: OCI layouts by name: `old` has findings, `clean` has none.
    layouts: dict

    @property
    def scope(self):
        return f"/subscriptions/{self.subscription}"


def _server():
    path = os.environ.get("PLIMSOLL_TEST_SERVER")
    if not path:
        sys.exit(__doc__)
    return Server(**json.loads(pathlib.Path(path).read_text()))


SERVER = _server()


class Token:
    """A token that somebody handed to the user."""

    def __init__(self, token=SERVER.token):
        self.token = token

    def get_token(self, *scopes, **options):
        return AccessToken(self.token, int(time.time()) + 3600)


def registry_client(credential=None):
    """The data plane's client, as its documentation makes one."""
    return ContainerRegistryClient(
        f"https://{SERVER.login_server}", credential or Token(), audience="https://containerregistry.azure.net"
    )


#: What the tests read: repository, tag and layout.
IMAGES = [("team/app", "old", "old"), ("team/app", "clean", "clean"), ("team/other", "old", "old")]


def push_images():
    """Pushes the images unless they are there, and gives their digests by repository and tag."""
    with registry_client() as client:
        return {(repository, tag): push(client, repository, tag, layout) for repository, tag, layout in IMAGES}


def push(client, repository, tag, layout):
    """Pushes the one image of an OCI layout. What is there already is sent again, which changes nothing."""
    root = pathlib.Path(SERVER.layouts[layout])
    blob = lambda digest: (root / "blobs" / digest.replace(":", "/")).read_bytes()
    entry = json.loads((root / "index.json").read_text())["manifests"][0]
    manifest = json.loads(blob(entry["digest"]))
    for part in [manifest["config"], *manifest["layers"]]:
        digest, size = client.upload_blob(repository, io.BytesIO(blob(part["digest"])))
        assert (digest, size) == (part["digest"], part["size"]), (digest, size, part)
    digest = client.set_manifest(repository, io.BytesIO(blob(entry["digest"])), tag=tag, media_type=entry["mediaType"])
    assert digest == entry["digest"], (digest, entry)
    return digest


def switch_plan_on(security):
    """Switches scanning on for the subscription."""
    security.pricings.update(SERVER.scope, "Containers", {"pricing_tier": "Standard"})


def eventually(what, ready, seconds=20):
    """Waits until `ready` gives something true, and gives that."""
    end = time.monotonic() + seconds
    while True:
        found = ready()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s, the last answer was {found!r}")
        time.sleep(0.05)


class Case(unittest.TestCase):
    """A test with words for what services answer."""

    maxDiff = None

    def refused(self, code, call, status=None):
        """Fails unless `call` is refused with an error of that code, in Azure's envelope."""
        with self.assertRaises(HttpResponseError) as caught:
            call()
        error = caught.exception
        self.assertIsNotNone(error.error, f"no error envelope: {error}")
        self.assertEqual(error.error.code, code, error)
        if status:
            self.assertEqual(error.status_code, status, error)
        return error

    def same_ids(self, first, second):
        self.assertEqual([item.id for item in first], [item.id for item in second])


def main():
    os.environ["REQUESTS_CA_BUNDLE"] = SERVER.ca
    # The SDK warns of every row of the second generation, which it has no class for.
    logging.getLogger("azure").setLevel(logging.ERROR)
    warnings.simplefilter("ignore", ResourceWarning)
    unittest.main(verbosity=2)
