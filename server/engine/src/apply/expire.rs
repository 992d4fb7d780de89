//! Removing backups once their time is over.
//!
//! The time of a backup is fixed when it is made. A spec that says later to keep backups for longer extends it; one that says shorter does
//! not shorten what was announced.
//!
//! A clock that is ahead for a moment must cost nothing: a run that finds the time of a backup over only notes that, and one that comes
//! at least an hour later removes it. When the clock turns out to be behind what was recorded, nothing counts as found any more.
//!
//! What is not as it was when the backup was made is somebody else's, or was changed by somebody: it stays, is reported once, and is
//! Seed's no longer.

use std::collections::BTreeSet;

use seed_role::backup as place;
use seed_role::host::Host;
use seed_role::trouble::{Kind, Result, Trouble};

use crate::journal::ledger::PutAside;
use crate::journal::{Journal, Record, now};

/// So long after it was found to be over, in seconds, a backup is removed.
const LATER: u64 = 3600;

/// Removes backups that earlier runs made and whose time is over, as far as that was found an hour ago. `keep` is how long the spec lets
/// backups be kept now, in milliseconds. What could not be done is given back: it is tried again the next time, and is no reason to
/// stop. So is what was left in the place of a backup.
pub fn expire(host: &dyn Host, journal: &Journal, keep: u64) -> Vec<Trouble> {
    let time = now();
    let known = backups(journal);
    if known.is_empty() {
        return Vec::new();
    }
    let extended = known.iter().filter_map(|aside| extended(aside, keep)).collect::<Vec<_>>();
    if !extended.is_empty()
        && let Err(trouble) = journal.write(&extended, false)
    {
        return vec![trouble];
    }
    if journal.with_ledger(|ledger| time < ledger.time) {
        return journal.write(&[Record::ClockBack { time }], false).err().into_iter().collect();
    }
    let over: Vec<PutAside> = backups(journal).into_iter().filter(|aside| is_over(aside, time)).collect();
    let mut troubles = Vec::new();
    // What lay in the folder of a later backup goes with it.
    for aside in over.iter().rev() {
        let was_found = aside.expired.filter(|found| is_over(aside, *found));
        let done = match was_found {
            Some(found) if time.saturating_sub(found) >= LATER => remove(host, journal, aside),
            Some(_) => Ok(()),
            None => {
                let (id, role) = (Some(aside.id), aside.role.clone());
                journal.write(&[Record::Expired { id, role, run: aside.run, time }], false)
            }
        };
        troubles.extend(done.err());
    }
    troubles
}

/// Removes the backups of these numbers now. What could not be removed is given back.
pub fn purge(host: &dyn Host, journal: &Journal, numbers: &BTreeSet<u64>) -> Vec<Trouble> {
    let all = backups(journal);
    let meant = all.iter().rev().filter(|aside| numbers.contains(&aside.id));
    meant.filter_map(|aside| remove(host, journal, aside).err()).collect()
}

/// All backups, in the order in which they were made.
fn backups(journal: &Journal) -> Vec<PutAside> {
    let mut all: Vec<PutAside> = journal.with_ledger(|ledger| ledger.backups().cloned().collect());
    all.sort_by_key(|aside| aside.id);
    all
}

fn is_over(aside: &PutAside, at: u64) -> bool {
    at > aside.until
}

/// That a backup is kept for longer than was announced, if it is.
fn extended(aside: &PutAside, keep: u64) -> Option<Record> {
    let until = aside.time.saturating_add(keep / 1000);
    (until > aside.until).then(|| Record::Extended { id: Some(aside.id), role: aside.role.clone(), run: aside.run, until })
}

/// Removes a backup. What cannot be found stays known: it may be on a file system that is not mounted, or was moved. What is left in its
/// place is given back, and is Seed's no longer.
fn remove(host: &dyn Host, journal: &Journal, aside: &PutAside) -> Result<()> {
    let (id, role, run) = (Some(aside.id), aside.role.clone(), aside.run);
    if let Some(path) = aside.kept.path.as_ref().filter(|_| !aside.is_going) {
        if host.metadata(path)?.is_none() {
            let is_gone = !journal.with_ledger(|ledger| ledger.backups().any(|known| known.id == aside.id));
            if is_gone || backups(journal).iter().any(|later| aside.went_along_with(later)) {
                return Ok(());
            }
            let attempted = format!("remove the backup {} of {}", path.display(), aside.role);
            return Err(Trouble::new(attempted, "it cannot be found")
                .kind(Kind::Gone)
                .hint("if its file system is not mounted, mount it; if the spec was moved, apply it in its new place"));
        }
        // Durable: what is gone in part after a power failure must not be taken for whole.
        journal.write(&[Record::Removing { id, role: role.clone(), run }], true)?;
    }
    let removed = remove_from_disk(host, aside);
    if removed.as_ref().is_err_and(|trouble| trouble.kind != Kind::Changed) {
        return removed;
    }
    journal.write(&[Record::Forgotten { id, role, run }], false)?;
    removed
}

fn remove_from_disk(host: &dyn Host, aside: &PutAside) -> Result<()> {
    let Some(path) = &aside.kept.path else { return Ok(()) };
    let removed = match &aside.seal {
        // A folder of snapshots: no tree that is removed goes into them.
        Some(seal) if place::holds_snapshots(path) => {
            match host.seal(path)?.is_none_or(|now| now.is_of_the_same(seal) && (aside.is_going || now.is_unchanged(seal))) {
                true => place::remove(host, path),
                false => Err(Trouble::new("", "it was changed since it was made").kind(Kind::Changed)),
            }
        }
        Some(seal) => host.remove_sealed(path, seal, aside.is_going).and_then(|()| place::clear(host, path)),
        None if host.metadata(path)?.is_none() => Ok(()),
        None => Err(Trouble::new("", "it may no longer be the backup").kind(Kind::Changed)),
    };
    removed.map_err(|trouble| {
        let attempted = format!("remove the backup {} of {}", path.display(), aside.role);
        let trouble = Trouble { attempted, ..trouble };
        match trouble.kind {
            Kind::Changed => trouble.hint("it stays, and no longer belongs to Seed: remove it if nobody needs it"),
            _ => trouble,
        }
    })
}
