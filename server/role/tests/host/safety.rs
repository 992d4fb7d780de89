//! Links of other users, and root.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use seed_role::host::{Host, LoopConfig, MountRequest, Owner, RealHost};
use seed_role::trouble::{Kind, Result};

/// A folder of root with a secret in it, and one of nobody with links to it.
struct Trap {
    folder: tempfile::TempDir,
}

impl Trap {
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "what root refuses can only be tried as root");
            eprintln!("skipped: not root");
            return None;
        }
        let folder = tempfile::tempdir_in("/root").unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let trap = Trap { folder };
        std::fs::create_dir_all(trap.path("target/inner")).unwrap();
        std::fs::write(trap.path("target/file"), "secret").unwrap();
        std::fs::write(trap.path("target/inner/file"), "secret").unwrap();
        std::fs::create_dir_all(trap.path("theirs/real")).unwrap();
        symlink(trap.path("target"), trap.path("theirs/link")).unwrap();
        symlink(trap.path("target/file"), trap.path("theirs/to-file")).unwrap();
        symlink(trap.path("target"), trap.path("theirs/real/link")).unwrap();
        for path in ["theirs", "theirs/real"] {
            chown(trap.path(path), Some(65534), Some(65534)).unwrap();
        }
        Some(trap)
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T>) {
    let trouble = result.unwrap_err();
    assert_eq!(trouble.kind, Kind::Unsafe, "{trouble}");
    assert!(trouble.hint.is_some() && trouble.to_string().contains("symbolic link"), "{trouble}");
}

#[test]
fn nothing_is_done_through_a_link_of_another_user() {
    let Some(trap) = Trap::new() else { return };
    let host = RealHost::new();
    for through in ["theirs/link", "theirs/real/link", "theirs/real/../link", "target/../theirs/link"] {
        let at = |name: &str| trap.path(through).join(name);
        assert_refused(host.metadata(&at("file")));
        assert_refused(host.read(&at("file"), 10));
        assert_refused(host.read_at(&at("file"), 0, 1));
        assert_refused(host.write_at(&at("file"), 0, b"x"));
        assert_refused(host.write_file(&at("new"), b"x", 0o644, None));
        assert_refused(host.make_image(&at("new"), 10, false, 0o644));
        assert_refused(host.set_len(&at("file"), 1, false));
        assert_refused(host.make_folder(&at("new"), 0o755));
        assert_refused(host.make_link(&at("new"), Path::new("x")));
        assert_refused(host.set_mode(&at("file"), 0o777));
        assert_refused(host.set_owner(&at("file"), Owner { uid: 1, gid: 1 }));
        assert_refused(host.rename(&at("file"), &trap.path("moved")));
        assert_refused(host.rename(&trap.path("target/file"), &at("moved")));
        assert_refused(host.remove_file(&at("file")));
        assert_refused(host.remove_folder(&at("inner")));
        assert_refused(host.remove_tree(&at("inner")));
        assert_refused(host.seal(&at("inner")));
        let seal = host.seal(&trap.path("target/inner")).unwrap().unwrap();
        assert_refused(host.remove_sealed(&at("inner"), &seal, false));
        assert_refused(host.read_link(&at("file")));
        assert_refused(host.list(&at("inner")));
        assert_refused(host.size_of(&at("file")));
        assert_refused(host.sync(&[at("file")]));
        assert_refused(host.btrfs_create(&at("new")));
        assert_refused(host.btrfs_delete(&at("inner")));
        let config = LoopConfig { backing: at("file"), offset: 0, read_only: true, partscan: false, sector_size: None };
        assert_refused(host.attach_loop(&config));
        let mount = |source: &Path, at: &Path| MountRequest {
            source: source.to_str().unwrap().into(),
            at: at.to_path_buf(),
            fs_type: "bind".into(),
            options: Vec::new(),
        };
        assert_refused(host.mount(&mount(&trap.path("target"), &at("inner"))));
        assert_refused(host.mount(&mount(&at("inner"), &trap.path("target"))));
        assert_refused(host.unmount(&at("inner")));
    }
    assert_eq!(host.list(&trap.path("target")).unwrap(), ["file", "inner"]);
    assert_eq!(std::fs::read(trap.path("target/file")).unwrap(), b"secret");
}

#[test]
fn a_link_of_another_user_at_the_end_is_seen_and_not_followed() {
    let Some(trap) = Trap::new() else { return };
    let host = RealHost::new();
    let link = trap.path("theirs/to-file");
    assert_eq!(host.metadata(&link).unwrap().unwrap().kind, seed_role::host::FileKind::Link);
    assert_refused(host.read(&link, 10));
    assert_refused(host.read_at(&link, 0, 1));
    assert_refused(host.write_at(&link, 0, b"x"));
    assert_refused(host.size_of(&link));
    assert_refused(host.set_len(&link, 0, false));
    assert!(host.set_mode(&link, 0o777).is_err());
    // What is written replaces the link.
    host.write_file(&link, b"ours", 0o600, None).unwrap();
    assert_eq!(std::fs::read(trap.path("target/file")).unwrap(), b"secret");
    assert_eq!(std::fs::read(&link).unwrap(), b"ours");
    assert_refused(host.list(&trap.path("theirs/link")));
    host.remove_tree(&trap.path("theirs")).unwrap();
    assert_eq!(std::fs::read(trap.path("target/inner/file")).unwrap(), b"secret");
}

#[test]
fn plain_folders_of_others_can_be_used() {
    let Some(trap) = Trap::new() else { return };
    let host = RealHost::new();
    for folder in ["theirs", "theirs/real"] {
        let file = trap.path(folder).join("file");
        host.write_file(&file, b"x", 0o644, Some(Owner { uid: 65534, gid: 65534 })).unwrap();
        assert_eq!(host.read(&file, 10).unwrap().unwrap(), b"x");
        assert_eq!(host.metadata(&file).unwrap().unwrap().uid, 65534);
        host.remove_file(&file).unwrap();
    }
}

#[test]
fn links_of_root_where_only_root_writes_are_followed() {
    let Some(trap) = Trap::new() else { return };
    let host = RealHost::new();
    symlink("target", trap.path("mine")).unwrap();
    assert_eq!(host.read(&trap.path("mine/file"), 10).unwrap().unwrap(), b"secret");
    assert_eq!(host.list(&trap.path("mine/inner")).unwrap(), ["file"]);
    // But not on into a folder of others, and through a link there.
    symlink("theirs", trap.path("via")).unwrap();
    assert_refused(host.read(&trap.path("via/link/file"), 10));
    symlink("theirs/link", trap.path("straight")).unwrap();
    assert_refused(host.read(&trap.path("straight/file"), 10));
    host.write_file(&trap.path("via/file"), b"x", 0o644, None).unwrap();
    assert_eq!(std::fs::read(trap.path("theirs/file")).unwrap(), b"x");
}

#[test]
fn what_is_known_of_a_folder_changes_with_it() {
    let Some(trap) = Trap::new() else { return };
    let host = RealHost::new();
    let folder = trap.path("shared");
    host.make_folder(&folder, 0o755).unwrap();
    host.make_link(&folder.join("link"), &trap.path("target")).unwrap();
    let through = folder.join("link/file");
    assert_eq!(host.read(&through, 10).unwrap().unwrap(), b"secret");
    host.set_mode(&folder, 0o777).unwrap();
    assert_refused(host.read(&through, 10));
    host.set_mode(&folder, 0o755).unwrap();
    assert_eq!(host.read(&through, 10).unwrap().unwrap(), b"secret");
    host.set_owner(&folder, Owner { uid: 65534, gid: 0 }).unwrap();
    assert_refused(host.read(&through, 10));
    host.set_owner(&folder, Owner { uid: 0, gid: 65534 }).unwrap();
    host.set_mode(&folder, 0o775).unwrap();
    assert_refused(host.read(&through, 10));
}

#[test]
fn a_folder_of_root_in_a_sticky_one_is_trusted_and_links_beside_it_are_not() {
    let Some(trap) = Trap::new() else { return };
    let sticky = trap.path("sticky");
    std::fs::create_dir_all(sticky.join("mine")).unwrap();
    std::fs::create_dir_all(sticky.join("theirs")).unwrap();
    std::fs::set_permissions(&sticky, PermissionsExt::from_mode(0o1777)).unwrap();
    symlink(trap.path("target"), sticky.join("link")).unwrap();
    symlink(trap.path("target"), sticky.join("mine/link")).unwrap();
    symlink(trap.path("target"), sticky.join("theirs/link")).unwrap();
    chown(sticky.join("theirs"), Some(65534), Some(65534)).unwrap();
    for _ in 0..2 {
        let host = RealHost::new();
        // Learnt by looking, or found out on the way.
        host.metadata(&sticky.join("mine")).unwrap();
        host.metadata(&sticky.join("theirs")).unwrap();
        assert_eq!(host.read(&sticky.join("mine/link/file"), 10).unwrap().unwrap(), b"secret");
        assert_refused(host.read(&sticky.join("link/file"), 10));
        assert_refused(host.read(&sticky.join("theirs/link/file"), 10));
        assert_refused(host.read(&sticky.join("mine/../link/file"), 10));
        assert_refused(host.read(&sticky.join("theirs/../mine/../link/file"), 10));
        host.refresh();
        // What was not there when it was looked for may be anyone's by now.
        assert_eq!(host.metadata(&sticky.join("new/file")).unwrap(), None);
        symlink(trap.path("target"), sticky.join("new")).unwrap();
        assert_refused(host.read(&sticky.join("new/file"), 10));
        std::fs::remove_file(sticky.join("new")).unwrap();
    }
}

#[test]
fn what_is_known_through_a_link_changes_with_what_it_leads_to() {
    let Some(trap) = Trap::new() else { return };
    let host = RealHost::new();
    let (folder, alias) = (trap.path("shared"), trap.path("alias"));
    host.make_folder(&folder, 0o755).unwrap();
    host.make_link(&folder.join("link"), &trap.path("target")).unwrap();
    host.make_link(&alias, Path::new("shared")).unwrap();
    let through = alias.join("link/file");
    assert_eq!(host.read(&through, 10).unwrap().unwrap(), b"secret");
    host.set_mode(&folder, 0o777).unwrap();
    assert_refused(host.read(&through, 10));
    host.set_mode(&folder, 0o755).unwrap();
    assert_eq!(host.read(&through, 10).unwrap().unwrap(), b"secret");
    host.set_mode(&alias.join("../shared"), 0o777).unwrap();
    assert_refused(host.read(&through, 10));
    assert_refused(host.read(&folder.join("link/file"), 10));
    // The link leads elsewhere.
    host.make_link(&alias, Path::new("target")).unwrap();
    assert_eq!(host.read(&alias.join("file"), 10).unwrap().unwrap(), b"secret");
    host.make_link(&alias, Path::new("theirs/link")).unwrap();
    assert_refused(host.read(&alias.join("file"), 10));
}
