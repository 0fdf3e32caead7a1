//! `Plimsoll.Security`: what Azure has no resource for.

use super::{Operation, get, post};

const READ_SCANS: &str = "Plimsoll.Security/scans/read";
const READ_METERS: &str = "Plimsoll.Security/meters/read";

pub(super) const ALL: &[Operation] = &[
    get("/{scope}/providers/Plimsoll.Security/scans", "Scans_List", "How the scans of a registry go")
        .needs(READ_SCANS)
        .gives("ScanList")
        .asks(&["$top", "$skipToken", "repository", "digest", "state"]),
    get("/{scope}/providers/Plimsoll.Security/scans/{scanName}", "Scans_Get", "How one scan goes")
        .needs(READ_SCANS)
        .gives("Scan"),
    post("/{scope}/providers/Plimsoll.Security/rescan", "Scans_Rescan", "Scans images of a registry again")
        .needs("Plimsoll.Security/scans/rescan/action")
        .takes("Rescan")
        .gives("RescanResult"),
    get(
        "/subscriptions/{subscriptionId}/providers/Plimsoll.Security/meters",
        "Meters_List",
        "What was charged, by month",
    )
    .needs(READ_METERS)
    .gives("MeterList"),
    get(
        "/subscriptions/{subscriptionId}/providers/Plimsoll.Security/meters/{month}",
        "Meters_Get",
        "What was charged in a month",
    )
    .needs(READ_METERS)
    .gives("Meter"),
    get(
        "/subscriptions/{subscriptionId}/providers/Plimsoll.Security/meters/{month}/charges",
        "Meters_ListCharges",
        "The images that were charged in a month",
    )
    .needs(READ_METERS)
    .gives("ChargeList")
    .asks(&["$top", "$skipToken"]),
];
