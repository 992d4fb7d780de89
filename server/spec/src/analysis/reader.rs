//! From nodes to values: interpolation, variables, loops' items. Shapes are applied in `shape_check`.

use std::sync::Arc;

use super::composite::Definitions;
use super::composite::typed::Typed;
use super::interpolate::{self, Piece};
use super::lookup::Found;
use super::roles::{Frame, ROOT, RoleIndex};
use super::{Document, Loader, VarUse};
use crate::diagnostic::{Code, Diagnostic};
use crate::nearest::nearest;
use crate::shape::{Catalog, RefKind, Shape};
use crate::text::{FileId, Span};
use crate::tree::{NodeId, NodeKind, Style, Tree};
use crate::value::{Data, OutputRef, Part};

/// How many values one analysis may produce, so that variables within variables cannot grow without end.
const MAX_STEPS: usize = 6_000_000;
/// How many bytes of text one analysis may put together.
const MAX_TEXT: usize = 64 << 20;
/// How deep values and variables may be nested together.
pub(super) const MAX_DEPTH: usize = 192;
/// How many interpolations one text may have.
const MAX_PIECES: usize = 10_000;
/// How many names are compared in search of the nearest ones.
const MAX_COMPARED: usize = 300_000;

/// What all readers of one analysis share.
pub(super) struct World<'a> {
    pub documents: &'a [Document],
    pub vars: &'a super::vars::Vars,
    pub catalogs: &'a [Arc<Catalog>],
    pub definitions: &'a Definitions,
    pub loader: &'a dyn Loader,
}

impl World<'_> {
    pub fn document(&self, file: FileId) -> &Document {
        &self.documents[file.0 as usize]
    }

    /// The role types that a file can name.
    pub fn catalog(&self, file: FileId) -> &Catalog {
        &self.catalogs[file.0 as usize]
    }

    pub fn tree(&self, file: FileId) -> &Tree {
        &self.document(file).tree
    }
}

/// A node, and how the reader came to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub file: FileId,
    pub node: NodeId,
    pub via: Option<Via>,
}

/// Tells that a value is used elsewhere than it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Via {
    /// Where it is used: there mistakes are shown.
    pub used: Span,
    /// The name of what holds it.
    pub origin: Span,
}

/// The item that an instance of a loop is made for.
#[derive(Clone, Debug)]
pub(super) struct Each {
    pub key: Arc<str>,
    pub value: EachValue,
}

/// What an item of a loop is.
#[derive(Clone, Debug)]
pub(super) enum EachValue {
    /// What is written there.
    At(At),
    /// A part of a parameter.
    Typed(Arc<Typed>),
    /// Known only where the role is used.
    Unknown(Shape),
}

/// A node after interpolation.
pub(super) enum Resolved {
    /// A list or mapping.
    Collection(At),
    /// A scalar; `plain` if its text decides its type.
    Scalar { text: Arc<str>, plain: bool, at: At },
    /// An output of another role.
    Output { output: OutputRef, kind: RefKind, at: At },
    /// A text that holds outputs; with the kind of the first, if it begins with one.
    Template { parts: Vec<Part>, first: Option<RefKind>, at: At },
    /// A parameter of a composite role.
    Typed { typed: Arc<Typed>, at: At },
    /// A parameter of a composite role that is read without a use of it: only its shape is known.
    Unknown { shape: Shape, at: At },
    /// A mistake that was told.
    Broken,
}

/// What limits all readers of an analysis together.
pub(super) struct Budget {
    steps: usize,
    text: usize,
    compared: usize,
    told: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { steps: MAX_STEPS, text: MAX_TEXT, compared: MAX_COMPARED, told: false }
    }
}

/// Who asks, which decides what an interpolation may name.
#[derive(Clone, Copy)]
pub(super) enum Outputs<'a> {
    /// Outputs of these roles can be named.
    Of(&'a RoleIndex),
    /// They cannot, because of this.
    Not(&'static str),
}

/// Reads the values of one role, or of the header.
pub(super) struct Reader<'a> {
    pub world: &'a World<'a>,
    pub budget: &'a mut Budget,
    pub outputs: Outputs<'a>,
    /// The roles as far as they are known, for the parameters of composite ones.
    pub index: Option<&'a RoleIndex>,
    /// In which names are looked up: an index into [`RoleIndex::frames`].
    pub frame: usize,
    pub each: Option<&'a Each>,
    /// The entry that is read, for the record of references.
    pub role: Option<Arc<str>>,
    pub diagnostics: Vec<Diagnostic>,
    pub references: Vec<super::Reference>,
    pub var_uses: Vec<VarUse>,
    pub depth: usize,
    /// Set while values are read that are checked again where they are used.
    pub lenient: bool,
    /// Set while a role is read that its `when` leaves out: it may refer to others that are left out with it.
    pub left_out: bool,
    /// Set when a value was left out because the parameter that it is has none.
    pub omitted: bool,
    /// Set when an item of a list or mapping could not be read, so that what was read is not all that is written.
    pub incomplete: bool,
}

impl<'a> Reader<'a> {
    pub fn new(world: &'a World<'a>, budget: &'a mut Budget, outputs: Outputs<'a>) -> Self {
        Reader {
            world,
            budget,
            outputs,
            index: match outputs {
                Outputs::Of(index) => Some(index),
                Outputs::Not(_) => None,
            },
            frame: ROOT,
            each: None,
            role: None,
            diagnostics: Vec::new(),
            references: Vec::new(),
            var_uses: Vec::new(),
            depth: 0,
            lenient: false,
            left_out: false,
            omitted: false,
            incomplete: false,
        }
    }

    /// The names that can be used here; none before there are roles.
    pub fn names(&self) -> Option<&'a Frame> {
        self.index.map(|index| &index.frames[self.frame])
    }

    pub fn at(&self, file: FileId, node: NodeId) -> At {
        At { file, node, via: None }
    }

    /// Where mistakes in a value are shown: where it is used.
    pub fn span(&self, at: At) -> Span {
        at.via.map_or_else(|| self.world.tree(at.file).node(at.node).span, |via| via.used)
    }

    /// A node below another, used at the same place.
    pub fn below(at: At, node: NodeId) -> At {
        At { node, ..at }
    }

    /// Tells a mistake about a value, with the place it comes from if that is another.
    pub fn tell(&mut self, at: At, diagnostic: Diagnostic) {
        let diagnostic = match at.via {
            Some(via) if via.origin != diagnostic.span => {
                // The fix would be made at the use, where this text does not stand.
                let fixes = Vec::new();
                Diagnostic { fixes, ..diagnostic }.related(via.origin, "the value comes from here")
            }
            _ => diagnostic,
        };
        self.diagnostics.push(diagnostic);
    }

    pub fn error(&mut self, at: At, code: Code, message: impl Into<String>) {
        let span = self.span(at);
        self.tell(at, Diagnostic::error(code, span, message));
    }

    /// Counts a step; false if the analysis has done enough, which is told once.
    pub fn step(&mut self, at: At, bytes: usize) -> bool {
        if self.budget.steps == 0 || self.budget.text < bytes {
            if !std::mem::replace(&mut self.budget.told, true) {
                let span = self.span(at);
                let message = "the values of this spec are too large for Seed";
                self.diagnostics.push(
                    Diagnostic::error(Code::TooLarge, span, message)
                        .help("look for variables or loops that contain many copies of others"),
                );
            }
            self.budget.steps = 0;
            self.budget.text = 0;
            return false;
        }
        self.budget.steps -= 1;
        self.budget.text -= bytes;
        true
    }

    /// The nearest of some names, as long as there were not too many to compare.
    pub fn nearest<'n>(&mut self, word: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        let budget = &mut self.budget.compared;
        nearest(
            word,
            known.take_while(|_| {
                *budget = budget.saturating_sub(1);
                *budget > 0
            }),
        )
    }

    /// A node with its aliases and interpolations resolved.
    pub fn resolve(&mut self, at: At) -> Resolved {
        let mut at = at;
        let mut hops = 0;
        loop {
            let world = self.world;
            let tree = world.tree(at.file);
            let target = tree.target(at.node);
            if target != at.node && at.via.is_none() {
                // An alias is used where it stands, not where its anchor is.
                let via = Via { used: tree.node(at.node).span, origin: tree.node(target).span };
                at.via = Some(Via {
                    origin: Span { end: via.origin.start.saturating_add(1).min(via.origin.end), ..via.origin },
                    ..via
                });
            }
            at.node = target;
            let node = tree.node(at.node);
            let NodeKind::Scalar(text, style) = &node.kind else { return Resolved::Collection(at) };
            let plain = match node.tag.as_deref() {
                None => *style == Style::Plain,
                Some("!!int" | "!!float" | "!!bool" | "!!null") => true,
                Some(_) => false,
            };
            // An alias that stands for nothing, which was told; a value that was left out has no length.
            if text.is_empty() && *style == Style::Plain && node.span.start < node.span.end {
                return Resolved::Broken;
            }
            if !text.contains(interpolate::OPEN) {
                return Resolved::Scalar { text: text.clone(), plain, at };
            }
            let text = text.clone();
            let pieces = interpolate::pieces(&text);
            if let [Piece::Expr(inner, nth)] = pieces[..]
                && *style != Style::Block
            {
                hops += 1;
                if !self.step(at, 0) {
                    return Resolved::Broken;
                }
                if hops > MAX_DEPTH {
                    self.error(at, Code::TooLarge, format!("values are nested more than {MAX_DEPTH} levels deep"));
                    return Resolved::Broken;
                }
                let place = self.places(at).get(nth).copied();
                match self.value(at, inner, place) {
                    Found::At(found) => {
                        at = found;
                        continue;
                    }
                    Found::Text(text) => return Resolved::Scalar { text, plain: true, at },
                    Found::Output(output, kind) => return Resolved::Output { output, kind, at },
                    Found::Parts(parts, first) => return Resolved::Template { parts, first, at },
                    Found::Typed(typed) => {
                        let origin = typed.value.span;
                        let used = self.span(at);
                        return Resolved::Typed { typed, at: At { via: Some(Via { used, origin }), ..at } };
                    }
                    Found::Unknown(shape) => return Resolved::Unknown { shape, at },
                    Found::Nothing => return Resolved::Broken,
                }
            }
            return self.concatenate(at, &pieces, plain);
        }
    }

    /// The text of a scalar that is made of several pieces.
    fn concatenate(&mut self, at: At, pieces: &[Piece<'_>], plain: bool) -> Resolved {
        let mut parts: Vec<Part> = Vec::new();
        let mut text = String::new();
        let mut first = None;
        let (mut broken, mut unknown, mut paid) = (false, false, 0);
        if pieces.len() > MAX_PIECES {
            self.error(at, Code::TooLarge, format!("a text can contain up to {} interpolations", MAX_PIECES / 2));
            return Resolved::Broken;
        }
        let places = self.places(at);
        for (place, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Open(nth) => {
                    let outer = places.get(*nth).map_or_else(|| self.span(at), |(outer, _)| *outer);
                    let diagnostic = Diagnostic::error(Code::Interpolation, outer, "this `${` is not closed")
                        .help("close it with `}`, or write `$${` for a literal `${`")
                        .fix("Write `$${`", Span { end: outer.start, ..outer }, "$");
                    self.tell(at, diagnostic);
                    broken = true;
                }
                Piece::Expr(inner, nth) => match self.value(at, inner, places.get(*nth).copied()) {
                    Found::Text(value) => text.push_str(&value),
                    Found::Nothing => broken = true,
                    Found::Output(output, kind) => {
                        if place == 0 {
                            first = Some(kind);
                        }
                        append(&mut parts, &mut text, Part::Output(output));
                    }
                    Found::Parts(found, kind) => {
                        if place == 0 {
                            first = kind;
                        }
                        found.into_iter().for_each(|part| append(&mut parts, &mut text, part));
                    }
                    Found::Typed(typed) => match self.parts_of(at, &typed) {
                        Some(found) => {
                            if place == 0 && matches!(&*typed.shape, Shape::Path | Shape::Reference(_)) {
                                first = Some(RefKind::Directory).filter(|_| matches!(found[..], [Part::Output(_), ..]));
                            }
                            found.into_iter().for_each(|part| append(&mut parts, &mut text, part));
                        }
                        None => broken = true,
                    },
                    Found::Unknown(shape) => {
                        unknown = true;
                        if matches!(shape, Shape::List(_) | Shape::Map(_) | Shape::Record(_) | Shape::Text { secret: true }) {
                            self.error(at, Code::Interpolation, format!("{} cannot be used inside a text", shape.words()));
                            broken = true;
                        }
                    }
                    Found::At(found) => match self.text_of(found) {
                        Some(value) => text.push_str(&value),
                        None => broken = true,
                    },
                },
            }
            // Each piece pays for what it adds.
            if !self.step(at, text.len().saturating_sub(paid)) {
                return Resolved::Broken;
            }
            paid = text.len();
        }
        if broken {
            return Resolved::Broken;
        }
        if unknown {
            return Resolved::Unknown { shape: Shape::OneOf(vec![Shape::Text { secret: false }, Shape::ANY]), at };
        }
        if parts.is_empty() {
            return Resolved::Scalar { text: text.into(), plain, at };
        }
        if !text.is_empty() {
            parts.push(Part::Text(text.into()));
        }
        Resolved::Template { parts, first, at }
    }

    /// A parameter's value within a text; none if it cannot be there, which was told.
    fn parts_of(&mut self, at: At, typed: &Typed) -> Option<Vec<Part>> {
        let parts = typed.parts();
        if parts.is_none() {
            let (what, code) = match &typed.value.data {
                Data::Secret(_) => ("a secret cannot be used inside a text", Code::Secret),
                Data::Null => ("this parameter has no value and cannot be used inside a text", Code::Interpolation),
                Data::List(_) => ("a list cannot be used inside a text", Code::Interpolation),
                _ => ("a mapping cannot be used inside a text", Code::Interpolation),
            };
            self.error(at, code, what);
        }
        parts
    }

    /// The text of a variable's value within a text.
    fn text_of(&mut self, at: At) -> Option<Arc<str>> {
        if self.is_secret(at) {
            let span = self.span(at);
            let diagnostic = Diagnostic::error(Code::Secret, span, "a secret cannot be used inside a text")
                .help("use it as the whole value of a parameter that accepts secrets");
            self.tell(at, diagnostic);
            return None;
        }
        self.depth += 1;
        let resolved = match self.depth > MAX_DEPTH {
            true => {
                self.error(at, Code::TooLarge, format!("values are nested more than {MAX_DEPTH} levels deep"));
                Resolved::Broken
            }
            false => self.resolve(at),
        };
        self.depth -= 1;
        match resolved {
            Resolved::Scalar { text, .. } => Some(text),
            Resolved::Typed { typed, .. } => match self.parts_of(at, &typed)?.as_slice() {
                [Part::Text(text)] => Some(text.clone()),
                _ => None,
            },
            Resolved::Collection(found) => {
                let message = match self.is_secret(found) {
                    true => "a secret cannot be used inside a text".to_owned(),
                    false => {
                        format!("{} cannot be used inside a text", crate::model::words(self.world.tree(found.file), found.node))
                    }
                };
                self.error(at, Code::Interpolation, message);
                None
            }
            _ => None,
        }
    }

    pub fn is_secret(&self, at: At) -> bool {
        self.world.tree(at.file).follow(at.node).tag.as_deref() == Some(super::SECRET_TAG)
    }
}

/// Adds a piece of a text: what is text is put together.
fn append(parts: &mut Vec<Part>, text: &mut String, part: Part) {
    match part {
        Part::Text(more) => text.push_str(&more),
        output @ Part::Output(_) => {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(text).into()));
            }
            parts.push(output);
        }
    }
}
