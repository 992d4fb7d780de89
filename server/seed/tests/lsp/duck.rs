//! `seed.duck`: what a user says of an open text, compared with it.

use serde_json::{Value as Json, json};

use crate::client::Client;

const SPEC: &str = "seed: 1\nname: lab\nwhy: A place to build in.\nroles:\n  # 😀 counts twice in UTF-16\n  image:\n    is: storage.file_block_image\n    path: ./lab.img\n    size: 4 GiB\n  loop:\n    is: storage.loopback_device\n    backing: image\n";

fn duck(client: &mut Client, argument: Json) -> Result<Json, Json> {
    client.request("workspace/executeCommand", json!({"command": "seed.duck", "arguments": [argument]}))
}

fn ids(answer: &Json, key: &str) -> Vec<String> {
    answer[key].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_explanation_is_compared_with_the_open_text_and_not_the_file() {
    let mut client = Client::start();
    client.write("lab.seed.yaml", &SPEC.replace("4 GiB", "9 GiB"));
    let uri = client.open("lab.seed.yaml", SPEC);
    let answer =
        duck(&mut client, json!({"uri": uri, "explanation": "The image is a file of 4 GiB. The loop device shows it."})).unwrap();
    let covered = ids(&answer, "covered");
    for id in ["image:exists", "image:parameter:size", "loop:exists"] {
        assert!(covered.iter().any(|covered| covered == id), "{id}: {answer}");
    }
    assert_eq!(answer["covered_by"]["image:parameter:size"], "The image is a file of 4 GiB.");
    assert!(answer["score"].as_f64().unwrap() > 0.1);
    assert!(answer["question"].as_str().unwrap().ends_with('?'));
    let size = answer["facts"].as_array().unwrap().iter().find(|fact| fact["id"] == "image:parameter:size").unwrap();
    assert_eq!(size["range"], json!({"start": {"line": 8, "character": 10}, "end": {"line": 8, "character": 15}}));
    let wrong = duck(&mut client, json!({"uri": uri, "explanation": "The image is a file of 9 GiB."})).unwrap();
    assert_eq!(wrong["contradicted"][0]["id"], "image:parameter:size");
    assert_eq!(wrong["contradicted"][0]["claim"], "The image is a file of 9 GiB.");
}

#[test]
fn one_role_can_be_explained_and_pasting_is_seen() {
    let mut client = Client::start();
    let uri = client.open("lab.seed.yaml", SPEC);
    let answer = duck(&mut client, json!({"uri": uri, "explanation": SPEC, "role": "loop"})).unwrap();
    assert!(answer["facts"].as_array().unwrap().iter().all(|fact| fact["role"] == "loop"));
    assert_eq!((&answer["score"], &answer["gamed"]), (&json!(0.0), &json!("pasted")));
    assert!(answer["note"].as_str().unwrap().contains("your own words"));
}

#[test]
fn any_other_text_is_asked_about_too_and_mistakes_are_told() {
    let mut client = Client::start();
    let code = "# Copies the pictures.\ncopy() {\n  cp -a \"$1\" /mnt || true\n}\n";
    let uri = client.write("copy.sh", code);
    client.open_as(&uri, "sh", code);
    let answer = duck(&mut client, json!({"uri": uri, "explanation": ""})).unwrap();
    assert!(answer["question"].as_str().unwrap().contains("`copy`"), "{answer}");
    assert!(duck(&mut client, json!({"uri": "file:///nowhere.seed.yaml", "explanation": ""})).is_err());
    assert!(duck(&mut client, json!({"uri": uri, "says": ""})).is_err());
}
