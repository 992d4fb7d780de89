//! The model that judges, too. Whatever becomes of it, the result without it remains.

use std::io::Write;
use std::path::Path;

use seed_duck::verdict::{self, Heard, Turn};
use seed_duck::{Reflection, history};
use seed_engine::journal;
use seed_model::{Consent, Provider};
use seed_role::Trouble;
use serde_json::{Value as Json, json};

use super::{Args, Subject};
use crate::cli::exit::{Error, Exit, Result};
use crate::cli::options::Global;
use crate::cli::{confirm, interrupt, output, style};

/// What became of the model.
pub struct Judged {
    /// The model, in words; none if there is none.
    model: Option<String>,
    /// Why it has not judged; none if it has.
    failed: Option<String>,
    /// What it says.
    heard: Heard,
}

impl Judged {
    fn failed(model: Option<String>, why: String) -> Judged {
        Judged { model, failed: Some(why), heard: Heard::default() }
    }

    /// What it says to the person.
    pub fn reply(&self) -> Option<&str> {
        self.heard.reply.as_deref()
    }

    /// For programs.
    pub fn json(&self) -> Json {
        let status = if self.failed.is_some() { "offline" } else { "merged" };
        let Heard { disputed, reply, denied } = &self.heard;
        json!({"model": self.model, "status": status, "why": self.failed, "disputed": disputed, "reply": reply, "denied": denied})
    }

    /// For a person.
    pub fn show(&self, out: &mut impl Write) -> Result<()> {
        let (dim, warn) = (style::DIM, style::WARN);
        if let Some(why) = &self.failed {
            writeln!(out, "{warn}The model has not judged: {why}. This is what was found without it.{warn:#}\n")?;
            return Ok(());
        }
        writeln!(out, "{dim}Judged with {}.{dim:#}", self.model.as_deref().unwrap_or("a model"))?;
        for disputed in &self.heard.disputed {
            writeln!(out, "  {warn}!{warn:#} It calls {} {}, but {}.", disputed.id, disputed.model, disputed.because)?;
        }
        if let Some(reply) = self.reply() {
            writeln!(out, "\n{reply}")?;
        }
        for denied in &self.heard.denied {
            writeln!(out, "  {warn}!{warn:#} It says “{}”, which the spec denies ({}).", denied.claim, denied.id)?;
        }
        writeln!(out)?;
        Ok(())
    }
}

/// Has the model judge, if it is to. None if it is not.
pub fn judge(
    args: &Args,
    subject: &Subject,
    text: &str,
    reflection: &mut Reflection,
    state: &Path,
    global: &Global,
) -> Result<Option<Judged>> {
    if args.no_model || text.trim().is_empty() {
        return Ok(None);
    }
    let provider = match seed_model::configured() {
        Ok(Some(provider)) => provider,
        Ok(None) if args.model => return Ok(Some(Judged::failed(None, "none is configured (see `seed prompt --help`)".into()))),
        Err(trouble) if args.model => return Ok(Some(Judged::failed(None, trouble.to_string()))),
        _ => return Ok(None),
    };
    let folder = seed_engine::node::folder_of(&subject.path);
    let project = seed_fragment::root_of(&folder).unwrap_or(folder);
    let consent = Consent::new(state);
    let request = verdict::request(&subject.facts, text, &earlier(args, subject, state)?);
    if !consent.is_given(&project, &provider) {
        // Nobody is asked for what nobody has asked for.
        if !args.model {
            return Ok(None);
        }
        if !args.yes
            && let Err(refused) = ask(&provider, &request, &project, global)
        {
            let why = match refused {
                Error::Refused(trouble) => trouble.came_back,
                other => return Err(other),
            };
            return Ok(Some(Judged::failed(
                Some(provider.words()),
                format!("nothing was sent to {}: {why}", provider.endpoint()),
            )));
        }
        consent.give(&project, &provider)?;
    }
    let answer = match answer(&provider, &request, args.wait)? {
        Ok(answer) => answer,
        Err(why) => return Ok(Some(Judged::failed(Some(provider.words()), why))),
    };
    Ok(Some(match verdict::merge(&subject.facts, text, reflection, &answer) {
        Ok(heard) => Judged { model: Some(provider.words()), failed: None, heard },
        Err(why) => Judged::failed(Some(provider.words()), format!("its answer makes no sense: {why}")),
    }))
}

/// What was said in this conversation before.
fn earlier(args: &Args, subject: &Subject, state: &Path) -> Result<Vec<Turn>> {
    if args.code.is_some() {
        return Ok(Vec::new());
    }
    Ok(history::turns(&history::read(state, &subject.path)?, journal::now()))
}

/// Shows what would be sent, secrets masked, and asks.
fn ask(provider: &Provider, request: &seed_model::Request, project: &Path, global: &Global) -> Result<()> {
    let attempted = format!("send this to {}", provider.endpoint());
    if !global.json {
        let mut stderr = output::stderr();
        for message in provider.masked(request).0.messages {
            writeln!(stderr, "{}", message.text)?;
        }
    }
    let question = format!(
        "This goes to {}, and so will what you explain of {} from now on. Send it?",
        provider.endpoint(),
        project.display()
    );
    if global.json {
        return Err(Error::Refused(Trouble::new(attempted, "you have not said yes to that yet, --yes does")));
    }
    confirm::ask(&attempted, &question)
}

/// The answer; in words why there is none.
fn answer(
    provider: &Provider,
    request: &seed_model::Request,
    wait: std::time::Duration,
) -> Result<std::result::Result<String, String>> {
    interrupt::listen();
    let wake = interrupt::wake()?;
    let io = |error: std::io::Error| Trouble::from_io("ask the model", &error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    runtime.block_on(async {
        // SAFETY: the descriptor is an eventfd that stays open, and the same, until the process ends.
        let stop = unsafe { tokio::io::unix::AsyncFd::register_with_interest(wake, tokio::io::Interest::READABLE) };
        let stop = stop.map_err(|error| io(error.into()))?;
        let asked = tokio::time::timeout(wait, provider.ask(request, |_| {}));
        tokio::select! {
            reply = asked => Ok(match reply {
                Ok(Ok(reply)) => Ok(reply.text),
                Ok(Err(trouble)) => Err(trouble.came_back),
                Err(_) => Err(format!("it took longer than {}", seed_spec::unit::Duration(wait.as_millis().try_into().unwrap_or(u64::MAX)))),
            }),
            _ = stop.readable() => Err(Error::Shown(Exit::Interrupted)),
        }
    })
}
