//! The power goes while the journal is written: its last line is cut at any byte, and what it announced may be done or not.

use std::fs;
use std::path::PathBuf;

use crate::sandbox::Sandbox;

const SPEC: &str = "name.seed.yaml";
const ABSENT: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC];

/// A folder that Seed made, with something of its user's in it: taking it away moves it to its backup.
fn with_letter() -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec("tree: {is: file.directory, path: ./tree}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("tree/letter", "dear\n");
    sandbox
}

fn journal(sandbox: &Sandbox) -> PathBuf {
    let mut specs = fs::read_dir(sandbox.state().join("specs")).unwrap();
    specs.next().unwrap().unwrap().path().join("journal")
}

#[test]
fn a_cut_at_every_byte_of_the_last_record_loses_nothing() {
    let mut cuts = 0;
    'records: for record in 1.. {
        for offset in 0.. {
            // Each time anew: a backup is known by its inode, which a copy does not have.
            let sandbox = with_letter();
            let before = sandbox.tree();
            if !sandbox.seed_killed_at(record, ABSENT).was_killed() {
                break 'records;
            }
            let written = fs::read(journal(&sandbox)).unwrap();
            let last = written[..written.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            if last + offset >= written.len() {
                break;
            }
            fs::write(journal(&sandbox), &written[..last + offset]).unwrap();
            cuts += 1;
            let when = format!("record {record}, cut at byte {offset} of {}", written.len() - last);
            sandbox.seed(ABSENT).exits(0);
            assert!(!sandbox.at("tree").exists(), "{when}");
            sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
            if !sandbox.at("tree").exists() {
                sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
            }
            assert_eq!(sandbox.tree(), before, "{when}");
        }
    }
    assert!(cuts > 500, "{cuts}");
    eprintln!("law 7: {cuts} cuts of the last record");
}

/// What a step moved away, and nothing tells of, is brought back before anything else; what a record tells of is a backup.
#[test]
fn a_backup_is_recorded_by_the_record_that_ends_its_step() {
    let sandbox = with_letter();
    sandbox.seed(ABSENT).exits(0);
    let text = fs::read_to_string(journal(&sandbox)).unwrap();
    let kept = text.find("\"t\":\"kept\"").unwrap();
    assert!(!text[..kept].contains("\"t\":\"step_done\""), "{text}");
}
