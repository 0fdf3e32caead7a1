"""CPU time of the server for a push of 100 MiB, a manifest GET and a blob HEAD: server.py PLIMSOLL_BINARY

The server runs with SQLite and a folder on loopback; its user and system time are read from /proc before and after.
The layer is noise in a tar, so that it is read by the probe too; that is counted apart, as the probe's own CPU time.
"""

import hashlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def cpu(pid):
    """Own CPU time, and that of children that have ended, in seconds."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, children = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return own / TICK, children / TICK


def main(binary):
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["serve", "--data", folder, "--feed", f"file:{folder}/none", "--listen", "127.0.0.1:0", "--log", "error"]
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
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    print(f"{'peak memory':<28}{int(peak) / 1e3:8.0f} MB")


main(sys.argv[1])
