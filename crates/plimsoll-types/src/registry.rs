//! A registry as a client describes it to Resource Manager: where it is, its tier, its switches, who may reach it.
//!
//! The words are Azure's (`Microsoft.ContainerRegistry/registries`). They are read without case and written as Azure writes
//! them. What is absent has the value that a new registry has in Azure; words and fields that nobody knows are skipped,
//! since previews add them all the time.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::ParseError;

/// The most IP rules that a registry has.
const MAX_IP_RULES: usize = 500;
/// The most tags that a resource has, and the longest name and value of one, in bytes; Azure's numbers.
const MAX_TAGS: usize = 50;
const MAX_TAG_NAME: usize = 512;
const MAX_TAG_VALUE: usize = 256;

/// The document of a registry: all that a client may write. `{}` is a registry with every default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Description {
    /// Where Azure would keep it; a word that is given back.
    pub location: String,
    /// Its tier.
    pub sku: Sku,
    /// Free labels.
    #[serde(deserialize_with = "tags")]
    pub tags: BTreeMap<String, String>,
    /// The identity that it acts under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Its switches.
    pub properties: Properties,
}

impl Default for Description {
    fn default() -> Self {
        Self {
            location: "local".into(),
            sku: Sku::default(),
            tags: BTreeMap::new(),
            identity: None,
            properties: Properties::default(),
        }
    }
}

impl Description {
    /// Reads the body that the store keeps. What cannot be read has its default, but for one thing: rules on the network
    /// that cannot be read let nobody in.
    pub fn of_body(body: &Value) -> Self {
        Self::deserialize(body).unwrap_or_else(|_| {
            let mut closed = Self::default();
            closed.properties.public_network_access = Switch::Disabled;
            closed
        })
    }
}

/// A registry's tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sku {
    /// Its name.
    pub name: SkuName,
}

/// The identity of a resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Which identities it has.
    #[serde(rename = "type")]
    pub kind: IdentityKind,
    /// Those that a user made, by their resource ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub user_assigned_identities: BTreeMap<String, Value>,
}

/// The writable properties of a registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Properties {
    /// Whether the registry's own user, named as the registry, may log in.
    pub admin_user_enabled: bool,
    /// Whether anyone may pull without logging in.
    pub anonymous_pull_enabled: bool,
    /// Whether the registry answers on the public network at all. `Disabled` overrides the rules.
    pub public_network_access: Switch,
    /// Who may reach it from there.
    pub network_rule_set: NetworkRules,
    /// Whether trusted services, such as our own scanner, pass the rules.
    pub network_rule_bypass_options: Bypass,
    /// Whether tasks pass them too.
    pub network_rule_bypass_allowed_for_tasks: bool,
    /// What holds for its content.
    pub policies: Policies,
    /// Encryption at rest under a key of the customer's.
    pub encryption: Encryption,
    /// Whether blobs are served under a host name of their own.
    pub data_endpoint_enabled: bool,
    /// Whether copies stand in several zones.
    pub zone_redundancy: Switch,
    /// How roles on repositories are understood.
    pub role_assignment_mode: RoleAssignmentMode,
}

impl Default for Properties {
    fn default() -> Self {
        Self {
            admin_user_enabled: false,
            anonymous_pull_enabled: false,
            public_network_access: Switch::Enabled,
            network_rule_set: NetworkRules::default(),
            network_rule_bypass_options: Bypass::AzureServices,
            network_rule_bypass_allowed_for_tasks: false,
            policies: Policies::default(),
            encryption: Encryption::default(),
            data_endpoint_enabled: false,
            zone_redundancy: Switch::Disabled,
            role_assignment_mode: RoleAssignmentMode::LegacyRegistryPermissions,
        }
    }
}

/// Who may reach a registry from the public network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkRules {
    /// What befalls an address that no rule names.
    pub default_action: Action,
    /// The addresses that are named.
    #[serde(deserialize_with = "ip_rules")]
    pub ip_rules: Vec<IpRule>,
    /// Rules on Azure's own networks: kept, since there are none here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_network_rules: Vec<Value>,
}

impl NetworkRules {
    /// Whether the rules let this address in.
    pub fn admit(&self, address: IpAddr) -> bool {
        self.default_action == Action::Allow || self.ip_rules.iter().any(|rule| rule.value.contains(address))
    }
}

/// A rule that names addresses, which are let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpRule {
    /// Always `Allow`.
    #[serde(default)]
    pub action: AllowOnly,
    /// The addresses.
    pub value: IpRange,
}

/// An address, or a network such as `203.0.113.0/24`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IpRange {
    /// As it was written.
    text: String,
    network: IpAddr,
    bits: u8,
}

impl IpRange {
    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the address is in it. An IPv4 address is the same when it comes inside of an IPv6 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                (network.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for IpRange {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || ParseError::new("an IP address, or a network such as 203.0.113.0/24", text);
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().map_err(|_| bad())?
            }
            Some(_) => return Err(bad()),
        };
        if bits > most {
            return Err(bad());
        }
        // A network of IPv4 addresses may be written as one of IPv6: `::ffff:203.0.113.0/120`.
        let (network, bits) = match address.to_canonical() {
            v4 @ IpAddr::V4(_) if address.is_ipv6() => (v4, bits.checked_sub(96).ok_or_else(bad)?),
            same => (same, bits),
        };
        Ok(Self { text: text.to_owned(), network, bits })
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for IpRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for IpRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What holds for a registry's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policies {
    /// Whether a pushed image is held back until it is released.
    pub quarantine_policy: Policy,
    /// Whether images may be signed in the manner of Notary.
    pub trust_policy: TrustPolicy,
    /// How long manifests without tags are kept.
    pub retention_policy: KeepPolicy,
    /// Whether content may be copied to another registry.
    pub export_policy: Policy,
    /// Whether tokens made for Resource Manager are good for the registry.
    #[serde(rename = "azureADAuthenticationAsArmPolicy")]
    pub arm_token_policy: Policy,
    /// How long deleted content can be brought back.
    pub soft_delete_policy: KeepPolicy,
}

impl Default for Policies {
    fn default() -> Self {
        let policy = |status| Policy { status };
        Self {
            quarantine_policy: policy(PolicyStatus::Disabled),
            trust_policy: TrustPolicy::default(),
            retention_policy: KeepPolicy::default(),
            export_policy: policy(PolicyStatus::Enabled),
            arm_token_policy: policy(PolicyStatus::Enabled),
            soft_delete_policy: KeepPolicy::default(),
        }
    }
}

/// A policy that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// Whether it is on.
    pub status: PolicyStatus,
}

/// A policy on signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrustPolicy {
    /// Always `Notary`.
    #[serde(rename = "type")]
    pub kind: TrustKind,
    /// Whether it is on.
    pub status: PolicyStatus,
}

/// A policy that keeps something for some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeepPolicy {
    /// For how many days.
    #[serde(alias = "retentionDays")]
    pub days: u16,
    /// Whether it is on.
    pub status: PolicyStatus,
}

impl Default for KeepPolicy {
    fn default() -> Self {
        Self { days: 7, status: PolicyStatus::Disabled }
    }
}

/// Encryption at rest under a key of the customer's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Encryption {
    /// Whether it is on.
    pub status: PolicyStatus,
    /// Where the key is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_vault_properties: Option<BTreeMap<String, Value>>,
}

/// An enumeration of words: the first one is the default, all are read without case.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $first:ident = $first_word:literal $(, $variant:ident = $word:literal)* $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $name {
            #[doc = concat!("`", $first_word, "`")]
            #[default]
            $first,
            $(#[doc = concat!("`", $word, "`")] $variant,)*
        }

        impl $name {
            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { Self::$first => $first_word, $(Self::$variant => $word,)* }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as ::serde::Deserialize>::deserialize(deserializer)?;
                [Self::$first, $(Self::$variant),*]
                    .into_iter()
                    .find(|word| word.as_str().eq_ignore_ascii_case(&text))
                    .ok_or_else(|| <D::Error as ::serde::de::Error>::invalid_value(
                        ::serde::de::Unexpected::Str(&text.chars().take(100).collect::<String>()),
                        &concat!("one of ", $first_word $(, ", ", $word)*),
                    ))
            }
        }
    };
}
pub(crate) use words;

words! {
    /// A registry's tier.
    SkuName { Premium = "Premium", Standard = "Standard", Basic = "Basic", Classic = "Classic" }
}
words! {
    /// Which identities a resource has.
    IdentityKind {
        None = "None",
        SystemAssigned = "SystemAssigned",
        UserAssigned = "UserAssigned",
        Both = "SystemAssigned, UserAssigned",
    }
}
words! {
    /// On or off, as most properties say it.
    Switch { Enabled = "Enabled", Disabled = "Disabled" }
}
words! {
    /// On or off, as policies say it.
    PolicyStatus { Disabled = "disabled", Enabled = "enabled" }
}
words! {
    /// What befalls a request.
    Action { Allow = "Allow", Deny = "Deny" }
}
words! {
    /// What an IP rule does.
    AllowOnly { Allow = "Allow" }
}
words! {
    /// Who passes the network rules without being named.
    Bypass { AzureServices = "AzureServices", None = "None" }
}
words! {
    /// How images are signed.
    TrustKind { Notary = "Notary" }
}
words! {
    /// How roles on repositories are understood.
    RoleAssignmentMode {
        LegacyRegistryPermissions = "LegacyRegistryPermissions",
        AbacRepositoryPermissions = "AbacRepositoryPermissions",
    }
}

/// Tags of a resource.
pub fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let tags = BTreeMap::<String, String>::deserialize(deserializer)?;
    if tags.len() > MAX_TAGS {
        return Err(D::Error::custom(format_args!("there are {} tags, at most {MAX_TAGS} fit", tags.len())));
    }
    match tags
        .iter()
        .find(|(name, value)| name.is_empty() || name.len() > MAX_TAG_NAME || value.len() > MAX_TAG_VALUE)
    {
        None => Ok(tags),
        Some((name, _)) => Err(D::Error::custom(format_args!(
            "the tag {:?} is too long: a name has 1 to {MAX_TAG_NAME} bytes, a value at most {MAX_TAG_VALUE}",
            name.chars().take(100).collect::<String>()
        ))),
    }
}

fn ip_rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpRule>, D::Error> {
    let rules = Vec::<IpRule>::deserialize(deserializer)?;
    if rules.len() > MAX_IP_RULES {
        return Err(D::Error::custom(format_args!(
            "there are {} rules, at most {MAX_IP_RULES} fit",
            rules.len()
        )));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_body_is_a_registry_with_every_default() {
        let read: Description = serde_json::from_value(json!({})).unwrap();
        assert_eq!(read, Description::default());
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(written["properties"]["networkRuleSet"], json!({"defaultAction": "Allow", "ipRules": []}));
        assert_eq!(written["properties"]["networkRuleBypassOptions"], "AzureServices");
        assert_eq!(written["properties"]["policies"]["exportPolicy"], json!({"status": "enabled"}));
        assert_eq!(
            written["properties"]["policies"]["azureADAuthenticationAsArmPolicy"],
            json!({"status": "enabled"})
        );
        assert_eq!(serde_json::from_value::<Description>(written).unwrap(), read);
    }

    #[test]
    fn words_have_no_case_and_strangers_are_named() {
        let of = |word: &str| serde_json::from_value::<NetworkRules>(json!({ "defaultAction": word }));
        assert_eq!(of("DENY").unwrap().default_action, Action::Deny);
        let error = of("Perhaps").unwrap_err().to_string();
        assert_eq!(error, "invalid value: string \"Perhaps\", expected one of Allow, Deny");
    }

    #[test]
    fn a_rule_names_an_address_or_a_network() {
        let admits =
            |rule: &str, address: &str| rule.parse::<IpRange>().unwrap().contains(address.parse().unwrap());
        assert!(admits("203.0.113.7", "203.0.113.7"));
        assert!(!admits("203.0.113.7", "203.0.113.8"));
        assert!(admits("203.0.113.77/24", "203.0.113.1"));
        assert!(!admits("203.0.113.0/24", "203.0.114.1"));
        assert!(admits("0.0.0.0/0", "8.8.8.8"));
        assert!(!admits("0.0.0.0/0", "2001:db8::1"));
        assert!(admits("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!admits("2001:db8::/32", "2001:db9::1"));
        assert!(admits("::/0", "2001:db9::1"));
        // An IPv4 client of a listener that speaks both.
        assert!(admits("203.0.113.0/24", "::ffff:203.0.113.9"));
        assert!(admits("::ffff:203.0.113.0/120", "203.0.113.9"));
        for bad in [
            "",
            "203.0.113",
            "203.0.113.0/33",
            "203.0.113.0/",
            "1.2.3.4/+1",
            "::/129",
            "example",
            "::ffff:1.2.3.4/8",
        ] {
            assert!(bad.parse::<IpRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_admit_whom_they_name() {
        let rules: NetworkRules = serde_json::from_value(json!({
            "defaultAction": "Deny", "ipRules": [{"action": "Allow", "value": "10.0.0.0/8"}]
        }))
        .unwrap();
        assert!(rules.admit("10.1.2.3".parse().unwrap()));
        assert!(!rules.admit("11.1.2.3".parse().unwrap()));
        assert!(NetworkRules::default().admit("11.1.2.3".parse().unwrap()));
    }

    #[test]
    fn a_body_that_cannot_be_read_lets_nobody_in() {
        let closed = Description::of_body(&json!({"properties": {"networkRuleSet": 7}}));
        assert_eq!(closed.properties.public_network_access, Switch::Disabled);
        assert_eq!(Description::of_body(&json!({})).properties.public_network_access, Switch::Enabled);
    }

    #[test]
    fn tags_have_limits() {
        let read = |tags: Value| serde_json::from_value::<Description>(json!({ "tags": tags }));
        assert!(read(json!({"team": "harbour"})).is_ok());
        assert!(read(json!({"team": 1})).is_err());
        assert!(read(json!({ "team": "x".repeat(257) })).is_err());
        let many: BTreeMap<_, _> = (0..51).map(|n| (n.to_string(), String::new())).collect();
        assert!(read(json!(many)).is_err());
    }
}
