//! Mistakes as they are told: where, in which words, and before anything is done.

use serde_json::{Value as Json, json};

use crate::commands::list;
use crate::sandbox::Sandbox;

#[test]
fn fmt_formats_in_place_and_checks() {
    let sandbox = Sandbox::new();
    let crooked = "seed: 1\nname:   crooked   \nwhy: A test.\nroles:\n    a:   # kept\n        is: file.text\n        path: ./a\n        content:   x\n";
    sandbox.write("a.seed.yaml", crooked);
    sandbox.seed(&["fmt", "--check", "a.seed.yaml"]).exits(1).says("a.seed.yaml");
    assert_eq!(sandbox.read("a.seed.yaml"), crooked, "--check changes nothing");
    sandbox.seed(&["fmt", "a.seed.yaml"]).exits(0);
    sandbox.seed(&["fmt", "--check", "a.seed.yaml"]).exits(0);
    let formatted = sandbox.read("a.seed.yaml");
    assert!(formatted.contains("# kept") && formatted.contains("\n  a:"), "{formatted}");
    sandbox.seed(&["check", "a.seed.yaml"]).exits(0);
    assert!(formatted.contains("\nname: crooked\n") && formatted.contains("    content: x\n"), "{formatted}");
    assert_eq!(sandbox.seed_with_input(&["fmt", "-"], crooked).exits(0).stdout(), formatted);
    let told = sandbox.seed(&["fmt", "--json", "--check", "a.seed.yaml"]).exits(0).json();
    assert_eq!(told, json!({"files": [{"path": "a.seed.yaml", "changed": false}]}));
    sandbox.write("a.seed.yaml", crooked);
    let told = sandbox.seed(&["fmt", "--json", "--check", "a.seed.yaml"]).exits(1).json();
    assert_eq!(told, json!({"files": [{"path": "a.seed.yaml", "changed": true}]}));
    assert_eq!(sandbox.read("a.seed.yaml"), crooked);
    sandbox.seed(&["fmt", "--json", "a.seed.yaml"]).exits(0);
    assert_eq!(sandbox.read("a.seed.yaml"), formatted);
}

#[test]
fn fmt_leaves_what_is_no_yaml_and_says_why() {
    let sandbox = Sandbox::new();
    sandbox.write("a.seed.yaml", "seed:   1\nname: [\n");
    for args in [&["fmt", "a.seed.yaml"][..], &["fmt", "--check", "a.seed.yaml"]] {
        let ran = sandbox.seed(args).exits(1);
        assert!(ran.stderr().contains("syntax") && ran.stdout().is_empty(), "{}", ran.told());
    }
    let told = sandbox.seed(&["fmt", "--json", "a.seed.yaml"]).exits(1).json();
    assert_eq!((&told["files"][0]["changed"], &told["files"][0]["diagnostics"][0]["severity"]), (&json!(false), &json!("error")));
    assert_eq!(sandbox.read("a.seed.yaml"), "seed:   1\nname: [\n");
    let ran = sandbox.seed_with_input(&["fmt", "-"], "name: [\n").exits(1);
    assert_eq!(ran.stdout(), "", "half a spec is no spec");
}

#[test]
fn a_mistake_is_marked_where_it_is_whatever_its_key_holds() {
    let (sandbox, spec) = Sandbox::with_spec(
        "pool:\n  is: storage.btrfs\n  devices: [/dev/a]\n  mount: /m\n  subvolumes:\n    \"../x\": {quota: 1 GiB}\n    \
         \"\": {quota: 2 GiB}\n    good: {}\n\nother:\n  is: storage.btrfs\n  devices: [/dev/a, /dev/a]\n\n\
         filled:\n  is: file.template\n  path: ./x\n  from: ./t.j2\n  with:\n    a: {b: 1}\n    a.b: 2\n",
    );
    sandbox.write("t.j2", "");
    let told = sandbox.seed(&["check", "--json", spec]).exits(1).json();
    let text = sandbox.read(spec);
    let lines: Vec<&str> = text.lines().collect();
    let marked: Vec<&str> = list(&told, "diagnostics")
        .iter()
        .filter(|one| one["code"] != "missing-tool")
        .map(|one| lines[one["range"]["start"]["line"].as_u64().unwrap() as usize].trim())
        .collect();
    for line in ["\"../x\": {quota: 1 GiB}", "\"\": {quota: 2 GiB}", "a.b: 2"] {
        assert!(marked.contains(&line), "{line} in {told:#}");
    }
    let conflicts = list(&told, "diagnostics").iter().filter(|one| one["code"] == "conflict");
    assert_eq!(conflicts.count(), 1, "{told:#}");
}

#[test]
fn what_a_role_reads_is_looked_at_before_anything_is_planned() {
    let sandbox = Sandbox::new();
    let told = |roles: &str| -> Vec<(String, String, u64)> {
        sandbox.write_spec(roles);
        let told = sandbox.seed(&["check", "--json", "name.seed.yaml"]).json();
        let text = |one: &Json, key: &str| one[key].as_str().unwrap().to_string();
        let line = |one: &Json| one["range"]["start"]["line"].as_u64().unwrap() - 5;
        list(&told, "diagnostics").iter().map(|one| (text(one, "severity"), text(one, "code"), line(one))).collect()
    };
    let one = |severity: &str, code: &str, line: u64| vec![(severity.to_string(), code.to_string(), line)];
    sandbox.write("bad.j2", "one\n{% if %}\n");
    sandbox.write("good.j2", "{% if a %}{{ a }}{% endif %}");
    sandbox.write("f.txt", "---\nparameters:\n  port: {type: int}\n---\nPort {{ port }}\n");
    sandbox.write("broken.txt", "Port {{ port\n");

    let template = |from: &str| format!("t:\n  is: file.template\n  path: ./x\n  from: {from}\n  with: {{a: 1}}\n");
    assert_eq!(told(&template("./good.j2")), []);
    assert_eq!(told(&template("./bad.j2")), one("error", "template", 3));
    sandbox.seed(&["check", "name.seed.yaml"]).exits(1).says("bad.j2:2");
    assert_eq!(told(&template("./none.j2")), one("warning", "not-there", 3));
    let made = "made: {is: file.text, path: ./none.j2, content: x}\n";
    assert_eq!(told(&format!("{}{made}", template("./none.j2"))), [], "another role makes it");
    assert_eq!(told(&format!("{}  state: absent\n", template("./none.j2"))), []);

    let fragment =
        |file: &str, with: &str| format!("f:\n  is: file.fragment\n  path: ./y\n  fragment: {file}\n  with: {{{with}}}\n");
    assert_eq!(told(&fragment("./f.txt", "port: 22")), []);
    assert_eq!(told(&fragment("./f.txt", "port: many")), one("error", "wrong-value", 4));
    assert_eq!(told(&fragment("./f.txt", "prot: 22")), one("error", "wrong-value", 4));
    assert_eq!(told(&fragment("./none.txt", "")), one("warning", "not-there", 3));
    assert_eq!(told(&fragment("./broken.txt", "")), one("error", "template", 3));

    let text = "n: {is: file.text, path: ./n, content: !secret {file: ./nofile}}\n";
    assert_eq!(told(text), one("warning", "not-there", 0));
    assert_eq!(told("n: {is: file.text, path: ./n, content: x, owner: no-such-user}\n"), one("warning", "not-there", 0));
    assert_eq!(told("n: {is: file.text, path: ./n, content: x, owner: root}\n"), []);
    let devices = told("l: {is: storage.loopback_device, backing: ./none.img}\n");
    assert!(devices.contains(&one("warning", "not-there", 0)[0]), "{devices:?}");
}

#[test]
fn what_is_left_out_orders_nothing() {
    let (sandbox, spec) = Sandbox::with_spec(
        "off: {is: file.text, path: ./off, content: x, when: false}\n\
         on: {is: file.text, path: ./on, content: x, needs: [off]}\n",
    );
    sandbox.seed(&["check", spec]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(0);
    assert!(sandbox.at("on").exists() && !sandbox.at("off").exists());
}

#[test]
fn words_fit_what_they_are_about() {
    let (sandbox, spec) = Sandbox::with_spec("");
    sandbox.write(spec, "seed: 1\nname: name\nwhy: A test.\nroles: {}\n");
    sandbox.seed(&["plan", spec]).exits(0).says("the spec has no roles");
    sandbox.seed(&["info", spec]).exits(0).says("There are no roles");

    let listed = sandbox.seed(&["types", "file"]).exits(0).says("file.text").says("file.link").never_says("storage.btrfs");
    assert_eq!(listed.stdout().lines().count(), 5, "{}", listed.told());
    sandbox.seed(&["types", "nothing"]).exits(1).says("no role type or collection has that name");

    sandbox.write_spec(
        "note: {is: file.text, path: ./n, content: x}\nimage: {is: storage.file_block_image, path: ./i, size: 1 MiB}\n\
         dir: {is: file.directory, path: ./d}\nloop: {is: storage.loopback_device, backing: dir}\n",
    );
    sandbox.seed(&["check", spec]).exits(1).says("name a role that offers it: `image`").never_says("`note`");

    sandbox.write("roles/bad/tasks/main.yml", "present:\n  a: {is: file.text, path: /x, content: x}\n");
    sandbox.write_spec("b: {is: bad}\n");
    sandbox.seed(&["check", spec]).exits(1).says("roles/bad/role.yml` is missing");
    sandbox.seed(&["check", "roles/bad/tasks/main.yml"]).exits(1).says("role.yml` cannot be read").never_says("seed: 1");
    sandbox.write("roles/bad/role.yml", "about: A test.\n");
    sandbox.write("roles/bad/tasks/main.yml", "");
    sandbox.seed(&["check", spec]).exits(1).says("`present:`").never_says("seed: 1");

    let command = "present: [sleep, \"60\"], absent: [\"true\"], info: [\"false\"], limit: 1 s";
    sandbox.write_spec(&format!("slow: {{is: task.command, {command}}}\n"));
    sandbox.seed(&["trust", "."]).exits(0);
    sandbox.seed(&["apply", "--yes", spec]).exits(1).says("it took longer than 1 s").says("`limit`");
}

#[test]
fn new_takes_a_file_name_and_no_name_of_a_built_in_collection() {
    let sandbox = Sandbox::new();
    let told = sandbox.seed(&["new", "spec", "lab.seed.yaml", "--json"]).exits(0).json();
    assert_eq!(told, json!({"written": ["lab.seed.yaml"], "next": "seed plan lab.seed.yaml"}));
    assert!(sandbox.at("lab.seed.yaml").exists());
    for what in ["role", "collection"] {
        sandbox.seed(&["new", what, "file"]).exits(1).says("`file` is the name of a built-in collection");
    }
    let told = sandbox.seed(&["new", "role", "box", "--json"]).exits(0).json();
    let written: Vec<&str> = list(&told, "written").iter().map(|path| path.as_str().unwrap()).collect();
    assert!(written.contains(&"roles/box/role.yml"), "{told}");
}

#[test]
fn a_mistake_is_told_once_and_not_again_where_its_role_is_named() {
    let loops = "loop:\n  is: storage.loopback_devic\n  backing: ./a.img\n";
    let sandbox = Sandbox::new();
    sandbox.write("roles/vol/role.yml", "about: A volume.\nparameters:\n  disks: {type: list of block}\n");
    sandbox.write("roles/vol/tasks/main.yml", "present:\n  pool: {is: storage.btrfs, devices: \"${disks}\", mount: ./lab}\n");
    for uses in ["is: storage.btrfs\n  mount: ./lab\n  data: raid1\n  devices: [loop]\n", "is: vol\n  disks: [loop]\n"] {
        sandbox.write_spec(&format!("{loops}pool:\n  {uses}"));
        let answer = sandbox.seed(&["check", "--json", "name.seed.yaml"]).exits(1).json();
        let codes: Vec<_> = answer["diagnostics"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
        assert_eq!(codes, ["unknown-role-type"], "{answer:#}");
    }
}

#[test]
fn what_is_mounted_at_boot_has_a_name_that_a_line_can_hold() {
    for (persist, at) in
        [("unit", "/srv/a\\nWhat=/dev/vda"), ("unit", "/srv/a\\\\"), ("unit", "/srv/a "), ("fstab", "/srv/a\\nb")]
    {
        let (sandbox, spec) =
            Sandbox::with_spec(&format!("m: {{is: storage.mount, device: /dev/x, at: \"{at}\", persist: {persist}}}\n"));
        let told = sandbox.seed(&["check", "--json", spec]).exits(1).json();
        let first = &told["diagnostics"][0];
        assert_eq!((&first["code"], &first["range"]["start"]["line"]), (&"wrong-value".into(), &5.into()), "{at}: {told}");
        sandbox.seed(&["plan", spec]).exits(1);
    }
    let (sandbox, spec) = Sandbox::with_spec("m: {is: storage.mount, device: /dev/x, at: \"/srv/a b%\\\"\", persist: unit}\n");
    sandbox.seed(&["check", spec]).exits(0);
}

#[test]
fn the_lines_of_a_help_can_be_pasted() {
    let spec = "seed: 1\nname: lab\nroles:\n    image:\n        is: storage.file_block_image\n        path: ./lab.img\n        size: 4 GiB\n    pool:\n        is: storage.btrfs\n        devices: [image]\n";
    let sandbox = Sandbox::new();
    sandbox.write("lab.seed.yaml", spec);
    let ran = sandbox.seed(&["check", "lab.seed.yaml"]).exits(1).says("write `loopback` here");
    let shown = ran.stdout();
    let lines: Vec<&str> =
        shown.lines().skip_while(|line| *line != "    loopback:").take_while(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 3, "{shown}");
    let mended = spec.replace("[image]", "[loopback]").replace("    pool:", &format!("{}\n    pool:", lines.join("\n")));
    sandbox.write("lab.seed.yaml", &mended);
    sandbox.seed(&["check", "lab.seed.yaml"]).exits(0);
}

#[test]
fn a_message_stands_at_its_place_and_names_both_places_of_a_conflict() {
    let sandbox = Sandbox::new();
    let spec = "seed: 1\nname: lab\nroles:\n  one: {is: file.text, path: ./x, content: a}\n  two: {is: file.text, path: ./x, content: b, mode: 999}\n";
    sandbox.write("lab.seed.yaml", spec);
    let ran = sandbox.seed(&["check", "lab.seed.yaml"]).exits(1);
    let shown = ran.stdout();
    assert!(!shown.contains("─ here\n"), "{shown}");
    for words in [
        "─ `two` claims the path ",
        "and so does `one` (lab.seed.yaml:4)",
        "─ `one` claims it here",
        "─ `999` is not a file mode",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let json = sandbox.seed(&["check", "--json", "lab.seed.yaml"]).exits(1).json();
    let conflict = json["diagnostics"].as_array().unwrap().iter().find(|one| one["code"] == "conflict").unwrap();
    assert_eq!(conflict["related"][0]["range"]["start"]["line"], 3, "{conflict}");
}
