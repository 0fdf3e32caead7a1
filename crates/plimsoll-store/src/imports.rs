//! Imports that were asked for: the operation that a client comes back to, what was asked for, and the job that does it.
//!
//! The credentials of the source are in a row of their own, which goes in the transaction that ends the operation. Nothing
//! lists them.

use plimsoll_types::import::{Credentials, ImportRequest, Mode};
use plimsoll_types::{Digest, RepositoryName, ResourceId, Timestamp};
use serde_json::{Value, json};

use crate::blobs::{link_blob, random_name};
use crate::database::args;
use crate::jobs::enqueue_in;
use crate::manifests::make_repository;
use crate::{Error, ErrorKind, JobKind, OperationState, Priority, RegistryId, Result, Store};

/// Imports of one registry that may wait or run at once.
const MAX_IMPORTS: u64 = 1_000;

/// An import that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImport {
    /// The registry that gets the image.
    pub registry: RegistryId,
    /// What was asked for.
    pub request: ImportRequest,
    /// What opens the source.
    pub credentials: Option<Credentials>,
}

impl Store {
    /// Queues an import into this registry, whose id is `target`: operation, request and job in one transaction. Gives the
    /// operation's name.
    pub async fn queue_import(
        &self,
        target: &ResourceId,
        request: &ImportRequest,
        credentials: Option<&Credentials>,
        now: Timestamp,
    ) -> Result<String> {
        let document = serde_json::to_value(request)
            .map_err(|error| Error::corrupt("an import that is no JSON").because(error))?;
        let mut tx = self.db.begin("queue an import").await?;
        let sql = "select count(*) from imports where registry = $1";
        let open = tx.one(sql, &args![self.registry.0]).await?;
        if open.map(|row| row.count(0)).transpose()?.unwrap_or_default() >= MAX_IMPORTS {
            let message = format!("{MAX_IMPORTS} imports wait already, no more can be queued now");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        let operation = random_name()?;
        let sql = "insert into operations \
            (id, kind, target, state, request, progress, created_at, changed_at) \
            values ($1, 'import', $2, $3, $4, '{}', $5, $5)";
        let state = OperationState::InProgress.as_str();
        tx.execute(sql, &args![&operation, target.key(), state, document.to_string(), now]).await?;
        let sql = "insert into imports (operation, registry, request, username, password) \
            values ($1, $2, $3, $4, $5)";
        let username = credentials.and_then(|credentials| credentials.username.as_deref());
        let password = credentials.map(|credentials| credentials.password.as_str());
        let values = args![&operation, self.registry.0, document.to_string(), username, password];
        tx.execute(sql, &values).await?;
        enqueue_in(&mut tx, &JobKind::Import(operation.clone()), Priority::Import, now).await?;
        tx.commit().await?;
        self.wake_up.one();
        Ok(operation)
    }

    /// What is to be imported under the name of this operation; `None` where it is done.
    pub async fn import(&self, operation: &str) -> Result<Option<StoredImport>> {
        let sql = "select registry, request, username, password from imports where operation = $1";
        let Some(row) = self.db.one("look for an import", sql, &args![operation]).await? else {
            return Ok(None);
        };
        let request = row.json(1)?.ok_or_else(|| Error::corrupt("an import without its request"))?;
        let username = row.get(2)?;
        let password: Option<String> = row.get(3)?;
        Ok(Some(StoredImport {
            registry: RegistryId(row.get(0)?),
            request,
            credentials: password.map(|password| Credentials { username, password }),
        }))
    }

    /// Records how an import ended, and forgets the credentials: one transaction. `progress` is what there is to tell of it.
    pub async fn end_import(
        &self,
        operation: &str,
        progress: &Value,
        error: Option<(&str, &str)>,
        now: Timestamp,
    ) -> Result<()> {
        let state = if error.is_some() { OperationState::Failed } else { OperationState::Succeeded };
        let error = error.map(|(code, message)| json!({"code": code, "message": message}).to_string());
        let mut tx = self.db.begin("end an import").await?;
        tx.execute("delete from imports where operation = $1", &args![operation]).await?;
        let sql = "update operations set state = $2, error = $3, progress = $4, changed_at = $5, ended_at = $5 \
            where id = $1 and ended_at is null";
        tx.execute(sql, &args![operation, state.as_str(), error, progress.to_string(), now]).await?;
        tx.commit().await
    }

    /// The targets of an import whose tags are there already, where it must not move them, with what they point at.
    pub async fn taken_targets(&self, request: &ImportRequest) -> Result<Vec<(String, Digest)>> {
        let mut taken = Vec::new();
        if request.mode == Mode::Force {
            return Ok(taken);
        }
        for target in &request.targets {
            let sql = "select t.digest from tags t join repositories r on r.id = t.repository \
                where r.key = $1 and t.name = $2";
            let values = args![&self.key(&target.repository), &target.tag];
            if let Some(row) = self.db.one("look for a tag", sql, &values).await? {
                taken.push((format!("{}:{}", target.repository, target.tag), row.parse(0)?));
            }
        }
        Ok(taken)
    }

    /// Links a blob that a repository of another registry (or of this one) holds to `to` as well: no byte is copied.
    /// `false` where `from` does not hold it.
    pub async fn mount_blob_from(
        &self,
        registry: RegistryId,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.db.begin("mount a blob").await?;
        let sql = format!(
            "select 1 from repository_blobs where blob = $2 \
            and repository = (select id from repositories where key = $1){}",
            tx.for_share()
        );
        if tx.one(sql, &args![&self.in_registry(registry).key(from), digest]).await?.is_none() {
            return Ok(false);
        }
        let repository = make_repository(&mut tx, &self.key(to), now).await?;
        link_blob(&mut tx, repository, digest, now).await?;
        tx.commit().await?;
        Ok(true)
    }
}
