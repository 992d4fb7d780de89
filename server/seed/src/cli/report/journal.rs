//! What is not as usual with a journal, and what is kept by it.

use std::io::Write;
use std::path::Path;

use seed_engine::journal::ledger::PutAside;
use seed_engine::journal::{Damage, Ledger};
use seed_role::Trouble;
use serde_json::{Value as Json, json};

use super::diagnostics::shown_path;
use crate::cli::exit::Result;
use crate::cli::{output, style};

/// Tells on standard error whose journal it is if the spec was moved, what is damaged of it, and who else has one.
///
/// # Errors
///
/// When it cannot be written.
pub fn tell(continues: Option<&Path>, ledger: &Ledger, folder: &Path) -> Result<()> {
    let (dim, good) = (style::DIM, style::GOOD);
    let mut stderr = output::stderr();
    if let Some(elsewhere) = &ledger.elsewhere {
        writeln!(stderr, "{dim}{elsewhere}. This journal does not say what was created for it.{dim:#}")?;
    }
    write_state(&mut stderr, continues, &ledger.damage)?;
    if !ledger.damage.is_empty() {
        writeln!(stderr, "  in {}", folder.join("journal").display())?;
        let help = "other roles can still be applied; `seed forget SPEC ROLE…` forgets roles that the damage concerns, and `seed forget --damage SPEC` \
                    all of them; the damaged file is kept beside the journal";
        writeln!(stderr, "  {good}help{good:#}: {help}")?;
    }
    Ok(())
}

/// Writes whose journal it is if the spec was moved, and what is damaged of it.
///
/// # Errors
///
/// When it cannot be written.
pub fn write_state(out: &mut impl Write, continues: Option<&Path>, damage: &[Damage]) -> std::io::Result<()> {
    let (dim, bad) = (style::DIM, style::BAD);
    if let Some(path) = continues {
        writeln!(out, "{dim}continues the journal of {}, the previous path of this spec{dim:#}", path.display())?;
    }
    for one in damage {
        writeln!(out, "{bad}the journal is damaged{bad:#}: {} {} (concerns: {})", one.place(), one.what, one.concern())?;
    }
    Ok(())
}

/// Tells on standard error what could not be done, and is no reason to stop.
///
/// # Errors
///
/// When it cannot be written.
pub fn warn(troubles: &[Trouble]) -> Result<()> {
    let warn = style::WARN;
    for trouble in troubles {
        writeln!(output::stderr(), "{warn}warning{warn:#}: {trouble}")?;
    }
    Ok(())
}

/// A backup and how long it is kept, as a person reads it.
pub fn backup_words(aside: &PutAside) -> String {
    format!("{}: {}, {}, until {}", aside.role, aside.kept.what, place(aside.kept.path.as_deref()), local_time(aside.until))
}

/// The same for programs.
pub fn backup_json(aside: &PutAside) -> Json {
    json!({"role": aside.role, "what": aside.kept.what, "path": aside.kept.path, "time": aside.time, "until": aside.until})
}

/// Where a backup is, in words.
pub fn place(path: Option<&Path>) -> String {
    path.map_or_else(|| "in the journal".into(), shown_path)
}

/// A time, given in seconds since 1970, as people here write it.
pub fn local_time(seconds: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX))
        .map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}
