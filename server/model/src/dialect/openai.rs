//! OpenAI's chat completions (`POST /chat/completions`), as llama.cpp's server, vLLM, LM Studio and OpenRouter speak them too.

use serde_json::{Value as Json, json};

use super::{Settings, Signal, Structured, count, text};
use crate::message::{Finish, Request, Usage};

pub(super) fn body(request: &Request, settings: &Settings) -> Json {
    let messages: Vec<Json> =
        request.messages.iter().map(|message| json!({"role": message.role, "content": message.text})).collect();
    let mut body = json!({
        "model": settings.model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    // OpenAI has given it another name, which other servers do not know.
    let longest = if settings.is_openai_itself { "max_completion_tokens" } else { "max_tokens" };
    body[longest] = json!(settings.max_tokens);
    if let Some(temperature) = settings.temperature {
        body["temperature"] = json!(temperature);
    }
    if let Some(schema) = &request.json_schema {
        match settings.structured {
            Structured::JsonSchema => {
                body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}});
            }
            Structured::JsonObject => body["response_format"] = json!({"type": "json_object", "schema": schema}),
            Structured::None => {}
        }
    }
    body
}

pub(super) fn read(json: &Json) -> Vec<Signal> {
    let mut signals = Vec::new();
    if let Some(choice) = json["choices"].get(0) {
        // A server that does not stream answers with a whole `message`; the old completions have `text`.
        let pieces = [&choice["delta"]["content"], &choice["message"]["content"], &choice["text"]];
        signals.extend(pieces.into_iter().find_map(text));
        if let Some(word) = choice["finish_reason"].as_str() {
            signals.push(Signal::Finish(Finish::of(word)));
        }
    }
    let usage = &json["usage"];
    if usage.is_object() {
        signals.push(Signal::Usage(Usage { input: count(&usage["prompt_tokens"]), output: count(&usage["completion_tokens"]) }));
    }
    signals
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::message::Message;

    fn settings() -> Settings<'static> {
        Settings {
            model: "m",
            max_tokens: 64,
            temperature: Some(0.5),
            context: None,
            structured: Structured::default(),
            is_openai_itself: false,
        }
    }

    #[test]
    fn the_question() {
        let mut request = Request::new(vec![Message::system("Be short."), Message::user("Hi")]);
        request.json_schema = Some(json!({"type": "object"}));
        let body = body(&request, &settings());
        assert_eq!(body["messages"], json!([{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hi"}]));
        assert_eq!(body["max_tokens"], 64);
        assert_eq!(body["response_format"]["json_schema"]["schema"], json!({"type": "object"}));
        let object = super::body(&request, &Settings { structured: Structured::JsonObject, ..settings() });
        assert_eq!(object["response_format"], json!({"type": "json_object", "schema": {"type": "object"}}));
        let none = super::body(&request, &Settings { structured: Structured::None, ..settings() });
        assert_eq!(none.get("response_format"), None);
        let at_openai = super::body(&request, &Settings { is_openai_itself: true, ..settings() });
        assert_eq!((at_openai["max_completion_tokens"].as_u64(), at_openai.get("max_tokens")), (Some(64), None));
    }

    /// The events of a whole answer, as each of the servers writes it.
    fn heard(stream: &[&str]) -> Vec<Signal> {
        stream.iter().flat_map(|data| Dialect::OpenAi.read(None, data)).collect()
    }

    #[test]
    fn an_answer_of_openai() {
        let heard = heard(&[
            r#"{"id":"chatcmpl-9x","object":"chat.completion.chunk","created":1764000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_1","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"aZ"}"#,
            r#"{"id":"chatcmpl-9x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null}],"usage":null}"#,
            r#"{"id":"chatcmpl-9x","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}"#,
            r#"{"id":"chatcmpl-9x","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":0}}}"#,
            "[DONE]",
        ]);
        let usage = Usage { input: Some(9), output: Some(1) };
        assert_eq!(heard, [Signal::Text("Hello".into()), Signal::Finish(Finish::Stop), Signal::Usage(usage), Signal::End]);
    }

    #[test]
    fn an_answer_of_llama_cpp() {
        let heard = heard(&[
            r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1764000000,"id":"chatcmpl-a","model":"m","object":"chat.completion.chunk"}"#,
            r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"A "}}],"created":1764000000,"id":"chatcmpl-a","model":"m","object":"chat.completion.chunk"}"#,
            r#"{"choices":[{"finish_reason":"length","index":0,"delta":{}}],"created":1764000000,"id":"chatcmpl-a","usage":{"completion_tokens":2,"prompt_tokens":30,"total_tokens":32},"timings":{"prompt_n":30,"predicted_per_second":90.1}}"#,
            "[DONE]",
        ]);
        let usage = Usage { input: Some(30), output: Some(2) };
        assert_eq!(heard, [Signal::Text("A ".into()), Signal::Finish(Finish::Length), Signal::Usage(usage), Signal::End]);
    }

    #[test]
    fn thoughts_are_not_the_answer() {
        let heard = heard(&[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"reasoning_content":"Hm."},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"Yes"},"finish_reason":null}]}"#,
        ]);
        assert_eq!(heard, [Signal::Text("Yes".into())]);
    }

    #[test]
    fn a_server_that_does_not_stream() {
        let heard = heard(&[
            r#"{"id":"x","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"All at once"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":3}}"#,
        ]);
        assert_eq!(heard[0], Signal::Text("All at once".into()));
        assert_eq!(heard[1], Signal::Finish(Finish::Stop));
    }
}
