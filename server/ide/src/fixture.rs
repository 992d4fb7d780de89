//! Tests as data: a spec with the cursor marked `$0`, and what a feature makes of it.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use seed_spec::analysis::{Loader, Request, analyse};
use seed_spec::diagnostic::Edit;
use seed_spec::shape::{Field, OutputInfo, Record, RefKind, Shape, TypeInfo};
use seed_spec::{Catalog, Source, Span};
use serde_json::json;

use crate::Snapshot;

/// A spec that was read, and where the cursor stands in it.
pub struct Fixture {
    pub snapshot: Snapshot,
    pub offset: usize,
}

/// What `feature` makes of a fixture: the text of a spec with `$0` for the cursor; further files follow lines
/// `--- NAME`.
pub fn check(fixture: &str, feature: impl Fn(&Fixture) -> String) -> String {
    feature(&Fixture::read(fixture))
}

impl Fixture {
    pub fn read(fixture: &str) -> Self {
        let (text, offset, files) = parts(fixture);
        Fixture { snapshot: snapshot(&text, &text, files), offset }
    }

    /// A fixture whose analysis is of an earlier text, as happens while typing.
    pub fn typed(before: &str, fixture: &str) -> Self {
        let (text, offset, files) = parts(fixture);
        Fixture { snapshot: snapshot(&text, before, files), offset }
    }

    /// `FILE:LINE:COLUMN TEXT` of a span, counted from 1.
    pub fn place(snapshot: &Snapshot, span: Span) -> String {
        let source = snapshot.file(span.file);
        let position = source.position(span.start as usize);
        let file = source.path().file_name().unwrap().to_string_lossy();
        format!("{file}:{}:{} {}", position.line + 1, position.character + 1, source.slice(span))
    }

    /// The spec's text after some edits.
    pub fn apply(snapshot: &Snapshot, edits: &[Edit]) -> String {
        let mut text = snapshot.source.text().to_string();
        let mut edits: Vec<_> = edits.iter().collect();
        edits.sort_by_key(|edit| std::cmp::Reverse((edit.span.start, edit.span.end)));
        for edit in edits {
            text.replace_range(edit.span.range(), &edit.text);
        }
        text
    }
}

fn parts(fixture: &str) -> (String, usize, Vec<(PathBuf, Arc<str>)>) {
    let mut parts = fixture.split("\n--- ");
    let main = parts.next().unwrap();
    let offset = main.find("$0").unwrap_or(main.len());
    let files = parts.map(|part| {
        let (name, text) = part.split_once('\n').unwrap();
        (Path::new("/spec").join(name), text.into())
    });
    (main.replacen("$0", "", 1), offset, files.collect())
}

fn snapshot(text: &str, analysed: &str, files: Vec<(PathBuf, Arc<str>)>) -> Snapshot {
    // A file of another name begins with a comment that says it.
    let name = analysed.strip_prefix("# at ").and_then(|rest| rest.lines().next()).unwrap_or("main.seed.yaml");
    let path = &Path::new("/spec").join(name);
    let analysis = analyse(&Request { path, text: analysed, edited_line: None }, &CATALOG, &Files(files));
    let catalog = analysis.catalogs[0].clone();
    Snapshot { source: Arc::new(Source::new(path, text)), analysis: Arc::new(analysis), catalog }
}

struct Files(Vec<(PathBuf, Arc<str>)>);

impl Loader for Files {
    fn load(&self, path: &Path) -> Result<Arc<str>, String> {
        let found = self.0.iter().find(|(name, _)| name == path);
        found.map(|(_, text)| text.clone()).ok_or_else(|| format!("there is no {}", path.display()))
    }

    fn roles(&self, folder: &Path) -> Option<Vec<String>> {
        let roles = self.0.iter().filter(|(path, _)| path.file_name().is_some_and(|name| name == "role.yml"));
        let folders = roles.filter_map(|(path, _)| path.parent()).filter(|role| role.parent() == Some(folder));
        let names: Vec<String> = folders.filter_map(|role| role.file_name()?.to_str().map(str::to_owned)).collect();
        (!names.is_empty()).then_some(names)
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "USER").then(|| "tester".into())
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/tester".into())
    }
}

/// A small catalogue: one of each shape.
static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    Arc::new(Catalog::new([
        info(
            "disk.image",
            "A file that holds a disk.",
            vec![
                required("path", "Where the file is.", Shape::Path),
                required("size", "How large it is.", Shape::Size),
                Field {
                    default: Some(json!("raw")),
                    ..field(
                        "format",
                        "How the bytes are laid out.",
                        Shape::Choice(vec![
                            ("raw".into(), "As on a disk.".into()),
                            ("qcow2".into(), "Grows as it is filled.".into()),
                        ]),
                    )
                },
            ],
            &[
                OutputInfo { name: "path", kind: RefKind::File, doc: "The file." },
                OutputInfo { name: "size", kind: RefKind::Text, doc: "Its size." },
            ],
        ),
        info(
            "disk.loop",
            "A file as a block device.",
            vec![
                required("backing", "What it shows.", Shape::Reference(RefKind::Backing)),
                Field { default: Some(json!(false)), ..field("read_only", "Whether it refuses writes.", Shape::Bool) },
            ],
            &[OutputInfo { name: "device", kind: RefKind::Block, doc: "The device." }],
        ),
        info(
            "disk.pool",
            "A file system on devices.",
            vec![
                required("devices", "What it is on.", Shape::List(Box::new(Shape::Reference(RefKind::Block)))),
                field("mount", "Where it is mounted.", Shape::Path),
                field(
                    "subvolumes",
                    "Its parts.",
                    Shape::Map(Box::new(Shape::Record(Arc::new(Record {
                        fields: vec![
                            field("quota", "How much may be in it.", Shape::Size),
                            field("read_only", "Whether it refuses writes.", Shape::Bool),
                        ],
                    })))),
                ),
                field(
                    "bind",
                    "Folders shown in it.",
                    Shape::List(Box::new(Shape::Record(Arc::new(Record {
                        fields: vec![required("from", "The folder.", Shape::Path), required("to", "Where.", Shape::Path)],
                    })))),
                ),
            ],
            &[OutputInfo { name: "mount", kind: RefKind::Directory, doc: "Where it is mounted." }],
        ),
        info(
            "disk.table",
            "A partition table.",
            vec![
                required("device", "What it is on.", Shape::Reference(RefKind::Block)),
                required(
                    "partitions",
                    "The partitions.",
                    Shape::Map(Box::new(Shape::Record(Arc::new(Record {
                        fields: vec![required("size", "How large it is.", Shape::Size)],
                    })))),
                ),
            ],
            &[OutputInfo { name: "partitions.*", kind: RefKind::Block, doc: "A partition." }],
        ),
        info(
            "file.text",
            "A file with a text.",
            vec![
                required("path", "Where it is.", Shape::Path),
                required("content", "What is in it.", Shape::Text { secret: true }),
                field("mode", "Who may do what with it.", Shape::Mode),
            ],
            &[OutputInfo { name: "path", kind: RefKind::File, doc: "The file." }],
        ),
    ]))
});

fn info(name: &'static str, about: &str, fields: Vec<Field>, outputs: &'static [OutputInfo]) -> TypeInfo {
    let record = Arc::new(Record { fields });
    let outputs = outputs.iter().map(Into::into).collect();
    TypeInfo { name: name.into(), about: about.into(), record, outputs, example: "", runs_commands: false, home: None }
}

fn field(name: &str, doc: &str, shape: Shape) -> Field {
    Field { name: name.into(), doc: doc.into(), shape, required: false, default: None }
}

fn required(name: &str, doc: &str, shape: Shape) -> Field {
    Field { required: true, ..field(name, doc, shape) }
}
