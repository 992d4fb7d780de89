//! The bytes of a simulated file: sparse, and cheap to copy.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The grain in which bytes are kept and counted.
pub const PAGE: u64 = 4096;

/// Bytes with holes. Equal when they read the same and the same ranges were allocated on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    len: u64,
    /// Pages by number, without the zeros at their ends; pages of zeros are not kept.
    pages: BTreeMap<u64, Arc<[u8]>>,
    /// Ranges that were allocated as a whole, apart from one another, in order.
    full: Vec<(u64, u64)>,
}

impl Content {
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut content = Content::default();
        content.write(0, bytes);
        content
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    /// Bytes from an offset on; fewer than asked for at the end.
    pub fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let end = offset.saturating_add(len as u64).min(self.len);
        if offset >= end {
            return Vec::new();
        }
        let mut bytes = vec![0; usize_of(end - offset)];
        for (number, page) in self.pages.range(offset / PAGE..end.div_ceil(PAGE)) {
            let start = number * PAGE;
            let (from, to) = (start.max(offset), (start + page.len() as u64).min(end));
            if from < to {
                bytes[usize_of(from - offset)..usize_of(to - offset)]
                    .copy_from_slice(&page[usize_of(from - start)..usize_of(to - start)]);
            }
        }
        bytes
    }

    /// Overwrites bytes, and grows where they reach beyond the end.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut at = offset;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, within) = (at / PAGE, usize_of(at % PAGE));
            let (now, later) = rest.split_at(rest.len().min(usize_of(PAGE) - within));
            let mut page = self.pages.get(&number).map(|page| page.to_vec()).unwrap_or_default();
            if page.len() < within + now.len() {
                page.resize(within + now.len(), 0);
            }
            page[within..within + now.len()].copy_from_slice(now);
            self.keep(number, &page);
            at += now.len() as u64;
            rest = later;
        }
        if !bytes.is_empty() {
            self.len = self.len.max(offset + bytes.len() as u64);
        }
    }

    /// Where the first byte other than zero is in a range.
    pub fn first_data(&self, offset: u64, end: u64) -> Option<u64> {
        let inside = |(number, page): (&u64, &Arc<[u8]>)| {
            let data = page.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| number * PAGE + at as u64);
            data.into_iter().find(|at| *at >= offset)
        };
        self.pages.range(offset / PAGE..).find_map(inside).filter(|at| *at < end)
    }

    /// Makes a range read as zeros, and frees what it takes.
    pub fn erase(&mut self, offset: u64, end: u64) {
        let end = end.min(self.len);
        for number in self.pages.range(offset / PAGE..end.div_ceil(PAGE)).map(|(number, _)| *number).collect::<Vec<_>>() {
            let start = number * PAGE;
            let mut page = self.pages.get(&number).map(|page| page.to_vec()).unwrap_or_default();
            let (from, to) = (usize_of(offset.saturating_sub(start)), usize_of((end - start).min(page.len() as u64)));
            page.get_mut(from..to).unwrap_or_default().fill(0);
            self.keep(number, &page);
        }
        let pieces = |(from, to): (u64, u64)| [(from, to.min(offset)), (from.max(end), to)];
        self.full = self.full.drain(..).flat_map(pieces).filter(|(from, to)| from < to).collect();
    }

    fn keep(&mut self, number: u64, page: &[u8]) {
        match page.iter().rposition(|byte| *byte != 0) {
            Some(last) => self.pages.insert(number, page[..=last].into()),
            None => self.pages.remove(&number),
        };
    }

    /// Changes the length; what is cut off is gone, what is added is a hole.
    pub fn set_len(&mut self, len: u64) {
        if len < self.len {
            self.pages.split_off(&len.div_ceil(PAGE));
            if let Some(page) = self.pages.get(&(len / PAGE)).cloned() {
                self.keep(len / PAGE, &page[..page.len().min(usize_of(len % PAGE))]);
            }
            self.full.retain_mut(|(from, to)| {
                *to = (*to).min(len);
                from < to
            });
        }
        self.len = len;
    }

    /// Allocates a range, and grows where it reaches beyond the end.
    pub fn allocate(&mut self, from: u64, to: u64) {
        if from >= to {
            return;
        }
        self.len = self.len.max(to);
        self.full.push((from, to));
        self.full.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.full.len());
        for (from, to) in self.full.drain(..) {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        self.full = joined;
    }

    /// The bytes that it takes.
    pub fn allocated(&self) -> u64 {
        let ranges: u64 = self.full.iter().map(|(from, to)| to.div_ceil(PAGE) - from / PAGE).sum();
        let inside = |number: u64| self.full.iter().any(|(from, to)| (from / PAGE..to.div_ceil(PAGE)).contains(&number));
        let outside = match self.full.is_empty() {
            true => self.pages.len(),
            false => self.pages.keys().filter(|number| !inside(**number)).count(),
        };
        (ranges + outside as u64) * PAGE
    }

    /// A number that stands for the bytes, to tell in a line that they differ.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (number, page) in &self.pages {
            hasher.update(&number.to_le_bytes());
            hasher.update(page);
        }
        hasher.finalize().to_hex()[..12].to_string()
    }
}

/// A length in memory. All of them are lengths of what is in memory, so they fit.
fn usize_of(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_an_array_is() {
        // The same random changes to a vector.
        let mut state: u64 = 42;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut content, mut expected) = (Content::default(), Vec::<u8>::new());
        for _ in 0..2000 {
            let offset = usize_of(random(20_000));
            match random(4) {
                0 => {
                    content.set_len(offset as u64);
                    expected.resize(offset, 0);
                }
                1 => assert_eq!(
                    content.read(offset as u64, 5000),
                    expected[offset.min(expected.len())..(offset + 5000).min(expected.len()).max(offset.min(expected.len()))]
                ),
                choice => {
                    let byte = if choice == 2 { 0 } else { u8::try_from(random(255)).unwrap_or(1) };
                    let bytes = vec![byte; usize_of(random(9000))];
                    content.write(offset as u64, &bytes);
                    if !bytes.is_empty() {
                        expected.resize(expected.len().max(offset + bytes.len()), 0);
                    }
                    expected.splice(offset.min(expected.len())..(offset + bytes.len()).min(expected.len()), bytes);
                }
            }
            assert_eq!(content.len(), expected.len() as u64);
        }
        assert_eq!(content.read(0, 100_000), expected);
        assert_eq!(content, Content::from_bytes(&expected));
    }

    #[test]
    fn what_is_allocated_counts_once() {
        let mut content = Content::from_bytes(&[1; 100]);
        assert_eq!(content.allocated(), PAGE);
        content.allocate(0, 3 * PAGE);
        content.allocate(2 * PAGE, 5 * PAGE);
        assert_eq!((content.allocated(), content.len()), (5 * PAGE, 5 * PAGE));
        content.set_len(PAGE + 1);
        assert_eq!(content.allocated(), 2 * PAGE);
    }
}
