//! What parameters look like: the description of every role type, as data.
//!
//! A [`TypeInfo`] is made from a typed struct and its documentation (by the role crate); from it
//! alone come validation, completion, hover, the JSON schema and the reference.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What a value must look like.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Anything that YAML can say.
    Any {
        /// Whether a `!secret` may stand here, or anywhere in it.
        secret: bool,
    },
    /// `true` or `false`.
    Bool,
    /// A whole number within limits.
    Int {
        /// The least allowed.
        min: i64,
        /// The greatest allowed.
        max: i64,
    },
    /// Text; scalars are taken as they are written.
    Text {
        /// Whether a `!secret` may stand here.
        secret: bool,
    },
    /// An amount of bytes: `4 GiB`.
    Size,
    /// A time: `90 s`.
    Duration,
    /// A file mode: `"0640"`.
    Mode,
    /// A path, made absolute against the spec's folder.
    Path,
    /// A UUID.
    Uuid,
    /// One of some words, each with its documentation.
    Choice(Vec<(String, String)>),
    /// The name of another role (or `role.output`), or a path.
    Reference(RefKind),
    /// A list.
    List(Box<Shape>),
    /// A mapping from names chosen by the user.
    Map(Box<Shape>),
    /// A mapping with known keys.
    Record(Arc<Record>),
    /// One of several; the first that the YAML kind fits is taken.
    OneOf(Vec<Shape>),
}

impl Shape {
    /// Anything but a secret.
    pub const ANY: Shape = Shape::Any { secret: false };

    /// Whether a `!secret` may stand here.
    pub fn takes_secrets(&self) -> bool {
        matches!(self, Shape::Any { secret: true } | Shape::Text { secret: true })
    }

    /// The words for it in a message: "a whole number from 1 to 64".
    pub fn words(&self) -> String {
        match self {
            Shape::Any { .. } => "any value".into(),
            Shape::Bool => "`true` or `false`".into(),
            Shape::Int { min: i64::MIN, max: i64::MAX } => "a whole number".into(),
            Shape::Int { min, max: i64::MAX } => format!("a whole number of at least {min}"),
            Shape::Int { min: i64::MIN, max } => format!("a whole number of at most {max}"),
            Shape::Int { min, max } => format!("a whole number from {min} to {max}"),
            Shape::Text { .. } => "text".into(),
            Shape::Size => "a size such as `4 GiB`".into(),
            Shape::Duration => "a duration such as `90 s`".into(),
            Shape::Mode => "a file mode such as `\"0640\"`".into(),
            Shape::Path => "a path".into(),
            Shape::Uuid => "a UUID".into(),
            Shape::Choice(words) => {
                let words: Vec<String> = words.iter().take(12).map(|(word, _)| format!("`{word}`")).collect();
                format!("one of {}", words.join(", "))
            }
            Shape::Reference(kind) => match kind {
                RefKind::Text => "an output of a role".into(),
                kind => format!("{} (a role or a path)", kind.words()),
            },
            Shape::List(_) => "a list".into(),
            Shape::Map(_) => "a mapping".into(),
            Shape::Record(record) => {
                let keys: Vec<&str> = record.fields.iter().take(12).map(|field| field.name.as_str()).collect();
                match keys.is_empty() {
                    true => "a mapping without keys".into(),
                    false => format!("a mapping with the keys {}", keys.join(", ")),
                }
            }
            Shape::OneOf(shapes) => {
                let mut words: Vec<String> = Vec::new();
                for shape in shapes {
                    let shape = shape.words();
                    if !words.contains(&shape) {
                        words.push(shape);
                    }
                }
                words.join(" or ")
            }
        }
    }
}

/// What kind of thing a reference stands for; also the kind of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefKind {
    /// A block device.
    Block,
    /// A file or a block device that can back a loop device.
    Backing,
    /// A directory, such as a mount point.
    Directory,
    /// A file.
    File,
    /// Plain text: only through `${role.output}`.
    Text,
}

impl RefKind {
    /// Whether an output of kind `offered` can stand where this kind is asked for.
    pub fn accepts(self, offered: RefKind) -> bool {
        self == offered || matches!((self, offered), (RefKind::Backing, RefKind::Block | RefKind::File))
    }

    /// The words for it in a message.
    pub fn words(self) -> &'static str {
        match self {
            RefKind::Block => "a block device",
            RefKind::Backing => "an image file or a block device",
            RefKind::Directory => "a directory or mount point",
            RefKind::File => "a file",
            RefKind::Text => "text",
        }
    }
}

/// A mapping with known keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The keys, in the order of declaration.
    pub fields: Vec<Field>,
}

impl Record {
    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// A key of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The key.
    pub name: String,
    /// Its documentation, Markdown.
    pub doc: String,
    /// What its value must look like.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// The value it has when left out.
    pub default: Option<serde_json::Value>,
}

/// What a role offers to `${role.output}`, as a built-in role type declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputInfo {
    /// Its name; `partitions.*` stands for any name behind the dot.
    pub name: &'static str,
    /// What it is.
    pub kind: RefKind,
    /// Its documentation.
    pub doc: &'static str,
}

/// What a role offers to `${role.output}`, whoever wrote the role type.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Its name; `partitions.*` stands for any name behind the dot.
    pub name: Cow<'static, str>,
    /// What it is.
    pub kind: RefKind,
    /// Its documentation.
    pub doc: Cow<'static, str>,
}

impl From<&'static OutputInfo> for Offer {
    fn from(declared: &'static OutputInfo) -> Self {
        Offer { name: declared.name.into(), kind: declared.kind, doc: declared.doc.into() }
    }
}

/// Where a composite role is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// Its `role.yml`: what it is for, its parameters and outputs.
    pub role: PathBuf,
    /// Its `tasks/main.yml`: what it is made of.
    pub tasks: PathBuf,
}

/// A role type, as the language sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeInfo {
    /// `collection.type`, as written behind `is:`; of a composite role its own name.
    pub name: Cow<'static, str>,
    /// What it is for, Markdown; the first line is a summary.
    pub about: String,
    /// Its parameters.
    pub record: Arc<Record>,
    /// Its outputs; the first is what a plain reference to the role means.
    pub outputs: Vec<Offer>,
    /// A spec's `roles:` entries that use it, indented by none.
    pub example: &'static str,
    /// Whether it runs commands that the spec itself names, and so needs `seed trust`.
    pub runs_commands: bool,
    /// Where it is written, if a user wrote it; none for a built-in one.
    pub home: Option<Arc<Home>>,
}

impl TypeInfo {
    /// The collection, the part before the dot.
    pub fn collection(&self) -> &str {
        self.name.split_once('.').map_or(&self.name, |(collection, _)| collection)
    }

    /// The part behind the collection.
    pub fn kind(&self) -> &str {
        self.name.split_once('.').map_or(&self.name, |(_, kind)| kind)
    }

    /// The output of that name; `partitions.root` finds `partitions.*`.
    pub fn output(&self, name: &str) -> Option<&Offer> {
        self.outputs.iter().find(|output| match output.name.strip_suffix('*') {
            Some(prefix) => name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()),
            None => output.name == name,
        })
    }

    /// The output that a plain reference of that kind to such a role means.
    pub fn default_output(&self, kind: RefKind) -> Option<&Offer> {
        self.outputs.iter().find(|output| !output.name.ends_with('*') && kind.accepts(output.kind))
    }
}

/// All role types that a spec can use.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    types: BTreeMap<Cow<'static, str>, Arc<TypeInfo>>,
}

impl Catalog {
    /// A catalogue of these types.
    pub fn new(types: impl IntoIterator<Item = TypeInfo>) -> Self {
        Catalog { types: types.into_iter().map(|info| (info.name.clone(), Arc::new(info))).collect() }
    }

    /// The same with composite roles. A built-in type is never replaced by one of its name.
    #[must_use]
    pub fn with(&self, composites: impl IntoIterator<Item = Arc<TypeInfo>>) -> Self {
        let mut types = self.types.clone();
        for info in composites {
            if !self.is_collection(&info.name) {
                types.entry(info.name.clone()).or_insert(info);
            }
        }
        Catalog { types }
    }

    /// The role type of that full name.
    pub fn get(&self, name: &str) -> Option<&Arc<TypeInfo>> {
        self.types.get(name)
    }

    /// All role types, by name.
    pub fn types(&self) -> impl Iterator<Item = &Arc<TypeInfo>> {
        self.types.values()
    }

    /// The names of the collections, each of which is an abstract role type. Composite roles are in none.
    pub fn collections(&self) -> Vec<&'static str> {
        let built_in = self.types.iter().filter(|(_, info)| info.home.is_none()).filter_map(|(name, _)| match name {
            Cow::Borrowed(name) => Some(*name),
            Cow::Owned(_) => None,
        });
        let mut names: Vec<&'static str> =
            built_in.map(|name| name.split_once('.').map_or(name, |(collection, _)| collection)).collect();
        names.dedup();
        names
    }

    /// Whether `name` is a collection, and so an abstract role type.
    pub fn is_collection(&self, name: &str) -> bool {
        self.of_collection(name).next().is_some()
    }

    /// The types of a collection.
    pub fn of_collection<'a>(&'a self, collection: &'a str) -> impl Iterator<Item = &'a Arc<TypeInfo>> {
        self.types.values().filter(move |info| info.home.is_none() && info.collection() == collection)
    }

    /// The types of a collection that an abstract role with these parameter keys can delegate to:
    /// each knows all the keys and is given all that it requires.
    pub fn candidates<'a>(&'a self, collection: &'a str, keys: &[&str]) -> Vec<&'a Arc<TypeInfo>> {
        self.of_collection(collection)
            .filter(|info| keys.iter().all(|key| info.record.field(key).is_some()))
            .filter(|info| info.record.fields.iter().all(|field| !field.required || keys.contains(&field.name.as_str())))
            .collect()
    }
}

/// The key that chooses the role type of an abstract role.
pub const KIND: &str = "kind";
