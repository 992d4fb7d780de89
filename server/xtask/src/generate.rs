//! `cargo xtask generate`: what is made from the types, kept in the tree so that it can be read without building.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::layout::{self, Profile};
use crate::process::{build_seed, command, output};

/// Each file, and what `seed` is asked for to get it.
const FILES: &[(&str, &[&str])] =
    &[("schemas/seed.schema.json", &["schema"]), ("doc/book/src/reference.md", &["types", "--markdown"])];

/// Writes the files, or with `--check` compares them.
///
/// # Errors
///
/// When one is not current, or cannot be made.
pub fn run(args: &[String]) -> Result {
    let seed = build_seed(Profile::Debug)?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => write(&seed),
        ["--check"] => check(&seed),
        _ => Err("generate takes no argument but --check".into()),
    }
}

fn write(seed: &Path) -> Result {
    for (path, args) in FILES {
        let there = layout::root().join(path);
        fs::create_dir_all(there.parent().unwrap_or(&there))?;
        fs::write(&there, output(&mut command(seed, args))?)?;
        println!("wrote {path}");
    }
    Ok(())
}

/// Compares the files with what would be written.
///
/// # Errors
///
/// When one is not current.
pub fn check(seed: &Path) -> Result {
    for (path, args) in FILES {
        let there = fs::read_to_string(layout::root().join(path)).unwrap_or_default();
        if there != output(&mut command(seed, args))? {
            return Err(format!("{path} is not current: cargo xtask generate").into());
        }
    }
    Ok(())
}
