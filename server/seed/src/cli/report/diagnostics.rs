//! Diagnostics with the lines they are about.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::Path;

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};
use seed_spec::analysis::{Analysis, Document};
use seed_spec::tree::Tree;
use seed_spec::{Diagnostic, FileId, Severity, Source, Span};
use serde_json::{Value as Json, json};

use crate::cli::options::Global;
use crate::cli::{output, style, terminal};

/// Shows the diagnostics on standard output, as text or JSON.
pub fn show(analysis: &Analysis, global: &Global) -> std::io::Result<()> {
    if global.json {
        return writeln!(output::stdout(), "{}", json!({ "diagnostics": to_json(analysis) }));
    }
    write_all(analysis, &mut output::stdout())
}

/// The analysis of a text by itself: nothing but what is wrong with it.
pub fn of_text(path: &Path, text: &str, diagnostics: Vec<Diagnostic>) -> Analysis {
    let document = Document {
        file: FileId(0),
        source: Source::new(path, text),
        tree: Tree::default(),
        entries: Vec::new(),
        folder: seed_engine::node::folder_of(path),
        absolute: path.to_path_buf(),
    };
    Analysis { documents: vec![document], diagnostics, ..Analysis::default() }
}

/// Shows them on standard error.
pub fn to_stderr(analysis: &Analysis) -> std::io::Result<()> {
    write_all(analysis, &mut output::stderr())
}

/// Lines longer than this, in bytes, are not shown: what is wrong on them is told with its line and column.
const LONGEST_LINE: usize = 1_000;

pub(in crate::cli) fn write_all(analysis: &Analysis, out: &mut impl Write) -> std::io::Result<()> {
    let mut sources = Sources { analysis, known: HashMap::new() };
    for diagnostic in &analysis.diagnostics {
        let spans: Vec<Span> = [diagnostic.span].into_iter().chain(diagnostic.related.iter().map(|(span, _)| *span)).collect();
        match spans.iter().map(|span| sources.place(*span)).collect::<Option<Vec<Place>>>() {
            Some(places) => {
                let mut text = Vec::new();
                report(diagnostic, &places).write(&mut sources, &mut text)?;
                out.write_all(&with_short_title(text))?;
            }
            None => write_without_lines(analysis, diagnostic, out)?,
        }
        write_lines_to_add(diagnostic, out)?;
    }
    Ok(())
}

/// A path as the user would write it from here.
pub fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

/// The files that diagnostics are about, as they are shown.
struct Sources<'a> {
    analysis: &'a Analysis,
    known: HashMap<FileId, Shown>,
}

/// A file as it is shown: with what would act on a terminal replaced character by character, and so with its lines and columns.
struct Shown {
    text: ariadne::Source<String>,
    path: String,
    /// How many characters stand before each line; none where each has one byte.
    before: Option<Vec<usize>>,
    /// The numbers of the lines that are too long to be shown.
    long: BTreeSet<usize>,
}

impl Shown {
    fn new(source: &Source) -> Shown {
        let text = source.text();
        let mut letters = text.chars().peekable();
        let mut shown = String::with_capacity(text.len());
        while let Some(letter) = letters.next() {
            shown.push(match letter {
                // Both end a line, as they do for the spec.
                '\r' if letters.peek() == Some(&'\n') => letter,
                '\r' | '\n' => '\n',
                '\t' => letter,
                letter => terminal::shown(letter),
            });
        }
        let lines = || (0..source.line_count()).map(|line| &text[source.line_start(line)..source.line_start(line + 1)]);
        let counted = || {
            lines().scan(0, |sum, line| {
                let before = *sum;
                *sum += line.chars().count();
                Some(before)
            })
        };
        Shown {
            text: ariadne::Source::from(shown),
            path: terminal::line(&shown_path(source.path())).into_owned(),
            before: (!text.is_ascii()).then(|| counted().collect()),
            long: lines().enumerate().filter(|(_, line)| line.len() > LONGEST_LINE).map(|(number, _)| number).collect(),
        }
    }

    /// How many characters stand before a byte offset.
    fn characters(&self, source: &Source, offset: usize) -> usize {
        let Some(before) = &self.before else { return offset };
        let line = source.line_of(offset);
        before.get(line).copied().unwrap_or(0) + source.text()[source.line_start(line)..offset].chars().count()
    }
}

type Place = (FileId, std::ops::Range<usize>);

impl<'a> Sources<'a> {
    fn shown(&mut self, file: FileId) -> Option<(&'a Source, &Shown)> {
        let source = &self.analysis.document(file)?.source;
        Some((source, self.known.entry(file).or_insert_with(|| Shown::new(source))))
    }

    /// Where a span is, in characters; none if its lines cannot be shown.
    fn place(&mut self, span: Span) -> Option<Place> {
        let (source, shown) = self.shown(span.file)?;
        let (start, end) = (source.boundary(span.start as usize), source.boundary(span.end as usize));
        let end = end.max(start);
        if shown.long.range(source.line_of(start)..=source.line_of(end)).next().is_some() {
            return None;
        }
        Some((span.file, shown.characters(source, start)..shown.characters(source, end)))
    }
}

impl ariadne::Cache<FileId> for &mut Sources<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &FileId) -> Result<&ariadne::Source<String>, impl std::fmt::Debug> {
        self.shown(*id).map(|(_, shown)| &shown.text).ok_or("no such file")
    }

    fn display<'a>(&self, id: &'a FileId) -> Option<impl std::fmt::Display + 'a> {
        self.known.get(id).map(|shown| shown.path.clone())
    }
}

/// The help of a diagnostic. It says already what the fixes, which are for editors, would do.
fn help(diagnostic: &Diagnostic) -> Option<String> {
    let fixes: Vec<&str> = diagnostic.fixes.iter().map(|fix| &*fix.title).collect();
    let fixes = (!fixes.is_empty()).then(|| fixes.join(", or: "));
    diagnostic.help.clone().or(fixes)
}

/// Lines of a spec that the help has behind its first line: as they are, to be copied.
fn write_lines_to_add(diagnostic: &Diagnostic, out: &mut impl Write) -> std::io::Result<()> {
    let Some((_, lines)) = diagnostic.help.as_deref().and_then(|help| help.split_once('\n')) else { return Ok(()) };
    writeln!(out)?;
    lines.lines().try_for_each(|line| writeln!(out, "{}", cut(line)))?;
    writeln!(out)
}

/// The report with a title that ends behind the severity: the message stands where it belongs.
fn with_short_title(mut report: Vec<u8>) -> Vec<u8> {
    let end = report.iter().position(|byte| *byte == b'\n').unwrap_or(report.len());
    let colon = report[..end].iter().position(|byte| *byte == b':');
    let title: Vec<u8> = report[..end].iter().enumerate().filter(|(at, _)| Some(*at) != colon).map(|(_, byte)| *byte).collect();
    report.splice(..end, title.trim_ascii_end().iter().copied());
    report
}

/// A diagnostic whose lines are too long to be shown.
fn write_without_lines(analysis: &Analysis, diagnostic: &Diagnostic, out: &mut impl Write) -> std::io::Result<()> {
    let (word, color) = match diagnostic.severity {
        Severity::Error => ("Error", style::BAD),
        Severity::Warning => ("Warning", style::WARN),
        Severity::Info => ("Advice", style::DIM),
    };
    let at = |span: Span| match analysis.document(span.file) {
        Some(document) => {
            let position = document.source.position(span.start as usize);
            let path = shown_path(document.source.path());
            format!("{}:{}:{}", terminal::line(&path), position.line + 1, position.character + 1)
        }
        None => "in a file that is not read".to_owned(),
    };
    writeln!(out, "{color}[{}] {word}{color:#}", diagnostic.code.name())?;
    writeln!(out, "   {}: {}", at(diagnostic.span), cut(&diagnostic.message))?;
    for (span, remark) in &diagnostic.related {
        writeln!(out, "   {}: {}", at(*span), cut(remark))?;
    }
    if let Some(help) = help(diagnostic) {
        writeln!(out, "   Help: {}", cut(first_line(&help)))?;
    }
    writeln!(out)
}

/// A line of words, no longer than lines of files are shown.
fn cut(words: &str) -> String {
    let line = terminal::line(words);
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

fn report(diagnostic: &Diagnostic, places: &[Place]) -> Report<'static, Place> {
    let (kind, color) = match diagnostic.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
        Severity::Info => (ReportKind::Advice, Color::Blue),
    };
    let colored = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let first = places.first().cloned().unwrap_or((diagnostic.span.file, 0..0));
    let messages = [&diagnostic.message].into_iter().chain(diagnostic.related.iter().map(|(_, remark)| remark));
    let colors = [color].into_iter().chain(std::iter::repeat(Color::Cyan));
    let mut labels: Vec<(&Place, &String, Color)> =
        places.iter().zip(messages).zip(colors).map(|((place, message), color)| (place, message, color)).collect();
    // In the order of the file, so that one excerpt shows them all.
    labels.sort_by_key(|(place, ..)| (place.0 != first.0, place.0, place.1.start));
    let mut builder = Report::build(kind, first)
        .with_config(Config::default().with_index_type(IndexType::Char).with_color(colored).with_compact(false))
        .with_code(diagnostic.code.name());
    for (place, message, color) in labels {
        builder = builder.with_label(Label::new(place.clone()).with_message(cut(message)).with_color(color));
    }
    if let Some(help) = help(diagnostic) {
        builder = builder.with_help(cut(first_line(&help)));
    }
    builder.finish()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The diagnostics as `seed check --json` prints them.
pub fn to_json(analysis: &Analysis) -> Vec<Json> {
    let one = |diagnostic: &Diagnostic| {
        let document = analysis.document(diagnostic.span.file)?;
        let mut json = json!({
            "path": shown_path(document.source.path()),
            "range": {
                "start": document.source.position(diagnostic.span.start as usize),
                "end": document.source.position(diagnostic.span.end as usize),
            },
            "severity": diagnostic.severity,
            "code": diagnostic.code,
            "message": diagnostic.message,
        });
        if let Some(help) = &diagnostic.help {
            json["help"] = json!(help);
        }
        let related = |(span, message): &(Span, String)| {
            let source = &analysis.document(span.file)?.source;
            let range = json!({"start": source.position(span.start as usize), "end": source.position(span.end as usize)});
            Some(json!({"path": shown_path(source.path()), "range": range, "message": message}))
        };
        let related: Vec<Json> = diagnostic.related.iter().filter_map(related).collect();
        if !related.is_empty() {
            json["related"] = json!(related);
        }
        Some(json)
    };
    analysis.diagnostics.iter().filter_map(one).collect()
}
