//! Which scheme belongs to which name: of an ecosystem (OSV schema 1.9, "Defined Ecosystems"), a distribution or a tool.

use crate::Scheme;

/// Ecosystems of the OSV schema, then distributions and package formats that it has no name for.
const ECOSYSTEMS: [(&str, Scheme); 77] = [
    ("AlmaLinux", Scheme::Rpm),
    ("Alpaquita", Scheme::Apk),
    ("Alpine", Scheme::Apk),
    ("Android", Scheme::Homebrew),
    ("Azure Linux", Scheme::Rpm),
    ("BellSoft", Scheme::Apk),
    ("BellSoft Hardened Containers", Scheme::Apk),
    ("Bioconductor", Scheme::Cran),
    ("Bitnami", Scheme::Bitnami),
    ("Chainguard", Scheme::Apk),
    ("CleanStart", Scheme::Apk),
    ("ConanCenter", Scheme::Conan),
    ("CRAN", Scheme::Cran),
    ("crates.io", Scheme::Semver),
    ("Debian", Scheme::Dpkg),
    ("Echo", Scheme::Dpkg),
    ("FreeBSD", Scheme::Freebsd),
    ("GHC", Scheme::Haskell),
    ("GitHub Actions", Scheme::Semver),
    ("Go", Scheme::Go),
    ("Hackage", Scheme::Haskell),
    ("Hex", Scheme::Semver),
    ("Homebrew", Scheme::Homebrew),
    ("Julia", Scheme::Julia),
    ("Kubernetes", Scheme::Semver),
    ("Linux", Scheme::Homebrew),
    ("Mageia", Scheme::Rpm),
    ("Maven", Scheme::Maven),
    ("MinimOS", Scheme::Apk),
    ("npm", Scheme::Semver),
    ("NuGet", Scheme::Nuget),
    ("opam", Scheme::Opam),
    ("openEuler", Scheme::Rpm),
    ("openSUSE", Scheme::Rpm),
    ("OSS-Fuzz", Scheme::Homebrew),
    ("Packagist", Scheme::Composer),
    ("Photon OS", Scheme::Rpm),
    ("Pub", Scheme::Pub),
    ("PyPI", Scheme::Pep440),
    ("Red Hat", Scheme::Rpm),
    ("Rocky Linux", Scheme::Rpm),
    ("RubyGems", Scheme::Gem),
    ("SUSE", Scheme::Rpm),
    ("SwiftURL", Scheme::Semver),
    ("Ubuntu", Scheme::Dpkg),
    ("VSCode", Scheme::Semver),
    ("Wolfi", Scheme::Apk),
    ("WordPress", Scheme::Php),
    // Not of the schema.
    ("Alibaba Cloud Linux", Scheme::Rpm),
    ("Amazon Linux", Scheme::Rpm),
    ("Arch Linux", Scheme::Pacman),
    ("CBL-Mariner", Scheme::Rpm),
    ("CentOS", Scheme::Rpm),
    ("Conda", Scheme::Conda),
    ("Fedora", Scheme::Rpm),
    ("Gentoo", Scheme::Portage),
    ("JVM", Scheme::Jvm),
    ("OpenWrt", Scheme::Dpkg),
    ("Oracle Linux", Scheme::Rpm),
    ("postmarketOS", Scheme::Apk),
    ("Raspbian", Scheme::Dpkg),
    ("Yocto", Scheme::Dpkg),
    // The types of package URLs, where they are no ecosystem's name.
    ("alpm", Scheme::Pacman),
    ("cabal", Scheme::Haskell),
    ("cargo", Scheme::Semver),
    ("composer", Scheme::Composer),
    ("conan", Scheme::Conan),
    ("deb", Scheme::Dpkg),
    ("ebuild", Scheme::Portage),
    ("gem", Scheme::Gem),
    ("golang", Scheme::Go),
    ("java", Scheme::Jvm),
    ("opkg", Scheme::Dpkg),
    ("pacman", Scheme::Pacman),
    ("pep440", Scheme::Pep440),
    ("pkg", Scheme::Freebsd),
    ("swift", Scheme::Semver),
];

/// How many of the names above are ecosystems or distributions.
const PROPER_NAMES: usize = 62;

/// Publishers of patched packages of other ecosystems, which their releases name: `TuxCare:Alpine:v3.16`, `Root:PyPI`.
const PATCHERS: [&str; 4] = ["Docker Hardened Images", "Echo", "Root", "TuxCare"];

impl Scheme {
    /// The scheme of an ecosystem, by its OSV name with or without release (`Debian`, `Debian:12`, `Root:Alpine:3.18`).
    ///
    /// None when we know no order for it: its versions can then only be compared for equality.
    pub fn of_ecosystem(name: &str) -> Option<Scheme> {
        find(name, |known, name| known == name)
    }

    /// The scheme that a person means: an ecosystem in any case, with or without release, the type of a package URL, or
    /// a scheme's own name such as `dpkg`.
    pub fn named(name: &str) -> Option<Scheme> {
        let name = name.trim();
        let own = Self::ALL.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name));
        own.or_else(|| find(name, |known, name| known.eq_ignore_ascii_case(name)))
    }

    /// The scheme's own name.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Dpkg => "dpkg",
            Scheme::Apk => "apk",
            Scheme::Semver => "semver",
            Scheme::Go => "go",
            Scheme::Pep440 => "pypi",
            Scheme::Rpm => "rpm",
            Scheme::Gem => "rubygems",
            Scheme::Maven => "maven",
            Scheme::Nuget => "nuget",
            Scheme::Composer => "packagist",
            Scheme::Php => "php",
            Scheme::Bitnami => "bitnami",
            Scheme::Cran => "cran",
            Scheme::Haskell => "hackage",
            Scheme::Pacman => "pacman",
            Scheme::Conan => "conan",
            Scheme::Opam => "opam",
            Scheme::Pub => "pub",
            Scheme::Julia => "julia",
            Scheme::Jvm => "jvm",
            Scheme::Portage => "portage",
            Scheme::Conda => "conda",
            Scheme::Freebsd => "freebsd",
            Scheme::Homebrew => "homebrew",
        }
    }

    /// The names of the ecosystems and distributions that have an order, for a message.
    pub fn known_ecosystems() -> impl Iterator<Item = &'static str> {
        ECOSYSTEMS[..PROPER_NAMES].iter().map(|(name, _)| *name)
    }
}

fn find(name: &str, is: impl Fn(&str, &str) -> bool) -> Option<Scheme> {
    let (name, release) = name.split_once(':').unwrap_or((name, ""));
    let exact = |name: &str| ECOSYSTEMS.iter().find(|(known, _)| is(known, name)).map(|(_, scheme)| *scheme);
    let inner = release.split(':').next().unwrap_or_default();
    let patched = PATCHERS.iter().any(|patcher| is(patcher, name)) && !inner.is_empty();
    if patched { exact(inner) } else { exact(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecosystems_have_the_order_of_their_tools() {
        for (name, scheme) in [
            ("Ubuntu", Scheme::Dpkg),
            ("Ubuntu:Pro:18.04:LTS", Scheme::Dpkg),
            ("Wolfi", Scheme::Apk),
            ("Alpine:v3.18", Scheme::Apk),
            ("npm", Scheme::Semver),
            ("SwiftURL", Scheme::Semver),
            ("Go", Scheme::Go),
            ("PyPI", Scheme::Pep440),
            ("Photon OS:5.0", Scheme::Rpm),
            ("RubyGems", Scheme::Gem),
            ("Maven:https://maven.google.com", Scheme::Maven),
            ("Bitnami", Scheme::Bitnami),
            ("Echo", Scheme::Dpkg),
            ("Echo:PyPI", Scheme::Pep440),
            ("Root:Alpine:3.18", Scheme::Apk),
            ("TuxCare:Red Hat", Scheme::Rpm),
            ("Docker Hardened Images:Debian:trixie", Scheme::Dpkg),
        ] {
            assert_eq!(Scheme::of_ecosystem(name), Some(scheme), "{name}");
        }
        for name in ["debian", "Root", "TuxCare", "TuxCare:TuxCare:Alpine", "Plan 9", ""] {
            assert_eq!(Scheme::of_ecosystem(name), None, "{name}");
        }
    }

    #[test]
    fn a_person_may_write_names_as_they_come() {
        for (name, scheme) in [
            ("debian:12", Scheme::Dpkg),
            ("DPKG", Scheme::Dpkg),
            ("deb", Scheme::Dpkg),
            ("pypi", Scheme::Pep440),
            (" Crates.IO ", Scheme::Semver),
            ("GOLANG", Scheme::Go),
            ("red hat:rhel_aus:8.4::appstream", Scheme::Rpm),
            ("root:pypi", Scheme::Pep440),
            ("jvm", Scheme::Jvm),
        ] {
            assert_eq!(Scheme::named(name), Some(scheme), "{name}");
        }
        assert_eq!(Scheme::named("plan 9"), None);
        for scheme in Scheme::ALL {
            assert_eq!(Scheme::named(scheme.name()), Some(scheme));
            assert_eq!(Scheme::from_code(scheme.code()), Some(scheme));
        }
        assert_eq!((Scheme::from_code(0), Scheme::from_code(200)), (None, None));
    }

    #[test]
    fn the_names_for_a_message_are_proper_ones() {
        let names: Vec<_> = Scheme::known_ecosystems().collect();
        assert_eq!((names.first(), names.last()), (Some(&"AlmaLinux"), Some(&"Yocto")));
    }
}
