//! Facts from parameters.

use seed_spec::shape::{Field, Shape};
use seed_spec::unit::{Duration, Size};
use seed_spec::value::Part;
use seed_spec::{Data, Value};

use super::{Deriver, Draft, Subject, is_default, param_words};
use crate::fact::{Claim, Expected, Idea, Ideas, Kind, Thing};
use crate::lexicon::{self, ParamWords};

/// How many items of a list or mapping become facts of their own.
const MOST: usize = 24;

impl Deriver<'_> {
    /// The facts of one parameter of a role.
    pub(super) fn parameter(&mut self, subject: &Subject<'_>, name: &str, field: &Field, value: &Value) {
        let thing = self.things[subject.thing].name.clone();
        self.value(subject, name, subject.thing, &format!("`{thing}`"), field, &field.shape, value);
    }

    #[allow(clippy::too_many_arguments)]
    fn value(&mut self, subject: &Subject<'_>, path: &str, thing: usize, who: &str, field: &Field, shape: &Shape, value: &Value) {
        let words = param_words(path);
        if is_default(field, value) {
            return;
        }
        // What a file system is, and what a device shows, is told by other facts.
        if (path, &*subject.info.name) == ("type", "storage.filesystem")
            || matches!(shape, Shape::Reference(_)) && !matches!(value.data, Data::Text(_))
        {
            return;
        }
        match (&value.data, shape) {
            (Data::Secret(_), _) => self.secret(subject, path, who, value),
            (Data::Map(items), Shape::Map(inner)) => {
                for (key, item) in items.iter().take(MOST) {
                    match &**inner {
                        Shape::Record(record) => self.part(subject, path, key, record, item),
                        inner => self.item(subject, path, thing, who, key, field, inner, item),
                    }
                }
            }
            (Data::Map(items), Shape::Record(record)) => {
                for (key, item) in items {
                    if let Some(field) = record.field(key) {
                        self.value(subject, &format!("{path}.{key}"), thing, who, field, &field.shape, item);
                    }
                }
            }
            (Data::List(items), Shape::List(inner)) => self.list(subject, path, thing, who, words, inner, items, value),
            _ => self.single(subject, path, thing, who, field, shape, value),
        }
    }

    /// A named part of a role: a subvolume, a partition.
    fn part(&mut self, subject: &Subject<'_>, path: &str, key: &str, record: &seed_spec::shape::Record, item: &Value) {
        let sort = singular(path.rsplit('.').next().unwrap_or(path));
        let thing = self.things.len();
        let called: &[&str] = match sort.as_str() {
            "subvolume" => &["subvolume", "subvol", "sub volume", "subvolumes"],
            "snapshot" => &["snapshot", "snapshots", "picture", "frozen copy", "point in time"],
            "partition" => &["partition", "partitions", "slice"],
            _ => &[],
        };
        let names = Idea::of(called.iter().copied().chain([sort.as_str()]));
        self.things.push(Thing { name: key.into(), sort: names.clone(), inside: Some(subject.thing), handles: Vec::new() });
        let owner = self.things[subject.thing].name.clone();
        let claim = Claim::Sort(crate::fact::Sort { names, others: Idea::default() });
        let mut fact = Draft::new(format!("`{owner}` has the {sort} `{key}`"), 0.5, claim);
        fact.span = Some(item.span);
        fact.thing = Some(thing);
        fact.question = format!("What is in `{owner}`: how is it divided?");
        self.push(subject, Kind::Exists, &format!("{path}.{key}"), fact);
        let Data::Map(values) = &item.data else { return };
        for (name, value) in values {
            if let Some(field) = record.field(name) {
                self.value(
                    subject,
                    &format!("{path}.{key}.{name}"),
                    thing,
                    &format!("the {sort} `{key}` of `{owner}`"),
                    field,
                    &field.shape,
                    value,
                );
            }
        }
    }

    /// One of the values that a template or fragment is given.
    #[allow(clippy::too_many_arguments)]
    fn item(
        &mut self,
        subject: &Subject<'_>,
        path: &str,
        thing: usize,
        who: &str,
        key: &str,
        field: &Field,
        shape: &Shape,
        item: &Value,
    ) {
        if matches!(item.data, Data::Secret(_)) {
            return self.secret(subject, &format!("{path}.{key}"), who, item);
        }
        let Some((shown, expected)) = self.expected(shape, item) else { return };
        let given = param_words(path);
        let name = key.replace(['_', '-', '.'], " ");
        let topic = Idea::of([name.as_str(), key]);
        let claim = match expected.len() {
            0 => return,
            1 => Claim::Value { value: expected.into_iter().next().unwrap_or(Expected::Number(0.0)), topic },
            _ => Claim::Values { values: expected, topic },
        };
        let mut fact = Draft::new(format!("{who} is given {shown} as {name}"), given.map_or(0.3, |words| words.weight), claim);
        let _ = field;
        fact.span = Some(item.span);
        fact.thing = Some(thing);
        fact.question = format!("What is {who} filled in with?");
        self.push(subject, Kind::Parameter, &format!("{path}.{key}"), fact);
    }

    #[allow(clippy::too_many_arguments)]
    fn list(
        &mut self,
        subject: &Subject<'_>,
        path: &str,
        thing: usize,
        who: &str,
        words: Option<&ParamWords>,
        inner: &Shape,
        items: &[Value],
        value: &Value,
    ) {
        let simple = !matches!(inner, Shape::Record(_) | Shape::Map(_) | Shape::List(_));
        // Options are told one by one: each changes what can be done.
        if simple && path == "options" {
            for item in items.iter().take(MOST) {
                let Some(option) = item.as_text() else { continue };
                let choice = choice("options", option);
                let says = choice.map_or(&**option, |choice| if choice.says.is_empty() { option } else { choice.says });
                let mut ideas = choice.map_or_else(Ideas::default, ideas);
                if ideas.all.is_empty() {
                    ideas.all.push(Idea::of([&**option]));
                }
                let mut fact = Draft::new(format!("{who} is mounted with {says}"), 0.3, Claim::Ideas(ideas));
                fact.span = Some(item.span);
                fact.thing = Some(thing);
                fact.question = format!("How is {who} mounted: what is asked of the kernel?");
                self.push(subject, Kind::Parameter, &format!("{path}.{option}"), fact);
            }
            return;
        }
        let mut shown = Vec::new();
        let mut expected = Vec::new();
        for item in items.iter().take(MOST) {
            if let (Data::Text(_) | Data::Int(_) | Data::Template(_), Some((text, values))) =
                (&item.data, self.expected(inner, item))
            {
                shown.push(text);
                expected.extend(values);
            }
        }
        if expected.is_empty() {
            return;
        }
        let topic = topic(path, words);
        let is_command = subject.info.runs_commands && items.len() > 1;
        let shown = if is_command { format!("“{}”", shown.join(" ")) } else { shown.join(", ") };
        if is_command {
            expected = program(&shown);
        }
        let text = said(who, words, path, &shown);
        let mut fact = Draft::new(text, words.map_or(0.3, |words| words.weight), Claim::Values { values: expected, topic });
        fact.span = Some(value.span);
        fact.thing = Some(thing);
        fact.question = asked(who, words, path);
        self.push(subject, Kind::Parameter, path, fact);
    }

    #[allow(clippy::too_many_arguments)]
    fn single(
        &mut self,
        subject: &Subject<'_>,
        path: &str,
        thing: usize,
        who: &str,
        field: &Field,
        shape: &Shape,
        value: &Value,
    ) {
        let words = param_words(path);
        let last = path.rsplit('.').next().unwrap_or(path);
        let word = match &value.data {
            Data::Bool(true) => Some("true".to_owned()),
            Data::Text(text) => Some(text.to_string()),
            _ => None,
        };
        let choice = word
            .as_deref()
            .and_then(|word| choice(last, word))
            .filter(|choice| choice.param == last || matches!(shape, Shape::Choice(_)));
        let (text, claim) = if let Some(choice) = choice {
            let shown = match choice.says {
                "" => word.as_deref().unwrap_or(""),
                says => says,
            };
            let mut ideas = ideas(choice);
            // Two profiles may have the same word: which is meant must be said.
            if last == "metadata" {
                ideas.all.push(Idea::of(["metadata", "meta data", "meta"]));
            }
            (said(who, words, path, shown), Claim::Ideas(ideas))
        } else if let (Data::Bool(flag), false) = (&value.data, words.is_some_and(|words| words.says.contains("{}"))) {
            let named = last.replace('_', " ");
            let text = if *flag { format!("{who} has {named}") } else { format!("{who} has no {named}") };
            (text, Claim::Ideas(Ideas { all: vec![Idea::of([named.as_str()])], against: Idea::default(), general: false }))
        } else if path == "content" {
            let Some(text) = value_text(value) else { return };
            let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("").trim();
            if first.is_empty() {
                return;
            }
            let short: String = first.chars().take(80).collect();
            (said(who, words, path, &format!("“{short}”")), Claim::Meaning(text.chars().take(300).collect()))
        } else {
            let Some((shown, expected)) = self.expected(shape, value) else { return };
            let topic = topic(path, words);
            let claim = match expected.len() {
                1 => Claim::Value { value: expected[0].clone(), topic },
                _ => Claim::Values { values: expected, topic },
            };
            let shown = if let (Shape::Mode, Data::Text(mode)) = (shape, &value.data) { mode_words(mode) } else { shown };
            (said(who, words, path, &shown), claim)
        };
        if let (Claim::Value { value: Expected::Path(handle) | Expected::Text(handle), .. }, "path" | "mount" | "at" | "label") =
            (&claim, last)
        {
            self.things[thing].handles.push(handle.clone());
        }
        let weight = match (subject.info.collection(), last) {
            // What a partition is for matters; its label hardly.
            (_, "label") if path.contains('.') => 0.1,
            _ => words.map_or(0.3, |words| words.weight),
        };
        let _ = field;
        let mut fact = Draft::new(text, weight, claim);
        fact.span = Some(value.span);
        fact.thing = Some(thing);
        fact.question = asked(who, words, path);
        self.push(subject, Kind::Parameter, path, fact);
    }

    fn secret(&mut self, subject: &Subject<'_>, path: &str, who: &str, value: &Value) {
        let named = path.replace(['_', '.'], " ");
        let secret = Idea::of(["secret", "secrets", "password", "token", "confidential", "key", "credential", "private"]);
        let hidden = Idea::of([
            "not shown",
            "never shown",
            "not logged",
            "never logged",
            "not recorded",
            "hidden",
            "nor",
            "neither",
            "not in the spec",
            "outside",
            "not written",
            "read from",
            "comes from",
            "kept out",
            "never ends up",
            "isn't in",
            "not in",
            "doesn't show",
            "no log",
            "stays out",
        ]);
        let against = Idea::of(["in plain text", "in the spec itself", "is shown", "is logged", "plaintext"]);
        let ideas = Ideas { all: vec![secret, hidden], against, general: false };
        let mut fact =
            Draft::new(format!("the {named} of {who} is a secret: it is neither shown nor recorded"), 0.8, Claim::Ideas(ideas));
        fact.span = Some(value.span);
        fact.question = format!("What of {who} must nobody read over your shoulder, and where is it kept?");
        self.push(subject, Kind::Exposes, path, fact);
    }

    /// A value in words, and what an explanation would have to say of it. None where it cannot be known.
    pub(super) fn expected(&self, shape: &Shape, value: &Value) -> Option<(String, Vec<Expected>)> {
        let one = |shown: String, expected: Expected| Some((shown, vec![expected]));
        match (&value.data, shape) {
            (Data::Int(bytes), Shape::Size) => {
                let bytes = u64::try_from(*bytes).ok()?;
                one(Size(bytes).to_string(), Expected::Bytes(bytes))
            }
            (Data::Int(time), Shape::Duration) => {
                let time = u64::try_from(*time).ok()?;
                one(Duration(time).to_string(), Expected::Time(time))
            }
            (Data::Int(number), _) => one(number.to_string(), Expected::Number(*number as f64)),
            (Data::Float(number), _) => one(number.to_string(), Expected::Number(*number)),
            (Data::Bool(flag), _) => one(flag.to_string(), Expected::Text(flag.to_string())),
            (Data::Text(mode), Shape::Mode) => one(mode.to_string(), Expected::Mode(u32::from_str_radix(mode, 8).ok()?)),
            (Data::Text(path), Shape::Path | Shape::Reference(_)) => {
                let shown = self.short(path);
                one(shown.clone(), Expected::Path(shown))
            }
            (Data::Text(text), _) if text.contains('/') && !text.contains(' ') => {
                one(text.to_string(), Expected::Path(text.to_string()))
            }
            (Data::Text(text), _) => one(text.to_string(), Expected::Text(text.to_string())),
            (Data::Template(_), _) => {
                let text = value_text(value)?;
                one(text.clone(), Expected::Text(text))
            }
            (Data::List(items), Shape::List(_) | Shape::Any { .. } | Shape::OneOf(_)) => {
                let inner = if let Shape::List(inner) = shape { inner } else { &Shape::ANY };
                let all: Vec<_> = items.iter().take(MOST).filter_map(|item| self.expected(inner, item)).collect();
                let shown: Vec<_> = all.iter().map(|(shown, _)| shown.as_str()).collect();
                Some((shown.join(", "), all.iter().flat_map(|(_, values)| values.clone()).collect()))
            }
            (_, Shape::OneOf(shapes)) => shapes.iter().find_map(|shape| self.expected(shape, value)),
            _ => None,
        }
    }

    /// A path as a reader of the spec knows it: from the folder of the spec on.
    pub(super) fn short(&self, path: &str) -> String {
        match std::path::Path::new(path).strip_prefix(self.folder) {
            Ok(rest) if self.folder.parent().is_some() => format!("./{}", rest.display()),
            _ => path.to_owned(),
        }
    }
}

fn value_text(value: &Value) -> Option<String> {
    match &value.data {
        Data::Text(text) => Some(text.to_string()),
        Data::Template(parts) => Some(
            parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.to_string(),
                    Part::Output(output) => format!("the {} of {}", output.output, output.role),
                })
                .collect(),
        ),
        _ => None,
    }
}

fn choice(param: &str, word: &str) -> Option<&'static lexicon::ChoiceWords> {
    let param = if param == "options" { "options" } else { param };
    lexicon::CHOICES.iter().find(|choice| {
        choice.word == word && (choice.param == param || (choice.param.is_empty() && matches!(param, "data" | "metadata")))
    })
}

fn ideas(choice: &lexicon::ChoiceWords) -> Ideas {
    let all = Idea::of(choice.called.iter().copied().chain((choice.word != "true").then_some(choice.word)));
    Ideas { all: vec![all], against: Idea::of(choice.against.iter().copied()), general: false }
}

fn topic(path: &str, words: Option<&ParamWords>) -> Idea {
    let last = path.rsplit('.').next().unwrap_or(path).replace('_', " ");
    Idea::of(words.map(|words| words.topic.iter().copied()).into_iter().flatten().chain([last.as_str()]))
}

fn said(who: &str, words: Option<&ParamWords>, path: &str, shown: &str) -> String {
    match words {
        Some(words) if words.says.contains("{}") => format!("{who} {}", words.says.replace("{}", shown)),
        Some(words) => format!("{who} {}", words.says),
        None => format!("{who} has {shown} as its {}", path.replace(['_', '.'], " ")),
    }
}

fn asked(who: &str, words: Option<&ParamWords>, path: &str) -> String {
    match words {
        Some(words) => words.asks.replace("{}", who),
        None => format!("What does {who} say about its {}?", path.rsplit('.').next().unwrap_or(path).replace('_', " ")),
    }
}

/// What of a command has to be named: the program, and the longest words behind it.
fn program(shown: &str) -> Vec<Expected> {
    let shown = shown.trim_matches(['“', '”']);
    let mut words = shown.split_whitespace();
    let program = words.next().map(|first| first.rsplit('/').next().unwrap_or(first));
    let rest =
        words.filter(|word| !word.starts_with('-') && word.chars().filter(|character| character.is_alphabetic()).count() > 1);
    program
        .into_iter()
        .chain(rest.take(3))
        .map(|word| if word.contains('/') { Expected::Path(word.into()) } else { Expected::Text(word.into()) })
        .collect()
}

/// A mode with what it means.
fn mode_words(mode: &str) -> String {
    let Ok(bits) = u32::from_str_radix(mode, 8) else { return mode.to_owned() };
    let may = |bits: u32| match (bits & 4 != 0, bits & 2 != 0) {
        (true, true) => "read and write",
        (true, false) => "only read",
        (false, true) => "only write",
        (false, false) => "do neither",
    };
    format!("{mode}: the group may {}, others may {}", may(bits >> 3), may(bits))
}

fn singular(word: &str) -> String {
    word.strip_suffix("ies")
        .map(|stem| format!("{stem}y"))
        .or_else(|| word.strip_suffix('s').map(str::to_owned))
        .unwrap_or_else(|| word.to_owned())
}
