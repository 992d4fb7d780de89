//! `storage.mount`: a file system that is there, mounted somewhere.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, HIDDEN, Observation};
use seed_role::claim::Claim;
use seed_role::host::{Host, Mount as Mounted, MountRequest};
use seed_role::param::{AbsPath, BlockRef, Output, Outputs};
use seed_role::step::{Goal, Step, Transition};
use seed_role::{Contents, Declared, Finding, Mend, Result, Role, Trouble, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;
use serde_json::Value as Json;

use super::device::{must_be_there, resolved, window};
use super::signature::{Kind, Signature, probe};
use super::{finding, mounts, not_in_place};

mod fstab;
mod persist;
mod unit;

#[cfg(test)]
mod odd_names;

/// A mount of an existing file system, optionally also at boot.
///
/// A file system that Seed makes is mounted by its own `mount`. Use this for other file systems, for a second mount point, and for a
/// Btrfs subvolume with the option `subvol=`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Mount {
    /// The device: a role or a path.
    device: BlockRef,
    /// Where it is mounted. A missing folder is created.
    at: AbsPath,
    /// The type of the file system, such as `ext4`. Default: detected.
    #[serde(rename = "type")]
    fs_type: Option<String>,
    /// Mount options of mount(8), such as `[ro, noatime]`. Default: none for a new mount; an existing one keeps its own.
    /// If another user can replace the file behind a device, root mounts with `nosuid` and `nodev`, unless the options contain `suid` or
    /// `dev`.
    options: Option<Vec<String>>,
    /// Whether and how it is mounted at boot.
    #[serde(default)]
    persist: Persist,
}

/// What mounts it when the machine starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Persist {
    /// Not mounted at boot.
    #[default]
    None,
    /// By an entry in /etc/fstab.
    Fstab,
    /// By a systemd mount unit.
    Unit,
}

impl Persist {
    fn word(self) -> &'static str {
        match self {
            Persist::None => "none",
            Persist::Fstab => "fstab",
            Persist::Unit => "unit",
        }
    }
}

impl Mount {
    /// What is on the device, as far as it can be read.
    fn signature(&self, host: &dyn Host) -> Result<Option<Signature>> {
        Ok(window(host, &self.device)?.map(|window| probe(host, &window)).transpose()?.flatten())
    }

    /// The options that it is to be mounted with.
    fn options(&self, host: &dyn Host) -> Result<Option<Vec<String>>> {
        mounts::options_for(host, std::slice::from_ref(&self.device), self.options.as_deref())
    }

    /// The subvolume that the options ask for.
    fn root(&self) -> Option<String> {
        let asked = self.options.iter().flatten().find_map(|option| option.strip_prefix("subvol="));
        asked.map(|subvolume| format!("/{}", subvolume.trim_matches('/')))
    }

    /// Whether a mount is that of the device. Of a Btrfs on many devices the kernel names only one.
    fn is_of_device(&self, host: &dyn Host, mount: &Mounted) -> bool {
        self.device.path.as_ref().is_some_and(|path| resolved(host, path).as_os_str() == mount.source.as_str())
    }

    fn is_mine(&self, host: &dyn Host, mount: &Mounted) -> Result<bool> {
        if self.is_of_device(host, mount) {
            return Ok(true);
        }
        if self.device.path.is_none() {
            return Ok(false);
        }
        if mount.fs_type != "btrfs" {
            return Ok(false);
        }
        let Some(found) = self.signature(host)?.filter(|found| found.kind == Kind::Btrfs) else { return Ok(false) };
        Ok(host.btrfs(&mount.at)?.uuid == found.uuid)
    }

    fn request(&self, host: &dyn Host, goal: &Attrs) -> Result<MountRequest> {
        let device = resolved(host, self.device.ready()?);
        must_be_there(host, &device)?;
        let source = device.display().to_string();
        let fs_type = match &self.fs_type {
            Some(fs_type) => fs_type.clone(),
            None => self.type_on_device(host)?,
        };
        let options = mounts::for_kernel(&mounts::texts(goal, "options").unwrap_or_default());
        Ok(MountRequest { source, at: self.at.0.clone(), fs_type, options })
    }

    fn type_on_device(&self, host: &dyn Host) -> Result<String> {
        let trouble = |came_back: String| Trouble::new(format!("mount {}", self.device.key()), came_back);
        let found =
            self.signature(host)?.ok_or_else(|| trouble("it is blank".into()).hint("create a file system on it first"))?;
        match found.kind {
            Kind::Luks => Err(trouble(format!("it holds {}", found.words())).hint("open it first")),
            Kind::Swap | Kind::Gpt | Kind::Mbr | Kind::Lvm | Kind::Raid | Kind::Qcow2 | Kind::Unrecognised => {
                Err(trouble(format!("it holds {}", found.words()))
                    .hint("use a device with a file system; if it has one, add its `type`"))
            }
            kind => Ok(kind.word().to_string()),
        }
    }

    fn mount(&self, goal: &Attrs) -> Step {
        let (role, goal) = (self.clone(), goal.clone());
        Step::new("mount", move |host| match mounts::mounted_at(&host.mounts()?, &role.at) {
            Some(mount) if role.is_mine(host, mount)? => Ok(()),
            Some(mount) if mount.fs_type != "autofs" => Err(mounts::taken(&role.device.key(), mount)),
            _ => host.mount(&role.request(host, &goal)?),
        })
        .folder(self.at.0.clone())
    }

    fn unmount(&self) -> Step {
        let role = self.clone();
        Step::new("unmount", move |host| match mounts::mounted_at(&host.mounts()?, &role.at) {
            Some(mount) if role.is_mine(host, mount)? => host.unmount(&role.at),
            _ => Ok(()),
        })
    }

    fn change_options(&self, goal: &Attrs) -> Step {
        let (role, goal) = (self.clone(), goal.clone());
        Step::new("change the mount options", move |host| {
            let request = role.request(host, &goal)?;
            match mounts::mounted_at(&host.mounts()?, &role.at) {
                Some(mount) => mounts::change_options(host, mount, &request),
                None => host.mount(&request),
            }
        })
    }

    fn change(&self, from: &Attrs, goal: &Attrs) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let is_mounted = from.text("at").is_some();
        for change in from.changes(goal) {
            match change.field.as_str() {
                "at" if change.to.is_null() => steps.push(self.unmount()),
                "at" => steps.push(self.mount(goal)),
                "options" if is_mounted && goal.text("at").is_some() => steps.push(self.change_options(goal)),
                "options" | "persist" | "entry" => {}
                "device" | "type" | "root" if !is_mounted => {}
                field => return Err(not_in_place(field, &format!("the mount on {}", self.at.display()))),
            }
        }
        steps.extend(persist::steps(self, from, goal));
        Ok(steps)
    }
}

impl Role for Mount {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Mount(self.at.0.clone())]
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some((param, why)) = persist::unfit(self) {
            findings.push(finding(param, Code::WrongValue, why, "use another path, or remove `persist`"));
        }
        let is_of_a_type = |one: char| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-');
        if self.fs_type.as_ref().is_some_and(|fs_type| fs_type.is_empty() || !fs_type.chars().all(is_of_a_type)) {
            findings.push(finding(
                "type",
                Code::WrongValue,
                "a type is a single word",
                "write it as in mount(8), such as `ext4`",
            ));
        }
        if self
            .options
            .iter()
            .flatten()
            .any(|option| option.is_empty() || option.contains(|one: char| one == ',' || one.is_whitespace() || one.is_control()))
        {
            let help = "write each option as its own item: `[ro, noatime]`";
            findings.push(finding("options", Code::WrongValue, "an option cannot contain commas or spaces", help));
        }
        findings
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let mut attrs = persist::seen(self, host)?;
        let is_persistent = attrs.text("persist") != Some(Persist::None.word());
        let table = host.mounts()?;
        let Some(mount) = mounts::mounted_at(&table, &self.at).filter(|mount| mount.fs_type != "autofs") else {
            attrs.set("at", Json::Null);
            return Ok(if is_persistent { Observation::Present(attrs) } else { Observation::Absent });
        };
        let device = if self.is_mine(host, mount)? { self.device.key() } else { mount.source.clone() };
        if let Some(hidden) = self.hidden(host)? {
            attrs.set(HIDDEN, hidden);
        }
        attrs.set("at", self.at.display().to_string());
        attrs.set("device", device);
        attrs.set("type", mount.fs_type.clone());
        attrs.set("root", mount.root.display().to_string());
        attrs.set("options", mounts::options_attribute(self.options(host)?.as_deref(), mount));
        Ok(Observation::Present(attrs))
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let attrs = Attrs::new()
            .with("device", self.device.key())
            .with("at", self.at.display().to_string())
            .with("persist", self.persist.word())
            .with_some("type", self.fs_type.clone())
            .with_some("root", self.root())
            .with_some("options", self.options(host)?);
        Ok(attrs.with_some("entry", persist::entry_foreseen(self, host)?))
    }

    fn mend(&self, change: &Change, seen: &Attrs) -> Mend {
        match change.field.as_str() {
            "device" | "type" | "root" if seen.text("at").is_some() => Mend::Replace,
            _ => Mend::InPlace,
        }
    }

    fn loses(&self, _: &dyn Host, _: &Attrs, _: Option<&Attrs>) -> Option<String> {
        None
    }

    fn steps(&self, _: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        match (transition.from, transition.to) {
            (Observation::Unknown(reason), _) => Err(super::unknown("change the mount", reason)),
            (Observation::Absent, Goal::Absent) => Ok(Vec::new()),
            (Observation::Absent, Goal::Attrs(goal)) => {
                let mut steps = vec![self.mount(goal)];
                steps.extend(persist::steps(self, &Attrs::new().with("persist", Persist::None.word()), goal));
                Ok(steps)
            }
            (Observation::Present(from), Goal::Attrs(goal)) => self.change(from, goal),
            (Observation::Present(from), Goal::Absent) => {
                // First what would mount it again.
                let mut steps = persist::steps(self, from, &Attrs::new().with("persist", Persist::None.word()));
                if let Some(at) = from.text("at").map(PathBuf::from) {
                    let is_other = from.text("device") != Some(&self.device.key());
                    steps.push(if is_other { Step::new("unmount", move |host| host.unmount(&at)) } else { self.unmount() });
                }
                Ok(steps)
            }
        }
    }

    fn hidden(&self, host: &dyn Host) -> Result<Option<String>> {
        let table = host.mounts()?;
        let mut ours = Vec::new();
        for mount in table.iter().filter(|mount| mount.at == self.at.0) {
            // What another is mounted over is known by its device alone: its path leads elsewhere.
            let is_ours =
                if mounts::is_visible(&table, mount) { self.is_mine(host, mount)? } else { self.is_of_device(host, mount) };
            if is_ours {
                ours.push(mount.clone());
            }
        }
        Ok(mounts::hidden(&table, &ours, &self.at))
    }

    fn outputs(&self, _: Option<&Attrs>) -> Outputs {
        Outputs::from([("at".to_string(), Output::Text(self.at.display().to_string()))])
    }

    fn contents(&self, seen: &Observation) -> Contents {
        let is_mounted = seen.attrs().is_some_and(|attrs| attrs.text("at").map(Path::new) == Some(&self.at));
        let is_fresh = self.device.bytes.as_ref().is_some_and(|bytes| bytes.fresh);
        match (is_mounted, is_fresh) {
            (true, _) => Contents::Same,
            (false, true) => Contents::Fresh,
            (false, false) => Contents::Unseen,
        }
    }

    fn watches(&self) -> Vec<Watch> {
        let persists = match self.persist {
            Persist::None => None,
            Persist::Fstab => Some(PathBuf::from(fstab::PATH)),
            Persist::Unit => Some(unit::path(&self.at)),
        };
        std::iter::once(Watch::Mounts).chain(persists.map(Watch::Path)).collect()
    }
}

impl Declared for Mount {
    const NAME: &'static str = "storage.mount";
    const OUTPUTS: &'static [OutputInfo] = &[OutputInfo { name: "at", kind: RefKind::Directory, doc: "Where it is mounted." }];
    const EXAMPLE: &'static str = r#"data:
  is: storage.mount
  device: /dev/disk/by-label/data
  at: /srv/data
  options: [noatime, nofail]
  persist: fstab
"#;
}
