//! Trust belongs to the files that hold a command or a part of it, wherever they lie, and to whoever can put others in their place.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::sandbox::{Sandbox, is_root};

/// A role whose look leaves a mark.
fn task(mark: &std::path::Path) -> String {
    format!("{{is: task.command, folder: /, present: [\"true\"], absent: [\"true\"], info: [touch, {}]}}", mark.display())
}

fn spec(head: &str, roles: &str) -> String {
    format!("seed: 1\nname: name\n{head}roles:\n{roles}")
}

/// That no command that looks at this spec runs what it says.
#[track_caller]
fn runs_nothing(sandbox: &Sandbox, spec: &str) {
    sandbox.seed(&["check", spec]).says("[untrusted]");
    sandbox.seed(&["plan", spec]).exits(1).says("seed trust");
    sandbox.seed(&["info", spec]).exits(1).says("seed trust");
    for command in ["apply", "repair", "undo"] {
        sandbox.seed(&[command, "--yes", spec]).exits(3).says("seed trust");
    }
    assert!(!sandbox.at("mark").exists(), "{spec} ran");
}

#[test]
fn what_a_trusted_spec_includes_is_trusted_by_its_own_folder() {
    let sandbox = Sandbox::new();
    sandbox.write("mine/a.seed.yaml", &spec("include: ../theirs/b.seed.yaml\n", "  x: {is: file.text, path: /x, content: x}\n"));
    sandbox.write("theirs/b.seed.yaml", &spec("", &format!("  y: {}\n", task(&sandbox.at("mark")))));
    sandbox.seed(&["trust", "mine"]).exits(0);
    runs_nothing(&sandbox, "mine/a.seed.yaml");
    let told = sandbox.seed(&["plan", "mine/a.seed.yaml"]).exits(1);
    assert!(told.stdout().contains("a command that an included file names"), "{}", told.told());
    sandbox.seed(&["trust", "theirs"]).exits(0);
    sandbox.seed(&["plan", "mine/a.seed.yaml"]).exits(2);
    assert!(sandbox.at("mark").exists());
}

#[test]
fn what_becomes_a_part_of_a_command_is_trusted_where_it_is_written() {
    let mark = |sandbox: &Sandbox| sandbox.at("mark").display().to_string();
    let command = "{is: task.command, folder: /, present: [\"true\"], absent: [\"true\"], info: ";
    // A variable of an included file.
    let sandbox = Sandbox::new();
    sandbox
        .write("mine/a.seed.yaml", &spec("include: ../theirs/b.seed.yaml\n", &format!("  x: {command}\"${{vars.look}}\"}}\n")));
    sandbox.write("theirs/b.seed.yaml", &format!("seed: 1\nvars: {{look: [touch, {}]}}\n", mark(&sandbox)));
    sandbox.seed(&["trust", "mine"]).exits(0);
    runs_nothing(&sandbox, "mine/a.seed.yaml");
    // A parameter of a trusted role, given by a spec that is not; and the default of a role that is not.
    for (trusted, given) in [("roles", true), ("mine", false)] {
        let sandbox = Sandbox::new();
        let value = format!("[touch, {}]", mark(&sandbox));
        let default = if given { "[\"true\"]" } else { &*value };
        sandbox.write(
            "roles/desk/role.yml",
            &format!("about: A desk.\nparameters:\n  look: {{type: list of text, doc: Looks., default: {default}}}\n"),
        );
        sandbox.write("roles/desk/tasks/main.yml", &format!("present:\n  x: {command}\"${{look}}\"}}\n"));
        let argument = if given { format!(", look: {value}") } else { String::new() };
        sandbox.write("mine/a.seed.yaml", &spec("", &format!("  d: {{is: desk{argument}}}\n")));
        sandbox.seed(&["check", "mine/a.seed.yaml"]).never_says("Error");
        sandbox.seed(&["trust", trusted]).exits(0);
        runs_nothing(&sandbox, "mine/a.seed.yaml");
        sandbox.seed(&["trust", "."]).exits(0);
        sandbox.seed(&["plan", "mine/a.seed.yaml"]).exits(0);
        assert!(sandbox.at("mark").exists());
    }
    // An output of a role that is not.
    let sandbox = Sandbox::new();
    sandbox
        .write("roles/desk/role.yml", &format!("about: A desk.\noutputs:\n  mark: {{value: {}, doc: One.}}\n", mark(&sandbox)));
    sandbox.write("roles/desk/tasks/main.yml", "present: {}\n");
    sandbox.write("mine/a.seed.yaml", &spec("", &format!("  d: {{is: desk}}\n  x: {command}[touch, \"${{d.mark}}\"]}}\n")));
    sandbox.seed(&["check", "mine/a.seed.yaml"]).never_says("Error");
    sandbox.seed(&["trust", "mine"]).exits(0);
    runs_nothing(&sandbox, "mine/a.seed.yaml");
}

#[test]
fn a_role_that_has_no_part_in_a_command_need_not_be_trusted_for_it() {
    let sandbox = Sandbox::new();
    sandbox.write("roles/desk/role.yml", "about: A desk.\n");
    sandbox.write("roles/desk/tasks/main.yml", "present:\n  x: {is: file.text, path: /nowhere/x, content: x}\n");
    sandbox.write("mine/a.seed.yaml", &spec("", &format!("  d: {{is: desk}}\n  x: {}\n", task(&sandbox.at("mark")))));
    sandbox.seed(&["trust", "mine"]).exits(0);
    sandbox.seed(&["plan", "mine/a.seed.yaml"]).exits(2);
    assert!(sandbox.at("mark").exists());
}

#[test]
fn a_link_does_not_lend_the_trust_of_where_it_leads_or_stands() {
    // A spec in a trusted folder that is a link out of it, and one that is a link into it.
    for (real, link) in [("theirs", "mine"), ("mine", "theirs")] {
        let sandbox = Sandbox::new();
        sandbox.write(&format!("{real}/a.seed.yaml"), &spec("", &format!("  x: {}\n", task(&sandbox.at("mark")))));
        fs::create_dir_all(sandbox.at(link)).unwrap();
        symlink(sandbox.at(real).join("a.seed.yaml"), sandbox.at(link).join("b.seed.yaml")).unwrap();
        sandbox.seed(&["trust", "mine"]).exits(0);
        runs_nothing(&sandbox, &format!("{link}/b.seed.yaml"));
        sandbox.seed(&["trust", "theirs"]).exits(0);
        sandbox.seed(&["plan", &format!("{link}/b.seed.yaml")]).exits(0);
    }
    // The files of a composite role, its folder, and the folder of all of them.
    for part in ["desk/tasks/main.yml", "desk/tasks", "desk/role.yml", "desk", ""] {
        let sandbox = Sandbox::new();
        for folder in ["mine", "theirs"] {
            sandbox.write(&format!("{folder}/roles/desk/role.yml"), "about: A desk.\n");
            let tasks = format!("present:\n  x: {}\n", task(&sandbox.at("mark")));
            sandbox.write(&format!("{folder}/roles/desk/tasks/main.yml"), &tasks);
        }
        sandbox.write("mine/a.seed.yaml", &spec("", "  d: {is: desk}\n"));
        let link = sandbox.at("mine/roles").join(part).components().as_path().to_path_buf();
        if link.is_dir() {
            fs::remove_dir_all(&link).unwrap()
        } else {
            fs::remove_file(&link).unwrap()
        };
        symlink(sandbox.at("theirs/roles").join(part), &link).unwrap();
        sandbox.seed(&["trust", "mine"]).exits(0);
        runs_nothing(&sandbox, "mine/a.seed.yaml");
        sandbox.seed(&["trust", "theirs"]).exits(0);
        sandbox.seed(&["plan", "mine/a.seed.yaml"]).exits(0);
    }
}

#[test]
fn a_folder_reached_by_a_link_is_trusted_with_the_link_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.write("disk/lab/a.seed.yaml", &spec("", &format!("  x: {}\n", task(&sandbox.at("mark")))));
    sandbox.write("other/lab/a.seed.yaml", &spec("", "  x: {is: file.text, path: /x, content: x}\n"));
    symlink(sandbox.at("disk/lab"), sandbox.at("lab")).unwrap();
    sandbox.seed(&["trust", "disk/lab"]).exits(0);
    let told = sandbox.seed(&["plan", "lab/a.seed.yaml"]).exits(1);
    assert!(told.stdout().contains(&format!("seed trust {}", sandbox.at("lab").display())), "{}", told.told());
    sandbox.seed(&["trust", "lab"]).exits(0);
    sandbox.seed(&["plan", "lab/a.seed.yaml"]).exits(0);
    assert!(sandbox.at("mark").exists());
    let trusted = sandbox.seed(&["trust", "--json"]).json();
    assert_eq!(trusted["trusted"], json!([sandbox.at("disk/lab")]));
    assert_eq!(trusted["links"], json!([{"link": sandbox.at("lab"), "to": sandbox.at("disk/lab")}]));
    // It is not trusted to lead elsewhere.
    fs::remove_file(sandbox.at("lab")).unwrap();
    fs::remove_file(sandbox.at("mark")).unwrap();
    symlink(sandbox.at("disk/../disk/lab"), sandbox.at("lab")).unwrap();
    runs_nothing(&sandbox, "lab/a.seed.yaml");
}

#[test]
fn no_name_adds_a_line_to_the_list() {
    let sandbox = Sandbox::new();
    let evil = "dir\n/";
    fs::create_dir_all(sandbox.at(evil)).unwrap();
    sandbox.write("theirs/a.seed.yaml", &spec("", &format!("  x: {}\n", task(&sandbox.at("mark")))));
    let told = sandbox.seed(&["trust", evil]).exits(0);
    assert_eq!(told.stdout().lines().count(), 1, "{}", told.told());
    runs_nothing(&sandbox, "theirs/a.seed.yaml");
    assert_eq!(sandbox.seed(&["trust"]).exits(0).stdout().lines().count(), 1);
    sandbox.seed(&["trust", "--remove", evil]).exits(0);
    assert_eq!(sandbox.seed(&["trust", "--json"]).json(), json!({"trusted": [], "links": [], "collections": []}));
    // A hint can be pasted into a shell.
    let odd = sandbox.at("it's $HOME");
    fs::create_dir_all(&odd).unwrap();
    fs::copy(sandbox.at("theirs/a.seed.yaml"), odd.join("a.seed.yaml")).unwrap();
    let told = sandbox.seed(&["plan", odd.join("a.seed.yaml").to_str().unwrap()]).exits(1).stdout();
    assert!(told.contains(r"/it'\''s $HOME'"), "{told}");
}

#[test]
fn the_list_of_earlier_versions_is_read() {
    let sandbox = Sandbox::new();
    sandbox.write("mine/a.seed.yaml", &spec("", &format!("  x: {}\n", task(&sandbox.at("mark")))));
    fs::create_dir_all(sandbox.state()).unwrap();
    let commit = "0123456789012345678901234567890123456789";
    let lines = format!("{}\ncollection {commit} https://example.org/desk.git\n", sandbox.at("mine").display());
    fs::write(sandbox.state().join("trusted"), lines).unwrap();
    sandbox.seed(&["plan", "mine/a.seed.yaml"]).exits(0);
    fs::create_dir(sandbox.at("other")).unwrap();
    sandbox.seed(&["trust", "other"]).exits(0);
    let trusted = sandbox.seed(&["trust", "--json"]).json();
    assert_eq!(trusted["trusted"], json!([sandbox.at("mine"), sandbox.at("other")]));
    assert_eq!(trusted["collections"], json!([{"url": "https://example.org/desk.git", "commit": commit}]));
}

#[test]
fn root_heeds_no_list_that_others_can_write_and_trusts_no_folder_where_they_can() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write("mine/a.seed.yaml", &spec("", &format!("  x: {}\n", task(&sandbox.at("mark")))));
    sandbox.seed(&["trust", "mine"]).exits(0);
    let list = sandbox.state().join("trusted");
    fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
    runs_nothing(&sandbox, "mine/a.seed.yaml");
    sandbox.seed(&["plan", "mine/a.seed.yaml"]).says("others can write");
    sandbox.seed(&["trust"]).exits(3).says("others can write");
    fs::set_permissions(&list, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&list, Some(65534), None).unwrap();
    runs_nothing(&sandbox, "mine/a.seed.yaml");
    std::os::unix::fs::chown(&list, Some(0), None).unwrap();
    sandbox.seed(&["plan", "mine/a.seed.yaml"]).exits(0);
    // Nor a folder.
    fs::create_dir_all(sandbox.at("shared/below")).unwrap();
    fs::set_permissions(sandbox.at("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    for folder in ["shared", "shared/below"] {
        sandbox.seed(&["trust", folder]).exits(3).says("others can write");
    }
}
