//! `!secret`: where a secret is to be had, never what it is.

use std::path::PathBuf;
use std::sync::Arc;

use super::reader::{At, Reader};
use crate::diagnostic::{Code, Diagnostic};
use crate::shape::Shape;
use crate::tree::NodeKind;
use crate::value::{Data, Secret, Value};

impl Reader<'_> {
    /// Reads a secret, where one may stand.
    pub(super) fn secret(&mut self, at: At, shape: &Shape) -> Option<Value> {
        let span = self.span(at);
        let head = self.head(at);
        if !shape.takes_secrets() && !self.lenient {
            let diagnostic = Diagnostic::error(Code::Secret, head, "a secret is not allowed here")
                .help("this value is shown in plans and logs; only parameters made for secrets are not");
            self.tell(at, diagnostic);
            return None;
        }
        let help = "write one of `!secret {file: PATH}`, `{command: [PROGRAM, …]}`, `{env: NAME}`, `{credential: NAME}`";
        let world = self.world;
        let tree = world.tree(at.file);
        let pairs = tree.pairs(at.node);
        let [(key, value)] = pairs[..] else {
            let message = match tree.node(at.node).kind {
                NodeKind::Map(_) => "a secret has exactly one source",
                _ => "a secret names its source, never its value",
            };
            self.tell(at, Diagnostic::error(Code::Secret, head, message).help(help));
            return None;
        };
        let value = Self::below(at, value);
        let text = Shape::Text { secret: false };
        let name = tree.scalar(key).cloned();
        let secret = match name.as_deref() {
            Some("file") => Secret::File(PathBuf::from(&**self.read(value, &Shape::Path)?.as_text()?)),
            Some("command") => {
                let list = self.read(value, &Shape::List(Box::new(text)))?;
                let Data::List(items) = list.data else { return None };
                let words: Vec<String> = items.iter().filter_map(|item| item.as_text().map(|text| text.to_string())).collect();
                if words.is_empty() || words.len() < items.len() {
                    let message = "the command of a secret consists of a program and arguments that are known in advance";
                    self.tell(at, Diagnostic::error(Code::Secret, head, message).help(help));
                    return None;
                }
                Secret::Command(words)
            }
            Some("env") => Secret::Env(self.read(value, &text)?.as_text()?.to_string()),
            Some("credential") => {
                let name = self.read(value, &text)?;
                let name = name.as_text()?;
                if name.is_empty() || name.contains('/') || &**name == "." || &**name == ".." {
                    self.error(value, Code::Secret, "a credential is the name of a file, without a folder");
                    return None;
                }
                Secret::Credential(name.to_string())
            }
            _ => {
                let key = Self::below(at, key);
                let span = self.span(key);
                let near =
                    name.as_deref().and_then(|name| self.nearest(name, ["file", "command", "env", "credential"].into_iter()));
                let mut diagnostic = Diagnostic::error(Code::Secret, span, "this is not a source of secrets").help(help);
                if let Some(near) = near {
                    diagnostic = diagnostic.fix(format!("Change to `{near}`"), span, near);
                }
                self.tell(key, diagnostic);
                return None;
            }
        };
        Some(Value { data: Data::Secret(Arc::new(secret)), span })
    }
}
