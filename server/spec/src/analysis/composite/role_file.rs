//! `role.yml`: what a composite role is for, what it is given and what it offers.

use std::sync::Arc;

use super::types;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{OUTPUT_KEYS, PARAMETER_KEYS, ROLE_FILE_KEYS, ROLE_KEYS, left_out, unknown_key, words};
use crate::shape::{RefKind, Shape};
use crate::text::{FileId, Source, Span};
use crate::tree::{NodeId, NodeKind, Style, Tree};

/// What a `role.yml` says.
#[derive(Debug, Default)]
pub(in super::super) struct RoleFile {
    pub about: Option<Arc<str>>,
    pub params: Vec<Param>,
    pub outputs: Vec<Output>,
}

/// A parameter.
#[derive(Debug)]
pub(in super::super) struct Param {
    pub name: Arc<str>,
    pub key: NodeId,
    pub shape: Arc<Shape>,
    pub doc: String,
    pub default: DefaultValue,
}

/// What a parameter has when it is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum DefaultValue {
    /// It must be given.
    Required,
    /// `null`: it is left out where it is used, too.
    Nothing,
    /// A value.
    Value(NodeId),
}

/// An output.
#[derive(Debug)]
pub(in super::super) struct Output {
    pub name: Arc<str>,
    pub value: NodeId,
    pub kind: Option<RefKind>,
    pub doc: String,
}

/// Reads a `role.yml`.
pub(in super::super) fn read(source: &Source, file: FileId, tree: &Tree) -> (RoleFile, Vec<Diagnostic>) {
    let mut reading = Reading { source, file, tree, diagnostics: Vec::new() };
    let role = reading.role_file();
    (role, reading.diagnostics)
}

pub(super) struct Reading<'a> {
    source: &'a Source,
    file: FileId,
    pub(super) tree: &'a Tree,
    diagnostics: Vec<Diagnostic>,
}

impl Reading<'_> {
    pub(super) fn tell(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn text(&self, node: NodeId) -> String {
        self.tree.scalar(node).map(ToString::to_string).unwrap_or_default()
    }

    fn role_file(&mut self) -> RoleFile {
        let mut role = RoleFile::default();
        let Some(root) = self.tree.root else { return role };
        if !matches!(self.tree.follow(root).kind, NodeKind::Map(_)) {
            let found = words(self.tree, root);
            let message = format!("a `role.yml` is a mapping with `about:`, `parameters:` and `outputs:`, found {found}");
            let span = Span::new(self.file, 0, self.source.line(0).len());
            self.tell(Diagnostic::error(Code::WrongType, span, message));
            return role;
        }
        for (key, value) in self.tree.pairs(root).iter().copied() {
            match &*self.text(key) {
                "about" if self.tree.scalar(value).is_some() => role.about = self.tree.scalar(value).cloned(),
                "about" => self.wrong(value, "text"),
                "parameters" => role.params = self.declared(value),
                "outputs" => role.outputs = self.outputs(value),
                name => self.unknown(name, key, value, "a `role.yml`", ROLE_FILE_KEYS),
            }
        }
        role
    }

    fn wrong(&mut self, node: NodeId, wanted: &str) {
        let message = format!("expected {wanted}, found {}", words(self.tree, node));
        self.tell(Diagnostic::error(Code::WrongType, self.tree.node(node).span, message));
    }

    fn unknown(&mut self, name: &str, key: NodeId, value: NodeId, place: &str, known: &[(&str, &str)]) {
        let (key, value) = (self.tree.node(key).span, self.tree.node(value).span);
        let known = known.iter().map(|(name, _)| *name);
        let diagnostic = unknown_key(self.source, name, key, value, place, known);
        self.tell(diagnostic);
    }

    /// Whether a parameter or output may have that name.
    fn name_allowed(&mut self, name: &str, key: NodeId, what: &str) -> bool {
        let span = self.tree.node(key).span;
        if !super::super::interpolate::is_name(name) {
            let help = "a name consists of letters, digits, `_` and `-`, and does not begin with `-`";
            self.tell(Diagnostic::error(Code::BadName, span, format!("`{name}` cannot name {what}")).help(help));
            return false;
        }
        let taken = matches!(name, "vars" | "env" | "each") || ROLE_KEYS.iter().any(|(known, _)| *known == name);
        if taken {
            let message = format!("`{name}` is not a valid name for {what}, because it has another meaning in every role");
            self.tell(Diagnostic::error(Code::BadName, span, message));
        }
        !taken
    }

    fn declared(&mut self, node: NodeId) -> Vec<Param> {
        let mut params = Vec::new();
        for (key, value) in self.mapping(node, "`parameters` is a mapping from names to parameters") {
            let name: Arc<str> = self.text(key).into();
            if !self.name_allowed(&name, key, "a parameter") {
                continue;
            }
            // What could not be read as a type is told once, and taken as anything.
            let (shape, default) = self.parameter(key, value, 0);
            let doc = self.tree.get(value, "doc").map(|doc| self.text(doc)).unwrap_or_default();
            let default = match default {
                None => DefaultValue::Required,
                Some(node) if self.is_null(node) => DefaultValue::Nothing,
                Some(node) => DefaultValue::Value(node),
            };
            params.push(Param { name, key, shape: shape.into(), doc, default });
        }
        params
    }

    /// The fields of a record: key, shape and default of each.
    pub(super) fn parameters(&mut self, node: NodeId, depth: usize) -> Vec<(NodeId, Shape, Option<NodeId>)> {
        let mut found = Vec::new();
        for (key, value) in self.mapping(node, "a record is a mapping from keys to their types") {
            // The short form: `key: type`.
            let field = match self.tree.follow(value).kind {
                NodeKind::Scalar(..) if !left_out(self.tree, value) => self.shape(value, depth).map(|shape| (shape, None)),
                _ => {
                    let (shape, default) = self.parameter(key, value, depth);
                    Some((shape, default))
                }
            };
            found.extend(field.map(|(shape, default)| (key, shape, default)));
        }
        found
    }

    fn mapping(&mut self, node: NodeId, wanted: &str) -> Vec<(NodeId, NodeId)> {
        if left_out(self.tree, node) {
            return Vec::new();
        }
        if !matches!(self.tree.follow(node).kind, NodeKind::Map(_)) {
            let message = format!("{wanted}, found {}", words(self.tree, node));
            self.tell(Diagnostic::error(Code::WrongType, self.tree.node(node).span, message));
        }
        self.tree.pairs(node).to_vec()
    }

    /// The shape of a parameter, and its default.
    fn parameter(&mut self, key: NodeId, value: NodeId, depth: usize) -> (Shape, Option<NodeId>) {
        let span = self.tree.node(key).span;
        let (mut shape, mut default) = (None, None);
        let pairs = self.mapping(value, "a parameter is a mapping with `type:`, `default:` and `doc:`");
        let mut typed = false;
        for (key, value) in pairs {
            match &*self.text(key) {
                "type" => {
                    typed = true;
                    shape = self.shape(value, depth);
                }
                "default" => default = Some(value),
                "doc" if self.tree.scalar(value).is_some() => {}
                "doc" => self.wrong(value, "text"),
                name => self.unknown(name, key, value, "a parameter", PARAMETER_KEYS),
            }
        }
        if !typed && !self.tree.is_damaged(span) {
            let name = self.text(key);
            let diagnostic = Diagnostic::error(Code::MissingKey, span, format!("the parameter `{name}` has no `type`"));
            self.tell(diagnostic.help("add its type, such as `type: text`"));
        }
        (shape.unwrap_or(Shape::ANY), default)
    }

    fn is_null(&self, node: NodeId) -> bool {
        match &self.tree.follow(node).kind {
            NodeKind::Scalar(text, Style::Plain) => matches!(&**text, "" | "~" | "null" | "Null" | "NULL"),
            _ => false,
        }
    }

    fn outputs(&mut self, node: NodeId) -> Vec<Output> {
        let mut outputs = Vec::new();
        for (key, value) in self.mapping(node, "`outputs` is a mapping from names to values") {
            let name: Arc<str> = self.text(key).into();
            if !self.name_allowed(&name, key, "an output") {
                continue;
            }
            if !matches!(self.tree.follow(value).kind, NodeKind::Map(_)) {
                outputs.push(Output { name, value, kind: None, doc: String::new() });
                continue;
            }
            let (mut found, mut kind, mut doc) = (None, None, String::new());
            for (key, value) in self.tree.pairs(value).iter().copied() {
                match &*self.text(key) {
                    "value" => found = Some(value),
                    "doc" => doc = self.text(value),
                    "type" => {
                        kind = types::kind(&self.text(value));
                        if kind.is_none() {
                            let message = format!("`{}` is not a type of output", self.text(value));
                            self.tell(
                                Diagnostic::error(Code::WrongValue, self.tree.node(value).span, message)
                                    .help("the types are block, backing, directory, file and text"),
                            );
                        }
                    }
                    name => self.unknown(name, key, value, "an output", OUTPUT_KEYS),
                }
            }
            match found {
                Some(value) => outputs.push(Output { name, value, kind, doc }),
                None => {
                    let message = format!("the output `{name}` has no `value`");
                    self.tell(Diagnostic::error(Code::MissingKey, self.tree.node(key).span, message));
                }
            }
        }
        outputs
    }
}
