//! Who is told of an event. Pure: events, subscribers and registries in, deliveries out.

use std::collections::HashMap;

use plimsoll_store::{DeliveryKind, Event, NewDelivery, Registry, RegistryId, Target};
use plimsoll_types::automation::{Automation, EventSource};
use plimsoll_types::webhook::{Webhook, WebhookAction};
use plimsoll_types::{RepositoryName, ResourceId, Tag};
use serde_json::Value;

use super::words;

/// Somebody who wants to be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subscriber {
    pub(super) id: ResourceId,
    pub(super) wish: Wish,
}

/// What a subscriber wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wish {
    Automation(Automation),
    Webhook(Webhook),
}

/// The deliveries that an event asks for.
pub(super) fn deliveries(
    event: &Event,
    subscribers: &[Subscriber],
    registries: &HashMap<RegistryId, Registry>,
) -> Vec<NewDelivery> {
    let registry = event.registry.and_then(|id| registries.get(&id));
    let mut deliveries = Vec::new();
    for subscriber in subscribers {
        match &subscriber.wish {
            Wish::Automation(automation) => {
                let told = of_automation(event, automation, registry);
                for action in 0..automation.actions.len() {
                    deliveries.extend(told.iter().map(|(kind, part)| NewDelivery {
                        event: Some(event.id),
                        target: Target {
                            resource: subscriber.id.clone(),
                            action: u32::try_from(action).unwrap_or(u32::MAX),
                        },
                        kind: *kind,
                        part: part.clone(),
                        detail: Value::Null,
                    }));
                }
            }
            Wish::Webhook(hook) => {
                let is_ours = registry.is_some_and(|registry| {
                    subscriber.id.parent().is_some_and(|parent| {
                        parent.key() == registry.scope.registry_id().to_ascii_lowercase()
                    })
                });
                let parts = registry.filter(|_| is_ours).map(|registry| of_webhook(event, hook, registry));
                deliveries.extend(parts.into_iter().flatten().map(|part| NewDelivery {
                    event: Some(event.id),
                    target: Target { resource: subscriber.id.clone(), action: 0 },
                    kind: DeliveryKind::Webhook,
                    part,
                    detail: Value::Null,
                }));
            }
        }
    }
    deliveries
}

fn of_automation(
    event: &Event,
    automation: &Automation,
    registry: Option<&Registry>,
) -> Vec<(DeliveryKind, String)> {
    if !automation.is_enabled {
        return Vec::new();
    }
    let place = registry.and_then(|registry| registry.scope.registry_id().parse::<ResourceId>().ok());
    // An event that is of no registry, such as an advisory's, may be of all: what it means is seen when it is told.
    if place.as_ref().is_some_and(|place| !automation.covers(place)) {
        return Vec::new();
    }
    let mut told = Vec::new();
    let is_about_findings = matches!(event.kind.as_str(), "image.assessed" | "matches.changed");
    if is_about_findings && automation.listens_to(EventSource::SubAssessments) {
        told.push((DeliveryKind::Findings, String::new()));
    }
    if (is_about_findings || event.kind == "image.deleted") && automation.listens_to(EventSource::Assessments)
    {
        told.push((DeliveryKind::Assessments, String::new()));
    }
    if let Some(registry) = registry
        && automation.listens_to(EventSource::RegistryEvents)
    {
        let wanted = |tag: &Option<String>| {
            words::registry(&registry.scope, event, tag.as_deref())
                .is_some_and(|said| automation.tells(EventSource::RegistryEvents, &said))
        };
        let tags = tags(event).into_iter().filter(wanted);
        told.extend(tags.map(|tag| (DeliveryKind::Registry, tag.unwrap_or_default())));
    }
    told
}

/// The parts of an event that a web hook is told: `push:v1`.
fn of_webhook(event: &Event, hook: &Webhook, registry: &Registry) -> Vec<String> {
    let is_quarantining = registry.body.pointer("/properties/policies/quarantinePolicy/status");
    let is_quarantining =
        is_quarantining.and_then(Value::as_str).is_some_and(|status| status.eq_ignore_ascii_case("enabled"));
    let actions: &[WebhookAction] = match event.kind.as_str() {
        // With the policy on, an image counts as pushed once it is released.
        "image.pushed" if is_quarantining => &[WebhookAction::Quarantine],
        "image.pushed" => &[WebhookAction::Push, WebhookAction::Quarantine],
        "image.released" => &[WebhookAction::Push],
        "image.deleted" => &[WebhookAction::Delete],
        _ => return Vec::new(),
    };
    let Ok(repository) = event.repository.parse::<RepositoryName>() else { return Vec::new() };
    let mut parts = Vec::new();
    for tag in tags(event) {
        let parsed: Option<Tag> = tag.as_deref().and_then(|tag| tag.parse().ok());
        for action in actions {
            if hook.properties.wants(*action, &repository, parsed.as_ref()) {
                parts.push(format!("{}:{}", action.as_str(), tag.as_deref().unwrap_or_default()));
            }
        }
    }
    parts
}

/// The tags that an event is told of, one by one; of none where it has none.
fn tags(event: &Event) -> Vec<Option<String>> {
    let tags = event.detail["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tags: Vec<_> = tags.iter().filter_map(|tag| Some(Some(tag.as_str()?.to_owned()))).collect();
    if tags.is_empty() { vec![event.tag.clone()] } else { tags }
}
