//! Files and folders, by inotify(7): one instance, and one watch for each folder, which all roles in it share.
//!
//! Besides the folder that holds a role's path, each folder above it is watched, so that a path that breaks off
//! and comes back somewhere on the way is noticed there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use seed_role::trouble::{Result, Trouble};

use super::Alarm;

/// A path that a role waits on.
pub(super) struct Leaf {
    pub role: usize,
    pub path: PathBuf,
    /// Whether something may be mounted there: the folder above is not told what happens to the root of another
    /// file system.
    pub may_be_mount: bool,
}

/// What is waited for in one folder.
#[derive(Default)]
struct Interest {
    /// The roles whose own path an entry is.
    leaves: HashMap<OsString, Vec<usize>>,
    /// The roles to whose paths an entry leads.
    passages: HashMap<OsString, BTreeSet<usize>>,
    /// The roles whose path the folder itself is, as a mount point.
    itself: Vec<usize>,
}

impl Interest {
    fn roles(&self) -> impl Iterator<Item = usize> {
        self.leaves.values().flatten().chain(self.passages.values().flatten()).chain(&self.itself).copied()
    }

    fn flags(&self) -> AddWatchFlags {
        let comes_and_goes = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        // Two paths may lead to one folder, and each adds what it waits for. nix has no name for this flag.
        let mut flags = comes_and_goes | AddWatchFlags::from_bits_retain(nix::libc::IN_MASK_ADD);
        if !self.leaves.is_empty() {
            flags |= AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ATTRIB | AddWatchFlags::IN_CLOSE_WRITE;
        }
        if !self.itself.is_empty() {
            flags |= AddWatchFlags::IN_ATTRIB;
        }
        flags
    }
}

/// The watched folders.
pub(super) struct Folders {
    inotify: Inotify,
    /// What is waited for, by folder; a folder stands behind those above it.
    wanted: BTreeMap<PathBuf, Interest>,
    /// The watch of each folder that is there.
    pub(super) watches: HashMap<PathBuf, WatchDescriptor>,
    /// The folders behind each watch: several when they are one, by a link or a bind mount.
    paths: HashMap<WatchDescriptor, Vec<PathBuf>>,
    /// Folders that are there and yet cannot be watched.
    refused: BTreeMap<PathBuf, Errno>,
}

impl AsFd for Folders {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl Folders {
    pub fn new() -> Result<Folders> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(|errno| {
            let trouble = Trouble::from_errno("watch files", errno);
            if errno == Errno::EMFILE { trouble.hint("raise fs.inotify.max_user_instances with sysctl(8)") } else { trouble }
        })?;
        let (wanted, watches, paths) = Default::default();
        Ok(Folders { inotify, wanted, watches, paths, refused: BTreeMap::new() })
    }

    pub fn unwatched(&self) -> impl Iterator<Item = (&PathBuf, Errno)> {
        self.refused.iter().map(|(folder, errno)| (folder, *errno))
    }

    /// Waits on these paths, and on no others.
    pub fn follow(&mut self, leaves: Vec<Leaf>) {
        self.wanted.clear();
        for leaf in leaves {
            // Links on the way make the path lead through other folders than it names.
            let real = leaf.path.parent().and_then(|folder| folder.canonicalize().ok());
            if let (Some(folder), Some(name)) = (real, leaf.path.file_name()) {
                let real = folder.join(name);
                if real != leaf.path {
                    self.want(&Leaf { path: real, ..leaf });
                }
            }
            self.want(&leaf);
        }
        let gone: Vec<PathBuf> = self.watches.keys().filter(|folder| !self.wanted.contains_key(*folder)).cloned().collect();
        gone.iter().for_each(|folder| self.forget(folder));
        self.refused.clear();
        self.look_again(&mut Alarm::default());
    }

    fn want(&mut self, leaf: &Leaf) {
        let (Some(folder), Some(name)) = (leaf.path.parent(), leaf.path.file_name()) else {
            self.wanted.entry(leaf.path.clone()).or_default().itself.push(leaf.role);
            return;
        };
        self.wanted.entry(folder.to_path_buf()).or_default().leaves.entry(name.to_owned()).or_default().push(leaf.role);
        if leaf.may_be_mount {
            self.wanted.entry(leaf.path.clone()).or_default().itself.push(leaf.role);
        }
        let mut below = folder;
        while let (Some(above), Some(name)) = (below.parent(), below.file_name()) {
            let interest = self.wanted.entry(above.to_path_buf()).or_default();
            interest.passages.entry(name.to_owned()).or_default().insert(leaf.role);
            below = above;
        }
    }

    /// Takes in what has happened.
    pub fn collect(&mut self, alarm: &mut Alarm) -> Result<()> {
        let mut broken: BTreeSet<PathBuf> = BTreeSet::new();
        loop {
            match self.inotify.read_events() {
                Ok(events) => events.into_iter().for_each(|event| self.take(&event, alarm, &mut broken)),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(Trouble::from_errno("read the events of watched files", errno)),
            }
        }
        if alarm.everything {
            self.look_again(alarm);
        } else {
            broken.iter().for_each(|folder| self.look_again_below(folder, alarm));
        }
        Ok(())
    }

    /// Takes in one event; `broken` are folders whose path, or that of one below, may lead to another folder now.
    fn take(&mut self, event: &InotifyEvent, alarm: &mut Alarm, broken: &mut BTreeSet<PathBuf>) {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            alarm.everything = true;
            return;
        }
        let Some(folders) = self.paths.get(&event.wd) else { return };
        for folder in folders {
            let Some(interest) = self.wanted.get(folder) else { continue };
            match &event.name {
                Some(name) => {
                    alarm.roles.extend(interest.leaves.get(name).into_iter().flatten());
                    let moved = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
                    let entry = folder.join(name);
                    if event.mask.intersects(moved) {
                        alarm.roles.extend(interest.passages.get(name).into_iter().flatten());
                        if self.wanted.contains_key(&entry) {
                            broken.insert(entry);
                        }
                    }
                }
                None if event.mask.contains(AddWatchFlags::IN_ATTRIB) => alarm.roles.extend(&interest.itself),
                None => {
                    alarm.roles.extend(interest.roles());
                    broken.insert(folder.clone());
                }
            }
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            for folder in self.paths.remove(&event.wd).unwrap_or_default() {
                self.watches.remove(&folder);
            }
        }
    }

    /// Looks at all paths again, and watches the folders that they lead to now.
    pub fn look_again(&mut self, alarm: &mut Alarm) {
        self.look_again_below(Path::new("/"), alarm);
    }

    /// The same for a folder and those below it, from the top down: what is made in one that was missing is either there
    /// when the next is looked at, or told by the watch on the one above.
    fn look_again_below(&mut self, top: &Path, alarm: &mut Alarm) {
        let range = (Bound::Included(top.to_path_buf()), Bound::Unbounded);
        let below = self.wanted.range::<PathBuf, _>(range).take_while(|(folder, _)| folder.starts_with(top));
        let mut moved: Vec<(PathBuf, Option<WatchDescriptor>)> = Vec::new();
        for (folder, interest) in below {
            let now = match self.inotify.add_watch(folder, interest.flags()) {
                Ok(watch) => {
                    self.refused.remove(folder);
                    Some(watch)
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) => {
                    self.refused.remove(folder);
                    None
                }
                Err(errno) => {
                    self.refused.insert(folder.clone(), errno);
                    None
                }
            };
            if now != self.watches.get(folder).copied() {
                alarm.roles.extend(interest.roles());
                moved.push((folder.clone(), now));
            }
        }
        for (folder, watch) in moved {
            self.forget(&folder);
            if let Some(watch) = watch {
                self.watches.insert(folder.clone(), watch);
                self.paths.entry(watch).or_default().push(folder);
            }
        }
    }

    /// Forgets the watch of a folder, and ends it when no other path leads to it.
    fn forget(&mut self, folder: &Path) {
        let Some(watch) = self.watches.remove(folder) else { return };
        let Some(paths) = self.paths.get_mut(&watch) else { return };
        paths.retain(|path| path != folder);
        if paths.is_empty() {
            self.paths.remove(&watch);
            // It has ended by itself when the folder is gone.
            let _ = self.inotify.rm_watch(watch);
        }
    }
}
