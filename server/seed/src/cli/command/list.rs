//! `seed list`.

use std::io::Write;
use std::path::{Path, PathBuf};

use seed_engine::journal::{self, Ledger, Note, spec};
use seed_engine::plan::damage_json;
use seed_engine::undo::{self, Run};
use seed_role::Trouble;
use serde_json::{Value as Json, json};

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::report::journal::{backup_json, backup_words, local_time};
use crate::cli::{output, style};

/// List the specs that this user has applied on this machine.
///
/// Shows the path, the name, how many roles Seed made, the last run, and the backups. If the file of a spec is gone, shows the folder of its
/// journal, which `seed forget` and `seed backups` accept in its place. A journal that cannot be read is shown with its error, and the exit
/// status is then 1. Changes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// A journal, as it is listed.
struct Listed<'a> {
    folder: &'a Path,
    note: Option<Note>,
    ledger: Ledger,
    last_run: Option<Run>,
}

/// Runs it.
pub fn run(_: &Args, global: &Global) -> Result {
    let folders = spec::folders(&journal::state_folder());
    let (mut listed, mut unreadable) = (Vec::new(), Vec::new());
    for folder in &folders {
        match Listed::read(folder) {
            Ok(one) => listed.push(one),
            Err(trouble) => unreadable.push((folder, trouble)),
        }
    }
    listed.retain(Listed::is_anything);
    let exit = if unreadable.is_empty() { Exit::Ok } else { Exit::Failed };
    let mut out = output::stdout();
    if global.json {
        let error = |(folder, trouble): &(&PathBuf, Trouble)| json!({"journal": folder, "error": trouble.to_string()});
        let specs: Vec<Json> = listed.iter().map(Listed::json).chain(unreadable.iter().map(error)).collect();
        writeln!(out, "{}", json!({ "specs": specs }))?;
        return Ok(exit);
    }
    if listed.is_empty() && unreadable.is_empty() {
        writeln!(out, "You have not applied any spec yet.")?;
    }
    for one in &listed {
        one.write(&mut out, global.verbose > 0)?;
    }
    for (folder, trouble) in &unreadable {
        let (name, bad) = (style::NAME, style::BAD);
        writeln!(out, "{name}{}{name:#}", folder.display())?;
        writeln!(out, "    {bad}error{bad:#}: {trouble}")?;
    }
    Ok(exit)
}

impl<'a> Listed<'a> {
    fn read(folder: &'a Path) -> seed_role::trouble::Result<Listed<'a>> {
        let (note, ledger) = (Note::read(folder)?, journal::read(folder)?);
        let last_run = undo::runs(&journal::history(folder)?.records).pop();
        Ok(Listed { folder, note, ledger, last_run })
    }

    /// Whether a run was begun: some journals were only opened.
    fn is_anything(&self) -> bool {
        self.note.is_some() || self.ledger.last_run > 0 || !self.ledger.damage.is_empty()
    }

    fn is_gone(&self) -> bool {
        self.note.as_ref().is_some_and(Note::is_gone)
    }

    fn json(&self) -> Json {
        let run = self
            .last_run
            .as_ref()
            .map(|run| json!({"id": run.id, "time": run.time, "command": run.command, "status": run.status}));
        json!({
            "spec": self.note.as_ref().map(|note| &note.path),
            "gone": self.is_gone(),
            "name": self.note.as_ref().and_then(|note| note.name.as_ref()),
            "roles": self.ledger.names().count(),
            "last_run": run,
            "backups": self.ledger.backups().map(backup_json).collect::<Vec<_>>(),
            "damage": self.ledger.damage.iter().map(damage_json).collect::<Vec<_>>(),
            "journal": self.folder,
        })
    }

    fn write(&self, out: &mut impl Write, verbose: bool) -> std::io::Result<()> {
        let (name, dim, bad, warn) = (style::NAME, style::DIM, style::BAD, style::WARN);
        let path = self
            .note
            .as_ref()
            .map_or_else(|| "a spec that its next run will name".into(), |note| note.path.display().to_string());
        let gone = if self.is_gone() { format!(" {warn}(gone){warn:#}") } else { String::new() };
        let roles = match self.ledger.names().count() {
            1 => "1 role".to_string(),
            count => format!("{count} roles"),
        };
        writeln!(out, "{name}{path}{name:#}{gone}")?;
        let title = self.note.as_ref().and_then(|note| note.name.as_deref()).unwrap_or("?");
        let run =
            self.last_run.as_ref().map(|run| format!(", #{} {} {} {}", run.id, run.command, local_time(run.time), run.status));
        writeln!(out, "    {title}: {roles}{}", run.unwrap_or_default())?;
        for aside in self.ledger.backups() {
            writeln!(out, "    backup of {}", backup_words(aside))?;
        }
        for damage in &self.ledger.damage {
            writeln!(out, "    {bad}damaged{bad:#}: {} {} (concerns: {})", damage.place(), damage.what, damage.concern())?;
        }
        if verbose || self.is_gone() || self.note.is_none() || !self.ledger.damage.is_empty() {
            writeln!(out, "    {dim}journal {}{dim:#}", self.folder.display())?;
        }
        Ok(())
    }
}
