//! A small catalogue and a loader from memory, for the tests of the language.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_spec::analysis::{Analysis, Loader, Request, analyse};
use seed_spec::shape::{Field, Offer, Record, RefKind};
use seed_spec::{Catalog, Diagnostic, Severity, Shape, Source, TypeInfo};

/// The path of the spec in tests.
pub const PATH: &str = "/work/lab.seed.yaml";

/// Files and variables from memory.
#[derive(Default)]
pub struct Memory {
    pub files: BTreeMap<PathBuf, String>,
    pub env: BTreeMap<String, String>,
}

impl Loader for Memory {
    fn load(&self, path: &Path) -> Result<Arc<str>, String> {
        self.files.get(path).map(|text| text.as_str().into()).ok_or_else(|| "there is no such file".to_owned())
    }

    fn roles(&self, folder: &Path) -> Option<Vec<String>> {
        let name = |path: &PathBuf| {
            let role = path.parent()?;
            let is_role = path.file_name()? == "role.yml" && role.parent()? == folder;
            is_role.then(|| role.file_name().map(|name| name.to_string_lossy().into_owned()))?
        };
        let names: Vec<String> = self.files.keys().filter_map(name).collect();
        (!names.is_empty()).then_some(names)
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file.parent().is_some_and(|folder| folder.starts_with(path)))
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/ada".into())
    }
}

fn field(name: &str, shape: Shape) -> Field {
    Field { name: name.into(), doc: format!("The {name}."), shape, required: false, default: None }
}

fn required(name: &str, shape: Shape) -> Field {
    Field { required: true, ..field(name, shape) }
}

fn record(fields: Vec<Field>) -> Arc<Record> {
    Arc::new(Record { fields })
}

fn choice(words: &[&str]) -> Shape {
    Shape::Choice(words.iter().map(|word| ((*word).to_owned(), String::new())).collect())
}

fn output(name: &'static str, kind: RefKind) -> Offer {
    Offer { name: name.into(), kind, doc: "".into() }
}

fn role(name: &'static str, fields: Vec<Field>, outputs: Vec<Offer>) -> TypeInfo {
    let record = record(fields);
    TypeInfo { name: name.into(), about: String::new(), record, outputs, example: "", runs_commands: false, home: None }
}

/// Role types that use every shape.
pub fn catalog() -> Catalog {
    let text = || Shape::Text { secret: false };
    let list = |shape| Shape::List(Box::new(shape));
    let any_int = Shape::Int { min: 0, max: 65535 };
    Catalog::new([
        role(
            "storage.file_block_image",
            vec![
                required("path", Shape::Path),
                required("size", Shape::Size),
                field("format", choice(&["raw", "qcow2"])),
                field("over", Shape::Reference(RefKind::File)),
                field("mode", Shape::Mode),
            ],
            vec![output("path", RefKind::File)],
        ),
        role(
            "storage.loopback_device",
            vec![
                required("backing", Shape::Reference(RefKind::Backing)),
                field("read_only", Shape::Bool),
                field("sector_size", Shape::Int { min: 512, max: 4096 }),
            ],
            vec![output("device", RefKind::Block)],
        ),
        role(
            "storage.partition_table",
            vec![
                required("device", Shape::Reference(RefKind::Block)),
                required(
                    "partitions",
                    Shape::Map(Box::new(Shape::Record(record(vec![required(
                        "size",
                        Shape::OneOf(vec![Shape::Size, choice(&["rest"])]),
                    )])))),
                ),
            ],
            vec![output("partitions.*", RefKind::Block)],
        ),
        role(
            "storage.btrfs",
            vec![
                required("devices", list(Shape::Reference(RefKind::Block))),
                field("label", text()),
                field("uuid", Shape::Uuid),
                field("mount", Shape::Path),
                field("options", list(text())),
                field(
                    "subvolumes",
                    Shape::Map(Box::new(Shape::Record(record(vec![
                        field("quota", Shape::Size),
                        field("read_only", Shape::Bool),
                    ])))),
                ),
                field(
                    "snapshots",
                    Shape::Map(Box::new(Shape::Record(record(vec![required("of", text()), field("read_only", Shape::Bool)])))),
                ),
            ],
            vec![output("mount", RefKind::Directory), output("uuid", RefKind::Text)],
        ),
        role(
            "storage.tmpfs",
            vec![required("mount", Shape::Path), required("size", Shape::Size), field("mode", Shape::Mode)],
            vec![output("mount", RefKind::Directory)],
        ),
        role(
            "storage.luks",
            vec![required("device", Shape::Reference(RefKind::Block)), required("key", Shape::Text { secret: true })],
            vec![output("device", RefKind::Block)],
        ),
        role(
            "file.directory",
            vec![required("path", Shape::Path), field("mode", Shape::Mode), field("owner", text())],
            vec![output("path", RefKind::Directory)],
        ),
        role(
            "file.text",
            vec![
                required("path", Shape::Path),
                required("content", Shape::Text { secret: true }),
                field("mode", Shape::Mode),
                field("with", Shape::ANY),
                field("timeout", Shape::Duration),
                field("retries", any_int),
            ],
            vec![output("path", RefKind::File)],
        ),
        role(
            "container.nspawn",
            vec![
                required(
                    "rootfs",
                    Shape::OneOf(vec![
                        Shape::Path,
                        Shape::Record(record(vec![required("of", Shape::Reference(RefKind::Directory))])),
                    ]),
                ),
                field("command", list(text())),
                field("port", Shape::Int { min: 1, max: 65535 }),
            ],
            vec![output("address", RefKind::Text)],
        ),
        role(
            "container.chroot",
            vec![
                required(
                    "rootfs",
                    Shape::OneOf(vec![
                        Shape::Path,
                        Shape::Record(record(vec![required("of", Shape::Reference(RefKind::Directory))])),
                    ]),
                ),
                field("command", list(text())),
                field("port", text()),
            ],
            vec![output("address", RefKind::Text)],
        ),
    ])
}

/// Splits a text at lines `#@ PATH` into the spec and the files it includes.
pub fn split(text: &str) -> (String, Memory) {
    let mut memory = Memory::default();
    memory.env.insert("USER".into(), "ada".into());
    memory.env.insert("COUNT".into(), "3".into());
    let mut parts = text.split("#@ ");
    let spec = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (path, text) = part.split_once('\n').unwrap_or((part, ""));
        memory.files.insert(path.trim().into(), text.to_owned());
    }
    (spec, memory)
}

/// Analyses a text with the files that follow in it.
pub fn check(text: &str) -> Analysis {
    let (spec, memory) = split(text);
    analyse(&Request { path: Path::new(PATH), text: &spec, edited_line: None }, &catalog(), &memory)
}

/// One diagnostic for a reader: place, code, words, what it points to, and what its fixes make of the text.
pub fn show(analysis: &Analysis, diagnostic: &Diagnostic) -> String {
    let place = |span: seed_spec::Span| {
        let source = &analysis.documents[span.file.0 as usize].source;
        let (start, end) = (source.position(span.start as usize), source.position(span.end as usize));
        let file = match span.file.0 {
            0 => String::new(),
            _ => format!("{}:", source.path().file_name().unwrap().to_string_lossy()),
        };
        let text: String = source.slice(span).lines().next().unwrap_or("").chars().take(40).collect();
        format!("{file}{}:{}-{}:{} «{text}»", start.line + 1, start.character + 1, end.line + 1, end.character + 1)
    };
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let mut shown = format!("{} {severity}[{}] {}\n", place(diagnostic.span), diagnostic.code.name(), diagnostic.message);
    if let Some(help) = &diagnostic.help {
        writeln!(shown, "    help: {help}").unwrap();
    }
    for (span, remark) in &diagnostic.related {
        writeln!(shown, "    also: {} {remark}", place(*span)).unwrap();
    }
    for fix in &diagnostic.fixes {
        let edits: Vec<String> = fix.edits.iter().map(|edit| format!("{} → {:?}", place(edit.span), edit.text)).collect();
        writeln!(shown, "    fix: {}: {}", fix.title, edits.join("; ")).unwrap();
    }
    shown
}

/// All diagnostics of an analysis.
pub fn show_all(analysis: &Analysis) -> String {
    analysis.diagnostics.iter().map(|diagnostic| show(analysis, diagnostic)).collect()
}

/// The codes of all diagnostics.
pub fn codes(analysis: &Analysis) -> Vec<&'static str> {
    analysis.diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect()
}

/// A source of a text, for parsing alone.
pub fn source(text: &str) -> Source {
    Source::new(PATH, text)
}
