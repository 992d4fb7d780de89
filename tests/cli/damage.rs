//! A journal that was damaged is told of, and what it can no longer say is never taken for "not made by Seed".

use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::{Ran, Sandbox};

const TWO: &str =
    "note:\n  is: file.text\n  path: ./note\n  content: ours\n\nletter:\n  is: file.text\n  path: ./letter\n  content: dear\n";
const ABSENT: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", "name.seed.yaml"];

fn applied() -> (Sandbox, &'static str) {
    let (sandbox, spec) = Sandbox::with_spec(TWO);
    sandbox.write("note", &"what stood here before\n".repeat(40));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    (sandbox, spec)
}

/// Flips a bit behind the first place of a word in the journal's line that holds all of these words.
fn flip_in_line(folder: &Path, words: &[&str]) {
    let path = folder.join("journal");
    let mut bytes = fs::read(&path).unwrap();
    let mut start = 0;
    for line in bytes.clone().split_inclusive(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        if words.iter().all(|word| text.contains(word)) {
            let at = start + text.find("\"params\"").unwrap_or(text.len() / 2) + 2;
            bytes[at] ^= 1;
            fs::write(&path, bytes).unwrap();
            return;
        }
        start += line.len();
    }
    panic!("no such line: {words:?}");
}

#[test]
fn a_flipped_bit_is_told_and_nothing_is_called_foreign() {
    let (sandbox, spec) = applied();
    let folder = sandbox.journal();
    flip_in_line(&folder, &["\"begin\"", "\"letter\""]);
    fs::remove_file(folder.join("ledger")).unwrap();
    let before = sandbox.tree();
    for command in ["plan", "info"] {
        sandbox.seed(&[command, spec]).says("damaged").says("letter").says("line").never_says("was not made by Seed");
    }
    let plan = sandbox.seed(&["plan", "--state", "absent", "--json", spec]).exits(1).json();
    assert_eq!(plan["damage"][0]["concerns"], "letter", "{plan}");
    let letter = plan["actions"].as_array().unwrap().iter().find(|action| action["role"] == "letter").unwrap();
    assert_eq!((&letter["action"], &letter["refused"]), (&"unknown".into(), &true.into()), "{plan}");
    sandbox.seed(&["log", spec]).exits(0).says("damaged");
    sandbox.seed(&["undo", "--yes", spec]).exits(1).says("damaged");

    // What is known goes on; what is not stays as it is.
    sandbox.seed(ABSENT).exits(1).says("letter").says("seed forget");
    assert_eq!(sandbox.read("note"), "what stood here before\n".repeat(40));
    assert_eq!(sandbox.read("letter"), "dear");
    assert_ne!(sandbox.tree(), before);
    sandbox.seed(ABSENT).exits(1).says("damaged");

    sandbox.seed(&["forget", "--yes", spec, "letter"]).exits(0).says("letter");
    sandbox.seed(ABSENT).exits(0).never_says("damaged");
    assert_eq!(sandbox.read("letter"), "dear", "what was forgotten is foreign, and stays");
    let copies = fs::read_dir(&folder)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("journal.damaged-"));
    assert_eq!(copies.count(), 1, "the damaged file is kept as a copy");
    sandbox.seed(&["plan", spec]).exits(2).never_says("damaged");
}

#[test]
fn a_line_that_says_no_role_puts_all_in_doubt_until_that_is_accepted() {
    let (sandbox, spec) = applied();
    let folder = sandbox.journal();
    let text = fs::read_to_string(folder.join("journal")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without_second: Vec<&str> = lines.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, line)| *line).collect();
    fs::write(folder.join("journal"), without_second.join("\n") + "\n").unwrap();
    fs::remove_file(folder.join("ledger")).unwrap();
    sandbox.seed(ABSENT).exits(1).says("damaged").says("--damage").never_says("was not made by Seed");
    assert_eq!(sandbox.read("letter"), "dear");
    assert_eq!(sandbox.read("note"), "ours");
    sandbox.seed(&["forget", "--yes", "--damage", spec]).exits(0);
    sandbox.seed(&["plan", spec]).exits(0).never_says("damaged");
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(sandbox.read("note"), "ours", "all was forgotten, and stays");
}

#[test]
fn a_journal_that_is_gone_or_short_is_told_and_the_ledger_still_knows() {
    for damage in [
        |path: &Path| fs::remove_file(path).unwrap(),
        |path: &Path| fs::write(path, "").unwrap(),
        |path: &Path| {
            let half = fs::read(path).unwrap();
            fs::write(path, &half[..half.len() / 2]).unwrap();
        },
    ] {
        let (sandbox, spec) = applied();
        damage(&sandbox.journal().join("journal"));
        sandbox.seed(&["plan", spec]).exits(0).says("damaged");
        sandbox.seed(ABSENT).exits(0).says("damaged");
        assert_eq!(sandbox.read("note"), "what stood here before\n".repeat(40));
        assert!(!sandbox.at("letter").exists());
        // It does not go away by itself, also when the ledger was written anew meanwhile.
        sandbox.seed(&["plan", spec]).exits(2).says("damaged");
        sandbox.seed(&["forget", "--yes", "--damage", spec]).exits(0);
        sandbox.seed(&["plan", spec]).exits(2).never_says("damaged");
    }
}

#[test]
fn a_journal_and_a_ledger_that_are_both_gone_leave_nothing_known() {
    let (sandbox, _) = applied();
    for file in ["journal", "ledger"] {
        fs::remove_file(sandbox.journal().join(file)).unwrap();
    }
    sandbox.seed(ABSENT).exits(1).says("damaged").never_says("was not made by Seed");
    assert_eq!(sandbox.read("letter"), "dear");
    assert_eq!(sandbox.read("note"), "ours");
}

#[test]
fn a_ledger_that_is_damaged_is_made_anew() {
    let (sandbox, spec) = applied();
    for text in ["", "nonsense", "seed-ledger 4 00000000 x"] {
        fs::write(sandbox.journal().join("ledger"), text).unwrap();
        sandbox.seed(&["plan", spec]).exits(0).never_says("damaged");
    }
    sandbox.seed(ABSENT).exits(0);
    assert!(!sandbox.at("letter").exists());
}

#[test]
fn a_journal_without_checksums_is_still_read() {
    let (sandbox, spec) = applied();
    let path = sandbox.journal().join("journal");
    let text = fs::read_to_string(&path).unwrap();
    let old: String = text.lines().map(|line| format!("{}\n", &line[line.find('{').unwrap()..])).collect();
    fs::write(&path, old).unwrap();
    fs::remove_file(sandbox.journal().join("ledger")).unwrap();
    fs::remove_file(sandbox.journal().join("spec")).unwrap();
    sandbox.seed(&["plan", spec]).exits(0).never_says("damaged");
    sandbox.seed(&["log", spec]).exits(0).says("#1 apply present");
    sandbox.seed(ABSENT).exits(0);
    assert!(!sandbox.at("letter").exists());
    sandbox.seed(&["log", spec]).exits(0).says("#1 apply present").says("#2 apply absent").never_says("damaged");
}

/// A number that only the seed decides (xorshift).
fn next(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 8) as usize
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// 150 random damages to any state file: none deletes what a user has, and what is said or done afterwards is either all that
/// would have been done without the damage, or told to be damaged and not done.
#[test]
fn random_damages_delete_nothing_of_a_user_and_none_is_silent() {
    const TRIALS: usize = 150;
    let mut random = 0x9e37_79b9_7f4a_7c15;
    for trial in 0..TRIALS {
        let (sandbox, _spec) = applied();
        let files = files_below(&sandbox.journal()).into_iter().filter(|path| fs::metadata(path).unwrap().len() > 0);
        let files: Vec<PathBuf> = files.collect();
        let path = &files[next(&mut random) % files.len()];
        let is_blob = path.parent().unwrap().ends_with("blobs");
        let mut bytes = fs::read(path).unwrap();
        let at = next(&mut random) % bytes.len();
        let kind = match next(&mut random) % 4 {
            0 => {
                bytes[at] ^= 1 << (next(&mut random) % 8);
                "flip"
            }
            1 => {
                bytes.truncate(at);
                "truncate"
            }
            2 => {
                bytes.drain(at..(at + 1 + next(&mut random) % 64).min(bytes.len()));
                "cut out"
            }
            _ => "remove",
        };
        if kind == "remove" {
            fs::remove_file(path).unwrap()
        } else {
            fs::write(path, bytes).unwrap()
        }
        let without_ledger = trial % 2 == 0 && path.file_name().unwrap() == "journal" && kind == "flip";
        if without_ledger {
            fs::remove_file(sandbox.journal().join("ledger")).unwrap();
        }
        let what = format!("trial {trial}: {kind} at {at} of {}", path.display());
        let ran = sandbox.seed(ABSENT);
        check(&sandbox, &ran, is_blob, &what);
    }
}

fn check(sandbox: &Sandbox, ran: &Ran, is_blob: bool, what: &str) {
    let before = "what stood here before\n".repeat(40);
    let note =
        fs::read_to_string(sandbox.at("note")).unwrap_or_else(|_| panic!("{what}: the user's file is gone: {}", ran.told()));
    assert!(note == before || note == "ours", "{what}: {note}");
    let done = note == before && !sandbox.at("letter").exists();
    let is_told = ran.told().contains("damaged") || is_blob && ran.told().contains("could not read the old content");
    assert!(done || is_told, "{what} is silent: {}", ran.told());
    assert_eq!(done, ran.code() == Some(0), "{what}: {}", ran.told());
    assert!(!ran.told().contains("was not made by Seed"), "{what}: {}", ran.told());
}
