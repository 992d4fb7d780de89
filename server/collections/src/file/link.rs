//! `file.link`: a symbolic link.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::{Before, FileKind, Host, Owner, temporary_of};
use seed_role::param::{AbsPath, Output, Outputs};
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::{Result, Trouble};
use seed_role::{Declared, Finding, Mend, Role, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;

use super::{beside, bytes, check_path, folder_of, metadata_of};

/// A symbolic link.
///
/// A link with another target is changed, and `absent` restores its target. A file or folder in its place is left alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Link {
    /// Where the link is. Missing parent folders are created, and removed with it if they are empty.
    path: AbsPath,
    /// The target, written to the link as it is: a relative path starts at the folder of the link. It need not exist.
    to: String,
}

const TO: &str = "to";
const OWNER: &str = "owner";

/// A link as it was seen, to be compared once more when it is replaced or removed.
fn before(host: &dyn Host, seen: &Attrs) -> Result<Before> {
    let target = seen.get(TO).and_then(bytes::decode).unwrap_or_default();
    let owner = seen.text(OWNER).map(|owner| host.owner(owner)).transpose()?.unwrap_or_else(|| host.whoami());
    Ok(Before::Link { target: std::ffi::OsString::from_vec(target).into(), owner })
}

impl Role for Link {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Path(self.path.to_path_buf())]
    }

    fn check(&self) -> Vec<Finding> {
        let finding = |message: &str, help: &str| Finding {
            param: TO.into(),
            code: Code::WrongValue,
            message: message.into(),
            help: Some(help.into()),
        };
        let target = if self.to.is_empty() {
            Some(finding("a link needs a target", "write a path"))
        } else if self.to.contains('\0') {
            Some(finding("a path cannot contain a NUL character", "write a path"))
        } else if self.to.starts_with("~/") {
            Some(finding("`~` is not expanded in links: the link would point to a folder named `~`", "write an absolute path"))
        } else {
            None
        };
        check_path(&self.path).into_iter().chain(target).collect()
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let Some(there) = metadata_of(host, &self.path, FileKind::Link)? else { return Ok(Observation::Absent) };
        let target = host.read_link(&self.path)?.into_os_string().into_vec();
        let owner = beside::link_owner(host, Owner { uid: there.uid, gid: there.gid });
        Ok(Observation::Present(Attrs::new().with(TO, bytes::encode(target)).with_some(OWNER, owner)))
    }

    fn wanted(&self, _host: &dyn Host) -> Result<Attrs> {
        Ok(Attrs::new().with(TO, bytes::encode(self.to.clone().into_bytes())))
    }

    fn mend(&self, _change: &Change, _seen: &Attrs) -> Mend {
        Mend::InPlace
    }

    fn loses(&self, _host: &dyn Host, _seen: &Attrs, _ours: Option<&Attrs>) -> Option<String> {
        None
    }

    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        let seen = transition.from.attrs();
        let path = self.path.to_path_buf();
        let folder = folder_of(&path).to_path_buf();
        let litter = temporary_of(&path);
        let before = seen.map_or(Ok(Before::Nothing), |seen| before(host, seen))?;
        let goal = match transition.to {
            Goal::Absent if seen.is_none() => return Ok(Vec::new()),
            Goal::Absent => {
                let run = move |host: &dyn Host| host.take_away(&path, &before);
                return Ok(vec![Step::new("remove the link", run).litter(litter).thins(folder)]);
            }
            Goal::Attrs(goal) => goal,
        };
        if seen.is_some_and(|seen| seen.changes(goal).is_empty()) {
            return Ok(Vec::new());
        }
        let target = goal.get(TO).and_then(bytes::decode);
        let attempted = || format!("change the target of the link {}", path.display());
        let target = target.ok_or_else(|| Trouble::new(attempted(), "its target is unknown"))?;
        let target = PathBuf::from(std::ffi::OsStr::from_bytes(&target));
        let owner = goal.text(OWNER).or(seen.and_then(|seen| seen.text(OWNER))).map(String::from);
        let run = move |host: &dyn Host| {
            let owner = owner.map(|owner| host.owner(&owner)).transpose()?;
            host.replace_link(&path, &target, owner, &before)
        };
        Ok(vec![Step::new("make the link", run).folder(folder.clone()).litter(litter).durable(folder)])
    }

    fn is_as_confirmed(&self, confirmed: &Attrs, seen: &Attrs) -> bool {
        confirmed == seen
    }

    fn outputs(&self, _seen: Option<&Attrs>) -> Outputs {
        Outputs::from([("path".to_string(), Output::Text(self.path.display().to_string()))])
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Path(self.path.to_path_buf())]
    }
}

impl Declared for Link {
    const NAME: &'static str = "file.link";
    const OUTPUTS: &'static [OutputInfo] = &[OutputInfo { name: "path", kind: RefKind::File, doc: "Where the link is." }];
    const EXAMPLE: &'static str = r#"current:
  is: file.link
  path: /srv/app/current
  to: releases/3
"#;
}
