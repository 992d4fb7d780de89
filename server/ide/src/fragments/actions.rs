//! What can be done about the blocks at a place of a text.

use std::collections::HashMap;
use std::ops::Range;

use seed_fragment::{Action, Item, Key, State, Take, is_apart, tree};

use super::{Open, line_at};

/// What is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Render a block again, and merge.
    Update(Key),
    /// The same for all of the text.
    UpdateAll,
    /// Settle a clash, or take edits back.
    Take(Key, Take),
    /// Give the copy on a line (from 1) an instance of its own.
    Renew(usize),
    /// Show the three sides beside one another: for editors that can.
    Compare(Key),
    /// Take the markers away.
    Detach(Key),
    /// Embed a fragment before a line (from 1).
    Embed(String, usize),
}

/// Something that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What a person chooses.
    pub title: String,
    /// What is done.
    pub work: Work,
    /// The line (from 1) of the marker whose finding it mends, if it mends one.
    pub mends: Option<usize>,
}

/// The most fragments that are offered for embedding.
const MOST: usize = 20;

/// What can be done at a range of bytes: about the innermost block there, and the text as a whole.
pub fn actions(open: &Open<'_>, range: Range<usize>, taken: &HashMap<Key, Take>) -> Vec<Offer> {
    if is_apart(open.file) {
        return Vec::new();
    }
    let line = line_at(open.text, range.start).0;
    if !super::has_markers(open.text) {
        return embeddings(open, line);
    }
    let items = super::findings::items(open, taken);
    let here = block_at(open.text, line);
    let mut offers = Vec::new();
    if let Some((key, begins)) = &here {
        let item = items.iter().find(|item| item.line == *begins);
        offers.extend(item.into_iter().flat_map(|item| item.actions.iter().map(|action| offer(*action, key, item))));
        if let Some(item) = item.filter(|item| item.state == State::Clash) {
            let title = format!("Seed: compare the three versions of {key}");
            // Before what takes the markers away.
            let at = offers.len().saturating_sub(1);
            offers.insert(at, Offer { title, work: Work::Compare(key.clone()), mends: Some(item.line) });
        }
    }
    let outdated: Vec<&Item> = items.iter().filter(|item| item.state == State::Outdated).collect();
    let is_other = |item: &&&Item| here.as_ref().is_none_or(|(_, begins)| item.line != *begins);
    if let Some(first) = outdated.iter().find(is_other) {
        let title = "Seed: update all fragments of this file".to_string();
        let mends = here.is_none().then_some(first.line).filter(|begins| *begins == line);
        offers.push(Offer { title, work: Work::UpdateAll, mends });
    }
    if here.is_none() {
        offers.extend(embeddings(open, line));
    }
    offers
}

fn offer(action: Action, key: &Key, item: &Item) -> Offer {
    let (title, work) = match action {
        Action::Update => (format!("Seed: update {key}"), Work::Update(key.clone())),
        Action::Mine => (format!("Seed: keep my text of {key}"), Work::Take(key.clone(), Take::Mine)),
        Action::Theirs => (format!("Seed: take the fragment's text of {key}"), Work::Take(key.clone(), Take::Theirs)),
        Action::Markers => {
            (format!("Seed: write both into {key}, with conflict markers"), Work::Take(key.clone(), Take::Markers))
        }
        Action::Detach => (format!("Seed: detach {key}"), Work::Detach(key.clone())),
        Action::NewInstance => (format!("Seed: give this copy of {key} its own instance"), Work::Renew(item.line)),
    };
    let is_fine = matches!(item.state, State::Current | State::Edited);
    Offer { title, work, mends: (!is_fine).then_some(item.line) }
}

/// Those that need no parameters; the others are written with completion.
fn embeddings(open: &Open<'_>, line: usize) -> Vec<Offer> {
    let renders = |name: &String| {
        let key = Key { fragment: name.clone(), instance: "1".into() };
        open.project.rendered(&key, &[]).is_ok()
    };
    let offer = |name: String| Offer {
        title: format!("Seed: embed the fragment {name} here"),
        work: Work::Embed(name, line),
        mends: None,
    };
    open.project.library.names().into_iter().filter(renders).take(MOST).map(offer).collect()
}

/// The innermost block that a line (from 1) lies in, and the line on which it begins.
pub fn block_at(text: &str, line: usize) -> Option<(Key, usize)> {
    blocks_in(text, line..line + 1).pop()
}

/// The blocks that some lines (from 1) touch, and the lines on which they begin, outer before inner.
pub fn blocks_in(text: &str, lines: Range<usize>) -> Vec<(Key, usize)> {
    let parts = tree::parse(text).0;
    let touches = |block: &&tree::Block| {
        let mut own = String::new();
        block.write(&mut own);
        let height = own.split_inclusive('\n').count();
        block.line < lines.end && block.line + height > lines.start
    };
    tree::all_blocks(&parts).into_iter().filter(touches).map(|block| (block.key.clone(), block.line)).collect()
}
