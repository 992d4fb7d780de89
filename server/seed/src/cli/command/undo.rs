//! `seed undo`.

use seed_engine::undo;
use seed_role::host::real::RealHost;

use super::apply::Doing;
use crate::cli::exit::Result;
use crate::cli::options::{ApplyArgs, Global, SpecArg};
use crate::cli::spec_file;

/// Undo the last apply of a spec.
///
/// Restores what the journal says was there before, from backups where data was destroyed. The plan says what has no backup. Exits like
/// apply.
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
    if args.apply.dry_run {
        let ledger = spec_file::read_journal(&mut project, &host)?;
        return super::plan::show(&undo::plan_undo(&project, &host, &ledger)?.plan, global);
    }
    let journal = spec_file::open_journal(&mut project, &host)?;
    let undo = undo::plan_undo(&project, &host, &journal.ledger())?;
    let command = format!("undo {}", undo.run);
    let doing = Doing { host: &host, graph: &undo.graph, plan: &undo.plan, journal: &journal, command: &command };
    if doing.is_idle() && !undo.has_ended {
        // Nothing is left to do, which is an end too: the next undo is another one.
        doing.show(global)?;
        doing.note_end()?;
        return doing.end_idle(global);
    }
    doing.show_ask_and_do(&args.apply, global)
}
