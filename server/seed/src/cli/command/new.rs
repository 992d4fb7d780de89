//! `seed new`.

use std::io::Write;
use std::path::PathBuf;

use seed_role::Trouble;

use crate::cli::exit::{Exit, Result};
use crate::cli::style;

/// Write an example to begin with.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A spec: a Btrfs volume in one file
    Spec {
        /// The name of the spec; the file is NAME.seed.yaml
        name: String,
    },
}

/// Runs it.
pub fn run(args: &Args) -> Result {
    let What::Spec { name } = &args.what;
    let fits =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
    let attempt = || format!("write the spec {name}");
    if !fits {
        return Err(Trouble::new(attempt(), "a name is made of lower-case letters, digits, `-`, `_` and `.`").into());
    }
    let path = PathBuf::from(format!("{name}.seed.yaml"));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(|error| Trouble::from_io(attempt(), &error))?;
    let text = include_str!("new.seed.yaml").replace("NAME", name);
    file.write_all(text.as_bytes()).map_err(|error| Trouble::from_io(attempt(), &error))?;
    let (bold, path) = (style::NAME, path.display());
    writeln!(anstream::stdout(), "Wrote {bold}{path}{bold:#}. Next: seed plan {path}")?;
    Ok(Exit::Ok)
}
