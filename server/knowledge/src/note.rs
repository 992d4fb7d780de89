//! Notes: Markdown files in a project's `notes/`, linked to what they are about.

use std::path::{Path, PathBuf};

use seed_role::Trouble;
use seed_role::host::folder::Folder;
use seed_role::trouble::Result;

use crate::section::front;
use crate::source::markdown::slug;

/// The folder of notes, in a project.
pub const FOLDER: &str = "notes";
/// How long a title may be, in bytes.
const TITLE: usize = 72;

/// What a note is about.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The spec, by its path in the project.
    pub spec: Option<PathBuf>,
    /// The role.
    pub role: Option<String>,
}

/// Writes a note into a project. Its first line is the title; a title that is taken gets a number behind it. Gives the path, relative to
/// the project, and the line on which writing can go on.
///
/// # Errors
///
/// When there is nothing in it, and what the system says.
pub fn write(root: &Path, text: &str, about: &About) -> Result<(PathBuf, u32)> {
    let text = text.trim();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let title = front(first.trim().trim_start_matches('#').trim(), TITLE);
    if title.is_empty() {
        return Err(Trouble::new("write a note", "it has no text").hint("its first line is its title"));
    }
    let mut page = format!("# {title}\n\n");
    if let Some(line) = about.line() {
        page.push_str(&line);
        page.push_str("\n\n");
    }
    // What did not fit into the title is not lost.
    let whole = if title.len() < first.trim().trim_start_matches('#').trim().len() { text } else { rest.trim() };
    if !whole.is_empty() {
        page.push_str(whole);
        page.push('\n');
    }
    let folder = Folder::made(&root.join(FOLDER))?;
    let stem = match slug(title) {
        slug if slug.trim_matches('-').is_empty() => "note".to_string(),
        slug => slug,
    };
    for number in 1.. {
        let name = if number == 1 { format!("{stem}.md") } else { format!("{stem}-{number}.md") };
        if folder.write_new(&name, page.as_bytes(), 0o666)? {
            let lines = u32::try_from(page.lines().count()).unwrap_or(u32::MAX);
            return Ok((Path::new(FOLDER).join(name), lines));
        }
    }
    unreachable!("numbers do not end")
}

impl About {
    /// The line that links to it.
    fn line(&self) -> Option<String> {
        let role = self.role.as_ref().map(|role| format!("[[{role}]]"));
        let spec = self.spec.as_ref().map(|spec| format!("[{0}](../{0})", spec.display()));
        Some(match (role, spec) {
            (Some(role), Some(spec)) => format!("About {role} of {spec}."),
            (Some(one), None) | (None, Some(one)) => format!("About {one}."),
            (None, None) => return None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_note_has_a_title_links_and_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let about = About { spec: Some("lab.seed.yaml".into()), role: Some("pool".into()) };
        let (path, _) = write(folder.path(), "Why raid1: two disks\n\nOne broke.", &about).unwrap();
        assert_eq!(path, Path::new("notes/why-raid1-two-disks.md"));
        let text = fs::read_to_string(folder.path().join(&path)).unwrap();
        assert_eq!(text, "# Why raid1: two disks\n\nAbout [[pool]] of [lab.seed.yaml](../lab.seed.yaml).\n\nOne broke.\n");
        assert_eq!(
            write(folder.path(), "Why raid1: two disks", &About::default()).unwrap().0,
            Path::new("notes/why-raid1-two-disks-2.md")
        );
        assert!(write(folder.path(), " \n", &about).is_err());
        let long = "word ".repeat(40);
        let (path, _) = write(folder.path(), &long, &About::default()).unwrap();
        assert!(fs::read_to_string(folder.path().join(path)).unwrap().contains(long.trim()));
    }
}
