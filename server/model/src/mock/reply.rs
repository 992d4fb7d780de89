//! What the server replies.

use serde_json::json;

/// A step of a reply.
#[derive(Clone, Debug)]
pub enum Step {
    /// Bytes, as a chunk of their own.
    Send(Vec<u8>),
    /// Not even a status, until the other side gives up. It has to be the first.
    Silence,
    /// Nothing more, until the other side gives up.
    Stall,
    /// The connection is closed in the middle.
    Break,
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Scripted {
    /// The HTTP status.
    pub status: u16,
    /// The headers, besides those of the connection.
    pub headers: Vec<(String, String)>,
    /// What follows.
    pub steps: Vec<Step>,
}

impl Scripted {
    /// An empty reply with a status.
    pub fn status(status: u16) -> Scripted {
        Scripted { status, headers: Vec::new(), steps: Vec::new() }
    }

    /// A stream of server-sent events that follows.
    pub fn stream() -> Scripted {
        Scripted::status(200).header("Content-Type", "text/event-stream")
    }

    /// What is replied where the script is over.
    pub(super) fn none_left() -> Scripted {
        Scripted::status(410).send("the script is over")
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Scripted {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds bytes, as a chunk of their own.
    #[must_use]
    pub fn send(mut self, bytes: impl AsRef<[u8]>) -> Scripted {
        self.steps.push(Step::Send(bytes.as_ref().to_vec()));
        self
    }

    /// Adds a step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Scripted {
        self.steps.push(step);
        self
    }

    /// Adds an event with data.
    #[must_use]
    pub fn event(self, data: &serde_json::Value) -> Scripted {
        self.send(format!("data: {data}\n\n"))
    }

    /// Adds a piece of an answer, as OpenAI's interface has it.
    #[must_use]
    pub fn piece(self, text: &str) -> Scripted {
        self.event(&json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]}))
    }

    /// Adds the end of an answer, with what was counted.
    #[must_use]
    pub fn done(self, input: u64, output: u64) -> Scripted {
        self.event(&json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
            .event(&json!({"choices": [], "usage": {"prompt_tokens": input, "completion_tokens": output}}))
            .send("data: [DONE]\n\n")
    }

    /// A whole answer, as OpenAI's interface has it: a sign of life, a `null`, and the text in pieces, cut in the middle of characters too.
    pub fn answer(text: &str) -> Scripted {
        let mut events = String::from(": keep-alive\n\n");
        let role = json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": null}, "finish_reason": null}]});
        events += &format!("data: {role}\n\n");
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(7) {
            let piece: String = piece.iter().collect();
            events +=
                &format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": null}]}));
        }
        let mut reply = Scripted::stream();
        for chunk in events.as_bytes().chunks(501) {
            reply = reply.send(chunk);
        }
        reply.done(10, letters.len() as u64)
    }
}
