//! When clients last pulled an image.
//!
//! What counts as a pull is decided where requests are served: a client's GET of a manifest does, a HEAD, our own scanner
//! and copies between registries do not. Here is only the instant of the newest one, for each image in its repository.

use plimsoll_types::{Digest, RepositoryName, Timestamp};

use crate::database::args;
use crate::{RegistryId, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;

/// A pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// From which registry.
    pub registry: RegistryId,
    /// From which repository.
    pub repository: RepositoryName,
    /// What: the manifest that was asked for, by whatever name.
    pub digest: Digest,
    /// When.
    pub at: Timestamp,
}

/// An image that was pulled and is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PulledImage {
    /// Its row, which orders the list.
    pub row: i64,
    /// Its registry.
    pub registry: RegistryId,
    /// Its repository.
    pub repository: RepositoryName,
    /// Its digest.
    pub digest: Digest,
    /// When it was last pulled.
    pub pulled_at: Timestamp,
}

impl Store {
    /// Records pulls, in one transaction. Of several of one image the newest counts; those of images that are gone are
    /// passed over.
    pub async fn record_pulls(&self, pulls: &[Pull]) -> Result<()> {
        if pulls.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<_> =
            pulls.iter().map(|pull| (self.in_registry(pull.registry).key(&pull.repository), pull)).collect();
        // In one order, so that two nodes that write at once wait for each other and never lock each other out.
        sorted.sort_by(|(a, x), (b, y)| (a.as_str(), &x.digest).cmp(&(b.as_str(), &y.digest)));
        let sql = "insert into pulls (image, pulled_at) select l.id, $3 from repositories r \
            join repository_manifests l on l.repository = r.id where r.key = $1 and l.digest = $2 \
            on conflict (image) do update set pulled_at = excluded.pulled_at \
            where pulls.pulled_at < excluded.pulled_at";
        let mut tx = self.db.begin("record pulls").await?;
        for (key, pull) in &sorted {
            tx.execute(sql, &args![key, &pull.digest, pull.at]).await?;
        }
        tx.commit().await
    }

    /// Up to `n` images that were pulled at `since` or later, behind the row `after`, in the order of their rows.
    pub async fn pulled_since(&self, since: Timestamp, after: i64, n: u32) -> Result<Vec<PulledImage>> {
        let sql = "select p.image, r.registry, r.name, l.digest, p.pulled_at from pulls p \
            join repository_manifests l on l.id = p.image join repositories r on r.id = l.repository \
            where p.image > $2 and p.pulled_at >= $1 order by p.image limit $3";
        let rows =
            self.db.all("list pulled images", sql, &args![since, after, i64::from(n.min(MAX_PAGE))]).await?;
        let read = |row: &crate::database::Row| {
            Ok(PulledImage {
                row: row.get(0)?,
                registry: RegistryId(row.get(1)?),
                repository: row.parse(2)?,
                digest: row.parse(3)?,
                pulled_at: Timestamp(row.get(4)?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// When the image was last pulled from the repository, if it ever was.
    pub async fn last_pull(&self, repository: &RepositoryName, digest: &Digest) -> Result<Option<Timestamp>> {
        let sql = "select p.pulled_at from repositories r join repository_manifests l on l.repository = r.id \
            join pulls p on p.image = l.id where r.key = $1 and l.digest = $2";
        let row = self.db.one("look for a pull", sql, &args![&self.key(repository), digest]).await?;
        row.map(|row| row.get(0).map(Timestamp)).transpose()
    }
}
