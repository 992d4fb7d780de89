//! `seed new` and `meta.template`: what is written from skeletons, and kept in step with them.

use std::fs;

use crate::sandbox::Sandbox;

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.at(".git")).unwrap();
    sandbox
}

/// A project with two roles and its own skeleton, and a spec that keeps them in step.
fn kept() -> Sandbox {
    let sandbox = project();
    sandbox.seed(&["new", "meta"]).exits(0).says("fragments/meta");
    for role in ["desk", "lamp"] {
        sandbox.seed(&["new", "role", role]).exits(0);
    }
    sandbox.write_spec("skeleton: {is: meta.template, roles: ./roles}\n");
    sandbox
}

fn replace(sandbox: &Sandbox, path: &str, from: &str, to: &str) {
    let text = sandbox.read(path);
    assert!(text.contains(from), "{path} holds no {from:?}: {text}");
    sandbox.write(path, &text.replace(from, to));
}

#[test]
fn everything_new_is_right_and_current() {
    let sandbox = project();
    for what in ["spec", "role", "collection", "fragment"] {
        let told = sandbox.seed(&["new", what, "lab"]).exits(0).says("Next:");
        assert_eq!(told.stderr(), "");
    }
    sandbox.seed(&["check"]).exits(0).never_says("warning");
    sandbox.seed(&["check", "roles/lab"]).exits(0);
    sandbox.seed(&["check", "collections/lab/roles/hello"]).exits(0);
    sandbox.seed(&["fmt", "--check", "lab.seed.yaml", "roles/lab/tests/lab.seed.yaml"]).exits(0);
    sandbox.seed(&["laws", "roles/lab/tests/lab.seed.yaml"]).exits(0);
    let status = sandbox.seed(&["fragment", "status", "--json"]).exits(0).json();
    let items = status["items"].as_array().unwrap();
    assert_eq!(items.len(), 5, "{items:?}");
    assert!(items.iter().all(|item| item["state"] == "current" && item["instance"] == "lab"), "{items:?}");
    assert_eq!(sandbox.read(".seed/fragments.lock").lines().count(), 5, "what was rendered is known");
    sandbox.write("etc/conf", "");
    sandbox.seed(&["fragment", "add", "lab", "etc/conf", "--with", "team=net"]).exits(0);
    assert!(sandbox.read("etc/conf").contains("# Looked after by net."));
}

#[test]
fn what_exists_is_refused_and_nothing_is_half_written() {
    let sandbox = project();
    for (what, there) in
        [("spec", "a.seed.yaml"), ("role", "roles/a/mine"), ("collection", "collections/a/mine"), ("fragment", "fragments/a")]
    {
        sandbox.write(there, "mine");
        let before = sandbox.tree();
        sandbox.seed(&["new", what, "a"]).exits(1).says("exists");
        assert_eq!(sandbox.tree(), before, "{what}");
        sandbox.seed(&["new", what, "../b"]).exits(1).says("letters");
        sandbox.seed(&["new", what, ".b"]).exits(1).says("letters");
    }
    sandbox.write("fragments/meta/role/role.yml", "about: x\n# {{ nothing }}\n");
    let before = sandbox.tree();
    sandbox.seed(&["new", "role", "b"]).exits(1).says("fragments/meta/role/role.yml:2").says("`nothing` is not a parameter");
    sandbox.seed(&["new", "role", "b.c"]).exits(1).says("cannot contain a dot");
    sandbox.seed(&["new", "meta"]).exits(1).says("exists");
    assert_eq!(sandbox.tree(), before);
}

#[test]
fn what_an_interrupted_run_has_written_is_brought_to_its_end() {
    for what in ["spec", "role", "collection", "fragment"] {
        let sandbox = project();
        sandbox.seed(&["new", what, "lab"]).exits(0);
        let expected = sandbox.tree();
        // As after a kill between what is written and what is noted of it.
        if sandbox.at(".seed").exists() {
            fs::remove_dir_all(sandbox.at(".seed")).unwrap();
        }
        sandbox.seed(&["new", what, "lab"]).exits(0).says("is there already");
        assert_eq!(sandbox.tree(), expected, "{what}");
    }
    let sandbox = project();
    sandbox.seed(&["new", "role", "lab"]).exits(0);
    for (path, text) in [("roles/lab/mine", "mine"), ("roles/lab/README.md", "mine")] {
        let before = sandbox.read("roles/lab/README.md");
        sandbox.write(path, text);
        let changed = sandbox.tree();
        sandbox.seed(&["new", "role", "lab"]).exits(1).says("already exists");
        assert_eq!(sandbox.tree(), changed);
        fs::remove_file(sandbox.at(path)).unwrap();
        sandbox.write("roles/lab/README.md", &before);
    }
}

#[test]
fn a_project_has_its_own_skeletons() {
    let sandbox = project();
    sandbox.write("fragments/meta/spec/NAME.seed.yaml", "seed: 1\nname: {{ instance }}\nroles: {}\n");
    sandbox.seed(&["new", "spec", "lab"]).exits(0);
    assert_eq!(sandbox.read("lab.seed.yaml"), "seed: 1\nname: lab\nroles: {}\n");
    sandbox.seed(&["new", "role", "desk"]).exits(0);
    assert!(sandbox.read("roles/desk/tests/desk.seed.yaml").contains("is: desk"));
}

#[test]
fn one_change_of_the_skeleton_is_one_plan_for_all_roles() {
    let sandbox = kept();
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(0);
    replace(&sandbox, "fragments/meta/role/README.md", "## Use", "## How to use it");
    replace(&sandbox, "roles/desk/README.md", "Say here what the role is for.", "For writing.");
    replace(&sandbox, "roles/lamp/README.md", "    is: lamp", "    is: lamp\n    mode: \"0700\"");
    let plan = sandbox.seed(&["plan", "name.seed.yaml"]).exits(2);
    assert_eq!(plan.stdout().matches("+ ## How to use it").count(), 2, "{}", plan.told());
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    let (desk, lamp) = (sandbox.read("roles/desk/README.md"), sandbox.read("roles/lamp/README.md"));
    assert!(desk.contains("For writing.") && desk.contains("## How to use it"), "{desk}");
    assert!(lamp.contains("mode: \"0700\"") && lamp.contains("## How to use it"), "{lamp}");
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(0);
    sandbox.seed(&["info", "name.seed.yaml"]).exits(0);
    sandbox.seed(&["fragment", "status"]).exits(0).says("roles/lamp/README.md:5 meta/readme#lamp  edited");
    sandbox.seed(&["undo", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("roles/desk/README.md"), desk.replace("## How to use it", "## Use"));
    assert_eq!(sandbox.read("roles/lamp/README.md"), lamp.replace("## How to use it", "## Use"));
}

#[test]
fn a_reshaped_role_is_told_and_no_role_is_changed() {
    for (reshape, words) in [
        (&|sandbox: &Sandbox| fs::remove_file(sandbox.at("roles/lamp/tasks/main.yml")).unwrap() as (), "was deleted"),
        (&|sandbox: &Sandbox| sandbox.write("roles/lamp/README.md", "All mine.\n"), "were removed from roles/lamp/README.md"),
        (
            &|sandbox: &Sandbox| replace(sandbox, "roles/lamp/README.md", "## Use", "## Mine"),
            "roles/lamp/README.md:5: `meta/readme#lamp`",
        ),
        (
            &|sandbox: &Sandbox| {
                fs::remove_dir_all(sandbox.at("roles/lamp/tests")).unwrap();
                sandbox.write("roles/lamp/tests", "none");
            },
            "is not a folder",
        ),
    ] as [(&dyn Fn(&Sandbox), &str); 4]
    {
        let sandbox = kept();
        replace(&sandbox, "fragments/meta/role/README.md", "## Use", "## How to use it");
        reshape(&sandbox);
        let before = sandbox.tree();
        sandbox.seed(&["plan", "name.seed.yaml"]).says(words).exits(1);
        sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).says(words);
        assert_eq!(sandbox.tree(), before, "{words}");
        sandbox.write_spec("skeleton: {is: meta.template, roles: ./roles, except: [lamp]}\n");
        sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
        assert!(sandbox.read("roles/desk/README.md").contains("## How to use it"));
    }
}

#[test]
fn absent_takes_away_what_it_wrote_and_nothing_else() {
    let sandbox = project();
    sandbox.write("roles/desk/role.yml", "about: Mine.\n");
    sandbox.write("roles/lamp/role.yml", "about: Mine too.\n");
    sandbox.write(
        "skeleton/README.md",
        "# {{ instance }}\n<!-- seed:begin meta/use#{{ instance }} -->\nUse it.\n<!-- seed:end meta/use#{{ instance }} -->\n",
    );
    sandbox.write(
        "skeleton/tests/NAME.md",
        "# seed:begin meta/test#{{ instance }}\nTest it.\n# seed:end meta/test#{{ instance }}\n",
    );
    sandbox.write_spec("skeleton: {is: meta.template, roles: ./roles, template: ./skeleton}\n");
    let before = sandbox.tree();
    sandbox.seed(&["laws", "name.seed.yaml"]).exits(0);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("roles/lamp/tests/lamp.md"), "# seed:begin meta/test#lamp\nTest it.\n# seed:end meta/test#lamp\n");
    sandbox.seed(&["apply", "name.seed.yaml", "--yes", "--state", "absent"]).exits(0);
    assert_eq!(sandbox.tree(), before);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    replace(&sandbox, "roles/desk/README.md", "# desk", "# My desk");
    replace(&sandbox, "roles/lamp/README.md", "Use it.", "Use it.\nI do.");
    sandbox.seed(&["apply", "name.seed.yaml", "--yes", "--state", "absent"]).exits(0);
    assert_eq!(sandbox.read("roles/desk/README.md"), "# My desk\n");
    assert_eq!(sandbox.read("roles/lamp/README.md"), "# lamp\nUse it.\nI do.\n");
    assert!(!sandbox.at("roles/lamp/tests").exists() && !sandbox.at(".seed").exists());
}

#[test]
fn a_role_that_somebody_has_removed_does_not_stop_the_way_back() {
    let sandbox = Sandbox::new();
    for name in ["desk", "lamp"] {
        sandbox.seed(&["new", "role", name]).exits(0);
    }
    sandbox.seed(&["new", "meta"]).exits(0);
    let before = sandbox.read("roles/desk/README.md");
    sandbox.write_spec("skeleton: {is: meta.template, roles: ./roles}\n");
    let part = sandbox.read("fragments/meta/role/README.md");
    sandbox.write("fragments/meta/role/README.md", &part.replace("## Use", "## How"));
    sandbox.seed(&["apply", "--yes", "name.seed.yaml"]).exits(0);
    assert!(sandbox.read("roles/desk/README.md").contains("## How"));
    std::fs::remove_dir_all(sandbox.at("roles/lamp")).unwrap();
    sandbox.seed(&["apply", "--yes", "--state", "absent", "name.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("roles/desk/README.md"), before);
    assert!(!sandbox.at("roles/lamp").exists());
    sandbox.seed(&["apply", "--yes", "--state", "absent", "name.seed.yaml"]).exits(0).says("Nothing to do");
}
