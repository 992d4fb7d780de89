//! Odd names in what has a mount come back at boot: read by systemd and by libmount as they were meant, or refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;

use super::{fstab, unit};

/// Paths that mean something somewhere: to systemd, to fstab(5), to a shell.
const ODD: [&str; 12] = [
    "/srv/a b",
    "/srv/ leading",
    "/srv/100%",
    "/srv/%n%%h",
    "/srv/\"quoted\" 'twice'",
    "/srv/a\\x20b\\",
    "/srv/back\\slash",
    "/srv/#comment;x",
    "/srv/-dash/.hidden/a-b",
    "/srv/[Unit]=x",
    "/srv/ü/\u{1F41A}",
    "/srv/\u{a0}x",
];

/// Runs a program; where it is not installed, that fails under CI.
fn run(program: &str, args: &[&std::ffi::OsStr]) -> Option<Output> {
    match Command::new(program).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{program}: {error}");
            eprintln!("skipped: {program}: {error}");
            None
        }
    }
}

fn path() -> impl Strategy<Value = PathBuf> {
    let piece = prop_oneof![
        Just(" "),
        Just("\\"),
        Just("%"),
        Just("\""),
        Just("'"),
        Just("#"),
        Just("\t"),
        Just("\n"),
        Just("\r"),
        Just("a"),
        Just("-"),
        Just(".x"),
        Just("ä"),
        Just("/b"),
        Just("\u{85}")
    ];
    prop::collection::vec(piece, 1..12).prop_map(|pieces| PathBuf::from(format!("/s{}", pieces.concat())))
}

#[test]
fn systemd_reads_units_as_they_are_meant() {
    for at in ODD {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(unit::name(Path::new(at)));
        let fits = unit::cannot_mount(Path::new(at)).is_none();
        std::fs::write(&file, unit::text(&format!("/dev{at}"), Path::new(at), "ext4", &["x-a=%n".into()])).unwrap();
        let Some(verified) = run("systemd-analyze", &["verify".as_ref(), file.as_ref()]) else { return };
        let told = String::from_utf8_lossy(&verified.stderr);
        // It compares `Where=` with the name of the unit. What cannot be mounted is refused before it could come here.
        assert!(!fits || verified.status.success() && told.is_empty(), "{at}: {told}");
        let Some(escaped) = run("systemd-escape", &["--path".as_ref(), "--suffix=mount".as_ref(), "--".as_ref(), at.as_ref()])
        else {
            return;
        };
        assert_eq!(String::from_utf8_lossy(&escaped.stdout).trim_end(), unit::name(Path::new(at)));
    }
}

#[test]
fn libmount_reads_entries_as_they_are_meant() {
    for at in ODD {
        let folder = tempfile::tempdir().unwrap();
        let tab = folder.path().join("fstab");
        assert_eq!(fstab::cannot_hold(at), None, "{at}");
        std::fs::write(&tab, fstab::with(None, Path::new(at), &fstab::entry(&format!("/dev{at}"), Path::new(at), "ext4", &[])))
            .unwrap();
        let args = ["--json".as_ref(), "--tab-file".as_ref(), tab.as_os_str()];
        let Some(read) = run("findmnt", &args) else { return };
        let read: serde_json::Value = serde_json::from_slice(&read.stdout).unwrap();
        let entry = &read["filesystems"][0];
        assert_eq!((entry["target"].as_str(), entry["source"].as_str()), (Some(at), Some(&*format!("/dev{at}"))));
        assert_eq!(read["filesystems"].as_array().unwrap().len(), 1);
    }
}

proptest! {
    #[test]
    fn a_unit_has_the_lines_that_it_should_have(at in path()) {
        if unit::cannot_mount(&at).is_some() {
            return Ok(());
        }
        let text = unit::text("/dev/x", &at, "ext4", &[]);
        prop_assert_eq!(text.lines().count(), 11);
        let settings: Vec<&str> = text.lines().filter(|line| line.starts_with("Where=")).collect();
        prop_assert_eq!(settings.len(), 1);
        let read = settings[0]["Where=".len()..].replace("%%", "%");
        prop_assert_eq!(Path::new(&read), at.as_path());
        prop_assert!(!unit::name(&at).contains(['/', '\n', ' ', '%']));
    }

    #[test]
    fn no_unit_goes_on_behind_a_value(value in "[a\\\\ \t\n\r\u{85}]{0,6}") {
        if unit::cannot_hold(&value).is_none() {
            let is_whole = !value.contains(['\n', '\r', '\0']) && !value.ends_with('\\') && value.trim_end() == value;
            prop_assert!(is_whole, "{value:?}");
        }
    }

    #[test]
    fn an_entry_is_one_line_of_six_fields_and_is_found_again(at in path()) {
        if at.to_str().is_none_or(|text| fstab::cannot_hold(text).is_some()) {
            return Ok(());
        }
        let entry = fstab::entry("/dev/x", &at, "ext4", &[]);
        prop_assert_eq!(entry.split([' ', '\t']).count(), 6);
        let file = fstab::with(Some(b"/dev/vda / ext4 defaults 0 1\n"), &at, &entry);
        prop_assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), 3);
        prop_assert!(fstab::find(&file, &at).is_some_and(|found| found.is_ours && found.line == entry));
        prop_assert_eq!(fstab::without(&file, &at).unwrap(), b"/dev/vda / ext4 defaults 0 1\n");
    }
}
