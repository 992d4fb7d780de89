//! Reading the spec that a command names.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_engine::check::analyse;
use seed_engine::journal::{self, Journal, Ledger, Located, Note};
use seed_engine::project::{DiskLoader, LONGEST, Project, read_bytes, text_of};
use seed_engine::trust::Trust;
use seed_engine::untrusted;
use seed_role::Trouble;
use seed_role::host::Host;
use seed_spec::analysis::Request;

use super::exit::{Error, Exit, Result};
use super::options::{Global, SpecArg};
use super::report;

/// The text of a spec and the path it counts as, absolute.
pub struct SpecText {
    /// The path.
    pub path: PathBuf,
    /// The text.
    pub text: Arc<str>,
}

/// Makes a path absolute without following links.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// Reads the spec that is named.
///
/// # Errors
///
/// When it cannot be read, or is not UTF-8.
pub fn read(arg: &SpecArg) -> Result<SpecText> {
    let (path, bytes) = read_raw(arg)?;
    let attempt = format!("read {}", path.display());
    Ok(SpecText { text: text_of(&bytes, &attempt)?, path })
}

/// Reads the bytes of the spec that is named, and the path it counts as.
///
/// # Errors
///
/// When it cannot be read.
pub fn read_raw(arg: &SpecArg) -> Result<(PathBuf, Vec<u8>)> {
    if arg.spec != Path::new("-") {
        return Ok((absolute(&arg.spec), read_bytes(&arg.spec)?));
    }
    let mut bytes = Vec::new();
    let attempt = "read the spec from standard input";
    std::io::stdin().lock().take(LONGEST).read_to_end(&mut bytes).map_err(|error| Trouble::from_io(attempt, &error))?;
    let path = arg.path.as_deref().unwrap_or(Path::new("standard-input.seed.yaml"));
    Ok((absolute(path), bytes))
}

/// Reads and analyses the spec that is named; shows its mistakes.
///
/// # Errors
///
/// When it cannot be read, has errors, or runs commands without being trusted.
pub fn open(arg: &SpecArg, global: &Global, host: &dyn Host) -> Result<Project> {
    open_text(&read(arg)?, global, host)
}

/// The same for who only looks at it, perhaps at a part: whether its commands are trusted is for [`hold_back`] to tell.
///
/// [`hold_back`]: seed_engine::untrusted::hold_back
///
/// # Errors
///
/// When it cannot be read, or has errors.
pub fn open_to_look(arg: &SpecArg, global: &Global, host: &dyn Host) -> Result<Project> {
    analysed(&read(arg)?, global, host)
}

/// The same as [`open`], for who changes the machine: all files of the collections that it uses are read and compared with the lock first.
///
/// # Errors
///
/// As [`open`], and when a collection is not what the lock says.
pub fn open_to_change(arg: &SpecArg, global: &Global, host: &dyn Host) -> Result<Project> {
    let project = open(arg, global, host)?;
    seed_engine::pinned::verify(&project.analysis)?;
    Ok(project)
}

/// Analyses a spec that was read; shows its mistakes.
///
/// # Errors
///
/// When it has errors, or runs commands without being trusted.
pub fn open_text(spec: &SpecText, global: &Global, host: &dyn Host) -> Result<Project> {
    let project = analysed(spec, global, host)?;
    untrusted::require(&project, &Trust::new(&journal::state_folder()))?;
    Ok(project)
}

fn analysed(spec: &SpecText, global: &Global, host: &dyn Host) -> Result<Project> {
    let project = match Project::new(&spec.path, &spec.text, &DiskLoader, host, &journal::state_folder()) {
        Ok(project) => project,
        Err(analysis) => {
            report::diagnostics::show(&analysis, global)?;
            return Err(Error::Shown(Exit::Failed));
        }
    };
    if !global.json {
        report::diagnostics::to_stderr(&project.analysis)?;
    }
    Ok(project)
}

/// Finds the journal of a spec and reads it, for who only looks; tells what is not as usual with it.
///
/// # Errors
///
/// As [`Project::read_journal`].
pub fn read_journal(project: &mut Project, host: &dyn Host) -> Result<Ledger> {
    let ledger = project.read_journal(host)?;
    report::journal::tell(project.continues.as_deref(), &ledger, &project.folder)?;
    Ok(ledger)
}

/// Finds the journal of a spec and opens it, for who changes something; tells what is not as usual with it.
///
/// # Errors
///
/// As [`Project::open_journal`].
pub fn open_journal(project: &mut Project, host: &dyn Host) -> Result<Journal> {
    let (journal, troubles) = project.open_journal(host)?;
    journal.with_ledger(|ledger| report::journal::tell(project.continues.as_deref(), ledger, &project.folder))?;
    report::journal::warn(&troubles)?;
    Ok(journal)
}

/// What a person names who means a journal.
pub enum Named {
    /// The folder of a journal itself: the spec may be gone.
    Journal(PathBuf),
    /// A spec.
    Spec(SpecText),
}

/// What is named: a spec or, if it is gone, its path or the folder of its journal as `seed list` shows it.
///
/// # Errors
///
/// When there is none of these, or it cannot be read.
pub fn named(spec: &Path) -> Result<Named> {
    let state = journal::state_folder();
    let path = absolute(spec);
    let by_path = journal::folder_of(&state, &path);
    if journal::spec::folders(&state).contains(&path) {
        Ok(Named::Journal(path))
    } else if !path.exists() && by_path.exists() {
        Ok(Named::Journal(by_path))
    } else {
        Ok(Named::Spec(read(&SpecArg { spec: spec.to_path_buf(), path: None })?))
    }
}

/// Where the journal of a spec is, and what is to be noted of the spec. Looks at nothing else; mistakes in the spec do not matter.
///
/// # Errors
///
/// When there are several that may be its journal.
pub fn locate_journal(spec: &SpecText) -> Result<(Located, Note)> {
    let analysis = analyse(&Request { path: &spec.path, text: &spec.text, edited_line: None }, &DiskLoader, None);
    let note = Note::of(&spec.path, &spec.text, analysis.name.as_deref(), analysis.keep);
    let located = journal::locate(&journal::state_folder(), &spec.path, || Some(note.clone()))?;
    Ok((located, note))
}
