//! `seed note`.

use std::io::{Read, Write};
use std::path::PathBuf;

use seed_knowledge::index::project_of;
use seed_knowledge::note::{self, About};
use seed_role::Trouble;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::output;
use crate::cli::spec_file::absolute;

/// Write a note into the project, linked to what it is about.
///
/// It becomes a Markdown file in `notes/`; the first line of the text is its title. `seed recall` finds it, and the language server
/// shows it at the role.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seed note --spec lab.seed.yaml --role pool Why raid1: one disk broke in May\n  seed note - < thoughts.txt"
)]
pub struct Args {
    /// What it says; - reads it from standard input
    #[arg(value_name = "TEXT", required = true)]
    text: Vec<String>,
    /// The spec that it is about
    #[arg(long, value_name = "SPEC", value_hint = clap::ValueHint::FilePath)]
    spec: Option<PathBuf>,
    /// The role that it is about
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let mut text = args.text.join(" ");
    if text == "-" {
        text.clear();
        let read = std::io::stdin().lock().read_to_string(&mut text);
        read.map_err(|error| Trouble::from_io("read the note from standard input", &error))?;
    }
    let root = project_of(args.spec.as_deref().unwrap_or(&PathBuf::from(".")))?;
    let spec = args.spec.as_ref().map(|spec| {
        let spec = std::fs::canonicalize(spec).unwrap_or_else(|_| absolute(spec));
        spec.strip_prefix(&root).map(PathBuf::from).unwrap_or(spec)
    });
    let (path, line) = note::write(&root, &text, &About { spec, role: args.role.clone() })?;
    let path = root.join(path);
    let mut out = output::stdout();
    match global.json {
        true => writeln!(out, "{}", json!({ "path": path, "line": line }))?,
        false => writeln!(out, "{}", path.display())?,
    }
    Ok(Exit::Ok)
}
