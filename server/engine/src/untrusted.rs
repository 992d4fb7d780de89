//! What is not trusted is held back: the rest of a spec can be looked at all the same.

use std::path::Path;

use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::param::Outputs;
use seed_role::step::{Step, Transition};
use seed_role::trouble::{Kind, Result, Trouble};
use seed_role::{Mend, Role, Watch};
use seed_spec::{Analysis, Code, Diagnostic};

use crate::check::{commands, runs_commands};
use crate::node::folder_of;
use crate::project::Project;
use crate::trust::{Trust, Writer};

/// Who wrote the command of a role and is not trusted for it, in the order in which it reads well: the spec first.
struct Untrusted {
    role: String,
    writers: Vec<Writer>,
    /// Who names the command: the innermost.
    named_by: Writer,
}

impl Untrusted {
    /// What to do about it.
    fn hint(&self, spec: &Path) -> String {
        let folder = |writer: &Writer| if let Writer::Folder(folder) = writer { Some(folder.clone()) } else { None };
        // A folder is trusted with all below it.
        let included = |writer: &Writer| {
            let inner = folder(writer);
            self.writers
                .iter()
                .filter(|other| *other != writer)
                .filter_map(folder)
                .any(|outer| inner.as_ref().is_some_and(|inner| *inner != outer && inner.starts_with(&outer)))
        };
        let needed = self.writers.iter().filter(|writer| !included(writer));
        needed.map(|writer| writer.how_to_trust(spec)).collect::<Vec<_>>().join("; and ")
    }

    /// What is wrong, to be read behind the role or "it".
    fn reason(&self, spec: &Path) -> String {
        let is_spec = |writer: &Writer| matches!(writer, Writer::Folder(folder) if *folder == folder_of(spec));
        let named_by = match &self.named_by {
            writer if is_spec(writer) => "the spec".to_owned(),
            Writer::Folder(_) => "a composite role".to_owned(),
            Writer::Collection { name, .. } => format!("the collection `{name}`"),
        };
        let who = self.writers.iter().map(|writer| match writer {
            writer if is_spec(writer) => "the spec's folder is not trusted",
            Writer::Folder(_) => "the role's folder is not trusted",
            Writer::Collection { .. } => "the collection is not trusted at this commit",
        });
        format!("runs a command that {named_by} names, and {}", who.collect::<Vec<_>>().join(", and "))
    }
}

/// The roles that run commands and are not trusted; of what only the journal knows none.
fn untrusted(analysis: &Analysis, spec: &Path, trust: &Trust) -> Vec<Untrusted> {
    let mut found: Vec<Untrusted> = Vec::new();
    // Those of one role stand together, who names its command last.
    for (instance, writer) in commands(analysis, spec) {
        let is_same = found.last().is_some_and(|last| *last.role == *instance.name);
        if !is_same {
            found.push(Untrusted { role: instance.name.to_string(), writers: Vec::new(), named_by: writer.clone() });
        }
        if let Some(last) = found.last_mut() {
            last.named_by = writer.clone();
            if !trust.allows(&writer) && !last.writers.contains(&writer) {
                last.writers.push(writer);
            }
        }
    }
    found.retain(|one| !one.writers.is_empty());
    found
}

/// A warning for the first role of a spec that runs commands and is not trusted.
pub(crate) fn warning(analysis: &Analysis, spec: &Path, trust: &Trust) -> Option<Diagnostic> {
    let first = untrusted(analysis, spec, trust).into_iter().next()?;
    let instance = analysis.roles.iter().chain(&analysis.instead).find(|role| *role.name == *first.role)?;
    let message = format!("`{}` {}", first.role, first.reason(spec));
    Some(Diagnostic::warning(Code::Untrusted, instance.name_span, message).help(first.hint(spec)))
}

/// Refuses a spec that runs commands which are not trusted, and says who has to be.
///
/// # Errors
///
/// [`Kind::Unsafe`], with the commands that trust them.
pub fn require(project: &Project, trust: &Trust) -> Result<()> {
    let refuse = |role: &str, reason: String, hint: String| {
        Err(Trouble::new(format!("look at `{role}`"), format!("it {reason}")).kind(Kind::Unsafe).hint(hint))
    };
    if let Some(first) = untrusted(&project.analysis, &project.path, trust).first() {
        return refuse(&first.role, first.reason(&project.path), first.hint(&project.path));
    }
    // What only the journal knows came from the spec, too.
    let here = Writer::Folder(folder_of(&project.path));
    let orphan = project.graph.nodes.iter().find(|node| node.instance.is_none() && runs_commands(node));
    match orphan.filter(|_| !trust.allows(&here)) {
        Some(orphan) => {
            let reason = "runs a command that the spec names, and the spec's folder is not trusted";
            refuse(&orphan.name, reason.to_owned(), here.how_to_trust(&project.path))
        }
        None => Ok(()),
    }
}

/// Puts in the place of each role that runs a command which nobody trusts one that says so and runs nothing. Gives the nodes that are
/// held back. Comes behind what makes the graph anew.
pub fn hold_back(project: &mut Project, trust: &Trust) -> Vec<usize> {
    let untrusted = untrusted(&project.analysis, &project.path, trust);
    let spec = project.path.clone();
    let here = Writer::Folder(folder_of(&project.path));
    let reason = "runs a command that the spec named, and the spec's folder is not trusted";
    let orphans = (!trust.allows(&here)).then(|| (reason.to_owned(), here.how_to_trust(&spec)));
    let mut held = Vec::new();
    for (index, node) in project.graph.nodes.iter_mut().enumerate() {
        let held_for = match node.instance {
            Some(_) => untrusted.iter().find(|one| *one.role == *node.name).map(|one| (one.reason(&spec), one.hint(&spec))),
            // What only the journal knows came from the spec, too.
            None => orphans.clone().filter(|_| runs_commands(node)),
        };
        if let Some((reason, hint)) = held_for {
            // Nothing of it is filled in and built again.
            node.params.dynamic = false;
            node.role = Some(Box::new(Held { role: node.role.take(), reason, hint }));
            held.push(index);
        }
    }
    held
}

/// A role that is held back.
struct Held {
    role: Option<Box<dyn Role>>,
    reason: String,
    hint: String,
}

impl Held {
    fn trouble(&self) -> Trouble {
        Trouble::new("look at it", format!("it {}", self.reason)).kind(Kind::Unsafe).hint(self.hint.clone())
    }
}

impl Role for Held {
    fn claims(&self) -> Vec<Claim> {
        self.role.as_ref().map(|role| role.claims()).unwrap_or_default()
    }

    fn observe(&self, _host: &dyn Host) -> Result<Observation> {
        Err(self.trouble())
    }

    fn wanted(&self, _host: &dyn Host) -> Result<Attrs> {
        Err(self.trouble())
    }

    fn mend(&self, _change: &Change, _seen: &Attrs) -> Mend {
        Mend::Never(self.trouble().to_string())
    }

    fn loses(&self, _host: &dyn Host, _seen: &Attrs, _ours: Option<&Attrs>) -> Option<String> {
        None
    }

    fn steps(&self, _host: &dyn Host, _transition: &Transition<'_>) -> Result<Vec<Step>> {
        Err(self.trouble())
    }

    fn outputs(&self, _seen: Option<&Attrs>) -> Outputs {
        self.role.as_ref().map(|role| role.outputs(None)).unwrap_or_default()
    }

    fn recover(&self, _host: &dyn Host, _step: &str) -> Result<()> {
        Err(self.trouble())
    }

    fn watches(&self) -> Vec<Watch> {
        Vec::new()
    }
}
