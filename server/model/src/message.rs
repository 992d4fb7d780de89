//! What a model is asked, and what it says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What holds for the whole conversation.
    System,
    /// Who asks.
    User,
    /// The model.
    Assistant,
}

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub text: String,
}

impl Message {
    /// What holds for the whole conversation.
    pub fn system(text: impl Into<String>) -> Self {
        Message { role: Role::System, text: text.into() }
    }

    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        Message { role: Role::User, text: text.into() }
    }

    /// What the model said before.
    pub fn assistant(text: impl Into<String>) -> Self {
        Message { role: Role::Assistant, text: text.into() }
    }
}

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The conversation so far; the last turn is the one to answer.
    pub messages: Vec<Message>,
    /// The longest answer, in tokens; else what the configuration says.
    pub max_tokens: Option<u32>,
    /// How much chance there is in the answer, 0 for none; else what the configuration says.
    pub temperature: Option<f32>,
    /// The JSON schema that the answer has to fit, where the provider can hold the model to one.
    pub json_schema: Option<serde_json::Value>,
}

impl Request {
    /// A request of these messages, all else as configured.
    pub fn new(messages: Vec<Message>) -> Self {
        Request { messages, ..Request::default() }
    }
}

/// What was counted, in tokens. A provider that does not tell leaves it out; it is never made up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// What was read.
    pub input: Option<u64>,
    /// What was written.
    pub output: Option<u64>,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Stop,
    /// It reached the longest answer.
    Length,
    /// The provider held it back.
    Filtered,
    /// Another reason, in the provider's word.
    Other(String),
    /// The stream ended and did not say why.
    Unsaid,
}

impl Finish {
    /// From a provider's word.
    pub(crate) fn of(word: &str) -> Finish {
        match word {
            "stop" | "end_turn" | "stop_sequence" | "tool_use" | "tool_calls" => Finish::Stop,
            "length" | "max_tokens" | "model_context_window_exceeded" => Finish::Length,
            "content_filter" | "refusal" => Finish::Filtered,
            other => Finish::Other(other.into()),
        }
    }

    /// What a person should know of it; nothing where all is well.
    pub fn remark(&self) -> Option<String> {
        match self {
            Finish::Stop => None,
            Finish::Length => Some("the answer was cut off at the maximum number of tokens: increase `max_tokens`".into()),
            Finish::Filtered => Some("the provider withheld the answer or a part of it".into()),
            Finish::Other(word) => Some(format!("the provider ended the answer: {word}")),
            Finish::Unsaid => Some("the stream ended without an end marker: the answer may be incomplete".into()),
        }
    }
}

/// What comes while a model answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The next piece of the answer.
    Text(String),
    /// What the provider counted; may come more than once, and the last holds.
    Usage(Usage),
    /// It did not work, nothing of the answer has come yet, and it is tried again.
    Retry {
        /// What came back.
        why: String,
        /// How long is waited before.
        after: Duration,
        /// The number of the attempt that follows, from 2.
        attempt: u32,
    },
    /// The answer is whole. Nothing follows.
    Done(Finish),
}
