//! Owners and secrets, the same on every host but for where they are looked up.

use std::ffi::OsString;
use std::path::Path;

use seed_spec::value::Secret;

use super::{Command, Owner};
use crate::trouble::{Kind, Result, Trouble};

/// Where users and groups are looked up.
pub(crate) trait Register {
    /// A user by name.
    fn user(&self, name: &str) -> Result<Option<Owner>>;
    /// A user by number.
    fn user_of(&self, uid: u32) -> Result<Option<Owner>>;
    /// A group by name.
    fn group(&self, name: &str) -> Result<Option<u32>>;
}

/// Reads `user`, `user:group`, or numbers; a user alone brings their own group.
pub(crate) fn owner(register: &impl Register, text: &str) -> Result<Owner> {
    let attempted = || format!("find the owner {text:?}");
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let known = match register.user(user)? {
        Some(known) => known,
        None => {
            let uid: u32 = user
                .parse()
                .map_err(|_| Trouble::new(attempted(), format!("there is no user {user:?}")).hint("see `getent passwd`"))?;
            register.user_of(uid)?.unwrap_or(Owner { uid, gid: uid })
        }
    };
    let gid = match group {
        None => known.gid,
        Some(group) => match register.group(group)? {
            Some(gid) => gid,
            None => group
                .parse()
                .map_err(|_| Trouble::new(attempted(), format!("there is no group {group:?}")).hint("see `getent group`"))?,
        },
    };
    Ok(Owner { uid: known.uid, gid })
}

/// Where secrets are.
pub(crate) trait Vault {
    /// The content of a file; none if there is none.
    fn file(&self, path: &Path) -> Result<Option<Vec<u8>>>;
    /// What a command prints, and its status.
    fn command(&self, command: &Command) -> Result<(i32, Vec<u8>)>;
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// The content of a systemd credential; none if it does not exist.
    fn credential(&self, name: &str) -> Result<Option<Vec<u8>>>;
}

/// Gets a secret. What goes wrong names its place, never its value.
pub(crate) fn reveal(vault: &impl Vault, secret: &Secret) -> Result<String> {
    match secret {
        Secret::File(path) => {
            let attempted = || format!("read the secret in {}", path.display());
            let bytes = vault.file(path)?;
            text_of(bytes.ok_or_else(|| Trouble::new(attempted(), "there is no such file").kind(Kind::Gone))?, attempted)
        }
        Secret::Command(words) => {
            let (program, args) =
                words.split_first().ok_or_else(|| Trouble::new("get a secret from a command", "the command is empty"))?;
            let attempted = || format!("get a secret from {program}");
            let (status, stdout) = vault.command(&Command::new(program.as_str(), args.iter().cloned()))?;
            if status != 0 {
                // What it wrote to standard error may hold the secret as well.
                return Err(Trouble::new(attempted(), format!("it ended with status {status}")));
            }
            text_of(stdout, attempted)
        }
        Secret::Env(name) => {
            let attempted = || format!("get a secret from the environment variable {name}");
            let value = vault.variable(name);
            let value = value.ok_or_else(|| Trouble::new(attempted(), "it is not set").kind(Kind::Gone))?;
            value.into_string().map_err(|_| Trouble::new(attempted(), NOT_TEXT))
        }
        Secret::Credential(name) => {
            let attempted = || format!("get the systemd credential {name}");
            if name.is_empty() || name.contains('/') || name == "." || name == ".." {
                return Err(Trouble::new(attempted(), "a credential's name is a file's name, without folders"));
            }
            let bytes = vault.credential(name)?;
            text_of(bytes.ok_or_else(|| Trouble::new(attempted(), "it does not exist").kind(Kind::Gone))?, attempted)
        }
    }
}

const NOT_TEXT: &str = "it is not UTF-8 text";

/// Text without one line end after it. The bytes never get into a message.
fn text_of(bytes: Vec<u8>, attempted: impl FnOnce() -> String) -> Result<String> {
    let mut text = String::from_utf8(bytes).map_err(|_| Trouble::new(attempted(), NOT_TEXT))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
