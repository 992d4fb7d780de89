//! Specs by their roles, and composite roles.

use std::path::Path;

use seed_collections::catalog;
use seed_engine::project::DiskLoader;
use seed_spec::analysis::{self, Document, Entry, Request};

use crate::section::{Kind, Section};
use crate::words::name_of;

/// The sections of a spec: its header, and each of its roles with the comments above it. Nothing of it is run.
pub fn sections(path: &Path, file: &str, text: &str) -> Vec<Section> {
    let request = Request { path, text, edited_line: None };
    let analysis = analysis::analyse(&request, catalog(), &DiskLoader);
    let Some(document) = analysis.documents.first() else { return Vec::new() };
    let name = analysis.name.as_deref().unwrap_or(file);
    let own = name_of(file);
    let first = document.entries.first().map_or(text.len(), |entry| begin(document, entry));
    let mut found = vec![Section {
        line: 1,
        kind: Kind::Spec,
        title: name.to_string(),
        names: vec![name_of(name), name_of(file.rsplit('/').next().unwrap_or(file))],
        links: analysis.includes.iter().filter_map(|link| Some(name_of(link.path.file_name()?.to_str()?))).collect(),
        needs: Vec::new(),
        text: text.get(..first).unwrap_or_default().to_string(),
    }];
    for entry in &document.entries {
        let start = begin(document, entry);
        let what = entry.is.as_ref().map_or("", |(is, _)| is);
        let about = entry.info.as_ref().map_or("", |info| info.about.lines().next().unwrap_or_default());
        let written = text.get(start..(entry.span.end as usize).min(text.len())).unwrap_or_default();
        let needs = analysis
            .references
            .iter()
            .filter(|reference| reference.span.file == document.file && reference.from_role.as_deref() == Some(&*entry.name));
        found.push(Section {
            line: u32::try_from(document.source.line_of(entry.name_span.start as usize) + 1).unwrap_or(1),
            kind: Kind::Role,
            title: format!("{}: {what}", entry.name),
            names: vec![name_of(&entry.name), format!("{own}#{}", name_of(&entry.name))],
            links: vec![name_of(what)],
            needs: needs.map(|reference| format!("{own}#{}", name_of(&reference.role))).collect(),
            text: format!("{written}\n{about}"),
        });
    }
    found
}

/// Where an entry begins, with the comments right above it.
fn begin(document: &Document, entry: &Entry) -> usize {
    let mut line = document.source.line_of(entry.span.start as usize);
    while line > 0 && document.source.line(line - 1).trim_start().starts_with('#') {
        line -= 1;
    }
    document.source.line_start(line)
}

/// The description of a composite role.
pub fn composite(file: &str, text: &str) -> Vec<Section> {
    let Some(name) = folder(file, 1) else { return Vec::new() };
    vec![of_role(format!("{name}: composite role"), vec![name_of(name)], text)]
}

/// What a composite role is made of.
pub fn tasks(file: &str, text: &str) -> Vec<Section> {
    let Some(name) = folder(file, 2) else { return Vec::new() };
    vec![Section { links: vec![name_of(name)], ..of_role(format!("{name}: what it is made of"), Vec::new(), text) }]
}

fn of_role(title: String, names: Vec<String>, text: &str) -> Section {
    Section { line: 1, kind: Kind::Composite, title, names, links: Vec::new(), needs: Vec::new(), text: text.to_string() }
}

fn folder(file: &str, nth: usize) -> Option<&str> {
    Path::new(file).ancestors().nth(nth)?.file_name()?.to_str()
}
