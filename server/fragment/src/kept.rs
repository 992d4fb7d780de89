//! The parts of a skeleton in one file of one thing: brought in step with the skeleton, and taken back. Pure: from texts to texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::embed;
use crate::item::State;
use crate::judge::{Record, Wishes, judge};
use crate::library::Library;
use crate::marker::Key;
use crate::merge::{Chunk, merge};
use crate::normal::{self, normals, prefix_of, text_of};
use crate::single;
use crate::skeleton::is_part;
use crate::store::{Store, hash};
use crate::tree::{self, Block, Part};

/// What becomes of a file.
#[derive(Debug)]
pub struct InStep {
    /// Its text.
    pub text: String,
    /// What the lock is to say then.
    pub records: Vec<Record>,
}

/// A part as it was before, to be put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// All of the block to the byte, markers included.
    pub raw: String,
    /// What had been rendered last; none if nothing had been.
    pub base: Option<String>,
}

/// The outermost parts for an instance, each to the byte.
pub fn parts(text: &str, instance: &str) -> BTreeMap<Key, String> {
    let raw = |block: &Block| {
        let mut raw = String::new();
        block.write(&mut raw);
        (block.key.clone(), raw)
    };
    tree::blocks(&tree::parse(text).0).filter(|block| is_part(&block.key, instance)).map(raw).collect()
}

/// The names of the bases of what a skeleton renders to.
pub fn bases(rendered: &str, instance: &str) -> Vec<String> {
    let parsed = tree::parse(rendered).0;
    let parts = tree::all_blocks(&parsed).into_iter().filter(|block| is_part(&block.key, instance));
    parts.map(|block| hash(content(block).as_bytes())).collect()
}

/// What stands around the parts of an instance, as a hash.
pub fn around(text: &str, instance: &str) -> String {
    let bare = parts(text, instance).keys().fold(text.to_string(), |text, key| embed::remove(&text, key));
    hash(bare.as_bytes())
}

/// Brings a file in step with what its skeleton renders to. `file` is relative to the project, `text` none where there is no file.
///
/// # Errors
///
/// Why it cannot be, in words: what clashes, and what a person has reshaped.
pub fn renew(
    file: &Path,
    text: Option<&str>,
    rendered: &str,
    instance: &str,
    library: &Library,
    store: &Store,
) -> Result<InStep, Vec<String>> {
    let shown = file.display();
    let there = text.map(|text| parts(text, instance));
    let mut wrong = Vec::new();
    for key in parts(rendered, instance).keys() {
        let was_here = store.lock.get(key).is_some_and(|entry| entry.file == file);
        match &there {
            None if was_here => {
                return Err(vec![format!("{shown} was deleted, with its `{key}`")]);
            }
            Some(there) if !there.contains_key(key) => wrong.push(match was_here {
                true => format!("the markers of `{key}` were removed from {shown}"),
                false => format!(
                    "{shown} has no `{key}`: insert it with seed fragment add {} {shown} --instance {instance} --line N",
                    key.fragment
                ),
            }),
            _ => {}
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let judged = judge(file, text.unwrap_or(rendered), library, store, &Wishes::default());
    if judged.is_held {
        let in_doubt = judged.items.iter().filter(|item| matches!(item.state, State::Clash | State::Error));
        let words = |item: &crate::item::Item| match item.fragment.as_str() {
            "" => format!("{shown}:{}: {}", item.line, item.message),
            fragment => format!("{shown}:{}: `{fragment}#{}`: {}", item.line, item.instance, item.message),
        };
        return Err(in_doubt.map(words).collect());
    }
    let mut records = judged.records;
    records.retain(|record| Key::parse(&record.instance).is_some_and(|key| is_part(&key, instance)));
    // A file that is to the byte what would be made, and that the lock knows nothing of, was made before a stop.
    let is_unknown = || !parts(rendered, instance).keys().any(|key| store.lock.contains_key(key));
    if text.is_none() || (text == Some(rendered) && is_unknown()) {
        let made = around(&judged.text, instance);
        records.iter_mut().for_each(|record| record.entry.made = Some(made.clone()));
    }
    Ok(InStep { text: judged.text, records })
}

/// The text with its parts as they were before, and without those that were not there; none where nothing is left of a file that Seed
/// made. What a person has edited stays, without markers. `rendered` is what the skeleton renders to: after a stop the text may be ahead
/// of what the lock says.
///
/// # Errors
///
/// In words, where a person has edited since what would be put back.
pub fn take_back(
    text: &str,
    rendered: Option<&str>,
    instance: &str,
    before: &BTreeMap<Key, Before>,
    store: &Store,
) -> Result<Option<String>, String> {
    let (parsed, problems) = tree::parse(text);
    if let Some(problem) = problems.first() {
        return Err(format!("line {}: {}", problem.line, problem.message));
    }
    let last = Last { store, rendered: tree::parse(rendered.unwrap_or_default()).0 };
    let mine: Vec<&Block> = tree::blocks(&parsed).filter(|block| is_part(&block.key, instance)).collect();
    let edited: BTreeSet<&Key> = mine
        .iter()
        .flat_map(|block| with_children(block))
        .filter(|block| last.is_edited(block))
        .map(|block| &block.key)
        .collect();
    let made = mine.iter().find_map(|block| store.lock.get(&block.key)?.made.clone());
    let is_made = made.map_or(rendered == Some(text), |made| made == around(text, instance));
    if before.is_empty() && edited.is_empty() && is_made {
        return Ok(None);
    }
    let mut out = text.to_string();
    for block in mine {
        let keys: Vec<Key> = with_children(block).into_iter().map(|block| block.key.clone()).collect();
        out = match before.get(&block.key) {
            Some(past) => {
                if !last.is_since(block, past) {
                    return Err(format!("line {}: `{}` was edited since, so it is not restored", block.line, block.key));
                }
                single::put_raw(Some(&out), &block.key, &past.raw)?
            }
            None if keys.iter().any(|key| edited.contains(key)) => embed::detach(&out, &keys),
            None => embed::remove(&out, &block.key),
        };
    }
    Ok(Some(out))
}

fn with_children(block: &Block) -> Vec<&Block> {
    let mut all = vec![block];
    all.extend(tree::all_blocks(&block.inside));
    all
}

/// What a block holds, as bases are written.
fn content(block: &Block) -> String {
    text_of(&normals(&normal::units(&block.inside, &prefix_of(block, &[]))))
}

/// What was rendered last: as the lock says, or as the skeleton renders now.
struct Last<'a> {
    store: &'a Store,
    rendered: Vec<Part>,
}

impl Last<'_> {
    fn contents(&self, key: &Key) -> Vec<String> {
        let noted = self.store.lock.get(key).and_then(|entry| self.store.base(&entry.base)).map(|base| base.to_string());
        let now = tree::all_blocks(&self.rendered).into_iter().find(|block| block.key == *key).map(content);
        noted.into_iter().chain(now).collect()
    }

    /// Whether a block holds something else, and is not empty.
    fn is_edited(&self, block: &Block) -> bool {
        !block.inside.is_empty() && !self.contents(&block.key).contains(&content(block))
    }

    /// Whether a block is what bringing an earlier one in step came to, or that one still.
    fn is_since(&self, block: &Block, past: &Before) -> bool {
        let raw = |block: &Block| {
            let mut raw = String::new();
            block.write(&mut raw);
            raw
        };
        if raw(block) == past.raw {
            return true;
        }
        if tree::all_blocks(&block.inside).iter().any(|inner| self.is_edited(inner) && !past.raw.contains(&raw(inner))) {
            return false;
        }
        let Ok(Some(old)) = single::find(&past.raw, &block.key) else { return false };
        let base = past.base.as_deref().unwrap_or_default();
        let now = content(block);
        self.contents(&block.key).iter().any(|rendered| merged(base, &old.content, rendered).as_ref() == Some(&now))
    }
}

/// What a merge without clashes comes to.
fn merged(base: &str, mine: &str, theirs: &str) -> Option<String> {
    let [base, mine, theirs] = [base, mine, theirs].map(|text| text.lines().collect::<Vec<_>>());
    let mut text = String::new();
    for chunk in merge(&base, &mine, &theirs) {
        let lines = match chunk {
            Chunk::Mine(range) => &mine[range],
            Chunk::Theirs(range, _) => &theirs[range],
            Chunk::Clash { .. } => return None,
        };
        lines.iter().for_each(|line| text.extend([line, "\n"]));
    }
    Some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::skeleton::Skeleton;
    use crate::store::{Entry, Lock};

    const FILE: &str = "roles/desk/README.md";

    fn skeleton(inside: &str) -> Skeleton {
        let text = format!(
            "# {{{{ instance }}}}\n<!-- seed:begin meta/a#{{{{ instance }}}} -->\n{inside}<!-- seed:end meta/a#{{{{ instance }}}} -->\nend\n"
        );
        Skeleton::of([("README.md".to_string(), FILE.into(), text.into_bytes())]).unwrap()
    }

    fn renewed(text: Option<&str>, inside: &str, store: &Store) -> Result<InStep, Vec<String>> {
        let skeleton = skeleton(inside);
        let library = Library::holding([("meta/a".to_string(), skeleton.part("meta/a").unwrap())]);
        let rendered = skeleton.render("desk").unwrap().remove(0).1;
        renew(Path::new(FILE), text, &rendered, "desk", &library, store)
    }

    fn store(records: &[Record]) -> Store {
        let entry = |record: &Record| (Key::parse(&record.instance).unwrap(), record.entry.clone());
        let bases = records.iter().map(|record| (record.entry.base.clone(), Some(record.base.clone())));
        Store::of(records.iter().map(entry).collect::<Lock>(), bases.collect::<Vec<(String, Option<String>)>>())
    }

    #[test]
    fn a_file_is_made_kept_in_step_and_taken_back() {
        let first = renewed(None, "one\ntwo\nthree\n", &Store::default()).unwrap();
        let known = store(&first.records);
        assert_eq!(take_back(&first.text, None, "desk", &BTreeMap::new(), &known).unwrap(), None);
        let mine = first.text.replace("three", "three, mine").replace("\nend\n", "\nmy end\n");
        let second = renewed(Some(&mine), "ONE\ntwo\nthree\n", &known).unwrap();
        assert_eq!(second.text, mine.replace("one", "ONE"));
        let now = store(&second.records);
        assert!(renewed(Some(&second.text), "ONE\ntwo\nthree\n", &now).unwrap().records.is_empty());
        let back = take_back(&second.text, None, "desk", &BTreeMap::new(), &now).unwrap().unwrap();
        assert_eq!(back, "# desk\nONE\ntwo\nthree, mine\nmy end\n", "what was edited stays, without markers");
        let raw = parts(&mine, "desk").into_values().next().unwrap();
        let past = Before { raw, base: Some("one\ntwo\nthree\n".into()) };
        let before = BTreeMap::from([(Key::parse("meta/a#desk").unwrap(), past)]);
        assert_eq!(take_back(&second.text, None, "desk", &before, &now).unwrap().unwrap(), mine);
        let edited = second.text.replace("two", "two, later");
        assert!(take_back(&edited, None, "desk", &before, &now).unwrap_err().contains("edited since"));
    }

    #[test]
    fn what_a_person_reshaped_is_told_and_left() {
        let first = renewed(None, "one\n", &Store::default()).unwrap();
        let known = store(&first.records);
        let told = |text: Option<&str>, inside: &str| renewed(text, inside, &known).unwrap_err().join("\n");
        assert!(told(None, "one\n").contains("was deleted"));
        assert!(told(Some("all mine\n"), "one\n").contains("were removed from"));
        assert!(told(Some(&first.text.replace("one", "mine")), "theirs\n").contains("the same lines"));
        let told = renewed(Some("all mine\n"), "one\n", &Store::default()).unwrap_err().join("\n");
        assert!(told.contains("seed fragment add meta/a roles/desk/README.md --instance desk"), "{told}");
        let entry: &Entry = known.lock.values().next().unwrap();
        assert!(entry.made.is_some());
    }
}
