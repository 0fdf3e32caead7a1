"""CPU time of the server for a push of 100 MiB, a manifest GET and a blob HEAD, and for an image of which it has seen
every layer before: server.py PLIMSOLL_BINARY [FEED]

The server runs with SQLite and a folder on loopback; its user and system time are read from /proc before and after, and
those of the probes with them where they are part of what is measured. FEED is as for --feed; without it nothing is advised.
"""

import hashlib
import http.client
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def cpu(pid):
    """Own CPU time, and that of children that have ended, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, children = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return own / TICK, children / TICK


def layer(number, packages=100):
    """A layer with so many packages of npm, which no other layer has."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for package in range(packages):
            name = f"p{number}-{package}"
            text = json.dumps({"name": name, "version": "1.0.0", "license": "MIT"}).encode()
            entry = tarfile.TarInfo(f"app{number}/node_modules/{name}/package.json")
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return archive.getvalue()


def main(binary, feed=None):
    with tempfile.TemporaryDirectory() as folder:
        feed = feed or f"file:{folder}/none"
        arguments = ["serve", "--data", folder, "--feed", feed, "--listen", "127.0.0.1:0", "--log", "error"]
        server = subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            measure(server.pid, server.stdout.readline().rsplit("/", 1)[1].strip())
        finally:
            server.terminate()
            server.wait()


def measure(pid, address):
    client = http.client.HTTPConnection(address)

    def call(method, path, body=None, headers=None, expect=200):
        client.request(method, path, body, headers or {})
        answer = client.getresponse()
        content = answer.read()
        assert answer.status == expect, (method, path, answer.status, content[:500])
        return answer

    def push(blob):
        digest = "sha256:" + hashlib.sha256(blob).hexdigest()
        location = call("POST", "/v2/bench/blobs/uploads/", expect=202).headers["Location"]
        location = call("PATCH", location, blob, {"Content-Type": "application/octet-stream"}, 202).headers["Location"]
        separator = "&" if "?" in location else "?"
        call("PUT", f"{location}{separator}digest={digest}", expect=201)
        return {"digest": digest, "size": len(blob)}

    noise = [os.urandom(100 * MIB) for _ in range(5)]
    before = cpu(pid)
    for blob in noise:
        push(blob)
    after = cpu(pid)
    print(f"push of 100 MiB             {(after[0] - before[0]) / len(noise) * 1e3:8.1f} ms CPU")

    config = push(b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}')
    media = "application/vnd.oci.image.manifest.v1+json"
    config["mediaType"] = "application/vnd.oci.image.config.v1+json"
    manifest = json.dumps({"schemaVersion": 2, "mediaType": media, "config": config, "layers": []}).encode()
    call("PUT", "/v2/bench/manifests/latest", manifest, {"Content-Type": media}, 201)
    time.sleep(1)
    blob = "sha256:" + hashlib.sha256(noise[0]).hexdigest()
    for label, method, path in [
        ("manifest GET", "GET", "/v2/bench/manifests/latest"),
        ("blob HEAD", "HEAD", f"/v2/bench/blobs/{blob}"),
        ("bare GET /v2/", "GET", "/v2/"),
    ]:
        times = 5000
        before = cpu(pid)
        for _ in range(times):
            call(method, path)
        print(f"{label:<28}{(cpu(pid)[0] - before[0]) / times * 1e3:8.3f} ms CPU")

    def push_image(layers, author):
        diff_ids = [layer["digest"] for layer in layers]
        config = {"os": "linux", "architecture": "amd64", "author": author, "rootfs": {"type": "layers", "diff_ids": diff_ids}}
        config = push(json.dumps(config).encode()) | {"mediaType": "application/vnd.oci.image.config.v1+json"}
        manifest = {"schemaVersion": 2, "mediaType": media, "config": config, "layers": layers}
        call("PUT", "/v2/bench/manifests/latest", json.dumps(manifest).encode(), {"Content-Type": media}, 201)

    layers = [push(layer(number)) | {"mediaType": "application/vnd.oci.image.layer.v1.tar"} for number in range(21)]
    push_image(layers, "nobody")
    time.sleep(2)
    taken = {}
    for count in (1, 21):
        times = 50
        before = sum(cpu(pid))
        for number in range(times):
            push_image(layers[:count], f"{count} {number}")
        time.sleep(1)
        taken[count] = (sum(cpu(pid)) - before) / times * 1e3
        print(f"push, all of {count:2} layers known {taken[count]:7.1f} ms CPU")
    print(f"{'each layer seen before':<28}{(taken[21] - taken[1]) / 20:8.2f} ms CPU")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"{'peak memory':<28}{int(peak) / 1e3:8.0f} MB")


main(*sys.argv[1:])
