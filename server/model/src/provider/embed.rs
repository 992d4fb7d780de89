//! Embeddings of a provider: OpenAI's interface (`POST /embeddings`) and Ollama's (`POST /api/embed`).

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use seed_role::Trouble;
use seed_role::trouble::Result;
use serde_json::{Value as Json, json};

use super::{Provider, plain};
use crate::dialect::{Dialect, error_words};

/// The greatest answer, in bytes: some hundred vectors of some thousand numbers, in letters.
const LARGEST: usize = 64 << 20;

impl Provider {
    /// The vectors of texts, one for each and in their order, each of length 1. Secrets are masked here, whatever the caller did.
    ///
    /// # Errors
    ///
    /// What was attempted and what came back. Nothing is tried again: there is an answer without it.
    pub async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        let attempt = || format!("get embeddings from {}", self.words());
        let fail = |came_back: String| Trouble::new(attempt(), self.masker.mask(&came_back).0);
        let path = match self.dialect {
            Dialect::OpenAi => "embeddings",
            Dialect::Ollama => "api/embed",
            Dialect::Anthropic => {
                return Err(fail("its interface has no embeddings".into()).hint("`embeddings:` names another model"));
            }
        };
        let key = match &self.key {
            Some(source) => Some(source.get().await?),
            None => None,
        };
        let masked: Vec<String> = texts.iter().map(|text| self.masker.mask(text).0).collect();
        let body = json!({"model": self.model, "input": masked}).to_string();
        let headers = self.dialect.headers(key.as_ref()).map_err(&fail)?;
        let post = self.client.post(self.endpoint.join(path)).headers(headers);
        let post = post.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
        let asked = async {
            let mut response = post.send().await.map_err(|error| plain(&error))?;
            let status = response.status();
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| plain(&error))? {
                bytes.extend_from_slice(&chunk);
                if bytes.len() > LARGEST {
                    return Err("its answer does not end".to_owned());
                }
            }
            let answer: Json = serde_json::from_slice(&bytes).unwrap_or_default();
            match status.is_success() {
                true => vectors(&answer, texts.len()),
                false => Err(error_words(&answer).unwrap_or_else(|| format!("it answers {status}"))),
            }
        };
        match tokio::time::timeout(self.timeouts.first, asked).await {
            Ok(found) => found.map_err(fail),
            Err(_) => Err(fail("it does not answer".into())),
        }
    }
}

/// The vectors in an answer of either interface.
fn vectors(answer: &Json, count: usize) -> Result<Vec<Vec<f32>>, String> {
    let strange = || "its answer contains no embeddings".to_owned();
    let found: Vec<&Json> = match (&answer["embeddings"], &answer["data"]) {
        (Json::Array(all), _) => all.iter().collect(),
        (_, Json::Array(all)) => {
            let mut all: Vec<&Json> = all.iter().collect();
            all.sort_by_key(|one| one["index"].as_u64());
            all.into_iter().map(|one| &one["embedding"]).collect()
        }
        _ => return Err(strange()),
    };
    let number = |number: &Json| number.as_f64().map(|number| number as f32);
    let vector = |one: &Json| one.as_array()?.iter().map(number).collect::<Option<Vec<f32>>>();
    let mut vectors = found.into_iter().map(vector).collect::<Option<Vec<_>>>().ok_or_else(strange)?;
    let width = vectors.first().map_or(0, Vec::len);
    if vectors.len() != count || vectors.iter().any(|vector| vector.len() != width || vector.is_empty()) {
        return Err("its answer contains the wrong number of embeddings".into());
    }
    for vector in &mut vectors {
        let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|number| *number /= length.max(f32::MIN_POSITIVE));
    }
    Ok(vectors)
}
