//! Texts that stand many times in a file, held once.

use std::sync::Arc;

/// Texts that were read before, so that keys and words that stand in each role are held once.
pub(super) struct Texts {
    slots: Vec<Option<Arc<str>>>,
}

impl Default for Texts {
    fn default() -> Self {
        Texts { slots: vec![None; Self::SLOTS] }
    }
}

impl Texts {
    const SLOTS: usize = 1024;
    /// Longer texts are rarely the same.
    const LONGEST: usize = 24;

    /// The text, shared with one that was read before.
    pub fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::LONGEST {
            return text.into();
        }
        // FNV-1a: a few nanoseconds for so short a text; what falls into the same slot replaces what was there.
        let hash =
            text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let slot = &mut self.slots[(hash >> 20) as usize % Self::SLOTS];
        match slot {
            Some(known) if **known == *text => known.clone(),
            _ => slot.insert(text.into()).clone(),
        }
    }
}
