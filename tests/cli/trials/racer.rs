//! A user who exchanges what root's command is about to reach with a link to something of root's.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};

use crate::tree::Tree;

/// Who owns what is raced for.
pub const USER: u32 = 65534;

/// What stands in the victim's files, and must come out nowhere.
pub const SECRET: &str = "root:$y$secret-that-only-root-reads:20000";

/// A folder of root's, which nothing of the spec, project or command says a word of.
pub struct Victim {
    folder: PathBuf,
    before: Tree,
    /// Tells of all that happens to it, also of what is put right again.
    watch: Inotify,
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
        let watch = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).unwrap();
        let changes = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_ATTRIB;
        for path in before.paths().map(|path| folder.join(path)).filter(|path| path.is_dir()) {
            watch.add_watch(&path, changes).unwrap();
        }
        Victim { folder, before, watch }
    }

    /// The file or folder that a link is to lead to.
    pub fn bait(&self, is_folder: bool) -> PathBuf {
        if is_folder { self.folder.clone() } else { self.folder.join("shadow") }
    }

    /// Asserts that nothing of it was changed, and nothing was added, not even for a moment.
    #[track_caller]
    pub fn assert_is_unharmed(&self) {
        let found = Tree::of(&self.folder).differences(&self.before);
        assert!(found.is_empty(), "root's own files were changed:\n{}", found.join("\n"));
        let events = self.watch.read_events().unwrap_or_default();
        let told: Vec<String> = events.iter().map(|event| format!("{:?} {:?}", event.mask, event.name)).collect();
        assert!(told.is_empty(), "root's own files were changed for a moment: {}", told.join(", "));
    }
}

/// A thread that exchanges a path with a link, back and forth, while a command works in the project around it.
pub struct Racer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Raced>,
}

/// When the racer exchanges. An event is what the kernel tells of anything in the project.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Never: it only counts the events.
    Never,
    /// All the time.
    Always,
    /// Once, behind so many events and a moment more: between looking and using.
    Once { events: usize, and: Duration },
    /// Behind so many events, and back behind as many more.
    Every(usize),
    /// Not the path, but whatever is new, as soon as it is there: a temporary file, before it is written to.
    WhatIsNew,
}

/// What a racer has done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raced {
    /// How often it exchanged something.
    pub exchanges: usize,
    /// How many events there were.
    pub events: usize,
}

impl Racer {
    /// Begins to race for a path in a project.
    pub fn start(project: &Path, path: &Path, bait: &Path, pace: Pace) -> Racer {
        let mut name = OsString::from(path.file_name().unwrap());
        name.push(LINK);
        let link = path.with_file_name(name);
        symlink(bait, &link).unwrap();
        lchown(&link, Some(USER), Some(USER)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut race = Race { path: path.to_path_buf(), link, pace, watch: Watch::of(project), stopped: Arc::clone(&stop) };
        Racer { stop, thread: std::thread::spawn(move || race.run()) }
    }

    /// Ends the race, with the path as it was.
    pub fn stop(self) -> Raced {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// How the names of the racer's own links end.
const LINK: &str = ".of-the-racer";

struct Race {
    path: PathBuf,
    link: PathBuf,
    pace: Pace,
    watch: Watch,
    stopped: Arc<AtomicBool>,
}

impl Race {
    fn exchange(&self, path: &Path) -> bool {
        renameat2(AT_FDCWD, path, AT_FDCWD, &self.link, RenameFlags::RENAME_EXCHANGE).is_ok()
    }

    fn run(&mut self) -> Raced {
        let mut raced = Raced::default();
        // It does not wait for events: to be woken would take longer than what it races against.
        while !self.stopped.load(Ordering::Relaxed) {
            let (events, new) = self.watch.read();
            raced.events += events;
            let is_time = match self.pace {
                Pace::Never | Pace::WhatIsNew => false,
                Pace::Always => true,
                Pace::Once { events, .. } => raced.exchanges == 0 && raced.events >= events,
                Pace::Every(events) => raced.events >= events * (raced.exchanges + 1),
            };
            if is_time {
                if let Pace::Once { and, .. } = self.pace {
                    let begun = Instant::now();
                    while begun.elapsed() < and {
                        std::hint::spin_loop();
                    }
                }
                raced.exchanges += usize::from(self.exchange(&self.path));
            }
            if matches!(self.pace, Pace::WhatIsNew) {
                raced.exchanges += new.iter().filter(|path| self.exchange(path)).count();
            }
        }
        if self.path.is_symlink() {
            self.exchange(&self.path);
        }
        raced
    }
}

/// What tells of all that happens in the folders of a project, also in new ones (inotify(7)).
struct Watch {
    inotify: Inotify,
    folders: HashMap<WatchDescriptor, PathBuf>,
}

impl Watch {
    fn of(project: &Path) -> Watch {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).unwrap();
        let mut watch = Watch { inotify, folders: HashMap::new() };
        let mut open = vec![project.to_path_buf()];
        while let Some(folder) = open.pop() {
            let below = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
            open.extend(below.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()));
            watch.add(folder);
        }
        watch
    }

    /// Watches a folder too. It may be gone already.
    fn add(&mut self, folder: PathBuf) {
        let events = AddWatchFlags::IN_ALL_EVENTS | AddWatchFlags::IN_ONLYDIR | AddWatchFlags::IN_DONT_FOLLOW;
        if let Ok(descriptor) = self.inotify.add_watch(&folder, events) {
            self.folders.insert(descriptor, folder);
        }
    }

    /// How many events there were, without those of the racer itself, and what is new.
    fn read(&mut self) -> (usize, Vec<PathBuf>) {
        let mut events = self.inotify.read_events().unwrap_or_default();
        events.retain(|event| event.name.as_ref().is_none_or(|name| !name.to_string_lossy().ends_with(LINK)));
        let mut new = Vec::new();
        for event in events.iter().filter(|event| event.mask.contains(AddWatchFlags::IN_CREATE)) {
            let (Some(folder), Some(name)) = (self.folders.get(&event.wd), &event.name) else { continue };
            let path = folder.join(name);
            if event.mask.contains(AddWatchFlags::IN_ISDIR) {
                self.add(path.clone());
            }
            new.push(path);
        }
        (events.len(), new)
    }
}

/// Gives a folder and all in it to the user. Nothing in it is followed.
pub fn give(path: &Path) {
    lchown(path, Some(USER), Some(USER)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}
