//! What a trial compares: files, mounts and loop devices of a sandbox, and what a run could leave behind.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sandbox::Sandbox;
use crate::tree::Tree;

/// What is there in a sandbox. Backups are told by what they are of, not by the run that made them.
pub struct World {
    tree: Tree,
    mounts: Vec<String>,
    loops: Vec<String>,
}

impl World {
    /// What is there now.
    pub fn of(sandbox: &Sandbox) -> World {
        let tree = sandbox.tree().renamed(|path| Some(without_runs(path)));
        World { tree, mounts: mounts(sandbox), loops: loops(sandbox) }
    }

    /// Where this is not as another, in words: files, mounts, loop devices; also backups where they count.
    pub fn differences(&self, other: &World, with_backups: bool) -> Vec<String> {
        let (ours, theirs) = match with_backups {
            true => (self.tree.clone(), other.tree.clone()),
            false => (without_backups(&self.tree), without_backups(&other.tree)),
        };
        let mut found = ours.differences(&theirs);
        for (what, ours, theirs) in [("mounted", &self.mounts, &other.mounts), ("attached", &self.loops, &other.loops)] {
            if ours != theirs {
                found.push(format!("{what}: {ours:?}, not {theirs:?}"));
            }
        }
        found
    }

    /// Asserts that all is as it should be.
    #[track_caller]
    pub fn assert_is(&self, other: &World, when: &str) {
        let found = self.differences(other, true);
        assert!(found.is_empty(), "{when}:\n{}", found.join("\n"));
    }

    /// The same, whatever backups there are.
    #[track_caller]
    pub fn assert_is_but_for_backups(&self, other: &World, when: &str) {
        let found = self.differences(other, false);
        assert!(found.is_empty(), "{when}:\n{}", found.join("\n"));
    }
}

/// A tree without backups, and without the folders that are there only for them.
fn without_backups(tree: &Tree) -> Tree {
    let (backups, others): (Vec<&Path>, Vec<&Path>) = tree.paths().partition(|path| is_backup(path));
    let is_for_backups = |folder: &Path| {
        let below = |path: &Path| path.starts_with(folder) && path != folder;
        // A folder that holds nothing else than such folders is one, too: only what is no parent of a backup counts.
        let holds_another = others.iter().any(|path| below(path) && !backups.iter().any(|backup| backup.starts_with(path)));
        !folder.as_os_str().is_empty() && backups.iter().any(|path| below(path)) && !holds_another
    };
    tree.renamed(|path| (!is_backup(path) && !is_for_backups(path)).then(|| path.to_path_buf()))
}

/// What the names of backups hold; the number of the run follows.
const BACKUP: &str = "seed-backup-";

fn is_backup(path: &Path) -> bool {
    path.to_string_lossy().contains(BACKUP)
}

fn without_runs(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    let mut pieces = text.split(BACKUP);
    let first = pieces.next().unwrap_or_default().to_string();
    pieces.fold(first, |all, piece| all + BACKUP + piece.trim_start_matches(|letter: char| letter.is_ascii_digit())).into()
}

/// The mounts below a sandbox: where, of which kind, and from which folder of the file system (proc_pid_mountinfo(5)).
fn mounts(sandbox: &Sandbox) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let ours = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let kind = fields.iter().position(|field| *field == "-").and_then(|dash| fields.get(dash + 1))?;
        let point = Path::new(fields[4]).strip_prefix(sandbox.path()).ok()?;
        Some(format!("{} {kind} {}", point.display(), fields[3]))
    });
    ours.collect()
}

/// The loop devices of a sandbox: of which file, and whether they can be written.
fn loops(sandbox: &Sandbox) -> Vec<String> {
    let mut found: Vec<String> = sandbox
        .loops()
        .iter()
        .map(|device| {
            let folder = Path::new("/sys/block").join(device.file_name().unwrap());
            let said = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default().trim_end().to_string();
            let backing = said("loop/backing_file");
            let file = without_runs(Path::new(&backing).strip_prefix(sandbox.path()).unwrap_or(Path::new(&backing)));
            format!("{} ro={}", file.display(), said("ro"))
        })
        .collect();
    found.sort();
    found
}

/// Asserts that no run left what nobody would ever remove: temporary files of the state folder, processes, and backups of which the
/// journal does not know.
#[track_caller]
pub fn assert_nothing_is_lost_sight_of(sandbox: &Sandbox) {
    let temporary: Vec<PathBuf> =
        files_below(&sandbox.state()).into_iter().filter(|path| path.to_string_lossy().ends_with(".seed-new")).collect();
    assert_eq!(temporary, Vec::<PathBuf>::new(), "temporary files left in the state folder");
    // One that was started right before the kill does what it was told, and ends.
    let start = std::time::Instant::now();
    while !sandbox.processes().is_empty() && start.elapsed() < std::time::Duration::from_secs(10) {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(sandbox.processes(), Vec::<String>::new(), "processes left");

    let known: Vec<PathBuf> = journals(sandbox)
        .iter()
        .flat_map(|folder| seed_engine::journal::read(folder).unwrap().put_aside)
        .filter_map(|backup| backup.kept.path)
        // With the folder that it has for itself.
        .map(|path| path.parent().filter(|folder| is_backup(folder)).map_or(path.clone(), Path::to_path_buf))
        .collect();
    let is_known = |path: &Path| known.iter().any(|known| path.starts_with(known));
    let unknown: Vec<PathBuf> = sandbox
        .tree()
        .paths()
        .map(|path| sandbox.at(&path.to_string_lossy()))
        .filter(|path| is_backup(path) && !is_known(path))
        .collect();
    assert_eq!(unknown, Vec::<PathBuf>::new(), "backups that the journal does not know; it knows {known:?}");
}

/// The folders of the journals.
pub fn journals(sandbox: &Sandbox) -> Vec<PathBuf> {
    fs::read_dir(sandbox.state().join("specs")).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// All files below a folder, sorted.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() { open.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
