//! `plimsoll serve`: assembles the parts into one process, and takes it apart again when it is told to stop.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::uri::Authority;
use axum::routing::get;
use plimsoll_access::{Access, Mode, Secret};
use plimsoll_registry::{Journal, JournalSettings, Registry};
use plimsoll_scan::{
    AdvisoryHandle, Clock, Notifier, NotifySettings, Sandbox, ScheduleSettings, Shapes, UpdateOptions,
    Worker, WorkerSettings,
};
use plimsoll_store::Store;
use plimsoll_types::probe::Limits;
use plimsoll_types::{Guid, Scope};
use plimsoll_web::{Connection, Web};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::config::{self, Settings};
use crate::tls::Tls;
use crate::{clock, db, listener, logs, resource_log};

/// The longest that the parts may take to end once the listener has.
const END: Duration = Duration::from_secs(15);

/// Runs until a signal asks it to stop.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    logs::start(settings)?;
    let sandbox = Arc::new(
        Sandbox::new(Limits::default(), settings.allow_missing_walls, settings.workers)
            .with_embedded_sboms(!settings.ignore_embedded_sboms),
    );
    check_walls(&sandbox, settings).await?;
    let store = Store::open(&store_settings(settings)?).await?;
    let advisories = AdvisoryHandle::open(&db::folder(settings));
    let listening = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    let address = listening.local_addr()?;
    let mut scope = settings.scope.clone();
    if scope.registry_host == settings.listen.to_string() {
        // With port 0 the system has chosen another.
        scope.registry_host = address.to_string();
    }
    let stop = CancellationToken::new();
    // Certificates are looked at by others, whose clocks are not moved.
    let tls = open_tls(settings, address, plimsoll_scan::system_clock())?.map(Arc::new);
    let clock = clock::of(settings, &stop)?;
    store.ensure_registry(&scope, &json!({}), clock()).await?;
    let access = Access::open(store.clone(), Arc::clone(&clock), access_settings(settings)).await?;
    let first_token = match settings.authentication {
        Mode::Required => plimsoll_access::first_token(&store, clock()).await?,
        Mode::Off | Mode::WhenConfigured => None,
    };
    warn_of_openness(settings, address);
    let settings_of_journal =
        JournalSettings { days: settings.resource_log_days, lines: resource_log::lines(settings)? };
    let journal = Journal::new(store.clone(), Arc::clone(&clock), settings_of_journal);
    let worker = Worker::new(
        store.clone(),
        Arc::clone(&sandbox),
        advisories.clone(),
        Arc::clone(&clock),
        // One job more than there are probes: while all read layers, a scan that needs none goes on.
        WorkerSettings {
            concurrency: settings.workers + 1,
            attach_sboms: settings.attach_sboms,
            ..WorkerSettings::default()
        },
    )
    .noting_in({
        let journal = journal.clone();
        Arc::new(move |registry, event| journal.log(registry, event))
    });
    let schedule = plimsoll_scan::run_schedule(
        ScheduleSettings {
            update_every: Some(settings.feed_interval),
            update: UpdateOptions { ecosystems: settings.ecosystems.clone(), ..UpdateOptions::default() },
            watch: settings.watch,
            exploits: settings.exploits.clone(),
            exploits_every: settings.feed_interval,
            ..ScheduleSettings::default()
        },
        store.clone(),
        db::feeds(settings)?,
        advisories.clone(),
        Arc::clone(&clock),
        stop.clone(),
    );
    let connection = Connection { tls: tls.is_some(), trust_forwarded: settings.trust_forwarded_headers };
    let notifier = notifier(settings, &store, &clock, &scope, connection)?;
    let parts = [
        tokio::spawn({
            let stop = stop.clone();
            async move { notifier.run(stop).await }
        }),
        tokio::spawn({
            let stop = stop.clone();
            async move { worker.run(stop).await }
        }),
        tokio::spawn(schedule),
        tokio::spawn({
            let (journal, stop) = (journal.clone(), stop.clone());
            async move { journal.run(stop.cancelled_owned()).await }
        }),
    ];
    let registry = Registry {
        store: store.clone(),
        clock: Arc::clone(&clock),
        access: access.clone(),
        journal: journal.clone(),
        settings: plimsoll_registry::Settings { connection, ..plimsoll_registry::Settings::default() },
    };
    let asks = access.is_required().await?;
    tokio::spawn(keep_scores(store.clone(), Arc::clone(&clock), stop.clone()));
    let login_server_suffix = settings
        .login_server_suffix
        .clone()
        .unwrap_or_else(|| plimsoll_web::login_server_suffix(&scope.registry_host));
    let web =
        Web { store: store.clone(), clock, access, scope: scope.clone(), connection, login_server_suffix };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state((store.clone(), advisories.clone())))
        .merge(plimsoll_registry::router(registry))
        .fallback_service(plimsoll_web::router_with(web, settings.graph))
        .layer(CatchPanicLayer::new());

    tracing::info!(address = %address, tls = tls.is_some(), data = %settings.data.display(), "listening");
    if advisories.load().is_none() {
        tracing::warn!(
            feed = settings.feed,
            "no advisories yet: images are read and wait for their verdict until the feed answers"
        );
    }
    if let Some(tls) = &tls {
        tokio::spawn(Arc::clone(tls).keep_up(stop.clone())?);
    }
    greet(&address.to_string(), tls.as_deref(), &scope.subscription_id(), asks, first_token.as_ref());

    tokio::spawn(wait_for_signal(stop.clone()));
    let front = listener::Front { router, tls, max_connections: settings.max_connections };
    listener::serve(listening, front, stop.clone()).await?;
    for part in parts {
        if tokio::time::timeout(END, part).await.is_err() {
            tracing::warn!("a part did not end in time; what it did will be done again at the next start");
        }
    }
    // What the last requests and jobs left.
    journal.flush().await;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Whoever tells what happens, with the words of the API.
fn notifier(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    scope: &Scope,
    connection: Connection,
) -> Result<Notifier> {
    let shapes = Shapes {
        finding: Arc::new(plimsoll_web::sub_assessments_of),
        assessment: Arc::new(move |scope, generation, registry| {
            plimsoll_web::assessment_of(scope, &connection, generation, registry)
        }),
    };
    let host = scope.registry_host.parse::<Authority>();
    let origin = host.map_or_else(|_| "plimsoll.local".to_owned(), |authority| authority.host().to_owned());
    let settings = NotifySettings {
        reach: settings.webhook_targets,
        handshake: settings.webhook_handshake,
        origin,
        ..NotifySettings::default()
    };
    Ok(Notifier::new(store.clone(), shapes, Arc::clone(clock), settings)?)
}

/// Ends rules whose time has come and writes down secure scores, whether anybody asks or not.
async fn keep_scores(store: Store, clock: Clock, stop: CancellationToken) {
    let mut hourly = tokio::time::interval(Duration::from_secs(60 * 60));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hourly.tick() => {}
        }
        if let Err(error) = plimsoll_web::record_scores(&store, clock()).await {
            tracing::error!(%error, "the secure scores could not be written down");
        }
    }
}

/// The store's part of the settings. Makes the data folder where it is missing.
pub(crate) fn store_settings(settings: &Settings) -> Result<plimsoll_store::Settings> {
    std::fs::create_dir_all(&settings.data)
        .with_context(|| format!("cannot make the data folder {}", settings.data.display()))?;
    Ok(plimsoll_store::Settings {
        database: settings.database.clone(),
        blobs: settings.blobs.clone(),
        blob_options: settings.blob_options.clone(),
        node: settings.node.clone(),
    })
}

/// Refuses to start where layers could not be read safely: an image that nobody scans would look like one that is clean.
async fn check_walls(sandbox: &Sandbox, settings: &Settings) -> Result<()> {
    let report = sandbox.check_walls().await?;
    if report.is_sound() {
        return Ok(());
    }
    let missing: Vec<_> = report.missing().map(|wall| format!("{} ({})", wall.kind, wall.detail)).collect();
    let allowed: Vec<_> = report.allowed().map(|attempt| attempt.name.clone()).collect();
    let lacking = [missing, allowed].concat().join("; ");
    if settings.allow_missing_walls {
        tracing::warn!(
            lacking,
            "the probe's walls do not all stand, and it was allowed to read layers all the same"
        );
        return Ok(());
    }
    bail!(
        "the probe's walls do not all stand on this machine: {lacking}. `plimsoll doctor` tells more; --allow-missing-walls scans all the same"
    )
}

async fn ready(State((store, advisories)): State<(Store, AdvisoryHandle)>) -> (StatusCode, Json<Value>) {
    let known = advisories.load().map(|known| {
        json!({"generation": known.generation(), "updatedAt": known.updated_at().map(|at| at.to_string())})
    });
    match store.check().await {
        // Without advisories the registry works and scans wait: that is ready, and is told.
        Ok(()) => (StatusCode::OK, Json(json!({"ready": true, "advisories": known}))),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Json(json!({"ready": false, "reason": error.to_string(), "advisories": known})),
            )
        }
    }
}

/// How callers are recognised, as the settings want it. There is one tenant, and it has the GUID of zeros.
pub(crate) fn access_settings(settings: &Settings) -> plimsoll_access::Settings {
    plimsoll_access::Settings {
        mode: settings.authentication,
        tenant: Guid::nil(),
        oidc: settings.oidc.clone(),
    }
}

/// Tells the operator's log what others can see or do.
fn warn_of_openness(settings: &Settings, address: SocketAddr) {
    if address.ip().is_loopback() {
        return;
    }
    if settings.authentication == Mode::Off {
        tracing::warn!("nobody is asked who he is: whoever can connect may read, push and delete");
    } else if settings.tls == config::Tls::Off && !settings.trust_forwarded_headers {
        tracing::warn!(
            "without TLS, tokens and passwords cross the network for all to read; see --tls and --tls-cert"
        );
    }
}

/// TLS as the settings want it. Its certificate is for the address and the registry's host too.
fn open_tls(settings: &Settings, address: SocketAddr, clock: Clock) -> Result<Option<Tls>> {
    let mut names = Vec::new();
    if !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    if let Ok(host) = settings.scope.registry_host.parse::<Authority>() {
        let host = host.host().trim_matches(['[', ']']);
        if host.parse::<IpAddr>().is_ok_and(|address| !address.is_unspecified()) {
            names.push(host.to_owned());
        }
    }
    Tls::open(&settings.tls, &settings.data.join("tls"), names, clock)
}

/// Tells a person what to do next.
fn greet(address: &str, tls: Option<&Tls>, subscription: &str, asks: bool, first_token: Option<&Secret>) {
    let scheme = if tls.is_some() { "https" } else { "http" };
    let authority = tls.and_then(Tls::authority);
    // What the two programs need to know of the server's certificate.
    let (skopeo, curl) = match authority {
        Some(file) => {
            let folder = file.parent().unwrap_or(file).display();
            (format!("--dest-cert-dir {folder} "), format!("--cacert {} ", file.display()))
        }
        None if tls.is_some() => Default::default(),
        None => ("--dest-tls-verify=false ".to_owned(), String::new()),
    };
    let trust = authority.map_or_else(String::new, |file| {
        format!("Trust its authority: {0} (REQUESTS_CA_BUNDLE={0} for az and Azure's SDKs)\n", file.display())
    });
    let header = if asks { "-H \"Authorization: Bearer $TOKEN\" " } else { "" };
    let login = match (first_token, asks) {
        (Some(token), _) => format!(
            "\nAdmin token, Owner of everything, shown only now:\n\n    {}\n\n\
             Log in:             skopeo login --username token --password $TOKEN {address}\n",
            token.reveal()
        ),
        (None, true) => format!(
            "\nLog in:             skopeo login --username token --password $TOKEN {address}\n\
             Make a token:       plimsoll token create NAME --role ROLE --scope SCOPE\n"
        ),
        (None, false) => "\n".to_owned(),
    };
    let text = format!(
        "Plimsoll listens on {scheme}://{address}\n\
         {trust}\
         {login}\
         Push an image:      skopeo copy {skopeo}docker://alpine docker://{address}/alpine\n\
         Read its verdict:   curl -s {curl}{header}'{scheme}://{address}{subscription}/providers/Microsoft.Security/subAssessments?api-version=2019-01-01-preview'\n\
         Or as a table:      plimsoll scan docker://{address}/alpine\n\
         Stop:               Ctrl-C\n"
    );
    let mut stdout = std::io::stdout().lock();
    // Nobody reads it: that is no reason not to serve.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

async fn wait_for_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping: running requests and jobs may end");
    stop.cancel();
}
