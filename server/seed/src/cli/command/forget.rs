//! `seed forget`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use seed_engine::apply::expire;
use seed_engine::journal::ledger::PutAside;
use seed_engine::journal::{Journal, Ledger, Note, Record};
use seed_engine::plan::belongs_to;
use seed_engine::undo::FORGET;
use seed_role::Trouble;
use seed_role::host::real::RealHost;
use seed_spec::analysis::DEFAULT_KEEP;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::report::journal::{backup_json, backup_words};
use crate::cli::spec_file::Named;
use crate::cli::{confirm, output, report, spec_file, style};

/// Forget roles: drop their entries from the journal.
///
/// What was made for these roles stays, but no longer belongs to Seed: `absent` and `undo` leave it alone. Their backups stay until they
/// expire, and are not restored. The name of a loop or composite role stands for all its instances or parts. Shows what would be forgotten
/// and asks. Names that the journal does not know are reported, and the exit status is then 1.
///
/// This is also how to continue after damage to the journal: once no damage concerns any role, the journal is rewritten. The damaged file is
/// kept beside it as `journal.damaged-TIME`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The spec or, if it is gone, its journal as `seed list` shows it
    #[arg(value_name = "SPEC", value_hint = clap::ValueHint::AnyPath)]
    spec: PathBuf,
    /// The roles
    #[arg(value_name = "ROLE", required_unless_present = "damage")]
    roles: Vec<String>,
    /// Accept damage to the journal: forget all roles that it concerns
    #[arg(long)]
    damage: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let journal = open(&args.spec)?;
    let ledger = journal.ledger();
    let Chosen { roles, unknown } = chosen(args, &ledger)?;
    let backups: Vec<&PutAside> = ledger.put_aside.iter().filter(|aside| roles.contains(&aside.role)).collect();
    let accepts = args.damage && !ledger.damage.is_empty();
    if !global.json {
        show(&ledger, &roles, &backups, accepts)?;
    }
    let nothing = roles.is_empty() && !accepts;
    if !nothing {
        if !args.yes {
            confirm::ask(&format!("forget roles of {}", args.spec.display()), "Forget this?")?;
        }
        forget(&journal, &roles, accepts)?;
    }
    if global.json {
        let backups: Vec<_> = backups.iter().map(|aside| backup_json(aside)).collect();
        writeln!(output::stdout(), "{}", json!({ "forgotten": roles, "backups": backups, "unknown": unknown }))?;
    }
    if unknown.is_empty() {
        return Ok(Exit::Ok);
    }
    report::journal::warn(&[not_known(&unknown, &journal.ledger())])?;
    Ok(Exit::Failed)
}

/// Opens the journal that is meant, by its folder or of a spec, and removes backups whose time is over.
pub(super) fn open(spec: &Path) -> Result<Journal> {
    let host = RealHost::new();
    match spec_file::named(spec)? {
        Named::Journal(folder) => {
            let keep = Note::read(&folder)?.map_or(DEFAULT_KEEP, |note| note.keep);
            let journal = Journal::open(&folder)?;
            journal.with_ledger(|ledger| report::journal::tell(None, ledger, &folder))?;
            report::journal::warn(&expire(&host, &journal, keep))?;
            Ok(journal)
        }
        Named::Spec(text) => {
            let (located, note) = spec_file::locate_journal(&text)?;
            let opened = Journal::open_located(&located, &note, &host)?;
            let journal = opened.ok_or_else(|| Trouble::new("open the journal", "another run has moved it meanwhile"))?;
            journal.with_ledger(|ledger| report::journal::tell(located.continues.as_deref(), ledger, journal.folder()))?;
            report::journal::warn(&expire(&host, &journal, note.keep))?;
            Ok(journal)
        }
    }
}

/// What is to be forgotten.
struct Chosen {
    /// The roles, sorted.
    roles: BTreeSet<String>,
    /// The names that no role has. They do not keep the others from being forgotten: a run that was interrupted may have forgotten some.
    unknown: Vec<String>,
}

fn chosen(args: &Args, ledger: &Ledger) -> Result<Chosen> {
    let (mut roles, mut unknown) = (BTreeSet::new(), Vec::new());
    for name in &args.roles {
        let known = ledger.names().chain(damaged_names(ledger));
        let mut meant = known.filter(|role| *role == name || belongs_to(role, name)).map(str::to_string).peekable();
        if meant.peek().is_none() {
            unknown.push(name.clone());
        }
        roles.extend(meant);
    }
    if roles.is_empty() && !unknown.is_empty() && !args.damage {
        return Err(not_known(&unknown, ledger).into());
    }
    if args.damage {
        roles.extend(ledger.names().filter(|role| ledger.doubt(role).is_some()).map(str::to_string));
    }
    Ok(Chosen { roles, unknown })
}

fn not_known(names: &[String], ledger: &Ledger) -> Trouble {
    let known: Vec<&str> = ledger.names().collect();
    let trouble = Trouble::new(format!("forget {}", names.join(", ")), "the journal knows no role of that name");
    if known.is_empty() { trouble } else { trouble.hint(format!("it knows {}", known.join(", "))) }
}

fn damaged_names(ledger: &Ledger) -> impl Iterator<Item = &str> {
    let unknown = ledger.damage.iter().filter(|damage| !damage.known);
    unknown.filter_map(|damage| damage.roles.as_ref()).flatten().map(String::as_str)
}

fn show(ledger: &Ledger, roles: &BTreeSet<String>, backups: &[&PutAside], accepts: bool) -> Result<()> {
    let (gone, dim, good) = (style::GONE, style::DIM, style::GOOD);
    let mut out = output::stdout();
    for role in roles {
        let is = ledger.get(role).map_or_else(|| "type lost with the damaged part".into(), |owned| owned.is);
        writeln!(
            out,
            "  {gone}-{gone:#} {role}  {dim}{is}{dim:#}  forget; what was made for it stays, and no longer belongs to Seed"
        )?;
    }
    for aside in backups {
        writeln!(out, "    its backup stays and is not restored: {}", backup_words(aside))?;
    }
    if accepts {
        writeln!(out, "  The damage to the journal is accepted. What was lost cannot be recovered.")?;
    } else if roles.is_empty() {
        writeln!(out, "{good}Nothing to forget{good:#}: the journal is not damaged.")?;
    }
    out.flush()?;
    Ok(())
}

fn forget(journal: &Journal, roles: &BTreeSet<String>, accepts: bool) -> Result<()> {
    let mut what: Vec<&str> = roles.iter().map(String::as_str).collect();
    if accepts {
        what.push("the damage");
    }
    journal.begin(&format!("{FORGET}{}", what.join(", ")), "", Vec::new())?;
    let mut records: Vec<Record> = roles.iter().map(|role| Record::Forgot { role: role.clone() }).collect();
    if accepts {
        records.push(Record::Accepted);
    }
    journal.write(&records, false)?;
    journal.close("done")?;
    Ok(())
}
