-- Locks and quarantine of repositories, manifests and tags; pulls; resource logs.

-- `attributes` holds what may be changed about a thing: 1 deleting, 2 writing, 4 reading, 8 listing.
alter table repositories add column attributes bigint not null default 15;
alter table repositories add column changed_at bigint not null default 0;
update repositories set changed_at = created_at;

alter table repository_manifests add column first_pushed_at bigint not null default 0;
alter table repository_manifests add column changed_at bigint not null default 0;
alter table repository_manifests add column attributes bigint not null default 15;
-- Passed or Failed, as whoever looks at quarantined images said; null while nobody has.
alter table repository_manifests add column quarantine text;
alter table repository_manifests add column quarantine_details text;
update repository_manifests set first_pushed_at = pushed_at, changed_at = pushed_at;
create index repository_manifests_by_change on repository_manifests (repository, changed_at, id);

alter table tags add column created_at bigint not null default 0;
alter table tags add column changed_at bigint not null default 0;
alter table tags add column attributes bigint not null default 15;
update tags set created_at = moved_at, changed_at = moved_at;
create index tags_by_change on tags (repository, changed_at, name);

-- When a client last pulled an image: a row of `repository_manifests`, without a reference, for it may go meanwhile.
create table pulls (
    image bigint primary key not null,
    pulled_at bigint not null
) without rowid;

-- The resource logs of registries: what happened in repositories, and who logged in.
create table resource_logs (
    id integer primary key autoincrement,
    at bigint not null,
    category text not null,
    registry bigint not null,
    operation text not null,
    identity text not null,
    repository text not null,
    -- The other columns, as JSON.
    detail text not null
);

create index resource_logs_by_time on resource_logs (at);

-- Names that this store gave to parts of itself, made once: the scanner's.
create table identities (
    name text primary key not null,
    id text not null
) without rowid;
