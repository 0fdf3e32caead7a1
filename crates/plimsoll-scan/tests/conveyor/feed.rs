//! A feed in a folder, made by hand.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use plimsoll_scan::{AdvisoryHandle, FeedLocation, FeedProgress, Feeds, UpdateOptions, Updated};
use serde_json::{Value, json};

/// Advisories by ecosystem and id, with the day of January 2024 on which they were changed.
#[derive(Default, Clone)]
pub(crate) struct Feed {
    records: BTreeMap<String, BTreeMap<String, (u32, Value)>>,
}

impl Feed {
    /// One that says nothing.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The feed with an advisory: versions of a package below `fixed` are affected.
    #[must_use]
    pub(crate) fn advisory(mut self, day: u32, id: &str, ecosystem: &str, name: &str, fixed: &str) -> Self {
        let folder = ecosystem.split(':').next().unwrap_or_default().to_owned();
        let record = json!({
            "schema_version": "1.7.0",
            "id": id,
            "modified": format!("2024-01-{day:02}T00:00:00Z"),
            "upstream": [id.trim_start_matches("ALPINE-").trim_start_matches("DEBIAN-")],
            "summary": format!("A flaw in {name}"),
            "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected": [{
                "package": {"ecosystem": ecosystem, "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
            }],
        });
        self.records.entry(folder).or_default().insert(id.to_owned(), (day, record));
        self
    }

    /// The feed without an advisory.
    #[must_use]
    pub(crate) fn without(mut self, ecosystem: &str, id: &str) -> Self {
        self.records.get_mut(ecosystem).unwrap().remove(id).unwrap();
        self
    }

    /// musl of Alpine v3.4 and v3.10 below 1.1.14-r16, and flask below 1.0.
    pub(crate) fn sample() -> Self {
        Self::new()
            .advisory(1, "ALPINE-CVE-2019-14697", "Alpine:v3.4", "musl", "1.1.14-r16")
            .advisory(1, "ALPINE-CVE-2020-0001", "Alpine:v3.10", "musl", "1.1.14-r16")
            .advisory(1, "PYSEC-1", "PyPI", "flask", "1.0")
    }

    /// Writes the files of a bucket; `single` says whether `ID.json` are among them.
    pub(crate) fn write(&self, folder: &Path, single: bool) {
        let names: Vec<_> =
            self.records.keys().map(String::as_str).chain(["GIT", "[EMPTY]", "Alpine:v3.4"]).collect();
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("ecosystems.txt"), names.join("\n")).unwrap();
        for (ecosystem, records) in &self.records {
            let folder = folder.join(ecosystem);
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            let mut archive = zip::ZipWriter::new(std::fs::File::create(folder.join("all.zip")).unwrap());
            let mut rows: Vec<_> = records.iter().map(|(id, (day, _))| (*day, id)).collect();
            rows.sort_by(|a, b| b.cmp(a));
            for (id, (_, record)) in records {
                archive.start_file(format!("{id}.json"), zip::write::SimpleFileOptions::default()).unwrap();
                archive.write_all(record.to_string().as_bytes()).unwrap();
                if single {
                    std::fs::write(folder.join(format!("{id}.json")), record.to_string()).unwrap();
                }
            }
            archive.finish().unwrap();
            let rows: Vec<_> =
                rows.iter().map(|(day, id)| format!("2024-01-{day:02}T00:00:00Z,{id}\n")).collect();
            std::fs::write(folder.join("modified_id.csv"), rows.concat()).unwrap();
        }
    }
}

/// An advisory database over a feed.
pub(crate) struct Database {
    /// The folder of both.
    pub(crate) folder: tempfile::TempDir,
}

impl Database {
    /// A database that was never updated, over a feed.
    pub(crate) fn new(feed: &Feed) -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap() };
        this.publish(feed);
        this
    }

    /// A database that knows what the feed says.
    pub(crate) async fn of(feed: &Feed) -> Self {
        let this = Self::new(feed);
        this.update().await;
        this
    }

    /// Replaces what the feed says.
    pub(crate) fn publish(&self, feed: &Feed) {
        feed.write(&self.folder.path().join("feed"), true);
    }

    /// The updater of the database.
    pub(crate) fn feeds(&self) -> Feeds {
        self.feeds_from(FeedLocation::Folder(self.folder.path().join("feed")))
    }

    /// The updater of the database, with another feed.
    pub(crate) fn feeds_from(&self, location: FeedLocation) -> Feeds {
        Feeds::new(&self.advisories(), location, plimsoll_scan::system_clock())
    }

    /// Brings it up to date with the feed.
    pub(crate) async fn update(&self) -> Updated {
        self.feeds().update(&UpdateOptions::default(), &quiet()).await.unwrap()
    }

    /// The folder of the database.
    pub(crate) fn advisories(&self) -> std::path::PathBuf {
        self.folder.path().join("advisories")
    }

    /// A handle on what is known.
    pub(crate) fn handle(&self) -> AdvisoryHandle {
        AdvisoryHandle::open(&self.advisories())
    }
}

/// Nobody listens.
pub(crate) fn quiet() -> FeedProgress {
    Arc::new(|_| {})
}
