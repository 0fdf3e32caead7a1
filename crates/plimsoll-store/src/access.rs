//! Who may: principals, their passwords and tokens, role assignments, and the key that tokens are signed with.
//!
//! No secret is kept that need not be: a password only as its argon2 hash, a token only as its SHA-256, a registry's own
//! passwords not at all (they are derived). The one real secret is the signing key, which all nodes must share.

use plimsoll_types::access::{Assignment, PrincipalKind};
use plimsoll_types::{Guid, ResourceId, Timestamp};

use crate::database::{Arg, Row, Tx, args};
use crate::{Error, Result, Store};

/// Names whose failed logins are remembered. A flood of made-up ones pushes out the oldest.
const MAX_FAILED_LOGINS: i64 = 10_000;
/// How long failed logins are remembered, in milliseconds.
const FAILED_LOGINS_LAST: i64 = 3_600_000;

/// Somebody or something that may be given roles, and is known here by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What assignments name.
    pub id: Guid,
    /// What it is.
    pub kind: PrincipalKind,
    /// What people call it; one without regard to case.
    pub name: String,
    /// Since when it is known.
    pub created_at: Timestamp,
}

/// A user's password, as far as it is known.
#[derive(Clone, PartialEq, Eq)]
pub struct UserLogin {
    /// The user.
    pub principal: Principal,
    /// The argon2 hash, in the PHC form.
    pub hash: String,
    /// When the password was set.
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for UserLogin {
    /// Without the hash, which is a secret too.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserLogin").field("principal", &self.principal).finish_non_exhaustive()
    }
}

/// A token, without its text, which nobody knows but its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number, for lists and for revoking it.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Whom it speaks for.
    pub principal: Principal,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub used_at: Option<Timestamp>,
}

/// A token to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    /// Its number.
    pub id: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Whom it speaks for; must be known.
    pub principal: &'a Guid,
    /// The SHA-256 of its text, in hexadecimal.
    pub hash: &'a str,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// What became of an assignment that was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assigned {
    /// It is new.
    New,
    /// It was there already, the same.
    Same,
    /// Another one, of this id, gives the same role to the same principal at the same scope.
    Exists(Guid),
    /// Its id belongs to an assignment of something else.
    IdTaken,
}

/// How often in a row a login failed, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedLogins {
    /// How often since it last worked.
    pub failures: u32,
    /// The last time.
    pub failed_at: Timestamp,
}

const PRINCIPAL: &str = "p.id, p.kind, p.name, p.created_at";
const TOKEN: &str = "t.id, t.name, t.created_at, t.expires_at, t.used_at, p.id, p.kind, p.name, p.created_at";
const ASSIGNMENT: &str = "id, scope, role, principal, principal_kind, created_by, created_at";

impl Store {
    /// Makes a principal. `false` where the name is taken.
    pub async fn create_principal(&self, principal: &Principal) -> Result<bool> {
        let mut tx = self.db.begin("create a principal").await?;
        let created = create_principal(&mut tx, principal).await?;
        tx.commit().await?;
        Ok(created)
    }

    /// The principal with this id.
    pub async fn principal(&self, id: &Guid) -> Result<Option<Principal>> {
        let sql = format!("select {PRINCIPAL} from principals p where p.id = $1");
        let row = self.db.one("look up a principal", sql, &args![id.as_str()]).await?;
        row.map(|row| read_principal(&row, 0)).transpose()
    }

    /// The principal of this name.
    pub async fn principal_named(&self, name: &str) -> Result<Option<Principal>> {
        let sql = format!("select {PRINCIPAL} from principals p where p.name_key = $1");
        let row = self.db.one("look up a principal", sql, &args![key(name)]).await?;
        row.map(|row| read_principal(&row, 0)).transpose()
    }

    /// All principals that are known by name, by name.
    pub async fn principals(&self) -> Result<Vec<Principal>> {
        let sql = format!("select {PRINCIPAL} from principals p order by p.name_key");
        let rows = self.db.all("list the principals", sql, &[]).await?;
        rows.iter().map(|row| read_principal(row, 0)).collect()
    }

    /// Forgets a principal with its password, its tokens and its assignments. `false` where there was none.
    pub async fn remove_principal(&self, id: &Guid) -> Result<bool> {
        let mut tx = self.db.begin("remove a principal").await?;
        let removed = remove_principal(&mut tx, id).await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// Sets the password of a principal, which must be known.
    pub async fn set_password(&self, principal: &Guid, hash: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin("set a password").await?;
        let sql = "insert into passwords (principal, hash, changed_at) values ($1, $2, $3) \
            on conflict (principal) do update set hash = excluded.hash, changed_at = excluded.changed_at";
        tx.execute(sql, &args![principal.as_str(), hash, now]).await?;
        tx.commit().await
    }

    /// The user of this name, with the hash of the password.
    pub async fn user_login(&self, name: &str) -> Result<Option<UserLogin>> {
        let sql = format!(
            "select {PRINCIPAL}, w.hash, w.changed_at \
            from principals p join passwords w on w.principal = p.id where p.name_key = $1"
        );
        let row = self.db.one("look up a user", sql, &args![key(name)]).await?;
        row.map(|row| read_login(&row)).transpose()
    }

    /// When the password of this principal was set, if it has one.
    pub async fn password_changed_at(&self, principal: &Guid) -> Result<Option<Timestamp>> {
        let sql = "select changed_at from passwords where principal = $1";
        let row = self.db.one("look up a password", sql, &args![principal.as_str()]).await?;
        row.map(|row| Ok(Timestamp(row.get(0)?))).transpose()
    }

    /// All users that have a password, by name.
    pub async fn users(&self) -> Result<Vec<UserLogin>> {
        let sql = format!(
            "select {PRINCIPAL}, w.hash, w.changed_at \
            from principals p join passwords w on w.principal = p.id order by p.name_key"
        );
        let rows = self.db.all("list the users", sql, &[]).await?;
        rows.iter().map(read_login).collect()
    }

    /// Keeps a token.
    pub async fn create_token(&self, token: NewToken<'_>, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin("keep a token").await?;
        create_token(&mut tx, token, now).await?;
        tx.commit().await
    }

    /// Makes a principal with a token and an assignment, if nobody can log in yet. `false` where somebody can; of several
    /// nodes that start at once, one makes it.
    pub async fn create_first_token(
        &self,
        principal: &Principal,
        token: NewToken<'_>,
        assignment: &Assignment,
    ) -> Result<bool> {
        let mut tx = self.db.begin("make the first token").await?;
        let known = tx.one(HAS_LOGINS, &[]).await?;
        if known.is_some() || !create_principal(&mut tx, principal).await? {
            return Ok(false);
        }
        create_token(&mut tx, token, principal.created_at).await?;
        assign(&mut tx, assignment).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Whether anybody can log in: there is a token or a password.
    pub async fn has_logins(&self) -> Result<bool> {
        Ok(self.db.one("look for tokens and users", HAS_LOGINS, &[]).await?.is_some())
    }

    /// The token whose text has this SHA-256.
    pub async fn token_by_hash(&self, hash: &str) -> Result<Option<Token>> {
        self.one_token("t.hash = $1", hash).await
    }

    /// The token of this number.
    pub async fn token(&self, id: &str) -> Result<Option<Token>> {
        self.one_token("t.id = $1", id).await
    }

    async fn one_token(&self, condition: &str, value: &str) -> Result<Option<Token>> {
        let sql = format!(
            "select {TOKEN} from access_tokens t join principals p on p.id = t.principal where {condition}"
        );
        let row = self.db.one("look up a token", sql, &args![value]).await?;
        row.map(|row| read_token(&row)).transpose()
    }

    /// All tokens, by the names of their principals and their age.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let sql = format!(
            "select {TOKEN} from access_tokens t join principals p on p.id = t.principal \
            order by p.name_key, t.created_at, t.id"
        );
        let rows = self.db.all("list the tokens", sql, &[]).await?;
        rows.iter().map(read_token).collect()
    }

    /// Writes down that a token was used.
    pub async fn token_used(&self, id: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin("write down the use of a token").await?;
        let sql = "update access_tokens set used_at = $2 where id = $1 and coalesce(used_at, 0) < $2";
        tx.execute(sql, &args![id, now]).await?;
        tx.commit().await
    }

    /// Ends a token at once. A program that has no other is forgotten with its assignments. `false` where there is none.
    pub async fn revoke_token(&self, id: &str) -> Result<bool> {
        let mut tx = self.db.begin("revoke a token").await?;
        let row = tx.one("delete from access_tokens where id = $1 returning principal", &args![id]).await?;
        let Some(row) = row else { return Ok(false) };
        let principal: Guid = row.parse(0)?;
        let sql = "select 1 from principals p where p.id = $1 and p.kind = $2 \
            and not exists (select 1 from access_tokens t where t.principal = p.id) \
            and not exists (select 1 from passwords w where w.principal = p.id)";
        let idle = args![principal.as_str(), PrincipalKind::ServicePrincipal.as_str()];
        if tx.one(sql, &idle).await?.is_some() {
            remove_principal(&mut tx, &principal).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Keeps an assignment, unless it is there.
    pub async fn assign_role(&self, assignment: &Assignment) -> Result<Assigned> {
        let mut tx = self.db.begin("assign a role").await?;
        let assigned = assign(&mut tx, assignment).await?;
        tx.commit().await?;
        Ok(assigned)
    }

    /// Takes an assignment away, and gives it.
    pub async fn remove_assignment(&self, id: &Guid) -> Result<Option<Assignment>> {
        let mut tx = self.db.begin("remove a role assignment").await?;
        let sql = format!("delete from role_assignments where id = $1 returning {ASSIGNMENT}");
        let row = tx.one(sql, &args![id.as_str()]).await?;
        tx.commit().await?;
        row.map(|row| read_assignment(&row)).transpose()
    }

    /// The assignment with this id.
    pub async fn assignment(&self, id: &Guid) -> Result<Option<Assignment>> {
        let sql = format!("select {ASSIGNMENT} from role_assignments where id = $1");
        let row = self.db.one("look up a role assignment", sql, &args![id.as_str()]).await?;
        row.map(|row| read_assignment(&row)).transpose()
    }

    /// All that these principals were given: somebody, and the groups of that somebody.
    pub async fn assignments_of(&self, principals: &[Guid]) -> Result<Vec<Assignment>> {
        let sql = format!("select {ASSIGNMENT} from role_assignments where principal in ({{list}})");
        let list: Vec<Arg<'_>> = principals.iter().map(|id| Arg::from(id.as_str())).collect();
        let rows = self.db.all_in("look up role assignments", &sql, &[], &list).await?;
        rows.iter().map(read_assignment).collect()
    }

    /// A page of all assignments, by id, behind `after`.
    pub async fn assignments(&self, after: Option<&Guid>, n: u32) -> Result<Vec<Assignment>> {
        let sql = format!("select {ASSIGNMENT} from role_assignments where id > $1 order by id limit $2");
        let after = after.map_or("", Guid::as_str);
        let rows = self.db.all("list the role assignments", sql, &args![after, i64::from(n)]).await?;
        rows.iter().map(read_assignment).collect()
    }

    /// The signing key of this name; `fresh` becomes it where there is none. All nodes get the same.
    pub async fn signing_key(&self, name: &str, fresh: &[u8], now: Timestamp) -> Result<Vec<u8>> {
        let mut tx = self.db.begin("look up the signing key").await?;
        let insert = "insert into signing_keys (name, secret, created_at) values ($1, $2, $3) \
            on conflict (name) do nothing";
        tx.execute(insert, &args![name, fresh, now]).await?;
        let row = tx.one("select secret from signing_keys where name = $1", &args![name]).await?;
        tx.commit().await?;
        let row = row.ok_or_else(|| Error::corrupt("the signing key vanished"))?;
        row.get(0)
    }

    /// How often in a row a login under this name failed.
    pub async fn failed_logins(&self, name: &str) -> Result<Option<FailedLogins>> {
        let sql = "select failures, failed_at from failed_logins where name_key = $1";
        let row = self.db.one("look up failed logins", sql, &args![key(name)]).await?;
        let read = |row: Row| {
            let failures = u32::try_from(row.count(0)?).unwrap_or(u32::MAX);
            Ok(FailedLogins { failures, failed_at: Timestamp(row.get(1)?) })
        };
        row.map(read).transpose()
    }

    /// Counts a failed login, whether there is such a user or not.
    pub async fn login_failed(&self, name: &str, now: Timestamp) -> Result<()> {
        let mut tx = self.db.begin("count a failed login").await?;
        let sql = "insert into failed_logins (name_key, failures, failed_at) values ($1, 1, $2) \
            on conflict (name_key) do update set \
                failures = case when failed_logins.failed_at < $3 then 1 else failed_logins.failures + 1 end, \
                failed_at = excluded.failed_at";
        let forgotten = now.plus_millis(-FAILED_LOGINS_LAST);
        tx.execute(sql, &args![key(name), now, forgotten]).await?;
        let sql = "delete from failed_logins where failed_at < $1 or name_key in \
            (select name_key from failed_logins order by failed_at desc, name_key limit 1000 offset $2)";
        tx.execute(sql, &args![forgotten, MAX_FAILED_LOGINS]).await?;
        tx.commit().await
    }

    /// Forgets the failed logins under this name.
    pub async fn login_worked(&self, name: &str) -> Result<()> {
        let mut tx = self.db.begin("forget failed logins").await?;
        tx.execute("delete from failed_logins where name_key = $1", &args![key(name)]).await?;
        tx.commit().await
    }

    /// The number that a registry's own password of this name is derived from. `registry` is its resource id.
    pub async fn registry_password_version(&self, registry: &ResourceId, name: &str) -> Result<u64> {
        let sql = "select version from registry_passwords where registry = $1 and name = $2";
        let row = self.db.one("look up a registry's password", sql, &args![registry.key(), name]).await?;
        row.map_or(Ok(0), |row| row.count(0))
    }

    /// Makes a registry's own password of this name another one.
    pub async fn renew_registry_password(&self, registry: &ResourceId, name: &str) -> Result<u64> {
        let mut tx = self.db.begin("renew a registry's password").await?;
        let sql = "insert into registry_passwords (registry, name, version) values ($1, $2, 1) \
            on conflict (registry, name) do update set version = registry_passwords.version + 1 \
            returning version";
        let row = tx.one(sql, &args![registry.key(), name]).await?;
        tx.commit().await?;
        row.ok_or_else(|| Error::corrupt("a registry's password vanished"))?.count(0)
    }
}

const HAS_LOGINS: &str =
    "select 1 where exists (select 1 from access_tokens) or exists (select 1 from passwords)";

async fn create_principal(tx: &mut Tx, principal: &Principal) -> Result<bool> {
    let sql = "insert into principals (id, kind, name, name_key, created_at) values ($1, $2, $3, $4, $5) \
        on conflict do nothing";
    let Principal { id, kind, name, created_at } = principal;
    Ok(tx.execute(sql, &args![id.as_str(), kind.as_str(), name, key(name), *created_at]).await? > 0)
}

async fn remove_principal(tx: &mut Tx, id: &Guid) -> Result<bool> {
    for sql in [
        "delete from access_tokens where principal = $1",
        "delete from passwords where principal = $1",
        "delete from role_assignments where principal = $1",
    ] {
        tx.execute(sql, &args![id.as_str()]).await?;
    }
    Ok(tx.execute("delete from principals where id = $1", &args![id.as_str()]).await? > 0)
}

async fn create_token(tx: &mut Tx, token: NewToken<'_>, now: Timestamp) -> Result<()> {
    let sql = "insert into access_tokens (id, principal, name, hash, created_at, expires_at) \
        values ($1, $2, $3, $4, $5, $6)";
    let NewToken { id, name, principal, hash, expires_at } = token;
    tx.execute(sql, &args![id, principal.as_str(), name, hash, now, expires_at]).await?;
    Ok(())
}

async fn assign(tx: &mut Tx, assignment: &Assignment) -> Result<Assigned> {
    let Assignment { id, scope, role, principal, principal_kind, created_by, created_at } = assignment;
    let sql = "insert into role_assignments \
        (id, scope, scope_key, role, principal, principal_kind, created_by, created_at) \
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing";
    let args = args![
        id.as_str(),
        scope.as_str(),
        scope.key(),
        role.as_str(),
        principal.as_str(),
        principal_kind.as_str(),
        created_by,
        *created_at,
    ];
    if tx.execute(sql, &args).await? > 0 {
        return Ok(Assigned::New);
    }
    let sql = "select id from role_assignments where principal = $1 and scope_key = $2 and role = $3";
    let same = tx.one(sql, &args![principal.as_str(), scope.key(), role.as_str()]).await?;
    let Some(row) = same else { return Ok(Assigned::IdTaken) };
    let other: Guid = row.parse(0)?;
    Ok(if other == *id { Assigned::Same } else { Assigned::Exists(other) })
}

fn read_principal(row: &Row, at: usize) -> Result<Principal> {
    Ok(Principal {
        id: row.parse(at)?,
        kind: row.parse(at + 1)?,
        name: row.get(at + 2)?,
        created_at: Timestamp(row.get(at + 3)?),
    })
}

fn read_login(row: &Row) -> Result<UserLogin> {
    let principal = read_principal(row, 0)?;
    Ok(UserLogin { principal, hash: row.get(4)?, changed_at: Timestamp(row.get(5)?) })
}

fn read_token(row: &Row) -> Result<Token> {
    let instant = |at: Option<i64>| at.map(Timestamp);
    Ok(Token {
        id: row.get(0)?,
        name: row.get(1)?,
        created_at: Timestamp(row.get(2)?),
        expires_at: instant(row.get(3)?),
        used_at: instant(row.get(4)?),
        principal: read_principal(row, 5)?,
    })
}

fn read_assignment(row: &Row) -> Result<Assignment> {
    Ok(Assignment {
        id: row.parse(0)?,
        scope: row.parse(1)?,
        role: row.parse(2)?,
        principal: row.parse(3)?,
        principal_kind: row.parse(4)?,
        created_by: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
    })
}

/// A name as it is compared.
fn key(name: &str) -> String {
    name.to_lowercase()
}
