//! What the words of a text stand for: parts of files, the plan, what is there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_engine::check::analyse_with_graph;
use seed_engine::node::Graph;
use seed_engine::plan::{Options, Plan};
use seed_engine::project::{DiskLoader, Project};
use seed_engine::trust::Trust;
use seed_engine::untrusted;
use seed_engine::{Action, info};
use seed_role::Trouble;
use seed_role::host::Host;
use seed_role::trouble::Result;
use seed_spec::analysis::{Analysis, Request, State};
use seed_spec::value::Secret;
use seed_spec::{Data, Diagnostic, FileId, Severity, Value};

use crate::words::Word;

/// Lines of a file that the user has selected.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The path that the file counts as.
    pub path: PathBuf,
    /// All of its text.
    pub text: Arc<str>,
    /// The first and the last line, from 1; none if no lines are selected.
    pub lines: Option<(usize, usize)>,
}

/// Finds what is known of some words, as text for a model.
pub type Recall<'a> = &'a dyn Fn(&str) -> Result<String>;

/// What context is taken from.
pub struct World<'a> {
    /// The machine.
    pub host: &'a dyn Host,
    /// Where the journals are.
    pub state_folder: &'a Path,
    /// The folder that a draft would lie in: its composite roles can be named.
    pub folder: &'a Path,
    /// The path and text of the spec, if there is one.
    pub spec: Option<(PathBuf, Arc<str>)>,
    /// The file and lines that are selected, if any.
    pub selection: Option<Selection>,
    /// The memory, where there is one.
    pub recall: Option<Recall<'a>>,
}

/// A part of the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The word that asked for it.
    pub word: Word,
    /// What it is, as a heading.
    pub title: String,
    /// The language of its text, for a fence.
    pub language: &'static str,
    /// Its text.
    pub text: String,
}

impl Part {
    /// As it stands in a message: a heading, and the text in a fence that nothing in it can end.
    pub fn markdown(&self) -> String {
        let longest = self.text.lines().map(|line| line.trim_start().chars().take_while(|letter| *letter == '`').count()).max();
        let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
        format!("## {}\n\n{fence}{}\n{}\n{fence}\n", self.title, self.language, self.text.trim_end())
    }
}

impl World<'_> {
    /// What a word stands for.
    ///
    /// # Errors
    ///
    /// When it cannot be had, with what is missing.
    pub fn part(&self, word: &Word) -> Result<Part> {
        let part = |title: String, language, text| Ok(Part { word: word.clone(), title, language, text });
        match word {
            Word::Selection => {
                let (selection, (first, last)) = self
                    .selection
                    .as_ref()
                    .and_then(|selection| Some((selection, selection.lines?)))
                    .ok_or_else(|| missing(word, "nothing is selected", "--selection FILE --lines FIRST:LAST"))?;
                let lines: Vec<&str> =
                    selection.text.lines().skip(first.saturating_sub(1)).take(last.saturating_sub(first) + 1).collect();
                if lines.is_empty() {
                    let count = selection.text.lines().count();
                    return Err(missing(
                        word,
                        &format!("{} has {count} lines", selection.path.display()),
                        "--lines FIRST:LAST, from 1",
                    ));
                }
                let title = format!("The selection: {}, lines {first} to {}", name(&selection.path), first + lines.len() - 1);
                part(title, language(&selection.path), lines.join("\n"))
            }
            Word::Buffer => {
                let (path, text) = match (&self.selection, &self.spec) {
                    (Some(selection), _) => (&selection.path, &selection.text),
                    (None, Some((path, text))) => (path, text),
                    (None, None) => return Err(missing(word, "no file is given", "--selection FILE, or --spec SPEC")),
                };
                part(format!("The file {}", name(path)), language(path), text.to_string())
            }
            Word::Role(role) => {
                let (title, text) = self.role(word, role)?;
                part(title, "yaml", text)
            }
            Word::Plan => part(self.titled(word, "The plan")?, "text", plan_text(&self.plan(word, State::Present)?)),
            Word::Observation => part(self.titled(word, "What is there")?, "json", self.observation(word)?),
            Word::Diagnostics => part(self.titled(word, "The diagnostics")?, "text", self.diagnostics(word)?),
            Word::Recall(words) => match self.recall {
                Some(recall) => part(format!("What is known of “{words}”"), "text", recall(words)?),
                None => Err(Trouble::new(format!("use {word}"), "recall is not part of this build").hint("leave it out")),
            },
        }
    }

    /// Whether a word could be had, without working it out.
    pub fn has(&self, word: &Word) -> bool {
        match word {
            Word::Selection => self.selection.as_ref().is_some_and(|selection| selection.lines.is_some()),
            Word::Buffer => self.selection.is_some() || self.spec.is_some(),
            Word::Role(_) | Word::Plan | Word::Observation | Word::Diagnostics => self.spec.is_some(),
            Word::Recall(_) => self.recall.is_some(),
        }
    }

    /// The names of the roles of the spec, for completion.
    pub fn roles(&self) -> Vec<String> {
        let Some((analysis, _)) = self.spec.as_ref().map(|(path, text)| self.analyse(path, text)) else { return Vec::new() };
        let entries = analysis.documents.iter().flat_map(|document| &document.entries);
        let mut names: Vec<String> = entries.map(|entry| entry.name.to_string()).collect();
        names.dedup();
        names
    }

    /// The values behind the secrets that the spec names, so that they can be masked: those that can be had without running
    /// anything. A value that cannot be had cannot stand in what is sent either, but by chance.
    pub fn secrets(&self) -> Vec<String> {
        let Some((analysis, _)) = self.spec.as_ref().map(|(path, text)| self.analyse(path, text)) else { return Vec::new() };
        let mut places = Vec::new();
        for role in analysis.roles.iter().chain(&analysis.instead) {
            role.params.iter().for_each(|(_, value)| secrets_in(value, &mut places));
        }
        let harmless = places.into_iter().filter(|secret| !matches!(**secret, Secret::Command(_)));
        harmless.filter_map(|secret| self.host.secret(&secret).ok()).collect()
    }

    fn analyse(&self, path: &Path, text: &str) -> (Analysis, Graph) {
        analyse_with_graph(&Request { path, text, edited_line: None }, &DiskLoader, Some(self.host))
    }

    fn spec(&self, word: &Word) -> Result<(&Path, &str)> {
        let (path, text) = self.spec.as_ref().ok_or_else(|| missing(word, "no spec is given", "--spec SPEC"))?;
        Ok((path, text))
    }

    fn titled(&self, word: &Word, what: &str) -> Result<String> {
        Ok(format!("{what} of {}", name(self.spec(word)?.0)))
    }

    fn plan(&self, word: &Word, asked: State) -> Result<Plan> {
        let mut project = self.project(word)?.asked_for(asked, self.host);
        let ledger = project.read_journal(self.host)?;
        let project = if asked == State::Present { project.with_orphans(&ledger, self.host) } else { project };
        project.plan(self.host, &ledger, &Options::default())
    }

    fn project(&self, word: &Word) -> Result<Project> {
        let (path, text) = self.spec(word)?;
        let project = Project::new(path, text, &DiskLoader, self.host, self.state_folder).map_err(|analysis| {
            let first = analysis.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
            let said = first.map_or("it has errors", |first| &*first.message);
            Trouble::new(format!("use {word}"), format!("{} cannot be planned: {said}", name(path)))
                .hint("use #diagnostics or #buffer")
        })?;
        // Looking may run what a spec names, too.
        untrusted::require(&project, &Trust::new(self.state_folder))?;
        Ok(project)
    }

    fn observation(&self, word: &Word) -> Result<String> {
        let plan = self.plan(word, State::Info)?;
        let json = info::json(&plan);
        let roles = json["roles"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(roles.iter().map(|role| format!("{role}\n")).collect())
    }

    fn diagnostics(&self, word: &Word) -> Result<String> {
        let (path, text) = self.spec(word)?;
        let (analysis, _) = self.analyse(path, text);
        let lines = diagnostic_lines(&analysis, |_| true);
        Ok(if lines.is_empty() { "No mistakes found.".into() } else { lines.join("\n") })
    }

    fn role(&self, word: &Word, role: &str) -> Result<(String, String)> {
        let (path, text) = self.spec(word)?;
        let (analysis, graph) = self.analyse(path, text);
        let documents = analysis.documents.iter();
        let found = documents
            .flat_map(|document| document.entries.iter().map(move |entry| (document, entry)))
            .find(|(_, entry)| *entry.name == *role);
        let Some((document, entry)) = found else {
            let names = self.roles();
            let near = seed_spec::nearest::nearest(role, names.iter().map(String::as_str));
            let hint = near.map_or_else(|| format!("it has {}", names.join(", ")), |near| format!("did you mean #role:{near}?"));
            return Err(Trouble::new(format!("use {word}"), format!("{} has no role `{role}`", name(path))).hint(hint));
        };
        let first = document.source.line_of(entry.span.start as usize);
        let indent = document.source.line(first).len() - document.source.line(first).trim_start().len();
        let mut text = String::new();
        for line in document.source.slice(entry.span).trim_end().lines() {
            let strip = line.len().min(indent).min(line.len() - line.trim_start().len());
            text += &format!("{}\n", &line[strip..]);
        }
        let (before, after) = neighbours(&graph, role);
        for (words, names) in [("# comes after:", before), ("# comes before:", after)] {
            if !names.is_empty() {
                text += &format!("{words} {}\n", names.join(", "));
            }
        }
        Ok((format!("The role `{role}` of {}, from line {}", name(document.source.path()), first + 1), text))
    }
}

/// The roles that come directly before and behind one, or one of its instances.
fn neighbours(graph: &Graph, role: &str) -> (Vec<String>, Vec<String>) {
    let is_it =
        |name: &str| name == role || name.strip_prefix(role).is_some_and(|rest| rest.starts_with('[') || rest.starts_with('/'));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for node in &graph.nodes {
        for other in node.after.iter().filter_map(|number| graph.nodes.get(*number)) {
            match (is_it(&node.name), is_it(&other.name)) {
                (true, false) => before.push(other.name.to_string()),
                (false, true) => after.push(node.name.to_string()),
                _ => {}
            }
        }
    }
    before.dedup();
    after.dedup();
    (before, after)
}

/// Diagnostics, one a line, with the line of the file that each is about.
pub(crate) fn diagnostic_lines(analysis: &Analysis, wanted: impl Fn(&Diagnostic) -> bool) -> Vec<String> {
    let one = |diagnostic: &Diagnostic| {
        let document = analysis.document(diagnostic.span.file)?;
        let line = document.source.line_of(diagnostic.span.start as usize);
        let file = if diagnostic.span.file == FileId(0) { String::new() } else { format!("{}, ", name(document.source.path())) };
        // What stands in other files is not quoted: nobody has asked for it.
        let quoted = if diagnostic.span.file == FileId(0) { document.source.line(line).trim() } else { "" };
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "remark",
        };
        let mut text = format!("{file}line {}: {severity} {}: {}", line + 1, diagnostic.code.name(), diagnostic.message);
        if !quoted.is_empty() {
            text += &format!(" — in `{quoted}`");
        }
        if let Some(help) = &diagnostic.help {
            text += &format!(" ({help})");
        } else if let Some(fix) = diagnostic.fixes.first() {
            text += &format!(" ({})", fix.title);
        }
        Some(text)
    };
    analysis.diagnostics.iter().filter(|diagnostic| wanted(diagnostic)).filter_map(one).collect()
}

/// The plan in a line for each role that is touched, and a count of the others.
fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    for planned in plan.in_order().filter(|planned| planned.action != Action::None || planned.refused) {
        text += &format!("{}: {} ({})", planned.action.word(), planned.role, planned.is);
        for change in &planned.changes {
            text += &format!("; {}: {} → {}", change.field, change.from, change.to);
        }
        if let Some(loses) = &planned.loses {
            text += &format!("; DESTROYS: {loses}");
        }
        if planned.refused {
            text += "; refused";
        }
        if let Some(reason) = &planned.reason {
            text += &format!("; {reason}");
        }
        if !planned.after.is_empty() {
            text += &format!("; after {}", planned.after.iter().map(|name| &**name).collect::<Vec<_>>().join(", "));
        }
        text.push('\n');
    }
    text + &format!("{} roles need nothing\n", plan.count(Action::None))
}

fn secrets_in(value: &Value, found: &mut Vec<Arc<Secret>>) {
    match &value.data {
        Data::Secret(secret) => found.push(Arc::clone(secret)),
        Data::List(items) => items.iter().for_each(|item| secrets_in(item, found)),
        Data::Map(entries) => entries.iter().for_each(|(_, value)| secrets_in(value, found)),
        _ => {}
    }
}

fn missing(word: &Word, came_back: &str, hint: &str) -> Trouble {
    Trouble::new(format!("use {word}"), came_back).hint(format!("give it with {hint}"))
}

/// The name of a file: folders say where a user's things lie, and a model needs not know.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The language of a file, for a fence.
fn language(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("yaml" | "yml") => "yaml",
        Some("rs") => "rust",
        Some("lua") => "lua",
        Some("py") => "python",
        Some("sh" | "bash") => "sh",
        Some("md") => "markdown",
        Some("json") => "json",
        Some("toml") => "toml",
        _ => "text",
    }
}
