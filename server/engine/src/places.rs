//! What lies at which path, found for a path and all folders above it in one pass over its bytes.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Values by path. Asking a map for each folder above a path would hash its front again and again: for a path of many short names that
/// is the square of its length.
pub(crate) struct Places<P, T> {
    keys: RandomState,
    known: HashMap<u64, Vec<(P, T)>>,
}

impl<P, T> Default for Places<P, T> {
    fn default() -> Self {
        Places { keys: RandomState::new(), known: HashMap::new() }
    }
}

impl<P: AsRef<Path>, T> Places<P, T> {
    /// The hashes of a path and of all folders above it, the root first.
    fn hashes(&self, path: &Path) -> Vec<u64> {
        let mut hasher = self.keys.build_hasher();
        let parts = path.components().map(|part| {
            hasher.write(part.as_os_str().as_bytes());
            hasher.write_u8(b'/');
            hasher.finish()
        });
        parts.collect()
    }

    /// Puts a value at a path, in the place of one that is there.
    pub(crate) fn insert(&mut self, path: P, value: T) {
        let Some(hash) = self.hashes(path.as_ref()).pop() else { return };
        let here = self.known.entry(hash).or_default();
        here.retain(|(known, _)| known.as_ref() != path.as_ref());
        here.push((path, value));
    }

    /// The values at a path and at the folders above it, the nearest first, each with how many names lie between.
    pub(crate) fn above<'s>(&'s self, path: &'s Path) -> impl Iterator<Item = (usize, &'s T)> {
        let hashes = self.hashes(path);
        let folders = path.ancestors().zip(hashes.into_iter().rev()).enumerate();
        folders.filter_map(|(up, (folder, hash))| {
            let here = self.known.get(&hash)?.iter().find(|(known, _)| known.as_ref() == folder)?;
            Some((up, &here.1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first() {
        let mut places = Places::default();
        for (path, value) in [("/", 0), ("/a", 1), ("/a/b/c", 3), ("/ab", 9), ("/a", 2)] {
            places.insert(Path::new(path), value);
        }
        let above = |path| places.above(Path::new(path)).map(|(up, value)| (up, *value)).collect::<Vec<_>>();
        assert_eq!(above("/a/b/c/d"), [(1, 3), (3, 2), (4, 0)]);
        assert_eq!(above("/a"), [(0, 2), (1, 0)]);
        assert_eq!(above("/x"), [(1, 0)]);
    }
}
