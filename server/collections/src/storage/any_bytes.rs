//! Any bytes on a device end in an answer: nothing that reads them panics, hangs, or takes more than it should.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use seed_role::host::Host;
use seed_role::host::sim::SimHost;

use super::btrfs::trees;
use super::device::Window;
use super::signature::{HEAD, probe};
use super::{gpt_table, holdings, qcow2, wipe};

/// More than what tells what a device holds, and little enough to try many.
const LEN: u64 = 128 << 10;

/// Magic words and where they stand, so that the readers behind them come into play.
const MAGIC: &[(usize, &[u8])] = &[
    (0x1_0040, b"_BHRfS_M"),
    (0, b"LUKS\xba\xbe"),
    (0, b"XFSB"),
    (0, b"QFI\xfb"),
    (512, b"EFI PART"),
    (4096, b"EFI PART"),
    (0x438, &[0x53, 0xef]),
    (4086, b"SWAPSPACE2"),
    (510, &[0x55, 0xaa]),
    (82, b"FAT32   "),
    (54, b"FAT16   "),
];

fn disk() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(0u8), 2 => Just(0xff), 1 => Just(1), 3 => any::<u8>()];
    let runs = proptest::collection::vec((0..HEAD, proptest::collection::vec(byte, 1..200)), 0..40);
    let words = proptest::collection::vec(proptest::sample::select(MAGIC), 0..3);
    (runs, words).prop_map(|(runs, words)| {
        let mut disk = vec![0; LEN as usize];
        for (at, run) in runs {
            let end = (at + run.len()).min(disk.len());
            disk[at..end].copy_from_slice(&run[..end - at]);
        }
        words.iter().for_each(|(at, word)| disk[*at..at + word.len()].copy_from_slice(word));
        disk
    })
}

/// A disk that was whole once, with bytes of it changed.
fn damaged(make: &str, args: &[&str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let host = SimHost::new();
    let path = PathBuf::from("/disk");
    host.make_image(&path, 1 << 20, false, 0o600).unwrap();
    let command = seed_role::host::Command::new(make, args.iter().copied().chain(["/disk"]));
    assert_eq!(host.execute(&command).unwrap().status, 0, "{make}");
    let whole = host.read(&path, u64::MAX).unwrap().unwrap();
    proptest::collection::vec((0..HEAD, any::<u8>()), 0..20).prop_map(move |changes| {
        let mut disk = whole.clone();
        changes.into_iter().for_each(|(at, byte)| disk[at] = byte);
        disk
    })
}

fn read_all(disk: &[u8]) {
    let host = SimHost::new();
    let file = PathBuf::from("/disk");
    host.write_file(&file, disk, 0o600, None).unwrap();
    let window = Window { file, offset: 0, len: disk.len() as u64 };
    let _ = probe(&host, &window);
    let _ = gpt_table::read(&host, &window);
    let _ = trees::read(&host, &[&window]);
    let _ = holdings::on_device(&host, &window, None);
    let _ = qcow2::header(&host, Path::new("/disk"))
        .map(|header| header.map(|header| qcow2::holds_data(&host, Path::new("/disk"), &header)));
    let kept = wipe::save(&host, &window).unwrap();
    wipe::wipe(&host, &window).unwrap();
    assert_eq!(probe(&host, &window).unwrap(), None, "what was wiped is blank");
    wipe::restore(&host, &window, &kept).unwrap();
    assert!(host.read(&window.file, u64::MAX).unwrap().unwrap() == disk, "what was kept is put back to the byte");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn any_bytes_end_in_an_answer(disk in disk()) {
        read_all(&disk);
    }

    #[test]
    fn a_damaged_file_system_ends_in_an_answer(
        ext4 in damaged("mkfs.ext4", &["-q", "-F"]),
        vfat in damaged("mkfs.vfat", &[]),
        swap in damaged("mkswap", &["-q"]),
    ) {
        [ext4, vfat, swap].iter().for_each(|disk| read_all(disk));
    }
}

#[test]
fn damaged_trees_end_in_an_answer() {
    use seed_role::host::RealHost;
    use std::os::unix::fs::FileExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("disk");
    let file = std::fs::File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    file.set_len(128 << 20).unwrap();
    let Ok(made) = std::process::Command::new("mkfs.btrfs").arg("-q").arg(&path).output() else {
        assert!(std::env::var_os("CI").is_none(), "mkfs.btrfs is not installed");
        return;
    };
    assert!(made.status.success());
    let host = RealHost::new();
    let window = Window { file: path, offset: 0, len: 128 << 20 };
    let whole = trees::read(&host, &[&window]).unwrap().unwrap();
    assert_eq!((whole.subvolumes.len(), whole.holds_files), (0, false));
    assert_eq!((whole.file_system.data.as_str(), whole.file_system.metadata.as_str()), ("single", "dup"));

    // The superblock, and the blocks of the trees: everything that is not zero in the first 64 MiB.
    let mut pages = Vec::new();
    let mut page = vec![0; 4096];
    for at in (0..64 << 20).step_by(4096) {
        file.read_exact_at(&mut page, at).unwrap();
        if page.iter().any(|byte| *byte != 0) {
            pages.push(at);
        }
    }
    let runner = &mut proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1000));
    let change = (proptest::sample::select(pages), 0..512u64, any::<[u8; 4]>());
    let changes = proptest::collection::vec(change, 1..4);
    let tried = runner.run(&changes, |changes| {
        let mut before = Vec::new();
        for (page, at, bytes) in &changes {
            let mut old = [0; 4];
            file.read_exact_at(&mut old, page + at).unwrap();
            before.push((page + at, old));
            file.write_all_at(bytes, page + at).unwrap();
        }
        trees::read(&host, &[&window]).unwrap();
        before.iter().rev().for_each(|(at, old)| file.write_all_at(old, *at).unwrap());
        Ok(())
    });
    tried.unwrap();
}
