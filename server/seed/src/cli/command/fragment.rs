//! `seed fragment`.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use seed_fragment::{Embedding, Item, Key, Project, Report, Resolution, State, Summary, Take, Target, project_of};
use seed_role::Trouble;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, style};

/// Keep a snippet identical in many files, and keep local edits.
///
/// A fragment is a file in `fragments/`: `fragments/ssh-base`, or with any ending, `fragments/ssh-base.conf`. It may begin with what it is
/// about and its parameters, between `---` lines; the rest is a Jinja template. A file embeds it between two markers, in comments of its
/// own language, with the parameters on the first. Both are shown below.
///
/// `seed fragment update` renders it there. What you then change between the markers stays: when the fragment changes, the two are
/// merged, as git merges. Where both changed the same lines nothing is written; the conflict is reported, and you decide with `resolve`.
///
/// The project is the nearest folder above with `.seed/fragments.lock`, `.git` or `fragments/`. A folder in it with a lock or a `.git` of
/// its own is a project of its own. Keep `.seed/` in version control: it holds what was rendered last. What git ignores, and what is
/// mounted from another file system, is not looked at.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A fragment, fragments/ssh-base:\n  ---\n  about: What every sshd here has.\n  parameters:\n    port: {type: int, default: 22}\n  ---\n  Port {{ port }}\n  PermitRootLogin no\n\nA file that embeds it, before the first update:\n  # seed:begin ssh-base#1 port=2222\n  # seed:end ssh-base#1\n\nExamples:\n  seed fragment add ssh-base etc/sshd_config --with port=2222\n  seed fragment status\n  seed fragment update\n  seed fragment resolve --theirs ssh-base#1\n\nA marker that is meant as text is escaped: \\seed:begin, or seed:ignore anywhere on its line.\n\nExit statuses: 0 clean, 2 to do (outdated, clash, orphan), 1 error."
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// How each block stands; changes nothing
    ///
    /// current: as the fragment renders. edited: your edits, and nothing new to merge. outdated: `update` has something to write.
    /// clash: you and the fragment changed the same lines. orphan: there is no such fragment. error: the markers or parameters are wrong.
    Status(Paths),
    /// Render again everywhere, and merge with what was edited
    ///
    /// All files are written, or none, also if the process is stopped. A file with a clash or an error in it stays as it is;
    /// the three sides of a clash are kept in .seed/pending/.
    Update(Paths),
    /// Settle clashes, and copies of a block
    Resolve(ResolveArgs),
    /// Take the markers away: the text stays, and is yours alone
    Detach(Targets),
    /// Embed a fragment in files, and render it
    Add(AddArgs),
}

#[derive(Debug, clap::Args)]
struct Paths {
    /// Files and folders [default: the whole project]
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Targets {
    /// Blocks, as NAME#INSTANCE, or files and folders for all in them
    #[arg(value_name = "TARGET", required = true, value_hint = clap::ValueHint::AnyPath)]
    targets: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("how").required(true)))]
struct ResolveArgs {
    /// Keep your text; the fragment's change counts as seen
    #[arg(long, group = "how")]
    mine: bool,
    /// Take the fragment's text; of a block named as NAME#INSTANCE also where it was merely edited
    #[arg(long, group = "how")]
    theirs: bool,
    /// Write both into the text, with conflict markers, and decide there
    #[arg(long, group = "how")]
    markers: bool,
    /// Give a copied block an instance of its own
    #[arg(long, group = "how")]
    new_instance: bool,
    #[command(flatten)]
    targets: Targets,
}

#[derive(Debug, clap::Args)]
struct AddArgs {
    /// The fragment
    #[arg(value_name = "NAME")]
    name: String,
    /// The files
    #[arg(value_name = "PATH", required = true, value_hint = clap::ValueHint::FilePath)]
    paths: Vec<PathBuf>,
    /// Before this line, counted from 1 [default: at the end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    line: Option<u32>,
    /// A parameter; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parameter)]
    with: Vec<(String, String)>,
    /// The instance [default: the lowest number that is free]
    #[arg(long, value_name = "INSTANCE")]
    instance: Option<String>,
    /// How a line becomes a comment, with %s for the text, as Vim's 'commentstring' [default: by the file's name]
    #[arg(long, value_name = "PATTERN")]
    comment: Option<String>,
}

fn parameter(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let is_name =
        name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_') && !name.starts_with(|one: char| one.is_ascii_digit());
    if name.is_empty() || !is_name {
        return Err(format!("`{name}` cannot be the name of a parameter"));
    }
    Ok((name.into(), value.into()))
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let report = match &args.what {
        What::Status(Paths { paths }) => Project::open(&root(paths)?)?.status(paths)?,
        What::Update(Paths { paths }) => seed_fragment::update(&root(paths)?, paths)?,
        What::Resolve(args) => resolve(&args.targets, args.resolution())?,
        What::Detach(targets) => resolve(targets, Resolution::Detach)?,
        What::Add(args) => add(args)?,
    };
    show(&report, &args.what, global)?;
    if let What::Add(AddArgs { paths, .. }) = &args.what {
        // The last act: run again after a kill it must not embed it twice.
        seed_fragment::reported(&root(paths)?)?;
    }
    Ok(match Summary::of(&report.items) {
        Summary::Clean => Exit::Ok,
        Summary::ToDo => Exit::Changes,
        Summary::Wrong => Exit::Failed,
    })
}

impl ResolveArgs {
    fn resolution(&self) -> Resolution {
        match (self.mine, self.theirs, self.markers) {
            (true, ..) => Resolution::Take(Take::Mine),
            (_, true, _) => Resolution::Take(Take::Theirs),
            (.., true) => Resolution::Take(Take::Markers),
            _ => Resolution::NewInstance,
        }
    }
}

/// The project of the first path, or of this folder.
fn root(paths: &[PathBuf]) -> Result<PathBuf> {
    Ok(project_of(paths.first().map_or(Path::new("."), PathBuf::as_path))?)
}

fn resolve(Targets { targets }: &Targets, resolution: Resolution) -> Result<Report> {
    let target = |text: &String| {
        let path = PathBuf::from(text);
        match Key::parse(text).filter(|_| !path.exists()) {
            Some(key) => Target::Key(key),
            None => Target::Path(path),
        }
    };
    let targets: Vec<Target> = targets.iter().map(target).collect();
    let paths: Vec<PathBuf> =
        targets.iter().filter_map(|target| if let Target::Path(path) = target { Some(path.clone()) } else { None }).collect();
    Ok(seed_fragment::resolve(&root(&paths)?, &targets, resolution)?)
}

fn add(args: &AddArgs) -> Result<Report> {
    let pattern = |pattern: &String| {
        seed_fragment::embed::Comment::from_pattern(pattern).ok_or_else(|| {
            Trouble::new("embed the fragment", format!("the comment `{pattern}` has no %s")).hint("such as --comment '/* %s */'")
        })
    };
    let embedding = Embedding {
        fragment: args.name.clone(),
        instance: args.instance.clone(),
        params: args.with.clone(),
        line: args.line.map(|line| line as usize),
        comment: args.comment.as_ref().map(pattern).transpose()?,
    };
    if args.instance.is_some() && args.paths.len() > 1 {
        return Err(Trouble::new("embed the fragment", "one instance cannot be in several files")
            .hint("leave --instance out")
            .into());
    }
    Ok(seed_fragment::add(&root(&args.paths)?, &args.paths, &embedding)?)
}

fn show(report: &Report, what: &What, global: &Global) -> Result<()> {
    // All of it is written at once: a line at a time would be a system call for each of many blocks.
    let mut stdout = output::stdout();
    if global.json {
        let mut text = serde_json::to_vec(&Told::of(report)).map_err(std::io::Error::from)?;
        text.push(b'\n');
        return Ok(stdout.write_all(&text)?);
    }
    let choice = anstream::AutoStream::choice(&std::io::stdout());
    let text = Vec::with_capacity(report.items.len() * 80);
    let mut out = std::io::BufWriter::with_capacity(1 << 16, anstream::AutoStream::new(text, choice));
    for note in &report.notes {
        writeln!(output::stderr(), "{note}")?;
    }
    for item in &report.items {
        let color = color(item.state);
        // What is as it should be is not worth a line, unless it was asked for or has just been done.
        let is_quiet =
            matches!(item.state, State::Current | State::Edited) && matches!(what, What::Update(_)) && item.then.is_none();
        if is_quiet && global.verbose == 0 {
            continue;
        }
        let place = format!("{}:{}", item.file.display(), item.line);
        let key = if item.fragment.is_empty() { String::new() } else { format!(" {}#{}", item.fragment, item.instance) };
        writeln!(out, "{place}{key}  {color}{}{color:#}  {}", word(item.state), item.message)?;
    }
    write_hint(&mut out, report, what)?;
    let out = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    Ok(stdout.write_all(&out.into_inner())?)
}

/// A report as JSON.
#[derive(serde::Serialize)]
struct Told<'a> {
    items: &'a [seed_fragment::Item],
    written: Vec<String>,
    notes: &'a [String],
}

impl Told<'_> {
    fn of(report: &Report) -> Told<'_> {
        let written = report.written.iter().map(|path| path.display().to_string()).collect();
        Told { items: &report.items, written, notes: &report.notes }
    }
}

/// What to do next.
fn write_hint(out: &mut impl Write, report: &Report, what: &What) -> Result<()> {
    let of = |item: &&Item, state: State| item.state == state;
    // A file with one of these in it is not written, whatever else is outdated in it.
    let holds = |item: &&Item| matches!(item.state, State::Clash | State::Error);
    let held: HashSet<&Path> = report.items.iter().filter(holds).map(|item| item.file.as_path()).collect();
    let has_clash = report.items.iter().any(|item| of(&item, State::Clash));
    let has_outdated = report.items.iter().any(|item| of(&item, State::Outdated) && !held.contains(item.file.as_path()));
    if report.items.is_empty() && report.notes.is_empty() {
        writeln!(out, "No file here embeds a fragment. seed fragment add NAME FILE embeds one.")?;
    } else if Summary::of(&report.items) == Summary::Clean && report.written.is_empty() && report.notes.is_empty() {
        writeln!(out, "{}Nothing to do.{:#}", style::GOOD, style::GOOD)?;
    }
    if has_clash {
        // Looking keeps nothing.
        let kept = if matches!(what, What::Status(_)) { "" } else { "; its three sides are in .seed/pending/" };
        writeln!(out, "To settle a clash: seed fragment resolve --mine | --theirs | --markers NAME#INSTANCE{kept}.")?;
    } else if has_outdated {
        writeln!(out, "Next: seed fragment update")?;
    }
    Ok(())
}

fn word(state: State) -> &'static str {
    match state {
        State::Current => "current",
        State::Edited => "edited",
        State::Outdated => "outdated",
        State::Clash => "clash",
        State::Orphan => "orphan",
        State::Error => "error",
    }
}

fn color(state: State) -> anstyle::Style {
    match state {
        State::Current => style::GOOD,
        State::Edited => style::DIM,
        State::Outdated | State::Orphan => style::WARN,
        State::Clash | State::Error => style::BAD,
    }
}
