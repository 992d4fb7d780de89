//! What files have beside their content survives each change, and comes back with them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::sandbox::{Sandbox, is_root};

const SPEC: &str = "name.seed.yaml";
const PRESENT: &[&str] = &["apply", "--yes", SPEC];
const ABSENT: &[&str] = &["apply", "--yes", "--state", "absent", SPEC];
const NOTE: &str = "note:\n  is: file.text\n  path: ./note\n  content: from the spec\n";

/// Runs a program of the system that must succeed; what it printed.
fn run(program: &str, args: &[&str], path: &Path) -> String {
    let done = Command::new(program).args(args).arg(path).output();
    let done = done.unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
    assert!(done.status.success(), "{program} {args:?} {path:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// All that the system's own tools tell of a file beside its content.
fn beside(path: &Path) -> String {
    let metadata = path.symlink_metadata().unwrap();
    let mut told = format!("{:o} {}:{}\n", metadata.mode(), metadata.uid(), metadata.gid());
    told += &run("getfacl", &["--omit-header", "--numeric", "--absolute-names"], path);
    let extended = run("getfattr", &["--absolute-names", "--dump", "--match=-", "--encoding=hex"], path);
    // Without the name of the file.
    told.extend(extended.lines().skip(1).map(|line| format!("{line}\n")));
    told + run("lsattr", &["-d"], path).split(' ').next().unwrap()
}

/// The same, and the content.
fn whole(path: &Path) -> String {
    format!("{}\n{:?}", beside(path), fs::read(path).unwrap())
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Something of everything that a file can have.
fn adorn(path: &Path) {
    lchown(path, Some(1234), Some(4321)).unwrap();
    chmod(path, 0o6750);
    run("setcap", &["cap_net_bind_service=ep"], path);
    run("setfattr", &["--name=trusted.note", "--value=for root"], path);
    run("setfacl", &["--modify=u:4000:rw,g:4001:r"], path);
    run("setfattr", &["--name=user.note", "--value=kept"], path);
    run("chattr", &["+dA"], path);
}

/// Takes away what keeps a file from being removed, also when a test fails.
struct Unlocked<'a>(&'a Path);

impl Drop for Unlocked<'_> {
    fn drop(&mut self) {
        let _ = Command::new("chattr").arg("-ia").arg(self.0).status();
    }
}

#[test]
fn a_changed_file_keeps_what_it_has_and_gets_its_content_back() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = Sandbox::with_spec(NOTE);
    sandbox.write("note", "from before");
    let path = sandbox.at("note");
    adorn(&path);
    let (before, kept) = (whole(&path), beside(&path));
    sandbox.seed(PRESENT).exits(0);
    assert_eq!((sandbox.read("note").as_str(), beside(&path)), ("from the spec", kept.clone()));
    sandbox.seed(PRESENT).exits(0).says("Nothing to do");
    sandbox.write_spec(&NOTE.replace("from the spec", "from another spec"));
    sandbox.seed(PRESENT).exits(0);
    assert_eq!(beside(&path), kept);
    sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
    assert_eq!((sandbox.read("note").as_str(), beside(&path)), ("from the spec", kept));
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(whole(&path), before);
}

#[test]
fn a_new_mode_or_owner_keeps_the_rest() {
    if !is_root() {
        return;
    }
    // The access list makes the bits of the group its mask.
    for (more, mode, owner) in [("mode: \"0640\"", 0o640, (1234, 4321)), ("owner: \"77:88\"", 0o6770, (77, 88))] {
        let (sandbox, _) = Sandbox::with_spec(&format!("note:\n  is: file.text\n  path: ./note\n  content: same\n  {more}\n"));
        sandbox.write("note", "same");
        let path = sandbox.at("note");
        adorn(&path);
        let before = whole(&path);
        sandbox.seed(PRESENT).exits(0);
        let there = fs::metadata(&path).unwrap();
        assert_eq!((there.mode() & 0o7777, (there.uid(), there.gid())), (mode, owner));
        let capabilities = run("getcap", &[], &path);
        assert!(capabilities.contains("cap_net_bind_service"), "{more}: {capabilities:?}");
        assert!(beside(&path).contains("user:4000:"), "{more}");
        sandbox.seed(ABSENT).exits(0);
        assert_eq!(whole(&path), before, "{more}");
    }
}

#[test]
fn what_a_person_deletes_or_undo_brings_back_is_whole() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = Sandbox::with_spec(NOTE);
    sandbox.seed(PRESENT).exits(0);
    let path = sandbox.at("note");
    adorn(&path);
    let there = whole(&path);
    sandbox.seed(ABSENT).exits(0);
    assert!(!path.exists());
    sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
    assert_eq!(whole(&path), there);
}

#[test]
fn too_large_a_file_to_be_recorded_comes_back_with_all_it_had() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = Sandbox::with_spec(NOTE);
    let path = sandbox.at("note");
    fs::write(&path, vec![b'x'; 9 << 20]).unwrap();
    adorn(&path);
    let (before, kept) = (whole(&path), beside(&path));
    sandbox.seed(&["apply", "--yes", "--destroy-data", SPEC]).exits(0);
    assert_eq!((sandbox.read("note").as_str(), beside(&path)), ("from the spec", kept));
    sandbox.seed(ABSENT).exits(0);
    assert!(whole(&path) == before, "it is not as it was");
}

#[test]
fn a_link_that_is_pointed_anew_stays_its_owner_s() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = Sandbox::with_spec("current:\n  is: file.link\n  path: ./current\n  to: new\n");
    let path = sandbox.at("current");
    symlink("old", &path).unwrap();
    lchown(&path, Some(1234), Some(4321)).unwrap();
    let before = sandbox.tree();
    sandbox.seed(PRESENT).exits(0);
    let there = path.symlink_metadata().unwrap();
    assert_eq!((fs::read_link(&path).unwrap().as_path(), there.uid(), there.gid()), (Path::new("new"), 1234, 4321));
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn a_locked_file_is_refused_before_anything_is_changed() {
    if !is_root() {
        return;
    }
    for (flag, name) in [("+i", "immutable"), ("+a", "append only")] {
        let (sandbox, _) = Sandbox::with_spec(&format!("first:\n  is: file.text\n  path: ./first\n  content: x\n\n{NOTE}"));
        sandbox.write("note", "from before");
        let path = sandbox.at("note");
        run("chattr", &[flag], &path);
        let _unlocked = Unlocked(&path);
        let before = whole(&path);
        let plan = sandbox.seed(&["plan", "--json", SPEC]).json();
        let note = plan["actions"].as_array().unwrap().iter().find(|role| role["role"] == "note").unwrap();
        assert!(note["reason"].as_str().unwrap().contains(name), "{note}");
        sandbox.seed(PRESENT).exits(1).says(name).says("chattr");
        assert_eq!(whole(&path), before);
    }
}

#[test]
fn a_hard_link_that_will_be_broken_is_in_the_plan() {
    let (sandbox, _) = Sandbox::with_spec(NOTE);
    sandbox.write("note", "from before");
    fs::hard_link(sandbox.at("note"), sandbox.at("other")).unwrap();
    sandbox.seed(&["plan", SPEC]).exits(2).says("one of 2 hard links");
    let plan = sandbox.seed(&["plan", "--json", SPEC]).json();
    assert!(plan["actions"][0]["reason"].as_str().unwrap().contains("hard links"), "{plan}");
    sandbox.seed(PRESENT).exits(0);
    assert_eq!((sandbox.read("note").as_str(), sandbox.read("other").as_str()), ("from the spec", "from before"));
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(sandbox.read("note"), "from before");
    sandbox.seed(ABSENT).exits(0);
}

#[test]
fn a_fragment_leaves_what_its_file_has() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = Sandbox::with_spec("port:\n  is: file.fragment\n  path: ./etc.conf\n  fragment: ./fragments/port.conf\n");
    sandbox.write("fragments/port.conf", "port = 22\n");
    sandbox.write("etc.conf", "# mine\n");
    let path = sandbox.at("etc.conf");
    adorn(&path);
    let (before, kept) = (whole(&path), beside(&path));
    sandbox.seed(PRESENT).exits(0);
    assert!(sandbox.read("etc.conf").contains("port = 22"));
    assert_eq!(beside(&path), kept);
    sandbox.seed(ABSENT).exits(0);
    assert_eq!(whole(&path), before);
}

#[test]
fn a_folder_that_is_removed_comes_back_with_its_access_lists() {
    if !is_root() {
        return;
    }
    for holds in [false, true] {
        let (sandbox, _) = Sandbox::with_spec("box:\n  is: file.directory\n  path: ./box\n  mode: \"0750\"\n");
        sandbox.seed(PRESENT).exits(0);
        let path = sandbox.at("box");
        run("setfacl", &["--modify=u:4000:rx,d:u:4000:rx"], &path);
        if holds {
            sandbox.write("box/letter", "dear");
            adorn(&path.join("letter"));
        }
        let before = beside(&path);
        let letter = holds.then(|| whole(&path.join("letter")));
        sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", SPEC]).exits(0);
        assert!(!path.exists());
        sandbox.seed(&["undo", "--yes", SPEC]).exits(0);
        assert_eq!(beside(&path), before);
        assert_eq!(holds.then(|| whole(&path.join("letter"))), letter);
    }
}

/// What a file can have, drawn at random.
#[derive(Clone, Debug)]
struct Adorned {
    mode: u32,
    owner: (u32, u32),
    access: Vec<(u32, u8)>,
    extended: Vec<(String, Vec<u8>)>,
    capable: bool,
    flags: Vec<char>,
    content: Vec<u8>,
}

fn adorned() -> impl Strategy<Value = Adorned> {
    let access = proptest::collection::vec((3000..3010_u32, 0..8_u8), 0..3);
    let extended = proptest::collection::vec(("(user|trusted)\\.[a-z.]{1,20}", any::<Vec<u8>>()), 0..3);
    let flags = proptest::sample::subsequence(vec!['d', 'A'], 0..=2);
    let content = any::<Vec<u8>>();
    (0..0o10000_u32, (0..3_u32, 0..3_u32), access, extended, any::<bool>(), flags, content).prop_map(
        |(mode, owner, access, extended, capable, flags, content)| Adorned {
            mode,
            owner,
            access,
            extended,
            capable,
            flags,
            content,
        },
    )
}

impl Adorned {
    fn make(&self, path: &Path) {
        let _ = fs::remove_file(path);
        fs::write(path, &self.content).unwrap();
        lchown(path, Some(self.owner.0), Some(self.owner.1)).unwrap();
        chmod(path, self.mode);
        for (user, bits) in &self.access {
            let letters: String =
                "rwx".chars().enumerate().map(|(n, it)| if bits >> (2 - n) & 1 == 1 { it } else { '-' }).collect();
            run("setfacl", &[&format!("--modify=u:{user}:{letters}")], path);
        }
        for (name, value) in &self.extended {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            run("setfattr", &[&format!("--name={name}"), &format!("--value=0x{hex}")], path);
        }
        if self.capable {
            run("setcap", &["cap_net_raw=p"], path);
        }
        for flag in &self.flags {
            run("chattr", &[&format!("+{flag}")], path);
        }
    }
}

#[test]
fn any_file_survives_being_changed_and_given_back() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = Sandbox::with_spec(NOTE);
    let path = sandbox.at("note");
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let survives = |adorned: Adorned| {
        adorned.make(&path);
        let (before, kept) = (whole(&path), beside(&path));
        sandbox.seed(PRESENT).exits(0);
        prop_assert_eq!(beside(&path), kept);
        prop_assert_eq!(fs::read(&path).unwrap(), b"from the spec");
        sandbox.seed(ABSENT).exits(0);
        prop_assert_eq!(whole(&path), before);
        Ok(())
    };
    runner.run(&adorned(), survives).unwrap();
}
