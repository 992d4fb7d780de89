//! What may stand at a path of keys: the one reading of the schema that completion, hover and references share.

use std::path::Path;
use std::sync::Arc;

use seed_spec::shape::{Catalog, Field, KIND, Shape, TypeInfo};

use crate::language;
use crate::snapshot::{is_role_file, is_tasks_file};

/// A step from a node to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// To the value of a key.
    Key(String),
    /// To an element of a list.
    Item,
}

impl Segment {
    /// The key, if it is one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Segment::Key(key) => Some(key),
            Segment::Item => None,
        }
    }
}

/// The words of a role entry that decide what its other keys mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleWords {
    /// What stands behind `is:`.
    pub is: Option<String>,
    /// What stands behind `kind:`.
    pub kind: Option<String>,
    /// Whether it has a `for_each:`.
    pub looped: bool,
}

/// The role types that an entry can be.
#[derive(Clone, Debug)]
pub struct RoleTypes {
    /// The collection, for an abstract role.
    pub collection: Option<&'static str>,
    /// One for a concrete role or a chosen kind, several where it is open, none where it is not known.
    pub types: Vec<Arc<TypeInfo>>,
}

impl RoleTypes {
    /// The types that these words allow.
    pub fn of(words: &RoleWords, catalog: &Catalog) -> Self {
        let Some(is) = words.is.as_deref() else { return RoleTypes { collection: None, types: Vec::new() } };
        if let Some(info) = catalog.get(is) {
            return RoleTypes { collection: None, types: vec![info.clone()] };
        }
        let Some(collection) = catalog.collections().into_iter().find(|collection| *collection == is) else {
            return RoleTypes { collection: None, types: Vec::new() };
        };
        let chosen = words.kind.as_deref().and_then(|kind| catalog.get(&format!("{collection}.{kind}")));
        let types = match chosen {
            Some(info) => vec![info.clone()],
            None => catalog.of_collection(collection).cloned().collect(),
        };
        RoleTypes { collection: Some(collection), types }
    }

    /// The parameters: where the type is open, those of all the types it can be.
    pub fn fields(&self) -> Vec<&Field> {
        let mut fields: Vec<&Field> = Vec::new();
        for info in &self.types {
            for field in &info.record.fields {
                if !fields.iter().any(|known| known.name == field.name) {
                    fields.push(field);
                }
            }
        }
        fields
    }
}

/// The keys of a file below which role entries stand.
pub const ENTRIES: [&str; 4] = ["roles", "present", "absent", "info"];

/// The name of the role that a path leads into, and how many steps lead to its entry.
pub fn role_in(path: &[Segment]) -> Option<(&str, usize)> {
    let (first, rest) = path.split_first()?;
    first.key().filter(|key| ENTRIES.contains(key))?;
    match rest {
        [Segment::Key(name), ..] => Some((name, 2)),
        [Segment::Item, Segment::Key(name), ..] => Some((name, 3)),
        _ => None,
    }
}

/// What may stand somewhere.
#[derive(Clone, Debug)]
pub enum Place {
    /// The mapping that is the whole spec.
    Spec,
    /// The mapping that is the whole `role.yml` of a composite role.
    RoleFile,
    /// The mapping that is the tasks of a composite role.
    Tasks,
    /// The mapping of all roles.
    Roles,
    /// The entry of a role.
    Role(RoleTypes),
    /// The name of a role type or collection.
    RoleType,
    /// The name of a role type within a collection.
    Kind(&'static str),
    /// A list of names of roles.
    Needs,
    /// The name of a role.
    RoleName,
    /// A value of a shape.
    Value(Shape),
    /// Not known.
    Unknown,
}

impl Place {
    /// What the whole of a file is.
    pub fn whole(file: &Path) -> Place {
        if is_role_file(file) {
            Place::RoleFile
        } else if is_tasks_file(file) {
            Place::Tasks
        } else {
            Place::Spec
        }
    }

    /// What may stand at the end of a path from the root of a file. `words` are those of the role that the path leads
    /// into, if it does.
    pub fn at(file: &Path, path: &[Segment], words: &RoleWords, catalog: &Catalog) -> Place {
        path.iter().fold(Place::whole(file), |place, segment| place.inside(segment, words, catalog))
    }

    /// What may stand one step further in.
    pub fn inside(&self, segment: &Segment, words: &RoleWords, catalog: &Catalog) -> Place {
        match (self, segment) {
            (Place::Spec, Segment::Key(key)) if key == "roles" => Place::Roles,
            (Place::Spec, Segment::Key(key)) => {
                language::SPEC.field(key).map_or(Place::Unknown, |field| Place::Value(field.shape.clone()))
            }
            (Place::RoleFile, Segment::Key(key)) => {
                language::ROLE_FILE.field(key).map_or(Place::Unknown, |field| Place::Value(field.shape.clone()))
            }
            (Place::Tasks, Segment::Key(key)) if language::TASKS.field(key).is_some() => Place::Roles,
            (Place::Roles, Segment::Item) => Place::Roles,
            (Place::Roles, Segment::Key(_)) => Place::Role(RoleTypes::of(words, catalog)),
            (Place::Role(types), Segment::Key(key)) => match (key.as_str(), types.collection) {
                ("is", _) => Place::RoleType,
                ("needs", _) => Place::Needs,
                (KIND, Some(collection)) => Place::Kind(collection),
                _ => language::ROLE
                    .field(key)
                    .or_else(|| types.fields().into_iter().find(|field| field.name == *key))
                    .map_or(Place::Unknown, |field| Place::Value(field.shape.clone())),
            },
            (Place::Needs, Segment::Item) => Place::RoleName,
            (Place::Value(shape), segment) => inside_shape(shape, segment).map_or(Place::Unknown, Place::Value),
            _ => Place::Unknown,
        }
    }

    /// The known keys of the mapping that stands here.
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Place::Spec => language::SPEC.fields.clone(),
            Place::RoleFile => language::ROLE_FILE.fields.clone(),
            Place::Tasks => language::TASKS.fields.clone(),
            Place::Role(types) => {
                let common = language::ROLE.fields.iter().filter(|field| field.name != KIND || types.collection.is_some());
                common.chain(types.fields()).cloned().collect()
            }
            Place::Value(shape) => record_fields(shape),
            _ => Vec::new(),
        }
    }

    /// The known key of that name.
    pub fn field(&self, name: &str) -> Option<Field> {
        self.fields().into_iter().find(|field| field.name == name)
    }
}

fn record_fields(shape: &Shape) -> Vec<Field> {
    match shape {
        Shape::Record(record) => record.fields.clone(),
        Shape::OneOf(shapes) => shapes.iter().flat_map(record_fields).collect(),
        _ => Vec::new(),
    }
}

/// What a shape asks of a node inside.
pub fn inside_shape(shape: &Shape, segment: &Segment) -> Option<Shape> {
    match (shape, segment) {
        (Shape::Record(record), Segment::Key(key)) => record.field(key).map(|field| field.shape.clone()),
        (Shape::Map(inner), Segment::Key(_)) | (Shape::List(inner), Segment::Item) => Some((**inner).clone()),
        (Shape::OneOf(shapes), segment) => shapes.iter().find_map(|shape| inside_shape(shape, segment)),
        _ => None,
    }
}
