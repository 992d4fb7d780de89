//! `seed check`.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use seed_engine::check::analyse;
use seed_engine::project::DiskLoader;
use seed_role::Trouble;
use seed_role::host::FileKind;
use seed_role::host::folder::Folder;
use seed_role::host::real::RealHost;
use seed_spec::Severity;
use seed_spec::analysis::{Analysis, ROLE_FILE, ROLES, Request, TASKS_FILE};
use seed_spec::yaml::decode;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, report, spec_file, style};

/// Find all mistakes in specs and composite roles.
///
/// Runs nothing and changes nothing. Exits with 1 if there is an error.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Specs, composite roles, or folders that contain them; `-` for standard input [default: this folder]
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// The path that a spec read from standard input counts as
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let mut counts = [0usize; 3];
    let mut all = Vec::new();
    let mut told = HashSet::new();
    let specs = if args.paths.is_empty() { found_in(Path::new("."))? } else { all_specs(&args.paths)? };
    if specs.is_empty() {
        return Err(Trouble::new("check this folder", "it contains no *.seed.yaml and no composite role")
            .hint("`seed new spec NAME` writes an example")
            .into());
    }
    for path in specs {
        let arg = SpecArg { spec: path, path: args.path.clone() };
        let (path, bytes) = spec_file::read_raw(&arg)?;
        let analysis = match decode(&bytes) {
            Ok(text) => analyse(&Request { path: &path, text, edited_line: None }, &DiskLoader, Some(&host)),
            Err(mistake) => report::diagnostics::of_text(&path, &String::from_utf8_lossy(&bytes), vec![mistake]),
        };
        // What several specs use is told once.
        let analysis = without_told(analysis, &mut told);
        for diagnostic in &analysis.diagnostics {
            counts[diagnostic.severity as usize] += 1;
        }
        if global.json {
            all.extend(report::diagnostics::to_json(&analysis));
        } else {
            report::diagnostics::show(&analysis, global)?;
        }
    }
    let errors = counts[Severity::Error as usize];
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", json!({ "diagnostics": all }))?;
    } else {
        write_counts(&mut out, counts)?;
    }
    Ok(if errors == 0 { Exit::Ok } else { Exit::Failed })
}

/// The analysis without what was told of composite roles before.
fn without_told(mut analysis: Analysis, told: &mut HashSet<(PathBuf, usize, &'static str, String)>) -> Analysis {
    let Analysis { documents, diagnostics, .. } = &mut analysis;
    diagnostics.retain(|diagnostic| {
        let Some(document) = documents.get(diagnostic.span.file.0 as usize) else { return true };
        if !document.absolute.ends_with(ROLE_FILE) && !document.absolute.ends_with(TASKS_FILE) {
            return true;
        }
        let place = diagnostic.span.start as usize;
        told.insert((document.absolute.clone(), place, diagnostic.code.name(), diagnostic.message.clone()))
    });
    analysis
}

fn write_counts(out: &mut impl Write, counts: [usize; 3]) -> std::io::Result<()> {
    if counts == [0; 3] {
        return writeln!(out, "{}No mistakes found.{:#}", style::GOOD, style::GOOD);
    }
    let words = ["error", "warning", "remark"];
    let parts = counts.iter().zip(words).filter(|(count, _)| **count > 0);
    let parts: Vec<String> = parts.map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" })).collect();
    let color = if counts[0] > 0 { style::BAD } else { style::WARN };
    writeln!(out, "{color}{}{color:#}", parts.join(", "))
}

fn all_specs(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut specs = Vec::new();
    for path in paths {
        if path.is_dir() {
            specs.extend(found_in(path)?);
        } else {
            specs.push(path.clone());
        }
    }
    Ok(specs)
}

/// The specs in a folder and below it, hidden folders left out.
fn found_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Some(opened) = Folder::open(&folder)? else { continue };
        for name in opened.names()? {
            let is_folder = opened.kind(&name) == Some(FileKind::Directory);
            let path = folder.join(&name);
            let name = name.to_string_lossy();
            if is_folder && !name.starts_with('.') && name != "target" && name != "node_modules" {
                open.push(path);
            } else if !is_folder && seed_spec::SPEC_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            } else if !is_folder && name == ROLE_FILE && is_composite(&folder) {
                // Its tasks are read with it.
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found.into_iter().map(|path| path.strip_prefix("./").map(Path::to_path_buf).unwrap_or(path)).collect())
}

/// Whether a folder with a `role.yml` is a composite role: it has tasks, or stands among roles.
fn is_composite(folder: &Path) -> bool {
    let among_roles = || spec_file::absolute(folder).parent().is_some_and(|above| above.ends_with(ROLES));
    folder.join(TASKS_FILE).is_file() || among_roles()
}
