//! Files that are not what they seem: each ends in a clear answer, soon.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;

use git2::{ObjectType, Oid, Repository, RepositoryInitOptions, Signature};
use nix::sys::stat::Mode;

use crate::sandbox::{Ran, SEED, Sandbox};

/// How long anything here may take, in seconds: many times what it takes.
const SOON: &str = "30";

/// Runs `seed`, and fails where it takes too long.
#[track_caller]
fn soon(sandbox: &Sandbox, args: &[&str]) -> Ran {
    const TIMED_OUT: i32 = 124;
    let ran = Ran::of(sandbox.command("timeout").args([SOON, SEED]).args(args));
    assert_ne!(ran.code(), Some(TIMED_OUT), "{}", ran.told());
    assert_ne!(ran.code(), Some(101), "it panicked: {}", ran.told());
    ran
}

fn pipe(path: &Path) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o644)).unwrap();
}

#[test]
fn bytes_that_are_no_text_are_shown() {
    let sandbox = Sandbox::new();
    for bytes in [
        &b"seed: 1\nname: \xc3\xa4\xff\xfe\n"[..],
        b"\xff\xff\xff",
        b"\xc3",
        b"seed: 1\nroles:\n  a: {is: x, b: \"\xf0\x9f\x90\"}\n",
    ] {
        fs::write(sandbox.at("a.seed.yaml"), bytes).unwrap();
        for args in [
            &["check", "a.seed.yaml"][..],
            &["check", "--json", "a.seed.yaml"],
            &["fmt", "--check", "a.seed.yaml"],
            &["plan", "a.seed.yaml"],
        ] {
            soon(&sandbox, args).exits(1).says("not UTF-8");
        }
    }
}

#[test]
fn nothing_in_a_spec_or_a_name_acts_on_a_terminal() {
    let sandbox = Sandbox::new();
    let roles =
        "roles:\n  a: {is: file.text, path: \"/nowhere\\e[2J/\\u202ex\", content: \"\\e]0;t\\a\\r\\e[31mx\", why: \"\\e[8m\"}\n";
    let text = format!("seed: 1\nname: n\nwhy: \"\\e[2J\"\n{roles}");
    let path = "\u{1b}[2Ja\n\u{202e}error: b.seed.yaml";
    sandbox.write(path, &text);
    sandbox.write("gone.seed.yaml", &text.replace("content:", "contnt:"));
    let mut all = Vec::new();
    for command in
        [&["check"][..], &["plan", "-v"], &["info", "-v"], &["graph"], &["duck"], &["apply", "--yes"], &["plan", "--json"]]
    {
        for spec in [path, "gone.seed.yaml"] {
            for colour in ["always", "never"] {
                let args: Vec<&str> = command.iter().chain(&["--color", colour, spec]).copied().collect();
                let ran = soon(&sandbox, &args);
                all.push(ran.stdout() + &ran.stderr());
            }
        }
    }
    for told in all {
        assert!(!told.contains(['\u{202e}', '\r', '\u{7}']), "{told:?}");
        assert!(!told.contains("\u{1b}[2J") && !told.contains("\u{1b}]") && !told.contains("\u{1b}[8m"), "{told:?}");
        assert!(!told.lines().any(|line| line.starts_with("error: b") || line.starts_with("\u{202e}")), "{told:?}");
    }
}

#[test]
fn rules_of_what_is_ignored_that_are_no_file_are_not_waited_for() {
    for (folder, says) in [(".", "look through"), ("sub", "sub/.gitignore")] {
        let sandbox = Sandbox::new();
        fs::create_dir(sandbox.at(".git")).unwrap();
        sandbox.write("fragments/base", "one\n");
        sandbox.write("conf", "# seed:begin base#1\n# seed:end base#1\n");
        sandbox.write("sub/conf", "# seed:begin base#2\n# seed:end base#2\n");
        sandbox.seed(&["fragment", "update"]).exits(0);
        let lock = sandbox.read(".seed/fragments.lock");
        let rules = sandbox.at(folder).join(".gitignore");
        for make in [pipe as fn(&Path), |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()] {
            let _ = fs::remove_file(&rules);
            make(&rules);
            soon(&sandbox, &["fragment", "status"]).exits(1).says(says);
            soon(&sandbox, &["fragment", "update"]).exits(1).says(says);
            soon(&sandbox, &["index"]);
        }
        assert_eq!(sandbox.read(".seed/fragments.lock"), lock, "what was not looked at is not forgotten");
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let head = "seed: 1\nname: n\n";
    let uses: [(&str, &str, &str); 7] = [
        ("a.seed.yaml", "", ""),
        ("b.yaml", "include: ./b.yaml\n", "{}"),
        ("c.j2", "", "\n  a: {is: file.template, path: ./c, from: ./c.j2}"),
        ("roles/desk/role.yml", "", "\n  a: {is: desk}"),
        ("roles/desk/tasks/main.yml", "", "\n  a: {is: desk}"),
        ("seed.lock", "collections: {desk: {git: \"https://example.org/x.git\"}}\n", "{}"),
        ("fragments/x/y", "", "\n  a: {is: file.fragment, path: ./c, fragment: x/y, instance: z}"),
    ];
    for (odd, header, roles) in uses {
        let sandbox = Sandbox::new();
        sandbox.write("roles/desk/role.yml", "about: A desk.\n");
        sandbox.write("roles/desk/tasks/main.yml", "present: {}\n");
        sandbox.write("fragments/x/other", "x\n");
        sandbox.write("a.seed.yaml", &format!("{head}{header}roles: {roles}\n"));
        for kind in ["pipe", "zero", "socket", "folder"] {
            let path = sandbox.at(odd);
            let _ = fs::remove_file(&path);
            match kind {
                "pipe" => pipe(&path),
                "zero" => std::os::unix::fs::symlink("/dev/zero", &path).unwrap(),
                "socket" => drop(UnixListener::bind(&path).unwrap()),
                _ => fs::create_dir(&path).unwrap(),
            }
            for command in ["check", "plan", "info"] {
                let ran = soon(&sandbox, &[command, "a.seed.yaml"]);
                assert!(ran.code().is_some_and(|code| code < 4), "{odd} {kind}: {}", ran.told());
            }
            soon(&sandbox, &["fragment", "status"]);
            if kind == "folder" {
                fs::remove_dir(&path).unwrap();
            }
        }
    }
}

#[test]
fn a_configuration_that_is_a_pipe_is_not_waited_for() {
    let sandbox = Sandbox::new();
    sandbox.write("a.seed.yaml", "seed: 1\nname: n\nroles: {}\n");
    for file in ["config/seed/config.yaml", "config/seed/models.yaml", "config/seed/model.yaml", "state/trusted"] {
        pipe(&sandbox.path().parent().unwrap().join(file));
    }
    soon(&sandbox, &["check", "a.seed.yaml"]).exits(0);
    soon(&sandbox, &["doctor"]);
    soon(&sandbox, &["trust"]);
    soon(&sandbox, &["prompt", "-p", "review", "--spec", "a.seed.yaml"]);
}

/// A repository that is a collection, beside the sandbox's work.
fn repository(sandbox: &Sandbox) -> Repository {
    let path = sandbox.path().parent().unwrap().join("desk.git");
    let repository = Repository::init_opts(path, RepositoryInitOptions::new().bare(true).initial_head("main")).unwrap();
    sandbox.write("a.seed.yaml", "seed: 1\nname: n\nroles: {}\n");
    repository
}

/// Commits a tree whose bytes are written as they are.
fn commit(repository: &Repository, entries: &[(&str, &str, Oid)]) {
    let tree = repository.find_tree(tree(repository, entries)).unwrap();
    let who = Signature::new("Ada", "ada@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
    repository.commit(Some("refs/heads/main"), &who, &who, "first", &tree, &[]).unwrap();
}

fn tree(repository: &Repository, entries: &[(&str, &str, Oid)]) -> Oid {
    let mut bytes = Vec::new();
    for (mode, name, oid) in entries {
        bytes.extend(format!("{mode} {name}\0").bytes());
        bytes.extend(oid.as_bytes());
    }
    repository.odb().unwrap().write(ObjectType::Tree, &bytes).unwrap()
}

/// Writes an object under a name of its own, whatever it says of itself: zlib with one stored block (RFC 1950, RFC 1951 §3.2.4).
fn loose(repository: &Repository, name: &str, content: &[u8]) -> Oid {
    let (mut one, mut two) = (1u32, 0u32);
    for byte in content {
        one = (one + u32::from(*byte)) % 65_521;
        two = (two + one) % 65_521;
    }
    let length = u16::try_from(content.len()).unwrap();
    let mut file = vec![0x78, 0x01, 0x01];
    file.extend(length.to_le_bytes());
    file.extend((!length).to_le_bytes());
    file.extend(content);
    file.extend(((two << 16) | one).to_be_bytes());
    let folder = repository.path().join("objects").join(&name[..2]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(&name[2..]), file).unwrap();
    Oid::from_str(name).unwrap()
}

fn add(sandbox: &Sandbox, repository: &Repository) -> Ran {
    let ran = soon(sandbox, &["collection", "add", "desk", repository.path().to_str().unwrap()]);
    assert!(!ran.stderr().contains("panicked"), "{}", ran.told());
    ran
}

#[test]
fn a_repository_with_a_pipe_in_it_is_refused() {
    for file in ["packed-refs", "config", "refs/heads/main", "objects/info/alternates", "objects/aa"] {
        let sandbox = Sandbox::new();
        let repository = repository(&sandbox);
        let role = tree(&repository, &[("100644", "role.yml", repository.blob(b"about: A.\n").unwrap())]);
        commit(&repository, &[("40000", "roles", tree(&repository, &[("40000", "a", role)]))]);
        add(&sandbox, &repository).exits(0);
        sandbox.write("a.seed.yaml", "seed: 1\nname: n\nroles: {}\n");
        pipe(&repository.path().join(file));
        add(&sandbox, &repository).exits(3).says("no part of a repository");
    }
}

#[test]
fn an_object_that_claims_to_be_huge_is_refused() {
    for (size, kind, mode) in [
        (8u64 << 30, "blob", "100644"),
        (300 << 20, "blob", "100644"),
        (8 << 30, "tree", "40000"),
        (u64::MAX >> 1, "blob", "100644"),
    ] {
        let sandbox = Sandbox::new();
        let repository = repository(&sandbox);
        let huge = loose(&repository, "1111111111111111111111111111111111111111", format!("{kind} {size}\0abc").as_bytes());
        let roles = tree(&repository, &[]);
        commit(&repository, &[(mode, "huge", huge), ("40000", "roles", roles)]);
        let ran = add(&sandbox, &repository);
        assert!(ran.code().is_some_and(|code| code == 1 || code == 3), "{}", ran.told());
    }
}

#[test]
fn a_tree_that_stands_for_endlessly_many_is_refused() {
    let sandbox = Sandbox::new();
    let git = repository(&sandbox);
    let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
    let mut inner = tree(&git, &[]);
    for _ in 0..20 {
        let entries: Vec<(&str, &str, Oid)> = names.iter().map(|name| ("40000", name.as_str(), inner)).collect();
        inner = tree(&git, &entries);
    }
    commit(&git, &[("40000", "roles", inner)]);
    add(&sandbox, &git).exits(3).says("files and folders");
    // Nor names and paths that no system takes.
    let sandbox = Sandbox::new();
    let git = repository(&sandbox);
    let long = "x".repeat(300);
    commit(&git, &[("40000", "roles", tree(&git, &[("100644", &long, git.blob(b"x").unwrap())]))]);
    add(&sandbox, &git).exits(3).says("longer than 255 bytes");
}
