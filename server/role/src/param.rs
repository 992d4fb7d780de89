//! Types of parameters and outputs.
//!
//! Parameters reach a role as JSON. A size is its number of bytes, a duration its milliseconds, a path
//! is absolute, a reference to another role's device is a [`BlockRef`], a secret is `{"$secret": …}`.
//! Text that depends on an output not yet known holds it as [`unknown_output`] writes it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use seed_spec::unit;
use seed_spec::value::Secret;
use serde::{Deserialize, Deserializer, Serialize};

use crate::host::Host;
use crate::trouble::{Result, Trouble};

/// The key under which a schema carries what JSON schema has no word for.
pub const SHAPE_KEY: &str = "x-seed";

macro_rules! shaped {
    ($type:ty, $name:literal, $schema:tt) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

macro_rules! number_newtype {
    ($name:ident, $unit:ty, $shape:literal, $pattern:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub struct $name(pub u64);

        impl<'de> Deserialize<'de> for $name {
            /// A number as the checks leave it, or text as it stands in a default.
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                match serde_json::Value::deserialize(deserializer)? {
                    serde_json::Value::String(text) => {
                        <$unit>::parse(&text).map(|value| $name(value.0)).map_err(serde::de::Error::custom)
                    }
                    other => other.as_u64().map($name).ok_or_else(|| serde::de::Error::custom(concat!("not a ", $shape))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(&<$unit>::from(*self), formatter)
            }
        }

        impl From<$name> for $unit {
            fn from(value: $name) -> Self {
                Self(value.0)
            }
        }

        shaped!($name, $shape, { "type": "string", "pattern": $pattern, "x-seed": $shape });
    };
}

number_newtype!(Size, unit::Size, "size", "^[0-9.]+ ?([KMGT]iB|[kMGT]?B)$", "An amount of bytes.");
number_newtype!(Duration, unit::Duration, "duration", "^[0-9]+ ?(ms|s|min|h|d|w)$", "A time, in milliseconds.");

/// Permission bits of a file (inode(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        unit::Mode::parse(&text).map(|mode| Mode(mode.0)).map_err(serde::de::Error::custom)
    }
}

impl std::fmt::Display for Mode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        unit::Mode(self.0).fmt(formatter)
    }
}

shaped!(Mode, "mode", { "type": "string", "pattern": "^(0o)?[0-7]{3,4}$", "x-seed": "mode" });

/// An absolute path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AbsPath(pub PathBuf);

impl std::ops::Deref for AbsPath {
    type Target = Path;
    fn deref(&self) -> &Path {
        &self.0
    }
}

shaped!(AbsPath, "path", { "type": "string", "pattern": "^(/|\\./|\\.\\./|~/|\\.$)", "x-seed": "path" });

/// A UUID, lower case with hyphens; a short one (`1A2B-3C4D`) for vfat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uuid(pub String);

shaped!(Uuid, "uuid", { "type": "string", "pattern": "^[0-9A-Fa-f-]{9,36}$", "x-seed": "uuid" });

/// Where the bytes of a device that is not there yet can be seen already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// The file or block device that holds them; none if nothing does yet.
    pub file: Option<PathBuf>,
    /// Where they begin in it.
    pub offset: u64,
    /// How many there will be once all is as the spec says; none if the spec does not tell.
    pub len: Option<u64>,
    /// Whether they will be blank: the file is made, or made anew, before the role's turn.
    pub fresh: bool,
}

/// A block device, or a file that can back one: a path, or another role's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockRef {
    /// `role.output`, if it is another role's.
    pub of: Option<String>,
    /// The device or file; none while it is not there.
    pub path: Option<PathBuf>,
    /// Where its bytes can be seen meanwhile, and its size once all is as the spec says.
    pub bytes: Option<Extent>,
}

impl BlockRef {
    /// The name under which it is claimed and spoken of: the path the user gave, or `role.output`.
    pub fn key(&self) -> String {
        match (&self.of, &self.path) {
            (Some(of), _) => of.clone(),
            (None, Some(path)) => path.display().to_string(),
            (None, None) => "?".into(),
        }
    }

    /// The path, for a step that runs when it must be there.
    ///
    /// # Errors
    ///
    /// When it is still not there.
    pub fn ready(&self) -> Result<&Path> {
        self.path.as_deref().ok_or_else(|| Trouble::new(format!("use {}", self.key()), "it is not there yet"))
    }
}

impl<'de> Deserialize<'de> for BlockRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Path(PathBuf),
            Full { of: Option<String>, path: Option<PathBuf>, bytes: Option<Extent> },
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Path(path) => BlockRef { of: None, path: Some(path), bytes: None },
            Form::Full { of, path, bytes } => BlockRef { of, path, bytes },
        })
    }
}

shaped!(BlockRef, "block", { "type": "string", "x-seed": "block" });

/// A [`BlockRef`] that may also be a plain file, such as an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BackingRef(pub BlockRef);

impl std::ops::Deref for BackingRef {
    type Target = BlockRef;
    fn deref(&self) -> &BlockRef {
        &self.0
    }
}

shaped!(BackingRef, "backing", { "type": "string", "x-seed": "backing" });

/// Text that may be secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Text as it stands in the spec.
    Plain(String),
    /// Where the secret is to be had.
    Secret {
        /// Its place.
        #[serde(rename = "$secret")]
        secret: Secret,
    },
}

shaped!(Content, "content", { "type": "string", "x-seed": "content" });

/// Any value, in which text may be secret: there it is `{"$secret": …}`, as [`Content`] is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Anything(pub serde_json::Value);

shaped!(Anything, "anything", { "x-seed": "anything" });

impl Content {
    /// The bytes themselves. Keep what comes back out of attributes, messages and logs: see [`Content::attribute`].
    ///
    /// # Errors
    ///
    /// When a secret cannot be had; the message names its place, never its value.
    pub fn reveal(&self, host: &dyn Host) -> Result<Cow<'_, str>> {
        match self {
            Content::Plain(text) => Ok(Cow::Borrowed(text)),
            Content::Secret { secret } => host.secret(secret).map(Cow::Owned),
        }
    }

    /// Whether it is a secret.
    pub fn is_secret(&self) -> bool {
        matches!(self, Content::Secret { .. })
    }

    /// How text that stands where this content belongs is shown as an attribute: itself, or masked.
    pub fn attribute(&self, text: &str) -> String {
        if self.is_secret() { mask(text.as_bytes()) } else { text.to_string() }
    }
}

/// Stands for a secret in attributes: two are equal when the secrets are, within this process only, and nothing
/// can be learned from it: the key of the hash is drawn anew by each process and never leaves it.
pub fn mask(secret: &[u8]) -> String {
    static KEY: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    let key = KEY.get_or_init(|| {
        use std::hash::{BuildHasher, Hasher};
        let mut key = [0; 32];
        for chunk in key.chunks_mut(8) {
            // Each RandomState is seeded by the system's random source.
            chunk.copy_from_slice(&std::collections::hash_map::RandomState::new().build_hasher().finish().to_ne_bytes());
        }
        key
    });
    format!("{SECRET_MARK}{}", &blake3::keyed_hash(key, secret).to_hex()[..16])
}

/// What bytes that are not text begin with as an attribute; their hexadecimal digits follow.
pub const BYTES_MARK: &str = "‹bytes› ";

/// What a masked secret begins with.
pub const SECRET_MARK: &str = "‹secret› ";

/// What [`unknown_output`] begins with.
pub const UNKNOWN_OUTPUT: char = '‹';

/// Stands in a text for an output that is not known yet.
pub fn unknown_output(of: &str) -> String {
    format!("{UNKNOWN_OUTPUT}{of}›")
}

/// What a role offers under one name.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Text or a path, known.
    Text(String),
    /// A block device or backing file, as far as it is known.
    Block(BlockRef),
    /// Not known before the role is present.
    Unknown,
}

/// What a role offers, by name.
pub type Outputs = BTreeMap<String, Output>;
