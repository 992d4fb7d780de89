//! Users, groups and secrets of the simulated machine.

use std::ffi::OsString;
use std::path::Path;

use super::SimHost;
use super::machine::Machine;
use crate::host::people::{Register, Vault};
use crate::host::{Command, Host, Owner};
use crate::trouble::Result;

impl Register for Machine {
    fn user(&self, name: &str) -> Result<Option<Owner>> {
        Ok(self.users.get(name).copied())
    }

    fn user_of(&self, uid: u32) -> Result<Option<Owner>> {
        Ok(self.users.values().find(|owner| owner.uid == uid).copied())
    }

    fn group(&self, name: &str) -> Result<Option<u32>> {
        Ok(self.groups.get(name).copied())
    }
}

impl Machine {
    pub fn owner_name(&self, owner: Owner) -> String {
        let user = self.users.iter().find(|(_, it)| it.uid == owner.uid).map(|(name, _)| name.clone());
        let group = self.groups.iter().find(|(_, gid)| **gid == owner.gid).map(|(name, _)| name.clone());
        format!("{}:{}", user.unwrap_or(owner.uid.to_string()), group.unwrap_or(owner.gid.to_string()))
    }
}

impl Vault for SimHost {
    fn file(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        self.read(path, u64::MAX)
    }

    fn command(&self, command: &Command) -> Result<(i32, Vec<u8>)> {
        let done = self.execute(command)?;
        Ok((done.status, done.stdout.into_bytes()))
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        self.lock().machine.environment.get(name).map(OsString::from)
    }

    fn credential(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.lock().machine.credentials.get(name).map(|value| value.clone().into_bytes()))
    }
}
