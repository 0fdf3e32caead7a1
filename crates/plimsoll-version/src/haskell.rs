//! Haskell: Hackage and GHC, as the numbers of `Data.Version` order it.
//!
//! Source: the Package Versioning Policy (pvp.haskell.org). Numbers between dots; more are newer than fewer: `1.0 < 1.0.0`.
//! Tags behind a hyphen, which the policy has given up, do not count: `1.0-alpha = 1.0`.
//!
//! What is weak, and where it stands, is as in the `cran` module.

use crate::VersionKey;
use crate::cran;

pub(crate) fn key(version: &str) -> VersionKey {
    let text = version.trim();
    let (numbers, tags) = text.split_once('-').unwrap_or((text, "tag"));
    let are_tags =
        tags.split('-').all(|tag| !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric()));
    cran::write(if are_tags { numbers } else { text }, |byte| byte == b'.')
}

#[cfg(test)]
mod tests {
    use crate::Scheme::Haskell;
    use crate::tests::{check_equal, check_ladder, check_weak};

    #[test]
    fn numbers_alone_count() {
        check_ladder(
            Haskell,
            &["0.1", "1", "1.0", "1.0.0", "1.0.0.1", "1.2", "1.10", "9.4.7", "9.4.20230925"],
        );
        check_equal(Haskell, &["1.0", "1.0-alpha", "1.0-alpha-2", "01.0"]);
    }

    #[test]
    fn what_is_no_version_is_weak() {
        check_weak(Haskell, &["", "1.", "1.0-", "1.0--a", "v1.0", "1.0_1", "HEAD"]);
        check_ladder(Haskell, &["", "HEAD", "0", "1.0", "1.0_1", "1.0.0"]);
    }
}
