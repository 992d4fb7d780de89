//! Fragments that come to embed themselves: found before any of it is put into a text.

use std::collections::HashSet;

use crate::library::Library;
use crate::tree::{self, Part, with_last_end};

/// How many fragments are looked at for one text; where there are more, the limits of [`crate::judge`] remain.
const MOST: usize = 4096;

/// A fragment as it is embedded: its name and parameters.
type Use = (String, Vec<(String, String)>);

/// Looks for fragments that embed themselves. What was looked at once is not looked at again.
pub(crate) struct Search<'l> {
    library: &'l Library,
    seen: HashSet<Use>,
}

impl<'l> Search<'l> {
    pub(crate) fn new(library: &'l Library) -> Search<'l> {
        Search { library, seen: HashSet::new() }
    }

    /// What is to be told of a fragment that renders to these parts, if it comes to embed itself or one that does.
    pub(crate) fn words(&mut self, name: &str, rendered: &[Part]) -> Option<String> {
        let way = self.way(rendered, &mut vec![name.to_string()])?;
        let (last, between) = way.split_last()?;
        let between: Vec<String> = between.iter().skip(1).map(|name| format!("`{name}`")).collect();
        let by = if between.is_empty() { String::new() } else { format!(", by {}", between.join(" and ")) };
        Some(format!("the fragment `{last}` embeds itself{by}"))
    }

    /// The names from one fragment to the same again. `above` are those that lead here.
    fn way(&mut self, rendered: &[Part], above: &mut Vec<String>) -> Option<Vec<String>> {
        for block in tree::all_blocks(rendered) {
            let name = &block.key.fragment;
            if let Some(at) = above.iter().position(|known| known == name) {
                return Some(above[at..].iter().chain([name]).cloned().collect());
            }
            if self.seen.len() >= MOST || !self.seen.insert((name.clone(), block.params.clone())) {
                continue;
            }
            // What is wrong with it is told where it is embedded.
            let Ok(Some(fragment)) = self.library.get(name) else { continue };
            let Ok(text) = fragment.render(&block.key.instance, &block.params) else { continue };
            let (parts, _) = tree::parse(&with_last_end(&text));
            above.push(name.clone());
            let way = self.way(&parts, above);
            above.pop();
            if way.is_some() {
                self.seen.remove(&(name.clone(), block.params.clone()));
                return way;
            }
        }
        None
    }
}
