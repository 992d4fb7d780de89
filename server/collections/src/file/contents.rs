//! What `file.text` and `file.template` share: all but where the content comes from.

use std::path::{Path, PathBuf};

use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::{Before, FileKind, Host, NewFile, temporary_of};
use seed_role::param::{Mode, Output, Outputs, Size};
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::{Result, Trouble};
use seed_role::{Finding, Mend};
use seed_spec::shape::{OutputInfo, RefKind};
use serde_json::Value as Json;

use super::access::{self, Access};
use super::beside::{self, ATTRIBUTES};
use super::{aside, bytes, check_path, folder_of, metadata_of};

const CONTENT: &str = "content";
/// The permission bits of a file that holds a secret, where the spec names none.
const SECRET_MODE: u32 = 0o600;

/// The content of a file that holds a secret, as an attribute: nothing of it, and only whether it is the one of the spec.
/// Unlike a mask it means the same to a later process, which has to put back what was before. Both begin as every secret does.
const AS_IN_SPEC: &str = "‹secret› as in the spec";
const SOMETHING_ELSE: &str = "‹secret› something else";

/// Inode and length of a file that holds a secret: tells the file that was written from one that came after it, where the
/// content must not.
const WRITTEN: &str = "written";

/// How many names the file has, where it has more than one.
pub(super) const LINKS: &str = "links";

pub(super) const OUTPUTS: &[OutputInfo] = &[OutputInfo { name: "path", kind: RefKind::File, doc: "Where the file is." }];

/// A file whose content is given by the spec.
pub(super) trait Contents: Send + Sync {
    fn path(&self) -> &Path;
    fn access(&self) -> Access<'_>;
    /// Whether a secret is part of the content, or of what it replaces. Then nothing of it is shown or recorded.
    fn is_secret(&self) -> bool;
    /// The content.
    fn render(&self, host: &dyn Host) -> Result<Vec<u8>>;
    /// Mistakes in the parameters that only this type has.
    fn findings(&self) -> Vec<Finding>;
    /// See [`seed_role::Role::sources`].
    fn sources(&self) -> Vec<(&'static str, PathBuf)> {
        Vec::new()
    }
    /// See [`seed_role::Role::inspect`].
    fn inspect(&self, host: &dyn Host) -> Vec<Finding> {
        let _ = host;
        Vec::new()
    }
}

/// Implements [`seed_role::Role`] for a type that implements [`Contents`].
macro_rules! role_of_contents {
    ($type:ty) => {
        impl seed_role::Role for $type {
            fn claims(&self) -> Vec<seed_role::claim::Claim> {
                contents::claims(self)
            }
            fn check(&self) -> Vec<seed_role::Finding> {
                contents::check(self)
            }
            fn sources(&self) -> Vec<(&'static str, std::path::PathBuf)> {
                contents::Contents::sources(self)
            }
            fn inspect(&self, host: &dyn Host) -> Vec<seed_role::Finding> {
                contents::Contents::inspect(self, host)
            }
            fn observe(&self, host: &dyn Host) -> Result<seed_role::attrs::Observation> {
                contents::observe(self, host)
            }
            fn wanted(&self, host: &dyn Host) -> Result<seed_role::attrs::Attrs> {
                contents::wanted(self, host)
            }
            fn mend(&self, change: &seed_role::attrs::Change, seen: &seed_role::attrs::Attrs) -> seed_role::Mend {
                contents::mend(change, seen)
            }
            fn loses(
                &self,
                _host: &dyn Host,
                seen: &seed_role::attrs::Attrs,
                ours: Option<&seed_role::attrs::Attrs>,
            ) -> Option<String> {
                contents::loses(self, seen, ours)
            }
            fn is_as_confirmed(&self, confirmed: &seed_role::attrs::Attrs, seen: &seed_role::attrs::Attrs) -> bool {
                contents::is_as_confirmed(confirmed, seen)
            }
            fn caution(&self, change: &seed_role::attrs::Change, seen: &seed_role::attrs::Attrs) -> Option<String> {
                contents::caution(change, seen)
            }
            fn fit_past(&self, past: &mut seed_role::attrs::Attrs, _seen: &seed_role::attrs::Observation) -> Option<String> {
                contents::fit_past(past)
            }
            fn may_overwrite(&self) -> bool {
                true
            }
            fn backup(&self, seen: &seed_role::attrs::Attrs, name: &str, _as_a_whole: bool) -> Option<std::path::PathBuf> {
                contents::backup(self, seen, name)
            }
            fn conceal(&mut self, holds_secret: bool) {
                self.replaces_secret = holds_secret;
            }
            fn keeps_all(&self) -> bool {
                // A copy of a secret that the spec gave would outlive it.
                !contents::Contents::is_secret(self)
            }
            fn steps(&self, host: &dyn Host, transition: &seed_role::step::Transition<'_>) -> Result<Vec<seed_role::step::Step>> {
                contents::steps(self, host, transition)
            }
            fn outputs(&self, _seen: Option<&seed_role::attrs::Attrs>) -> seed_role::param::Outputs {
                contents::outputs(self)
            }
            fn recover(&self, host: &dyn Host, step: &str) -> Result<()> {
                super::aside::undo(host, contents::Contents::path(self), step)
            }
            fn watches(&self) -> Vec<seed_role::Watch> {
                vec![seed_role::Watch::Path(contents::Contents::path(self).to_path_buf())]
            }
        }
    };
}
pub(super) use role_of_contents;

pub(super) fn claims(file: &dyn Contents) -> Vec<Claim> {
    vec![Claim::Path(file.path().to_path_buf())]
}

pub(super) fn check(file: &dyn Contents) -> Vec<Finding> {
    check_path(file.path()).into_iter().chain(file.findings()).collect()
}

pub(super) fn outputs(file: &dyn Contents) -> Outputs {
    Outputs::from([("path".to_string(), Output::Text(file.path().display().to_string()))])
}

pub(super) fn observe(file: &dyn Contents, host: &dyn Host) -> Result<Observation> {
    if metadata_of(host, file.path(), FileKind::File)?.is_none() {
        return Ok(Observation::Absent);
    }
    // All that is told of it is told of one open file: under this name there can be another at any moment.
    let Some(whole) = host.read_whole(file.path(), bytes::LIMIT)? else { return Ok(Observation::Absent) };
    let metadata = whole.metadata;
    let attrs = access::identified(host, file.path(), &metadata, access::seen(host, &metadata, Attrs::new()))?;
    let attrs = attrs.with_some(LINKS, (metadata.links > 1).then_some(metadata.links));
    let attrs = beside::seen(&whole.attributes, attrs);
    if !file.is_secret() {
        return Ok(Observation::Present(attrs.with(CONTENT, bytes::of_file(host, file.path(), whole)?)));
    }
    let attrs = attrs.with(WRITTEN, format!("{}:{}", metadata.inode, metadata.len));
    // A secret that cannot be had is an error of `wanted`; what is there can be told without it.
    let secret = file.render(host).ok().filter(|secret| secret.len() as u64 == metadata.len);
    let same = secret.is_some_and(|secret| secret == whole.content);
    Ok(Observation::Present(attrs.with(CONTENT, if same { AS_IN_SPEC } else { SOMETHING_ELSE })))
}

pub(super) fn wanted(file: &dyn Contents, host: &dyn Host) -> Result<Attrs> {
    let content = file.render(host)?;
    if content.len() as u64 > bytes::LIMIT {
        let (size, limit) = (Size(content.len() as u64), Size(bytes::LIMIT));
        let attempted = format!("render the content of {}", file.path().display());
        return Err(Trouble::new(attempted, format!("it is {size} long, and more than {limit} could not be restored"))
            .hint("use a `task.command` role for files of that size"));
    }
    let attribute = if file.is_secret() { AS_IN_SPEC.into() } else { bytes::encode(content) };
    let access = file.access();
    let attrs = access.wanted(host, Attrs::new().with(CONTENT, attribute))?;
    if !file.is_secret() {
        return Ok(attrs);
    }
    // Whoever owns a file reads what is written into it.
    let mode = access.mode.is_none().then(|| Mode(SECRET_MODE).to_string());
    let owner = access.owner.is_none().then(|| host.owner_name(host.whoami()));
    Ok(attrs.with_some(access::MODE, mode).with_some(access::OWNER, owner))
}

pub(super) fn mend(change: &Change, seen: &Attrs) -> Mend {
    if let Some(locked) = beside::locked(seen) {
        return Mend::Never(locked);
    }
    match change.field.as_str() {
        // Of what cannot be recorded the journal has nothing to put back from, so it must not count as a mere change.
        CONTENT if change.to == SOMETHING_ELSE => Mend::Never("its previous content was secret and has no backup".into()),
        CONTENT if !is_recorded(seen) => Mend::Replace,
        _ => Mend::InPlace,
    }
}

/// A file is only changed as what the plan has shown of it.
pub(super) fn is_as_confirmed(confirmed: &Attrs, seen: &Attrs) -> bool {
    let but_links = |attrs: &Attrs| {
        let mut attrs = attrs.clone();
        attrs.0.remove(LINKS);
        attrs
    };
    but_links(confirmed) == but_links(seen)
}

/// A new file has one name.
pub(super) fn caution(change: &Change, seen: &Attrs) -> Option<String> {
    let names = seen.get(LINKS).filter(|_| [CONTENT, access::OWNER].contains(&change.field.as_str()))?;
    Some(format!(
        "it is one of {names} hard links to the same file: the others keep their content, and `absent` does not restore the link"
    ))
}

pub(super) fn fit_past(past: &mut Attrs) -> Option<String> {
    past.0.remove(LINKS);
    access::fit_past(past);
    // A file that is written again is another inode.
    if past.get(CONTENT).is_some_and(|content| content == AS_IN_SPEC) {
        past.0.remove(WRITTEN);
    }
    None
}

/// Whether the attributes tell all that is needed to put the content back.
fn is_recorded(seen: &Attrs) -> bool {
    match seen.get(CONTENT) {
        Some(content) => *content != SOMETHING_ELSE && !bytes::is_huge(content),
        None => true,
    }
}

/// What the attributes tell is in the journal; only the rest is moved to a backup.
pub(super) fn backup(file: &dyn Contents, seen: &Attrs, name: &str) -> Option<std::path::PathBuf> {
    (!is_recorded(seen)).then(|| seed_role::backup::place(file.path(), name))
}

pub(super) fn loses(file: &dyn Contents, seen: &Attrs, ours: Option<&Attrs>) -> Option<String> {
    let content = seen.get(CONTENT)?;
    let is_empty = content == "" || seen.text(WRITTEN).is_some_and(|written| written.ends_with(":0"));
    let as_written = ours.is_some_and(|ours| match seen.get(WRITTEN) {
        Some(written) => ours.get(WRITTEN) == Some(written) || content == AS_IN_SPEC,
        None => ours.get(CONTENT) == Some(content),
    });
    if as_written || is_empty {
        return None;
    }
    let what = if ours.is_some() { "the edits to" } else { "the content of" };
    Some(format!("{what} {}", file.path().display()))
}

pub(super) fn steps(file: &dyn Contents, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
    let path = file.path();
    let seen = transition.from.attrs();
    // What the attributes tell is put back from them; only the rest has to be put aside.
    let aside = match (seen, transition.keep) {
        (Some(seen), Some(keep)) if !is_recorded(seen) => {
            Some(aside::put(host, path, keep, format!("the content of {}", path.display()))?)
        }
        _ => None,
    };
    let goal = match transition.to {
        Goal::Absent if seen.is_none() => return Ok(Vec::new()),
        Goal::Absent => return Ok(vec![aside.map_or_else(|| remove(host, path, seen), Ok)?]),
        Goal::Attrs(goal) => goal,
    };
    if let Some(seen) = seen
        && has_content(seen, goal)
        && (!access::changes_owner(seen, goal) || !is_recorded(seen))
    {
        return access::steps(host, path, seen, goal);
    }
    if let Some(kept) = transition.kept.and_then(|kept| kept.path.as_deref()) {
        let out_of_the_way = match (aside, seen) {
            (None, Some(_)) => Some(remove(host, path, seen)?),
            (aside, _) => aside,
        };
        return Ok(out_of_the_way.into_iter().chain([aside::bring_back(path, kept)]).collect());
    }
    // What is put aside before is not in its place any more.
    let before = if aside.is_some() { Before::Nothing } else { before(host, path, seen)? };
    let write = write(file, content_of(file, host, goal)?, seen.or(transition.replaced), goal, before);
    Ok(aside.into_iter().chain([write]).collect())
}

/// Whether the content seen is that of the goal.
fn has_content(seen: &Attrs, goal: &Attrs) -> bool {
    match goal.get(CONTENT) {
        // Two files that hold something else need not hold the same.
        Some(content) if content == SOMETHING_ELSE => goal.get(WRITTEN) == seen.get(WRITTEN),
        Some(content) => seen.get(CONTENT) == Some(content),
        None => true,
    }
}

/// The bytes that a goal stands for: those of the spec, or those that were there before.
fn content_of(file: &dyn Contents, host: &dyn Host, goal: &Attrs) -> Result<Vec<u8>> {
    let attribute = goal.get(CONTENT).unwrap_or(&Json::Null);
    if let Some(content) = bytes::decode(attribute) {
        return Ok(content);
    }
    if file.is_secret() && attribute == AS_IN_SPEC {
        return file.render(host);
    }
    let attempted = format!("restore the previous content of {}", file.path().display());
    Err(Trouble::new(attempted, "it was secret or too large for the journal, and its backup is gone"))
}

/// What was seen, to be compared once more with what is replaced or removed.
fn before(host: &dyn Host, path: &Path, seen: Option<&Attrs>) -> Result<Before> {
    let Some(seen) = seen else { return Ok(Before::Nothing) };
    match seen.get(CONTENT).and_then(bytes::decode).map(|content| beside::before(host, seen, &content)) {
        Some(Ok(Some(before))) => Ok(before),
        Some(Err(trouble)) => Err(trouble),
        // The attributes do not tell what it holds: it is read.
        Some(Ok(None)) | None => Before::look(host, path),
    }
}

fn write(file: &dyn Contents, content: Vec<u8>, seen: Option<&Attrs>, goal: &Attrs, before: Before) -> Step {
    let path = file.path().to_path_buf();
    let folder = folder_of(&path).to_path_buf();
    let default = if file.is_secret() { SECRET_MODE } else { 0o644 };
    let mode = access::mode(Some(goal)).or(access::mode(seen)).unwrap_or(default);
    let owner = access::owner(goal).or(seen.and_then(access::owner)).map(String::from);
    // What was there before has its own; else they are those of the file that is replaced.
    let attributes =
        [Some(goal), seen].into_iter().flatten().find(|attrs| attrs.get(ATTRIBUTES).is_some()).or(seen).map(beside::of);
    let litter = temporary_of(&path);
    let run = move |host: &dyn Host| {
        let owner = owner.as_deref().map(|owner| host.owner(owner)).transpose()?;
        let new = NewFile { content: &content, mode, owner, attributes: attributes.as_ref() };
        host.replace_file(&path, &new, &before)
    };
    Step::new("write the file", run).folder(folder.clone()).litter(litter).durable(folder)
}

fn remove(host: &dyn Host, path: &Path, seen: Option<&Attrs>) -> Result<Step> {
    if let Some(locked) = seen.and_then(beside::locked) {
        return Err(Trouble::new(format!("remove {}", path.display()), locked));
    }
    let before = before(host, path, seen)?;
    let path = path.to_path_buf();
    let folder = folder_of(&path).to_path_buf();
    let litter = temporary_of(&path);
    let run = move |host: &dyn Host| host.take_away(&path, &before);
    Ok(Step::new("remove the file", run).litter(litter).thins(folder))
}
