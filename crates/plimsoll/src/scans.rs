//! `plimsoll scans` and `plimsoll rescan`: how a server's scans go, and asking for some.

use anyhow::{Context, Result};
use plimsoll_types::{Reference, RepositoryName};
use serde_json::{Value, json};

use crate::cli::{self, PlainFormat};
use crate::config::Settings;
use crate::remote::Remote;
use crate::table;

pub(crate) async fn list(command: &cli::Scans, settings: &Settings) -> Result<()> {
    let remote = Remote::new(settings)?;
    let mut query = Vec::new();
    for (name, value) in [("repository", &command.repository), ("state", &command.state)] {
        query.extend(value.as_deref().map(|value| (name, value)));
    }
    let path = format!("{}/providers/Plimsoll.Security/scans", remote.registry());
    let rows = remote.list(&path, &query).await.context("the scans cannot be listed")?;
    if command.format == PlainFormat::Json {
        println!("{:#}", Value::Array(rows));
        return Ok(());
    }
    let mut shown =
        table::table(&["Image", "Digest", "State", "Trigger", "Assessed", "Last pulled", "Reason"]);
    for row in &rows {
        let text = |name: &str| row["properties"][name].as_str().unwrap_or_default();
        let tags = row["properties"]["tags"].as_array().cloned().unwrap_or_default();
        let tags: Vec<_> = tags.iter().filter_map(Value::as_str).collect();
        let name = if tags.is_empty() { "(untagged)".to_owned() } else { tags.join(", ") };
        let retry = match text("nextAttempt") {
            at if text("state") == "Failed" && !at.is_empty() => format!(" (again at {at})"),
            _ => String::new(),
        };
        shown.add_row([
            table::cell(&format!("{}:{name}", text("repository"))),
            table::cell(&text("digest").chars().take(19).collect::<String>()),
            table::cell(text("state")),
            table::cell(text("trigger")),
            table::cell(text("assessedAt")),
            table::cell(text("lastPulledAt")),
            table::cell(&format!("{}{retry}", text("reason"))),
        ]);
    }
    println!("{shown}");
    Ok(())
}

pub(crate) async fn rescan(command: &cli::Rescan, settings: &Settings) -> Result<()> {
    let body = command.image.as_deref().map(wanted).transpose()?.unwrap_or_else(|| json!({}));
    let remote = Remote::new(settings)?;
    let path = format!("{}/providers/Plimsoll.Security/rescan", remote.registry());
    let answer = remote.post(&path, &body).await.context("the scan cannot be asked for")?;
    match answer.body["queued"].as_u64().unwrap_or_default() {
        0 => println!("There is nothing to scan: no image, or the subscription's plan is off."),
        1 => println!("1 image is queued."),
        queued => println!("{queued} images are queued."),
    }
    Ok(())
}

/// `team/app`, `team/app:1` or `team/app@sha256:…` as the server wants it.
fn wanted(text: &str) -> Result<Value> {
    let (name, reference) = match (text.split_once('@'), text.rsplit_once(':')) {
        (Some((name, digest)), _) => (name, Some(Reference::Digest(digest.parse()?))),
        (None, Some((name, tag))) => (name, Some(Reference::Tag(tag.parse()?))),
        (None, None) => (text, None),
    };
    let repository: RepositoryName = name.parse()?;
    Ok(match reference {
        None => json!({ "repository": repository.as_str() }),
        Some(Reference::Tag(tag)) => json!({ "repository": repository.as_str(), "tag": tag.as_str() }),
        Some(Reference::Digest(digest)) => {
            json!({ "repository": repository.as_str(), "digest": digest.as_str() })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_what_the_server_wants() {
        let digest = plimsoll_types::Digest::sha256(b"");
        assert_eq!(wanted("team/app").unwrap(), json!({"repository": "team/app"}));
        assert_eq!(wanted("team/app:1").unwrap(), json!({"repository": "team/app", "tag": "1"}));
        assert_eq!(
            wanted(&format!("app@{digest}")).unwrap(),
            json!({"repository": "app", "digest": digest.as_str()})
        );
        for bad in ["", "App", "app:", "app@1", "app:sha256:1"] {
            assert!(wanted(bad).is_err(), "{bad}");
        }
    }
}
