//! `seed backups`.

use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use seed_engine::apply::purge;
use seed_engine::journal::ledger::PutAside;
use seed_engine::journal::{self, Journal, Note, spec};
use seed_role::backup;
use seed_role::host::real::RealHost;
use serde_json::{Value as Json, json};

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::report::journal::{backup_json, local_time, place};
use crate::cli::spec_file::{self, Named};
use crate::cli::{confirm, output, report, style, terminal};

/// List the backups of all specs, or of one.
///
/// Before Seed destroys or overwrites data, it makes a backup and keeps it for 7 days, or for the time that `keep:` in the header of the spec
/// says. A role with `disposable: true` has no backup, and nobody is asked before its data is destroyed.
///
/// A file or folder is moved to a hidden folder beside its place, where git ignores it. Small files and the signatures of a wiped file
/// system are kept in the journal. `seed undo` and `seed apply --state absent` restore a backup; when its time is over, a later run removes it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The spec or, if it is gone, its journal as `seed list` shows it [default: all specs]
    #[arg(value_name = "SPEC", value_hint = clap::ValueHint::AnyPath)]
    spec: Option<PathBuf>,
    /// Remove these backups now
    #[arg(long)]
    purge: bool,
    /// Do not ask
    #[arg(long, short, requires = "purge")]
    yes: bool,
}

/// A journal with its backups.
struct Listed {
    folder: PathBuf,
    spec: Option<PathBuf>,
    backups: Vec<PutAside>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let folders = match &args.spec {
        Some(spec) => vec![folder_of(spec)?],
        None => spec::folders(&journal::state_folder()),
    };
    let mut listed = folders.into_iter().map(Listed::read).collect::<Result<Vec<Listed>>>()?;
    listed.retain(|one| !one.backups.is_empty());
    let host = RealHost::new();
    if !global.json {
        listed.iter().try_for_each(|one| one.write(&host))?;
        if listed.is_empty() {
            writeln!(output::stdout(), "There are no backups.")?;
        }
    }
    let mut exit = Exit::Ok;
    if args.purge && !listed.is_empty() {
        if !args.yes {
            confirm::ask("remove the backups", "Remove these backups?")?;
        }
        for one in &listed {
            let troubles = purge(&host, &Journal::open(&one.folder)?);
            report::journal::warn(&troubles)?;
            exit = if troubles.is_empty() { exit } else { Exit::Failed };
        }
    }
    if global.json {
        let backups: Vec<Json> = listed.iter().flat_map(|one| one.json(&host)).collect();
        writeln!(output::stdout(), "{}", json!({ "backups": backups, "purged": args.purge }))?;
    }
    Ok(exit)
}

fn folder_of(spec: &Path) -> Result<PathBuf> {
    match spec_file::named(spec)? {
        Named::Journal(folder) => Ok(folder),
        Named::Spec(text) => Ok(spec_file::locate_journal(&text)?.0.folder),
    }
}

fn size(host: &RealHost, aside: &PutAside) -> Option<u64> {
    backup::size(host, aside.kept.path.as_deref()?).ok().flatten()
}

impl Listed {
    fn read(folder: PathBuf) -> Result<Listed> {
        let note = Note::read(&folder)?;
        let backups = journal::read(&folder)?.backups().cloned().collect();
        Ok(Listed { folder, spec: note.map(|note| note.path), backups })
    }

    fn json<'a>(&'a self, host: &'a RealHost) -> impl Iterator<Item = Json> + 'a {
        self.backups.iter().map(|aside| {
            let mut one = backup_json(aside);
            one["spec"] = json!(self.spec);
            one["size"] = json!(size(host, aside));
            one
        })
    }

    fn write(&self, host: &RealHost) -> Result<()> {
        let (name, dim) = (style::NAME, style::DIM);
        let mut out = output::stdout();
        let spec = self.spec.as_ref().unwrap_or(&self.folder).display().to_string();
        writeln!(out, "{name}{}{name:#}", terminal::line(&spec))?;
        for aside in &self.backups {
            let size = size(host, aside).map(|size| format!(", {}", HumanBytes(size))).unwrap_or_default();
            writeln!(out, "  {}  {}{size}", aside.role, aside.kept.what)?;
            writeln!(out, "      {}", place(aside.kept.path.as_deref()))?;
            let (since, until) = (local_time(aside.time), local_time(aside.until));
            writeln!(out, "      {dim}since {since}, until {until}{dim:#}")?;
        }
        Ok(())
    }
}
