//! Automations: who is told of what, and by which rules. Pure: a document is read, a value is judged.
//!
//! The words are those of `Microsoft.Security/automations`. A source names a kind of thing and rule sets; a thing is told
//! when one of the rule sets holds, and a rule set holds when all of its rules do. Beside Azure's Logic App there is an
//! action of our own, `Webhook`, which has a secret to sign with. What is secret never stands in the document that is
//! kept and listed; see [`Automation::take_secrets`].
//!
//! Where Azure is silent: text is compared without case (published rules write `unhealthy`), a property that is not there
//! satisfies `NotEquals` and nothing else, and a source without rule sets tells everything.

mod rule;

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::ResourceId;
pub use rule::{Operator, PropertyType, Rule};

/// Most scopes, sources and actions of one automation; most rule sets of a source and rules of a set.
const MAX_LIST: usize = 50;
/// Most actions: each is a queue of its own.
const MAX_ACTIONS: usize = 5;
/// The longest text of a field.
const MAX_TEXT: usize = 2048;
/// Lengths of a secret that is worth signing with.
const SECRET: std::ops::RangeInclusive<usize> = 16..=256;

/// Who is told of what.
#[derive(Debug, Clone, PartialEq)]
pub struct Automation {
    /// Whether it tells anything at the moment.
    pub is_enabled: bool,
    /// Where things must happen; never empty.
    pub scopes: Vec<ResourceId>,
    /// What is told.
    pub sources: Vec<Source>,
    /// To whom.
    pub actions: Vec<Action>,
}

/// A kind of thing, and which of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The kind.
    pub event_source: EventSource,
    /// One of these must hold; empty means all of the kind.
    pub rule_sets: Vec<Vec<Rule>>,
}

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventSource {
    /// A registry's verdict changes.
    Assessments,
    /// All verdicts on registries, from time to time.
    AssessmentsSnapshot,
    /// A finding appears, changes or is resolved.
    SubAssessments,
    /// All findings, from time to time.
    SubAssessmentsSnapshot,
    /// An image is pushed or deleted.
    RegistryEvents,
}

/// Where it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// CloudEvents to a web hook.
    Webhook(Webhook),
    /// The bare resource to the address of a Logic App, as Azure sends it. The address is a secret: it carries its own key.
    LogicApp {
        /// The resource id that the client gave; it means nothing here.
        resource: String,
    },
}

/// A web hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `http://…` or `https://…`.
    pub uri: String,
    /// One event for each request, or lists of them.
    pub mode: Mode,
    /// Whether the receiver is asked first, by CloudEvents' OPTIONS request.
    pub handshake: bool,
}

/// How CloudEvents are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `application/cloudevents-batch+json`.
    Batch,
    /// `application/cloudevents+json`.
    Single,
}

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field: `properties.sources[0].eventSource`.
    pub at: String,
    /// What it must be.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.message)
    }
}

impl Automation {
    /// Reads the document of the automation `id`, as a client wrote it or as it is kept.
    pub fn read(id: &ResourceId, body: &Value) -> Result<Self, Fault> {
        let body = Field { at: String::new(), value: Some(body) };
        if !body.value.is_some_and(Value::is_object) {
            return Err(fault("the body", "must be an object with properties"));
        }
        let properties = body.get("properties").object()?;
        let sources = properties.get("sources").list(MAX_LIST)?;
        let sources = sources.iter().map(Source::read).collect::<Result<Vec<_>, _>>()?;
        if sources.is_empty() {
            return Err(fault("properties.sources", "must name at least one source"));
        }
        let actions = properties.get("actions").list(MAX_ACTIONS)?;
        let actions = actions.iter().map(Action::read).collect::<Result<Vec<_>, _>>()?;
        if actions.is_empty() {
            return Err(fault("properties.actions", "must name at least one action"));
        }
        let is_enabled = properties.get("isEnabled").boolean()?.unwrap_or(true);
        Ok(Self { is_enabled, scopes: scopes(id, &properties)?, sources, actions })
    }

    /// Whether what happens at `place` is told.
    pub fn covers(&self, place: &ResourceId) -> bool {
        self.scopes.iter().any(|scope| scope.contains(place))
    }

    /// Whether anything of this kind is told.
    pub fn listens_to(&self, event_source: EventSource) -> bool {
        self.is_enabled && self.sources.iter().any(|source| source.event_source == event_source)
    }

    /// Whether this thing is told.
    pub fn tells(&self, event_source: EventSource, thing: &Value) -> bool {
        self.is_enabled
            && self.sources.iter().any(|source| source.event_source == event_source && source.holds(thing))
    }

    /// Takes what is secret out of a document that was read, by the number of the action: `secret` of a Webhook, `uri` of a
    /// Logic App. What is left may be kept and listed.
    pub fn take_secrets(body: &mut Value) -> BTreeMap<usize, String> {
        let mut secrets = BTreeMap::new();
        let Some(actions) = body.pointer_mut("/properties/actions").and_then(Value::as_array_mut) else {
            return secrets;
        };
        for (number, action) in actions.iter_mut().enumerate() {
            let Some(action) = action.as_object_mut() else { continue };
            let is_logic_app = key_of(action, "actionType")
                .and_then(|key| action[&key].as_str())
                .is_some_and(|kind| kind.eq_ignore_ascii_case("LogicApp"));
            let name = if is_logic_app { "uri" } else { "secret" };
            if let Some(key) = key_of(action, name)
                && let Some(Value::String(secret)) = action.remove(&key)
            {
                secrets.insert(number, secret);
            }
        }
        secrets
    }
}

impl Source {
    fn read(field: &Field<'_>) -> Result<Self, Fault> {
        let field = field.object()?;
        let event_source = field.get("eventSource");
        let word = event_source.text()?.ok_or_else(|| event_source.fault("must name what is told"))?;
        let sets = field.get("ruleSets").list(MAX_LIST)?;
        let read = |set: &Field<'_>| {
            let rules = set.object()?.get("rules").list(MAX_LIST)?;
            rules.iter().map(Rule::read).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            event_source: EventSource::read(word).map_err(|message| event_source.fault(message))?,
            rule_sets: sets.iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    /// Whether one of the rule sets holds.
    pub fn holds(&self, thing: &Value) -> bool {
        self.rule_sets.is_empty()
            || self.rule_sets.iter().any(|rules| rules.iter().all(|rule| rule.holds(thing)))
    }
}

impl EventSource {
    /// All.
    pub const ALL: [Self; 5] = [
        Self::Assessments,
        Self::AssessmentsSnapshot,
        Self::SubAssessments,
        Self::SubAssessmentsSnapshot,
        Self::RegistryEvents,
    ];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assessments => "Assessments",
            Self::AssessmentsSnapshot => "AssessmentsSnapshot",
            Self::SubAssessments => "SubAssessments",
            Self::SubAssessmentsSnapshot => "SubAssessmentsSnapshot",
            Self::RegistryEvents => "RegistryEvents",
        }
    }

    fn read(word: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|source| source.as_str().eq_ignore_ascii_case(word));
        known.ok_or_else(|| {
            let words: Vec<_> = Self::ALL.into_iter().map(Self::as_str).collect();
            // Azure has more (Alerts, SecureScores, RegulatoryComplianceAssessment …). To accept them and stay silent would
            // look like peace.
            format!("is {word:?}, which this server never tells; it tells {}", words.join(", "))
        })
    }
}

impl Action {
    fn read(field: &Field<'_>) -> Result<Self, Fault> {
        let field = field.object()?;
        let kind = field.get("actionType");
        let word = kind.text()?.ok_or_else(|| kind.fault("must be Webhook or LogicApp"))?;
        match word.to_ascii_lowercase().as_str() {
            "webhook" => Webhook::read(&field).map(Self::Webhook),
            "logicapp" => {
                if let Some(uri) = field.get("uri").text()? {
                    check_uri(uri).map_err(|message| field.get("uri").fault(message))?;
                }
                let resource = field.get("logicAppResourceId").text()?.unwrap_or_default().to_owned();
                Ok(Self::LogicApp { resource })
            }
            "eventhub" | "workspace" => Err(kind.fault(format!(
                "is {word}: this server reaches no Event Hub and no workspace; use Webhook or LogicApp with a uri"
            ))),
            _ => Err(kind.fault(format!("must be Webhook or LogicApp, not {word:?}"))),
        }
    }
}

impl Webhook {
    fn read(field: &Field<'_>) -> Result<Self, Fault> {
        let uri = field.get("uri");
        let address = uri.text()?.ok_or_else(|| uri.fault("must be the address of the receiver"))?;
        check_uri(address).map_err(|message| uri.fault(message))?;
        let secret = field.get("secret");
        if let Some(text) = secret.text()?
            && !SECRET.contains(&text.len())
        {
            return Err(secret.fault("must have 16 to 256 characters"));
        }
        let (mode, validation) = (field.get("mode"), field.get("validation"));
        Ok(Self {
            uri: address.to_owned(),
            mode: match mode.text()?.map(str::to_ascii_lowercase).as_deref() {
                None | Some("batch") => Mode::Batch,
                Some("single") => Mode::Single,
                Some(_) => return Err(mode.fault("must be Batch or Single")),
            },
            handshake: match validation.text()?.map(str::to_ascii_lowercase).as_deref() {
                None | Some("none") => false,
                Some("handshake") => true,
                Some(_) => return Err(validation.fault("must be None or Handshake")),
            },
        })
    }
}

/// The scopes, which must lie in the automation's subscription; where none is named, the subscription.
fn scopes(id: &ResourceId, properties: &Field<'_>) -> Result<Vec<ResourceId>, Fault> {
    let subscription = id.subscription().unwrap_or_default();
    let home = ResourceId::of_subscription(subscription);
    let home =
        home.map_err(|error| fault("the automation", &format!("must be in a subscription: {error}")))?;
    let mut scopes = Vec::new();
    for scope in properties.get("scopes").list(MAX_LIST)? {
        let path = scope.object()?.get("scopePath");
        let text = path.text()?.ok_or_else(|| path.fault("must be a resource id"))?;
        let absolute = if text.starts_with('/') { text.to_owned() } else { format!("/{text}") };
        let scope: ResourceId = absolute.parse().map_err(|_| {
            path.fault(format!(
                "must be the id of a subscription, a resource group or a registry, not {:?}",
                short(text)
            ))
        })?;
        if !home.contains(&scope) {
            return Err(path.fault(format!("must lie in the automation's own subscription {subscription}")));
        }
        scopes.push(scope);
    }
    if scopes.is_empty() {
        scopes.push(home);
    }
    Ok(scopes)
}

/// Whether this can be posted to. Whether it may be is decided when it is, by the addresses that the name then has.
fn check_uri(uri: &str) -> Result<(), String> {
    let rest = uri.strip_prefix("https://").or_else(|| uri.strip_prefix("http://"));
    let Some(rest) = rest else { return Err("must begin with https:// or http://".into()) };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || uri.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must be an absolute address without blanks".into());
    }
    if authority.contains('@') {
        return Err("must not hold a user or password; requests are signed with the action's secret".into());
    }
    Ok(())
}

fn fault(at: &str, message: &str) -> Fault {
    Fault { at: at.to_owned(), message: message.to_owned() }
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The name under which an object has this field, whatever the case.
fn key_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned()
}

/// A value with the path that leads to it, for errors. A null is not there.
struct Field<'a> {
    at: String,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    fn get(&self, name: &str) -> Field<'a> {
        let object = self.value.and_then(Value::as_object);
        let value = object.and_then(|object| Some(&object[&key_of(object, name)?]));
        let at = if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) };
        Field { at, value: value.filter(|value| !value.is_null()) }
    }

    fn object(&self) -> Result<Field<'a>, Fault> {
        match self.value {
            Some(Value::Object(_)) => Ok(Field { at: self.at.clone(), value: self.value }),
            _ => Err(self.fault("must be an object")),
        }
    }

    fn list(&self, most: usize) -> Result<Vec<Field<'a>>, Fault> {
        let Some(value) = self.value else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| self.fault("must be a list"))?;
        if items.len() > most {
            return Err(self.fault(format!("may have {most} items, not {}", items.len())));
        }
        let field = |(number, item)| Field { at: format!("{}[{number}]", self.at), value: Some(item) };
        Ok(items.iter().enumerate().map(field).collect())
    }

    fn text(&self) -> Result<Option<&'a str>, Fault> {
        match self.value {
            None => Ok(None),
            Some(Value::String(text)) if text.len() <= MAX_TEXT => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.fault(format!("may have {MAX_TEXT} bytes"))),
            Some(_) => Err(self.fault("must be a text")),
        }
    }

    fn boolean(&self) -> Result<Option<bool>, Fault> {
        match self.value {
            None => Ok(None),
            Some(Value::Bool(truth)) => Ok(Some(*truth)),
            Some(_) => Err(self.fault("must be true or false")),
        }
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { at: self.at.clone(), message: message.into() }
    }
}

#[cfg(test)]
mod tests;
