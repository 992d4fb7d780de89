//! Texts as vectors, so that what means the same lies near each other. It needs no network and no other program: the model is a part
//! of this one.
//!
//! The model is *static*: each token of its vocabulary has a row of numbers, and the vector of a text is the mean of its tokens'
//! rows, normalised. How it was made says `server/knowledge/model/README.md`.

mod tokens;

use std::sync::OnceLock;

use safetensors::SafeTensors;
use tokens::Vocabulary;

/// The rows of the shipped model, in the format of safetensors: `embeddings` of 8-bit integers, and `weights`, by which a row is multiplied.
const ROWS: &[u8] = include_bytes!("../../model/static-128-int8.safetensors");
/// Its vocabulary: a token a line, in the order of the rows.
const VOCABULARY: &str = include_str!("../../model/vocabulary.txt");

/// How much of a text counts, in tokens: what stands behind changes its mean little, and a text may be of any length.
const MOST_TOKENS: usize = 4096;

/// A model that gives vectors to texts.
#[derive(Debug)]
pub struct Model {
    vocabulary: Vocabulary<'static>,
    rows: &'static [u8],
    scales: Vec<f32>,
    dimensions: usize,
}

impl Model {
    /// The model that is part of the program. It is read when it is first asked for, which takes some 2 ms.
    pub fn shipped() -> &'static Model {
        static SHIPPED: OnceLock<Model> = OnceLock::new();
        SHIPPED.get_or_init(|| Model::read(ROWS, VOCABULARY).unwrap_or_else(|| unreachable!("a test reads the shipped model")))
    }

    /// A model of these rows and tokens; none if they are damaged or do not belong together.
    fn read(rows: &'static [u8], vocabulary: &'static str) -> Option<Model> {
        let tensors = SafeTensors::deserialize(rows).ok()?;
        let (embeddings, weights) = (tensors.tensor("embeddings").ok()?, tensors.tensor("weights").ok()?);
        let vocabulary = Vocabulary::new(vocabulary)?;
        let [count, dimensions] = *embeddings.shape() else { return None };
        let scales: Vec<f32> = weights.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let fits = count == vocabulary.len() && count == scales.len() && embeddings.data().len() == count * dimensions;
        fits.then(|| Model { vocabulary, rows: embeddings.data(), scales, dimensions })
    }

    /// How many numbers a vector has.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of a text: of length 1, or all zeros where the model knows no token of it.
    pub fn embed(&self, text: &str) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimensions];
        self.vocabulary.tokens(text, MOST_TOKENS, |token| {
            let start = token as usize * self.dimensions;
            let scale = self.scales[token as usize];
            for (sum, byte) in sum.iter_mut().zip(&self.rows[start..start + self.dimensions]) {
                *sum += scale * f32::from(byte.cast_signed());
            }
        });
        normalise(&mut sum);
        sum
    }
}

/// Gives a vector the length 1; one of zeros stays as it is.
pub fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
}

/// How near two vectors of length 1 are: 1 for the same direction, 0 for nothing in common, down to -1.
pub fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Expected {
        text: String,
        tokens: Vec<u32>,
        vector: Vec<f32>,
    }

    /// The same texts by the tokenizer that the model was trained with (`tokenizers`, the vectors by numpy).
    const REFERENCE: &str = include_str!("../../tests/embedding.json");

    #[test]
    fn tokens_and_vectors_are_those_of_the_reference() {
        let model = Model::shipped();
        for expected in serde_json::from_str::<Vec<Expected>>(REFERENCE).unwrap() {
            let mut tokens = Vec::new();
            model.vocabulary.tokens(&expected.text, usize::MAX, |token| tokens.push(u32::from(token)));
            assert_eq!(tokens, expected.tokens, "{:?}", expected.text);
            let vector = model.embed(&expected.text);
            let difference = vector.iter().zip(&expected.vector).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(vector.len() == expected.vector.len() && difference < 1e-4, "{:?}: {difference}", expected.text);
        }
    }

    #[test]
    fn meaning_counts_and_not_letters() {
        let model = Model::shipped();
        let near = |one: &str, other: &str| cosine(&model.embed(one), &model.embed(other));
        assert!(
            near("take a copy of the disk as it is now", "snapshot") > near("take a copy of the disk as it is now", "password")
        );
        assert_eq!(model.embed(""), vec![0.0; model.dimensions()]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_vector(text in "\\PC{0,80}|.{0,80}") {
            let model = Model::shipped();
            let vector = model.embed(&text);
            let length = cosine(&vector, &vector);
            proptest::prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-3, "{length}");
        }
    }
}
