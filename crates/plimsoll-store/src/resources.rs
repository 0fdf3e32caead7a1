//! Settings that are ARM resources, kept as the documents that clients write: plans, rules, exemptions, saved queries,
//! webhooks. Whoever reads one gives it its type; here a document is a document. And operations that take a while.

use plimsoll_types::{ResourceId, Timestamp};
use serde_json::Value;

use crate::database::{Row, Tx, args};
use crate::{Error, Result, Store};

/// The longest list that is given at once.
const MAX_PAGE: u32 = 10_000;

/// A setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its id, in the case in which it was first written.
    pub id: ResourceId,
    /// Its body as it was written.
    pub body: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// How far an operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationState {
    /// It waits or works.
    InProgress,
    /// It ended well.
    Succeeded,
    /// It ended with an error.
    Failed,
}

/// Work that a client asked for and comes back to.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Its name, which cannot be guessed.
    pub id: String,
    /// What it does: `import`.
    pub kind: String,
    /// What it works on.
    pub target: ResourceId,
    /// How far it is.
    pub state: OperationState,
    /// What was asked for, without secrets.
    pub request: Value,
    /// How far it is, for people.
    pub progress: Value,
    /// Why it failed: an object with `code` and `message`.
    pub error: Option<Value>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl OperationState {
    /// The word that Resource Manager has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }

    fn read(text: &str) -> Result<Self> {
        [Self::InProgress, Self::Succeeded, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Error::corrupt(format!("an operation in the state {text}")))
    }
}

impl Store {
    /// Stores a setting: makes it or replaces its body. Gives whether it is new.
    pub async fn put_resource(&self, id: &ResourceId, body: &Value, now: Timestamp) -> Result<bool> {
        let mut tx = self.db.begin("store a resource").await?;
        let is_new = put_resource_in(&mut tx, id, body, now).await?;
        tx.commit().await?;
        Ok(is_new)
    }

    /// One setting.
    pub async fn resource(&self, id: &ResourceId) -> Result<Option<Resource>> {
        let sql = "select written_id, body, created_at, changed_at from resources where id = $1";
        let row = self.db.one("look for a resource", sql, &args![id.key()]).await?;
        row.as_ref().map(read_resource).transpose()
    }

    /// Removes a setting. `false` where there was none.
    pub async fn delete_resource(&self, id: &ResourceId) -> Result<bool> {
        let mut tx = self.db.begin("delete a resource").await?;
        let deleted = tx.execute("delete from resources where id = $1", &args![id.key()]).await?;
        tx.commit().await?;
        Ok(deleted > 0)
    }

    /// Up to `n` settings of a type (in any case), below a scope where one is named, behind `after`, in the order of their ids.
    pub async fn resources(
        &self,
        kind: &str,
        under: Option<&ResourceId>,
        after: Option<&ResourceId>,
        n: u32,
    ) -> Result<Vec<Resource>> {
        let mut sql = "select written_id, body, created_at, changed_at from resources \
            where kind = $1 and id > $2"
            .to_owned();
        let after = after.map_or("", ResourceId::key);
        let mut values = args![kind.to_ascii_lowercase(), after, i64::from(n.min(MAX_PAGE))].to_vec();
        if let Some(under) = under.filter(|under| !under.is_root()) {
            // All that begins with the scope and a slash: the byte behind the slash is 0.
            values.extend(args![format!("{}/", under.key()), format!("{}0", under.key())]);
            sql.push_str(" and id >= $4 and id < $5");
        }
        sql.push_str(" order by id limit $3");
        self.db.all("list resources", sql, &values).await?.iter().map(read_resource).collect()
    }

    /// Records an operation that begins now.
    pub async fn begin_operation(
        &self,
        kind: &str,
        target: &ResourceId,
        request: &Value,
        now: Timestamp,
    ) -> Result<String> {
        let id = crate::blobs::random_name()?;
        let sql = "insert into operations \
            (id, kind, target, state, request, progress, created_at, changed_at) \
            values ($1, $2, $3, $4, $5, '{}', $6, $6)";
        let mut tx = self.db.begin("begin an operation").await?;
        let state = OperationState::InProgress.as_str();
        tx.execute(sql, &args![&id, kind, target.key(), state, request.to_string(), now]).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Notes how far an operation is.
    pub async fn note_operation(&self, id: &str, progress: &Value, now: Timestamp) -> Result<()> {
        let sql = "update operations set progress = $2, changed_at = $3 where id = $1";
        let mut tx = self.db.begin("note the progress of an operation").await?;
        tx.execute(sql, &args![id, progress.to_string(), now]).await?;
        tx.commit().await
    }

    /// Records how an operation ended: well, or with an error of `code` and `message`.
    pub async fn end_operation(&self, id: &str, error: Option<&Value>, now: Timestamp) -> Result<()> {
        let state = if error.is_some() { OperationState::Failed } else { OperationState::Succeeded };
        let sql = "update operations set state = $2, error = $3, changed_at = $4, ended_at = $4 \
            where id = $1 and ended_at is null";
        let mut tx = self.db.begin("end an operation").await?;
        tx.execute(sql, &args![id, state.as_str(), error.map(Value::to_string), now]).await?;
        tx.commit().await
    }

    /// One operation.
    pub async fn operation(&self, id: &str) -> Result<Option<Operation>> {
        let sql = format!("{OPERATIONS} where id = $1");
        let row = self.db.one("look for an operation", sql, &args![id]).await?;
        row.as_ref().map(read_operation).transpose()
    }

    /// The newest operations on a resource, newest first.
    pub async fn operations(&self, target: &ResourceId, n: u32) -> Result<Vec<Operation>> {
        let sql = format!("{OPERATIONS} where target = $1 order by created_at desc, id limit $2");
        let values = args![target.key(), i64::from(n.min(MAX_PAGE))];
        self.db.all("list operations", sql, &values).await?.iter().map(read_operation).collect()
    }
}

/// Stores a setting in a transaction of somebody else.
pub(crate) async fn put_resource_in(
    tx: &mut Tx,
    id: &ResourceId,
    body: &Value,
    now: Timestamp,
) -> Result<bool> {
    let sql = "update resources set body = $2, changed_at = $3 where id = $1";
    let changed = tx.execute(sql, &args![id.key(), body.to_string(), now]).await?;
    if changed == 0 {
        let sql = "insert into resources (id, kind, written_id, body, created_at, changed_at) \
            values ($1, $2, $3, $4, $5, $5) \
            on conflict (id) do update set body = excluded.body, changed_at = excluded.changed_at";
        tx.execute(sql, &args![id.key(), id.kind(), id.as_str(), body.to_string(), now]).await?;
    }
    Ok(changed == 0)
}

const OPERATIONS: &str =
    "select id, kind, target, state, request, progress, error, created_at, ended_at from operations";

fn read_resource(row: &Row) -> Result<Resource> {
    Ok(Resource {
        id: row.parse(0)?,
        body: row.json(1)?.unwrap_or_default(),
        created_at: Timestamp(row.get(2)?),
        changed_at: Timestamp(row.get(3)?),
    })
}

fn read_operation(row: &Row) -> Result<Operation> {
    Ok(Operation {
        id: row.get(0)?,
        kind: row.get(1)?,
        target: row.parse(2)?,
        state: OperationState::read(row.get(3)?)?,
        request: row.json(4)?.unwrap_or_default(),
        progress: row.json(5)?.unwrap_or_default(),
        error: row.json(6)?,
        created_at: Timestamp(row.get(7)?),
        ended_at: row.get::<Option<i64>>(8)?.map(Timestamp),
    })
}
