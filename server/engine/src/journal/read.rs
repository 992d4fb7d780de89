//! Reading a journal, and telling what of it is damaged.
//!
//! The ledger is a cache of what the journal comes to. It says which part of the journal it comes from, with a checksum of it: while
//! that is unchanged, only what follows is read line by line. Where it is not, all lines are, and the ledger still knows how things
//! stood when it was written.

use std::collections::HashSet;
use std::path::Path;

use seed_role::trouble::Result;
use serde::{Deserialize, Serialize};

use super::damage::{Damage, is_near};
use super::ledger::Ledger;
use super::line::{self, Line};
use super::record::Record;
use super::{guard, moved, spec};

/// The records, a line each.
pub(super) const JOURNAL: &str = "journal";
/// What they come to.
pub(super) const LEDGER: &str = "ledger";

/// How far a journal was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// So many bytes.
    pub bytes: u64,
    /// Their checksum, CRC-32.
    pub checksum: u32,
    /// The number of the last record.
    pub number: u64,
    /// So many lines.
    pub lines: u64,
    /// How long the journal was when it was last begun anew, in bytes.
    pub begun: u64,
}

impl Extent {
    /// Whether bytes begin with what was read.
    fn covers(&self, bytes: &[u8]) -> bool {
        let covered = usize::try_from(self.bytes).ok().and_then(|length| bytes.get(..length));
        covered.is_some_and(|covered| crc32fast::hash(covered) == self.checksum)
    }

    /// Takes in whole lines.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let mut hasher = crc32fast::Hasher::new_with_initial_len(self.checksum, self.bytes);
        hasher.update(bytes);
        self.checksum = hasher.finalize();
        self.bytes += bytes.len() as u64;
    }
}

/// How a journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// With the end of a line.
    Ended,
    /// With a line that only lacks its end.
    Unended,
    /// With a part of a record that an interruption cut off.
    Torn,
}

/// A journal that was read.
pub(super) struct Loaded {
    pub ledger: Ledger,
    /// Without a line that lacks its end.
    pub extent: Extent,
    pub tail: Tail,
    /// Whether its lines are damaged or missing, be that accepted or not.
    pub broken: bool,
}

/// A place where lines are broken or missing.
struct Break {
    /// The line, from 1.
    line: u64,
    /// The number that the last record that is lost there had.
    number: u64,
    what: String,
    /// The roles that it concerns; none if it may be any.
    roles: Option<Vec<String>>,
    /// How many records were read before.
    at: usize,
}

/// Lines that were read one by one.
struct Scan {
    /// The records, each with its number.
    records: Vec<(u64, Record)>,
    breaks: Vec<Break>,
    extent: Extent,
    tail: Tail,
}

/// Reads lines one by one, behind what was read before.
fn scan(bytes: &[u8], mut extent: Extent) -> Scan {
    let rest = usize::try_from(extent.bytes).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let mut scan = Scan { records: Vec::new(), breaks: Vec::new(), extent, tail: Tail::Ended };
    let mut lines = rest.split_inclusive(|byte| *byte == b'\n').peekable();
    while let Some(whole) = lines.next() {
        let text = whole.strip_suffix(b"\n");
        match (line::decode(text.unwrap_or(whole)), text) {
            (Line::Record(number, record), ended) => {
                if ended.is_none() {
                    scan.tail = Tail::Unended;
                }
                let number = number.unwrap_or(extent.number + 1);
                let begins = extent.lines == 0 && matches!(*record, Record::Base { .. });
                let missing = number.saturating_sub(extent.number + 1);
                if missing > 0 && !begins {
                    scan.miss(missing, extent.lines + 1, number - 1);
                }
                extent.number = number;
                scan.records.push((number, *record));
            }
            (Line::Broken, None) => {
                scan.tail = Tail::Torn;
                break;
            }
            (Line::Broken, Some(text)) => {
                extent.number += 1;
                let next = lines.peek().map(|next| line::decode(next.strip_suffix(b"\n").unwrap_or(next)));
                if !was_torn_before(text, next.as_ref()) {
                    scan.break_at(text, extent.lines + 1, extent.number);
                }
            }
        }
        if text.is_none() {
            break;
        }
        extent.lines += 1;
        extent.extend(whole);
    }
    scan.extent = extent;
    scan
}

/// Journals without checksums keep the part of a line that an interruption had cut off, and go on with the next run.
fn was_torn_before(text: &[u8], next: Option<&Line>) -> bool {
    let is_part = text.starts_with(b"{\"t\":") && !text.ends_with(b"}");
    is_part && matches!(next, Some(Line::Record(None, record)) if matches!(**record, Record::Run { .. }))
}

impl Scan {
    /// Notes a line that is broken.
    fn break_at(&mut self, text: &[u8], line: u64, number: u64) {
        let traces = line::traces(text);
        // Runs begin and end without changing what is known of roles.
        let concerning = traces.iter().filter(|(kind, _)| !matches!(kind.as_str(), "run" | "close" | "refused"));
        let roles: Option<Vec<String>> = concerning.map(|(_, role)| role.clone()).collect();
        let roles = if traces.is_empty() { None } else { roles };
        let what = "was changed since it was written".to_string();
        self.breaks.push(Break { line, number, what, roles, at: self.records.len() });
    }

    /// Records are missing: they were cut out, or went into the broken line before.
    fn miss(&mut self, missing: u64, line: u64, number: u64) {
        let at = self.records.len();
        if let Some(before) = self.breaks.last_mut().filter(|before| before.line + 1 == line && before.at == at) {
            // That line held as many roles only if nothing else is lost.
            before.roles = before.roles.take().filter(|roles| roles.len() as u64 > missing);
            before.number = number;
            return;
        }
        let what = if missing == 1 {
            "a record is missing before it".into()
        } else {
            format!("{missing} records are missing before it")
        };
        self.breaks.push(Break { line, number, what, roles: None, at });
    }
}

/// Takes lines into a ledger that knows all up to the record `known`.
fn settle(ledger: &mut Ledger, scan: Scan, known: u64) {
    let mut breaks = damages(ledger, &scan, known).into_iter().peekable();
    for (at, (number, record)) in scan.records.into_iter().enumerate() {
        while let Some((_, damage)) = breaks.next_if(|(before, _)| *before <= at) {
            ledger.damage.push(damage);
        }
        if number > known {
            doubt_without_beginning(ledger, &record);
            ledger.take(&record);
        }
    }
    ledger.damage.extend(breaks.map(|(_, damage)| damage));
}

/// The damages that a ledger does not know yet, each with how many records come before.
fn damages(ledger: &Ledger, scan: &Scan, known: u64) -> Vec<(usize, Damage)> {
    if scan.breaks.is_empty() {
        return Vec::new();
    }
    let reported: HashSet<u64> = ledger.damage.iter().map(|damage| damage.line).collect();
    let names: HashSet<&str> = scan.records.iter().filter_map(|(_, record)| record.role()).chain(ledger.names()).collect();
    let is_name = |role: &String| names.iter().any(|name| is_near(name, role));
    let new = scan.breaks.iter().filter(|broken| !reported.contains(&broken.line));
    let damage = |broken: &Break| {
        let known = broken.number <= known || broken.roles.as_ref().is_some_and(Vec::is_empty);
        // A name that nothing else tells of is none.
        let roles = broken.roles.clone().filter(|roles| roles.iter().all(is_name));
        Damage { line: broken.line, what: broken.what.clone(), roles, known }
    };
    new.map(|broken| (broken.at, damage(broken))).collect()
}

/// Where records are lost, one that tells how a change went on without its beginning shows whose that was.
fn doubt_without_beginning(ledger: &mut Ledger, record: &Record) {
    let Some(role) = record.role().filter(|role| record.follows_a_beginning() && !ledger.owns(role)) else { return };
    if ledger.damage.iter().any(|damage| !damage.known) && !ledger.damage.iter().any(|damage| damage.concerns(role)) {
        let what = "contains the end of a change, but not its beginning".to_string();
        ledger.damage.push(Damage { line: 0, what, roles: Some(vec![role.to_string()]), known: false });
    }
}

/// The files of a journal that matter here.
struct Files {
    journal: Vec<u8>,
    snapshot: Option<(Ledger, Extent)>,
    /// Whether there is anything that shows that a run has begun.
    has_begun: bool,
}

impl Files {
    fn read(folder: &Path) -> Result<Files> {
        let journal = guard::read(&folder.join(JOURNAL))?;
        let ledger = guard::read(&folder.join(LEDGER))?;
        if journal.is_some() || ledger.is_some() {
            guard::require_own_folder(folder)?;
        }
        Ok(Files::of(journal, ledger, folder.join(spec::NOTE).exists()))
    }

    fn of(journal: Option<Vec<u8>>, ledger: Option<Vec<u8>>, has_note: bool) -> Files {
        let snapshot = ledger.as_deref().and_then(|text| Ledger::from_snapshot(std::str::from_utf8(text).ok()?));
        Files { journal: journal.unwrap_or_default(), snapshot, has_begun: ledger.is_some() || has_note }
    }
}

/// Reads what the journal in a folder comes to.
///
/// # Errors
///
/// When it cannot be read, or, as root, others can write it. Damage is no error: the ledger tells of it.
pub(super) fn load(folder: &Path) -> Result<Loaded> {
    Ok(Files::read(folder)?.load())
}

/// What files with these contents come to, which were read elsewhere: only to look, and not to act on it.
pub(super) fn look(journal: Vec<u8>, ledger: Option<Vec<u8>>) -> Ledger {
    Files::of(Some(journal), ledger, false).load().ledger
}

impl Files {
    fn load(self) -> Loaded {
        let Files { journal, snapshot, has_begun } = self;
        let begun = snapshot.as_ref().map_or(0, |(_, extent)| extent.begun);
        let (mut ledger, covered) = snapshot.unwrap_or_default();
        let (mut scan, known) = if covered.covers(&journal) && !(journal.is_empty() && has_begun) {
            (scan(&journal, covered), covered.number)
        } else {
            let scan = scan(&journal, Extent { begun, ..Extent::default() });
            if scan.breaks.is_empty() && scan.extent.number >= covered.number && !journal.is_empty() {
                // It stands for itself, and the ledger was of a time before it was begun anew.
                ledger = Ledger::default();
                (scan, 0)
            } else {
                (scan, covered.number)
            }
        };
        scan.require(covered.number, journal.is_empty() && has_begun);
        let (extent, tail, broken) = (scan.extent, scan.tail, !scan.breaks.is_empty());
        settle(&mut ledger, scan, known);
        Loaded { broken: broken || !ledger.damage.is_empty(), ledger, extent, tail }
    }
}

impl Scan {
    /// Notes records that are missing at the end: the ledger was written after them, or there is no other trace left of any.
    fn require(&mut self, number: u64, all_is_gone: bool) {
        // Those that come now go on behind a gap, so that it stays seen what is missing.
        let number = if all_is_gone { number.max(1) } else { number };
        let missing = number.saturating_sub(self.extent.number);
        if missing == 0 {
            return;
        }
        let what = match (all_is_gone, missing) {
            (true, _) => "is missing, or empty".to_string(),
            (false, 1) => "a record is missing at the end".into(),
            (false, missing) => format!("{missing} records are missing at the end"),
        };
        self.breaks.push(Break { line: self.extent.lines + 1, number, what, roles: None, at: self.records.len() });
        self.extent.number = number;
    }
}

/// What a journal tells, record by record.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The records, oldest first, with paths as they are since things last moved along with the spec.
    pub records: Vec<Record>,
    /// Where records are lost: behind so many of those that are there.
    breaks: Vec<usize>,
}

impl History {
    /// Takes in what moved along with the spec, and is not in the journal yet.
    pub fn take_along(&mut self, moved: &Record) {
        self.records.push(moved.clone());
        moved::translate_history(&mut self.records);
    }

    /// Whether records are lost behind one that is there.
    pub fn is_broken_behind(&self, record: usize) -> bool {
        self.breaks.iter().any(|at| *at > record)
    }
}

/// Gives the backups of earlier versions the numbers that the ledger gives them.
fn number_backups(records: &mut [Record]) {
    let mut last = 0;
    for record in records {
        match record {
            Record::Base { last_backup, .. } => last = *last_backup,
            Record::Backup { aside, .. } => last = last.max(aside.id),
            Record::Kept { id, .. } => last = last.max(*id.get_or_insert(last + 1)),
            _ => {}
        }
    }
}

/// Reads all records there are, oldest first.
///
/// # Errors
///
/// When the journal cannot be read, or, as root, others can write it.
pub fn history(folder: &Path) -> Result<History> {
    let Files { journal, snapshot, has_begun } = Files::read(folder)?;
    let mut scan = scan(&journal, Extent::default());
    scan.require(snapshot.map_or(0, |(_, extent)| extent.number), journal.is_empty() && has_begun);
    let breaks = scan.breaks.iter().map(|broken| broken.at).collect();
    let mut records: Vec<Record> = scan.records.into_iter().map(|(_, record)| record).collect();
    moved::translate_history(&mut records);
    number_backups(&mut records);
    Ok(History { records, breaks })
}
