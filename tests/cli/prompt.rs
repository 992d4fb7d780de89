//! `seed prompt`: what would be sent, what is sent, and what comes of it. The model is a server of ours that does as it is told.

use std::process::Stdio;

use seed_model::mock::{Mock, Scripted, Step};
use serde_json::Value as Json;

use crate::sandbox::{Ran, Sandbox};

const SPEC: &str = "seed: 1\nname: name\nwhy: A test.\n\nroles:\n  site:\n    is: file.directory\n    path: ./site\n\n  page:\n    is: file.text\n    why: The first page.\n    path: ./site/index.html\n    content: Hello\n";

/// A spec with a mistake that the check finds, and the same without.
const WRONG: &str = "Here it is:\n```yaml\nseed: 1\nname: carried\nroles:\n  image:\n    is: storage.file_block_image\n    path: ./carried.img\n    sise: 4 GiB\n```\n";
const RIGHT: &str = "```yaml\nseed: 1\nname: carried\nroles:\n  image:\n    is: storage.file_block_image\n    path: ./carried.img\n    size: 4 GiB\n```\n";

/// A sandbox with a spec, and a model at a server that says these things, one after the other.
fn with_model(replies: impl IntoIterator<Item = Scripted>, more: &str) -> (Sandbox, Mock) {
    let sandbox = Sandbox::new();
    sandbox.write("name.seed.yaml", SPEC);
    let mock = Mock::start(replies).unwrap();
    let text =
        format!("models:\n  it: {{provider: openai, endpoint: \"{}/v1\", model: small, context: 16000, {more}}}\n", mock.url());
    configure(&sandbox, &text);
    (sandbox, mock)
}

fn configure(sandbox: &Sandbox, text: &str) {
    sandbox.write("../config/seed/model.yaml", text);
}

/// The events of a kind.
fn events(ran: &Ran, kind: &str) -> Vec<Json> {
    ran.json_lines().into_iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn an_answer_is_streamed_with_the_context_that_was_named() {
    let (sandbox, mock) = with_model([Scripted::answer("Because the page lies in it.")], "prices: {input: 10, output: 20}");
    let ran = sandbox.seed(&["prompt", "--spec", "name.seed.yaml", "why does #role:page need #role:site?"]).exits(0);
    assert_eq!(ran.stdout(), "Because the page lies in it.\n");
    let ran = ran.says("#role:page  The role `page` of name.seed.yaml, from line 10").says("on this machine");
    ran.says("10 tokens read, 28 written, 0.0007 USD");
    let asked = mock.heard()[0].text();
    assert!(asked.contains("why does the role `page` need the role `site`?"), "{asked}");
    assert!(asked.contains("is: file.text") && asked.contains("# comes after: site"), "{asked}");
}

#[test]
fn for_programs_it_is_an_event_a_line() {
    let (sandbox, _mock) = with_model([Scripted::status(429).header("Retry-After", "0"), Scripted::answer("It is a page.")], "");
    let ran = sandbox.seed(&["prompt", "--json", "--selection", "name.seed.yaml", "--lines", "10:14", "what is this?"]).exits(0);
    let kinds: Vec<Json> = ran.json_lines().into_iter().map(|event| event["event"].clone()).collect();
    assert_eq!(kinds[..2], ["context", "retry"]);
    assert_eq!(kinds[kinds.len() - 2..], ["usage", "done"]);
    let context = &events(&ran, "context")[0];
    assert_eq!((&context["provider"], &context["remote"]), (&"it".into(), &false.into()));
    assert_eq!(context["parts"][0]["word"], "#selection");
    assert!(context["messages"][1]["text"].as_str().unwrap().contains("lines 10 to 14"));
    let text: String = events(&ran, "text").iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect();
    assert_eq!((text.as_str(), &events(&ran, "done")[0]["text"]), ("It is a page.", &"It is a page.".into()));
    assert!(events(&ran, "retry")[0]["why"].as_str().unwrap().contains("HTTP 429"));
}

#[test]
fn a_spec_from_prose_is_checked_and_its_mistakes_go_back_once() {
    let (sandbox, mock) = with_model([Scripted::answer(WRONG), Scripted::answer(RIGHT)], "");
    let prose = "a 4 GiB volume I can carry, with a snapshot every day";
    let ran = sandbox.seed(&["prompt", "--prompt", "draft", "--output", "carried.seed.yaml", prose]).exits(0);
    let ran = ran
        .says("the draft has 1 mistake; the model is asked to fix it")
        .says("line 7: error unknown-key")
        .says("written: carried.seed.yaml");
    assert_eq!(sandbox.read("carried.seed.yaml"), ran.stdout());
    sandbox.seed(&["check", "carried.seed.yaml"]).exits(0).says("No mistakes found");
    let heard = mock.heard();
    assert_eq!(heard.len(), 2);
    let (first, second) = (heard[0].text(), heard[1].text());
    assert!(first.contains(prose) && first.contains("storage.btrfs: ") && first.contains("seed: 1"), "{first}");
    assert!(
        second.starts_with(&first) && second.contains("sise: 4 GiB") && second.contains("line 7: error unknown-key"),
        "{second}"
    );
    // Nothing is overwritten, and nobody is asked for what cannot be written.
    sandbox
        .seed(&["prompt", "--prompt", "draft", "--output", "carried.seed.yaml", prose])
        .exits(1)
        .says("nothing is overwritten");
    assert_eq!(mock.heard().len(), 2);
}

#[test]
fn the_check_of_a_draft_is_seen_in_events() {
    let (sandbox, _mock) = with_model([Scripted::answer(WRONG), Scripted::answer(RIGHT)], "");
    let before = sandbox.tree();
    let ran = sandbox.seed(&["prompt", "--json", "-p", "draft", "a 4 GiB image"]).exits(0);
    let checks = events(&ran, "check");
    assert_eq!(checks.len(), 2);
    assert_eq!(
        (&checks[0]["round"], &checks[0]["goes_back"], &checks[0]["diagnostics"][0]["code"]),
        (&1.into(), &true.into(), &"unknown-key".into())
    );
    assert_eq!((&checks[1]["round"], &checks[1]["goes_back"]), (&2.into(), &false.into()));
    assert_eq!(events(&ran, "context").len(), 2, "what goes back is told too");
    assert!(events(&ran, "done")[0]["draft"].as_str().unwrap().contains("size: 4 GiB"));
    assert_eq!(sandbox.tree(), before, "nothing is written");
}

#[test]
fn a_draft_can_be_of_roles_of_the_project() {
    let spec = "```yaml\nseed: 1\nname: x\nroles:\n  desk:\n    is: writing-desk\n    wood: oak\n```\n";
    let (sandbox, mock) = with_model([Scripted::answer(spec)], "");
    sandbox.write(
        "roles/writing-desk/role.yml",
        "about: A desk to write at.\nparameters:\n  wood: {type: text, doc: What it is made of}\n",
    );
    sandbox.write(
        "roles/writing-desk/tasks/main.yml",
        "present:\n  label:\n    is: file.text\n    path: ./label\n    content: ${wood}\n",
    );
    sandbox.seed(&["prompt", "-p", "draft", "a desk to write at"]).exits(0).says("is: writing-desk");
    let asked = mock.heard()[0].text();
    assert!(asked.contains("writing-desk: A desk to write at.\n  wood"), "{asked}");
}

#[test]
fn a_key_is_in_no_log() {
    let (sandbox, mock) = with_model([Scripted::answer("x")], "key: {env: SEED_TEST_KEY}");
    let key = format!("{}-{}", "not", "a-real-key-4711");
    let ran = Ran::of(sandbox.seed_command(&["prompt", "hello"]).env("SEED_TEST_KEY", &key).env("SEED_LOG", "trace")).exits(0);
    assert_eq!(mock.heard()[0].header("authorization"), Some(&*format!("Bearer {key}")));
    assert!(ran.stderr().contains("asking"), "the log is on: {}", ran.told());
    ran.never_says(&key);
}

#[test]
fn a_draft_that_stays_wrong_is_shown_with_its_mistakes_and_not_written() {
    let (sandbox, mock) = with_model([Scripted::answer(WRONG), Scripted::answer(WRONG)], "");
    let ran = sandbox.seed(&["prompt", "-p", "draft", "-o", "x.seed.yaml", "a 4 GiB image"]).exits(1);
    assert!(ran.stdout().contains("sise: 4 GiB"), "{}", ran.told());
    ran.says("unknown-key");
    assert!(!sandbox.at("x.seed.yaml").exists());
    assert_eq!(mock.heard().len(), 2, "once, and not more");
}

#[test]
fn nonsense_ends_in_words() {
    let (sandbox, mock) = with_model([Scripted::answer("I am a teapot."), Scripted::answer("Still a teapot. \u{1b}[2J")], "");
    let ran = sandbox.seed(&["prompt", "-p", "draft", "a 4 GiB image"]).exits(1);
    let ran =
        ran.says("the answer holds no spec; the model is asked to fix it").says("the model gave none, also when asked again");
    assert!(!ran.stderr().contains("\u{1b}[2J"), "what a model says moves no cursor");
    assert_eq!(ran.stdout(), "");
    assert!(mock.heard()[1].text().contains("Your answer contains no spec"));
}

#[test]
fn showing_sends_nothing_and_masks() {
    let (sandbox, mock) = with_model([], "");
    sandbox.write("config.env", "HOST=example.org\nDB_PASSWORD=hunter2\n");
    let shown = sandbox.seed(&["prompt", "--show", "--selection", "config.env", "what is in #buffer?"]).exits(0);
    let shown = shown
        .says("HOST=example.org")
        .says("DB_PASSWORD=<masked password or token>")
        .says("1 secret masked")
        .never_says("hunter2");
    assert!(shown.stdout().contains("what is in the file?"));
    assert!(mock.heard().is_empty());
    // Also where no model is configured.
    let ran = Ran::of(sandbox.seed_command(&["prompt", "--show", "--json", "hello"]).env("SEED_MODEL", "none")).exits(0);
    assert_eq!(events(&ran, "context")[0]["provider"], Json::Null);
}

#[test]
fn secrets_of_a_spec_are_masked_wherever_they_stand() {
    let (sandbox, mock) = with_model([Scripted::answer("x")], "");
    sandbox.write("page.secret", "open-sesame-4711\n");
    sandbox.write("notes.txt", "the page says open-sesame-4711 to those who ask\n");
    sandbox.write("name.seed.yaml", &SPEC.replace("content: Hello", "content: !secret {file: ./page.secret}"));
    sandbox.seed(&["prompt", "--spec", "name.seed.yaml", "--selection", "notes.txt", "#buffer #observation"]).exits(0);
    let asked = mock.heard()[0].text();
    assert!(asked.contains("the page says <masked secret> to those") && !asked.contains("open-sesame"), "{asked}");
}

#[test]
fn before_anything_leaves_the_machine_it_is_shown_and_asked() {
    let sandbox = Sandbox::new();
    sandbox.write("name.seed.yaml", SPEC);
    // The proxy stands for the world outside: what reaches it has left.
    let world = Mock::start([Scripted::answer("one"), Scripted::answer("two"), Scripted::answer("three")]).unwrap();
    let at = |host: &str| {
        format!("proxy: {}\nmodels:\n  far: {{provider: openai, endpoint: \"http://{host}/v1\", model: big}}\n", world.url())
    };
    configure(&sandbox, &at("model.invalid"));
    let ask = |more: &[&str]| {
        let mut command = sandbox.seed_command(&[&["prompt", "--spec", "name.seed.yaml", "#role:page?"], more].concat());
        Ran::of(command.env_remove("NO_PROXY").env_remove("no_proxy"))
    };
    ask(&[]).exits(3).says("leaves this machine").says("── user ──").says("is: file.text").says("--yes");
    let refused = ask(&["--json"]).exits(3);
    let question = &events(&refused, "ask")[0];
    assert_eq!(question["endpoint"], "http://model.invalid/v1");
    assert!(events(&refused, "context")[0]["messages"][1]["text"].as_str().unwrap().contains("is: file.text"));
    assert!(world.heard().is_empty());
    // A yes holds for this project and endpoint, and for no other.
    ask(&["--yes"]).exits(0);
    ask(&[]).exits(0);
    assert_eq!(world.heard().len(), 2);
    configure(&sandbox, &at("other.invalid"));
    ask(&[]).exits(3);
    configure(&sandbox, &at("model.invalid"));
    sandbox.write("elsewhere/.git/HEAD", "");
    sandbox.write("elsewhere/other.seed.yaml", SPEC);
    sandbox.seed(&["prompt", "--spec", "elsewhere/other.seed.yaml", "#buffer"]).exits(3);
    assert_eq!(world.heard().len(), 2);
}

#[test]
fn an_interruption_closes_the_connection() {
    let (sandbox, mock) = with_model([Scripted::stream().piece("Half").then(Step::Stall)], "");
    let child = sandbox.seed_command(&["prompt", "hello"]).stdout(Stdio::piped()).spawn().unwrap();
    assert!(mock.was_asked());
    let process = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).unwrap();
    let ran = Ran::ended("prompt hello", child.wait_with_output().unwrap()).exits(130);
    ran.says("interrupted");
    assert!(mock.was_closed());
}

#[test]
fn an_answer_that_nobody_reads_is_cut_off() {
    let (sandbox, mock) = with_model([Scripted::stream().piece("Half").then(Step::Stall)], "");
    let mut child = sandbox.seed_command(&["prompt", "hello"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(mock.was_closed());
    Ran::ended("prompt hello", child.wait_with_output().unwrap()).exits(0);
}

#[test]
fn what_a_provider_says_reaches_the_person() {
    let error = r#"{"error":{"message":"model `small` is not loaded","type":"not_found_error"}}"#;
    let (sandbox, _mock) =
        with_model([Scripted::status(404).send(error), Scripted::stream().piece("Half").then(Step::Break)], "");
    sandbox.seed(&["prompt", "hello"]).exits(1).says("HTTP 404").says("model `small` is not loaded").says("does `endpoint` end");
    let ran = sandbox.seed(&["prompt", "--json", "hello"]).exits(1);
    assert!(events(&ran, "failed")[0]["message"].as_str().unwrap().contains("in the middle of the answer"));
}

#[test]
fn mistakes_are_told_before_anything_is_asked() {
    let (sandbox, mock) = with_model([], "");
    for (args, words) in [
        (&["hello", "--prompt", "explian"][..], &["did you mean `explain`?"][..]),
        (&["--prompt", "explain"], &["the prompt `explain`", "--selection FILE --lines"]),
        (&["--prompt", "review"], &["no spec is given", "--spec SPEC"]),
        (&["--prompt", "draft"], &["not say what the spec is for"]),
        (&[], &["neither a text nor a context"]),
        (&["#role:pgae", "--spec", "name.seed.yaml"], &["no role `pgae`", "#role:page"]),
        (&["hello", "--set", "x=1"], &["no parameter `x`"]),
        (&["--prompt", "name", "--set", "count=many", "x"], &["a whole number"]),
        (&["#selection", "--selection", "name.seed.yaml", "--lines", "900:901"], &["has 14 lines"]),
    ] {
        let ran = sandbox.seed(&[&["prompt"], args].concat()).exits(1);
        words.iter().fold(ran, |ran, words| ran.says(words));
    }
    let none = Ran::of(sandbox.seed_command(&["prompt", "hello"]).env("SEED_MODEL", "none")).exits(1);
    none.says("none is configured").says("model.yaml").says("seed prompt --help");
    sandbox.seed(&["prompt", "see #selektion", "--show"]).exits(0).says("did you mean `#selection`?");
    assert!(mock.heard().is_empty());
    configure(&sandbox, "models:\n  it: {provider: openai, model: m, key: abcdef}\n");
    sandbox.seed(&["prompt", "hello"]).exits(1).says("do not write a key into the file").says("line 2");
}

#[test]
fn what_was_written_about_something_is_context() {
    let (sandbox, mock) = with_model([Scripted::answer("x")], "");
    sandbox.write("notes/drives.md", "# The bad cable\n\nThe left drive lost its cable in May.\n");
    sandbox.seed(&["prompt", "what happened? #recall:cable"]).exits(0);
    let asked = mock.heard()[0].text();
    assert!(asked.contains("notes/drives.md:1") && asked.contains("lost its cable in May"), "{asked}");
}

#[test]
fn context_is_cut_to_what_the_model_holds_and_never_silently() {
    let (sandbox, mock) = with_model([Scripted::answer("x")], "max_tokens: 500");
    let lines: String = (0..20_000).map(|number| format!("line {number} of a long log\n")).collect();
    sandbox.write("long.log", &lines);
    let ran = sandbox.seed(&["prompt", "--selection", "long.log", "what is wrong in #buffer?"]).exits(0);
    ran.says("#buffer is cut to its first").says("of 20000 lines: the model's context is 16000 tokens");
    let asked = mock.heard()[0].text();
    assert!(
        asked.contains("line 0 of") && asked.contains("more lines are omitted here") && asked.len() < 64_000,
        "{}",
        asked.len()
    );
}

#[test]
fn prompts_are_files_and_words_are_completed() {
    let (sandbox, mock) = with_model([Scripted::answer("x")], "");
    sandbox.write("prompts/poem.md", "---\nabout: A poem on roles.\nparameters:\n  lines: {type: int, default: 4}\ncontext: [\"#buffer\"]\n---\nA poem of {{ lines }} lines. {{ text }}\n");
    sandbox.seed(&["prompt", "--list"]).exits(0).says("A poem on roles.").says("shipped").says("draft");
    sandbox.seed(&["prompt", "--spec", "name.seed.yaml", "-p", "poem", "--set", "lines=2", "Gently."]).exits(0);
    let asked = mock.heard()[0].text();
    assert!(asked.contains("A poem of 2 lines. Gently.") && asked.contains("The file name.seed.yaml"), "{asked}");
    let completed = sandbox.seed(&["prompt", "--spec", "name.seed.yaml", "--complete", "#role:p"]).exits(0);
    assert_eq!(completed.stdout(), "#role:page\ta role of the spec\n");
    let all = sandbox.seed(&["prompt", "--json", "--complete", "#"]).exits(0).json();
    assert!(all["words"].as_array().unwrap().iter().any(|word| word["word"] == "#plan"));
}

#[test]
fn a_plan_is_reviewed_as_it_stands() {
    let (sandbox, mock) = with_model([Scripted::answer("Nothing is dangerous.")], "");
    sandbox.seed(&["prompt", "-p", "review", "--spec", "name.seed.yaml"]).exits(0).says("Nothing is dangerous.");
    let asked = mock.heard()[0].text();
    assert!(asked.contains("create: page (file.text)") && asked.contains("after site"), "{asked}");
    // What would run the spec's commands to look waits for trust here, too.
    sandbox.write(
        "name.seed.yaml",
        &format!(
            "{SPEC}  run:\n    is: task.command\n    present: [touch, ran]\n    absent: [rm, ran]\n    info: [touch, ran]\n"
        ),
    );
    sandbox.seed(&["prompt", "-p", "review", "--spec", "name.seed.yaml"]).exits(3).says("seed trust");
    assert!(!sandbox.at("ran").exists());
}

#[test]
fn an_unsaved_text_comes_by_standard_input() {
    let (sandbox, mock) = with_model([Scripted::answer("x")], "");
    let unsaved = SPEC.replace("The first page.", "Not saved yet.");
    let args =
        ["prompt", "--spec", "-", "--selection", "-", "--path", "name.seed.yaml", "--lines", "12:12", "#selection of #role:page"];
    sandbox.seed_with_input(&args, &unsaved).exits(0);
    let asked = mock.heard()[0].text();
    assert_eq!(asked.matches("why: Not saved yet.").count(), 2, "{asked}");
}

#[test]
fn doctor_tells_the_model_and_asks_it_nothing() {
    let (sandbox, mock) = with_model([], "key: {env: SEED_TEST_NO_SUCH_KEY}");
    sandbox.seed(&["doctor"]).exits(1).says("its key is missing, the environment variable SEED_TEST_NO_SUCH_KEY");
    configure(&sandbox, "models: {it: {provider: ollama, model: m}}");
    sandbox.seed(&["doctor"]).says("✓ language model").says("it (m at http://127.0.0.1:11434), on this machine; not contacted");
    assert!(mock.heard().is_empty());
}

/// What is indented in a text from a line on, up to the next that is not.
fn indented(text: &str, first: &str) -> String {
    let lines = text.lines().skip_while(|line| line.trim() != first);
    let block = lines.take_while(|line| line.starts_with("    "));
    block.map(|line| format!("{}\n", &line[4..])).collect()
}

#[test]
fn what_the_help_shows_is_right() {
    let sandbox = Sandbox::new();
    let help = sandbox.seed(&["prompt", "--help"]).exits(0).stdout();
    let configuration = seed_model::config::read("model.yaml".as_ref(), &indented(&help, "use: local")).unwrap();
    assert_eq!(configuration.names().collect::<Vec<_>>(), ["far", "local"]);
    assert_eq!(configuration.provider(None).unwrap().unwrap().context(), 8192);
    let prompt = indented(&help, "---");
    let prompt = seed_prompt::Prompt::parse("shown", seed_prompt::library::Origin::Shipped, &prompt).unwrap();
    assert_eq!(prompt.render("All of it.", &[]).unwrap(), "What does this lack for safety? All of it.");
    let guide = include_str!("../../doc/book/src/models.md");
    let shown = guide.split("```text\n").find(|block| block.starts_with("use: local")).unwrap().split("```").next().unwrap();
    assert!(seed_model::config::read("model.yaml".as_ref(), shown).unwrap().provider(Some("far")).unwrap().is_some());
}
