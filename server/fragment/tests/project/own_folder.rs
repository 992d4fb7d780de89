//! `.seed/`: reached through no link, made only when there is something to keep, and given to whom the project belongs.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;

use seed_fragment::{Key, Resolution, State, Take, Target, resolve, update};
use seed_role::trouble::Kind;

use crate::world::{BEGIN, END, World, block};

/// A world with a clash that was not kept yet.
fn clash() -> World {
    let world = World::with("a\nb\n");
    world.edit("file", "b\n", "mine\n");
    world.write("fragments/f", "a\ntheirs\n");
    world
}

#[test]
fn nothing_is_written_or_removed_through_a_link() {
    for link in [
        ".seed/pending",
        ".seed/pending/f#1",
        ".seed/pending/f#1/mine",
        ".seed/base",
        ".seed/lock",
        ".seed/.gitignore",
        ".seed/fragments.lock",
        ".seed/transaction.prepare",
        ".seed/transaction.commit",
        ".seed",
    ] {
        for is_there in [true, false] {
            let world = clash();
            let victim = world.outside().join("victim");
            if is_there {
                // A folder with what would be removed or written in it; or a file where a file is expected.
                let is_folder = ["pending", "base", "f#1", ".seed"].iter().any(|name| link.ends_with(name));
                if is_folder {
                    fs::create_dir_all(victim.join("f#1")).unwrap();
                    fs::write(victim.join("f#1/mine"), "precious").unwrap();
                    fs::write(victim.join("mine"), "precious").unwrap();
                } else {
                    fs::write(&victim, "precious").unwrap();
                }
            }
            let at = world.at(link);
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&at);
            let _ = fs::remove_dir_all(&at);
            symlink(&victim, &at).unwrap();
            let (before, file) = (tree(world.outside(), &world.root), world.read("file"));
            let error = update(&world.root, &[]).unwrap_err();
            assert_eq!(error.kind, Kind::Unsafe, "{link}: {error}");
            assert!(error.to_string().contains("it is a symbolic link"), "{link}: {error}");
            assert_eq!((tree(world.outside(), &world.root), world.read("file")), (before, file), "{link}");
        }
    }
}

/// All that is in a folder, but for one in it.
fn tree(folder: &Path, but: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut all, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            if entry.path() == but {
                continue;
            }
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            }
            let text = if kind.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
            all.push((entry.path().display().to_string(), text));
        }
    }
    all.sort();
    all
}

#[test]
fn a_settled_clash_is_not_removed_through_a_link() {
    let world = clash();
    world.update();
    let elsewhere = world.outside().join("elsewhere");
    fs::rename(world.at(".seed/pending/f#1"), &elsewhere).unwrap();
    symlink(&elsewhere, world.at(".seed/pending/f#1")).unwrap();
    let target = Target::Key(Key::parse("f#1").unwrap());
    assert_eq!(resolve(&world.root, &[target], Resolution::Take(Take::Theirs)).unwrap_err().kind, Kind::Unsafe);
    assert!(elsewhere.join("mine").exists());
    assert!(world.read("file").contains("mine"));
}

#[test]
fn it_is_not_made_before_there_is_something_to_keep() {
    let world = World::new();
    world.write("fragments/f", "a\n");
    world.write("file", "nothing\n");
    world.update();
    world.write("file", "# seed:begin gone#1\n# seed:end gone#1\n# seed:begin f#1\n");
    world.update();
    assert!(!world.at(".seed").exists());
    world.write("file", format!("{BEGIN}{END}"));
    world.update();
    assert!(world.at(".seed/fragments.lock").exists());
    assert_eq!(world.states(), [State::Current]);
}

#[test]
fn what_root_makes_belongs_to_whom_the_project_belongs() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let world = clash();
    fs::remove_dir_all(world.at(".seed")).unwrap();
    std::os::unix::fs::chown(&world.root, Some(1234), Some(4321)).unwrap();
    world.write("other", "# seed:begin f#2\n# seed:end f#2\n");
    world.update();
    for path in ["", "base", "lock", ".gitignore", "fragments.lock", "pending", "pending/f#1", "pending/f#1/mine"] {
        let there = fs::metadata(world.at(".seed").join(path)).unwrap();
        assert_eq!((there.uid(), there.gid()), (1234, 4321), "{path}");
    }
    for base in fs::read_dir(world.at(".seed/base")).unwrap() {
        assert_eq!(base.unwrap().metadata().unwrap().uid(), 1234);
    }
}

#[test]
fn a_file_that_cannot_be_replaced_leaves_all_as_they_were() {
    let world = World::with("a\n");
    for folder in ["d1", "d2", "d3"] {
        let number = &folder[1..];
        world.write(&format!("{folder}/a"), format!("# seed:begin f#x{number}\n# seed:end f#x{number}\n"));
    }
    world.update();
    world.write("fragments/f", "A\n");
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    // Some cannot be replaced as is seen before anything is written; on which something is mounted only when others have their new texts
    // already.
    let path = world.at("d2/a");
    let mount = |args: &[&str]| Command::new(args[0]).args(&args[1..]).arg(&path).status().unwrap().success();
    let bound = path.display().to_string();
    for (lock, unlock, words) in [
        (&["chattr", "+i"][..], &["chattr", "-i"][..], "immutable"),
        (&["mount", "--bind", &bound], &["umount"], "no file was changed"),
    ] {
        if !mount(lock) {
            continue;
        }
        let before = world.bytes();
        let error = update(&world.root, &[]);
        let after = world.bytes();
        assert!(mount(unlock));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("d2/a") && error.contains(words), "{error}");
        assert_eq!(after, before);
    }
    assert_eq!(world.update().written.len(), 4);
    assert_eq!(world.read("file"), block("A\n"));
}
