//! Work on the same thing is done once, however many wait for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, WeakShared};

/// The work that is going on, by what it is about.
pub(crate) struct Flights<K, V: Clone> {
    running: Mutex<HashMap<K, WeakShared<BoxFuture<'static, V>>>>,
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    pub(crate) fn new() -> Self {
        Self { running: Mutex::default() }
    }

    /// Joins the work about `key`, or begins it. Whoever waits drives it, so it goes on when one of them gives up, and
    /// ends when all have.
    pub(crate) async fn join(&self, key: K, begin: impl FnOnce() -> BoxFuture<'static, V>) -> V {
        let flight = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.retain(|_, flight| flight.upgrade().is_some());
            match running.get(&key).and_then(WeakShared::upgrade) {
                Some(flight) => flight,
                None => {
                    let flight = begin().shared();
                    if let Some(weak) = flight.downgrade() {
                        running.insert(key, weak);
                    }
                    flight
                }
            }
        };
        flight.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_answer() {
        let flights = Flights::new();
        let begun = Arc::new(AtomicUsize::new(0));
        let ask = |key: &'static str| {
            let begun = Arc::clone(&begun);
            flights.join(key, move || {
                async move {
                    tokio::task::yield_now().await;
                    begun.fetch_add(1, Ordering::SeqCst)
                }
                .boxed()
            })
        };
        let (a, b, c) = tokio::join!(ask("layer"), ask("layer"), ask("other"));
        assert!(a == b && a != c);
        assert_eq!(begun.load(Ordering::SeqCst), 2);
        assert_eq!(ask("layer").await, 2, "what has ended is not remembered");
    }

    #[tokio::test]
    async fn the_work_goes_on_when_the_one_who_began_it_gives_up() {
        let flights = Flights::new();
        let (sender, receiver) = tokio::sync::oneshot::channel::<u8>();
        let first = flights.join(1, || async { receiver.await.unwrap() }.boxed());
        let mut first = Box::pin(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(flights.join(1, || unreachable!("it is going on already")));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        sender.send(7).unwrap();
        assert_eq!(second.await, 7);
    }
}
