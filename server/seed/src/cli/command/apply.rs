//! `seed apply`.

use std::io::Write;

use seed_engine::apply::{Apply, Summary};
use seed_engine::journal::{self, Journal};
use seed_engine::trust::Trust;
use seed_engine::untrusted::{self, hold_back};
use seed_engine::{Graph, Plan};
use seed_role::Trouble;
use seed_role::host::Host;
use seed_role::host::real::RealHost;
use seed_spec::State;

use crate::cli::confirm;
use crate::cli::exit::{Error, Exit, Result};
use crate::cli::interrupt;
use crate::cli::options::{ApplyArgs, Global, PlanArgs, SpecArg};
use crate::cli::{output, report, spec_file, sudo};

/// Change the machine to match the spec, or restore what was there before.
///
/// Shows the plan and asks. Where a role needs root and you are not root, nothing is begun. Before data is destroyed, Seed makes a backup;
/// `seed backups` lists them.
///
/// Exits with 0 when done, 1 if a role failed, 3 if refused, 130 if interrupted.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    apply: ApplyArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    if args.apply.dry_run {
        return super::plan::plan(&args.spec, &args.plan, global);
    }
    let host = RealHost::new();
    let mut project = spec_file::open_to_look(&args.spec, global, &host)?;
    seed_engine::pinned::verify(&project.analysis)?;
    let options = args.plan.options();
    if options.state == State::Absent {
        project.require_journal_here()?;
    }
    let journal = spec_file::open_journal(&mut project, &host)?;
    let ledger = journal.ledger();
    let mut project = project.asked_for(options.state, &host).pruning(options.prune).with_orphans(&ledger, &host);
    let trust = Trust::new(&journal::state_folder());
    let held = hold_back(&mut project, &trust);
    let plan = project.plan(&host, &ledger, &options)?;
    // Whoever asks for a part by name does not get what another state or another role runs.
    if args.plan.only.is_empty() || plan.roles.iter().any(|planned| held.contains(&planned.node)) {
        untrusted::require(&project, &trust)?;
    }
    let command = if plan.state == State::Absent { "apply absent" } else { "apply present" };
    let doing = Doing { host: &host, graph: &project.graph, plan: &plan, journal: &journal, command };
    doing.show_ask_and_do(&args.apply, global)
}

/// A plan that is about to be applied.
pub struct Doing<'a> {
    /// The machine.
    pub host: &'a dyn Host,
    /// The roles.
    pub graph: &'a Graph,
    /// The plan.
    pub plan: &'a Plan,
    /// The journal.
    pub journal: &'a Journal,
    /// What the journal is to call it.
    pub command: &'a str,
}

impl Doing<'_> {
    /// Shows the plan, asks, and does it.
    pub fn show_ask_and_do(&self, args: &ApplyArgs, global: &Global) -> Result {
        self.show(global)?;
        if self.is_idle() {
            return self.end_idle(global);
        }
        self.require_consent(args, "Apply this plan?")?;
        self.carry_out(args, global)
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        Apply::is_idle(self.graph, self.plan, self.journal)
    }

    /// Shows the plan to a person.
    pub fn show(&self, global: &Global) -> Result<()> {
        if !global.json {
            let mut out = output::stdout();
            report::plan::write(&mut out, self.plan, global.verbose > 0)?;
            out.flush()?;
        }
        Ok(())
    }

    /// Notes that nothing is left to do of what was begun before.
    pub fn note_end(&self) -> Result<()> {
        self.journal.begin(self.command, &self.plan.digest, Vec::new())?;
        Ok(self.journal.close("done")?)
    }

    /// Tells a program that nothing was done.
    pub fn end_idle(&self, global: &Global) -> Result {
        if global.json {
            let summary = Summary { unchanged: self.plan.roles.len(), ..Summary::default() };
            report::apply::Progress::new(global, None).finish(&summary)?;
        }
        // The end of what was done before is known by now.
        self.journal.note_reported()?;
        Ok(Exit::Ok)
    }

    /// Does it, and tells how it goes.
    pub fn carry_out(&self, args: &ApplyArgs, global: &Global) -> Result {
        let progress = report::apply::Progress::new(global, Some(self.plan));
        interrupt::listen();
        let report = |event: &seed_engine::apply::Event| progress.tell(event);
        let apply = Apply {
            graph: self.graph,
            plan: self.plan,
            host: self.host,
            journal: self.journal,
            command: self.command,
            jobs: args.jobs(),
            stop: &interrupt::STOP,
            report: &report,
        };
        let summary = interrupt::while_telling(|| progress.ending(interrupt::was_ctrl_c()), || apply.run());
        // The journal may have failed on the way.
        progress.flush();
        let summary = summary?;
        progress.finish(&summary)?;
        Ok(match (summary.interrupted, summary.failed) {
            (true, _) => Exit::Interrupted,
            (false, 0) => Exit::Ok,
            _ => Exit::Failed,
        })
    }

    /// Refuses what must not be done, and asks about the rest.
    pub fn require_consent(&self, args: &ApplyArgs, question: &str) -> Result<()> {
        // As the journal has it: `apply present`, `apply absent`, `repair`, or `undo` and the number of a run.
        let spec = &self.plan.spec;
        let attempt = match self.command.split_once(' ') {
            Some(("undo", run)) => format!("undo run {run} of {spec}"),
            Some((_, "absent")) => format!("apply --state absent to {spec}"),
            Some((verb, _)) => format!("{verb} {spec}"),
            None => format!("{} {spec}", self.command),
        };
        let needs_root: Vec<&str> = self.plan.needs_root().map(|planned| &*planned.role).collect();
        if !needs_root.is_empty() {
            let hint = self.journal.with_ledger(|ledger| report::plan::root_hint(ledger, sudo::this_command));
            let came_back = report::plan::root_words(&needs_root);
            return Err(Error::Refused(Trouble::new(attempt, came_back).hint(hint)));
        }
        if let Some(digest) = args.plan_digest.as_ref().filter(|digest| **digest != self.plan.digest) {
            let came_back = format!(
                "the machine or the spec has changed: plan {digest} was confirmed, and the plan is now {}",
                self.plan.digest
            );
            return Err(Error::Refused(Trouble::new(attempt, came_back).hint("review the new plan")));
        }
        let destroyed: Vec<String> = self
            .plan
            .destroys()
            .map(|planned| format!("{} ({})", planned.role, planned.loses.as_deref().unwrap_or("data")))
            .collect();
        if !destroyed.is_empty() && !args.destroy_data {
            let came_back = format!("it would destroy data: {}", destroyed.join(", "));
            let hint =
                "add --destroy-data; or, if nobody needs the data, `disposable: true` to the role, which then has no backup";
            return Err(Error::Refused(Trouble::new(attempt, came_back).hint(hint)));
        }
        if !args.yes && args.plan_digest.is_none() {
            confirm::ask(&attempt, question)?;
        }
        Ok(())
    }
}
