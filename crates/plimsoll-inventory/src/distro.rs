//! Which distribution a layer says it is: `os-release` and what older images have in its place (os-release(5)).

use plimsoll_types::inventory::{DISTRO_FILES, Distro, FileContent};
use plimsoll_types::probe::Limits;

use crate::catalogers::{Cataloger, Reader, Unreadable, Whole, text};
use crate::path::{resolve, split};

/// The files that the merge of an image looks at, in its order.
pub(crate) fn matches(path: &str) -> bool {
    DISTRO_FILES.contains(&path)
}

/// What links at the places of these files may lead to, and may as well be anything else.
pub(crate) static LINKED: Cataloger = Cataloger { name: "distribution", matches: may_be_linked, reader };

/// Fedora has had `os.release.d/os-release-fedora`, NixOS has it in its store.
fn may_be_linked(path: &str) -> bool {
    let name = split(path).1;
    name == "os-release" || name.starts_with("os-release-") || name.ends_with("-os-release")
}

/// Where a symbolic link leads, if it is in the place of a file that names the distribution.
pub(crate) fn link(path: &str, target: &[u8]) -> Option<FileContent> {
    let target = DISTRO_FILES.contains(&path).then(|| resolve(path, target))?;
    Some(FileContent::Link(target))
}

/// Reads the whole file.
pub(crate) fn reader(path: &str, limits: &Limits) -> Box<dyn Reader> {
    Whole::boxed(path, limits, parse)
}

fn parse(path: &str, bytes: &[u8]) -> Result<Option<FileContent>, Unreadable> {
    let content = text(bytes);
    let distro = match path {
        "etc/alpine-release" => first_word(&content).map(|version| named("alpine", "Alpine Linux", version)),
        "etc/debian_version" => {
            first_word(&content).map(|version| named("debian", "Debian GNU/Linux", version))
        }
        "etc/lsb-release" => lsb_release(&content),
        "etc/os-release" | "usr/lib/os-release" | "etc/initrd-release" => os_release(&content),
        // Arch's is empty: that it is there says it.
        "etc/arch-release" => Some(named("arch", "Arch Linux", "")),
        path if !DISTRO_FILES.contains(&path) => {
            // It says something only if a link leads to it, and may be anything.
            return Ok(os_release(&content).map(FileContent::Distro));
        }
        _ => release_line(&content),
    };
    match distro {
        Some(distro) => Ok(Some(FileContent::Distro(distro))),
        // A greeting may greet with anything, and an lsb-release that names nothing is one more of its kind.
        None if bytes.trim_ascii().is_empty() || matches!(path, "etc/issue" | "etc/lsb-release") => Ok(None),
        None => Err(Unreadable::because("it does not name a distribution")),
    }
}

/// One line for a person, as all had it before `os-release`: `CentOS release 6.10 (Final)`, `Debian GNU/Linux 9 \n \l`.
fn release_line(content: &str) -> Option<Distro> {
    const NAMES: [(&str, &str); 20] = [
        ("AlmaLinux", "almalinux"),
        ("Alpine Linux", "alpine"),
        ("Amazon Linux", "amzn"),
        ("Arch Linux", "arch"),
        ("CBL-Mariner", "mariner"),
        ("CentOS", "centos"),
        ("Debian GNU/Linux", "debian"),
        ("Fedora", "fedora"),
        ("Gentoo", "gentoo"),
        ("Mageia", "mageia"),
        ("Oracle Linux", "ol"),
        ("Photon", "photon"),
        ("VMware Photon", "photon"),
        ("Red Hat Enterprise Linux", "rhel"),
        ("Rocky Linux", "rocky"),
        ("Scientific Linux", "scientific"),
        ("Slackware", "slackware"),
        ("SUSE Linux Enterprise", "sles"),
        ("openSUSE", "opensuse-leap"),
        ("Ubuntu", "ubuntu"),
    ];
    let line = content.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line = line.strip_prefix("Welcome to ").unwrap_or(line);
    let (_, id) = NAMES.iter().find(|(name, _)| line.starts_with(name))?;
    let digits = |word: &&str| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
    let version = line.split_whitespace().find(digits).unwrap_or_default();
    let version = version.trim_start_matches('v').trim_end_matches(['.', ',']);
    // SUSE's: the service pack stands in a line of its own.
    let patch = assignment_with_spaces(content, "PATCHLEVEL").filter(|level| *id == "sles" && level != "0");
    Some(Distro {
        id: (*id).to_owned(),
        version_id: patch.map_or_else(|| version.to_owned(), |patch| format!("{version}.{patch}")),
        pretty_name: line.split('\\').next().unwrap_or(line).trim().to_owned(),
        ..Distro::default()
    })
}

/// `KEY = VALUE`.
fn assignment_with_spaces(content: &str, key: &str) -> Option<String> {
    let of_line = |line: &str| Some(line.strip_prefix(key)?.trim().strip_prefix('=')?.trim().to_owned());
    content.lines().find_map(of_line)
}

fn os_release(content: &str) -> Option<Distro> {
    let value = |key: &str| assignment(content, key);
    let name = value("NAME").unwrap_or_default();
    let id = value("ID").or_else(|| (!name.is_empty()).then(|| "linux".to_owned()))?;
    let pretty_name = value("PRETTY_NAME").unwrap_or(name);
    // Debian's testing and unstable have no VERSION_ID; `trixie/sid` stands in the name alone.
    let in_name =
        || pretty_name.split_whitespace().last().filter(|word| word.ends_with("/sid")).map(str::to_owned);
    let id = id.to_lowercase();
    // A derivative has a name of its own for its release, and tells in another key which one it is made of.
    let of_base = || value("UBUNTU_CODENAME").or_else(|| value("DEBIAN_CODENAME"));
    let own = || value("VERSION_CODENAME");
    let codename = if matches!(id.as_str(), "debian" | "ubuntu") {
        own().or_else(of_base)
    } else {
        of_base().or_else(own)
    };
    Some(Distro {
        id,
        like: value("ID_LIKE").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        version_id: value("VERSION_ID").unwrap_or_default(),
        codename: codename.or_else(in_name).unwrap_or_default(),
        pretty_name,
    })
}

fn lsb_release(content: &str) -> Option<Distro> {
    let value = |key: &str| assignment(content, key);
    Some(Distro {
        id: value("DISTRIB_ID")?.to_lowercase(),
        like: vec![],
        version_id: value("DISTRIB_RELEASE").unwrap_or_default(),
        codename: value("DISTRIB_CODENAME").unwrap_or_default(),
        pretty_name: value("DISTRIB_DESCRIPTION").unwrap_or_default(),
    })
}

/// A distribution whose file holds nothing but a version, or the name of what is not released yet (`trixie/sid`).
fn named(id: &str, name: &str, version: &str) -> Distro {
    let is_number = version.starts_with(|c: char| c.is_ascii_digit());
    let (version_id, codename) = if is_number { (version, "") } else { ("", version) };
    Distro {
        id: id.to_owned(),
        like: vec![],
        version_id: version_id.to_owned(),
        codename: codename.to_owned(),
        pretty_name: format!("{name} {version}").trim_end().to_owned(),
    }
}

fn first_word(content: &str) -> Option<&str> {
    content.split_whitespace().next()
}

/// The value of the last assignment to `key`, as a shell would have it; `None` where it is empty.
fn assignment(content: &str, key: &str) -> Option<String> {
    let of_line = |line: &str| line.trim().strip_prefix(key)?.strip_prefix('=').map(unquote);
    content.lines().rev().find_map(of_line).filter(|value| !value.is_empty())
}

/// Takes quotes and backslashes off.
fn unquote(value: &str) -> String {
    let value = value.trim();
    if let Some(inner) = value.strip_prefix('\'') {
        return inner.split('\'').next().unwrap_or_default().to_owned();
    }
    let (inner, is_quoted) = value.strip_prefix('"').map_or((value, false), |inner| (inner, true));
    // A comment begins behind a space. What else follows one is kept, though a shell would not: `NAME=Some Linux`.
    let inner = if is_quoted { inner } else { inner.split(" #").next().unwrap_or_default().trim_end() };
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted => break,
            '\\' => plain.extend(letters.next()),
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
