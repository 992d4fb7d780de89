//! `seed fmt`.

use std::io::Write;
use std::path::PathBuf;

use seed_engine::project::text_of;
use seed_role::host::folder;
use seed_spec::text::{FileId, Source};
use seed_spec::{format, yaml};
use serde_json::{Value as Json, json};

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, report, spec_file, style};

/// Format specs: indentation, blank lines and spaces. Keeps comments and data.
///
/// Invalid YAML is reported and left unchanged. Exits with 1 if a file is invalid, or, with --check, not formatted.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Specs; `-` formats standard input to standard output
    #[arg(value_name = "SPEC", required = true, value_hint = clap::ValueHint::FilePath)]
    specs: Vec<PathBuf>,
    /// Change nothing; exit with 1 if something is not formatted
    #[arg(long)]
    check: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let mut told: Vec<Json> = Vec::new();
    let (mut unformatted, mut broken) = (0, 0);
    for path in &args.specs {
        if !args.check && path.exists() {
            folder::settle(path)?;
        }
        let (real, bytes) = spec_file::read_raw(&SpecArg { spec: path.clone(), path: None })?;
        let text = text_of(&bytes, &format!("read {}", real.display()))?;
        let source = Source::new(path.clone(), text.clone());
        let Some(new) = format::format(&source, FileId(0)) else {
            let (_, mistakes) = yaml::parse(&source, FileId(0), None);
            let analysis = report::diagnostics::of_text(path, &text, mistakes);
            broken += 1;
            match global.json {
                true => told.push(json!({
                    "path": path.display().to_string(), "changed": false, "diagnostics": report::diagnostics::to_json(&analysis),
                })),
                false => report::diagnostics::to_stderr(&analysis)?,
            }
            continue;
        };
        let changed = new != *text;
        unformatted += usize::from(changed);
        let is_piped = path.as_os_str() == "-";
        if global.json {
            let mut one = json!({ "path": path.display().to_string(), "changed": changed });
            if is_piped {
                one["text"] = json!(new);
            }
            told.push(one);
        } else if is_piped && !args.check {
            write!(output::data(), "{new}")?;
        } else if changed && args.check {
            writeln!(output::stdout(), "{}not formatted{:#}: {}", style::WARN, style::WARN, path.display())?;
        }
        if changed && !args.check && !is_piped {
            folder::replace(&real, &bytes, new.as_bytes())?;
        }
    }
    if global.json {
        writeln!(output::stdout(), "{}", json!({ "files": told }))?;
    }
    Ok(if broken > 0 || (args.check && unformatted > 0) { Exit::Failed } else { Exit::Ok })
}
