//! `seed graph`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use seed_engine::check::analyse_with_graph;
use seed_engine::journal;
use seed_engine::picture::{Note, Picture};
use seed_engine::project::DiskLoader;
use seed_knowledge::index::{Index, project_of};
use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::host::real::RealHost;
use seed_spec::analysis::{Analysis, Request};

use crate::cli::exit::{Error, Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, report, spec_file, style};

/// Draw the roles and their dependencies.
///
/// Arrows point from a role to those that depend on it. Runs nothing and changes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    /// The format [default: from the ending of the output file; else json with --json, and dot without]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// The file to write, instead of standard output
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Include the notes that link to the roles
    #[arg(long)]
    notes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Graphviz
    Dot,
    /// Mermaid, for Markdown and the web
    Mermaid,
    /// SVG, for light and dark backgrounds
    Svg,
    /// JSON
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
    let by_output = match &args.output {
        Some(path) if args.format.is_none() => Some(Format::of(path).ok_or_else(|| unknown(path))?),
        _ => None,
    };
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

/// That the ending of a file names no format.
fn unknown(path: &Path) -> Trouble {
    let came_back = match path.extension() {
        Some(ending) => format!("`.{}` is none of the formats .svg, .dot, .gv, .mmd, .mermaid and .json", ending.display()),
        None => "its name has no ending that names a format".into(),
    };
    Trouble::new(format!("write {}", path.display()), came_back)
        .hint("name the file *.svg, or choose a format with --format; `dot -Tpng` of Graphviz makes other formats of a .dot file")
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
