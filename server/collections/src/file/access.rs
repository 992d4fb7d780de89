//! Permission bits and owner: the attributes that files and folders share.

use std::path::{Path, PathBuf};

use seed_role::attrs::Attrs;
use seed_role::host::{Host, Metadata, Owner};
use seed_role::param::Mode;
use seed_role::step::Step;
use seed_role::trouble::Result;
use seed_spec::unit;

use super::beside::{self, ATTRIBUTES};

const MODE: &str = "mode";
const OWNER: &str = "owner";

/// What the parameters ask for; what they leave open is not compared.
#[derive(Clone, Copy)]
pub(crate) struct Access<'a> {
    pub mode: Option<Mode>,
    pub owner: Option<&'a str>,
}

impl Access<'_> {
    /// Adds what is asked for to the wanted attributes.
    pub fn wanted(self, host: &dyn Host, attrs: Attrs) -> Result<Attrs> {
        let owner = self.owner.map(|text| host.owner(text)).transpose()?;
        let attrs = attrs.with_some(MODE, self.mode.map(|mode| mode.to_string()));
        Ok(attrs.with_some(OWNER, owner.map(|owner| host.owner_name(owner))))
    }
}

/// Adds what is there to the attributes seen.
pub(crate) fn seen(host: &dyn Host, metadata: &Metadata, attrs: Attrs) -> Attrs {
    let owner = Owner { uid: metadata.uid, gid: metadata.gid };
    attrs.with(MODE, Mode(metadata.mode).to_string()).with(OWNER, host.owner_name(owner))
}

/// The permission bits among attributes.
pub(crate) fn mode(attrs: Option<&Attrs>) -> Option<u32> {
    unit::Mode::parse(attrs?.text(MODE)?).ok().map(|mode| mode.0)
}

/// The owner that attributes name.
pub(crate) fn owner(attrs: &Attrs) -> Option<&str> {
    attrs.text(OWNER)
}

/// The steps that change owner, extended attributes and permission bits from what was seen to the goal.
pub(crate) fn steps(path: &Path, from: &Attrs, goal: &Attrs) -> Vec<Step> {
    let mut steps = Vec::new();
    let changed = |name: &str| goal.get(name).is_some() && goal.get(name) != from.get(name);
    if changed(OWNER) {
        let (path, owner) = (PathBuf::from(path), owner(goal).unwrap_or_default().to_string());
        let at = path.clone();
        steps.push(Step::new("set the owner", move |host| host.set_owner(&path, host.owner(&owner)?)).durable(at));
    }
    // An access list sets the bits of the group.
    let gives_attributes = changed(ATTRIBUTES);
    if gives_attributes {
        let (path, attributes) = (PathBuf::from(path), beside::of(goal));
        let at = path.clone();
        let run = move |host: &dyn Host| host.set_attributes(&path, &attributes);
        steps.push(Step::new("set the extended attributes", run).durable(at));
    }
    // chown(2) takes the set-user-ID and set-group-ID bits away, so the mode comes after it.
    if let Some(mode) = mode(Some(goal)).or(mode(Some(from)))
        && (changed(MODE) || gives_attributes || (changed(OWNER) && mode & 0o6000 != 0))
    {
        let path = PathBuf::from(path);
        let at = path.clone();
        steps.push(Step::new("set the mode", move |host| host.set_mode(&path, mode)).durable(at));
    }
    steps
}
