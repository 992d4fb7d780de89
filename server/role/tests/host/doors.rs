//! Which files may change the file system by paths. What lies in a project goes through `Folder` or the host, which hold descriptors
//! from the check to the rename; only that keeps root safe in the folders of other users.

use std::fs;
use std::path::{Path, PathBuf};

/// Files that write by paths, and why these paths are nobody else's.
const ALLOWED: &[(&str, &str)] = &[
    ("role/src/host/real", "the host itself"),
    ("role/src/host/folder", "the folders themselves"),
    ("engine/src/journal", "the state folder, which is private to whom the process runs as"),
    ("engine/src/laws.rs", "journals of trials, in a temporary folder of the process"),
    ("duck/src/history.rs", "the state folder"),
    ("model/src/consent.rs", "the state folder"),
    ("knowledge/src/larger.rs", "the state folder"),
    ("knowledge/src/store.rs", "the state folder"),
    ("collection/src/cache.rs", "the cache, which is private to whom the process runs as"),
    ("collection/src/content.rs", "the cache, while a collection is fetched"),
    ("collection/src/git.rs", "the cache, while a collection is fetched"),
];

/// What changes something by a path.
const WRITES: &[&str] = &[
    "fs::write",
    "fs::create_dir",
    "fs::remove_",
    "fs::rename",
    "fs::copy",
    "fs::hard_link",
    "fs::set_permissions",
    "fs::symlink(",
    "unix::fs::chown",
    "unix::fs::lchown",
    "File::create",
    "File::options",
    "OpenOptions",
    "DirBuilder",
    "NamedTempFile",
    "tempdir_in",
    ".persist(",
    "libc::open",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") && path.file_name().unwrap() != "tests.rs" {
            found.push(path);
        }
    }
}

#[test]
fn nothing_but_these_files_writes_by_paths() {
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for krate in fs::read_dir(server).unwrap() {
        let krate = krate.unwrap();
        if krate.file_name() != "xtask" {
            sources(&krate.path().join("src"), &mut files);
        }
    }
    assert!(files.len() > 200, "{} files", files.len());
    let mut used = vec![false; ALLOWED.len()];
    let mut wrong = Vec::new();
    for file in &files {
        let relative = file.strip_prefix(server).unwrap();
        let text = fs::read_to_string(file).unwrap();
        // Behind that come the tests of the file; fixtures, and what is tried with hostile input, are all tests.
        let text = ["\n#[cfg(test)]\n", "\n#[test]\n"].iter().fold(&*text, |text, tests| text.split(tests).next().unwrap());
        if relative.ends_with("fixture.rs") || relative.ends_with("hostile.rs") {
            continue;
        }
        let writes =
            WRITES.iter().filter(|word| text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(*word)));
        let writes: Vec<_> = writes.collect();
        match ALLOWED.iter().position(|(allowed, _)| relative.starts_with(allowed)) {
            Some(nth) => used[nth] |= !writes.is_empty(),
            None if !writes.is_empty() => wrong.push(format!("{} has {writes:?}", relative.display())),
            None => {}
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "use seed_role::host::folder instead");
    let idle: Vec<_> = ALLOWED.iter().zip(used).filter(|(_, used)| !used).map(|((allowed, _), _)| allowed).collect();
    assert!(idle.iter().all(|allowed| allowed.starts_with("role/")), "need no exception any more: {idle:?}");
}
