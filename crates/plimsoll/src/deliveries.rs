//! `plimsoll deliveries`: what was told, what waits and what was given up; and sending it again.

use anyhow::{Result, bail};
use plimsoll_store::{Delivery, DeliveryFilter, Replay, Store};
use serde_json::json;

use crate::cli::{Deliveries, DeliveriesCommand, PlainFormat};
use crate::config::Settings;
use crate::{serve, table};

/// The most that a list shows.
const MOST: u32 = 1_000;

/// Speaks to the store, not to a server: what is replayed is sent by whichever server runs over it.
pub(crate) async fn run(command: &Deliveries, settings: &Settings) -> Result<()> {
    let store = Store::open(&serve::store_settings(settings)?).await?;
    let done = match &command.command {
        DeliveriesCommand::List { state, format } => {
            let filter = DeliveryFilter { state: state.map(Into::into), under: None };
            let found = store.deliveries(&filter, None, MOST).await;
            found.map_err(Into::into).map(|found| show(&found, *format))
        }
        DeliveriesCommand::Replay { id, all } => replay(&store, *id, *all).await,
    };
    store.close().await;
    done
}

async fn replay(store: &Store, id: Option<i64>, all: bool) -> Result<()> {
    let now = plimsoll_scan::system_clock()();
    let which = match id {
        Some(id) if !all => Replay::One(id),
        _ => Replay::AllDead(None),
    };
    let replayed = store.replay(which, now).await?;
    if let (Some(id), 0) = (id, replayed) {
        match store.delivery(id).await? {
            None => bail!("there is no delivery {id}; `plimsoll deliveries list` shows those that there are"),
            Some(_) => bail!("the delivery {id} is pending: it is sent without being replayed"),
        }
    }
    println!("{replayed} {} sent again", if replayed == 1 { "delivery is" } else { "deliveries are" });
    Ok(())
}

fn show(deliveries: &[Delivery], format: PlainFormat) {
    if format == PlainFormat::Json {
        let rows: Vec<_> = deliveries.iter().map(as_json).collect();
        println!("{:#}", json!(rows));
        return;
    }
    if deliveries.is_empty() {
        println!("There are no such deliveries.");
        return;
    }
    let mut rows = table::table(&["Id", "State", "Tells", "Target", "Sent", "Attempts", "Changed", "Reason"]);
    for delivery in deliveries {
        rows.add_row([
            table::cell(&delivery.id.to_string()),
            table::cell(delivery.state.as_str()),
            table::cell(delivery.kind.as_str()),
            table::cell(delivery.target.resource.name()),
            table::cell(&delivery.sent.to_string()),
            table::cell(&delivery.attempts.to_string()),
            table::cell(&delivery.changed_at.to_string()),
            table::cell(delivery.reason.as_deref().unwrap_or("")),
        ]);
    }
    println!("{rows}");
}

fn as_json(delivery: &Delivery) -> serde_json::Value {
    json!({
        "id": delivery.id,
        "state": delivery.state.as_str(),
        "kind": delivery.kind.as_str(),
        "target": delivery.target.resource,
        "action": delivery.target.action,
        "sent": delivery.sent,
        "attempts": delivery.attempts,
        "reason": delivery.reason,
        "httpStatus": delivery.status,
        "createdAt": delivery.created_at.to_string(),
        "changedAt": delivery.changed_at.to_string(),
    })
}
