//! Where a collection is fetched from.

use std::path::{Component, Path, PathBuf};

/// A git repository: a path, or a URL of `https`, `ssh` or `file`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Source {
    written: String,
    url: String,
}

impl Source {
    /// Reads what a spec in a folder says. Paths begin with `/`, `./`, `../` or `~/`.
    ///
    /// # Errors
    ///
    /// In words, what is wrong with it. A URL with a password in it is refused, since the lock is shared, and so is one whose
    /// protocol tells nobody who answers.
    pub fn read(written: &str, folder: &Path, home: Option<&Path>) -> Result<Source, String> {
        let of = |url: String| Ok(Source { written: written.to_owned(), url });
        if written.is_empty() || written.starts_with('-') || written.chars().any(|one| one.is_control() || one == ' ') {
            return Err(format!("`{written}` is not the address of a git repository"));
        }
        if let Some(rest) = written.strip_prefix("~/") {
            let home = home.ok_or("the home folder for `~/` is unknown")?;
            return of(normalised(&home.join(rest)));
        }
        if written.starts_with(['/', '.']) {
            return of(normalised(&folder.join(written)));
        }
        let Some((protocol, rest)) = written.split_once("://") else {
            // `git@host:path`, as git writes it.
            let is_short =
                written.split_once(':').is_some_and(|(host, path)| !host.contains('/') && !host.is_empty() && !path.is_empty());
            return match is_short {
                true => of(written.to_owned()),
                false => Err(format!("`{written}` is neither a path (`./…`, `/…`, `~/…`) nor a URL (`https://…`, `ssh://…`)")),
            };
        };
        let user = rest.split(['/', '?', '#']).next().unwrap_or_default().rsplit_once('@').map(|(user, _)| user);
        match protocol {
            "https" if user.is_some() => Err("a URL with a name or password would be shared in the lock file; use ssh".into()),
            "ssh" if user.is_some_and(|user| user.contains(':')) => {
                Err("a URL with a password would be shared in the lock file; use an ssh key".into())
            }
            "https" | "ssh" => of(written.to_owned()),
            "file" if rest.starts_with('/') => of(written.to_owned()),
            "http" | "git" => Err(format!("`{protocol}://` does not authenticate the server; use `https://` or `ssh://`")),
            _ => Err(format!("a collection is a path, `https://`, `ssh://` or `file://`, not `{protocol}://`")),
        }
    }

    /// Where it is, if it is on this machine.
    pub fn path(&self) -> Option<&Path> {
        Some(Path::new(self.url.strip_prefix("file://").unwrap_or(&self.url))).filter(|path| path.is_absolute())
    }

    /// As the spec writes it.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The whole of it: a URL, or an absolute path.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A path without `.` and `..`, by its text alone.
fn normalised(path: &Path) -> String {
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(whole.pop()),
            part => whole.push(part),
        }
    }
    whole.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn read(written: &str) -> Result<String, String> {
        Source::read(written, Path::new("/work/lab"), Some(Path::new("/home/ada"))).map(|source| source.url().to_owned())
    }

    #[test]
    fn paths_and_urls_are_read() {
        for (written, url) in [
            ("./desk.git", "/work/lab/desk.git"),
            ("../desk", "/work/desk"),
            ("~/desk", "/home/ada/desk"),
            ("/srv/desk.git", "/srv/desk.git"),
            ("https://example.org/desk.git", "https://example.org/desk.git"),
            ("ssh://git@example.org:2222/desk.git", "ssh://git@example.org:2222/desk.git"),
            ("git@example.org:ada/desk.git", "git@example.org:ada/desk.git"),
            ("file:///srv/desk.git", "file:///srv/desk.git"),
        ] {
            assert_eq!(read(written).unwrap(), url);
        }
    }

    #[test]
    fn what_is_no_safe_address_is_refused_with_words() {
        for (written, words) in [
            ("", "not the address"),
            ("--upload-pack=x", "not the address"),
            ("desk", "neither a path"),
            ("http://example.org/desk", "does not authenticate the server"),
            ("git://example.org/desk", "does not authenticate the server"),
            ("ext::sh -c x", "not the address"),
            ("ftp://example.org/desk", "not `ftp://`"),
            ("https://ada:secret@example.org/desk", "would be shared"),
            ("https://token@example.org/desk", "would be shared"),
            ("ssh://ada:secret@example.org/desk", "would be shared"),
            ("file://host/desk", "not `file://`"),
        ] {
            let said = read(written).unwrap_err();
            assert!(said.contains(words), "{written}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
