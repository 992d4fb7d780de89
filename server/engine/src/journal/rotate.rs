//! Beginning a journal anew: what it came to, and its last runs.

use std::collections::HashSet;

use super::record::Record;
use super::{Ledger, blobs};
use crate::undo;

/// Longer than this, in bytes, a journal is begun anew.
const MOST_BYTES: u64 = 8 << 20;
/// The same for more runs than this.
const MOST_RUNS: u64 = 64;
/// So many runs are kept then if they are not too old …
const KEPT_RUNS: usize = 32;
/// … and so many whatever their age, as far as they fit into half of what a journal may have.
const ALWAYS_KEPT: usize = 8;

/// Whether it is time to begin a journal anew that was so long, and had so many runs, when it was last begun.
pub(super) fn is_due(bytes: u64, begun: u64, runs: u64) -> bool {
    // One that cannot be made shorter is not tried again with each run.
    bytes > MOST_BYTES.max(2 * begun) || runs > MOST_RUNS
}

/// The records with which the journal begins anew: what it came to before the runs that it goes on to tell of, and these runs. Runs
/// from before `oldest`, in seconds since 1970, are not needed for their age.
pub(super) fn begin_anew(records: &[Record], oldest: u64) -> Vec<Record> {
    let first = first_kept(records, oldest);
    let mut before = Ledger::default();
    records[..first].iter().for_each(|record| before.take(record));
    let mut anew = before.records();
    anew.extend(without_idle(&records[first..]).cloned());
    anew
}

/// The records without the older runs that changed nothing: else they would pile up behind the last run that did.
fn without_idle(records: &[Record]) -> impl Iterator<Item = &Record> {
    let is_run = |record: &&Record| matches!(record, Record::Run { .. });
    let old = records.iter().filter(is_run).count().saturating_sub(KEPT_RUNS);
    let runs = records.chunk_by(|_, next| !matches!(next, Record::Run { .. }));
    runs.enumerate().flat_map(move |(at, run)| {
        let drops_frame = at < old && is_idle(run);
        run.iter().filter(move |record| !(drops_frame && is_frame(record)))
    })
}

/// What tells of a run, and changes nothing in the ledger but the number of runs.
fn is_frame(record: &Record) -> bool {
    matches!(record, Record::Run { .. } | Record::Close { .. } | Record::Refused { .. } | Record::Reported)
}

/// Whether a run did nothing with any role. Behind its end there may be records of backups that expired.
fn is_idle(run: &[Record]) -> bool {
    let is_of_backups = |record: &Record| {
        matches!(
            record,
            Record::Expired { .. }
                | Record::Extended { .. }
                | Record::Removing { .. }
                | Record::Forgotten { .. }
                | Record::ClockBack { .. }
        )
    };
    run.iter().all(|record| is_frame(record) || is_of_backups(record))
}

/// Where the oldest run begins that is kept. The one that the next undo takes back is, however long it is, and whatever came since: an
/// undo of it may have failed.
fn first_kept(records: &[Record], oldest: u64) -> usize {
    let mut needed = undo::last_change(&undo::runs(records));
    let mut first = records.len();
    let mut kept = 0;
    let mut bytes = 0;
    for (at, record) in records.iter().enumerate().rev() {
        bytes += serde_json::to_vec(record).map_or(0, |json| json.len() as u64);
        let Record::Run { id, time, .. } = record else { continue };
        let is_young = *time >= oldest && kept < KEPT_RUNS;
        let fits = bytes <= MOST_BYTES / 2;
        if needed.is_none() && !(fits && (is_young || kept < ALWAYS_KEPT)) {
            break;
        }
        first = at;
        kept += 1;
        needed = needed.filter(|needed| needed != id);
    }
    first
}

/// The blobs that are needed: those that the ledger refers to, and the runs of the journal. Of disposable roles nothing is kept but by
/// the last run and the one that the next undo takes back.
pub(super) fn needed_blobs(ledger: &Ledger, records: &[Record]) -> HashSet<String> {
    let mut needed: HashSet<String> = HashSet::new();
    for text in ledger.texts() {
        needed.extend(blobs::references(&text).map(str::to_string));
    }
    let undone_next = undo::last_change(&undo::runs(records));
    let mut run = 0;
    for record in records {
        if let Record::Run { id, .. } = record {
            run = *id;
        }
        if matches!(record, Record::Begin { disposable: false, .. } | Record::Owned { .. })
            || matches!(record, Record::Begin { .. }) && (run == ledger.last_run || Some(run) == undone_next)
        {
            let text = serde_json::to_string(record).unwrap_or_default();
            needed.extend(blobs::references(&text).map(str::to_string));
        }
    }
    needed
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use seed_role::attrs::Observation;

    use super::*;

    fn run(id: u64, time: u64, size: usize) -> Vec<Record> {
        vec![
            Record::Run { id, time, command: "apply present".into(), digest: String::new(), drifted: Vec::new() },
            Record::Begin {
                role: "note".into(),
                is: "file.text".into(),
                params: "x".repeat(size).into(),
                was: Observation::Absent,
                disposable: false,
                loses: None,
                after: Vec::new(),
                action: "change".into(),
                parts: Vec::new(),
            },
            Record::Close { id, status: "done".into() },
        ]
    }

    fn kept(records: Vec<Record>, oldest: u64) -> Vec<u64> {
        let anew = begin_anew(&records, oldest);
        assert!(matches!(anew.first(), Some(Record::Base { .. })));
        anew.iter().filter_map(|record| if let Record::Run { id, .. } = record { Some(*id) } else { None }).collect()
    }

    #[test]
    fn the_last_run_that_changed_something_is_kept_however_long() {
        let mut records = run(1, 1, 10);
        records.extend(run(2, 2, 20 << 20));
        records.push(Record::Run { id: 3, time: 3, command: "repair".into(), digest: String::new(), drifted: Vec::new() });
        assert_eq!(kept(records, 0), [2, 3]);
    }

    #[test]
    fn young_runs_are_kept_up_to_a_number_and_old_ones_down_to_one() {
        let records = |count: u64| (1..=count).flat_map(|id| run(id, id, 10)).collect::<Vec<_>>();
        assert_eq!(kept(records(70), 0).len(), KEPT_RUNS);
        assert_eq!(kept(records(70), 1000).len(), ALWAYS_KEPT);
        assert_eq!(kept(records(70), 60), (60..=70).collect::<Vec<_>>());
        assert_eq!(kept(records(3), 1000), [1, 2, 3]);
    }

    #[test]
    fn an_undo_that_failed_keeps_the_run_that_it_takes_back() {
        let undo = |id: u64, status: &str| {
            let mut records = run(id, id, 5 << 20);
            if let Record::Run { command, .. } = &mut records[0] {
                *command = "undo 2".into();
            }
            records[2] = Record::Close { id, status: status.into() };
            records
        };
        let two: Vec<Record> = [run(1, 1, 10), run(2, 2, 5 << 20)].concat();
        assert_eq!(kept([two.clone(), undo(3, "failed")].concat(), 0), [2, 3]);
        assert_eq!(kept([two.clone(), undo(3, "failed"), undo(4, "failed")].concat(), 0), [2, 3, 4]);
        assert_eq!(kept([two, undo(3, "done")].concat(), 0), [1, 2, 3]);
    }

    #[test]
    fn runs_that_changed_nothing_do_not_pile_up() {
        let idle = |id: u64| {
            let mut records = run(id, id, 0);
            records.remove(1);
            records
        };
        let idle: Vec<Record> = (2..=300).flat_map(idle).collect();
        assert_eq!(kept(idle.clone(), 0).len(), KEPT_RUNS);
        let with_change = kept([run(1, 1, 10), idle].concat(), 0);
        assert_eq!((with_change.len(), with_change[0], with_change[1]), (KEPT_RUNS + 1, 1, 301 - KEPT_RUNS as u64));
    }

    const ROLES: [&str; 4] = ["a", "b", "c", "d"];

    /// What a run does with a role, by two numbers.
    fn deed(run: u64, role: usize, other: usize, what: u8, ledger: &Ledger) -> Vec<Record> {
        let role = ROLES[role].to_string();
        let path = std::path::PathBuf::from(format!("/srv/{role}"));
        let begin = Record::Begin {
            role: role.clone(),
            is: "file.text".into(),
            params: serde_json::json!({"path": {"$ref": ROLES[other]}}),
            was: Observation::Absent,
            disposable: false,
            loses: None,
            after: vec![ROLES[other].into()],
            action: "change".into(),
            parts: Vec::new(),
        };
        let mut backups = ledger.backups().filter(|aside| aside.role == role);
        let backup = if other.is_multiple_of(2) { backups.next() } else { backups.last() };
        let meant = backup.map(|aside| (Some(aside.id), aside.role.clone(), aside.run));
        match (what, meant) {
            (0, _) => vec![begin],
            (1, _) => {
                let back = seed_role::step::Kept {
                    what: "a file".into(),
                    path: (other > 0).then(|| path.with_extension(run.to_string())),
                    data: None,
                };
                let below =
                    back.path.is_none().then(|| super::super::below::Below::new(vec![format!("{role}.device")], [path.clone()]));
                let kept = Record::Kept {
                    // As the records of earlier versions, some have no number.
                    id: (!run.is_multiple_of(3)).then_some(ledger.last_backup + 1),
                    role: role.clone(),
                    run,
                    time: run,
                    from: back.path.is_some().then_some(path),
                    kept: back,
                    below,
                    until: Some(run + 7),
                    seal: None,
                };
                vec![begin, kept]
            }
            (2, _) => {
                vec![
                    begin,
                    Record::End { role, outcome: super::super::Outcome::Present(Default::default()), parts: vec!["p".into()] },
                ]
            }
            (3, _) => vec![begin, Record::End { role, outcome: super::super::Outcome::Returned, parts: Vec::new() }],
            (4, _) => vec![Record::Forgot { role }],
            (5, _) if ledger.owns(&role) && !ledger.owns(ROLES[other]) => {
                vec![Record::Renamed { from: role, to: ROLES[other].into() }]
            }
            (6, Some((id, role, run))) => vec![Record::Restored { id, role, run }],
            (7, Some((id, role, run))) => vec![Record::Forgotten { id, role, run }],
            (8, Some((id, role, run))) => vec![Record::Removing { id, role, run }],
            (9, Some((id, role, run))) => vec![Record::Extended { id, role, run, until: 1000 }],
            (10, Some((id, role, then))) => vec![Record::Expired { id, role, run: then, time: run }],
            _ => Vec::new(),
        }
    }

    fn whole(ledger: &Ledger) -> serde_json::Value {
        let mut whole = serde_json::to_value(ledger).unwrap();
        // Fewer runs are left: that is what it is for.
        whole["runs"] = 0.into();
        let entries: Vec<_> =
            ledger.names().map(|name| (name.to_string(), serde_json::to_value(ledger.get(name)).unwrap())).collect();
        serde_json::json!([whole, entries])
    }

    proptest::proptest! {
        #[test]
        fn what_the_journal_comes_to_is_the_same_after_as_before(
            deeds in proptest::collection::vec(proptest::collection::vec((0..4_usize, 0..4_usize, 0..11_u8), 0..4), 1..60),
            is_young in proptest::prelude::any::<bool>(),
        ) {
            let mut records = Vec::new();
            let mut before = Ledger::default();
            let mut write = |record: Record, ledger: &mut Ledger| {
                ledger.take(&record);
                records.push(record);
            };
            for (run, deeds) in (1..).zip(deeds) {
                let command = "apply present".into();
                write(Record::Run { id: run, time: run, command, digest: String::new(), drifted: Vec::new() }, &mut before);
                for (role, other, what) in deeds {
                    deed(run, role, other, what, &before).into_iter().for_each(|record| write(record, &mut before));
                }
                write(Record::Close { id: run, status: "done".into() }, &mut before);
            }
            let mut after = Ledger::default();
            begin_anew(&records, if is_young { 0 } else { 1000 }).iter().for_each(|record| after.take(record));
            proptest::prop_assert_eq!(whole(&before), whole(&after));
        }
    }
}
