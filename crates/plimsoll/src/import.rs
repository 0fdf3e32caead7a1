//! `plimsoll import`: asks a server to copy an image from another registry, and waits until it has.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use plimsoll_types::{ImageReference, Reference};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::cli;
use crate::config::Settings;
use crate::progress::Spinner;
use crate::remote::Remote;
use crate::table::printable;

/// The longest password that is read.
const MAX_PASSWORD: u64 = 64 << 10;
/// How often the server is asked how far it is.
const POLL: Duration = Duration::from_millis(500);

pub(crate) async fn run(command: &cli::Import, settings: &Settings) -> Result<()> {
    let body = body(command)?;
    let remote = Remote::new(settings)?;
    let path = format!("{}/importImage", remote.registry());
    let spinner = Spinner::start(&format!("import: {}", command.source));
    let outcome = work(&remote, &path, &body).await;
    spinner.finish();
    outcome.with_context(|| format!("{} was not imported", command.source))?;
    println!("{} is here as {}.", printable(&command.source), printable(&command.target));
    Ok(())
}

async fn work(remote: &Remote, path: &str, body: &Value) -> Result<()> {
    let mut answer = remote.post(path, body).await?;
    // A long operation names a place to ask at, and answers 202 there until it is done.
    let mut place = answer.location.take();
    while answer.status == StatusCode::ACCEPTED || answer.body["status"] == "InProgress" {
        let Some(url) = &place else { bail!("the server does not say where to ask how far it is") };
        tokio::time::sleep(POLL).await;
        answer = remote.poll(url).await?;
        if let Some(next) = answer.location.take() {
            place = Some(next);
        }
    }
    match answer.body["status"].as_str() {
        Some(state) if state.eq_ignore_ascii_case("failed") || state.eq_ignore_ascii_case("canceled") => {
            let told = answer.body["error"]["message"].as_str().unwrap_or("the server does not say why");
            bail!("{}", printable(told));
        }
        _ => Ok(()),
    }
}

/// The body of `importImage`, as `az acr import` sends it.
fn body(command: &cli::Import) -> Result<Value> {
    let source: ImageReference = command.source.parse()?;
    let separator = if matches!(source.reference, Reference::Digest(_)) { '@' } else { ':' };
    let mut body = json!({
        "source": {
            "registryUri": source.host,
            "sourceImage": format!("{}{separator}{}", source.repository, source.reference),
        },
        "targetTags": [command.target],
        "mode": if command.force { "Force" } else { "NoForce" },
    });
    if command.password_stdin {
        let mut password = String::new();
        std::io::stdin()
            .take(MAX_PASSWORD)
            .read_to_string(&mut password)
            .context("the password cannot be read from stdin")?;
        body["source"]["credentials"] = json!({ "password": password.trim_end_matches(['\r', '\n']) });
        if let Some(username) = &command.username {
            body["source"]["credentials"]["username"] = json!(username);
        }
    }
    Ok(body)
}
