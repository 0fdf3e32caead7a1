//! A certificate and its key in two PEM files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The most that either file may hold: far more than any chain needs.
const MAX_FILE: u64 = 1 << 20;

/// The two files, and what they held when they could last be used.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    shown: ArcSwap<CertifiedKey>,
    /// What was last read, usable or not, so that a fault is told once.
    seen: Mutex<Read>,
}

#[derive(PartialEq, Eq)]
struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    /// Reads both files.
    pub(super) fn open(certificate: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Result<Self> {
        let read = read_both(certificate, key)?;
        let shown = understand(&read, certificate, key, &provider)?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider,
            shown: ArcSwap::from_pointee(shown),
            seen: Mutex::new(read),
        })
    }

    /// Reads both files again and shows what they hold. Whether that is something else than before.
    pub(super) fn look_again(&self) -> Result<bool> {
        let read = read_both(&self.certificate, &self.key)?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == read {
            return Ok(false);
        }
        let understood = understand(&read, &self.certificate, &self.key, &self.provider);
        *seen = read;
        self.shown.store(Arc::new(understood?));
        Ok(true)
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.shown.load_full())
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("certificate", &self.certificate)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

fn read_both(certificate: &Path, key: &Path) -> Result<Read> {
    Ok(Read { certificate: read(certificate, "tls_cert")?, key: read(key, "tls_key")? })
}

fn read(file: &Path, setting: &str) -> Result<Vec<u8>> {
    let about = || format!("{setting}: cannot read {}", file.display());
    let size = std::fs::metadata(file).with_context(about)?.len();
    if size > MAX_FILE {
        bail!("{setting}: {} has {size} bytes, which is no PEM file for TLS", file.display());
    }
    std::fs::read(file).with_context(about)
}

fn understand(
    read: &Read,
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey> {
    let chain = CertificateDer::pem_slice_iter(&read.certificate)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("tls_cert: {} is not PEM", certificate.display()))?;
    if chain.is_empty() {
        bail!(
            "tls_cert: {} holds no certificate; it must begin with the server's own one, and then have those that lead to \
             its authority",
            certificate.display()
        );
    }
    let Ok(private) = PrivateKeyDer::from_pem_slice(&read.key) else {
        let encrypted = read.key.windows(9).any(|window| window == b"ENCRYPTED");
        let why = if encrypted {
            "a key with a passphrase, which cannot be asked for"
        } else {
            "no private key in PEM"
        };
        bail!("tls_key: {} holds {why}", key.display());
    };
    CertifiedKey::from_der(chain, private, provider).with_context(|| {
        format!("tls_key: {} does not go with the certificate {}", key.display(), certificate.display())
    })
}

#[cfg(test)]
mod tests {
    use rustls::crypto::aws_lc_rs;

    use super::*;

    fn pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    fn open(certificate: &Path, key: &Path) -> Result<Files> {
        Files::open(certificate, key, Arc::new(aws_lc_rs::default_provider()))
    }

    fn complaint(certificate: &Path, key: &Path) -> String {
        format!("{:#}", open(certificate, key).expect_err("it is refused"))
    }

    #[test]
    fn files_that_change_are_read_again_and_bad_ones_are_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair(folder.path(), "one.test");
        let files = open(&certificate, &key).unwrap();
        let first = files.shown.load().cert.clone();
        assert!(!files.look_again().unwrap());

        pair(folder.path(), "two.test");
        assert!(files.look_again().unwrap());
        let second = files.shown.load().cert.clone();
        assert_ne!(first, second);

        std::fs::write(&key, "").unwrap();
        assert!(format!("{:#}", files.look_again().unwrap_err()).contains("no private key"));
        assert!(!files.look_again().unwrap(), "a fault is told once");
        assert_eq!(files.shown.load().cert, second, "the last good certificate stays");

        pair(folder.path(), "three.test");
        assert!(files.look_again().unwrap());
    }

    #[test]
    fn errors_name_the_setting_and_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair(folder.path(), "one.test");
        let missing = folder.path().join("missing.pem");
        assert!(complaint(&missing, &key).starts_with("tls_cert: cannot read"));
        assert!(complaint(&certificate, &missing).starts_with("tls_key: cannot read"));
        assert!(complaint(&key, &key).contains("holds no certificate"));
        assert!(complaint(&certificate, &certificate).contains("no private key"));

        let other = tempfile::tempdir().unwrap();
        let (_, stranger) = pair(other.path(), "other.test");
        assert!(complaint(&certificate, &stranger).contains("does not go with the certificate"));

        std::fs::write(
            &stranger,
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        )
        .unwrap();
        assert!(complaint(&certificate, &stranger).contains("passphrase"));
        std::fs::write(&stranger, vec![b'a'; (MAX_FILE + 1) as usize]).unwrap();
        assert!(complaint(&certificate, &stranger).contains("no PEM file"));
    }
}
