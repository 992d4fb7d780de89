//! `seed log`.

use std::io::Write;

use seed_engine::project::elsewhere;
use seed_engine::{journal, undo};
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::report::journal::{local_time, place};
use crate::cli::{output, report, spec_file, style};

/// Show the runs of a spec: what was done, when, and which backups were made.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
    /// How many of the last runs to show; 0 shows all
    #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
    last: usize,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let spec = spec_file::read(&args.spec)?;
    let (located, note) = spec_file::locate_journal(&spec)?;
    let ledger = journal::read(&located.folder)?;
    report::journal::tell(located.continues.as_deref(), &ledger, &located.folder)?;
    let mut runs = undo::runs(&journal::history(&located.folder)?.records);
    let earlier = if args.last == 0 { 0 } else { runs.len().saturating_sub(args.last) };
    runs.drain(..earlier);
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", json!({ "runs": runs }))?;
        return Ok(Exit::Ok);
    }
    if runs.is_empty() {
        let elsewhere = elsewhere(&note.path, &located);
        writeln!(out, "{}.", elsewhere.as_deref().unwrap_or("This spec has not been applied yet"))?;
    }
    for run in runs.iter().rev() {
        let color = if run.status == "done" { style::GOOD } else { style::BAD };
        writeln!(
            out,
            "{}#{} {}{:#}  {}  {color}{}{color:#}",
            style::NAME,
            run.id,
            run.command,
            style::NAME,
            local_time(run.time),
            run.status
        )?;
        for role in &run.roles {
            write!(out, "    {:8} {}  {}{}{:#}", role.action, role.role, style::DIM, role.is, style::DIM)?;
            match &role.message {
                Some(message) => writeln!(out, "  {}{message}{:#}", style::BAD, style::BAD)?,
                None if role.status == "done" => writeln!(out)?,
                None => writeln!(out, "  {}{}{:#}", style::WARN, role.status, style::WARN)?,
            }
            for backup in &role.backups {
                let place = place(backup.path.as_deref());
                let state = match backup.status {
                    "kept" => format!("until {}", local_time(backup.until)),
                    status => status.to_string(),
                };
                writeln!(out, "        {}backup of {}: {place}, {state}{:#}", style::DIM, backup.what, style::DIM)?;
            }
        }
    }
    if earlier > 0 {
        writeln!(out, "{}and {earlier} earlier; --last 0 shows all{:#}", style::DIM, style::DIM)?;
    }
    Ok(Exit::Ok)
}
