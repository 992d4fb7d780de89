//! Diagnostics with the lines they are about.

use std::io::Write;
use std::path::Path;

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};
use seed_spec::analysis::{Analysis, Document};
use seed_spec::tree::Tree;
use seed_spec::{Diagnostic, FileId, Severity, Source, Span};
use serde_json::{Value as Json, json};

use crate::cli::options::Global;
use crate::cli::output;

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
    write_all(analysis, &mut anstream::stderr().lock())
}

fn write_all(analysis: &Analysis, out: &mut impl Write) -> std::io::Result<()> {
    if analysis.diagnostics.is_empty() {
        return Ok(());
    }
    let sources: Vec<(FileId, ariadne::Source<String>, String)> = analysis
        .documents
        .iter()
        .map(|document| {
            (document.file, ariadne::Source::from(document.source.text().to_string()), shown_path(document.source.path()))
        })
        .collect();
    let mut cache = Sources(sources);
    for diagnostic in &analysis.diagnostics {
        report(diagnostic).write(&mut cache, &mut *out)?;
    }
    Ok(())
}

/// A path as the user would write it from here.
pub fn shown_path(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).display().to_string()
}

struct Sources(Vec<(FileId, ariadne::Source<String>, String)>);

impl ariadne::Cache<FileId> for &mut Sources {
    type Storage = String;

    fn fetch(&mut self, id: &FileId) -> Result<&ariadne::Source<String>, impl std::fmt::Debug> {
        self.0.iter().find(|(file, _, _)| file == id).map(|(_, source, _)| source).ok_or("no such file")
    }

    fn display<'a>(&self, id: &'a FileId) -> Option<impl std::fmt::Display + 'a> {
        self.0.iter().find(|(file, _, _)| file == id).map(|(_, _, path)| path.clone())
    }
}

type Place = (FileId, std::ops::Range<usize>);

fn place(span: Span) -> Place {
    (span.file, span.range())
}

fn report(diagnostic: &Diagnostic) -> Report<'static, Place> {
    let (kind, color) = match diagnostic.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
        Severity::Info => (ReportKind::Advice, Color::Blue),
    };
    let colored = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    // A label without words is not underlined. The help says already what the fixes, which are for editors, would do.
    let fixes: Vec<&str> = diagnostic.fixes.iter().map(|fix| &*fix.title).collect();
    let words = match &diagnostic.help {
        Some(help) => help.clone(),
        None if fixes.is_empty() => "here".to_string(),
        None => fixes.join(", or: "),
    };
    let label = Label::new(place(diagnostic.span)).with_color(color).with_message(words);
    let mut builder = Report::build(kind, place(diagnostic.span))
        .with_config(Config::default().with_index_type(IndexType::Byte).with_color(colored).with_compact(false))
        .with_code(diagnostic.code.name())
        .with_message(&diagnostic.message)
        .with_label(label);
    for (span, remark) in &diagnostic.related {
        builder = builder.with_label(Label::new(place(*span)).with_message(remark).with_color(Color::Cyan));
    }
    builder.finish()
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
        Some(json)
    };
    analysis.diagnostics.iter().filter_map(one).collect()
}
