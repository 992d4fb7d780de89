//! Parameters and outputs of composite roles, where they are asked for.

use std::cell::RefCell;
use std::sync::Arc;

use super::role_file::DefaultValue;
use super::typed::Typed;
use crate::analysis::lookup::Found;
use crate::analysis::reader::{At, Each, MAX_DEPTH, Outputs, Reader, Resolved};
use crate::analysis::roles::RoleIndex;
use crate::diagnostic::{Code, Diagnostic};
use crate::shape::{RefKind, Shape};
use crate::text::Span;
use crate::value::{Data, Part, Value};

/// What is known of a parameter of one use of a role.
#[derive(Clone, Debug)]
enum Slot {
    /// It was not asked for yet.
    New,
    /// It is being read: who asks for it now goes in a circle.
    Busy,
    /// It was read; none if it could not be, which was told.
    Ready(Option<Arc<Typed>>),
}

/// The parameters of one use of a role, each read when it is first asked for.
#[derive(Debug)]
pub(in super::super) struct Slots(RefCell<Vec<Slot>>);

impl Slots {
    pub fn new(count: usize) -> Self {
        Slots(RefCell::new(vec![Slot::New; count]))
    }

    fn get(&self, nth: usize) -> Slot {
        self.0.borrow()[nth].clone()
    }

    fn set(&self, nth: usize, slot: Slot) {
        self.0.borrow_mut()[nth] = slot;
    }
}

impl<'a> Reader<'a> {
    /// Whether what is read stands in the files of a composite role.
    pub(in super::super) fn in_a_role(&self) -> bool {
        self.names().is_some_and(|names| names.definition.is_some())
    }

    /// The place of a parameter among those of the role whose files are read.
    fn place_of(&self, name: &str) -> Option<usize> {
        let (definition, _) = self.names()?.definition?;
        self.world.definitions.all[definition].role.params.iter().position(|param| *param.name == *name)
    }

    /// Whether a name is a parameter here.
    pub(in super::super) fn is_parameter(&self, name: &str) -> bool {
        self.place_of(name).is_some()
    }

    /// The parameters that can be named here.
    pub(in super::super) fn parameters(&self) -> Vec<Arc<str>> {
        let Some((definition, _)) = self.names().and_then(|names| names.definition) else { return Vec::new() };
        self.world.definitions.all[definition].role.params.iter().map(|param| param.name.clone()).collect()
    }

    /// A parameter of the role whose files are read.
    pub(in super::super) fn parameter(&mut self, at: At, name: &str, span: Span) -> Found {
        let (Some(nth), Some(names)) = (self.place_of(name), self.names()) else { return Found::Nothing };
        let Some((definition, _)) = names.definition else { return Found::Nothing };
        let Some(composite) = names.composite else {
            return Found::Unknown((*self.world.definitions.all[definition].role.params[nth].shape).clone());
        };
        match self.argument(composite, nth) {
            Ok(Some(typed)) => Found::Typed(typed),
            Ok(None) => Found::Nothing,
            Err(()) => {
                let message = format!("the parameter `{name}` depends on itself through outputs");
                self.tell(at, Diagnostic::error(Code::Cycle, span, message));
                Found::Nothing
            }
        }
    }

    /// What a use of a role gives to a parameter, or its default. An error if it is asked for while it is read.
    pub(in super::super) fn argument(&mut self, composite: usize, nth: usize) -> Result<Option<Arc<Typed>>, ()> {
        let Some(index) = self.index else { return Ok(None) };
        let used = &index.composites[composite];
        match used.slots.get(nth) {
            Slot::Ready(typed) => return Ok(typed),
            Slot::Busy => return Err(()),
            Slot::New => used.slots.set(nth, Slot::Busy),
        }
        let definition = &self.world.definitions.all[used.definition];
        let param = &definition.role.params[nth];
        let shape = param.shape.clone();
        let tree = self.world.tree(used.entry.0);
        let given = used.params.iter().find(|(key, _)| tree.scalar(*key).is_some_and(|key| *key == param.name));
        let role_file = definition.role_file;
        let outer = std::mem::take(&mut self.incomplete);
        let value = match (given, param.default) {
            (Some((_, node)), _) => {
                let at = At { file: used.entry.0, node: *node, via: None };
                self.within(used.frame, used.each.as_ref(), |reader| reader.read(at, &shape))
            }
            (None, DefaultValue::Value(node)) => match used.main {
                Some(main) => {
                    let at = At { file: role_file, node, via: None };
                    self.within(main, None, |reader| reader.read(at, &shape))
                }
                None => None,
            },
            (None, DefaultValue::Nothing) => {
                let span = self.world.tree(role_file).node(param.key).span;
                Some(Value { data: Data::Null, span })
            }
            (None, DefaultValue::Required) => None,
        };
        // One that lacks an item is as if it was not given: the parts would speak of what is not written.
        let is_whole = !std::mem::replace(&mut self.incomplete, outer);
        let typed = value.filter(|_| is_whole).map(|value| Arc::new(Typed { value, shape }));
        // Before the roles are known, outputs cannot be named, and what is read then does not count.
        let slot = if matches!(self.outputs, Outputs::Of(_)) { Slot::Ready(typed.clone()) } else { Slot::New };
        used.slots.set(nth, slot);
        Ok(typed)
    }

    /// Reads something with the names of another frame.
    fn within<T>(&mut self, frame: usize, each: Option<&'a Each>, work: impl FnOnce(&mut Self) -> T) -> T {
        let told = self.diagnostics.len();
        let before = (std::mem::replace(&mut self.frame, frame), std::mem::replace(&mut self.each, each), self.role.take());
        let depth = self.depth;
        let done = work(self);
        self.depth = depth;
        if let Some(index) = self.index {
            index.note(frame, &mut self.diagnostics[told..]);
        }
        (self.frame, self.each, self.role) = before;
        done
    }

    /// What a use of a role offers under a name.
    pub(in super::super) fn offer(&mut self, at: At, composite: usize, name: &str) -> Option<Found> {
        let index = self.index?;
        let used = &index.composites[composite];
        let definition = &self.world.definitions.all[used.definition];
        let nth = definition.role.outputs.iter().position(|output| *output.name == *name)?;
        let kind = used.info.outputs.get(nth).map_or(RefKind::Text, |offer| offer.kind);
        let Some(main) = used.main else {
            // It is read without a use: of its outputs only the kinds are known.
            return Some(Found::Unknown(match kind {
                RefKind::Text => Shape::ANY,
                kind => Shape::Reference(kind),
            }));
        };
        let output = At { file: definition.role_file, node: definition.role.outputs[nth].value, via: None };
        if self.depth > MAX_DEPTH {
            self.error(at, Code::TooLarge, format!("values are nested more than {MAX_DEPTH} levels deep"));
            return Some(Found::Nothing);
        }
        let depth = self.depth + 1;
        Some(self.within(main, None, |reader| {
            reader.depth = depth;
            reader.offered(output, kind)
        }))
    }

    fn offered(&mut self, output: At, kind: RefKind) -> Found {
        match self.resolve(output) {
            Resolved::Output { output, kind: found, .. } => {
                Found::Output(output, if kind == RefKind::Text { found } else { kind })
            }
            Resolved::Template { mut parts, first, at } => {
                if kind != RefKind::Text
                    && let Some(Part::Text(front)) = parts.first_mut()
                    && !front.starts_with('/')
                {
                    let Some(path) = self.path(at, &front.clone()) else { return Found::Nothing };
                    *front = if front.ends_with('/') { format!("{path}/").into() } else { path };
                }
                Found::Parts(parts, first)
            }
            Resolved::Scalar { text, at, .. } => match kind {
                RefKind::Text => Found::Text(text),
                _ => self.path(at, &text).map_or(Found::Nothing, Found::Text),
            },
            Resolved::Typed { typed, .. } => Found::Typed(typed),
            Resolved::Unknown { shape, .. } => Found::Unknown(shape),
            Resolved::Collection(at) => match self.read(at, &Shape::ANY) {
                Some(value) => Found::Typed(Arc::new(Typed { value, shape: Shape::ANY.into() })),
                None => Found::Nothing,
            },
            Resolved::Broken => Found::Nothing,
        }
    }
}

/// How a note on the use of a role begins.
const NOTE: &str = "used for ";

impl RoleIndex {
    /// Adds to what was found in the files of a role where it is used.
    pub(in super::super) fn note(&self, frame: usize, found: &mut [Diagnostic]) {
        let Some(composite) = self.frames[frame].composite else { return };
        let used = &self.composites[composite];
        for diagnostic in found {
            if !diagnostic.related.iter().any(|(_, remark)| remark.starts_with(NOTE)) {
                diagnostic.related.push((used.top, format!("{NOTE}`{}` here", used.name)));
            }
        }
    }
}
