//! `seed plan`.

use std::io::Write;

use seed_engine::trust::Trust;
use seed_engine::untrusted::hold_back;
use seed_engine::{Plan, journal};
use seed_role::host::real::RealHost;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, PlanArgs, SpecArg};
use crate::cli::{output, report, spec_file, style, sudo};

/// Show what apply would change.
///
/// Changes nothing. Names the roles that need root, the data that would be destroyed, and where its backup would be.
///
/// Exits with 0 if there is nothing to do, 2 if there are changes, and 1 on an error. A role with an untrusted command is an error, too; the
/// other roles are still shown.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    #[command(flatten)]
    plan: PlanArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    plan(&args.spec, &args.plan, global)
}

/// Plans, and shows the plan.
pub fn plan(spec: &SpecArg, args: &PlanArgs, global: &Global) -> Result {
    let host = RealHost::new();
    let mut project = spec_file::open_to_look(spec, global, &host)?;
    let ledger = spec_file::read_journal(&mut project, &host)?;
    let options = args.options();
    let mut project = project.asked_for(options.state, &host).pruning(options.prune).with_orphans(&ledger, &host);
    hold_back(&mut project, &Trust::new(&journal::state_folder()));
    let plan = project.plan(&host, &ledger, &options)?;
    let exit = show(&plan, global)?;
    if !global.json && plan.needs_root().next().is_some() {
        let (good, hint) = (style::GOOD, report::plan::root_hint(&ledger, || sudo::apply_command(spec, args)));
        writeln!(output::stdout(), "  {good}help{good:#}: {hint}")?;
    }
    Ok(exit)
}

/// Shows a plan that is not going to be applied.
pub fn show(plan: &Plan, global: &Global) -> Result {
    let mut out = output::stdout();
    if global.json {
        let mut answer = plan.json();
        if global.page {
            answer["page"] = json!(report::plan::page(plan, global.verbose > 0)?);
        }
        writeln!(out, "{answer}")?;
    } else {
        report::plan::write(&mut out, plan, global.verbose > 0)?;
    }
    Ok(match plan.roles.iter().any(|planned| planned.refused) {
        true => Exit::Failed,
        false if plan.is_empty() => Exit::Ok,
        false => Exit::Changes,
    })
}
