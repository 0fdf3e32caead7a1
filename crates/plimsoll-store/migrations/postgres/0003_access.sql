-- Who may. The same tables as in ../sqlite; texts that are listed in order compare by bytes.
-- GUIDs are in lower case; names and scopes are compared by their lower-case form beside them.

create table principals (
    id text collate "C" primary key not null,
    kind text not null,
    name text not null,
    name_key text collate "C" not null unique,
    created_at bigint not null
);

-- Of users: argon2 in the PHC form.
create table passwords (
    principal text collate "C" primary key not null references principals (id),
    hash text not null,
    changed_at bigint not null
);

-- The SHA-256 of a token, never the token.
create table access_tokens (
    id text collate "C" primary key not null,
    principal text collate "C" not null references principals (id),
    name text not null,
    hash text not null unique,
    created_at bigint not null,
    expires_at bigint,
    used_at bigint
);

create index access_tokens_by_principal on access_tokens (principal);

-- The principal need not be known here: an identity provider's are not.
create table role_assignments (
    id text collate "C" primary key not null,
    scope text not null,
    scope_key text collate "C" not null,
    role text not null,
    principal text collate "C" not null,
    principal_kind text not null,
    created_by text not null,
    created_at bigint not null,
    unique (principal, scope_key, role)
);

create index role_assignments_by_scope on role_assignments (scope_key);

-- Shared by all nodes, so that each takes the others' tokens.
create table signing_keys (
    name text primary key not null,
    secret bytea not null,
    created_at bigint not null
);

create table failed_logins (
    name_key text collate "C" primary key not null,
    failures bigint not null,
    failed_at bigint not null
);

create index failed_logins_by_age on failed_logins (failed_at);

-- A registry's own passwords are derived from the signing key and this number; a new number is a new password.
create table registry_passwords (
    registry text not null,
    name text not null,
    version bigint not null,
    primary key (registry, name)
);
