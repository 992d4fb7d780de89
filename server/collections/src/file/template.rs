//! `file.template`: a file rendered from a template.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use schemars::JsonSchema;
use seed_role::host::Host;
use seed_role::param::{AbsPath, Anything, Content, Mode, Size};
use seed_role::trouble::{Kind, Result, Trouble};
use seed_role::{Declared, Finding, inspected};
use seed_spec::Code;
use seed_spec::shape::OutputInfo;
use serde::Deserialize;
use serde_json::Value as Json;

use super::access::Access;
use super::contents::{self, Contents, role_of_contents};
use super::{bytes, folder_of};

/// How many instructions one rendering may take.
const FUEL: u64 = 10_000_000;

/// A file rendered from a Jinja template.
///
/// The template sees only the values of `with`; an undefined variable is an error that names the template, the line and the variable. A
/// line with nothing but `{% … %}` is removed. `{% include %}` and `{% import %}` find other templates in the folder of the template.
/// Booleans are written as `True`, or with `| lower` as `true`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    /// Where the file is. Missing parent folders are created, and removed with it if they are empty.
    path: AbsPath,
    /// The template, a file in the syntax of Jinja (minijinja).
    from: AbsPath,
    /// The values for the template, by name. With a `!secret` among them the whole file is secret: it is neither shown nor recorded.
    #[serde(default)]
    with: BTreeMap<String, Anything>,
    /// Permission bits, such as `"0640"`. Default: `"0644"` for a new file; an existing one keeps its own. A file with a secret has `"0600"`.
    mode: Option<Mode>,
    /// Its owner: `user`, `user:group` or numbers. Default: the owner is not managed. A file with a secret belongs to the user who applies
    /// the spec.
    owner: Option<String>,
    /// Whether what is there holds a secret that other parameters wrote.
    #[serde(skip)]
    replaces_secret: bool,
}

impl Contents for Template {
    fn path(&self) -> &Path {
        &self.path
    }

    fn access(&self) -> Access<'_> {
        Access { mode: self.mode, owner: self.owner.as_deref() }
    }

    fn is_secret(&self) -> bool {
        self.replaces_secret || self.with.values().any(|value| holds_secret(&value.0))
    }

    fn render(&self, host: &dyn Host) -> Result<Vec<u8>> {
        let with: BTreeMap<&str, Json> =
            self.with.iter().map(|(name, value)| Ok((name.as_str(), revealed(host, &value.0)?))).collect::<Result<_>>()?;
        let main = name_of(&self.from);
        let mut sources = BTreeMap::from([(main.clone(), read_template(host, &self.from)?)]);
        loop {
            let missing = Arc::new(Mutex::new(BTreeSet::new()));
            let rendered = environment(&sources, Arc::clone(&missing))
                .and_then(|environment| environment.get_template(&main)?.render(minijinja::value::Serde(&with)));
            let missing = std::mem::take(&mut *missing.lock().unwrap_or_else(PoisonError::into_inner));
            let error = match rendered {
                Ok(text) => return Ok(text.into_bytes()),
                Err(error) => error,
            };
            // A template can only be read through the host, which a loader cannot hold on to: read what it asked for, and begin anew.
            let asked = missing.len();
            let found = missing.into_iter().filter_map(|name| Some((included(host, &self.from, &name)?, name)));
            let found: Vec<_> = found.map(|(text, name)| Ok((name, text?))).collect::<Result<_>>()?;
            if asked == 0 || found.is_empty() {
                return Err(self.trouble(&error));
            }
            sources.extend(found);
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let is_identifier = |name: &str| {
            let mut characters = name.chars();
            characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
                && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
        };
        let names = self.with.keys().filter(|name| !is_identifier(name));
        names
            .map(|name| Finding {
                param: format!("with.{name}"),
                code: Code::BadName,
                message: format!("a template cannot use a variable named `{name}`"),
                help: Some("use letters, digits and `_`, beginning with a letter or `_`".into()),
            })
            .collect()
    }

    fn sources(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("from", self.from.to_path_buf())]
    }

    fn inspect(&self, host: &dyn Host) -> Vec<Finding> {
        let Some(text) = inspected(host, &self.from).and_then(|text| String::from_utf8(text).ok()) else { return Vec::new() };
        let name = name_of(&self.from);
        let read = environment(&BTreeMap::from([(name.clone(), text)]), Arc::default())
            .and_then(|environment| environment.get_template(&name).map(drop));
        let finding = |error: minijinja::Error| {
            let said = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
            let message = format!("the template {} cannot be read: {said}", self.place(&error));
            Finding { param: "from".into(), code: Code::Template, message, help: None }
        };
        read.err().map(finding).into_iter().collect()
    }
}

impl Template {
    /// Where a mistake is: the template, and its line.
    fn place(&self, error: &minijinja::Error) -> String {
        let file = error.name().map_or_else(|| self.from.to_path_buf(), |name| folder_of(&self.from).join(name));
        let line = error.line().map_or_else(String::new, |line| format!(":{line}"));
        format!("{}{line}", file.display())
    }

    /// What went wrong, and where. Of a template that sees secrets only the kind of mistake is told, since the rest may quote a value.
    fn trouble(&self, error: &minijinja::Error) -> Trouble {
        let quoted = error.template_source().zip(error.range()).and_then(|(source, range)| source.get(range));
        let said = match (error.kind(), quoted) {
            (minijinja::ErrorKind::UndefinedError, Some(expression)) => format!("`{expression}` is not defined"),
            (minijinja::ErrorKind::OutOfFuel, _) => format!("it takes more than {FUEL} instructions"),
            (kind, _) if self.is_secret() => kind.to_string(),
            (kind, _) => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
        };
        let trouble = Trouble::new(format!("render the template {}", self.place(error)), said);
        match error.kind() {
            minijinja::ErrorKind::UndefinedError if self.with.is_empty() => trouble.hint("add it under `with:`"),
            minijinja::ErrorKind::UndefinedError => {
                let names: Vec<&str> = self.with.keys().map(String::as_str).collect();
                trouble.hint(format!("`with:` gives {}", names.join(", ")))
            }
            minijinja::ErrorKind::TemplateNotFound => {
                trouble.hint(format!("templates are searched in {}", folder_of(&self.from).display()))
            }
            _ => trouble,
        }
    }
}

/// An environment that knows these templates, and notes down what else is asked for.
fn environment(
    sources: &BTreeMap<String, String>,
    missing: Arc<Mutex<BTreeSet<String>>>,
) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_debug(true);
    environment.set_fuel(Some(FUEL));
    let sources = sources.clone();
    environment.set_loader(move |name| {
        let source = sources.get(name).cloned();
        if source.is_none() {
            missing.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string());
        }
        Ok(source)
    });
    Ok(environment)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The text of a template that another includes; none if there is none in the folder of `from` or below.
fn included(host: &dyn Host, from: &Path, name: &str) -> Option<Result<String>> {
    let inside = Path::new(name).components().all(|component| matches!(component, Component::Normal(_)));
    let path = folder_of(from).join(name);
    match host.metadata(&path) {
        Ok(Some(_)) if inside => Some(read_template(host, &path)),
        Ok(_) => None,
        Err(trouble) => Some(Err(trouble)),
    }
}

fn read_template(host: &dyn Host, path: &Path) -> Result<String> {
    let attempted = || format!("read the template {}", path.display());
    let Some(text) = host.read(path, bytes::LIMIT + 1)? else {
        return Err(Trouble::new(attempted(), "it is not there").kind(Kind::Gone));
    };
    if text.len() as u64 > bytes::LIMIT {
        return Err(Trouble::new(attempted(), format!("it is larger than {}", Size(bytes::LIMIT))));
    }
    String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Trouble::new(attempted(), format!("it is not UTF-8 text: byte {at} is invalid"))
    })
}

fn as_secret(value: &Json) -> Option<Content> {
    value.as_object().filter(|map| map.len() == 1 && map.contains_key("$secret"))?;
    serde_json::from_value(value.clone()).ok().filter(Content::is_secret)
}

fn holds_secret(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(holds_secret),
        Json::Object(map) => as_secret(value).is_some() || map.values().any(holds_secret),
        _ => false,
    }
}

fn revealed(host: &dyn Host, value: &Json) -> Result<Json> {
    Ok(match value {
        Json::Array(items) => Json::Array(items.iter().map(|item| revealed(host, item)).collect::<Result<_>>()?),
        Json::Object(map) => match as_secret(value) {
            Some(secret) => Json::String(secret.reveal(host)?.into_owned()),
            None => Json::Object(map.iter().map(|(key, item)| Ok((key.clone(), revealed(host, item)?))).collect::<Result<_>>()?),
        },
        other => other.clone(),
    })
}

role_of_contents!(Template);

impl Declared for Template {
    const NAME: &'static str = "file.template";
    const OUTPUTS: &'static [OutputInfo] = contents::OUTPUTS;
    const EXAMPLE: &'static str = r#"exports:
  is: file.template
  path: /etc/exports.d/lab.exports
  from: ./templates/exports.j2
  with:
    folder: /srv/lab
    clients: [192.0.2.10, 192.0.2.11]
  mode: "0644"
"#;
}
