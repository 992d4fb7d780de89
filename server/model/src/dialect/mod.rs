//! How providers are spoken to: one file each. Each is tried on answers as its documentation gives them.

mod anthropic;
mod ollama;
mod openai;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::key::Key;
use crate::message::{Finish, Request, Usage};

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// OpenAI's chat completions, which llama.cpp's server, vLLM, LM Studio and OpenRouter speak too.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Ollama's chat.
    Ollama,
}

/// How a server of OpenAI's interface is told the JSON schema of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Structured {
    /// As OpenAI has it, and llama.cpp's server, vLLM and LM Studio too.
    #[default]
    JsonSchema,
    /// As llama-cpp-python has it: a JSON object with a schema beside.
    JsonObject,
    /// Not at all: what is asked for has to say it in words.
    None,
}

/// How the events of an answer are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// A JSON value a line.
    Lines,
}

/// What is asked for besides the messages.
#[derive(Clone, Debug)]
pub(crate) struct Settings<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The longest answer, in tokens.
    pub max_tokens: u32,
    /// How much chance there is; the provider's own if none.
    pub temperature: Option<f32>,
    /// How much the model can hold, in tokens, where that is configured.
    pub context: Option<u32>,
    /// How it is told a schema.
    pub structured: Structured,
    /// Whether it is OpenAI itself that is asked, which has other names for some things.
    pub is_openai_itself: bool,
}

/// What an event of a stream comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Signal {
    /// A piece of the answer.
    Text(String),
    /// What was counted.
    Usage(Usage),
    /// Why the model ended; the stream may go on, with what was counted.
    Finish(Finish),
    /// The stream is over.
    End,
    /// It went wrong.
    Failed {
        /// What the provider says.
        message: String,
        /// The HTTP status that it would have been.
        status: Option<u16>,
    },
}

impl Dialect {
    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai",
            Dialect::Anthropic => "anthropic",
            Dialect::Ollama => "ollama",
        }
    }

    /// The endpoint where none is configured.
    pub fn endpoint(self) -> &'static str {
        match self {
            Dialect::OpenAi => "https://api.openai.com/v1",
            Dialect::Anthropic => "https://api.anthropic.com/v1",
            Dialect::Ollama => "http://127.0.0.1:11434",
        }
    }

    /// Where the question goes, behind the endpoint.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Dialect::OpenAi => "chat/completions",
            Dialect::Anthropic => "messages",
            Dialect::Ollama => "api/chat",
        }
    }

    pub(crate) fn framing(self) -> Framing {
        match self {
            Dialect::OpenAi | Dialect::Anthropic => Framing::Events,
            Dialect::Ollama => Framing::Lines,
        }
    }

    /// The question as the provider reads it.
    pub(crate) fn body(self, request: &Request, settings: &Settings) -> Json {
        match self {
            Dialect::OpenAi => openai::body(request, settings),
            Dialect::Anthropic => anthropic::body(request, settings),
            Dialect::Ollama => ollama::body(request, settings),
        }
    }

    /// What the headers say besides.
    ///
    /// # Errors
    ///
    /// When the key cannot stand in a header.
    pub(crate) fn headers(self, key: Option<&Key>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let secret = |text: String| {
            let mut value =
                HeaderValue::try_from(text).map_err(|_| "the key contains characters that a header cannot contain")?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        };
        match (self, key) {
            (Dialect::Anthropic, key) => {
                headers.insert(HeaderName::from_static("anthropic-version"), HeaderValue::from_static(anthropic::VERSION));
                if let Some(key) = key {
                    headers.insert(HeaderName::from_static("x-api-key"), secret(key.reveal().into())?);
                }
            }
            (_, Some(key)) => drop(headers.insert(AUTHORIZATION, secret(format!("Bearer {}", key.reveal()))?)),
            (_, None) => {}
        }
        Ok(headers)
    }

    /// What an event of the stream says. What is not known is skipped: providers add to their streams.
    pub(crate) fn read(self, name: Option<&str>, data: &str) -> Vec<Signal> {
        if data.trim() == "[DONE]" {
            return vec![Signal::End];
        }
        let json: Json = match serde_json::from_str(data) {
            Ok(json) => json,
            Err(_) if data.trim().is_empty() => return Vec::new(),
            Err(error) => return vec![unreadable(data, &error)],
        };
        if let Some(failed) = failure(name, &json) {
            return vec![failed];
        }
        match self {
            Dialect::OpenAi => openai::read(&json),
            Dialect::Anthropic => anthropic::read(&json),
            Dialect::Ollama => ollama::read(&json),
        }
    }
}

fn unreadable(data: &str, error: &serde_json::Error) -> Signal {
    let front: String = data.chars().take(120).collect();
    Signal::Failed { message: format!("an event of the stream cannot be read ({error}): {front}"), status: None }
}

/// The failure that an event tells of.
fn failure(name: Option<&str>, json: &Json) -> Option<Signal> {
    let error = json.get("error").filter(|error| !error.is_null());
    if error.is_none() && name != Some("error") && json["type"] != "error" {
        return None;
    }
    let message = error_words(json).unwrap_or_else(|| "the provider reports an error without details".into());
    let error = error.unwrap_or(json);
    let number = error["code"].as_u64().or_else(|| error["code"].as_str()?.parse().ok()).or_else(|| json["code"].as_u64());
    let status = number.and_then(|number| u16::try_from(number).ok()).or(match error["type"].as_str() {
        Some("overloaded_error") => Some(529),
        Some("rate_limit_error") => Some(429),
        Some("api_error" | "server_error") => Some(500),
        Some("timeout_error") => Some(504),
        _ => None,
    });
    Some(Signal::Failed { message, status })
}

/// What a provider says of an error, in the forms that they have for it.
pub(crate) fn error_words(json: &Json) -> Option<String> {
    let error = &json["error"];
    let candidates = [&error["message"], error, &json["message"], &json["detail"]];
    let words = candidates.into_iter().find_map(|candidate| candidate.as_str().map(str::to_owned));
    let kind = error["type"].as_str().or_else(|| error["code"].as_str());
    match (words, kind) {
        (Some(words), Some(kind)) if !words.contains(kind) => Some(format!("{words} ({kind})")),
        (Some(words), _) => Some(words),
        // A list of details, as FastAPI writes it.
        (None, _) => {
            [error, &json["detail"]].into_iter().find(|value| value.is_array() || value.is_object()).map(Json::to_string)
        }
    }
}

/// A number of tokens, where it is told.
fn count(json: &Json) -> Option<u64> {
    json.as_u64()
}

/// A piece of text, if there is one: providers send `null` and empty ones.
fn text(json: &Json) -> Option<Signal> {
    json.as_str().filter(|text| !text.is_empty()).map(|text| Signal::Text(text.into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_read_in_every_form_that_providers_have() {
        for (dialect, data, words, status) in [
            (
                Dialect::OpenAi,
                r#"{"error":{"message":"Too many","type":"rate_limit_error","code":null}}"#,
                "Too many (rate_limit_error)",
                Some(429),
            ),
            (
                Dialect::OpenAi,
                r#"{"error":{"code":502,"message":"Provider disconnected"},"choices":[]}"#,
                "Provider disconnected",
                Some(502),
            ),
            (
                Dialect::OpenAi,
                r#"{"object":"error","message":"context is full","code":400,"error":{"message":"context is full"}}"#,
                "context is full",
                Some(400),
            ),
            (
                Dialect::Anthropic,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                "Overloaded (overloaded_error)",
                Some(529),
            ),
            (Dialect::Ollama, r#"{"error":"model 'x' not found"}"#, "model 'x' not found", None),
        ] {
            let read = dialect.read(None, data);
            assert_eq!(read, [Signal::Failed { message: words.into(), status }], "{data}");
        }
    }

    #[test]
    fn an_error_that_is_null_is_none() {
        let read = Dialect::OpenAi.read(None, r#"{"error":null,"choices":[{"delta":{"content":"x"}}]}"#);
        assert_eq!(read, [Signal::Text("x".into())]);
    }

    #[test]
    fn what_is_no_json_is_told_with_its_front() {
        let read = Dialect::Ollama.read(None, "<html>502 Bad Gateway</html>");
        let [Signal::Failed { message, .. }] = &read[..] else { panic!("{read:?}") };
        assert!(message.contains("<html>502"), "{message}");
    }

    /// JSON that has the keys that are looked for, with anything behind them.
    fn any_json() -> impl proptest::strategy::Strategy<Value = Json> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            "[a-z_\u{e9}]{0,8}".prop_map(Json::from),
            proptest::sample::select(vec![
                "message_start",
                "content_block_delta",
                "message_delta",
                "message_stop",
                "error",
                "stop"
            ])
            .prop_map(Json::from),
        ];
        let keys = vec![
            "choices",
            "delta",
            "content",
            "message",
            "usage",
            "prompt_tokens",
            "finish_reason",
            "error",
            "code",
            "type",
            "done",
            "text",
            "stop_reason",
            "input_tokens",
            "eval_count",
            "detail",
        ];
        leaf.prop_recursive(4, 40, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
                proptest::collection::vec((proptest::sample::select(keys.clone()), inner), 0..5)
                    .prop_map(|pairs| Json::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn any_event_is_read_or_told(json in any_json(), text in ".{0,40}") {
            for dialect in [Dialect::OpenAi, Dialect::Anthropic, Dialect::Ollama] {
                dialect.read(None, &json.to_string());
                let said = dialect.read(Some("error"), &text);
                let is_told = text.trim().is_empty() || !said.is_empty();
                proptest::prop_assert!(is_told, "{}", text);
            }
        }
    }
}
