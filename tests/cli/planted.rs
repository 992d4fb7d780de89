//! What other users put where root works: links, folders, files, images, access lists, forged leftovers. None of it gets root to act on
//! what is root's, or to give it away.

use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};

use crate::racer::{NOBODY, SECRET};
use crate::sandbox::{Ran, Sandbox, is_root, own};

fn give_to_nobody(path: &Path) {
    lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A sandbox of root's with a spec, and in it a folder `home` of nobody's.
fn beside_a_home(roles: &str) -> (Sandbox, &'static str) {
    let (sandbox, spec) = Sandbox::with_spec(roles);
    fs::create_dir(sandbox.at("home")).unwrap();
    give_to_nobody(&sandbox.at("home"));
    (sandbox, spec)
}

/// The same with a folder `open` in which all may put things, as in /tmp.
fn beside_an_open_folder(roles: &str) -> (Sandbox, &'static str) {
    let (sandbox, spec) = Sandbox::with_spec(roles);
    fs::create_dir(sandbox.at("open")).unwrap();
    set_mode(&sandbox.at("open"), 0o1777);
    (sandbox, spec)
}

fn owner_and_mode(path: &Path) -> (u32, u32) {
    let about = path.symlink_metadata().unwrap();
    (about.uid(), about.mode() & 0o7777)
}

#[test]
fn a_command_does_not_run_behind_a_link_of_another_user() {
    if !is_root() {
        return;
    }
    let task = "task:\n  is: task.command\n  folder: ./home/run\n  present: [touch, made]\n  absent: [rm, -f, made]\n  info: [test, -e, made]\n";
    let (sandbox, spec) = beside_a_home(task);
    fs::create_dir(sandbox.at("of-root")).unwrap();
    symlink(sandbox.at("of-root"), sandbox.at("home/run")).unwrap();
    give_to_nobody(&sandbox.at("home/run"));
    sandbox.seed(&["trust", "."]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(1).says("symbolic link");
    assert_eq!(fs::read_dir(sandbox.at("of-root")).unwrap().count(), 0);
    // A folder of theirs is a folder, and the plan names it.
    fs::remove_file(sandbox.at("home/run")).unwrap();
    fs::create_dir(sandbox.at("home/run")).unwrap();
    give_to_nobody(&sandbox.at("home/run"));
    let plan = sandbox.seed(&["plan", spec]).exits(2);
    assert!(plan.stdout().contains(&format!("in    {}", sandbox.at("home/run").display())), "{}", plan.told());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert!(sandbox.at("home/run/made").exists());
}

#[test]
fn a_file_of_another_user_that_becomes_roots_is_a_new_file() {
    if !is_root() {
        return;
    }
    let note = "note:\n  is: file.text\n  path: ./home/note\n  content: ours\n  owner: root:root\n  mode: \"0644\"\n";
    let (sandbox, spec) = beside_a_home(note);
    let path = sandbox.at("home/note");
    fs::write(&path, "ours").unwrap();
    give_to_nobody(&path);
    // They have it open for writing from before.
    let mut theirs = fs::OpenOptions::new().append(true).open(&path).unwrap();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    theirs.write_all(b" and theirs").unwrap();
    assert_eq!(sandbox.read("home/note"), "ours");
    assert_eq!(owner_and_mode(&path), (0, 0o644));
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert_eq!(owner_and_mode(&path).0, NOBODY);
}

#[test]
fn no_file_gets_a_set_user_id_bit_in_a_folder_of_another_user() {
    if !is_root() {
        return;
    }
    let tool = "tool:\n  is: file.text\n  path: ./home/tool\n  content: program\n  owner: root:root\n  mode: \"4755\"\n";
    for (owner, mode) in [(None, 0), (Some(NOBODY), 0o755), (Some(0), 0o755)] {
        let (sandbox, spec) = beside_a_home(tool);
        let path = sandbox.at("home/tool");
        if let Some(owner) = owner {
            fs::write(&path, "program").unwrap();
            set_mode(&path, mode);
            chown(&path, Some(owner), Some(owner)).unwrap();
        }
        sandbox.seed(&["apply", "--yes", "--destroy-data", spec]).exits(1).says("set-user-ID");
        match owner {
            Some(owner) => assert_eq!(owner_and_mode(&path), (owner, mode)),
            None => assert!(!path.exists()),
        }
    }
    // Where only root writes it is root's own business.
    let (sandbox, spec) = Sandbox::with_spec(&tool.replace("./home/tool", "./tool"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(owner_and_mode(&sandbox.at("tool")), (0, 0o4755));
}

#[test]
fn an_image_that_another_user_put_in_its_place_is_not_mounted() {
    if !is_root() {
        return;
    }
    let roles = "image: {is: storage.file_block_image, path: ./home/disk.img, size: 16 MiB}\n\
                 loop: {is: storage.loopback_device, backing: image}\n\
                 data: {is: storage.filesystem, device: loop, type: ext4, mount: ./mnt}\n";
    let (sandbox, spec) = beside_a_home(roles);
    let plan = sandbox.seed(&["plan", spec]).exits(2);
    assert!(plan.stdout().contains("nosuid"), "{}", plan.told());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let at = sandbox.at("mnt").display().to_string();
    let line = table.lines().find(|line| line.split(' ').nth(4) == Some(&at)).unwrap();
    assert!(line.contains("nosuid") && line.contains("nodev"), "{line}");
    sandbox.seed(&["plan", spec]).exits(0);
    // The machine starts anew, and they have put another one there.
    let run = |program: &str, args: &[&Path]| assert!(Command::new(program).args(args).status().unwrap().success());
    run("umount", &[&sandbox.at("mnt")]);
    for device in sandbox.loops() {
        run("losetup", &[Path::new("--detach"), &device]);
    }
    let image = sandbox.at("home/disk.img");
    fs::rename(&image, sandbox.at("home/old.img")).unwrap();
    fs::copy(sandbox.at("home/old.img"), &image).unwrap();
    give_to_nobody(&image);
    set_mode(&image, 0o600);
    sandbox.seed(&["apply", "--yes", spec]).exits(1).says("belongs to another user");
    sandbox.assert_nothing_leaks();
    assert_eq!(owner_and_mode(&image), (NOBODY, 0o600));
    // Theirs by the spec, it is used.
    sandbox.write(spec, &sandbox.read(spec).replace("size: 16 MiB}", "size: 16 MiB, owner: \"65534:65534\"}"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
}

const NOTE: &str = "note:\n  is: file.text\n  path: ./note\n  content: ours\n";

#[test]
fn root_reads_no_spec_that_others_can_write_by_an_access_list() {
    if !is_root() {
        return;
    }
    let allow = |path: &Path| {
        let allowed = Command::new("setfacl").args(["-m", "u:65534:rw"]).arg(path).status().unwrap();
        assert!(allowed.success());
    };
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    allow(&sandbox.at(spec));
    for command in [&["apply", "--yes", spec][..], &["plan", spec], &["check", spec]] {
        let ran = sandbox.seed(command).says("others can write it");
        assert!(!matches!(ran.code(), Some(0 | 2)), "{}", ran.told());
    }
    assert!(!sandbox.at("note").exists());
    // The same of a role, and of a folder.
    let (sandbox, spec) = Sandbox::with_spec("n: {is: desk}\n");
    sandbox.write("roles/desk/role.yml", "about: A desk.\n");
    sandbox.write("roles/desk/tasks/main.yml", "present:\n  top: {is: file.text, path: ./top, content: x}\n");
    allow(&sandbox.at("roles/desk/tasks/main.yml"));
    sandbox.seed(&["apply", "--yes", spec]).says("others can write it");
    assert!(!sandbox.at("roles/desk/top").exists() && !sandbox.at("top").exists());
}

#[test]
fn root_reads_no_spec_that_others_can_put_another_in_the_place_of() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    set_mode(sandbox.path(), 0o777);
    sandbox.seed(&["apply", "--yes", spec]).exits(3).says("others can write in");
    assert!(!sandbox.at("note").exists());
    give_to_nobody(sandbox.path());
    set_mode(sandbox.path(), 0o755);
    sandbox.seed(&["apply", "--yes", spec]).exits(3).says("others can write in");
    // For the user who called sudo it is read.
    Ran::of(sandbox.seed_command(&["plan", spec]).env("SUDO_UID", NOBODY.to_string())).exits(2);
    chown(sandbox.path(), Some(0), Some(0)).unwrap();
    set_mode(sandbox.path(), 0o1777);
    sandbox.seed(&["plan", spec]).exits(2);
}

#[test]
fn a_folder_that_became_anothers_is_trusted_no_more() {
    if !is_root() {
        return;
    }
    let task = "task:\n  is: task.command\n  present: [touch, made]\n  absent: [rm, -f, made]\n  info: [test, -e, made]\n";
    let (sandbox, spec) = Sandbox::with_spec(task);
    sandbox.seed(&["trust", "."]).exits(0);
    sandbox.seed(&["plan", spec]).exits(2);
    set_mode(sandbox.path(), 0o777);
    let ran = sandbox.seed(&["apply", "--yes", spec]);
    assert!(ran.code() != Some(0), "{}", ran.told());
}

/// What an interrupted exchange would have left: its name says that `note` is the new file, and so that this one comes back.
fn forge(sandbox: &Sandbox, note: &Path) -> PathBuf {
    let about = note.symlink_metadata().unwrap();
    let mut hasher = blake3::Hasher::new();
    for number in [about.ino(), about.size(), about.mtime().cast_unsigned(), about.mtime_nsec().cast_unsigned()] {
        hasher.update(&number.to_le_bytes());
    }
    for number in [about.mode(), about.uid(), about.gid()] {
        hasher.update(&number.to_le_bytes());
    }
    let known = hasher.finalize().to_hex()[..8].to_string();
    let forged = sandbox.at(&format!("open/.note.seed-new.{known}.00000000"));
    for path in [&forged, &sandbox.at("open/.note.seed-new")] {
        fs::write(path, "the attacker's\n").unwrap();
        give_to_nobody(path);
    }
    forged
}

#[test]
fn a_forged_leftover_of_an_interruption_gets_no_name() {
    if !is_root() {
        return;
    }
    let note = "note:\n  is: file.text\n  path: ./open/note\n  content: ours\n";
    let (sandbox, spec) = beside_an_open_folder(note);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let path = sandbox.at("open/note");
    forge(&sandbox, &path);
    sandbox.write_spec(&note.replace("ours", "ours anew"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("open/note"), "ours anew");
    assert_eq!(owner_and_mode(&path).0, 0);
    // The same where nothing but the forged one would be there.
    forge(&sandbox, &path);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert!(!path.exists());
}

#[test]
fn a_secret_is_not_written_into_the_file_of_another_user() {
    if !is_root() {
        return;
    }
    let roles = "token:\n  is: file.text\n  path: ./open/token\n  content: !secret {file: ./key}\n";
    let (sandbox, spec) = beside_an_open_folder(roles);
    sandbox.write("key", SECRET);
    set_mode(&sandbox.at("key"), 0o600);
    let path = sandbox.at("open/token");
    fs::write(&path, "").unwrap();
    set_mode(&path, 0o666);
    give_to_nobody(&path);
    let plan = sandbox.seed(&["plan", spec]).exits(2).never_says(SECRET).says("owner").says("mode");
    assert!(plan.stdout().contains("0600") && plan.stdout().contains("root:root"), "{}", plan.told());
    sandbox.seed(&["apply", "--yes", spec]).exits(0).never_says(SECRET);
    assert_eq!(owner_and_mode(&path), (0, 0o600));
    assert_eq!(sandbox.read("open/token"), SECRET);
    sandbox.seed(&["plan", spec]).exits(0);
    // Given away later, it is drift.
    give_to_nobody(&path);
    sandbox.seed(&["info", spec]).exits(2);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(owner_and_mode(&path), (0, 0o600));
}

#[test]
fn what_has_the_temporary_name_of_a_file_does_not_stop_root() {
    if !is_root() {
        return;
    }
    let roles = "note: {is: file.text, path: ./home/note, content: ours}\n\
                 link: {is: file.link, path: ./home/link, to: note}\n\
                 inbox: {is: file.directory, path: ./home/inbox, owner: \"65534:65534\"}\n";
    let (sandbox, spec) = beside_a_home(roles);
    for name in ["note", "link", "inbox"] {
        sandbox.write(&format!("home/.{name}.seed-new/theirs"), "x");
    }
    own(&sandbox.at("home"), NOBODY);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("home/note"), "ours");
    assert_eq!(owner_and_mode(&sandbox.at("home/inbox")), (NOBODY, 0o755));
    sandbox.write_spec(&roles.replace("content: ours", "content: anew").replace("to: note", "to: inbox"));
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("home/note"), "anew");
    assert_eq!(fs::read_link(sandbox.at("home/link")).unwrap(), Path::new("inbox"));
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    // What is theirs stays theirs, and nothing else is left.
    let left: Vec<_> = fs::read_dir(sandbox.at("home")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    // What formats a spec goes on as well.
    sandbox.write("home/odd.seed.yaml", "seed:   1\nname: odd\nwhy:   A test.\nroles: {}\n");
    sandbox.write("home/.odd.seed.yaml.seed-new/theirs", "x");
    own(&sandbox.at("home"), NOBODY);
    Ran::of(sandbox.seed_command(&["fmt", "home/odd.seed.yaml"]).env("SUDO_UID", NOBODY.to_string())).exits(0);
    assert!(sandbox.read("home/odd.seed.yaml").contains("why: A test."));
}

#[test]
fn what_has_the_name_of_a_backup_does_not_stop_root() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = beside_an_open_folder("d: {is: file.directory, path: ./open/d}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.write("open/d/data", "kept");
    for run in 1..6 {
        let planted = sandbox.at(&format!("open/.d.seed-backup-{run}"));
        fs::create_dir(&planted).unwrap();
        give_to_nobody(&planted);
    }
    sandbox.seed(&["apply", "--yes", "--destroy-data", "--state", "absent", spec]).exits(0);
    assert!(!sandbox.at("open/d").exists());
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("open/d/data"), "kept");
}

#[test]
fn a_tree_of_any_depth_is_removed() {
    const DEPTH: usize = 3000;
    if !is_root() {
        return;
    }
    let (sandbox, spec) = beside_a_home("d: {is: file.directory, path: ./home/d, disposable: true}\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY;
    let mut at: OwnedFd = openat(AT_FDCWD, &sandbox.at("home/d"), flags, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        mkdirat(&at, "deep", Mode::from_bits_truncate(0o755)).unwrap();
        at = openat(&at, "deep", flags, Mode::empty()).unwrap();
    }
    let mut command = sandbox.command("sh");
    command.args([
        "-c",
        "ulimit -n 200 && exec \"$0\" \"$@\"",
        crate::sandbox::SEED,
        "apply",
        "--yes",
        "--state",
        "absent",
        spec,
    ]);
    let ran = Ran::of(&mut command).exits(0);
    assert!(ran.told().len() < 4000, "{}", ran.told());
    assert!(!sandbox.at("home/d").exists());
}

#[test]
fn a_fragment_in_a_file_with_two_names_is_told_of() {
    let (sandbox, spec) = Sandbox::with_spec("f: {is: file.fragment, path: ./conf, fragment: ./fragments/base}\n");
    sandbox.write("fragments/base", "one\n");
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    fs::hard_link(sandbox.at("conf"), sandbox.at("second")).unwrap();
    sandbox.write("fragments/base", "two\n");
    sandbox.seed(&["plan", spec]).exits(2).says("hard links");
}

#[test]
fn a_link_that_is_pointed_anew_keeps_its_trusted_attributes() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec("link: {is: file.link, path: ./link, to: new}\n");
    let link = sandbox.at("link");
    symlink("old", &link).unwrap();
    let set = Command::new("setfattr").args(["-h", "-n", "trusted.note", "-v", "kept"]).arg(&link).status().unwrap();
    assert!(set.success());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("new"));
    let shown = Command::new("getfattr").args(["-h", "-n", "trusted.note", "--only-values"]).arg(&link).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "kept", "{shown:?}");
}

#[test]
fn a_template_that_is_a_second_name_for_a_file_of_roots_is_not_read() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = beside_a_home("page: {is: file.template, path: ./page, from: ./home/page.j2}\n");
    sandbox.write("secret", SECRET);
    set_mode(&sandbox.at("secret"), 0o600);
    fs::hard_link(sandbox.at("secret"), sandbox.at("home/page.j2")).unwrap();
    sandbox.seed(&["apply", "--yes", spec]).exits(1).says("hard link").never_says(SECRET);
    assert!(!sandbox.at("page").exists());
}

#[test]
fn a_link_in_the_image_of_another_user_leads_nowhere() {
    if !is_root() {
        return;
    }
    for inside in ["p: {is: file.text, path: ./mnt/etc/passwd, content: theirs}", "p: {is: file.directory, path: ./mnt/etc/new}"]
    {
        let roles = format!(
            "i: {{is: storage.file_block_image, path: ./home/i.img, size: 16 MiB, owner: \"{NOBODY}:{NOBODY}\"}}\n\
             l: {{is: storage.loopback_device, backing: i}}\n\
             f: {{is: storage.filesystem, device: l, type: ext4, mount: ./mnt}}\n{inside}\n"
        );
        let (sandbox, spec) = beside_a_home(&roles);
        for folder in ["of-root", "inside"] {
            fs::create_dir(sandbox.at(folder)).unwrap();
        }
        sandbox.write("of-root/passwd", "root's");
        symlink(sandbox.at("of-root"), sandbox.at("inside/etc")).unwrap();
        let image = sandbox.at("home/i.img");
        fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-d"]).arg(sandbox.at("inside")).arg(&image).status().unwrap();
        assert!(made.success());
        give_to_nobody(&image);
        sandbox.seed(&["apply", "--yes", spec]).exits(1).says("symbolic link");
        assert_eq!(sandbox.read("of-root/passwd"), "root's");
        assert_eq!(fs::read_dir(sandbox.at("of-root")).unwrap().count(), 1);
        sandbox.seed(&["apply", "--yes", "--state", "absent", "--destroy-data", spec]).exits(0);
        sandbox.assert_nothing_leaks();
    }
}

#[test]
fn a_project_that_another_user_put_above_is_none() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = beside_an_open_folder("");
    for planted in ["fragments/meta/spec/NAME.seed.yaml", ".git/HEAD", ".seed/fragments.lock"] {
        sandbox.write(&format!("open/{planted}"), "of: nobody\n");
    }
    for folder in ["fragments", ".git", ".seed", ".seed/fragments.lock"] {
        give_to_nobody(&sandbox.at("open").join(folder));
    }
    fs::create_dir(sandbox.at("open/mine")).unwrap();
    let there = Ran::of(sandbox.seed_command(&["new", "spec", "lab"]).current_dir(sandbox.at("open/mine")));
    drop(there.exits(0));
    assert!(!sandbox.read("open/mine/lab.seed.yaml").contains("nobody"));
}

#[test]
fn a_group_with_other_members_is_not_that_of_who_called_sudo() {
    if !is_root() {
        return;
    }
    const USERS: u32 = 100;
    let (sandbox, spec) = Sandbox::with_spec("note: {is: file.text, path: ./note, content: x}\n");
    for path in [sandbox.path().to_path_buf(), sandbox.at(spec)] {
        chown(&path, Some(NOBODY), Some(USERS)).unwrap();
        set_mode(&path, 0o775);
    }
    let mut command = sandbox.seed_command(&["apply", "--yes", spec]);
    let ran = Ran::of(command.env("SUDO_UID", NOBODY.to_string()).env("SUDO_GID", USERS.to_string()));
    drop(ran.exits(3).says("others can write"));
    assert!(!sandbox.at("note").exists());
}

#[test]
fn an_access_list_that_another_user_set_above_gives_no_access() {
    if !is_root() {
        return;
    }
    let roles = "s: {is: file.text, path: ./home/s, mode: \"0640\", owner: \"root:root\", content: !secret {file: ./token}}\n\
                 d: {is: file.directory, path: ./home/d, mode: \"0750\", owner: \"root:root\"}\n\
                 i: {is: storage.file_block_image, path: ./home/i, size: 1 MiB, mode: \"0660\", owner: \"root:root\"}\n";
    let (sandbox, spec) = beside_a_home(roles);
    sandbox.write("token", SECRET);
    set_mode(&sandbox.at("token"), 0o600);
    let listed = Command::new("setfacl").args(["-d", "-m", &format!("u:{NOBODY}:rwx")]).arg(sandbox.at("home")).status().unwrap();
    assert!(listed.success());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    for path in ["home/s", "home/d", "home/i"] {
        let list = Command::new("getfacl").arg("--absolute-names").arg(sandbox.at(path)).output().unwrap();
        let list = String::from_utf8(list.stdout).unwrap();
        assert!(!list.contains("user:nobody") && !list.contains("mask"), "{path}: {list}");
    }
    sandbox.seed(&["plan", spec]).exits(0);
}

#[test]
fn an_index_of_root_is_not_written_where_others_can_write() {
    if !is_root() {
        return;
    }
    let (sandbox, _) = beside_a_home("");
    fs::create_dir_all(sandbox.at("home/state/knowledge")).unwrap();
    sandbox.write("fragments/x", "words\n");
    let ran = Ran::of(sandbox.seed_command(&["index"]).env("SEED_STATE_DIR", sandbox.at("home/state")));
    drop(ran.exits(3).says("others can write to"));
    assert_eq!(fs::read_dir(sandbox.at("home/state/knowledge")).unwrap().count(), 0);
}
