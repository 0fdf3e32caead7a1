//! The body of a request as a stream that keeps its promises: exactly as long as announced, and not endlessly slow.
//!
//! A body that breaks one ends in an error, so that whoever reads it never takes half a body for a whole one.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_util::Stream;
use http::{HeaderMap, header};
use tokio::time::{Instant, Sleep};

use crate::Settings;

/// The stream of a request's body. `length` is how long it must be, where that is known.
pub(crate) fn stream(body: Body, length: Option<u64>, settings: &Settings) -> Incoming {
    Incoming {
        inner: body.into_data_stream(),
        length,
        received: 0,
        patience: Patience {
            settings: settings.clone(),
            received: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            alarm: None,
        },
        ended: false,
    }
}

/// The `Content-Length` of a request, where it has one.
pub(crate) fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// See [`stream`].
pub(crate) struct Incoming {
    inner: BodyDataStream,
    length: Option<u64>,
    received: u64,
    patience: Patience,
    ended: bool,
}

impl Stream for Incoming {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let polled = match Pin::new(&mut this.inner).poll_next(context) {
            Poll::Pending if this.patience.is_exhausted(context) => {
                Some(Err(Error::new(ErrorKind::TimedOut, "the client sent too slowly")))
            }
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => {
                this.received = this.received.saturating_add(bytes.len() as u64);
                this.patience.count(bytes.len());
                match this.length {
                    Some(length) if this.received > length => Some(Err(wrong_length(length, this.received))),
                    _ => Some(Ok(bytes)),
                }
            }
            Poll::Ready(Some(Err(error))) => Some(Err(Error::new(ErrorKind::ConnectionAborted, error))),
            Poll::Ready(None) => match this.length {
                Some(length) if this.received < length => Some(Err(wrong_length(length, this.received))),
                _ => None,
            },
        };
        this.ended = !matches!(polled, Some(Ok(_)));
        Poll::Ready(polled)
    }
}

fn wrong_length(announced: u64, received: u64) -> Error {
    Error::new(ErrorKind::UnexpectedEof, format!("{received} bytes came, {announced} were announced"))
}

/// How long the client has been waited for since it last sent enough. Only waiting counts: a slow disk of ours is never
/// held against the client, and a client that keeps us busy costs no timer.
struct Patience {
    settings: Settings,
    received: u64,
    waited: Duration,
    waiting_since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn is_exhausted(&mut self, context: &mut Context<'_>) -> bool {
        let now = Instant::now();
        let since = *self.waiting_since.get_or_insert(now);
        if self.received >= self.settings.patience_bytes {
            (self.received, self.waited) = (0, Duration::ZERO);
        }
        let left = self.settings.patience.saturating_sub(self.waited + (now - since));
        if left.is_zero() {
            return true;
        }
        // The alarm may ring early, for it was set when less had come; then it is set anew.
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
        while alarm.as_mut().poll(context).is_ready() {
            alarm.as_mut().reset(now + left);
        }
        false
    }

    fn count(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes as u64);
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, stream as streams};

    use super::*;

    async fn read(frames: Vec<&'static [u8]>, length: Option<u64>) -> std::io::Result<usize> {
        let body =
            Body::from_stream(streams::iter(frames).map(|frame| Ok::<_, Error>(Bytes::from_static(frame))));
        let mut incoming = stream(body, length, &Settings::default());
        let mut received = 0;
        while let Some(frame) = incoming.next().await {
            received += frame?.len();
        }
        Ok(received)
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_announced_or_an_error() {
        assert_eq!(read(vec![b"abc", b"de"], Some(5)).await.unwrap(), 5);
        assert_eq!(read(vec![b"abc", b"de"], None).await.unwrap(), 5);
        assert_eq!(read(vec![], Some(0)).await.unwrap(), 0);
        for length in [0, 4, 6] {
            assert!(read(vec![b"abc", b"de"], Some(length)).await.is_err(), "{length}");
        }
    }

    #[tokio::test]
    async fn a_client_that_stops_sending_is_given_up() {
        let silent = streams::iter([Ok::<_, Error>(Bytes::from_static(b"a"))]).chain(streams::pending());
        let settings = Settings { patience: Duration::from_millis(20), patience_bytes: 10, ..Settings::default() };
        let mut incoming = stream(Body::from_stream(silent), None, &settings);
        assert!(incoming.next().await.unwrap().is_ok());
        assert_eq!(incoming.next().await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(incoming.next().await.is_none());
    }

    #[tokio::test]
    async fn a_slow_client_that_keeps_the_pace_is_heard_to_the_end() {
        let slow = streams::iter(0..8).then(|_| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<_, Error>(Bytes::from_static(b"0123456789"))
        });
        let settings = Settings { patience: Duration::from_millis(120), patience_bytes: 10, ..Settings::default() };
        let frames = stream(Body::from_stream(slow), Some(80), &settings).collect::<Vec<_>>().await;
        assert!(frames.iter().all(Result::is_ok));
    }
}
