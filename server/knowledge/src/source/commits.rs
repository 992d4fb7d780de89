//! Messages of commits.

use std::path::Path;

use git2::{Repository, Sort};

use crate::section::{Kind, Section};

/// The most commits that are read, the newest first.
pub const MOST: usize = 2000;

/// The commit that is checked out; none where there is no repository, or nothing in it.
pub fn head(root: &Path) -> Option<String> {
    let repository = Repository::open(root).ok()?;
    let id = repository.head().ok()?.peel_to_commit().ok()?.id();
    Some(id.to_string())
}

/// The messages that lead to what is checked out.
pub fn sections(root: &Path) -> Vec<Section> {
    read(root).unwrap_or_default()
}

fn read(root: &Path) -> Result<Vec<Section>, git2::Error> {
    let repository = Repository::open(root)?;
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TIME)?;
    walk.push_head()?;
    let mut found = Vec::new();
    for (number, id) in (1..).zip(walk.take(MOST)) {
        let commit = repository.find_commit(id?)?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        let short = commit.id().to_string()[..7].to_string();
        let subject = message.lines().next().unwrap_or_default().to_string();
        let (names, links, needs) = (vec![short.clone()], Vec::new(), Vec::new());
        let text = crate::section::without_secrets(&message);
        found.push(Section { line: number, kind: Kind::Commit, title: format!("{short} {subject}"), names, links, needs, text });
    }
    Ok(found)
}
