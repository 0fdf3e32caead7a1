#!/usr/bin/env bash
# Builds the image that docs/performance.md measures: about 1 GB unpacked, three gzip layers in an OCI layout.
#   a Debian root file system, a node_modules tree, Python packages
# It needs root (debootstrap does), Debian's debootstrap, and npm and pip with their registries.
#
#   bench/make-image.sh DIR        leaves DIR/image (OCI layout) and DIR/layers/*.tar
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: bench/make-image.sh DIR}
mkdir -p "$target/layers"
target=$(cd "$target" && pwd)
for tool in debootstrap npm pip3 python3; do
  command -v "$tool" >/dev/null || { echo "make-image: $tool is not installed" >&2; exit 1; }
done

if [ ! -e "$target/layers/1-debian.tar" ]; then
  rm -rf "$target/rootfs"
  debootstrap --variant=minbase --no-check-gpg \
    --include=python3,git,perl,openssh-client,gcc,g++,make,curl \
    bookworm "$target/rootfs" >"$target/debootstrap.log" 2>&1 ||
    { tail -n 20 "$target/debootstrap.log" >&2; exit 1; }
  rm -rf "$target/rootfs/var/cache/apt/archives/"*.deb "$target/rootfs/dev/"*
  tar -C "$target/rootfs" --sort=name --numeric-owner -cf "$target/layers/1-debian.tar" .
  rm -rf "$target/rootfs"
fi

if [ ! -e "$target/layers/2-node.tar" ]; then
  mkdir -p "$target/node/app"
  printf '{"name":"app","version":"1.0.0","private":true}' >"$target/node/app/package.json"
  (cd "$target/node/app" && npm install --silent --no-audit --no-fund --ignore-scripts \
    webpack@5 eslint@8 typescript@5 react@18 express@4 jest@29 @babel/preset-env@7 next@14)
  tar -C "$target/node" --sort=name --numeric-owner --owner=0 --group=0 -cf "$target/layers/2-node.tar" .
  rm -rf "$target/node"
fi

if [ ! -e "$target/layers/3-python.tar" ]; then
  mkdir -p "$target/python/usr/local/lib/python3.11/site-packages"
  pip3 install --quiet --no-compile --only-binary=:all: --python-version 3.11 --platform manylinux2014_x86_64 \
    --target "$target/python/usr/local/lib/python3.11/site-packages" \
    'django<5' 'flask<3' 'requests<3' 'numpy<2' 'pandas<3' 'cryptography<43' 'sqlalchemy<3' 'boto3<2' 'pillow<11'
  tar -C "$target/python" --sort=name --numeric-owner --owner=0 --group=0 -cf "$target/layers/3-python.tar" .
  rm -rf "$target/python"
fi

python3 "$here/oci_layout.py" "$target/image" "$target"/layers/*.tar
du -cb "$target"/layers/*.tar | tail -n 1 | awk '{printf "%.0f MB unpacked\n", $1 / 1e6}'
