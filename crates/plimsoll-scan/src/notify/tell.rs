//! One delivery: what it has to tell, packed and sent.

use plimsoll_store::{
    Claim, Delivery, DeliveryKind, Ending, FindingCursor, FindingFilter, Position, Registry, RegistryId,
};
use plimsoll_types::automation::{Action, Automation, EventSource, Mode};
use plimsoll_types::webhook::Webhook;
use plimsoll_types::{Digest, Generation, ResourceId};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::plan::Wish;
use super::post::{Exchange, Outcome};
use super::{Attempt, Shared, millis, sign, words};
use crate::Result;

/// Findings that are looked at together, and events in one request.
const PAGE: u32 = 100;
/// The most bytes of a request, unless a single event is longer.
const MAX_BODY: usize = 512 << 10;
/// How long a receiver's consent counts.
const CONSENT_MILLIS: i64 = 24 * 3_600_000;

/// Something to tell.
struct Thing {
    /// Where to go on once it is told.
    behind: Position,
    /// It as a CloudEvent.
    event: Value,
    /// Whether it is told to who knows no CloudEvents: they hear of what is wrong, not that it is right again.
    is_alarm: bool,
    /// For verdicts: about what, and what it comes to.
    told: Option<(String, String)>,
}

/// Some things to tell, and where the next ones begin.
#[derive(Default)]
struct Page {
    things: Vec<Thing>,
    next: Option<Position>,
}

/// Whom a delivery goes to.
struct Recipient<'a> {
    uri: &'a str,
    secret: Option<&'a str>,
    form: Form,
    handshake: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Batch,
    Single,
    /// The bare resource.
    Plain,
}

impl Shared {
    /// Tells what is left of a delivery.
    pub(super) async fn tell(
        &self,
        claim: &Claim,
        agreed: &mut Option<String>,
        delivery: &Delivery,
        shutdown: &CancellationToken,
    ) -> Result<Attempt> {
        let dead = |reason: &str| Ok(Attempt::Over(Ending::Dead(reason.to_owned(), None)));
        let Some(subscriber) = self.subscriber(&claim.target.resource).await? else {
            if self.store.resource(&claim.target.resource).await?.is_none() {
                self.store.forget_target(&claim.target.resource).await?;
                return Ok(Attempt::Lost);
            }
            return dead("its document cannot be read");
        };
        let automation = match &subscriber.wish {
            Wish::Webhook(hook) => return self.tell_webhook(&subscriber.id, hook, delivery).await,
            Wish::Automation(automation) => automation,
        };
        if !automation.is_enabled {
            return dead("the automation is disabled");
        }
        let number = claim.target.action as usize;
        let Some(action) = automation.actions.get(number) else {
            return dead("the automation has no such action any more");
        };
        let secrets = self.store.secrets(&subscriber.id).await?;
        let secret = secrets.get(&number).map(String::as_str);
        let Some(recipient) = Recipient::of(action, secret) else {
            return dead("the action has no address");
        };
        let mut pause = 0;
        if recipient.handshake || (self.settings.handshake && recipient.form != Form::Plain) {
            match self.consent(claim, agreed, recipient.uri).await? {
                Ok(rate) => pause = rate.map_or(0, |rate| 60_000 / i64::from(rate)),
                Err(attempt) => return Ok(attempt),
            }
        }
        self.tell_pages(claim, delivery, automation, &recipient, pause, shutdown).await
    }

    async fn tell_pages(
        &self,
        claim: &Claim,
        delivery: &Delivery,
        automation: &Automation,
        recipient: &Recipient<'_>,
        pause: i64,
        shutdown: &CancellationToken,
    ) -> Result<Attempt> {
        let lease = millis(self.settings.lease);
        let mut position = delivery.position.unwrap_or(Position::START);
        let mut sent = delivery.sent;
        if delivery.kind == DeliveryKind::Assessments
            && !self.store.note_delivery(claim, delivery.id, position, 0, (self.clock)(), lease).await?
        {
            return Ok(Attempt::Lost);
        }
        loop {
            let Some(mut page) = self.page(delivery, automation, position).await? else {
                let reason = "the event that it tells of is not kept any more".to_owned();
                return Ok(Attempt::Over(Ending::Dead(reason, None)));
            };
            if recipient.form == Form::Plain {
                for (subject, told) in
                    page.things.iter().filter(|t| !t.is_alarm).filter_map(|t| t.told.as_ref())
                {
                    self.store.note_told(&claim.target, subject, told).await?;
                }
                page.things.retain(|thing| thing.is_alarm);
            }
            for parcel in parcels(&page.things, recipient.form) {
                if shutdown.is_cancelled() {
                    return Ok(Attempt::Paused((self.clock)()));
                }
                let id = format!("{}-{}", delivery.id, position.to_text());
                let Exchange { answer, outcome } = self.send(recipient, &id, parcel).await;
                let status = answer.map(|answer| i64::from(answer.status.as_u16()));
                match outcome {
                    Outcome::Taken => {}
                    Outcome::Retry(reason, after) => return Ok(Attempt::Failed(reason, status, after)),
                    Outcome::Hopeless(reason) => return Ok(Attempt::Over(Ending::Dead(reason, status))),
                }
                for (subject, told) in parcel.iter().filter_map(|thing| thing.told.as_ref()) {
                    self.store.note_told(&claim.target, subject, told).await?;
                }
                position = parcel.last().map_or(position, |thing| thing.behind);
                sent += parcel.len() as u64;
                let now = (self.clock)();
                if !self
                    .store
                    .note_delivery(claim, delivery.id, position, parcel.len() as u64, now, lease)
                    .await?
                {
                    return Ok(Attempt::Lost);
                }
                if pause > 0 {
                    return Ok(Attempt::Paused(now.plus_millis(pause)));
                }
            }
            let Some(next) = page.next else {
                return Ok(Attempt::Over(if sent > 0 { Ending::Done } else { Ending::Nothing }));
            };
            position = next;
            if shutdown.is_cancelled() {
                return Ok(Attempt::Paused((self.clock)()));
            }
            if !self.store.note_delivery(claim, delivery.id, position, 0, (self.clock)(), lease).await? {
                return Ok(Attempt::Lost);
            }
        }
    }

    async fn send(&self, recipient: &Recipient<'_>, id: &str, parcel: &[Thing]) -> Exchange {
        let (media_type, body) = match recipient.form {
            Form::Batch => {
                let events: Vec<&Value> = parcel.iter().map(|thing| &thing.event).collect();
                ("application/cloudevents-batch+json", json!(events))
            }
            Form::Single => ("application/cloudevents+json", json!(parcel.first().map(|thing| &thing.event))),
            Form::Plain => ("application/json", json!(parcel.first().map(|thing| &thing.event["data"]))),
        };
        let body = body.to_string().into_bytes();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        let signed = recipient.secret.map(|secret| sign::headers(secret, id, (self.clock)(), &body));
        for (name, value) in signed.into_iter().flatten() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        self.post.post(recipient.uri, headers, body).await
    }

    /// Whether the receiver consents to be told, and how often; asked anew each day, and when its address is another.
    async fn consent(
        &self,
        claim: &Claim,
        agreed: &mut Option<String>,
        uri: &str,
    ) -> Result<std::result::Result<Option<u32>, Attempt>> {
        let now = (self.clock)();
        // The address may hold a key, so only its digest is kept.
        let of = Digest::sha256(uri.as_bytes());
        let known: Option<(String, i64, Option<u32>)> =
            agreed.as_deref().and_then(|text| serde_json::from_str(text).ok());
        if let Some((digest, until, rate)) = known
            && digest == of.hex()
            && now.0 < until
        {
            return Ok(Ok(rate));
        }
        match self.post.ask(uri, &self.settings.origin).await {
            Ok(consent) => {
                let note = json!([of.hex(), now.0 + CONSENT_MILLIS, consent.rate]).to_string();
                self.store.note_agreement(claim, &note).await?;
                *agreed = Some(note);
                Ok(Ok(consent.rate))
            }
            Err(Outcome::Hopeless(reason)) => Ok(Err(Attempt::Over(Ending::Dead(reason, None)))),
            Err(Outcome::Retry(reason, after)) => Ok(Err(Attempt::Failed(reason, None, after))),
            Err(Outcome::Taken) => Ok(Ok(None)),
        }
    }

    /// What a delivery tells behind a position; `None` where its event is gone.
    async fn page(
        &self,
        delivery: &Delivery,
        automation: &Automation,
        position: Position,
    ) -> Result<Option<Page>> {
        match delivery.kind {
            DeliveryKind::Findings => self.findings(delivery, automation, position).await,
            DeliveryKind::Assessments => self.assessments(delivery, automation).await.map(Some),
            DeliveryKind::Registry => self.registry_event(delivery, automation).await,
            DeliveryKind::Snapshot => self.snapshot(delivery, automation, position).await.map(Some),
            // Of web hooks only.
            DeliveryKind::Webhook => Ok(None),
        }
    }

    async fn findings(
        &self,
        delivery: &Delivery,
        automation: &Automation,
        position: Position,
    ) -> Result<Option<Page>> {
        let Some(id) = delivery.event else { return Ok(None) };
        let Some(event) = self.store.event(id).await? else { return Ok(None) };
        let found = self.store.findings_of_event(&event, position, PAGE).await?;
        let registries = self.registries().await?;
        let mut things = Vec::new();
        for telling in found.rows {
            let Some(registry) = registries.get(&telling.row.image.registry) else { continue };
            if !covers(automation, registry) {
                continue;
            }
            let shapes = (self.shapes.finding)(&registry.scope, &telling.row);
            // What a rule hides, or what was judged harmless, is no news for anybody.
            let wanted = shapes.into_iter().find(|shape| {
                shape["properties"]["status"]["code"] == "Unhealthy"
                    && automation.tells(EventSource::SubAssessments, shape)
            });
            if let Some(shape) = wanted {
                let event = words::finding(&registry.scope, &event, telling.change, &telling.row, shape);
                let is_alarm = telling.change != plimsoll_store::Change::Gone;
                things.push(Thing { behind: telling.behind, event, is_alarm, told: None });
            }
        }
        Ok(Some(Page { things, next: found.next }))
    }

    /// The verdicts on registries that are others than the target was last told.
    async fn assessments(&self, delivery: &Delivery, automation: &Automation) -> Result<Page> {
        let mut things = Vec::new();
        for registry in self.covered(automation).await? {
            let subject = registry.scope.registry_id();
            let shapes = self.shapes_of(&registry).await?;
            let Some(preferred) = shapes.first() else { continue };
            let code = preferred["properties"]["status"]["code"].as_str().unwrap_or_default().to_owned();
            let before = self.store.last_told(&delivery.target, &subject.to_ascii_lowercase()).await?;
            let now = format!("{code} {}", essence(preferred));
            if before.as_deref() == Some(now.as_str()) {
                continue;
            }
            let was_wrong = before.is_some_and(|before| before.starts_with("Unhealthy "));
            let is_wrong = code == "Unhealthy";
            let chosen = if is_wrong {
                shapes.into_iter().find(|shape| automation.tells(EventSource::Assessments, shape))
            } else {
                // That it is right again is told to whom it was told that it is wrong; nobody else hears of the healthy.
                was_wrong.then(|| preferred.clone())
            };
            if let Some(shape) = chosen {
                let kind = if is_wrong { "changed" } else { "resolved" };
                let event = words::assessment(&registry.scope, kind, delivery.id, (self.clock)(), shape);
                let told = Some((subject.to_ascii_lowercase(), now));
                things.push(Thing { behind: Position::START, event, is_alarm: is_wrong, told });
            }
        }
        Ok(Page { things, next: None })
    }

    async fn registry_event(&self, delivery: &Delivery, automation: &Automation) -> Result<Option<Page>> {
        let Some(id) = delivery.event else { return Ok(None) };
        let Some(event) = self.store.event(id).await? else { return Ok(None) };
        let registry = match event.registry {
            Some(id) => self.store.registry(id).await?,
            None => None,
        };
        let Some(registry) = registry else { return Ok(None) };
        let tag = Some(delivery.part.as_str()).filter(|tag| !tag.is_empty());
        let said = words::registry(&registry.scope, &event, tag)
            .filter(|said| automation.tells(EventSource::RegistryEvents, said));
        let things = said.map(|event| Thing { behind: Position::START, event, is_alarm: true, told: None });
        Ok(Some(Page { things: things.into_iter().collect(), next: None }))
    }

    /// All there is, registry by registry: first its verdict, then its findings. The position is the registry's row and that
    /// of the finding.
    async fn snapshot(
        &self,
        delivery: &Delivery,
        automation: &Automation,
        position: Position,
    ) -> Result<Page> {
        let [at, image, package, vulnerability] = position.0;
        let registries = self.covered(automation).await?;
        let Some(registry) = registries.iter().find(|registry| registry.id.0 >= at) else {
            return Ok(Page::default());
        };
        let row = registry.id.0;
        // In front of the findings, the last number counts the verdicts that were told.
        let told = if row != at { 0 } else { usize::try_from(vulnerability).unwrap_or(0) };
        let begins = row != at || (image, package) == (0, 0);
        let mut things = Vec::new();
        if begins && automation.listens_to(EventSource::AssessmentsSnapshot) {
            let shapes = self.shapes_of(registry).await?;
            let wanted = |shape: &Value| automation.tells(EventSource::AssessmentsSnapshot, shape);
            let shapes = shapes.into_iter().enumerate().skip(told).filter(|(_, shape)| wanted(shape));
            things.extend(shapes.map(|(number, shape)| Thing {
                behind: Position([row, 0, 0, number as i64 + 1]),
                event: words::assessment(
                    &registry.scope,
                    "snapshot",
                    delivery.id,
                    delivery.created_at,
                    shape,
                ),
                is_alarm: true,
                told: None,
            }));
        }
        let after_all = registries.iter().map(|registry| registry.id.0).find(|other| *other > row);
        let after_all = after_all.map(|next| Position([next, 0, 0, 0]));
        if !automation.listens_to(EventSource::SubAssessmentsSnapshot) {
            return Ok(Page { things, next: after_all });
        }
        let filter = FindingFilter { registry: Some(RegistryId(row)), ..FindingFilter::default() };
        let after = (!begins).then_some(FindingCursor { image, package, vulnerability });
        let rows = self.store.findings(&filter, after, PAGE).await?;
        let place = |row: &plimsoll_store::FindingRow| {
            Position([registry.id.0, row.id.image, row.id.package, row.id.vulnerability])
        };
        let next = match rows.last() {
            Some(last) if rows.len() == PAGE as usize => Some(place(last)),
            _ => after_all,
        };
        for row in &rows {
            let shapes = (self.shapes.finding)(&registry.scope, row);
            let wanted =
                shapes.into_iter().find(|shape| automation.tells(EventSource::SubAssessmentsSnapshot, shape));
            things.extend(wanted.map(|shape| Thing {
                behind: place(row),
                event: words::finding_in_snapshot(
                    &registry.scope,
                    delivery.id,
                    row,
                    delivery.created_at,
                    shape,
                ),
                is_alarm: true,
                told: None,
            }));
        }
        Ok(Page { things, next })
    }

    /// The registries that an automation covers, in the order of their rows.
    async fn covered(&self, automation: &Automation) -> Result<Vec<Registry>> {
        let mut registries = self.store.registries().await?;
        registries.retain(|registry| covers(automation, registry));
        registries.sort_by_key(|registry| registry.id);
        Ok(registries)
    }

    async fn shapes_of(&self, registry: &Registry) -> Result<Vec<Value>> {
        let store = self.store.in_registry(registry.id);
        let mut shapes = Vec::new();
        for generation in [Generation::Second, Generation::First] {
            let summary = store.registry_summary(generation).await?;
            shapes.extend((self.shapes.assessment)(&registry.scope, generation, &summary));
        }
        Ok(shapes)
    }

    /// Sends a registry's web hook what it is told, and keeps request and answer for `listEvents`.
    async fn tell_webhook(&self, id: &ResourceId, hook: &Webhook, delivery: &Delivery) -> Result<Attempt> {
        let is_on = hook.properties.status == plimsoll_types::registry::PolicyStatus::Enabled;
        if delivery.event.is_some() && !is_on {
            return Ok(Attempt::Over(Ending::Dead("the web hook is disabled".to_owned(), None)));
        }
        let payload = match delivery.event {
            None => delivery.detail.clone(),
            Some(event) => match self.payload(event, &delivery.part).await? {
                Some(payload) => payload,
                None => {
                    let reason = "the event that it tells of is not kept any more".to_owned();
                    return Ok(Attempt::Over(Ending::Dead(reason, None)));
                }
            },
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &hook.properties.custom_headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let exchange =
            self.post.post(&hook.properties.service_uri, headers, payload.to_string().into_bytes()).await;
        let (request, response) = messages(hook, &payload, &exchange);
        let event = payload["id"].as_str().unwrap_or_default();
        self.store.record_webhook_event(id, event, &request, response.as_ref(), (self.clock)()).await?;
        let status = exchange.answer.map(|answer| i64::from(answer.status.as_u16()));
        Ok(match exchange.outcome {
            Outcome::Taken => Attempt::Over(Ending::Done),
            Outcome::Hopeless(reason) => Attempt::Over(Ending::Dead(reason, status)),
            // Somebody waits for the answer to a ping, and asks again.
            Outcome::Retry(reason, _) if delivery.event.is_none() => {
                Attempt::Over(Ending::Dead(reason, status))
            }
            Outcome::Retry(reason, after) => Attempt::Failed(reason, status, after),
        })
    }

    /// What a web hook is told of an event; `part` is the action and the tag.
    async fn payload(&self, event: i64, part: &str) -> Result<Option<Value>> {
        let Some(event) = self.store.event(event).await? else { return Ok(None) };
        let registry = match event.registry {
            Some(id) => self.store.registry(id).await?,
            None => None,
        };
        let (action, tag) = part.split_once(':').unwrap_or((part, ""));
        let tag = Some(tag).filter(|tag| !tag.is_empty());
        Ok(registry.map(|registry| words::payload(&registry.scope, &event, action, tag)))
    }
}

impl<'a> Recipient<'a> {
    fn of(action: &'a Action, secret: Option<&'a str>) -> Option<Self> {
        Some(match action {
            Action::Webhook(hook) => Self {
                uri: &hook.uri,
                secret,
                form: match hook.mode {
                    Mode::Batch => Form::Batch,
                    Mode::Single => Form::Single,
                },
                handshake: hook.handshake,
            },
            Action::LogicApp { .. } => {
                Self { uri: secret?, secret: None, form: Form::Plain, handshake: false }
            }
        })
    }
}

fn covers(automation: &Automation, registry: &Registry) -> bool {
    registry.scope.registry_id().parse().is_ok_and(|place| automation.covers(&place))
}

/// What of a verdict is news: not its dates.
fn essence(assessment: &Value) -> String {
    let properties = &assessment["properties"];
    let essence =
        json!([properties["status"]["code"], properties["status"]["cause"], properties["additionalData"]]);
    Digest::sha256(essence.to_string().as_bytes()).hex().to_owned()
}

/// The things in requests: all in one as far as they fit, or each in its own.
fn parcels(things: &[Thing], form: Form) -> Vec<&[Thing]> {
    if form != Form::Batch {
        return things.chunks(1).collect();
    }
    let (mut parcels, mut from, mut bytes) = (Vec::new(), 0, 0);
    for (at, thing) in things.iter().enumerate() {
        let length = thing.event.to_string().len();
        if at > from && (bytes + length > MAX_BODY || at - from == PAGE as usize) {
            parcels.push(&things[from..at]);
            (from, bytes) = (at, 0);
        }
        bytes += length;
    }
    if from < things.len() {
        parcels.push(&things[from..]);
    }
    parcels
}

/// Request and answer as `listEvents` has them. The values of the owner's headers and the query of the address may be
/// secrets, and are left out.
fn messages(hook: &Webhook, payload: &Value, exchange: &Exchange) -> (Value, Option<Value>) {
    let mut headers: std::collections::BTreeMap<&str, &str> =
        hook.properties.custom_headers.keys().map(|name| (name.as_str(), "***")).collect();
    headers.insert("Content-Type", "application/json");
    let uri = hook.properties.service_uri.split(['?', '#']).next().unwrap_or_default();
    let request = json!({ "content": payload, "headers": headers, "method": "POST", "requestUri": uri, "version": "1.1" });
    let response = exchange.answer.as_ref().map(|answer| {
        json!({
            "content": answer.body,
            "headers": answer.headers,
            "reasonPhrase": answer.status.canonical_reason().unwrap_or_default(),
            "statusCode": answer.status.as_u16().to_string(),
            "version": "1.1",
        })
    });
    (request, response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thing(bytes: usize) -> Thing {
        Thing { behind: Position::START, event: json!("x".repeat(bytes)), is_alarm: true, told: None }
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_in_bytes() {
        let lengths =
            |things: &[Thing], form| parcels(things, form).iter().map(|p| p.len()).collect::<Vec<_>>();
        let small: Vec<_> = (0..250).map(|_| thing(10)).collect();
        assert_eq!(lengths(&small, Form::Batch), [100, 100, 50]);
        assert_eq!(lengths(&small[..3], Form::Single), [1, 1, 1]);
        let large: Vec<_> = [300 << 10, 300 << 10, 10, 600 << 10, 10].map(thing).into();
        assert_eq!(lengths(&large, Form::Batch), [1, 2, 1, 1]);
        assert_eq!(lengths(&[], Form::Batch), Vec::<usize>::new());
    }
}
