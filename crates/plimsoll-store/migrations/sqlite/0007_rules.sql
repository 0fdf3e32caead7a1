-- What readers ask for at once, kept beside what it is made of; disable rules with what they hit; history.

-- An image of a repository in numbers: findings by the rank of their severity (c), and those of them that have a fix (f),
-- whether a rule hides them or not. Written in the transactions that change what it counts.
create table image_summaries (
    image integer primary key references repository_manifests (id) on delete cascade,
    -- Row in `images`.
    content bigint not null,
    registry bigint not null,
    repository bigint not null,
    -- When the image came to the repository.
    since bigint not null,
    -- 0 no verdict, 1 judged and understood, 2 judged in part, 3 failed, 4 unsupported.
    state bigint not null,
    first_assessed_at bigint,
    assessed_at bigint,
    changed_at bigint not null,
    c0 bigint not null,
    c1 bigint not null,
    c2 bigint not null,
    c3 bigint not null,
    c4 bigint not null,
    c5 bigint not null,
    f0 bigint not null,
    f1 bigint not null,
    f2 bigint not null,
    f3 bigint not null,
    f4 bigint not null,
    f5 bigint not null
);

create index image_summaries_in_order on image_summaries (registry, image);
create index image_summaries_by_state on image_summaries (registry, state);
create index image_summaries_by_content on image_summaries (content);
create index image_summaries_by_repository on image_summaries (repository, image);

-- How many of these findings rules hide, in each generation (1, 2) of the contract. No row: none.
create table image_hidden (
    image bigint not null references image_summaries (image) on delete cascade,
    generation bigint not null,
    c0 bigint not null,
    c1 bigint not null,
    c2 bigint not null,
    c3 bigint not null,
    c4 bigint not null,
    c5 bigint not null,
    f0 bigint not null,
    f1 bigint not null,
    f2 bigint not null,
    f3 bigint not null,
    f4 bigint not null,
    f5 bigint not null,
    primary key (image, generation)
) without rowid;

-- The rules that hide something now. Their documents are in `resources`, those of expired rules too.
create table rules (
    id integer primary key autoincrement,
    resource text not null unique,
    written_id text not null,
    -- 1 for the first generation, 2 for the second, 3 for both.
    generations bigint not null,
    -- Where it holds, in lower case; null: everywhere.
    subscription text,
    resource_group text,
    registry text,
    -- 1 where it has conditions on the image: then it hides in the images of `rule_images` alone.
    by_image bigint not null,
    expires_at bigint,
    body text not null
);

create index rules_by_end on rules (expires_at) where expires_at is not null;

create view rule_registries as
    select ru.id as rule, g.id as registry from rules ru join registries g
    on (ru.subscription is null or lower(g.subscription) = ru.subscription)
    and (ru.resource_group is null or lower(g.resource_group) = ru.resource_group)
    and (ru.registry is null or g.name_key = ru.registry);

-- What a rule hits: a fact about a match, whatever the number of images.
create table rule_matches (
    rule bigint not null,
    package bigint not null,
    vulnerability bigint not null,
    primary key (package, vulnerability, rule)
) without rowid;

create index rule_matches_by_rule on rule_matches (rule, package, vulnerability);

create table rule_images (
    rule bigint not null,
    image bigint not null references image_summaries (image) on delete cascade,
    primary key (rule, image)
) without rowid;

create index rule_images_by_image on rule_images (image);

-- The matches whose counts a transaction is changing; empty outside of it.
create table touched_matches (
    package bigint not null,
    vulnerability bigint not null,
    primary key (package, vulnerability)
) without rowid;

-- When a match became what it is now; what it was before is in `match_history`, from `since` to before `until`.
alter table matches add column since bigint not null default 0;
update matches set since = first_seen;

create table match_history (
    package bigint not null,
    vulnerability bigint not null,
    since bigint not null,
    until bigint not null,
    status text not null,
    severity bigint not null,
    fixed_version text,
    primary key (package, vulnerability, until, since)
) without rowid;

create index match_history_by_vulnerability on match_history (vulnerability);

-- Links of images to package versions that are not as old as the image's first verdict, or are gone.
create table image_package_history (
    image bigint not null,
    package bigint not null,
    since bigint not null,
    -- Null while the link stands.
    until bigint,
    primary key (image, package, since)
) without rowid;

-- Images that were deleted from their repositories, or went with them.
create table deleted_images (
    image integer primary key,
    content bigint not null,
    registry bigint not null,
    repository text not null,
    digest text not null,
    since bigint not null,
    until bigint not null
);

-- A subscription's score in millionths of points, written when it changes and once a day.
create table score_history (
    subscription text not null,
    at bigint not null,
    max_points bigint not null,
    current_points bigint not null,
    weight bigint not null,
    controls text not null,
    primary key (subscription, at)
) without rowid;

insert into image_summaries (image, content, registry, repository, since, state, first_assessed_at, assessed_at,
    changed_at, c0, c1, c2, c3, c4, c5, f0, f1, f2, f3, f4, f5)
    select l.id, i.id, r.registry, r.id, l.pushed_at,
        case when i.verdict is null then 0 when i.verdict = 'done' and i.complete = 1 then 1
            when i.verdict = 'done' then 2 when i.verdict = 'failed' then 3 else 4 end,
        i.first_assessed_at, i.assessed_at, coalesce(i.assessed_at, l.pushed_at),
        coalesce(sum(case when m.severity = 0 then 1 else 0 end), 0) as c0,
        coalesce(sum(case when m.severity = 1 then 1 else 0 end), 0) as c1,
        coalesce(sum(case when m.severity = 2 then 1 else 0 end), 0) as c2,
        coalesce(sum(case when m.severity = 3 then 1 else 0 end), 0) as c3,
        coalesce(sum(case when m.severity = 4 then 1 else 0 end), 0) as c4,
        coalesce(sum(case when m.severity = 5 then 1 else 0 end), 0) as c5,
        coalesce(sum(case when m.severity = 0 and m.fixed_version is not null then 1 else 0 end), 0) as f0,
        coalesce(sum(case when m.severity = 1 and m.fixed_version is not null then 1 else 0 end), 0) as f1,
        coalesce(sum(case when m.severity = 2 and m.fixed_version is not null then 1 else 0 end), 0) as f2,
        coalesce(sum(case when m.severity = 3 and m.fixed_version is not null then 1 else 0 end), 0) as f3,
        coalesce(sum(case when m.severity = 4 and m.fixed_version is not null then 1 else 0 end), 0) as f4,
        coalesce(sum(case when m.severity = 5 and m.fixed_version is not null then 1 else 0 end), 0) as f5
    from repository_manifests l join repositories r on r.id = l.repository join images i on i.digest = l.digest
    left join image_packages ip on ip.image = i.id
    left join matches m on m.package = ip.package and m.listed = 1
    group by l.id, i.id, r.registry, r.id, l.pushed_at, i.verdict, i.complete, i.first_assessed_at, i.assessed_at;
