"""Makes the largest images of docs/performance.md as OCI layouts: make_large.py DIR

DIR/big    8 GB in two layers: files of 256 MB, every other of them a shared library, and 2,000 files of 1 MB
DIR/many   3,000,000 files in one layer, of which 3,000 are installed packages of npm

The layers are compressed while they are made, and most of what is in them is compressed only once, so that it takes a
minute and half a gigabyte.
"""

import hashlib
import pathlib
import random
import struct
import sys
import zlib

from oci_layout import Layout

BLOCK = 1 << 20


class Layer:
    """A tar archive on its way into a gzip layer."""

    def __init__(self, layout):
        self.layout = layout
        self.path = layout.blobs / "layer"
        self.file = self.path.open("wb")
        self.plain, self.packed, self.size = hashlib.sha256(), hashlib.sha256(), 0

    def write(self, plain, packed=None):
        """Takes bytes, and what they are as a gzip member where that is known."""
        packed = packed or member(plain)
        self.plain.update(plain)
        self.packed.update(packed)
        self.file.write(packed)
        self.size += len(packed)

    def finish(self):
        self.write(bytes(1024))
        self.file.close()
        digest = self.packed.hexdigest()
        self.path.rename(self.layout.blobs / digest)
        self.layout.add_layer(digest, self.size, self.plain.hexdigest())


def member(plain):
    """A member of a gzip file, of which there may be many one behind the other."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(plain) + packer.flush()


def header(name, size):
    """The header of a file in a tar archive. Its checksum sums the bytes, with the checksum itself as spaces."""
    rest = b"0000755\0" + 2 * b"0000000\0" + b"%011o\0" % size + b"00000000000\0"
    checksum = sum(name) + sum(rest) + 8 * 32 + ord("0") + SUM_OF_MAGIC
    return name.ljust(100, b"\0") + rest + b"%06o\0 0" % checksum + END_OF_HEADER


MAGIC = b"ustar\x0000"
SUM_OF_MAGIC = sum(MAGIC)
END_OF_HEADER = bytes(100) + MAGIC + bytes(247)


def shared_library(size):
    """The first page of an ELF file whose data are all that follows."""
    start = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    start += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    start += struct.pack("<IIQQQQQQ", 1, 4, 0, 0, 0, size, size, 4096)
    return start.ljust(4096, b"\0")


def big(target):
    chance = random.Random(1)
    text = bytes(chance.choice(b"etaoin shrdlu\n") for _ in range(976))
    block = b"".join(chance.randbytes(48) + text for _ in range(BLOCK // 1024))
    packed = member(block)
    layout = Layout(target)
    layer = Layer(layout)
    for number in range(24):
        is_library = number % 2 == 0
        name = b"opt/lib/libbig%d.so" % number if is_library else b"opt/models/%d.safetensors" % number
        size = 256 * BLOCK + 4096
        layer.write(header(name, size) + (shared_library(size) if is_library else bytes(4096)))
        for _ in range(256):
            layer.write(block, packed)
    layer.finish()
    layer = Layer(layout)
    for number in range(2000):
        layer.write(header(b"srv/data/%d/part-%d.parquet" % (number // 100, number), BLOCK))
        layer.write(block, packed)
    layer.finish()
    layout.finish()


def many(target):
    layout = Layout(target)
    layer = Layer(layout)
    for package in range(3000):
        folder = b"srv/app-%d/node_modules/package-%d" % (package // 300, package)
        json = b'{"name":"package-%d","version":"1.%d.0"}' % (package, package % 50)
        entries = [header(folder + b"/package.json", len(json)), json.ljust(512, b"\0")]
        entries += [header(folder + b"/lib/%d/module-%d.js" % (n // 100, n), 0) for n in range(999)]
        layer.write(b"".join(entries))
    layer.finish()
    layout.finish()


if __name__ == "__main__":
    where = pathlib.Path(sys.argv[1])
    big(where / "big")
    many(where / "many")
