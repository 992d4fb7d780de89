//! `seed duck`.

mod model;
mod screen;

use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use seed_duck::{Facts, Reflection, history, json, reflect};
use seed_engine::check::runs_commands;
use seed_engine::journal;
use seed_engine::plan::{Options, Plan};
use seed_engine::project::{DiskLoader, LONGEST, Project, read_bytes, text_of};
use seed_role::Trouble;
use seed_role::host::real::RealHost;
use seed_spec::{Analysis, Source, Span};
use serde_json::{Value as Json, json};

use crate::cli::exit::{Error, Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, report, spec_file, style};

/// Explain a spec to the duck, and see what your explanation covered, missed and got wrong.
///
/// Seed derives from the spec what a good explanation of it would hold: what each role is and why it is there, which values matter, what
/// needs what, what is lost when it is taken away, who can reach it, what can go wrong. Your explanation is compared with that,
/// sentence by sentence, and you are asked one question that leads on. What you left out is named, but not explained: say it yourself.
///
/// Use words of your own, and whole sentences. Say why things are there and what would break without them. Text that is pasted
/// and names that are only listed do not count.
///
/// It needs no network. Rules find a sentence that gives another number, another path or the opposite of what the spec
/// says; where they cannot tell, the duck says `?` and asks. With --model, the language model that `seed prompt` uses judges too,
/// with the same facts as ground, and talks with you: ask it something, and go on in the same text. What it says against the facts is marked
/// and changes nothing, and if it is slow or down, the result without it remains. Without --model, a model is asked only where it is configured
/// and you have let it see this project before, or it is on this machine.
///
/// What you explain is kept in the state folder, for you alone, secrets masked: --history shows how it went.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seed duck lab.seed.yaml                        explain it here; Ctrl-D ends\n  seed duck lab.seed.yaml --explain notes.txt    what your text covers\n  seed duck lab.seed.yaml --role pool --explain - < pool.txt\n  seed duck lab.seed.yaml --history              how the score moved\n  seed duck --code backup.sh                     a question about any program\n\nIn the answer: ✓ covered, ? not clear, ○ missing, ✗ not as the spec says."
)]
pub struct Args {
    /// The spec, a *.seed.yaml file; `-` for standard input
    #[arg(value_name = "SPEC", value_hint = clap::ValueHint::FilePath, required_unless_present = "code")]
    spec: Option<PathBuf>,
    /// The path that a spec read from standard input counts as
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    path: Option<PathBuf>,
    /// The explanation; `-` for standard input
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    explain: Option<PathBuf>,
    /// Only this role and its parts
    #[arg(long, value_name = "ROLE", conflicts_with = "code")]
    role: Option<String>,
    /// Ask about a program's text instead of a spec; `-` for standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "spec")]
    code: Option<PathBuf>,
    /// Show the explanations of this spec so far
    #[arg(long, conflicts_with_all = ["code", "explain"])]
    history: bool,
    /// Do not keep this explanation
    #[arg(long)]
    no_history: bool,
    /// Have a language model judge, too
    #[arg(long, overrides_with = "no_model")]
    model: bool,
    /// Ask no language model
    #[arg(long)]
    no_model: bool,
    /// How long a language model is waited for, such as `30 s`
    #[arg(long, value_name = "TIME", default_value = "60 s", value_parser = duration)]
    wait: Duration,
    /// Do not ask before something leaves the machine, and remember that
    #[arg(long, short)]
    yes: bool,
}

fn duration(text: &str) -> std::result::Result<Duration, String> {
    seed_spec::unit::Duration::parse(text).map(seed_spec::unit::Duration::std)
}

/// What an explanation is about.
struct Subject {
    /// The path that it counts as, absolute.
    path: PathBuf,
    /// Its name in what is shown.
    name: String,
    facts: Facts,
    /// The files that the places of facts are in.
    sources: Sources,
}

enum Sources {
    Spec(Box<Analysis>),
    Code(Source),
}

impl Subject {
    /// Where a fact stands: the path, and the range as in LSP.
    fn place(&self, span: Span) -> (Json, Json) {
        let source = match &self.sources {
            Sources::Spec(analysis) => analysis.document(span.file).map(|document| &document.source),
            Sources::Code(source) => Some(source),
        };
        match source {
            Some(source) => {
                let range = json!({"start": source.position(span.range().start), "end": source.position(span.range().end)});
                (source.path().display().to_string().into(), range)
            }
            None => (Json::Null, Json::Null),
        }
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let state = journal::state_folder();
    if args.history {
        let spec = args.spec.as_deref().unwrap_or(Path::new(""));
        let path = if spec == Path::new("-") { args.path.as_deref().unwrap_or(spec) } else { spec };
        return screen::history(&history::read(&state, &spec_file::absolute(path))?, global);
    }
    let input = [&args.spec, &args.explain, &args.code].into_iter().flatten().filter(|path| *path == Path::new("-")).count();
    if input > 1 {
        return Err(Trouble::new("read standard input", "it cannot be two things").hint("give one of them as a file").into());
    }
    let subject = match &args.code {
        Some(code) => of_code(code)?,
        None => match of_spec(args, global)? {
            Some(subject) => subject,
            None => return Err(Error::Shown(Exit::Failed)),
        },
    };
    let explanation = explanation(args, &subject, global)?;
    let mut reflection = reflect(&subject.facts, explanation.as_deref().unwrap_or(""));
    let judged = match &explanation {
        Some(text) => model::judge(args, &subject, text, &mut reflection, &state, global)?,
        None => None,
    };
    if let (Some(text), None, false) = (&explanation, &args.code, args.no_history)
        && !text.trim().is_empty()
    {
        let entry = history::Entry::new(journal::now(), &subject.path, text, &subject.facts, &reflection);
        history::add(&state, &entry.with_reply(judged.as_ref().and_then(model::Judged::reply)))?;
    }
    if global.json {
        let mut shown = json::reflection(&subject.facts, &reflection, &|span| subject.place(span));
        if let (Json::Object(shown), Some(judged)) = (&mut shown, &judged) {
            shown.insert("model".into(), judged.json());
        }
        writeln!(output::stdout(), "{shown}")?;
        return Ok(Exit::Ok);
    }
    screen::reflection(&subject, &reflection, explanation.is_some(), judged.as_ref())?;
    Ok(Exit::Ok)
}

fn of_code(path: &Path) -> Result<Subject> {
    let (counts_as, text) = match path == Path::new("-") {
        true => (PathBuf::from("standard-input"), standard_input("read the code from standard input")?),
        false => (path.to_path_buf(), text_of(&read_bytes(path)?, &format!("read {}", path.display()))?),
    };
    let facts = seed_duck::code::facts(&text);
    let path = spec_file::absolute(&counts_as);
    Ok(Subject { name: counts_as.display().to_string(), sources: Sources::Code(Source::new(&counts_as, text)), path, facts })
}

/// The spec that is named; none if it has mistakes, which are shown then.
fn of_spec(args: &Args, global: &Global) -> Result<Option<Subject>> {
    let host = RealHost::new();
    let named = SpecArg { spec: args.spec.clone().unwrap_or_default(), path: args.path.clone() };
    let spec = spec_file::read(&named)?;
    let mut project = match Project::new(&spec.path, &spec.text, &DiskLoader, &host, &journal::state_folder()) {
        Ok(project) => project,
        Err(analysis) => {
            report::diagnostics::show(&analysis, global)?;
            return Ok(None);
        }
    };
    let plan = plan(&mut project, &host);
    let mut facts = seed_duck::derive(&project.analysis, &project.graph, Some(&host), plan.as_ref());
    if let Some(role) = &args.role {
        let known: Vec<&str> = facts.facts.iter().map(|fact| &*fact.role).filter(|role| !role.is_empty()).collect();
        let nearest = seed_spec::nearest::nearest(role, known.iter().copied()).map(str::to_owned);
        facts = facts.of_role(role);
        if facts.facts.is_empty() {
            let trouble = Trouble::new(format!("listen to an explanation of `{role}`"), "the spec has no role of that name");
            return Err(match nearest {
                Some(near) => trouble.hint(format!("did you mean `{near}`?")),
                None => trouble,
            }
            .into());
        }
    }
    let name = named.spec.file_name().map_or_else(|| "the spec".into(), |name| name.to_string_lossy().into_owned());
    let name = if named.spec == Path::new("-") { "the spec".into() } else { name };
    Ok(Some(Subject { path: spec.path, name, facts, sources: Sources::Spec(Box::new(project.analysis)) }))
}

/// What an apply would do now with the roles of the spec; none where that cannot be told without running commands.
fn plan(project: &mut Project, host: &RealHost) -> Option<Plan> {
    if project.graph.nodes.iter().any(runs_commands) {
        return None;
    }
    let ledger = project.read_journal(host).ok()?;
    project.plan(host, &ledger, &Options::default()).ok()
}

/// The explanation: from a file, or typed. None where there is none.
fn explanation(args: &Args, subject: &Subject, global: &Global) -> Result<Option<String>> {
    match &args.explain {
        Some(path) if path == Path::new("-") => Ok(Some(standard_input("read the explanation from standard input")?.to_string())),
        Some(path) => Ok(Some(text_of(&read_bytes(path)?, &format!("read {}", path.display()))?.to_string())),
        None => {
            let spec_is_input = [&args.spec, &args.code].into_iter().flatten().any(|path| path == Path::new("-"));
            if spec_is_input || global.json || !std::io::stdin().is_terminal() {
                return Ok(None);
            }
            let dim = style::DIM;
            writeln!(
                output::stderr(),
                "Explain {} to the duck, in words of your own. {dim}Ctrl-D on a line of its own ends.{dim:#}\n",
                subject.name
            )?;
            Ok(Some(standard_input("read the explanation")?.to_string()))
        }
    }
}

fn standard_input(attempted: &str) -> Result<Arc<str>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(LONGEST).read_to_end(&mut bytes).map_err(|error| Trouble::from_io(attempted, &error))?;
    Ok(text_of(&bytes, attempted)?)
}

/// What a reflection was made of, for the screen.
struct Shown<'a> {
    subject: &'a Subject,
    reflection: &'a Reflection,
}
