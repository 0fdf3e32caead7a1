#!/usr/bin/env bash
# `plimsoll scan` on the image of bench/make-image.sh, in one run beside
#   (a) decompressing and walking the same layers by the libraries flate2 (zlib-rs) and tar, and nothing else
#   (b) the same by our own readers: the floor
#   (c) Syft 1.18, where a `syft` is given in $SYFT
#
#   bench/scan.sh DIR [FEED]       DIR as given to make-image.sh; FEED as for --feed, for an advisory database in DIR
set -euo pipefail
cd "$(dirname "$0")/.."
image=$(cd "${1:?usage: bench/scan.sh DIR [FEED]}" && pwd)
binaries=${CARGO_TARGET_DIR:-target}/release

cargo build --quiet --release
cargo build --quiet --release -p plimsoll-inventory --example walk
if [ -n "${2:-}" ]; then
  "$binaries/plimsoll" db update --data "$image/data" --feed "$2" >/dev/null
fi
layers=$(python3 - "$image/image" <<'PYTHON'
import json, pathlib, sys
layout = pathlib.Path(sys.argv[1])
blob = lambda digest: layout / "blobs" / digest.replace(":", "/")
index = json.loads((layout / "index.json").read_text())
manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
print(*(blob(layer["digest"]) for layer in manifest["layers"]))
PYTHON
)
for _ in 1 2 3; do
  # shellcheck disable=SC2086
  python3 bench/measure.py "(a) decompress and walk, libraries" "$binaries/examples/walk" libraries $layers
  # shellcheck disable=SC2086
  python3 bench/measure.py "(b) decompress and walk, our own" "$binaries/examples/walk" $layers
  python3 bench/measure.py "plimsoll scan" "$binaries/plimsoll" scan "oci-dir:$image/image" --format json --data "$image/data" --offline
done
python3 bench/measure.py "plimsoll scan, 1 worker" "$binaries/plimsoll" scan "oci-dir:$image/image" --format json --data "$image/data" --offline --workers 1
if [ -n "${SYFT:-}" ]; then
  SYFT_CHECK_FOR_APP_UPDATE=false python3 bench/measure.py "(c) Syft" "$SYFT" "oci-dir:$image/image" -o json
fi
