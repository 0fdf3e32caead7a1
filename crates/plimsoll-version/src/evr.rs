//! `[epoch:]version[-release]`, as rpm and pacman write it: one frame, in which each has its own order of the parts.
//!
//! A missing epoch is `0`, and what stands before a colon and is no number is a part of the version. The release is behind
//! the last hyphen. A missing release sorts before every release: that it equals all of them, as both tools answer, is no order.

use crate::VersionKey;
use crate::encode::Writer;

const NO_RELEASE: u8 = 0;
const RELEASE: u8 = 1;

/// The key of a label whose version and release `write` puts into the key. Weak is one whose version `is_weak`.
pub(crate) fn key(label: &str, write: fn(&mut Writer, &[u8]), is_weak: fn(&str) -> bool) -> VersionKey {
    let text = label.trim_ascii();
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    };
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release)),
        None => (rest, None),
    };
    let mut key = Writer::new();
    key.integer(epoch.as_bytes());
    write(&mut key, version.as_bytes());
    match release {
        Some(release) => {
            key.tag(RELEASE);
            write(&mut key, release.as_bytes());
        }
        None => key.tag(NO_RELEASE),
    }
    VersionKey { bytes: key.into_bytes(), weak: is_weak(version) }
}
