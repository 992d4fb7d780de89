//! Root works in the folder of another user: no link of theirs leads it to what is root's, whenever they put it there.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown, lchown, symlink};
use std::time::Duration;

use nix::sys::inotify::AddWatchFlags;

use crate::collections::Desk;
use crate::racer::{NOBODY, Pace, Racer, SECRET, Victim, Watch};
use crate::sandbox::{Ran, Sandbox, is_root, own};

const SPEC: &str = "seed: 1\nname: name\nwhy: A test.\n\nroles:\n  note: {is: file.text, path: ./note, content: x}\n";

/// What is raced.
struct Race<'a> {
    /// What it is called where it is counted.
    name: &'a str,
    /// The command.
    args: &'a [&'a str],
    /// What the user exchanges, by its path in the sandbox; it need not be there before the command makes it.
    targets: &'a [&'a str],
    /// What stays root's of all that is set up.
    of_root: &'a [&'a str],
}

impl Race<'_> {
    /// Runs the command with each target exchanged at each moment. `set_up` makes what it works on. `SEED_RACES` says how many
    /// moments are tried of each target.
    fn run(&self, set_up: impl Fn(&Sandbox)) {
        if !is_root() {
            return;
        }
        let moments: usize = std::env::var("SEED_RACES").ok().and_then(|count| count.parse().ok()).unwrap_or(8);
        let mut tries = 0;
        let mut exchanged = 0;
        for target in self.targets {
            let first = [AddWatchFlags::IN_CREATE, AddWatchFlags::IN_MOVED_TO].map(Pace::First);
            let once = (1..moments).map(|events| Pace::Once { events, and: Duration::ZERO });
            for pace in once.chain(first).chain([Pace::Always]) {
                let sandbox = Sandbox::new();
                set_up(&sandbox);
                own(sandbox.path(), NOBODY);
                self.of_root.iter().for_each(|path| own(&sandbox.at(path), 0));
                let victim = Victim::of(&sandbox, target);
                let at = sandbox.at(target);
                let racer = Racer::start(Watch::of_place(&at), &at, &victim.bait(pace), pace);
                // As with sudo: for the user whose folder it is.
                let ran = Ran::of(sandbox.seed_command(self.args).env("SUDO_UID", NOBODY.to_string()));
                let raced = racer.stop();
                let told = format!("{}: {target} at {pace:?}: {}", self.name, ran.told());
                assert!(!told.contains(SECRET) && !told.contains("panicked"), "{told}");
                victim.assert_is_unharmed();
                tries += 1;
                exchanged += usize::from(raced.exchanges > 0);
            }
        }
        assert!(exchanged > 0, "{}: no race took place", self.name);
        eprintln!("trials: races, {}: {tries} of {tries} ({exchanged} with an exchange)", self.name);
    }
}

/// A project whose fragment has changed since it was rendered.
fn fragments(sandbox: &Sandbox) {
    sandbox.write("fragments/f", "one\n");
    // So many that there is time between the first and the last.
    for number in 0..60 {
        let name = if number == 0 { "a".to_string() } else { format!("a{number}") };
        sandbox.write(&format!("conf/{name}"), &format!("# seed:begin f#{number}\n# seed:end f#{number}\n"));
    }
    sandbox.write("conf/b", "mine\n");
    sandbox.seed(&["fragment", "update"]).exits(0);
    sandbox.write("fragments/f", "two\n");
}

#[test]
fn a_race_with_fragment_update_is_lost() {
    let targets = [
        "conf",
        "conf/a",
        "conf/.a.seed-new",
        "fragments",
        "fragments/f",
        ".seed",
        ".seed/base",
        ".seed/fragments.lock",
        ".seed/transaction.prepare",
    ];
    Race { name: "fragment update", args: &["fragment", "update"], targets: &targets, of_root: &[] }.run(fragments);
}

#[test]
fn a_race_with_fragment_status_and_add_is_lost() {
    let targets = ["conf", "conf/a", "fragments", "fragments/f", ".seed/fragments.lock"];
    Race { name: "fragment status", args: &["fragment", "status", "-v"], targets: &targets, of_root: &[] }.run(fragments);
    let targets = ["conf", "conf/b", "conf/.b.seed-new", "fragments/f"];
    Race { name: "fragment add", args: &["fragment", "add", "f", "conf/b"], targets: &targets, of_root: &[] }.run(fragments);
}

#[test]
fn a_race_with_new_is_lost() {
    let project = |sandbox: &Sandbox| {
        fs::create_dir(sandbox.at(".git")).unwrap();
        for folder in ["roles", "fragments", "collections"] {
            fs::create_dir(sandbox.at(folder)).unwrap();
        }
    };
    for (name, args, targets) in [
        ("new role", ["new", "role", "lab"], &["roles", "roles/.lab.seed-new", "roles/lab"][..]),
        ("new spec", ["new", "spec", "lab"], &["lab.seed.yaml", ".lab.seed.yaml.seed-new"]),
        ("new collection", ["new", "collection", "lab"], &["collections", "collections/.lab.seed-new"]),
        ("new fragment", ["new", "fragment", "lab"], &["fragments", "fragments/.lab.seed-new", "fragments/lab"]),
    ] {
        Race { name, args: &args, targets, of_root: &[] }.run(project);
    }
    let targets = ["fragments", "fragments/.meta.seed-new", "fragments/meta"];
    Race { name: "new meta", args: &["new", "meta"], targets: &targets, of_root: &[] }.run(project);
}

#[test]
fn a_race_with_note_graph_fmt_and_man_is_lost() {
    let project = |sandbox: &Sandbox| {
        fs::create_dir(sandbox.at(".git")).unwrap();
        for folder in ["notes", "out", "man"] {
            fs::create_dir(sandbox.at(folder)).unwrap();
        }
        sandbox.write("out/name.svg", "old");
        sandbox.write("specs/name.seed.yaml", &SPEC.replace("roles:\n", "roles:\n\n\n\n"));
    };
    let spec = "specs/name.seed.yaml";
    for (name, args, targets) in [
        ("note", &["note", "Why", "so"][..], &["notes", "notes/.why-so.md.seed-new", "notes/why-so.md"][..]),
        ("graph", &["graph", "-o", "out/name.svg", spec], &["out", "out/name.svg", "out/.name.svg.seed-new"]),
        ("fmt", &["fmt", spec], &["specs", spec, "specs/.name.seed.yaml.seed-new"]),
        ("man", &["man", "man"], &["man", "man/seed.1"]),
        ("recall", &["recall", "alone for root"], &["specs", spec]),
    ] {
        Race { name, args, targets, of_root: &[spec] }.run(project);
    }
}

#[test]
fn a_race_with_collections_is_lost() {
    let project = |sandbox: &Sandbox| {
        sandbox.write("name.seed.yaml", SPEC);
        fs::create_dir(sandbox.at("collections")).unwrap();
        Desk::new(sandbox);
    };
    let fetched = |sandbox: &Sandbox| {
        project(sandbox);
        sandbox.seed(&["collection", "add", "desk", "../desk.git"]).exits(0);
    };
    let targets = ["seed.lock", ".seed.lock.seed-new", "name.seed.yaml", ".name.seed.yaml.seed-new"];
    let args = ["collection", "add", "desk", "../desk.git"];
    Race { name: "collection add", args: &args, targets: &targets, of_root: &["name.seed.yaml"] }.run(project);
    let targets = ["seed.lock", "name.seed.yaml", "collections", "collections/.desk.seed-new", "collections/desk"];
    let args = ["collection", "vendor"];
    Race { name: "collection vendor", args: &args, targets: &targets, of_root: &["name.seed.yaml", "seed.lock"] }.run(fetched);
}

#[test]
fn a_race_with_what_check_and_plan_read_is_lost() {
    let project = |sandbox: &Sandbox| {
        let roles = "  a: {is: desk, at: ./a}\n  t: {is: file.template, path: ./t, from: parts/t.j2}\n";
        sandbox
            .write("name.seed.yaml", &format!("seed: 1\nname: n\nwhy: A test.\ninclude: [parts/p.seed.yaml]\nroles:\n{roles}"));
        sandbox.write("parts/p.seed.yaml", &SPEC.replace("note", "p"));
        sandbox.write("parts/t.j2", "x\n");
        sandbox.write("roles/desk/role.yml", "about: A desk.\nparameters: {at: {type: path}}\n");
        sandbox.write("roles/desk/tasks/main.yml", "present:\n  d: {is: file.directory, path: \"${at}\"}\n");
    };
    let of_root = ["name.seed.yaml", "parts/p.seed.yaml", "roles/desk/role.yml", "roles/desk/tasks/main.yml"];
    let targets =
        ["parts", "parts/p.seed.yaml", "parts/t.j2", "roles", "roles/desk", "roles/desk/role.yml", "roles/desk/tasks/main.yml"];
    for (name, args) in [("check", ["check", "name.seed.yaml"]), ("plan", ["plan", "name.seed.yaml"])] {
        Race { name, args: &args, targets: &targets, of_root: &of_root }.run(project);
    }
}

/// A link of a user to a file of root's.
fn link(sandbox: &Sandbox, at: &str) {
    let victim = sandbox.path().parent().unwrap().join("victim");
    if !victim.exists() {
        fs::write(&victim, format!("{SECRET}: [\n")).unwrap();
    }
    let at = sandbox.at(at);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&at);
    symlink(victim, &at).unwrap();
    lchown(&at, Some(NOBODY), Some(NOBODY)).unwrap();
}

#[test]
fn nothing_that_a_spec_names_is_read_through_a_link_of_another_user() {
    if !is_root() {
        return;
    }
    let with = |more: &str, roles: &str| format!("seed: 1\nname: n\nwhy: A test.\n{more}roles:\n{roles}");
    let include = with("include: [./theirs/x.seed.yaml]\n", "  n: {is: file.text, path: ./n, content: x}\n");
    let role = |name: &str| with("", &format!("  n: {{is: {name}, at: ./n}}\n"));
    let folder = with("collections: {desk: {path: ./theirs}}\n", "  n: {is: desk.lamp, at: ./n}\n");
    let pinned = with("collections: {desk: {git: ./desk.git}}\n", "  n: {is: desk.lamp, at: ./n}\n");
    let template = with("", "  n: {is: file.template, path: ./n, from: ./theirs/x}\n");
    let secret = with("", "  n: {is: file.text, path: ./n, content: !secret {file: ./theirs/x}}\n");
    let fragment = with("", "  n: {is: file.fragment, path: ./n, fragment: ./theirs/x, instance: a}\n");
    for (spec, links) in [
        (&include, &["theirs/x.seed.yaml"][..]),
        (&role("lamp"), &["roles/lamp/role.yml"]),
        (&role("lamp"), &["roles/lamp/role.yml", "roles/lamp/tasks/main.yml"]),
        (&folder, &["theirs/roles/lamp/role.yml"]),
        (&pinned, &["seed.lock"]),
        (&template, &["theirs/x"]),
        (&secret, &["theirs/x"]),
        (&fragment, &["theirs/x"]),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("n.seed.yaml", spec);
        own(sandbox.path(), NOBODY);
        chown(sandbox.at("n.seed.yaml"), Some(0), Some(0)).unwrap();
        links.iter().for_each(|at| link(&sandbox, at));
        for command in ["check", "plan", "info", "apply"] {
            let mut args = vec![command, "n.seed.yaml"];
            args.extend((command == "apply").then_some("--yes"));
            let ran = sandbox.seed(&args).never_says(SECRET);
            assert!(command == "check" || ran.code() != Some(0), "{links:?}: {}", ran.told());
        }
        assert!(!sandbox.at("n").exists(), "{links:?}");
    }
}

#[test]
fn a_second_name_for_a_file_of_roots_is_not_read() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("n.seed.yaml", "seed: 1\nname: n\nwhy: A test.\ninclude: [./theirs/x.seed.yaml]\nroles: {}\n");
    let victim = sandbox.path().parent().unwrap().join("victim");
    fs::write(&victim, format!("{SECRET}: [\n")).unwrap();
    fs::create_dir(sandbox.at("theirs")).unwrap();
    chown(sandbox.at("theirs"), Some(NOBODY), Some(NOBODY)).unwrap();
    fs::hard_link(&victim, sandbox.at("theirs/x.seed.yaml")).unwrap();
    sandbox.seed(&["check", "n.seed.yaml"]).exits(1).never_says(SECRET).says("hard link");
}

#[test]
fn what_root_writes_for_a_user_is_the_users() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    fragments(&sandbox);
    own(sandbox.path(), NOBODY);
    fs::set_permissions(sandbox.at("conf/a"), std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    sandbox.write("name.seed.yaml", SPEC);
    for args in [
        &["fragment", "update"][..],
        &["new", "role", "lab"],
        &["new", "spec", "lab"],
        &["new", "meta"],
        &["note", "Why", "so"],
        &["graph", "-o", "name.svg", "name.seed.yaml"],
    ] {
        Ran::of(sandbox.seed_command(args).env("SUDO_UID", NOBODY.to_string())).exits(0);
    }
    for path in [
        "conf/a",
        "roles",
        "roles/lab/role.yml",
        "lab.seed.yaml",
        "fragments/meta/role/role.yml",
        "notes",
        "notes/why-so.md",
        "name.svg",
    ] {
        assert_eq!(fs::metadata(sandbox.at(path)).unwrap().uid(), NOBODY, "{path}");
    }
    assert_eq!(fs::metadata(sandbox.at("conf/a")).unwrap().mode() & 0o777, 0o640);
    assert!(sandbox.read("conf/a").contains("two"));
}
