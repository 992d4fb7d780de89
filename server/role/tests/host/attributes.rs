//! What a file has beside its content, carried over to the one that takes its place.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use seed_role::host::attributes;

/// Runs a program that must succeed; what it printed.
pub fn run(program: &str, args: &[&str], path: &Path) -> String {
    let done = Command::new(program).args(args).arg(path).output();
    let done = done.unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
    assert!(done.status.success(), "{program} {args:?} {path:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// All that the tools of the system tell of a file beside its content.
pub fn told_of(path: &Path) -> String {
    let metadata = path.symlink_metadata().unwrap();
    let mut told = format!("{:o} {}:{}\n", metadata.mode(), metadata.uid(), metadata.gid());
    told += &run("getfacl", &["--omit-header", "--numeric", "--absolute-names"], path);
    // Without its first line, which is the name.
    told.extend(run("getfattr", &["--absolute-names", "--dump", "--match=-", "--encoding=hex"], path).lines().skip(1));
    told += run("lsattr", &[], path).split(' ').next().unwrap();
    told
}

/// A file with something of everything, as far as this process may.
pub fn make_special(path: &Path) {
    std::fs::write(path, "old").unwrap();
    if nix::unistd::geteuid().is_root() {
        chown(path, Some(1234), Some(4321)).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o6750)).unwrap();
        run("setcap", &["cap_net_bind_service=ep"], path);
        run("setfattr", &["--name=trusted.note", "--value=for root"], path);
    }
    run("setfacl", &["--modify=u:4000:rw,g:4001:r"], path);
    run("setfattr", &["--name=user.note", "--value=kept"], path);
    run("chattr", &["+dA"], path);
}

/// Takes away what keeps a file from being removed, also when a test fails.
pub struct Unlocked<'a>(pub &'a Path);

impl Drop for Unlocked<'_> {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-ia").arg(self.0).status();
    }
}

#[test]
fn a_new_file_gets_all_that_the_old_one_has() {
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    run("setfacl", &["--default", "--modify=u:5000:rwx"], folder.path());
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    make_special(&old);
    std::fs::write(&new, "new content").unwrap();
    assert_ne!(told_of(&old), told_of(&new));
    let (from, to) = (File::open(&old).unwrap(), File::options().write(true).open(&new).unwrap());
    attributes::preserve(from.as_fd(), to.as_fd()).unwrap();
    assert_eq!(told_of(&old), told_of(&new));
    assert_eq!(std::fs::read(&new).unwrap(), b"new content");
}

#[test]
fn a_plain_file_inherits_nothing_from_the_folder() {
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    std::fs::write(&old, "").unwrap();
    run("setfacl", &["--default", "--modify=u:5000:rwx"], folder.path());
    std::fs::write(&new, "").unwrap();
    attributes::preserve(File::open(&old).unwrap().as_fd(), File::open(&new).unwrap().as_fd()).unwrap();
    assert_eq!(told_of(&old), told_of(&new));
}

#[test]
fn what_cannot_be_carried_over_is_named() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "only root can make a file immutable");
        return;
    }
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap()).unwrap();
    for (flag, name) in [("+i", "immutable"), ("+a", "append only")] {
        let (old, new) = (folder.path().join(flag), folder.path().join("new"));
        std::fs::write(&old, "").unwrap();
        std::fs::write(&new, "").unwrap();
        run("chattr", &[flag], &old);
        let _unlocked = Unlocked(&old);
        let refused = attributes::preserve(File::open(&old).unwrap().as_fd(), File::open(&new).unwrap().as_fd());
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(name), "{said}");
    }
}
