//! Composite roles from end to end: written, checked, planned, applied and taken back.

use serde_json::json;

use crate::sandbox::Sandbox;

const ROLE: &str = "\
about: |
  A home to work in.
  With a note and a place for sources.
parameters:
  home: {type: path, doc: Where it is.}
  mode: {type: mode, default: \"0750\", doc: Who may do what with it.}
  projects: {type: list of text, default: [], doc: The folders for sources.}
  greeting: {type: text, default: Welcome., doc: What the note says.}
outputs:
  home: {value: \"${folder.path}\", doc: The folder.}
";

const TASKS: &str = "\
present:
  folder: {is: file.directory, path: \"${home}\", mode: \"${mode}\"}
  note: {is: file.text, path: \"${home}/README\", content: \"${greeting}\"}
  sources: {is: sources, at: \"${folder.path}/src\", names: \"${projects}\", when: projects}
";

const INNER_ROLE: &str = "\
about: Folders for sources.
parameters: {at: {type: path}, names: {type: list of text}}
";

const INNER_TASKS: &str = "\
present:
  top: {is: file.directory, path: \"${at}\"}
  each-one: {is: file.directory, for_each: \"${names}\", path: \"${at}/${each.value}\"}
";

const USES: &str = "\
ada:
  is: dev-box
  why: ada works here
  home: ./ada
  projects: [seed, lab]

bob:
  is: dev-box
  home: ./bob
  greeting: Hello, Bob.
  needs: [ada]

beside:
  is: file.link
  path: ./link
  to: ${ada.home}/README
";

fn sandbox(uses: &str) -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec(uses);
    sandbox.write("roles/dev-box/role.yml", ROLE);
    sandbox.write("roles/dev-box/tasks/main.yml", &TASKS.replace("when: projects", "when: projects | length > 0"));
    sandbox.write("roles/sources/role.yml", INNER_ROLE);
    sandbox.write("roles/sources/tasks/main.yml", INNER_TASKS);
    sandbox
}

#[test]
fn a_composite_role_is_planned_as_a_tree_applied_and_taken_back() {
    let sandbox = sandbox(USES);
    let before = sandbox.tree();
    let plan = sandbox.seed(&["plan", "name.seed.yaml"]).exits(2);
    insta::assert_snapshot!(plan.stdout().replace(sandbox.path().to_str().unwrap(), "WORK"), @r#"
    name.seed.yaml → present

      + ada     dev-box  5 to create
        + folder   file.directory  create
            mode  0750
        + note     file.text  create
            content  Welcome.
        + sources  sources  3 to create
          + top             file.directory  create
          + each-one[lab]   file.directory  create
          + each-one[seed]  file.directory  create
      + beside  file.link  create
          to  WORK/ada/README
      + bob     dev-box  2 to create
        + folder  file.directory  create
            mode  0750
        + note    file.text  create
            content  Hello, Bob.

    Plan: 8 to create.
    "#);
    let json = sandbox.seed(&["plan", "name.seed.yaml", "--json"]).json();
    let actions = json["actions"].as_array().unwrap();
    let of = |name: &str| actions.iter().find(|one| one["role"] == name).unwrap_or_else(|| panic!("no {name} in {json}"));
    assert_eq!(of("ada/folder")["part_of"], "ada");
    assert_eq!(of("ada/sources/each-one[lab]")["part_of"], "ada/sources");
    assert_eq!(of("beside").get("part_of"), None);
    assert!(of("bob/note")["after"].as_array().unwrap().contains(&json!("ada/sources/each-one[lab]")));

    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("ada/README"), "Welcome.");
    assert_eq!(sandbox.read("link"), "Welcome.");
    assert!(sandbox.at("ada/src/lab").is_dir() && !sandbox.at("bob/src").exists());
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(0);
    let info = sandbox.seed(&["info", "name.seed.yaml"]).exits(0).stdout();
    insta::assert_snapshot!(info, @r"
    = ada     dev-box  5 present
      = folder   file.directory  present
      = note     file.text  present
      = sources  sources  3 present
        = top             file.directory  present
        = each-one[lab]   file.directory  present
        = each-one[seed]  file.directory  present
    = beside  file.link  present
    = bob     dev-box  2 present
      = folder  file.directory  present
      = note    file.text  present
    ");
    let only = sandbox.seed(&["plan", "name.seed.yaml", "--only", "ada", "--state", "absent", "--json"]).json();
    let going = only["actions"].as_array().unwrap().iter().filter(|one| one["action"] == "remove").count();
    // Its five parts, and what depends on them.
    assert_eq!(going, 8, "{only}");

    let spec = sandbox.seed(&["info", "name.seed.yaml", "--as-spec"]).exits(0);
    sandbox.write("flat/name.seed.yaml", &spec.stdout());
    sandbox.seed(&["plan", "flat/name.seed.yaml"]).exits(0);
    std::fs::remove_dir_all(sandbox.at("flat")).unwrap();

    sandbox.seed(&["apply", "name.seed.yaml", "--state", "absent", "--yes"]).exits(0);
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn mistakes_in_a_role_are_shown_at_its_files_with_the_use() {
    let sandbox = sandbox("ada: {is: dev-box, home: ./ada, mode: rwx}\nbob: {is: dev-bux, home: ./b}\n");
    sandbox.write("roles/sources/tasks/main.yml", "present:\n  top: {is: file.directry, path: \"${att}\"}\n");
    let check = sandbox.seed(&["check", "--json"]).exits(1);
    let found = check.json();
    let mut shown: Vec<String> = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!("{} {} {}", one["path"].as_str().unwrap(), one["code"].as_str().unwrap(), one["message"].as_str().unwrap())
        })
        .collect();
    shown.sort();
    insta::assert_snapshot!(shown.join("\n").replace(sandbox.path().to_str().unwrap(), "WORK"), @r#"
    name.seed.yaml unknown-role-type there is no role type `dev-bux`
    name.seed.yaml wrong-value `rwx` is not a file mode; write three or four octal digits, such as "0640"
    roles/sources/tasks/main.yml unknown-role-type there is no role type `file.directry`
    "#);
    let text = sandbox.seed(&["check", "name.seed.yaml"]);
    assert!(text.stdout().contains("`sources` is used here"), "{}", text.stdout());
}

#[test]
fn what_two_uses_have_against_each_other_is_told_where_they_are_used() {
    let sandbox = sandbox("ada: {is: dev-box, home: ./home}\nbob: {is: dev-box, home: ./home}\n");
    let found = sandbox.seed(&["check", "--json", "."]).exits(1).json()["diagnostics"].clone();
    let found = found.as_array().unwrap();
    assert!(found.iter().all(|one| one["path"].as_str().unwrap().ends_with(".seed.yaml")), "{found:?}");
    assert_eq!(found[0]["code"], "conflict");
    sandbox.write_spec("ada: {is: dev-box, home: ./ada, needs: [bob]}\nbob: {is: dev-box, home: ./bob, needs: [ada]}\n");
    let found = sandbox.seed(&["check", "--json", "."]).exits(1).json()["diagnostics"].clone();
    assert_eq!((&found[0]["code"], &found[0]["range"]["start"]["line"]), (&json!("cycle"), &json!(5)), "{found}");
    assert!(found[0]["path"].as_str().unwrap().ends_with(".seed.yaml"));
}

#[test]
fn a_role_alone_is_checked_by_its_folder() {
    let sandbox = sandbox(USES);
    sandbox.seed(&["check", "roles/dev-box"]).exits(0);
    sandbox.write("roles/dev-box/tasks/main.yml", "present:\n  folder: {is: file.directory, path: \"${hom}\"}\n");
    let check = sandbox.seed(&["check", "roles/dev-box"]).exits(1);
    assert!(check.stdout().contains("there is no part or parameter `hom` in this role"), "{}", check.stdout());
    // Ansible's own roles are left alone.
    sandbox.write("other/tasks/main.yml", "- name: x\n  ansible.builtin.debug:\n");
    sandbox.seed(&["check", "other"]).exits(1);
}

#[test]
fn types_and_schema_know_the_roles_of_the_project() {
    let sandbox = sandbox(USES);
    let types = sandbox.seed(&["types"]);
    assert!(types.stdout().contains("dev-box") && types.stdout().contains("A home to work in."), "{}", types.stdout());
    let one = sandbox.seed(&["types", "dev-box", "--json"]).json();
    assert_eq!(one["outputs"][0]["name"], "home");
    assert_eq!(one["schema"]["properties"]["mode"]["default"], "0750");
    let schema = sandbox.seed(&["schema"]).json();
    assert_eq!(schema["$defs"]["dev-box"]["required"], json!(["is", "home"]));
    let entry = sandbox.seed(&["schema", "dev-box"]).json();
    assert_eq!(entry["properties"]["projects"]["items"]["type"], json!(["string", "number", "boolean"]));
    sandbox.seed(&["types", "dev-bux"]).exits(1);
}

#[test]
fn the_graph_keeps_parts_together_and_the_laws_hold() {
    let sandbox = sandbox(USES);
    let dot = sandbox.seed(&["graph", "name.seed.yaml", "--format", "dot"]);
    assert!(
        dot.stdout().contains("subgraph \"cluster_ada\"") && dot.stdout().contains("subgraph \"cluster_ada/sources\""),
        "{}",
        dot.stdout()
    );
    let mermaid = sandbox.seed(&["graph", "name.seed.yaml", "--format", "mermaid"]);
    assert!(mermaid.stdout().contains("subgraph w0[\"ada\"]"), "{}", mermaid.stdout());
    let json = sandbox.seed(&["graph", "name.seed.yaml", "--format", "json"]).json();
    assert!(json["roles"].as_array().unwrap().iter().any(|one| one["role"] == "ada/note" && one["part_of"] == "ada"), "{json}");
    sandbox.seed(&["laws", "name.seed.yaml"]).exits(0);
}

#[test]
fn what_a_role_runs_only_for_absent_needs_trust_too() {
    let (sandbox, spec) = Sandbox::with_spec("mine: {is: desk}\n");
    sandbox.write("roles/desk/role.yml", "about: A desk.\n");
    let farewell = "{is: task.command, folder: /, present: [touch, /tmp/x], absent: [\"true\"], info: [\"false\"]}";
    sandbox.write("roles/desk/tasks/main.yml", &format!("present: {{}}\nabsent:\n  farewell: {farewell}\n"));
    sandbox.seed(&["plan", spec]).exits(0).says("seed trust");
    sandbox.seed(&["plan", spec, "--state", "absent"]).exits(1).says("seed trust");
    for state in ["present", "absent"] {
        sandbox.seed(&["apply", "--yes", spec, "--state", state]).exits(3).says("seed trust");
    }
    sandbox.seed(&["trust", "."]).exits(0);
    sandbox.seed(&["plan", spec, "--state", "absent"]).exits(2).says("mine");
    sandbox.seed(&["plan", spec]).exits(0);
}

#[test]
fn a_role_from_above_is_trusted_by_its_own_folder() {
    let sandbox = Sandbox::new();
    sandbox.write("roles/flag/role.yml", "about: A flag.\n");
    let flag = "{is: task.command, folder: /, present: [\"true\"], absent: [\"true\"], info: [\"false\"]}";
    sandbox.write("roles/flag/tasks/main.yml", &format!("present:\n  set: {flag}\n"));
    sandbox.write("specs/a.seed.yaml", "seed: 1\nname: a\nroles: {mine: {is: flag}}\n");
    let both =
        sandbox.seed(&["apply", "--yes", "specs/a.seed.yaml"]).exits(3).says("the spec's folder is not trusted, and the role's");
    assert!(both.stderr().contains("/specs; and read the role, then: seed trust "), "{}", both.told());
    sandbox.seed(&["trust", "specs"]).exits(0);
    sandbox.seed(&["plan", "specs/a.seed.yaml"]).exits(1).says("roles/flag");
    sandbox.seed(&["trust", "roles"]).exits(0);
    sandbox.seed(&["plan", "specs/a.seed.yaml"]).exits(2);
}

#[test]
fn a_new_role_is_written_checked_and_used() {
    let sandbox = Sandbox::new();
    sandbox.seed(&["new", "role", "desk"]).exits(0);
    sandbox.seed(&["check", "roles/desk"]).exits(0);
    sandbox.seed(&["new", "role", "desk"]).exits(0).says("is there already");
    sandbox.write_spec("mine: {is: desk, home: ./mine}\n");
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("mine/README"), "Made by desk.\n");
}

#[test]
fn apply_shows_a_composite_role_as_one_line_and_its_parts_where_asked() {
    let sandbox = sandbox(USES);
    let ran =
        sandbox.seed(&["apply", "--yes", "name.seed.yaml"]).exits(0).says("✓ ada  dev-box  5 created").says("✓ beside  create");
    assert!(!ran.stderr().contains("note"), "{}", ran.told());
    sandbox.write("ada/README", "changed");
    let ran = sandbox.seed(&["apply", "--yes", "-v", "name.seed.yaml"]).exits(0).says("✓ ada  dev-box  1 changed, 4 unchanged");
    assert!(ran.stderr().contains("✓ note  change"), "{}", ran.told());
}

#[test]
fn a_part_that_fails_is_shown_below_its_composite_role() {
    let sandbox = sandbox(USES);
    sandbox.write("ada", "in the way");
    let ran = sandbox.seed(&["apply", "--yes", "name.seed.yaml"]).exits(1).says("✗ ada  dev-box  ").says("failed");
    assert!(ran.stderr().contains("✗ folder  "), "{}", ran.told());
}
