//! The configuration: `$XDG_CONFIG_HOME/seed/model.yaml`, the user's own and never a project's.
//!
//! ```yaml
//! use: local                        # which of them; SEED_MODEL=NAME takes another, SEED_MODEL=none takes none
//! embeddings: near                  # which of them orders what `seed recall` has found; none where it is left out
//! models:
//!   local:
//!     provider: openai              # openai (llama.cpp, vLLM, LM Studio, OpenRouter …), anthropic, ollama
//!     endpoint: http://127.0.0.1:8080/v1
//!     model: qwen2.5-coder
//!     context: 8192                 # how many tokens it holds
//!   far:
//!     provider: anthropic
//!     model: claude-sonnet-4-5
//!     key: {command: [pass, show, anthropic]}
//!     prices: {input: 3, output: 15}
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::trouble::{Kind, Result};
use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::dialect::{Dialect, Structured};
use crate::endpoint::Endpoint;
use crate::key::KeySource;
use crate::mask::Masker;
use crate::provider::Provider;
use crate::tokens::Prices;

/// The variable that names the model to use.
pub const CHOICE: &str = "SEED_MODEL";
/// The name of the file in the user's folder of Seed.
pub const FILE: &str = "model.yaml";
/// How many tokens a model holds where that is not configured: few, since more would be cut off without a word.
pub const CONTEXT: u32 = 8192;
/// The longest answer where that is not configured.
pub const MAX_TOKENS: u32 = 2048;
/// How often is tried again at most, whatever is configured.
pub const MOST_RETRIES: u32 = 2;

/// What the file says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The model that is used.
    #[serde(rename = "use")]
    used: Option<String>,
    /// The model that is asked for embeddings.
    embeddings: Option<String>,
    /// Certificates (PEM) that are trusted besides the system's.
    ca: Option<PathBuf>,
    /// The proxy for endpoints elsewhere; else `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment.
    proxy: Option<String>,
    /// The models.
    #[serde(default)]
    models: BTreeMap<String, Entry>,
    /// Where it was read.
    #[serde(skip)]
    file: PathBuf,
}

/// One model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub provider: Dialect,
    #[serde(default, deserialize_with = "endpoint")]
    pub endpoint: Option<Endpoint>,
    pub model: String,
    pub key: Option<KeySource>,
    pub context: Option<u32>,
    pub max_tokens: Option<u32>,
    pub temperature: Option<f32>,
    pub prices: Option<Prices>,
    #[serde(default)]
    pub structured: Structured,
    /// A key may go to an endpoint elsewhere without TLS.
    #[serde(default)]
    pub plain_http: bool,
    #[serde(default)]
    pub timeouts: Timeouts,
    pub retries: Option<u32>,
}

/// How long is waited.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For the connection.
    #[serde(deserialize_with = "duration")]
    pub connect: Duration,
    /// For the first piece of the answer: a model on this machine reads a long question for minutes.
    #[serde(deserialize_with = "duration")]
    pub first: Duration,
    /// For the next byte after that.
    #[serde(deserialize_with = "duration")]
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Timeouts { connect: seconds(10), first: seconds(300), idle: seconds(60) }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    seed_spec::unit::Duration::parse(&text).map(seed_spec::unit::Duration::std).map_err(de::Error::custom)
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Endpoint>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Endpoint::parse(&text).map(Some).map_err(de::Error::custom)
}

/// The user's folder of Seed: `$XDG_CONFIG_HOME/seed`, or `~/.config/seed`.
pub fn folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").unwrap_or_else(|| PathBuf::from("/")).join(".config");
    set("XDG_CONFIG_HOME").filter(|folder| folder.is_absolute()).unwrap_or_else(home).join("seed")
}

/// The model that the user has configured; none if there is no file, or none is chosen.
///
/// # Errors
///
/// When the file has mistakes, with the place and what to do.
pub fn configured() -> Result<Option<Provider>> {
    configured_in(&folder(), std::env::var(CHOICE).ok().as_deref())
}

/// The model that the user has configured for embeddings; none if there is none.
///
/// # Errors
///
/// When the file has mistakes, with the place and what to do.
pub fn embeddings() -> Result<Option<Provider>> {
    match load(&folder().join(FILE))? {
        Some(configuration) => match &configuration.embeddings {
            Some(name) => configuration.provider(Some(name)),
            None => Ok(None),
        },
        None => Ok(None),
    }
}

/// The same, of a folder and with a choice.
///
/// # Errors
///
/// As [`configured`].
pub fn configured_in(folder: &Path, chosen: Option<&str>) -> Result<Option<Provider>> {
    let chosen = chosen.map(str::trim).filter(|name| !name.is_empty());
    if chosen == Some("none") {
        return Ok(None);
    }
    let file = folder.join(FILE);
    match load(&file)? {
        Some(configuration) => configuration.provider(chosen),
        None => match chosen {
            Some(name) => Err(Trouble::new(format!("use the model `{name}`"), format!("{} is not there", file.display()))
                .hint(format!("{CHOICE} names a model of that file; `seed prompt --help` shows one"))),
            None => Ok(None),
        },
    }
}

/// Reads the file, if it is there.
fn load(file: &Path) -> Result<Option<Configuration>> {
    use std::os::unix::fs::MetadataExt;
    const LONGEST: u64 = 1 << 20;
    const WRITABLE_BY_OTHERS: u32 = 0o002;
    let attempt = || format!("read {}", file.display());
    let Some(opened) = folder::open_file(file)? else { return Ok(None) };
    let metadata = opened.metadata().map_err(|error| Trouble::from_io(attempt(), &error))?;
    // It can name a command, so who can write it can run one.
    let me = nix::unistd::geteuid().as_raw();
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 || (metadata.uid() != me && metadata.uid() != 0) {
        let came_back =
            if metadata.mode() & WRITABLE_BY_OTHERS != 0 { "others can write it" } else { "it belongs to another user" };
        return Err(Trouble::new(attempt(), came_back)
            .kind(Kind::Unsafe)
            .hint(format!("chmod go-w {}, and own it", file.display())));
    }
    let bytes = folder::content(&opened, LONGEST, attempt)?;
    let text = String::from_utf8(bytes).map_err(|_| Trouble::new(attempt(), "it is not UTF-8 text"))?;
    read(file, &text).map(Some)
}

/// Reads the text of a configuration.
///
/// # Errors
///
/// With the place and what to do. A secret in it is refused, and not told.
pub fn read(file: &Path, text: &str) -> Result<Configuration> {
    let attempt = || format!("read {}", file.display());
    if let Some(secret) = Masker::default().mask(text).1.first() {
        return Err(Trouble::new(attempt(), format!("line {}: it contains a secret ({})", secret.line, secret.kind)).hint(
            "write where the key comes from instead: `key: {env: NAME}` or `key: {command: [pass, show, NAME]}`; and get a new key, because files are copied",
        ));
    }
    let parsed: Result<Option<Configuration>, _> = serde_yaml::from_str(text);
    let mut configuration = match parsed {
        Ok(Some(configuration)) => configuration,
        Ok(None) => return Err(Trouble::new(attempt(), "it is empty").hint("`seed prompt --help` shows one")),
        Err(error) => {
            return Err(Trouble::new(attempt(), error.to_string()).hint("`seed prompt --help` shows what it can contain"));
        }
    };
    configuration.file = file.into();
    Ok(configuration)
}

impl Configuration {
    /// The names of the models.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    /// The model of a name, or the one that is used.
    ///
    /// # Errors
    ///
    /// When there is none of that name, or it cannot be asked as it is configured.
    pub fn provider(&self, chosen: Option<&str>) -> Result<Option<Provider>> {
        let names = || self.names().collect::<Vec<_>>().join(", ");
        let name = match (chosen.or(self.used.as_deref()), self.models.len()) {
            (Some("none"), _) | (None, 0) => return Ok(None),
            (Some(name), _) => name,
            (None, 1) => self.names().next().unwrap_or_default(),
            (None, _) => {
                return Err(Trouble::new(
                    format!("choose a model of {}", self.file.display()),
                    format!("there are several: {}", names()),
                )
                .hint(format!("write `use: NAME` in it, or set {CHOICE}=NAME")));
            }
        };
        let attempt = format!("use the model `{name}`");
        let Some(entry) = self.models.get(name) else {
            let near = seed_spec::nearest::nearest(name, self.names());
            let hint = match (near, self.models.is_empty()) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, true) => "it contains no models".into(),
                (None, false) => format!("it holds {}", names()),
            };
            return Err(Trouble::new(attempt, format!("{} does not contain it", self.file.display())).hint(hint));
        };
        Provider::new(name, entry, self.ca.as_deref(), self.proxy.as_deref())
            .map(Some)
            .map_err(|trouble| Trouble { attempted: attempt, ..trouble })
    }
}
