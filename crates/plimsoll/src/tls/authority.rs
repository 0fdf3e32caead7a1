//! An authority of our own, for development: one file to trust, and a certificate for whatever name a client asks for.
//!
//! Only the authority outlives the process. The server's key and certificates are made anew at each start and each day, so
//! that none of them runs out, and only one secret lies on the disk. A name that comes in the handshake gets a certificate
//! of its own: registries come and go while the server runs, each with its host. That gives nothing away, since the key
//! never leaves the process.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use plimsoll_scan::Clock;
use plimsoll_types::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SerialNumber,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};

/// Days that the authority's certificate is good for, from the day on which it was made.
const AUTHORITY_DAYS: i64 = 3650;
/// Days that the server's is good for. Some clients take no more than 398.
const SERVER_DAYS: i64 = 90;
/// Milliseconds after which a certificate is issued anew.
const REISSUE_AFTER: i64 = DAY * 1000;
/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;
/// The most names that are remembered; what a stranger asks for beyond them gets the certificate of the usual names.
const MAX_NAMES: usize = 256;

/// The authority, and what it has issued.
pub(super) struct Authority {
    certificate: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    /// The names of the certificate that is shown where the handshake names none.
    usual: Vec<String>,
    key: KeyPair,
    signer: Arc<dyn SigningKey>,
    /// By the name in the handshake; the usual names' is under the empty one.
    issued: Mutex<HashMap<String, (Timestamp, Arc<CertifiedKey>)>>,
    clock: Clock,
}

impl Authority {
    /// The authority that lives in `folder`, which is made if it is not there yet. `names` are in the certificate that
    /// clients get which name no host in the handshake, as they do not for addresses.
    pub(super) fn open(
        folder: &Path,
        names: Vec<String>,
        provider: Arc<CryptoProvider>,
        clock: Clock,
    ) -> Result<Self> {
        let (certificate, issuer) = open_issuer(folder, clock())
            .with_context(|| format!("cannot make a development authority in {}", folder.display()))?;
        let key = KeyPair::generate().context("cannot make a key for TLS")?;
        let signer = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let signer = provider.key_provider.load_private_key(signer)?;
        let mut usual: Vec<_> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        for name in names {
            if !usual.contains(&name) {
                usual.push(name);
            }
        }
        let authority = Self { certificate, issuer, usual, key, signer, issued: Mutex::default(), clock };
        // A name that cannot be in a certificate is told now, not at the first handshake.
        authority.issue(&authority.usual, (authority.clock)())?;
        Ok(authority)
    }

    /// The file with the certificate that clients have to trust.
    pub(super) fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The certificate for a name of the handshake.
    fn certificate_for(&self, name: Option<&str>) -> Result<Arc<CertifiedKey>> {
        let now = (self.clock)();
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = name.map(str::to_ascii_lowercase).filter(|name| !self.usual.contains(name));
        let wanted =
            wanted.filter(|name| issued.contains_key(name) || issued.len() < MAX_NAMES).unwrap_or_default();
        if let Some((at, certificate)) = issued.get(&wanted)
            && (0..REISSUE_AFTER).contains(&(now.0 - at.0))
        {
            return Ok(Arc::clone(certificate));
        }
        let usual = wanted.is_empty();
        let certificate = Arc::new(match usual {
            true => self.issue(&self.usual, now)?,
            false => self.issue(std::slice::from_ref(&wanted), now)?,
        });
        issued.insert(wanted, (now, Arc::clone(&certificate)));
        Ok(certificate)
    }

    fn issue(&self, names: &[String], now: Timestamp) -> Result<CertifiedKey> {
        let mut wanted = CertificateParams::new(names)
            .with_context(|| format!("{} cannot be in a certificate", names.join(", ")))?;
        (wanted.not_before, wanted.not_after) = validity(now, SERVER_DAYS);
        wanted.distinguished_name = common_name(names.first().map_or("plimsoll", String::as_str));
        wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python refuses a certificate without it (VERIFY_X509_STRICT).
        wanted.use_authority_key_identifier_extension = true;
        // Many certificates for one key: browsers refuse two with the same number.
        let mut number = [0; 16];
        getrandom::fill(&mut number).context("the system gives no random bytes")?;
        number[0] &= 0x7f;
        wanted.serial_number = Some(SerialNumber::from(number.to_vec()));
        let certificate = wanted.signed_by(&self.key, &self.issuer)?;
        Ok(CertifiedKey::new(vec![certificate.der().clone()], Arc::clone(&self.signer)))
    }
}

impl ResolvesServerCert for Authority {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.certificate_for(hello.server_name())
            .inspect_err(|error| {
                tracing::error!(error = format!("{error:#}"), "no certificate could be issued")
            })
            .ok()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Reads the authority's files, or makes them. The key is written first: a certificate is never there without it.
fn open_issuer(folder: &Path, now: Timestamp) -> Result<(PathBuf, Issuer<'static, KeyPair>)> {
    std::fs::create_dir_all(folder)?;
    // `.crt` is what docker, podman and update-ca-certificates look for.
    let (certificate_file, key_file) = (folder.join("ca.crt"), folder.join("ca-key.pem"));
    let key = match std::fs::read_to_string(&key_file) {
        Ok(text) => {
            KeyPair::from_pem(&text).with_context(|| format!("{} is no key in PEM", key_file.display()))?
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = KeyPair::generate()?;
            write_new(&key_file, &key.serialize_pem(), 0o600)?;
            key
        }
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", key_file.display())),
    };
    let params = authority_params(&key, now);
    match std::fs::read(&certificate_file) {
        Ok(bytes) => check_belongs(&bytes, &key, &certificate_file)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            write_new(&certificate_file, &params.self_signed(&key)?.pem(), 0o644)?;
        }
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", certificate_file.display()));
        }
    }
    Ok((certificate_file, Issuer::new(params, key)))
}

/// What the authority's certificate says. Its name comes from its key, so that a certificate which was lost can be made
/// again and still be the issuer of what the key has signed, and so that two authorities can be told apart.
fn authority_params(key: &KeyPair, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = validity(now, AUTHORITY_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let identifier = params.key_identifier(key);
    let short: String = identifier.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = common_name(&format!("Plimsoll development authority {short}"));
    params
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    // The field takes no more than 64 characters (RFC 5280, appendix A.1); clients look at the alternative names.
    distinguished.push(DnType::CommonName, name.chars().take(64).collect::<String>());
    distinguished
}

/// From the day before, for clocks that are behind, until `days` later.
fn validity(now: Timestamp, days: i64) -> (time::OffsetDateTime, time::OffsetDateTime) {
    let day = |seconds: i64| {
        time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
    };
    let today = now.0 / 1000;
    (day(today - DAY), day(today + days * DAY))
}

/// Writes a file that is not there yet, whole or not at all.
fn write_new(file: &Path, text: &str, mode: u32) -> Result<()> {
    let about = || format!("cannot write {}", file.display());
    let unfinished = file.with_extension("new");
    let mut opened = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&unfinished)
        .with_context(about)?;
    opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all()).with_context(about)?;
    std::fs::rename(&unfinished, file).with_context(about)
}

/// Fails unless the certificate is the key's, as it is not where only one of the files was replaced.
fn check_belongs(pem: &[u8], key: &KeyPair, file: &Path) -> Result<()> {
    let certificate = CertificateDer::from_pem_slice(pem)
        .ok()
        .with_context(|| format!("{} is no certificate in PEM", file.display()))?;
    let public = key.der_bytes();
    if certificate.windows(public.len()).any(|window| window == public) {
        return Ok(());
    }
    bail!(
        "{} does not belong to the key beside it; remove both files and an authority is made anew",
        file.display()
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::atomic::{AtomicI64, Ordering};

    use rustls::crypto::aws_lc_rs;

    use super::*;

    const NOON: i64 = 1_750_000_000;

    fn open(folder: &Path, names: &[&str], second: &Arc<AtomicI64>) -> Result<Authority> {
        let second = Arc::clone(second);
        let clock: Clock = Arc::new(move || Timestamp(second.load(Ordering::Relaxed) * 1000));
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Authority::open(folder, names, Arc::new(aws_lc_rs::default_provider()), clock)
    }

    /// Whether a client that trusts the authority's file takes the certificate for a name.
    fn trusts(authority: &Authority, shown: &CertifiedKey, name: &str, at: i64) -> bool {
        use rustls::client::WebPkiServerVerifier;
        use rustls::client::danger::ServerCertVerifier;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.certificate()).unwrap()).unwrap();
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::new(aws_lc_rs::default_provider()),
        )
        .build()
        .unwrap();
        let at = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(at as u64));
        let name = name.to_owned().try_into().unwrap();
        verifier.verify_server_cert(&shown.cert[0], &[], &name, &[], at).is_ok()
    }

    #[test]
    fn clients_that_trust_the_file_take_every_name_of_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let second = Arc::new(AtomicI64::new(NOON));
        let authority = open(folder.path(), &["192.0.2.7", "registry.test"], &second).unwrap();
        let usual = authority.certificate_for(None).unwrap();
        for name in ["localhost", "127.0.0.1", "::1", "192.0.2.7", "registry.test"] {
            assert!(trusts(&authority, &usual, name, NOON), "{name}");
        }
        assert!(!trusts(&authority, &usual, "other.test", NOON));
        let other = authority.certificate_for(Some("Other.test")).unwrap();
        assert!(trusts(&authority, &other, "other.test", NOON));
        assert!(!trusts(&authority, &other, "localhost", NOON));
    }

    #[test]
    fn the_authority_outlives_the_process_and_its_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let second = Arc::new(AtomicI64::new(NOON));
        let first = open(folder.path(), &[], &second).unwrap();
        let mode = std::fs::metadata(folder.path().join("ca-key.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = open(folder.path(), &[], &second).unwrap();
        assert!(trusts(&first, &again.certificate_for(None).unwrap(), "localhost", NOON));

        // A certificate that was lost is made again, and says the same of the same key.
        std::fs::remove_file(first.certificate()).unwrap();
        let third = open(folder.path(), &[], &second).unwrap();
        assert!(trusts(&third, &again.certificate_for(None).unwrap(), "localhost", NOON));
    }

    #[test]
    fn certificates_are_issued_anew_before_they_run_out() {
        let folder = tempfile::tempdir().unwrap();
        let second = Arc::new(AtomicI64::new(NOON));
        let authority = open(folder.path(), &[], &second).unwrap();
        let first = authority.certificate_for(Some("a.test")).unwrap();
        second.store(NOON + 3600, Ordering::Relaxed);
        assert_eq!(authority.certificate_for(Some("a.test")).unwrap().cert, first.cert);
        let later = NOON + 200 * DAY;
        second.store(later, Ordering::Relaxed);
        assert!(!trusts(&authority, &first, "a.test", later));
        assert!(trusts(&authority, &authority.certificate_for(Some("a.test")).unwrap(), "a.test", later));
    }

    #[test]
    fn strangers_cannot_fill_the_memory_with_names() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path(), &[], &Arc::new(AtomicI64::new(NOON))).unwrap();
        for number in 0..MAX_NAMES + 20 {
            authority.certificate_for(Some(&format!("n{number}.test"))).unwrap();
        }
        assert!(authority.issued.lock().unwrap().len() <= MAX_NAMES + 1);
        assert!(trusts(&authority, &authority.certificate_for(Some("n3.test")).unwrap(), "n3.test", NOON));
        assert!(trusts(
            &authority,
            &authority.certificate_for(Some("late.test")).unwrap(),
            "localhost",
            NOON
        ));
    }

    #[test]
    fn files_that_do_not_fit_each_other_are_refused() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let second = Arc::new(AtomicI64::new(NOON));
        open(one.path(), &[], &second).unwrap();
        open(other.path(), &[], &second).unwrap();
        std::fs::copy(other.path().join("ca.crt"), one.path().join("ca.crt")).unwrap();
        let refusal = format!("{:#}", open(one.path(), &[], &second).unwrap_err());
        assert!(refusal.contains("ca.crt does not belong to the key"), "{refusal}");
    }
}
