//! Passwords of users: argon2, with the same work for a name that does not exist, and patience that ends.
//!
//! Checking one takes tens of milliseconds and 19 MiB on purpose, so few are checked at a time, and one that was right is
//! remembered for a minute (as a keyed hash, in memory): docker sends it with every request for a token. Behind five
//! wrong ones in a row each further try must wait, at most a minute: long enough to make guessing hopeless, short enough
//! that nobody can lock a user out for good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use aws_lc_rs::hmac;
use plimsoll_store::{Store, UserLogin};
use plimsoll_types::Timestamp;
use tokio::sync::Semaphore;

use crate::identity::{Credential, Identity};
use crate::{Clock, Error, Refusal, Result, secret};

/// How many passwords are checked at once.
const AT_ONCE: usize = 2;
/// How many requests may wait for that.
const MAY_WAIT: usize = 64;
/// Wrong ones that cost nothing.
const FREE_FAILURES: u32 = 5;
/// The longest wait behind a wrong one.
const LONGEST_WAIT: i64 = 60_000;
/// How long a right one is remembered, in milliseconds.
const REMEMBERED: i64 = 60_000;
/// How many right ones are remembered.
const MAX_REMEMBERED: usize = 10_000;
/// The longest name and password that are looked at.
const MAX_NAME: usize = 128;
const MAX_PASSWORD: usize = 1024;
/// The shortest password that is taken.
const MIN_PASSWORD: usize = 8;

/// The hash of a new password, in the PHC form. Takes its time: not to be called where others wait.
pub fn hash(password: &str) -> Result<String> {
    if !(MIN_PASSWORD..=MAX_PASSWORD).contains(&password.len()) {
        let message = format!("a password has {MIN_PASSWORD} to {MAX_PASSWORD} bytes");
        return Err(Error::Misconfigured(message));
    }
    hash_with(password, &secret::random::<16>()?)
}

fn hash_with(password: &str, salt: &[u8]) -> Result<String> {
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|_| Error::Broken("argon2 failed"))
}

/// Checks passwords.
pub(crate) struct Passwords {
    /// The hash of a password that nobody has: what is checked for names that do not exist.
    nobody: Arc<str>,
    checks: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    key: hmac::Key,
    right: Mutex<HashMap<[u8; 32], Remembered>>,
}

#[derive(Clone)]
struct Remembered {
    login: Arc<UserLogin>,
    until: Timestamp,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self> {
        let nobody = hash_with(&secret::hex(&secret::random::<32>()?), &secret::random::<16>()?)?;
        Ok(Self {
            nobody: nobody.into(),
            checks: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(MAY_WAIT)),
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret::random::<32>()?),
            right: Mutex::default(),
        })
    }

    /// Who has this name and password.
    pub(crate) async fn identity(
        &self,
        store: &Store,
        clock: &Clock,
        name: &str,
        password: &str,
    ) -> Result<Identity> {
        let wrong = || Error::Refused(Refusal::Invalid("name or password is wrong"));
        if name.is_empty() || name.len() > MAX_NAME || password.len() > MAX_PASSWORD {
            return Err(wrong());
        }
        let fingerprint = self.fingerprint(name, password);
        if let Some(login) = self.remembered(&fingerprint, clock())
            && store.password_changed_at(&login.principal.id).await? == Some(login.changed_at)
        {
            return Ok(identity(&login));
        }
        let busy = || Error::Refused(Refusal::Unavailable("too many logins are being checked; try again"));
        let _place = self.waiting.try_acquire().map_err(|_| busy())?;
        let check = self.checks.clone().acquire_owned().await.map_err(|_| busy())?;
        // Looked at here and not before the wait: else a flood of requests would all see the count of its first one.
        let failed = store.failed_logins(name).await?;
        let wait = failed.map_or(0, |failed| wait_behind(failed.failures, failed.failed_at, clock()));
        if wait > 0 {
            return Err(Refusal::TooMany(Duration::from_millis(wait.unsigned_abs())).into());
        }
        let login = store.user_login(name).await?;
        let expected: Arc<str> =
            login.as_ref().map_or_else(|| self.nobody.clone(), |login| login.hash.as_str().into());
        let typed = password.to_owned();
        let is_right = tokio::task::spawn_blocking(move || {
            let _check = check;
            Argon2::default().verify_password(typed.as_bytes(), &*expected).is_ok()
        });
        let is_right = is_right.await.map_err(|_| Error::Broken("argon2 failed"))?;
        match login.filter(|_| is_right) {
            Some(login) => {
                if failed.is_some() {
                    store.login_worked(name).await?;
                }
                let identity = identity(&login);
                self.remember(fingerprint, login, clock());
                Ok(identity)
            }
            None => {
                store.login_failed(name, clock()).await?;
                tracing::info!("a login failed: name or password was wrong");
                Err(wrong())
            }
        }
    }

    fn fingerprint(&self, name: &str, password: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(password.as_bytes());
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        fingerprint
    }

    fn remembered(&self, fingerprint: &[u8; 32], now: Timestamp) -> Option<Arc<UserLogin>> {
        let right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        right.get(fingerprint).filter(|one| one.until > now).map(|one| one.login.clone())
    }

    fn remember(&self, fingerprint: [u8; 32], login: UserLogin, now: Timestamp) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= MAX_REMEMBERED {
            right.retain(|_, one| one.until > now);
        }
        if right.len() < MAX_REMEMBERED {
            let until = now.plus_millis(REMEMBERED);
            right.insert(fingerprint, Remembered { login: Arc::new(login), until });
        }
    }
}

fn identity(login: &UserLogin) -> Identity {
    let credential = Credential::Password { changed_at: login.changed_at.0 };
    Identity::new(login.principal.clone(), credential)
}

/// How long one must still wait behind so many wrong ones in a row, in milliseconds: a second, and each time the double.
fn wait_behind(failures: u32, failed_at: Timestamp, now: Timestamp) -> i64 {
    let Some(beyond) = failures.checked_sub(FREE_FAILURES) else { return 0 };
    let wait = 1000_i64.checked_shl(beyond.min(20)).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    (failed_at.0.saturating_add(wait).saturating_sub(now.0)).clamp(0, LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let at = |failures, passed: i64| wait_behind(failures, Timestamp(1000), Timestamp(1000 + passed));
        assert_eq!((at(1, 0), at(4, 0), at(5, 0), at(6, 0), at(8, 0)), (0, 0, 1000, 2000, 8000));
        assert_eq!((at(6, 500), at(6, 2000), at(6, 9000)), (1500, 0, 0));
        assert_eq!((at(11, 0), at(40, 0), at(u32::MAX, 0)), (60_000, 60_000, 60_000));
        // A clock that was set back must not lock anybody out for longer.
        assert_eq!(wait_behind(9, Timestamp(i64::MAX), Timestamp(0)), 60_000);
    }

    #[test]
    fn a_password_is_long_enough_and_not_endless() {
        assert!(hash("short").is_err() && hash(&"a".repeat(2000)).is_err());
        let hash = hash("correct horse").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    }
}
