//! The job queue.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use plimsoll_store::{JobKind, Priority, Settings, Store};
use plimsoll_types::Digest;

use crate::place::{NOW, Place};

fn scan(number: usize) -> JobKind {
    JobKind::ScanImage(Digest::sha256(&number.to_le_bytes()))
}

pub(crate) async fn the_most_urgent_job_comes_first(place: Place) {
    let store = &place.store;
    let later = NOW.plus_millis(10);
    store.enqueue(&scan(1), Priority::Periodic, NOW).await.unwrap();
    store.enqueue(&JobKind::Rematch { generation: 7 }, Priority::Manual, NOW).await.unwrap();
    store.enqueue(&scan(2), Priority::Push, later).await.unwrap();
    store.enqueue(&JobKind::ReadLayer(Digest::sha256(b"")), Priority::Push, NOW).await.unwrap();
    store.enqueue(&scan(3), Priority::Periodic, NOW).await.unwrap();
    store.enqueue(&scan(3), Priority::Import, NOW).await.unwrap();
    store.enqueue(&scan(3), Priority::Periodic, NOW).await.unwrap();
    let mut order = Vec::new();
    while let Some(job) = store.claim_job(later, 1000).await.unwrap() {
        assert_eq!(job.attempts, 1);
        order.push(job.kind);
    }
    let read = JobKind::ReadLayer(Digest::sha256(b""));
    assert_eq!(order, [read, scan(2), scan(3), JobKind::Rematch { generation: 7 }, scan(1)]);
}

pub(crate) async fn eight_workers_share_the_jobs_and_none_is_done_twice(place: Place) {
    for number in 0..60 {
        place.store.enqueue(&scan(number), Priority::Push, NOW).await.unwrap();
    }
    let workers = (0..8).map(|_| {
        let store = place.store.clone();
        tokio::spawn(async move {
            let mut done = Vec::new();
            while let Some(job) = store.claim_job(NOW, 60_000).await.unwrap() {
                tokio::task::yield_now().await;
                store.complete_job(&job).await.unwrap();
                done.push(job.kind);
            }
            done
        })
    });
    let mut times: HashMap<JobKind, usize> = HashMap::new();
    for kind in join_all(workers).await.into_iter().flat_map(Result::unwrap) {
        *times.entry(kind).or_default() += 1;
    }
    assert_eq!(times.len(), 60);
    assert!(times.values().all(|times| *times == 1));
}

pub(crate) async fn a_job_whose_lease_ran_out_is_taken_over(place: Place) {
    let store = &place.store;
    store.enqueue(&scan(1), Priority::Push, NOW).await.unwrap();
    let first = store.claim_job(NOW, 1000).await.unwrap().unwrap();
    assert_eq!(store.claim_job(NOW.plus_millis(999), 1000).await.unwrap(), None);
    assert!(store.renew_lease(&first, NOW.plus_millis(999), 1000).await.unwrap());
    assert_eq!(store.claim_job(NOW.plus_millis(1500), 1000).await.unwrap(), None);
    let second = store.claim_job(NOW.plus_millis(2000), 1000).await.unwrap().unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 2));
    assert!(!store.renew_lease(&first, NOW.plus_millis(2000), 1000).await.unwrap());
    store.complete_job(&first).await.unwrap();
    store.fail_job(&first, "too late", None).await.unwrap();
    assert!(store.renew_lease(&second, NOW.plus_millis(2000), 1000).await.unwrap(), "it still runs");
    store.complete_job(&second).await.unwrap();
    assert!(!store.renew_lease(&second, NOW, 1000).await.unwrap());
    assert_eq!(store.claim_job(NOW.plus_millis(99_999), 1000).await.unwrap(), None);
}

pub(crate) async fn a_job_asked_for_while_it_runs_runs_again(place: Place) {
    let store = &place.store;
    store.enqueue(&scan(1), Priority::Periodic, NOW).await.unwrap();
    for failing in [false, true] {
        let job = store.claim_job(NOW, 1000).await.unwrap().unwrap();
        assert_eq!(job.attempts, 1);
        store.enqueue(&scan(1), Priority::Push, NOW).await.unwrap();
        store.enqueue(&scan(1), Priority::Push, NOW).await.unwrap();
        assert_eq!(store.claim_job(NOW, 1000).await.unwrap(), None, "never twice at once");
        if failing {
            store.fail_job(&job, "a reason", Some(NOW.plus_millis(99_999))).await.unwrap();
        } else {
            store.complete_job(&job).await.unwrap();
        }
    }
    let job = store.claim_job(NOW, 1000).await.unwrap().unwrap();
    store.complete_job(&job).await.unwrap();
    assert_eq!(store.claim_job(NOW, 1000).await.unwrap(), None);
}

pub(crate) async fn a_failed_job_waits_for_its_time_or_for_people(place: Place) {
    let store = &place.store;
    store.enqueue(&scan(1), Priority::Push, NOW).await.unwrap();
    let job = store.claim_job(NOW, 1000).await.unwrap().unwrap();
    store.fail_job(&job, "the probe died", Some(NOW.plus_millis(5000))).await.unwrap();
    assert_eq!(store.claim_job(NOW.plus_millis(4999), 1000).await.unwrap(), None);
    let job = store.claim_job(NOW.plus_millis(5000), 1000).await.unwrap().unwrap();
    assert_eq!(job.attempts, 2);
    store.fail_job(&job, "again", None).await.unwrap();
    assert_eq!(store.claim_job(NOW.plus_millis(1 << 50), 1000).await.unwrap(), None);
    store.enqueue(&scan(1), Priority::Manual, NOW).await.unwrap();
    assert_eq!(store.claim_job(NOW, 1000).await.unwrap().unwrap().attempts, 1, "somebody asked anew");
}

pub(crate) async fn a_restart_frees_the_jobs_of_the_node(place: Place) {
    for number in 0..3 {
        place.store.enqueue(&scan(number), Priority::Push, NOW).await.unwrap();
    }
    place.store.claim_job(NOW, 1000).await.unwrap().unwrap();
    place.store.claim_job(NOW, 1000).await.unwrap().unwrap();
    let other = Settings { node: "two".to_owned(), ..place.settings.clone() };
    let other = Store::open(&other).await.unwrap();
    other.claim_job(NOW, 1000).await.unwrap().unwrap();
    let restarted = place.restarted().await;
    // On SQLite there is one node, whatever its name was.
    let expected = if place.is_embedded() { 3 } else { 2 };
    assert_eq!(restarted.release_own_jobs().await.unwrap(), expected);
    let job = restarted.claim_job(NOW, 1000).await.unwrap().unwrap();
    assert_eq!(job.attempts, 2);
}

pub(crate) async fn a_new_job_wakes_a_worker(place: Place) {
    let long = Duration::from_secs(600);
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let store = place.store.clone();
            tokio::spawn(async move {
                loop {
                    if let Some(job) = store.claim_job(NOW, 600_000).await.unwrap() {
                        return job.kind;
                    }
                    store.job_wake_up(long).await;
                }
            })
        })
        .collect();
    // On PostgreSQL the job comes from another node; its LISTEN has to stand first.
    let other = if place.is_embedded() { place.store.clone() } else { place.restarted().await };
    tokio::time::sleep(Duration::from_millis(300)).await;
    other.enqueue(&scan(1), Priority::Push, NOW).await.unwrap();
    other.enqueue(&scan(2), Priority::Push, NOW).await.unwrap();
    let patience = Duration::from_secs(60);
    for worker in workers {
        tokio::time::timeout(patience, worker).await.expect("the worker slept on").unwrap();
    }
    let begun = std::time::Instant::now();
    place.restarted().await.job_wake_up(Duration::from_millis(20)).await;
    assert!(begun.elapsed() >= Duration::from_millis(20), "without a job the time passes");
}
