//! `file.fragment`: a fragment embedded in a file, whatever else the file holds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use seed_fragment::embed::Comment;
use seed_fragment::single::{self, Spot};
use seed_fragment::{Key, marker, template};
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::{Before, FileKind, Host, temporary_of};
use seed_role::param::{AbsPath, Output, Outputs, Size, UNKNOWN_OUTPUT};
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::{Kind, Result, Trouble};
use seed_role::{Declared, Finding, Mend, Role, Watch, inspected};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::contents::{self, LINKS};
use super::{bytes, check_path, folder_of, metadata_of};

/// A fragment, embedded in a file between two markers in the comments of its language.
///
/// The file outside of the markers is never changed, and `absent` removes only the block. The lines between the markers must match the
/// rendered fragment: an edit there is drift. If the block existed before, `absent` restores it. To keep and merge edits, embed the
/// fragment in files of a project with `seed fragment`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fragment {
    /// The file to embed it in. A missing file is created, and removed with the block if nothing else is in it.
    path: AbsPath,
    /// The fragment: a template file that begins with its parameters between `---` lines.
    fragment: AbsPath,
    /// The parameters. They are written to the begin marker, so secrets are not allowed.
    #[serde(default)]
    with: BTreeMap<String, Json>,
    /// Where to insert it: after the first line that contains this text. Default: at the end.
    after: Option<String>,
    /// Where to insert it: before the first line that contains this text.
    before: Option<String>,
    /// Distinguishes this block from others of the same fragment.
    #[serde(default = "first")]
    instance: String,
}

fn first() -> String {
    "1".into()
}

/// The file as it was read.
struct Read {
    /// To be compared when it is changed.
    before: Before,
    text: String,
    /// How many names it has.
    links: u64,
}

const CONTENT: &str = "content";
const WITH: &str = "with";
/// The block to the byte: not compared with what the spec says, and put back as it was.
const RAW: &str = "raw";

impl Fragment {
    fn name(&self) -> String {
        let file = self.fragment.file_name().unwrap_or_default().to_string_lossy();
        file.split('.').next().unwrap_or_default().to_string()
    }

    fn key(&self) -> Key {
        Key { fragment: self.name(), instance: self.instance.clone() }
    }

    /// The parameters as the begin line has them.
    fn params(&self) -> Vec<(String, String)> {
        self.with.iter().filter_map(|(name, value)| Some((name.clone(), text_of(value)?))).collect()
    }

    fn attempted(&self) -> String {
        format!("embed {} in {}", self.key(), self.path.display())
    }

    /// The file; none if it is not there.
    fn read(&self, host: &dyn Host) -> Result<Option<Read>> {
        if metadata_of(host, &self.path, FileKind::File)?.is_none() {
            return Ok(None);
        }
        // Owner, mode and the rest are those of the file that the text is read from, whatever has its name by then.
        let Some(whole) = host.read_whole(&self.path, bytes::LIMIT + 1)? else { return Ok(None) };
        if whole.content.len() as u64 > bytes::LIMIT {
            return Err(Trouble::new(self.attempted(), format!("the file is larger than {}", Size(bytes::LIMIT))));
        }
        let (before, links) = (Before::of_file(&whole), whole.metadata.links);
        let text = String::from_utf8(whole.content).ok().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| Trouble::new(self.attempted(), "the file is not UTF-8 text"))?;
        Ok(Some(Read { before, text, links }))
    }

    fn told<T>(&self, result: std::result::Result<T, String>) -> Result<T> {
        result.map_err(|said| Trouble::new(self.attempted(), said))
    }

    /// What the block is to hold.
    fn render(&self, host: &dyn Host) -> Result<String> {
        let attempted = || format!("read the fragment {}", self.fragment.display());
        let Some(text) = host.read(&self.fragment, bytes::LIMIT)? else {
            return Err(Trouble::new(attempted(), "it is not there").kind(Kind::Gone));
        };
        let fragment = template::Fragment::read(&self.name(), &self.fragment, &text)?;
        let rendered = self.told(fragment.render(&self.instance, &self.params()))?;
        self.told(single::content_of(&rendered))
    }

    fn spot(&self) -> Spot<'_> {
        match (&self.after, &self.before) {
            (Some(words), _) => Spot::After(words),
            (_, Some(words)) => Spot::Before(words),
            _ => Spot::End,
        }
    }

    /// Changes the file as it is when the step runs: what came to the rest of it meanwhile stays.
    fn rewrite(
        &self,
        host: &dyn Host,
        change: impl FnOnce(Option<&str>) -> std::result::Result<Option<String>, String>,
    ) -> Result<()> {
        let (before, text) = match self.read(host)? {
            Some(Read { before, text, .. }) => (before, Some(text)),
            None => (Before::Nothing, None),
        };
        match self.told(change(text.as_deref()))? {
            new if new == text => Ok(()),
            Some(new) => host.replace_file(&self.path, &before.with_content(new.as_bytes(), None), &before),
            None => host.take_away(&self.path, &before),
        }
    }
}

/// A parameter as a begin line has it; none for what cannot stand there.
fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn attrs_of(content: String, params: &[(String, String)]) -> Attrs {
    let params: BTreeMap<&str, &str> = params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Attrs::new().with(CONTENT, content).with(WITH, json!(params))
}

impl Role for Fragment {
    fn claims(&self) -> Vec<Claim> {
        // Two roles that rewrite one file side by side would lose what the other wrote.
        vec![Claim::Part(self.path.to_path_buf(), self.key().to_string())]
    }

    fn check(&self) -> Vec<Finding> {
        let finding = |param: &str, code: Code, message: String, help: &str| Finding {
            param: param.into(),
            code,
            message,
            help: Some(help.into()),
        };
        let mut findings: Vec<Finding> = check_path(&self.path).into_iter().collect();
        let name = self.name();
        if !marker::is_name(&name) {
            let message = format!("`{name}` is not a valid name for a fragment");
            findings.push(finding("fragment", Code::BadName, message, "use letters, digits, `_` and `-` before the first `.`"));
        }
        if !marker::is_name(&self.instance) {
            let message = format!("`{}` is not a valid name for an instance", self.instance);
            findings.push(finding("instance", Code::BadName, message, "use letters, digits, `.`, `_` and `-`"));
        }
        for (name, value) in &self.with {
            if value.get("$secret").is_some() {
                let message = "a parameter of a fragment is visible in the file".to_string();
                findings.push(finding(
                    &format!("with.{name}"),
                    Code::Secret,
                    message,
                    "use `file.template` for files with secrets",
                ));
            } else if text_of(value).is_none() {
                let message = "a parameter of a fragment must be text, a number, `true` or `false`".to_string();
                findings.push(finding(&format!("with.{name}"), Code::WrongType, message, "it is written to the begin marker"));
            }
        }
        if self.after.is_some() && self.before.is_some() {
            let message = "`after` and `before` exclude each other".to_string();
            findings.push(finding("before", Code::WrongValue, message, "remove one of them"));
        }
        for (param, words) in [("after", &self.after), ("before", &self.before)] {
            if words.as_ref().is_some_and(|words| words.is_empty() || words.contains('\n')) {
                findings.push(finding(
                    param,
                    Code::WrongValue,
                    "every line, or none, holds this".into(),
                    "write text that is part of one line",
                ));
            }
        }
        findings
    }

    fn sources(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("fragment", self.fragment.to_path_buf())]
    }

    fn inspect(&self, host: &dyn Host) -> Vec<Finding> {
        let Some(text) = inspected(host, &self.fragment) else { return Vec::new() };
        let finding = |param: &str, code, message| vec![Finding { param: param.into(), code, message, help: None }];
        let fragment = match template::Fragment::read(&self.name(), &self.fragment, &text) {
            Ok(fragment) => fragment,
            Err(trouble) => return finding("fragment", Code::Template, trouble.to_string()),
        };
        // What another role offers is text here only once that role is there.
        let params = self.params();
        let known = params.len() == self.with.len() && !params.iter().any(|(_, value)| value.contains(UNKNOWN_OUTPUT));
        match fragment.values(&params) {
            _ if !known => Vec::new(),
            Err(said) => finding("with", Code::WrongValue, said),
            Ok(_) => fragment
                .render(&self.instance, &params)
                .err()
                .map_or_else(Vec::new, |said| finding("fragment", Code::Template, said)),
        }
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let Some(Read { text, links, .. }) = self.read(host)? else { return Ok(Observation::Absent) };
        Ok(match self.told(single::find(&text, &self.key()))? {
            Some(found) => {
                let attrs = attrs_of(found.content, &found.params).with(RAW, found.raw);
                Observation::Present(attrs.with_some(LINKS, (links > 1).then_some(links)))
            }
            None => Observation::Absent,
        })
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        Ok(attrs_of(self.render(host)?, &self.params()))
    }

    fn mend(&self, _change: &Change, _seen: &Attrs) -> Mend {
        Mend::InPlace
    }

    fn is_as_confirmed(&self, confirmed: &Attrs, seen: &Attrs) -> bool {
        contents::is_as_confirmed(confirmed, seen)
    }

    fn caution(&self, change: &Change, seen: &Attrs) -> Option<String> {
        contents::caution(change, seen)
    }

    fn fit_past(&self, past: &mut Attrs, _seen: &Observation) -> Option<String> {
        contents::fit_past(past)
    }

    fn loses(&self, _host: &dyn Host, seen: &Attrs, ours: Option<&Attrs>) -> Option<String> {
        let content = seen.get(CONTENT)?;
        let what = match ours {
            Some(ours) if ours.get(CONTENT) == Some(content) => return None,
            Some(_) => "the edits to",
            None => "the text of",
        };
        (content != "").then(|| format!("{what} {} in {}", self.key(), self.path.display()))
    }

    fn steps(&self, _host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        let seen = transition.from.attrs();
        let folder = folder_of(&self.path).to_path_buf();
        let litter = temporary_of(&self.path);
        let role = self.clone();
        let goal = match transition.to {
            Goal::Absent if seen.is_none() => return Ok(Vec::new()),
            Goal::Absent => {
                let run =
                    move |host: &dyn Host| role.rewrite(host, |text| single::take_out(text.unwrap_or_default(), &role.key()));
                return Ok(vec![Step::new("take the fragment out", run).litter(litter).durable(folder)]);
            }
            Goal::Attrs(goal) => goal.clone(),
        };
        if seen.is_some_and(|seen| seen.changes(&goal).is_empty()) {
            return Ok(Vec::new());
        }
        let run = move |host: &dyn Host| {
            role.rewrite(host, |text| {
                if let Some(raw) = goal.text(RAW) {
                    return single::put_raw(text, &role.key(), raw).map(Some);
                }
                let params = goal.get(WITH).and_then(Json::as_object).into_iter().flatten();
                let params: Vec<_> = params.filter_map(|(name, value)| Some((name.clone(), text_of(value)?))).collect();
                let content = goal.text(CONTENT).ok_or("the content to restore is unknown")?;
                single::put(text, &role.key(), &params, content, &Comment::of(&role.path), role.spot()).map(Some)
            })
        };
        Ok(vec![Step::new("embed the fragment", run).folder(folder.clone()).litter(litter).durable(folder)])
    }

    fn outputs(&self, _seen: Option<&Attrs>) -> Outputs {
        Outputs::from([("path".to_string(), Output::Text(self.path.display().to_string()))])
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Path(self.path.to_path_buf()), Watch::Path(self.fragment.to_path_buf())]
    }
}

impl Declared for Fragment {
    const NAME: &'static str = "file.fragment";
    const OUTPUTS: &'static [OutputInfo] =
        &[OutputInfo { name: "path", kind: RefKind::File, doc: "The file that it is embedded in." }];
    const EXAMPLE: &'static str = r#"sshd:
  is: file.fragment
  path: /etc/ssh/sshd_config
  fragment: ./fragments/ssh-base.conf
  with: {port: 2222}
  before: Match
"#;
}
