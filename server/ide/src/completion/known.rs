//! The roles and variables that can be named.

use std::collections::HashMap;
use std::sync::Arc;

use seed_spec::FileId;
use seed_spec::shape::{Offer, TypeInfo};
use seed_spec::value::Data;

use crate::Snapshot;
use crate::outline;
use crate::place::{RoleTypes, RoleWords};
use crate::snapshot::is_role_file;

/// A role that can be named.
pub struct KnownRole {
    /// Its name.
    pub name: String,
    /// What stands behind `is:`.
    pub is: String,
    /// Why it is there.
    pub why: Option<Arc<str>>,
    /// The types that it can be.
    pub types: Vec<Arc<TypeInfo>>,
}

/// All roles: as the text names them now, and as they were read last, here and in included files.
pub fn roles(snapshot: &Snapshot) -> Vec<KnownRole> {
    let mut known: Vec<KnownRole> = Vec::new();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for (name, words) in outline::roles(&snapshot.source) {
        let types = RoleTypes::of(&words, &snapshot.catalog).types;
        if numbers.insert(name.clone(), known.len()).is_none() {
            known.push(KnownRole { name, is: words.is.unwrap_or_default(), why: None, types });
        }
    }
    for entry in snapshot.beside(FileId(0)).flat_map(|document| &document.entries) {
        let is = entry.is.as_ref().map(|(is, _)| is.to_string());
        let types = || match &entry.info {
            Some(info) => vec![info.clone()],
            None => RoleTypes::of(&RoleWords { is: is.clone(), ..RoleWords::default() }, &snapshot.catalog).types,
        };
        let seen = numbers.get(&*entry.name).and_then(|number| known.get_mut(*number));
        if let Some(role) = seen {
            role.why.clone_from(&entry.why);
            // What a merge key brings is not in the lines of the entry.
            if role.types.is_empty() {
                role.types = types();
                role.is = is.unwrap_or_default();
            }
            continue;
        }
        numbers.insert(entry.name.to_string(), known.len());
        let types = types();
        known.push(KnownRole { name: entry.name.to_string(), is: is.unwrap_or_default(), why: entry.why.clone(), types });
    }
    known
}

impl KnownRole {
    /// What it offers: names of outputs with what each is. `partitions.*` is told out by the names of the
    /// partitions.
    pub fn outputs(&self, snapshot: &Snapshot) -> Vec<(String, &Offer)> {
        let mut outputs: Vec<(String, &Offer)> = Vec::new();
        for info in &self.types {
            for output in &info.outputs {
                let names = match output.name.strip_suffix(".*") {
                    Some(param) => self.names_of(snapshot, param).into_iter().map(|name| format!("{param}.{name}")).collect(),
                    None => vec![output.name.to_string()],
                };
                for name in names {
                    if !outputs.iter().any(|(known, _)| *known == name) {
                        outputs.push((name, output));
                    }
                }
            }
        }
        outputs
    }

    /// The names that the user gave to what a parameter holds.
    fn names_of(&self, snapshot: &Snapshot, param: &str) -> Vec<String> {
        let role = snapshot.analysis.roles.iter().find(|role| *role.name == *self.name);
        let value = role.and_then(|role| role.params.iter().find(|(name, _)| **name == *param));
        match value.map(|(_, value)| &value.data) {
            Some(Data::Map(entries)) => entries.iter().map(|(name, _)| name.to_string()).collect(),
            _ => Vec::new(),
        }
    }
}

/// The parameters of the composite role whose files are read, with what each is for.
pub fn parameters(snapshot: &Snapshot) -> Vec<(String, String)> {
    let role = snapshot.beside(FileId(0)).find(|document| is_role_file(&document.absolute));
    let Some(role) = role.filter(|_| snapshot.analysis.is_role) else { return Vec::new() };
    let types = snapshot.analysis.catalogs.iter().flat_map(|catalog| catalog.types());
    let mut own = types.filter(|info| info.home.as_ref().is_some_and(|home| home.role == role.absolute));
    own.next()
        .map(|info| info.record.fields.iter().map(|field| (field.name.clone(), field.doc.clone())).collect())
        .unwrap_or_default()
}

/// The names of all variables.
pub fn vars(snapshot: &Snapshot) -> Vec<String> {
    let mut names = outline::vars(&snapshot.source);
    for var in &snapshot.analysis.vars {
        if !names.iter().any(|name| *name == *var.name) {
            names.push(var.name.to_string());
        }
    }
    names
}
