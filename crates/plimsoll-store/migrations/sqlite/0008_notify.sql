-- What is to be told, to whom, and how far that is. An event is routed once: a delivery for each target that it concerns.

alter table events add column routed bigint not null default 0;
update events set routed = 1;
create index events_to_route on events (id) where routed = 0;
create index events_of_findings on events (at) where kind in ('image.assessed', 'matches.changed');

-- One queue: an action of an automation, or a registry's web hook. It is due at `due_at`; while a process works on it, that is
-- the end of its lease; without anything to do it is null.
create table delivery_targets (
    target text primary key not null,
    due_at bigint,
    owner text,
    -- How often it was taken: who took it earlier can change nothing any more.
    claims bigint not null default 0,
    -- Deliveries that failed one after the other.
    failures bigint not null default 0,
    -- When the next snapshot is due.
    snapshot_at bigint,
    -- The address that last agreed to be told, until when, and how many requests a minute it takes.
    agreed text
) without rowid;

create index delivery_targets_due on delivery_targets (due_at) where due_at is not null;

create table deliveries (
    id integer primary key autoincrement,
    target text not null,
    -- The automation or web hook: its id, in lower case.
    resource text not null,
    kind text not null,
    event bigint,
    -- Which part of the event, where it is told in several.
    part text not null,
    detail text not null,
    -- pending, done, dead.
    state text not null,
    -- What was told last of what this delivery has to tell.
    position text,
    sent bigint not null default 0,
    attempts bigint not null default 0,
    -- Of the last attempt that failed.
    reason text,
    status bigint,
    created_at bigint not null,
    -- From when on its attempts are counted: a replay begins anew.
    since bigint not null,
    changed_at bigint not null,
    unique (event, target, kind, part)
);

create index deliveries_pending on deliveries (target, id) where state = 'pending';
create index deliveries_by_state on deliveries (state, id);
create index deliveries_by_resource on deliveries (resource, state, id);

-- The verdict on a registry that a target was last told.
create table delivery_told (
    target text not null,
    subject text not null,
    told text not null,
    primary key (target, subject)
) without rowid;

-- The last requests of a registry's web hooks with their answers.
create table webhook_events (
    id integer primary key autoincrement,
    webhook text not null,
    event text not null,
    at bigint not null,
    request text not null,
    response text
);

create index webhook_events_by_webhook on webhook_events (webhook, id);

-- What a resource's document must not hold, since documents are listed.
create table resource_secrets (
    resource text not null,
    slot text not null,
    value text not null,
    primary key (resource, slot)
) without rowid;
