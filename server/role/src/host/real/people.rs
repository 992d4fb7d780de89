//! Users, groups and secrets.

use std::collections::HashMap;
use std::ffi::OsString;
use std::hash::Hash;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use nix::unistd::{Gid, Group, Uid, User};

use super::{RealHost, programs};
use crate::host::people::{self, Register, Vault};
use crate::host::refusal::Told;
use crate::host::{Command, Owner};
use crate::trouble::{Kind, Result, Trouble};

/// More than any secret is long.
const MOST_BYTES: u64 = 1 << 20;

/// Users and groups that were looked up: each look reads a file, or asks a server.
#[derive(Default)]
pub(super) struct People {
    users: Kept<u32, Option<String>>,
    groups: Kept<u32, Option<String>>,
    owners: Kept<String, Owner>,
}

struct Kept<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Kept(Mutex::new(HashMap::new()))
    }
}

impl<K: Hash + Eq, V: Clone> Kept<K, V> {
    fn get(&self, key: K, look: impl FnOnce(&K) -> Result<V>) -> Result<V> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = kept.get(&key) {
            return Ok(value.clone());
        }
        let value = look(&key)?;
        kept.insert(key, value.clone());
        Ok(value)
    }

    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl People {
    pub fn forget(&self) {
        self.users.forget();
        self.groups.forget();
        self.owners.forget();
    }

    pub fn owner(&self, text: &str) -> Result<Owner> {
        self.owners.get(text.to_string(), |text| people::owner(&System, text))
    }

    pub fn name(&self, owner: Owner) -> String {
        let user = |uid: &u32| Ok(User::from_uid(Uid::from_raw(*uid)).ok().flatten().map(|user| user.name));
        let group = |gid: &u32| Ok(Group::from_gid(Gid::from_raw(*gid)).ok().flatten().map(|group| group.name));
        let user = self.users.get(owner.uid, user).ok().flatten().unwrap_or_else(|| owner.uid.to_string());
        let group = self.groups.get(owner.gid, group).ok().flatten().unwrap_or_else(|| owner.gid.to_string());
        format!("{user}:{group}")
    }
}

/// The users and groups that this machine knows (getpwnam(3), getgrnam(3)).
struct System;

fn looked_up<T>(found: nix::Result<Option<T>>, name: impl std::fmt::Display) -> Result<Option<T>> {
    found.told(|| format!("look up the user or group {name}"))
}

impl Register for System {
    fn user(&self, name: &str) -> Result<Option<Owner>> {
        Ok(looked_up(User::from_name(name), name)?.map(|user| owner_of(&user)))
    }

    fn user_of(&self, uid: u32) -> Result<Option<Owner>> {
        Ok(looked_up(User::from_uid(Uid::from_raw(uid)), uid)?.map(|user| owner_of(&user)))
    }

    fn group(&self, name: &str) -> Result<Option<u32>> {
        Ok(looked_up(Group::from_name(name), name)?.map(|group| group.gid.as_raw()))
    }
}

fn owner_of(user: &User) -> Owner {
    Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() }
}

impl Vault for RealHost {
    fn file(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        self.read_file(path, MOST_BYTES)
    }

    fn command(&self, command: &Command) -> Result<(i32, Vec<u8>)> {
        let done = programs::execute_raw(command, self.folder_of(command)?)?;
        self.forget_tables();
        Ok((done.status, done.stdout))
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn credential(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
            Trouble::new(format!("get the systemd credential {name}"), "CREDENTIALS_DIRECTORY is not set")
                .kind(Kind::Gone)
                .hint("run it from a unit with LoadCredential=, or with systemd-run --property=LoadCredential=…")
        })?;
        self.read_file(&Path::new(&folder).join(name), MOST_BYTES)
    }
}
