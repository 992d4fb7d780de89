//! `storage.tmpfs`: a file system in memory (tmpfs(5)).

use std::path::PathBuf;

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, HIDDEN, Observation};
use seed_role::claim::Claim;
use seed_role::host::{Host, MountRequest};
use seed_role::param::{AbsPath, Mode, Output, Outputs, Size};
use seed_role::step::{Goal, Step, Transition};
use seed_role::{Declared, Finding, Mend, Result, Role, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;
use serde_json::Value as Json;

use super::mounts::mounted_at;
use super::{finding, holdings, not_in_place};
use crate::file::access;

/// The kernel counts memory in pages.
const PAGE: u64 = 4096;

/// The mode of a new one, as the kernel has it: everybody may write, and remove only their own.
const DEFAULT_MODE: &str = "1777";

/// A file system in memory. Its data is lost when it is unmounted or the machine stops.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tmpfs {
    /// Where it is mounted. A missing folder is created.
    mount: AbsPath,
    /// Its size, such as `512 MiB`. Default: half of the memory.
    size: Option<Size>,
    /// Permission bits of its top folder, such as `"0700"`. Default: `"1777"`, like `/tmp`.
    mode: Option<Mode>,
    /// The owner of its top folder: `user`, `user:group` or numbers. Default: the owner is not managed.
    owner: Option<String>,
}

impl Tmpfs {
    /// The limit as the spec has it, where the kernel only rounded it up to whole pages.
    fn size_attribute(&self, shown: &str) -> Option<String> {
        let kib: u64 = shown.strip_prefix("size=")?.strip_suffix('k')?.parse().ok()?;
        let bytes = kib.checked_mul(1024)?;
        Some(self.size.filter(|size| size.0.next_multiple_of(PAGE) == bytes).unwrap_or(Size(bytes)).to_string())
    }

    fn make(&self, host: &dyn Host, goal: &Attrs) -> Result<Step> {
        let owner = goal.text("owner").map(|owner| host.owner(owner)).transpose()?;
        let size = goal.size("size").map(|size| format!("size={size}"));
        let mode = goal.text("mode").unwrap_or(DEFAULT_MODE);
        let owner = owner.map(|owner| [format!("uid={}", owner.uid), format!("gid={}", owner.gid)]);
        let options = size.into_iter().chain([format!("mode={mode}")]).chain(owner.into_iter().flatten()).collect();
        let at = self.mount.0.clone();
        let request = MountRequest { source: "tmpfs".into(), at: at.clone(), fs_type: "tmpfs".into(), options };
        Ok(Step::new("mount", move |host| super::mounts::ensure(host, &request)).folder(at))
    }

    fn change(&self, host: &dyn Host, from: &Attrs, goal: &Attrs) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for change in from.changes(goal) {
            match change.field.as_str() {
                "size" => steps.push(self.resize(goal.size("size"))),
                "mode" | "owner" => {}
                field => return Err(not_in_place(field, &format!("the tmpfs on {}", self.mount.display()))),
            }
        }
        steps.extend(access::steps(host, &self.mount, from, goal)?);
        Ok(steps)
    }

    fn resize(&self, size: Option<u64>) -> Step {
        let at = self.mount.0.clone();
        // No limit is written as 0.
        let options = vec![format!("size={}", size.unwrap_or(0))];
        let request = MountRequest { source: "tmpfs".into(), at, fs_type: "tmpfs".into(), options };
        Step::new("change its size", move |host| host.remount(&request))
    }
}

impl Role for Tmpfs {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Mount(self.mount.0.clone())]
    }

    fn check(&self) -> Vec<Finding> {
        let is_zero = self.size.is_some_and(|size| size.0 == 0);
        let help = "say how much it may hold, such as `512 MiB`, or leave it out";
        is_zero
            .then(|| finding("size", Code::WrongValue, "a size of nothing means no limit to the kernel", help))
            .into_iter()
            .collect()
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let mounts = host.mounts()?;
        let Some(mount) = mounted_at(&mounts, &self.mount).filter(|mount| mount.fs_type != "autofs") else {
            return Ok(Observation::Absent);
        };
        let hidden = self.hidden(host)?;
        let is_other = hidden.is_some() || mount.fs_type != "tmpfs";
        let mut attrs = Attrs::new().with("type", mount.fs_type.clone()).with_some(HIDDEN, hidden);
        if is_other {
            return Ok(Observation::Present(attrs));
        }
        if let Some(size) = mount.super_options.iter().find_map(|option| self.size_attribute(option)) {
            attrs.set("size", size);
        }
        if let Some(metadata) = host.metadata(&self.mount)? {
            attrs = access::seen(host, &metadata, attrs);
        }
        Ok(Observation::Present(attrs))
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let attrs = Attrs::new().with("type", "tmpfs").with_some("size", self.size.map(|size| size.to_string()));
        access::Access { mode: self.mode, owner: self.owner.as_deref() }.wanted(host, attrs)
    }

    fn mend(&self, change: &Change, _: &Attrs) -> Mend {
        if change.field == "type" {
            let there = change.from.as_str().unwrap_or("something else");
            let at = self.mount.display();
            return Mend::Never(format!("{there} is mounted on {at}: unmount it, or choose another folder"));
        }
        Mend::InPlace
    }

    fn loses(&self, host: &dyn Host, seen: &Attrs, _: Option<&Attrs>) -> Option<String> {
        let is_ours = seen.get("type").and_then(Json::as_str) == Some("tmpfs");
        let holds = is_ours && holdings::under(host, &self.mount, &[]).unwrap_or(true);
        holds.then(|| format!("all in the tmpfs on {}", self.mount.display()))
    }

    fn backs_up(&self) -> bool {
        false
    }

    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        match (transition.from, transition.to) {
            (Observation::Unknown(reason), _) => Err(super::unknown("change the tmpfs", reason)),
            (Observation::Absent, Goal::Absent) => Ok(Vec::new()),
            (Observation::Absent, Goal::Attrs(goal)) => Ok(vec![self.make(host, goal)?]),
            (Observation::Present(from), Goal::Attrs(goal)) => self.change(host, from, goal),
            (Observation::Present(_), Goal::Absent) => {
                let at: PathBuf = self.mount.0.clone();
                let unmount = move |host: &dyn Host| match mounted_at(&host.mounts()?, &at) {
                    Some(mount) if mount.fs_type == "tmpfs" => host.unmount(&at),
                    _ => Ok(()),
                };
                Ok(vec![Step::new("unmount", unmount)])
            }
        }
    }

    fn hidden(&self, host: &dyn Host) -> Result<Option<String>> {
        let table = host.mounts()?;
        let is_tmpfs = |mount: &&seed_role::host::Mount| mount.at == self.mount.0 && mount.fs_type == "tmpfs";
        // One over another is not Seed's: it makes none where there is one.
        let lowest =
            table.iter().filter(is_tmpfs).find(|mount| table.iter().filter(is_tmpfs).all(|other| other.id != mount.parent));
        Ok(lowest.and_then(|lowest| super::mounts::hidden(&table, std::slice::from_ref(lowest), &self.mount)))
    }

    fn outputs(&self, _: Option<&Attrs>) -> Outputs {
        Outputs::from([("mount".to_string(), Output::Text(self.mount.display().to_string()))])
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Mounts, Watch::Path(self.mount.0.clone())]
    }
}

impl Declared for Tmpfs {
    const NAME: &'static str = "storage.tmpfs";
    const OUTPUTS: &'static [OutputInfo] = &[OutputInfo { name: "mount", kind: RefKind::Directory, doc: "Where it is mounted." }];
    const EXAMPLE: &'static str = r#"scratch:
  is: storage.tmpfs
  mount: /srv/scratch
  size: 512 MiB
  mode: "0700"
"#;
}
