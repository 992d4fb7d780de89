//! What `seed prompt` says: for a person, the answer on standard output and all else on standard error; for a program, an event a line.

use std::io::{self, Write};
use std::path::Path;

use seed_model::{Provider, Request, Usage, mask};
use seed_prompt::{Answer, Event, Outcome, Prepared};
use seed_role::Trouble;
use serde_json::{Value as Json, json};

use crate::cli::exit::{Error, Exit, Result};
use crate::cli::{output, report, style, terminal};

/// Where it is said.
pub struct Screen {
    json: bool,
    /// Whether the answer is a spec: then its pieces are progress, and the draft is the result.
    drafting: bool,
    /// How many questions were sent.
    sent: u32,
    /// Whether the last piece ended a line.
    at_line_start: bool,
}

impl Screen {
    pub fn new(json: bool) -> Self {
        Screen { json, drafting: false, sent: 0, at_line_start: true }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    fn emit(&self, event: &Json) -> io::Result<()> {
        let mut out = output::stream();
        writeln!(out, "{event}")?;
        out.flush()
    }

    /// What is about to be sent; with `show` in full, as the result.
    pub fn context(&mut self, provider: Option<&Provider>, prepared: &Prepared, show: bool) -> io::Result<()> {
        self.drafting = prepared.answer == Answer::Spec;
        if self.json {
            let mut event = context_event(provider, &prepared.request, prepared.tokens);
            event["parts"] = prepared
                .parts
                .iter()
                .map(|part| json!({"word": part.word, "title": part.title, "tokens": part.tokens}))
                .collect();
            event["masked"] = prepared.masked.iter().map(|found| json!(found.kind)).collect();
            event["remarks"] = json!(prepared.remarks);
            return self.emit(&event);
        }
        let (name, dim, warn) = (style::NAME, style::DIM, style::WARN);
        let mut err = output::stderr();
        match provider {
            Some(provider) => {
                let place = if provider.endpoint().is_local() { "on this machine" } else { "leaves this machine" };
                writeln!(err, "{name}{}{name:#} {dim}{place}{dim:#}", provider.words())?;
            }
            None => writeln!(err, "{dim}no model is configured{dim:#}")?,
        }
        for part in &prepared.parts {
            writeln!(err, "  {}  {dim}{}, about {} tokens{dim:#}", part.word, part.title, part.tokens)?;
        }
        let holds = provider.map_or(seed_model::config::CONTEXT, Provider::context);
        writeln!(err, "{dim}about {} tokens of {holds}{dim:#}", prepared.tokens)?;
        for remark in prepared.remarks.iter().cloned().chain(mask::words(&prepared.masked)) {
            writeln!(err, "{warn}note{warn:#}: {remark}")?;
        }
        drop(err);
        if show { write_messages(&mut output::stream(), &prepared.request) } else { Ok(()) }
    }

    /// All that would leave the machine, before it is asked whether it may.
    pub fn messages(&self, request: &Request) -> io::Result<()> {
        write_messages(&mut output::stderr(), request)
    }

    /// For a program: the question that somebody has to answer.
    pub fn ask(&self, provider: &Provider, project: &Path, question: &str) -> io::Result<()> {
        self.emit(&json!({
            "event": "ask",
            "question": question,
            "provider": provider.name(),
            "endpoint": provider.endpoint().to_string(),
            "project": project.display().to_string(),
        }))
    }

    /// What happens while the model is asked.
    pub fn event(&mut self, provider: &Provider, event: Event<'_>) -> io::Result<()> {
        match event {
            Event::Sent(request) => {
                self.sent += 1;
                // The first was told before the consent.
                if self.json && self.sent > 1 {
                    let tokens = request.messages.iter().map(|message| seed_model::tokens::estimate(&message.text)).sum();
                    return self.emit(&context_event(Some(provider), request, tokens));
                }
                Ok(())
            }
            Event::Text(text) if self.json => self.emit(&json!({"event": "text", "text": text})),
            Event::Text(text) => self.piece(text),
            Event::Retry { why } if self.json => self.emit(&json!({"event": "retry", "why": why})),
            Event::Retry { why } => self.note("asked again", why),
            Event::Usage(usage) => self.usage(provider, usage),
            Event::Check { checked, round, goes_back } => {
                if self.json {
                    let diagnostics = checked.map(|checked| report::diagnostics::to_json(&checked.analysis)).unwrap_or_default();
                    let event = json!({
                        "event": "check", "diagnostics": diagnostics, "round": round, "draft": checked.map(|checked| &checked.text),
                        "goes_back": goes_back,
                    });
                    return self.emit(&event);
                }
                self.break_line()?;
                match checked.map(|checked| checked.errors.len()) {
                    Some(0) => self.note("check", "the draft has no mistakes"),
                    found => {
                        let found = found.map_or("the answer holds no spec".into(), |count| {
                            format!("the draft has {count} mistake{}", plural(count))
                        });
                        let then = if goes_back { "; the model is asked to fix it" } else { "" };
                        self.note("check", &format!("{found}{then}"))?;
                        match checked.filter(|_| goes_back) {
                            Some(checked) => checked
                                .errors
                                .iter()
                                .try_for_each(|error| writeln!(output::stderr(), "  {}", terminal::text(error))),
                            None => Ok(()),
                        }
                    }
                }
            }
            Event::Remark(remark) if self.json => self.emit(&json!({"event": "remark", "message": remark})),
            Event::Remark(remark) => self.note("note", &remark),
        }
    }

    fn piece(&mut self, text: &str) -> io::Result<()> {
        let text = terminal::text(text);
        if let Some(last) = text.chars().last() {
            self.at_line_start = last == '\n';
        }
        if self.drafting {
            let dim = style::DIM;
            let mut err = output::stderr();
            write!(err, "{dim}{text}{dim:#}")?;
            return err.flush();
        }
        let mut out = output::stream();
        write!(out, "{text}")?;
        out.flush()
    }

    fn break_line(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.at_line_start, true) {
            return Ok(());
        }
        if self.drafting { writeln!(output::stderr()) } else { writeln!(output::stream()) }
    }

    fn note(&mut self, what: &str, words: &str) -> io::Result<()> {
        self.break_line()?;
        let warn = style::WARN;
        writeln!(output::stderr(), "{warn}{what}{warn:#}: {}", terminal::text(words))
    }

    fn usage(&mut self, provider: &Provider, usage: Usage) -> io::Result<()> {
        let cost = provider.cost(usage);
        if self.json {
            let mut event = json!({"event": "usage", "input": usage.input, "output": usage.output});
            if let Some((cost, currency)) = cost {
                event["cost"] = json!(cost);
                event["currency"] = json!(currency);
            }
            return self.emit(&event);
        }
        self.break_line()?;
        let count = |count: Option<u64>| count.map_or("?".into(), |count| count.to_string());
        let dim = style::DIM;
        let cost = cost.map(|(cost, currency)| format!(", {cost:.4} {currency}")).unwrap_or_default();
        writeln!(output::stderr(), "{dim}{} tokens read, {} written{cost}{dim:#}", count(usage.input), count(usage.output))
    }

    /// The end: the draft, if a spec was asked for, and whether it is right.
    pub fn outcome(&mut self, outcome: &Outcome, answer: Answer) -> Result {
        let draft = outcome.draft.as_ref();
        let exit = match (answer, draft) {
            (Answer::Text, _) => Exit::Ok,
            (Answer::Spec, Some(draft)) if draft.errors.is_empty() => Exit::Ok,
            (Answer::Spec, _) => Exit::Failed,
        };
        if self.json {
            if draft.is_none() && answer == Answer::Spec {
                self.emit(&json!({"event": "failed", "message": no_spec().to_string()}))?;
                return Err(Error::Shown(Exit::Failed));
            }
            let mut event = json!({"event": "done", "text": outcome.text});
            if let Some(draft) = draft {
                event["draft"] = json!(draft.text);
            }
            self.emit(&event)?;
            return Ok(exit);
        }
        self.break_line()?;
        match (answer, draft) {
            (Answer::Text, _) => {}
            (Answer::Spec, None) => return Err(no_spec().into()),
            (Answer::Spec, Some(draft)) => {
                report::diagnostics::to_stderr(&draft.analysis)?;
                write!(output::stream(), "{}", terminal::text(&draft.text))?;
            }
        }
        Ok(exit)
    }

    pub fn written(&self, path: &Path) -> io::Result<()> {
        let good = style::GOOD;
        match self.json {
            true => self.emit(&json!({"event": "written", "path": path.display().to_string()})),
            false => writeln!(output::stderr(), "{good}written{good:#}: {}", report::diagnostics::shown_path(path)),
        }
    }

    pub fn failed(&self, trouble: &Trouble, exit: Exit) -> Result {
        self.emit(&json!({"event": "failed", "message": trouble.to_string()}))?;
        Err(Error::Shown(exit))
    }

    pub fn interrupted(&mut self) -> Result {
        match self.json {
            true => self.emit(&json!({"event": "failed", "message": "interrupted"}))?,
            false => self.note("interrupted", "the connection is closed")?,
        }
        Ok(Exit::Interrupted)
    }
}

fn no_spec() -> Trouble {
    Trouble::new("draft a spec", "the model gave none, also when asked again")
        .hint("say more of what you want, or take a larger model; the answer stands above")
}

fn context_event(provider: Option<&Provider>, request: &Request, tokens: usize) -> Json {
    json!({
        "event": "context",
        "provider": provider.map(Provider::name),
        "model": provider.map(Provider::model),
        "endpoint": provider.map(|provider| provider.endpoint().to_string()),
        "remote": provider.map(|provider| !provider.endpoint().is_local()),
        "tokens": tokens,
        "messages": request.messages,
    })
}

fn write_messages(out: &mut impl Write, request: &Request) -> io::Result<()> {
    let name = style::NAME;
    for message in &request.messages {
        let role = match message.role {
            seed_model::Role::System => "system",
            seed_model::Role::User => "user",
            seed_model::Role::Assistant => "assistant",
        };
        writeln!(out, "{name}── {role} ──{name:#}\n{}\n", terminal::text(message.text.trim_end()))?;
    }
    Ok(())
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
