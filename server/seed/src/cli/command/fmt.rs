//! `seed fmt`.

use std::io::Write;
use std::path::PathBuf;

use seed_role::Trouble;
use seed_spec::text::{FileId, Source};

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{spec_file, style};

/// Format specs: indentation, blank lines, spaces. Comments and data stay as they are.
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
pub fn run(args: &Args, _: &Global) -> Result {
    let mut unformatted = 0;
    for path in &args.specs {
        let spec = spec_file::read(&SpecArg { spec: path.clone(), path: None })?;
        let formatted = seed_spec::format::format(&Source::new(path.clone(), spec.text.clone()), FileId(0));
        let new = formatted.as_deref().unwrap_or(&spec.text);
        if path.as_os_str() == "-" && !args.check {
            write!(anstream::stdout(), "{new}")?;
        } else if *new != *spec.text {
            unformatted += 1;
            if args.check {
                writeln!(anstream::stdout(), "{}not formatted{:#}: {}", style::WARN, style::WARN, path.display())?;
            } else {
                let host = seed_role::host::real::RealHost::new();
                replace(&host, &spec.path, new)?;
            }
        }
    }
    Ok(if args.check && unformatted > 0 { Exit::Failed } else { Exit::Ok })
}

fn replace(host: &dyn seed_role::host::Host, path: &std::path::Path, text: &str) -> std::result::Result<(), Trouble> {
    let metadata = host.metadata(path)?;
    let mode = metadata.map_or(0o644, |metadata| metadata.mode);
    let owner = metadata.map(|metadata| seed_role::host::Owner { uid: metadata.uid, gid: metadata.gid });
    host.write_file(path, text.as_bytes(), mode, owner)
}
