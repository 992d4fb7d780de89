//! An answer as it comes in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use seed_role::Trouble;
use seed_role::trouble::{Kind, Result};
use serde_json::Value as Json;

use super::{Provider, plain, retry};
use crate::dialect::{Framing, Signal, error_words};
use crate::key::Key;
use crate::mask::Masker;
use crate::message::{Event, Finish, Request, Usage};
use crate::reader::{Events, Lines};

/// How much of the body of an error is read, in bytes.
const ERROR_BODY: usize = 64 << 10;
/// How much of it is told, in characters.
const TOLD: usize = 600;
/// The greatest answer, in bytes; a model that does not come to an end is stopped.
const LARGEST: usize = 32 << 20;

/// Where an answer stands.
pub(super) struct State {
    provider: Provider,
    request: Request,
    key: Option<Key>,
    phase: Phase,
    /// What was read and not told yet.
    queue: VecDeque<Result<Event>>,
    attempt: u32,
    usage: Usage,
    finish: Option<Finish>,
    /// Whether a piece of the answer has come: from then on nothing is tried again.
    begun: bool,
    size: usize,
}

enum Phase {
    /// The question is to be sent, after a pause.
    Ask(Option<Duration>),
    /// The answer comes in.
    Read(Box<Reading>),
    /// Nothing more comes.
    Over,
}

struct Reading {
    response: reqwest::Response,
    lines: Lines,
    events: Events,
    framing: Framing,
    /// The whole body, of a server that does not stream.
    whole: Option<Vec<u8>>,
    asked: Instant,
}

/// What came of a look.
enum Step {
    /// What is in the queue, or another look.
    On,
    /// It failed; another attempt may mend it.
    Again { why: String, after: Option<Duration>, trouble: Trouble },
    /// It failed.
    Fail(Trouble),
}

impl State {
    pub fn new(provider: Provider, request: Request) -> Self {
        State {
            provider,
            request,
            key: None,
            phase: Phase::Ask(None),
            queue: VecDeque::new(),
            attempt: 1,
            usage: Usage::default(),
            finish: None,
            begun: false,
            size: 0,
        }
    }

    /// The next event; none at the end.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            let step = match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Over => return None,
                Phase::Ask(pause) => {
                    if let Some(time) = pause {
                        (self.provider.pause)(time).await;
                    }
                    self.send().await
                }
                Phase::Read(reading) => self.read(reading).await,
            };
            match step {
                Step::On => {}
                // Behind what came before it.
                Step::Fail(trouble) => self.queue.push_back(Err(self.safe(trouble))),
                Step::Again { why, after, trouble } => match self.again(after) {
                    Some(after) => {
                        self.phase = Phase::Ask(Some(after));
                        let why = self.masked(&why);
                        self.queue.push_back(Ok(Event::Retry { why, after, attempt: self.attempt }));
                    }
                    None => self.queue.push_back(Err(self.safe(trouble))),
                },
            }
        }
    }

    /// The pause before another attempt, if there is to be one.
    fn again(&mut self, wished: Option<Duration>) -> Option<Duration> {
        let too_long = wished.is_some_and(|time| time > retry::LONGEST);
        if self.begun || too_long || self.attempt > self.provider.retries {
            return None;
        }
        self.attempt += 1;
        Some(wished.unwrap_or_else(|| retry::backoff(self.attempt)))
    }

    async fn send(&mut self) -> Step {
        if self.key.is_none()
            && let Some(source) = &self.provider.key
        {
            match source.get().await {
                Ok(key) => self.key = Some(key),
                Err(trouble) => return Step::Fail(trouble),
            }
        }
        let outgoing = match self.provider.outgoing(&self.request, self.key.as_ref()) {
            Ok(outgoing) => outgoing,
            Err(trouble) => return Step::Fail(trouble),
        };
        let asked = Instant::now();
        tracing::debug!(model = self.provider.name, attempt = self.attempt, "asking");
        let response = match tokio::time::timeout(self.provider.timeouts.first, outgoing.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Step::Fail(self.network(&error)),
            Err(_) => return Step::Fail(self.silent(self.provider.timeouts.first)),
        };
        if !response.status().is_success() {
            return self.refused(response).await;
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let framing = self.provider.dialect.framing();
        let is_whole = framing == Framing::Events && kind.starts_with("application/json");
        let whole = is_whole.then(Vec::new);
        let reading = Reading { response, lines: Lines::default(), events: Events::default(), framing, whole, asked };
        self.phase = Phase::Read(Box::new(reading));
        Step::On
    }

    async fn read(&mut self, mut reading: Box<Reading>) -> Step {
        let timeouts = &self.provider.timeouts;
        let limit = match self.begun {
            true => timeouts.idle,
            // Signs of life do not put this off: a server that only says that it is there never answers.
            false => timeouts.first.saturating_sub(reading.asked.elapsed()).max(Duration::from_millis(1)),
        };
        let chunk = match tokio::time::timeout(limit, reading.response.chunk()).await {
            Ok(Ok(chunk)) => chunk,
            Ok(Err(error)) => {
                // What is there counts, where the provider had said that it was done.
                return if self.finish.is_some() { self.end() } else { Step::Fail(self.cut_off(&error)) };
            }
            Err(_) if self.begun => return Step::Fail(self.stalled(limit)),
            Err(_) => return Step::Fail(self.silent(timeouts.first)),
        };
        let mut signals = Vec::new();
        let is_last = chunk.is_none();
        if let Err(words) = self.take(&mut reading, chunk.as_deref(), &mut signals) {
            return Step::Fail(Trouble::new(self.provider.attempt(), words));
        }
        for signal in signals {
            match signal {
                Signal::Text(text) => {
                    self.begun = true;
                    self.queue.push_back(Ok(Event::Text(text)));
                }
                Signal::Usage(usage) => {
                    self.usage.input = usage.input.or(self.usage.input);
                    self.usage.output = usage.output.or(self.usage.output);
                }
                Signal::Finish(finish) => self.finish = Some(finish),
                Signal::End => return self.end(),
                Signal::Failed { message, status } => return self.failed(&message, status),
            }
        }
        if is_last {
            return self.end();
        }
        self.phase = Phase::Read(reading);
        Step::On
    }

    /// What a chunk comes to, or with none the end of the body.
    fn take(&mut self, reading: &mut Reading, chunk: Option<&[u8]>, signals: &mut Vec<Signal>) -> Result<(), String> {
        self.size += chunk.map_or(0, <[u8]>::len);
        if self.size > LARGEST {
            return Err("the answer is larger than 32 MiB, and was stopped".into());
        }
        let dialect = self.provider.dialect;
        if let Some(whole) = &mut reading.whole {
            match chunk {
                Some(bytes) => whole.extend_from_slice(bytes),
                None => signals.extend(dialect.read(None, &String::from_utf8_lossy(whole))),
            }
            return Ok(());
        }
        let lines = match chunk {
            Some(bytes) => reading.lines.push(bytes)?,
            None => reading.lines.rest().into_iter().collect(),
        };
        for line in lines {
            match reading.framing {
                Framing::Lines => signals.extend(dialect.read(None, &line)),
                Framing::Events => {
                    for sent in reading.events.push(&line) {
                        signals.extend(dialect.read(sent.name.as_deref(), &sent.data));
                    }
                }
            }
        }
        if chunk.is_none()
            && let Some(sent) = reading.events.rest()
        {
            signals.extend(dialect.read(sent.name.as_deref(), &sent.data));
        }
        Ok(())
    }

    /// The answer is over: what was counted, and why it ended. The connection is closed.
    fn end(&mut self) -> Step {
        self.phase = Phase::Over;
        if self.usage != Usage::default() {
            self.queue.push_back(Ok(Event::Usage(self.usage)));
        }
        if !self.begun && self.finish.is_none() {
            return Step::Fail(Trouble::new(self.provider.attempt(), "the answer is empty").hint(
                "does the endpoint have the interface that `provider` names, is the model loaded, and does the question fit into its context?",
            ));
        }
        self.queue.push_back(Ok(Event::Done(self.finish.take().unwrap_or(Finish::Unsaid))));
        Step::On
    }

    /// An error that came within the stream.
    fn failed(&self, message: &str, status: Option<u16>) -> Step {
        let message = shortened(message);
        let trouble = Trouble::new(self.provider.attempt(), format!("an error in the stream: {message}"));
        match status.filter(|status| retry::may_mend(*status)) {
            Some(_) => Step::Again { why: message, after: None, trouble: trouble.hint("it may be temporary: ask again later") },
            None => Step::Fail(trouble),
        }
    }

    /// A status that is none of success.
    async fn refused(&self, mut response: reqwest::Response) -> Step {
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (wish, location) = (header(RETRY_AFTER), header(LOCATION));
        let mut body = Vec::new();
        let limit = self.provider.timeouts.idle;
        while body.len() < ERROR_BODY {
            match tokio::time::timeout(limit, response.chunk()).await {
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&body);
        let said = serde_json::from_str::<Json>(&text).ok().and_then(|json| error_words(&json));
        let said = said.unwrap_or_else(|| text.split_whitespace().collect::<Vec<_>>().join(" "));
        let why = match said.is_empty() {
            true => format!("HTTP {status}"),
            false => format!("HTTP {status}: {}", shortened(&said)),
        };
        let mut trouble = Trouble::new(self.provider.attempt(), &*why);
        trouble.hint = self.hint(status.as_u16(), location.as_deref());
        if !retry::may_mend(status.as_u16()) {
            return Step::Fail(trouble);
        }
        let after = wish.and_then(|wish| retry::wished(&wish, jiff::Timestamp::now()));
        if let Some(time) = after.filter(|time| *time > retry::LONGEST) {
            trouble.hint = Some(format!("the provider asks to wait {} s: ask again then", time.as_secs()));
        }
        Step::Again { why, after, trouble }
    }

    fn hint(&self, status: u16, location: Option<&str>) -> Option<String> {
        let file = "model.yaml";
        Some(match status {
            300..=399 => match location {
                Some(location) => {
                    format!("it redirects to {location}, but Seed sends only to the endpoint in {file}: change `endpoint`")
                }
                None => format!("it redirects elsewhere, but Seed sends only to the endpoint in {file}: change `endpoint`"),
            },
            401 | 403 => match &self.provider.key {
                Some(source) => format!("the key came from {}", source.words()),
                None => format!("it needs a key: write `key: {{env: NAME}}` in {file}"),
            },
            404 => format!(
                "does it have the model `{}`, and does `endpoint` end as its documentation says (often /v1)?",
                self.provider.model
            ),
            413 => "the question is too long for it: give less context".into(),
            408 | 429 => "ask again later".into(),
            500.. => "this is an error of the provider: ask again later".into(),
            _ => return None,
        })
    }

    fn network(&self, error: &reqwest::Error) -> Trouble {
        let trouble = Trouble::new(self.provider.attempt(), plain(error));
        match (error.is_timeout(), error.is_connect(), self.provider.endpoint.is_local()) {
            (true, ..) => {
                let time = self.provider.timeouts.connect.as_secs_f64();
                Trouble { came_back: format!("no connection within {time} s"), ..trouble }.kind(Kind::TimedOut)
            }
            (_, true, true) => trouble.hint("is the model's server running?"),
            (_, true, false) => trouble.hint("is the network available? You may need `proxy` or `ca` in model.yaml"),
            _ => trouble,
        }
    }

    fn cut_off(&self, error: &reqwest::Error) -> Trouble {
        let came_back = match self.begun {
            true => format!("the connection ended in the middle of the answer: {}", plain(error)),
            false => format!("the connection ended before the answer: {}", plain(error)),
        };
        Trouble::new(self.provider.attempt(), came_back).hint("ask again")
    }

    fn stalled(&self, limit: Duration) -> Trouble {
        let came_back = format!("no data for {} s in the middle of the answer", limit.as_secs_f64());
        Trouble::new(self.provider.attempt(), came_back)
            .kind(Kind::TimedOut)
            .hint("`timeouts: {idle: …}` in model.yaml waits longer")
    }

    fn silent(&self, limit: Duration) -> Trouble {
        let came_back = format!("no answer began within {} s", limit.as_secs_f64());
        Trouble::new(self.provider.attempt(), came_back)
            .kind(Kind::TimedOut)
            .hint("`timeouts: {first: …}` in model.yaml waits longer")
    }

    /// Providers repeat in their errors what they were sent, the key too.
    fn masked(&self, text: &str) -> String {
        let key = self.key.iter().map(|key| key.reveal().to_owned());
        Masker::default().with_known(key).mask(text).0
    }

    fn safe(&self, trouble: Trouble) -> Trouble {
        Trouble { came_back: self.masked(&trouble.came_back), hint: trouble.hint.map(|hint| self.masked(&hint)), ..trouble }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
