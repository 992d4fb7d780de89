//! `seed fragment`: exit statuses, JSON, and that it is all or nothing wherever it is killed.

use std::collections::BTreeMap;
use std::fs;

use crate::sandbox::{Ran, Sandbox, is_root};

/// Files that embed the same fragment, not rendered yet.
const FILES: &[(&str, &str)] = &[
    ("etc/sshd_config", "# first\n# seed:begin base#1 port=2222\n# seed:end base#1\nUsePAM yes\n"),
    ("init.lua", "-- seed:begin base#2\n-- seed:end base#2\n"),
    ("page.html", "<p>\n  <!-- seed:begin base#3 port=80 -->\n  <!-- seed:end base#3 -->\n</p>"),
];

fn project() -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.at(".git")).unwrap();
    sandbox.write(
        "fragments/base",
        "---\nabout: A test.\nparameters:\n  port: {type: int, default: 22}\n---\nPort {{ port }}\none\ntwo\n",
    );
    FILES.iter().for_each(|(path, content)| sandbox.write(path, content));
    sandbox
}

/// What the files hold.
fn texts(sandbox: &Sandbox) -> Vec<String> {
    FILES.iter().map(|(path, _)| sandbox.read(path)).collect()
}

/// All files of the project, but for what belongs to a run.
fn all_files(sandbox: &Sandbox) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![sandbox.path().to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.ends_with(".seed/lock") {
                let name = path.strip_prefix(sandbox.path()).unwrap().display().to_string();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn a_fragment_is_rendered_edited_updated_and_detached() {
    let sandbox = project();
    let status = sandbox.seed(&["fragment", "status"]).exits(2);
    assert!(status.stdout().contains("etc/sshd_config:2 base#1  outdated  not rendered yet"), "{}", status.told());
    sandbox.seed(&["fragment", "update"]).exits(0).says("init.lua:1 base#2  current  rendered");
    sandbox.seed(&["fragment", "status"]).exits(0).says("current").says("Nothing to do.");
    assert_eq!(
        sandbox.read("page.html"),
        "<p>\n  <!-- seed:begin base#3 port=80 -->\n  Port 80\n  one\n  two\n  <!-- seed:end base#3 -->\n</p>"
    );

    let edited = sandbox.read("init.lua").replace("two\n", "two\nmine\n");
    sandbox.write("init.lua", &edited);
    sandbox.seed(&["fragment", "update"]).exits(0);
    assert_eq!(sandbox.read("init.lua"), edited);
    let fragment = sandbox.read("fragments/base").replace("Port {{ port }}", "port={{ port }}");
    sandbox.write("fragments/base", &fragment);
    sandbox.seed(&["fragment", "update", "init.lua"]).exits(0).says("edited  updated; your edits are kept");
    assert_eq!(sandbox.read("init.lua"), edited.replace("Port 22", "port=22"));
    assert!(sandbox.read("etc/sshd_config").contains("Port 2222"));
    sandbox.seed(&["fragment", "update"]).exits(0);
    assert!(sandbox.read("etc/sshd_config").contains("port=2222"));

    for times in 0..2 {
        sandbox.seed(&["fragment", "detach", "base#1"]).exits(0).says(if times == 0 {
            "its text is yours now"
        } else {
            "nothing to do"
        });
        assert_eq!(sandbox.read("etc/sshd_config"), "# first\nport=2222\none\ntwo\nUsePAM yes\n");
    }
}

#[test]
fn a_clash_is_to_do_until_it_is_resolved() {
    let sandbox = project();
    sandbox.seed(&["fragment", "update"]).exits(0);
    let edited = sandbox.read("init.lua").replace("one", "mine");
    sandbox.write("init.lua", &edited);
    sandbox.write("fragments/base", &sandbox.read("fragments/base").replace("one", "theirs"));
    let looked = sandbox.seed(&["fragment", "status"]).exits(2).says("seed fragment resolve --mine");
    assert!(!looked.stdout().contains("pending"), "{}", looked.told());
    sandbox.seed(&["fragment", "update"]).exits(2).says("init.lua:1 base#2  clash").says("seed fragment resolve --mine");
    assert_eq!(sandbox.read("init.lua"), edited);
    assert_eq!(sandbox.read(".seed/pending/base#2/theirs"), "Port 22\ntheirs\ntwo\n");
    // The other files were updated.
    assert!(sandbox.read("page.html").contains("theirs"));
    sandbox.seed(&["fragment", "resolve", "base#2"]).exits(1).says("--mine");
    sandbox.seed(&["fragment", "resolve", "--markers", "init.lua"]).exits(0);
    assert!(sandbox.read("init.lua").contains("<<<<<<< mine\nmine\n=======\ntheirs\n>>>>>>> fragment base\n"));
    sandbox.seed(&["fragment", "status"]).exits(2).says("conflict markers");
    sandbox.seed(&["fragment", "resolve", "--theirs", "base#2"]).exits(0);
    assert_eq!(sandbox.read("init.lua"), edited.replace("mine", "theirs"));
    sandbox.seed(&["fragment", "status"]).exits(0);
}

#[test]
fn copies_get_their_own_instance_and_that_is_all_there_was_to_do() {
    for target in ["init.lua", "base#2", "."] {
        let sandbox = project();
        sandbox.seed(&["fragment", "update"]).exits(0);
        let text = sandbox.read("init.lua");
        sandbox.write("init.lua", &format!("{text}{text}"));
        sandbox.seed(&["fragment", "status"]).exits(1).says("`base#2` is copied");
        sandbox.seed(&["fragment", "resolve", "--new-instance", target]).exits(0);
        assert_eq!(sandbox.read("init.lua"), format!("{text}{}", text.replace("#2", "#4")), "{target}");
        sandbox.seed(&["fragment", "status"]).exits(0).says("Nothing to do.");
    }
}

#[test]
fn a_mistyped_block_is_an_error() {
    let sandbox = project();
    sandbox.seed(&["fragment", "update"]).exits(0);
    for command in [&["resolve", "--mine"][..], &["resolve", "--theirs"], &["resolve", "--new-instance"], &["detach"]] {
        let with = |name: &str| sandbox.seed(&[&["fragment"], command, &[name]].concat());
        with("bsae#1").exits(1).says("there is no block `bsae#1` in the project; did you mean `base#1`?");
        with("wholly-different#1").exits(1).says("there is no block `wholly-different#1` in the project");
    }
    sandbox.seed(&["fragment", "resolve", "--mine", "base#11"]).exits(1).says("did you mean `base#1`?");
}

#[test]
fn who_settles_a_file_is_not_told_to_wait_where_nothing_is_held_back() {
    let sandbox = project();
    sandbox.seed(&["fragment", "resolve", "--mine", "init.lua"]).exits(2).says("not rendered yet\nNext: seed fragment update");
}

#[test]
fn what_an_update_cannot_mend_is_told_and_no_update_is_proposed() {
    let sandbox = project();
    sandbox.seed(&["fragment", "update"]).exits(0);
    sandbox.write("fragments/t", &(1..4).map(|one| format!("# seed:begin t#{one}\n# seed:end t#{one}\n")).collect::<String>());
    sandbox.write("cfg", "# seed:begin t#9\n# seed:end t#9\n# seed:begin base#9\n# seed:end base#9\n");
    for command in ["status", "update"] {
        let told = sandbox.seed(&["fragment", command]).exits(1).says("cfg:1 t#9  error  the fragment `t` embeds itself");
        assert!(!told.stdout().contains("Next:"), "{}", told.told());
    }
}

#[test]
fn status_as_json_has_what_is_promised() {
    let sandbox = project();
    sandbox.write("broken", "# seed:begin base#9\n");
    let json = sandbox.seed(&["fragment", "status", "--json"]).exits(1).json();
    let items = json["items"].as_array().unwrap();
    assert_eq!(items.len(), 4);
    for item in items {
        for key in ["file", "fragment", "instance", "state", "message"] {
            assert!(item[key].is_string(), "{key} of {item}");
        }
        assert!(item["line"].is_u64() && item["actions"].is_array(), "{item}");
    }
    assert_eq!((&items[0]["file"], &items[0]["state"], &items[0]["line"]), (&"broken".into(), &"error".into(), &1.into()));
    let json = sandbox.seed(&["fragment", "update", "--json", "init.lua"]).exits(0).json();
    assert_eq!(json["written"], serde_json::json!(["init.lua"]));
}

#[test]
fn embedding_finds_the_comments_and_a_free_instance() {
    let sandbox = project();
    sandbox.write("style.css", "a {}\n");
    sandbox.write("Makefile", "all:\n");
    sandbox.seed(&["fragment", "add", "base", "style.css", "Makefile", "--with", "port=8080"]).exits(0);
    assert_eq!(
        sandbox.read("style.css"),
        "a {}\n/* seed:begin base#4 port=8080 */\nPort 8080\none\ntwo\n/* seed:end base#4 */\n"
    );
    assert!(sandbox.read("Makefile").contains("# seed:begin base#5 port=8080\n"));
    sandbox.seed(&["fragment", "add", "base", "Makefile", "--line", "1", "--comment", ";%s", "--instance", "top"]).exits(0);
    assert!(sandbox.read("Makefile").starts_with("; seed:begin base#top\nPort 22\n"));
    sandbox
        .seed(&["fragment", "add", "bsae", "Makefile"])
        .exits(1)
        .says("there is no fragment of that name: there is base; did you mean `base`");
    sandbox
        .seed(&["fragment", "add", "base", "Makefile", "--with", "port=many"])
        .exits(1)
        .says("`port` is a whole number, and `many` is not");
    sandbox.seed(&["fragment", "add", "base", "../outside"]).exits(1).says("look at ../outside");
    sandbox.seed(&["fragment", "--help"]).exits(0).says("\n  # seed:begin ssh-base#1 port=2222\n").says("Exit statuses");
    sandbox.seed(&["collection", "--help"]).exits(0).says("\n  roles:\n    ada: {is: desk.dev-box");
}

#[test]
fn embedding_in_many_files_is_all_or_nothing() {
    let sandbox = project();
    sandbox.write("a", "a\n");
    sandbox.write("b", "b\n");
    sandbox.write("broken", "# seed:begin base#9\n");
    let before = all_files(&sandbox);
    for last in ["missing", "broken", "fragments/base"] {
        sandbox.seed(&["fragment", "add", "base", "a", "b", last]).exits(1).says(last);
        assert_eq!(all_files(&sandbox), before, "{last}");
    }
    sandbox.seed(&["fragment", "add", "base", "b", "a", "./a"]).exits(0);
    assert!(sandbox.read("a").starts_with("a\n# seed:begin base#5\n") && sandbox.read("a").matches("seed:begin").count() == 1);
    assert!(sandbox.read("b").starts_with("b\n# seed:begin base#4\n"));
}

#[test]
fn markers_stay_in_their_comment_and_out_of_what_the_line_before_is_indented_for() {
    let sandbox = project();
    sandbox.write("fragments/u", "---\nparameters:\n  u: {default: x}\n---\n{{ u }}\n");
    for (file, value) in [("a.html", "x --> <script>"), ("a.html", "--!>"), ("a.css", "*/ x"), ("a.ml", "(*")] {
        sandbox.write(file, "x\n");
        sandbox.seed(&["fragment", "add", "u", file, "--with", &format!("u={value}")]).exits(1).says("would end the comment");
        assert_eq!(sandbox.read(file), "x\n");
    }
    sandbox.seed(&["fragment", "add", "u", "a.html", "--with", "u=<b>--x"]).exits(0);
    sandbox.write("Makefile", "all:\n\techo\n");
    sandbox.seed(&["fragment", "add", "u", "Makefile"]).exits(0);
    assert!(sandbox.read("Makefile").starts_with("all:\n\techo\n# seed:begin u#2\nx\n# seed:end"));
    sandbox.write("a.json", "{}\n");
    sandbox.seed(&["fragment", "add", "u", "a.json"]).exits(1).says("no comment syntax").says("--comment");
    sandbox.seed(&["fragment", "add", "u", "a.json", "--comment", "// %s"]).exits(0);
}

#[test]
fn without_a_project_nothing_is_looked_at_and_nothing_made() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "# seed:begin base#1\n# seed:end base#1\n");
    for command in ["status", "update"] {
        for path in [&[][..], &["/proc/kmsg"], &["/"], &["file"]] {
            let words = "has .seed/fragments.lock, .git or fragments/";
            sandbox.seed(&[&["fragment", command], path].concat()).exits(1).says(words);
        }
    }
    assert!(!sandbox.at(".seed").exists() && !std::path::Path::new("/etc/.seed").exists());
    // With nothing to do for any block nothing is made, and what is no file is not read.
    sandbox.write("fragments/base", "one\n");
    nix::unistd::mkfifo(&sandbox.at("pipe"), nix::sys::stat::Mode::from_bits_truncate(0o644)).unwrap();
    sandbox.write("file", "nothing\n");
    for command in [&["fragment", "status"][..], &["fragment", "update"], &["fragment", "update", "pipe"]] {
        sandbox.seed(command).exits(0).says("No file here embeds a fragment");
    }
    sandbox.seed(&["fragment", "add", "base", "pipe"]).exits(1).says("it is not a regular file");
    assert!(!sandbox.at(".seed").exists());
    if is_root() {
        fs::create_dir(sandbox.at("mounted")).unwrap();
        let mounted = sandbox.at("mounted").display().to_string();
        assert!(sandbox.command("mount").args(["-t", "proc", "proc", &mounted]).status().unwrap().success());
        sandbox.seed(&["fragment", "status"]).exits(0).says("No file here embeds a fragment");
        sandbox.seed(&["fragment", "status", "mounted"]).exits(1).says("it is a file of the kernel");
    }
}

#[test]
fn a_link_out_of_the_project_is_refused_and_nothing_is_made_where_it_leads() {
    let (sandbox, outside) = (project(), Sandbox::new());
    let text = "# seed:begin base#9\n# seed:end base#9\n";
    outside.write("file", text);
    std::os::unix::fs::symlink(outside.at("file"), sandbox.at("link")).unwrap();
    std::os::unix::fs::symlink(outside.path(), sandbox.at("folder")).unwrap();
    for path in ["link", "folder", "folder/file"] {
        for command in
            [&["fragment", "status"][..], &["fragment", "update"], &["fragment", "detach"], &["fragment", "add", "base"]]
        {
            sandbox.seed(&[command, &[path]].concat()).exits(1).says("outside the project");
        }
        let absolute = sandbox.at(path).display().to_string();
        sandbox.seed(&["fragment", "update", &absolute]).exits(1).says("outside the project");
    }
    assert_eq!(outside.read("file"), text);
    assert!(!outside.at(".seed").exists());
    // A link to a project is a way to it.
    let way = outside.at("way");
    std::os::unix::fs::symlink(sandbox.path(), &way).unwrap();
    fs::remove_file(sandbox.at("folder")).unwrap();
    sandbox.seed(&["fragment", "update", &way.display().to_string()]).exits(0).says("init.lua:1 base#2  current  rendered");
}

/// Whatever a run was stopped in: all files are as before or all are new, and running it again reaches the end of an unharmed run.
#[test]
fn a_kill_at_any_step_leaves_all_or_nothing() {
    let unharmed = project();
    unharmed.seed(&["fragment", "update"]).exits(0);
    let before = texts(&project());
    let after = texts(&unharmed);
    let mut kills = 0;
    for step in 1.. {
        assert!(step < 100, "the search must end by itself");
        let sandbox = project();
        let mut command = sandbox.seed_command(&["fragment", "update"]);
        let ran = Ran::of(command.env("SEED_FAILPOINT", format!("fragment:{step}")));
        if !ran.was_killed() {
            ran.exits(0);
            break;
        }
        kills += 1;
        // What comes next may be a run over something else: first of all the stopped one is finished, or taken back.
        sandbox.write("other", "nothing\n");
        sandbox.seed(&["fragment", "update", "other"]).exits(0);
        let there = texts(&sandbox);
        assert!(there == before || there == after, "step {step}: {there:?}");
        sandbox.seed(&["fragment", "update"]).exits(0);
        fs::remove_file(sandbox.at("other")).unwrap();
        assert_eq!(all_files(&sandbox), all_files(&unharmed), "step {step}");
        sandbox.seed(&["fragment", "status"]).exits(0);
    }
    // At least before and behind each of the three files, on both sides of the decision.
    assert!(kills >= 8, "{kills}");
}

#[test]
fn what_a_person_changed_after_a_kill_is_left_alone() {
    for step in 1..20 {
        let sandbox = project();
        let ran = Ran::of(sandbox.seed_command(&["fragment", "update"]).env("SEED_FAILPOINT", format!("fragment:{step}")));
        if !ran.was_killed() {
            break;
        }
        let mine = format!("{}-- mine\n", sandbox.read("init.lua"));
        sandbox.write("init.lua", &mine);
        sandbox.seed(&["fragment", "update"]).exits(0);
        assert!(sandbox.read("init.lua").ends_with("-- mine\n"), "step {step}");
        assert!(sandbox.read("init.lua").contains("Port 22\n"), "step {step}");
        sandbox.seed(&["fragment", "status"]).exits(0);
    }
}

/// As above, of so many files that all cores write them and one syncfs(2) brings them to the disk.
#[test]
fn a_kill_while_many_files_are_written_leaves_all_or_nothing() {
    const COUNT: usize = 80;
    let project = || {
        let sandbox = project();
        for number in 0..COUNT {
            sandbox.write(
                &format!("many/d{}/{number}", number % 7),
                &format!("own\n# seed:begin base#m{number} port={number}\n# seed:end base#m{number}\n"),
            );
        }
        sandbox
    };
    let texts = |sandbox: &Sandbox| {
        let mut files = all_files(sandbox);
        files.retain(|name, _| name.starts_with("many/") && !name.ends_with(".seed-new"));
        files
    };
    let unharmed = project();
    let before = texts(&unharmed);
    unharmed.seed(&["fragment", "update"]).exits(0);
    let (after, all) = (texts(&unharmed), all_files(&unharmed));
    let (mut kills, mut ends) = (0, (false, false));
    for step in (1..).step_by(23) {
        assert!(step < 1000, "the search must end by itself");
        let sandbox = project();
        let ran = Ran::of(sandbox.seed_command(&["fragment", "update"]).env("SEED_FAILPOINT", format!("fragment:{step}")));
        if !ran.was_killed() {
            ran.exits(0);
            break;
        }
        kills += 1;
        sandbox.write("other", "nothing\n");
        sandbox.seed(&["fragment", "update", "other"]).exits(0);
        let there = texts(&sandbox);
        assert!(there == before || there == after, "step {step}");
        ends = (ends.0 || there == before, ends.1 || there == after);
        sandbox.seed(&["fragment", "update"]).exits(0);
        fs::remove_file(sandbox.at("other")).unwrap();
        assert!(all_files(&sandbox) == all, "step {step}");
    }
    assert!(kills >= 8 && ends == (true, true), "{kills} {ends:?}");
}
