//! Takes the prose out of files: paragraphs without code, markup and addresses.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A paragraph, a cell of a table, or a string.
#[derive(Debug, PartialEq, Eq)]
pub struct Passage {
    /// Its first line, from 1.
    pub line: usize,
    /// Its text. Inline code is replaced by `x`.
    pub text: String,
}

impl Passage {
    /// Its sentences. A colon and a semicolon end one, too.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.text.split_inclusive(['.', '?', '!', ':', ';']).map(str::trim)
    }
}

/// The paragraphs, headings, items and cells of a Markdown document, and the `why` of specs in it.
pub fn markdown(text: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut current: Option<Passage> = None;
    let mut code = None;
    let line_of = |at: usize| text[..at].matches('\n').count() + 1;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                code = Some(matches!(kind, CodeBlockKind::Fenced(info) if info.starts_with("yaml")))
            }
            Event::End(TagEnd::CodeBlock) => code = None,
            Event::Text(block) if code == Some(true) => {
                let line = line_of(range.start);
                found.extend(plain(&block).into_iter().map(|passage| Passage { line: line + passage.line - 1, ..passage }));
            }
            Event::Text(_) if code.is_some() => {}
            Event::Start(Tag::Paragraph | Tag::Heading { .. } | Tag::Item | Tag::TableCell)
            | Event::End(TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::Item | TagEnd::TableCell) => {
                found.extend(current.take().filter(|passage| !passage.text.is_empty()));
            }
            Event::Text(words) => add(&mut current, line_of(range.start), &words),
            Event::Code(_) => add(&mut current, line_of(range.start), "x"),
            Event::SoftBreak | Event::HardBreak => add(&mut current, line_of(range.start), " "),
            _ => {}
        }
    }
    found.extend(current);
    found
}

fn add(current: &mut Option<Passage>, line: usize, words: &str) {
    current.get_or_insert(Passage { line, text: String::new() }).text.push_str(words);
}

/// The `about`, `why` and `doc` of YAML, and its comments.
pub fn plain(text: &str) -> Vec<Passage> {
    let passages = text.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim_start();
        let is_prose =
            line.starts_with('#') || ["about:", "why:"].iter().any(|key| line.starts_with(key)) || line.contains("doc:");
        is_prose.then(|| Passage { line: at + 1, text: line.to_string() })
    });
    passages.collect()
}

/// The paragraphs of a help file of Vim, without its examples.
pub fn help_file(text: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let (mut is_example, mut is_open) = (false, false);
    for (at, line) in text.lines().enumerate() {
        if is_example {
            is_example = line.is_empty() || line.starts_with([' ', '\t']);
            if is_example {
                continue;
            }
        }
        let words = line.strip_prefix('<').unwrap_or(line);
        let starts = words.trim_end().strip_suffix('>').or(words.trim_end().strip_suffix(">lua"));
        let words = starts.unwrap_or(words).trim();
        match (words.is_empty(), is_open, found.last_mut()) {
            (true, ..) => is_open = false,
            (false, true, Some(passage)) => {
                passage.text.push(' ');
                passage.text.push_str(words);
            }
            _ => {
                found.push(Passage { line: at + 1, text: words.to_string() });
                is_open = true;
            }
        }
        if starts.is_some() {
            (is_example, is_open) = (true, false);
        }
    }
    found
}

/// The strings of a Lua file. Those that are joined by `..` are one.
pub fn lua(text: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut joins = false;
    for (at, line) in text.lines().enumerate() {
        let mut rest = line;
        while let Some(start) = rest.find(['"', '-']) {
            if rest[start..].starts_with("--") {
                break;
            }
            if rest[start..].starts_with('-') {
                rest = &rest[start + 1..];
                continue;
            }
            joins |= rest[..start].trim_end().ends_with("..") && !found.is_empty();
            let body = &rest[start + 1..];
            let end = body.replace("\\\"", "  ").find('"').unwrap_or(body.len());
            match found.last_mut() {
                Some(passage) if joins => passage.text.push_str(&body[..end]),
                _ => found.push(Passage { line: at + 1, text: body[..end].to_string() }),
            }
            rest = body.get(end + 1..).unwrap_or_default();
            joins = false;
        }
    }
    found.retain(|passage| passage.text.contains(' '));
    found
}

/// The paragraphs of a manual page.
pub fn manual(text: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut is_open = false;
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('.') || line.trim().is_empty() {
            is_open = false;
            continue;
        }
        let words = line.replace("\\fB", "").replace("\\fI", "").replace("\\fR", "").replace('\\', "");
        match found.last_mut() {
            Some(passage) if is_open => {
                passage.text.push(' ');
                passage.text.push_str(&words);
            }
            _ => found.push(Passage { line: at + 1, text: words }),
        }
        is_open = true;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{help_file, lua, manual, markdown};

    fn texts(passages: Vec<super::Passage>) -> Vec<(usize, String)> {
        passages.into_iter().map(|passage| (passage.line, passage.text)).collect()
    }

    #[test]
    fn prose_is_taken_out_of_files() {
        let document = "# A `b`\n\nOne\ntwo.\n\n```sh\nno\n```\n\n```yaml\nwhy: It is.\nno: no\n```\n\n- three\n\n| f | g |\n| --- | --- |\n| h | i |\n";
        let expected =
            [(1, "A x"), (3, "One two."), (11, "why: It is."), (15, "three"), (17, "f"), (17, "g"), (19, "h"), (19, "i")];
        assert_eq!(texts(markdown(document)), expected.map(|(line, text)| (line, text.to_string())));
        let help = "One\n    two: >\n    no\n<three\n\nfour\n";
        assert_eq!(texts(help_file(help)), [(1, "One two:".to_string()), (4, "three".into()), (6, "four".into())]);
        let script = "local a = \"one \"\n  .. \"two\" -- \"no no\"\nb(\"x\", \"three four\")\n";
        assert_eq!(texts(lua(script)), [(1, "one two".to_string()), (3, "three four".into())]);
        assert_eq!(texts(manual(".SH NAME\nOne\n\\fBtwo\\fR\n.TP\nthree\n")), [(2, "One two".to_string()), (5, "three".into())]);
    }
}
