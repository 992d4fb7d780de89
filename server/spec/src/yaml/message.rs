//! The parser's errors in words for a person.

use granit_parser::ErrorKind;

/// What is wrong, and what to do about it. `line` is the text of the line it was found on, `behind` whether
/// something stands before it on that line.
pub(super) fn words(kind: &ErrorKind, line: &str, behind: bool) -> (String, Option<&'static str>) {
    use ErrorKind as E;
    let trimmed = line.trim_start();
    if ["<<<<<<< ", "=======", ">>>>>>> ", "||||||| "].iter().any(|marker| line.starts_with(marker)) {
        return ("this is a merge conflict marker".into(), Some("resolve the conflict and remove the markers"));
    }
    let (message, help): (&str, Option<&'static str>) = match kind {
        E::UnclosedQuotedScalar => ("this quote is not closed", Some("put the same quote at the end of the text")),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => (
            "there is text after the closing quote",
            Some("put the whole value in quotes; within '…' write '' for a quote, within \"…\" write \\\""),
        ),
        E::UnknownQuotedScalarEscape => {
            ("this `\\` in double quotes begins no known escape", Some("write \\\\ for a backslash, or use single quotes"))
        }
        E::InvalidQuotedScalarHexEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidUnicodeEscape => {
            ("this escape names no character", Some("write \\u and four hexadecimal digits, or the character itself"))
        }
        E::UnclosedFlowCollection { open } => return (format!("this `{open}` is not closed"), Some("close it on the same line")),
        E::MismatchedFlowCollectionEnd { open, close } => return (format!("`{open}` is closed by `{close}`"), None),
        E::MisplacedFlowCollectionEnd => ("this bracket has no opening bracket", Some("remove it, or put the value in quotes")),
        E::UnexpectedEofFlowSequence | E::UnexpectedEofFlowMapping | E::UnexpectedEofImplicitFlowMapping => {
            ("the file ends inside unclosed brackets", None)
        }
        E::ExpectedFlowMappingSeparator => ("a `,` or a closing `}` is missing", None),
        E::ExpectedFlowSequenceSeparator => ("a `,` or a closing `]` is missing", None),
        E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation | E::TabAtBlockScalarStart | E::TabInPlainScalar => {
            ("the line is indented with a tab; YAML requires spaces", Some("indent each level with two spaces"))
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey if !trimmed.contains(':') => {
            ("a `:` is missing: this line is neither a key nor a value", Some("write `key: value`"))
        }
        E::SimpleKeyExpected | E::InvalidSimpleKey => ("this cannot be a key", Some("a key is on one line and followed by `: `")),
        E::MappingValueNotAllowed if trimmed.matches(": ").count() > 1 => {
            ("this value contains a second `: `, which begins a key", Some("put the value in quotes"))
        }
        E::MappingValueNotAllowed => {
            ("a key is not allowed here", Some("check the line before it and the indentation of this line"))
        }
        E::ExpectedBlockMappingKey if trimmed.starts_with("- ") => {
            ("a list item is among keys", Some("indent it below the key that it belongs to"))
        }
        E::ExpectedBlockMappingKey if behind => ("the value ends before this", Some("put the whole value in quotes")),
        E::ExpectedBlockMappingKey | E::InvalidIndentation => {
            ("the indentation of this line matches no level before it", Some("all keys of a mapping have the same indentation"))
        }
        E::ExpectedBlockSequenceEntry => {
            ("a key is among list items", Some("begin it with `- `, or indent it like the key of the list"))
        }
        E::BlockSequenceEntryNotAllowed => {
            ("a list cannot begin here", Some("begin it on the next line, indented below its key"))
        }
        E::BlockEntryInFlowCollection | E::PlainScalarStartsWithDashFlowIndicator => {
            ("`- ` is not allowed inside brackets", Some("separate the values with commas"))
        }
        E::InvalidColonPlacement | E::InvalidMappingValueWhitespace | E::FlowMappingValueAdjacentCollection => {
            ("a `:` is not allowed here", Some("look for an unclosed bracket in the lines before"))
        }
        E::UnexpectedCharacter { character } if matches!(character, '@' | '`' | '%') => {
            return (format!("a value cannot begin with `{character}`"), Some("put the value in quotes"));
        }
        E::UnexpectedCharacter { character } => {
            return (format!("the character {} is not allowed here", spell(*character)), None);
        }
        E::MissingAnchorOrAliasName => {
            ("a name is missing after `&` or `*`", Some("to mean the character itself, put the value in quotes"))
        }
        E::InvalidBlockScalarHeader | E::ZeroBlockScalarIndent => {
            ("text after `|` or `>` must begin on the next line", Some("to mean the character itself, put the value in quotes"))
        }
        E::InvalidBlockScalarIndent => ("a line of this text is indented less than its first line", None),
        E::InvalidQuotedScalarIndent | E::InvalidFlowScalarIndent => {
            ("the indentation of this line of the text is too small", Some("indent it deeper than its key"))
        }
        E::DocumentIndicatorInQuotedScalar => ("this text in quotes is not closed before `---` or `...`", None),
        E::CommentInterceptedScalar | E::CommentNotSeparated => {
            ("a comment needs a space before its `#`, and cannot be inside a value", None)
        }
        E::BomInsideDocument => ("there is a byte-order mark in the middle of the file", Some("remove it")),
        E::ExpectedDocumentStart | E::InvalidDocumentEnd => {
            ("nothing can follow here", Some("check the indentation of this line"))
        }
        E::UndeclaredTagHandle => ("this tag begins with a handle that is not declared", None),
        E::ExpectedTagBang
        | E::InvalidTagTerminator
        | E::MissingTagUri
        | E::UnclosedVerbatimTag
        | E::InvalidTagEscape
        | E::InvalidTagUtf8LeadingByte
        | E::InvalidTagUtf8TrailingByte
        | E::InvalidTagUtf8
        | E::InvalidGlobalTagCharacter => ("this is not a tag", Some("to begin a value with `!`, put it in quotes")),
        other => return (format!("this is not well-formed YAML: {other}"), None),
    };
    (message.to_owned(), help)
}

/// A character in a message, also one that cannot be seen.
pub(super) fn spell(character: char) -> String {
    match character {
        ' '..='~' => format!("`{character}`"),
        _ if character.is_control() || character.is_whitespace() => format!("U+{:04X}", character as u32),
        _ => format!("`{character}` (U+{:04X})", character as u32),
    }
}
