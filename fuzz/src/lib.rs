//! Every reader of strangers' bytes, as a function that takes any bytes and must come back, and the seeds to begin with.
//!
//! A reader of a file in a layer is reached as in life: the file is put into an archive under its path. So it also tries
//! the archive's books, the limits and the record that goes to the server.
//!
//! Two things run the readers. `cargo fuzz run TARGET` searches with what libFuzzer learns from the coverage, in all readers of
//! one kind at once, and needs a nightly compiler. `cargo run --bin short` changes the seeds of each reader at random for a
//! fixed time, with any compiler.

mod seeds;

use plimsoll_advisory::publishers::{Collected, Publisher};
use plimsoll_advisory::{osv, vex::Vex};
use plimsoll_inventory::{read_layer, read_sbom};
use plimsoll_query::{Catalog, Column, Plan, Table, Type};
use plimsoll_types::manifest::{ImageConfig, Manifest};
use plimsoll_types::probe::{Limits, ProbeReply};
use plimsoll_types::{Digest, ImageInventory, ImageReference, LayerInventory, Purl, Reference, ResourceId};
use plimsoll_version::Scheme;

/// What is searched at once: readers of one kind, so that a night is not divided by the number of all readers.
pub struct Target {
    /// Its name, which is that of its binary.
    pub name: &'static str,
    /// The first byte of an input chooses among them.
    pub readers: &'static [Reader],
}

/// One reader.
pub struct Reader {
    /// Its name.
    pub name: &'static str,
    /// Gives it bytes. A panic is a finding.
    pub run: fn(&[u8]),
    /// Where to begin.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl Target {
    /// The one of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Gives an input to the reader that its first byte chooses.
    pub fn run(&self, data: &[u8]) {
        if let Some((first, data)) = data.split_first() {
            (self.readers[usize::from(*first) % self.readers.len()].run)(data);
        }
    }

    /// The seeds of all its readers.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let of = |(first, reader): (u8, &Reader)| {
            (reader.seeds)().into_iter().map(move |seed| [&[first], seed.as_slice()].concat())
        };
        (0..).zip(self.readers).flat_map(of).collect()
    }
}

macro_rules! targets {
    ($($target:ident { $($name:ident: $run:expr, $seeds:expr;)* })*) => {
        /// All of them.
        pub static TARGETS: &[Target] = &[
            $(Target {
                name: stringify!($target),
                readers: &[$(Reader { name: stringify!($name), run: $run, seeds: $seeds },)*],
            },)*
        ];
    };
}

targets! {
    // Layers themselves, and what is made of several.
    layers {
        layer: |data| drop(layer(data)), seeds::layers;
        merge: merge, seeds::layers;
        path: path, seeds::paths;
    }
    // What distributions write about themselves and their packages.
    systems {
        os_release: |data| file("etc/os-release", data), seeds::os_release;
        lsb_release: |data| file("etc/lsb-release", data), seeds::os_release;
        release_line: |data| file("etc/redhat-release", data), seeds::release_line;
        suse_release: |data| file("etc/SuSE-release", data), seeds::release_line;
        dpkg: |data| file("var/lib/dpkg/status", data), seeds::dpkg;
        dpkg_directory: |data| file("var/lib/dpkg/status.d/x", data), seeds::dpkg;
        dpkg_files: |data| file("var/lib/dpkg/info/x.list", data), seeds::paths;
        apk: |data| file("lib/apk/db/installed", data), seeds::apk;
        apk_repositories: |data| file("etc/apk/repositories", data), seeds::paths;
        rpm_manifest: |data| file("var/lib/rpmmanifest/container-manifest-2", data), seeds::rpm_manifest;
        pacman: |data| file("var/lib/pacman/local/a-1-1/desc", data), seeds::pacman;
        pacman_files: |data| file("var/lib/pacman/local/a-1-1/files", data), seeds::pacman;
        portage: |data| file("var/db/pkg/a/b-1/CONTENTS", data), seeds::portage;
        snap: |data| file("meta/snap.yaml", data), seeds::yaml;
        flatpak: |data| file("x/flatpak/app/a/b/files/share/metainfo/a.metainfo.xml", data), seeds::xml;
        chisel: |data| file("var/lib/chisel/manifest.wall", data), seeds::chisel;
        chisel_unpacked: chisel_unpacked, seeds::json;
        bottlerocket: |data| file("usr/share/bottlerocket/application-inventory.json", data), seeds::json;
        cos: |data| file("etc/cos-package-info.json", data), seeds::json;
        content_sets: |data| file("root/buildinfo/content_manifests/a.json", data), seeds::json;
        labels: |data| file("root/buildinfo/labels.json", data), seeds::json;
        ubuntu_pro: |data| file("var/lib/ubuntu-advantage/status.json", data), seeds::json;
    }
    // Databases: those of rpm, and SQLite elsewhere.
    databases {
        rpm_sqlite: |data| file("var/lib/rpm/rpmdb.sqlite", data), seeds::sqlite;
        rpm_log: rpm_log, seeds::sqlite;
        rpm_ndb: |data| file("var/lib/rpm/Packages.db", data), seeds::ndb;
        rpm_berkeley: |data| file("var/lib/rpm/Packages", data), seeds::berkeley;
        rpm_header: rpm_header, seeds::rpm_headers;
        conan_cache: |data| file(".conan2/p/cache.sqlite3", data), seeds::sqlite;
    }
    // What the package managers of languages write.
    languages {
        npm: |data| file("a/node_modules/a/package.json", data), seeds::json;
        npm_store: |data| file(seeds::STORE_PATH, data), seeds::json;
        python: |data| file("a/a-1.dist-info/METADATA", data), seeds::headers;
        java_release: |data| file("opt/java/release", data), seeds::os_release;
        ruby: |data| file("usr/lib/ruby/gems/3.0.0/specifications/a-1.gemspec", data), seeds::yaml;
        php: |data| file("a/vendor/composer/installed.json", data), seeds::json;
        pear: |data| file("usr/share/php/.registry/a.reg", data), seeds::yaml;
        dotnet: |data| file("app/a.deps.json", data), seeds::json;
        conda: |data| file("opt/conda/conda-meta/a-1-0.json", data), seeds::json;
        erlang: |data| file("lib/a-1/ebin/a.app", data), seeds::erlang;
        erlang_release: |data| file("usr/lib/erlang/releases/26/OTP_VERSION", data), seeds::release_line;
        r: |data| file("usr/lib/R/library/a/DESCRIPTION", data), seeds::headers;
        lua: |data| file("usr/lib/luarocks/rocks-5.1/a/1-1/a-1-1.rockspec", data), seeds::yaml;
        perl: |data| file("lib/.meta/a-1/install.json", data), seeds::json;
        perl_journal: |data| file("usr/lib/perl5/perllocal.pod", data), seeds::yaml;
        dart: |data| file(".pub-cache/hosted/pub.dev/a-1/pubspec.yaml", data), seeds::yaml;
        julia: |data| file("packages/A/abcde/Project.toml", data), seeds::yaml;
        swift: |data| file("a/.build/workspace-state.json", data), seeds::json;
        cargo_installed: |data| file("usr/local/cargo/.crates2.json", data), seeds::json;
        conan: |data| file("a/conaninfo.txt", data), seeds::yaml;
        wordpress: |data| file("wp-content/plugins/a/a.php", data), seeds::headers;
        bitnami: |data| file("opt/bitnami/a/.spdx-a.spdx", data), seeds::json;
        embedded_sbom: |data| file("usr/local/share/sbom/a.cdx.json", data), seeds::sboms;
    }
    // Archives within layers.
    archives {
        java: |data| file("a/a.jar", data), seeds::zips;
        python_egg: |data| file("a/a-1-py3.egg", data), seeds::zips;
        yarn: |data| file("app/.yarn/cache/a-npm-1.zip", data), seeds::zips;
    }
    // Programs and libraries.
    programs {
        program: |data| file("usr/bin/tool", data), seeds::programs;
        classifier: |data| file("usr/sbin/nginx", data), seeds::told_by_content;
        classifier_build_id: |data| file("usr/bin/redis-server", data), seeds::told_by_content;
        classifier_around: |data| file("usr/local/bin/envoy", data), seeds::told_by_content;
        classifier_since: |data| file("usr/lib/dart/bin/dart", data), seeds::told_by_content;
        classifier_alone: |data| file("usr/local/bin/helm", data), seeds::told_by_content;
        classifier_script: |data| file("usr/local/bin/composer", data), seeds::told_by_content;
        php_extension: |data| file("usr/lib/php/20220829/redis.so", data), seeds::extensions;
        dotnet_library: |data| file("app/a.dll", data), seeds::libraries;
        dotnet_bundle: |data| file("app/tool", &seeds::bundle_of(data)), seeds::bundles;
    }
    // Names, versions and queries.
    texts {
        purl: purl, seeds::purls;
        reference: reference, seeds::references;
        manifest: manifest, seeds::json;
        version: version, seeds::versions;
        query: query, seeds::queries;
    }
    // What publishers, users and the probe send.
    documents {
        sbom: |data| drop(read_sbom(data, &limits())), seeds::sboms;
        reply: reply, seeds::replies;
        advisory: |data| drop(osv::parse(data)), seeds::advisories;
        vex: |data| drop(Vex::default().add("fuzz", data)), seeds::advisories;
        publishers: publishers, seeds::feeds;
    }
}

/// Small, so that a target that passes them is fast.
fn limits() -> Limits {
    Limits {
        compressed_bytes: 1 << 20,
        unpacked_bytes: 4 << 20,
        entries: 2000,
        file_bytes: 1 << 20,
        output_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// Reads a layer, and holds what comes out to all that the server expects of it.
fn layer(bytes: &[u8]) -> LayerInventory {
    let limits = limits();
    let layer = read_layer(bytes, &limits);
    let reply = ProbeReply::Layer(Box::new(layer.clone()));
    let record = reply.encode();
    assert!(record.len() <= limits.output_bytes + (1 << 16), "a record of {} bytes", record.len());
    assert_eq!(ProbeReply::decode_within(&record, 64 << 20).as_ref(), Ok(&reply));
    assert!(layer.files.is_sorted_by(|a, b| a.path < b.path));
    assert!(layer.replaced.is_sorted() && layer.directories.is_sorted());
    layer
}

/// Reads a layer with one file in it.
fn file(path: &str, content: &[u8]) {
    layer(&seeds::archive(&[(path.as_bytes(), content)]));
}

/// The data is a path.
fn path(data: &[u8]) {
    layer(&seeds::archive(&[(data, b"{\"name\":\"a\",\"version\":\"1\"}"), (b"etc/os-release", b"ID=a")]));
}

/// The data is two layers of one image, and one of them twice.
fn merge(data: &[u8]) {
    let (first, second) = data.split_at(data.len() / 2);
    let layers = [layer(first), layer(second), layer(data)];
    let digest = |n: usize| Some(Digest::sha256(&[n as u8]));
    let all: Vec<_> = layers.iter().chain(&layers).enumerate().map(|(n, layer)| (digest(n), layer)).collect();
    let image = ImageInventory::merge(&all);
    assert!(image.packages.is_sorted());
    assert_eq!(ImageInventory::merge(&all), image);
}

/// The data is what a probe that was taken over writes.
fn reply(data: &[u8]) {
    if let Ok(ProbeReply::Layer(layer)) = ProbeReply::decode_within(data, 8 << 20) {
        ImageInventory::merge(&[(None, &layer), (None, &layer)]);
    }
}

/// The data is a database and its log.
fn rpm_log(data: &[u8]) {
    let (database, log) = data.split_at(data.len() / 2);
    let paths = [&b"var/lib/rpm/rpmdb.sqlite"[..], b"var/lib/rpm/rpmdb.sqlite-wal"];
    layer(&seeds::archive(&[(paths[0], database), (paths[1], log)]));
    layer(&seeds::archive(&[(paths[1], data), (paths[0], database)]));
}

/// The data is a header in a database that is in order.
fn rpm_header(data: &[u8]) {
    file("var/lib/rpm/Packages.db", &seeds::ndb_of(&[data]));
}

/// The data is what is in the compressed manifest.
fn chisel_unpacked(data: &[u8]) {
    file("var/lib/chisel/manifest.wall", &zstd::encode_all(data, 1).unwrap_or_default());
}

fn purl(data: &[u8]) {
    let Ok(purl) = String::from_utf8_lossy(data).parse::<Purl>() else { return };
    let again = purl.to_string().parse::<Purl>().expect("a purl is written as one");
    assert_eq!(again.to_string(), purl.to_string());
}

fn reference(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse::<Reference>().expect("as it is written"), reference);
    }
    if let Ok(reference) = text.parse::<ImageReference>() {
        let again = reference.to_string().parse::<ImageReference>().expect("as it is written");
        assert_eq!(again.to_string(), reference.to_string());
    }
    if let Ok(id) = text.parse::<ResourceId>() {
        assert_eq!(
            id.to_string().parse::<ResourceId>().expect("as it is written").to_string(),
            id.to_string()
        );
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
}

fn manifest(data: &[u8]) {
    for kind in
        ["", plimsoll_types::manifest::media::OCI_MANIFEST, plimsoll_types::manifest::media::OCI_INDEX]
    {
        let _ = Manifest::parse(kind, data);
    }
    let _ = ImageConfig::parse(data);
}

/// The data is three versions: all schemes must bring them into one order.
fn version(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let versions: Vec<&str> = text.split('\n').take(3).collect();
    for scheme in Scheme::ALL {
        let keys: Vec<_> = versions.iter().map(|version| scheme.key(version)).collect();
        for (key, version) in keys.iter().zip(&versions) {
            assert!(
                key.as_bytes().len() <= 64 * (version.len() + 16),
                "a key of {} bytes",
                key.as_bytes().len()
            );
        }
        for (a, b) in [(0, 1), (1, 2), (0, 2)] {
            if let (Some(one), Some(other)) = (keys.get(a), keys.get(b)) {
                let order = one.as_bytes().cmp(other.as_bytes());
                assert_eq!(scheme.compare(versions[a], versions[b]), order);
                assert_eq!(scheme.compare(versions[b], versions[a]), order.reverse());
            }
        }
    }
}

/// The first byte chooses the publisher.
fn publishers(data: &[u8]) {
    let Some((which, content)) = data.split_first() else { return };
    let publisher = Publisher::ALL[usize::from(*which) % Publisher::ALL.len()];
    let mut collected = Collected::default();
    let _ = publisher.read("fuzz", content, &mut collected);
    assert!(collected.into_records().count() <= data.len());
}

fn query(data: &[u8]) {
    let columns =
        [("id", Type::String), ("count", Type::Long), ("at", Type::DateTime), ("properties", Type::Dynamic)];
    let columns = columns.map(|(name, kind)| Column::new(name, kind)).to_vec();
    let catalog = Catalog::new(vec![Table::new("resources", columns)]);
    let text = String::from_utf8_lossy(data);
    let _ = Plan::new(&text, &catalog, 0, &plimsoll_query::Limits::default(), &|_| None);
}
