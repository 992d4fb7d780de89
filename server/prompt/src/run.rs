//! Asking: the answer as it comes, and for a spec the check, and one more question with its mistakes.

use std::path::Path;

use seed_model::{Finish, Message, Provider, Request, Usage};
use seed_role::host::Host;
use seed_role::trouble::Result;

use crate::draft::{Checked, check, repair, spec_in};
use crate::library::Answer;
use crate::prepare::Prepared;

/// How often mistakes go back to the model.
const REPAIRS: u32 = 1;

/// What happens while a model is asked.
pub enum Event<'a> {
    /// This is about to be sent, masked.
    Sent(&'a Request),
    /// The next piece of the answer.
    Text(&'a str),
    /// It is tried again.
    Retry {
        /// What came back.
        why: &'a str,
    },
    /// What the provider counted for this question.
    Usage(Usage),
    /// A draft was checked; none if the answer holds no spec.
    Check {
        /// The draft and its mistakes.
        checked: Option<&'a Checked>,
        /// The number of the answer, from 1.
        round: u32,
        /// Whether its mistakes go back to the model.
        goes_back: bool,
    },
    /// Something that a person should know of the answer.
    Remark(String),
}

/// What came of it.
pub struct Outcome {
    /// The last answer.
    pub text: String,
    /// The draft, if a spec was asked for and the last answer holds one.
    pub draft: Option<Checked>,
    /// What was counted, over all questions.
    pub usage: Usage,
}

/// Where a draft would lie, and what its check may look at.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Its path.
    pub path: &'a Path,
    /// The project; files outside of it are not read.
    pub project: &'a Path,
    /// The machine, for programs that are missing.
    pub host: &'a dyn Host,
}

/// Asks, and tells what happens. Dropping the future stops it: the connection is closed.
///
/// # Errors
///
/// As [`Provider::stream`]. An answer that is no spec, or a wrong one, is no error: the outcome says so.
pub async fn run(provider: &Provider, prepared: &Prepared, place: Place<'_>, mut tell: impl FnMut(Event<'_>)) -> Result<Outcome> {
    let provider = provider.clone().with_masker(prepared.masker.clone());
    let mut request = prepared.request.clone();
    let mut total = Usage::default();
    let mut round = 0;
    loop {
        round += 1;
        // What goes back to the model is masked as the first question was.
        (request, _) = provider.masked(&request);
        tell(Event::Sent(&request));
        let reply = provider
            .ask(&request, |event| match event {
                seed_model::Event::Text(text) => tell(Event::Text(text)),
                seed_model::Event::Usage(usage) => tell(Event::Usage(*usage)),
                seed_model::Event::Retry { why, .. } => tell(Event::Retry { why }),
                seed_model::Event::Done(_) => {}
            })
            .await?;
        total = Usage { input: sum(total.input, reply.usage.input, round), output: sum(total.output, reply.usage.output, round) };
        if let Some(remark) = reply.finish.remark() {
            tell(Event::Remark(remark));
        }
        if prepared.answer == Answer::Text {
            return Ok(Outcome { text: reply.text, draft: None, usage: total });
        }
        let checked = spec_in(&reply.text).map(|spec| check(&spec, place.path, place.project, place.host));
        let is_right = checked.as_ref().is_some_and(|checked| checked.errors.is_empty());
        // A model that was cut off would be again.
        let goes_back = !is_right && round <= REPAIRS && reply.finish != Finish::Length;
        tell(Event::Check { checked: checked.as_ref(), round, goes_back });
        if !goes_back {
            return Ok(Outcome { text: reply.text, draft: checked, usage: total });
        }
        let mend = repair(checked.as_ref());
        request.messages.extend([Message::assistant(reply.text), Message::user(mend)]);
    }
}

/// A sum that is not known if one of its parts is not.
fn sum(total: Option<u64>, more: Option<u64>, round: u32) -> Option<u64> {
    if round == 1 { more } else { Some(total? + more?) }
}
