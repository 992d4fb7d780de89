//! The simulated machine does what the real one does: the same random changes lead to the same files, the same
//! answers and the same kinds of trouble.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use seed_role::host::{Host, RealHost, SimHost};
use seed_role::trouble::{Kind, Trouble};

/// A change, or a look, on paths below a folder.
#[derive(Clone, Debug)]
enum Deed {
    Folder(String, u32),
    File(String, Vec<u8>, u32),
    Image(String, u64, bool),
    Length(String, u64, bool),
    Link(String, String),
    Mode(String, u32),
    Rename(String, String),
    RemoveFile(String),
    RemoveFolder(String),
    RemoveTree(String),
    WriteAt(String, u64, Vec<u8>),
    Read(String, u64),
    ReadAt(String, u64, usize),
    ReadLink(String),
    List(String),
    Size(String),
    Metadata(String),
}

/// What can be compared of an answer. Whether something is not there, or something on the way is no folder, depends
/// on where one looks first.
fn told<T: Debug>(result: Result<T, Trouble>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(trouble) if trouble.kind == Kind::Gone => format!("{:?}", Kind::Other),
        Err(trouble) => format!("{:?}", trouble.kind),
    }
}

impl Deed {
    fn run(&self, host: &dyn Host, top: &Path) -> String {
        let at = |path: &String| top.join(path);
        match self {
            Deed::Folder(path, mode) => told(host.make_folder(&at(path), *mode)),
            Deed::File(path, content, mode) => told(host.write_file(&at(path), content, *mode, None)),
            Deed::Image(path, len, full) => told(host.make_image(&at(path), *len, *full, 0o600)),
            Deed::Length(path, len, full) => told(host.set_len(&at(path), *len, *full)),
            Deed::Link(path, target) => told(host.make_link(&at(path), Path::new(target))),
            Deed::Mode(path, mode) => told(host.set_mode(&at(path), *mode)),
            // Which of its two paths it stumbles over first is not promised.
            Deed::Rename(from, to) => host.rename(&at(from), &at(to)).is_ok().to_string(),
            Deed::RemoveFile(path) => told(host.remove_file(&at(path))),
            Deed::RemoveFolder(path) => told(host.remove_folder(&at(path))),
            Deed::RemoveTree(path) => told(host.remove_tree(&at(path))),
            Deed::WriteAt(path, offset, bytes) => told(host.write_at(&at(path), *offset, bytes)),
            Deed::Read(path, limit) => told(host.read(&at(path), *limit)),
            Deed::ReadAt(path, offset, len) => told(host.read_at(&at(path), *offset, *len)),
            Deed::ReadLink(path) => told(host.read_link(&at(path))),
            Deed::List(path) => told(host.list(&at(path))),
            // The length of a folder is the file system's own business.
            Deed::Size(path) => match host.list(&at(path)) {
                Ok(_) => String::new(),
                Err(_) => told(host.size_of(&at(path))),
            },
            Deed::Metadata(path) => {
                let seen = host.metadata(&at(path)).map(|it| it.map(|it| (it.kind, it.mode, it.uid, it.gid)));
                told(seen)
            }
        }
    }
}

/// Few names, so that they meet often.
fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![6 => Just("a"), 6 => Just("b"), 2 => Just("c"), 1 => Just("..")];
    proptest::collection::vec(name, 1..4).prop_map(|names| {
        // Never above the folder that it happens in.
        let depth = |names: &[&str]| names.iter().map(|name| if *name == ".." { -1 } else { 1 }).sum::<i32>();
        let names: Vec<&str> = (0..names.len()).filter(|end| depth(&names[..=*end]) > 0).map(|end| names[end]).collect();
        if names.is_empty() || names.contains(&"..") { "a/b".to_string() } else { names.join("/") }
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    let mode = || prop_oneof![Just(0o755_u32), Just(0o700), Just(0o644), Just(0o777), Just(0o1777), Just(0o751)];
    let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
    let len = || prop_oneof![Just(0_u64), Just(1), Just(4096), Just(10_000)];
    let target = || prop_oneof![Just("a"), Just("b"), Just("../a"), Just("../b/c"), Just("nowhere"), Just(".")];
    prop_oneof![
        4 => (path(), mode()).prop_map(|(path, mode)| Deed::Folder(path, mode)),
        4 => (path(), bytes(), mode()).prop_map(|(path, bytes, mode)| Deed::File(path, bytes, mode)),
        1 => (path(), len(), any::<bool>()).prop_map(|(path, len, full)| Deed::Image(path, len, full)),
        2 => (path(), len(), any::<bool>()).prop_map(|(path, len, full)| Deed::Length(path, len, full)),
        2 => (path(), target()).prop_map(|(path, target)| Deed::Link(path, target.into())),
        2 => (path(), mode()).prop_map(|(path, mode)| Deed::Mode(path, mode)),
        2 => (path(), path()).prop_map(|(from, to)| Deed::Rename(from, to)),
        2 => path().prop_map(Deed::RemoveFile),
        1 => path().prop_map(Deed::RemoveFolder),
        1 => path().prop_map(Deed::RemoveTree),
        2 => (path(), len(), bytes()).prop_map(|(path, offset, bytes)| Deed::WriteAt(path, offset, bytes)),
        2 => (path(), len()).prop_map(|(path, limit)| Deed::Read(path, limit)),
        1 => (path(), len(), 1..50_usize).prop_map(|(path, offset, len)| Deed::ReadAt(path, offset, len)),
        1 => path().prop_map(Deed::ReadLink),
        1 => path().prop_map(Deed::List),
        1 => path().prop_map(Deed::Size),
        2 => path().prop_map(Deed::Metadata),
    ]
}

/// Does the same on both, and compares after each.
fn alike(deeds: &[Deed]) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir()?;
    let real_top: PathBuf = folder.path().canonicalize()?;
    let (real, sim, sim_top) = (RealHost::new(), SimHost::new(), Path::new("/srv"));
    for deed in deeds {
        let answers = (deed.run(&real, &real_top), deed.run(&sim, sim_top));
        prop_assert_eq!(&answers.0, &answers.1, "{:?} on the real and the simulated machine", deed);
    }
    let (mut real_seen, mut sim_seen) = (Vec::new(), Vec::new());
    seen(&real, &real_top, Path::new(""), &mut real_seen);
    seen(&sim, sim_top, Path::new(""), &mut sim_seen);
    prop_assert_eq!(real_seen, sim_seen);
    Ok(())
}

/// All below a folder, as one can see it.
fn seen(host: &dyn Host, folder: &Path, shown: &Path, into: &mut Vec<String>) {
    for name in host.list(folder).unwrap() {
        let (path, shown) = (folder.join(&name), shown.join(&name));
        let metadata = host.metadata(&path).unwrap().unwrap();
        let what = match metadata.kind {
            seed_role::host::FileKind::File => format!("{:?}", host.read(&path, 1 << 20).unwrap()),
            seed_role::host::FileKind::Link => format!("{:?}", host.read_link(&path).unwrap()),
            _ => String::new(),
        };
        into.push(format!("{} {:?} {:o} {what}", shown.display(), metadata.kind, metadata.mode));
        if metadata.kind == seed_role::host::FileKind::Directory {
            seen(host, &path, &shown, into);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn real_and_simulated_do_the_same(deeds in proptest::collection::vec(deed(), 1..40)) {
        alike(&deeds)?;
    }
}

#[test]
fn a_file_in_the_place_of_a_link_to_a_folder_of_others() {
    let deeds = [
        Deed::Folder("a".into(), 0o777),
        Deed::File("a/a".into(), Vec::new(), 0o755),
        Deed::Link("b".into(), "a".into()),
        Deed::ReadAt("b/a".into(), 0, 1),
        Deed::File("b".into(), Vec::new(), 0o755),
        Deed::ReadAt("b/a".into(), 0, 1),
    ];
    alike(&deeds).unwrap();
}
