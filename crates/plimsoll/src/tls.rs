//! TLS: which certificate the listener shows. It comes from two files of the operator's ([`files`]), read again when they
//! change, or from an authority of our own for development ([`authority`]).
//!
//! rustls asks for the certificate at each handshake, so a new one counts at once and no connection is cut off.

mod authority;
mod files;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use plimsoll_scan::Clock;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ResolvesServerCert;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use authority::Authority;
use files::Files;

use crate::config;

/// How often the files are looked at. They are small, and comparing what they hold also sees what times do not tell: a
/// folder that was swapped by a link, as Kubernetes does with secrets.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What the listener needs to speak TLS.
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    source: Source,
}

enum Source {
    Files(Arc<Files>),
    Authority(PathBuf),
}

impl Tls {
    /// Reads the certificate, or makes the authority that issues one. `names` are hosts that clients may use without
    /// naming them in the handshake: addresses. `None` where the settings want no TLS.
    pub(crate) fn open(
        settings: &config::Tls,
        folder: &Path,
        names: Vec<String>,
        clock: Clock,
    ) -> Result<Option<Self>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (resolver, source): (Arc<dyn ResolvesServerCert>, _) = match settings {
            config::Tls::Off => return Ok(None),
            config::Tls::Files { certificate, key } => {
                let files = Arc::new(Files::open(certificate, key, Arc::clone(&provider))?);
                (Arc::clone(&files) as _, Source::Files(files))
            }
            config::Tls::Development => {
                let authority = Authority::open(folder, names, Arc::clone(&provider), clock)?;
                let certificate = authority.certificate().to_owned();
                (Arc::new(authority), Source::Authority(certificate))
            }
        };
        Ok(Some(Self { config: Arc::new(server_config(provider, resolver)?), source }))
    }

    /// Takes a client's side of a connection through the handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// The certificate of the development authority, which clients have to trust.
    pub(crate) fn authority(&self) -> Option<&Path> {
        match &self.source {
            Source::Files(_) => None,
            Source::Authority(certificate) => Some(certificate),
        }
    }

    /// Keeps up with the files until `stop`: looks every few seconds, and at once on SIGHUP. Files that cannot be used are
    /// told in the log and the last good certificate stays. From the call on, SIGHUP no longer ends the process.
    pub(crate) fn keep_up(self: Arc<Self>, stop: CancellationToken) -> Result<impl Future<Output = ()>> {
        let mut hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        Ok(async move {
            loop {
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    _ = hangup.recv() => {}
                    () = stop.cancelled() => return,
                }
                self.look_again();
            }
        })
    }

    fn look_again(&self) {
        let Source::Files(files) = &self.source else { return };
        match files.look_again() {
            Ok(false) => {}
            Ok(true) => tracing::info!("the TLS certificate was read again"),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(
                    error,
                    "the TLS certificate has changed and cannot be used; the old one stays"
                );
            }
        }
    }
}

fn server_config(
    provider: Arc<CryptoProvider>,
    resolver: Arc<dyn ResolvesServerCert>,
) -> Result<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("the TLS library has no protocol version")?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
