//! `file.text`: a file with the text that the spec gives.

use std::path::Path;

use schemars::JsonSchema;
use seed_role::host::Host;
use seed_role::param::{AbsPath, Content, Mode};
use seed_role::trouble::Result;
use seed_role::{Declared, Finding};
use seed_spec::Code;
use seed_spec::shape::OutputInfo;
use serde::Deserialize;

use super::access::Access;
use super::contents::{self, Contents, role_of_contents};

/// A file with the text that stands in the spec.
///
/// A file that is there already and differs is changed after the plan has shown how; what it held before is
/// put back by `absent`. A folder, a link or a device in its place is left alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// Where the file is. Folders on the way that are missing are made, and removed with it when they are empty.
    path: AbsPath,
    /// The text, to the byte: with `|` it ends with a line end. A `!secret` is written as it is, and neither shown nor recorded.
    content: Content,
    /// Permission bits, such as `"0640"`. Left out, a new file gets `"0644"`, and one that is there keeps its own; with a secret in it, each gets `"0600"`.
    mode: Option<Mode>,
    /// Who owns it: `user`, `user:group` or numbers. Left out, it is not compared; with a secret in it, it is who applies the spec.
    owner: Option<String>,
    /// Whether what is there holds a secret that other parameters wrote.
    #[serde(skip)]
    replaces_secret: bool,
}

impl Contents for Text {
    fn path(&self) -> &Path {
        &self.path
    }

    fn access(&self) -> Access<'_> {
        Access { mode: self.mode, owner: self.owner.as_deref() }
    }

    fn is_secret(&self) -> bool {
        self.replaces_secret || self.content.is_secret()
    }

    fn render(&self, host: &dyn Host) -> Result<Vec<u8>> {
        Ok(self.content.reveal(host)?.into_owned().into_bytes())
    }

    fn findings(&self) -> Vec<Finding> {
        match &self.content {
            Content::Plain(text) if text.contains('\0') => vec![Finding {
                param: "content".into(),
                code: Code::WrongValue,
                message: "the text holds a NUL character".into(),
                help: Some("a file that is not text is made by a `task.command` role".into()),
            }],
            _ => Vec::new(),
        }
    }
}

role_of_contents!(Text);

impl Declared for Text {
    const NAME: &'static str = "file.text";
    const OUTPUTS: &'static [OutputInfo] = contents::OUTPUTS;
    const EXAMPLE: &'static str = r#"motd:
  is: file.text
  path: /etc/motd.d/lab
  content: |
    This machine is grown from lab.seed.yaml.
  mode: "0644"
  owner: root:root
"#;
}
