//! `seed schema`.

use std::io::Write;
use std::path::Path;

use seed_engine::reference::{spec_schema, type_schema};
use seed_role::Trouble;

use crate::cli::exit::{Exit, Result};
use crate::cli::{output, spec_file};

/// Write the JSON schema of specs, for editors without Seed's language server.
///
/// The schema finds wrong keys and values. References, sizes and conflicts between roles are only checked by `seed check` and the language
/// server.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A role type, for the schema of its entries alone
    #[arg(value_name = "TYPE")]
    name: Option<String>,
}

/// Runs it.
pub fn run(args: &Args) -> Result {
    // Those of the project in this folder, too.
    let catalog = seed_engine::project::catalog_of(&spec_file::absolute(Path::new(".")));
    let schema = match &args.name {
        None => spec_schema(&catalog),
        Some(name) => type_schema(name, &catalog).ok_or_else(|| {
            Trouble::new(format!("write the schema of {name}"), "no role type has that name")
                .hint("`seed types` lists the role types")
        })?,
    };
    writeln!(output::data(), "{schema:#}")?;
    Ok(Exit::Ok)
}
