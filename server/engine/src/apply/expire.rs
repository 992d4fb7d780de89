//! Removing what was put aside once its time is over.
//!
//! A clock that is ahead for a moment must cost nothing: a run that finds the time of a backup over only notes that, and one that comes
//! at least an hour later removes it. When the clock turns out to be behind what was recorded, nothing counts as found any more.

use std::collections::BTreeSet;

use seed_role::backup;
use seed_role::host::Host;
use seed_role::trouble::{Result, Trouble};

use crate::journal::ledger::PutAside;
use crate::journal::{Journal, Record, now};

/// So long after it was found to be over, in seconds, a backup is removed.
const LATER: u64 = 3600;

/// Removes what was put aside by earlier runs and whose time, in milliseconds, is over, as far as that was found an hour ago. What
/// could not be done is given back: it is tried again the next time, and is no reason to stop.
pub fn expire(host: &dyn Host, journal: &Journal, keep: u64) -> Vec<Trouble> {
    let time = now();
    let backups: Vec<PutAside> = journal.with_ledger(|ledger| ledger.backups().cloned().collect());
    if backups.is_empty() {
        return Vec::new();
    }
    if journal.with_ledger(|ledger| time < ledger.time) {
        return journal.write(&[Record::ClockBack { time }], false).err().into_iter().collect();
    }
    let is_over = |aside: &PutAside, at: u64| at.saturating_sub(aside.time) > keep / 1000;
    let over: Vec<&PutAside> = backups.iter().filter(|aside| is_over(aside, time)).collect();
    let mut troubles = Vec::new();
    // One change may have put several things aside.
    let changes: BTreeSet<(&str, u64)> = over.iter().map(|aside| (aside.role.as_str(), aside.run)).collect();
    for (role, run) in changes {
        let of_this: Vec<&PutAside> = over.iter().copied().filter(|aside| aside.role == role && aside.run == run).collect();
        let was_found =
            |aside: &&PutAside| aside.expired.is_some_and(|found| time.saturating_sub(found) >= LATER && is_over(aside, found));
        let done = if of_this.iter().all(was_found) {
            remove_all(host, &of_this).and_then(|()| journal.write(&[Record::Forgotten { role: role.into(), run }], false))
        } else if of_this.iter().any(|aside| aside.expired.is_none_or(|found| !is_over(aside, found))) {
            journal.write(&[Record::Expired { role: role.into(), run, time }], false)
        } else {
            Ok(())
        };
        troubles.extend(done.err());
    }
    troubles
}

/// Removes all backups now. What could not be removed is given back.
pub fn purge(host: &dyn Host, journal: &Journal) -> Vec<Trouble> {
    let backups: Vec<PutAside> = journal.with_ledger(|ledger| ledger.backups().cloned().collect());
    let changes: BTreeSet<(&str, u64)> = backups.iter().map(|aside| (aside.role.as_str(), aside.run)).collect();
    let remove = |(role, run): (&str, u64)| {
        let of_this: Vec<&PutAside> = backups.iter().filter(|aside| aside.role == role && aside.run == run).collect();
        remove_all(host, &of_this)?;
        journal.write(&[Record::Forgotten { role: role.into(), run }], false)
    };
    changes.into_iter().filter_map(|change| remove(change).err()).collect()
}

fn remove_all(host: &dyn Host, backups: &[&PutAside]) -> Result<()> {
    for path in backups.iter().filter_map(|aside| aside.kept.path.as_deref()) {
        backup::remove(host, path)
            .map_err(|trouble| Trouble { attempted: format!("remove the backup {}", path.display()), ..trouble })?;
    }
    Ok(())
}
