//! From an analysed spec to facts. What a role says comes from its typed parameters and their shapes; words for it from the
//! [`lexicon`](crate::lexicon), or where that has none from the documentation of the role type.

mod dangers;
mod order;
mod values;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use seed_engine::Graph;
use seed_engine::plan::Plan;
use seed_role::host::Host;
use seed_spec::analysis::{CompositeInstance, Document};
use seed_spec::shape::{Field, Shape, TypeInfo};
use seed_spec::{Analysis, Data, FileId, RoleInstance, Severity, Span, State, Value};

use crate::fact::{Claim, Fact, Facts, Idea, Ideas, Kind, Sort, Thing};
use crate::lexicon;

/// The facts of a spec. With a host, programs that it lacks are among the risks; nothing is run and nothing is read of it besides. With a
/// plan, what it would destroy is told, too.
pub fn derive(analysis: &Analysis, graph: &Graph, host: Option<&dyn Host>, plan: Option<&Plan>) -> Facts {
    let mut deriver = Deriver::new(analysis, graph);
    deriver.spec();
    for composite in &analysis.composites {
        deriver.composite(composite);
    }
    for group in groups(analysis) {
        deriver.role(&group);
    }
    deriver.order();
    if let Some(plan) = plan {
        deriver.plan(plan);
    }
    deriver.trouble(host);
    deriver.done()
}

/// The instances that one entry stands for: one, or those of a loop.
fn groups(analysis: &Analysis) -> Vec<Vec<&RoleInstance>> {
    let mut places: HashMap<_, usize> = HashMap::new();
    let mut groups: Vec<Vec<&RoleInstance>> = Vec::new();
    for role in &analysis.roles {
        let place = *places.entry((role.entry, role.part_of)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(role),
            None => groups.push(vec![role]),
        }
    }
    groups
}

struct Deriver<'a> {
    analysis: &'a Analysis,
    graph: &'a Graph,
    folder: &'a Path,
    things: Vec<Thing>,
    /// The thing of each role, loop and composite role, by name.
    named: HashMap<Arc<str>, usize>,
    facts: Vec<Fact>,
    ids: HashSet<String>,
}

/// What facts of one role have in common.
struct Subject<'a> {
    thing: usize,
    name: Arc<str>,
    file: FileId,
    span: Span,
    info: &'a TypeInfo,
    /// What its facts weigh, as a share: parts of composite roles matter less.
    share: f64,
}

impl<'a> Deriver<'a> {
    fn new(analysis: &'a Analysis, graph: &'a Graph) -> Self {
        let folder = analysis.documents.first().map_or(Path::new("/"), |document| &document.folder);
        let name = analysis.name.clone().unwrap_or_else(|| "".into());
        let spec = Thing { name, sort: Idea::of(["spec", "the whole thing", "all of it"]), inside: None, handles: Vec::new() };
        let mut deriver = Deriver {
            analysis,
            graph,
            folder,
            things: vec![spec],
            named: HashMap::new(),
            facts: Vec::new(),
            ids: HashSet::new(),
        };
        for composite in &analysis.composites {
            let inside = composite.part_of.and_then(|outer| analysis.composites.get(outer));
            let inside = inside.and_then(|outer| deriver.named.get(&outer.name).copied());
            deriver.name_thing(&composite.name, names_of(&composite.info), inside);
        }
        for group in groups(analysis) {
            let Some(first) = group.first() else { continue };
            let inside = first.part_of.and_then(|outer| analysis.composites.get(outer));
            let inside = inside.and_then(|outer| deriver.named.get(&outer.name).copied());
            let name = deriver.entry_name(first);
            let sort = first.types.first().map(|info| sort_of(info, first)).unwrap_or_default();
            let thing = deriver.name_thing(&name, sort, inside);
            for instance in &group {
                deriver.named.insert(instance.name.clone(), thing);
            }
        }
        deriver
    }

    fn name_thing(&mut self, name: &Arc<str>, sort: Idea, inside: Option<usize>) -> usize {
        let thing = self.things.len();
        self.things.push(Thing { name: name.clone(), sort, inside, handles: Vec::new() });
        self.named.insert(name.clone(), thing);
        thing
    }

    /// The name of an instance without its place in a loop.
    fn entry_name(&self, role: &RoleInstance) -> Arc<str> {
        let many = self
            .analysis
            .roles
            .iter()
            .filter(|other| other.entry == role.entry && other.part_of == role.part_of)
            .nth(1)
            .is_some();
        match role.name.rsplit_once('[') {
            Some((name, _)) if many || role.name.ends_with(']') => name.into(),
            _ => role.name.clone(),
        }
    }

    fn document(&self, file: FileId) -> Option<&'a Document> {
        self.analysis.document(file)
    }

    /// Where the value of a key stands in a file.
    fn key(&self, file: FileId, keys: &[&str]) -> Option<Span> {
        let tree = &self.document(file)?.tree;
        let mut node = tree.root?;
        for key in keys {
            let pairs = tree.pairs(node);
            let (_, value) = pairs.iter().find(|(name, _)| tree.scalar(*name).is_some_and(|name| **name == **key))?;
            node = *value;
        }
        Some(tree.node(node).span)
    }

    fn push(&mut self, subject: &Subject<'_>, kind: Kind, what: &str, mut fact: Draft) {
        let mut id = format!("{}:{}", subject.name, kind.name());
        if !what.is_empty() {
            id = format!("{id}:{what}");
        }
        if self.ids.insert(id.clone()) {
            let role = if subject.thing == 0 { "".into() } else { subject.name.clone() };
            fact.weight = (fact.weight * subject.share).clamp(0.01, 1.0);
            let Draft { text, span, weight, question, claim, thing } = fact;
            let thing = thing.unwrap_or(subject.thing);
            self.facts.push(Fact { id, role, kind, text, span: span.unwrap_or(subject.span), weight, question, thing, claim });
        }
    }

    fn spec(&mut self) {
        static NOTHING: std::sync::LazyLock<TypeInfo> = std::sync::LazyLock::new(|| TypeInfo {
            name: "".into(),
            about: String::new(),
            record: Arc::default(),
            outputs: Vec::new(),
            example: "",
            runs_commands: false,
            home: None,
        });
        let span = Span::new(FileId(0), 0, 0);
        let subject = Subject { thing: 0, name: "".into(), file: FileId(0), span, info: &NOTHING, share: 1.0 };
        if let Some(why) = self.analysis.why.clone() {
            let mut fact = Draft::new(format!("all of it is there for this: {why}"), 1.0, Claim::Meaning(why.to_string()));
            fact.span = self.key(FileId(0), &["why"]);
            fact.question = "What is all of this for: who would miss it?".into();
            self.push(&subject, Kind::Purpose, "", fact);
        }
        if let (Some(name), false) = (self.analysis.name.clone(), self.analysis.is_role) {
            let claim = Claim::Value {
                value: crate::fact::Expected::Text(name.to_string()),
                topic: Idea::of(["called", "named", "name", "spec"]),
            };
            let mut fact = Draft::new(format!("the spec is called {name}"), 0.05, claim);
            fact.span = self.key(FileId(0), &["name"]);
            fact.question = "By what name would you find this again?".into();
            self.push(&subject, Kind::Exists, "", fact);
        }
    }

    fn composite(&mut self, composite: &'a CompositeInstance) {
        let Some(thing) = self.named.get(&composite.name).copied() else { return };
        let share = if composite.part_of.is_some() { 0.4 } else { 1.0 };
        let info = &*composite.info;
        let subject =
            Subject { thing, name: composite.name.clone(), file: composite.entry.0, span: composite.name_span, info, share };
        let about = summary(&info.about);
        let text = match about.is_empty() {
            true => format!("`{}` is a {}, a role made of others", composite.name, info.name),
            false => format!("`{}` is a {}: {about}", composite.name, info.name),
        };
        let claim = Claim::Sort(Sort { names: names_of(info), others: Idea::default() });
        let mut fact = Draft::new(text, 0.8, claim);
        fact.question = format!("What is `{}`, and what is it made of?", composite.name);
        self.push(&subject, Kind::Exists, "", fact);
        self.why(&subject, composite.why.as_deref());
        self.state(&subject, composite.state);
        if composite.part_of.is_none() {
            for (name, value) in &composite.params {
                if let Some(field) = info.record.field(name) {
                    self.parameter(&subject, name, field, value);
                }
            }
        }
    }

    fn role(&mut self, group: &[&'a RoleInstance]) {
        let Some(first) = group.first() else { return };
        let Some(info) = first.types.first() else { return };
        let Some(thing) = self.named.get(&first.name).copied() else { return };
        let name = self.things[thing].name.clone();
        let share = if first.part_of.is_some() { 0.4 } else { 1.0 };
        let subject = Subject { thing, name: name.clone(), file: first.entry.0, span: first.name_span, info, share };
        let noun = noun(info, first);
        let mut text = format!("`{name}` is {noun}");
        if let Some(below) = self.below(first) {
            text = format!("{text} on {below}");
        }
        if first.types.len() > 1 {
            text = format!("{text}, or what else of {} the host offers", first.is);
        }
        let claim = Claim::Sort(Sort { names: sort_of(info, first), others: others_of(info, first) });
        let mut fact = Draft::new(text, 0.8, claim);
        fact.question = format!("What is `{name}`, in words that somebody who never saw this would follow?");
        self.push(&subject, Kind::Exists, "", fact);
        if group.len() > 1 {
            self.each(&subject, group);
        }
        self.why(&subject, first.why.as_deref());
        self.state(&subject, first.state);
        if first.state == State::Absent {
            return;
        }
        if first.part_of.is_none() {
            for (key, value) in &first.params {
                let same =
                    group.iter().all(|other| other.params.iter().any(|(name, other)| name == key && other.data == value.data));
                if let (Some(field), true) = (info.record.field(key), same) {
                    self.parameter(&subject, key, field, value);
                }
            }
        }
        if first.state == State::Present {
            self.dangers(&subject, first);
        }
    }

    /// That an entry stands for several roles.
    fn each(&mut self, subject: &Subject<'_>, group: &[&RoleInstance]) {
        let keys: Vec<String> =
            group.iter().filter_map(|role| Some(role.name.rsplit_once('[')?.1.trim_end_matches(']').to_owned())).collect();
        let listed: Vec<&str> = keys.iter().take(6).map(String::as_str).collect();
        let more = if keys.len() > listed.len() { ", …" } else { "" };
        let text = format!("`{}` stands for {} roles, one for each of {}{more}", subject.name, group.len(), listed.join(", "));
        let values = keys.iter().take(6).map(|key| crate::fact::Expected::Text(key.clone())).collect();
        let claim = Claim::Values { values, topic: Idea::of(["each", "one for", "every", "loop", "several", "all"]) };
        let mut fact = Draft::new(text, 0.5, claim);
        fact.question = format!("What does `{}` stand for: one thing, or several?", subject.name);
        self.push(subject, Kind::Exists, "each", fact);
    }

    fn why(&mut self, subject: &Subject<'_>, why: Option<&str>) {
        let Some(why) = why else { return };
        let mut fact = Draft::new(format!("`{}` is there for this: {why}", subject.name), 0.6, Claim::Meaning(why.to_owned()));
        fact.span = self.key(subject.file, &["roles", &subject.name, "why"]);
        fact.question = format!("Why is `{}` there? What would be missing without it?", subject.name);
        self.push(subject, Kind::Purpose, "", fact);
    }

    fn state(&mut self, subject: &Subject<'_>, state: State) {
        let (text, ideas, against) = match state {
            State::Present => return,
            State::Absent => (
                format!("`{}` must not exist: if it does, it is removed", subject.name),
                Idea::of([
                    "absent",
                    "not to be there",
                    "removed",
                    "remove",
                    "gone",
                    "taken away",
                    "not there",
                    "not exist",
                    "deleted",
                    "get rid",
                    "gets rid",
                    "away",
                    "must not",
                    "shouldn't be there",
                    "should not be there",
                    "cleaned up",
                ]),
                Idea::of(["is created", "is present", "gets created", "is made", "must exist"]),
            ),
            State::Info => (
                format!("`{}` is only looked at and never changed", subject.name),
                Idea::of([
                    "only looked",
                    "looks at",
                    "only look",
                    "only looks",
                    "just looks",
                    "just looked",
                    "info",
                    "never changed",
                    "not changed",
                    "never touched",
                    "not touched",
                    "observed",
                    "read only",
                    "isn't touched",
                    "left alone",
                    "hands off",
                    "inspected",
                    "already there",
                ]),
                Idea::of([
                    "is created",
                    "gets created",
                    "is made by",
                    "is removed",
                    "gets removed",
                    "is changed",
                    "manages",
                    "formats it",
                ]),
            ),
        };
        let mut fact = Draft::new(text, 0.8, Claim::Ideas(Ideas { all: vec![ideas], against, general: false }));
        fact.span = self.key(subject.file, &["roles", &subject.name, "state"]);
        fact.question = format!("What does Seed do with `{}`: create it, remove it, or something else?", subject.name);
        self.push(subject, Kind::Exists, "state", fact);
    }

    /// What the host lacks, and what the checks warn of.
    fn trouble(&mut self, host: Option<&dyn Host>) {
        let mut found = Vec::new();
        for node in &self.graph.nodes {
            let (Some(role), Some(thing), Some(host)) = (&node.role, self.named.get(&node.name).copied(), host) else { continue };
            for tool in role.tools() {
                if host.find_program(tool.program).is_none() {
                    let text = format!("{}, which `{}` needs, is missing on this machine", tool.program, self.things[thing].name);
                    found.push((thing, node.instance, format!("tool.{}", tool.program), text, vec![tool.program.to_owned()]));
                }
            }
        }
        for (thing, instance, what, text, words) in found {
            let Some((instance, info)) =
                instance.and_then(|number| self.analysis.role(number)).and_then(|role| Some((role, role.types.first()?)))
            else {
                continue;
            };
            let name = self.things[thing].name.clone();
            let subject =
                Subject { thing, name: name.clone(), file: instance.entry.0, span: instance.name_span, info, share: 1.0 };
            let lacks =
                Idea::of(["missing", "lack", "lacks", "not installed", "install", "isn't there", "not there", "need to get"]);
            let program = Idea::of(words.iter().map(String::as_str));
            let ideas = Ideas { all: vec![program, lacks], against: Idea::default(), general: true };
            let mut fact = Draft::new(text, 0.7, Claim::Ideas(ideas));
            fact.question = format!("Would `{name}` work on this machine as it is?");
            self.push(&subject, Kind::Risk, &what, fact);
        }
        let warned: Vec<_> = self.analysis.diagnostics.iter().filter(|one| one.severity == Severity::Warning).collect();
        for diagnostic in warned {
            // A program that is missing was told above.
            if diagnostic.code == seed_spec::Code::MissingTool {
                continue;
            }
            let document = self.document(diagnostic.span.file);
            let entry = document.and_then(|document| {
                document
                    .entries
                    .iter()
                    .find(|entry| entry.span.start <= diagnostic.span.start && diagnostic.span.end <= entry.span.end)
            });
            let Some((name, thing)) = entry.and_then(|entry| Some((entry.name.clone(), self.named.get(&entry.name).copied()?)))
            else {
                continue;
            };
            let Some(info) = entry.and_then(|entry| entry.info.clone()) else { continue };
            let subject =
                Subject { thing, name: name.clone(), file: diagnostic.span.file, span: diagnostic.span, info: &info, share: 1.0 };
            let mut fact = Draft::new(diagnostic.message.clone(), 0.4, Claim::Meaning(diagnostic.message.clone()));
            fact.question = format!("What does `seed check` warn about at `{name}`?");
            self.push(&subject, Kind::Risk, diagnostic.code.name(), fact);
        }
    }

    fn done(mut self) -> Facts {
        self.facts.sort_by_key(|fact| (fact.span.file, fact.span.start, fact.kind));
        let mut words: HashSet<String> = HashSet::new();
        for document in &self.analysis.documents {
            words.extend(crate::text::words(document.source.text()).into_iter().map(|word| word.stem));
        }
        for role in self.analysis.roles.iter().flat_map(|role| &role.types) {
            words.extend(crate::text::words(&role.about).into_iter().map(|word| word.stem));
        }
        let source = self.document(FileId(0)).map_or_else(|| "".into(), |document| document.source.text().clone());
        Facts { facts: self.facts, things: self.things, words, source }
    }
}

/// A fact that is being made.
struct Draft {
    text: String,
    span: Option<Span>,
    weight: f64,
    question: String,
    claim: Claim,
    thing: Option<usize>,
}

impl Draft {
    fn new(text: String, weight: f64, claim: Claim) -> Draft {
        Draft { text, span: None, weight, question: String::new(), claim, thing: None }
    }
}

/// The first sentence of a documentation.
fn summary(doc: &str) -> &str {
    let line = doc.trim().lines().next().unwrap_or("");
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.')
}

/// The noun for a role type, with its article.
fn noun(info: &TypeInfo, role: &RoleInstance) -> String {
    let typed = role.params.iter().find(|(name, _)| &**name == "type").and_then(|(_, value)| value.as_text());
    if let (Some(typed), "storage.filesystem") = (typed, &*info.name) {
        return match &**typed {
            "swap" => "swap space".into(),
            typed => format!("a file system of the type {typed}"),
        };
    }
    if let Some(words) = lexicon::TYPES.iter().find(|words| words.name == info.name) {
        return words.noun.into();
    }
    // "A block device that shows …": up to where it is explained.
    let about = summary(&info.about);
    let end = [" that ", " which ", ",", ":", ";", " with ", " from ", " on "]
        .iter()
        .filter_map(|stop| about.find(stop))
        .min()
        .unwrap_or(about.len());
    let head = &about[..end];
    let lower = head.chars().next().map_or(String::new(), |first| first.to_lowercase().chain(head.chars().skip(1)).collect());
    if lower.is_empty() { format!("a {}", info.kind()) } else { lower }
}

/// What a thing of a role type can be called.
fn names_of(info: &TypeInfo) -> Idea {
    let kind = info.kind().replace(['_', '-', '.'], " ");
    let known = lexicon::TYPES.iter().find(|words| words.name == info.name);
    let head =
        known.is_none().then(|| summary(&info.about).split(" that ").next().unwrap_or("").trim_start_matches("A ").to_owned());
    let called = known.map(|words| words.called.iter().copied()).into_iter().flatten();
    Idea::of(called.chain([kind.as_str()]).chain(head.as_deref().filter(|head| head.split(' ').count() <= 4)))
}

fn sort_of(info: &TypeInfo, role: &RoleInstance) -> Idea {
    let mut idea = names_of(info);
    let typed = role.params.iter().find(|(name, _)| &**name == "type").and_then(|(_, value)| value.as_text());
    if let (Some(typed), "storage.filesystem") = (typed, &*info.name) {
        let called = lexicon::CHOICES.iter().find(|choice| choice.param == "type" && choice.word == &**typed);
        let called = called.map(|choice| choice.called.iter().copied()).into_iter().flatten();
        idea.phrases.extend(Idea::of(called.chain([&**typed])).phrases);
    }
    idea
}

/// What a thing of a role type is not: what other file systems, and other types of its collection, are called.
fn others_of(info: &TypeInfo, role: &RoleInstance) -> Idea {
    let own = sort_of(info, role);
    let file_systems = ["ext4", "xfs", "vfat", "fat32", "zfs", "ntfs", "ext3", "btrfs", "tmpfs", "swap"];
    let is_file_system = matches!(&*info.name, "storage.btrfs" | "storage.filesystem" | "storage.tmpfs");
    let others = lexicon::TYPES.iter().filter(|words| words.name != info.name);
    // Only the first names: further ones are descriptions that may fit.
    let vague = ["file", "mount", "mounted", "text file", "command", "commands", "partition table", "gpt"];
    let others = others.flat_map(|words| words.called.iter().take(2).copied()).filter(|word| !vague.contains(word));
    let mut idea = Idea::of(others.chain(file_systems.into_iter().filter(|_| is_file_system)));
    idea.phrases.retain(|phrase| !own.phrases.contains(phrase));
    idea
}

/// The words for a parameter.
fn param_words(name: &str) -> Option<&'static lexicon::ParamWords> {
    let last = name.rsplit('.').next().unwrap_or(name);
    lexicon::PARAMS.iter().find(|words| words.name == last)
}

/// Whether a value is what the parameter has when it is left out.
fn is_default(field: &Field, value: &Value) -> bool {
    let Some(default) = &field.default else { return false };
    match (&value.data, default) {
        (Data::Bool(value), serde_json::Value::Bool(default)) => value == default,
        (Data::Text(value), serde_json::Value::String(default)) => **value == **default,
        (Data::Int(value), serde_json::Value::String(default)) => match field.shape {
            Shape::Duration => seed_spec::unit::Duration::parse(default).is_ok_and(|default| default.0 as i64 == *value),
            Shape::Size => seed_spec::unit::Size::parse(default).is_ok_and(|default| default.0 as i64 == *value),
            _ => false,
        },
        (Data::Int(value), default) => default.as_i64() == Some(*value),
        (Data::List(items), serde_json::Value::Array(default)) => items.is_empty() && default.is_empty(),
        (Data::Map(items), serde_json::Value::Object(default)) => items.is_empty() && default.is_empty(),
        _ => false,
    }
}
