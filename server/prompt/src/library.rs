//! Prompts as files: what they are about, their parameters and context between `---` lines, and a body in minijinja.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use seed_fragment::template::Param;
use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::trouble::Result;
use serde::Deserialize;
use serde_json::Value as Json;

/// Where prompts lie in a project, and in the user's folder of Seed.
pub const FOLDER: &str = "prompts";
/// The name under which a body sees the user's words.
const TEXT: &str = "text";
/// How many instructions a rendering may take; what needs more never ends.
const FUEL: u64 = 10_000_000;
/// The longest file of a prompt, in bytes.
const LONGEST: u64 = 1 << 20;

/// The prompts that are part of the program.
const SHIPPED: &[(&str, &str)] = &[
    ("ask", include_str!("../prompts/ask.md")),
    ("draft", include_str!("../prompts/draft.md")),
    ("explain", include_str!("../prompts/explain.md")),
    ("name", include_str!("../prompts/name.md")),
    ("review", include_str!("../prompts/review.md")),
    ("why", include_str!("../prompts/why.md")),
];

/// What an answer is meant to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// Text for a person.
    #[default]
    Text,
    /// A spec: it is checked, and its mistakes go back to the model once.
    Spec,
}

/// What stands between the `---` lines.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    #[serde(default)]
    about: String,
    #[serde(default)]
    parameters: BTreeMap<String, Param>,
    #[serde(default)]
    context: Vec<String>,
    #[serde(default)]
    answer: Answer,
    temperature: Option<f32>,
    system: Option<String>,
}

/// Where a prompt was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the project.
    Project(PathBuf),
    /// In the user's folder.
    User(PathBuf),
    /// It is part of the program.
    Shipped,
}

impl Origin {
    /// In words, for a list.
    pub fn words(&self) -> String {
        match self {
            Origin::Project(path) | Origin::User(path) => path.display().to_string(),
            Origin::Shipped => "shipped".into(),
        }
    }
}

/// A prompt.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// Its name: that of its file.
    pub name: String,
    /// Where it was found.
    pub origin: Origin,
    /// What it is about.
    pub about: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, Param>,
    /// The context that it takes where the user's text names none; see [`crate::words::Wanted`].
    pub context: Vec<String>,
    /// What the answer is meant to be.
    pub answer: Answer,
    /// How much chance there is in the answer.
    pub temperature: Option<f32>,
    /// What holds for the whole conversation, in the place of what the program says there.
    pub system: Option<String>,
    body: String,
    body_at: usize,
}

/// The folders that prompts are looked for in, the first first.
#[derive(Clone, Debug)]
pub struct Library {
    project: PathBuf,
    user: PathBuf,
}

impl Library {
    /// That of a project, with the user's folder of Seed.
    pub fn new(project: &Path, user: &Path) -> Self {
        Library { project: project.join(FOLDER), user: user.join(FOLDER) }
    }

    /// The prompt of a name: the project's, else the user's, else the one that is shipped.
    ///
    /// # Errors
    ///
    /// When there is none, with the nearest name; or when its file has mistakes.
    pub fn find(&self, name: &str) -> Result<Prompt> {
        let is_name = !name.is_empty()
            && name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.'))
            && !name.starts_with('.');
        let places = [(&self.project, Origin::Project as fn(PathBuf) -> Origin), (&self.user, Origin::User)];
        for (folder, origin) in places.into_iter().filter(|_| is_name) {
            let path = folder.join(format!("{name}.md"));
            if path.is_file() {
                return Prompt::parse(name, origin(path.clone()), &read(&path)?);
            }
        }
        if let Some((_, text)) = SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            return Prompt::parse(name, Origin::Shipped, text);
        }
        let names: Vec<String> = self.names();
        let near = seed_spec::nearest::nearest(name, names.iter().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}; a file {}/NAME.md adds one", names.join(", "), FOLDER),
        };
        Err(Trouble::new(format!("use the prompt `{name}`"), "there is no prompt of that name").hint(hint))
    }

    /// The names of all prompts.
    pub fn names(&self) -> Vec<String> {
        let in_folder = |folder: &PathBuf| -> Vec<String> {
            let names = folder::names(folder).unwrap_or_default().into_iter().filter_map(|name| name.into_string().ok());
            names.filter_map(|name| name.strip_suffix(".md").map(str::to_owned)).collect()
        };
        let mut names = in_folder(&self.project);
        names.extend(in_folder(&self.user));
        names.extend(SHIPPED.iter().map(|(name, _)| (*name).to_owned()));
        names.sort();
        names.dedup();
        names
    }

    /// All prompts; those whose files have mistakes with what is wrong.
    pub fn all(&self) -> Vec<(String, Result<Prompt>)> {
        self.names().into_iter().map(|name| (name.clone(), self.find(&name))).collect()
    }
}

fn read(path: &Path) -> Result<String> {
    let attempt = || format!("read the prompt {}", path.display());
    let bytes = folder::read(path, LONGEST)?.ok_or_else(|| Trouble::new(attempt(), "there is no such file"))?;
    String::from_utf8(bytes).map_err(|_| Trouble::new(attempt(), "it is not UTF-8 text"))
}

impl Prompt {
    /// Reads a prompt.
    ///
    /// # Errors
    ///
    /// What is wrong with what stands between its `---` lines.
    pub fn parse(name: &str, origin: Origin, text: &str) -> Result<Prompt> {
        let attempt = || format!("read the prompt `{name}` ({})", origin.words());
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
        let split = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
        let (front, body) = split.map_or((None, text.as_str()), |(front, body)| (Some(front), body));
        let body_at = front.map_or(0, |front| front.lines().count() + 2);
        let front: Front = match front {
            Some(front) if !front.trim().is_empty() => serde_yaml::from_str(front).map_err(|error| {
                Trouble::new(attempt(), format!("between its `---` lines: {error}"))
                    .hint("the keys are `about`, `parameters`, `context`, `answer` (text, spec), `temperature` and `system`")
            })?,
            _ => Front::default(),
        };
        for (param, spec) in &front.parameters {
            let is_identifier = param.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
                && !param.starts_with(|one: char| one.is_ascii_digit());
            if !is_identifier || param == TEXT {
                return Err(Trouble::new(attempt(), format!("a parameter cannot be called `{param}`"))
                    .hint("use letters, digits and `_`, and do not begin with a digit; `text` is the text of the user"));
            }
            if let Some(value) = spec.default.iter().chain(&spec.choices).find(|value| !spec.kind.fits(value)) {
                return Err(Trouble::new(
                    attempt(),
                    format!("`{value}` of the parameter `{param}` is not {}", spec.kind.words()),
                ));
            }
        }
        for wanted in &front.context {
            crate::words::Wanted::parse(wanted).map_err(|said| Trouble::new(attempt(), said))?;
        }
        let prompt = Prompt {
            name: name.into(),
            about: front.about,
            parameters: front.parameters,
            context: front.context,
            answer: front.answer,
            temperature: front.temperature,
            system: front.system,
            body: body.into(),
            body_at,
            origin,
        };
        prompt.compile().map_err(|error| prompt.trouble(&error))?;
        Ok(prompt)
    }

    /// Renders the body with the user's words and parameters.
    ///
    /// # Errors
    ///
    /// What is wrong with the parameters, or with the body and on which line of its file.
    pub fn render(&self, text: &str, given: &[(String, String)]) -> Result<String> {
        let mut values = self.values(given).map_err(|said| Trouble::new(format!("use the prompt `{}`", self.name), said))?;
        values.insert(TEXT.into(), Json::String(text.into()));
        let environment = self.compile().map_err(|error| self.trouble(&error))?;
        let rendered = environment.get_template(&self.name).and_then(|body| body.render(minijinja::value::Serde(&values)));
        let rendered = rendered.map_err(|error| self.trouble(&error))?;
        Ok(rendered.trim().to_owned())
    }

    /// The values that the body sees: those given, read as what they are to be, and the defaults.
    fn values(&self, given: &[(String, String)]) -> Result<BTreeMap<String, Json>, String> {
        let mut values = BTreeMap::new();
        for (name, text) in given {
            let Some(param) = self.parameters.get(name) else {
                let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "none".into() } else { known.join(", ") };
                return Err(format!("it has no parameter `{name}`; it has {known}"));
            };
            let value =
                param.kind.read(text).ok_or_else(|| format!("`{name}` is {}, and `{text}` is not", param.kind.words()))?;
            if !param.choices.is_empty() && !param.choices.contains(&value) {
                let choices: Vec<String> = param.choices.iter().map(Json::to_string).collect();
                return Err(format!("`{name}` is one of {}, and `{text}` is not", choices.join(", ")));
            }
            values.insert(name.clone(), value);
        }
        for (name, param) in self.parameters.iter() {
            if !values.contains_key(name) {
                let missing = || format!("its parameter `{name}` is missing: --set {name}=…");
                values.insert(name.clone(), param.default.clone().ok_or_else(missing)?);
            }
        }
        Ok(values)
    }

    fn compile(&self) -> Result<Environment<'static>, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment
            .set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build()?);
        environment.set_debug(true);
        environment.set_fuel(Some(FUEL));
        environment.add_template_owned(self.name.clone(), self.body.clone())?;
        Ok(environment)
    }

    fn trouble(&self, error: &minijinja::Error) -> Trouble {
        let place = error.line().map_or_else(String::new, |line| format!(", line {}", line + self.body_at));
        let quoted = error.template_source().zip(error.range()).and_then(|(source, range)| source.get(range));
        let said = match (error.kind(), quoted) {
            (ErrorKind::UndefinedError, Some(expression)) => {
                format!("`{expression}` is not a parameter of the prompt")
            }
            (ErrorKind::OutOfFuel, _) => "it does not come to an end".into(),
            (kind, _) => error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}")),
        };
        Trouble::new(format!("render the prompt `{}` ({}{place})", self.name, self.origin.words()), said)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn all_that_are_shipped_render() {
        for (name, text) in SHIPPED {
            let prompt = Prompt::parse(name, Origin::Shipped, text).unwrap();
            assert!(!prompt.about.is_empty(), "{name}");
            for words in ["", "the pool above all"] {
                let rendered = prompt.render(words, &[]).unwrap();
                assert!(rendered.contains(words) && !rendered.contains("{{") && !rendered.contains("{%"), "{name}: {rendered}");
            }
        }
    }

    #[test]
    fn the_projects_comes_before_the_users_and_that_before_the_shipped() {
        let folder = tempfile::tempdir().unwrap();
        let (project, user) = (folder.path().join("project"), folder.path().join("user"));
        let library = Library::new(&project, &user);
        assert_eq!(library.find("explain").unwrap().origin, Origin::Shipped);
        for (place, text) in [(&user, "mine"), (&project, "ours")] {
            std::fs::create_dir_all(place.join(FOLDER)).unwrap();
            std::fs::write(place.join(FOLDER).join("explain.md"), text).unwrap();
            assert_eq!(library.find("explain").unwrap().render("", &[]).unwrap(), text);
        }
        std::fs::write(user.join(FOLDER).join("poem.md"), "---\nabout: A poem\n---\nOn {{ text }}").unwrap();
        assert!(library.names().contains(&"poem".into()));
        assert_eq!(library.find("poem").unwrap().render("loops", &[]).unwrap(), "On loops");
        assert!(library.find("peom").unwrap_err().to_string().contains("did you mean `poem`"));
        assert!(library.find("../project/prompts/explain").is_err());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let parse = |text: &str| Prompt::parse("mine", Origin::User("/p/mine.md".into()), text);
        for (text, words) in [
            ("---\nabuot: x\n---\n", "abuot"),
            ("---\ncontext: ['#polan']\n---\n", "#plan"),
            ("---\nabout: x\n---\none\n{{ text", "line 5"),
            ("---\nparameters: {text: {}}\n---\n", "cannot be called `text`"),
            ("---\nparameters: {n: {type: int, default: x}}\n---\n", "a whole number"),
        ] {
            let said = parse(text).unwrap_err().to_string();
            assert!(said.contains(words) && said.contains("mine"), "{text}: {said}");
        }
        let prompt =
            parse("---\nparameters: {n: {type: int}, w: {default: a, choices: [a, b]}}\n---\n{{ n }}{{ w }}{{ x }}").unwrap();
        for (given, words) in [
            (vec![], "--set n="),
            (vec![set("m", "1")], "it has n, w"),
            (vec![set("n", "one")], "a whole number"),
            (vec![set("n", "1"), set("w", "c")], "one of"),
            (vec![set("n", "1")], "`x` is not a parameter"),
        ] {
            let said = prompt.render("", &given).unwrap_err().to_string();
            assert!(said.contains(words), "{said}");
        }
    }
}
