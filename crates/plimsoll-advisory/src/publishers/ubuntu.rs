//! Ubuntu's CVE tracker: a text file a vulnerability, as the mail headers of old, with a line for each release and package.
//!
//! ```text
//! Candidate: CVE-2023-27533
//! Priority: medium
//! focal_curl: released (7.68.0-1ubuntu2.18)
//! esm-infra/xenial_curl: released (7.47.0-1ubuntu2.19+esm6)
//! jammy_curl: needed
//! ```

use plimsoll_types::inventory::UBUNTU_RELEASES;
use plimsoll_types::{Status, SubscriptionFix};
use serde_json::Value;

use super::{Collected, is_cve, is_name, item, never, of_cve};
use crate::Error;
use crate::osv::{Affected, Rating, one_line};

/// What is said of one package in one release.
#[derive(Default)]
struct Pockets<'t> {
    /// State and what stands in parentheses, for everybody.
    main: Option<(&'t str, &'t str)>,
    /// The same for subscribers, and to whom.
    subscribers: Option<(&'t str, &'t str, &'static str)>,
}

/// Takes one file of the tracker. What lies beside the vulnerabilities is passed over.
pub(super) fn read(path: &str, content: &[u8], into: &mut Collected) -> Result<(), Error> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    if !is_cve(name) || !matches!(folder, "active" | "retired" | "") {
        return Ok(());
    }
    let text = String::from_utf8_lossy(content);
    let mut file = Parsed::default();
    for field in fields(&text) {
        file.take(field);
    }
    if file.is_rejected {
        return Ok(());
    }
    let Some(record) = of_cve(into, "UBUNTU", name)? else { return Ok(()) };
    record.published = file.published.and_then(|day| format!("{day}T00:00:00Z").parse().ok());
    record.details = one_line(&file.description, 4_000);
    record.references = vec![format!("https://ubuntu.com/security/{name}")];
    record.severity.extend(file.vectors.into_iter().map(|score| Rating { kind: String::new(), score }));
    let id = record.id.clone();
    for ((release, package), pockets) in file.packages {
        let is_meant = |of: &str| {
            let of_release = of.strip_prefix(package).and_then(|rest| rest.strip_prefix('_'));
            of.is_empty()
                || of == package
                || UBUNTU_RELEASES
                    .iter()
                    .any(|(codename, number)| *number == release && of_release == Some(codename))
        };
        // The most particular comes last in the file.
        let priority = file.priorities.iter().rev().find(|(of, _)| is_meant(of));
        for mut item in items(release, package, &pockets) {
            item.ecosystem_specific.severity = priority.map(|(_, word)| Value::from(*word));
            into.add(&id, item)?;
        }
    }
    Ok(())
}

/// `Name: value` with the indented lines that follow.
struct Field<'t> {
    name: &'t str,
    value: &'t str,
    more: Vec<&'t str>,
}

fn fields(text: &str) -> Vec<Field<'_>> {
    let mut fields: Vec<Field<'_>> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(last) = fields.last_mut() {
                last.more.push(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) {
            fields.push(Field { name: name.trim(), value: value.trim(), more: Vec::new() });
        }
    }
    fields
}

#[derive(Default)]
struct Parsed<'t> {
    published: Option<&'t str>,
    description: String,
    vectors: Vec<String>,
    is_rejected: bool,
    /// To what a priority belongs (nothing, a package, `package_release`), and its word.
    priorities: Vec<(&'t str, &'t str)>,
    packages: std::collections::BTreeMap<(&'static str, &'t str), Pockets<'t>>,
}

impl<'t> Parsed<'t> {
    fn take(&mut self, field: Field<'t>) {
        match field.name {
            "PublicDate" => self.published = field.value.get(..10),
            "Description" => {
                self.description =
                    std::iter::once(field.value).chain(field.more).collect::<Vec<_>>().join(" ");
                self.is_rejected = self.description.trim_start().starts_with("** REJECT **");
            }
            "CVSS" => {
                let vectors = std::iter::once(field.value).chain(field.more);
                let vectors =
                    vectors.filter_map(|line| line.split_whitespace().find(|word| word.starts_with("CVSS:")));
                self.vectors = vectors.map(str::to_owned).collect();
            }
            "Priority" => self.priorities.insert(0, ("", word(field.value))),
            name => {
                if let Some(of) = name.strip_prefix("Priority_") {
                    self.priorities.push((of, word(field.value)));
                } else if let Some((release, package)) =
                    name.split_once('_').filter(|(_, package)| is_name(package))
                {
                    self.take_state(release, package, field.value);
                }
            }
        }
    }

    fn take_state(&mut self, release: &str, package: &'t str, value: &'t str) {
        let (pocket, codename) = match release.split_once('/') {
            // The first releases with extended maintenance are written the other way round.
            Some((codename, "esm")) => ("esm-infra", codename),
            Some((pocket, codename)) => (pocket, codename),
            None => ("", release),
        };
        let subscription = match pocket {
            "" => None,
            "esm-infra" => Some("Ubuntu Pro (esm-infra)"),
            "esm-apps" => Some("Ubuntu Pro (esm-apps)"),
            "esm-infra-legacy" => Some("Ubuntu Pro (esm-infra-legacy)"),
            // FIPS, real time and the robots' have packages of their own.
            _ => return,
        };
        let Some((_, number)) = UBUNTU_RELEASES.iter().find(|(known, _)| *known == codename) else { return };
        let (state, detail) = value.split_once(' ').unwrap_or((value, ""));
        let detail = detail.trim().trim_start_matches('(').trim_end_matches(')').trim_matches(['[', ']']);
        let pockets = self.packages.entry((number, package)).or_default();
        match subscription {
            None => pockets.main = Some((state, detail)),
            Some(subscription) => pockets.subscribers = Some((state, detail, subscription)),
        }
    }
}

/// The priority without the reason behind it.
fn word(value: &str) -> &str {
    value.split_whitespace().next().unwrap_or_default()
}

/// For everybody's release and for subscribers'.
fn items(release: &str, package: &str, pockets: &Pockets<'_>) -> Vec<Affected> {
    let ecosystem = format!("Ubuntu:{release}");
    let fix = pockets.subscribers.filter(|(state, version, _)| *state == "released" && !version.is_empty());
    let mut items = Vec::new();
    if let Some(mut item) = pockets.main.and_then(|(state, detail)| judge(&ecosystem, package, state, detail))
    {
        item.statement.subscription_fix = fix.map(|(_, version, subscription)| SubscriptionFix {
            version: version.to_owned(),
            subscription: subscription.to_owned(),
        });
        items.push(item);
    }
    if let Some((state, detail, _)) = pockets.subscribers {
        items.extend(judge(&format!("Ubuntu:Pro:{release}"), package, state, detail));
    }
    items
}

fn judge(ecosystem: &str, package: &str, state: &str, detail: &str) -> Option<Affected> {
    let is_version = detail.starts_with(|c: char| c.is_ascii_digit()) && !detail.contains(' ');
    let open = || item(ecosystem, package, None);
    let (mut affected, status) = match state {
        "released" if is_version => (item(ecosystem, package, Some(detail)), Status::Affected),
        "not-affected" => (never(ecosystem, package), Status::Affected),
        "needed" | "pending" | "active" => (open(), Status::Affected),
        "deferred" => (open(), Status::FixDeferred),
        "needs-triage" => (open(), Status::UnderInvestigation),
        "ignored" => {
            let is_over =
                ["end of life", "end-of-life", "out of standard support", "end of standard support"];
            let status = if is_over.iter().any(|words| detail.contains(words)) {
                Status::EndOfLife
            } else {
                Status::WillNotFix
            };
            (open(), status)
        }
        // The package is not in this release, or the line says nothing.
        _ => return None,
    };
    affected.statement.status = Some(status);
    affected.statement.fix_is_announced = state == "pending";
    if !is_version {
        affected.statement.note = detail.to_owned();
    }
    Some(affected)
}
