//! Ollama's chat (`POST /api/chat`): a JSON value a line.

use serde_json::{Value as Json, json};

use super::{Settings, Signal, count, text};
use crate::message::{Finish, Request, Usage};

pub(super) fn body(request: &Request, settings: &Settings) -> Json {
    let messages: Vec<Json> =
        request.messages.iter().map(|message| json!({"role": message.role, "content": message.text})).collect();
    let mut options = json!({"num_predict": settings.max_tokens});
    if let Some(temperature) = settings.temperature {
        options["temperature"] = json!(temperature);
    }
    if let Some(context) = settings.context {
        // Ollama reads no more than a small default of its own, and cuts what is longer without a word.
        options["num_ctx"] = json!(context);
    }
    let mut body = json!({"model": settings.model, "messages": messages, "stream": true, "options": options});
    if let Some(schema) = &request.json_schema {
        body["format"] = schema.clone();
    }
    body
}

pub(super) fn read(json: &Json) -> Vec<Signal> {
    let mut signals: Vec<Signal> = text(&json["message"]["content"]).into_iter().collect();
    if json["done"] == true {
        let word = json["done_reason"].as_str().unwrap_or("stop");
        signals.push(Signal::Finish(Finish::of(word)));
        signals.push(Signal::Usage(Usage { input: count(&json["prompt_eval_count"]), output: count(&json["eval_count"]) }));
        signals.push(Signal::End);
    }
    signals
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dialect::{Dialect, Structured};
    use crate::message::Message;

    #[test]
    fn the_question() {
        let mut request = Request::new(vec![Message::user("Hi")]);
        request.json_schema = Some(json!({"type": "object"}));
        let settings = Settings {
            model: "llama3.2",
            max_tokens: 64,
            temperature: Some(0.0),
            context: Some(8192),
            structured: Structured::default(),
            is_openai_itself: false,
        };
        let body = body(&request, &settings);
        assert_eq!(body["options"], json!({"num_predict": 64, "temperature": 0.0, "num_ctx": 8192}));
        assert_eq!(body["format"], json!({"type": "object"}));
    }

    #[test]
    fn an_answer() {
        let heard: Vec<Signal> = [
            r#"{"model":"llama3.2","created_at":"2025-11-02T08:52:19.385406455Z","message":{"role":"assistant","content":"The"},"done":false}"#,
            r#"{"model":"llama3.2","created_at":"2025-11-02T08:52:19.485406455Z","message":{"role":"assistant","content":"","thinking":"Hm."},"done":false}"#,
            r#"{"model":"llama3.2","created_at":"2025-11-02T08:52:19.585406455Z","message":{"role":"assistant","content":""},"done_reason":"stop","done":true,"total_duration":4883583458,"load_duration":1334875,"prompt_eval_count":26,"prompt_eval_duration":342546000,"eval_count":282,"eval_duration":4535599000}"#,
        ]
        .iter()
        .flat_map(|line| Dialect::Ollama.read(None, line))
        .collect();
        let usage = Usage { input: Some(26), output: Some(282) };
        assert_eq!(heard, [Signal::Text("The".into()), Signal::Finish(Finish::Stop), Signal::Usage(usage), Signal::End]);
    }
}
