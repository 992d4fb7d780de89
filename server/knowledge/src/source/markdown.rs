//! Markdown, by its headings: notes, prompts and documents.

use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::section::{Kind, Section};
use crate::words::name_of;

/// A heading of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What it says, without marks.
    pub text: String,
    /// How deep it is: 1 for `#`.
    pub level: usize,
    /// The bytes of it.
    pub range: std::ops::Range<usize>,
}

/// A link of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it leads: the words of `[[words]]`, or the address of `[text](address)`.
    pub target: String,
    /// Whether it is written `[[words]]`.
    pub is_wiki: bool,
    /// The bytes of all of it.
    pub range: std::ops::Range<usize>,
}

/// What a text is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its headings.
    pub headings: Vec<Heading>,
    /// Its links, pictures not among them.
    pub links: Vec<Link>,
}

/// Reads a text as CommonMark with `[[links]]`.
pub fn page(text: &str) -> Page {
    let options = Options::ENABLE_WIKILINKS | Options::ENABLE_TABLES | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut page = Page::default();
    let mut heading: Option<Heading> = None;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some(Heading { text: String::new(), level: depth(level), range });
            }
            Event::End(TagEnd::Heading(_)) => page.headings.extend(heading.take()),
            Event::Start(Tag::Link { link_type, dest_url, .. }) => {
                let is_wiki = matches!(link_type, LinkType::WikiLink { .. });
                page.links.push(Link { target: dest_url.to_string(), is_wiki, range });
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.text.push_str(&words);
                }
            }
            Event::SoftBreak => {
                if let Some(heading) = &mut heading {
                    heading.text.push(' ');
                }
            }
            _ => {}
        }
    }
    page
}

fn depth(level: HeadingLevel) -> usize {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The sections of a text: one a heading, and what stands before the first.
pub fn sections(file: &str, kind: Kind, text: &str) -> Vec<Section> {
    let page = page(text);
    let lines = Lines::of(text);
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file);
    let starts: Vec<usize> = page.headings.iter().map(|heading| heading.range.start).collect();
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    let mut found = Vec::new();
    let front = starts.first().copied().unwrap_or(text.len());
    if !text[..front].trim().is_empty() {
        found.push(section(kind, stem.to_string(), vec![name_of(stem)], 1, text[..front].to_string()));
    }
    // The headings that a heading stands below.
    let mut above: Vec<(usize, String)> = Vec::new();
    for (heading, end) in page.headings.iter().zip(ends) {
        above.retain(|(level, _)| *level < heading.level);
        let title: Vec<&str> = above.iter().map(|(_, text)| text.as_str()).chain([heading.text.as_str()]).collect();
        let names = vec![name_of(&heading.text), format!("{}#{}", name_of(file), slug(&heading.text))];
        let title = title.join(" › ");
        found.push(section(kind, title, names, lines.number(heading.range.start), text[heading.range.start..end].to_string()));
        above.push((heading.level, heading.text.clone()));
    }
    if let Some(first) = found.first_mut() {
        first.names.push(name_of(stem));
    }
    let mut starts_of: Vec<u32> = found.iter().map(|section| section.line).collect();
    starts_of.push(u32::MAX);
    for link in page.links {
        let line = lines.number(link.range.start);
        let at = starts_of.partition_point(|start| *start <= line).saturating_sub(1);
        if let (Some(section), Some(name)) = (found.get_mut(at), name_behind(file, &link)) {
            section.links.push(name);
        }
    }
    found
}

fn section(kind: Kind, title: String, names: Vec<String>, line: u32, text: String) -> Section {
    Section { line, kind, title, names, links: Vec::new(), needs: Vec::new(), text }
}

/// The name that a link leads to; none where it leads outside the project.
pub fn name_behind(file: &str, link: &Link) -> Option<String> {
    if link.is_wiki {
        let words = link.target.split('|').next().unwrap_or_default();
        return Some(name_of(words)).filter(|name| !name.is_empty());
    }
    let target = &link.target;
    if target.contains("://") || target.starts_with("mailto:") || target.is_empty() {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { PathBuf::from(file) } else { Path::new(file).parent()?.join(path) };
    let mut plain: Vec<&str> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name.to_str()?),
            Component::ParentDir => {
                plain.pop()?;
            }
            _ => {}
        }
    }
    let path = name_of(&plain.join("/"));
    Some(if heading.is_empty() { path } else { format!("{path}#{}", slug(heading)) })
}

/// A heading as the address of it: `Two disks` is `two-disks`.
pub fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// The numbers of lines by offset.
pub struct Lines(Vec<usize>);

impl Lines {
    /// Those of a text.
    pub fn of(text: &str) -> Lines {
        Lines(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The number of the line that an offset lies in, from 1.
    pub fn number(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|end| *end < offset) + 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_heading_is_a_section_with_its_links() {
        let text = "Before.\n\n# Guide\n\nSee [[Pool]] and [there](../lab.seed.yaml#x).\n\n```\n# no heading [[no]]\n```\n\n## Two `disks`\n\
                    [out](https://example.org) [here](#guide) [[a|b]]\n";
        let found = sections("notes/guide.md", Kind::Note, text);
        let titles: Vec<_> = found.iter().map(|one| (one.line, one.title.as_str())).collect();
        assert_eq!(titles, [(1, "guide"), (3, "Guide"), (11, "Guide › Two disks")]);
        assert_eq!(found[1].links, ["pool", "lab.seed.yaml#x"]);
        assert_eq!(found[2].links, ["notes/guide.md#guide", "a"]);
        assert_eq!(found[2].names, ["two disks", "notes/guide.md#two-disks"]);
        assert!(found[1].text.contains("no heading"));
    }

    #[test]
    fn links_that_lead_out_of_the_project_have_no_name() {
        let link = |target: &str| Link { target: target.into(), is_wiki: false, range: 0..0 };
        assert_eq!(name_behind("a.md", &link("../b.md")), None);
        assert_eq!(name_behind("x/a.md", &link("../B.md#C d")).unwrap(), "b.md#c-d");
    }
}
