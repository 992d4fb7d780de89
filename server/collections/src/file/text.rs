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

/// A file with text from the spec.
///
/// An existing file that differs is changed, and the plan shows how. `absent` restores its previous content. A folder, a link or a
/// device in its place is left alone.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    /// Where the file is. Missing parent folders are created, and removed with it if they are empty.
    path: AbsPath,
    /// The exact text; with `|` it ends with a line break. A `!secret` is neither shown nor recorded.
    content: Content,
    /// Permission bits, such as `"0640"`. Default: `"0644"` for a new file; an existing one keeps its own. A file with a secret has `"0600"`.
    mode: Option<Mode>,
    /// Its owner: `user`, `user:group` or numbers. Default: the owner is not managed. A file with a secret belongs to the user who applies
    /// the spec.
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
                message: "the text contains a NUL character".into(),
                help: Some("use a `task.command` role for binary files".into()),
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
