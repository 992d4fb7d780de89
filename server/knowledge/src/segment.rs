//! A segment: the sections of some files as bytes that can be searched as they are, without being read into anything first.
//!
//! All numbers are little-endian. Every access is checked, so that damaged bytes lead to nothing and never to a panic; that they are
//! the ones that were written is what the checksum of [`crate::store`] tells.

use std::collections::BTreeMap;

use crate::section::{Kind, Section};

/// When a file was read: time of change in nanoseconds, size, inode. All zeros for what is no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// `mtime`, in nanoseconds since 1970.
    pub changed: u64,
    /// In bytes.
    pub size: u64,
    /// Of the file system.
    pub inode: u64,
}

/// A file with its sections, as it goes into a segment. One without sections takes the place of what was known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its path in the project, or what else tells it from others.
    pub file: String,
    /// When it was read.
    pub stamp: Stamp,
    /// Its sections.
    pub sections: Vec<Indexed>,
}

/// A section as it is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Indexed {
    /// The line that it begins on.
    pub line: u32,
    /// What it is.
    pub kind: Kind,
    /// Its title.
    pub title: String,
    /// How many words it has.
    pub length: u32,
    /// Its terms, each with how often it stands there: its words, and behind [`NAME`], [`LINK`] and [`NEED`] its names and what it links to.
    pub terms: BTreeMap<String, u8>,
    /// Its vector, each number times 127.
    pub vector: Vec<i8>,
}

/// In front of a name, so that it is no word.
pub const NAME: char = '\u{1}';
/// In front of a name that a section links to.
pub const LINK: char = '\u{2}';
/// In front of the name of a role that a section needs.
pub const NEED: char = '\u{3}';

/// Between the names of one section. No name holds it: they have one space where a text has a line end.
const BETWEEN: &str = "\n";

impl Indexed {
    /// The section by its words and its vector.
    pub fn of(section: &Section, words: &crate::words::Words, model: &crate::embedding::Model) -> Indexed {
        let mut terms = BTreeMap::new();
        let mut length = 0u32;
        let mut count = |term: String| {
            let times: &mut u8 = terms.entry(term).or_default();
            *times = times.saturating_add(1);
        };
        // What stands in the title says more than what stands below it.
        for text in [&section.title, &section.title, &section.text] {
            words.each(text, |word| {
                length += 1;
                count(word.to_string());
            });
        }
        for (mark, names) in [(NAME, &section.names), (LINK, &section.links), (NEED, &section.needs)] {
            names.iter().for_each(|name| count(format!("{mark}{name}")));
        }
        let vector = model.embed(&format!("{}\n{}", section.title, section.text));
        #[allow(clippy::cast_possible_truncation)]
        let vector = vector.iter().map(|number| (number * 127.0).round() as i8).collect();
        Indexed { line: section.line, kind: section.kind, title: section.title.clone(), length, terms, vector }
    }
}

const FILE: usize = 36;
const SECTION: usize = 28;
const TERM: usize = 16;
const POSTING: usize = 5;
const HEADER: usize = 24;

/// Writes a segment of these files.
pub fn write(entries: &[Entry], dimensions: usize) -> Vec<u8> {
    let (mut files, mut sections, mut vectors, mut strings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut terms: BTreeMap<&str, Vec<(u32, u8)>> = BTreeMap::new();
    let mut text = |text: &str, into: &mut Vec<u8>| {
        into.extend(number(strings.len()));
        into.extend(number(text.len()));
        strings.extend_from_slice(text.as_bytes());
    };
    let mut nth = 0u32;
    for (file, entry) in (0u32..).zip(entries) {
        text(&entry.file, &mut files);
        files.extend(nth.to_le_bytes());
        for part in [entry.stamp.changed, entry.stamp.size, entry.stamp.inode] {
            files.extend(part.to_le_bytes());
        }
        for section in &entry.sections {
            sections.extend(file.to_le_bytes());
            sections.extend((section.line << 4 | section.kind as u32).to_le_bytes());
            text(&section.title, &mut sections);
            sections.extend(section.length.to_le_bytes());
            let marked = section.terms.keys().filter(|term| term.starts_with([NAME, LINK, NEED]));
            text(&marked.map(String::as_str).collect::<Vec<_>>().join(BETWEEN), &mut sections);
            vectors.extend(section.vector.iter().map(|number| number.cast_unsigned()));
            for (term, times) in &section.terms {
                terms.entry(term).or_default().push((nth, *times));
            }
            nth += 1;
        }
    }
    let (mut dictionary, mut postings) = (Vec::new(), Vec::new());
    for (term, places) in &terms {
        text(term, &mut dictionary);
        dictionary.extend(number(postings.len() / POSTING));
        dictionary.extend(number(places.len()));
        for (section, times) in places {
            postings.extend(section.to_le_bytes());
            postings.push(*times);
        }
    }
    let counts = [entries.len(), nth as usize, terms.len(), postings.len() / POSTING, strings.len(), dimensions];
    let mut all: Vec<u8> = counts.into_iter().flat_map(number).collect();
    for part in [files, sections, dictionary, postings, vectors, strings] {
        all.extend(part);
    }
    all
}

/// As it stands in a segment. None has so many that they could not be counted in 32 bits.
fn number(count: usize) -> [u8; 4] {
    u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes()
}

/// A segment that can be asked.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    files: &'a [u8],
    sections: &'a [u8],
    dictionary: &'a [u8],
    postings: &'a [u8],
    vectors: &'a [u8],
    strings: &'a [u8],
    dimensions: usize,
}

/// A file of a segment.
#[derive(Clone, Copy, Debug)]
pub struct FileOf<'a> {
    /// Its path.
    pub file: &'a str,
    /// When it was read.
    pub stamp: Stamp,
    /// Its first section.
    pub first: u32,
}

/// What is known of a section besides its words.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The number of its file in the segment.
    pub file: u32,
    /// Its line.
    pub line: u32,
    /// What it is.
    pub kind: Kind,
    /// Its title.
    pub title: &'a str,
    /// How many words it has.
    pub length: u32,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

impl<'a> Segment<'a> {
    /// The segment in these bytes; none if they are not as long as it says.
    pub fn read(bytes: &'a [u8]) -> Option<Segment<'a>> {
        let count = |nth: usize| u32_at(bytes, nth * 4).map(|count| count as usize);
        let [files, sections, terms, postings, strings, dimensions] = std::array::from_fn(count);
        let (sections, dimensions) = (sections?, dimensions?);
        let mut rest = bytes.get(HEADER..)?;
        let mut part = |length: usize| {
            let (part, behind) = rest.split_at_checked(length)?;
            rest = behind;
            Some(part)
        };
        let segment = Segment {
            files: part(files?.checked_mul(FILE)?)?,
            sections: part(sections.checked_mul(SECTION)?)?,
            dictionary: part(terms?.checked_mul(TERM)?)?,
            postings: part(postings?.checked_mul(POSTING)?)?,
            vectors: part(sections.checked_mul(dimensions)?)?,
            strings: part(strings?)?,
            dimensions,
        };
        rest.is_empty().then_some(segment)
    }

    /// How many sections it has.
    pub fn count(&self) -> usize {
        self.sections.len() / SECTION
    }

    fn string(&self, at: &[u8]) -> Option<&'a str> {
        let (start, length) = (u32_at(at, 0)? as usize, u32_at(at, 4)? as usize);
        std::str::from_utf8(self.strings.get(start..start.checked_add(length)?)?).ok()
    }

    /// Its files.
    pub fn files(&self) -> impl Iterator<Item = FileOf<'a>> + use<'a> {
        let segment = *self;
        segment.files.chunks_exact(FILE).filter_map(move |file| {
            let stamp = Stamp { changed: u64_at(file, 12)?, size: u64_at(file, 20)?, inode: u64_at(file, 28)? };
            Some(FileOf { file: segment.string(file)?, stamp, first: u32_at(file, 8)? })
        })
    }

    /// The path of a file.
    pub fn file(&self, nth: u32) -> Option<&'a str> {
        let at = nth as usize * FILE;
        self.string(self.files.get(at..at + FILE)?)
    }

    /// What is known of a section.
    pub fn head(&self, section: u32) -> Option<Head<'a>> {
        let at = section as usize * SECTION;
        let bytes = self.sections.get(at..at + SECTION)?;
        let place = u32_at(bytes, 4)?;
        Some(Head {
            file: u32_at(bytes, 0)?,
            line: place >> 4,
            kind: Kind::of((place & 0xf) as u8)?,
            title: self.string(&bytes[8..16])?,
            length: u32_at(bytes, 16)?,
        })
    }

    /// How many words a section has.
    pub fn length_of(&self, section: u32) -> Option<u32> {
        u32_at(self.sections, section as usize * SECTION + 16)
    }

    /// The names of a section, and those of what it links to and needs, each behind its mark.
    pub fn marked(&self, section: u32) -> impl Iterator<Item = &'a str> + use<'a> {
        let at = section as usize * SECTION + 20;
        let marked = self.sections.get(at..at + 8).and_then(|place| self.string(place));
        marked.unwrap_or_default().split_terminator(BETWEEN)
    }

    /// The vectors, one behind the other.
    pub fn vectors(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.vectors.chunks_exact(self.dimensions.max(1))
    }

    /// The vector of a section.
    pub fn vector(&self, section: u32) -> Option<&'a [u8]> {
        let at = section as usize * self.dimensions;
        self.vectors.get(at..at + self.dimensions)
    }

    /// How many words its sections have together.
    pub fn length(&self) -> u64 {
        self.sections.chunks_exact(SECTION).map(|section| u64::from(u32_at(section, 16).unwrap_or_default())).sum()
    }

    /// The sections that hold a term, each with how often.
    pub fn postings(&self, term: &str) -> impl ExactSizeIterator<Item = (u32, u8)> + use<'a> {
        let (mut low, mut high) = (0, self.dictionary.len() / TERM);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.term(middle) {
                Some(found) if found < term => low = middle + 1,
                _ => high = middle,
            }
        }
        let is_found = self.term(low).is_some_and(|found| found == term);
        // Behind the last there is none.
        self.postings_of(if is_found { low } else { self.dictionary.len() / TERM })
    }

    fn term(&self, nth: usize) -> Option<&'a str> {
        let at = nth * TERM;
        self.string(self.dictionary.get(at..at + TERM)?)
    }

    fn postings_of(&self, nth: usize) -> impl ExactSizeIterator<Item = (u32, u8)> + use<'a> {
        let at = |offset: usize| u32_at(self.dictionary, nth * TERM + offset).unwrap_or_default() as usize;
        let (start, count) = (at(8), at(12));
        let all = self.postings.get(start * POSTING..(start + count) * POSTING).unwrap_or_default();
        all.chunks_exact(POSTING).map(|posting| (u32_at(posting, 0).unwrap_or(u32::MAX), posting[4]))
    }

    /// All terms, in order, with the sections that hold them.
    pub fn terms(&self) -> impl Iterator<Item = (&'a str, impl ExactSizeIterator<Item = (u32, u8)> + use<'a>)> {
        let segment = *self;
        (0..self.dictionary.len() / TERM).filter_map(move |nth| Some((segment.term(nth)?, segment.postings_of(nth))))
    }
}

/// The files of some segments as they would be written: those for which `is_alive` says so, by segment and number.
pub fn entries(segments: &[Segment<'_>], is_alive: impl Fn(usize, u32) -> bool) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::new();
    for (nth, segment) in segments.iter().enumerate() {
        let mut terms: Vec<BTreeMap<String, u8>> = vec![BTreeMap::new(); segment.count()];
        for (term, places) in segment.terms() {
            for (section, times) in places {
                if let Some(of_section) = terms.get_mut(section as usize) {
                    of_section.insert(term.to_string(), times);
                }
            }
        }
        let files: Vec<FileOf<'_>> = segment.files().collect();
        for (number, file) in (0u32..).zip(&files) {
            if !is_alive(nth, number) {
                continue;
            }
            let count = segment.count() as u32;
            let end = files.get(number as usize + 1).map_or(count, |next| next.first.min(count));
            let sections = (file.first..end).filter_map(|section| {
                let head = segment.head(section)?;
                let vector = segment.vector(section)?.iter().map(|byte| byte.cast_signed()).collect();
                let terms = std::mem::take(terms.get_mut(section as usize)?);
                Some(Indexed { line: head.line, kind: head.kind, title: head.title.into(), length: head.length, terms, vector })
            });
            kept.push(Entry { file: file.file.into(), stamp: file.stamp, sections: sections.collect() });
        }
    }
    kept
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(file: &str, words: &[&str]) -> Entry {
        let terms = words.iter().map(|word| ((*word).to_string(), 1)).collect();
        let section = Indexed { line: 7, kind: Kind::Note, title: file.to_uppercase(), length: 3, terms, vector: vec![1, -2] };
        let stamp = Stamp { changed: 1, size: 2, inode: 3 };
        Entry { file: file.into(), stamp, sections: vec![section; words.len()] }
    }

    #[test]
    fn what_is_written_is_read() {
        let all = [entry("a", &["x", "y"]), entry("none", &[]), entry("b", &["y", "z", "zz"])];
        let bytes = write(&all, 2);
        let segment = Segment::read(&bytes).unwrap();
        assert_eq!(segment.postings("y").collect::<Vec<_>>(), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(segment.postings("nothing").len(), 0);
        assert_eq!(segment.head(2).unwrap().title, "B");
        assert_eq!(entries(&[segment], |_, _| true), all);
        assert_eq!(entries(&[segment], |_, file| file == 2), all[2..]);
    }

    proptest! {
        #[test]
        fn damaged_bytes_lead_to_nothing(at in 0usize..400, byte: u8, cut in 0usize..400) {
            let mut bytes = write(&[entry("a", &["x", "y"]), entry("b", &["z"])], 2);
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % 3);
            if let Some(segment) = Segment::read(&bytes) {
                for term in ["x", "y", "z", "q"] {
                    for (section, _) in segment.postings(term) {
                        let _ = segment.head(section).map(|head| segment.file(head.file));
                    }
                }
                let _ = entries(&[segment], |_, _| true);
            }
        }
    }
}
