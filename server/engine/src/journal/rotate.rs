//! Beginning a journal anew: what it came to, and its last runs.

use std::collections::HashSet;

use super::record::Record;
use super::{Ledger, blobs};

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
    anew.extend_from_slice(&records[first..]);
    anew
}

/// Where the oldest run begins that is kept. The last one that has ended and changed something is, however long it is.
fn first_kept(records: &[Record], oldest: u64) -> usize {
    let mut first = records.len();
    let mut kept = 0;
    let mut bytes = 0;
    let mut has_change = false;
    let (mut is_closed, mut changes) = (false, false);
    for (at, record) in records.iter().enumerate().rev() {
        bytes += serde_json::to_vec(record).map_or(0, |json| json.len() as u64);
        match record {
            Record::Close { .. } => is_closed = true,
            Record::Begin { .. } => changes = true,
            Record::Run { time, .. } => {
                let is_young = *time >= oldest && kept < KEPT_RUNS;
                let fits = bytes <= MOST_BYTES / 2;
                if has_change && !(fits && (is_young || kept < ALWAYS_KEPT)) {
                    break;
                }
                first = at;
                kept += 1;
                has_change |= is_closed && changes;
                (is_closed, changes) = (false, false);
            }
            _ => {}
        }
    }
    first
}

/// The blobs that are needed: those that the ledger refers to, and the runs of the journal. Of disposable roles nothing is kept but by
/// the last run.
pub(super) fn needed_blobs(ledger: &Ledger, records: &[Record]) -> HashSet<String> {
    let mut needed: HashSet<String> = HashSet::new();
    for text in ledger.texts() {
        needed.extend(blobs::references(&text).map(str::to_string));
    }
    let mut run = 0;
    for record in records {
        if let Record::Run { id, .. } = record {
            run = *id;
        }
        if matches!(record, Record::Begin { disposable: false, .. } | Record::Owned { .. })
            || matches!(record, Record::Begin { .. }) && run == ledger.last_run
        {
            let text = serde_json::to_string(record).unwrap_or_default();
            needed.extend(blobs::references(&text).map(str::to_string));
        }
    }
    needed
}

#[cfg(test)]
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
    fn what_the_journal_comes_to_is_the_same_after_as_before() {
        let records: Vec<Record> = (1..=70).flat_map(|id| run(id, id, 10)).collect();
        let ledger_of = |records: &[Record]| {
            let mut ledger = Ledger::default();
            records.iter().for_each(|record| ledger.take(record));
            ledger
        };
        let before = ledger_of(&records);
        let after = ledger_of(&begin_anew(&records, 0));
        assert_eq!(before.get("note").map(|owned| owned.params), after.get("note").map(|owned| owned.params));
        assert_eq!((before.last_run, before.time, before.closed), (after.last_run, after.time, after.closed));
    }
}
