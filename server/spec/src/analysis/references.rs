//! References from one role to another, and to its outputs.

use std::sync::Arc;

use super::interpolate;
use super::lookup::Found;
use super::reader::{At, Outputs, Reader, Resolved};
use super::roles::{Entered, RoleIndex, Target};
use crate::diagnostic::{Code, Diagnostic};
use crate::shape::{RefKind, Shape, TypeInfo};
use crate::text::Span;
use crate::value::{Data, OutputRef, Value};

/// How many names a message lists at most.
const LISTED: usize = 8;

/// The instance that a reference names.
struct Named<'a> {
    name: Arc<str>,
    types: &'a [Arc<TypeInfo>],
    /// The use of a composite role that it is.
    composite: Option<usize>,
}

impl<'a> Reader<'a> {
    /// Reads a reference as a parameter writes it: `role`, `role.output` or a path.
    pub fn reference(&mut self, at: At, text: &str, kind: RefKind) -> Option<Value> {
        let span = self.span(at);
        if kind != RefKind::Text && (text.starts_with(['/', '~']) || text.starts_with("./") || text.starts_with("../")) {
            let path = self.path(at, text)?;
            return Some(Value { data: Data::Text(path), span });
        }
        // Where the value is written in quotes, its name stands behind the quote.
        let inner = match self.world.document(span.file).source.slice(span).find(text) {
            Some(0) | None => span,
            Some(start) => Span { start: span.start + start as u32, end: span.start + (start + text.len()) as u32, ..span },
        };
        let (role, index, output) = match interpolate::reference(text) {
            Ok(parts) => parts,
            Err(message) => {
                let help = match kind {
                    RefKind::Text => "name an output as `role.output`".to_owned(),
                    _ if text.contains('/') => "a path begins with `/`, `./`, `../` or `~/`".to_owned(),
                    _ => format!("name a role that offers {}, or a path", kind.words()),
                };
                let mut diagnostic = Diagnostic::error(Code::WrongValue, span, message).help(help);
                if text.contains('/') {
                    diagnostic = diagnostic.fix(format!("Change to `./{text}`"), span, format!("./{text}"));
                }
                self.tell(at, diagnostic);
                return None;
            }
        };
        if let Some(output) = output {
            return match self.output(at, role, index, output, inner) {
                Found::Output(found, offered) if kind.accepts(offered) => Some(Value { data: Data::Output(found), span }),
                Found::Output(_, offered) => {
                    let message = format!("expected {1}, but `{text}` is {0}", offered.words(), kind.words());
                    self.error(at, Code::WrongReference, message);
                    None
                }
                found => self.offered_as(at, found, kind),
            };
        }
        let target = self.target(at, role, index, inner)?;
        let Some(info) = target.types.iter().find_map(|info| info.default_output(kind)) else {
            let what = target.types.first().map_or("it", |info| &*info.name);
            let message = format!("expected {0}, but `{text}` is a {what}", kind.words());
            let mut diagnostic = Diagnostic::error(Code::WrongReference, span, message);
            let offered = self.offering(kind);
            diagnostic.help = match offered.is_empty() {
                false => Some(format!("name a role that offers it: {}", offered.join(", "))),
                true => self.role_between(at, role, target.types, kind),
            };
            self.tell(at, diagnostic);
            return None;
        };
        if let Some(composite) = target.composite {
            let found = self.offer(at, composite, &info.name)?;
            return match found {
                Found::Output(found, _) => Some(Value { data: Data::Output(found), span }),
                found => self.offered_as(at, found, kind),
            };
        }
        let output = OutputRef { role: target.name, output: (&*info.name).into() };
        Some(Value { data: Data::Output(output), span })
    }

    /// What a composite role offers, where a reference is wanted.
    fn offered_as(&mut self, at: At, found: Found, kind: RefKind) -> Option<Value> {
        let resolved = match found {
            Found::Text(text) => Resolved::Scalar { text, plain: true, at },
            Found::Parts(parts, first) => Resolved::Template { parts, first, at },
            Found::Typed(typed) => Resolved::Typed { typed, at },
            Found::Unknown(shape) => Resolved::Unknown { shape, at },
            Found::At(_) | Found::Output(..) | Found::Nothing => return None,
        };
        self.check(resolved, &Shape::Reference(kind))
    }

    /// An output of a role, as `${role.output}` names it. `span` is where the name is written.
    pub fn output(&mut self, at: At, role: &str, index: Option<&str>, output: &str, span: Span) -> Found {
        let Some(target) = self.target(at, role, index, span) else { return Found::Nothing };
        if let Some(composite) = target.composite
            && let Some(found) = self.offer(at, composite, output)
        {
            return found;
        }
        let offer = target.types.iter().find_map(|info| info.output(output));
        if let Some(offer) = offer.filter(|_| target.composite.is_none()) {
            return Found::Output(OutputRef { role: target.name, output: output.into() }, offer.kind);
        }
        let Some(info) = target.types.first() else { return Found::Nothing };
        let names: Vec<&str> = info.outputs.iter().map(|output| &*output.name).collect();
        let name = &target.name;
        let mut diagnostic = match output.is_empty() {
            true => {
                Diagnostic::error(Code::Interpolation, span, format!("an output is missing: `{role}` is a role, not a value"))
            }
            false => Diagnostic::error(Code::UnknownReference, span, format!("`{name}` has no output `{output}`")),
        };
        let near = if output.is_empty() {
            names.first().copied().filter(|name| !name.contains('*'))
        } else {
            self.nearest(output, names.iter().copied())
        };
        if let Some(near) = near {
            diagnostic = diagnostic.help(format!("did you mean `{role}.{near}`?"));
            let written = self.world.document(span.file).source.slice(span);
            let text = match output.is_empty() {
                true => format!("{written}.{near}"),
                false => written.strip_suffix(output).map_or_else(|| format!("{role}.{near}"), |front| format!("{front}{near}")),
            };
            diagnostic = diagnostic.fix(format!("Change to `{text}`"), span, text);
        } else if names.is_empty() {
            diagnostic = diagnostic.help(format!("a {} has no outputs", info.name));
        } else {
            diagnostic = diagnostic.help(format!("a {} has the outputs {}", info.name, names.join(", ")));
        }
        self.tell(at, diagnostic);
        Found::Nothing
    }

    /// The instances that an item of `needs` names: one, or all of a loop.
    pub fn needed(&mut self, at: At, text: &str) -> Vec<Arc<str>> {
        let span = self.span(at);
        let (role, index) = match interpolate::reference(text) {
            Ok((role, index, None)) => (role, index),
            Ok((role, _, Some(_))) => {
                let diagnostic = Diagnostic::error(Code::WrongReference, span, "`needs` names roles, not their outputs").fix(
                    format!("Change to `{role}`"),
                    span,
                    role,
                );
                self.tell(at, diagnostic);
                return Vec::new();
            }
            Err(message) => {
                self.error(at, Code::WrongValue, message);
                return Vec::new();
            }
        };
        let Outputs::Of(roles) = self.outputs else { return Vec::new() };
        match (roles.entry(self.world.definitions, self.frame, role), index) {
            (Some(Entered::Loop { instances, .. }), None) => {
                self.refer(at, role, span);
                return instances.iter().flat_map(|(_, target)| roles.leaves(*target)).collect();
            }
            // An order with what is left out is none.
            (Some(Entered::LeftOut), None) => {
                self.refer(at, role, span);
                return Vec::new();
            }
            (Some(Entered::Loop { left_out, .. }), Some(index)) if left_out.iter().any(|left_out| **left_out == *index) => {
                self.refer(at, role, span);
                return Vec::new();
            }
            _ => {}
        }
        match self.target(at, role, index, span) {
            Some(Named { composite: Some(composite), .. }) => roles.leaves(Target::Composite(composite)),
            Some(named) => vec![named.name],
            None => Vec::new(),
        }
    }

    /// Remembers a reference for the editor.
    fn refer(&mut self, at: At, role: &str, span: Span) {
        // In the files of a role it is the same for every use of it.
        if at.via.is_some() || self.names().is_some_and(|names| names.composite.is_some()) {
            return;
        }
        let written = self.world.document(span.file).source.slice(span);
        let Some(start) = written.find(role) else { return };
        let start = span.start + start as u32;
        let span = Span { start, end: start + role.len() as u32, ..span };
        self.references.push(super::Reference { span, role: role.into(), from_role: self.role.clone() });
    }

    /// The instance that is named; a diagnostic if there is none, nothing if it is there but could not be read.
    fn target(&mut self, at: At, role: &str, index: Option<&str>, span: Span) -> Option<Named<'a>> {
        let roles = match self.outputs {
            Outputs::Of(roles) => roles,
            Outputs::Not(reason) => {
                let diagnostic = Diagnostic::error(Code::Interpolation, span, format!("`{role}` cannot be used here: {reason}"));
                self.tell(at, diagnostic);
                return None;
            }
        };
        let entry = roles.entry(self.world.definitions, self.frame, role);
        let symbolic = roles.frames[self.frame].is_symbolic();
        if entry.is_some() {
            self.refer(at, role, span);
        }
        let wrong = |code, message: String| Diagnostic::error(code, span, message);
        let diagnostic = match (entry, index) {
            (Some(Entered::Unread), _) => return None,
            (Some(Entered::LeftOut), _) if self.left_out => return None,
            (Some(Entered::Loop { left_out, .. }), _) if self.left_out && !left_out.is_empty() => return None,
            (Some(Entered::One(instance)), None) => return Some(named(roles, *instance)),
            (Some(Entered::One(_)), Some(index)) => wrong(
                Code::WrongReference,
                format!("`{role}` is not a loop, so `{role}[{index}]` does not exist"),
            )
            .fix(format!("Change to `{role}`"), span, role),
            (Some(Entered::LeftOut), _) => {
                wrong(Code::UnknownReference, format!("`{role}` does not exist, because its `when` is false"))
                    .help("give this role the same `when`")
            }
            (Some(Entered::Loop { instances, left_out, .. }), None) => {
                let mut names: Vec<String> = instances.iter().take(LISTED).map(|(key, _)| format!("{role}[{key}]")).collect();
                if instances.len() > LISTED {
                    names.push("…".to_owned());
                }
                let help = match (names.is_empty(), left_out.is_empty()) {
                    (false, _) => format!("name one of them: {}", names.join(", ")),
                    (true, true) => "its `for_each` is empty".to_owned(),
                    (true, false) => "none of them exists, because their `when` is false".to_owned(),
                };
                wrong(Code::WrongReference, format!("`{role}` is a loop of several roles")).help(help)
            }
            (Some(Entered::Loop { instances, by_key, left_out }), Some(index)) => {
                let found = by_key.get(index).map(|place| instances[*place].1);
                // Without a use of the role, the keys are not known.
                if let Some(found) = found.or(instances.first().map(|(_, target)| *target).filter(|_| symbolic)) {
                    return Some(named(roles, found));
                }
                let name = format!("{role}[{index}]");
                if left_out.iter().any(|left_out| **left_out == *index) {
                    wrong(Code::UnknownReference, format!("`{name}` does not exist, because its `when` is false"))
                } else {
                    let near = self.nearest(index, instances.iter().map(|(key, _)| &**key));
                    let mut diagnostic = wrong(Code::UnknownReference, format!("the loop `{role}` has no `{index}`"));
                    if let Some(near) = near {
                        diagnostic = diagnostic.help(format!("did you mean `{role}[{near}]`?"));
                    }
                    diagnostic
                }
            }
            (None, _) => {
                if self.world.documents.iter().any(|document| document.damaged_word(role)) {
                    return None;
                }
                let params = self.parameters();
                let known = roles.names(self.world.definitions, self.frame);
                let near = self.nearest(role, known.chain(params.iter().map(|name| &**name)));
                let message = match self.in_a_role() {
                    true => format!("there is no part or parameter `{role}` in this role"),
                    false => format!("there is no role `{role}`"),
                };
                let diagnostic = wrong(Code::UnknownReference, message);
                let source = &self.world.document(span.file).source;
                let text = source.text();
                let shell =
                    span.start >= 2 && text[..span.start as usize].ends_with(interpolate::OPEN) && source.slice(span) == role;
                if shell && near.is_none() {
                    // A shell's variable, in a script.
                    let escape = Span { start: span.start - 2, end: span.start - 2, ..span };
                    let diagnostic = diagnostic
                        .help(format!(
                            "write `$${{{role}}}` for the literal text, or `${{env.{role}}}` for the environment variable"
                        ))
                        .fix(format!("Write `$${{{role}}}`"), escape, "$");
                    let diagnostic = diagnostic.fix(format!("Change to `${{env.{role}}}`"), span, format!("env.{role}"));
                    self.tell(at, diagnostic);
                    return None;
                }
                match near {
                    Some(near) => {
                        let written = self.world.document(span.file).source.slice(span);
                        let text = written.replacen(role, near, 1);
                        diagnostic.help(format!("did you mean `{near}`?")).fix(format!("Change to `{near}`"), span, text)
                    }
                    None => diagnostic,
                }
            }
        };
        self.tell(at, diagnostic);
        None
    }

    /// The lines of a role that makes what is wanted of what a role offers, such as a loop device on an image.
    fn role_between(&self, at: At, role: &str, types: &[Arc<TypeInfo>], kind: RefKind) -> Option<String> {
        let Outputs::Of(roles) = self.outputs else { return None };
        let fits = |shape: &Shape| matches!(shape, Shape::Reference(needed) if types.iter().any(|info| info.default_output(*needed).is_some()));
        let between = |info: &Arc<TypeInfo>| {
            let mut required = info.record.fields.iter().filter(|field| field.required);
            let field = required.next().filter(|field| required.next().is_none() && fits(&field.shape))?;
            info.default_output(kind)?;
            Some((info.name.clone(), field.name.to_string(), info.kind().split('_').next().unwrap_or_default().to_string()))
        };
        let (is, param, name) = self.world.catalog(self.span(at).file).types().find_map(between)?;
        let is_free = |name: &str| roles.entry(self.world.definitions, self.frame, name).is_none();
        let name = if is_free(&name) { name } else { format!("{role}-{name}") };
        // As the entry of the role that it rests on is indented.
        let column = match roles.entry(self.world.definitions, self.frame, role)? {
            Entered::One(Target::Role(instance)) => {
                let (file, entry) = roles.instances[*instance].entry;
                let document = self.world.document(file);
                document.source.position(document.entries[entry].name_span.start as usize).character as usize
            }
            _ => 2,
        };
        let indent = " ".repeat(column);
        Some(format!(
            "add a {is} on `{role}`, and write `{name}` here:\n{indent}{name}:\n{indent}  is: {is}\n{indent}  {param}: {role}"
        ))
    }

    /// Some roles that offer what is wanted.
    fn offering(&mut self, kind: RefKind) -> Vec<String> {
        let Outputs::Of(roles) = self.outputs else { return Vec::new() };
        let offers = |types: &[Arc<TypeInfo>]| types.iter().any(|info| info.default_output(kind).is_some());
        let own = self.role.as_ref();
        let known = roles.known(self.world.definitions, self.frame).take(1000);
        let offering = known.filter(|(name, target)| Some(*name) != own && offers(named(roles, *target).types));
        let offering: Vec<(&Arc<str>, Target)> = offering.collect();
        // What fits by its kind alone (any file can back a loop device) is meant less than what is made for it.
        let collection_of = |target: Target| named(roles, target).types.first().map(|info| info.collection().to_owned());
        let entry = own.and_then(|own| roles.known(self.world.definitions, self.frame).find(|(name, _)| *name == own));
        let ours = entry.and_then(|(_, target)| collection_of(target));
        let akin: Vec<_> =
            offering.iter().filter(|(_, target)| ours.is_some() && collection_of(*target) == ours).copied().collect();
        let meant = if akin.is_empty() { offering } else { akin };
        let mut names: Vec<String> = meant.iter().map(|(name, _)| format!("`{name}`")).collect();
        if self.frame != super::roles::ROOT {
            names.sort();
        }
        names.truncate(LISTED);
        names
    }
}

fn named(roles: &RoleIndex, target: Target) -> Named<'_> {
    match target {
        Target::Role(instance) => {
            let instance = &roles.instances[instance];
            Named { name: instance.name.clone(), types: &instance.types, composite: None }
        }
        Target::Composite(composite) => {
            let used = &roles.composites[composite];
            Named { name: used.name.clone(), types: std::slice::from_ref(&used.info), composite: Some(composite) }
        }
    }
}
