//! What was there before cannot be read any more: it is left as it is, and that is told.

use std::fs;
use std::path::PathBuf;

use crate::sandbox::Sandbox;

const SPEC: &str = "name.seed.yaml";
const NOTE: &str = "note:\n  is: file.text\n  path: ./note\n  content: what the spec says\n";

/// A file that was there before, with a content that stands in a blob.
fn replaced() -> (Sandbox, String) {
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    let before = "what stood here before\n".repeat(50);
    sandbox.write("note", &before);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    (sandbox, before)
}

fn blob(sandbox: &Sandbox) -> PathBuf {
    let specs = fs::read_dir(sandbox.state().join("specs")).unwrap();
    let folder = specs.map(|entry| entry.unwrap().path()).find(|path| path.join("blobs").is_dir()).unwrap();
    fs::read_dir(folder.join("blobs")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn a_blob_that_is_lost_or_damaged_takes_no_file_away() {
    let remove = |path: &PathBuf| fs::remove_file(path).unwrap();
    let flip = |path: &PathBuf| {
        let mut bytes = fs::read(path).unwrap();
        bytes[7] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    for damage in [&remove as &dyn Fn(&PathBuf), &flip] {
        let (sandbox, _) = replaced();
        damage(&blob(&sandbox));
        for args in
            [&["apply", "--yes", "--destroy-data", "--state", "absent", SPEC][..], &["undo", "--yes", "--destroy-data", SPEC]]
        {
            sandbox.seed(args).exits(1).says("the previous state cannot be read");
            assert_eq!(sandbox.read("note"), "what the spec says");
        }
        let plan = sandbox.seed(&["plan", "--json", "--state", "absent", SPEC]).exits(1).json();
        assert_eq!((&plan["actions"][0]["action"], &plan["actions"][0]["refused"]), (&"unknown".into(), &true.into()), "{plan}");
        // It is still Seed's, and nothing is wrong with it as it is.
        sandbox.seed(&["plan", SPEC]).exits(0);
    }
}

#[test]
fn the_blob_put_back_the_file_comes_back() {
    let (sandbox, before) = replaced();
    let path = blob(&sandbox);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    sandbox.seed(&["apply", "--yes", "--state", "absent", SPEC]).exits(1);
    fs::write(&path, bytes).unwrap();
    sandbox.seed(&["apply", "--yes", "--state", "absent", SPEC]).exits(0);
    assert_eq!(sandbox.read("note"), before);
}

#[test]
fn a_backup_that_somebody_removed_is_told_before_anything_is_done() {
    let (sandbox, spec) = Sandbox::with_spec("tree: {is: file.directory, path: ./tree}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("tree/letter", "dear\n");
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
    fs::remove_dir_all(sandbox.at(".tree.seed-backup-2/tree")).unwrap();
    sandbox.seed(&["undo", "--yes", spec]).exits(1).says("the backup").says("is gone");
    assert!(!sandbox.at("tree").exists());
}
