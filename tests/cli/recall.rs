//! What a project knows: read, found by name, words, meaning and links, and noted.

use std::fs;
use std::process::Command;

use seed_model::mock::{Mock, Scripted};
use serde_json::{Value as Json, json};

use crate::sandbox::Sandbox;

const ROLES: &str = "\
# The disk that travels.
image:
  is: storage.file_block_image
  why: one file to carry around
  path: ./lab.img
  size: 512 MiB

loop:
  is: storage.loopback_device
  backing: image

secret:
  is: file.text
  path: ./key
  content: !secret {file: ./zanzibar}
";

/// A project with a spec, a note, a page and two commits.
fn project() -> Sandbox {
    let (sandbox, _) = Sandbox::with_spec(ROLES);
    sandbox
        .write("notes/broken.md", "# The bad cable\n\nIn May [[image]] was damaged. See [the page](../doc/page.md#mirrors).\n");
    sandbox.write(
        "doc/page.md",
        "# Page\n\nNothing much.\n\n## Mirrors\n\nWhen one drive breaks, its twin still holds every byte.\n",
    );
    sandbox.write("doc/left-out.md", "# Left out\n\nxylophone\n");
    sandbox.write(".gitignore", "left-out.md\n");
    let git = |args: &[&str]| {
        let who = ["-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"];
        let mut command = Command::new("git");
        command.current_dir(sandbox.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").args(who).args(args);
        assert!(command.output().unwrap().status.success(), "{args:?}");
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "Carry the volume in a suitcase\n\nA bag was too small."]);
    sandbox
}

fn hits(sandbox: &Sandbox, query: &str) -> Vec<Json> {
    let answer = sandbox.seed(&["recall", "--json", query]).exits(0).json();
    answer["hits"].as_array().unwrap().clone()
}

fn place(hit: &Json) -> (&str, u64, &str) {
    (hit["path"].as_str().unwrap(), hit["line"].as_u64().unwrap(), hit["title"].as_str().unwrap())
}

#[test]
fn a_name_comes_first_and_what_is_linked_with_it_after() {
    let sandbox = project();
    let found = hits(&sandbox, "Image");
    assert_eq!(place(&found[0]), ("name.seed.yaml", 7, "image: storage.file_block_image"));
    let why = |title: &str| found.iter().find(|hit| hit["title"] == title).unwrap()["why"].as_str().unwrap();
    assert!(why("image: storage.file_block_image").starts_with("its name"), "{found:#?}");
    assert!(why("The bad cable").contains("links to `image: storage.file_block_image`"), "{found:#?}");
    assert!(why("loop: storage.loopback_device").contains("needs `image: storage.file_block_image`"), "{found:#?}");
    for hit in &found {
        assert!(hit["score"].is_f64() && hit["why"].is_string(), "{hit}");
    }
}

#[test]
fn other_words_and_commits_are_found_and_secrets_are_not() {
    let sandbox = project();
    assert_eq!(place(&hits(&sandbox, "redundancy against disk failure")[0]), ("doc/page.md", 5, "Page › Mirrors"));
    let found = hits(&sandbox, "suitcase");
    assert_eq!((found[0]["path"].as_str(), found[0]["kind"].as_str()), (Some("commit"), Some("commit")), "{found:#?}");
    for unknown in ["zanzibar", "xylophone"] {
        let words = format!("words: {unknown}");
        let found = hits(&sandbox, unknown);
        assert!(found.iter().all(|hit| !hit["why"].as_str().unwrap().contains(&words)), "{found:#?}");
    }
    sandbox.seed(&["recall", "suitcase"]).exits(0).says("words: suitcase").says("Carry the volume in a suitcase");
}

#[test]
fn what_has_changed_is_read_and_what_is_gone_forgotten() {
    let sandbox = project();
    let count = |args: &[&str]| {
        let done = sandbox.seed(&[&["index", "--json"], args].concat()).exits(0).json();
        ["files", "sections", "read", "gone"].map(|key| done[key].as_u64().unwrap())
    };
    assert_eq!(count(&[]), [4, 8, 4, 0]);
    assert_eq!(count(&[]), [4, 8, 0, 0]);
    sandbox.write("doc/page.md", "# Page\n\nUmbrellas.\n");
    assert_eq!(place(&hits(&sandbox, "umbrellas")[0]), ("doc/page.md", 1, "Page"));
    fs::remove_file(sandbox.at("notes/broken.md")).unwrap();
    assert_eq!(count(&[]), [3, 6, 0, 1]);
    assert!(hits(&sandbox, "cable").iter().all(|hit| hit["path"] != "notes/broken.md"));
    assert_eq!(count(&["--rebuild"]), [3, 6, 3, 0]);
}

#[test]
fn a_damaged_index_is_made_anew() {
    let sandbox = project();
    hits(&sandbox, "image");
    let folder = sandbox.state().join("knowledge");
    let file =
        fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()).find(|path| path.extension().unwrap() == "index");
    let file = file.unwrap();
    let bytes = fs::read(&file).unwrap();
    let expected = hits(&sandbox, "mirrors of disks");
    let mut worse = bytes.clone();
    worse[bytes.len() / 2] ^= 0x55;
    for damaged in [Vec::new(), b"nothing of ours".to_vec(), bytes[..bytes.len() - 7].to_vec(), worse] {
        fs::write(&file, damaged).unwrap();
        assert_eq!(hits(&sandbox, "mirrors of disks"), expected);
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
}

#[test]
fn a_note_is_written_and_found() {
    let sandbox = project();
    let args = ["note", "--json", "--spec", "name.seed.yaml", "--role", "loop", "Why", "a", "loop", "device"];
    let done = sandbox.seed(&args).exits(0).json();
    assert_eq!(
        (done["path"].as_str().unwrap(), &done["line"]),
        (sandbox.at("notes/why-a-loop-device.md").to_str().unwrap(), &Json::from(4))
    );
    assert_eq!(
        sandbox.read("notes/why-a-loop-device.md"),
        "# Why a loop device\n\nAbout [[loop]] of [name.seed.yaml](../name.seed.yaml).\n\n"
    );
    let found = hits(&sandbox, "loop");
    let note = found.iter().find(|hit| hit["path"] == "notes/why-a-loop-device.md").unwrap();
    assert!(note["why"].as_str().unwrap().contains("links to"), "{note}");
    sandbox.seed(&["note", " "]).exits(1).says("its first line is its title");
}

#[test]
fn notes_are_drawn_with_their_roles() {
    let sandbox = project();
    let drawn = |args: &[&str]| sandbox.seed(&[&["graph", "name.seed.yaml", "--json"], args].concat()).exits(0).json();
    let graph = drawn(&["--notes"]);
    let note = &graph["notes"][0];
    assert_eq!((note["note"].as_str(), note["place"].as_str()), (Some("The bad cable"), Some("notes/broken.md:1")), "{graph}");
    let edge = serde_json::json!({"from": "image", "to": "The bad cable", "kind": "about"});
    assert!(graph["edges"].as_array().unwrap().contains(&edge), "{graph}");
    assert_eq!(drawn(&[])["notes"], Json::Null);
    sandbox.seed(&["graph", "name.seed.yaml", "--notes", "--format", "svg"]).exits(0).says("The bad cable is about image");
}

#[test]
fn a_larger_model_orders_the_hits_and_is_sent_no_text_twice() {
    let sandbox = project();
    let question = "what if a disk dies";
    let offline = hits(&sandbox, question);
    let count = offline.len().min(10) + 1;
    let reply = |vectors: Vec<Json>| {
        let data: Vec<Json> =
            vectors.into_iter().enumerate().map(|(index, vector)| json!({"index": index, "embedding": vector})).collect();
        Scripted::status(200).header("Content-Type", "application/json").send(json!({"data": data}).to_string())
    };
    // All are unlike the question but the one that was last.
    let mut vectors = vec![json!([0, 2]); count];
    (vectors[0], vectors[count - 1]) = (json!([2, 0]), json!([3, 0]));
    let mock = Mock::start([reply(vectors), reply(vec![json!([1, 0])])]).unwrap();
    let models =
        format!("embeddings: near\nmodels:\n  near: {{provider: openai, endpoint: \"{}/v1\", model: large}}\n", mock.url());
    sandbox.write("../config/seed/model.yaml", &models);
    let first = hits(&sandbox, question);
    let heard = mock.heard();
    let texts: Vec<&str> = heard[0].body["input"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert_eq!((&*heard[0].path, texts.len(), texts[0]), ("/v1/embeddings", count, question));
    assert!(texts[count - 1].contains(place(&first[0]).2), "{first:?} {texts:?}");
    assert!(first[0]["why"].as_str().unwrap().contains("meaning 1.00"), "{first:?}");
    assert!(texts.iter().all(|text| !text.contains("zanzibar")));
    assert_eq!(place(&hits(&sandbox, question)[0]), place(&first[0]));
    assert_eq!(mock.heard()[1].body["input"], json!([question]), "the texts are known by now");
    // Out of words, and switched off.
    sandbox.seed(&["recall", question]).exits(0).says("this is what was found without it").says(place(&offline[0]).2);
    assert_eq!(place(&sandbox.seed(&["recall", "--json", "--no-model", question]).json()["hits"][0]), place(&offline[0]));
    // Elsewhere it is asked after a yes alone.
    sandbox.write("../config/seed/model.yaml", "embeddings: far\nmodels:\n  far: {provider: openai, model: large}\n");
    assert_eq!(place(&hits(&sandbox, question)[0]), place(&offline[0]));
    sandbox.seed(&["recall", "--json", "--model", question]).exits(3).says("you have not said yes to that yet");
}
