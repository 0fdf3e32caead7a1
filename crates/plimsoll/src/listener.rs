//! The one listener: accepts, speaks TLS if it is told to, serves HTTP/1.1 and HTTP/2, and lets running requests finish
//! when it is told to stop.
//!
//! A stranger who connects and says nothing, or says it slowly, is let go: at the handshake, at the first bytes, and at each
//! request's head. While as many are connected as may be, the next ones wait in the system's queue.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Sleep, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::tls::Tls;

/// A client that takes longer than this for the TLS handshake is let go.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that sends its request's head slower than this is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How often an HTTP/2 client is asked whether it still lives, and how long it has to say so.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest that running requests are waited for at the end.
const DRAIN: Duration = Duration::from_secs(20);
/// The most bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;

/// What stands behind the listener.
pub(crate) struct Front {
    /// Answers the requests, each of which carries [`ConnectInfo`] with the client's address.
    pub(crate) router: Router,
    /// Without it, plain HTTP.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The most connections at once.
    pub(crate) max_connections: usize,
}

/// Serves until `stop`, then finishes what runs.
pub(crate) async fn serve(listener: TcpListener, front: Front, stop: CancellationToken) -> Result<()> {
    let front = Arc::new(front);
    let server = Arc::new(server());
    let room = Arc::new(Semaphore::new(front.max_connections));
    let running = GracefulShutdown::new();
    loop {
        let next = async {
            // Nobody closes the semaphore.
            let place = Arc::clone(&room).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // Out of descriptors, or a client that left already: neither is a reason to stop.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (front, server, watcher) = (Arc::clone(&front), Arc::clone(&server), running.watcher());
        tokio::spawn(async move {
            if let Err(error) = converse(&front, &server, stream, peer, watcher).await {
                tracing::debug!(%error, peer = %peer, "a connection broke off");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(DRAIN, running.shutdown()).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "some requests did not finish and were cut off");
    }
    Ok(())
}

type Server = Builder<TokioExecutor>;
type Broken = Box<dyn std::error::Error + Send + Sync>;

fn server() -> Server {
    let mut server = Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(256 * 1024)
        .half_close(true);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_header_list_size(MAX_HEAD as u32)
        .initial_stream_window_size(4 << 20);
    server
}

/// One connection, from its first byte to its last.
async fn converse(
    front: &Front,
    server: &Server,
    stream: TcpStream,
    peer: SocketAddr,
    watcher: Watcher,
) -> Result<(), Broken> {
    let _ = stream.set_nodelay(true);
    let Some(tls) = &front.tls else { return serve_http(front, server, stream, peer, watcher).await };
    let stream = timeout(HANDSHAKE_TIMEOUT, async {
        let mut first = [0];
        if stream.peek(&mut first).await? > 0 && first[0] != HANDSHAKE_RECORD {
            return refuse_plain(stream).await;
        }
        tls.acceptor().accept(stream).await.map(Some)
    });
    match stream.await.map_err(|_| "the TLS handshake took too long")?? {
        Some(stream) => serve_http(front, server, stream, peer, watcher).await,
        None => Ok(()),
    }
}

/// The type of a TLS record that a client begins with (RFC 8446, section 5.1). No letter has this number.
const HANDSHAKE_RECORD: u8 = 0x16;

/// Tells a client that speaks plain HTTP what is wrong, which no TLS alert could.
async fn refuse_plain<T>(mut stream: TcpStream) -> io::Result<Option<T>> {
    const SAID: &str = "this port speaks TLS: use https://\n";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{SAID}",
        SAID.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // The client would not see the answer if what it still sends met a closed socket.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(None)
}

async fn serve_http<S>(
    front: &Front,
    server: &Server,
    stream: S,
    peer: SocketAddr,
    watcher: Watcher,
) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = front.router.clone().map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    });
    let service = service.map_err(|never: Infallible| match never {});
    let stream = TokioIo::new(Prompt::new(stream, HEAD_TIMEOUT));
    watcher.watch(server.serve_connection(stream, TowerToHyperService::new(service)).into_owned()).await
}

/// A stream whose first bytes must come in time. While they come, hyper waits without a limit to learn whether they are
/// the preface of HTTP/2; after them its own limits count.
struct Prompt<S> {
    stream: S,
    deadline: Option<Pin<Box<Sleep>>>,
    seen: usize,
}

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl<S> Prompt<S> {
    fn new(stream: S, limit: Duration) -> Self {
        Self { stream, deadline: Some(Box::pin(sleep(limit))), seen: 0 }
    }

    /// Ends the waiting once the bytes tell which HTTP this is.
    fn look_at(&mut self, bytes: &[u8]) {
        let rest = &PREFACE[self.seen..];
        let compared = rest.len().min(bytes.len());
        self.seen += compared;
        if bytes[..compared] != rest[..compared] || self.seen == PREFACE.len() || bytes.is_empty() {
            self.deadline = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prompt<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let Some(deadline) = &mut self.deadline else { return read };
        if read.is_ready() {
            self.look_at(&buffer.filled()[before..]);
            return read;
        }
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing was asked in time")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prompt<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn a_client_that_says_nothing_or_half_a_preface_is_let_go() {
        for said in ["", "P", "PRI * HTTP/2.0\r\n"] {
            let (mut client, server) = tokio::io::duplex(64);
            let mut server = Prompt::new(server, LIMIT);
            client.write_all(said.as_bytes()).await.unwrap();
            let mut read = Vec::new();
            let error = server.read_to_end(&mut read).await.unwrap_err();
            assert_eq!((error.kind(), read.as_slice()), (io::ErrorKind::TimedOut, said.as_bytes()));
        }
    }

    #[tokio::test]
    async fn once_it_is_plain_what_is_spoken_other_limits_count() {
        for said in ["GET ", "PUT ", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/3"] {
            let (mut client, server) = tokio::io::duplex(64);
            let mut server = Prompt::new(server, LIMIT);
            client.write_all(said.as_bytes()).await.unwrap();
            let mut read = vec![0; said.len()];
            server.read_exact(&mut read).await.unwrap();
            sleep(LIMIT * 3).await;
            client.write_all(b"x").await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), b'x', "{said:?}");
        }
    }
}
