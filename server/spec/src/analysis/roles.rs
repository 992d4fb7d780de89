//! From role entries to role instances: types, loops, conditions and composite roles, before parameters are read.

mod index;
mod loops;

use std::collections::HashMap;
use std::sync::Arc;

pub(super) use self::index::{Composite, Entered, Frame, Instance, ROOT, RoleIndex, Target};
use self::loops::items;
use super::composite::values::Slots;
use super::composite::{Definition, List};
use super::files::Part;
use super::interpolate;
use super::reader::{At, Budget, Each, Outputs, Reader, World};
use super::when::Conditions;
use super::{CompositeInstance, Entry, Loaded, Phases, RoleInstance, State, Variable};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::RoleNode;
use crate::shape::Shape;
use crate::text::{FileId, Span};

/// The most role instances of one spec, loops unrolled.
const MAX_INSTANCES: usize = 200_000;

/// What reading the roles needs and gives.
pub(super) struct Roles<'a> {
    pub world: &'a World<'a>,
    pub loaded: &'a [Loaded],
    pub vars: &'a [Variable],
    pub budget: &'a mut Budget,
    pub diagnostics: Vec<Diagnostic>,
    pub references: Vec<super::Reference>,
    pub var_uses: Vec<super::VarUse>,
}

/// The role instances of a spec.
#[derive(Default)]
pub(super) struct Read {
    pub roles: Vec<RoleInstance>,
    pub instead: Vec<RoleInstance>,
    pub composites: Vec<CompositeInstance>,
}

impl<'a> Roles<'a> {
    fn reader(&mut self, outputs: Outputs<'a>) -> Reader<'_> {
        Reader::new(self.world, self.budget, outputs)
    }

    fn node(&self, entry: (FileId, usize)) -> &'a RoleNode {
        &self.loaded[entry.0.0 as usize].model.roles[entry.1]
    }

    fn entry(&self, entry: (FileId, usize)) -> &'a Entry {
        let world = self.world;
        &world.document(entry.0).entries[entry.1]
    }

    fn definition(&self, definition: usize) -> &'a Definition {
        let world = self.world;
        &world.definitions.all[definition]
    }

    /// All instances of all files, by name. Those of a name that is taken are left out.
    pub fn index(&mut self) -> RoleIndex {
        let mut index = RoleIndex { frames: vec![Frame::root()], ..RoleIndex::default() };
        let mut conditions = Conditions::default();
        for definition in 0..self.world.definitions.all.len() {
            self.prototype(definition, &mut index, &mut conditions);
        }
        let mut first: HashMap<Arc<str>, Span> = HashMap::new();
        for (file, loaded) in self.loaded.iter().enumerate().filter(|(_, loaded)| loaded.part == Part::Spec) {
            let file = FileId(file as u32);
            for at in 0..loaded.model.roles.len() {
                let entry = self.entry((file, at));
                let name = &entry.name;
                if !self.name_allowed(entry) {
                    index.put(ROOT, name, Entered::Unread);
                    continue;
                }
                if let Some(other) = first.get(name) {
                    let message = format!("a role named `{name}` already exists");
                    let diagnostic = Diagnostic::error(Code::DuplicateRole, entry.name_span, message);
                    self.diagnostics.push(diagnostic.related(*other, "first defined here").help("rename one of them"));
                    continue;
                }
                first.insert(name.clone(), entry.name_span);
                let entered = self.enter((file, at), ROOT, &mut index, &mut conditions);
                index.put(ROOT, name, entered);
                if index.instances.len() >= MAX_INSTANCES {
                    let message = format!("with `{name}` the spec has more than {MAX_INSTANCES} roles");
                    self.diagnostics.push(Diagnostic::error(Code::TooLarge, entry.name_span, message));
                    return index;
                }
            }
        }
        index
    }

    /// Enters the lists of a role as if it were used with values that are not known, so that its own mistakes are told
    /// once, wherever it is used.
    fn prototype(&mut self, number: usize, index: &mut RoleIndex, conditions: &mut Conditions) {
        let definition = self.definition(number);
        let told = self.diagnostics.len();
        let mut frames = Vec::new();
        for list in List::ALL {
            let (Some(tasks), Some(entries)) = (definition.tasks_file, definition.list(list)) else { continue };
            let frame = index.frames.len();
            frames.push(frame);
            index.frames.push(Frame { definition: Some((number, list)), ..Frame::root() });
            for at in entries {
                let entry = self.entry((tasks, *at));
                let taken = definition.role.params.iter().find(|param| param.name == entry.name);
                if let Some(param) = taken {
                    let message = format!("no part can be named `{}`, because it is a parameter of this role", entry.name);
                    let param = self.world.tree(definition.role_file).node(param.key).span;
                    let diagnostic = Diagnostic::error(Code::BadName, entry.name_span, message);
                    self.diagnostics.push(diagnostic.related(param, "the parameter is here"));
                }
                let entered = match self.name_allowed(entry) {
                    true => self.enter((tasks, *at), frame, index, conditions),
                    false => Entered::Unread,
                };
                index.frames[frame].entered.push(entered);
            }
        }
        index.prototypes.push(frames);
        note_use(definition, &mut self.diagnostics[told..]);
    }

    fn name_allowed(&mut self, entry: &Entry) -> bool {
        let name = &*entry.name;
        if matches!(name, "vars" | "env" | "each") {
            let message = format!("a role cannot be named `{name}`, because `${{{name}.…}}` has another meaning");
            self.diagnostics.push(Diagnostic::error(Code::BadName, entry.name_span, message));
            return false;
        }
        if interpolate::is_name(name) {
            return true;
        }
        let better: String =
            name.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' }).collect();
        let better = better.trim_matches('-');
        let mut diagnostic =
            Diagnostic::error(Code::BadName, entry.name_span, format!("`{name}` is not a valid name for a role"))
                .help("a name consists of letters, digits, `_` and `-`, and does not begin with `-`");
        if !better.is_empty() {
            diagnostic = diagnostic.fix(format!("Change to `{better}`"), entry.name_span, better);
        }
        self.diagnostics.push(diagnostic);
        false
    }

    /// Unrolls one entry into its instances.
    fn enter(&mut self, entry: (FileId, usize), frame: usize, index: &mut RoleIndex, conditions: &mut Conditions) -> Entered {
        let node = self.node(entry);
        let name = index.frames[frame].full_name(&self.entry(entry).name);
        let Some(for_each) = node.for_each else {
            return match self.instance(entry, name, None, frame, index, conditions) {
                Made::Target(target) => Entered::One(target),
                Made::LeftOut => Entered::LeftOut,
                Made::Unread => Entered::Unread,
            };
        };
        let mut reader = self.reader(Outputs::Not("a loop must be known before anything is applied"));
        reader.index = Some(&*index);
        reader.frame = frame;
        let items = items(&mut reader, At { file: entry.0, node: for_each, via: None });
        let Reader { mut diagnostics, references, var_uses, .. } = reader;
        index.note(frame, &mut diagnostics);
        self.take(diagnostics, references, var_uses);
        let Some(items) = items else { return Entered::Unread };
        let (mut instances, mut by_key, mut left_out) = (Vec::new(), HashMap::new(), Vec::new());
        let mut unread = false;
        for each in items {
            if index.instances.len() >= MAX_INSTANCES {
                break;
            }
            let key = each.key.clone();
            let name: Arc<str> = format!("{name}[{key}]").into();
            match self.instance(entry, name, Some(each), frame, index, conditions) {
                Made::Target(target) => {
                    by_key.insert(key.clone(), instances.len());
                    instances.push((key, target));
                }
                Made::LeftOut => left_out.push(key),
                Made::Unread => unread = true,
            }
        }
        match unread {
            true => Entered::Unread,
            false => Entered::Loop { instances, by_key, left_out },
        }
    }

    fn take(&mut self, diagnostics: Vec<Diagnostic>, references: Vec<super::Reference>, var_uses: Vec<super::VarUse>) {
        self.diagnostics.extend(diagnostics);
        self.references.extend(references);
        self.var_uses.extend(var_uses);
    }

    /// One instance of an entry: whether it is there, and what it can be.
    fn instance(
        &mut self,
        entry: (FileId, usize),
        name: Arc<str>,
        each: Option<Each>,
        frame: usize,
        index: &mut RoleIndex,
        conditions: &mut Conditions,
    ) -> Made {
        let node = self.node(entry);
        let vars = self.vars;
        let mut reader = self.reader(Outputs::Not("it must be known before anything is applied"));
        reader.each = each.as_ref();
        reader.index = Some(&*index);
        reader.frame = frame;
        let when = match node.when {
            Some(when) => conditions.holds(&mut reader, vars, entry.0, when),
            None => Some(true),
        };
        // A condition that could not be read does not hide the mistakes of its role.
        let (mut types, mut state) = (None, State::Present);
        // One that is left out is read as well, for its mistakes: the first of its entry, and only the spec's own, since
        // parts are told in their role's files.
        let is_first_left_out = || frame == ROOT && index.left_out.last().is_none_or(|last| last.entry != entry);
        if when != Some(false) || is_first_left_out() {
            types = super::instance::types(&mut reader, node, entry.0);
            if types.iter().flatten().any(|info| info.home.is_some()) {
                state = super::instance::own_state(&mut reader, node, entry.0);
            }
        }
        let Reader { mut diagnostics, references, var_uses, .. } = reader;
        index.note(frame, &mut diagnostics);
        self.take(diagnostics, references, var_uses);
        if when == Some(false) {
            // What a composite role is given is checked where it is expanded.
            if let Some(types) = types.filter(|types| types.iter().all(|info| info.home.is_none())) {
                index.left_out.push(Instance { name, entry, each, types, frame });
            }
            return Made::LeftOut;
        }
        let Some(types) = types else { return Made::Unread };
        if let [info] = &types[..]
            && info.home.is_some()
        {
            let used = self.world.definitions.of(info).filter(|number| !self.definition(*number).recursive);
            let Some(definition) = used.filter(|_| index.composites.len() < MAX_INSTANCES) else { return Made::Unread };
            let top = match index.frames[frame].composite {
                Some(outer) => index.composites[outer].top,
                None => self.entry(entry).name_span,
            };
            index.composites.push(Composite {
                name,
                entry,
                each,
                info: info.clone(),
                definition,
                params: node.params.clone(),
                slots: Slots::new(self.definition(definition).role.params.len()),
                state: led(index.frames[frame].lead, state),
                frame,
                main: None,
                instead: Vec::new(),
                top,
            });
            return Made::Target(self.expand(index.composites.len() - 1, index, conditions));
        }
        index.instances.push(Instance { name, entry, each, types, frame });
        Made::Target(Target::Role(index.instances.len() - 1))
    }

    /// Puts the parts of a composite role in its place.
    fn expand(&mut self, number: usize, index: &mut RoleIndex, conditions: &mut Conditions) -> Target {
        let used = &index.composites[number];
        let outer = &index.frames[used.frame];
        if outer.is_symbolic() {
            return Target::Composite(number);
        }
        let (state, phases, literal, instead) = (used.state, outer.phases, outer.literal, outer.instead);
        let definition = self.definition(used.definition);
        let written = |list: List| definition.list(list).is_some();
        let lead = Some(state).filter(|state| *state != State::Present);
        let (mut main, mut others) = (phases, Vec::new());
        match state {
            // What is written for a state takes the place of what is derived, where that state is asked for.
            State::Present if !literal => {
                for (list, asked) in [(List::Absent, State::Absent), (List::Info, State::Info)] {
                    if written(list) && phases.contains(asked) {
                        main = main.without(asked);
                        others.push((list, Phases::only(asked), None, list == List::Absent));
                    }
                }
            }
            State::Present => {}
            State::Absent | State::Info => {
                let list = List::of(state);
                if written(list) {
                    main = Phases::NONE;
                    others.push((list, phases, lead.filter(|lead| *lead == State::Info), list == List::Absent));
                }
            }
        }
        let definition = used.definition;
        let frame = |list, phases, lead, literal, instead| Frame {
            definition: Some((definition, list)),
            composite: Some(number),
            lead,
            phases,
            literal,
            instead,
            ..Frame::root()
        };
        let made = self.fill(frame(List::Present, main, lead, literal, instead), index, conditions);
        index.composites[number].main = Some(made);
        for (list, phases, lead, literal) in others {
            let made = self.fill(frame(list, phases, lead, literal, true), index, conditions);
            index.composites[number].instead.push(made);
        }
        Target::Composite(number)
    }

    /// Enters the entries of one list of a role.
    fn fill(&mut self, frame: Frame, index: &mut RoleIndex, conditions: &mut Conditions) -> usize {
        let number = index.frames.len();
        let (definition, composite) = (frame.definition, frame.composite);
        let prefix = composite.map(|composite| format!("{}/", index.composites[composite].name)).unwrap_or_default();
        index.frames.push(Frame { prefix: prefix.into(), ..frame });
        // A default may name parts, which only this frame has.
        if let Some(composite) = composite {
            index.composites[composite].main.get_or_insert(number);
        }
        let Some((definition, list)) = definition else { return number };
        let definition = self.definition(definition);
        let (Some(tasks), Some(entries)) = (definition.tasks_file, definition.list(list)) else { return number };
        index.frames[number].entered.reserve(entries.len());
        for at in entries {
            let allowed = interpolate::is_name(&self.entry((tasks, *at)).name) && index.instances.len() < MAX_INSTANCES;
            let entered = if allowed { self.enter((tasks, *at), number, index, conditions) } else { Entered::Unread };
            index.frames[number].entered.push(entered);
        }
        number
    }

    /// Reads the parameters of all instances.
    pub fn read(&mut self, index: &'a RoleIndex) -> Read {
        for (number, frames) in index.prototypes.iter().enumerate() {
            self.read_definition(number, frames, index);
        }
        let mut read = Read::default();
        // The place of each in what is given back; those read without a use are not in it.
        let mut places: Vec<Option<usize>> = Vec::with_capacity(index.composites.len());
        for (number, used) in index.composites.iter().enumerate() {
            let frame = &index.frames[used.frame];
            let outer = frame.composite.and_then(|outer| places[outer]).map(|outer| &read.composites[outer]);
            let (node, entry) = (self.node(used.entry), self.entry(used.entry));
            let mut made = self.read_entry(index, used.frame, used.each.as_ref(), entry, |reader| {
                super::instance::read_composite(reader, used, number, node, entry)
            });
            if let Some(outer) = outer {
                made.needs.extend(outer.needs.iter().cloned());
                made.disposable |= outer.disposable;
            }
            made.part_of = frame.composite.and_then(|outer| places[outer]);
            let symbolic = frame.is_symbolic();
            places.push((!symbolic).then_some(read.composites.len()));
            if !symbolic {
                read.composites.push(made);
            }
        }
        for instance in &index.left_out {
            let (node, entry) = (self.node(instance.entry), self.entry(instance.entry));
            self.read_entry(index, instance.frame, instance.each.as_ref(), entry, |reader| {
                reader.left_out = true;
                super::instance::read(reader, instance, node, entry);
            });
        }
        read.roles.reserve(index.instances.len());
        for instance in &index.instances {
            let frame = &index.frames[instance.frame];
            let (node, entry) = (self.node(instance.entry), self.entry(instance.entry));
            let mut role = self.read_entry(index, instance.frame, instance.each.as_ref(), entry, |reader| {
                super::instance::read(reader, instance, node, entry)
            });
            if frame.is_symbolic() {
                continue;
            }
            role.state = led(frame.lead, role.state);
            (role.phases, role.literal) = (frame.phases, frame.literal);
            role.part_of = frame.composite.and_then(|outer| places[outer]);
            if let Some(outer) = role.part_of.map(|outer| &read.composites[outer]) {
                role.needs.extend(outer.needs.iter().filter(|need| **need != role.name).cloned());
                role.disposable |= outer.disposable;
            }
            if frame.instead { read.instead.push(role) } else { read.roles.push(role) }
        }
        read
    }

    /// Reads an entry where all roles are known, and keeps what was found on the way.
    fn read_entry<T>(
        &mut self,
        index: &'a RoleIndex,
        frame: usize,
        each: Option<&'a Each>,
        entry: &Entry,
        read: impl FnOnce(&mut Reader<'_>) -> T,
    ) -> T {
        let mut reader = self.reader(Outputs::Of(index));
        reader.frame = frame;
        reader.each = each;
        reader.role = Some(entry.name.clone());
        let made = read(&mut reader);
        let Reader { diagnostics, references, var_uses, .. } = reader;
        self.keep(index, frame, diagnostics, references, var_uses);
        made
    }

    fn keep(
        &mut self,
        index: &RoleIndex,
        frame: usize,
        mut diagnostics: Vec<Diagnostic>,
        references: Vec<super::Reference>,
        var_uses: Vec<super::VarUse>,
    ) {
        if !diagnostics.is_empty() {
            index.note(frame, &mut diagnostics);
            if let (true, Some((definition, _))) = (index.frames[frame].is_symbolic(), index.frames[frame].definition) {
                note_use(self.definition(definition), &mut diagnostics);
            }
        }
        self.take(diagnostics, references, var_uses);
    }

    /// Reads the defaults and outputs of a role without a use of it.
    fn read_definition(&mut self, number: usize, frames: &[usize], index: &'a RoleIndex) {
        let definition = self.definition(number);
        let Some(frame) = frames.first().copied() else { return };
        let file = definition.role_file;
        let mut reader = self.reader(Outputs::Of(index));
        reader.frame = frame;
        for param in &definition.role.params {
            if let super::composite::DefaultValue::Value(node) = param.default {
                reader.read(At { file, node, via: None }, &param.shape);
            }
        }
        reader.lenient = true;
        for output in &definition.role.outputs {
            reader.read(At { file, node: output.value, via: None }, &Shape::ANY);
        }
        let Reader { diagnostics, references, var_uses, .. } = reader;
        self.keep(index, frame, diagnostics, references, var_uses);
    }
}

/// The state of a part, given the one that all of its role is led to.
fn led(lead: Option<State>, own: State) -> State {
    match (lead, own) {
        (None, own) => own,
        // What is only looked at is never taken away.
        (Some(State::Absent), State::Info) => State::Info,
        (Some(lead), _) => lead,
    }
}

/// Adds to the mistakes of a role itself where it is used first.
fn note_use(definition: &Definition, found: &mut [Diagnostic]) {
    if let Some(used) = definition.used {
        for diagnostic in found.iter_mut().filter(|diagnostic| diagnostic.span.file != used.file) {
            diagnostic.related.push((used, format!("`{}` is used here", definition.info.name)));
        }
    }
}

/// What an entry or an item of its loop becomes.
enum Made {
    Target(Target),
    LeftOut,
    Unread,
}
