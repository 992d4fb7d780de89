//! `seed backups`.

use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use seed_engine::apply::purge;
use seed_engine::journal::ledger::PutAside;
use seed_engine::journal::{self, Journal, Ledger, Note, spec};
use seed_role::backup;
use seed_role::host::Host;
use seed_role::host::real::RealHost;
use serde_json::{Value as Json, json};

use super::forget;
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
    /// The journal itself, if they are to be removed: nobody makes others from the list to the answer.
    journal: Option<Journal>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let mut listed = match (&args.spec, args.purge) {
        (Some(spec), true) => vec![Listed::of(forget::open(spec)?)?],
        (Some(spec), false) => vec![read(spec)?],
        (None, is_purge) => all(is_purge)?,
    };
    listed.retain(|one| !one.backups.is_empty());
    let host = RealHost::new();
    if !global.json {
        listed.iter().try_for_each(|one| one.write(&host))?;
        if listed.is_empty() {
            writeln!(output::stdout(), "There are no backups.")?;
        }
    }
    let mut exit = Exit::Ok;
    let json: Vec<Json> = if global.json { listed.iter().flat_map(|one| one.json(&host)).collect() } else { Vec::new() };
    if args.purge && !listed.is_empty() {
        if !args.yes {
            confirm::ask("remove the backups", "Remove these backups?")?;
        }
        for one in &listed {
            let Some(journal) = &one.journal else { continue };
            let troubles = purge(&host, journal, &one.backups.iter().map(|aside| aside.id).collect());
            report::journal::warn(&troubles)?;
            exit = if troubles.is_empty() { exit } else { Exit::Failed };
        }
    }
    if global.json {
        writeln!(output::stdout(), "{}", json!({ "backups": json, "purged": args.purge }))?;
    }
    Ok(exit)
}

fn all(is_purge: bool) -> Result<Vec<Listed>> {
    let mut all = Vec::new();
    for folder in spec::folders(&journal::state_folder()) {
        let read = Listed::read(folder.clone(), journal::read(&folder)?)?;
        if is_purge && !read.backups.is_empty() {
            all.push(Listed::of(forget::open(&folder)?)?);
        } else {
            all.push(read);
        }
    }
    Ok(all)
}

fn read(spec: &Path) -> Result<Listed> {
    match spec_file::named(spec)? {
        Named::Journal(folder) => Listed::read(folder.clone(), journal::read(&folder)?),
        Named::Spec(text) => {
            let (located, note) = spec_file::locate_journal(&text)?;
            let ledger = journal::read_located(&located, &note, &RealHost::new())?;
            Listed::read(located.folder, ledger)
        }
    }
}

fn size(host: &RealHost, aside: &PutAside) -> Option<u64> {
    backup::size(host, aside.kept.path.as_deref()?).ok().flatten()
}

/// Whether a backup is not where it was made: it was moved with its spec, or its file system is not mounted.
fn is_out_of_reach(host: &RealHost, aside: &PutAside) -> bool {
    aside.kept.path.as_ref().is_some_and(|path| matches!(host.metadata(path), Ok(None)))
}

impl Listed {
    fn read(folder: PathBuf, ledger: Ledger) -> Result<Listed> {
        let note = Note::read(&folder)?;
        let backups = ledger.backups().cloned().collect();
        Ok(Listed { folder, spec: note.map(|note| note.path), backups, journal: None })
    }

    fn of(journal: Journal) -> Result<Listed> {
        let listed = Listed::read(journal.folder().to_path_buf(), journal.ledger())?;
        Ok(Listed { journal: Some(journal), ..listed })
    }

    fn json<'a>(&'a self, host: &'a RealHost) -> impl Iterator<Item = Json> + 'a {
        self.backups.iter().map(|aside| {
            let mut one = backup_json(aside);
            one["spec"] = json!(self.spec);
            one["size"] = json!(size(host, aside));
            one["found"] = json!(!is_out_of_reach(host, aside));
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
            let lost = if is_out_of_reach(host, aside) { "  (cannot be found)" } else { "" };
            writeln!(out, "      {}{lost}", place(aside.kept.path.as_deref()))?;
            let (since, until) = (local_time(aside.time), local_time(aside.until));
            writeln!(out, "      {dim}since {since}, until {until}{dim:#}")?;
        }
        Ok(())
    }
}
