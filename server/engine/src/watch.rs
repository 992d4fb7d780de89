//! Waiting for the machine to change: files and folders by inotify(7), mounts by polling the mount table
//! (proc_pid_mountinfo(5)), loop devices by the kernel's uevents.
//!
//! It says which roles *may* have drifted. Whether they have is for a look at them to tell: an event too many costs a
//! look, one too few costs the repair.

mod folders;
mod loops;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use seed_role::Watch;
use seed_role::trouble::{Result, Trouble};

use folders::{Folders, Leaf};
use loops::Loops;

/// What belongs together seldom comes alone: after the first event, others are awaited for so long …
const LULL: Duration = Duration::from_millis(1);
/// … and for so long in all.
const GATHER: Duration = Duration::from_millis(5);
/// Where the kernel tells of mounts (proc_pid_mountinfo(5)).
const MOUNT_TABLE: &str = "/proc/self/mountinfo";

/// What may have drifted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarm {
    /// The roles, by the numbers under which they are watched.
    pub roles: BTreeSet<usize>,
    /// Whether events were lost, so that it can be anything.
    pub everything: bool,
}

impl Alarm {
    /// Whether nothing has happened.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.roles.is_empty()
    }

    /// Adds another alarm to this one.
    pub fn join(&mut self, other: Alarm) {
        self.roles.extend(other.roles);
        self.everything |= other.everything;
    }
}

/// Watches what roles wait on.
pub struct Watcher {
    folders: Folders,
    mounts: File,
    /// Roles that wait on the mount table.
    on_mounts: BTreeSet<usize>,
    /// None as long as no role waits on loop devices.
    loops: Option<Loops>,
    on_loops: BTreeSet<usize>,
}

/// What ended a sleep.
struct Ready {
    woken: bool,
    /// Whether the mount table has changed: poll(2) tells each change once, so it is not to be asked again.
    mounts: bool,
}

impl Watcher {
    /// A watcher that watches nothing yet.
    ///
    /// # Errors
    ///
    /// When the user has as many inotify instances as one may have (`fs.inotify.max_user_instances`), or /proc is not
    /// mounted.
    pub fn new() -> Result<Watcher> {
        let mounts =
            File::open(MOUNT_TABLE).map_err(|error| Trouble::from_io(format!("watch the mounts by {MOUNT_TABLE}"), &error))?;
        Ok(Watcher { folders: Folders::new()?, mounts, on_mounts: BTreeSet::new(), loops: None, on_loops: BTreeSet::new() })
    }

    /// Watches for these roles, each a number with what it waits on, and for no others. What happens from now on is
    /// told; what has happened before is to be looked at once afterwards.
    ///
    /// # Errors
    ///
    /// When loop devices are to be watched and cannot be.
    pub fn follow<'a>(&mut self, roles: impl IntoIterator<Item = (usize, &'a [Watch])>) -> Result<()> {
        self.on_mounts.clear();
        self.on_loops.clear();
        let mut leaves: Vec<Leaf> = Vec::new();
        for (role, watches) in roles {
            let mounts = watches.contains(&Watch::Mounts);
            for watch in watches {
                match watch {
                    Watch::Path(path) => leaves.push(Leaf { role, path: path.clone(), may_be_mount: mounts }),
                    Watch::Mounts => drop(self.on_mounts.insert(role)),
                    Watch::Loops => drop(self.on_loops.insert(role)),
                    Watch::Timer => {}
                }
            }
        }
        if self.on_loops.is_empty() {
            self.loops = None;
        } else if self.loops.is_none() {
            self.loops = Some(Loops::new()?);
        }
        self.folders.follow(leaves);
        Ok(())
    }

    /// The folders that cannot be watched, with the reason: only a look on a timer shows what happens in them.
    pub fn unwatched(&self) -> impl Iterator<Item = (&PathBuf, Errno)> {
        self.folders.unwatched()
    }

    /// Waits until something may have drifted, until a time, or until there is something to read from `wake`. The alarm
    /// is empty if nothing has.
    ///
    /// # Errors
    ///
    /// When the kernel's events cannot be read.
    pub fn wait(&mut self, until: Instant, wake: BorrowedFd<'_>) -> Result<Alarm> {
        let mut alarm = Alarm::default();
        while alarm.is_empty() {
            let now = Instant::now();
            let polls_loops = self.loops.as_ref().and_then(Loops::next_look);
            let next = polls_loops.map_or(until, |look| look.min(until));
            let ready = self.sleep(next.saturating_duration_since(now), wake)?;
            self.collect(&mut alarm, &ready)?;
            if ready.woken || Instant::now() >= until {
                break;
            }
        }
        if !alarm.is_empty() {
            self.gather(&mut alarm, wake)?;
        }
        Ok(alarm)
    }

    /// Takes in what still comes until nothing has come for so long, or for `most` in all.
    ///
    /// # Errors
    ///
    /// As [`Watcher::wait`].
    pub fn settle(&mut self, quiet: Duration, most: Duration, wake: BorrowedFd<'_>) -> Result<Alarm> {
        let mut all = Alarm::default();
        let end = Instant::now() + most;
        loop {
            let alarm = self.wait((Instant::now() + quiet).min(end), wake)?;
            let done = alarm.is_empty() || Instant::now() >= end;
            all.join(alarm);
            if done {
                return Ok(all);
            }
        }
    }

    fn gather(&mut self, alarm: &mut Alarm, wake: BorrowedFd<'_>) -> Result<()> {
        let end = Instant::now() + GATHER;
        while Instant::now() < end {
            let mut more = Alarm::default();
            let ready = self.sleep(LULL, wake)?;
            self.collect(&mut more, &ready)?;
            let quiet = more.is_empty();
            alarm.join(more);
            if quiet || ready.woken {
                break;
            }
        }
        Ok(())
    }

    /// Sleeps until there is something to read, or for so long.
    fn sleep(&self, long: Duration, wake: BorrowedFd<'_>) -> Result<Ready> {
        let mut sources = vec![
            PollFd::new(wake, PollFlags::POLLIN),
            PollFd::new(self.folders.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.mounts.as_fd(), PollFlags::POLLPRI),
        ];
        if let Some(socket) = self.loops.as_ref().and_then(Loops::socket) {
            sources.push(PollFd::new(socket, PollFlags::POLLIN));
        }
        // Rounded up, so that a wait for less than a millisecond does not spin.
        let timeout = PollTimeout::try_from(long.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX);
        match poll(&mut sources, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Trouble::from_errno("wait for changes", errno)),
        }
        let told = |source: &PollFd<'_>| source.any().unwrap_or_default();
        Ok(Ready { woken: told(&sources[0]), mounts: told(&sources[2]) })
    }

    /// Takes in what has happened.
    fn collect(&mut self, alarm: &mut Alarm, ready: &Ready) -> Result<()> {
        self.folders.collect(alarm)?;
        if ready.mounts {
            alarm.roles.extend(&self.on_mounts);
            // What a folder's path leads to may be another folder now.
            self.folders.look_again(alarm);
        }
        if let Some(loops) = &mut self.loops
            && loops.changed()?
        {
            alarm.roles.extend(&self.on_loops);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
