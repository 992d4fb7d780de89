//! Permission bits and owner: the attributes that files and folders share.

use std::path::Path;

use seed_role::attrs::{Attrs, Change, IDENTITY};
use seed_role::host::{Access as HostAccess, Host, Metadata, Owner};
use seed_role::param::Mode;
use seed_role::step::Step;
use seed_role::trouble::{Kind, Result, Trouble};
use seed_spec::unit;

use super::beside::{self, ATTRIBUTES};

pub(crate) const MODE: &str = "mode";
pub(crate) const OWNER: &str = "owner";

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

/// Adds by what it is known to the attributes seen, where that matters.
pub(crate) fn identified(host: &dyn Host, path: &Path, metadata: &Metadata, attrs: Attrs) -> Result<Attrs> {
    Ok(attrs.with_some(IDENTITY, host.others_can_replace(path)?.then(|| identity(metadata))))
}

/// Whether a change would give root a file of another user, where that user can put something else in its place: then it is refused.
pub(crate) fn would_become_roots(change: &Change, seen: &Attrs) -> bool {
    let is_roots = |owner: &serde_json::Value| owner.as_str().is_some_and(|owner| owner.split(':').next() == Some("root"));
    is_roots(&change.to) && !is_roots(&change.from) && seen.get(IDENTITY).is_some()
}

/// Whether two looks were at the same thing, as far as that matters.
pub(crate) fn is_same(one: &Attrs, other: &Attrs) -> bool {
    one.get(IDENTITY) == other.get(IDENTITY)
}

/// Takes out of what was there before what tells one file from another, and means nothing for the next.
pub(crate) fn fit_past(past: &mut Attrs) {
    past.0.remove(IDENTITY);
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

/// Whether the goal names another owner than was seen. Whoever owned a file may have it open, and write into it later: with its owner it
/// is written anew, where its content is known.
pub(crate) fn changes_owner(seen: &Attrs, goal: &Attrs) -> bool {
    goal.get(OWNER).is_some() && goal.get(OWNER) != seen.get(OWNER)
}

/// The step that changes owner, extended attributes and permission bits from what was seen to the goal; none where they are the same.
///
/// # Errors
///
/// [`Kind::Changed`] where something else is there by now.
pub(crate) fn steps(host: &dyn Host, path: &Path, from: &Attrs, goal: &Attrs) -> Result<Vec<Step>> {
    let changed = |name: &str| goal.get(name).is_some() && goal.get(name) != from.get(name);
    let attributes = changed(ATTRIBUTES).then(|| beside::of(goal));
    let new_owner = owner(goal).filter(|_| changed(OWNER)).map(|text| host.owner(text)).transpose()?;
    // chown(2) takes the set-user-ID and set-group-ID bits away, and an access list sets the bits of the group.
    let new_mode = mode(Some(goal))
        .or(mode(Some(from)))
        .filter(|mode| changed(MODE) || attributes.is_some() || (new_owner.is_some() && mode & 0o6000 != 0));
    if new_owner.is_none() && attributes.is_none() && new_mode.is_none() {
        return Ok(Vec::new());
    }
    let there = seen_before(host, path, from)?;
    let path = path.to_path_buf();
    let at = path.clone();
    let words = format!("set {}", HostAccess { owner: new_owner, mode: new_mode, attributes: attributes.as_ref() }.words());
    let run = move |host: &dyn Host| {
        host.set_access(&path, &there, &HostAccess { owner: new_owner, mode: new_mode, attributes: attributes.as_ref() })
    };
    Ok(vec![Step::new(words, run).durable(at)])
}

/// What is there, if it is still what these attributes tell.
fn seen_before(host: &dyn Host, path: &Path, from: &Attrs) -> Result<Metadata> {
    let attempted = || format!("change the access to {}", path.display());
    let there = host.metadata(path)?.ok_or_else(|| Trouble::new(attempted(), "it is gone").kind(Kind::Gone))?;
    let now = seen(host, &there, Attrs::new());
    let same = |name: &str| from.get(name).is_none() || from.get(name) == now.get(name);
    let is_it = from.text(IDENTITY).is_none_or(|known| known == identity(&there));
    if is_it && same(MODE) && same(OWNER) {
        return Ok(there);
    }
    Err(Trouble::new(attempted(), "something else is there now")
        .kind(Kind::Changed)
        .hint("it was left as it is; look at the new plan and apply again"))
}

/// By what a file or folder is known.
fn identity(there: &Metadata) -> String {
    format!("{}:{}", there.device, there.inode)
}
