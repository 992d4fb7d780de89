//! `seed trust`.

use std::io::Write;
use std::path::{Path, PathBuf};

use seed_engine::check::analyse;
use seed_engine::journal::state_folder;
use seed_engine::project::{DiskLoader, read_text};
use seed_engine::trust::{Entry, Trust};
use seed_role::{Trouble, shell};
use seed_spec::analysis::{Pinned, Request};
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, spec_file, terminal};

/// Allow the specs of a folder, and of those below it, to run their own commands.
///
/// Specs run commands by `task.command` and `!secret {command: …}`. Read the specs before you trust their folder.
///
/// Every file that contributes to a command must be trusted: the spec, the specs that it includes, and composite roles. For a symbolic link,
/// the folder that contains it must be trusted, too. A folder that is named by a link is trusted as long as the link points to it.
///
/// A fetched collection is trusted separately, by its source and the commit that it is pinned to. After an update you are asked again. No
/// trusted folder includes it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder; without one, the trusted folders are listed
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: Option<PathBuf>,
    /// A collection, at its commit; DIR is then the spec that names it
    #[arg(long, value_name = "NAME", requires = "folder")]
    collection: Option<String>,
    /// Remove the trust
    #[arg(long, requires = "folder")]
    remove: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let trust = Trust::new(&state_folder());
    let mut out = output::stdout();
    match (&args.folder, &args.collection) {
        (Some(spec), Some(name)) => {
            let pinned = pinned(spec, name)?;
            trust.set_collection(&pinned, !args.remove)?;
            if !global.json {
                let (url, commit) = (&pinned.url, &pinned.commit);
                match args.remove {
                    true => writeln!(out, "{name} ({url}) is no longer trusted, at any commit.")?,
                    false => writeln!(out, "{name} ({url}) is trusted at commit {commit}: it may run its own commands.")?,
                }
                return Ok(Exit::Ok);
            }
        }
        (Some(folder), None) => {
            let folder = trust.set(folder, !args.remove)?;
            let words = if args.remove { "is no longer trusted" } else { "is trusted: its specs may run their own commands" };
            if !global.json {
                writeln!(out, "{} {words}.", shell::word(&folder))?;
                return Ok(Exit::Ok);
            }
        }
        (None, _) => {}
    }
    let entries = trust.entries()?;
    if !global.json {
        for entry in entries {
            match entry {
                Entry::Folder { folder } => writeln!(out, "{}", shell::word(&folder))?,
                Entry::Link { link, to } => writeln!(out, "{} while it leads to {}", shell::word(&link), shell::word(&to))?,
                Entry::Collection { collection, commit } => writeln!(out, "{} at commit {commit}", terminal::line(&collection))?,
            }
        }
        return Ok(Exit::Ok);
    }
    let (mut folders, mut links, mut collections) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::Folder { folder } => folders.push(folder),
            Entry::Link { link, to } => links.push(json!({ "link": link, "to": to })),
            Entry::Collection { collection, commit } => collections.push(json!({ "url": collection, "commit": commit })),
        }
    }
    writeln!(out, "{}", json!({ "trusted": folders, "links": links, "collections": collections }))?;
    Ok(Exit::Ok)
}

/// What a collection of a spec is pinned to.
fn pinned(spec: &Path, name: &str) -> Result<Pinned> {
    let attempt = || format!("trust the collection `{name}` of {}", spec.display());
    let path = spec_file::absolute(spec);
    let text = read_text(&path)?;
    let analysis = analyse(&Request { path: &path, text: &text, edited_line: None }, &DiskLoader, None);
    let Some(collection) = analysis.collections.iter().find(|collection| *collection.name == *name) else {
        return Err(Trouble::new(attempt(), "the spec has no collection of that name").hint("seed collection list").into());
    };
    match &collection.found {
        None => Err(Trouble::new(attempt(), "it has not been fetched").hint("`seed collection list` shows why").into()),
        Some(found) => found.pinned.clone().ok_or_else(|| {
            let hint = format!("trust the folder: seed trust {}", shell::word(&found.folder));
            Trouble::new(attempt(), "it is a folder, which is not pinned").hint(hint).into()
        }),
    }
}
