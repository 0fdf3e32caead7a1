//! A store to be examined, and short ways to put things into it.

use std::sync::LazyLock;

use bytes::Bytes;
use futures_util::StreamExt;
use plimsoll_store::{ByteStream, ImageState, ManifestPut, RegistryId, Settings, Store, Stored, Verdict};
use plimsoll_testkit::servers::{Postgres, S3};
use plimsoll_types::inventory::Distro;
use plimsoll_types::manifest::media;
use plimsoll_types::{
    Digest, Ecosystem, ImageInventory, InstalledPackage, Manifest, Match, Package, PackageType,
    RepositoryName, Severity, Status, Timestamp,
};

static POSTGRES: LazyLock<Option<Postgres>> = LazyLock::new(Postgres::start);
static S3_SERVER: LazyLock<Option<S3>> = LazyLock::new(S3::start);

/// An instant to begin with.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) _folder: Option<tempfile::TempDir>,
}

impl Place {
    pub(crate) async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            database: format!("sqlite:{}", folder.path().join("data/plimsoll.db").display()),
            blobs: format!("file:{}", folder.path().join("blobs").display()),
            blob_options: vec![],
            node: "one".to_owned(),
        };
        Self { store: Store::open(&settings).await.unwrap(), settings, _folder: Some(folder) }
    }

    pub(crate) async fn distributed() -> Option<Self> {
        let (postgres, s3) = (POSTGRES.as_ref()?, S3_SERVER.as_ref()?);
        let database = tokio::task::spawn_blocking(|| postgres.database()).await.unwrap().unwrap();
        let settings =
            Settings { database, blobs: s3.place(), blob_options: s3.options(), node: "one".to_owned() };
        Some(Self { store: Store::open(&settings).await.unwrap(), settings, _folder: None })
    }

    /// Another handle on the same place; it lasts no longer than this one.
    pub(crate) fn again(&self) -> Self {
        Self { store: self.store.clone(), settings: self.settings.clone(), _folder: None }
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.settings.database.starts_with("sqlite:")
    }

    /// Another process over the same data; the first one was killed.
    pub(crate) async fn restarted(&self) -> Store {
        Store::open(&self.settings).await.unwrap()
    }

    /// The same place, speaking of another registry.
    pub(crate) fn in_registry(self, registry: RegistryId) -> Self {
        Self { store: self.store.in_registry(registry), ..self }
    }

    /// Asserts that nothing dangles.
    pub(crate) async fn is_sound(&self) {
        let report = self.store.fsck().await.unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
    }

    pub(crate) async fn put(&self, to: &str, content: &[u8]) -> Digest {
        let digest = Digest::sha256(content);
        self.store.put_blob(&name(to), &digest, body(content), NOW).await.unwrap();
        digest
    }

    /// Pushes an image of these layers, and gives its digest.
    pub(crate) async fn push(&self, to: &str, tag: &str, layers: &[&[u8]]) -> Digest {
        let config = format!(r#"{{"os":"linux","architecture":"amd64","history":"{tag}"}}"#);
        self.put(to, config.as_bytes()).await;
        for layer in layers {
            self.put(to, layer).await;
        }
        let manifest = image_manifest(config.as_bytes(), layers);
        assert_eq!(self.put_manifest(to, &[tag], media::OCI_MANIFEST, &manifest).await, Stored::Yes);
        Digest::sha256(manifest.as_bytes())
    }

    pub(crate) async fn put_manifest(&self, to: &str, tags: &[&str], media_type: &str, text: &str) -> Stored {
        put_manifest(&self.store, to, tags, media_type, text, NOW).await
    }

    /// Records a verdict on an image: its packages, each with the matches it is given.
    pub(crate) async fn judge(&self, image: &Digest, packages: &[(InstalledPackage, Vec<Match>)]) {
        self.judge_at(image, packages, 1, NOW).await;
    }

    pub(crate) async fn judge_at(
        &self,
        image: &Digest,
        packages: &[(InstalledPackage, Vec<Match>)],
        generation: u64,
        now: Timestamp,
    ) {
        let inventory = inventory(packages.iter().map(|(package, _)| package.clone()).collect());
        self.store
            .save_verdict(Verdict {
                image,
                platform: None,
                inventory: &inventory,
                chain: &[],
                state: ImageState::Done,
                coverage: serde_json::json!({ "layers": 1, "conclusion": { "complete": true } }),
                matches: packages.to_vec(),
                generation,
                now,
            })
            .await
            .unwrap();
    }
}

pub(crate) async fn put_manifest(
    store: &Store,
    to: &str,
    tags: &[&str],
    media_type: &str,
    text: &str,
    now: Timestamp,
) -> Stored {
    let tags: Vec<_> = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let put = ManifestPut {
        repository: &name(to),
        tags: &tags,
        digest: &Digest::sha256(text.as_bytes()),
        body: Bytes::copy_from_slice(text.as_bytes()),
        manifest: &Manifest::parse(media_type, text.as_bytes()).unwrap(),
        now,
    };
    store.put_manifest(put).await.unwrap()
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// A stream that gives the content in two pieces.
pub(crate) fn body(content: &[u8]) -> ByteStream {
    let (a, b) = content.split_at(content.len() / 2);
    let pieces = [a, b].map(|piece| Ok(Bytes::copy_from_slice(piece)));
    Box::pin(futures_util::stream::iter(pieces))
}

/// A stream that breaks off behind the content.
pub(crate) fn broken_body(content: &[u8]) -> ByteStream {
    let broken = futures_util::stream::iter([Err(std::io::ErrorKind::ConnectionReset.into())]);
    Box::pin(body(content).chain(broken))
}

pub(crate) async fn read(mut stream: ByteStream) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(bytes) = stream.next().await {
        content.extend_from_slice(&bytes.unwrap());
    }
    content
}

pub(crate) fn descriptor(media_type: &str, content: &[u8]) -> String {
    format!(
        r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#,
        Digest::sha256(content),
        content.len()
    )
}

pub(crate) fn image_manifest(config: &[u8], layers: &[&[u8]]) -> String {
    let layers: Vec<_> =
        layers.iter().map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", layer)).collect();
    format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        descriptor(media::OCI_CONFIG, config),
        layers.join(",")
    )
}

/// Something that begins like a gzip file.
pub(crate) fn layer(number: usize) -> Vec<u8> {
    [&[0x1f, 0x8b, 8, 0][..], format!("layer {number}").as_bytes()].concat()
}

pub(crate) fn inventory(packages: Vec<InstalledPackage>) -> ImageInventory {
    let distro = Distro { id: "debian".to_owned(), version_id: "11".to_owned(), ..Distro::default() };
    ImageInventory { distro: Some(distro), packages, ..ImageInventory::default() }
}

/// A package of Debian 11.
pub(crate) fn package(name: &str, version: &str) -> InstalledPackage {
    let package = Package::new(PackageType::Deb, name, version);
    InstalledPackage {
        purl: package.purl(None).to_string(),
        package,
        ecosystem: Some(Ecosystem::release_of("Debian", "11")),
        path: "var/lib/dpkg/status".to_owned(),
        layer: Some(Digest::sha256(b"a layer")),
        details: Default::default(),
    }
}

pub(crate) fn affected(vulnerability: &str, severity: Severity) -> Match {
    Match {
        vulnerability: vulnerability.to_owned(),
        advisories: vec![format!("DSA-{vulnerability}")],
        aliases: vec![],
        status: Status::Affected,
        fixed_version: Some("9.9".to_owned()),
        severity,
        cvss: vec![],
        summary: "a flaw".to_owned(),
        description: String::new(),
        published: None,
        modified: None,
        references: vec![],
        weak: false,
        evidence: Default::default(),
    }
}
