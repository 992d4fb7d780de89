//! A user who exchanges what root's command is about to reach with a link to something of root's.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::tree::Tree;

/// Who owns what is raced for.
pub const USER: u32 = 65534;

/// What stands in the victim's files, and must come out nowhere.
pub const SECRET: &str = "root:$y$secret-that-only-root-reads:20000";

/// A folder of root's, which nothing of the spec, project or command says a word of.
pub struct Victim {
    folder: PathBuf,
    before: Tree,
}

impl Victim {
    /// One with files of all names that the commands could look for.
    pub fn new(folder: PathBuf, names: &[&str]) -> Victim {
        fs::create_dir(&folder).unwrap();
        for name in names.iter().chain(&["shadow"]) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, format!("{SECRET}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let before = Tree::of(&folder);
        Victim { folder, before }
    }

    /// The file or folder that a link is to lead to.
    pub fn bait(&self, is_folder: bool) -> PathBuf {
        if is_folder { self.folder.clone() } else { self.folder.join("shadow") }
    }

    /// Asserts that nothing of it was changed, and nothing was added.
    #[track_caller]
    pub fn assert_is_unharmed(&self) {
        let found = Tree::of(&self.folder).differences(&self.before);
        assert!(found.is_empty(), "root's own files were changed:\n{}", found.join("\n"));
    }
}

/// A thread that exchanges a path with a link, back and forth, whenever something happens beside or below it.
pub struct Racer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

/// When the racer exchanges.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// All the time.
    Always,
    /// Once, behind this many events of the kernel: the moment between looking and using.
    Once(usize),
    /// Behind this many events, and back behind as many more.
    Every(usize),
}

impl Racer {
    /// Begins to race for a path.
    pub fn start(path: &Path, bait: &Path, pace: Pace) -> Racer {
        let mut name = OsString::from(path.file_name().unwrap());
        name.push(".of-the-racer");
        let link = path.with_file_name(name);
        symlink(bait, &link).unwrap();
        lchown(&link, Some(USER), Some(USER)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).unwrap();
        let events = AddWatchFlags::IN_OPEN
            | AddWatchFlags::IN_ACCESS
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_CLOSE
            | AddWatchFlags::IN_MOVE;
        watch.add_watch(path, events).unwrap();
        watch.add_watch(path.parent().unwrap(), events).unwrap();
        let (path, stopped) = (path.to_path_buf(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || race(&path, &link, pace, &watch, &stopped));
        Racer { stop, thread }
    }

    /// Ends the race, with the path as it was, and says how often it was exchanged.
    pub fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn race(path: &Path, link: &Path, pace: Pace, watch: &Inotify, stopped: &AtomicBool) -> usize {
    let exchange = || renameat2(AT_FDCWD, path, AT_FDCWD, link, RenameFlags::RENAME_EXCHANGE).is_ok();
    let mut times = 0;
    let mut seen = 0;
    while !stopped.load(Ordering::Relaxed) {
        let mine = |name: Option<&OsString>| name.is_some_and(|name| name.to_string_lossy().ends_with(".of-the-racer"));
        // It does not wait for events: to be woken would take longer than what it races against.
        let new = watch.read_events().unwrap_or_default();
        seen += new.iter().filter(|event| !mine(event.name.as_ref())).count();
        let is_time = match pace {
            Pace::Always => true,
            Pace::Once(events) => times == 0 && seen >= events,
            Pace::Every(events) => seen >= events * (times + 1),
        };
        times += usize::from(is_time && exchange());
    }
    if times % 2 == 1 && path.is_symlink() {
        exchange();
    }
    times
}

/// Gives a folder and all in it to the user. Nothing in it is followed.
pub fn give(path: &Path) {
    lchown(path, Some(USER), Some(USER)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}
