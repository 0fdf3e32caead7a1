//! Long work shows how far it is: on stderr, and only where that is a terminal.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use plimsoll_scan::{FeedEvent, FeedProgress};

/// A line that turns while something is done. It is not there when stderr is no terminal.
#[derive(Clone)]
pub(crate) struct Spinner(ProgressBar);

impl Spinner {
    pub(crate) fn start(message: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.set_message(message.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(crate) fn say(&self, message: impl Into<String>) {
        self.0.set_message(message.into());
    }

    /// A line that stays, above the one that turns; also where stderr is no terminal.
    pub(crate) fn note(&self, line: &str) {
        self.0.suspend(|| eprintln!("plimsoll: {line}"));
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Tells of a feed update on a spinner.
pub(crate) fn of_feed(spinner: &Spinner) -> FeedProgress {
    let spinner = spinner.clone();
    let counts = Mutex::new((0_usize, 0_usize));
    Arc::new(move |event| {
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            FeedEvent::Listed(ecosystems) => counts.1 = ecosystems,
            FeedEvent::Fetched { ecosystem, .. } => {
                counts.0 += 1;
                spinner.say(format!("advisories: {} of {} ecosystems, {ecosystem}", counts.0, counts.1));
            }
            FeedEvent::Downloaded { ecosystem, bytes, total } => {
                let of = total.map_or(String::new(), |total| format!(" of {:.1}", total as f64 / 1e6));
                spinner.say(format!("advisories: {ecosystem}, {:.1}{of} MB", bytes as f64 / 1e6));
            }
            FeedEvent::Compiling => spinner.say("advisories: compiling the database"),
        }
    })
}
