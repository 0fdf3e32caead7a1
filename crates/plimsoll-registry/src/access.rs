//! Who may do what. Every request passes here once for each repository it touches, and nowhere else.
//!
//! The place is kept single so that no verb is ever forgotten: CVE-2026-41888 was a tag deletion that went round the check
//! of manifest deletions. Who the caller is and what its roles come to is `plimsoll_access`'s affair; here it becomes an
//! answer that registry clients understand: 401 with a challenge where another token can help, 403 where none can.

use http::{HeaderMap, Uri, header};
use plimsoll_access::{Caller, Gate, Origin, Refusal, Verdict};
use plimsoll_store::RegistryId;
use plimsoll_types::RepositoryName;
use plimsoll_types::access::Verb;
use serde_json::{Value, json};

use crate::Registry;
use crate::errors::{Error, Kind};

/// A request at the gate of a registry: which registry it is, by which name the client knows it, and who the client is.
pub(crate) struct Visit {
    /// The registry, with its store speaking of it and no other.
    pub(crate) registry: Registry,
    pub(crate) origin: Origin,
    pub(crate) gate: Gate,
    pub(crate) caller: Caller,
}

impl Visit {
    /// Lets a request in as far as the gate. Credentials that are no good end here; none at all do not.
    pub(crate) async fn of(
        front: &Registry,
        uri: &Uri,
        headers: &HeaderMap,
        verb: Verb,
        repository: Option<&RepositoryName>,
    ) -> Result<Self, Error> {
        let (registry, origin, gate) = gate(front, uri, headers).await?;
        let caller = front.access.caller_at(headers, &origin.host, &gate).await;
        let caller = caller.map_err(|error| match error {
            plimsoll_access::Error::Refused(Refusal::Invalid(why)) => {
                challenge(&origin, verb, repository, Some("invalid_token"), why)
            }
            error => error.into(),
        })?;
        Ok(Self { registry, origin, gate, caller })
    }

    /// Decides whether the caller may do this in a repository (none: the registry as a whole).
    pub(crate) fn decide(&self, verb: Verb, repository: Option<&RepositoryName>) -> Result<(), Error> {
        match self.caller.verdict(verb, &self.gate, repository) {
            Verdict::Allowed => Ok(()),
            Verdict::NeedsLogin => {
                Err(challenge(&self.origin, verb, repository, None, "say who you are: authentication is required"))
            }
            Verdict::NeedsScope => {
                let why = "the token does not cover this; ask for one with this scope";
                Err(challenge(&self.origin, verb, repository, Some("insufficient_scope"), why))
            }
            Verdict::Denied => {
                let place = repository.map_or_else(|| self.gate.name.clone(), RepositoryName::to_string);
                let message = format!("{} has no role that allows {} in {place}", self.caller.name(), word(verb));
                Err(Error::new(Kind::Denied, message).with_detail(detail(verb, repository)))
            }
        }
    }
}

/// The registry that a request is for, by the name that the client knows it by; the first one answers to any name that no
/// other has.
pub(crate) async fn gate(
    front: &Registry,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(Registry, Origin, Gate), Error> {
    let origin = Origin::of(&front.settings.connection, uri, headers, "localhost");
    let found = match front.store.registry_by_host(&origin.host).await? {
        Some(found) => Some(found),
        None => front.store.registry(RegistryId::FIRST).await?,
    };
    let nowhere = || Error::new(Kind::NotFound, "there is no registry here");
    let found = found.ok_or_else(nowhere)?;
    let gate = Gate::of(&found).map_err(|_| nowhere())?;
    Ok((Registry { store: front.store.in_registry(found.id), ..front.clone() }, origin, gate))
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
    let challenge =
        format!("Bearer realm=\"{origin}/oauth2/token\",service=\"{}\",scope=\"{scope}\"{error}", origin.host);
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
