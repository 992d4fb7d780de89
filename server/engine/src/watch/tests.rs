use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::eventfd::EventFd;
use seed_role::Watch;

use super::{Alarm, Watcher};

/// A watcher of one path, as role 7, that has seen all that has happened so far.
struct Lookout {
    watcher: Watcher,
    wake: EventFd,
}

impl Lookout {
    fn on(path: &Path) -> Lookout {
        let mut watcher = Watcher::new().unwrap();
        let watches = [Watch::Path(path.to_path_buf())];
        watcher.follow([(7, &watches[..])]).unwrap();
        Lookout { watcher, wake: EventFd::new().unwrap() }
    }

    fn wait(&mut self, long: Duration) -> Alarm {
        self.watcher.wait(Instant::now() + long, self.wake.as_fd()).unwrap()
    }

    /// Whether the role is told of within a time that is long for an event and short for a test.
    fn told(&mut self) -> bool {
        self.wait(Duration::from_secs(5)).roles.contains(&7)
    }

    fn quiet(&mut self) -> bool {
        self.wait(Duration::from_millis(40)).is_empty()
    }
}

#[test]
fn what_happens_to_a_file_is_told_and_what_happens_beside_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut lookout = Lookout::on(&path);
    fs::write(&path, "one").unwrap();
    assert!(lookout.told(), "made");
    fs::write(&path, "two").unwrap();
    assert!(lookout.told(), "written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(lookout.told(), "its mode");
    fs::rename(&path, folder.path().join("away")).unwrap();
    assert!(lookout.told(), "moved away");
    fs::write(folder.path().join("beside"), "x").unwrap();
    fs::write(folder.path().join("away"), "x").unwrap();
    assert!(lookout.quiet(), "another file in the folder");
    fs::rename(folder.path().join("beside"), &path).unwrap();
    assert!(lookout.told(), "moved here");
    fs::remove_file(&path).unwrap();
    assert!(lookout.told(), "removed");
    std::os::unix::fs::symlink("nowhere", &path).unwrap();
    assert!(lookout.told(), "a link");
}

#[test]
fn a_path_that_breaks_off_and_comes_back_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("a");
    let path = top.join("b/c/file");
    let mut lookout = Lookout::on(&path);
    assert!(lookout.quiet(), "nothing is there yet");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(lookout.told(), "the folders are made");
    fs::write(&path, "x").unwrap();
    assert!(lookout.told(), "the file in folders that were not there before");
    fs::rename(&top, folder.path().join("moved")).unwrap();
    assert!(lookout.told(), "a folder above is moved away");
    fs::write(folder.path().join("moved/b/c/file"), "y").unwrap();
    assert!(lookout.quiet(), "what was moved away is no longer of interest");
    fs::rename(folder.path().join("moved"), &top).unwrap();
    assert!(lookout.told(), "it comes back");
    fs::write(&path, "z").unwrap();
    assert!(lookout.told(), "and is watched again");
    fs::remove_dir_all(&top).unwrap();
    assert!(lookout.told(), "all of it is removed");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "x").unwrap();
    assert!(lookout.told(), "and made again");
}

#[test]
fn a_path_through_a_link_is_followed_to_where_it_leads() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("real/deep")).unwrap();
    std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
    let mut lookout = Lookout::on(&folder.path().join("link/deep/file"));
    fs::write(folder.path().join("real/deep/file"), "x").unwrap();
    assert!(lookout.told());
    fs::rename(folder.path().join("real"), folder.path().join("elsewhere")).unwrap();
    assert!(lookout.told(), "what the link leads to is moved away");
}

#[test]
fn a_thousand_paths_in_a_few_folders_take_a_few_watches() {
    let folder = tempfile::tempdir().unwrap();
    let watches: Vec<[Watch; 1]> =
        (0..1000).map(|index| [Watch::Path(folder.path().join(format!("{}/{index}", index % 10)))]).collect();
    for index in 0..10 {
        fs::create_dir(folder.path().join(index.to_string())).unwrap();
    }
    let mut watcher = Watcher::new().unwrap();
    watcher.follow(watches.iter().enumerate().map(|(role, watches)| (role, &watches[..]))).unwrap();
    assert_eq!(watcher.unwatched().count(), 0);
    let above = folder.path().ancestors().count();
    assert_eq!(watcher.folders.watches.len(), 10 + above);
    let wake = EventFd::new().unwrap();
    fs::write(folder.path().join("3/123"), "x").unwrap();
    let alarm = watcher.wait(Instant::now() + Duration::from_secs(5), wake.as_fd()).unwrap();
    assert_eq!(alarm, Alarm { roles: [123].into(), everything: false });
}

#[test]
fn when_more_happens_than_is_kept_everything_may_have_drifted() {
    let folder = tempfile::tempdir().unwrap();
    let kept: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    let watches: Vec<[Watch; 1]> = (0..2).map(|index| [Watch::Path(folder.path().join(index.to_string()))]).collect();
    let mut watcher = Watcher::new().unwrap();
    watcher.follow(watches.iter().enumerate().map(|(role, watches)| (role, &watches[..]))).unwrap();
    // Equal events behind each other are kept as one, so the two files take turns.
    for round in 0..=kept / 2 {
        for index in 0..2 {
            let path = folder.path().join(index.to_string());
            if round == 0 {
                fs::write(path, "").unwrap();
            } else {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
    }
    let wake = EventFd::new().unwrap();
    assert!(watcher.wait(Instant::now() + Duration::from_secs(5), wake.as_fd()).unwrap().everything);
    fs::remove_file(folder.path().join("1")).unwrap();
    let alarm = watcher.wait(Instant::now() + Duration::from_secs(5), wake.as_fd()).unwrap();
    assert_eq!(alarm, Alarm { roles: [1].into(), everything: false }, "it goes on afterwards");
}

#[test]
fn a_wait_ends_when_it_is_woken() {
    let folder = tempfile::tempdir().unwrap();
    let mut lookout = Lookout::on(&folder.path().join("file"));
    lookout.wake.write(1).unwrap();
    let start = Instant::now();
    assert!(lookout.wait(Duration::from_secs(60)).is_empty());
    assert!(start.elapsed() < Duration::from_secs(30));
}
