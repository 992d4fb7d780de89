//! Things that moved along with the spec: the paths that the journal knows them by.
//!
//! Paths are recorded as they were. When the spec is found in another folder, a role moved along in one of these cases:
//!
//! - The spec's folder is the same folder under another name, and the thing lay in it. What is in the old place now is somebody else's.
//! - The thing is no longer where it was, and what lies in the new place looks just as Seed left it.
//! - There is no thing, since the role was taken back; it lay in the spec's folder; and that is no longer in the old place. Only the
//!   history tells of such a role: `undo` restores it where `present` would make it now.
//!
//! Anything else stays what it was: known in its old place, or gone from there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use seed_role::attrs::{Attrs, Observation};
use seed_role::host::Host;
use seed_role::step::Kept;
use seed_spec::shape::{Record as Fields, Shape};
use serde_json::Value as Json;

use super::below::Below;
use super::ledger::{Ledger, Owned};
use super::record::Record;
use super::{blobs, spec};
use crate::stored;

/// From one folder to another.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub from: &'a Path,
    pub to: &'a Path,
}

impl Way<'_> {
    /// A path as it is behind the way; one that does not lie in the folder stays as it is.
    pub fn path(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(self.from) {
            Ok(rest) if rest.as_os_str().is_empty() => self.to.to_path_buf(),
            Ok(rest) => self.to.join(rest),
            Err(_) => path.to_path_buf(),
        }
    }

    fn text(&self, text: &mut String) {
        if Path::new(text.as_str()).starts_with(self.from) && !text.contains('\n') {
            let rest = text.strip_prefix(&*self.from.to_string_lossy()).unwrap_or_default();
            *text = format!("{}{rest}", self.to.display());
        }
    }

    fn value(&self, value: &mut Json, shape: &Shape) {
        match (value, shape) {
            (Json::String(text), Shape::Path | Shape::Reference(_)) => self.text(text),
            (Json::Array(items), Shape::List(inner)) => items.iter_mut().for_each(|item| self.value(item, inner)),
            (Json::Object(entries), Shape::Map(inner)) => entries.values_mut().for_each(|entry| self.value(entry, inner)),
            (Json::Object(entries), Shape::Record(fields)) => {
                entries.iter_mut().for_each(|(name, entry)| self.value(entry, shape_of(fields, name)));
            }
            (Json::Object(entries), Shape::Path | Shape::Reference(_)) => {
                if let Some(Json::String(text)) = entries.get_mut("$template").and_then(|parts| parts.get_mut(0)) {
                    self.text(text);
                }
            }
            (value, Shape::OneOf(shapes)) => shapes.iter().for_each(|shape| self.value(value, shape)),
            _ => {}
        }
    }

    fn params(&self, is: &str, params: &mut Json) {
        if let (Some(info), Some(entries)) = (seed_collections::catalog().get(is), params.as_object_mut()) {
            entries.iter_mut().for_each(|(name, value)| self.value(value, shape_of(&info.record, name)));
        }
    }

    /// What was seen goes by the names of the parameters, and may tell of more, such as the device below.
    fn attrs(&self, is: &str, attrs: &mut Attrs) {
        let info = seed_collections::catalog().get(is);
        for (name, value) in &mut attrs.0 {
            match (info.and_then(|info| info.record.field(name)), value) {
                (Some(field), value) => self.value(value, &field.shape),
                (None, Json::String(text)) => self.text(text),
                (None, _) => {}
            }
        }
    }

    fn observation(&self, is: &str, seen: &mut Observation) {
        if let Observation::Present(attrs) = seen {
            self.attrs(is, attrs);
        }
    }

    fn paths(&self, paths: &mut [PathBuf]) {
        paths.iter_mut().for_each(|path| *path = self.path(path));
    }

    /// What is known of a role, in the new place.
    pub fn translate_owned(&self, owned: &mut Owned) {
        self.params(&owned.is, &mut owned.params);
        self.observation(&owned.is, &mut owned.before);
        if let Some(ours) = &mut owned.ours {
            self.attrs(&owned.is, ours);
        }
        self.paths(&mut owned.made);
        if let Some(open) = &mut owned.open {
            self.paths(&mut open.litter);
        }
    }

    /// A backup, and where the rest of it lies, as far as these paths are among those that moved along.
    pub fn translate_backup(&self, kept: &mut Kept, from: &mut Option<PathBuf>, below: &mut Option<Below>, along: &[PathBuf]) {
        if let Some(path) = kept.path.as_mut().filter(|path| along.contains(path)) {
            *path = self.path(path);
            *from = from.take().map(|from| self.path(&from));
        }
        for file in below.iter_mut().flat_map(|below| &mut below.files).filter(|file| along.contains(&file.now)) {
            file.was = self.path(&file.was);
            file.now = self.path(&file.now);
        }
    }

    fn translate_record(&self, record: &mut Record, kept_there: &[PathBuf]) {
        match record {
            Record::Begin { is, params, was, .. } => {
                self.params(is, params);
                self.observation(is, was);
            }
            Record::Unmade { folders, .. } => self.paths(folders),
            Record::Step { made, litter, .. } => {
                self.paths(made);
                self.paths(litter);
            }
            Record::Kept { kept, from, below, .. } => self.translate_backup(kept, from, below, kept_there),
            Record::Backup { aside, .. } => {
                self.translate_backup(&mut aside.kept, &mut aside.from, &mut aside.below, kept_there);
            }
            Record::Owned { owned, .. } => self.translate_owned(owned),
            _ => {}
        }
    }
}

fn shape_of<'f>(fields: &'f Fields, name: &str) -> &'f Shape {
    fields.field(name).map_or(&Shape::ANY, |field| &field.shape)
}

/// Gives the records of what moved along the paths that its things have since. With that the moves are taken in: they name no role
/// any more.
pub(super) fn translate_history(records: &mut [Record]) {
    for at in 0..records.len() {
        let (before, rest) = records.split_at_mut(at);
        let Some(Record::Moved { from, to, roles, kept }) = rest.first_mut() else { continue };
        let (mut roles, kept): (BTreeSet<String>, _) = (std::mem::take(roles).into_iter().collect(), std::mem::take(kept));
        let way = Way { from, to };
        for earlier in before.iter_mut().rev() {
            if let Record::Renamed { from, to } = earlier
                && roles.remove(to)
            {
                roles.insert(from.clone());
            }
            if matches!(earlier, Record::Kept { .. } | Record::Backup { .. })
                || earlier.role().is_some_and(|role| roles.contains(role))
            {
                way.translate_record(earlier, &kept);
            }
        }
    }
}

/// What moved along, since the spec lies in another folder than it did when this was written down; none if nothing did. `records` are
/// the history.
pub(super) fn along(ledger: &Ledger, records: &[Record], then: &spec::Note, now: &Path, host: &dyn Host) -> Option<Record> {
    let (from, to) = (then.path.parent()?, now.parent()?);
    if from == to {
        return None;
    }
    let has_left = spec::inode_of(from) != Some(then.folder);
    let same_folder = spec::inode_of(to) == Some(then.folder);
    // What was in a folder that has another name now is not what somebody else puts into the old place.
    let went = same_folder && has_left;
    let (outer_from, outer_to) = without_common_end(from, to);
    let way = Way { from: outer_from, to: outer_to };
    let is_gone = |path: &Path| matches!(host.metadata(path), Ok(None));
    let is_there = |path: &Path| matches!(host.metadata(path), Ok(Some(_)));
    let lies_inside = |paths: &[PathBuf]| !paths.is_empty() && paths.iter().all(|path| path.starts_with(from));
    let moved = |owned: &Owned| {
        let paths = paths_of(owned, &way);
        let all_gone = || paths.iter().all(|path| is_gone(path));
        let is_like_there = || paths.iter().any(|path| is_there(&way.path(path))) && looks_as_it_was_left(owned, &way, host);
        lies_inside(&paths) && (went || same_folder && all_gone()) || !paths.is_empty() && all_gone() && is_like_there()
    };
    let mut roles: Vec<String> =
        ledger.names().filter(|role| ledger.get(role).is_some_and(|owned| moved(&owned))).map(str::to_string).collect();
    let rests = ledger.backups().filter_map(|aside| aside.below.as_ref()).flat_map(|below| &below.files);
    let paths = ledger.backups().filter_map(|aside| aside.kept.path.clone()).chain(rests.map(|file| file.now.clone()));
    let is_along = |path: &PathBuf| {
        went && path.starts_with(from) || path.starts_with(way.from) && is_gone(path) && is_there(&way.path(path))
    };
    let kept: Vec<PathBuf> = paths.filter(is_along).collect();
    if has_left {
        let stayed = |role: &str| {
            let of_it = ledger.backups().filter(|aside| aside.role == role).filter_map(|aside| aside.kept.path.as_ref());
            of_it.into_iter().any(|path| !kept.contains(path) && is_there(path))
        };
        let taken_back = taken_back(ledger, records).into_iter();
        let along =
            taken_back.filter(|(role, things)| things.iter().all(|thing| lies_inside(&paths_of(thing, &way))) && !stayed(role));
        roles.extend(along.map(|(role, _)| role.to_string()));
    }
    let record = Record::Moved { from: way.from.to_path_buf(), to: way.to.to_path_buf(), roles, kept };
    matches!(&record, Record::Moved { roles, kept, .. } if !roles.is_empty() || !kept.is_empty()).then_some(record)
}

/// The roles that only the history tells of, each with what it tells of its changes.
fn taken_back<'r>(ledger: &Ledger, records: &'r [Record]) -> BTreeMap<&'r str, Vec<Owned>> {
    let mut roles: BTreeMap<&str, Vec<Owned>> = BTreeMap::new();
    for record in records {
        match record {
            Record::Begin { role, is, params, was, .. } if !ledger.owns(role) => {
                roles.entry(role).or_default().push(Owned::begun(is, params, was));
            }
            Record::Renamed { from, to } if !ledger.owns(to) => {
                let things = roles.remove(from.as_str()).unwrap_or_default();
                roles.entry(to).or_default().extend(things);
            }
            Record::Forgot { role } => drop(roles.remove(role.as_str())),
            _ => {}
        }
    }
    roles
}

/// Two folders without the names that both end with: whatever moved, it was that, or lies in it.
fn without_common_end<'p>(mut from: &'p Path, mut to: &'p Path) -> (&'p Path, &'p Path) {
    while let (Some(from_parent), Some(to_parent)) = (from.parent(), to.parent())
        && from.file_name() == to.file_name()
        && from_parent.parent().is_some()
        && to_parent.parent().is_some()
    {
        (from, to) = (from_parent, to_parent);
    }
    (from, to)
}

/// The paths that lie in the folder of the way: those of the parameters or, where they name none, of what was seen and made.
fn paths_of(owned: &Owned, way: &Way<'_>) -> Vec<PathBuf> {
    let within = |texts: Vec<String>| -> Vec<PathBuf> {
        texts.into_iter().map(PathBuf::from).filter(|path| path.starts_with(way.from)).collect()
    };
    let mut texts = Vec::new();
    if let (Some(info), Some(entries)) = (seed_collections::catalog().get(&owned.is), owned.params.as_object()) {
        entries.iter().for_each(|(name, value)| texts_of(value, shape_of(&info.record, name), &mut texts));
    }
    let named = within(texts);
    if !named.is_empty() {
        return named;
    }
    let seen = owned.ours.iter().chain(owned.before.attrs()).flat_map(|attrs| attrs.0.values());
    let mut paths =
        within(seen.filter_map(|value| value.as_str()).filter(|text| !text.contains('\n')).map(str::to_string).collect());
    paths.extend(owned.made.iter().filter(|path| path.starts_with(way.from)).cloned());
    paths
}

fn texts_of(value: &Json, shape: &Shape, texts: &mut Vec<String>) {
    match (value, shape) {
        (Json::String(text), Shape::Path | Shape::Reference(_)) => texts.push(text.clone()),
        (Json::Array(items), Shape::List(inner)) => items.iter().for_each(|item| texts_of(item, inner, texts)),
        (Json::Object(entries), Shape::Map(inner)) => entries.values().for_each(|entry| texts_of(entry, inner, texts)),
        (Json::Object(entries), Shape::Record(fields)) => {
            entries.iter().for_each(|(name, entry)| texts_of(entry, shape_of(fields, name), texts));
        }
        (value, Shape::OneOf(shapes)) => shapes.iter().for_each(|shape| texts_of(value, shape, texts)),
        _ => {}
    }
}

fn looks_as_it_was_left(owned: &Owned, way: &Way<'_>, host: &dyn Host) -> bool {
    let mut there = owned.clone();
    way.translate_owned(&mut there);
    let params = stored::fill(&there.params, &|_, _| None);
    let Some(role) = seed_collections::REGISTRY.get(&there.is).and_then(|role_type| role_type.build(&params).ok()) else {
        return false;
    };
    match (role.observe(host), &there.ours) {
        (Ok(Observation::Present(seen)), Some(ours)) => blobs::fingerprint(&seen) == *ours,
        _ => false,
    }
}
