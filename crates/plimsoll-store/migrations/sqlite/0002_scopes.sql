-- Subscriptions, resource groups, registries; settings that are ARM documents; long-running operations.

create table subscriptions (
    -- In lower case, as all ids of this file that are compared.
    id text primary key not null,
    display_name text not null,
    created_at bigint not null
) without rowid;

create table resource_groups (
    id text primary key not null,
    subscription text not null,
    name text not null,
    location text not null,
    tags text not null,
    created_at bigint not null
) without rowid;

create table registries (
    id integer primary key autoincrement,
    subscription text not null,
    resource_group text not null,
    name text not null,
    -- The name in lower case: no two registries share it, whatever their subscriptions.
    name_key text not null unique,
    host text not null unique,
    -- What a client wrote of it: location, sku, tags, identity, properties.
    body text not null,
    created_at bigint not null,
    changed_at bigint not null
);

-- Any other setting that is a resource: its id in lower case, its type, and its body as it was written.
create table resources (
    id text primary key not null,
    kind text not null,
    written_id text not null,
    body text not null,
    created_at bigint not null,
    changed_at bigint not null
) without rowid;

create index resources_by_kind on resources (kind, id);

create table operations (
    id text primary key not null,
    kind text not null,
    -- The id of the resource that it works on.
    target text not null,
    state text not null,
    -- What was asked for (without secrets), how far it is, and how it ended.
    request text not null,
    progress text not null,
    error text,
    created_at bigint not null,
    changed_at bigint not null,
    ended_at bigint
) without rowid;

create index operations_by_target on operations (target, created_at);

-- A repository belongs to a registry. Its key is REGISTRY/NAME. The table is made anew, since its names are no longer unique.
pragma defer_foreign_keys = on;
create table repositories_before as select id, name, created_at from repositories;
drop table repositories;
create table repositories (
    id integer primary key autoincrement,
    key text not null unique,
    registry bigint not null,
    name text not null,
    created_at bigint not null
);
insert into repositories (id, key, registry, name, created_at)
    select id, '1/' || name, 1, name, created_at from repositories_before;
drop table repositories_before;
create unique index repositories_in_order on repositories (registry, name);

update uploads set repository = '1/' || repository;
alter table events add column registry bigint not null default 1;
