//! `seed prompt`.

mod screen;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_engine::journal::state_folder;
use seed_engine::project::{read_bytes, text_of};
use seed_knowledge::index::Index;
use seed_knowledge::recall::Hit;
use seed_model::{Consent, Provider};
use seed_prompt::library::Library;
use seed_prompt::{Ask, Limits, Place, Prepared, Selection, World, prepare};
use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::host::real::RealHost;
use seed_spec::SPEC_ENDINGS;
use serde_json::json;

use crate::cli::exit::{Error, Exit, Result};
use crate::cli::options::Global;
use crate::cli::{confirm, interrupt, output, spec_file, style};
use screen::Screen;

/// Ask a language model, with the context that you name, or have it write a spec from prose.
///
/// Words in the text are context: #selection and #buffer (the lines and the file given by --selection), #role:NAME, #plan, #observation
/// and #diagnostics (of the spec given by --spec), #recall:WORDS (what `seed recall` finds). `\#plan` is text. What the text
/// names takes the place of the prompt's own context.
///
/// `draft` writes a spec: it is checked as `seed check` does, its mistakes go back to the model once, and what comes out is printed with
/// the mistakes that are left. Nothing is written but with --output, and no file is overwritten.
///
/// Secrets are masked before anything is sent: keys, tokens, passwords and private keys by their form, and the values of `!secret`. Before
/// anything of a project first leaves the machine, all of it is shown and you are asked, once for each provider and endpoint. An
/// endpoint on this machine asks nothing, since nothing leaves.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seed prompt --prompt draft \"a 4 GiB volume I can carry, with a snapshot every day\"\n  seed prompt --spec lab.seed.yaml \"why does #role:pool come after #role:loop?\"\n\n`seed prompt --help` explains how to configure a model and write prompts.",
    after_long_help = include_str!("help.txt")
)]
pub struct Args {
    /// What you want, with words of context in it; `-` reads it from standard input
    #[arg(value_name = "TEXT")]
    text: Vec<String>,
    /// The prompt
    #[arg(long, short, value_name = "NAME", default_value = "ask")]
    prompt: String,
    /// A parameter of the prompt; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// The spec that #role, #plan, #observation and #diagnostics are about; `-` for standard input
    #[arg(long, value_name = "SPEC", value_hint = clap::ValueHint::FilePath)]
    spec: Option<PathBuf>,
    /// The file that #selection and #buffer are of; `-` for standard input. A spec is also taken as --spec
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    selection: Option<PathBuf>,
    /// The lines that are selected, from 1
    #[arg(long, value_name = "FIRST:LAST", value_parser = lines, requires = "selection")]
    lines: Option<(usize, usize)>,
    /// The path that a file read from standard input counts as
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    path: Option<PathBuf>,
    /// Print what would be sent, secrets masked, and send nothing
    #[arg(long)]
    show: bool,
    /// Do not ask before something leaves the machine, and remember that
    #[arg(long, short)]
    yes: bool,
    /// Write the draft to this file, if it has no mistakes; a file that is there is refused
    #[arg(long, short, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// List the prompts
    #[arg(long, conflicts_with_all = ["text", "show", "complete"])]
    list: bool,
    /// List the words of context that begin so
    #[arg(long, value_name = "LEAD", conflicts_with_all = ["text", "show"])]
    complete: Option<String>,
}

fn assignment(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().into(), value.into()))
}

fn lines(text: &str) -> std::result::Result<(usize, usize), String> {
    let (first, last) = text.split_once([':', '-', ',']).unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number > 0);
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok((first, last)),
        _ => Err("write FIRST:LAST, such as 3:12".into()),
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let mut screen = Screen::new(global.json);
    match attempt(args, &mut screen) {
        // Whoever reads events is told in an event.
        Err(Error::Trouble(trouble)) if global.json && !args.list && args.complete.is_none() => {
            screen.failed(&trouble, Exit::Failed)
        }
        Err(Error::Refused(trouble)) if global.json => screen.failed(&trouble, Exit::Refused),
        other => other,
    }
}

fn attempt(args: &Args, screen: &mut Screen) -> Result {
    let host = RealHost::new();
    let state = state_folder();
    let files = Files::read(args)?;
    let folder = draft_path(args);
    let folder = seed_engine::node::folder_of(&folder);
    let project = seed_fragment::root_of(&files.folder).unwrap_or_else(|_| files.folder.clone());
    let recall = |words: &str| Ok(recalled(&project, &state, words));
    let world = World {
        host: &host,
        state_folder: &state,
        folder: &folder,
        spec: files.spec,
        selection: files.selection,
        recall: Some(&recall),
    };
    let library = Library::new(&project, &seed_model::config::folder());
    if args.list {
        return list(&library, screen);
    }
    if let Some(lead) = &args.complete {
        return complete(lead, &world, screen);
    }
    let output = args.output.as_deref().map(spec_file::absolute);
    if let Some(path) = output.as_deref().filter(|path| path.symlink_metadata().is_ok()) {
        return Err(taken(path).into());
    }
    let prompt = library.find(&args.prompt)?;
    let provider = if args.show { configured_or_none()? } else { Some(configured()?) };
    let limits = provider.as_ref().map_or_else(unconfigured, limits_of);
    let ask = Ask { prompt: &prompt, text: &files.text, set: &args.set };
    let prepared = prepare(&ask, &world, limits)?;
    screen.context(provider.as_ref(), &prepared, args.show)?;
    let Some(provider) = provider.filter(|_| !args.show) else { return Ok(Exit::Ok) };
    require_consent(&provider, &prepared, &project, &state, args.yes, screen)?;
    let path = draft_path(args);
    let place = Place { path: &path, project: &project, host: &host };
    let Some(outcome) = ask_model(&provider, &prepared, place, screen)? else { return screen.interrupted() };
    let exit = screen.outcome(&outcome, prepared.answer)?;
    if let (Exit::Ok, Some(output), Some(draft)) = (exit, output, &outcome.draft) {
        write_new(&output, &draft.text)?;
        screen.written(&output)?;
    }
    Ok(exit)
}

/// How many sections a question is answered with, and how much of each, in bytes.
const SECTIONS: usize = 5;
const SECTION: usize = 2000;

/// What is known of some words in a project, as text for a model.
fn recalled(project: &Path, state: &Path, words: &str) -> String {
    let mut index = Index::open(project, state);
    if let Err(trouble) = index.refresh() {
        tracing::warn!(%trouble, "the index is not written");
    }
    let text = |hit: &Hit| format!("{}:{} {}\n{}\n", hit.path, hit.line, hit.title, index.passage(hit, SECTION).trim());
    let found: Vec<String> = index.recall(words, SECTIONS).iter().map(text).collect();
    if found.is_empty() { "Nothing is known of it.".into() } else { found.join("\n") }
}

/// The texts that the arguments name. Standard input is read once, whoever asks for it.
struct Files {
    text: String,
    spec: Option<(PathBuf, Arc<str>)>,
    selection: Option<Selection>,
    /// The folder that tells the project.
    folder: PathBuf,
}

impl Files {
    fn read(args: &Args) -> Result<Files> {
        let is_input = |path: &Path| path == Path::new("-");
        let text_is_input = args.text.len() == 1 && args.text[0] == "-";
        let files = [&args.spec, &args.selection];
        let file_is_input = files.into_iter().flatten().any(|path| is_input(path));
        if text_is_input && file_is_input {
            return Err(Trouble::new("read standard input", "it cannot be the text and a file")
                .hint("give the text as an argument")
                .into());
        }
        let input = match text_is_input || file_is_input {
            true => Some(standard_input()?),
            false => None,
        };
        let read = |path: &PathBuf| -> Result<(PathBuf, Arc<str>)> {
            match &input {
                Some(input) if is_input(path) => {
                    let counts_as = args.path.as_deref().unwrap_or(Path::new("standard-input.seed.yaml"));
                    Ok((spec_file::absolute(counts_as), Arc::clone(input)))
                }
                _ => {
                    let attempted = format!("read {}", path.display());
                    Ok((spec_file::absolute(path), text_of(&read_bytes(path)?, &attempted)?))
                }
            }
        };
        let selected = args.selection.as_ref().map(read).transpose()?;
        let spec = match &args.spec {
            Some(path) => Some(read(path)?),
            None => selected.clone().filter(|(path, _)| is_spec(path)),
        };
        let selection = selected.map(|(path, text)| Selection { path, text, lines: args.lines });
        let named = spec.as_ref().map(|(path, _)| path).or(selection.as_ref().map(|selection| &selection.path));
        let folder = named.map_or_else(|| spec_file::absolute(Path::new(".")), |path| seed_engine::node::folder_of(path));
        let text = if text_is_input { input.map(|text| text.to_string()).unwrap_or_default() } else { args.text.join(" ") };
        Ok(Files { text, spec, selection, folder })
    }
}

fn standard_input() -> Result<Arc<str>> {
    let attempted = "read standard input";
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(seed_engine::project::LONGEST).read_to_end(&mut bytes);
    read.map_err(|error| Trouble::from_io(attempted, &error))?;
    Ok(text_of(&bytes, attempted)?)
}

/// Where a draft would lie.
fn draft_path(args: &Args) -> PathBuf {
    spec_file::absolute(args.output.as_deref().unwrap_or(Path::new("draft.seed.yaml")))
}

fn is_spec(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| SPEC_ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

fn list(library: &Library, screen: &Screen) -> Result {
    let mut out = output::stdout();
    let all = library.all();
    if screen.is_json() {
        let prompts = all.iter().map(|(name, prompt)| match prompt {
            Ok(prompt) => {
                let parameters = prompt.parameters.iter().map(|(name, param)| json!({"name": name, "default": param.default, "doc": param.doc}));
                json!({"name": name, "about": prompt.about, "origin": prompt.origin.words(), "parameters": parameters.collect::<Vec<_>>()})
            }
            Err(trouble) => json!({"name": name, "error": trouble.to_string()}),
        });
        writeln!(out, "{}", json!({"prompts": prompts.collect::<Vec<_>>()}))?;
        return Ok(Exit::Ok);
    }
    let width = all.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let (bold, dim, bad) = (style::NAME, style::DIM, style::BAD);
    for (name, prompt) in all {
        match prompt {
            Ok(prompt) => {
                writeln!(out, "  {bold}{name:width$}{bold:#}  {}  {dim}{}{dim:#}", prompt.about, prompt.origin.words())?
            }
            Err(trouble) => writeln!(out, "  {bold}{name:width$}{bold:#}  {bad}{trouble}{bad:#}")?,
        }
    }
    Ok(Exit::Ok)
}

fn complete(lead: &str, world: &World, screen: &Screen) -> Result {
    let words = seed_prompt::words::complete(lead, &world.roles());
    let mut out = output::stdout();
    if screen.is_json() {
        let words: Vec<_> = words.iter().map(|(word, about)| json!({"word": word, "about": about})).collect();
        writeln!(out, "{}", json!({ "words": words }))?;
        return Ok(Exit::Ok);
    }
    for (word, about) in words {
        writeln!(out, "{word}\t{about}")?;
    }
    Ok(Exit::Ok)
}

/// The model, which has to be there to be asked.
fn configured() -> Result<Provider> {
    let file = seed_model::config::folder().join(seed_model::config::FILE);
    let none = || {
        Trouble::new("ask a model", "none is configured")
            .hint(format!("write {}: `seed prompt --help` shows one; --show shows what would be sent", file.display()))
    };
    Ok(configured_or_none()?.ok_or_else(none)?)
}

fn configured_or_none() -> Result<Option<Provider>> {
    Ok(seed_model::configured()?)
}

fn limits_of(provider: &Provider) -> Limits {
    Limits { context: provider.context() as usize, max_tokens: provider.max_tokens() as usize }
}

/// What is taken where no model is configured, to show what would be sent.
fn unconfigured() -> Limits {
    Limits { context: seed_model::config::CONTEXT as usize, max_tokens: seed_model::config::MAX_TOKENS as usize }
}

/// Asks for the user's yes where something leaves the machine for the first time.
fn require_consent(
    provider: &Provider,
    prepared: &Prepared,
    project: &Path,
    state: &Path,
    yes: bool,
    screen: &mut Screen,
) -> Result<()> {
    let consent = Consent::new(state);
    if consent.is_given(project, provider) {
        return Ok(());
    }
    let question =
        format!("This goes to {}, and so will what you ask of {} from now on. Send it?", provider.endpoint(), project.display());
    if !yes {
        if screen.is_json() {
            screen.ask(provider, project, &question)?;
            return Err(Error::Shown(Exit::Refused));
        }
        screen.messages(&prepared.request)?;
        confirm::ask(&format!("send this to {}", provider.endpoint()), &question)?;
    }
    Ok(consent.give(project, provider)?)
}

/// Asks; none if the user has interrupted it. Whatever ends this closes the connection.
fn ask_model(
    provider: &Provider,
    prepared: &Prepared,
    place: Place,
    screen: &mut Screen,
) -> Result<Option<seed_prompt::Outcome>> {
    interrupt::listen();
    let wake = interrupt::wake()?;
    let io = |error: std::io::Error| Trouble::from_io("ask the model", &error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    // Where nobody reads the answer any more, none is needed.
    let unread = tokio::sync::Notify::new();
    let mut broken = None;
    let outcome = runtime.block_on(async {
        // SAFETY: the descriptor is an eventfd that stays open, and the same, until the process ends.
        let stop = unsafe { tokio::io::unix::AsyncFd::register_with_interest(wake, tokio::io::Interest::READABLE) };
        let stop = stop.map_err(|error| io(error.into()))?;
        let asked = seed_prompt::run(provider, prepared, place, |event| {
            if let Err(error) = screen.event(provider, event) {
                broken.get_or_insert(error);
                unread.notify_one();
            }
        });
        tokio::select! {
            outcome = asked => outcome.map(Some),
            _ = stop.readable() => Ok(None),
            () = unread.notified() => Ok(None),
        }
    });
    match broken {
        Some(error) => Err(error.into()),
        None => Ok(outcome?),
    }
}

fn taken(path: &Path) -> Trouble {
    Trouble::new(format!("write the draft to {}", path.display()), "it is there already")
        .hint("nothing is overwritten: name another file")
}

/// Writes a file that must not be there.
fn write_new(path: &Path, text: &str) -> Result<()> {
    if folder::write_new(path, text.as_bytes(), 0o666)? { Ok(()) } else { Err(taken(path).into()) }
}
