//! `seed info`.

use std::io::Write;

use seed_engine::plan::belongs_to;
use seed_engine::{info, journal};
use seed_role::Trouble;
use seed_role::host::real::RealHost;
use seed_spec::State;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, report, spec_file};

/// Show what is there, and how it differs from the spec.
///
/// Changes nothing. Exits with 0 if all is as the spec says, 2 if not, 1 on an error, also where the spec is not trusted.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    /// Only this role; can be repeated
    #[arg(long, value_name = "ROLE")]
    only: Vec<String>,
    /// Write what is there as a spec
    #[arg(long)]
    as_spec: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let project = spec_file::open(&args.spec, global, &host)?;
    let project = project.asked_for(State::Info, &host);
    let ledger = journal::read(&project.folder)?;
    let options = seed_engine::plan::Options { only: args.only.clone(), ..Default::default() };
    let mut plan = project.plan(&host, &ledger, &options)?;
    if !args.only.is_empty() {
        plan.roles.retain(|planned| args.only.iter().any(|only| *planned.role == **only || belongs_to(&planned.role, only)));
    }
    let mut out = output::stdout();
    if args.as_spec {
        let spec =
            info::as_spec(&project, &plan).map_err(|error| Trouble::new("write what is there as a spec", error.to_string()))?;
        write!(out, "{spec}")?;
    } else if global.json {
        writeln!(out, "{}", info::json(&plan))?;
    } else {
        report::info::write(&mut out, &plan, global.verbose > 0)?;
    }
    Ok(match plan.roles.iter().any(|planned| planned.refused && planned.seen.attrs().is_none()) {
        true => Exit::Failed,
        false if args.as_spec || info::is_as_the_spec_says(&plan) => Exit::Ok,
        false => Exit::Changes,
    })
}
