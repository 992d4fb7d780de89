//! A quick look at a text: whether all its blocks hold just what their fragments render to, as most do.
//!
//! A block like that needs no tree, no base and no merge. What a glance cannot tell is judged (see [`crate::judge`]); the two agree.

use std::collections::HashMap;
use std::sync::Arc;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr};

use crate::library::Library;
use crate::marker::{self, Key, Mark};
use crate::normal::{self, normals, text_of};
use crate::template::Fragment;
use crate::tree::{self, indent_of, split_end, with_last_end};

/// How many bytes of renderings are remembered.
const REMEMBERED: usize = 16 << 20;

/// What looks at texts, one after the other, and remembers what fragments render to.
pub(crate) struct Glance<'l> {
    library: &'l Library,
    word: Finder<'static>,
    known: HashMap<String, Option<Known>>,
    /// How many bytes of renderings are in there.
    remembered: usize,
}

/// A fragment, and its renderings.
struct Known {
    fragment: Arc<Fragment>,
    /// Whether the same parameters render to the same text in all instances.
    is_alike: bool,
    /// By parameters, the lines that a block is compared with; none where that takes a closer look.
    renderings: HashMap<Vec<(String, String)>, Option<Arc<str>>>,
}

/// A block whose end is still to come.
struct Open<'t> {
    key: Key,
    params: Vec<(String, String)>,
    indent: &'t str,
    /// Where its text begins.
    inside: usize,
    line: usize,
}

impl<'l> Glance<'l> {
    pub(crate) fn new(library: &'l Library) -> Glance<'l> {
        Glance { library, word: Finder::new("seed:"), known: HashMap::new(), remembered: 0 }
    }

    /// Whether bytes hold what may be a marker.
    pub(crate) fn has_markers(&self, bytes: &[u8]) -> bool {
        let is_marker = |at: usize| bytes[at..].starts_with(b"seed:begin") || bytes[at..].starts_with(b"seed:end");
        self.word.find_iter(bytes).any(is_marker)
    }

    /// The blocks of a text with the lines they begin on, if each holds what its fragment renders to and none lies in another.
    pub(crate) fn current(&mut self, text: &str) -> Option<Vec<(Key, usize)>> {
        let mut blocks = Vec::new();
        let mut open: Option<Open<'_>> = None;
        let (mut line, mut counted, mut from) = (1, 0, 0);
        while let Some(found) = self.word.find(&text.as_bytes()[from..]) {
            let start = memrchr(b'\n', &text.as_bytes()[..from + found]).map_or(0, |at| at + 1);
            let end = memchr(b'\n', &text.as_bytes()[from + found..]).map_or(text.len(), |at| from + found + at + 1);
            line += memchr_iter(b'\n', &text.as_bytes()[counted..start]).count();
            (counted, from) = (start, end);
            match marker::read(split_end(&text[start..end]).0) {
                None => {}
                Some(Ok(Mark::Begin(key, params))) if open.is_none() => {
                    open = Some(Open { key, params, indent: indent_of(&text[start..end]), inside: end, line });
                }
                Some(Ok(Mark::End(key))) => {
                    let block = open.take().filter(|block| block.key == key)?;
                    if !self.is_rendered(&block, &text[block.inside..start])? {
                        return None;
                    }
                    blocks.push((block.key, block.line));
                }
                Some(_) => return None,
            }
        }
        open.is_none().then_some(blocks)
    }

    fn is_rendered(&mut self, block: &Open<'_>, inside: &str) -> Option<bool> {
        let Open { key, params, indent, .. } = block;
        if !self.known.contains_key(&key.fragment) {
            let fragment = self.library.get(&key.fragment).ok().flatten();
            let known = fragment.map(|fragment| Known {
                is_alike: !fragment.tells_instances_apart(),
                fragment,
                renderings: HashMap::new(),
            });
            self.known.insert(key.fragment.clone(), known);
        }
        if self.remembered > REMEMBERED {
            self.known.values_mut().flatten().for_each(|known| known.renderings.clear());
            self.remembered = 0;
        }
        let known = self.known.get_mut(&key.fragment)?.as_mut()?;
        if !known.is_alike {
            return lines_of(&known.fragment, &key.instance, params).map(|lines| is_same(inside, indent, &lines));
        }
        if let Some(lines) = known.renderings.get(params) {
            return lines.as_ref().map(|lines| is_same(inside, indent, lines));
        }
        let lines: Option<Arc<str>> = lines_of(&known.fragment, &key.instance, params).map(Arc::from);
        self.remembered += lines.as_ref().map_or(0, |lines| lines.len());
        known.renderings.insert(params.clone(), lines.clone());
        lines.map(|lines| is_same(inside, indent, &lines))
    }
}

/// What a fragment renders to, in normal form; none where it embeds others, or there is something wrong.
fn lines_of(fragment: &Fragment, instance: &str, params: &[(String, String)]) -> Option<String> {
    let rendered = fragment.render(instance, params).ok().filter(|text| !text.contains('\0'))?;
    let (parts, problems) = tree::parse(&with_last_end(&rendered));
    let is_plain = problems.is_empty() && tree::blocks(&parts).next().is_none();
    is_plain.then(|| text_of(&normals(&normal::units(&parts, ""))))
}

/// Whether a text comes to these lines, compared as [`normal::units`] does.
fn is_same(text: &str, indent: &str, lines: &str) -> bool {
    if indent.is_empty() && text == lines {
        return true;
    }
    let mut lines = lines.split_inclusive('\n');
    let mut mine = text.split_inclusive('\n');
    loop {
        match (mine.next(), lines.next()) {
            (None, None) => return true,
            (Some(mine), Some(theirs)) => {
                let text = split_end(mine).0;
                let is_same = match text.strip_prefix(indent) {
                    _ if text.trim().is_empty() => theirs == "\n",
                    Some(text) => theirs.strip_suffix('\n') == Some(text),
                    None => false,
                };
                if !is_same {
                    return false;
                }
            }
            _ => return false,
        }
    }
}
