//! The questions. Each is a function of a host and an empty folder on it.

use std::path::{Path, PathBuf};

use seed_role::host::{Command, Host, LoopConfig, MountRequest};

pub mod btrfs;
pub mod files;
pub mod formats;
pub mod loops;
pub mod mounts;

/// The name of a question, and the question.
pub type Question = (&'static str, fn(&dyn Host, &Path));

/// Asks a host all of these, each in a folder of its own.
pub fn ask(host: &dyn Host, folder: &Path, questions: &[Question]) {
    for (name, question) in questions {
        let folder = folder.join(name);
        let _cleared = Cleared::new(host, &folder);
        question(host, &folder);
    }
}

/// Takes all that a question made away again, also when it failed.
struct Cleared<'h> {
    host: &'h dyn Host,
    folder: PathBuf,
}

impl<'h> Cleared<'h> {
    fn new(host: &'h dyn Host, folder: &Path) -> Self {
        host.make_folder(folder, 0o755).unwrap();
        Cleared { host, folder: folder.to_path_buf() }
    }
}

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        self.host.refresh();
        let mounts = self.host.mounts().unwrap_or_default();
        for mount in mounts.iter().rev().filter(|mount| mount.at.starts_with(&self.folder)) {
            let _ = self.host.unmount(&mount.at);
        }
        let loops = self.host.loops().unwrap_or_default();
        for device in loops.iter().filter(|device| device.backing.starts_with(&self.folder)) {
            let _ = self.host.detach_loop(&device.device);
        }
        let removed = self.host.remove_tree(&self.folder);
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

/// Runs a program that must succeed.
pub fn run(host: &dyn Host, words: &[&str]) -> String {
    let done = host.execute(&Command::new(words[0], words[1..].iter().copied())).unwrap();
    assert_eq!(done.status, 0, "{words:?}: {}{}", done.stdout, done.stderr);
    done.stdout
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub fn loop_config(backing: &Path) -> LoopConfig {
    LoopConfig { backing: backing.to_path_buf(), offset: 0, read_only: false, partscan: false, sector_size: None }
}

pub fn mount_request(source: &Path, at: &Path, fs_type: &str, options: &[&str]) -> MountRequest {
    MountRequest {
        source: text(source).into(),
        at: at.to_path_buf(),
        fs_type: fs_type.into(),
        options: options.iter().map(ToString::to_string).collect(),
    }
}

/// An image, attached.
pub fn device(host: &dyn Host, folder: &Path, name: &str, len: u64) -> PathBuf {
    let image = folder.join(name);
    host.make_image(&image, len, false, 0o600).unwrap();
    host.attach_loop(&loop_config(&image)).unwrap()
}
