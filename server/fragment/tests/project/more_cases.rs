//! What is not among the numbered cases: parameters, places, links, clashes and how they are settled.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use seed_fragment::embed::{Comment, fragment_of, insert, remove};
use seed_fragment::{Embedding, Key, Resolution, State, Take, Target, Wishes, add, project_of, record, resolve, root_of, update};

use crate::world::{BEGIN, END, World, block};

fn take(world: &World, take: Take) {
    let target = Target::Key(Key::parse("f#1").unwrap());
    resolve(&world.root, &[target], Resolution::Take(take)).unwrap();
}

/// A world in which `f#1` clashes.
fn clash() -> World {
    let world = World::with("a\nb\nc\n");
    world.edit("file", "b\n", "mine\n");
    world.write("fragments/f", "a\ntheirs\nc\n");
    world.update();
    assert!(world.at(".seed/pending/f#1").exists());
    world
}

#[test]
fn a_clash_is_settled_by_mine() {
    let world = clash();
    take(&world, Take::Mine);
    assert_eq!((world.read("file"), world.states()), (block("a\nmine\nc\n"), vec![State::Edited]));
    assert!(!world.at(".seed/pending").exists());
    world.write("fragments/f", "A\ntheirs\nc\n");
    assert_eq!(world.states(), [State::Clash], "adjacent to what was kept");
    world.write("fragments/f", "a\ntheirs\nc\nd\ne\n");
    world.update();
    assert_eq!(world.read("file"), block("a\nmine\nc\nd\ne\n"));
}

#[test]
fn a_clash_is_settled_by_theirs() {
    let world = clash();
    take(&world, Take::Theirs);
    assert_eq!((world.read("file"), world.states()), (block("a\ntheirs\nc\n"), vec![State::Current]));
    assert!(!world.at(".seed/pending").exists());
}

#[test]
fn one_of_two_clashes_in_a_file_can_be_settled() {
    let world = World::with("a\n");
    world.write("file", format!("{BEGIN}a\n{END}# seed:begin f#2\na\n# seed:end f#2\n"));
    world.update();
    world.write("file", format!("{BEGIN}m\n{END}# seed:begin f#2\nm\n# seed:end f#2\n"));
    world.write("fragments/f", "t\n");
    world.update();
    take(&world, Take::Theirs);
    assert_eq!(world.read("file"), format!("{BEGIN}t\n{END}# seed:begin f#2\nm\n# seed:end f#2\n"));
    assert_eq!(world.states(), [State::Current, State::Clash]);
    resolve(&world.root, &[Target::Path(world.at("file"))], Resolution::Take(Take::Mine)).unwrap();
    assert_eq!(world.states(), [State::Current, State::Edited]);
}

#[test]
fn without_a_base_a_difference_is_a_clash() {
    let world = World::with("a\n");
    fs::remove_dir_all(world.at(".seed")).unwrap();
    assert_eq!(world.states(), [State::Current]);
    world.write("fragments/f", "A\n");
    assert_eq!(world.states(), [State::Clash]);
    // A base that is damaged is none.
    let world = World::with("a\n");
    for entry in fs::read_dir(world.at(".seed/base")).unwrap() {
        fs::write(entry.unwrap().path(), "something else\n").unwrap();
    }
    world.write("fragments/f", "A\n");
    world.update();
    assert_eq!((world.read("file"), world.states()), (block("a\n"), vec![State::Clash]));
}

#[test]
fn parameters_are_typed_and_strict() {
    let front = "---\nabout: A test.\nparameters:\n  port: {type: int, default: 22, doc: Where it listens.}\n  user: {}\n  level: {choices: [low, high], default: low}\n  on: {type: bool, default: true}\n---\n";
    let world = World::new();
    world.write(
        "fragments/f.conf",
        format!("{front}{{{{ user }}}} {{{{ port + 1 }}}} {{{{ level }}}}{{% if on %}} on{{% endif %}}\n"),
    );
    let message = |params: &str| {
        world.write("file", format!("# seed:begin f#1 {params}\n# seed:end f#1\n"));
        let items = world.status();
        assert_eq!((items.len(), items[0].state, items[0].line), (1, State::Error, 1), "{params}");
        items[0].message.clone()
    };
    for (params, words) in [
        ("", "`user` is missing"),
        ("user=x port=many", "`port` is a whole number, and `many` is not"),
        ("user=x on=yes", "`on` is `true` or `false`"),
        ("user=x level=medium", "`level` is one of \"low\", \"high\""),
        ("user=x prot=1", "no parameter `prot`: it has level, on, port, user"),
    ] {
        assert!(message(params).contains(words), "{params}: {}", message(params));
    }
    world.write("file", "# seed:begin f#1 user=\"a b\" port=2221\n# seed:end f#1\n");
    world.update();
    assert!(world.read("file").contains("\na b 2222 low on\n"));
    world.write("fragments/f.conf", "ok\n{{ nothing }}\n");
    assert!(world.status()[0].message.contains("has no parameter"));
    world.write("file", "# seed:begin f#1\n# seed:end f#1\n");
    assert!(world.status()[0].message.contains("f.conf:2: `nothing` is not a parameter"), "{:?}", world.status());
    world.write("fragments/f.conf", "---\nabout: x\nparameters: {a: {type: colour}}\n---\n");
    assert!(world.status()[0].message.contains("colour"), "{:?}", world.status());
    world.write("fragments/f.conf", "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}");
    assert!(world.status()[0].message.contains("does not come to an end"), "{:?}", world.status());
}

#[test]
fn mistakes_above_the_body_are_told_with_their_lines() {
    let world = World::new();
    world.write("file", format!("{BEGIN}{END}"));
    for (fragment, words) in [
        ("---\nabout: x\nparameters: {a: {type: int, defualt: 1}}\n---\n", "line 3, between its `---` lines: "),
        ("---\nparameters:\n  a: 1\n---\n", "expected a parameter: a mapping of `type`"),
        ("---\nparameters:\n  a: {type: bool, default: no}\n---\n", "in YAML 1.2 only `true` and `false` are booleans"),
        ("---\nabout: x\nPort 22\n", "write `---` on its own line before the text"),
        ("---\nparameters:\n  a: {}\n", "write `---` on its own line before the text"),
    ] {
        world.write("fragments/f", fragment);
        let items = world.status();
        assert!(items[0].state == State::Error && items[0].message.contains(words), "{fragment}: {items:?}");
        assert!(!items[0].message.contains("struct"), "{items:?}");
    }
    world.write("fragments/f", "---\n---\n---\nabout: x\n");
    world.update();
    assert_eq!(world.read("file"), format!("{BEGIN}---\nabout: x\n{END}"));
}

#[test]
fn a_mistake_on_a_begin_line_is_told_once() {
    let world = World::new();
    world.write("fragments/f", "a\n");
    for begin in ["f#1 port 22", "f", "f#1 user=\"x"] {
        world.write("file", format!("# seed:begin {begin}\n{END}# seed:begin f#2\n# seed:end f#2\n"));
        let items = world.status();
        let wrong: Vec<usize> = items.iter().filter(|item| item.state == State::Error).map(|item| item.line).collect();
        assert_eq!(wrong, [1], "{begin}: {items:?}");
        assert!(world.update().written.is_empty());
    }
    world.write("file", format!("# seed:begin f#7 port 22\n{END}"));
    assert_eq!(world.status().len(), 2);
}

#[test]
fn a_yaml_text_with_its_own_dashes_is_no_front_matter() {
    let world = World::with("---\nkey: 1\n---\nother: 2\n");
    assert_eq!(world.read("file"), block("---\nkey: 1\n---\nother: 2\n"));
}

#[test]
fn fragments_of_roles_have_their_owner_in_the_name() {
    let world = World::new();
    world.write("roles/box/fragments/f.sh", "of the role\n");
    world.write("file", "# seed:begin box/f#1\n# seed:end box/f#1\n");
    world.update();
    assert_eq!(world.read("file"), "# seed:begin box/f#1\nof the role\n# seed:end box/f#1\n");
    assert_eq!(world.project().library.names(), ["box/f"]);
    world.write("roles/box/fragments/f.py", "");
    assert!(world.status()[0].message.contains("it may be"), "{:?}", world.status());
}

#[test]
fn what_git_ignores_is_left_alone() {
    let world = World::with("a\n");
    world.write(".gitignore", "/build/\n");
    world.write("build/file", block("old\n"));
    world.write("fragments/f", "A\n");
    world.update();
    assert_eq!(world.read("build/file"), block("old\n"));
    assert_eq!(world.status().len(), 1);
}

#[test]
fn links_out_of_the_project_are_refused() {
    let world = World::with("a\n");
    let outside = world.outside().join("outside");
    fs::write(&outside, format!("{BEGIN}{END}")).unwrap();
    symlink(&outside, world.at("link")).unwrap();
    symlink(world.outside(), world.at("folder")).unwrap();
    world.write("fragments/f", "A\n");
    for path in ["link", "folder/outside", "../outside"] {
        let error = update(&world.root, &[world.at(path)]).unwrap_err();
        assert_eq!(error.kind, seed_role::trouble::Kind::Unsafe);
        assert!(error.to_string().contains("outside the project"), "{error}");
    }
    world.update();
    assert_eq!(fs::read_to_string(&outside).unwrap(), format!("{BEGIN}{END}"));
    // A link within the project leads to its file.
    symlink("file", world.at("inner")).unwrap();
    world.write("fragments/f", "B\n");
    update(&world.root, &[world.at("inner")]).unwrap();
    assert_eq!(world.read("file"), block("B\n"));
    assert!(world.at("inner").is_symlink());
}

#[test]
fn a_fragment_that_leads_out_of_the_project_is_not_read() {
    let world = World::with("a\n");
    let outside = world.outside().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), "secret\n").unwrap();
    let is_refused = |name: &str| {
        world.write("file", format!("# seed:begin {name}#1\n# seed:end {name}#1\n"));
        let report = world.update();
        assert!(!world.read("file").contains("secret"), "{name}");
        assert_eq!(report.items[0].state, State::Error, "{name}");
        assert!(report.items[0].message.contains("outside the project"), "{name}: {}", report.items[0].message);
    };
    symlink(outside.join("f"), world.at("fragments/leak")).unwrap();
    symlink("../../outside/f", world.at("fragments/ending.conf")).unwrap();
    fs::create_dir_all(world.at("roles/box")).unwrap();
    symlink(&outside, world.at("roles/box/fragments")).unwrap();
    ["leak", "ending", "box/f"].into_iter().for_each(is_refused);
    fs::remove_dir_all(world.at("fragments")).unwrap();
    symlink(&outside, world.at("fragments")).unwrap();
    is_refused("f");
    // A link within the project is one of its files.
    fs::remove_file(world.at("fragments")).unwrap();
    world.write("fragments/one", "1\n");
    symlink("one", world.at("fragments/two")).unwrap();
    world.write("file", "# seed:begin two#1\n# seed:end two#1\n");
    world.update();
    assert_eq!(world.read("file"), "# seed:begin two#1\n1\n# seed:end two#1\n");
}

#[test]
fn the_mode_of_a_file_is_kept() {
    let world = World::with("a\n");
    fs::set_permissions(world.at("file"), fs::Permissions::from_mode(0o4750)).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(world.at("file"), Some(1234), Some(4321)).unwrap();
        fs::set_permissions(world.at("file"), fs::Permissions::from_mode(0o4750)).unwrap();
    }
    world.write("fragments/f", "A\n");
    world.update();
    let metadata = fs::metadata(world.at("file")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o4750);
    if nix::unistd::geteuid().is_root() {
        use std::os::unix::fs::MetadataExt;
        assert_eq!((metadata.uid(), metadata.gid()), (1234, 4321));
    }
}

#[test]
fn a_nested_text_that_a_person_edited_is_not_dropped_with_its_embedding() {
    let world = World::new();
    world.write("fragments/inner", "x\n");
    world.write("fragments/outer", "top\n# seed:begin inner#1\n# seed:end inner#1\n");
    world.write("file", "# seed:begin outer#1\n# seed:end outer#1\n");
    world.update();
    let text = world.read("file");
    world.edit("file", "x\n", "x\nmine\n");
    world.write("fragments/outer", "top\n");
    world.update();
    assert!(world.read("file").contains("mine\n"));
    assert_eq!(world.states()[0], State::Clash);
    world.write("file", text);
    world.update();
    assert_eq!(world.read("file"), "# seed:begin outer#1\ntop\n# seed:end outer#1\n");
}

#[test]
fn a_fragment_that_embeds_itself_is_an_error() {
    let world = World::new();
    world.write("fragments/f", "# seed:begin f#{{ instance }}x\n# seed:end f#{{ instance }}x\n");
    world.write("file", format!("{BEGIN}{END}"));
    let report = world.update();
    assert_eq!((world.read("file"), report.written.len()), (format!("{BEGIN}{END}"), 0));
    let told: Vec<&str> = report.items.iter().map(|item| item.message.as_str()).collect();
    assert_eq!(told, ["the fragment `f` embeds itself"]);
}

#[test]
fn many_fragments_that_embed_themselves_are_told_at_once() {
    let world = World::new();
    let empty = |name: &str, instance: &str| format!("# seed:begin {name}#{instance}\n# seed:end {name}#{instance}\n");
    let three = |name: &str| (1..4).map(|number| empty(name, &format!("{{{{ instance }}}}{number}"))).collect::<String>();
    world.write("fragments/t", (1..4).map(|number| empty("t", &number.to_string())).collect::<String>());
    world.write("fragments/a", three("b"));
    world.write("fragments/b", three("a"));
    let text = [empty("t", "9"), empty("a", "1"), empty("t", "8")].concat();
    world.write("file", &text);
    let told = |items: Vec<seed_fragment::Item>| -> Vec<(usize, State, String)> {
        items.into_iter().map(|item| (item.line, item.state, item.message)).collect()
    };
    let words = |name: &str, by: &str| format!("the fragment `{name}` embeds itself{by}");
    let expected =
        [(1, State::Error, words("t", "")), (3, State::Error, words("a", ", by `b`")), (5, State::Error, words("t", ""))];
    assert_eq!(told(world.status()), expected);
    assert_eq!(told(world.update().items), expected);
    assert_eq!(world.read("file"), text);
    let open =
        world.project().judge_text(&PathBuf::from("file"), &text, Wishes { only: Some(Default::default()), ..Wishes::default() });
    assert_eq!(told(open.items), expected);
    // Fragments that do end, but only after millions of blocks.
    for number in 0..15 {
        world.write(&format!("fragments/c{number}"), three(&format!("c{}", number + 1)));
    }
    world.write("fragments/c15", "end\n");
    world.write("file", empty("c0", "1"));
    assert_eq!(told(world.status()), [(1, State::Error, "it renders to more than 64 MiB, including embedded fragments".into())]);
    world.write("file", empty("c10", "1"));
    world.update();
    assert_eq!(world.read("file").matches("end\n").count(), 243);
}

#[test]
fn many_files_are_written_or_none() {
    let world = World::with("a\n");
    for number in 0..50 {
        world.write(&format!("d{}/file", number), format!("# seed:begin f#x{number}\n# seed:end f#x{number}\n"));
    }
    assert_eq!(world.update().written.len(), 50);
    world.write("fragments/f", "A\n");
    // One of the places cannot be written to: no temporary name is short enough.
    let unwritable = format!("d7/{}", "x".repeat(250));
    world.write(&unwritable, "# seed:begin f#long\n# seed:end f#long\n");
    let before = world.bytes();
    let error = update(&world.root, &[]).unwrap_err().to_string();
    assert!(error.contains("d7"), "{error}");
    assert_eq!(world.bytes(), before);
    fs::remove_file(world.at(&unwritable)).unwrap();
    assert_eq!(world.update().written.len(), 51);
}

#[test]
fn a_fragment_is_embedded_in_the_comments_of_the_language() {
    let world = World::with("x = {{ n }}\n".replace("{{ n }}", "1").as_str());
    let files = [
        ("a.lua", "-- ", ""),
        ("a.html", "<!-- ", " -->"),
        ("Makefile", "# ", ""),
        ("a.rs", "// ", ""),
        ("a.css", "/* ", " */"),
        ("sshd_config", "# ", ""),
    ];
    for (number, (file, open, close)) in (2..).zip(files) {
        world.write(file, "one\n  two\n");
        let report =
            add(&world.root, &[world.at(file)], &Embedding { fragment: "f".into(), line: Some(2), ..Embedding::default() })
                .unwrap();
        assert_eq!(report.items.len(), 1);
        let expected = format!("one\n  {open}seed:begin f#{number}{close}\n  x = 1\n  {open}seed:end f#{number}{close}\n  two\n");
        assert_eq!(world.read(file), expected);
    }
    assert!(world.states().iter().all(|state| *state == State::Current));
    let known = Embedding { fragment: "f".into(), instance: Some("2".into()), ..Embedding::default() };
    assert!(add(&world.root, &[world.at("a.lua")], &known).unwrap_err().to_string().contains("in the project already"));
    let unknown = Embedding { fragment: "g".into(), ..Embedding::default() };
    assert!(
        add(&world.root, &[world.at("a.lua")], &unknown).unwrap_err().to_string().contains("there is no fragment of that name")
    );
}

#[test]
fn an_embedding_that_is_put_in_and_taken_out_leaves_no_trace() {
    let comment = Comment::from_pattern("#%s").unwrap();
    let key = Key::parse("f#1").unwrap();
    for text in ["", "a", "a\n", "a\r\nb\r\n", "a\r\nb", "\u{feff}a\n", "\n", "\ta\n\tb\n"] {
        for line in 1..4 {
            let with = insert(text, line, &key, &[], &comment);
            assert!(with.contains("# seed:begin f#1"), "{with:?}");
            assert_eq!(remove(&with, &key), text, "{with:?}");
        }
    }
}

#[test]
fn a_piece_of_text_becomes_a_fragment_that_renders_to_it() {
    let world = World::new();
    for text in ["    a\n      {{ b }}\n\n    {% c %}\n", "plain\n", "---\nabout: mine\n---\n"] {
        world.write("fragments/f", fragment_of(text, ""));
        fs::remove_dir_all(world.at(".seed")).unwrap_or_default();
        world.write("file", block(text));
        assert_eq!(world.states(), [State::Current], "{text}");
    }
}

#[test]
fn an_open_text_is_noted_when_it_is_saved() {
    let world = clash();
    let text = world.read("file");
    let wishes = Wishes { take_all: Some(Take::Mine), ..Wishes::default() };
    let judgement = world.project().judge_text(&PathBuf::from("file"), &text, wishes);
    assert_eq!(judgement.text, text);
    record(&world.root, &PathBuf::from("file"), &judgement.text, &judgement).unwrap();
    assert_eq!(world.states(), [State::Edited]);
    let error = record(&world.root, &PathBuf::from("file"), "something else", &judgement).unwrap_err();
    assert!(error.to_string().contains("its content has changed"), "{error}");
}

#[test]
fn a_damaged_lock_is_told_with_its_line() {
    let world = World::with("a\n");
    let lock = world.read(".seed/fragments.lock");
    world.write(".seed/fragments.lock", format!("<<<<<<< HEAD\n{lock}"));
    let error = update(&world.root, &[]).unwrap_err().to_string();
    assert!(error.contains("line 1 is not an entry") && error.contains("if two branches changed it"), "{error}");
    world.write(".seed/fragments.lock", lock.replace("\"base\":\"", "\"base\":\"../"));
    assert!(update(&world.root, &[]).is_err());
}

#[test]
fn a_note_of_a_hostile_project_leads_nowhere() {
    let world = World::with("a\n");
    let outside = world.outside().join("outside");
    fs::write(&outside, "precious").unwrap();
    fs::write(world.outside().join(".outside.seed-new"), "evil").unwrap();
    let hash = |text: &[u8]| seed_fragment::store::hash(text);
    let note = format!(
        "{{\"files\":[{{\"file\":\"../outside\",\"from\":\"{}\",\"to\":\"{}\",\"records\":[]}}],\"forget\":[]}}",
        hash(b"precious"),
        hash(b"evil")
    );
    world.write(".seed/transaction.commit", note);
    let error = update(&world.root, &[]).unwrap_err().to_string();
    assert!(error.contains("leads outside the project"), "{error}");
    assert_eq!(fs::read_to_string(outside).unwrap(), "precious");
}

#[test]
fn a_project_begins_at_the_nearest_sign_of_one() {
    let world = World::with("a\n");
    world.write("deep/er/file", "");
    assert_eq!(root_of(&world.at("deep/er/file")).unwrap(), world.root);
    assert_eq!(root_of(&world.at("deep")).unwrap(), world.root);
    // The fragments of a role belong to the project that the role is in.
    world.write("roles/box/fragments/f", "b\n");
    world.write("roles/box/tasks/main.yml", "");
    assert_eq!(project_of(&world.at("roles/box/tasks/main.yml")).unwrap(), world.root);
    for sign in [".git/HEAD", ".seed/fragments.lock", "fragments/f"] {
        let sub = world.at("sub");
        let _ = fs::remove_dir_all(&sub);
        world.write(&format!("sub/{sign}"), "");
        world.write("sub/deep/file", "");
        assert_eq!(project_of(&world.at("sub/deep/file")).unwrap(), sub, "{sign}");
    }
    let error = project_of(world.outside()).unwrap_err().to_string();
    assert!(error.contains("nor a folder above it has .seed/fragments.lock, .git or fragments/"), "{error}");
}

#[test]
fn a_project_within_the_project_is_left_alone() {
    for sign in [".git", ".seed/fragments.lock"] {
        let world = World::with("a\n");
        world.write(&format!("sub/{sign}"), "");
        world.write("sub/fragments/f", "of sub\n");
        world.write("sub/file", "# seed:begin f#7\n# seed:end f#7\n");
        world.write("fragments/f", "A\n");
        assert_eq!(world.update().written, [PathBuf::from("file")]);
        let error = update(&world.root, &[world.at("sub/file")]).unwrap_err().to_string();
        assert!(error.contains("it belongs to the project in sub"), "{error}");
        update(&world.at("sub"), &[]).unwrap();
        assert_eq!(world.read("sub/file"), "# seed:begin f#7\nof sub\n# seed:end f#7\n");
    }
}
