//! `seed graph`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use seed_engine::check::analyse_with_graph;
use seed_engine::picture::Picture;
use seed_engine::project::DiskLoader;
use seed_role::host::Host;
use seed_role::host::real::RealHost;
use seed_spec::analysis::Request;

use crate::cli::exit::{Error, Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{report, spec_file};

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
    let picture = Picture::new(&analysis, &graph);
    let by_output = args.output.as_deref().and_then(Format::of);
    let otherwise = if global.json { Format::Json } else { Format::Dot };
    let text = match args.format.or(by_output).unwrap_or(otherwise) {
        Format::Dot => picture.dot(),
        Format::Mermaid => picture.mermaid(),
        Format::Svg => picture.svg(),
        Format::Json => format!("{:#}\n", picture.json()),
    };
    match &args.output {
        Some(path) => host.write_file(&spec_file::absolute(path), text.as_bytes(), 0o644, None)?,
        None => anstream::stdout().lock().write_all(text.as_bytes())?,
    }
    Ok(Exit::Ok)
}
