-- Plans, why and when images are scanned, what is charged, imports, and what is known of exploits.

-- Whether the registries of a subscription are covered. Without a row they are.
create table plans (
    -- In lower case.
    subscription text primary key not null,
    covered bigint not null,
    changed_at bigint not null
) without rowid;

-- Why the last scan was queued, and when it was queued, begun and ended.
alter table images add column scan_trigger text;
alter table images add column queued_at bigint;
alter table images add column started_at bigint;
alter table images add column finished_at bigint;
-- 1 where there was something to judge: only that is charged.
alter table images add column billable bigint not null default 0;
update images set finished_at = assessed_at, billable = case when verdict = 'done' and (distro is not null
    or exists (select 1 from image_packages ip where ip.image = images.id)) then 1 else 0 end;

create index images_by_age on images (assessed_at) where assessed_at is not null;

-- One row for each image that was ever scanned in a subscription.
create table charges (
    subscription text not null,
    digest text not null,
    -- The registry that it was first scanned in. Its name is kept, since registries come and go.
    registry bigint not null,
    registry_name text not null,
    -- 2026-11.
    month text not null,
    charged_at bigint not null,
    primary key (subscription, digest)
) without rowid;

create index charges_by_month on charges (subscription, month, digest);

-- Imports that are not done: the row goes with its credentials when the operation ends.
create table imports (
    operation text primary key not null,
    registry bigint not null,
    request text not null,
    username text,
    password text
) without rowid;

-- What is known of the exploitation of a vulnerability, by its name.
create table exploits (
    name text primary key not null,
    -- The entry of CISA's catalogue, as JSON.
    kev text,
    -- FIRST's probability and percentile in millionths, and the day of the model.
    epss bigint,
    percentile bigint,
    epss_day text
) without rowid;
