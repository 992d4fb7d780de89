//! The three sides of a block, to be compared.

use seed_fragment::{Key, Sides, single, tree};
use seed_role::Trouble;
use seed_role::trouble::Result;

use super::Open;

/// What was rendered last, what stands there, and what the fragment renders to now.
///
/// # Errors
///
/// When there is no such block, its markers are wrong, or the fragment cannot be rendered.
pub fn sides(open: &Open<'_>, key: &Key) -> Result<Sides> {
    let attempted = || format!("compare `{key}` with its fragment");
    let judgement = open.project.judge_text(open.file, open.text, seed_fragment::Wishes::default());
    if let Some((_, sides)) = judgement.clashes.into_iter().find(|(known, _)| known == key) {
        return Ok(sides);
    }
    let parts = tree::parse(open.text).0;
    let block = tree::all_blocks(&parts).into_iter().find(|block| block.key == *key);
    let params = block.ok_or_else(|| Trouble::new(attempted(), "there is no such block in the text"))?.params.clone();
    let mine = single::find(open.text, key).map_err(|said| Trouble::new(attempted(), said))?;
    let theirs = open.project.rendered(key, &params)?;
    let base = open.project.store.lock.get(key).and_then(|entry| open.project.store.base(&entry.base));
    Ok(Sides {
        base: base.map(|base| base.to_string()),
        mine: mine.map(|mine| mine.content).unwrap_or_default(),
        // What embeds others is shown with their markers.
        theirs: single::content_of(&theirs).unwrap_or(theirs),
    })
}
