//! The plans of Microsoft Defender for Cloud, as far as they decide whether registries are scanned: pure.
//!
//! Azure has a plan for each kind of resource, and a subscription switches each on (`Standard`) or off (`Free`). Three of
//! them can cover registries: `Containers` and `CloudPosture` with their registry extension, and the older
//! `ContainerRegistry`. All others are kept and given back, and mean nothing here.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The extension that means: scan the registries.
pub const REGISTRY_EXTENSION: &str = "ContainerRegistriesVulnerabilityAssessments";

/// The names of all plans, in the order in which they are listed.
pub const PLANS: [&str; 13] = [
    "VirtualMachines",
    "SqlServers",
    "AppServices",
    "StorageAccounts",
    "SqlServerVirtualMachines",
    "KubernetesService",
    "ContainerRegistry",
    "KeyVaults",
    "Dns",
    "Arm",
    "OpenSourceRelationalDatabases",
    "Containers",
    "CloudPosture",
];

/// What a plan costs, and so whether it does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Tier {
    /// It is off.
    #[default]
    Free,
    /// It is on.
    Standard,
}

/// A plan of a subscription, as far as it decides what is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// Whether it is on.
    pub tier: Tier,
    /// Whether its registry extension is.
    pub scans_registries: bool,
}

impl Plan {
    /// What a plan is where nobody has said anything: whoever starts Plimsoll wants to see findings, so `Containers` is on.
    pub fn unsaid(name: &str) -> Self {
        match name.eq_ignore_ascii_case("Containers") {
            true => Self { tier: Tier::Standard, scans_registries: true },
            false => Self::default(),
        }
    }

    /// The plan in the `properties` that a store keeps of it.
    pub fn of_properties(properties: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let is_on = |extension: &&Value| {
            word(&extension["name"]).eq_ignore_ascii_case(REGISTRY_EXTENSION)
                && word(&extension["isEnabled"]).eq_ignore_ascii_case("true")
        };
        let is_standard = word(&properties["pricingTier"]).eq_ignore_ascii_case("standard");
        Self {
            tier: if is_standard { Tier::Standard } else { Tier::Free },
            scans_registries: properties["extensions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|e| is_on(&e))),
        }
    }
}

/// The plan's name in the case that Azure gives it; `None` where there is no such plan.
pub fn plan_name(name: &str) -> Option<&'static str> {
    PLANS.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// The plan that came in this one's place.
pub fn replaced_by(name: &str) -> Option<&'static str> {
    matches!(name, "ContainerRegistry" | "KubernetesService").then_some("Containers")
}

/// Whether the plan is offered with the registry extension.
pub fn offers_registry_extension(name: &str) -> bool {
    matches!(name, "Containers" | "CloudPosture")
}

/// Whether these plans of a subscription cover its registries.
pub fn covers_registries<'a>(plans: impl IntoIterator<Item = (&'a str, Plan)>) -> bool {
    plans.into_iter().any(|(name, plan)| {
        let is_on = plan.tier == Tier::Standard;
        is_on && (name == "ContainerRegistry" || (offers_registry_extension(name) && plan.scans_registries))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_covered_by_the_extension_or_by_the_older_plan() {
        let plan = |tier, scans_registries| Plan { tier, scans_registries };
        let (on, off) = (Tier::Standard, Tier::Free);
        for (name, plan, covered) in [
            ("Containers", plan(on, true), true),
            ("Containers", plan(on, false), false),
            ("Containers", plan(off, true), false),
            ("CloudPosture", plan(on, true), true),
            ("ContainerRegistry", plan(on, false), true),
            ("ContainerRegistry", plan(off, false), false),
            ("KubernetesService", plan(on, true), false),
        ] {
            assert_eq!(covers_registries([(name, plan)]), covered, "{name} {plan:?}");
        }
        assert!(covers_registries([("Containers", plan(off, true)), ("ContainerRegistry", plan(on, false))]));
        assert!(!covers_registries([]));
    }

    #[test]
    fn a_fresh_store_is_covered() {
        assert!(covers_registries(PLANS.map(|name| (name, Plan::unsaid(name)))));
    }

    #[test]
    fn names_have_no_case() {
        assert_eq!(plan_name("containers"), Some("Containers"));
        assert_eq!(plan_name("Container"), None);
        assert_eq!(replaced_by("ContainerRegistry"), Some("Containers"));
        assert_eq!(replaced_by("Containers"), None);
    }
}
