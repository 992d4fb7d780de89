//! Paths: made absolute against the folder of the file they are written in, and cleaned by their text alone.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::reader::{At, Outputs, Reader};
use super::typed_scalar::short;
use crate::diagnostic::{Code, Diagnostic, Edit, Fix};

impl Reader<'_> {
    /// A path made absolute, against the folder of the file it is written in.
    pub fn path(&mut self, at: At, text: &str) -> Option<Arc<str>> {
        let span = self.span(at);
        if text.contains('\0') {
            self.error(at, Code::WrongValue, "a path cannot contain a NUL character");
            return None;
        }
        let home = || self.world.loader.home();
        let path = if let Some(rest) = text.strip_prefix("~/") {
            match home() {
                Some(home) => home.join(rest),
                None => {
                    self.error(at, Code::WrongValue, "the home folder for `~/` is unknown");
                    return None;
                }
            }
        } else if text.starts_with('/') {
            PathBuf::from(text)
        } else if text == "." || text == ".." || text.starts_with("./") || text.starts_with("../") {
            self.world.document(at.file).folder.join(text)
        } else {
            let mut diagnostic = Diagnostic::error(Code::WrongValue, span, format!("`{}` is not a path", short(text)))
                .help("a path begins with `/`, `./` (the folder of this file), `../` or `~/`");
            let relative = format!("./{text}");
            if text == "~" {
                diagnostic = diagnostic.fix("Change to `~/`", span, "~/");
            } else if !text.is_empty() && !text.starts_with('~') && !text.contains(['\n', '"', '\\']) {
                let written = self.world.document(span.file).source.slice(span);
                if written.contains(text) {
                    let edit = written.replacen(text, &relative, 1);
                    diagnostic = diagnostic.fix(format!("Change to `{relative}`"), span, edit);
                }
                if let Outputs::Of(roles) = self.outputs
                    && let Some(output) = roles.first_output(self.world.definitions, self.frame, text)
                {
                    let output = format!("${{{text}.{output}}}");
                    diagnostic.help = Some(format!("to use the role of that name, write {output}"));
                    diagnostic
                        .fixes
                        .push(Fix { title: format!("Change to `{output}`"), edits: vec![Edit { span, text: output }] });
                }
            }
            self.tell(at, diagnostic);
            return None;
        };
        let path = normalise(&path);
        if let Some(reason) = too_long(&path) {
            self.error(at, Code::WrongValue, reason);
            return None;
        }
        Some(path.to_string_lossy().into())
    }
}

/// Why no system takes a path of that length (path_resolution(7), limits.h: PATH_MAX counts the NUL behind it).
pub(super) fn too_long(path: &Path) -> Option<String> {
    const LONGEST_PATH: usize = 4_095;
    const LONGEST_NAME: usize = 255;
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        return Some(format!("a path can have up to {LONGEST_PATH} bytes; this one has {length}"));
    }
    let name = path.components().map(|part| part.as_os_str().len()).find(|length| *length > LONGEST_NAME)?;
    Some(format!("a name in a path can have up to {LONGEST_NAME} bytes; one of these has {name}"))
}

/// Whether a text begins as paths do.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/')
        || text.starts_with("~/")
        || text == "."
        || text == ".."
        || text.starts_with("./")
        || text.starts_with("../")
}

/// A path without `.` and `..`, by its text alone: nothing is looked up.
pub(super) fn normalise(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // Above the root there is the root.
            Component::ParentDir => {
                normal.pop();
            }
            component => normal.push(component),
        }
    }
    normal
}
