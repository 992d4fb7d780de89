//! Explanations that were given to the duck. They lie outside of the project, in the state folder, one JSON object a line.

use std::path::Path;

use crate::section::{Kind, Section};

/// A line of the history, as far as it is needed here.
#[derive(serde::Deserialize)]
struct Explained {
    spec: String,
    text: String,
    #[serde(default)]
    time: serde_json::Value,
}

/// The explanations of a history that are of specs in the project. A line that cannot be read is left out.
pub fn sections(history: &str, root: &Path) -> Vec<Section> {
    let lines = (1..).zip(history.lines());
    let read = lines.filter_map(|(number, line)| Some((number, serde_json::from_str::<Explained>(line).ok()?)));
    read.filter(|(_, explained)| Path::new(&explained.spec).starts_with(root)).map(one).collect()
}

fn one((line, explained): (u32, Explained)) -> Section {
    let name = explained.spec.rsplit('/').next().unwrap_or_default().to_string();
    let when = explained.time.as_str().map_or_else(|| explained.time.to_string(), str::to_string);
    Section {
        line,
        kind: Kind::Explanation,
        title: format!("explanation of {name}, {when}"),
        names: Vec::new(),
        links: vec![crate::words::name_of(&name)],
        needs: Vec::new(),
        text: crate::section::without_secrets(&explained.text),
    }
}
