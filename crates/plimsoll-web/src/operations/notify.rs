//! Who is told, and what became of it.

use super::{Operation, delete, get, patch, post, put};

const READ: &str = "Microsoft.Security/automations/read";
const WRITE: &str = "Microsoft.Security/automations/write";

pub(super) const ALL: &[Operation] = &[
    get(
        "/subscriptions/{subscriptionId}/providers/Microsoft.Security/automations",
        "Automations_List",
        "The automations of a subscription",
    )
    .needs(READ)
    .gives("AutomationList")
    .asks(&["$top", "$skipToken"]),
    get(
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/automations",
        "Automations_ListByResourceGroup",
        "The automations of a resource group",
    )
    .needs(READ)
    .gives("AutomationList")
    .asks(&["$top", "$skipToken"]),
    get(AUTOMATION, "Automations_Get", "An automation, without its secrets").needs(READ).gives("Automation"),
    put(AUTOMATION, "Automations_CreateOrUpdate", "Make an automation, or replace one")
        .needs(WRITE)
        .takes("Automation")
        .gives("Automation"),
    patch(AUTOMATION, "Automations_Update", "Change parts of an automation")
        .needs(WRITE)
        .takes("Automation")
        .gives("Automation"),
    delete(AUTOMATION, "Automations_Delete", "Delete an automation with its deliveries")
        .needs("Microsoft.Security/automations/delete"),
    post(
        "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/automations/{automationName}/validate",
        "Automations_Validate",
        "Whether an automation could be written so",
    )
    .needs(WRITE)
    .takes("Automation")
    .gives("AutomationValidation"),
    get("/{scope}/providers/Plimsoll.Security/deliveries", "Deliveries_List", "What was told, waits or was given up, newest first")
        .needs("Plimsoll.Security/deliveries/read")
        .gives("DeliveryList")
        .asks(&["state", "$top", "$skipToken"]),
    get("/{scope}/providers/Plimsoll.Security/deliveries/{deliveryId}", "Deliveries_Get", "A delivery")
        .needs("Plimsoll.Security/deliveries/read")
        .gives("Delivery"),
    post("/{scope}/providers/Plimsoll.Security/deliveries/{deliveryId}/replay", "Deliveries_Replay", "Send a delivery again")
        .needs("Plimsoll.Security/deliveries/replay/action")
        .gives("Delivery"),
    post("/{scope}/providers/Plimsoll.Security/deliveries/replay", "Deliveries_ReplayAll", "Send all again that were given up")
        .needs("Plimsoll.Security/deliveries/replay/action")
        .gives("Replayed"),
];

const AUTOMATION: &str = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Security/automations/{automationName}";
