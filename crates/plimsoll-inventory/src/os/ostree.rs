//! OSTree: in images made of its commits (Fedora CoreOS, bootc) the files of the system are hard links to objects that are
//! named by their content, `sysroot/ostree/repo/objects/0a/….file`. An object comes before the links to it and under a name
//! that says nothing, so what it may be is guessed from its first bytes; it counts only where a link has the right name.

/// The longest start that is asked for.
pub(crate) const START: usize = 20;

/// What an object may be.
pub(crate) struct Guess {
    /// A place where such a file is looked for.
    pub(crate) place: &'static str,
    /// The name by which its reader knows it.
    pub(crate) name: &'static str,
}

impl Guess {
    const fn of(place: &'static str) -> Option<Self> {
        Some(Self { place, name: place })
    }
}

/// Whether an object lies at a path.
pub(crate) fn is_object(path: &str) -> bool {
    let is_stored = |store: &&str| path.starts_with(*store);
    path.ends_with(".file") && ["sysroot/ostree/repo/objects/", "ostree/repo/objects/"].iter().any(is_stored)
}

/// Guesses what an object is by its first bytes; `None` where they tell nothing.
pub(crate) fn guess(start: &[u8]) -> Option<Guess> {
    const SYSTEM: [&[u8]; 4] = [b"NAME=", b"ID=", b"PRETTY_NAME=", b"VERSION="];
    match start {
        [b'S', b'Q', b'L', ..] if start.starts_with(b"SQLite format 3\0") => {
            Some(Guess { place: "usr/share/rpm/rpmdb.sqlite", name: super::rpm::ALONE })
        }
        [b'{', ..] => Guess::of("node_modules/a/package.json"),
        [b'M', ..] if start.starts_with(b"Metadata-Version:") => Guess::of("a.dist-info/METADATA"),
        _ if SYSTEM.iter().any(|key| start.starts_with(key)) => Guess::of("etc/os-release"),
        _ => None,
    }
}
