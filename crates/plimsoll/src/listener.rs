//! The one listener: accepts, serves HTTP/1.1 and HTTP/2, and lets running requests finish when it is told to stop.

use std::time::Duration;

use anyhow::Result;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A client that sends its request's head slower than this is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that running requests are waited for at the end.
const DRAIN: Duration = Duration::from_secs(20);
/// The most bytes of a request's head.
const MAX_HEAD: usize = 32 * 1024;

/// Serves until `stop`, then finishes what runs.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> Result<()> {
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
        .max_header_list_size(MAX_HEAD as u32)
        .initial_stream_window_size(4 << 20);
    let running = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            // Out of descriptors, or a client that left already: neither is a reason to stop.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = server.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = running.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection broke off");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, running.shutdown()).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "some requests did not finish and were cut off");
    }
    Ok(())
}
