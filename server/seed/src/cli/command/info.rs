//! `seed info`.

use std::io::Write;

use seed_engine::plan::{PlannedRole, belongs_to};
use seed_engine::trust::Trust;
use seed_engine::untrusted::hold_back;
use seed_engine::{info, journal};
use seed_role::Trouble;
use seed_role::attrs::Observation;
use seed_role::host::real::RealHost;
use seed_spec::State;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, report, spec_file};

/// Show what is there, and how it differs from the spec.
///
/// Includes what Seed made and that is no longer in the spec. Changes nothing.
///
/// Exits with 0 if the machine matches the spec, 2 if it differs, and 1 on an error. A role with an untrusted command is an error, too.
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
    let mut project = spec_file::open_to_look(&args.spec, global, &host)?;
    let ledger = spec_file::read_journal(&mut project, &host)?;
    let mut project = project.asked_for(State::Info, &host).with_orphans(&ledger, &host);
    hold_back(&mut project, &Trust::new(&journal::state_folder()));
    let options = seed_engine::plan::Options { only: args.only.clone(), ..Default::default() };
    let mut plan = project.plan(&host, &ledger, &options)?;
    if !args.only.is_empty() {
        plan.roles.retain(|planned| args.only.iter().any(|only| *planned.role == **only || belongs_to(&planned.role, only)));
    }
    // What is no longer in the spec is told of where it is still there; what only has another name is told of by that.
    let is_orphan = |planned: &PlannedRole| project.graph.nodes[planned.node].instance.is_none();
    let renamed: Vec<String> = plan.renamed.iter().map(|(from, _)| from.clone()).collect();
    plan.roles.retain(|planned| {
        let is_left = !args.as_spec && planned.seen != Observation::Absent && !renamed.iter().any(|name| **name == *planned.role);
        !is_orphan(planned) || is_left
    });
    let orphans = plan.roles.iter().any(is_orphan);
    let mut out = output::stdout();
    if args.as_spec {
        let spec =
            info::as_spec(&project, &plan).map_err(|error| Trouble::new("write what is there as a spec", error.to_string()))?;
        write!(out, "{spec}")?;
    } else if global.json {
        let mut answer = info::json(&plan);
        if global.page {
            answer["page"] = json!(report::info::page(&plan, global.verbose > 0)?);
        }
        writeln!(out, "{answer}")?;
    } else {
        report::info::write(&mut out, &plan, global.verbose > 0)?;
    }
    // With a damaged journal it is not known of whom it is what can be seen.
    let is_unknown = |planned: &PlannedRole| planned.refused && (planned.seen.attrs().is_none() || !plan.damage.is_empty());
    Ok(match plan.roles.iter().any(is_unknown) {
        true => Exit::Failed,
        false if args.as_spec || !orphans && info::is_as_the_spec_says(&plan) => Exit::Ok,
        false => Exit::Changes,
    })
}
