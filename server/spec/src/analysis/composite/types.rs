//! The types that `role.yml` gives to parameters: `text`, `list of size`, `{choice: [a, b]}`.

use std::sync::Arc;

use super::role_file::Reading;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::words;
use crate::nearest::nearest;
use crate::shape::{Field, Record, RefKind, Shape};
use crate::text::Span;
use crate::tree::{NodeId, NodeKind};

/// How deep a type may be nested.
const DEEPEST: usize = 16;

/// The types that are one word, with a sentence on each.
const WORDS: &[(&str, &str)] = &[
    ("any", "anything"),
    ("bool", "`true` or `false`"),
    ("int", "a whole number"),
    ("text", "text"),
    ("secret", "text, or a `!secret`"),
    ("size", "a size such as `4 GiB`"),
    ("duration", "a duration such as `90 s`"),
    ("mode", "a file mode such as `\"0640\"`"),
    ("path", "a path"),
    ("uuid", "a UUID"),
    ("block", "a role that offers a block device, or its path"),
    ("backing", "a role that offers an image file or a block device, or its path"),
    ("directory", "a role that offers a directory, or its path"),
    ("file", "a role that offers a file, or its path"),
];

/// The types that hold others.
const HOLDERS: &[&str] = &["choice", "int", "list", "map", "record", "one_of"];

fn word(name: &str) -> Option<Shape> {
    Some(match name {
        "any" => Shape::ANY,
        "bool" => Shape::Bool,
        "int" => Shape::Int { min: i64::MIN, max: i64::MAX },
        "text" => Shape::Text { secret: false },
        "secret" => Shape::Text { secret: true },
        "size" => Shape::Size,
        "duration" => Shape::Duration,
        "mode" => Shape::Mode,
        "path" => Shape::Path,
        "uuid" => Shape::Uuid,
        name => Shape::Reference(kind(name).filter(|kind| *kind != RefKind::Text)?),
    })
}

/// What an output can be declared to be.
pub(super) fn kind(name: &str) -> Option<RefKind> {
    Some(match name {
        "block" => RefKind::Block,
        "backing" => RefKind::Backing,
        "directory" => RefKind::Directory,
        "file" => RefKind::File,
        "text" => RefKind::Text,
        _ => return None,
    })
}

impl Reading<'_> {
    /// The shape that a type stands for; none if it could not be read, which was told.
    pub(super) fn shape(&mut self, node: NodeId, depth: usize) -> Option<Shape> {
        let span = self.tree.node(node).span;
        if depth > DEEPEST {
            self.tell(Diagnostic::error(Code::TooLarge, span, format!("types are nested deeper than {DEEPEST} levels")));
            return None;
        }
        match &self.tree.follow(node).kind {
            NodeKind::Scalar(text, _) => {
                let text = text.clone();
                self.named(&text, span)
            }
            NodeKind::Map(_) => match self.tree.pairs(node)[..] {
                [(key, value)] => self.holding(key, value, depth),
                _ => {
                    let message = "a type is a single word, or one of them with what it holds";
                    self.tell(Diagnostic::error(Code::WrongType, span, message).help("such as `{choice: [ext4, xfs]}`"));
                    None
                }
            },
            _ => {
                let message = format!("expected a type, found {}", words(self.tree, node));
                self.tell(Diagnostic::error(Code::WrongType, span, message));
                None
            }
        }
    }

    fn named(&mut self, text: &str, span: Span) -> Option<Shape> {
        for (front, holder) in [("list of ", true), ("map of ", false)] {
            if let Some(inner) = text.strip_prefix(front) {
                let inner = Box::new(self.named(inner.trim(), span)?);
                return Some(if holder { Shape::List(inner) } else { Shape::Map(inner) });
            }
        }
        match text {
            "list" => return Some(Shape::List(Box::new(Shape::ANY))),
            "map" => return Some(Shape::Map(Box::new(Shape::ANY))),
            _ => {}
        }
        let found = word(text);
        if found.is_none() {
            let names = || WORDS.iter().map(|(name, _)| *name).chain(["list", "map"]);
            let diagnostic = Diagnostic::error(Code::WrongValue, span, format!("`{text}` is not a type"));
            self.tell(match nearest(text, names()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, near),
                None => {
                    diagnostic.help(format!("there are {}, `list of …` and `map of …`", names().collect::<Vec<_>>().join(", ")))
                }
            });
        }
        found
    }

    fn holding(&mut self, key: NodeId, value: NodeId, depth: usize) -> Option<Shape> {
        let name = self.tree.scalar(key).cloned().unwrap_or_default();
        let span = self.tree.node(key).span;
        match &*name {
            "list" => Some(Shape::List(Box::new(self.shape(value, depth + 1)?))),
            "map" => Some(Shape::Map(Box::new(self.shape(value, depth + 1)?))),
            "choice" => self.choice(value),
            "int" => {
                let bound = |name: &str| {
                    let node = self.tree.get(value, name)?;
                    self.tree.scalar(node)?.parse::<i64>().ok()
                };
                Some(Shape::Int { min: bound("min").unwrap_or(i64::MIN), max: bound("max").unwrap_or(i64::MAX) })
            }
            "record" => {
                let fields = self.parameters(value, depth + 1);
                let field = |(key, shape, default): &(NodeId, Shape, Option<NodeId>)| Field {
                    name: self.tree.scalar(*key).map(ToString::to_string).unwrap_or_default(),
                    doc: String::new(),
                    shape: shape.clone(),
                    required: default.is_none(),
                    default: None,
                };
                Some(Shape::Record(Arc::new(Record { fields: fields.iter().map(field).collect() })))
            }
            "one_of" => {
                let NodeKind::List(items) = &self.tree.follow(value).kind else {
                    let span = self.tree.node(value).span;
                    self.tell(Diagnostic::error(Code::WrongType, span, "`one_of` is a list of types"));
                    return None;
                };
                Some(Shape::OneOf(items.iter().map(|item| self.shape(*item, depth + 1)).collect::<Option<_>>()?))
            }
            name => {
                let diagnostic = Diagnostic::error(Code::WrongValue, span, format!("`{name}` is not a type that holds others"));
                self.tell(match nearest(name, HOLDERS.iter().copied()) {
                    Some(near) => {
                        diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, near)
                    }
                    None => diagnostic.help(format!("there are {}", HOLDERS.join(", "))),
                });
                None
            }
        }
    }

    /// The words of a choice: a list of them, or a mapping of each to its documentation.
    fn choice(&mut self, node: NodeId) -> Option<Shape> {
        let text = |node: NodeId| self.tree.scalar(node).map(ToString::to_string);
        let words: Option<Vec<(String, String)>> = match &self.tree.follow(node).kind {
            NodeKind::List(items) => items.iter().map(|item| Some((text(*item)?, String::new()))).collect(),
            NodeKind::Map(_) => self.tree.pairs(node).iter().map(|(word, doc)| Some((text(*word)?, text(*doc)?))).collect(),
            _ => None,
        };
        let words = words.filter(|words| !words.is_empty());
        if words.is_none() {
            let message = "`choice` is a list of words, or a mapping of words with what they mean";
            self.tell(Diagnostic::error(Code::WrongType, self.tree.node(node).span, message));
        }
        words.map(Shape::Choice)
    }
}
