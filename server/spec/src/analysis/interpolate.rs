//! The grammar of `${…}`, without its meaning.

use std::borrow::Cow;
use std::ops::Range;

use crate::text::{Source, Span};

/// What begins an interpolation.
pub const OPEN: &str = "${";
/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text as it is.
    Text(Cow<'a, str>),
    /// What stands in a `${…}`, trimmed, and how many of them stand before it in the text.
    Expr(&'a str, usize),
    /// A `${` that is not closed, with how many stand before it.
    Open(usize),
}

/// Cuts a text at its interpolations.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut literal: Cow<'_, str> = Cow::Borrowed("");
    let mut rest = text;
    let mut count = 0;
    while let Some(at) = rest.find(OPEN) {
        // `$${` is found one byte late.
        if rest[..at].ends_with('$') {
            append(&mut literal, &rest[..at - 1]);
            append(&mut literal, OPEN);
            rest = &rest[at + OPEN.len()..];
            continue;
        }
        append(&mut literal, &rest[..at]);
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        let inner = &rest[at + OPEN.len()..];
        let Some(close) = inner.find('}') else {
            pieces.push(Piece::Open(count));
            return pieces;
        };
        pieces.push(Piece::Expr(inner[..close].trim(), count));
        count += 1;
        rest = &inner[close + 1..];
    }
    append(&mut literal, rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    pieces
}

fn append<'a>(literal: &mut Cow<'a, str>, text: &'a str) {
    match literal.is_empty() {
        true => *literal = Cow::Borrowed(text),
        false if text.is_empty() => {}
        false => literal.to_mut().push_str(text),
    }
}

/// Where the interpolations of a scalar stand: all of each, and what is between its braces.
pub fn places(source: &Source, scalar: Span) -> Vec<(Span, Span)> {
    let raw = source.slice(scalar);
    let base = scalar.start as usize;
    let span = |start: usize, end: usize| Span::new(scalar.file, base + start, base + end);
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(found) = raw[from..].find(OPEN) {
        let at = from + found;
        from = at + OPEN.len();
        if raw[..at].ends_with('$') {
            continue;
        }
        let Some(close) = raw[from..].find('}').map(|close| from + close) else {
            let end = raw[from..].find(['\n', '\r', '"']).map_or(raw.len(), |end| from + end);
            places.push((span(at, end), span(from, from)));
            break;
        };
        let inner = trim(raw, from..close);
        places.push((span(at, close + 1), span(inner.start, inner.end)));
        from = close + 1;
    }
    places
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

/// What a `${…}` names.
#[derive(Debug, PartialEq, Eq)]
pub enum Expr<'a> {
    /// `vars.NAME` and the keys behind it.
    Var(&'a str, Vec<&'a str>),
    /// `env.NAME`.
    Env(&'a str),
    /// `each.key`.
    EachKey,
    /// `each.value` and the keys behind it.
    EachValue(Vec<&'a str>),
    /// `role.output` or `role[key].output`.
    Output {
        /// The role.
        role: &'a str,
        /// The key of the instance, as written.
        index: Option<&'a str>,
        /// The output; empty if none is written.
        output: &'a str,
    },
}

/// Reads what stands in a `${…}`.
///
/// # Errors
///
/// In words, what is wrong with it.
pub fn expr(text: &str) -> Result<Expr<'_>, String> {
    if text.is_empty() {
        return Err("`${}` names nothing".into());
    }
    let (head, rest) = text.split_once('.').unwrap_or((text, ""));
    let path = |rest: &'_ str| -> Result<(), String> {
        match rest.split('.').all(is_name) {
            true => Ok(()),
            false => Err(format!("`{text}` is not a name followed by keys with dots")),
        }
    };
    match head {
        "vars" => {
            path(rest)?;
            let mut keys = rest.split('.');
            Ok(Expr::Var(keys.next().unwrap_or(""), keys.collect()))
        }
        "env" => {
            path(rest)?;
            if rest.contains('.') {
                return Err(format!("`{rest}` is not the name of an environment variable"));
            }
            Ok(Expr::Env(rest))
        }
        "each" if rest == "key" => Ok(Expr::EachKey),
        "each" if rest == "value" => Ok(Expr::EachValue(Vec::new())),
        "each" => match rest.strip_prefix("value.") {
            Some(keys) => path(keys).map(|()| Expr::EachValue(keys.split('.').collect())),
            None => Err("a loop offers `each.key` and `each.value`".into()),
        },
        _ => {
            let (role, index, output) = reference(text)?;
            Ok(Expr::Output { role, index, output: output.unwrap_or("") })
        }
    }
}

/// The parts of a reference: `role`, `role[key]`, `role.output`, `role[key].output`.
pub type Reference<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

/// Reads a reference to a role or to an output of it.
///
/// # Errors
///
/// In words, what is wrong with it.
pub fn reference(text: &str) -> Result<Reference<'_>, String> {
    let name = text.find(['.', '[']).unwrap_or(text.len());
    let (role, mut rest) = text.split_at(name);
    if !is_name(role) {
        return Err(format!("`{text}` is not the name of a role or of its output"));
    }
    let mut index = None;
    if let Some(inner) = rest.strip_prefix('[') {
        let close =
            inner.match_indices(']').map(|(at, _)| at).find(|at| matches!(inner.as_bytes().get(at + 1), None | Some(b'.')));
        let Some(close) = close else { return Err(format!("a `]` is missing in `{text}`")) };
        index = Some(inner[..close].trim());
        rest = &inner[close + 1..];
    }
    match rest.strip_prefix('.') {
        None => Ok((role, index, None)),
        Some("") => Err(format!("an output is missing after `{text}`")),
        Some(output) => Ok((role, index, Some(output))),
    }
}

/// Whether a text can name a role or variable: letters, digits, `_` and `-`, the first no `-`.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::FileId;

    #[test]
    fn texts_are_cut_at_interpolations() {
        let text = |text: &'static str| Piece::Text(Cow::Borrowed(text));
        assert_eq!(pieces("a"), vec![text("a")]);
        assert_eq!(pieces("a${ vars.x }b${y.z}"), vec![text("a"), Piece::Expr("vars.x", 0), text("b"), Piece::Expr("y.z", 1)]);
        assert_eq!(pieces("$${a} $x $$${b}"), vec![text("${a} $x $${b}")]);
        assert_eq!(pieces("${a}${"), vec![Piece::Expr("a", 0), Piece::Open(1)]);
    }

    #[test]
    fn interpolations_are_located_in_what_is_written() {
        let source = Source::new("x", "k: \"é$${no} ${ vars.x } ${y\"");
        let scalar = Span::new(FileId(0), 3, source.text().len());
        let places = places(&source, scalar);
        let texts: Vec<_> = places.iter().map(|(outer, inner)| (source.slice(*outer), source.slice(*inner))).collect();
        assert_eq!(texts, [("${ vars.x }", "vars.x"), ("${y", "")]);
    }

    #[test]
    fn expressions_are_read() {
        assert_eq!(expr("vars.a.b"), Ok(Expr::Var("a", vec!["b"])));
        assert_eq!(expr("each.value.x"), Ok(Expr::EachValue(vec!["x"])));
        assert_eq!(expr("dirs[a.b].path"), Ok(Expr::Output { role: "dirs", index: Some("a.b"), output: "path" }));
        assert_eq!(expr("disk.partitions.root"), Ok(Expr::Output { role: "disk", index: None, output: "partitions.root" }));
        for wrong in ["", "vars", "vars.", "a b", "each.x", "x[a.path", "x.", "env.A.B", "-x.y"] {
            assert!(expr(wrong).is_err(), "{wrong}");
        }
    }
}
