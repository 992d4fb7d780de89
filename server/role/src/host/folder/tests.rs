#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

fn world() -> (tempfile::TempDir, Folder) {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().canonicalize().unwrap();
    let folder = Folder::made(&path.join("a/b")).unwrap();
    (temporary, folder)
}

#[test]
fn nothing_below_is_reached_through_a_link_or_by_a_way_out() {
    let (temporary, folder) = world();
    fs::write(temporary.path().join("outside"), "x").unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    fs::write(folder.path().join("real/file"), "y").unwrap();
    symlink("real", folder.path().join("link")).unwrap();
    symlink("../../outside", folder.path().join("file")).unwrap();
    for path in ["link/file", "file", "../../outside", "/etc/passwd"] {
        assert_eq!(folder.read(path, 10).unwrap_err().kind, Kind::Unsafe, "{path}");
    }
    assert!(folder.find("link").unwrap_err().to_string().contains("it is a symbolic link"));
    assert!(folder.read("link/file", 10).unwrap_err().to_string().contains("b/link is a symbolic link"));
    assert_eq!(folder.read("real/file", 10).unwrap().unwrap(), b"y");
    assert_eq!(folder.read("real/none", 10).unwrap(), None);
    for name in ["../x", "real/x", "", ".", "..", "/x"] {
        assert!(folder.put(name, b"z", 0o644, false).is_err(), "{name}");
        assert!(
            folder.create(name, 0o644).is_err() && folder.remove(name).is_err() && folder.rename("real", name).is_err(),
            "{name}"
        );
    }
    folder.put("file", b"z", 0o644, false).unwrap();
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"z");
    assert_eq!(fs::read(temporary.path().join("outside")).unwrap(), b"x");
}

#[test]
fn only_regular_files_are_read_and_none_is_waited_for() {
    let (_temporary, folder) = world();
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    assert!(folder.read("pipe", 10).unwrap_err().to_string().contains("not a regular file"));
    assert!(read(&pipe, 10).unwrap_err().to_string().contains("not a regular file"));
    assert!(read(Path::new("/dev/zero"), 10).is_err());
    assert!(read(folder.path(), 10).is_err());
    folder.put("long", &[0; 11], 0o644, false).unwrap();
    assert!(folder.read("long", 10).unwrap_err().to_string().contains("longer than 10 B"));
    assert_eq!(folder.read("long", 11).unwrap().unwrap().len(), 11);
    assert!(put(&pipe, b"x", 0o644).is_err(), "a pipe is not replaced");
}

#[test]
fn an_edit_at_the_moment_of_the_exchange_comes_back() {
    let (_temporary, folder) = world();
    let path = folder.path().join("file");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(!folder.write_beside("file", b"new", |now| now == b"another", false).unwrap());
    assert!(folder.write_beside("file", b"new", |_| true, false).unwrap());
    fs::write(&path, "edited").unwrap();
    assert_eq!(folder.exchange("file", |now| now == b"old").unwrap(), Exchanged::Changed);
    assert_eq!(fs::read(&path).unwrap(), b"edited");
    assert_eq!(folder.exchange("file", |now| now == b"edited").unwrap(), Exchanged::Done);
    assert_eq!((fs::read(&path).unwrap(), fs::metadata(&path).unwrap().mode() & 0o777), (b"new".to_vec(), 0o640));
    assert_eq!(folder.read(".file.seed-new", 10).unwrap().unwrap(), b"edited");

    // Saved again before it could go back: both texts stay.
    let ours = folder.identity(Path::new("file"));
    fs::write(folder.path().join("later"), "later").unwrap();
    fs::rename(folder.path().join("later"), &path).unwrap();
    let said = folder.bring_back("file", ours).unwrap_err().to_string();
    assert!(said.contains("file.saved-1"), "{said}");
    assert_eq!(
        (fs::read(&path).unwrap(), folder.read("file.saved-1", 10).unwrap().unwrap()),
        (b"edited".to_vec(), b"later".to_vec())
    );
}

#[test]
fn what_was_saved_stays_where_its_name_is_removed_and_taken_again_meanwhile() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (_temporary, folder) = world();
    let (path, is_over) = (folder.path().join("file"), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                fs::write(&path, "theirs").unwrap();
                let _ = fs::rename(&path, folder.path().join(format!("moved-{}", number % 2)));
            }
        });
        for round in 0..3000 {
            let temporary = folder.path().join(".file.seed-new");
            fs::write(&temporary, "saved").unwrap();
            let ours = folder.identity(Path::new(".file.seed-new"));
            let came_back = folder.bring_back("file", None);
            // What was not moved away from there is what would be cleared.
            let left = folder.identity(Path::new(".file.seed-new"));
            if came_back.is_ok() && left == ours {
                is_over.store(true, Ordering::Relaxed);
                panic!("round {round}: the saved text is left where it is cleared");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_file_is_replaced_where_it_is_what_it_was() {
    let (_temporary, folder) = world();
    let (path, way) = (folder.path().join("file"), folder.path().join("way"));
    fs::write(&path, "old").unwrap();
    symlink("file", &way).unwrap();
    assert_eq!(replace(&path, b"other", b"new").unwrap_err().kind, Kind::Busy);
    replace(&way, b"old", b"new").unwrap();
    assert!(way.is_symlink());
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert!(!write_new(&path, b"x", 0o644).unwrap() && write_new(&folder.path().join("other"), b"x", 0o644).unwrap());
    assert_eq!(folder.names().unwrap(), ["file", "other", "way"]);
    folder.make_all(Path::new("d/e")).unwrap().put("f", b"", 0o644, true).unwrap();
    folder.remove_tree("d").unwrap();
    assert!(folder.remove_tree("way").is_err() && folder.find("d").unwrap().is_none());
}
