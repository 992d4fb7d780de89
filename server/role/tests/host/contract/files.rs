//! Files, folders and links.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use seed_role::host::attributes::Attributes;
use seed_role::host::{Access, Before, FileKind, Host, NewFile, Owner, Whole, temporary_of};
use seed_role::trouble::Kind;

use super::Question;

/// All of them.
pub const ALL: &[Question] = &[
    ("nothing", nothing),
    ("written", written),
    ("confirmed", confirmed),
    ("confirmed-links", confirmed_links),
    ("beside-the-content", beside_the_content),
    ("ranges", ranges),
    ("images", images),
    ("folders", folders),
    ("links", links),
    ("renamed", renamed),
    ("trees", trees),
    ("sealed", sealed),
    ("owners", owners),
    ("through-links", through_links),
];

/// What is not there is none, not an error, and removing it is done already.
fn nothing(host: &dyn Host, folder: &Path) {
    for path in [folder.join("no"), folder.join("no/such/thing")] {
        assert_eq!(host.metadata(&path).unwrap(), None);
        assert_eq!(host.read(&path, 10).unwrap(), None);
        assert_eq!(host.size_of(&path).unwrap(), None);
        host.remove_file(&path).unwrap();
        host.remove_folder(&path).unwrap();
        host.remove_tree(&path).unwrap();
        assert_eq!(host.read_at(&path, 0, 1).unwrap_err().kind, Kind::Gone);
        assert_eq!(host.list(&path).unwrap_err().kind, Kind::Gone);
        assert_eq!(host.set_mode(&path, 0o600).unwrap_err().kind, Kind::Gone);
    }
    // A file is no folder to find something in.
    let file = folder.join("file");
    host.write_file(&file, b"x", 0o644, None).unwrap();
    assert_eq!(host.metadata(&file.join("below")).unwrap(), None);
    assert_eq!(host.read(&file.join("below"), 10).unwrap(), None);
    let trouble = host.write_file(&folder.join("no/file"), b"x", 0o644, None).unwrap_err();
    assert_eq!(trouble.kind, Kind::Gone);
    let words = trouble.to_string();
    assert!(words.starts_with("could not ") && words.contains("no/file"), "{words}");
}

/// What was sealed is removed with all in it, wherever it was moved to; what is in its place is not.
fn sealed(host: &dyn Host, folder: &Path) {
    let (first, other, moved) = (folder.join("first"), folder.join("other"), folder.join("moved"));
    assert_eq!(host.seal(&first).unwrap(), None);
    for is_folder in [false, true] {
        let make = |path: &Path| match is_folder {
            true => {
                host.make_folder(&path.join("in"), 0o755).or_else(|_| {
                    host.make_folder(path, 0o755)?;
                    host.make_folder(&path.join("in"), 0o755)
                })?;
                host.write_file(&path.join("in/file"), b"x", 0o644, None)
            }
            false => host.write_file(path, b"x", 0o644, None),
        };
        make(&first).unwrap();
        let seal = host.seal(&first).unwrap().unwrap();
        host.rename(&first, &moved).unwrap();
        make(&other).unwrap();
        for was_begun in [false, true] {
            assert_eq!(host.remove_sealed(&other, &seal, was_begun).unwrap_err().kind, Kind::Changed);
        }
        assert!(host.metadata(&other).unwrap().is_some());
        host.remove_sealed(&first, &seal, false).unwrap();
        // A rename is a change, unless it belongs to what had been begun.
        host.remove_sealed(&moved, &seal, true).unwrap();
        assert_eq!(host.metadata(&moved).unwrap(), None);
        let seal = host.seal(&other).unwrap().unwrap();
        host.remove_sealed(&other, &seal, false).unwrap();
        assert_eq!(host.metadata(&other).unwrap(), None);
    }
}

/// A file is what was written last, as a whole, with exactly its mode.
fn written(host: &dyn Host, folder: &Path) {
    let file = folder.join("file");
    for (content, mode) in [(&b"one"[..], 0o644), (b"", 0o600), (b"three\n", 0o666), (b"set", 0o4755)] {
        host.write_file(&file, content, mode, None).unwrap();
        let metadata = host.metadata(&file).unwrap().unwrap();
        assert_eq!((metadata.kind, metadata.mode, metadata.len), (FileKind::File, mode, content.len() as u64));
        assert_eq!(host.read(&file, 1 << 20).unwrap().unwrap(), content);
        assert_eq!(host.size_of(&file).unwrap(), Some(content.len() as u64));
    }
    assert_eq!(host.read(&file, 2).unwrap().unwrap(), b"se");
    assert_eq!(host.read(&file, 0).unwrap().unwrap(), b"");
    // What an interrupted write left is in nobody's way, and nothing is left of this one.
    host.write_file(&temporary_of(&file), b"left over", 0o644, None).unwrap();
    host.write_file(&file, b"new", 0o644, None).unwrap();
    assert_eq!(host.list(folder).unwrap(), ["file"]);
    let before = host.metadata(&file).unwrap().unwrap().inode;
    host.write_file(&file, b"newer", 0o644, None).unwrap();
    assert_ne!(host.metadata(&file).unwrap().unwrap().inode, before);
    // A folder is not overwritten, nor read.
    host.make_folder(&folder.join("folder"), 0o755).unwrap();
    assert!(host.write_file(&folder.join("folder"), b"x", 0o644, None).is_err());
    assert!(host.read(&folder.join("folder"), 10).is_err());
    assert_eq!(host.list(folder).unwrap(), ["file", "folder"]);
    host.sync(&[file, folder.to_path_buf(), folder.join("no/such")]).unwrap();
}

fn new_file(content: &[u8]) -> NewFile<'_> {
    NewFile { content, mode: 0o640, owner: None, attributes: None }
}

/// Only what was confirmed is replaced or removed; all else stays as somebody left it, and nothing is left beside it.
fn confirmed(host: &dyn Host, folder: &Path) {
    let file = folder.join("file");
    let look = || Before::look(host, &file).unwrap();
    let content = || host.read(&file, 100).unwrap();
    let changed = |done: seed_role::Result<()>| assert_eq!(done.unwrap_err().kind, Kind::Changed);
    let nothing = look();
    assert_eq!(nothing, Before::Nothing);
    host.replace_file(&file, &new_file(b"one"), &nothing).unwrap();
    assert_eq!(host.metadata(&file).unwrap().unwrap().mode, 0o640);
    changed(host.replace_file(&file, &new_file(b"late"), &nothing));
    assert_eq!(content().unwrap(), b"one");
    let one = look();
    host.replace_file(&file, &new_file(b"two"), &one).unwrap();
    assert_eq!(content().unwrap(), b"two");
    // Each thing that somebody can change.
    let two = look();
    let edits: [&dyn Fn(); 5] = [
        &|| host.write_file(&file, b"too", 0o640, None).unwrap(),
        &|| host.set_mode(&file, 0o600).unwrap(),
        &|| host.remove_file(&file).unwrap(),
        &|| host.make_link(&file, Path::new("elsewhere")).unwrap(),
        &|| host.make_folder(&file, 0o755).unwrap(),
    ];
    for edit in edits {
        if matches!(host.metadata(&file).unwrap(), Some(there) if there.kind != FileKind::File) {
            host.remove_file(&file).unwrap();
        }
        if host.metadata(&file).unwrap().is_some() {
            host.write_file(&file, b"two", 0o640, None).unwrap();
        }
        edit();
        let edited = host.metadata(&file).unwrap();
        changed(host.replace_file(&file, &new_file(b"three"), &two));
        changed(host.take_away(&file, &two));
        assert_eq!(host.metadata(&file).unwrap(), edited);
        assert!(host.list(folder).unwrap().iter().all(|name| name == "file"));
    }
    host.remove_folder(&file).unwrap();
    host.replace_file(&file, &new_file(b"two"), &Before::Nothing).unwrap();
    host.take_away(&file, &two).unwrap();
    assert_eq!(host.list(folder).unwrap(), [""; 0]);
    changed(host.take_away(&file, &two));
    // What an interrupted write left is in nobody's way.
    host.write_file(&temporary_of(&file), b"left over", 0o644, None).unwrap();
    assert_eq!(host.settle(&temporary_of(&file)).unwrap(), None);
    assert_eq!(host.list(folder).unwrap(), [""; 0]);
    assert_eq!(host.settle(&folder.join("no/such/.file.seed-new")).unwrap(), None);
}

/// The same for links.
fn confirmed_links(host: &dyn Host, folder: &Path) {
    let link = folder.join("link");
    let point = |to: &str, before: &Before| host.replace_link(&link, Path::new(to), None, before);
    point("one", &Before::Nothing).unwrap();
    assert_eq!(point("late", &Before::Nothing).unwrap_err().kind, Kind::Changed);
    let one = Before::look(host, &link).unwrap();
    point("two", &one).unwrap();
    assert_eq!(point("late", &one).unwrap_err().kind, Kind::Changed);
    assert_eq!(host.take_away(&link, &one).unwrap_err().kind, Kind::Changed);
    assert_eq!(host.read_link(&link).unwrap(), Path::new("two"));
    if host.whoami().uid == 0 {
        host.set_owner(&link, Owner { uid: 77, gid: 88 }).unwrap();
        let two = Before::look(host, &link).unwrap();
        host.replace_link(&link, Path::new("three"), Some(Owner { uid: 77, gid: 88 }), &two).unwrap();
        let there = host.metadata(&link).unwrap().unwrap();
        assert_eq!((there.kind, there.uid, there.gid), (FileKind::Link, 77, 88));
    }
    host.take_away(&link, &Before::look(host, &link).unwrap()).unwrap();
    assert_eq!(host.list(folder).unwrap(), [""; 0]);
}

/// A file has exactly the attributes that it is given, and they count as what was confirmed.
fn beside_the_content(host: &dyn Host, folder: &Path) {
    let file = folder.join("file");
    host.write_file(&file, b"x", 0o644, None).unwrap();
    assert!(host.attributes(&file).unwrap().is_empty());
    let attributes = Attributes { extended: BTreeMap::from([("user.note".to_string(), b"kept\0".to_vec())]), flags: NODUMP };
    let new = NewFile { content: b"y", mode: 0o600, owner: None, attributes: Some(&attributes) };
    let plain = Before::look(host, &file).unwrap();
    host.replace_file(&file, &new, &plain).unwrap();
    let whole =
        Whole { metadata: host.metadata(&file).unwrap().unwrap(), content: b"y".to_vec(), attributes: attributes.clone() };
    assert_eq!(host.read_whole(&file, 10).unwrap(), Some(whole));
    assert_eq!(host.attributes(&file).unwrap(), attributes);
    let Before::File { content, mode, owner, .. } = Before::look(host, &file).unwrap() else { panic!() };
    let without = Before::File { content, mode, owner, attributes: Attributes::default() };
    assert_eq!(host.take_away(&file, &without).unwrap_err().kind, Kind::Changed);
    // What a new file cannot have is known before anything is replaced.
    let locked = Attributes { flags: IMMUTABLE, ..Attributes::default() };
    let refused = host.replace_file(&file, &NewFile { attributes: Some(&locked), ..new }, &Before::look(host, &file).unwrap());
    assert!(refused.unwrap_err().to_string().contains("immutable"));
    assert_eq!(host.attributes(&file).unwrap(), attributes);
    assert_eq!(host.list(folder).unwrap(), ["file"]);
    let set = |path: &Path, attributes: &Attributes| {
        let there = host.metadata(path).unwrap().unwrap();
        host.set_access(path, &there, &Access { attributes: Some(attributes), ..Access::default() }).unwrap();
    };
    set(&file, &Attributes::default());
    assert!(host.attributes(&file).unwrap().is_empty());
    // A folder has some as well.
    assert!(host.attributes(folder).unwrap().is_empty());
    set(folder, &attributes);
    assert_eq!(host.attributes(folder).unwrap(), attributes);
}

/// Flags of linux/fs.h.
const NODUMP: u32 = 0x40;
const IMMUTABLE: u32 = 0x10;

/// Bytes in the middle of a file.
fn ranges(host: &dyn Host, folder: &Path) {
    let file = folder.join("file");
    host.write_file(&file, b"0123456789", 0o644, None).unwrap();
    host.write_at(&file, 3, b"abc").unwrap();
    assert_eq!(host.read_at(&file, 2, 5).unwrap(), b"2abc6");
    assert_eq!(host.read_at(&file, 8, 5).unwrap(), b"89");
    assert_eq!(host.read_at(&file, 50, 5).unwrap(), b"");
    host.write_at(&file, 12, b"x").unwrap();
    assert_eq!(host.read(&file, 100).unwrap().unwrap(), b"012abc6789\0\0x");
}

/// Images, sparse and full, larger and smaller.
fn images(host: &dyn Host, folder: &Path) {
    let (sparse, full) = (folder.join("sparse"), folder.join("full"));
    host.make_image(&sparse, 8 << 20, false, 0o600).unwrap();
    host.make_image(&full, 8 << 20, true, 0o640).unwrap();
    let of = |path: &Path| host.metadata(path).unwrap().unwrap();
    assert_eq!((of(&sparse).len, of(&sparse).mode), (8 << 20, 0o600));
    assert!(of(&sparse).allocated < 1 << 20);
    assert_eq!((of(&full).len, of(&full).mode), (8 << 20, 0o640));
    assert!(of(&full).allocated >= 8 << 20);
    let inode = of(&sparse).inode;
    assert!(host.make_image(&sparse, 1 << 20, false, 0o600).is_err());
    assert_eq!((of(&sparse).inode, of(&sparse).len), (inode, 8 << 20));
    host.write_at(&sparse, 5 << 20, &[7; 4096]).unwrap();
    host.set_len(&sparse, 16 << 20, false).unwrap();
    assert!(of(&sparse).allocated < 1 << 20);
    host.set_len(&full, 12 << 20, true).unwrap();
    assert!(of(&full).allocated >= 12 << 20);
    assert_eq!(host.read_at(&sparse, 5 << 20, 2).unwrap(), [7, 7]);
    host.set_len(&sparse, 4 << 20, false).unwrap();
    host.set_len(&sparse, 8 << 20, false).unwrap();
    assert_eq!(host.read_at(&sparse, 5 << 20, 2).unwrap(), [0, 0]);
    assert_eq!(host.list(folder).unwrap(), ["full", "sparse"]);
    let trouble = host.make_image(&folder.join("huge"), u64::MAX, false, 0o600).unwrap_err();
    assert!(trouble.to_string().contains("huge"), "{trouble}");
    assert_eq!(host.list(folder).unwrap(), ["full", "sparse"]);
}

/// Folders, their modes, and that they are not removed while something is in them.
fn folders(host: &dyn Host, folder: &Path) {
    let inner = folder.join("a");
    for mode in [0o777, 0o700, 0o1777, 0o2775] {
        host.make_folder(&inner, mode).unwrap();
        let metadata = host.metadata(&inner).unwrap().unwrap();
        assert_eq!((metadata.kind, metadata.mode), (FileKind::Directory, mode));
        host.make_folder(&inner, mode).unwrap();
        host.set_mode(&inner, 0o711).unwrap();
        assert_eq!(host.metadata(&inner).unwrap().unwrap().mode, 0o711);
        host.remove_folder(&inner).unwrap();
        assert_eq!(host.metadata(&inner).unwrap(), None);
    }
    host.make_folder(&inner, 0o755).unwrap();
    for name in ["c", "a", "b"] {
        host.write_file(&inner.join(name), b"", 0o644, None).unwrap();
    }
    assert_eq!(host.list(&inner).unwrap(), ["a", "b", "c"]);
    assert!(host.remove_folder(&inner).is_err());
    assert!(host.remove_file(&inner).is_err());
    assert!(host.make_folder(&inner.join("a"), 0o755).is_err());
    assert!(host.remove_folder(&inner.join("a")).is_err());
    assert!(host.list(&inner.join("a")).is_err());
    assert!(host.make_folder(&folder.join("no/b"), 0o755).is_err());
}

/// Links are seen as links, and only links are replaced by them.
fn links(host: &dyn Host, folder: &Path) {
    let link = folder.join("link");
    for target in ["nowhere", "/etc/hostname", "../up"] {
        host.make_link(&link, Path::new(target)).unwrap();
        assert_eq!(host.metadata(&link).unwrap().unwrap().kind, FileKind::Link);
        assert_eq!(host.read_link(&link).unwrap(), PathBuf::from(target));
    }
    assert_eq!(host.list(folder).unwrap(), ["link"]);
    let file = folder.join("file");
    host.write_file(&file, b"kept", 0o644, None).unwrap();
    assert!(host.make_link(&file, Path::new("x")).is_err());
    assert!(host.read_link(&file).is_err());
    assert_eq!(host.read(&file, 10).unwrap().unwrap(), b"kept");
    // A file that is written in the place of a link replaces the link, not what it points to.
    host.make_link(&link, &file).unwrap();
    host.write_file(&link, b"new", 0o644, None).unwrap();
    assert_eq!(host.metadata(&link).unwrap().unwrap().kind, FileKind::File);
    assert_eq!(host.read(&file, 10).unwrap().unwrap(), b"kept");
    host.make_link(&folder.join("again"), &file).unwrap();
    host.remove_file(&folder.join("again")).unwrap();
    assert_eq!(host.read(&file, 10).unwrap().unwrap(), b"kept");
}

/// Renaming moves, and never over something.
fn renamed(host: &dyn Host, folder: &Path) {
    let (a, b) = (folder.join("a"), folder.join("b"));
    host.write_file(&a, b"a", 0o644, None).unwrap();
    let inode = host.metadata(&a).unwrap().unwrap().inode;
    host.rename(&a, &b).unwrap();
    assert_eq!(host.metadata(&a).unwrap(), None);
    assert_eq!(host.metadata(&b).unwrap().unwrap().inode, inode);
    host.write_file(&a, b"other", 0o644, None).unwrap();
    assert!(host.rename(&a, &b).is_err());
    assert_eq!(host.read(&b, 10).unwrap().unwrap(), b"a");
    assert_eq!(host.rename(&folder.join("no"), &folder.join("c")).unwrap_err().kind, Kind::Gone);
    let (old, new) = (folder.join("old"), folder.join("new"));
    host.make_folder(&old, 0o750).unwrap();
    host.write_file(&old.join("in"), b"in", 0o644, None).unwrap();
    host.rename(&old, &new).unwrap();
    assert_eq!(host.read(&new.join("in"), 10).unwrap().unwrap(), b"in");
    assert_eq!(host.metadata(&old).unwrap(), None);
    assert!(host.rename(&new, &new.join("inside")).is_err());
}

/// A tree goes with all in it, and nothing that its links point to.
fn trees(host: &dyn Host, folder: &Path) {
    let kept = folder.join("kept");
    host.make_folder(&kept, 0o755).unwrap();
    host.write_file(&kept.join("file"), b"kept", 0o644, None).unwrap();
    let tree = folder.join("tree");
    host.make_folder(&tree, 0o755).unwrap();
    let mut deep = tree.clone();
    for level in 0..20 {
        deep = deep.join(format!("level {level}"));
        host.make_folder(&deep, 0o755).unwrap();
        host.write_file(&deep.join("file"), b"x", 0o400, None).unwrap();
        host.make_link(&deep.join("link"), &kept).unwrap();
    }
    assert!(host.remove_tree(&deep.join("file")).is_err());
    host.remove_tree(&tree).unwrap();
    assert_eq!(host.list(folder).unwrap(), ["kept"]);
    assert_eq!(host.list(&kept).unwrap(), ["file"]);
    // A link in the place of a tree is no tree.
    host.make_link(&tree, &kept).unwrap();
    assert!(host.remove_tree(&tree).is_err());
    assert_eq!(host.list(&kept).unwrap(), ["file"]);
}

/// Owners by name and by number.
fn owners(host: &dyn Host, folder: &Path) {
    let file = folder.join("file");
    host.write_file(&file, b"x", 0o640, None).unwrap();
    let me = host.whoami();
    let metadata = host.metadata(&file).unwrap().unwrap();
    assert_eq!(metadata.uid, me.uid);
    assert_eq!(host.owner("0").unwrap(), Owner { uid: 0, gid: 0 });
    assert_eq!(host.owner("root:0").unwrap(), Owner { uid: 0, gid: 0 });
    assert_eq!(host.owner("12345:54321").unwrap(), Owner { uid: 12345, gid: 54321 });
    assert_eq!(host.owner_name(Owner { uid: 12345, gid: 54321 }), "12345:54321");
    assert_eq!(host.owner_name(Owner { uid: 0, gid: 0 }), "root:root");
    assert!(host.owner("no-such-user").unwrap_err().to_string().contains("no-such-user"));
    assert!(host.owner("root:no-such-group").unwrap_err().to_string().contains("no-such-group"));
    assert!(host.owner("").is_err());
    if me.uid == 0 {
        let other = Owner { uid: 65534, gid: 12 };
        host.set_owner(&file, other).unwrap();
        let metadata = host.metadata(&file).unwrap().unwrap();
        assert_eq!((metadata.uid, metadata.gid, metadata.mode), (65534, 12, 0o640));
        host.write_file(&file, b"y", 0o4750, Some(Owner { uid: 7, gid: 8 })).unwrap();
        let metadata = host.metadata(&file).unwrap().unwrap();
        assert_eq!((metadata.uid, metadata.gid, metadata.mode), (7, 8, 0o4750));
    }
}

/// A folder that is reached through a link is the same folder; where that is not safe, it is refused.
fn through_links(host: &dyn Host, folder: &Path) {
    let (real, link) = (folder.join("real"), folder.join("link"));
    host.make_folder(&real, 0o755).unwrap();
    host.make_link(&link, Path::new("real")).unwrap();
    let file = link.join("file");
    match host.write_file(&file, b"x", 0o644, None) {
        Ok(()) => {
            assert_eq!(host.read(&real.join("file"), 10).unwrap().unwrap(), b"x");
            assert_eq!(host.list(&link).unwrap(), ["file"]);
            assert_eq!(host.read(&real.join("../link/file"), 10).unwrap().unwrap(), b"x");
            host.make_link(&folder.join("to-file"), &file).unwrap();
            assert_eq!(host.read(&folder.join("to-file"), 10).unwrap().unwrap(), b"x");
            assert_eq!(host.size_of(&folder.join("to-file")).unwrap(), Some(1));
        }
        Err(trouble) => assert_eq!(trouble.kind, Kind::Unsafe, "{trouble}"),
    }
    host.make_link(&folder.join("loop"), Path::new("loop")).unwrap();
    assert!(host.read(&folder.join("loop"), 10).is_err());
    assert!(host.list(&folder.join("loop")).is_err());
}
