//! Root and users have journals of their own, and root acts on none that others can write.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::sandbox::{Ran, Sandbox, is_root};

const NOTE: &str = "note:\n  is: file.text\n  path: ./note\n  content: ours\n";
const NOBODY: u32 = 65534;

fn owned_by_nobody(path: &std::path::Path) {
    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

#[test]
fn root_acts_on_no_journal_that_others_can_write() {
    if !is_root() {
        return;
    }
    type Spoil = fn(&Sandbox);
    let spoils: [(&str, Spoil); 6] = [
        ("the state folder is another's", |sandbox| owned_by_nobody(&sandbox.state())),
        ("the folder of specs is open to all", |sandbox| {
            fs::set_permissions(sandbox.state().join("specs"), fs::Permissions::from_mode(0o777)).unwrap()
        }),
        ("the journal's folder is another's", |sandbox| owned_by_nobody(&sandbox.journal())),
        ("the journal is another's", |sandbox| owned_by_nobody(&sandbox.journal().join("journal"))),
        ("the journal is open to all", |sandbox| {
            fs::set_permissions(sandbox.journal().join("journal"), fs::Permissions::from_mode(0o666)).unwrap()
        }),
        ("the ledger is another's", |sandbox| owned_by_nobody(&sandbox.journal().join("ledger"))),
    ];
    for (what, spoil) in spoils {
        let (sandbox, spec) = Sandbox::with_spec(NOTE);
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        spoil(&sandbox);
        for args in [
            &["apply", "--yes", "--state", "absent", spec][..],
            &["apply", "--yes", spec],
            &["undo", "--yes", spec],
            &["repair", "--yes", spec],
            &["forget", "--yes", spec, "note"],
        ] {
            let ran = sandbox.seed(args);
            assert_eq!(ran.code(), Some(3), "{what}: {}", ran.told());
            assert!(ran.told().contains("others can write"), "{what}: {}", ran.told());
        }
        let ran = sandbox.seed(&["plan", spec]);
        assert_eq!(ran.code(), Some(1), "{what}: {}", ran.told());
        assert_eq!(sandbox.read("note"), "ours", "{what}");
    }
}

#[test]
fn root_does_not_use_a_state_folder_on_a_way_that_others_can_change() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    fs::create_dir(sandbox.at("home")).unwrap();
    owned_by_nobody(&sandbox.at("home"));
    let ran = Ran::of(sandbox.seed_command(&["apply", "--yes", spec]).env("SEED_STATE_DIR", sandbox.at("home/state")));
    ran.exits(3).says("others can write");
    assert!(!sandbox.at("note").exists());
}

/// A user who has a home of their own in a passwd(5) that only this mount namespace sees.
fn as_root_beside(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let passwd = sandbox.at("../passwd");
    let home = sandbox.path().parent().unwrap().join("home");
    let text = fs::read_to_string("/etc/passwd").unwrap();
    let others: String = text.lines().filter(|line| !line.contains(":65534:")).map(|line| format!("{line}\n")).collect();
    fs::write(&passwd, format!("{others}ada:x:65534:65534::{}:/bin/sh\n", home.display())).unwrap();
    let mut command = sandbox.command("unshare");
    let script = format!("mount --bind '{}' /etc/passwd && exec \"$0\" \"$@\"", passwd.display());
    command.args(["--mount", "sh", "-c", &script, crate::sandbox::SEED]).args(args).env("SUDO_UID", "65534");
    Ran::of(&mut command)
}

#[test]
fn root_names_the_command_of_the_user_who_applied_the_spec() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    sandbox.seed_as_nobody(&["apply", "--yes", spec]).exits(0);
    let home = sandbox.path().parent().unwrap().join("home");
    fs::create_dir_all(home.join(".local/state")).unwrap();
    fs::rename(sandbox.path().parent().unwrap().join("state-of-nobody"), home.join(".local/state/seed")).unwrap();
    for args in [&["apply", "--yes", "--state", "absent", spec][..], &["undo", "--yes", spec], &["repair", "--yes", spec]] {
        as_root_beside(&sandbox, args).exits(3).says("ada").says("run it as ada").never_says("not made by Seed");
    }
    for args in [&["plan", "--state", "absent", spec][..], &["info", spec]] {
        as_root_beside(&sandbox, args).exits(0).says("ada has applied this spec").never_says("not made by Seed");
    }
    assert_eq!(sandbox.read("note"), "ours");
}

#[test]
fn a_journal_of_a_user_that_knows_nothing_does_not_keep_root_out() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    let home = sandbox.path().parent().unwrap().join("home");
    let move_state = |to_home: bool| {
        let (own, homes) = (sandbox.path().parent().unwrap().join("state-of-nobody"), home.join(".local/state/seed"));
        fs::create_dir_all(homes.parent().unwrap()).unwrap();
        let _ = fs::remove_dir(if to_home { &homes } else { &own });
        if to_home { fs::rename(own, homes) } else { fs::rename(homes, own) }.unwrap();
    };
    sandbox.seed_as_nobody(&["apply", "--yes", spec]).exits(0);
    move_state(true);
    as_root_beside(&sandbox, &["plan", spec]).says("ada has applied this spec, so root will not apply it");
    as_root_beside(&sandbox, &["apply", "--yes", spec]).exits(3);
    move_state(false);
    sandbox.seed_as_nobody(&["forget", "--yes", spec, "note"]).exits(0);
    move_state(true);
    as_root_beside(&sandbox, &["plan", spec]).never_says("ada has applied this spec");
    as_root_beside(&sandbox, &["apply", "--yes", spec]).exits(0);
}

/// The state folder of root, which is the same in all sandboxes: a folder of the sandbox is mounted over it in a mount namespace.
#[test]
fn a_user_is_sent_to_the_journal_of_root() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(NOTE);
    let roots = sandbox.path().parent().unwrap().join("state-of-root");
    fs::create_dir(&roots).unwrap();
    let fresh = !std::path::Path::new("/var/lib/seed").exists();
    fs::create_dir_all("/var/lib/seed").unwrap();
    let beside = |as_nobody: bool, args: &[&str]| {
        let program = sandbox.at("../seed-beside");
        if !program.exists() {
            fs::copy(crate::sandbox::SEED, &program).unwrap();
        }
        let script = format!("mount --bind '{}' /var/lib/seed && exec \"$@\"", roots.display());
        let mut command = sandbox.command("unshare");
        command.args(["--mount", "sh", "-c", &script, "sh"]);
        if as_nobody {
            command.args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        }
        command.arg(program).args(args).env_remove("SEED_STATE_DIR").env("HOME", sandbox.path());
        Ran::of(command.env("SUDO_UID", "65534").env("SUDO_GID", "65534"))
    };
    sandbox.seed_as_nobody(&["check", spec]).exits(0);
    beside(false, &["apply", "--yes", spec]).exits(0);
    for verb in [&["apply", "--yes", "--state", "absent"][..], &["undo", "--yes"], &["repair", "--yes"]] {
        let ran = beside(true, &[verb, &[spec]].concat()).exits(3);
        ran.says("root applied this spec").says("run it with sudo").never_says("not made by Seed");
    }
    beside(true, &["log", spec]).exits(0).says("root applied this spec; run it with sudo").never_says("not been applied");
    beside(true, &["info", spec]).says("root applied this spec; run it with sudo");
    beside(false, &["apply", "--yes", "--state", "absent", spec]).exits(0);
    if fresh {
        let _ = fs::remove_dir("/var/lib/seed");
    }
}
