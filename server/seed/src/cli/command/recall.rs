//! `seed recall`.

use std::io::Write;
use std::path::{Path, PathBuf};

use seed_engine::journal;
use seed_knowledge::index::{Index, project_of};
use seed_knowledge::larger::Larger;
use seed_model::{Consent, Provider};
use seed_role::Trouble;
use serde_json::json;

use crate::cli::exit::{Error, Exit, Result};
use crate::cli::options::Global;
use crate::cli::{confirm, output, style};

/// Find what was written about something: by name, by words, by meaning, and by what links to what.
///
/// Specs by their roles, composite roles, prompts, notes and documents by their headings, plain texts, messages of commits and
/// explanations that were given to the duck are looked through. The question may use other words than the text. Each
/// hit says why it was found. What changed since the last time is read first; nothing leaves this machine.
///
/// Where `embeddings: NAME` in model.yaml (see `seed prompt --help`) names a model with OpenAI's or Ollama's interface, its vectors
/// sort the best hits; they are kept, so that no text is sent twice. One that is not on this machine gets texts of a project
/// only with --model, and after a yes. If it is down, the result without it remains.
///
/// The project is the nearest folder above with `.seed/fragments.lock`, or with `.git`, or with `fragments/`, or with a spec; else this
/// folder. What git ignores, and what looks like a secret, is not read.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seed recall pool\n  seed recall how do I take the volume to another machine\n  seed recall --limit 3 --json snapshots"
)]
pub struct Args {
    /// What to look for
    #[arg(value_name = "QUERY", required = true)]
    query: Vec<String>,
    /// How many hits to show
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    limit: usize,
    /// A file or folder of the project to look through [default: this folder]
    #[arg(long = "in", value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    within: Option<PathBuf>,
    /// Have the configured model order the hits, wherever it is
    #[arg(long, overrides_with = "no_model")]
    model: bool,
    /// Ask no model
    #[arg(long)]
    no_model: bool,
    /// Do not ask before something leaves the machine, and remember that
    #[arg(long, short)]
    yes: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let root = project_of(args.within.as_deref().unwrap_or(&PathBuf::from(".")))?;
    let mut index = Index::open(&root, &journal::state_folder());
    if let Err(trouble) = index.refresh() {
        // What was read is found all the same; the next time it is read again.
        writeln!(output::stderr(), "{}warning:{:#} {trouble}", style::WARN, style::WARN)?;
    }
    let question = args.query.join(" ");
    let hits = match larger(args, &root, global)? {
        Some(provider) => {
            let runtime = runtime()?;
            let mut embed = |texts: &[String]| runtime.block_on(provider.embed(texts));
            let mut larger = Larger::new(&journal::state_folder(), &provider.words(), &mut embed);
            let (hits, trouble) = index.recall_with(&question, args.limit, &mut larger);
            if let Some(trouble) = trouble {
                writeln!(
                    output::stderr(),
                    "{}warning:{:#} {trouble}; this is what was found without it",
                    style::WARN,
                    style::WARN
                )?;
            }
            hits
        }
        None => index.recall(&question, args.limit),
    };
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", json!({ "hits": hits, "root": root }))?;
        return Ok(Exit::Ok);
    }
    if hits.is_empty() {
        writeln!(out, "Nothing was found in {}.", root.display())?;
    }
    for hit in hits {
        let (name, dim) = (style::NAME, style::DIM);
        writeln!(out, "{name}{}{name:#}  {dim}{}{dim:#}", hit.title, hit.kind.word())?;
        writeln!(out, "    {}:{}  {dim}{:.2}  {}{dim:#}", hit.path, hit.line, hit.score, hit.why)?;
    }
    Ok(Exit::Ok)
}

/// The model that orders the hits, if one is to.
fn larger(args: &Args, root: &Path, global: &Global) -> Result<Option<Provider>> {
    if args.no_model {
        return Ok(None);
    }
    let provider = match seed_model::embeddings() {
        Ok(Some(provider)) => provider,
        Ok(None) if args.model => {
            let trouble = Trouble::new("have a model order the hits", "none is configured");
            return Err(trouble.hint("write `embeddings: NAME` into model.yaml; `seed prompt --help` shows it").into());
        }
        Ok(None) => return Ok(None),
        Err(trouble) if args.model => return Err(trouble.into()),
        // What is wrong with the configuration does not keep anything from being found.
        Err(_) => return Ok(None),
    };
    let consent = Consent::new(&journal::state_folder());
    if !consent.is_given(root, &provider) {
        if !args.model {
            return Ok(None);
        }
        let attempted = format!("send texts of {} to {}", root.display(), provider.endpoint());
        let question = format!("The question and what is found first, secrets masked, go to {}. Send them?", provider.endpoint());
        if !args.yes {
            if global.json {
                return Err(Error::Refused(Trouble::new(attempted, "you have not said yes to that yet, --yes does")));
            }
            confirm::ask(&attempted, &question)?;
        }
        consent.give(root, &provider)?;
    }
    Ok(Some(provider))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| Trouble::from_io("ask the model", &error))?)
}
