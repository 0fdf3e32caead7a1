"""Packs tar files as the gzip layers of a one-image OCI layout: oci_layout.py DIR LAYER.tar ..."""

import gzip
import hashlib
import json
import pathlib
import shutil
import sys


def main(target, *layers):
    folder = pathlib.Path(target)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "blobs/sha256").mkdir(parents=True)

    def store(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        (folder / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    def store_json(value, media_type):
        return store(json.dumps(value).encode(), media_type)

    diff_ids, descriptors = [], []
    for layer in layers:
        plain = pathlib.Path(layer).read_bytes()
        diff_ids.append("sha256:" + hashlib.sha256(plain).hexdigest())
        packed = gzip.compress(plain, compresslevel=6, mtime=0)
        descriptors.append(store(packed, "application/vnd.oci.image.layer.v1.tar+gzip"))
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": store_json(config, "application/vnd.oci.image.config.v1+json"),
        "layers": descriptors,
    }
    entry = store_json(manifest, manifest["mediaType"])
    entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


main(*sys.argv[1:])
