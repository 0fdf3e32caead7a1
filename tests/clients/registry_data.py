"""azure-containerregistry: the data plane, every operation of its one client."""

import hashlib
import io
import json
import pathlib

from azure.containerregistry import ArtifactManifestOrder, ArtifactTagOrder, ContainerRegistryClient
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

from support import SERVER, Case, Token, main, push, push_images, registry_client

CLIENT = None
DIGESTS = {}


def setUpModule():
    global CLIENT
    DIGESTS.update(push_images())
    CLIENT = registry_client()


class Repositories(Case):
    def test_names_are_listed_page_by_page(self):
        names = list(CLIENT.list_repository_names())
        self.assertLessEqual({"team/app", "team/other"}, set(names))
        self.assertEqual(names, sorted(names))
        pages = [list(page) for page in CLIENT.list_repository_names(results_per_page=1).by_page()]
        self.assertEqual([name for page in pages for name in page], names)
        self.assertTrue(all(len(page) == 1 for page in pages))

    def test_properties_count_manifests_and_tags(self):
        properties = CLIENT.get_repository_properties("team/app")
        self.assertEqual((properties.name, properties.manifest_count, properties.tag_count), ("team/app", 2, 2))
        self.assertTrue(properties.created_on and properties.last_updated_on)
        self.assertTrue(properties.can_read and properties.can_write and properties.can_list and properties.can_delete)

    def test_a_locked_repository_cannot_be_deleted(self):
        push(CLIENT, "locked/repository", "1", "clean")
        properties = CLIENT.update_repository_properties("locked/repository", can_delete=False)
        self.assertFalse(properties.can_delete)
        self.assertTrue(properties.can_read)
        with self.assertRaises(HttpResponseError):
            CLIENT.delete_repository("locked/repository")
        CLIENT.update_repository_properties("locked/repository", can_delete=True)
        CLIENT.delete_repository("locked/repository")

    def test_a_repository_is_deleted_with_all_that_is_in_it(self):
        push(CLIENT, "deleted/repository", "1", "clean")
        CLIENT.delete_repository("deleted/repository")
        self.assertNotIn("deleted/repository", list(CLIENT.list_repository_names()))
        with self.assertRaises(ResourceNotFoundError):
            CLIENT.get_repository_properties("deleted/repository")
        # What is not there need not be deleted.
        CLIENT.delete_repository("deleted/repository")


class Tags(Case):
    def test_tags_are_listed_in_either_order_and_by_page(self):
        names = [tag.name for tag in CLIENT.list_tag_properties("team/app")]
        self.assertEqual(sorted(names), ["clean", "old"])
        newest = CLIENT.list_tag_properties("team/app", order_by=ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING)
        oldest = CLIENT.list_tag_properties("team/app", order_by=ArtifactTagOrder.LAST_UPDATED_ON_ASCENDING)
        self.assertEqual([tag.name for tag in newest], [tag.name for tag in oldest][::-1])
        pages = [list(page) for page in CLIENT.list_tag_properties("team/app", results_per_page=1).by_page()]
        self.assertEqual([len(page) for page in pages], [1, 1])

    def test_properties_of_a_tag(self):
        tag = CLIENT.get_tag_properties("team/app", "old")
        self.assertEqual((tag.name, tag.digest), ("old", DIGESTS["team/app", "old"]))
        self.assertTrue(tag.created_on and tag.last_updated_on)

    def test_a_locked_tag_cannot_be_overwritten_or_deleted(self):
        push(CLIENT, "locked/tag", "1", "clean")
        locked = CLIENT.update_tag_properties("locked/tag", "1", can_write=False, can_delete=False)
        self.assertFalse(locked.can_write or locked.can_delete)
        with self.assertRaises(HttpResponseError):
            push(CLIENT, "locked/tag", "1", "old")
        with self.assertRaises(HttpResponseError):
            CLIENT.delete_tag("locked/tag", "1")
        CLIENT.update_tag_properties("locked/tag", "1", can_write=True, can_delete=True)
        push(CLIENT, "locked/tag", "1", "old")

    def test_a_deleted_tag_leaves_its_manifest(self):
        digest = push(CLIENT, "untagged/app", "1", "clean")
        CLIENT.delete_tag("untagged/app", "1")
        with self.assertRaises(ResourceNotFoundError):
            CLIENT.get_tag_properties("untagged/app", "1")
        manifest = CLIENT.get_manifest_properties("untagged/app", digest)
        self.assertFalse(manifest.tags)


class Manifests(Case):
    def test_manifests_are_listed_in_either_order_and_by_page(self):
        listed = list(CLIENT.list_manifest_properties("team/app"))
        expected = {DIGESTS["team/app", "old"]: ["old"], DIGESTS["team/app", "clean"]: ["clean"]}
        self.assertEqual({manifest.digest: manifest.tags for manifest in listed}, expected)
        for manifest in listed:
            self.assertEqual((str(manifest.architecture.value), str(manifest.operating_system.value)), ("amd64", "linux"))
            self.assertGreater(manifest.size_in_bytes, 0)
            self.assertTrue(manifest.created_on and manifest.last_updated_on)
        order = ArtifactManifestOrder
        newest = CLIENT.list_manifest_properties("team/app", order_by=order.LAST_UPDATED_ON_DESCENDING)
        oldest = CLIENT.list_manifest_properties("team/app", order_by=order.LAST_UPDATED_ON_ASCENDING)
        self.assertEqual([m.digest for m in newest], [m.digest for m in oldest][::-1])
        pages = [list(page) for page in CLIENT.list_manifest_properties("team/app", results_per_page=1).by_page()]
        self.assertEqual([len(page) for page in pages], [1, 1])

    def test_properties_by_tag_and_by_digest_are_the_same(self):
        by_tag = CLIENT.get_manifest_properties("team/app", "old")
        by_digest = CLIENT.get_manifest_properties("team/app", DIGESTS["team/app", "old"])
        self.assertEqual((by_tag.digest, by_tag.size_in_bytes), (by_digest.digest, by_digest.size_in_bytes))

    def test_a_locked_manifest_cannot_be_deleted(self):
        digest = push(CLIENT, "locked/manifest", "1", "clean")
        locked = CLIENT.update_manifest_properties("locked/manifest", digest, can_delete=False)
        self.assertFalse(locked.can_delete)
        with self.assertRaises(HttpResponseError):
            CLIENT.delete_manifest("locked/manifest", digest)
        CLIENT.update_manifest_properties("locked/manifest", digest, can_delete=True)
        CLIENT.delete_manifest("locked/manifest", digest)

    def test_a_manifest_that_may_not_be_read_is_not(self):
        digest = push(CLIENT, "unread/manifest", "1", "clean")
        CLIENT.update_manifest_properties("unread/manifest", digest, can_read=False)
        with self.assertRaises(HttpResponseError):
            CLIENT.get_manifest("unread/manifest", digest)
        CLIENT.update_manifest_properties("unread/manifest", digest, can_read=True)
        CLIENT.get_manifest("unread/manifest", digest)

    def test_the_bytes_come_back_as_they_were_sent(self):
        root = pathlib.Path(SERVER.layouts["old"])
        digest = DIGESTS["team/app", "old"]
        sent = (root / "blobs" / digest.replace(":", "/")).read_bytes()
        for reference in ("old", digest):
            got = CLIENT.get_manifest("team/app", reference)
            self.assertEqual((got.digest, dict(got.manifest)), (digest, json.loads(sent)))
            self.assertEqual(got.media_type, "application/vnd.oci.image.manifest.v1+json")

    def test_a_manifest_of_json_is_taken(self):
        manifest = dict(CLIENT.get_manifest("team/app", "clean").manifest)
        push(CLIENT, "set/manifest", "1", "clean")
        manifest["annotations"] = {"org.example.note": "made by hand"}
        digest = CLIENT.set_manifest("set/manifest", manifest, tag="annotated")
        self.assertEqual(CLIENT.get_tag_properties("set/manifest", "annotated").digest, digest)
        self.assertEqual(dict(CLIENT.get_manifest("set/manifest", digest).manifest), manifest)

    def test_a_deleted_manifest_takes_its_tags_along(self):
        digest = push(CLIENT, "deleted/manifest", "1", "clean")
        CLIENT.delete_manifest("deleted/manifest", "1")
        for gone in ("1", digest):
            with self.assertRaises(ResourceNotFoundError):
                CLIENT.get_manifest_properties("deleted/manifest", gone)
        CLIENT.delete_manifest("deleted/manifest", digest)


class Blobs(Case):
    def test_a_blob_of_several_chunks_goes_up_and_comes_down(self):
        # The client sends and fetches four megabytes at a time.
        content = bytes(range(256)) * (9 << 12)
        digest, size = CLIENT.upload_blob("team/blobs", io.BytesIO(content))
        self.assertEqual((digest, size), (f"sha256:{hashlib.sha256(content).hexdigest()}", len(content)))
        self.assertEqual(b"".join(CLIENT.download_blob("team/blobs", digest)), content)

    def test_a_deleted_blob_is_gone(self):
        digest, _ = CLIENT.upload_blob("team/blobs", io.BytesIO(b"short lived"))
        CLIENT.delete_blob("team/blobs", digest)
        with self.assertRaises(ResourceNotFoundError):
            b"".join(CLIENT.download_blob("team/blobs", digest))
        CLIENT.delete_blob("team/blobs", digest)


class Access(Case):
    def test_a_bad_token_is_refused(self):
        with registry_client(Token("not-a-token")) as client:
            with self.assertRaises((ClientAuthenticationError, HttpResponseError)) as caught:
                list(client.list_repository_names())
            self.assertEqual(caught.exception.status_code, 401)

    def test_nobody_gets_nothing(self):
        with ContainerRegistryClient(f"https://{SERVER.login_server}", audience="https://containerregistry.azure.net") as client:
            with self.assertRaises(HttpResponseError) as caught:
                client.get_manifest_properties("team/app", "old")
            self.assertIn(caught.exception.status_code, (401, 403))


if __name__ == "__main__":
    main()
