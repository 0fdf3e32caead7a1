-- Registry metadata. Digests are kept as they are written on the wire; instants are milliseconds since 1970.

create table repositories (
    id integer primary key autoincrement,
    name text not null unique,
    created_at bigint not null
);

create table blobs (
    digest text primary key not null,
    size bigint not null,
    location text not null,
    created_at bigint not null
) without rowid;

create table repository_blobs (
    repository bigint not null references repositories (id),
    blob text not null references blobs (digest),
    linked_at bigint not null,
    primary key (repository, blob)
) without rowid;

create index repository_blobs_by_blob on repository_blobs (blob);

create table uploads (
    id text primary key not null,
    repository text not null,
    algorithm text not null,
    received bigint not null,
    hash_state blob not null,
    head blob not null,
    -- Of an object store only: where the parts go, under which multipart id, which are there, and how long the rest is.
    location text not null,
    multipart text,
    parts text not null,
    tail bigint not null,
    -- Of an object store only: the request that appends, and until when it may be thought alive.
    holder text,
    held_until bigint not null,
    started_at bigint not null,
    touched_at bigint not null
) without rowid;

create table manifests (
    id integer primary key autoincrement,
    digest text not null unique,
    kind text not null,
    media_type text not null,
    artifact_type text,
    subject text,
    annotations text not null,
    size bigint not null,
    body blob not null
);

create table manifest_blobs (
    manifest text not null references manifests (digest),
    blob text not null,
    primary key (manifest, blob)
) without rowid;

create index manifest_blobs_by_blob on manifest_blobs (blob);

create table manifest_children (
    parent text not null references manifests (digest),
    child text not null,
    primary key (parent, child)
) without rowid;

create index manifest_children_by_child on manifest_children (child);

-- One image (or index, or artifact) in one repository. Its id is part of the names of findings and never used again.
create table repository_manifests (
    id integer primary key autoincrement,
    repository bigint not null references repositories (id),
    digest text not null references manifests (digest),
    media_type text not null,
    subject text,
    pushed_at bigint not null,
    unique (repository, digest)
);

create index repository_manifests_by_digest on repository_manifests (digest);
create index repository_manifests_in_order on repository_manifests (repository, id);
create index repository_manifests_by_push on repository_manifests (pushed_at);
create index repository_manifests_by_push_there on repository_manifests (repository, pushed_at);
create index repository_manifests_by_subject on repository_manifests (repository, subject, digest)
    where subject is not null;

create table tags (
    repository bigint not null,
    name text not null,
    digest text not null,
    moved_at bigint not null,
    primary key (repository, name),
    foreign key (repository, digest) references repository_manifests (repository, digest)
) without rowid;

create index tags_by_digest on tags (repository, digest);

-- What happened, in the transaction in which it happened: the history of tags, and later the outbox of webhooks.
create table events (
    id integer primary key autoincrement,
    kind text not null,
    repository text not null,
    digest text,
    tag text,
    at bigint not null,
    detail text not null
);

-- A job is due at `due_at`: a waiting one from then on, a running one when its lease has run out. A failed one never is.
create table jobs (
    id integer primary key autoincrement,
    kind text not null,
    subject text not null,
    priority bigint not null,
    state text not null,
    due_at bigint,
    attempts bigint not null,
    owner text,
    claimed_at bigint,
    -- The instant and priority with which it was asked for once more while it ran.
    again_at bigint,
    again_priority bigint,
    reason text,
    unique (kind, subject)
);

create index jobs_due on jobs (priority desc, due_at, id) where due_at is not null;

-- Layer inventories.

create table layer_inventories (
    id integer primary key autoincrement,
    -- The diff id, or the digest of the blob where the layer could not be read to its end.
    content text not null,
    probe_version bigint not null,
    record blob not null,
    saved_at bigint not null,
    unique (content, probe_version)
);

create table layer_blobs (
    blob text not null,
    probe_version bigint not null,
    inventory bigint not null references layer_inventories (id),
    primary key (blob, probe_version)
) without rowid;

-- Images, package versions, matches. Findings are the join (an image's packages with the matches of these).

create table images (
    id integer primary key autoincrement,
    digest text not null unique references manifests (digest),
    -- How far the scan is, with the reason where it failed.
    state text not null,
    reason text,
    -- The verdict that stands: done, failed, unsupported, or none yet.
    verdict text,
    verdict_reason text,
    platform text,
    distro text,
    layers text not null,
    coverage text not null,
    -- 1 where the coverage says that no findings would mean a clean image.
    complete integer not null default 0,
    assessed_at bigint,
    first_assessed_at bigint
);

create index images_awaiting on images (id) where state = 'awaiting-advisories';

create table packages (
    id integer primary key autoincrement,
    -- SHA-256 over all that makes a package version one: type, names, versions, architecture, ecosystem, purl.
    identity blob not null unique,
    package_type text not null,
    name text not null,
    version text not null,
    architecture text,
    source text,
    source_version text,
    ecosystem text,
    purl text not null,
    -- Under what advisories look for it: ecosystem without release, name as that ecosystem compares names, sort key.
    ecosystem_name text,
    lookup_name text,
    version_key blob,
    generation bigint not null
);

create index packages_advised on packages (ecosystem_name, lookup_name, version_key);
create index packages_by_generation on packages (generation, id);

create table image_packages (
    image bigint not null references images (id),
    package bigint not null references packages (id),
    -- The first of its paths in byte order, and the number of its layer in `images.layers`.
    path text not null,
    layer bigint,
    -- The other paths, as a JSON list of [path, layer].
    more text,
    primary key (image, package)
) without rowid;

create index image_packages_by_package on image_packages (package, image);

create table vulnerabilities (
    id integer primary key autoincrement,
    name text not null unique
);

create table matches (
    package bigint not null references packages (id),
    vulnerability bigint not null references vulnerabilities (id),
    status text not null,
    severity bigint not null,
    fixed_version text,
    -- 1 where the status makes it a finding.
    listed bigint not null,
    doc text not null,
    first_seen bigint not null,
    primary key (package, vulnerability)
);

create index matches_listed on matches (package, vulnerability, severity) where listed = 1;
create index matches_by_vulnerability on matches (vulnerability);

create table facts (
    name text primary key not null,
    value bigint not null
) without rowid;
