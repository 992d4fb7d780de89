//! A user moves something of root's, which lies in their own folder, to where root has just looked or made something.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use seed_role::host::{Access, Before, Host, Owner, RealHost};
use seed_role::trouble::Kind;

const NOBODY: Owner = Owner { uid: 65534, gid: 65534 };

/// A folder of nobody's, in which lies something of root's.
struct Theirs(tempfile::TempDir);

impl Theirs {
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "what root refuses can only be tried as root");
            eprintln!("skipped: not root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        chown(folder.path(), Some(NOBODY.uid), Some(NOBODY.gid)).unwrap();
        let theirs = Theirs(folder);
        fs::create_dir(theirs.at("folder")).unwrap();
        fs::write(theirs.at("folder/secret"), "secret").unwrap();
        fs::write(theirs.at("file"), "secret").unwrap();
        symlink("secret", theirs.at("link")).unwrap();
        for (name, mode) in [("folder", 0o700), ("file", 0o600)] {
            fs::set_permissions(theirs.at(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        Some(theirs)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn exchange(one: &Path, other: &Path) -> bool {
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).is_ok()
}

#[test]
fn only_what_was_seen_is_changed() {
    let Some(theirs) = Theirs::new() else { return };
    let host = RealHost::new();
    fs::create_dir(theirs.at("plain-folder")).unwrap();
    fs::write(theirs.at("plain-file"), "x").unwrap();
    symlink("elsewhere", theirs.at("plain-link")).unwrap();
    fs::set_permissions(theirs.at("plain-folder"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(theirs.at("plain-file"), fs::Permissions::from_mode(0o600)).unwrap();
    for (plain, secret) in [("plain-folder", "folder"), ("plain-file", "file"), ("plain-link", "link")] {
        let seen = host.metadata(&theirs.at(plain)).unwrap().unwrap();
        assert!(exchange(&theirs.at(plain), &theirs.at(secret)));
        for access in [
            Access { owner: Some(NOBODY), ..Access::default() },
            Access { mode: Some(0o755), ..Access::default() },
            Access { owner: Some(NOBODY), mode: Some(0o755), attributes: Some(&Default::default()) },
        ] {
            let refused = host.set_access(&theirs.at(plain), &seen, &access).unwrap_err();
            assert_eq!(refused.kind, Kind::Changed, "{plain}: {refused}");
        }
        let secret = theirs.at(plain).symlink_metadata().unwrap();
        assert_eq!((secret.uid(), secret.mode() & 0o077), (0, if plain == "plain-link" { 0o077 } else { 0 }), "{plain}");
        // What was seen, back in its place, is changed.
        assert!(exchange(&theirs.at(plain), &theirs.at(plain.trim_start_matches("plain-"))));
        host.set_access(&theirs.at(plain), &seen, &Access { owner: Some(NOBODY), ..Access::default() }).unwrap();
        assert_eq!(theirs.at(plain).symlink_metadata().unwrap().uid(), NOBODY.uid);
        let refused = host.set_access(&theirs.at(plain), &seen, &Access { mode: Some(0o755), ..Access::default() });
        assert_eq!(refused.unwrap_err().kind, Kind::Changed, "its owner is another");
    }
}

/// Has a user exchange whatever comes to be under a name that begins so for something of root's, while root works. Gives how often.
fn raced(theirs: &Theirs, begins: &str, secret: &str, work: impl Fn()) -> u32 {
    let (stop, exchanges) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let names = fs::read_dir(theirs.0.path()).unwrap().flatten().map(|entry| entry.path());
                for new in names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(begins)) {
                    let is_done = exchange(&new, &theirs.at(secret));
                    exchanges.fetch_add(u32::from(is_done), Ordering::Relaxed);
                }
            }
        });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            work();
        }
        stop.store(true, Ordering::Relaxed);
    });
    exchanges.into_inner()
}

#[test]
fn a_new_folder_is_not_taken_for_one_of_roots() {
    let Some(theirs) = Theirs::new() else { return };
    let host = RealHost::new();
    let secret = File::open(theirs.at("folder")).unwrap();
    let exchanges = raced(&theirs, ".new.seed-new", "folder", || {
        // It may fail. What it may not do is to change what is root's.
        let _ = host.make_folder_for(&theirs.at("new"), 0o755, Some(NOBODY));
        let about = secret.metadata().unwrap();
        assert_eq!((about.uid(), about.mode() & 0o7777), (0, 0o700));
        // What became of the folder is as good as any.
        let _ = fs::remove_dir(theirs.at("new"));
    });
    assert!(exchanges > 0, "no race took place");
}

#[test]
fn a_new_link_is_not_taken_for_what_is_roots() {
    let Some(theirs) = Theirs::new() else { return };
    let host = RealHost::new();
    // It may be taken for an old temporary file and removed, as the user could do: then it comes back.
    let beside = tempfile::tempdir().unwrap();
    let kept = beside.path().join("file");
    fs::hard_link(theirs.at("file"), &kept).unwrap();
    let exchanges = raced(&theirs, ".new.seed-new", "file", || {
        let _ = host.replace_link(&theirs.at("new"), Path::new("target"), Some(NOBODY), &Before::Nothing);
        assert_eq!(fs::metadata(&kept).unwrap().uid(), 0);
        let _ = fs::remove_file(theirs.at("new"));
        let _ = fs::hard_link(&kept, theirs.at("file"));
    });
    assert!(exchanges > 0, "no race took place");
}
