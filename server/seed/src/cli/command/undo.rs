//! `seed undo`.

use std::io::Write;

use seed_engine::undo::{self, Standing, Undo};
use seed_role::host::real::RealHost;

use super::apply::Doing;
use crate::cli::exit::Result;
use crate::cli::options::{ApplyArgs, Global, SpecArg};
use crate::cli::{output, spec_file, style};

/// Undo the last apply of a spec.
///
/// Restores what the journal says was there before, from backups where data was destroyed. The plan says what has no backup. Exits like
/// apply.
///
/// A run that was interrupted before it changed anything counts as a run: the next undo then undoes the run before it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    #[command(flatten)]
    apply: ApplyArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let mut project = spec_file::open(&args.spec, global, &host)?;
    project.require_journal_here()?;
    if args.apply.dry_run {
        let ledger = spec_file::read_journal(&mut project, &host)?;
        let undo = undo::plan_undo(&project, &host, &ledger)?;
        explain(&undo)?;
        return super::plan::show(&undo.plan, global);
    }
    let journal = spec_file::open_journal(&mut project, &host)?;
    let undo = undo::plan_undo(&project, &host, &journal.ledger())?;
    let command = format!("undo {}", undo.run);
    let doing = Doing { host: &host, graph: &undo.graph, plan: &undo.plan, journal: &journal, command: &command };
    explain(&undo)?;
    let exit = match undo.standing {
        Standing::ToDo if !doing.is_idle() => doing.show_ask_and_do(&args.apply, global)?,
        standing => {
            doing.show(global)?;
            if standing != Standing::Ended {
                // Nothing is left to do, which is an end too: the next undo is another one.
                doing.note_end()?;
            }
            doing.end_idle(global)?
        }
    };
    // The last act: whoever is told "killed" runs it again, and must not get another run taken back.
    journal.note_reported()?;
    Ok(exit)
}

/// Says why nothing is done, where the plan cannot tell.
fn explain(undo: &Undo) -> Result<()> {
    let run = undo.run;
    let words = match undo.standing {
        Standing::ToDo => return Ok(()),
        Standing::Ended => format!("run {run} was already undone"),
        Standing::ChangedNothing => format!("run {run} was interrupted before it changed anything"),
    };
    let good = style::GOOD;
    writeln!(output::stderr(), "{words}: nothing is left to undo")?;
    writeln!(output::stderr(), "  {good}help{good:#}: run seed undo again to undo the run before it")?;
    Ok(())
}
