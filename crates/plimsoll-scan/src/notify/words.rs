//! What is said: CloudEvents 1.0, and the payloads of registries' web hooks. Pure.
//!
//! The id of an event is made from what it is about, so that whoever is told twice can tell.

use plimsoll_store::{Change, Event, FindingRow};
use plimsoll_types::{Digest, Scope, Timestamp};
use serde_json::{Value, json};

/// A CloudEvent on a finding. `thing` is the finding as a sub-assessment.
pub(super) fn finding(
    scope: &Scope,
    event: &Event,
    change: Change,
    row: &FindingRow,
    mut thing: Value,
) -> Value {
    let (kind, id) = match change {
        // By the finding and the instant at which it was first seen: an image's first verdict and an advisory that
        // comes at the same time may both tell of it.
        Change::Appeared => ("dev.plimsoll.finding.appeared", format!("{}-{}", row.id, row.first_seen.0)),
        Change::Changed => ("dev.plimsoll.finding.changed", format!("{}-changed-{}", row.id, event.id)),
        Change::Gone => ("dev.plimsoll.finding.resolved", format!("{}-resolved-{}", row.id, event.id)),
    };
    if change == Change::Gone
        && let Some(status) = thing.pointer_mut("/properties/status")
    {
        status["code"] = json!("Healthy");
        status["cause"] = json!("Resolved");
        status["description"] = json!("This finding is not there any more");
    }
    cloud_event(&id, kind, &scope.registry_id(), &subject_of(row), event.at, thing)
}

/// A CloudEvent on a row of a snapshot.
pub(super) fn finding_in_snapshot(
    scope: &Scope,
    delivery: i64,
    row: &FindingRow,
    at: Timestamp,
    thing: Value,
) -> Value {
    let id = format!("{}-snapshot-{delivery}", row.id);
    cloud_event(&id, "dev.plimsoll.finding.snapshot", &scope.registry_id(), &subject_of(row), at, thing)
}

/// A CloudEvent on a registry's verdict; `kind` is `changed`, `resolved` or `snapshot`.
pub(super) fn assessment(scope: &Scope, kind: &str, delivery: i64, at: Timestamp, thing: Value) -> Value {
    let key = thing["name"].as_str().unwrap_or_default().to_owned();
    let id = format!("{}-{kind}-{delivery}", guid(&format!("{}/{key}", scope.registry_id())));
    cloud_event(&id, &format!("dev.plimsoll.assessment.{kind}"), &scope.registry_id(), &key, at, thing)
}

/// A CloudEvent on a push or a deletion, as Event Grid has it.
pub(super) fn registry(scope: &Scope, event: &Event, tag: Option<&str>) -> Option<Value> {
    let (kind, action) = match event.kind.as_str() {
        "image.pushed" => ("Microsoft.ContainerRegistry.ImagePushed", "push"),
        "image.deleted" => ("Microsoft.ContainerRegistry.ImageDeleted", "delete"),
        _ => return None,
    };
    let subject = match (action, tag, &event.digest) {
        ("push", Some(tag), _) => format!("{}:{tag}", event.repository),
        ("push", None, Some(digest)) => format!("{}@{digest}", event.repository),
        _ => event.repository.clone(),
    };
    let mut data = payload(scope, event, action, tag);
    data["location"] = json!("local");
    let id = guid(&format!("{}/{}/{}/cloud", event.id, event.at.0, tag.unwrap_or_default()));
    Some(cloud_event(&id, kind, &scope.registry_id(), &subject, event.at, data))
}

/// What a registry's web hook is sent.
pub(super) fn payload(scope: &Scope, event: &Event, action: &str, tag: Option<&str>) -> Value {
    let id = guid(&format!("{}/{}/{action}/{}", event.id, event.at.0, tag.unwrap_or_default()));
    let mut target = json!({ "digest": event.digest, "repository": event.repository });
    if action != "quarantine"
        && let Some(media_type) = event.detail["mediaType"].as_str()
    {
        target["mediaType"] = json!(media_type);
    }
    if action != "delete" {
        if let Some(size) = event.detail["size"].as_u64() {
            target["size"] = json!(size);
            target["length"] = json!(size);
        }
        if let Some(tag) = tag {
            target["tag"] = json!(tag);
        }
    }
    let asked = &event.detail["request"];
    let said = |name: &str| asked[name].as_str().filter(|text| !text.is_empty());
    let mut request = json!({
        "id": said("id").map_or_else(|| guid(&format!("{}/request", event.id)), str::to_owned),
        "host": said("host").unwrap_or(&scope.registry_host),
        "method": said("method").unwrap_or(if action == "delete" { "DELETE" } else { "PUT" }),
        "useragent": said("useragent").unwrap_or_default(),
    });
    if let Some(address) = said("addr") {
        request["addr"] = json!(address);
    }
    let mut payload = json!({
        "id": id,
        "timestamp": event.at.to_string(),
        "action": action,
        "target": target,
        "request": request,
    });
    if let Some(actor) = said("actor") {
        payload["actor"] = json!({ "name": actor });
    }
    payload
}

fn subject_of(row: &FindingRow) -> String {
    format!("{}@{}", row.image.repository, row.image.digest)
}

fn cloud_event(id: &str, kind: &str, source: &str, subject: &str, at: Timestamp, data: Value) -> Value {
    json!({
        "specversion": "1.0",
        "id": id,
        "type": kind,
        "source": source,
        "subject": subject,
        "time": at.to_string(),
        "datacontenttype": "application/json",
        "data": data,
    })
}

/// A GUID made from a text.
pub(super) fn guid(text: &str) -> String {
    let digest = Digest::sha256(text.as_bytes());
    let hex = digest.hex();
    // RFC 9562, 5.8: version 8, variant 10.
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}
