//! `seed duck`: a spec is explained, and what the explanation told, missed and got wrong comes back.

use std::os::unix::fs::PermissionsExt;

use seed_model::mock::{Mock, Scripted};
use serde_json::{Value as Json, json};

use crate::sandbox::Sandbox;

const SPEC: &str = "seed: 1\nname: lab\nwhy: A build lab to carry home.\nroles:\n  image:\n    is: storage.file_block_image\n    path: ./lab.img\n    size: 4 GiB\n    disposable: true\n\n  loop:\n    is: storage.loopback_device\n    backing: image\n\n  token:\n    is: file.text\n    path: ./token\n    content: !secret {env: THE_TOKEN}\n";
const SAID: &str = "The image is a file of 4 GiB, and the loop device makes a disk of it. The file is mounted nowhere. The token is a secret that stays out of every log.";

fn lab() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("lab.seed.yaml", SPEC);
    sandbox.write("said.txt", SAID);
    sandbox
}

fn duck(sandbox: &Sandbox, args: &[&str]) -> Json {
    let args: Vec<&str> = ["duck", "lab.seed.yaml", "--json"].iter().chain(args).copied().collect();
    sandbox.seed(&args).exits(0).json()
}

fn ids(answer: &Json, key: &str) -> Vec<String> {
    answer[key].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn facts_have_stable_ids_places_and_weights_and_hold_no_secret() {
    let sandbox = lab();
    let before = duck(&sandbox, &["--no-model"]);
    assert_eq!(before["score"], 0.0);
    let size = before["facts"].as_array().unwrap().iter().find(|fact| fact["id"] == "image:parameter:size").unwrap().clone();
    assert_eq!(
        (&size["role"], &size["kind"], &size["text"]),
        (&json!("image"), &json!("parameter"), &json!("`image` is 4 GiB large"))
    );
    assert_eq!(size["range"]["start"], json!({"line": 7, "character": 10}));
    assert!(size["path"].as_str().unwrap().ends_with("lab.seed.yaml"));
    let weight =
        |id: &str| before["facts"].as_array().unwrap().iter().find(|fact| fact["id"] == id).unwrap()["weight"].as_f64().unwrap();
    assert!(weight("image:destroys:absent") > weight("image:parameter:size"), "that data dies matters more than a size");
    assert!(ids_of_facts(&before).contains(&"token:exposes:content".to_owned()));
    assert!(!before.to_string().contains("THE_TOKEN"), "{before}");
    // An edit elsewhere changes no id.
    sandbox.write("lab.seed.yaml", &SPEC.replace("roles:\n", "roles:\n  first:\n    is: file.directory\n    path: ./first\n"));
    let after = ids_of_facts(&duck(&sandbox, &["--no-model"]));
    assert!(ids_of_facts(&before).iter().all(|id| after.contains(id)));
}

fn ids_of_facts(answer: &Json) -> Vec<String> {
    answer["facts"].as_array().unwrap().iter().map(|fact| fact["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_explanation_is_compared_sentence_by_sentence() {
    let sandbox = lab();
    let answer = duck(&sandbox, &["--explain", "said.txt"]);
    let covered = ids(&answer, "covered");
    for id in ["image:exists", "image:parameter:size", "loop:exists", "loop:depends:image", "token:exposes:content"] {
        assert!(covered.iter().any(|covered| covered == id), "{id} in {answer}");
    }
    assert!(ids(&answer, "missing").contains(&"image:destroys:absent".to_owned()));
    assert_eq!(answer["question_about"], "image:destroys:absent", "that data dies matters most");
    sandbox.write("said.txt", "The image is a file of 40 GiB. The image needs the loop device first.");
    let answer = duck(&sandbox, &["--explain", "said.txt"]);
    let wrong: Vec<&str> = answer["contradicted"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(wrong, ["image:parameter:size", "loop:depends:image"]);
    assert_eq!(answer["contradicted"][0]["claim"], "The image is a file of 40 GiB.");
}

#[test]
fn what_the_next_apply_would_destroy_is_a_fact_too() {
    let spec = |size: &str| {
        format!("seed: 1\nname: lab\nroles:\n  image:\n    is: storage.file_block_image\n    path: ./lab.img\n    size: {size}\n")
    };
    let sandbox = Sandbox::new();
    sandbox.write("lab.seed.yaml", &spec("8 MiB"));
    sandbox.seed(&["apply", "--yes", "lab.seed.yaml"]).exits(0);
    let image = std::fs::File::options().write(true).open(sandbox.at("lab.img")).unwrap();
    std::os::unix::fs::FileExt::write_at(&image, b"dear", 0).unwrap();
    assert!(!ids_of_facts(&duck(&sandbox, &[])).contains(&"image:destroys:plan".to_owned()));
    sandbox.write("lab.seed.yaml", &spec("4 MiB"));
    let answer = duck(&sandbox, &[]);
    let fact = answer["facts"].as_array().unwrap().iter().find(|fact| fact["id"] == "image:destroys:plan").unwrap();
    assert!(fact["text"].as_str().unwrap().starts_with("the next apply replaces `image` and destroys the image"), "{fact}");
    assert_eq!(answer["question_about"], "image:destroys:plan", "that data dies now matters most");
    sandbox.write("said.txt", "The next apply makes the image anew, and all that is on it is lost.");
    assert!(ids(&duck(&sandbox, &["--explain", "said.txt"]), "covered").contains(&"image:destroys:plan".to_owned()));
}

#[test]
fn a_person_is_led_and_not_told() {
    let sandbox = lab();
    let ran = sandbox.seed(&["duck", "lab.seed.yaml", "--explain", "said.txt"]).exits(0);
    let ran = ran.says("% of what matters").says("✓ `image` is 4 GiB large").says("○ image").says("what is lost");
    assert!(!ran.stdout().contains("./lab.img"), "what is missing is not told: {}", ran.stdout());
    assert!(ran.stdout().trim_end().ends_with('?'), "one question ends it: {}", ran.stdout());
    sandbox
        .seed(&["duck", "lab.seed.yaml", "--explain", "lab.seed.yaml"])
        .exits(0)
        .says("0 % of what matters")
        .says("your own words");
}

#[test]
fn one_role_can_be_explained_and_a_wrong_name_is_helped() {
    let sandbox = lab();
    let answer = duck(&sandbox, &["--role", "loop"]);
    assert!(ids_of_facts(&answer).iter().all(|id| id.starts_with("loop:")));
    sandbox.seed(&["duck", "lab.seed.yaml", "--role", "lop"]).exits(1).says("did you mean `loop`?");
    sandbox.write("lab.seed.yaml", "seed: 1\nname: lab\nroles:\n  a:\n    is: nothing.such\n");
    sandbox.seed(&["duck", "lab.seed.yaml"]).exits(1).says("nothing.such");
}

#[test]
fn explanations_are_kept_and_shown() {
    let sandbox = lab();
    sandbox.seed(&["duck", "lab.seed.yaml", "--history"]).exits(0).says("Nobody has explained this spec yet");
    sandbox.write("short.txt", "It is something, and the key is AKIAIOSFODNN7EXAMPLE.");
    duck(&sandbox, &["--explain", "short.txt"]);
    duck(&sandbox, &["--explain", "said.txt"]);
    duck(&sandbox, &["--explain", "said.txt", "--no-history"]);
    let ran = sandbox.seed(&["duck", "lab.seed.yaml", "--history", "--json"]).exits(0);
    let history = ran.json()["history"].clone();
    let scores: Vec<f64> = history.as_array().unwrap().iter().map(|one| one["score"].as_f64().unwrap()).collect();
    assert!(scores.len() == 2 && scores[0] < scores[1], "{history}");
    assert!(!history.to_string().contains("AKIAIOSFODNN7EXAMPLE"), "{history}");
    sandbox.seed(&["duck", "lab.seed.yaml", "--history"]).exits(0).says("covered").says("▁");
    let folder = sandbox.state().join("duck");
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_program_is_asked_about_too() {
    let sandbox = lab();
    sandbox.write("copy.sh", "#!/bin/sh\n# Copies the pictures to the other disk.\ncopy() {\n  cp -a \"$1\" /mnt || true\n}\n");
    sandbox.seed(&["duck", "--code", "copy.sh"]).exits(0).says("`copy`").says("?");
    let answer = sandbox.seed(&["duck", "--code", "copy.sh", "--json"]).exits(0).json();
    assert!(ids_of_facts(&answer).iter().any(|id| id.starts_with("copy:risk:")), "{answer}");
}

/// A sandbox with a model at a server that says these things.
fn with_model(replies: impl IntoIterator<Item = Scripted>) -> (Sandbox, Mock) {
    let sandbox = lab();
    let mock = Mock::start(replies).unwrap();
    let text = format!(
        "models:\n  it: {{provider: openai, endpoint: \"{}/v1\", model: small, context: 16000, retries: 0}}\n",
        mock.url()
    );
    sandbox.write("../config/seed/model.yaml", &text);
    (sandbox, mock)
}

#[test]
fn a_model_judges_with_the_facts_as_ground_and_the_rules_have_the_last_word() {
    let verdict = json!({
        "facts": [
            {"id": ":purpose", "told": "covered", "quote": "The file is mounted nowhere."},
            {"id": "image:parameter:path", "told": "covered", "quote": "The file is mounted nowhere."},
            {"id": "image:parameter:size", "told": "contradicted", "quote": "The image is a file of 4 GiB"},
            {"id": "image:risk:sparse", "told": "covered", "quote": "It grows as it is written to."},
            {"id": "no:such:fact", "told": "covered", "quote": ""},
        ],
        "question": "Who would miss the image?"
    });
    let (sandbox, mock) = with_model([Scripted::answer(&format!("Here it is:\n```json\n{verdict}\n```"))]);
    let answer = duck(&sandbox, &["--explain", "said.txt", "--model"]);
    let asked = mock.heard()[0].text();
    assert!(
        asked.contains("image:parameter:size") && asked.contains("mounted nowhere") && !asked.contains("THE_TOKEN"),
        "{asked}"
    );
    assert_eq!(answer["model"]["status"], "merged", "{answer}");
    assert!(ids(&answer, "covered").contains(&":purpose".to_owned()), "it can hear a purpose: {answer}");
    assert!(ids(&answer, "covered").contains(&"image:parameter:size".to_owned()), "a number is there or not: {answer}");
    assert!(ids(&answer, "missing").contains(&"image:parameter:path".to_owned()));
    let disputed: Vec<&str> =
        answer["model"]["disputed"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(disputed, ["image:parameter:path", "image:parameter:size", "image:risk:sparse"]);
    assert_eq!(answer["question"], "Who would miss the image?");
}

#[test]
fn a_model_talks_and_neither_gives_away_nor_denies_the_facts() {
    let reply = "Yes, it is sparse. The size of the image is 40 GiB. It lies at ./lab.img, by the way.";
    let verdict = |reply: &str, question: &str| {
        let verdict = json!({"facts": [{"id": "image:exists", "told": "covered", "quote": "The image is a file"}], "reply": reply, "question": question});
        Scripted::answer(&verdict.to_string())
    };
    let (sandbox, mock) = with_model([verdict(reply, "Who would miss the image?"), verdict("Better.", "And what of the token?")]);
    sandbox.write("said.txt", "The image is a file. Is it sparse?");
    let first = duck(&sandbox, &["--explain", "said.txt", "--model"]);
    // The path is for the person to say; that the size is wrong is marked, and what it is instead is not told.
    assert_eq!(first["model"]["reply"], "Yes, it is sparse. The size of the image is 40 GiB.", "{first}");
    assert_eq!(first["model"]["denied"], json!([{"claim": "The size of the image is 40 GiB.", "id": "image:parameter:size"}]));
    let ran = sandbox.seed(&["duck", "lab.seed.yaml", "--explain", "said.txt", "--model"]).exits(0);
    ran.says("Better.").says("And what of the token?");
    let asked = mock.heard();
    assert!(!asked[0].text().contains("Who would miss the image?"));
    let asked = asked[1].text();
    assert!(
        asked.contains("Yes, it is sparse.") && asked.contains("Who would miss the image?"),
        "it hears what it said: {asked}"
    );
}

#[test]
fn without_sense_or_without_an_answer_what_was_found_offline_stands() {
    let offline = duck(&lab(), &["--explain", "said.txt"]);
    for reply in [Scripted::answer("I think it is quite good!"), Scripted::answer("{\"facts\": 7}"), Scripted::status(500)] {
        let (sandbox, _mock) = with_model([reply]);
        let answer = duck(&sandbox, &["--explain", "said.txt", "--model"]);
        assert_eq!((&answer["score"], &answer["question"]), (&offline["score"], &offline["question"]));
        assert_eq!(answer["model"]["status"], "offline", "{answer}");
    }
    let (sandbox, _mock) = with_model([Scripted::answer("{}")]);
    sandbox.seed(&["duck", "lab.seed.yaml", "--explain", "said.txt", "--model"]).exits(0).says("The model has not judged");
    std::fs::remove_file(sandbox.at("../config/seed/model.yaml")).unwrap();
    sandbox.seed(&["duck", "lab.seed.yaml", "--explain", "said.txt", "--model"]).exits(0).says("none is configured");
}
