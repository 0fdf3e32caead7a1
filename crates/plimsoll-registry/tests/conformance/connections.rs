//! Over a real connection: clients that break off, that are too slow, that send more than they said.

use std::net::SocketAddr;
use std::time::Duration;

use plimsoll_registry::Settings;
use plimsoll_types::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::app::App;

async fn listen(app: &App) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = app.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends these bytes as they are and leaves the connection open.
async fn write(address: SocketAddr, request: &str, body: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    connection.write_all(body).await.unwrap();
    connection
}

#[tokio::test]
async fn a_client_that_breaks_off_finds_its_session_usable() {
    let app = App::start().await;
    let address = listen(&app).await;
    let content = vec![7; 300_000];
    let digest = Digest::sha256(&content);
    let session = app.open_session("app").await;
    app.send(&format!("PATCH {session}"), &[], content[..1000].to_vec()).await.is(202);
    for head in [
        format!("PATCH {session} HTTP/1.1\r\nHost: r\r\nContent-Length: 299000\r\n\r\n"),
        format!("PUT {session}?digest={digest} HTTP/1.1\r\nHost: r\r\nContent-Length: 299000\r\n\r\n"),
        // A chunk of 64 KiB announced, less of it sent.
        format!("PATCH {session} HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n"),
    ] {
        drop(write(address, &head, &content[1000..40_000]).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(app.get(&session).await.is(204).header("range"), "0-999", "{head}");
    }
    let rest = content[1000..].to_vec();
    app.send(&format!("PUT {session}?digest={digest}"), &[("content-range", "1000-299999")], rest)
        .await
        .is(201);
    assert_eq!(app.get(&format!("/v2/app/blobs/{digest}")).await.is(200).body, content);
}

#[tokio::test]
async fn a_client_that_sends_too_slowly_is_told_and_given_up() {
    let app = App::start_with(Settings { patience: Duration::from_millis(50), patience_bytes: 100, ..Settings::default() }).await;
    let address = listen(&app).await;
    let session = app.open_session("app").await;
    let head = format!("PATCH {session} HTTP/1.1\r\nHost: r\r\nContent-Length: 1000\r\n\r\n");
    let mut connection = write(address, &head, b"a little").await;
    let mut answer = vec![0; 100];
    let length = connection.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(app.get(&session).await.is(204).header("range"), "0-0");
}

#[tokio::test]
async fn head_sends_headers_and_no_body() {
    let app = App::start().await;
    let address = listen(&app).await;
    let digest = app.push_blob("app", b"content").await;
    let missing = Digest::sha256(b"never pushed");
    for (digest, status) in [(digest, "200 OK"), (missing, "404 Not Found")] {
        let head = format!("HEAD /v2/app/blobs/{digest} HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        write(address, &head, b"").await.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(answer.contains("content-length: ") && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}
