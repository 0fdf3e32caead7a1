//! GUIDs: how Azure names subscriptions, tenants, principals, roles and assignments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ParseError;

/// A GUID in its usual form, lower case: `8e3af657-a8ff-443c-a75c-2fe8c4bcb635`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Guid(String);

impl Guid {
    /// A GUID of random bytes (RFC 9562, version 4).
    pub fn random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self::of_bytes(&bytes)
    }

    /// The GUID of a thing that has another name already, always the same one (RFC 9562, version 8). The parts are kept
    /// apart: `["a", "bc"]` and `["ab", "c"]` are two things.
    pub fn derived(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize()[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self::of_bytes(&bytes)
    }

    /// The GUID that is all zeros, by which docker's login says that the password is a refresh token.
    pub fn nil() -> Self {
        Self::of_bytes(&[0; 16])
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_bytes(bytes: &[u8; 16]) -> Self {
        use fmt::Write as _;
        let mut text = String::with_capacity(36);
        for (i, byte) in bytes.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

impl FromStr for Guid {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let is_dash = |i| matches!(i, 8 | 13 | 18 | 23);
        let fits = text.len() == 36
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if is_dash(i) { b == b'-' } else { b.is_ascii_hexdigit() });
        if !fits {
            return Err(ParseError::new("a GUID such as 8e3af657-a8ff-443c-a75c-2fe8c4bcb635", text));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl TryFrom<String> for Guid {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Guid> for String {
    fn from(guid: Guid) -> Self {
        guid.0
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_in_any_case_and_written_in_one() {
        let guid: Guid = "8E3AF657-A8FF-443C-A75C-2FE8C4BCB635".parse().unwrap();
        assert_eq!(guid.as_str(), "8e3af657-a8ff-443c-a75c-2fe8c4bcb635");
        for text in [
            "",
            "8e3af657a8ff443ca75c2fe8c4bcb635",
            "8e3af657-a8ff-443c-a75c-2fe8c4bcb63g",
            "{8e3af657-a8ff}",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }

    #[test]
    fn made_guids_are_guids() {
        let random = Guid::random([0xff; 16]);
        assert_eq!(random.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        let derived = Guid::derived(&["issuer", "somebody"]);
        assert_eq!(derived.as_str().parse::<Guid>().unwrap(), derived);
        assert_ne!(derived, Guid::derived(&["issue", "rsomebody"]));
    }
}
