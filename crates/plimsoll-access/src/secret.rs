//! Our own tokens: 256 random bits behind a prefix by which leaks are found. Shown once, kept as a hash.
//!
//! A plain SHA-256 is enough for them: what cannot be guessed need not be slow to check.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::{Error, Result};

const PREFIX: &str = "plim_";
const HEX_DIGITS: usize = 64;

/// The text of a token. It is not shown by `{:?}`, so that it does not get into a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A new token.
#[derive(Debug)]
pub struct Minted {
    /// Its number, which is no secret.
    pub id: String,
    /// Its text, for its owner.
    pub text: Secret,
    /// What is kept of it.
    pub hash: String,
}

impl Minted {
    /// Makes a token of random bytes.
    pub fn new() -> Result<Self> {
        let text = format!("{PREFIX}{}", hex(&random::<32>()?));
        let id = hex(&random::<6>()?);
        Ok(Self { id, hash: hash(&text), text: Secret(text) })
    }
}

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a text looks like one of our tokens.
    pub fn is_one(text: &str) -> bool {
        let is_hex = |rest: &str| rest.len() == HEX_DIGITS && rest.bytes().all(|b| b.is_ascii_hexdigit());
        text.strip_prefix(PREFIX).is_some_and(is_hex)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is kept of a token.
pub(crate) fn hash(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Error::Broken("this machine gives no random numbers"))?;
    Ok(bytes)
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub(crate) fn are_equal(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_and_never_shown() {
        let minted = Minted::new().unwrap();
        assert!(Secret::is_one(minted.text.reveal()));
        assert!(!format!("{minted:?}").contains(minted.text.reveal()));
        assert_ne!(minted.hash, Minted::new().unwrap().hash);
        for other in ["", "plim_", "plim_00", &minted.hash] {
            assert!(!Secret::is_one(other), "{other}");
        }
    }
}
