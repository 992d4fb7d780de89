//! Facts: what a good explanation of a spec would hold.

use std::sync::Arc;

use seed_spec::Span;

/// What sort of fact it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Why it is there.
    Purpose,
    /// What it is.
    Exists,
    /// A value that matters.
    Parameter,
    /// What needs what, and why in that order.
    Depends,
    /// What is lost when it is taken away or made anew.
    Destroys,
    /// Who can reach, read, write or run what.
    Exposes,
    /// What fails, fills up or is missing.
    Risk,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] =
        [Kind::Purpose, Kind::Exists, Kind::Parameter, Kind::Depends, Kind::Destroys, Kind::Exposes, Kind::Risk];

    /// Its name, in ids and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Purpose => "purpose",
            Kind::Exists => "exists",
            Kind::Parameter => "parameter",
            Kind::Depends => "depends",
            Kind::Destroys => "destroys",
            Kind::Exposes => "exposes",
            Kind::Risk => "risk",
        }
    }
}

/// A statement about a spec that is true by what the spec says.
#[derive(Clone, Debug)]
pub struct Fact {
    /// `ROLE:KIND:WHAT`, stable however the rest of the spec changes; those of the whole spec begin with `:`.
    pub id: String,
    /// The role; empty for the whole spec.
    pub role: Arc<str>,
    /// What sort it is.
    pub kind: Kind,
    /// The statement, worded for people. Holds no secret.
    pub text: String,
    /// Where in the texts it comes from.
    pub span: Span,
    /// How much it matters, above 0 and up to 1.
    pub weight: f64,
    /// What is asked where it is missing; never holds its answer.
    pub question: String,
    /// The thing that it is about: an index into [`Facts::things`].
    pub thing: usize,
    /// What an explanation has to say for it to count as told.
    pub claim: Claim,
}

/// What an explanation has to say.
#[derive(Clone, Debug)]
pub enum Claim {
    /// Something that means this: a `why`.
    Meaning(String),
    /// That the thing is of this sort.
    Sort(Sort),
    /// All of some ideas, about the thing.
    Ideas(Ideas),
    /// A value of a parameter, with the words that name the parameter.
    Value {
        /// What it is.
        value: Expected,
        /// Words that name the parameter: "size", "room".
        topic: Idea,
    },
    /// Several values of one parameter, each of which counts.
    Values {
        /// What they are.
        values: Vec<Expected>,
        /// Words that name the parameter.
        topic: Idea,
    },
    /// That the thing needs another: an index into [`Facts::things`].
    Needs(usize),
}

/// A value that an explanation has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// An amount of bytes.
    Bytes(u64),
    /// A time in milliseconds.
    Time(u64),
    /// A count.
    Number(f64),
    /// Permission bits, such as `0640`.
    Mode(u32),
    /// A path, as the spec's readers know it.
    Path(String),
    /// A name or a text.
    Text(String),
}

/// One idea, in the phrases that people have for it; their words are stems.
#[derive(Clone, Debug, Default)]
pub struct Idea {
    /// The phrases.
    pub phrases: Vec<Vec<String>>,
}

impl Idea {
    /// An idea with these phrases.
    pub fn of<'a>(phrases: impl IntoIterator<Item = &'a str>) -> Idea {
        let mut phrases: Vec<Vec<String>> =
            phrases.into_iter().map(crate::text::stems).filter(|words| !words.is_empty()).collect();
        phrases.sort();
        phrases.dedup();
        Idea { phrases }
    }
}

/// Ideas that belong to a fact.
#[derive(Clone, Debug, Default)]
pub struct Ideas {
    /// Each must be there.
    pub all: Vec<Idea>,
    /// Who says one of these says the opposite.
    pub against: Idea,
    /// Whether it is enough that one part of the spec is spoken of as a whole ("everything"), or nothing in particular.
    pub general: bool,
}

/// The sort of a thing: how it is called, and how things are called that it is not.
#[derive(Clone, Debug, Default)]
pub struct Sort {
    /// What it can be called.
    pub names: Idea,
    /// What only other things are called.
    pub others: Idea,
}

/// Something that a spec is about, and that an explanation can name: a role, or a part of one such as a subvolume.
#[derive(Clone, Debug)]
pub struct Thing {
    /// Its name.
    pub name: Arc<str>,
    /// What it can be called besides.
    pub sort: Idea,
    /// The thing that it is a part of.
    pub inside: Option<usize>,
    /// Paths and labels by which it can be known.
    pub handles: Vec<String>,
}

/// All facts of a spec.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The facts, in the order in which they stand in the text.
    pub facts: Vec<Fact>,
    /// What they are about; the first is the spec itself.
    pub things: Vec<Thing>,
    /// Names that stand in the spec and are no things: of variables, users, options.
    pub words: std::collections::HashSet<String>,
    /// The text of the spec, to know it again where it is pasted.
    pub source: Arc<str>,
}

impl Facts {
    /// The fact of that id.
    pub fn get(&self, id: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.id == id)
    }

    /// Only those of one role, and of its parts.
    #[must_use]
    pub fn of_role(mut self, role: &str) -> Facts {
        let part = |name: &str| name == role || name.strip_prefix(role).is_some_and(|rest| rest.starts_with(['/', '[']));
        self.facts.retain(|fact| part(&fact.role));
        self
    }
}
