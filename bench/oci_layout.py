"""Packs tar files as the gzip layers of a one-image OCI layout: oci_layout.py DIR LAYER.tar ..."""

import gzip
import hashlib
import json
import pathlib
import shutil
import sys


class Layout:
    """An OCI layout in a folder, which it has for itself."""

    def __init__(self, target):
        self.folder = pathlib.Path(target)
        self.blobs = self.folder / "blobs/sha256"
        self.diff_ids, self.layers = [], []
        shutil.rmtree(self.folder, ignore_errors=True)
        self.blobs.mkdir(parents=True)

    def add_layer(self, digest, size, diff_id):
        """Takes a gzip layer whose file is among the blobs already."""
        self.diff_ids.append("sha256:" + diff_id)
        self.layers.append(descriptor(digest, size, "application/vnd.oci.image.layer.v1.tar+gzip"))

    def finish(self):
        """Writes what names the layers."""
        config = {
            "os": "linux",
            "architecture": "amd64",
            "rootfs": {"type": "layers", "diff_ids": self.diff_ids},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": self.store_json(config, "application/vnd.oci.image.config.v1+json"),
            "layers": self.layers,
        }
        entry = self.store_json(manifest, manifest["mediaType"])
        entry["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        index = {"schemaVersion": 2, "manifests": [entry]}
        (self.folder / "index.json").write_text(json.dumps(index))
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def store(self, data):
        digest = hashlib.sha256(data).hexdigest()
        (self.blobs / digest).write_bytes(data)
        return digest

    def store_json(self, value, media_type):
        data = json.dumps(value).encode()
        return descriptor(self.store(data), len(data), media_type)


def descriptor(digest, size, media_type):
    return {"mediaType": media_type, "digest": "sha256:" + digest, "size": size}


def main(target, *layers):
    layout = Layout(target)
    for layer in layers:
        plain = pathlib.Path(layer).read_bytes()
        packed = gzip.compress(plain, compresslevel=6, mtime=0)
        layout.add_layer(layout.store(packed), len(packed), hashlib.sha256(plain).hexdigest())
    layout.finish()


if __name__ == "__main__":
    main(*sys.argv[1:])
