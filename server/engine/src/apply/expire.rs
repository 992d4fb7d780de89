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
    // One change may have made several backups.
    let changes: BTreeSet<(&str, u64)> = over.iter().map(|aside| (aside.role.as_str(), aside.run)).collect();
    for (role, run) in changes {
        let of_this: Vec<&PutAside> = over.iter().filter(|aside| aside.role == role && aside.run == run).collect();
        let was_found =
            |aside: &&PutAside| aside.expired.is_some_and(|found| time.saturating_sub(found) >= LATER && is_over(aside, found));
        let done = if of_this.iter().all(was_found) {
            remove_all(host, journal, &of_this, &mut troubles)
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
    let all = backups(journal);
    let changes: BTreeSet<(&str, u64)> = all.iter().map(|aside| (aside.role.as_str(), aside.run)).collect();
    let mut troubles = Vec::new();
    for (role, run) in changes {
        let of_this: Vec<&PutAside> = all.iter().filter(|aside| aside.role == role && aside.run == run).collect();
        let removed = remove_all(host, journal, &of_this, &mut troubles);
        troubles.extend(removed.err());
    }
    troubles
}

fn backups(journal: &Journal) -> Vec<PutAside> {
    journal.with_ledger(|ledger| ledger.backups().cloned().collect())
}

fn is_over(aside: &PutAside, at: u64) -> bool {
    at > aside.until
}

/// That a backup is kept for longer than was announced, if it is.
fn extended(aside: &PutAside, keep: u64) -> Option<Record> {
    let until = aside.time.saturating_add(keep / 1000);
    (until > aside.until).then(|| Record::Extended { role: aside.role.clone(), run: aside.run, until })
}

/// Removes the backups of one change. What is left in the place of one is told.
fn remove_all(host: &dyn Host, journal: &Journal, backups: &[&PutAside], left: &mut Vec<Trouble>) -> Result<()> {
    let Some(PutAside { role, run, .. }) = backups.first() else { return Ok(()) };
    let (role, run) = (role.clone(), *run);
    if backups.iter().any(|aside| !aside.is_going && aside.kept.path.is_some()) {
        journal.write(&[Record::Removing { role: role.clone(), run }], false)?;
    }
    for aside in backups {
        match remove(host, aside) {
            Err(trouble) if trouble.kind == Kind::Changed => left.push(trouble),
            removed => removed?,
        }
    }
    journal.write(&[Record::Forgotten { role, run }], false)
}

fn remove(host: &dyn Host, aside: &PutAside) -> Result<()> {
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
