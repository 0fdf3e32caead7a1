//! The verbs of a registry: what a token's scope may name, and which actions of the roles stand behind each.

use std::str::FromStr;

use super::{Grants, holds, repository};
use crate::{ParseError, RepositoryName, ResourceId};

/// What a request to a registry wants to do. The words are those of token scopes: `repository:team/app:pull,push`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Know that this is a registry, and that one may enter.
    Look,
    /// Know which repositories there are.
    Catalog,
    /// Read what a repository holds, or be told that it is there.
    Pull,
    /// Put something into a repository, unfinished uploads included.
    Push,
    /// Take something out of a repository.
    Delete,
    /// Read what is written about a repository, its tags and manifests.
    MetadataRead,
    /// Change it: locks, quarantine state.
    MetadataWrite,
    /// See what was deleted and can still be restored.
    DeletedRead,
    /// Restore it.
    DeletedRestore,
    /// Pull what is in quarantine.
    QuarantineRead,
    /// Let it out of quarantine.
    QuarantineWrite,
}

const PULL: &str = "Microsoft.ContainerRegistry/registries/pull/read";
const PUSH: &str = "Microsoft.ContainerRegistry/registries/push/write";

impl Verb {
    /// What can stand in a token's scope of a repository.
    pub const OF_REPOSITORY: [Self; 7] = [
        Self::Pull,
        Self::Push,
        Self::Delete,
        Self::MetadataRead,
        Self::MetadataWrite,
        Self::DeletedRead,
        Self::DeletedRestore,
    ];

    /// The word in a token's scope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Catalog => "*",
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::MetadataRead => "metadata_read",
            Self::MetadataWrite => "metadata_write",
            Self::DeletedRead => "deleted_read",
            Self::DeletedRestore => "deleted_restore",
            Self::QuarantineRead => "quarantine_read",
            Self::QuarantineWrite => "quarantine_write",
        }
    }

    /// The actions of which one is enough. Who may pull may read what is written about an image, and who may push may write
    /// it, as Azure has it.
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::Look => &[],
            Self::Catalog | Self::MetadataRead => {
                &[PULL, "Microsoft.ContainerRegistry/registries/metadata/read"]
            }
            Self::Pull => &[PULL],
            Self::Push => &[PUSH],
            Self::Delete => &["Microsoft.ContainerRegistry/registries/artifacts/delete"],
            Self::MetadataWrite => &[PUSH, "Microsoft.ContainerRegistry/registries/metadata/write"],
            Self::DeletedRead => &["Microsoft.ContainerRegistry/registries/deleted/read"],
            Self::DeletedRestore => &["Microsoft.ContainerRegistry/registries/deleted/restore/action"],
            Self::QuarantineRead => &["Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read"],
            Self::QuarantineWrite => &["Microsoft.ContainerRegistry/registries/quarantinedArtifacts/write"],
        }
    }

    /// Whether it is only reading, which a registry may allow to everybody.
    pub fn is_anonymous_pull(self) -> bool {
        matches!(self, Self::Look | Self::Catalog | Self::Pull | Self::MetadataRead)
    }
}

impl FromStr for Verb {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::OF_REPOSITORY
            .into_iter()
            .find(|verb| verb.as_str() == text)
            .ok_or_else(|| ParseError::new("an action such as pull, push or metadata_read", text))
    }
}

impl Grants {
    /// Whether a verb is granted in a repository of the registry at `registry`. Without a repository it is the registry as
    /// a whole; its catalog may be seen by whoever may see something in it.
    pub fn decide_verb(&self, verb: Verb, registry: &ResourceId, name: Option<&RepositoryName>) -> bool {
        let allowed =
            |scope: &ResourceId| verb.actions().iter().any(|action| self.decide(action, scope).is_allowed());
        match (verb, name) {
            (Verb::Look, _) => true,
            (Verb::Catalog, _) => verb
                .actions()
                .iter()
                .flat_map(|action| self.scopes_of(action))
                .any(|scope| holds(scope, registry) || registry.contains(scope)),
            (_, None) => allowed(registry),
            (_, Some(name)) => repository(registry, name).is_some_and(|scope| allowed(&scope)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{Grant, Role};

    fn registry() -> ResourceId {
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"
            .parse()
            .unwrap()
    }

    fn words(role: &str, at: ResourceId, repository: &str) -> Vec<&'static str> {
        let grants = Grants::new(vec![Grant { role: Role::named(role).unwrap(), scope: at }]);
        let name: RepositoryName = repository.parse().unwrap();
        let all = [Verb::Catalog, Verb::QuarantineRead, Verb::QuarantineWrite];
        let all = all.into_iter().chain(Verb::OF_REPOSITORY);
        all.filter(|verb| grants.decide_verb(*verb, &registry(), Some(&name))).map(Verb::as_str).collect()
    }

    #[test]
    fn roles_become_words_of_a_token() {
        for (role, expected) in [
            ("Reader", vec!["*", "pull", "metadata_read", "deleted_read"]),
            ("Security Reader", vec![]),
            ("AcrPull", vec!["*", "pull", "metadata_read"]),
            ("AcrPush", vec!["*", "pull", "push", "metadata_read", "metadata_write"]),
            ("AcrDelete", vec!["delete"]),
            ("AcrQuarantineWriter", vec!["quarantine_read", "quarantine_write"]),
        ] {
            assert_eq!(words(role, registry(), "team/app"), expected, "{role}");
        }
        let all = Verb::OF_REPOSITORY.map(Verb::as_str);
        assert_eq!(words("Owner", ResourceId::root(), "a")[1..], all);
    }

    #[test]
    fn a_role_on_one_repository_opens_no_other() {
        let app: RepositoryName = "team/app".parse().unwrap();
        let at = || repository(&registry(), &app).unwrap();
        assert_eq!(words("AcrPull", at(), "team/app"), ["*", "pull", "metadata_read"]);
        // The catalog is there, and holds what may be pulled.
        assert_eq!(words("AcrPull", at(), "team/other"), ["*"]);
    }

    #[test]
    fn words_are_read_back() {
        for verb in Verb::OF_REPOSITORY {
            assert_eq!(verb.as_str().parse(), Ok(verb));
        }
        assert!("own".parse::<Verb>().is_err());
    }
}
