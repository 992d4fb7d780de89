//! Fragments: a body in minijinja, and before it, between `---` lines, what it is about and its parameters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use seed_role::Trouble;
use seed_role::trouble::Result;
use seed_spec::analysis::scalar::yaml_1_1;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::marker::Key;
use crate::single;

/// How many instructions a rendering may take; what needs more never ends.
const FUEL: u64 = 10_000_000;

/// The greatest rendering, in bytes.
const LARGEST: usize = 8 << 20;

/// What kind of value a parameter takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Any text.
    #[default]
    Text,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// `true` or `false`.
    Bool,
}

/// A parameter of a fragment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a parameter: a mapping of `type`, `default`, `doc` and `choices`, or {}")]
pub struct Param {
    /// What kind of value it takes.
    #[serde(default, rename = "type")]
    pub kind: Kind,
    /// The value where none is given; without it the parameter must be given.
    pub default: Option<Json>,
    /// What it is for.
    #[serde(default)]
    pub doc: String,
    /// The only values it may have; any if empty.
    #[serde(default)]
    pub choices: Vec<Json>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "`about` and `parameters`")]
struct Front {
    #[serde(default)]
    about: String,
    #[serde(default)]
    parameters: BTreeMap<String, Param>,
}

/// A fragment.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Its name, as markers have it.
    pub name: String,
    /// The file that it was read from.
    pub path: PathBuf,
    /// What it is about.
    pub about: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, Param>,
    /// What tells this text of the fragment from another.
    pub version: String,
    /// The body as it was written.
    pub(crate) body: Arc<str>,
    /// The only block of its rendering that is meant; none for all of it.
    part: Option<String>,
    /// The body, read once for all its renderings; or what is wrong with it.
    compiled: Result<Arc<Environment<'static>>, Arc<minijinja::Error>>,
    /// The line of the file on which the body begins, counted from 0.
    body_at: usize,
}

impl Fragment {
    /// Reads a fragment.
    ///
    /// # Errors
    ///
    /// When it is not text, or what stands between the `---` lines is not what it should be.
    pub fn read(name: &str, path: &Path, bytes: &[u8]) -> Result<Fragment> {
        let attempted = || format!("read the fragment {}", path.display());
        let text = std::str::from_utf8(bytes).map_err(|error| {
            Trouble::new(attempted(), format!("it is not UTF-8 text: byte {} is invalid", error.valid_up_to()))
        })?;
        if text.contains('\0') {
            return Err(Trouble::new(attempted(), "it contains a NUL character, so it is not text"));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
        let (front, body) = split(&text).map_err(|said| {
            Trouble::new(attempted(), said)
                .hint("if the text itself must begin with `---`, put the lines `---` and `---` before it")
        })?;
        let body_at = front.map_or(0, |front| front.lines().count() + 2);
        let front: Front = match front {
            Some(front) if !front.trim().is_empty() => serde_yaml::from_str(front).map_err(|error| {
                Trouble::new(attempted(), words_of_front(&error))
                    .hint("the keys are `about` and `parameters`; a parameter has `type` (text, int, number, bool), `default`, `doc` and `choices`")
            })?,
            _ => Front::default(),
        };
        for (param, spec) in &front.parameters {
            let is_identifier = param.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
                && !param.starts_with(|one: char| one.is_ascii_digit());
            if !is_identifier || param == INSTANCE {
                return Err(Trouble::new(attempted(), format!("a parameter cannot be called `{param}`"))
                    .hint("use letters, digits and `_`, and do not begin with a digit; the marker sets `instance`"));
            }
            for value in spec.default.iter().chain(&spec.choices) {
                if !spec.kind.fits(value) {
                    let said = format!("`{value}` of the parameter `{param}` is not {}", spec.kind.words());
                    let habit = value.as_str().and_then(|text| Some((text, yaml_1_1(text)?)));
                    return Err(match habit {
                        Some((text, habit)) => {
                            Trouble::new(attempted(), format!("{said}: {}", habit.message(text))).hint(habit.help(text))
                        }
                        None => Trouble::new(attempted(), said),
                    });
                }
            }
        }
        let version = blake3::hash(bytes).to_hex()[..16].to_string();
        Ok(Fragment {
            name: name.into(),
            path: path.into(),
            about: front.about,
            parameters: front.parameters,
            version,
            body: body.into(),
            part: None,
            compiled: compile(name, body).map(Arc::new).map_err(Arc::new),
            body_at,
        })
    }

    /// The fragment that one block of its rendering is: what stands in the block of that name and the same instance.
    #[must_use]
    pub(crate) fn only(self, name: &str) -> Fragment {
        Fragment { part: Some(name.into()), ..self }
    }

    /// The values that the body sees: those given, read as what they are to be, and the defaults.
    ///
    /// # Errors
    ///
    /// What is unknown, missing or of the wrong kind, in words.
    pub fn values(&self, given: &[(String, String)]) -> Result<BTreeMap<String, Json>, String> {
        let mut values = BTreeMap::new();
        for (name, text) in given {
            let Some(param) = self.parameters.get(name) else {
                let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "no parameters".into() } else { known.join(", ") };
                return Err(format!("the fragment `{}` has no parameter `{name}`: it has {known}", self.name));
            };
            let value = param
                .kind
                .read(text)
                .ok_or_else(|| format!("the parameter `{name}` is {}, and `{text}` is not", param.kind.words()))?;
            if !param.choices.is_empty() && !param.choices.contains(&value) {
                let choices: Vec<String> = param.choices.iter().map(Json::to_string).collect();
                return Err(format!("the parameter `{name}` is one of {}, and `{text}` is not", choices.join(", ")));
            }
            values.insert(name.clone(), value);
        }
        for (name, param) in &self.parameters {
            if values.contains_key(name) {
                continue;
            }
            let default = param
                .default
                .clone()
                .ok_or_else(|| format!("the parameter `{name}` is missing: write {name}=… on the begin line"))?;
            values.insert(name.clone(), default);
        }
        Ok(values)
    }

    /// Renders the body for an instance.
    ///
    /// # Errors
    ///
    /// What is wrong with the parameters, or with the body and on which line of the fragment's file.
    pub fn render(&self, instance: &str, given: &[(String, String)]) -> Result<String, String> {
        let mut values = self.values(given)?;
        values.insert(INSTANCE.into(), Json::String(instance.into()));
        let environment = self.compiled.as_ref().map_err(|error| self.words_of(error))?;
        let rendered = environment.get_template(&self.name).and_then(|body| body.render(minijinja::value::Serde(&values)));
        let text = rendered.map_err(|error| self.words_of(&error))?;
        if text.len() > LARGEST {
            return Err(format!("the fragment `{}` renders to more than 8 MiB", self.name));
        }
        match &self.part {
            Some(part) => self.cut(part, instance, &text),
            None => Ok(text),
        }
    }

    /// Whether instances with the same parameters may render to different texts.
    pub(crate) fn tells_instances_apart(&self) -> bool {
        // `debug()` writes all that a body sees.
        let names = self
            .compiled
            .as_ref()
            .ok()
            .and_then(|compiled| Some(compiled.get_template(&self.name).ok()?.undeclared_variables(false)));
        self.part.is_some() || names.is_none_or(|names| names.contains(INSTANCE) || names.contains("debug"))
    }

    /// What stands in a block of the rendering.
    fn cut(&self, part: &str, instance: &str, text: &str) -> Result<String, String> {
        let key = Key { fragment: part.into(), instance: instance.into() };
        let found = single::find(text, &key).map_err(|said| format!("{}: {said}", self.path.display()))?;
        found.map(|found| found.content).ok_or_else(|| format!("{} does not render a block `{key}`", self.path.display()))
    }

    fn words_of(&self, error: &minijinja::Error) -> String {
        let place = error.line().map_or_else(String::new, |line| format!(":{}", line + self.body_at));
        let quoted = error.template_source().zip(error.range()).and_then(|(source, range)| source.get(range));
        let said = match (error.kind(), quoted) {
            (ErrorKind::UndefinedError, Some(expression)) => {
                format!("`{expression}` is not a parameter of the fragment")
            }
            (ErrorKind::OutOfFuel, _) => "it does not come to an end".into(),
            (kind, _) => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
        };
        format!("could not render {}{place}: {said}", self.path.display())
    }
}

/// The name under which a body sees its instance.
const INSTANCE: &str = "instance";

impl Kind {
    /// In words, for a message.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Int => "a whole number",
            Kind::Number => "a number",
            Kind::Bool => "`true` or `false`",
        }
    }

    /// Whether a value is of this kind.
    pub fn fits(self, value: &Json) -> bool {
        match self {
            Kind::Text => value.is_string(),
            Kind::Int => value.is_i64() || value.is_u64(),
            Kind::Number => value.is_number(),
            Kind::Bool => value.is_boolean(),
        }
    }

    /// Reads a value of this kind from a text; none if it is none.
    pub fn read(self, text: &str) -> Option<Json> {
        match self {
            Kind::Text => Some(Json::String(text.into())),
            Kind::Int => text.parse::<i64>().ok().map(Json::from),
            Kind::Number => text
                .parse::<i64>()
                .ok()
                .map(Json::from)
                .or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Json::from)),
            Kind::Bool => text.parse::<bool>().ok().map(Json::from),
        }
    }
}

/// What is wrong between the `---` lines, with the line of the file.
fn words_of_front(error: &serde_yaml::Error) -> String {
    let said = error.to_string();
    match error.location() {
        // The text that was read begins behind the first line.
        Some(place) => {
            let said = said.rfind(" at line ").map_or(said.as_str(), |at| &said[..at]);
            format!("line {}, between its `---` lines: {said}", place.line() + 1)
        }
        None => format!("between its `---` lines: {said}"),
    }
}

/// What stands between the `---` lines, if the text begins with such, and what comes after.
///
/// # Errors
///
/// When it begins as if it told of the fragment, and that has no end.
fn split(text: &str) -> Result<(Option<&str>, &str), &'static str> {
    let Some(rest) = text.strip_prefix("---\n") else { return Ok((None, text)) };
    if let Some(body) = rest.strip_prefix("---\n") {
        return Ok((Some(""), body));
    }
    match rest.split_once("\n---\n") {
        // What is not a mapping of ours is the beginning of a YAML text.
        Some((front, body)) if is_front(front) => Ok((Some(front), body)),
        None if rest.strip_suffix("\n---").is_some_and(is_front) => Ok((rest.strip_suffix("\n---"), "")),
        None if keys_of(rest).next().is_some_and(is_ours) => {
            Err("its first line is `---` but the header does not end: write `---` on its own line before the text")
        }
        _ => Ok((None, text)),
    }
}

/// Whether it is meant to tell of the fragment: one of its keys is one that may stand there.
fn is_front(text: &str) -> bool {
    keys_of(text).any(is_ours)
}

fn keys_of(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split(':').next().unwrap_or_default())
}

fn is_ours(key: &str) -> bool {
    matches!(key, "about" | "parameters")
}

fn compile(name: &str, body: &str) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    environment.add_template_owned(name.to_string(), body.to_string())?;
    Ok(environment)
}
