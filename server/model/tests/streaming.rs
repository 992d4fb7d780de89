//! Questions and answers over a real connection, to a server that does well and badly. None of it waits: pauses are noted instead of
//! made, and what has to time out has nothing else that could come.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use seed_model::mask::Masker;
use seed_model::mock::{Mock, Scripted, Step};
use seed_model::{Event, Finish, Message, Provider, Request, Usage};
use serde_json::json;

/// A model at a server, with more lines of its configuration.
fn provider(kind: &str, url: &str, more: &str) -> Provider {
    let path = if kind == "ollama" { "" } else { "/v1" };
    let text = format!("models: {{it: {{provider: {kind}, endpoint: \"{url}{path}\", model: small, {more}}}}}");
    seed_model::config::read(Path::new("model.yaml"), &text).unwrap().provider(None).unwrap().unwrap()
}

/// The pauses that were to be made.
type Pauses = Arc<Mutex<Vec<Duration>>>;

fn without_pauses(provider: Provider) -> (Provider, Pauses) {
    let pauses = Pauses::default();
    let noted = Arc::clone(&pauses);
    let pause = move |time| -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        noted.lock().unwrap().push(time);
        Box::pin(std::future::ready(()))
    };
    (provider.with_pause(Arc::new(pause)), pauses)
}

fn question() -> Request {
    Request::new(vec![Message::system("Be short."), Message::user("Hi")])
}

/// All that comes, texts put together, and the error at the end if there is one.
async fn all(provider: &Provider) -> (String, Vec<Event>, Option<String>) {
    let (mut text, mut events, mut trouble) = (String::new(), Vec::new(), None);
    let mut answer = provider.stream(&question());
    while let Some(item) = answer.next().await {
        assert!(trouble.is_none(), "nothing follows an error");
        match item {
            Ok(Event::Text(piece)) => text += &piece,
            Ok(event) => events.push(event),
            Err(said) => trouble = Some(said.to_string()),
        }
    }
    (text, events, trouble)
}

const TEXT: &str = "Grüße, 世界! 😀 And more, so that it comes in pieces.\nA second line.";

#[tokio::test]
async fn an_answer_comes_whole_however_it_is_cut() {
    let mock = Mock::start([Scripted::answer(TEXT)]).unwrap();
    let provider = provider("openai", &mock.url(), "");
    let (text, events, trouble) = all(&provider).await;
    assert_eq!((text.as_str(), trouble), (TEXT, None));
    let counted = Usage { input: Some(10), output: Some(TEXT.chars().count() as u64) };
    assert_eq!(events, [Event::Usage(counted), Event::Done(Finish::Stop)]);
    let heard = &mock.heard()[0];
    assert_eq!(heard.path, "/v1/chat/completions");
    assert_eq!(heard.body["stream"], true);
    assert_eq!(heard.header("authorization"), None);
}

#[tokio::test]
async fn characters_and_lines_may_be_split_between_any_two_bytes() {
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"é😀\"}}]}\r\n\r\n: alive\r\n\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\r\n\r\n";
    let single = stream.as_bytes().iter().fold(Scripted::stream(), |reply, byte| reply.send([*byte]));
    let mock = Mock::start([single]).unwrap();
    let (text, events, trouble) = all(&provider("openai", &mock.url(), "")).await;
    assert_eq!((text.as_str(), trouble), ("é😀", None));
    assert_eq!(events, [Event::Done(Finish::Stop)]);
}

#[tokio::test]
async fn the_other_interfaces_stream_too() {
    let anthropic = [
        ("message_start", json!({"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1}}})),
        ("ping", json!({"type": "ping"})),
        (
            "content_block_delta",
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}),
        ),
        (
            "message_delta",
            json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 15}}),
        ),
        ("message_stop", json!({"type": "message_stop"})),
    ];
    let reply =
        anthropic.iter().fold(Scripted::stream(), |reply, (name, data)| reply.send(format!("event: {name}\ndata: {data}\n\n")));
    let lines = [
        json!({"message": {"role": "assistant", "content": "Hel"}, "done": false}),
        json!({"message": {"role": "assistant", "content": "lo"}, "done": false}),
        json!({"message": {"content": ""}, "done": true, "done_reason": "length", "prompt_eval_count": 25, "eval_count": 15}),
    ];
    let ollama = lines.iter().fold(Scripted::status(200).header("Content-Type", "application/x-ndjson"), |reply, line| {
        reply.send(format!("{line}\n"))
    });
    let mock = Mock::start([reply, ollama]).unwrap();
    let counted = Usage { input: Some(25), output: Some(15) };
    for (kind, path) in [("anthropic", "/v1/messages"), ("ollama", "/api/chat")] {
        let (text, events, trouble) = all(&provider(kind, &mock.url(), "")).await;
        assert_eq!((text.as_str(), trouble), ("Hello", None), "{kind}");
        assert_eq!(events, [Event::Usage(counted), Event::Done(Finish::Length)], "{kind}");
        assert_eq!(mock.heard().last().unwrap().path, path);
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let body = json!({"choices": [{"message": {"content": "All at once"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 3}});
    let pretty = serde_json::to_string_pretty(&body).unwrap();
    let mock = Mock::start([Scripted::status(200).header("Content-Type", "application/json").send(pretty)]).unwrap();
    let (text, events, trouble) = all(&provider("openai", &mock.url(), "")).await;
    assert_eq!((text.as_str(), trouble), ("All at once", None));
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn without_a_done_the_answer_stands_and_says_so() {
    let mock = Mock::start([
        Scripted::stream().piece("Hello"),
        Scripted::stream().send("data: {\"choices\":[{\"delta\":{\"content\":\"Hel"),
    ])
    .unwrap();
    let provider = provider("openai", &mock.url(), "");
    let (text, events, trouble) = all(&provider).await;
    assert_eq!((text.as_str(), trouble), ("Hello", None));
    assert_eq!(events, [Event::Done(Finish::Unsaid)]);
    let (text, _, trouble) = all(&provider).await;
    assert_eq!(text, "");
    assert!(trouble.unwrap().contains("cannot be read"));
}

#[tokio::test]
async fn an_error_in_the_middle_keeps_what_came_and_is_not_tried_again() {
    let overloaded = json!({"error": {"message": "upstream is gone", "code": 502}});
    let mock = Mock::start([Scripted::stream()
        .send(format!("data: {}\n\ndata: {overloaded}\n\n", json!({"choices": [{"delta": {"content": "Half"}}]})))])
    .unwrap();
    let (provider, pauses) = without_pauses(provider("openai", &mock.url(), ""));
    let (text, events, trouble) = all(&provider).await;
    assert_eq!((text.as_str(), events), ("Half", vec![]));
    assert!(trouble.unwrap().contains("upstream is gone"));
    assert_eq!((mock.heard().len(), pauses.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn an_error_before_the_first_piece_is_tried_again() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let mock = Mock::start([Scripted::stream().event(&overloaded), Scripted::answer("Yes")]).unwrap();
    let (provider, _) = without_pauses(provider("openai", &mock.url(), ""));
    let (text, events, trouble) = all(&provider).await;
    assert_eq!((text.as_str(), trouble), ("Yes", None));
    assert!(matches!(&events[0], Event::Retry { why, attempt: 2, .. } if why.contains("Overloaded")), "{events:?}");
}

#[tokio::test]
async fn too_many_and_faults_are_tried_again_at_most_twice() {
    let busy = Scripted::status(429).header("Retry-After", "7").send(r#"{"error":{"message":"slow down"}}"#);
    let mock = Mock::start([busy, Scripted::status(503), Scripted::answer("Yes")]).unwrap();
    let (patient, pauses) = without_pauses(provider("openai", &mock.url(), ""));
    let (text, events, trouble) = all(&patient).await;
    assert_eq!((text.as_str(), trouble), ("Yes", None));
    assert_eq!(*pauses.lock().unwrap(), [Duration::from_secs(7), Duration::from_secs(1)]);
    let tried: Vec<&Event> = events.iter().filter(|event| matches!(event, Event::Retry { .. })).collect();
    assert_eq!(tried.len(), 2);
    assert!(matches!(tried[0], Event::Retry { why, .. } if why.contains("slow down")), "{tried:?}");

    let mock = Mock::start([500, 500, 500, 200].map(Scripted::status)).unwrap();
    let (patient, _) = without_pauses(provider("openai", &mock.url(), ""));
    let (_, _, trouble) = all(&patient).await;
    assert!(trouble.unwrap().contains("HTTP 500"));
    assert_eq!(mock.heard().len(), 3);
}

#[tokio::test]
async fn what_cannot_pass_is_told_at_once() {
    let key = json!({"error": {"message": "Incorrect API key", "type": "invalid_request_error"}});
    let late = Scripted::status(429).header("Retry-After", "3600");
    let away = Scripted::status(307).header("Location", "https://elsewhere.example/v1");
    let mock = Mock::start([
        Scripted::status(401).send(key.to_string()),
        Scripted::status(404).send("<html>\n<h1>Not Found</h1></html>"),
        late,
        away,
        Scripted::stream(),
    ])
    .unwrap();
    let (provider, pauses) = without_pauses(provider("openai", &mock.url(), ""));
    for words in [
        &["HTTP 401", "Incorrect API key", "needs a key"][..],
        &["HTTP 404", "<h1>Not Found</h1>", "the model `small`"],
        &["HTTP 429", "asks to wait 3600 s"],
        &["HTTP 307", "https://elsewhere.example/v1", "change `endpoint`"],
        &["the answer is empty"],
    ] {
        let said = all(&provider).await.2.unwrap();
        words.iter().for_each(|words| assert!(said.contains(words), "{said}"));
    }
    assert_eq!((mock.heard().len(), pauses.lock().unwrap().len()), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_ends_with_words_and_closes_the_connection() {
    let stalled = Scripted::stream().piece("Half").then(Step::Stall);
    let mock = Mock::start([stalled]).unwrap();
    let provider = provider("openai", &mock.url(), "timeouts: {idle: 50 ms}");
    let (text, _, trouble) = all(&provider).await;
    assert_eq!(text, "Half");
    let said = trouble.unwrap();
    assert!(said.contains("no data for 0.05 s in the middle of the answer") && said.contains("timeouts: {idle: …}"), "{said}");
    assert!(mock.was_closed());
}

#[tokio::test]
async fn a_start_that_never_comes_ends_with_words_whatever_signs_of_life_there_are() {
    let mock =
        Mock::start([Scripted::stream().then(Step::Silence), Scripted::stream().send(": alive\n\n").then(Step::Stall)]).unwrap();
    let provider = provider("openai", &mock.url(), "timeouts: {first: 50 ms}");
    for _ in 0..2 {
        let (_, _, trouble) = all(&provider).await;
        assert!(trouble.unwrap().contains("no answer began within 0.05 s"));
    }
    assert_eq!(mock.heard().len(), 2, "a time-out is not tried again");
}

#[tokio::test]
async fn a_connection_that_breaks_is_told() {
    let mock = Mock::start([Scripted::stream().piece("Half").then(Step::Break)]).unwrap();
    let (text, _, trouble) = all(&provider("openai", &mock.url(), "")).await;
    assert_eq!(text, "Half");
    assert!(trouble.unwrap().contains("the connection ended in the middle of the answer"));
    let url = mock.url();
    drop(mock);
    // Nobody listens there any more, once the thread that accepted has ended.
    let refused = async {
        loop {
            let said = all(&provider("openai", &url, "")).await.2.unwrap();
            if said.contains("is the model's server running?") {
                break said;
            }
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), refused).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_stream_closes_the_connection_at_once() {
    let mock = Mock::start([Scripted::stream().piece("Half").then(Step::Stall)]).unwrap();
    let mut answer = provider("openai", &mock.url(), "").stream(&question());
    assert_eq!(answer.next().await.unwrap().unwrap(), Event::Text("Half".into()));
    drop(answer);
    assert!(mock.was_closed());
}

#[tokio::test]
async fn nothing_is_sent_before_somebody_listens() {
    let mock = Mock::start([Scripted::answer("x")]).unwrap();
    drop(provider("openai", &mock.url(), "").stream(&question()));
    let (text, _, _) = all(&provider("openai", &mock.url(), "")).await;
    assert_eq!((text.as_str(), mock.heard().len()), ("x", 1));
}

#[tokio::test]
async fn the_key_goes_into_one_header_and_nowhere_else() {
    let key = format!("{}-{}", "not", "a-real-key-4711");
    let echo = json!({"error": {"message": format!("Incorrect API key provided: {key}.")}});
    let mock = Mock::start([Scripted::answer("x"), Scripted::stream(), Scripted::status(401).send(echo.to_string())]).unwrap();
    let with_key = format!("key: {{command: [printf, \"%s\\n\", \"{key}\"]}}");
    let bearer = provider("openai", &mock.url(), &with_key);
    all(&bearer).await;
    all(&provider("anthropic", &mock.url(), &with_key)).await;
    let heard = mock.heard();
    assert_eq!(heard[0].header("authorization"), Some(&*format!("Bearer {key}")));
    assert_eq!((heard[1].header("x-api-key"), heard[1].header("authorization")), (Some(&*key), None));
    let (_, _, trouble) = all(&bearer).await;
    let said = trouble.unwrap();
    assert!(!said.contains(&key) && said.contains("<masked secret>") && said.contains("the command `printf`"), "{said}");
    assert!(!format!("{bearer:?}").contains(&key));
}

#[tokio::test]
async fn secrets_are_masked_on_the_way_out() {
    let mock = Mock::start([Scripted::answer("x")]).unwrap();
    let provider = provider("openai", &mock.url(), "").with_masker(Masker::default().with_known(["open-sesame".to_string()]));
    let request = Request::new(vec![Message::user("password: hunter2\nand open-sesame")]);
    provider.ask(&request, |_| {}).await.unwrap();
    assert_eq!(mock.heard()[0].text(), "password: <masked password or token>\nand <masked secret>");
}

#[tokio::test]
async fn a_local_server_is_never_asked_through_a_proxy() {
    let mock = Mock::start([Scripted::answer("x")]).unwrap();
    let nobody = Mock::start([]).unwrap();
    let text =
        format!("proxy: {}\nmodels: {{it: {{provider: openai, endpoint: \"{}/v1\", model: m}}}}", nobody.url(), mock.url());
    let provider = seed_model::config::read(Path::new("model.yaml"), &text).unwrap().provider(None).unwrap().unwrap();
    assert_eq!(all(&provider).await.0, "x");
    assert!(nobody.heard().is_empty());
}

#[tokio::test]
async fn a_remote_one_is_asked_through_the_proxy_that_is_configured() {
    let proxy = Mock::start([Scripted::answer("x")]).unwrap();
    let text =
        format!("proxy: {}\nmodels: {{it: {{provider: openai, endpoint: \"http://model.invalid/v1\", model: m}}}}", proxy.url());
    let provider = seed_model::config::read(Path::new("model.yaml"), &text).unwrap().provider(None).unwrap().unwrap();
    assert_eq!(all(&provider).await.0, "x");
    assert_eq!(proxy.heard()[0].path, "http://model.invalid/v1/chat/completions");
}
