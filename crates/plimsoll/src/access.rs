//! `plimsoll token`, `user` and `role`: who may do what, on the store itself. Whoever can open that needs no login, and
//! this is how the first one comes to one.

use std::io::{IsTerminal as _, Read as _, Write as _};

use anyhow::{Context, Result, anyhow, bail};
use plimsoll_access::Minted;
use plimsoll_store::{Assigned, NewToken, Principal, Store};
use plimsoll_types::access::{Assignment, PrincipalKind, Role, assignable, holds};
use plimsoll_types::{Guid, ResourceId, Timestamp};
use serde_json::{Value, json};

use crate::cli::{self, PlainFormat};
use crate::config::Settings;
use crate::serve;
use crate::table::{self, printable};

/// The longest name of a user, a program or a token.
const MAX_NAME: usize = 64;
/// More than any password that is taken.
const MAX_PASSWORD: u64 = 4096;

/// `plimsoll token`
pub(crate) async fn tokens(command: &cli::Token, settings: &Settings) -> Result<()> {
    let house = House::open(settings).await?;
    match command {
        cli::Token::Create { name, principal, expires_in, give } => {
            house.create_token(name, principal.as_deref(), expires_in.as_deref(), give).await?;
        }
        cli::Token::List { format } => house.list_tokens(*format).await?,
        cli::Token::Revoke { token } => house.revoke_token(token).await?,
    }
    house.store.close().await;
    Ok(())
}

/// `plimsoll user`
pub(crate) async fn users(command: &cli::User, settings: &Settings) -> Result<()> {
    let house = House::open(settings).await?;
    match command {
        cli::User::Add { name, give } => house.add_user(name, give).await?,
        cli::User::Passwd { name } => house.change_password(name).await?,
        cli::User::List { format } => house.list_users(*format).await?,
        cli::User::Remove { name } => house.remove_user(name).await?,
    }
    house.store.close().await;
    Ok(())
}

/// `plimsoll role`
pub(crate) async fn roles(command: &cli::Role, settings: &Settings) -> Result<()> {
    if let cli::Role::Definitions = command {
        show_definitions();
        return Ok(());
    }
    let house = House::open(settings).await?;
    match command {
        cli::Role::Assign(cli::Assign { role, scope, principal }) => {
            let (role, scope) = (role_named(role)?, house.scope(scope).await?);
            let (principal, kind) = house.principal(principal).await?;
            house.assign(role, &scope, &principal, kind).await?;
        }
        cli::Role::List { principal, scope, format } => {
            house.list_roles(principal.as_deref(), scope.as_deref(), *format).await?;
        }
        cli::Role::Remove { id: Some(id), .. } => {
            let id: Guid =
                id.parse().context("the id of an assignment is needed; `plimsoll role list` shows it")?;
            house.remove_role(&id).await?;
        }
        cli::Role::Remove { id: None, role, scope, principal } => {
            let (Some(role), Some(scope), Some(principal)) = (role, scope, principal) else {
                bail!("the id of an assignment is needed, or --role, --scope and --principal");
            };
            let (role, scope) = (role_named(role)?, house.scope(scope).await?);
            let (principal, _) = house.principal(principal).await?;
            let given = house.store.assignments_of(&[principal]).await?;
            let found = given.iter().find(|given| given.scope == scope && given.role == role.guid());
            let found = found.ok_or_else(|| anyhow!("this role is not given there to this principal"))?;
            house.remove_role(&found.id).await?;
        }
        cli::Role::Definitions => {}
    }
    house.store.close().await;
    Ok(())
}

/// The store, and what names mean in it.
struct House<'a> {
    store: Store,
    settings: &'a Settings,
    now: Timestamp,
}

impl<'a> House<'a> {
    async fn open(settings: &'a Settings) -> Result<Self> {
        let store = Store::open(&serve::store_settings(settings)?).await?;
        Ok(Self { store, settings, now: plimsoll_scan::system_clock()() })
    }

    async fn create_token(
        &self,
        name: &str,
        principal: Option<&str>,
        expires_in: Option<&str>,
        give: &cli::Give,
    ) -> Result<()> {
        check_name(name)?;
        // Everything that can be wrong is looked at before anything is kept.
        let give = self.given(give).await?;
        let lasts = expires_in.map(duration).transpose()?;
        let minted = Minted::new()?;
        let principal = match principal {
            Some(name) => self.known(name).await?,
            None => self.create_principal(name, PrincipalKind::ServicePrincipal).await?,
        };
        let expires_at = lasts.map(|milliseconds| self.now.plus_millis(milliseconds));
        let Minted { id, text, hash } = &minted;
        let token = NewToken { id, name, principal: &principal.id, hash, expires_at };
        self.store.create_token(token, self.now).await?;
        if let Some((role, scope)) = give {
            self.assign(role, &scope, &principal.id, principal.kind).await?;
        }
        let ends = expires_at.map_or("never ends".to_owned(), |at| format!("ends {}", minute(at)));
        eprintln!("Token {id} for {} {ends}. It is shown only now:", printable(&principal.name));
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", text.reveal())?;
        stdout.flush()?;
        self.warn_of_no_role(&principal).await
    }

    async fn list_tokens(&self, format: PlainFormat) -> Result<()> {
        let tokens = self.store.tokens().await?;
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        if format == PlainFormat::Json {
            let all = tokens.iter().map(|token| {
                json!({
                    "id": token.id, "name": token.name,
                    "principal": token.principal.name, "principalId": token.principal.id,
                    "createdAt": token.created_at.to_string(),
                    "expiresAt": text(token.expires_at), "lastUsedAt": text(token.used_at),
                })
            });
            println!("{:#}", all.collect::<Value>());
            return Ok(());
        }
        if tokens.is_empty() {
            println!("There are no tokens; `plimsoll token create NAME` makes one.");
            return Ok(());
        }
        let mut rows = table::table(&["Token", "Name", "For", "Created", "Ends", "Last used"]);
        for token in &tokens {
            let has_ended = token.expires_at.is_some_and(|end| end <= self.now);
            let ends = token.expires_at.map_or("never".to_owned(), minute);
            rows.add_row([
                table::cell(&token.id),
                table::cell(&token.name),
                table::cell(&token.principal.name),
                table::cell(&minute(token.created_at)),
                table::cell(&if has_ended { format!("{ends}, over") } else { ends }),
                table::cell(&token.used_at.map_or("never".to_owned(), minute)),
            ]);
        }
        println!("{rows}");
        Ok(())
    }

    async fn revoke_token(&self, wanted: &str) -> Result<()> {
        let tokens = self.store.tokens().await?;
        let by_id = tokens.iter().find(|token| token.id == wanted);
        let mut by_name = tokens.iter().filter(|token| token.name.eq_ignore_ascii_case(wanted));
        let found = match (by_id, by_name.next(), by_name.next()) {
            (Some(token), _, _) | (None, Some(token), None) => token,
            (None, Some(_), Some(_)) => {
                bail!(
                    "several tokens are called {wanted:?}; name one by its number, which `plimsoll token list` shows"
                )
            }
            (None, None, _) => bail!("there is no token {wanted:?}; `plimsoll token list` shows all"),
        };
        self.store.revoke_token(&found.id).await?;
        println!("Token {} ({}) is revoked.", found.id, printable(&found.name));
        Ok(())
    }

    async fn add_user(&self, name: &str, give: &cli::Give) -> Result<()> {
        check_name(name)?;
        let give = self.given(give).await?;
        if self.store.principal_named(name).await?.is_some() {
            bail!("{name} is taken; `plimsoll user passwd {name}` changes the password of a user");
        }
        let hash = plimsoll_access::hash_password(&new_password()?)?;
        let principal = self.create_principal(name, PrincipalKind::User).await?;
        self.store.set_password(&principal.id, &hash, self.now).await?;
        println!("User {} is made, with the id {}.", printable(name), principal.id);
        if let Some((role, scope)) = give {
            self.assign(role, &scope, &principal.id, principal.kind).await?;
        }
        self.warn_of_no_role(&principal).await
    }

    async fn change_password(&self, name: &str) -> Result<()> {
        let principal = self.known(name).await?;
        if principal.kind != PrincipalKind::User {
            bail!("{name} is a program and logs in with tokens, not with a password");
        }
        let hash = plimsoll_access::hash_password(&new_password()?)?;
        self.store.set_password(&principal.id, &hash, self.now).await?;
        self.store.login_worked(name).await?;
        println!("The password of {} is changed.", printable(&principal.name));
        Ok(())
    }

    async fn list_users(&self, format: PlainFormat) -> Result<()> {
        let users = self.store.users().await?;
        if format == PlainFormat::Json {
            let all = users.iter().map(|user| {
                let Principal { id, name, created_at, .. } = &user.principal;
                json!({
                    "name": name, "id": id, "createdAt": created_at.to_string(),
                    "passwordChangedAt": user.changed_at.to_string(),
                })
            });
            println!("{:#}", all.collect::<Value>());
            return Ok(());
        }
        if users.is_empty() {
            println!("There are no users; `plimsoll user add NAME` makes one.");
            return Ok(());
        }
        let mut rows = table::table(&["User", "Id", "Created", "Password set"]);
        for user in &users {
            rows.add_row([
                table::cell(&user.principal.name),
                table::cell(user.principal.id.as_str()),
                table::cell(&minute(user.principal.created_at)),
                table::cell(&minute(user.changed_at)),
            ]);
        }
        println!("{rows}");
        Ok(())
    }

    async fn remove_user(&self, name: &str) -> Result<()> {
        let principal = self.known(name).await?;
        self.store.remove_principal(&principal.id).await?;
        println!("{} is removed, with its tokens and roles.", printable(&principal.name));
        Ok(())
    }

    async fn assign(
        &self,
        role: &'static Role,
        scope: &ResourceId,
        principal: &Guid,
        principal_kind: PrincipalKind,
    ) -> Result<()> {
        let assignment = Assignment {
            id: plimsoll_access::new_guid()?,
            scope: scope.clone(),
            role: role.guid(),
            principal: principal.clone(),
            principal_kind,
            created_by: "command line".to_owned(),
            created_at: self.now,
        };
        let id = match self.store.assign_role(&assignment).await? {
            Assigned::Exists(id) => id,
            _ => assignment.id,
        };
        eprintln!("{} at {} (assignment {id})", role.name, printable(scope.as_str()));
        Ok(())
    }

    async fn list_roles(
        &self,
        principal: Option<&str>,
        scope: Option<&str>,
        format: PlainFormat,
    ) -> Result<()> {
        let principal = match principal {
            Some(text) => Some(self.principal(text).await?.0),
            None => None,
        };
        let scope = match scope {
            Some(text) => Some(self.scope(text).await?),
            None => None,
        };
        let mut found = match &principal {
            Some(id) => self.store.assignments_of(std::slice::from_ref(id)).await?,
            None => self.all_assignments().await?,
        };
        let counts = |given: &Assignment| {
            scope.as_ref().is_none_or(|scope| holds(&given.scope, scope) || scope.contains(&given.scope))
        };
        found.retain(counts);
        let mut names = std::collections::BTreeMap::new();
        for known in self.store.principals().await? {
            names.insert(known.id, known.name);
        }
        let role_name = |given: &Assignment| {
            Role::by_id(&given.role).map_or(given.role.to_string(), |r| r.name.to_owned())
        };
        if format == PlainFormat::Json {
            let all = found.iter().map(|given| {
                json!({
                    "id": given.id, "role": role_name(given), "roleId": given.role,
                    "scope": given.scope.as_str(),
                    "principalId": given.principal, "principal": names.get(&given.principal),
                    "principalType": given.principal_kind.as_str(),
                    "createdAt": given.created_at.to_string(), "createdBy": given.created_by,
                })
            });
            println!("{:#}", all.collect::<Value>());
            return Ok(());
        }
        if found.is_empty() {
            println!("No roles are given; `plimsoll role assign` gives one.");
            return Ok(());
        }
        let mut rows = table::table(&["Principal", "Role", "Scope", "Assignment"]);
        for given in &found {
            let name = names.get(&given.principal).cloned();
            rows.add_row([
                table::cell(&name.unwrap_or_else(|| given.principal.to_string())),
                table::cell(&role_name(given)),
                table::cell(given.scope.as_str()),
                table::cell(given.id.as_str()),
            ]);
        }
        println!("{rows}");
        Ok(())
    }

    async fn remove_role(&self, id: &Guid) -> Result<()> {
        let Some(removed) = self.store.remove_assignment(id).await? else {
            bail!("there is no assignment {id}; `plimsoll role list` shows all");
        };
        let role = Role::by_id(&removed.role).map_or(removed.role.as_str(), |role| role.name);
        println!("{role} at {} is taken away.", printable(removed.scope.as_str()));
        Ok(())
    }

    async fn all_assignments(&self) -> Result<Vec<Assignment>> {
        const AT_ONCE: u32 = 1000;
        let mut all: Vec<Assignment> = Vec::new();
        loop {
            let some = self.store.assignments(all.last().map(|last| &last.id), AT_ONCE).await?;
            let is_end = some.len() < AT_ONCE as usize;
            all.extend(some);
            if is_end {
                return Ok(all);
            }
        }
    }

    async fn create_principal(&self, name: &str, kind: PrincipalKind) -> Result<Principal> {
        let principal =
            Principal { id: plimsoll_access::new_guid()?, kind, name: name.to_owned(), created_at: self.now };
        if !self.store.create_principal(&principal).await? {
            bail!("{name} is taken; --for {name} makes a token that speaks for it");
        }
        Ok(principal)
    }

    async fn known(&self, name: &str) -> Result<Principal> {
        let found = self.store.principal_named(name).await?;
        found.ok_or_else(|| anyhow!("there is no user and no program called {name:?}"))
    }

    /// The principal that a text means: a name, a GUID, or somebody at the identity provider.
    async fn principal(&self, text: &str) -> Result<(Guid, PrincipalKind)> {
        let provider = || {
            let provider = self.settings.oidc.as_ref();
            provider
                .map(|oidc| oidc.issuer.as_str())
                .context("the settings name no identity provider (oidc_issuer)")
        };
        if let Some(subject) = text.strip_prefix("oidc:") {
            return Ok((plimsoll_access::oidc_user(provider()?, subject), PrincipalKind::User));
        }
        if let Some(group) = text.strip_prefix("group:") {
            return Ok((plimsoll_access::oidc_group(provider()?, group), PrincipalKind::Group));
        }
        if let Ok(id) = text.parse::<Guid>() {
            let known = self.store.principal(&id).await?;
            return Ok((id, known.map_or(PrincipalKind::User, |known| known.kind)));
        }
        let known = self.known(text).await?;
        Ok((known.id, known.kind))
    }

    /// The scope that a text means: a resource id, or `registry:NAME` with or without a repository.
    async fn scope(&self, text: &str) -> Result<ResourceId> {
        let Some(rest) = text.strip_prefix("registry:") else { return Ok(assignable(text)?) };
        let (name, repository) = rest.split_once('/').map_or((rest, None), |(name, rest)| (name, Some(rest)));
        let mut id = match self.store.registry_by_name(name).await? {
            Some(registry) => registry.scope.registry_id(),
            // Before the first `serve` there is none; the one that it will make can be spoken of.
            None if name.eq_ignore_ascii_case(&self.settings.scope.registry) => {
                self.settings.scope.registry_id()
            }
            None => bail!("there is no registry {name:?}"),
        };
        if let Some(repository) = repository {
            id = format!("{id}/repositories/{repository}");
        }
        Ok(assignable(&id)?)
    }

    async fn given(&self, give: &cli::Give) -> Result<Option<(&'static Role, ResourceId)>> {
        match (&give.role, &give.scope) {
            (Some(role), Some(scope)) => Ok(Some((role_named(role)?, self.scope(scope).await?))),
            _ => Ok(None),
        }
    }

    async fn warn_of_no_role(&self, principal: &Principal) -> Result<()> {
        if self.store.assignments_of(std::slice::from_ref(&principal.id)).await?.is_empty() {
            let name = printable(&principal.name);
            eprintln!(
                "{name} has no role yet and may do nothing: plimsoll role assign --role Reader --scope / --principal {name}"
            );
        }
        Ok(())
    }
}

fn show_definitions() {
    let mut rows = table::table(&["Role", "What it lets one do", "Id"]);
    for role in Role::ALL {
        rows.add_row([table::cell(role.name), table::cell(role.description), table::cell(role.id)]);
    }
    println!("{rows}");
}

fn role_named(text: &str) -> Result<&'static Role> {
    Role::named(text).ok_or_else(|| {
        anyhow!("there is no role {text:?}; `plimsoll role definitions` tells which there are")
    })
}

fn check_name(name: &str) -> Result<()> {
    let fits = (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@+".contains(&b));
    if !fits || name.parse::<Guid>().is_ok() {
        bail!("a name has 1 to {MAX_NAME} letters, digits, '-', '_', '.', '@' or '+', not {name:?}");
    }
    Ok(())
}

/// A new password: asked for twice on a terminal, or the first line of stdin.
fn new_password() -> Result<String> {
    if std::io::stdin().is_terminal() {
        let terminal = console::Term::stderr();
        let ask = |question: &str| -> Result<String> {
            terminal.write_str(question)?;
            Ok(terminal.read_secure_line()?)
        };
        let password = ask("Password: ")?;
        if ask("Once more: ")? != password {
            bail!("the two are not the same");
        }
        return Ok(password);
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_PASSWORD).read_to_string(&mut text).context("stdin holds no password")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// How long, in milliseconds: `12h`, `30d`, `52w`.
fn duration(text: &str) -> Result<i64> {
    let unit = |unit: char| match unit {
        'm' => Some(60_000),
        'h' => Some(3_600_000),
        'd' => Some(86_400_000),
        'w' => Some(7 * 86_400_000),
        _ => None,
    };
    let read = || {
        let last = text.chars().last()?;
        let number: i64 = text[..text.len() - last.len_utf8()].parse().ok()?;
        number.checked_mul(unit(last)?).filter(|length| (1..=100 * 366 * 86_400_000).contains(length))
    };
    read().ok_or_else(|| anyhow!("a time is a number with m, h, d or w behind it, such as 90d, not {text:?}"))
}

fn minute(instant: Timestamp) -> String {
    let text = instant.to_string();
    text.get(..16).map_or(text.clone(), |minute| minute.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!((duration("90d").unwrap(), duration("12h").unwrap()), (90 * 86_400_000, 43_200_000));
        for wrong in ["", "d", "90", "-1d", "0h", "1y", "9999999999999w", "1é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_plain() {
        for name in ["ci", "ada@example.test", "a-b_c.d+e"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let guid = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
        for name in ["", "a b", "a:b", "oidc:x", "é", guid, &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
