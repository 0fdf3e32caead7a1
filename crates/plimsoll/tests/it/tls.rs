//! TLS as clients meet it: who is trusted, what is spoken, and what happens to those who speak something else.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_testkit::image::{self, Image, Layer, Packing};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::clients;
use crate::server::{Backend, House, Server};

/// A connection that trusts one certificate or authority, for a host by that name.
fn connect(server: &Server, trusted: &Path, host: &str, speaks: &[&str]) -> Result<Tls, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(trusted).expect("a PEM file") {
        roots.add(certificate.expect("a certificate")).expect("an authority");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = speaks.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = host.to_owned().try_into().expect("a name");
    let mut tls = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut socket = TcpStream::connect(&server.address).expect("it listens");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).map_err(|error| error.to_string())?;
    }
    Ok(StreamOwned::new(tls, socket))
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

fn get(tls: &mut Tls, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    tls.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    tls.read_to_string(&mut answer).expect("it is answered");
    answer
}

#[test]
fn the_development_authority_is_the_one_file_to_trust() {
    let house = House::new(Backend::Embedded);
    let server = house.serve_with(&["--tls", "dev"]);
    let authority = house.data.path().join("tls/ca.crt");
    assert!(server.url("/").starts_with("https://"));
    for host in ["localhost", "127.0.0.1", "registry.of.the.team.test"] {
        let answer = get(&mut connect(&server, &authority, host, &[]).expect(host), "/healthz");
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
    assert!(connect(&server, &authority, "192.0.2.1", &[]).is_err(), "an address that it does not have");

    let spoken = |speaks: &[&str]| {
        let tls = connect(&server, &authority, "localhost", speaks).expect("a connection");
        String::from_utf8(tls.conn.alpn_protocol().unwrap_or_default().to_vec()).expect("text")
    };
    assert_eq!(spoken(&["h2", "http/1.1"]), "h2");
    assert_eq!(spoken(&["http/1.1"]), "http/1.1");

    // Links lead back to where the client came from.
    let list = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.Security/assessments?api-version=2021-06-01";
    let answer = get(&mut connect(&server, &authority, "localhost", &[]).expect("a connection"), list);
    assert!(!answer.contains("http://"), "{answer}");

    drop(server);
    let server = house.serve_with(&["--tls", "dev"]);
    assert!(connect(&server, &authority, "localhost", &[]).is_ok(), "the authority outlives the process");
}

#[test]
fn skopeo_pushes_over_tls() {
    if !clients::here("skopeo") {
        return;
    }
    let house = House::new(Backend::Embedded);
    let server = house.serve_with(&["--tls", "dev"]);
    let image = Image::of(&[Layer::new().alpine("3.18.4", &[("zlib", "1.3-r0")]).tar()], Packing::Gzip);
    let layout = house.data.path().join("layout");
    image::write_layout(&layout, &image.manifest, "latest", &[&image]).expect("a layout");
    let trusted = house.data.path().join("tls").display().to_string();
    let target = format!("docker://{}/team/app:1", server.address);
    let source = format!("oci:{}:latest", layout.display());
    clients::run("skopeo", &["copy", "--dest-cert-dir", &trusted, &source, &target]);
    let seen = clients::run("skopeo", &["inspect", "--cert-dir", &trusted, &target]);
    assert!(seen.contains(image.digest().as_str()), "{seen}");
}

#[test]
fn plain_http_is_told_to_use_tls() {
    let house = House::new(Backend::Embedded);
    let server = house.serve_with(&["--tls", "dev"]);
    let mut socket = TcpStream::connect(&server.address).expect("it listens");
    socket.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
    socket.shutdown(std::net::Shutdown::Write).expect("no more");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("use https://"), "{answer}");
}

#[test]
fn a_certificate_that_is_replaced_is_shown_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let make = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        std::fs::write(&certificate, made.cert.pem()).expect("a file");
        std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    };
    make();
    let house = House::new(Backend::Embedded);
    let paths = [&certificate, &key].map(|path| path.display().to_string());
    let server = house.serve_with(&["--tls-cert", &paths[0], "--tls-key", &paths[1]]);
    let mut old = connect(&server, &certificate, "localhost", &[]).expect("the first certificate");
    make();
    let begin = Instant::now();
    server.signal("HUP");
    while connect(&server, &certificate, "localhost", &[]).is_err() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "the new certificate is not shown:\n{}",
            server.log()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(get(&mut old, "/healthz").contains("200"), "a connection was cut off");

    // Half of a pair that is being replaced: the last good one stays, and the log tells.
    std::fs::write(&key, "nothing").expect("a file");
    server.signal("HUP");
    while !server.log().contains("cannot be used") {
        assert!(begin.elapsed() < Duration::from_secs(40), "nothing is told:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(connect(&server, &certificate, "localhost", &[]).is_ok());
}

#[test]
fn a_certificate_that_cannot_be_read_is_told_at_the_start() {
    let house = House::new(Backend::Embedded);
    let refused = |flags: &[&str]| {
        let mut command: Command = house.command(&["serve", "--listen", "127.0.0.1:0"]);
        let output = command.args(flags).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = refused(&["--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"]);
    assert!(told.contains("tls_cert: cannot read /nowhere/cert.pem"), "{told}");
    let told = refused(&["--tls-cert", "/nowhere/cert.pem"]);
    assert!(told.contains("--tls-cert is given without"), "{told}");
}

#[test]
fn more_connections_than_may_be_wait_for_one_to_end() {
    let house = House::new(Backend::Embedded);
    let server = house.serve_with(&["--max-connections", "1"]);
    let ask = |socket: &mut TcpStream| {
        socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
        let mut status = [0; 12];
        socket.read_exact(&mut status).map(|()| String::from_utf8_lossy(&status).into_owned())
    };
    let mut first = TcpStream::connect(&server.address).expect("it listens");
    assert_eq!(ask(&mut first).expect("an answer"), "HTTP/1.1 200");
    let mut second = TcpStream::connect(&server.address).expect("it waits in the queue");
    second.set_read_timeout(Some(Duration::from_millis(200))).expect("a limit");
    assert!(ask(&mut second).is_err(), "a second connection was served");
    drop(first);
    second.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    let mut status = [0; 12];
    second.read_exact(&mut status).expect("its turn comes");
    assert_eq!(&status, b"HTTP/1.1 200");
}
