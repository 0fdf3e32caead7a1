//! The registry alone on loopback: for trying clients and the OCI's conformance suite against it.
//!
//! `cargo run -p plimsoll-registry --example serve -- 127.0.0.1:5000 FOLDER`

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use plimsoll_access::{Access, Clock, Mode};
use plimsoll_registry::{Registry, Settings, router};
use plimsoll_store::Store;
use plimsoll_types::{Guid, Scope, Timestamp};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("two arguments are needed: ADDRESS:PORT FOLDER".into());
    };
    std::fs::create_dir_all(&folder)?;
    let store = Store::open(&plimsoll_store::Settings {
        database: format!("sqlite:{folder}/plimsoll.db"),
        blobs: format!("file:{folder}/blobs"),
        blob_options: Vec::new(),
        node: "example".to_owned(),
    })
    .await?;
    let clock: Clock = Arc::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    });
    let scope = Scope {
        subscription: Guid::nil().to_string(),
        resource_group: "example".to_owned(),
        registry: "example".to_owned(),
        registry_host: address.clone(),
    };
    store.ensure_registry(&scope, &serde_json::json!({}), clock()).await?;
    let settings = plimsoll_access::Settings { mode: Mode::Off, tenant: Guid::nil(), oidc: None };
    let access = Access::open(store.clone(), clock.clone(), settings).await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{}/v2/", listener.local_addr()?);
    axum::serve(listener, router(Registry { store, clock, access, settings: Settings::default() })).await?;
    Ok(())
}
