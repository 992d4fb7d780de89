//! Collections from end to end: added, pinned, fetched, used, updated, vendored, and refused when something was changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid, Repository, Signature, Tree};

use crate::sandbox::Sandbox;

const ROLE: &str = "about: A note.\nparameters:\n  at: {type: path, doc: Where.}\noutputs:\n  path: {value: \"${note.path}\"}\n";
const TASKS: &str = "present:\n  note: {is: file.text, path: \"${at}\", content: first}\n  inner: {is: place, at: \"${at}.d\"}\n";
const PLACE: &str = "about: A folder.\nparameters: {at: {type: path}}\n";
const PLACE_TASKS: &str = "present:\n  folder: {is: file.directory, path: \"${at}\"}\n";

/// A repository beside the sandbox's work, `../desk.git`, that roles are committed to.
pub struct Desk {
    repository: Repository,
    path: PathBuf,
}

impl Desk {
    /// One with a first commit.
    pub fn new(sandbox: &Sandbox) -> Desk {
        let path = sandbox.path().parent().unwrap().join("desk.git");
        let repository =
            Repository::init_opts(&path, git2::RepositoryInitOptions::new().bare(true).initial_head("main")).unwrap();
        let desk = Desk { repository, path };
        desk.commit("first");
        desk
    }

    fn url(&self) -> String {
        self.path.display().to_string()
    }

    /// Commits the collection with another text in its note, and gives the commit.
    fn commit(&self, text: &str) -> Oid {
        self.commit_files(&[("roles/note/tasks/main.yml", &TASKS.replace("first", text))])
    }

    fn commit_files(&self, more: &[(&str, &str)]) -> Oid {
        let files = [
            ("roles/note/role.yml", ROLE),
            ("roles/note/tasks/main.yml", TASKS),
            ("roles/place/role.yml", PLACE),
            ("roles/place/tasks/main.yml", PLACE_TASKS),
            ("README", "The desk.\n"),
        ];
        let mut entries: Vec<(String, Oid, i32)> = Vec::new();
        for (path, text) in files.iter().chain(more) {
            entries.retain(|(known, ..)| known != path);
            entries.push(((*path).into(), self.repository.blob(text.as_bytes()).unwrap(), 0o100644));
        }
        self.commit_tree(&self.tree(&entries))
    }

    fn tree(&self, entries: &[(String, Oid, i32)]) -> Tree<'_> {
        let mut builder = self.repository.treebuilder(None).unwrap();
        let mut folders: Vec<&str> = Vec::new();
        for (path, oid, mode) in entries {
            match path.split_once('/') {
                Some((folder, _)) if folders.contains(&folder) => {}
                Some((folder, _)) => {
                    folders.push(folder);
                    let front = format!("{folder}/");
                    let inner: Vec<_> = entries
                        .iter()
                        .filter_map(|(path, oid, mode)| Some((path.strip_prefix(&front)?.into(), *oid, *mode)))
                        .collect();
                    builder.insert(folder, self.tree(&inner).id(), 0o040000).unwrap();
                }
                None => drop(builder.insert(path, *oid, *mode).unwrap()),
            }
        }
        self.repository.find_tree(builder.write().unwrap()).unwrap()
    }

    fn commit_tree(&self, tree: &Tree<'_>) -> Oid {
        let who = Signature::new("Ada", "ada@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
        let parent = self.repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        self.repository.commit(Some("refs/heads/main"), &who, &who, "change", tree, &parent.iter().collect::<Vec<_>>()).unwrap()
    }

    /// A tree whose bytes are written as they are: git itself would not let such names in.
    fn raw_tree(&self, entries: &[(&str, &str, Oid)]) -> Tree<'_> {
        let mut bytes = Vec::new();
        for (mode, name, oid) in entries {
            bytes.extend(format!("{mode} {name}\0").bytes());
            bytes.extend(oid.as_bytes());
        }
        let odb = self.repository.odb().unwrap();
        let id = odb.write(ObjectType::Tree, &bytes).unwrap();
        self.repository.find_tree(id).unwrap()
    }

    fn tag(&self, name: &str, commit: Oid) {
        let object = self.repository.find_object(commit, None).unwrap();
        let who = Signature::new("Ada", "ada@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
        self.repository.tag(name, &object, &who, "a version", true).unwrap();
    }

    fn branch(&self, name: &str, commit: Oid) {
        self.repository.branch(name, &self.repository.find_commit(commit).unwrap(), true).unwrap();
    }

    fn remove(self) {
        fs::remove_dir_all(&self.path).unwrap();
    }
}

const USES: &str = "one: {is: desk.note, at: ./one}\nlink: {is: file.link, path: ./link, to: \"${one.path}\"}\n";

fn lab() -> (Sandbox, Desk) {
    let (sandbox, _) = Sandbox::with_spec(USES);
    let desk = Desk::new(&sandbox);
    (sandbox, desk)
}

/// The folder of the one collection in the cache.
fn cached(sandbox: &Sandbox) -> PathBuf {
    let all: Vec<PathBuf> =
        fs::read_dir(sandbox.cache().join("collections")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut folders: Vec<PathBuf> = all.into_iter().filter(|path| path.is_dir()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

fn only(sandbox: &Sandbox, args: &[&str]) -> serde_json::Value {
    let json = sandbox.seed(&[&["collection"], args, &["--json"]].concat()).json();
    assert_eq!(json["collections"].as_array().unwrap().len(), 1, "{json}");
    json["collections"][0].clone()
}

#[test]
fn it_is_added_used_and_there_without_its_source() {
    let (sandbox, desk) = lab();
    let first = desk.commit("first");
    desk.tag("v1.2.0", first);
    desk.commit("later");
    let before = sandbox.read("name.seed.yaml");
    let spec = before.replace("roles:", "# What there is.\nroles:");
    sandbox.write("name.seed.yaml", &spec);
    let added = sandbox.seed(&["collection", "add", "desk", &desk.url(), "--rev", "v1.2.0"]).exits(0);
    assert!(added.stdout().contains("desk.note, desk.place"), "{}", added.stdout());
    let written = format!("collections:\n  desk: {{git: {}, rev: v1.2.0}}\n\n# What there is.\nroles:", desk.url());
    assert_eq!(sandbox.read("name.seed.yaml"), spec.replace("# What there is.\nroles:", &written));
    let lock = sandbox.read("seed.lock");
    assert!(lock.contains(&format!("commit: {first}")) && lock.contains("hash: blake3:"), "{lock}");

    desk.remove();
    sandbox.seed(&["check"]).exits(0);
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(2);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!((sandbox.read("one"), sandbox.read("link")), ("first".into(), "first".into()));
    assert!(sandbox.at("one.d").is_dir());
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(0);
    assert_eq!(only(&sandbox, &["list", "--verify"])["state"], "verified");
    sandbox.seed(&["collection", "fetch"]).exits(0);
    // To move the pin takes the source.
    let failed = sandbox.seed(&["collection", "update"]).exits(1);
    assert!(failed.stderr().contains("fetch `v1.2.0` of"), "{}", failed.stderr());
    assert_eq!(sandbox.read("seed.lock"), lock);
    sandbox.seed(&["apply", "name.seed.yaml", "--state", "absent", "--yes"]).exits(0);
    assert!(!sandbox.at("one").exists() && !sandbox.at("one.d").exists());
}

#[test]
fn revisions_are_tags_branches_commits_and_the_head() {
    let (sandbox, desk) = lab();
    let [one, two, three] = ["one", "two", "three"].map(|text| desk.commit(text));
    desk.tag("v1", one);
    desk.branch("stable", two);
    let file = format!("file://{}", desk.url());
    let full = one.to_string();
    for (rev, url, expected) in [
        (Some("v1"), desk.url(), one),
        (Some("stable"), file.clone(), two),
        (Some(&*full), desk.url(), one),
        (Some(&full[..10]), file, one),
        (None, desk.url(), three),
    ] {
        sandbox.write_spec(USES);
        let _ = fs::remove_file(sandbox.at("seed.lock"));
        let mut args = vec!["add", "desk", &url];
        args.extend(rev.iter().flat_map(|rev| ["--rev", rev]));
        assert_eq!(only(&sandbox, &args)["commit"], expected.to_string(), "{rev:?}");
        sandbox.seed(&["plan", "name.seed.yaml"]).exits(2);
    }
    sandbox.write_spec(USES);
    let failed = sandbox.seed(&["collection", "add", "desk", &desk.url(), "--rev", "v9"]).exits(1);
    assert!(failed.stderr().contains("no tag, branch or commit of that name"), "{}", failed.stderr());
    assert!(!sandbox.read("name.seed.yaml").contains("collections"));
}

#[test]
fn opening_a_spec_fetches_nothing_and_says_what_does() {
    let (sandbox, desk) = lab();
    sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(0);
    fs::remove_dir_all(sandbox.cache()).unwrap();
    let check = sandbox.seed(&["check", "--json"]).exits(1).json();
    let found = check["diagnostics"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{check}");
    assert_eq!(found[0]["code"], "collection-missing");
    assert_eq!(found[0]["help"], "seed collection fetch desk");
    assert!(!sandbox.cache().exists());
    sandbox.seed(&["collection", "fetch", "desk"]).exits(0);
    sandbox.seed(&["check"]).exits(0);
    // Another revision in the spec is another collection.
    let spec = sandbox.read("name.seed.yaml");
    sandbox.write("name.seed.yaml", &spec.replace(".git}", ".git, rev: main}"));
    let check = sandbox.seed(&["check", "--json"]).exits(1).json();
    assert_eq!(check["diagnostics"][0]["help"], "seed collection update desk");
    sandbox.seed(&["collection", "update", "desk"]).exits(0);
    sandbox.seed(&["check"]).exits(0);
    assert_eq!(sandbox.read("seed.lock").matches("name: desk").count(), 1);
}

#[test]
fn a_fetch_does_not_move_a_pin_to_what_the_spec_asks_for_now() {
    let (sandbox, desk) = lab();
    let first = desk.commit("first");
    desk.tag("v1.0.0", first);
    let second = desk.commit("second");
    desk.tag("v2.0.0", second);
    sandbox.seed(&["collection", "add", "desk", &desk.url(), "--rev", "v1.0.0"]).exits(0);
    let lock = sandbox.read("seed.lock");
    let spec = sandbox.read("name.seed.yaml");
    sandbox.write("name.seed.yaml", &spec.replace("rev: v1.0.0", "rev: v2.0.0"));
    sandbox.seed(&["collection", "fetch"]).exits(1).says("seed.lock pins `desk` to").says("seed collection update desk");
    assert_eq!(sandbox.read("seed.lock"), lock);
    sandbox.seed(&["collection", "update", "desk"]).exits(0);
    assert!(sandbox.read("seed.lock").contains(&second.to_string()));
    let nowhere = sandbox.at("nowhere.git").display().to_string();
    sandbox.seed(&["collection", "add", "other", &nowhere, "--rev", "v1.0.0"]).exits(1).says("there is no folder or repository");
}

#[test]
fn an_update_moves_the_pin_and_a_fetch_does_not() {
    let (sandbox, desk) = lab();
    sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(0);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    let old = only(&sandbox, &["list"])["commit"].clone();
    let new = desk.commit("second");
    fs::remove_dir_all(sandbox.cache()).unwrap();
    assert_eq!(only(&sandbox, &["fetch"])["commit"], old);
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(0);
    let moved = only(&sandbox, &["update"]);
    assert_eq!((&moved["from"], &moved["commit"]), (&old, &new.to_string().into()));
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("one"), "second");
}

#[test]
fn root_uses_no_cache_that_others_can_write() {
    if !crate::sandbox::is_root() {
        return;
    }
    let (sandbox, desk) = lab();
    sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(0);
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(2);
    for (folder, mode, owner) in [("cache/collections", 0o777, 0), ("cache", 0o777, 0), ("cache", 0o755, 65534)] {
        let folder = sandbox.path().parent().unwrap().join(folder);
        let set = |mode: u32, owner: u32| {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            std::os::unix::fs::chown(&folder, Some(owner), None).unwrap();
        };
        set(mode, owner);
        sandbox.seed(&["plan", "name.seed.yaml"]).exits(1).says("others can write it");
        sandbox.seed(&["apply", "--yes", "name.seed.yaml"]).says("others can write it");
        sandbox.seed(&["collection", "fetch"]).says("others can write it").says("SEED_CACHE_DIR");
        assert!(!sandbox.at("one").exists());
        set(0o755, 0);
    }
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(2);
}

#[test]
fn a_cache_that_was_changed_is_refused_and_fetched_anew() {
    let (sandbox, desk) = lab();
    sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(0);
    let tasks = cached(&sandbox).join("roles/note/tasks/main.yml");
    let text = fs::read_to_string(&tasks).unwrap();
    fs::write(&tasks, text.replace("first", "f1rst")).unwrap();
    let check = sandbox.seed(&["check", "--json"]).exits(1).json();
    assert_eq!(check["diagnostics"][0]["code"], "collection-changed", "{check}");
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(1);
    assert!(!sandbox.at("one").exists());
    sandbox.seed(&["collection", "list", "--verify"]).exits(3);
    sandbox.seed(&["collection", "fetch"]).exits(0);
    assert_eq!(fs::read_to_string(&tasks).unwrap(), text);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    // Touched, and yet the same: it is read, and taken.
    fs::write(&tasks, &text).unwrap();
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(0);
    // A stamp that was made to fit does not help at an apply.
    fs::write(&tasks, text.replace("first", "f1rst")).unwrap();
    let stamp = cached(&sandbox).with_extension("stamp");
    let known = fs::read_to_string(&stamp).unwrap();
    let outside = seed_collection::content::outside(&cached(&sandbox)).unwrap();
    let old = known.lines().find_map(|line| line.strip_prefix("outside: ")).unwrap();
    fs::write(&stamp, known.replace(old, &outside)).unwrap();
    sandbox.seed(&["check"]).exits(0);
    let refused = sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(3);
    assert!(refused.stderr().contains("was changed after it was fetched"), "{}", refused.stderr());
    assert_eq!(sandbox.read("one"), "first");
}

#[test]
fn a_lock_that_was_changed_is_refused_with_words() {
    let (sandbox, desk) = lab();
    let old = desk.commit("old");
    sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(0);
    let lock = sandbox.read("seed.lock");
    let digits = cached(&sandbox).file_name().unwrap().to_str().unwrap().to_owned();
    desk.commit("new");

    let code = |sandbox: &Sandbox| {
        let check = sandbox.seed(&["check", "--json"]).exits(1).json();
        check["diagnostics"][0]["code"].as_str().unwrap().to_owned()
    };
    let other_hash = lock.replace(&digits, &"ab".repeat(32));
    sandbox.write("seed.lock", &other_hash);
    assert_eq!(code(&sandbox), "collection-changed");
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(1);
    let refused = sandbox.seed(&["collection", "fetch"]).exits(3);
    assert!(refused.stderr().contains("gives the commit the hash"), "{}", refused.stderr());
    assert_eq!(sandbox.read("seed.lock"), other_hash);

    // Another commit, with the hash of the first.
    let first = desk.repository.find_commit(old).unwrap().parent_id(0).unwrap();
    sandbox.write("seed.lock", &lock.replace(&old.to_string(), &first.to_string()));
    assert_eq!(code(&sandbox), "collection-missing");
    sandbox.seed(&["collection", "fetch"]).exits(3);
    // One that the repository does not have.
    sandbox.write("seed.lock", &lock.replace(&old.to_string(), &"1".repeat(40)));
    let refused = sandbox.seed(&["collection", "fetch"]).exits(1);
    assert!(refused.stderr().contains("no branch or tag"), "{}", refused.stderr());
    for broken in [lock.replace("commit: ", "comit: "), lock.replace(&digits, "../../../etc"), "<<<<<<< mine\n".into()] {
        sandbox.write("seed.lock", &broken);
        assert_eq!(code(&sandbox), "collection-changed");
        sandbox.seed(&["collection", "fetch"]).exits(1);
    }
    sandbox.write("seed.lock", &lock);
    sandbox.seed(&["check"]).exits(0);
}

#[test]
fn its_fragments_are_embedded_as_of_the_commit_that_is_pinned() {
    let (sandbox, desk) = lab();
    fs::create_dir(sandbox.at("fragments")).unwrap();
    desk.commit_files(&[("fragments/notice.txt", "Kept by {{ instance }}.\n")]);
    sandbox.seed(&["collection", "add", "desk", &desk.url(), "--rev", "main"]).exits(0);
    sandbox.write(
        "motd",
        "# seed:begin desk/notice#us\n# seed:end desk/notice#us\n# seed:begin desk/note#1\n# seed:end desk/note#1\n",
    );
    sandbox.seed(&["fragment", "update"]).exits(2).says("there is no fragment `desk/note`: there is desk/notice");
    let rendered = |word: &str| {
        format!(
            "# seed:begin desk/notice#us\n{word} by us.\n# seed:end desk/notice#us\n# seed:begin desk/note#1\n# seed:end desk/note#1\n"
        )
    };
    assert_eq!(sandbox.read("motd"), rendered("Kept"));
    // The next commit counts when the pin is moved to it, and the one that is fetched needs no source.
    desk.commit_files(&[("fragments/notice.txt", "Looked after by {{ instance }}.\n")]);
    sandbox.seed(&["fragment", "status", "motd"]).exits(2).says("desk/notice#us  current");
    sandbox.seed(&["collection", "update"]).exits(0);
    desk.remove();
    sandbox.seed(&["fragment", "update"]).exits(2);
    assert_eq!(sandbox.read("motd"), rendered("Looked after"));
    // What was changed since it was fetched is not used; nor is what was not fetched.
    fs::remove_dir_all(sandbox.cache()).unwrap();
    sandbox.seed(&["fragment", "update"]).exits(1).says("desk/notice#us  error").says("collection fetch");
    assert_eq!(sandbox.read("motd"), rendered("Looked after"));
}

#[test]
fn vendored_it_is_a_part_of_the_project() {
    let (sandbox, desk) = lab();
    sandbox.seed(&["collection", "add", "desk", &desk.url(), "--rev", "main"]).exits(0);
    sandbox.seed(&["collection", "vendor"]).exits(0);
    let spec = sandbox.read("name.seed.yaml");
    assert!(spec.contains("  desk: {path: ./collections/desk}  # "), "{spec}");
    assert!(!sandbox.at("seed.lock").exists());
    desk.remove();
    fs::remove_dir_all(sandbox.cache()).unwrap();
    let tasks = "collections/desk/roles/note/tasks/main.yml";
    sandbox.write(tasks, &sandbox.read(tasks).replace("first", "mine"));
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("one"), "mine");
    assert_eq!(only(&sandbox, &["list"])["state"], "folder");
}

#[test]
fn a_folder_is_used_as_it_is() {
    let (sandbox, _) = Sandbox::with_spec("one: {is: desk.note, at: ./one}\n");
    let folder = sandbox.path().parent().unwrap().join("shared");
    for (path, text) in
        [("role.yml", ROLE), ("tasks/main.yml", "present:\n  note: {is: file.text, path: \"${at}\", content: a}\n")]
    {
        fs::create_dir_all(folder.join("roles/note/tasks")).unwrap();
        fs::write(folder.join("roles/note").join(path), text).unwrap();
    }
    sandbox.seed(&["collection", "add", "desk", "../shared"]).exits(0);
    assert!(sandbox.read("name.seed.yaml").contains("  desk: {path: ../shared}\n"));
    assert!(!sandbox.at("seed.lock").exists());
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("one"), "a");
}

#[test]
fn what_it_runs_waits_for_trust_at_each_commit() {
    let (sandbox, desk) = lab();
    let runs = |text: &str| {
        let tasks = format!(
            "present:\n  note: {{is: file.text, path: \"${{at}}\", content: {text}}}\n  run:\n    is: task.command\n    present: [touch, \"${{at}}.ran\"]\n    absent: [rm, -f, \"${{at}}.ran\"]\n    info: [test, -e, \"${{at}}.ran\"]\n"
        );
        desk.commit_files(&[("roles/note/tasks/main.yml", &tasks)])
    };
    runs("one");
    sandbox.write_spec("one: {is: desk.note, at: ./one}\n");
    sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(0);
    // The folder of the spec is not enough, nor is the one that the cache is in.
    sandbox.seed(&["trust", sandbox.path().parent().unwrap().to_str().unwrap()]).exits(0);
    let refused = sandbox.seed(&["plan", "name.seed.yaml"]).exits(1);
    assert!(refused.stderr().contains("seed trust --collection desk"), "{}", refused.stderr());
    sandbox.seed(&["trust", "--collection", "desk", "name.seed.yaml"]).exits(0);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert!(sandbox.at("one.ran").exists());

    runs("two");
    sandbox.seed(&["collection", "update"]).exits(0);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(3);
    assert_eq!(sandbox.read("one"), "one");
    sandbox.seed(&["trust", "--collection", "desk", "name.seed.yaml"]).exits(0);
    sandbox.seed(&["apply", "name.seed.yaml", "--yes"]).exits(0);
    assert_eq!(sandbox.read("one"), "two");
    // The same files at another commit are asked for again.
    desk.commit_tree(&desk.repository.head().unwrap().peel_to_tree().unwrap());
    sandbox.seed(&["collection", "update"]).exits(0);
    sandbox.seed(&["plan", "name.seed.yaml"]).exits(1);
    sandbox.seed(&["trust", "--collection", "desk", "name.seed.yaml", "--remove"]).exits(0);
    let trusted = sandbox.seed(&["trust", "--json"]).json();
    assert_eq!(trusted["collections"].as_array().unwrap().len(), 0, "{trusted}");
}

#[test]
fn a_repository_that_would_write_elsewhere_is_refused() {
    let (sandbox, desk) = lab();
    let blob = |text: &str| desk.repository.blob(text.as_bytes()).unwrap();
    let (bad, good) = (blob("bad"), desk.repository.head().unwrap().peel_to_tree().unwrap());
    let roles = good.get_name("roles").unwrap().id();
    let commit = desk.commit("x");
    for (mode, name, oid, words) in [
        ("100644", "..", bad, "could lead out"),
        ("100644", "../../evil", bad, "could lead out"),
        ("100644", "/tmp/evil", bad, "could lead out"),
        ("40000", ".git", roles, "could lead out"),
        ("40000", ".GIT", roles, "could lead out"),
        ("120000", "link", blob("/etc/passwd"), "absolute path"),
        ("120000", "link", blob("../out"), "leads out"),
        ("120000", "link", blob("roles/../../out"), "in the middle"),
        ("160000", "sub", commit, "submodule"),
        ("100644", "roles", bad, "File exists"),
    ] {
        let tree = desk.raw_tree(&[(mode, name, oid), ("40000", "roles", roles)]);
        desk.commit_tree(&tree);
        let refused = sandbox.seed(&["collection", "add", "desk", &desk.url()]);
        let said = refused.stderr();
        assert!(said.contains(words), "{mode} {name}: {said}");
        assert!(!sandbox.at("seed.lock").exists(), "{mode} {name}");
        let left: Vec<_> = fs::read_dir(sandbox.cache().join("collections")).unwrap().collect();
        assert!(left.is_empty(), "{mode} {name}: {left:?}");
    }
    assert!(!Path::new("/tmp/evil").exists() && !sandbox.cache().join("evil").exists());
    // A link within is taken.
    let tree = desk.raw_tree(&[("120000", "link", blob("roles/note")), ("40000", "roles", roles)]);
    desk.commit_tree(&tree);
    sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(0);
}

#[test]
fn mistakes_in_the_names_and_sources_are_told() {
    let (sandbox, desk) = lab();
    let with = |lines: &str| {
        let text = format!("seed: 1\nname: name\ncollections:\n{lines}\nroles: {{}}\n");
        sandbox.write("name.seed.yaml", &text);
        let check = sandbox.seed(&["check", "--json"]).exits(1).json();
        let all = check["diagnostics"].as_array().unwrap();
        all.iter()
            .map(|one| format!("{} {}", one["code"].as_str().unwrap(), one["message"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    insta::assert_snapshot!(with(
        "  storage: {path: ./x}\n  Desk: {path: ./x}\n  a: {path: ./nowhere}\n  b: {git: ./x, path: ./x}\n  c: {}\n  d: {path: ./x, rev: v1}\n  \
         e: {git: \"http://example.org/x\"}\n  f: {git: \"https://ada:secret@example.org/x\"}\n  g: {gut: ./x}\n  h: {git: \"${vars.x}\"}\n  i: {git: ./x}"
    )
    .join("\n")
    .replace(sandbox.path().to_str().unwrap(), "WORK"), @r"
    collection `storage` is the name of a built-in collection
    bad-name `Desk` is not a valid name for a collection
    collection the folder WORK/nowhere does not exist
    collection a collection has either `git` or `path`, not both
    collection the source of `c` is missing
    collection `rev` is only for git repositories, and this is a folder
    collection `http://` does not authenticate the server; use `https://` or `ssh://`
    collection a URL with a name or password would be shared in the lock file; use ssh
    unknown-key `gut` is not a key of this mapping
    interpolation the source of a collection cannot use variables, because roles are found before variables are read
    unknown-reference there is no variable `x`
    collection-missing the collection `i` is not pinned yet: there is no seed.lock
    ");
    let spec = "seed: 1\nname: name\nroles: {}\n";
    sandbox.write("name.seed.yaml", spec);
    for (args, words) in [
        (["storage", &*desk.url()], "built-in collection"),
        (["Desk", &*desk.url()], "not a valid name for a collection"),
        (["desk", "http://example.org/x"], "does not authenticate the server"),
        (["desk", "desk.git"], "neither a path"),
        (["desk", "./nowhere.git"], "fetch its head of"),
    ] {
        let failed = sandbox.seed(&["collection", "add", args[0], args[1]]).exits(1);
        assert!(failed.stderr().contains(words), "{args:?}: {}", failed.stderr());
        assert_eq!(sandbox.read("name.seed.yaml"), spec);
    }
    let failed = sandbox.seed(&["collection", "update", "dask"]).exits(1);
    assert!(failed.stderr().contains("names no such collection"), "{}", failed.stderr());
}

/// No server can be asked here: that the protocols are built in shows in how they fail where nobody answers.
#[test]
fn https_and_ssh_are_spoken() {
    let (sandbox, _) = Sandbox::with_spec("{}\n");
    for url in ["https://127.0.0.1:1/desk.git", "ssh://git@127.0.0.1:1/desk.git"] {
        let failed = sandbox.seed(&["collection", "add", "desk", url]).exits(1);
        let said = failed.stderr();
        assert!(said.contains("127.0.0.1") && said.contains("connect") && !said.contains("unsupported"), "{said}");
    }
}

#[test]
fn several_specs_in_a_folder_share_a_lock() {
    let (sandbox, desk) = lab();
    let first = desk.commit("one");
    desk.tag("v1", first);
    desk.commit("two");
    sandbox.write("other.seed.yaml", "seed: 1\nname: other\nroles:\n  two: {is: desk.note, at: ./two}\n");
    let refused = sandbox.seed(&["collection", "add", "desk", &desk.url()]).exits(1);
    assert!(refused.stderr().contains("name.seed.yaml, other.seed.yaml"), "{}", refused.stderr());
    sandbox.seed(&["collection", "add", "desk", &desk.url(), "--rev", "v1", "--spec", "name.seed.yaml"]).exits(0);
    sandbox.seed(&["collection", "add", "desk", &desk.url(), "--spec", "other.seed.yaml"]).exits(0);
    for spec in ["name.seed.yaml", "other.seed.yaml"] {
        sandbox.seed(&["apply", spec, "--yes"]).exits(0);
    }
    assert_eq!((sandbox.read("one"), sandbox.read("two")), ("one".into(), "two".into()));
}
