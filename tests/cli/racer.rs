//! A user without rights who, while root's command runs, exchanges something of theirs for a link to something of root's.
//!
//! The exchange comes at a chosen moment, or again and again. All that it does is what the owner of the folder may do: renames within it.

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

use crate::sandbox::Sandbox;
use crate::tree::Tree;

/// A user without rights.
pub const NOBODY: u32 = 65534;
/// What stands in all of root's files, and is never told.
pub const SECRET: &str = "for-root-alone";

/// Something of root's, beside the folder of the user.
pub struct Victim {
    folder: PathBuf,
    before: Tree,
    /// Tells of all that happens to it, also of what is put right again.
    watch: Inotify,
}

impl Victim {
    /// What has the names of what is exchanged: a folder for a folder, a file for a file.
    pub fn of(sandbox: &Sandbox, target: &str) -> Victim {
        let (folder, at) = (sandbox.path().parent().unwrap().join("of-root"), sandbox.at(target));
        fs::create_dir(&folder).unwrap();
        let victim = folder.join("victim");
        if at.is_dir() || Path::new(target).extension().is_none() && !at.exists() {
            copy_names(&at, &victim);
        } else {
            secret_file(&victim);
        }
        secret_file(&folder.join("file"));
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

    /// What a link leads to that takes the place of what is exchanged at this pace.
    pub fn bait(&self, pace: Pace) -> PathBuf {
        self.folder.join(if matches!(pace, Pace::WhatIsNew) { "file" } else { "victim" })
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

/// A thread that exchanges a path with a link, back and forth, while a command works in the project around it.
pub struct Racer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Raced>,
}

/// When the racer exchanges. An event is what the kernel tells of what is watched.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// Never: it only counts the events.
    Never,
    /// All the time.
    Always,
    /// Once, behind so many events and a moment more: between looking and using.
    Once { events: usize, and: Duration },
    /// Once, behind the first event of a kind: as soon as a file is made there, or has taken its place.
    First(AddWatchFlags),
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
    /// Begins to race for a path, which need not be there before the command makes it.
    pub fn start(watch: Watch, path: &Path, bait: &Path, pace: Pace) -> Racer {
        let mut name = OsString::from(path.file_name().unwrap());
        name.push(LINK);
        let link = path.with_file_name(name);
        symlink(bait, &link).unwrap();
        lchown(&link, Some(NOBODY), Some(NOBODY)).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut race = Race { path: path.to_path_buf(), link, pace, watch, stopped: Arc::clone(&stop) };
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
        let mut has_come = false;
        // It does not wait for events: to be woken would take longer than what it races against.
        while !self.stopped.load(Ordering::Relaxed) {
            let events = self.watch.read();
            raced.events += events.len();
            has_come |= matches!(self.pace, Pace::First(kind) if events.iter().any(|(mask, _)| mask.contains(kind)));
            let is_time = match self.pace {
                Pace::Never | Pace::WhatIsNew => false,
                Pace::Always => true,
                Pace::First(_) => raced.exchanges == 0 && has_come,
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
                let new = events.iter().filter(|(mask, _)| mask.contains(AddWatchFlags::IN_CREATE));
                raced.exchanges += new.filter(|(_, path)| self.exchange(path)).count();
            }
        }
        if self.path.is_symlink() {
            self.exchange(&self.path);
        }
        raced
    }
}

/// What tells of all that happens in some folders (inotify(7)).
pub struct Watch {
    inotify: Inotify,
    folders: HashMap<WatchDescriptor, PathBuf>,
    /// Whether folders that are new are watched, too.
    new_ones: bool,
}

impl Watch {
    /// Of all folders of a project, also new ones.
    pub fn of_project(project: &Path) -> Watch {
        let mut watch = Watch::of_none(true);
        let mut open = vec![project.to_path_buf()];
        while let Some(folder) = open.pop() {
            let below = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
            open.extend(below.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()));
            watch.add(folder);
        }
        watch
    }

    /// Of a path, if it is a folder, and of the folder that it is in.
    pub fn of_place(path: &Path) -> Watch {
        let mut watch = Watch::of_none(false);
        watch.add(path.parent().unwrap().to_path_buf());
        watch.add(path.to_path_buf());
        watch
    }

    fn of_none(new_ones: bool) -> Watch {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).unwrap();
        Watch { inotify, folders: HashMap::new(), new_ones }
    }

    /// Watches a folder too. It may be gone already, or be none.
    fn add(&mut self, folder: PathBuf) {
        let events = AddWatchFlags::IN_ALL_EVENTS | AddWatchFlags::IN_ONLYDIR | AddWatchFlags::IN_DONT_FOLLOW;
        if let Ok(descriptor) = self.inotify.add_watch(&folder, events) {
            self.folders.insert(descriptor, folder);
        }
    }

    /// What has happened since, and with what; not what the racer has done itself.
    fn read(&mut self) -> Vec<(AddWatchFlags, PathBuf)> {
        let mut happened = Vec::new();
        for event in self.inotify.read_events().unwrap_or_default() {
            let name = event.name.unwrap_or_default();
            let Some(folder) = self.folders.get(&event.wd).filter(|_| !name.to_string_lossy().ends_with(LINK)) else { continue };
            let path = folder.join(name);
            if self.new_ones && event.mask.contains(AddWatchFlags::IN_CREATE | AddWatchFlags::IN_ISDIR) {
                self.add(path.clone());
            }
            happened.push((event.mask, path));
        }
        happened
    }
}
