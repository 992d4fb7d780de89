//! A folder or mount that is removed takes no backup with it that lies in it, also where the role is disposable.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::sandbox::{Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const ABSENT: &[&str] = &["apply", "--yes", "--state", "absent", SPEC];
const ABSENT_WITH_DATA: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", SPEC];
const ONLY_IMAGE: &[&str] = &["apply", "--yes", "--destroy-data", "--state", "absent", "--only", "img", SPEC];
const UNDO: &[&str] = &["undo", "--yes", SPEC];

const FOLDER: &str = "box: {is: file.directory, path: ./box, disposable: true}\n";
const FOLDERS: &str = "box: {is: file.directory, path: ./box, disposable: true}\n\
                       inner: {is: file.directory, path: ./box/inner, disposable: true}\n";
const MEMORY: &str = "box: {is: storage.tmpfs, mount: ./box, size: 16 MiB, disposable: true}\n";

/// A disposable role with an image in it that is not, and that holds data.
fn with_image(around: &str, image: &str) -> Sandbox {
    let (sandbox, spec) =
        Sandbox::with_spec(&format!("{around}img: {{is: storage.file_block_image, path: {image}, size: 1 MiB, needs: [box]}}\n"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let file = File::options().write(true).open(sandbox.at(image)).unwrap();
    file.write_all_at(b"precious", 0).unwrap();
    sandbox
}

#[track_caller]
fn is_back(sandbox: &Sandbox, image: &str) {
    let bytes = std::fs::read(sandbox.at(image)).unwrap();
    assert!(bytes.starts_with(b"precious"), "the data is gone");
}

#[test]
fn a_disposable_folder_takes_no_backup_with_it() {
    for (folders, image) in [(FOLDER, "./box/i.img"), (FOLDERS, "./box/inner/i.img"), (FOLDER, "./box/made/on/the/way/i.img")] {
        let sandbox = with_image(folders, image);
        sandbox.seed(ABSENT).exits(3).says("img (");
        sandbox.seed(ABSENT_WITH_DATA).exits(0);
        assert!(!sandbox.at("box").exists());
        sandbox.seed(UNDO).exits(0);
        is_back(&sandbox, image);
        sandbox.seed(&["plan", SPEC]).exits(0);
        // In two runs.
        sandbox.seed(ONLY_IMAGE).exits(0);
        sandbox.seed(ABSENT).exits(0).says("holds the backup of the image");
        assert!(!sandbox.at("box").exists());
        sandbox.seed(UNDO).exits(0);
        sandbox.seed(UNDO).exits(0);
        is_back(&sandbox, image);
        sandbox.seed(&["plan", SPEC]).exits(0);
    }
}

#[test]
fn a_disposable_folder_without_a_backup_in_it_is_still_removed_unasked() {
    let (sandbox, spec) = Sandbox::with_spec(FOLDER);
    let before = sandbox.tree();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("box/file", "of no value");
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_backup_in_memory_goes_only_with_consent_and_is_not_promised() {
    if !is_root() {
        return;
    }
    let sandbox = with_image(MEMORY, "./box/i.img");
    let ran = sandbox.seed(&["plan", "--state", "absent", SPEC]).exits(2);
    ran.says("no backup remains").never_says("kept for 7 days");
    sandbox.seed(ABSENT).exits(3).says("box (");
    sandbox.seed(ONLY_IMAGE).exits(0).says("kept for 7 days");
    sandbox.seed(ABSENT).exits(3).says("box (").says("no backup remains");
    assert!(sandbox.at("box/.i.img.seed-backup-2/i.img").exists());
    sandbox.seed(ABSENT_WITH_DATA).exits(0);
    sandbox.assert_nothing_leaks();
    sandbox.seed(&["backups", SPEC]).never_says("i.img");
}

#[test]
fn a_disposable_file_system_keeps_the_backups_in_it() {
    if !is_root() {
        return;
    }
    let disk = "disk: {is: storage.file_block_image, path: ./disk.img, size: 64 MiB, disposable: true}\n\
                loop: {is: storage.loopback_device, backing: disk}\n\
                box: {is: storage.filesystem, device: loop, type: ext4, mount: ./box, disposable: true}\n";
    let sandbox = with_image(disk, "./box/i.img");
    sandbox.seed(ONLY_IMAGE).exits(0);
    sandbox.seed(ABSENT).exits(3).says("box (").says("disk (");
    sandbox.seed(ABSENT_WITH_DATA).exits(0);
    sandbox.assert_nothing_leaks();
    sandbox.seed(UNDO).exits(0);
    sandbox.seed(UNDO).exits(0);
    is_back(&sandbox, "./box/i.img");
}
