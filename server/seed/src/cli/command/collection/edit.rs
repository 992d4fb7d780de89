//! Edits of `collections:` in the text of a spec that leave all else as it is, comments too.

use seed_spec::text::{FileId, Source};
use seed_spec::tree::{NodeId, NodeKind, Tree};

/// A spec's text, ready to be edited.
pub struct Text<'a> {
    source: &'a Source,
    tree: Tree,
}

/// What stands behind the name of a collection.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// A repository, with the revision.
    Git(&'a str, Option<&'a str>),
    /// A folder.
    Folder(&'a str),
}

impl Entry<'_> {
    fn text(self) -> String {
        match self {
            Entry::Git(url, None) => format!("{{git: {}}}", scalar(url)),
            Entry::Git(url, Some(rev)) => format!("{{git: {}, rev: {}}}", scalar(url), scalar(rev)),
            Entry::Folder(path) => format!("{{path: {}}}", scalar(path)),
        }
    }
}

/// A text as a scalar within braces: plain where it cannot be read as anything else.
fn scalar(text: &str) -> String {
    let first = text.starts_with(|one: char| one.is_ascii_alphabetic() || matches!(one, '/' | '.' | '~'));
    // A word that YAML reads as no text has none of these.
    let is_text = text.contains(['/', '.', '-', '_']) || text.len() > 5;
    let plain = first
        && is_text
        && !text.ends_with(':')
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "/._~-+@:=%".contains(one));
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

impl<'a> Text<'a> {
    /// Reads a text.
    pub fn new(source: &'a Source) -> Text<'a> {
        Text { tree: seed_spec::yaml::parse(source, FileId(0), None).0, source }
    }

    fn header(&self, key: &str) -> Option<(NodeId, NodeId)> {
        let NodeKind::Map(pairs) = &self.tree.node(self.tree.root?).kind else { return None };
        pairs.iter().find(|(name, _)| self.tree.scalar(*name).is_some_and(|name| **name == *key)).copied()
    }

    fn at(&self, range: std::ops::Range<usize>, new: &str) -> String {
        let text = self.source.text();
        let (front, back) = (&text[..range.start], &text[range.end..]);
        // A file that ends its lines as DOS does is kept so.
        let new = if text.contains("\r\n") { new.replace('\n', "\r\n") } else { new.to_owned() };
        format!("{front}{new}{back}")
    }

    /// Names a collection that is not named yet. None where `collections:` is written so that it takes a person.
    pub fn add(&self, name: &str, entry: Entry<'_>) -> Option<String> {
        let line = format!("{name}: {}", entry.text());
        let Some((key, value)) = self.header("collections") else { return self.begin(&line) };
        let span = self.tree.node(value).span;
        match &self.tree.node(value).kind {
            NodeKind::Map(pairs) if self.source.slice(span).starts_with('{') => {
                let at = match pairs.last() {
                    Some((_, last)) => self.tree.node(*last).span.end as usize,
                    None => span.start as usize + 1,
                };
                Some(self.at(at..at, &if pairs.is_empty() { line } else { format!(", {line}") }))
            }
            NodeKind::Map(pairs) => {
                let (first, last) = (pairs.first()?.0, pairs.last()?);
                let column = self.column(self.tree.node(first).span.start as usize);
                let end = self.tree.node(last.1).span.end.max(self.tree.node(last.0).span.end) as usize;
                Some(self.behind_line(end, &format!("{}{line}", " ".repeat(column))))
            }
            NodeKind::Scalar(text, _) if text.is_empty() => {
                let end = self.tree.node(key).span.end as usize;
                Some(self.behind_line(end, &format!("  {line}")))
            }
            _ => None,
        }
    }

    /// Begins `collections:`, before `roles:` and the comment that stands right above it.
    fn begin(&self, line: &str) -> Option<String> {
        let (roles, _) = self.header("roles")?;
        let mut at = self.source.line_of(self.tree.node(roles).span.start as usize);
        while at > 0 && self.source.line(at - 1).trim_start().starts_with('#') {
            at -= 1;
        }
        let start = self.source.line_start(at);
        Some(self.at(start..start, &format!("collections:\n  {line}\n\n")))
    }

    /// Gives a collection that is named another source. A remark is put behind it where the line ends there.
    pub fn replace(&self, name: &str, entry: Entry<'_>, remark: &str) -> Option<String> {
        let (_, all) = self.header("collections")?;
        let NodeKind::Map(pairs) = &self.tree.node(all).kind else { return None };
        let (key, value) = pairs.iter().find(|(key, _)| self.tree.scalar(*key).is_some_and(|key| **key == *name))?;
        if !matches!(self.tree.node(*value).kind, NodeKind::Map(_)) {
            return None;
        }
        let colon =
            self.tree.node(*key).span.end as usize + self.source.text()[self.tree.node(*key).span.end as usize..].find(':')? + 1;
        let end = self.tree.node(*value).span.end as usize;
        let text = self.source.text();
        let end = colon + text[colon..end].trim_end().len();
        let rest = text[end..].split(['\n', '\r']).next().unwrap_or_default();
        let remark = if rest.trim().is_empty() { format!("  # {remark}") } else { String::new() };
        Some(self.at(colon..end, &format!(" {}{remark}", entry.text())))
    }

    fn column(&self, offset: usize) -> usize {
        offset - self.source.line_start(self.source.line_of(offset))
    }

    /// Puts a line behind the one that holds a place.
    fn behind_line(&self, place: usize, new: &str) -> String {
        let text = self.source.text();
        // A block's value may reach up to the next key: the line is that of its last character.
        let place = text[..place].trim_end().len();
        match text[place..].find('\n') {
            Some(end) => self.at(place + end + 1..place + end + 1, &format!("{new}\n")),
            None => self.at(text.len()..text.len(), &format!("\n{new}\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(text: &str) -> String {
        Text::new(&Source::new("x", text)).add("web", Entry::Git("./web.git", Some("1.0"))).unwrap_or_default()
    }

    #[test]
    fn a_collection_is_added_and_comments_stay() {
        for (before, after) in [
            (
                "seed: 1\n\n# all\nroles: {}\n",
                "seed: 1\n\ncollections:\n  web: {git: ./web.git, rev: \"1.0\"}\n\n# all\nroles: {}\n",
            ),
            (
                "collections:\n    # mine\n    desk: {path: ./d} # d\n    # end\n\nroles: {}\n",
                "collections:\n    # mine\n    desk: {path: ./d} # d\n    web: {git: ./web.git, rev: \"1.0\"}\n    # end\n\nroles: {}\n",
            ),
            (
                "collections:\n  desk:\n    git: ./d  # d\n    rev: v1\nroles: {}\n",
                "collections:\n  desk:\n    git: ./d  # d\n    rev: v1\n  web: {git: ./web.git, rev: \"1.0\"}\nroles: {}\n",
            ),
            (
                "collections: {desk: {path: ./d}}\nroles: {}\n",
                "collections: {desk: {path: ./d}, web: {git: ./web.git, rev: \"1.0\"}}\nroles: {}\n",
            ),
            ("collections: {}\nroles: {}\n", "collections: {web: {git: ./web.git, rev: \"1.0\"}}\nroles: {}\n"),
            ("collections:  # none\nroles: {}\n", "collections:  # none\n  web: {git: ./web.git, rev: \"1.0\"}\nroles: {}\n"),
            ("roles: {}\r\n", "collections:\r\n  web: {git: ./web.git, rev: \"1.0\"}\r\n\r\nroles: {}\r\n"),
            (
                "roles: {}\ncollections:\n  a: {path: ./a}",
                "roles: {}\ncollections:\n  a: {path: ./a}\n  web: {git: ./web.git, rev: \"1.0\"}\n",
            ),
        ] {
            assert_eq!(add(before), after);
        }
    }

    #[test]
    fn a_source_is_replaced_and_the_rest_stays() {
        let replaced = |text: &str| {
            Text::new(&Source::new("x", text)).replace("desk", Entry::Folder("./collections/desk"), "was").unwrap_or_default()
        };
        for (before, after) in [
            (
                "collections:\n  desk: {git: ./d, rev: v1}\n  web: {path: ./w}\n",
                "collections:\n  desk: {path: ./collections/desk}  # was\n  web: {path: ./w}\n",
            ),
            ("collections: {desk: {git: ./d}} # x\n", "collections: {desk: {path: ./collections/desk}} # x\n"),
            (
                "collections:\n  desk:\n    git: ./d\n    rev: v1\n\n  # web\n  web: {path: ./w}\n",
                "collections:\n  desk: {path: ./collections/desk}  # was\n\n  # web\n  web: {path: ./w}\n",
            ),
        ] {
            assert_eq!(replaced(before), after);
        }
    }
}
