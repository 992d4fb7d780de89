//! Keys of providers: from the environment or a command, never from a file of ours, never shown.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use seed_role::Trouble;
use seed_role::trouble::Result;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

/// How long a command may take to tell a key; a person may have to type a password for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest key, in bytes.
const LONGEST: u64 = 16 << 10;

/// A key. It has no `Display`, and its `Debug` does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// What it is, for the one header that it belongs into.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

/// Where a key is to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An environment variable.
    Env(String),
    /// The first line that a program writes; run as an argument vector, without a shell.
    Command(Vec<String>),
}

impl KeySource {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            KeySource::Env(name) => format!("the environment variable {name}"),
            // Arguments are where it is, such as an entry of a password store; the program alone is enough to find it.
            KeySource::Command(words) => format!("the command `{}`", words.first().map_or("", String::as_str)),
        }
    }

    /// Whether it can be had without running anything; a command may always be.
    pub fn is_there(&self) -> bool {
        match self {
            KeySource::Env(name) => std::env::var_os(name).is_some_and(|value| !value.is_empty()),
            KeySource::Command(_) => true,
        }
    }

    /// Gets the key.
    ///
    /// # Errors
    ///
    /// When it is not there, or the command fails. What the command wrote is not told: it could be the key.
    pub async fn get(&self) -> Result<Key> {
        let attempted = || format!("get the model's key from {}", self.words());
        let text = match self {
            KeySource::Env(name) => std::env::var(name).map_err(|error| {
                let came_back = match error {
                    std::env::VarError::NotPresent => "it is not set",
                    std::env::VarError::NotUnicode(_) => "it is not text",
                };
                Trouble::new(attempted(), came_back).hint(format!("export {name}=… in the shell that starts this"))
            })?,
            KeySource::Command(words) => run(words, &attempted()).await?,
        };
        let key = text.lines().next().unwrap_or_default().trim();
        if key.is_empty() {
            return Err(Trouble::new(attempted(), "it is empty"));
        }
        Ok(Key(key.into()))
    }
}

async fn run(words: &[String], attempted: &str) -> Result<String> {
    use tokio::io::AsyncReadExt;
    let Some((program, arguments)) = words.split_first() else { return Err(Trouble::new(attempted, "it names no program")) };
    let trouble = |came_back: String| Trouble::new(attempted, came_back);
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            Trouble::from_io(attempted, &error).hint("write the program and its arguments as a list; Seed runs no shell")
        })?;
    let output = child.stdout.take();
    let wait = async {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            output.take(LONGEST).read_to_end(&mut bytes).await?;
        }
        Ok::<_, std::io::Error>((bytes, child.wait().await?))
    };
    let ended = tokio::time::timeout(PATIENCE, wait).await;
    let (bytes, status) = ended
        .map_err(|_| trouble(format!("it took longer than {} s and was stopped", PATIENCE.as_secs())))?
        .map_err(|error| Trouble::from_io(attempted, &error))?;
    if !status.success() {
        return Err(trouble(format!("it ended with {status}")).hint("its output is above; run it yourself"));
    }
    String::from_utf8(bytes).map_err(|_| trouble("its output is not text".into()))
}

impl<'de> Deserialize<'de> for KeySource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Source;
        const HOW: &str = "`{env: NAME}` or `{command: [PROGRAM, ARGUMENT, …]}`";
        impl<'de> Visitor<'de> for Source {
            type Value = KeySource;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(HOW)
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<KeySource, E> {
                Err(E::custom(format!("do not write a key into the file: write where it comes from, as {HOW}")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeySource, A::Error> {
                let (mut found, mut count) = (None, 0);
                while let Some(name) = map.next_key::<String>()? {
                    count += 1;
                    found = Some(match name.as_str() {
                        "env" => KeySource::Env(variable(map.next_value()?)?),
                        "command" => KeySource::Command(program(map.next_value()?)?),
                        other => return Err(de::Error::custom(format!("a key cannot come from `{other}`: write {HOW}"))),
                    });
                }
                if count > 1 {
                    return Err(de::Error::custom(format!("a key comes from one place: {HOW}")));
                }
                found.ok_or_else(|| de::Error::custom(format!("the source of the key is missing: write {HOW}")))
            }
        }
        deserializer.deserialize_any(Source)
    }
}

/// The name of an environment variable, and not what stands in it.
fn variable<E: de::Error>(name: String) -> Result<String, E> {
    let is_name = !name.is_empty()
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    match is_name {
        true => Ok(name),
        false => Err(E::custom("`env` takes the name of an environment variable, such as OPENAI_API_KEY, and not the key")),
    }
}

fn program<E: de::Error>(words: Vec<String>) -> Result<Vec<String>, E> {
    match words.first() {
        Some(program) if !program.is_empty() => Ok(words),
        _ => Err(E::custom("`command` takes a list: a program and its arguments")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn source(yaml: &str) -> Result<KeySource, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn sources_are_read_and_keys_are_not() {
        assert_eq!(source("{env: MY_KEY}"), Ok(KeySource::Env("MY_KEY".into())));
        assert_eq!(source("{command: [pass, show, x]}"), Ok(KeySource::Command(vec!["pass".into(), "show".into(), "x".into()])));
        for (wrong, words) in [
            ("abcdefgh", "do not write a key into the file"),
            ("{env: sk-not-a-name}", "name of an environment variable"),
            ("{file: ./key}", "cannot come from"),
            ("{env: A, command: [b]}", "one place"),
            ("{command: []}", "a program"),
            ("{}", "source of the key"),
        ] {
            let said = source(wrong).unwrap_err();
            assert!(said.contains(words), "{wrong}: {said}");
        }
    }

    #[tokio::test]
    async fn a_command_tells_it_without_a_shell() {
        let of = |words: &[&str]| KeySource::Command(words.iter().map(|word| (*word).to_string()).collect());
        let key = of(&["printf", "%s\n%s\n", "$HOME;x", "second line"]).get().await.unwrap();
        assert_eq!(key.reveal(), "$HOME;x");
        assert_eq!(format!("{key:?}"), "Key(…)");
        let said = of(&["false"]).get().await.unwrap_err().to_string();
        assert!(said.contains("the command `false`") && said.contains("exit status: 1"), "{said}");
        let said = of(&["/nowhere/to/be/found"]).get().await.unwrap_err().to_string();
        assert!(said.contains("no shell"), "{said}");
        let said = of(&["true"]).get().await.unwrap_err().to_string();
        assert!(said.contains("it is empty"), "{said}");
    }

    #[tokio::test]
    async fn a_variable_that_is_not_set_is_told_by_name() {
        let said = KeySource::Env("SEED_TEST_NO_SUCH_KEY".into()).get().await.unwrap_err().to_string();
        assert!(said.contains("SEED_TEST_NO_SUCH_KEY") && said.contains("not set"), "{said}");
    }
}
