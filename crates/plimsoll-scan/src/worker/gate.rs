//! The scanner at a registry's gate. It is a trusted service: where the network rules of a registry let nobody in but such
//! services, it is let in, and where they let in not even these, its images are not read. Every image that it reads stands
//! in the resource logs as a login and a pull of the scanner's own identity, which tell what a scan did from what clients do.

use std::sync::Arc;

use plimsoll_store::{ImagePlace, Registry, RegistryId};
use plimsoll_types::Digest;
use plimsoll_types::log::{Event, Operation, Repository, What};
use plimsoll_types::registry::{Action, Bypass, Description, Switch};

use super::Shared;
use crate::Result;

/// Takes events for the resource logs, without making anybody wait.
pub type EventLog = Arc<dyn Fn(RegistryId, Event) + Send + Sync>;

const USER_AGENT: &str = concat!("plimsoll-scanner/", env!("CARGO_PKG_VERSION"));
/// Repositories that are looked at for one that lets the scanner in.
pub(super) const MAX_PLACES: u32 = 100;
const OK: u16 = 200;
const FORBIDDEN: u16 = 403;

impl Shared {
    /// Lets the scanner in where the image is kept. `Some` is the reason why no registry does.
    pub(super) async fn refusal(&self, digest: &Digest) -> Result<Option<String>> {
        let places = self.store.image_places(digest, MAX_PLACES).await?;
        let mut refused: Option<Registry> = None;
        for place in &places {
            if refused.as_ref().is_some_and(|registry| registry.id == place.registry) {
                continue;
            }
            let Some(registry) = self.store.registry(place.registry).await? else { continue };
            if lets_in_the_scanner(&registry) {
                self.log_read(&registry, OK, None).await?;
                self.log_read(&registry, OK, Some((place, digest))).await?;
                return Ok(None);
            }
            self.log_read(&registry, FORBIDDEN, None).await?;
            refused = Some(registry);
        }
        Ok(refused.map(|registry| {
            let name = registry.scope.registry;
            format!(
                "the network rules of the registry {name} keep the scanner out: its networkRuleBypassOptions is None"
            )
        }))
    }

    async fn log_read(
        &self,
        registry: &Registry,
        status: u16,
        read: Option<(&ImagePlace, &Digest)>,
    ) -> Result<()> {
        let what = match read {
            None => What::Login { token: String::new() },
            Some((place, digest)) => What::Repository(Repository {
                operation: Operation::Pull,
                repository: place.repository.to_string(),
                tag: place.tag.as_ref().map(ToString::to_string),
                digest: Some(digest.to_string()),
                media_type: Some(place.media_type.clone()),
                artifact_type: None,
                size: Some(place.size),
            }),
        };
        self.log(registry, status, what).await
    }

    /// Notes what the scanner did.
    pub(super) async fn log(&self, registry: &Registry, status: u16, what: What) -> Result<()> {
        let Some(log) = self.log.get() else { return Ok(()) };
        let identity = self.store.scanner_identity().await?;
        let at = (self.clock)();
        let event = Event {
            at,
            correlation: format!("scan-{}-{}", at.0, registry.id.0),
            login_server: registry.scope.registry_host.clone(),
            identity,
            address: String::new(),
            user_agent: USER_AGENT.to_owned(),
            duration_ms: 0,
            status,
            what,
        };
        log(registry.id, event);
        Ok(())
    }
}

/// A registry that lets everybody in lets the scanner in; any other one only as a trusted service.
pub(super) fn lets_in_the_scanner(registry: &Registry) -> bool {
    let rules = Description::of_body(&registry.body).properties;
    let is_open = rules.public_network_access != Switch::Disabled
        && rules.network_rule_set.default_action == Action::Allow;
    is_open || rules.network_rule_bypass_options != Bypass::None
}
