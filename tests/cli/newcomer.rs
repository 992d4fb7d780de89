//! The commands that somebody new meets first.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::sandbox::{Ran, SEED, Sandbox, is_root};

#[test]
fn the_example_needs_no_root_and_is_disposable() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let seed = |args: &[&str]| sandbox.seed_as_nobody(args);
    seed(&["new", "spec", "lab"]).exits(0);
    seed(&["check"]).exits(0);
    seed(&["plan", "lab.seed.yaml"]).exits(2).never_says("root");
    seed(&["apply", "--yes", "lab.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("lab/hello.txt"), "Hello from lab.\n");
    sandbox.write("lab/mine", "edited");
    seed(&["apply", "--yes", "--state", "absent", "lab.seed.yaml"]).exits(0);
    assert!(!sandbox.at("lab").exists());
    seed(&["backups"]).exits(0).says("There are no backups.");
}

#[test]
fn a_graph_is_only_written_in_a_format_that_its_name_says() {
    let (sandbox, spec) =
        Sandbox::with_spec("a: {is: file.directory, path: ./a}\nb: {is: file.text, path: \"${a.path}/b\", content: x}\n");
    sandbox.seed(&["graph", "-o", "g.png", spec]).exits(1).says("`.png`").says(".svg, .dot").says("dot -Tpng");
    sandbox.seed(&["graph", "-o", "g", spec]).exits(1).says("no ending");
    assert!(!sandbox.at("g.png").exists() && !sandbox.at("g").exists());
    sandbox.seed(&["graph", "-o", "g.svg", spec]).exits(0);
    sandbox.seed(&["graph", "-o", "g", "--format", "dot", spec]).exits(0);
    assert!(sandbox.read("g").starts_with("digraph"));
    // The arrow of the legend points as those of the picture do: from `a` to `b`.
    let svg = sandbox.read("g.svg");
    assert!(svg.contains(">is used by<") && svg.contains("<title>b uses a</title>"), "{svg}");
}

#[test]
fn doctor_fails_where_something_is_missing() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let ran = sandbox.seed_without("mkfs.btrfs", &["doctor"]).exits(1);
    ran.says("✗ mkfs.btrfs").says("needed by storage.btrfs").says("btrfs-progs");
    let all = sandbox.seed(&["doctor", "--json"]);
    let findings = all.json()["findings"].as_array().unwrap().clone();
    let is_fine = findings.iter().all(|finding| finding["ok"] == true);
    assert_eq!(all.code(), Some(i32::from(!is_fine)), "{}", all.told());
    assert!(findings.iter().any(|finding| finding["what"] == "privileges" && finding["ok"] == true), "{findings:?}");
}

#[test]
fn doctor_sees_whether_sudo_finds_the_program() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let bin = sandbox.at("bin");
    sandbox.write("bin/sudo", "#!/bin/sh\n");
    fs::set_permissions(bin.join("sudo"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let sudo = |ran: Ran| ran.json()["findings"].as_array().unwrap().iter().find(|one| one["what"] == "sudo").unwrap().clone();
    let finding = sudo(Ran::of(sandbox.seed_command(&["doctor", "--json"]).env("PATH", &path)));
    assert_eq!(finding["ok"], false, "{finding}");
    assert!(finding["message"].as_str().unwrap().contains("/usr/local/bin/seed"), "{finding}");
    // Where the program is in a folder of sudo's path: in a mount namespace, so that the machine keeps its own.
    let script = "mount -t tmpfs none /usr/local/bin && ln -s \"$0\" /usr/local/bin/seed && exec \"$0\" doctor --json";
    let command = sandbox.seed_command(&[]);
    let state = command.get_envs().find(|(name, _)| *name == "SEED_STATE_DIR").and_then(|(_, value)| value).unwrap().to_owned();
    let ran = Ran::of(
        Command::new("unshare").args(["--mount", "sh", "-c", script, SEED]).env("PATH", &path).env("SEED_STATE_DIR", state),
    );
    assert_eq!(sudo(ran)["ok"], json!(true));
}

#[test]
fn manual_pages_have_the_sections_that_one_looks_for() {
    let sandbox = Sandbox::new();
    sandbox.seed(&["man", "man"]).exits(0);
    for page in ["seed.1", "seed-apply.1", "seed-backups.1", "seed-collection-add.1"] {
        let text = sandbox.read(&format!("man/{page}"));
        for section in ["EXIT STATUS", "FILES", "ENVIRONMENT", "EXAMPLES"] {
            assert!(
                text.contains(&format!(".SH \"{section}\"")) || text.contains(&format!(".SH {section}")),
                "{page}: {section}"
            );
        }
    }
    assert!(sandbox.read("man/seed-apply.1").contains("seed apply \\-\\-only pool"));
    assert!(!sandbox.at("man/seed-read-repository.1").exists(), "a hidden command has a page");
}

#[test]
fn each_role_reports_its_own_time() {
    let (sandbox, spec) = Sandbox::with_spec(
        "slow: {is: task.command, folder: ., present: [sh, -c, \"sleep 0.5; touch slow\"], absent: [rm, -f, slow], info: [test, -e, slow]}\nfast: {is: file.text, path: ./fast, content: x}\n",
    );
    sandbox.seed(&["trust", "."]).exits(0);
    let ran = sandbox.seed(&["apply", "--yes", "--json", "--jobs", "1", spec]).exits(0);
    let seconds = |role: &str| {
        let lines = ran.json_lines();
        lines.iter().find(|line| line["event"] == "done" && line["role"] == role).unwrap()["seconds"].as_f64().unwrap()
    };
    assert!(seconds("slow") >= 0.5 && seconds("fast") < 0.4, "{}", ran.told());
}
