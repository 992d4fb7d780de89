//! The file in which models are configured, and what is said of its mistakes.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use seed_model::config::{FILE, read};
use seed_model::{Provider, configured_in};

fn chosen(text: &str, name: Option<&str>) -> Result<Option<Provider>, String> {
    let configuration = read(Path::new("/home/me/.config/seed/model.yaml"), text).map_err(|trouble| trouble.to_string())?;
    configuration.provider(name).map_err(|trouble| trouble.to_string())
}

const TWO: &str = "\
use: local
models:
  local: {provider: ollama, model: llama3.2, context: 4096}
  far:
    provider: anthropic
    model: claude
    key: {env: FAR_KEY}
    prices: {input: 3, output: 15, currency: EUR}
    timeouts: {first: 2 min}
";

#[test]
fn one_is_used_and_another_can_be_chosen() {
    let local = chosen(TWO, None).unwrap().unwrap();
    assert_eq!(local.words(), "local (llama3.2 at http://127.0.0.1:11434)");
    assert_eq!((local.context(), local.endpoint().is_local()), (4096, true));
    let far = chosen(TWO, Some("far")).unwrap().unwrap();
    assert_eq!(far.words(), "far (claude at https://api.anthropic.com/v1)");
    assert_eq!(far.cost(seed_model::Usage { input: Some(1000), output: Some(1000) }), Some((0.018, "EUR")));
    assert!(chosen(TWO, Some("none")).unwrap().is_none());
    assert!(chosen("models: {}", None).unwrap().is_none());
    assert!(chosen("models: {only: {provider: ollama, model: m}}", None).unwrap().is_some());
}

#[test]
fn mistakes_are_told_with_their_place_and_what_to_do() {
    let key = format!("{}{}", "sk-", "Zk4Tq9Wm2Xc7Vb1Nl6Pj3Rh8Gf5Ds0Ay");
    for (text, name, words) in [
        (TWO, Some("fra"), &["`fra`", "did you mean `far`?"][..]),
        ("models: {a: {provider: ollama, model: m}, b: {provider: ollama, model: m}}", None, &["several: a, b", "SEED_MODEL"]),
        ("models:\n  a:\n    provider: gemini\n    model: m\n", None, &["gemini", "`openai`", "line 3 column"]),
        ("models:\n  a:\n    provider: openai\n    modle: m\n", None, &["modle", "line 4"]),
        ("models:\n  a: {provider: openai}\n", None, &["missing field `model`"]),
        ("models:\n  a: {provider: ollama, model: m, timeouts: {idle: 60}}\n", None, &["the unit is missing: 60 s"]),
        ("models:\n  a: {provider: ollama, model: m, endpoint: \"ftp://x\"}\n", None, &["not supported"]),
        ("models:\n  a: {provider: openai, model: m, key: abcdef}\n", None, &["do not write a key into the file", "{env: NAME}"]),
        ("", None, &["it is empty"]),
        (
            "models:\n  a: {provider: openai, model: m, endpoint: \"http://10.0.0.1/v1\", key: {env: X}}\n",
            None,
            &["unencrypted", "plain_http"],
        ),
        ("ca: /nowhere/ca.pem\nmodels: {a: {provider: ollama, model: m}}\n", None, &["`ca`", "/nowhere/ca.pem"]),
    ] {
        let said = chosen(text, name).unwrap_err();
        words.iter().for_each(|words| assert!(said.contains(words), "{text}: {said}"));
    }
    for (text, line) in [
        (format!("models:\n  a:\n    provider: openai\n    model: m\n    key: {key}\n"), "line 5"),
        (format!("models:\n  a: {{provider: openai, model: m, api_key: \"{}\"}}\n", "hunter22"), "line 2"),
        (format!("proxy: http://me:{}@proxy:3128\nmodels: {{}}\n", "hunter22"), "line 1"),
    ] {
        let said = chosen(&text, None).unwrap_err();
        assert!(said.contains("it contains a secret") && said.contains(line), "{said}");
        assert!(!said.contains(&key) && !said.contains("hunter22"), "{said}");
    }
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(configured_in(folder.path(), None).unwrap().is_none(), "without a file there is no model");
    assert!(configured_in(folder.path(), Some("x")).unwrap_err().to_string().contains("is not there"));
    let file = folder.path().join(FILE);
    std::fs::write(&file, TWO).unwrap();
    assert_eq!(configured_in(folder.path(), Some("far")).unwrap().unwrap().name(), "far");
    assert!(configured_in(folder.path(), Some("none")).unwrap().is_none());
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let said = configured_in(folder.path(), None).unwrap_err().to_string();
    assert!(said.contains("others can write it") && said.contains("chmod"), "{said}");
}
