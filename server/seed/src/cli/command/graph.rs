//! `seed graph`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use seed_engine::check::analyse_with_graph;
use seed_engine::journal;
use seed_engine::picture::{Note, Picture};
use seed_engine::project::DiskLoader;
use seed_knowledge::index::{Index, project_of};
use seed_role::host::folder;
use seed_role::host::real::RealHost;
use seed_spec::analysis::{Analysis, Request};

use crate::cli::exit::{Error, Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, report, spec_file, style};

/// Draw what depends on what.
///
/// Arrows lead from what comes first to what comes after it. Nothing is run and nothing is changed.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    /// The format [default: by the ending of the output file; json with --json, else dot]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The file to write, instead of standard output
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Draw the notes that link to the roles too
    #[arg(long)]
    notes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For Graphviz
    Dot,
    /// For Markdown and the web
    Mermaid,
    /// A picture, for light and dark screens
    Svg,
    /// For programs
    Json,
}

impl Format {
    fn of(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()? {
            "dot" | "gv" => Some(Format::Dot),
            "mmd" | "mermaid" => Some(Format::Mermaid),
            "svg" => Some(Format::Svg),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let spec = spec_file::read(&args.spec)?;
    let request = Request { path: &spec.path, text: &spec.text, edited_line: None };
    let (analysis, graph) = analyse_with_graph(&request, &DiskLoader, Some(&host));
    if analysis.has_errors() {
        report::diagnostics::show(&analysis, global)?;
        return Err(Error::Shown(Exit::Failed));
    }
    let mut picture = Picture::new(&analysis, &graph);
    if args.notes {
        picture.add_notes(&notes(&spec.path, &analysis)?);
    }
    let by_output = args.output.as_deref().and_then(Format::of);
    let otherwise = if global.json { Format::Json } else { Format::Dot };
    let text = match args.format.or(by_output).unwrap_or(otherwise) {
        Format::Dot => picture.dot(),
        Format::Mermaid => picture.mermaid(),
        Format::Svg => picture.svg(),
        Format::Json => format!("{:#}\n", picture.json()),
    };
    match &args.output {
        Some(path) => folder::put(path, text.as_bytes(), 0o644)?,
        None => output::data().write_all(text.as_bytes())?,
    }
    Ok(Exit::Ok)
}

/// The notes of the project that link to the roles of a spec, each once.
fn notes(spec: &Path, analysis: &Analysis) -> Result<Vec<Note>> {
    // A spec from standard input has no file: then it is the project of this folder.
    let start = if spec.exists() { spec } else { Path::new(".") };
    let root = project_of(start)?;
    let mut index = Index::open(&root, &journal::state_folder());
    if let Err(trouble) = index.refresh() {
        writeln!(output::stderr(), "{}warning:{:#} {trouble}", style::WARN, style::WARN)?;
    }
    let real = spec.canonicalize().unwrap_or_else(|_| spec.to_path_buf());
    let file = real.strip_prefix(&root).unwrap_or(&real).to_string_lossy().into_owned();
    let mut notes: Vec<Note> = Vec::new();
    for entry in analysis.documents.first().into_iter().flat_map(|document| &document.entries) {
        for found in index.notes_about(&file, &entry.name) {
            let (path, role) = (found.path.to_string_lossy().into_owned(), entry.name.to_string());
            match notes.iter_mut().find(|note| note.path == path && note.line == found.line) {
                Some(note) => note.roles.push(role),
                None => notes.push(Note { title: found.title, path, line: found.line, roles: vec![role] }),
            }
        }
    }
    Ok(notes)
}
