//! Resource logs: who did what to a registry's content, and who logged in, with the columns that Azure's tables have.
//!
//! The tables are `ContainerRegistryRepositoryEvents` and `ContainerRegistryLoginEvents`. Queries that people wrote for
//! them count on the names and on the types: `DurationMs` is a text, so is the status in `ResultDescription`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{ParseError, Scope, Timestamp};

/// The tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    /// What happened in repositories.
    Repository,
    /// Who logged in, or tried to.
    Login,
}

impl Table {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Repository, Self::Login];

    /// Its name in queries, which is the category of its rows too.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "ContainerRegistryRepositoryEvents",
            Self::Login => "ContainerRegistryLoginEvents",
        }
    }

    /// The names of its columns, in their order.
    pub fn columns(self) -> impl Iterator<Item = &'static str> {
        let own: &[&str] = match self {
            Self::Repository => &REPOSITORY_COLUMNS,
            Self::Login => &["JwtId"],
        };
        COMMON_COLUMNS.iter().chain(own).chain(&WORKSPACE_COLUMNS).copied()
    }
}

impl std::str::FromStr for Table {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let known = Self::ALL.into_iter().find(|table| table.as_str().eq_ignore_ascii_case(text));
        known.ok_or_else(|| ParseError::new("a table of resource logs", text))
    }
}

const COMMON_COLUMNS: [&str; 12] = [
    "TimeGenerated",
    "OperationName",
    "Category",
    "CorrelationId",
    "LoginServer",
    "Region",
    "Identity",
    "CallerIpAddress",
    "UserAgent",
    "DurationMs",
    "ResultType",
    "ResultDescription",
];
const REPOSITORY_COLUMNS: [&str; 7] =
    ["Repository", "Tag", "Digest", "MediaType", "ArtifactType", "UserTenantId", "Size"];
/// Those that the place adds in which Azure keeps logs.
const WORKSPACE_COLUMNS: [&str; 7] =
    ["TenantId", "Type", "SourceSystem", "_ResourceId", "_SubscriptionId", "_IsBillable", "_BilledSize"];

/// A tenant or workspace where there is none.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it ended.
    pub at: Timestamp,
    /// A name that all events of one request share.
    pub correlation: String,
    /// The host under which the registry was reached.
    pub login_server: String,
    /// Who: the id of a principal; empty for somebody who did not log in.
    pub identity: String,
    /// From which address; empty for a part of this process.
    pub address: String,
    /// With which program.
    pub user_agent: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The status of the answer.
    pub status: u16,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "table", rename_all = "snake_case")]
pub enum What {
    /// Something in a repository.
    Repository(Repository),
    /// A login.
    Login {
        /// The name of the token that was given out; empty where none was.
        token: String,
    },
}

/// What happened in a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// What was done.
    pub operation: Operation,
    /// To which repository.
    pub repository: String,
    /// To which tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// To which manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Its media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its artifact type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// What can be done to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A manifest was pushed.
    Push,
    /// A manifest was read.
    Pull,
    /// A tag was taken off.
    Untag,
    /// A manifest or the repository was deleted.
    Delete,
    /// A tag was taken off by a rule.
    PurgeTag,
    /// A manifest was deleted by a rule.
    PurgeManifest,
}

impl Operation {
    /// Its name in the column `OperationName`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "Push",
            Self::Pull => "Pull",
            Self::Untag => "Untag",
            Self::Delete => "Delete",
            Self::PurgeTag => "Purge Tag",
            Self::PurgeManifest => "Purge Manifest",
        }
    }
}

impl Event {
    /// The table that it belongs to.
    pub fn table(&self) -> Table {
        match self.what {
            What::Repository(_) => Table::Repository,
            What::Login { .. } => Table::Login,
        }
    }

    /// Its `OperationName`.
    pub fn operation(&self) -> &'static str {
        match &self.what {
            What::Repository(repository) => repository.operation.as_str(),
            What::Login { .. } => "Login",
        }
    }

    /// Its row: all columns of its table. `scope` is the registry's, `None` where the registry is gone.
    pub fn row(&self, scope: Option<&Scope>) -> Map<String, Value> {
        let table = self.table().as_str();
        let mut row = Map::new();
        let mut put = |column: &str, value: Value| row.insert(column.to_owned(), value);
        put("TimeGenerated", json!(self.at.to_string()));
        put("OperationName", json!(self.operation()));
        put("Category", json!(table));
        put("CorrelationId", json!(self.correlation));
        put("LoginServer", json!(self.login_server));
        put("Region", json!("local"));
        put("Identity", json!(self.identity));
        put("CallerIpAddress", json!(self.address));
        put("UserAgent", json!(self.user_agent));
        put("DurationMs", json!(self.duration_ms.to_string()));
        put("ResultType", json!("HttpStatusCode"));
        put("ResultDescription", json!(self.status.to_string()));
        match &self.what {
            What::Repository(repository) => {
                put("Repository", json!(repository.repository));
                put("Tag", json!(repository.tag.as_deref().unwrap_or_default()));
                put("Digest", json!(repository.digest.as_deref().unwrap_or_default()));
                put("MediaType", json!(repository.media_type.as_deref().unwrap_or_default()));
                put("ArtifactType", json!(repository.artifact_type.as_deref().unwrap_or_default()));
                put("UserTenantId", json!(NOBODY));
                put("Size", json!(repository.size));
            }
            What::Login { token } => {
                put("JwtId", json!(token));
            }
        }
        let id = |text: Option<String>| json!(text.unwrap_or_default().to_ascii_lowercase());
        put("TenantId", json!(NOBODY));
        put("Type", json!(table));
        put("SourceSystem", json!("Plimsoll"));
        put("_ResourceId", id(scope.map(Scope::registry_id)));
        put("_SubscriptionId", id(scope.map(|scope| scope.subscription.clone())));
        put("_IsBillable", json!("False"));
        put("_BilledSize", json!(0.0));
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: What) -> Event {
        Event {
            at: Timestamp(1_700_000_000_500),
            correlation: "c".into(),
            login_server: "quay.example".into(),
            identity: "me".into(),
            address: "203.0.113.9".into(),
            user_agent: "skopeo/1".into(),
            duration_ms: 12,
            status: 200,
            what,
        }
    }

    fn pull() -> What {
        What::Repository(Repository {
            operation: Operation::Pull,
            repository: "team/app".into(),
            tag: Some("v1".into()),
            digest: None,
            media_type: None,
            artifact_type: None,
            size: Some(7),
        })
    }

    #[test]
    fn a_row_has_the_columns_of_its_table_and_no_others() {
        for (what, table) in [(pull(), Table::Repository), (What::Login { token: "t".into() }, Table::Login)]
        {
            let mut columns: Vec<_> = table.columns().map(str::to_owned).collect();
            let mut row: Vec<_> = event(what).row(None).into_iter().map(|(column, _)| column).collect();
            columns.sort();
            row.sort();
            assert_eq!(row, columns, "{table:?}");
        }
    }

    #[test]
    fn texts_stay_texts_and_numbers_numbers() {
        let scope = Scope {
            subscription: "S".into(),
            resource_group: "G".into(),
            registry: "Quay".into(),
            registry_host: "quay.example".into(),
        };
        let row = event(pull()).row(Some(&scope));
        assert_eq!(row["DurationMs"], "12");
        assert_eq!(row["ResultDescription"], "200");
        assert_eq!(row["Size"], 7);
        assert_eq!(row["TimeGenerated"], "2023-11-14T22:13:20.5Z");
        assert_eq!(row["_ResourceId"], scope.registry_id().to_ascii_lowercase());
        assert_eq!("containerregistryloginevents".parse(), Ok(Table::Login));
    }

    #[test]
    fn an_event_is_kept_as_json() {
        for what in [pull(), What::Login { token: "t".into() }] {
            let event = event(what);
            let text = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        }
    }
}
