//! The built-in roles, with Azure's ids, and how a pattern covers an action.
//!
//! Ids, names and actions are Azure's. Each role that reads or administers `Microsoft.Security` does the same for
//! `Plimsoll.Security`, where this server keeps what Azure has no resource for.

use crate::Guid;

/// A role: what it lets one do.
#[derive(Debug, PartialEq, Eq)]
pub struct Role {
    /// Its GUID, the same as in Azure.
    pub id: &'static str,
    /// Its name, for people.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// Patterns of the actions that it gives.
    pub actions: &'static [&'static str],
    /// Patterns of those among them that it does not give.
    pub not_actions: &'static [&'static str],
    /// Patterns of the actions on data that it gives.
    pub data_actions: &'static [&'static str],
}

impl Role {
    /// All roles.
    pub const ALL: &'static [Self] = &[
        Self {
            id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
            name: "Owner",
            description: "Manages everything, and says who else may.",
            actions: &["*"],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "b24988ac-6180-42a0-ab88-20f7382dd24c",
            name: "Contributor",
            description: "Manages everything, and cannot say who else may.",
            actions: &["*"],
            not_actions: &[
                "Microsoft.Authorization/*/Delete",
                "Microsoft.Authorization/*/Write",
                "Microsoft.Authorization/elevateAccess/Action",
            ],
            data_actions: &[],
        },
        Self {
            id: "acdd72a7-3385-48ef-bd42-f606fba81ae7",
            name: "Reader",
            description: "Sees everything, findings and images included, and changes nothing.",
            actions: &["*/read"],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
            name: "User Access Administrator",
            description: "Says who may, and sees everything.",
            actions: &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "39bc4728-0917-49c7-9d2c-d95423bc2eb4",
            name: "Security Reader",
            description: "Sees findings, recommendations, score and plans; no registry and no image.",
            actions: &[
                "Microsoft.Authorization/*/read",
                "Microsoft.Insights/alertRules/read",
                "Microsoft.operationalInsights/workspaces/*/read",
                "Microsoft.Resources/deployments/*/read",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
                "Microsoft.Security/*/read",
                "Microsoft.IoTSecurity/*/read",
                "Microsoft.Support/*/read",
                "Microsoft.Security/iotDefenderSettings/packageDownloads/action",
                "Microsoft.Security/iotDefenderSettings/downloadManagerActivation/action",
                "Microsoft.Security/iotSensors/downloadResetPassword/action",
                "Microsoft.IoTSecurity/defenderSettings/packageDownloads/action",
                "Microsoft.IoTSecurity/defenderSettings/downloadManagerActivation/action",
                "Microsoft.Management/managementGroups/read",
                "Plimsoll.Security/*/read",
            ],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "fb1c8493-542b-48eb-b624-b4c8fea62acd",
            name: "Security Admin",
            description: "Sees what a Security Reader sees, and manages plans, rules and exemptions.",
            actions: &[
                "Microsoft.Authorization/*/read",
                "Microsoft.Authorization/policyAssignments/*",
                "Microsoft.Authorization/policyDefinitions/*",
                "Microsoft.Authorization/policyExemptions/*",
                "Microsoft.Authorization/policySetDefinitions/*",
                "Microsoft.Insights/alertRules/*",
                "Microsoft.Management/managementGroups/read",
                "Microsoft.operationalInsights/workspaces/*/read",
                "Microsoft.Resources/deployments/*",
                "Microsoft.Resources/subscriptions/resourceGroups/read",
                "Microsoft.Security/*",
                "Microsoft.IoTSecurity/*",
                "Microsoft.Support/*",
                "Plimsoll.Security/*",
            ],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "612c2aa1-cb24-443b-ac28-3ab7272de6f5",
            name: "Security Assessment Contributor",
            description: "Writes assessments.",
            actions: &["Microsoft.Security/assessments/write"],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "7f951dda-4ed3-4680-a7ca-43fe172d538d",
            name: "AcrPull",
            description: "Pulls images.",
            actions: &["Microsoft.ContainerRegistry/registries/pull/read"],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "8311e382-0749-4cb8-b61a-304f252e45ec",
            name: "AcrPush",
            description: "Pushes and pulls images.",
            actions: &[
                "Microsoft.ContainerRegistry/registries/pull/read",
                "Microsoft.ContainerRegistry/registries/push/write",
            ],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "c2f4ef07-c644-48eb-af81-4b1b4947fb11",
            name: "AcrDelete",
            description: "Deletes images, tags and repositories.",
            actions: &["Microsoft.ContainerRegistry/registries/artifacts/delete"],
            not_actions: &[],
            data_actions: &[],
        },
        Self {
            id: "6cef56e8-d556-48e5-a04f-b8e64114680f",
            name: "AcrImageSigner",
            description: "Signs images.",
            actions: &["Microsoft.ContainerRegistry/registries/sign/write"],
            not_actions: &[],
            data_actions: &["Microsoft.ContainerRegistry/registries/trustedCollections/write"],
        },
        Self {
            id: "cdda3590-29a3-44f6-95f2-9f980659eb04",
            name: "AcrQuarantineReader",
            description: "Pulls images that are in quarantine.",
            actions: &["Microsoft.ContainerRegistry/registries/quarantine/read"],
            not_actions: &[],
            data_actions: &["Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read"],
        },
        Self {
            id: "c8d4ff99-41c3-41a8-9f60-21dfdad59608",
            name: "AcrQuarantineWriter",
            description: "Pulls images that are in quarantine, and lets them out of it.",
            actions: &[
                "Microsoft.ContainerRegistry/registries/quarantine/read",
                "Microsoft.ContainerRegistry/registries/quarantine/write",
            ],
            not_actions: &[],
            data_actions: &[
                "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read",
                "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/write",
            ],
        },
    ];

    /// The role with this id.
    pub fn by_id(id: &Guid) -> Option<&'static Self> {
        Self::ALL.iter().find(|role| role.id == id.as_str())
    }

    /// The role of this name or id, whatever the case.
    pub fn named(text: &str) -> Option<&'static Self> {
        Self::ALL
            .iter()
            .find(|role| role.name.eq_ignore_ascii_case(text) || role.id.eq_ignore_ascii_case(text))
    }

    /// The id as a GUID.
    pub fn guid(&self) -> Guid {
        // The test below holds that each of them is one.
        self.id.parse().unwrap_or_else(|_| Guid::nil())
    }

    /// Whether the role gives `action`, such as `Microsoft.Security/pricings/write`.
    pub fn allows(&self, action: &str) -> bool {
        let covered = |patterns: &[&str]| patterns.iter().any(|pattern| covers(pattern, action));
        if is_on_data(action) {
            return covered(self.data_actions);
        }
        covered(self.actions) && !covered(self.not_actions)
    }
}

/// The actions on data that this server knows. All others are of the control plane, where roles with a `*` reach.
const DATA_ACTIONS: &[&str] = &[
    "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/read",
    "Microsoft.ContainerRegistry/registries/quarantinedArtifacts/write",
    "Microsoft.ContainerRegistry/registries/trustedCollections/write",
];

fn is_on_data(action: &str) -> bool {
    DATA_ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(action))
}

/// Whether the pattern, in which `*` stands for any text, covers the action. Case does not count. Time is the product of
/// the lengths at worst, and both are short.
fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.as_bytes(), action.as_bytes());
    let (mut p, mut a) = (0, 0);
    // Behind the last star, and how much of the action that star has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while a < action.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, a));
                p += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(&action[a]) => {
                p += 1;
                a += 1;
            }
            _ => {
                let Some((behind, taken)) = star else { return false };
                star = Some((behind, taken + 1));
                p = behind;
                a = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_cover_without_case() {
        for (pattern, action) in [
            ("*", "Microsoft.Security/pricings/write"),
            ("*/read", "Microsoft.ContainerRegistry/registries/pull/READ"),
            ("Microsoft.Authorization/*/Delete", "microsoft.authorization/roleAssignments/delete"),
            ("Microsoft.Security/*", "Microsoft.Security/assessments/subAssessments/read"),
            ("a*b*c", "aXbXbc"),
            ("a**", "a"),
        ] {
            assert!(covers(pattern, action), "{pattern} {action}");
        }
        for (pattern, action) in [
            ("*/read", "Microsoft.Security/pricings/write"),
            ("*/read", "Microsoft.Security/read/write"),
            ("Microsoft.Security/*/read", "Microsoft.Security2/pricings/read"),
            ("a*b*c", "ab"),
            ("", "a"),
            ("ab", "a"),
        ] {
            assert!(!covers(pattern, action), "{pattern} {action}");
        }
    }

    #[test]
    fn the_roles_are_well_formed() {
        for role in Role::ALL {
            assert_eq!(Role::by_id(&role.guid()), Some(role), "{}", role.name);
            assert_eq!(Role::named(&role.name.to_ascii_uppercase()), Some(role));
            assert_eq!(Role::named(role.id), Some(role));
            for action in role.data_actions {
                assert!(is_on_data(action), "{action}");
            }
        }
        assert_eq!(Role::named("Janitor"), None);
    }

    #[test]
    fn no_star_reaches_data() {
        let read = "microsoft.containerregistry/registries/quarantinedartifacts/read";
        for name in ["Owner", "Contributor", "Reader"] {
            assert!(!Role::named(name).unwrap().allows(read), "{name}");
        }
        assert!(Role::named("AcrQuarantineReader").unwrap().allows(read));
    }

    #[test]
    fn each_role_gives_what_its_name_says() {
        let registry = |rest: &str| format!("Microsoft.ContainerRegistry/registries/{rest}");
        let security = |rest: &str| format!("Microsoft.Security/{rest}");
        for (role, action, given) in [
            ("Owner", "Microsoft.Authorization/roleAssignments/write".to_owned(), true),
            ("Contributor", "Microsoft.Authorization/roleAssignments/write".to_owned(), false),
            ("Contributor", "Microsoft.Authorization/roleAssignments/read".to_owned(), true),
            ("Contributor", "Microsoft.Authorization/policyExemptions/write".to_owned(), false),
            ("Contributor", registry("delete"), true),
            ("Reader", registry("pull/read"), true),
            ("Reader", registry("listCredentials/action"), false),
            ("Reader", "Plimsoll.Security/meters/read".to_owned(), true),
            ("User Access Administrator", "Microsoft.Authorization/roleAssignments/delete".to_owned(), true),
            ("User Access Administrator", registry("push/write"), false),
            ("Security Reader", security("assessments/subAssessments/read"), true),
            ("Security Reader", security("pricings/write"), false),
            ("Security Reader", registry("read"), false),
            ("Security Reader", registry("pull/read"), false),
            ("Security Reader", "Plimsoll.Security/disableRules/read".to_owned(), true),
            ("Security Reader", "Plimsoll.Security/disableRules/write".to_owned(), false),
            ("Security Admin", security("pricings/write"), true),
            ("Security Admin", "Microsoft.Authorization/policyExemptions/write".to_owned(), true),
            ("Security Admin", "Microsoft.Authorization/roleAssignments/write".to_owned(), false),
            ("Security Admin", "Plimsoll.Security/disableRules/write".to_owned(), true),
            ("Security Admin", registry("read"), false),
            ("Security Assessment Contributor", security("assessments/write"), true),
            ("Security Assessment Contributor", security("assessments/read"), false),
            ("AcrPull", registry("pull/read"), true),
            ("AcrPull", registry("push/write"), false),
            ("AcrPull", registry("read"), false),
            ("AcrPush", registry("pull/read"), true),
            ("AcrPush", registry("push/write"), true),
            ("AcrPush", registry("artifacts/delete"), false),
            ("AcrDelete", registry("artifacts/delete"), true),
            ("AcrDelete", registry("pull/read"), false),
            ("AcrImageSigner", registry("sign/write"), true),
            ("AcrQuarantineReader", registry("quarantine/read"), true),
            ("AcrQuarantineReader", registry("quarantinedArtifacts/write"), false),
            ("AcrQuarantineWriter", registry("quarantinedArtifacts/write"), true),
        ] {
            assert_eq!(Role::named(role).unwrap().allows(&action), given, "{role} {action}");
        }
    }
}
