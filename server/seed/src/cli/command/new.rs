//! `seed new`.

use std::io::Write;
use std::path::PathBuf;

use seed_role::Trouble;
use seed_spec::analysis::{ROLE_FILE, ROLES, TASKS_FILE};

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
    /// A composite role: a folder with a note in it
    Role {
        /// The name of the role; its folder is roles/NAME
        name: String,
    },
}

/// Runs it.
pub fn run(args: &Args) -> Result {
    let (name, what) = match &args.what {
        What::Spec { name } => (name, "spec"),
        What::Role { name } => (name, "role"),
    };
    let fits =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
    let attempt = || format!("write the {what} {name}");
    if !fits {
        return Err(Trouble::new(attempt(), "a name is made of lower-case letters, digits, `-`, `_` and `.`").into());
    }
    match &args.what {
        What::Spec { .. } => new_spec(name, &attempt),
        What::Role { .. } => new_role(name, &attempt),
    }
}

fn new_role(name: &str, attempt: &dyn Fn() -> String) -> Result {
    let folder = PathBuf::from(ROLES).join(name);
    if name.contains('.') {
        let reason = "the name of a role has no dot: with one it would be of a collection";
        return Err(Trouble::new(attempt(), reason).into());
    }
    let io = |error: std::io::Error| Trouble::from_io(attempt(), &error);
    let tasks = folder.join(TASKS_FILE);
    if let Some(above) = tasks.parent() {
        std::fs::create_dir_all(above).map_err(io)?;
    }
    for (path, text) in [(folder.join(ROLE_FILE), include_str!("new.role.yml")), (tasks, include_str!("new.tasks.yml"))] {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(io)?;
        file.write_all(text.replace("NAME", name).as_bytes()).map_err(io)?;
    }
    let (bold, folder) = (style::NAME, folder.display());
    writeln!(anstream::stdout(), "Wrote {bold}{folder}{bold:#}. Next: write `is: {name}` in a spec, with `home:`")?;
    Ok(Exit::Ok)
}

fn new_spec(name: &str, attempt: &dyn Fn() -> String) -> Result {
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
