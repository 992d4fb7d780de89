//! A user without rights who, while root's command runs, exchanges something of theirs for a link to something of root's.
//!
//! The exchange comes at a chosen moment: behind the N-th thing that happens in the folder (inotify(7)), or again and again. All that
//! it does is what the owner of the folder may do: renames within it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::sandbox::{Ran, Sandbox, own};
use crate::tree::Tree;

/// A user without rights.
pub const NOBODY: u32 = 65534;
/// What stands in all of root's files, and is never told.
pub const SECRET: &str = "for-root-alone";

/// When the exchange comes.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// Behind the event of that number, counted from 1.
    Event(usize),
    /// Behind the first event of this kind: as soon as a file is made there, or has taken its place.
    First(AddWatchFlags),
    /// All the time, there and back.
    Always,
}

/// What is raced.
pub struct Race<'a> {
    /// What it is called where it is counted.
    pub name: &'a str,
    /// The command.
    pub args: &'a [&'a str],
    /// What the user exchanges, by its path in the sandbox; it need not be there before the command makes it.
    pub targets: &'a [&'a str],
    /// What stays root's of all that is set up.
    pub of_root: &'a [&'a str],
}

impl Race<'_> {
    /// Runs the command with each target exchanged at each moment. `set_up` makes what it works on. `SEED_RACES` says how many
    /// moments are tried of each target.
    pub fn run(&self, set_up: impl Fn(&Sandbox)) {
        if !crate::sandbox::is_root() {
            return;
        }
        let moments: usize = std::env::var("SEED_RACES").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
        let mut tries = 0;
        let mut swapped = 0;
        for target in self.targets {
            let first = [AddWatchFlags::IN_CREATE, AddWatchFlags::IN_MOVED_TO].map(Moment::First);
            for moment in (1..moments).map(Moment::Event).chain(first).chain([Moment::Always]) {
                let sandbox = Sandbox::new();
                set_up(&sandbox);
                own(sandbox.path(), NOBODY);
                self.of_root.iter().for_each(|path| own(&sandbox.at(path), 0));
                let victim = Victim::of(&sandbox, target);
                let before = victim.tree();
                let at = sandbox.at(target);
                let (ran, has_swapped) = race(&at, &victim.link, moment, || sandbox.seed(self.args));
                assert_eq!(victim.tree(), before, "{}: {target} at {moment:?}: {}", self.name, ran.told());
                assert!(!ran.told().contains(SECRET), "{}: {target} at {moment:?}: {}", self.name, ran.told());
                assert!(!ran.told().contains("panicked"), "{}: {target} at {moment:?}: {}", self.name, ran.told());
                tries += 1;
                swapped += usize::from(has_swapped);
            }
        }
        assert!(swapped > 0, "{}: no race took place", self.name);
        eprintln!("trials: races, {}: {tries} of {tries} ({swapped} with an exchange)", self.name);
    }
}

/// Something of root's, beside the folder of the user.
struct Victim {
    path: PathBuf,
    /// A link of the user to it.
    link: PathBuf,
}

impl Victim {
    /// What has the names of what is exchanged: a folder for a folder, a file for a file.
    fn of(sandbox: &Sandbox, target: &str) -> Victim {
        let top = sandbox.path().parent().unwrap().join("of-root");
        fs::create_dir(&top).unwrap();
        let (path, at) = (top.join("victim"), sandbox.at(target));
        if at.is_dir() || Path::new(target).extension().is_none() && !at.exists() {
            copy_names(&at, &path);
        } else {
            secret_file(&path);
        }
        let link = at.with_file_name(".decoy");
        symlink(&path, &link).unwrap();
        lchown(&link, Some(NOBODY), Some(NOBODY)).unwrap();
        Victim { path: top, link }
    }

    fn tree(&self) -> Tree {
        Tree::of(&self.path)
    }
}

fn secret_file(path: &Path) {
    // Whatever reads it finds a mistake in it, and whatever quotes a mistake tells it.
    fs::write(path, format!("{SECRET}: [\n# seed:begin f#1\n{SECRET}\n# seed:end f#1\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A folder with files of the same names.
fn copy_names(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        match entry.path().is_dir() {
            true => copy_names(&entry.path(), &to.join(entry.file_name())),
            false => secret_file(&to.join(entry.file_name())),
        }
    }
}

/// Runs something while a path is exchanged for a link at a moment. Tells whether that happened.
pub fn race(at: &Path, link: &Path, moment: Moment, run: impl FnOnce() -> Ran) -> (Ran, bool) {
    let done = AtomicBool::new(false);
    let notify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
    let events = AddWatchFlags::IN_ALL_EVENTS;
    notify.add_watch(at.parent().unwrap(), events).unwrap();
    if at.is_dir() {
        notify.add_watch(at, events).unwrap();
    }
    std::thread::scope(|scope| {
        let racer = scope.spawn(|| {
            let (mut seen, mut has_come, mut swapped) = (0, false, false);
            while !done.load(Ordering::Relaxed) {
                let events = notify.read_events().unwrap_or_default();
                seen += events.len();
                let is_time = match moment {
                    Moment::Always => true,
                    Moment::Event(nth) => !swapped && seen >= nth,
                    Moment::First(kind) => {
                        has_come |= events.iter().any(|event| event.mask.contains(kind));
                        !swapped && has_come
                    }
                };
                if is_time {
                    swapped |= swap(at, link);
                }
                std::thread::yield_now();
            }
            swapped
        });
        let ran = run();
        done.store(true, Ordering::Relaxed);
        (ran, racer.join().unwrap())
    })
}

fn swap(at: &Path, link: &Path) -> bool {
    renameat2(AT_FDCWD, link, AT_FDCWD, at, RenameFlags::RENAME_EXCHANGE).is_ok()
}
