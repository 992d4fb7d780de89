//! Where sections come from: one file a kind of text.

pub mod commits;
pub mod explanations;
pub mod markdown;
pub mod plain;
pub mod spec;

use std::path::Path;

use seed_spec::SPEC_ENDINGS;

use crate::section::{self, Kind, Section};
use crate::words::name_of;

/// Whether a file is one whose sections can be found, by its path in the project.
pub fn is_known(file: &Path) -> bool {
    Form::of(file).is_some()
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Spec,
    Composite,
    Tasks,
    Markdown(Kind),
    Plain,
}

impl Form {
    fn of(file: &Path) -> Option<Form> {
        let name = file.file_name()?.to_str()?;
        let folder = |nth: usize| file.ancestors().nth(nth)?.file_name()?.to_str();
        if SPEC_ENDINGS.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending)) {
            return Some(Form::Spec);
        }
        if folder(2) == Some("roles") && name == "role.yml" {
            return Some(Form::Composite);
        }
        if folder(3) == Some("roles") && folder(1) == Some("tasks") && name == "main.yml" {
            return Some(Form::Tasks);
        }
        match file.extension()?.to_str()? {
            "md" | "markdown" => Some(Form::Markdown(match folder(1) {
                Some("notes") => Kind::Note,
                Some("prompts") => Kind::Prompt,
                _ => Kind::Doc,
            })),
            "txt" => Some(Form::Plain),
            _ => None,
        }
    }
}

/// The sections of a file of the project; `file` is its path in there, with `/` between its folders.
pub fn sections(root: &Path, file: &str, text: &str) -> Vec<Section> {
    let path = Path::new(file);
    let mut sections = match Form::of(path) {
        None => Vec::new(),
        Some(Form::Spec) => spec::sections(&root.join(path), file, text),
        Some(Form::Composite) => spec::composite(file, text),
        Some(Form::Tasks) => spec::tasks(file, text),
        Some(Form::Markdown(kind)) => markdown::sections(file, kind, text),
        Some(Form::Plain) => plain::sections(text),
    };
    for section in &mut sections {
        section.text = section::without_secrets(section::front(&section.text, section::LONGEST));
        for names in [&mut section.names, &mut section.links, &mut section.needs] {
            names.sort();
            names.dedup();
        }
    }
    if let Some(first) = sections.first_mut() {
        // The file by itself leads to where it begins.
        first.names.push(name_of(file));
    }
    sections
}
