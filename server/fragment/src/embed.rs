//! Putting a fragment into a text, taking its markers away again, and making a fragment of a piece of text.

use std::path::Path;

use crate::marker::{Key, begin_words, end_words, params_words};
use crate::tree::{self, Block, Part, indent_of, split_end};

/// How a line becomes a comment: what stands before it and behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Before it, with a blank where one belongs.
    pub open: String,
    /// Behind it, with a blank where one belongs; often empty.
    pub close: String,
}

/// Endings and names of files, and the comment of their languages. All others have `#`.
const COMMENTS: &[(&str, &str, &[&str])] = &[
    (
        "// ",
        "",
        &[
            "c", "h", "cc", "cpp", "hpp", "cxx", "rs", "go", "java", "js", "jsx", "mjs", "ts", "tsx", "kt", "kts", "swift",
            "scala", "dart", "php", "cs", "zig", "jsonc", "json5", "scss", "less", "groovy", "proto", "typ", "v", "sv", "fs",
            "gradle",
        ],
    ),
    ("-- ", "", &["lua", "sql", "hs", "elm", "ada", "adb", "ads", "vhd", "vhdl", "applescript", "purs"]),
    ("<!-- ", " -->", &["html", "htm", "xhtml", "xml", "svg", "md", "markdown", "vue", "svelte", "xsl", "plist"]),
    ("/* ", " */", &["css"]),
    ("\" ", "", &["vim", "vimrc"]),
    ("; ", "", &["ini", "asm", "lisp", "cl", "el", "scm", "clj", "cljs", "rkt", "zone"]),
    ("% ", "", &["tex", "sty", "cls", "bib", "erl", "hrl", "m", "pro"]),
    ("(* ", " *)", &["ml", "mli", "pas"]),
    ("{# ", " #}", &["j2", "jinja", "jinja2", "twig"]),
    (".. ", "", &["rst"]),
    ("! ", "", &["f90", "f95", "xresources", "xdefaults"]),
    ("' ", "", &["vb", "vbs", "bas"]),
    ("rem ", "", &["bat", "cmd"]),
    (".\\\" ", "", &["1", "5", "7", "8", "roff", "man"]),
    ("dnl ", "", &["m4", "ac"]),
];

/// Endings of files whose language has none.
const WITHOUT_COMMENTS: &[&str] = &["json", "geojson", "ipynb", "webmanifest"];

impl Comment {
    /// That of a file, by its name.
    pub fn of(path: &Path) -> Comment {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let ending = name.rsplit('.').next().unwrap_or_default();
        let found = COMMENTS.iter().find(|(_, _, endings)| endings.contains(&ending));
        let (open, close) = found.map_or(("# ", ""), |(open, close, _)| (open, close));
        Comment { open: open.into(), close: close.into() }
    }

    /// From the way editors write it, as Vim's 'commentstring': `<!-- %s -->`.
    pub fn from_pattern(pattern: &str) -> Option<Comment> {
        let (open, close) = pattern.split_once("%s")?;
        let open = if open.is_empty() || open.ends_with(' ') { open.to_string() } else { format!("{open} ") };
        let close = if close.is_empty() || close.starts_with(' ') { close.to_string() } else { format!(" {close}") };
        Some(Comment { open, close })
    }

    /// How the markers of a file become comments, as somebody says or else by its name, if they can hold these parameters.
    ///
    /// # Errors
    ///
    /// In words, when the language of the file has no comments, or a parameter would end the comment.
    pub fn fitting(path: &Path, said: Option<&Comment>, params: &[(String, String)]) -> Result<Comment, String> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if said.is_none() && WITHOUT_COMMENTS.contains(&ending.as_str()) {
            return Err(format!(
                "Seed knows no comment syntax for .{ending} files; if they can have comments, give the syntax, such as --comment '// %s'"
            ));
        }
        let comment = said.cloned().unwrap_or_else(|| Comment::of(path));
        comment.can_hold(params).map(|()| comment)
    }

    /// Whether markers with these parameters stay in one comment.
    ///
    /// # Errors
    ///
    /// Which parameter would end it, in words.
    pub fn can_hold(&self, params: &[(String, String)]) -> Result<(), String> {
        let close = self.close.trim();
        let ends: &[&str] = match close {
            "" => &[],
            "-->" => &["-->", "--!>"],
            // What lies in one another is closed as often as it was opened.
            "*)" => &["*)", "(*"],
            "|#" => &["|#", "#|"],
            "-}" => &["-}", "{-"],
            close => &[close],
        };
        for param in params {
            let words = params_words(std::slice::from_ref(param));
            if let Some(end) = ends.iter().find(|end| words.contains(**end)) {
                return Err(format!(
                    "the value of `{}` contains `{end}`, which would end the comment around the marker",
                    param.0
                ));
            }
        }
        Ok(())
    }

    fn line(&self, words: &str) -> String {
        format!("{}{words}{}", self.open, self.close)
    }
}

/// The two marker lines of an embedding, without indentation and line ends.
pub fn markers(key: &Key, params: &[(String, String)], comment: &Comment) -> (String, String) {
    (comment.line(&begin_words(key, params)), comment.line(&end_words(key)))
}

/// The line end that most lines of a text have.
pub fn line_end_of(text: &str) -> &'static str {
    let windows = text.matches("\r\n").count();
    if windows * 2 > text.matches('\n').count() { "\r\n" } else { "\n" }
}

/// A text with an empty embedding in it, before a line counted from 1; behind the last line where there are fewer.
/// The rest stays as it is, to the byte. A text whose last line has no end stays so.
pub fn insert(text: &str, before: usize, key: &Key, params: &[(String, String)], comment: &Comment) -> String {
    let (begin, end) = markers(key, params, comment);
    let line_end = line_end_of(text);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = before.saturating_sub(1).min(lines.len());
    // Behind the last line, what that is indented for is over: a recipe of a Makefile, a body of Python.
    let indent = lines.get(at).map_or("", |line| indent_of(line));
    let mut out: String = lines[..at].concat();
    let is_behind_open_line = at == lines.len() && !text.is_empty() && !text.ends_with('\n');
    // A byte order mark belongs to the first line, whichever that is.
    let mark = if at == 0 && text.starts_with('\u{feff}') { "\u{feff}" } else { "" };
    if is_behind_open_line {
        out.push_str(&format!("{line_end}{indent}{begin}{line_end}{indent}{end}"));
    } else {
        out.push_str(&format!("{mark}{indent}{begin}{line_end}{indent}{end}{line_end}"));
    }
    out.push_str(lines[at..].concat().strip_prefix(mark).unwrap_or_default());
    out
}

/// A text without the markers of blocks; what is in them stays. Blocks that are not there are none of its business.
pub fn detach(text: &str, keys: &[Key]) -> String {
    let (parts, problems) = tree::parse(text);
    let mut out = String::with_capacity(text.len());
    if problems.is_empty() {
        without_markers(&parts, keys, &mut out);
    } else {
        out.push_str(text);
    }
    out
}

fn without_markers(parts: &[Part], keys: &[Key], out: &mut String) {
    for part in parts {
        match part {
            Part::Line(line) => out.push_str(line),
            Part::Block(block) => {
                let is_kept = !keys.contains(&block.key);
                if is_kept {
                    out.push_str(&block.begin);
                } else if block.begin.starts_with('\u{feff}') {
                    out.push('\u{feff}');
                }
                without_markers(&block.inside, keys, out);
                if is_kept {
                    out.push_str(&block.end);
                }
            }
        }
    }
}

/// A text without a block, markers and all it holds; the rest stays as it is, to the byte, as before [`insert`].
pub fn remove(text: &str, key: &Key) -> String {
    let mut out = String::with_capacity(text.len());
    without_block(&tree::parse(text).0, key, &mut out);
    out
}

fn without_block(parts: &[Part], key: &Key, out: &mut String) {
    for part in parts {
        match part {
            Part::Block(block) if block.key == *key => {
                if block.begin.starts_with('\u{feff}') {
                    out.push('\u{feff}');
                }
                // An end marker without a line end was put behind a line without one.
                if split_end(&block.end).1.is_empty() {
                    let bare = split_end(out).0.len();
                    out.truncate(bare);
                }
            }
            Part::Block(Block { begin, inside, end, .. }) => {
                out.push_str(begin);
                without_block(inside, key, out);
                out.push_str(end);
            }
            Part::Line(line) => out.push_str(line),
        }
    }
}

/// A fragment that renders to a piece of text: what the lines are indented by in common is taken off.
pub fn fragment_of(text: &str, about: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let indents = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indent_of(line));
    let margin = indents.reduce(|common, indent| {
        let same = common.bytes().zip(indent.bytes()).take_while(|(one, other)| one == other).count();
        &common[..same]
    });
    let body: String =
        lines.iter().map(|line| format!("{}\n", line.strip_prefix(margin.unwrap_or_default()).unwrap_or_default())).collect();
    let is_template = ["{{", "{%", "{#"].iter().any(|sign| body.contains(sign));
    let body = match is_template {
        // What looks like a template is the text itself.
        true => body.lines().map(|line| format!("{{{{ {} }}}}\n", serde_json::Value::from(line))).collect(),
        false => body,
    };
    let front = if about.is_empty() && !body.starts_with("---\n") {
        String::new()
    } else {
        format!("---\nabout: {}\n---\n", serde_json::Value::from(about))
    };
    front + &body
}

/// An instance of a fragment that is not taken yet: the lowest free number.
pub fn free_instance<'a>(fragment: &str, taken: impl Iterator<Item = &'a Key>) -> String {
    let taken: std::collections::HashSet<&str> =
        taken.filter(|key| key.fragment == fragment).map(|key| key.instance.as_str()).collect();
    let free = (1usize..).map(|number| number.to_string()).find(|number| !taken.contains(number.as_str()));
    free.unwrap_or_default()
}
