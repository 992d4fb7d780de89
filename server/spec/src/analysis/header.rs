//! What a spec says besides its roles and variables.

use std::sync::Arc;

use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::Model;
use crate::shape::Shape;
use crate::text::FileId;
use crate::value::{Data, Value};

/// What the header of a file says.
#[derive(Default)]
pub(super) struct HeaderValues {
    pub name: Option<Arc<str>>,
    pub why: Option<Arc<str>>,
    pub keep: Option<u64>,
}

pub(super) fn read(reader: &mut Reader<'_>, file: FileId, model: &Model) -> HeaderValues {
    let text = Shape::Text { secret: false };
    let mut values = HeaderValues::default();
    let value = |reader: &mut Reader<'_>, node, shape: &Shape| reader.read(reader.at(file, node), shape);
    if let Some(node) = model.header.name
        && let Some(Value { data: Data::Text(name), span }) = value(reader, node, &text)
    {
        match spec_name(&name) {
            Ok(()) => values.name = Some(name),
            Err(better) => {
                let message = format!("`{name}` is not a valid name for a spec");
                let mut diagnostic = Diagnostic::error(Code::BadName, span, message).help(
                    "a name consists of up to 64 lower-case letters, digits, `.`, `_` and `-`, and begins with a letter or digit",
                );
                if !better.is_empty() {
                    diagnostic = diagnostic.fix(format!("Change to `{better}`"), span, better);
                }
                reader.diagnostics.push(diagnostic);
            }
        }
    }
    if let Some(node) = model.header.why
        && let Some(Value { data: Data::Text(why), .. }) = value(reader, node, &text)
    {
        values.why = Some(why);
    }
    if let Some(node) = model.header.keep
        && let Some(Value { data: Data::Int(keep), .. }) = value(reader, node, &Shape::Duration)
    {
        values.keep = u64::try_from(keep).ok();
    }
    if let Some(node) = model.header.collections.filter(|node| !crate::model::left_out(reader.world.tree(file), *node)) {
        value(reader, node, &Shape::Map(Box::new(Shape::Record(Arc::new(super::collections::record())))));
    }
    values
}

/// Whether a text can name a spec; else the nearest that can, empty if there is none.
fn spec_name(name: &str) -> Result<(), String> {
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '.' | '_' | '-');
    let begins = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    if begins && name.len() <= 64 && name.chars().all(allowed) {
        return Ok(());
    }
    let better: String = name.to_lowercase().chars().map(|letter| if allowed(letter) { letter } else { '-' }).take(64).collect();
    Err(better.trim_start_matches(['.', '_', '-']).trim_end_matches('-').to_owned())
}
