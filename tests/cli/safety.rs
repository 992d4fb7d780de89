//! What others could have prepared is not followed, secrets are not told, and no spec runs commands unasked.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use crate::sandbox::{Ran, Sandbox, is_root};

const NOBODY: u32 = 65534;

/// Asserts that a secret is in none of what Seed wrote down.
#[track_caller]
fn assert_unrecorded(sandbox: &Sandbox, secret: &str) {
    let bytes = sandbox.journal_bytes();
    assert!(!bytes.is_empty(), "there is a journal");
    let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!found, "the secret stands in the journal");
}

#[test]
fn a_secret_reaches_the_file_and_nothing_else() {
    const SECRET: &str = "hunter2-in-clear";
    let (sandbox, spec) = Sandbox::with_spec("key:\n  is: file.text\n  path: ./key\n  content: !secret {file: ./secret}\n");
    sandbox.write("secret", SECRET);
    fs::set_permissions(sandbox.at("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let commands: &[&[&str]] = &[
        &["check", spec],
        &["plan", "-v", spec],
        &["plan", "--json", spec],
        &["apply", "--yes", "-v", spec],
        &["info", "-v", spec],
        &["info", "--json", spec],
        &["info", "--as-spec", spec],
        &["log", "--json", spec],
        &["apply", "--yes", "-v", spec],
    ];
    for args in commands {
        let ran = Ran::of(sandbox.seed_command(args).env("SEED_LOG", "trace"));
        assert!(ran.code().is_some_and(|code| code == 0 || code == 2), "{}", ran.told());
        ran.never_says(SECRET);
    }
    assert_eq!(sandbox.read("key"), SECRET);
    assert_eq!(fs::metadata(sandbox.at("key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_unrecorded(&sandbox, SECRET);

    // Neither the old secret nor the new one, nor what stood there in between.
    sandbox.write("secret", "correct-horse");
    sandbox.seed(&["plan", spec]).exits(2).never_says(SECRET).never_says("correct-horse");
    sandbox.seed(&["apply", "--yes", "--destroy-data", spec]).exits(0).never_says(SECRET).never_says("correct-horse");
    assert_eq!(sandbox.read("key"), "correct-horse");
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0).never_says("correct-horse");
    assert!(!sandbox.at("key").exists());
    assert_unrecorded(&sandbox, SECRET);
    assert_unrecorded(&sandbox, "correct-horse");
}

/// A secret is still one when the spec no longer says so: after a role became a plain one, has another name, or is of another type.
#[test]
fn a_secret_that_becomes_plain_is_not_shown() {
    const SECRET: &str = "hunter2-of-before";
    const PLAIN: &[&str] = &[
        "key: {is: file.text, path: ./key, content: plain}\n",
        "other: {is: file.text, path: ./key, content: plain}\n",
        "key: {is: file.template, path: ./key, from: ./plain.j2}\n",
        "other: {is: file.template, path: ./key, from: ./plain.j2}\n",
    ];
    for plain in PLAIN {
        let (sandbox, spec) = Sandbox::with_spec("key: {is: file.text, path: ./key, content: !secret {file: ./secret}}\n");
        sandbox.write("secret", SECRET);
        sandbox.write("plain.j2", "plain");
        fs::set_permissions(sandbox.at("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        sandbox.seed(&["apply", "--yes", spec]).exits(0);
        sandbox.write_spec(plain);
        for args in [&["plan", "-v", spec][..], &["plan", "--json", spec], &["info", "-v", spec], &["repair", "--dry-run", spec]]
        {
            sandbox.seed(args).never_says(SECRET);
        }
        sandbox.seed(&["apply", "--yes", "--prune", "--destroy-data", spec]).exits(0).never_says(SECRET);
        assert_eq!(sandbox.read("key"), "plain", "{plain}");
        sandbox.seed(&["plan", "-v", spec]).exits(0).never_says(SECRET);
        sandbox.seed(&["undo", "--yes", spec]).never_says(SECRET);
        assert_unrecorded(&sandbox, SECRET);
        if plain.contains("file.template") {
            // A role of another type replaces what it did not write: after consent, and with a backup.
            assert_eq!(sandbox.read("key"), SECRET, "{plain}");
            continue;
        }
        assert_eq!(sandbox.read("key"), "plain", "nothing of the secret was kept, and so nothing can be restored");
        // It is Seed's own text, and nobody is asked about it.
        sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
        assert!(!sandbox.at("key").exists(), "{plain}");
    }
}

#[test]
fn the_removal_of_a_file_with_a_secret_is_undone() {
    let (sandbox, spec) = Sandbox::with_spec("key: {is: file.text, path: ./key, content: !secret {file: ./secret}}\n");
    sandbox.write("secret", "hunter2-again");
    fs::set_permissions(sandbox.at("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    sandbox.seed(&["undo", "--yes", spec]).exits(0);
    assert_eq!(sandbox.read("key"), "hunter2-again");
    sandbox.seed(&["plan", spec]).exits(0);
}

#[test]
fn a_template_that_never_ends_is_refused() {
    let (sandbox, spec) = Sandbox::with_spec("conf: {is: file.template, path: ./conf, from: ./endless.j2}\n");
    sandbox.write("endless.j2", "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}");
    sandbox.seed(&["plan", spec]).says("endless.j2").says("it takes more than 10000000 instructions");
}

#[test]
fn a_template_with_a_secret_in_it_is_secret_as_a_whole() {
    const SECRET: &str = "hunter2-in-a-template";
    let (sandbox, spec) = Sandbox::with_spec(
        "conf:\n  is: file.template\n  path: ./conf\n  from: ./conf.j2\n  with:\n    user: me\n    \
         deep: {passwords: [!secret {env: SEED_TEST_KEY}]}\n    again: ${vars.password}\n",
    );
    let text = sandbox.read(spec).replace("roles:", "vars: {password: !secret {env: SEED_TEST_KEY}}\nroles:");
    sandbox.write(spec, &text);
    sandbox.write("conf.j2", "{{ user }}:{{ deep.passwords[0] }}:{{ again }}\n");
    let run = |args: &[&str]| Ran::of(sandbox.seed_command(args).env("SEED_TEST_KEY", SECRET).env("SEED_LOG", "trace"));
    run(&["check", spec]).exits(0);
    run(&["plan", "-v", spec]).exits(2).never_says(SECRET);
    run(&["apply", "--yes", "--json", spec]).exits(0).never_says(SECRET);
    assert_eq!(sandbox.read("conf"), format!("me:{SECRET}:{SECRET}\n"));
    sandbox.write("conf", "me:other\n");
    for args in [["plan", "--json", spec], ["plan", "-v", spec], ["info", "--json", spec], ["info", "-v", spec]] {
        run(&args).exits(2).never_says(SECRET).never_says("me:");
    }
    let written = run(&["info", "--as-spec", spec]).exits(0).never_says(SECRET).never_says("other").stdout();
    assert!(written.contains("!secret"), "{written}");
    run(&["repair", "--yes", "--destroy-data", spec]).exits(0).never_says(SECRET);
    run(&["log", "--json", spec]).exits(0).never_says(SECRET);
    assert_unrecorded(&sandbox, SECRET);
}

#[test]
fn a_secret_from_the_environment_is_not_told_either() {
    const SECRET: &str = "from-the-environment";
    let (sandbox, spec) = Sandbox::with_spec("key:\n  is: file.text\n  path: ./key\n  content: !secret {env: SEED_TEST_KEY}\n");
    let run = |args: &[&str]| Ran::of(sandbox.seed_command(args).env("SEED_TEST_KEY", SECRET));
    run(&["apply", "--yes", "-v", spec]).exits(0).never_says(SECRET);
    assert_eq!(sandbox.read("key"), SECRET);
    run(&["info", "--json", spec]).exits(0).never_says(SECRET);
    assert_unrecorded(&sandbox, SECRET);
    sandbox.seed(&["plan", spec]).exits(1).says("SEED_TEST_KEY");
}

#[test]
fn a_spec_runs_commands_only_where_its_folder_is_trusted() {
    let roles = "made:\n  is: task.command\n  folder: .\n  present: [touch, ran]\n  absent: [rm, ran]\n  info: [test, -e, ran]\n";
    let (sandbox, spec) = Sandbox::with_spec(roles);
    sandbox.seed(&["check", spec]).exits(0);
    for args in [&["apply", "--yes", spec][..], &["undo", "--yes", spec], &["repair", "--yes", spec]] {
        sandbox.seed(args).exits(3).says("seed trust");
    }
    for args in [["plan", spec], ["info", spec]] {
        sandbox.seed(&args).exits(1).says("seed trust");
    }
    assert!(!sandbox.at("ran").exists());
    sandbox.seed(&["trust", "."]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert!(sandbox.at("ran").exists());
    sandbox.seed(&["info", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
    assert!(!sandbox.at("ran").exists());
    sandbox.seed(&["trust", "--remove", "."]).exits(0);
    sandbox.seed(&["plan", spec]).exits(1);
}

#[test]
fn what_is_not_trusted_holds_nothing_else_back() {
    let roles = "c:\n  is: task.command\n  folder: .\n  present: [touch, ran]\n  absent: [rm, ran]\n  info: [touch, ran]\n\n\
                 f: {is: file.text, path: ./f, content: x}\n\nk: {is: file.text, path: ./k, content: !secret {command: [touch, ./ran]}}\n\n\
                 above: {is: file.text, path: ./above, content: x, needs: [c]}\n";
    let (sandbox, spec) = Sandbox::with_spec(roles);
    let plan = sandbox.seed(&["plan", "--json", spec]).exits(1).json();
    let actions: Vec<&str> = plan["actions"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "unknown").count(), 2, "{plan:#}");
    assert_eq!(plan["summary"]["create"], 2, "{plan:#}");
    sandbox
        .seed(&["plan", spec])
        .exits(1)
        .says("it runs a command that the spec names, and the spec's folder is not trusted (")
        .says("seed trust");
    sandbox.seed(&["info", spec]).exits(1).says("it runs a command");
    sandbox.seed(&["plan", "--only", "f", spec]).exits(2);
    sandbox.seed(&["apply", "--yes", "--only", "above", spec]).exits(3).says("seed trust");
    sandbox.seed(&["apply", "--yes", spec]).exits(3).says("seed trust");
    assert!(!sandbox.at("f").exists());
    sandbox.seed(&["apply", "--yes", "--only", "f", spec]).exits(0);
    assert!(sandbox.at("f").exists() && !sandbox.at("ran").exists() && !sandbox.at("k").exists());
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(3);
    sandbox.seed(&["apply", "--yes", "--state", "absent", "--only", "f", spec]).exits(0);
    assert!(!sandbox.at("f").exists() && !sandbox.at("ran").exists());
}

#[test]
fn a_secret_from_a_command_needs_trust_too() {
    let roles = "key:\n  is: file.text\n  path: ./key\n  content: !secret {command: [touch, ./ran]}\n";
    let (sandbox, spec) = Sandbox::with_spec(roles);
    sandbox.seed(&["check", spec]);
    sandbox.seed(&["plan", spec]).exits(1).says("seed trust");
    sandbox.seed(&["apply", "--yes", spec]).exits(3);
    assert!(!sandbox.at("ran").exists() && !sandbox.at("key").exists());
}

#[test]
fn no_argument_reaches_a_shell() {
    let roles = "\
made:
  is: task.command
  folder: .
  present: [touch, \"$(touch broken); `touch broken`\"]
  absent: [rm, \"$(touch broken); `touch broken`\"]
  info: [test, -e, \"$(touch broken); `touch broken`\"]

odd:
  is: file.text
  path: \"./; touch broken #\"
  content: x
";
    let (sandbox, spec) = Sandbox::with_spec(roles);
    sandbox.seed(&["trust", "."]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert!(sandbox.at("$(touch broken); `touch broken`").exists());
    assert!(sandbox.at("; touch broken #").exists());
    assert!(!sandbox.at("broken").exists());
    sandbox.seed(&["apply", "--yes", "--state", "absent", spec]).exits(0);
}

#[test]
fn root_follows_no_link_of_another_user() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./theirs/way/note\n  content: x\n");
    fs::create_dir(sandbox.at("theirs")).unwrap();
    fs::create_dir(sandbox.at("target")).unwrap();
    chown(sandbox.at("theirs"), Some(NOBODY), Some(NOBODY)).unwrap();
    symlink(sandbox.at("target"), sandbox.at("theirs/way")).unwrap();
    std::os::unix::fs::lchown(sandbox.at("theirs/way"), Some(NOBODY), Some(NOBODY)).unwrap();
    let ran = sandbox.seed(&["apply", "--yes", spec]);
    assert_ne!(ran.code(), Some(0), "{}", ran.told());
    ran.says("symbolic link");
    assert!(!sandbox.at("target/note").exists());
}

#[test]
fn root_reads_no_spec_that_others_can_write() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: x\n");
    for (args, status) in [(&["plan", spec][..], 1), (&["apply", "--yes", spec], 3), (&["info", spec], 1)] {
        fs::set_permissions(sandbox.at(spec), fs::Permissions::from_mode(0o666)).unwrap();
        sandbox.seed(args).exits(status).says("chmod go-w");
        fs::set_permissions(sandbox.at(spec), fs::Permissions::from_mode(0o644)).unwrap();
        chown(sandbox.at(spec), Some(NOBODY), None).unwrap();
        sandbox.seed(args).exits(status).says("belongs to another user");
        chown(sandbox.at(spec), Some(0), None).unwrap();
    }
    assert!(!sandbox.at("note").exists());
    // Under sudo, the spec of the one who called is read.
    chown(sandbox.at(spec), Some(NOBODY), None).unwrap();
    Ran::of(sandbox.seed_command(&["plan", spec]).env("SUDO_UID", NOBODY.to_string())).exits(2);
}

#[test]
fn an_included_spec_is_held_to_the_same() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("main.seed.yaml", "seed: 1\nname: main\nwhy: A test.\ninclude: [./part.seed.yaml]\nroles: {}\n");
    sandbox.write("part.seed.yaml", "seed: 1\nname: part\nwhy: A test.\nroles:\n  a: {is: file.text, path: ./a, content: x}\n");
    fs::set_permissions(sandbox.at("part.seed.yaml"), fs::Permissions::from_mode(0o666)).unwrap();
    sandbox.seed(&["apply", "--yes", "main.seed.yaml"]).says("part.seed.yaml");
    assert!(!sandbox.at("a").exists());
}

#[test]
fn the_journal_is_for_its_owner_alone() {
    let (sandbox, spec) = Sandbox::with_spec("note:\n  is: file.text\n  path: ./note\n  content: x\n");
    sandbox.write("note", "old\n".repeat(200).as_str());
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    let mut open = vec![sandbox.state()];
    while let Some(path) = open.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
