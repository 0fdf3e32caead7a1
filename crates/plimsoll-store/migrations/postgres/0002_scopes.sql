-- Subscriptions, resource groups, registries; settings that are ARM documents; long-running operations.

create table subscriptions (
    -- In lower case, as all ids of this file that are compared.
    id text collate "C" primary key not null,
    display_name text not null,
    created_at bigint not null
);

create table resource_groups (
    id text collate "C" primary key not null,
    subscription text collate "C" not null,
    name text not null,
    location text not null,
    tags text not null,
    created_at bigint not null
);

create table registries (
    id bigint generated always as identity primary key,
    subscription text not null,
    resource_group text not null,
    name text not null,
    -- The name in lower case: no two registries share it, whatever their subscriptions.
    name_key text collate "C" not null unique,
    host text collate "C" not null unique,
    -- What a client wrote of it: location, sku, tags, identity, properties.
    body text not null,
    created_at bigint not null,
    changed_at bigint not null
);

-- Any other setting that is a resource: its id in lower case, its type, and its body as it was written.
create table resources (
    id text collate "C" primary key not null,
    kind text collate "C" not null,
    written_id text not null,
    body text not null,
    created_at bigint not null,
    changed_at bigint not null
);

create index resources_by_kind on resources (kind, id);

create table operations (
    id text collate "C" primary key not null,
    kind text not null,
    -- The id of the resource that it works on.
    target text collate "C" not null,
    state text not null,
    -- What was asked for (without secrets), how far it is, and how it ended.
    request text not null,
    progress text not null,
    error text,
    created_at bigint not null,
    changed_at bigint not null,
    ended_at bigint
);

create index operations_by_target on operations (target, created_at);

-- A repository belongs to a registry. Its key is REGISTRY/NAME.
alter table repositories add column key text collate "C";
alter table repositories add column registry bigint not null default 1;
update repositories set key = '1/' || name;
alter table repositories alter column key set not null;
alter table repositories add unique (key);
alter table repositories drop constraint repositories_name_key;
create unique index repositories_in_order on repositories (registry, name);

update uploads set repository = '1/' || repository;
alter table events add column registry bigint not null default 1;
