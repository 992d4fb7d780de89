//! `seed repair`.

use std::io::Write;
use std::time::Duration;

use seed_engine::Action;
use seed_engine::plan::Options;
use seed_engine::repair::{COMMAND, Event, MaxDrift, Settings, require_little, watch};
use seed_role::host::real::RealHost;

use super::apply::Doing;
use crate::cli::exit::{Exit, Result};
use crate::cli::options::{ApplyArgs, Global, SpecArg};
use crate::cli::{interrupt, output, report, spec_file};

/// Repair drift: create what is missing, and change back what was changed.
///
/// Shows the plan and asks. With --watch it then continues until it is stopped, and repairs drift as it happens: files, mounts and loop
/// devices at once, everything else after each interval. It does not ask again. Without --destroy-data it leaves alone what would destroy
/// data, and it stops if too much drifts at once.
///
/// Exits like apply. A watch that is stopped by SIGTERM exits with 0.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    /// Only this role and its dependencies; can be repeated
    #[arg(long, value_name = "ROLE")]
    only: Vec<String>,
    /// Continue, and repair drift as it happens
    #[arg(long)]
    watch: bool,
    /// While watching, how often to check what sends no notification
    #[arg(long, value_name = "TIME", default_value = "5 min", value_parser = interval, requires = "watch")]
    interval: Duration,
    /// How much drift to repair without asking: a number of roles, or a share such as 20%
    /// [default: half of the roles, but at least 3]
    #[arg(long, value_name = "N|P%")]
    max_drift: Option<MaxDrift>,
    #[command(flatten)]
    apply: ApplyArgs,
}

fn interval(text: &str) -> std::result::Result<Duration, String> {
    let interval = seed_spec::unit::Duration::parse(text)?.std();
    if interval.is_zero() { Err("the interval must be longer than 0".into()) } else { Ok(interval) }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let mut project = spec_file::open_to_change(&args.spec, global, &host)?;
    let options = Options { only: args.only.clone(), ..Options::default() };
    if args.apply.dry_run {
        let ledger = spec_file::read_journal(&mut project, &host)?;
        let plan = project.with_orphans(&ledger, &host).plan(&host, &ledger, &options)?;
        return super::plan::show(&plan, global);
    }
    project.require_journal_here()?;
    let journal = spec_file::open_journal(&mut project, &host)?;
    let ledger = journal.ledger();
    let project = project.with_orphans(&ledger, &host);
    let plan = project.plan(&host, &ledger, &options)?;
    let doing = Doing { host: &host, graph: &project.graph, plan: &plan, journal: &journal, command: COMMAND };
    doing.show(global)?;
    let max_drift = args.max_drift.unwrap_or_default();
    if args.apply.yes || args.apply.plan_digest.is_some() {
        require_little(&project.graph, &plan, max_drift, &project.folder)?;
    }
    let idle = doing.is_idle();
    if !args.watch {
        if idle {
            if args.only.is_empty() && ledger.is_interrupted() {
                // What drifts from now on is not what the interrupted run had taken on.
                doing.note_end()?;
            }
            return doing.end_idle(global);
        }
        doing.require_consent(&args.apply, "Repair this?")?;
        return doing.carry_out(&args.apply, global);
    }
    doing.require_consent(&args.apply, question(plan.count(Action::None) == plan.roles.len()))?;
    if !idle && doing.carry_out(&args.apply, global)? == Exit::Interrupted {
        return Ok(end_of_watch());
    }
    drop(journal);
    let settings = Settings {
        host: &host,
        only: args.only.clone(),
        jobs: args.apply.jobs(),
        max_drift,
        destroy_data: args.apply.destroy_data,
        interval: args.interval,
        stop: &interrupt::STOP,
        wake: interrupt::wake()?,
        report: &|event| tell(event, global),
    };
    interrupt::listen();
    watch(project, &settings)?;
    Ok(end_of_watch())
}

/// How a watch ends that was told to: SIGTERM is how a service manager ends what went well.
fn end_of_watch() -> Exit {
    if interrupt::was_termination() { Exit::Ok } else { Exit::Interrupted }
}

fn question(nothing_to_do: bool) -> &'static str {
    if nothing_to_do { "Watch, and repair what drifts?" } else { "Repair this now, and watch for more drift?" }
}

fn tell(event: &Event, global: &Global) {
    if global.json {
        if let Ok(line) = serde_json::to_string(event) {
            // Whoever read it is gone: the watch goes on all the same.
            let _ = writeln!(output::stdout(), "{line}");
        }
        return;
    }
    report::repair::tell(event, global);
}
