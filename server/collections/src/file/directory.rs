//! `file.directory`: a folder.

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::attributes::Attributes;
use seed_role::host::{FileKind, Host, temporary_of};
use seed_role::param::{AbsPath, Mode, Output, Outputs};
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::{Kind, Result};
use seed_role::{Declared, Finding, Mend, Role, Watch};
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;

use super::access::{self, Access};
use super::beside::{self, ATTRIBUTES};
use super::{aside, check_path, folder_of, metadata_of};

/// A folder.
///
/// `absent` removes it if Seed made it. Files that others put into it are data: removing them needs consent, and a backup is made
/// first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Directory {
    /// Where the folder is. Missing parent folders are created, and removed with it if they are empty.
    path: AbsPath,
    /// Permission bits, such as `"0750"`. Default: `"0755"` for a new folder; an existing one keeps its own.
    mode: Option<Mode>,
    /// Its owner: `user`, `user:group` or numbers. Default: the owner is not managed.
    owner: Option<String>,
}

impl Role for Directory {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Path(self.path.to_path_buf())]
    }

    fn check(&self) -> Vec<Finding> {
        check_path(&self.path).into_iter().collect()
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let metadata = metadata_of(host, &self.path, FileKind::Directory)?;
        let Some(there) = metadata else { return Ok(Observation::Absent) };
        let attributes = match host.attributes(&self.path) {
            // Who may not read it changes nothing of them.
            Err(trouble) if trouble.kind == Kind::NotPermitted => Attributes::default(),
            attributes => attributes?,
        };
        let attrs = access::identified(host, &self.path, &there, access::seen(host, &there, Attrs::new()))?;
        Ok(Observation::Present(beside::seen(&attributes, attrs)))
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let access = Access { mode: self.mode, owner: self.owner.as_deref() };
        access.wanted(host, Attrs::new())
    }

    fn mend(&self, _change: &Change, seen: &Attrs) -> Mend {
        beside::locked(seen).map_or(Mend::InPlace, Mend::Never)
    }

    fn loses(&self, host: &dyn Host, _seen: &Attrs, _ours: Option<&Attrs>) -> Option<String> {
        // A folder that cannot be read may hold anything.
        let holds_nothing = aside::is_all_in(host, &self.path).unwrap_or(false);
        (!holds_nothing).then(|| format!("the folder {} and everything in it", self.path.display()))
    }

    fn backup(&self, _seen: &Attrs, name: &str, _as_a_whole: bool) -> Option<std::path::PathBuf> {
        Some(seed_role::backup::place(&self.path, name))
    }

    fn is_as_confirmed(&self, confirmed: &Attrs, seen: &Attrs) -> bool {
        access::is_same(confirmed, seen)
    }

    fn fit_past(&self, past: &mut Attrs, _seen: &Observation) -> Option<String> {
        access::fit_past(past);
        None
    }

    fn keeps_all(&self) -> bool {
        // Something may have been put aside in it.
        true
    }

    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        let seen = transition.from.attrs();
        Ok(match (transition.to, seen) {
            (Goal::Absent, None) => Vec::new(),
            (Goal::Absent, Some(seen)) => vec![self.removal(host, seen, transition.keep)?],
            (Goal::Attrs(goal), Some(seen)) => access::steps(host, &self.path, seen, goal)?,
            (Goal::Attrs(goal), None) => match transition.kept.and_then(|kept| kept.path.as_deref()) {
                Some(kept) => vec![aside::bring_back(&self.path, kept)],
                None => vec![self.making(host, goal)?],
            },
        })
    }

    fn outputs(&self, _seen: Option<&Attrs>) -> Outputs {
        Outputs::from([("path".to_string(), Output::Text(self.path.display().to_string()))])
    }

    fn recover(&self, host: &dyn Host, step: &str) -> Result<()> {
        aside::undo(host, &self.path, step)
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Path(self.path.to_path_buf())]
    }
}

impl Directory {
    fn making(&self, host: &dyn Host, goal: &Attrs) -> Result<Step> {
        let path = self.path.to_path_buf();
        let folder = folder_of(&path).to_path_buf();
        let mode = access::mode(Some(goal)).unwrap_or(0o755);
        let owner = access::owner(goal).map(String::from);
        let run = move |host: &dyn Host| {
            let owner = owner.map(|owner| host.owner(&owner)).transpose()?;
            host.make_folder_for(&path, mode, owner)
        };
        let step = Step::new("make the folder", run).folder(folder.clone()).durable(folder);
        // Elsewhere it is made under its own name.
        Ok(if host.others_can_replace(&self.path)? { step.litter(temporary_of(&self.path)) } else { step })
    }

    /// Removes the folder. With something in it, it is put aside with all of it; it is emptied only where that was waived.
    fn removal(&self, host: &dyn Host, seen: &Attrs, keep: Option<&str>) -> Result<Step> {
        let path = self.path.to_path_buf();
        let folder = folder_of(&path).to_path_buf();
        let empty = host.list(&path)?.is_empty();
        Ok(match keep {
            // Made anew it would lack its access list.
            Some(keep) if !empty || seen.get(ATTRIBUTES).is_some() => {
                aside::put(host, &path, keep, format!("the folder {} and everything in it", path.display()))?
            }
            // What comes into it from here on was not spoken of: then this fails.
            None if !empty => {
                Step::new("remove the folder and everything in it", move |host| host.remove_tree(&path)).thins(folder)
            }
            // What comes into it from here on was not spoken of: then this fails.
            _ => Step::new("remove the folder", move |host| host.remove_folder(&path)).thins(folder),
        })
    }
}

impl Declared for Directory {
    const NAME: &'static str = "file.directory";
    const OUTPUTS: &'static [OutputInfo] = &[OutputInfo { name: "path", kind: RefKind::Directory, doc: "Where the folder is." }];
    const EXAMPLE: &'static str = r#"inbox:
  is: file.directory
  path: /srv/inbox
  mode: "0750"
  owner: root:root
"#;
}
