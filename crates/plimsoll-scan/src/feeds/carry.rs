//! Carries a database to a machine without a network: one file with what is needed to believe it.
//!
//! ```text
//! PLIMSOLL-ADVISORIES 1          a line
//! {"generation":…,"sha256":…}    a line: what follows, when it was read, and from where
//! signature                      a line: Ed25519 over the two lines above, in base64, or `-`
//! database                       as `plimsoll db` keeps it, packed with gzip
//! ```
//!
//! The checksum tells damage, the signature tells who made it: with a public key, nothing else is taken. Neither is a file
//! older than what is there, unless somebody insists. A registry carries the same file ([`super::registry`]).

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_advisory::Database;
use plimsoll_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::state::State;
use super::{Feeds, Lock};
use crate::advisories;
use crate::{Error, ErrorKind, Result};

const MAGIC: &str = "PLIMSOLL-ADVISORIES 1";
/// The third line of a file that nobody signed.
const NO_SIGNATURE: &str = "-";
/// Numbers of generations are seconds since 1970. One beyond all clocks would leave no number for its successors.
const MAX_GENERATION: u64 = 1 << 40;
/// Bytes of a line. The longest holds what is remembered of the feeds.
const MAX_LINE_BYTES: u64 = 8 << 20;
/// Bytes of a database.
pub(super) const MAX_DATABASE_BYTES: u64 = 8 << 30;

/// What is said of the database in the file.
#[derive(Debug, Serialize, Deserialize)]
struct Label {
    generation: u64,
    bytes: u64,
    sha256: String,
    /// What is remembered of the feeds, for `plimsoll db status` on the other machine.
    feeds: State,
}

/// The three lines before the database, read and not yet believed.
pub(super) struct Head {
    label: Label,
    signed: String,
    signature: String,
}

/// A file that was written.
pub(super) struct Exported {
    pub(super) generation: u64,
    pub(super) advisories: u64,
    pub(super) created_at: Timestamp,
    /// When the feeds were last asked.
    pub(super) checked_at: Option<Timestamp>,
    pub(super) is_signed: bool,
    /// The three lines before the database.
    pub(super) head: String,
}

/// What came of taking a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    /// The generation that counts now.
    pub generation: u64,
    /// Advisories in it.
    pub advisories: u64,
    /// Whether it was there already.
    pub was_there: bool,
    /// Whether its signature was checked.
    pub is_signed: bool,
}

impl Feeds {
    /// Writes the generation that counts to a file. `key` is an Ed25519 private key in PEM (PKCS #8). Returns the generation.
    /// Blocks on the disk.
    pub fn export(&self, to: &Path, key: Option<&str>) -> Result<u64> {
        let aside = to.with_extension("part");
        let failed = |error| Error::file("write", to, error);
        let exported = File::create(&aside).map_err(failed).and_then(|file| {
            let exported = self.export_to(&file, to, key)?;
            std::fs::rename(&aside, to).map_err(failed)?;
            Ok(exported.generation)
        });
        exported.inspect_err(|_| {
            let _ = std::fs::remove_file(&aside);
        })
    }

    pub(super) fn generation_to_carry(&self) -> Result<u64> {
        advisories::current_generation(&self.folder)?.ok_or_else(|| {
            let message = "there is no advisory database yet; `plimsoll db update` fetches one";
            Error::new(ErrorKind::NotFound, message)
        })
    }

    /// The same into an open file, which errors call by its name.
    pub(super) fn export_to(&self, mut to: &File, name: &Path, key: Option<&str>) -> Result<Exported> {
        let generation = self.generation_to_carry()?;
        let path = advisories::file_of(&self.folder, generation);
        // What is not whole here is not sent elsewhere.
        let database = Database::open(&path)?;
        let (bytes, sha256) = digest(&path)?;
        let label = Label { generation, bytes, sha256, feeds: State::load(&self.folder) };
        let checked_at = label.feeds.checked_at;
        let label = serde_json::to_string(&label)
            .map_err(|error| Error::new(ErrorKind::Unavailable, "cannot write the label").because(error))?;
        let signed = format!("{MAGIC}\n{label}\n");
        let signature = match key {
            Some(key) => STANDARD.encode(private_key(key)?.sign(signed.as_bytes())),
            None => NO_SIGNATURE.to_owned(),
        };
        let head = format!("{signed}{signature}\n");
        let mut write = || -> std::io::Result<()> {
            to.write_all(head.as_bytes())?;
            let mut packed = flate2::write::GzEncoder::new(to, flate2::Compression::default());
            std::io::copy(&mut File::open(&path)?, &mut packed)?;
            packed.finish()?.sync_all()
        };
        write().map_err(|error| Error::file("write", name, error))?;
        let (advisories, created_at) = (database.advisories(), database.created_at());
        let is_signed = key.is_some();
        Ok(Exported { generation, advisories, created_at, checked_at, is_signed, head })
    }

    /// Takes a file that [`Feeds::export`] wrote. With `key`, an Ed25519 public key in PEM, only one that is signed with it.
    /// An older generation than the one that counts is taken only with `force`. Blocks on the disk.
    pub fn import(&self, from: &Path, key: Option<&str>, force: bool) -> Result<Imported> {
        let file = File::open(from).map_err(|error| Error::file("open", from, error))?;
        self.take(file, &from.display().to_string(), key, force)
    }

    /// The same from an open file, which errors call by its name.
    pub(super) fn take(&self, file: File, name: &str, key: Option<&str>, force: bool) -> Result<Imported> {
        let _lock = Lock::take(&self.folder)?;
        let mut reader = BufReader::new(file);
        let head = Head::read(&mut reader, name)?;
        if let Some(known) = self.weigh(&head, name, key, force)? {
            return Ok(known);
        }
        let label = head.label;
        let current = advisories::current_generation(&self.folder)?.unwrap_or(0);
        // What was matched before must be matched anew, so that the number never goes back.
        let generation = if label.generation > current { label.generation } else { current + 1 };
        // The lock is held, so that what a killed process left under this name is written over.
        let aside = self.folder.join("import.part");
        let taken = unpack(reader, &aside, &label).and_then(|()| Ok(Database::open(&aside)?.advisories()));
        let advisories = taken.inspect_err(|_| {
            let _ = std::fs::remove_file(&aside);
        })?;
        let path = advisories::file_of(&self.folder, generation);
        std::fs::rename(&aside, &path).map_err(|error| Error::file("write", &path, error))?;
        advisories::make_current(&self.folder, generation)?;
        advisories::remove_old(&self.folder, generation);
        label.feeds.save(&self.folder)?;
        Ok(Imported { generation, advisories, was_there: false, is_signed: key.is_some() })
    }

    /// Whether a database may be taken, by its head alone: whose it is, and how old. `Some` where it is there already; then
    /// what it says of when the feeds were asked is remembered. For whoever holds the lock.
    pub(super) fn weigh(
        &self,
        head: &Head,
        name: &str,
        key: Option<&str>,
        force: bool,
    ) -> Result<Option<Imported>> {
        let bad = |what: &str| Error::new(ErrorKind::Damaged, format!("{name}: {what}"));
        if let Some(key) = key {
            let key = public_key(key)?;
            let signature = Some(head.signature.as_str()).filter(|signature| *signature != NO_SIGNATURE);
            let signature = signature.and_then(|signature| STANDARD.decode(signature).ok());
            let signature = signature.ok_or_else(|| {
                bad("it is not signed; sign it where it is made with --key, or take it without one")
            })?;
            UnparsedPublicKey::new(&ED25519, key)
                .verify(head.signed.as_bytes(), &signature)
                .map_err(|_| bad("its signature is not of this key"))?;
        }
        let label = &head.label;
        if label.bytes > MAX_DATABASE_BYTES {
            return Err(bad("it is larger than any database"));
        }
        if label.generation > MAX_GENERATION {
            return Err(bad("its generation is of a time that no clock shows"));
        }
        let current = advisories::current_generation(&self.folder)?.unwrap_or(0);
        if current == label.generation && !force {
            let advisories = Database::open(&advisories::file_of(&self.folder, current))?.advisories();
            // Nothing was new when the feeds were last asked, and that is news.
            let mut state = State::load(&self.folder);
            if state.hear(&label.feeds) {
                state.save(&self.folder)?;
            }
            return Ok(Some(Imported {
                generation: current,
                advisories,
                was_there: true,
                is_signed: key.is_some(),
            }));
        }
        if label.generation < current && !force {
            let message = format!(
                "{name} has generation {}, which is older than {current}, the one that is there; --force takes it all the same",
                label.generation
            );
            return Err(Error::new(ErrorKind::Denied, message));
        }
        Ok(None)
    }
}

impl Head {
    /// Reads the three lines. `name` says in errors where they come from.
    pub(super) fn read(reader: &mut impl BufRead, name: &str) -> Result<Self> {
        let bad = |what: &str| Error::new(ErrorKind::Damaged, format!("{name}: {what}"));
        let mut line = || -> Result<String> {
            let mut line = Vec::new();
            let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            read.map_err(|error| {
                Error::new(ErrorKind::Unavailable, format!("cannot read {name}")).because(error)
            })?;
            let text =
                String::from_utf8(line).ok().and_then(|line| Some(line.strip_suffix('\n')?.to_owned()));
            text.ok_or_else(|| bad("it is no export of an advisory database"))
        };
        let (magic, label, signature) = (line()?, line()?, line()?);
        if magic != MAGIC {
            return Err(bad("it is no export of an advisory database that this version reads"));
        }
        let signed = format!("{magic}\n{label}\n");
        let label = serde_json::from_str(&label).map_err(|_| bad("its label cannot be read"))?;
        Ok(Self { label, signed, signature })
    }
}

fn unpack(reader: impl BufRead, to: &Path, label: &Label) -> Result<()> {
    let damaged =
        |what: &str| Error::new(ErrorKind::Damaged, format!("the exported database is damaged: {what}"));
    let mut file = File::create(to).map_err(|error| Error::file("write", to, error))?;
    let mut unpacked = flate2::bufread::GzDecoder::new(reader).take(label.bytes + 1);
    let mut hash = Context::new(&SHA256);
    let (mut buffer, mut bytes) = (vec![0; 256 << 10], 0u64);
    loop {
        let count = unpacked.read(&mut buffer).map_err(|error| damaged("it breaks off").because(error))?;
        if count == 0 {
            break;
        }
        let part = buffer.get(..count).unwrap_or_default();
        hash.update(part);
        bytes += count as u64;
        file.write_all(part).map_err(|error| Error::file("write", to, error))?;
    }
    if bytes != label.bytes || hex(hash.finish().as_ref()) != label.sha256 {
        return Err(damaged("its checksum is wrong"));
    }
    file.sync_all().map_err(|error| Error::file("write", to, error))
}

fn digest(path: &Path) -> Result<(u64, String)> {
    let read = || -> std::io::Result<(u64, String)> {
        let mut file = File::open(path)?;
        let (mut hash, mut buffer, mut bytes) = (Context::new(&SHA256), vec![0; 256 << 10], 0);
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                return Ok((bytes, hex(hash.finish().as_ref())));
            }
            hash.update(buffer.get(..count).unwrap_or_default());
            bytes += count as u64;
        }
    };
    read().map_err(|error| Error::file("read", path, error))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes between the lines that say what they are.
fn pem(text: &str) -> Result<Vec<u8>> {
    let inside: String = text.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let bad = |_| Error::new(ErrorKind::Usage, "the key is not in PEM");
    STANDARD.decode(inside).map_err(bad)
}

fn private_key(text: &str) -> Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pem(text)?)
        .map_err(|_| Error::new(ErrorKind::Usage, "the key is no Ed25519 private key in PKCS #8"))
}

/// A SubjectPublicKeyInfo of Ed25519 is twelve bytes and the key (RFC 8410).
fn public_key(text: &str) -> Result<Vec<u8>> {
    const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let der = pem(text)?;
    let key = der.strip_prefix(&PREFIX).filter(|key| key.len() == 32);
    key.map(<[u8]>::to_vec).ok_or_else(|| Error::new(ErrorKind::Usage, "the key is no Ed25519 public key"))
}
