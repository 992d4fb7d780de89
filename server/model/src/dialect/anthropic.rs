//! Anthropic's messages (`POST /messages`).

use serde_json::{Value as Json, json};

use super::{Settings, Signal, count, text};
use crate::message::{Finish, Request, Role, Usage};

/// The version of the interface that is spoken here.
pub(super) const VERSION: &str = "2023-06-01";

pub(super) fn body(request: &Request, settings: &Settings) -> Json {
    // What holds for the whole conversation stands apart.
    let of = |wanted: Role| request.messages.iter().filter(move |message| message.role == wanted);
    let system = of(Role::System).map(|message| message.text.as_str()).collect::<Vec<_>>().join("\n\n");
    let turns = request.messages.iter().filter(|message| message.role != Role::System);
    let messages: Vec<Json> = turns.map(|message| json!({"role": message.role, "content": message.text})).collect();
    let mut body = json!({"model": settings.model, "messages": messages, "max_tokens": settings.max_tokens, "stream": true});
    if !system.is_empty() {
        body["system"] = json!(system);
    }
    if let Some(temperature) = settings.temperature {
        body["temperature"] = json!(temperature);
    }
    if let Some(schema) = &request.json_schema {
        // A tool that has to be used is how a model is held to a schema; its input is the answer.
        body["tools"] = json!([{"name": "answer", "description": "Gives the answer.", "input_schema": schema}]);
        body["tool_choice"] = json!({"type": "tool", "name": "answer"});
    }
    body
}

pub(super) fn read(json: &Json) -> Vec<Signal> {
    match json["type"].as_str() {
        Some("message_start") => usage(&json["message"]["usage"]).into_iter().collect(),
        Some("content_block_start") => text(&json["content_block"]["text"]).into_iter().collect(),
        Some("content_block_delta") => {
            let delta = &json["delta"];
            text(&delta["text"]).or_else(|| text(&delta["partial_json"])).into_iter().collect()
        }
        Some("message_delta") => {
            let finish = json["delta"]["stop_reason"].as_str().map(|word| Signal::Finish(Finish::of(word)));
            finish.into_iter().chain(usage(&json["usage"])).collect()
        }
        Some("message_stop") => vec![Signal::End],
        // A whole message, from a server that does not stream.
        Some("message") => {
            let pieces = json["content"].as_array().into_iter().flatten().filter_map(|block| text(&block["text"]));
            let finish = json["stop_reason"].as_str().map(|word| Signal::Finish(Finish::of(word)));
            pieces.chain(finish).chain(usage(&json["usage"])).collect()
        }
        // `ping`, `content_block_stop`, and what is not known.
        _ => Vec::new(),
    }
}

fn usage(usage: &Json) -> Option<Signal> {
    if !usage.is_object() {
        return None;
    }
    // What came from or went to the cache is counted apart.
    let parts = ["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"];
    let input = count(&usage["input_tokens"]).map(|_| parts.iter().filter_map(|part| count(&usage[*part])).sum());
    Some(Signal::Usage(Usage { input, output: count(&usage["output_tokens"]) }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::dialect::{Dialect, Structured};
    use crate::message::Message;

    fn settings() -> Settings<'static> {
        Settings {
            model: "m",
            max_tokens: 64,
            temperature: None,
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
        assert_eq!(body["system"], "Be short.");
        assert_eq!(body["messages"], json!([{"role": "user", "content": "Hi"}]));
        assert_eq!(body["tools"][0]["input_schema"], json!({"type": "object"}));
        assert_eq!(body["tool_choice"]["name"], "answer");
    }

    fn heard(stream: &[(&str, &str)]) -> Vec<Signal> {
        stream.iter().flat_map(|(name, data)| Dialect::Anthropic.read(Some(name), data)).collect()
    }

    #[test]
    fn an_answer() {
        let heard = heard(&[
            (
                "message_start",
                r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}}}"#,
            ),
            ("content_block_start", r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#),
            ("ping", r#"{"type": "ping"}"#),
            ("content_block_delta", r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}"#),
            (
                "content_block_delta",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm."}}"#,
            ),
            ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
            (
                "message_delta",
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
            ),
            ("message_stop", r#"{"type":"message_stop"}"#),
        ]);
        assert_eq!(
            heard,
            [
                Signal::Usage(Usage { input: Some(125), output: Some(1) }),
                Signal::Text("Hello".into()),
                Signal::Finish(Finish::Stop),
                Signal::Usage(Usage { input: None, output: Some(15) }),
                Signal::End,
            ]
        );
    }

    #[test]
    fn an_answer_that_fits_a_schema() {
        let heard = heard(&[
            (
                "content_block_start",
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"toolu_1","name":"answer","input":{}}}"#,
            ),
            (
                "content_block_delta",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":""}}"#,
            ),
            (
                "content_block_delta",
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\": 1}"}}"#,
            ),
        ]);
        assert_eq!(heard, [Signal::Text("{\"a\": 1}".into())]);
    }
}
