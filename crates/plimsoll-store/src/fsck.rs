//! Does what is stored agree with itself?

use crate::blobs::BlobInfo;
use crate::database::args;
use crate::{ErrorKind, Result, Store};

/// Rows that are looked at in one go.
const BATCH: i64 = 1000;

/// What a check of the whole store found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FsckReport {
    /// Blobs that were looked at.
    pub blobs: u64,
    /// Manifests whose bytes were hashed.
    pub manifests: u64,
    /// Images that were looked at.
    pub images: u64,
    /// What is wrong, a sentence each. Empty means that nothing is.
    pub problems: Vec<String>,
}

/// Rows that must not exist: what is wrong with them, and the statement that finds them.
const CONTRADICTIONS: [(&str, &str); 5] = [
    (
        "a blob that a manifest of the repository needs is not linked to it",
        "select r.key, b.manifest, b.blob from repository_manifests l join repositories r on r.id = l.repository \
        join manifest_blobs b on b.manifest = l.digest where not exists \
        (select 1 from repository_blobs x where x.repository = l.repository and x.blob = b.blob)",
    ),
    (
        "a manifest that an index of the repository names is not in it",
        "select r.key, c.parent, c.child from repository_manifests l join repositories r on r.id = l.repository \
        join manifest_children c on c.parent = l.digest where not exists \
        (select 1 from repository_manifests x where x.repository = l.repository and x.digest = c.child)",
    ),
    (
        "an image has neither a verdict nor a job that would give it one",
        "select i.state, i.digest, '' from images i where i.verdict is null and i.state <> 'awaiting-advisories' \
        and not exists (select 1 from jobs j where j.kind = 'scan-image' and j.subject = i.digest)",
    ),
    (
        "a repository belongs to no registry",
        "select r.key, '', '' from repositories r where r.registry <> 1 \
        and not exists (select 1 from registries g where g.id = r.registry)",
    ),
    (
        "an image in a repository has no row of its own",
        "select r.key, l.digest, '' from repository_manifests l join repositories r on r.id = l.repository \
        join manifests m on m.digest = l.digest where m.kind = 'image' \
        and not exists (select 1 from images i where i.digest = l.digest)",
    ),
];

impl Store {
    /// Checks that rows and blobs agree: every blob is there in its size, every manifest has the digest it is kept under
    /// and all that it names, every image has a verdict or a job. Reads much; run it when little else runs.
    pub async fn fsck(&self) -> Result<FsckReport> {
        let mut report = FsckReport::default();
        self.check_blobs(&mut report).await?;
        self.check_manifests(&mut report).await?;
        for (problem, sql) in CONTRADICTIONS {
            for row in self.db.all("check the links", sql, &[]).await? {
                let (a, b, c): (&str, &str, &str) = (row.get(0)?, row.get(1)?, row.get(2)?);
                report.problems.push(format!("{problem}: {a} {b} {c}").trim_end().to_owned());
            }
        }
        let row = self.db.one("count the images", "select count(*) from images", &[]).await?;
        report.images = row.map(|row| row.count(0)).transpose()?.unwrap_or_default();
        Ok(report)
    }

    async fn check_blobs(&self, report: &mut FsckReport) -> Result<()> {
        let sql = "select digest, size, location from blobs where digest > $1 order by digest limit $2";
        let mut last = String::new();
        loop {
            let rows = self.db.all("list the blobs", sql, &args![&last, BATCH]).await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = end.get(0)?;
            for row in rows {
                let blob = BlobInfo { digest: row.parse(0)?, size: row.count(1)?, location: row.get(2)? };
                report.blobs += 1;
                match self.blobs.size(&blob.location).await {
                    Ok(size) if size == blob.size => {}
                    Ok(size) => report
                        .problems
                        .push(format!("the blob {} has {size} bytes, not {}", blob.digest, blob.size)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        report.problems.push(format!("the blob {} is not there", blob.digest));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn check_manifests(&self, report: &mut FsckReport) -> Result<()> {
        let sql = "select id, digest, body from manifests where id > $1 order by id limit 50";
        let mut last = 0;
        loop {
            let rows = self.db.all("list the manifests", sql, &args![last]).await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = end.get(0)?;
            for row in rows {
                let digest: plimsoll_types::Digest = row.parse(1)?;
                let found = plimsoll_types::Digest::of(digest.algorithm(), row.get(2)?);
                report.manifests += 1;
                if found != digest {
                    report.problems.push(format!("the manifest {digest} has the digest {found}"));
                }
            }
        }
    }
}
