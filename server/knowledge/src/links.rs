//! What links to what by name, for an editor: what can be linked to, where a name leads, and who links to it.

use std::path::PathBuf;

use crate::index::{COMMITS, EXPLANATIONS, Index};
use crate::section::Kind;
use crate::segment::{LINK, NAME};
use crate::source::markdown::{self, Link, Page};
use crate::words::name_of;

/// Something that can be linked to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What stands between `[[` and `]]`.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its file, relative to the project.
    pub path: PathBuf,
    /// Its line, from 1.
    pub line: u32,
    /// Its title.
    pub title: String,
}

impl Index {
    /// All that can be linked to by a name.
    pub fn targets(&self) -> Vec<Target> {
        let mut all = Vec::new();
        for (nth, segment) in self.store.segments().iter().enumerate() {
            for (section, alive) in (0..).zip(self.store.alive(nth)) {
                let Some(head) = segment.head(section).filter(|_| *alive) else { continue };
                let Some(file) = segment.file(head.file).filter(|file| *file != COMMITS && !file.starts_with(EXPLANATIONS))
                else {
                    continue;
                };
                let (path, title) = (PathBuf::from(file), head.title.to_string());
                let name = match head.kind {
                    Kind::Role | Kind::Composite => title.split(':').next().unwrap_or_default(),
                    Kind::Spec => &title,
                    _ => title.rsplit(" › ").next().unwrap_or_default(),
                };
                let can_be_linked = segment.marked(section).any(|term| term.strip_prefix(NAME) == Some(&name_of(name)));
                if can_be_linked {
                    all.push(Target { name: name.to_string(), kind: head.kind, path, line: head.line, title: title.clone() });
                }
            }
        }
        all.sort_by(|one, other| (&one.name, &one.path, one.line).cmp(&(&other.name, &other.path, other.line)));
        all
    }

    /// Where a name leads, as [`name_of`] makes it.
    pub fn places(&self, name: &str) -> Vec<(PathBuf, u32)> {
        self.with_term(&format!("{NAME}{name}"))
    }

    /// The sections that link to a name.
    pub fn linking(&self, name: &str) -> Vec<(PathBuf, u32)> {
        self.with_term(&format!("{LINK}{name}"))
    }

    /// The sections of Markdown that link to a role of a spec; `spec` is its path in the project.
    pub fn notes_about(&self, spec: &str, role: &str) -> Vec<Target> {
        let names = [name_of(role), format!("{}#{}", name_of(spec), name_of(role))];
        let mut all = Vec::new();
        for (nth, segment) in self.store.segments().iter().enumerate() {
            for (section, _) in names.iter().flat_map(|name| segment.postings(&format!("{LINK}{name}"))) {
                let head = segment.head(section).filter(|_| self.store.alive(nth).get(section as usize) == Some(&true));
                let Some((head, file)) = head.and_then(|head| Some((head, segment.file(head.file)?))) else { continue };
                let path = PathBuf::from(file);
                if path.extension().is_some_and(|ending| ending == "md" || ending == "markdown") {
                    let title = head.title.to_string();
                    all.push(Target { name: title.clone(), kind: head.kind, path, line: head.line, title });
                }
            }
        }
        all.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
        all.dedup();
        all
    }

    fn with_term(&self, term: &str) -> Vec<(PathBuf, u32)> {
        let mut places = Vec::new();
        for (nth, segment) in self.store.segments().iter().enumerate() {
            for (section, _) in segment.postings(term) {
                let head = segment.head(section).filter(|_| self.store.alive(nth).get(section as usize) == Some(&true));
                if let Some((head, file)) = head.and_then(|head| Some((head, segment.file(head.file)?))) {
                    places.push((PathBuf::from(file), head.line));
                }
            }
        }
        places.sort();
        places.dedup();
        places
    }
}

/// What an offset in a page of the project stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A link, and the name that it leads to.
    Link(Link, String),
    /// A heading, and the names that lead to it.
    Heading(markdown::Heading, Vec<String>),
}

/// What stands at an offset of a page; `file` is its path in the project.
pub fn spot(file: &str, text: &str, offset: usize) -> Option<Spot> {
    let Page { headings, links } = markdown::page(text);
    let link = links.into_iter().find(|link| link.range.start <= offset && offset < link.range.end.max(link.range.start + 1));
    if let Some(link) = link {
        let name = markdown::name_behind(file, &link)?;
        return Some(Spot::Link(link, name));
    }
    let mut headings = headings.into_iter().enumerate();
    let (nth, heading) = headings.find(|(_, heading)| heading.range.contains(&offset))?;
    let names = names_of(file, &heading.text, nth == 0);
    Some(Spot::Heading(heading, names))
}

/// The names that lead to a heading; the first heading of a page is also found by the file.
pub fn names_of(file: &str, heading: &str, is_first: bool) -> Vec<String> {
    let mut names = vec![name_of(heading), format!("{}#{}", name_of(file), markdown::slug(heading))];
    if is_first {
        names.push(name_of(file));
        let stem = std::path::Path::new(file).file_stem().and_then(|stem| stem.to_str());
        names.extend(stem.map(name_of));
    }
    names
}

/// The links of a page that lead to one of some names.
pub fn links_to(file: &str, text: &str, names: &[String]) -> Vec<Link> {
    let links = markdown::page(text).links;
    links.into_iter().filter(|link| markdown::name_behind(file, link).is_some_and(|name| names.contains(&name))).collect()
}

/// The beginning of a `[[link]]` that is being typed at an offset: where it begins behind the brackets, and whether it is closed.
pub fn typed(text: &str, offset: usize) -> Option<(usize, bool)> {
    let front = text.get(..offset)?;
    let line = front.rfind('\n').map_or(0, |at| at + 1);
    let start = line + front[line..].rfind("[[")? + 2;
    if front[start..].contains("]]") {
        return None;
    }
    let behind = text[offset..].lines().next().unwrap_or_default();
    let is_closed = behind.find("]]").is_some_and(|end| !behind[..end].contains("[["));
    Some((start, is_closed))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn spots_and_what_is_typed() {
        let text = "# Top\n\nSee [[pool]] and [a](b.md#c).\n\n## Sub\n\n[[po\n";
        let at = |needle: &str| spot("notes/a.md", text, text.find(needle).unwrap());
        assert!(matches!(at("pool]]"), Some(Spot::Link(_, name)) if name == "pool"));
        assert!(matches!(at("[a]"), Some(Spot::Link(_, name)) if name == "notes/b.md#c"));
        assert!(matches!(at("Top"), Some(Spot::Heading(_, names)) if names == ["top", "notes/a.md#top", "notes/a.md", "a"]));
        assert_eq!(at("See"), None);
        assert_eq!(typed(text, text.len() - 1), Some((text.len() - 3, false)));
        assert_eq!(typed(text, text.find("ool]]").unwrap()), Some((text.find("pool").unwrap(), true)));
        assert_eq!(typed(text, text.find(" and").unwrap()), None);
        assert_eq!(links_to("notes/a.md", text, &["pool".to_string()]).len(), 1);
    }
}
