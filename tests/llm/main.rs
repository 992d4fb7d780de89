//! `seed prompt` against the server of a real model, on request: `cargo xtask test --llm` starts one and names it in `SEED_TEST_LLM`. The model
//! is far too small to be right; what is tried is that its answers come in pieces, can be cut off, and end in words whatever they hold.

#![allow(clippy::unwrap_used)]

#[path = "../cli/sandbox.rs"]
#[allow(dead_code)]
mod sandbox;
#[path = "../cli/tree.rs"]
#[allow(dead_code)]
mod tree;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use sandbox::{Ran, Sandbox};
use serde_json::Value as Json;

fn with_model(more: &str) -> Sandbox {
    let url = std::env::var("SEED_TEST_LLM").expect("SEED_TEST_LLM names a server: run `cargo xtask test --llm`");
    let sandbox = Sandbox::new();
    let text = format!(
        "models:\n  real: {{provider: openai, endpoint: \"{url}\", model: any, context: 8192, structured: json_object, {more}}}\n"
    );
    sandbox.write("../config/seed/model.yaml", &text);
    sandbox
}

fn kinds(ran: &Ran) -> Vec<String> {
    ran.json_lines().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_answer_comes_in_pieces() {
    let sandbox = with_model("max_tokens: 40");
    let ran = sandbox.seed(&["prompt", "--json", "Tell me about the sea."]).exits(0);
    let kinds = kinds(&ran);
    let pieces = kinds.iter().filter(|kind| *kind == "text").count();
    assert!(pieces > 3, "{}", ran.told());
    assert_eq!((kinds.first().unwrap().as_str(), kinds.last().unwrap().as_str()), ("context", "done"));
}

#[test]
fn an_answer_can_be_cut_off_and_the_server_answers_the_next() {
    let sandbox = with_model("max_tokens: 2000");
    let mut child = sandbox
        .seed_command(&["prompt", "--json", "Count from one to a thousand, in words."])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_text = |line: &str| serde_json::from_str::<Json>(line).unwrap()["event"] == "text";
    assert!(lines.by_ref().any(|line| is_text(&line.unwrap())), "it answers");
    let process = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.last().unwrap().contains("interrupted"), "{rest:?}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let sandbox = with_model("max_tokens: 8");
    sandbox.seed(&["prompt", "hello"]).exits(0);
}

#[test]
fn a_draft_ends_in_words_whatever_the_model_says() {
    let sandbox = with_model("max_tokens: 600");
    let ran = sandbox.seed(&["prompt", "--json", "--prompt", "draft", "an image of 1 GiB in ./x.img"]);
    let kinds = kinds(&ran);
    let checks = kinds.iter().filter(|kind| *kind == "check").count();
    assert!((1..=2).contains(&checks), "{}", ran.told());
    match ran.code() {
        Some(0) => assert_eq!(kinds.last().unwrap(), "done"),
        Some(1) => assert!(matches!(kinds.last().unwrap().as_str(), "done" | "failed")),
        _ => panic!("{}", ran.told()),
    }
    println!("the model drafted: {}", ran.json_lines().last().unwrap());
}

#[test]
fn a_model_is_held_to_a_schema() {
    let url = std::env::var("SEED_TEST_LLM").unwrap();
    let text = format!("models: {{it: {{provider: openai, endpoint: \"{url}\", model: any, structured: json_object}}}}");
    let provider = seed_model::config::read("model.yaml".as_ref(), &text).unwrap().provider(None).unwrap().unwrap();
    let mut request = seed_model::Request::new(vec![seed_model::Message::user("Which colour has the sky? Answer as JSON.")]);
    request.max_tokens = Some(60);
    request.json_schema = Some(serde_json::json!({
        "type": "object", "properties": {"colour": {"type": "string", "maxLength": 12}}, "required": ["colour"], "additionalProperties": false,
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let reply = runtime.block_on(provider.ask(&request, |_| {})).unwrap();
    let json: Json = serde_json::from_str(&reply.text).unwrap_or_else(|error| panic!("{error}: {}", reply.text));
    assert!(json["colour"].is_string(), "{json}");
}
