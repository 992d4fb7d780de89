//! What the words of a spec are, for colours that only meaning can tell.

use seed_spec::tree::{NodeId, NodeKind, Tree};
use seed_spec::{FileId, Span};

use crate::Snapshot;
use crate::interpolation::{self, Named};
use crate::locate::role_words;
use crate::names::{self, Name};
use crate::place::{Place, RoleWords, Segment};

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The name of a role, where it is defined or named.
    Role,
    /// The name of a variable.
    Variable,
    /// A role type, or a kind.
    RoleType,
    /// An output, in a `${…}`.
    Output,
    /// A key of the language: `is`, `why`, `state` and the like.
    Keyword,
}

/// A word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// Whether it is defined there.
    pub definition: bool,
}

/// The words of the spec's text that mean something of their own, in order, none over another.
pub fn tokens(snapshot: &Snapshot) -> Vec<Token> {
    let Some(spec) = snapshot.spec().filter(|_| snapshot.is_current()) else { return Vec::new() };
    let mut occurrences = Vec::new();
    names::in_document(spec, &snapshot.catalog, &mut occurrences);
    let named = |name: &Name| match name {
        Name::Role(_) => Kind::Role,
        Name::Var(_) => Kind::Variable,
    };
    let mut tokens: Vec<Token> =
        occurrences.iter().map(|one| Token { span: one.span, kind: named(&one.name), definition: one.definition }).collect();
    if let Some(root) = spec.tree.root {
        Reader { snapshot, tree: &spec.tree, tokens: &mut tokens }.node(
            root,
            &Place::whole(spec.source.path()),
            &RoleWords::default(),
        );
    }
    tokens.retain(|token| token.span.file == FileId(0) && token.span.start < token.span.end);
    tokens.sort_by_key(|token| (token.span.start, token.kind));
    let mut end = 0;
    tokens.retain(|token| {
        let free = token.span.start >= end;
        end = if free { token.span.end } else { end };
        free
    });
    tokens
}

struct Reader<'a> {
    snapshot: &'a Snapshot,
    tree: &'a Tree,
    tokens: &'a mut Vec<Token>,
}

impl Reader<'_> {
    fn node(&mut self, id: NodeId, place: &Place, words: &RoleWords) {
        let node = self.tree.node(id);
        match &node.kind {
            NodeKind::Map(pairs) => {
                for (key, value) in pairs {
                    let Some(name) = self.tree.scalar(*key) else { continue };
                    let own = matches!(place, Place::Roles).then(|| role_words(self.tree, *value));
                    let words = own.as_ref().unwrap_or(words);
                    if is_keyword(place, name) {
                        self.push(self.tree.node(*key).span, Kind::Keyword);
                    }
                    self.node(*value, &place.inside(&Segment::Key(name.to_string()), words, &self.snapshot.catalog), words);
                }
            }
            NodeKind::List(items) => {
                for item in items {
                    self.node(*item, &place.inside(&Segment::Item, words, &self.snapshot.catalog), words);
                }
            }
            NodeKind::Scalar(text, _) => {
                if matches!(place, Place::RoleType | Place::Kind(_)) {
                    self.push(node.span, Kind::RoleType);
                }
                if text.contains("${") {
                    self.outputs(node.span);
                }
            }
            NodeKind::Alias(_) => {}
        }
    }

    fn outputs(&mut self, span: Span) {
        for named in interpolation::all(&self.snapshot.source, span) {
            if let Named::Output { output, .. } = named {
                self.push(output, Kind::Output);
            }
        }
    }

    fn push(&mut self, span: Span, kind: Kind) {
        self.tokens.push(Token { span, kind, definition: false });
    }
}

/// Whether a key belongs to the language and not to a role type.
fn is_keyword(place: &Place, name: &str) -> bool {
    match place {
        Place::Role(types) => {
            let is_kind = name == seed_spec::shape::KIND;
            crate::language::ROLE.field(name).is_some() && (!is_kind || types.collection.is_some())
        }
        Place::Spec => crate::language::SPEC.field(name).is_some(),
        Place::RoleFile => crate::language::ROLE_FILE.field(name).is_some(),
        Place::Tasks => crate::language::TASKS.field(name).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    #[test]
    fn names_types_and_outputs_are_told_apart() {
        let spec = "seed: 1\nname: a\nvars: {x: 1 GiB}\nroles:\n  image: {is: disk.image, size: '${vars.x}'}\n  note:\n    \
                    is: file.text\n    content: a ${image.path}\n    needs: [image]\n";
        let shown = check(spec, |Fixture { snapshot, .. }| {
            let shown = tokens(snapshot).into_iter().map(|token| {
                let mark = if token.definition { "!" } else { "" };
                format!("{}:{:?}{mark}", snapshot.slice(token.span), token.kind)
            });
            shown.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(
            shown,
            "seed:Keyword name:Keyword vars:Keyword x:Variable! roles:Keyword image:Role! is:Keyword disk.image:RoleType \
             x:Variable note:Role! is:Keyword file.text:RoleType image:Role path:Output needs:Keyword image:Role"
        );
    }
}
