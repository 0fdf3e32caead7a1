//! Who may do what. Every request passes here once for each repository it touches, and nowhere else.
//!
//! The place is kept single so that no verb is ever forgotten: CVE-2026-41888 was a tag deletion that went round the check
//! of manifest deletions. Who the caller is and what its roles come to is `plimsoll_access`'s affair; here it becomes an
//! answer that registry clients understand: 401 with a challenge where another token can help, 403 where none can.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use http::request::Parts;
use http::{Method, header};
use plimsoll_access::{Caller, Origin, Refusal, Verdict};
use plimsoll_types::access::Verb;
use plimsoll_types::{RepositoryName, Timestamp};
use serde_json::{Value, json};

use crate::errors::{Error, Kind};
use crate::hosts::{Here, Hosts};
use crate::{Registry, logs, network};

/// A request that has come to a registry: which one it is, by which name the client knows it, and where the client is.
pub(crate) struct Arrival {
    pub(crate) here: Arc<Here>,
    pub(crate) origin: Origin,
    /// The client's address, where it is known.
    pub(crate) client: Option<IpAddr>,
    /// The name that logs and events give to the request.
    pub(crate) correlation: String,
    pub(crate) began: Timestamp,
}

impl Arrival {
    /// Finds the registry that a request is for.
    pub(crate) async fn of(hosts: &Hosts, head: &Parts) -> Result<Self, Error> {
        let connection = hosts.connection();
        let origin = Origin::of(connection, &head.uri, &head.headers, "localhost");
        let here = hosts.find(&origin.host).await?;
        let peer = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        let client = network::client(connection.trust_forwarded, peer, &head.headers);
        let (correlation, began) = (logs::correlation(&head.headers), here.registry.now());
        Ok(Self { here, origin, client, correlation, began })
    }

    /// The registry as somebody sees it who is about to change something: events will tell who it was.
    fn on_behalf_of(&self, head: &Parts, caller: &Caller) -> Registry {
        let user_agent = logs::text(&head.headers, &header::USER_AGENT).unwrap_or_default();
        let origin = plimsoll_store::Origin {
            id: self.correlation.clone(),
            host: self.origin.host.clone(),
            method: head.method.to_string(),
            useragent: user_agent.chars().take(logs::MAX_TEXT).collect(),
            addr: self.client.map(|client| client.to_string()),
            actor: (!caller.is_anonymous()).then(|| caller.name().to_owned()),
        };
        let registry = &self.here.registry;
        Registry { store: registry.store.on_behalf_of(origin), ..registry.clone() }
    }
}

/// A request at the gate of a registry, and who sends it.
pub(crate) struct Visit {
    pub(crate) here: Arc<Here>,
    pub(crate) origin: Origin,
    pub(crate) caller: Caller,
    /// The registry as this caller changes it.
    acting: Option<Registry>,
}

impl Visit {
    /// Lets a request in as far as the gate. Credentials that are no good end here; none at all do not.
    pub(crate) async fn of(
        arrival: &Arrival,
        head: &Parts,
        verb: Verb,
        repository: Option<&RepositoryName>,
    ) -> Result<Self, Error> {
        let Arrival { here, origin, .. } = arrival;
        let caller = here.registry.access.caller_at(&head.headers, &origin.host, &here.gate).await;
        let caller = caller.map_err(|error| match error {
            plimsoll_access::Error::Refused(Refusal::Invalid(why)) => {
                challenge(origin, verb, repository, Some("invalid_token"), why)
            }
            error => error.into(),
        })?;
        let changes = !matches!(head.method, Method::GET | Method::HEAD);
        let acting = changes.then(|| arrival.on_behalf_of(head, &caller));
        Ok(Self { here: Arc::clone(here), origin: origin.clone(), caller, acting })
    }

    /// The registry, with its store speaking of it and no other.
    pub(crate) fn registry(&self) -> &Registry {
        self.acting.as_ref().unwrap_or(&self.here.registry)
    }

    /// Decides whether the caller may do this in a repository (none: the registry as a whole).
    pub(crate) fn decide(&self, verb: Verb, repository: Option<&RepositoryName>) -> Result<(), Error> {
        match self.caller.verdict(verb, &self.here.gate, repository) {
            Verdict::Allowed => Ok(()),
            Verdict::NeedsLogin => Err(challenge(
                &self.origin,
                verb,
                repository,
                None,
                "say who you are: authentication is required",
            )),
            Verdict::NeedsScope => {
                let why = "the token does not cover this; ask for one with this scope";
                Err(challenge(&self.origin, verb, repository, Some("insufficient_scope"), why))
            }
            Verdict::Denied => {
                let place = repository.map_or_else(|| self.here.gate.name.clone(), RepositoryName::to_string);
                let message =
                    format!("{} has no role that allows {} in {place}", self.caller.name(), word(verb));
                Err(Error::new(Kind::Denied, message).with_detail(detail(verb, repository)))
            }
        }
    }
}

/// 401 with the challenge that tells where a token is to be had, and for what. Azure's clients need it in exactly this
/// form: `az` splits it at blanks and commas, and its Python sibling wants `scope` wherever it goes.
fn challenge(
    origin: &Origin,
    verb: Verb,
    repository: Option<&RepositoryName>,
    error: Option<&str>,
    message: &str,
) -> Error {
    let scope = match repository {
        Some(name) => format!("repository:{name}:{}", words(verb).join(",")),
        None => "registry:catalog:*".to_owned(),
    };
    let error = error.map(|error| format!(",error=\"{error}\"")).unwrap_or_default();
    let challenge = format!(
        "Bearer realm=\"{origin}/oauth2/token\",service=\"{}\",scope=\"{scope}\"{error}",
        origin.host
    );
    Error::new(Kind::Unauthorized, message)
        .with_detail(detail(verb, repository))
        .with_header(header::WWW_AUTHENTICATE, &challenge)
}

fn detail(verb: Verb, repository: Option<&RepositoryName>) -> Value {
    let one = |action: &&str| match repository {
        Some(name) => json!({"Type": "repository", "Name": name.as_str(), "Action": action}),
        None => json!({"Type": "registry", "Name": "catalog", "Action": "*"}),
    };
    Value::Array(words(verb).iter().map(one).collect())
}

/// The words of a token's scope that a verb needs. Who pushes looks first what is there.
fn words(verb: Verb) -> Vec<&'static str> {
    match verb {
        Verb::Push => vec!["pull", "push"],
        Verb::QuarantineRead => vec!["pull"],
        Verb::QuarantineWrite => vec!["pull", "push"],
        verb => vec![word(verb)],
    }
}

fn word(verb: Verb) -> &'static str {
    match verb {
        Verb::Look | Verb::Catalog => "catalog",
        verb => verb.as_str(),
    }
}
