//! The questions, asked of this machine.

use std::path::{Path, PathBuf};

use seed_role::host::RealHost;

use crate::contract::{self, Question};

/// Two folders to work in: one below a folder that everyone can write, one that only root can.
fn folders() -> Vec<tempfile::TempDir> {
    let mut folders = vec![tempfile::tempdir().unwrap()];
    if nix::unistd::geteuid().is_root() {
        folders.push(tempfile::tempdir_in("/root").unwrap());
    }
    folders
}

/// Whether this process may use loop devices. Where it must, it fails if it may not.
pub fn can_use_devices() -> bool {
    let reason = if !nix::unistd::geteuid().is_root() {
        "not root"
    } else if !Path::new("/dev/loop-control").exists() {
        "no loop devices"
    } else {
        return true;
    };
    assert!(std::env::var_os("CI").is_none(), "the questions about devices cannot be asked: {reason}");
    eprintln!("skipped: {reason}");
    false
}

fn ask(questions: &[Question]) {
    for folder in folders() {
        let folder: PathBuf = folder.path().canonicalize().unwrap();
        contract::ask(&RealHost::new(), &folder, questions);
    }
}

#[test]
fn files() {
    ask(contract::files::ALL);
}

#[test]
fn loops() {
    if can_use_devices() {
        ask(contract::loops::ALL);
    }
}

#[test]
fn mounts() {
    if can_use_devices() {
        ask(contract::mounts::ALL);
    }
}

#[test]
fn btrfs() {
    if can_use_devices() {
        ask(contract::btrfs::ALL);
    }
}

#[test]
fn formats() {
    if can_use_devices() {
        ask(contract::formats::ALL);
    }
}

#[test]
fn a_busy_mount_names_who_uses_it() {
    use seed_role::host::{Host, MountRequest};

    if !can_use_devices() {
        return;
    }
    struct Unmounted<'a>(&'a Path, std::process::Child);
    impl Drop for Unmounted<'_> {
        fn drop(&mut self) {
            let _ = self.1.kill();
            let _ = self.1.wait();
            let _ = RealHost::new().unmount(self.0);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().canonicalize().unwrap();
    let host = RealHost::new();
    let request = MountRequest { source: "busy".into(), at: at.clone(), fs_type: "tmpfs".into(), options: Vec::new() };
    host.mount(&request).unwrap();
    let child = std::process::Command::new("sleep").arg("60").current_dir(&at).spawn().unwrap();
    let words = format!("sleep ({})", child.id());
    let unmounted = Unmounted(&at, child);
    let trouble = host.unmount(&at).unwrap_err();
    assert_eq!(trouble.kind, seed_role::trouble::Kind::Busy);
    assert!(trouble.to_string().contains(&words), "{trouble}");
    assert!(host.mounts().unwrap().iter().any(|mount| mount.at == at));
    drop(unmounted);
    host.refresh();
    assert!(host.mounts().unwrap().iter().all(|mount| mount.at != at));
}
