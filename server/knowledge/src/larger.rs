//! Vectors of a larger model, elsewhere, for the best hits alone: what they say of likeness takes the place of what the small model says.
//! They are kept by the hash of the text, a file each, so that no text is sent twice. Losing them loses nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use seed_role::Trouble;
use seed_role::host::folder;
use seed_role::trouble::Result;

/// Longer than this, in bytes, no vector is.
const LONGEST: u64 = 1 << 20;

/// A model that is asked for vectors of texts: one for each, in their order, each of length 1.
pub type Embed<'a> = &'a mut dyn FnMut(&[String]) -> Result<Vec<Vec<f32>>>;

/// A larger model, and where its vectors are kept.
pub struct Larger<'a> {
    folder: PathBuf,
    embed: Embed<'a>,
}

impl<'a> Larger<'a> {
    /// The vectors of the model `name` (its name and its endpoint), kept in Seed's state folder.
    pub fn new(state: &Path, name: &str, embed: Embed<'a>) -> Larger<'a> {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        Larger { folder: state.join("knowledge").join("vectors").join(&hash[..16]), embed }
    }

    /// How like the question each text is, from -1 to 1.
    ///
    /// # Errors
    ///
    /// When the model cannot be asked.
    pub(crate) fn likeness(&mut self, question: &str, texts: &[String]) -> Result<Vec<f32>> {
        let all: Vec<&str> = std::iter::once(question).chain(texts.iter().map(String::as_str)).collect();
        let mut known: Vec<Option<Vec<f32>>> = all.iter().map(|text| self.kept(text)).collect();
        let missing: Vec<usize> = (0..all.len()).filter(|nth| known[*nth].is_none()).collect();
        if !missing.is_empty() {
            let asked: Vec<String> = missing.iter().map(|nth| all[*nth].to_owned()).collect();
            for (nth, vector) in missing.into_iter().zip((self.embed)(&asked)?) {
                // The question is asked again too seldom to be kept.
                if nth > 0 {
                    self.keep(all[nth], &vector);
                }
                known[nth] = Some(vector);
            }
        }
        let asked = known[0].take().unwrap_or_default();
        let like = |vector: Vec<f32>| {
            if vector.len() != asked.len() {
                return Err(Trouble::new("compare vectors", "the model gives vectors of another length than before"));
            }
            Ok(vector.iter().zip(&asked).map(|(one, other)| one * other).sum())
        };
        known.into_iter().skip(1).map(|vector| like(vector.unwrap_or_default())).collect()
    }

    fn file(&self, text: &str) -> PathBuf {
        self.folder.join(&blake3::hash(text.as_bytes()).to_hex()[..32])
    }

    fn kept(&self, text: &str) -> Option<Vec<f32>> {
        let bytes = folder::read(&self.file(text), LONGEST).ok()??;
        let (numbers, rest) = bytes.as_chunks::<4>();
        (rest.is_empty() && !numbers.is_empty()).then(|| numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// What cannot be kept is asked for again.
    fn keep(&self, text: &str, vector: &[f32]) {
        use std::os::unix::fs::DirBuilderExt;
        let keep = || -> std::io::Result<()> {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())?;
            file.persist(self.file(text))?;
            Ok(())
        };
        let _ = keep();
    }
}
