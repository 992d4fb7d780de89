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
use crate::project::Project;
use crate::trust::{Entry, Trust, allows};
use crate::writer::{Holds, Writer};

/// Who has a say in the command of a role and is not trusted for it, in the order in which it reads well: the spec first.
struct Untrusted {
    role: String,
    writers: Vec<Writer>,
    /// Who names the command.
    named_by: String,
}

/// What is trusted, or why nothing is.
struct Trusted {
    entries: Vec<Entry>,
    trouble: Option<Trouble>,
}

impl Trusted {
    fn read(trust: &Trust) -> Trusted {
        match trust.entries() {
            Ok(entries) => Trusted { entries, trouble: None },
            Err(trouble) => Trusted { entries: Vec::new(), trouble: Some(trouble) },
        }
    }

    /// Those of these that are not trusted.
    fn without(&self, writers: Vec<Writer>) -> Vec<Writer> {
        let mut missing: Vec<Writer> = Vec::new();
        for writer in writers {
            if !allows(&self.entries, &writer) && !missing.iter().any(|known| is_same(known, &writer)) {
                missing.push(writer);
            }
        }
        missing
    }

    /// What to do so that they are.
    fn hint(&self, missing: &[Writer], spec: &Path) -> String {
        let included = |writer: &Writer| missing.iter().any(|other| other.includes(writer));
        let needed = missing.iter().filter(|writer| !included(writer));
        let hints = needed.map(|writer| writer.how_to_trust(spec)).collect::<Vec<_>>().join("; and ");
        match &self.trouble {
            Some(trouble) => format!("{trouble}; then, if it is still needed, {hints}"),
            None => hints,
        }
    }
}

/// Whether trusting one is trusting the other: what a folder holds makes no difference.
fn is_same(one: &Writer, other: &Writer) -> bool {
    match (one, other) {
        (Writer::Folder { folder: one, .. }, Writer::Folder { folder: other, .. }) => one == other,
        _ => one == other,
    }
}

impl Untrusted {
    /// What is wrong, to be read behind the role or "it".
    fn reason(&self) -> String {
        reason(&self.named_by, "names", &self.writers)
    }
}

fn reason(named_by: &str, names: &str, missing: &[Writer]) -> String {
    let who: Vec<String> = missing.iter().map(Writer::is_not_trusted).collect();
    format!("runs a command that {named_by} {names}, and {}", who.join(", and "))
}

/// The roles that run commands and are not trusted; of what only the journal knows none.
fn untrusted(analysis: &Analysis, trusted: &Trusted) -> Vec<Untrusted> {
    let commands = commands(analysis);
    if commands.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    // Each file is looked at once.
    let writers: Vec<Vec<Writer>> = analysis.documents.iter().map(|document| Writer::of(document, analysis)).collect();
    let missing: Vec<Vec<Writer>> = writers.iter().map(|writers| trusted.without(writers.clone())).collect();
    for (instance, files) in commands {
        let behind = files.iter().filter_map(|file| missing.get(file.0 as usize)).flatten();
        let behind = trusted.without(behind.cloned().collect());
        if behind.is_empty() {
            continue;
        }
        let named_by = match writers.get(instance.entry.0.0 as usize).and_then(|writers| writers.first()) {
            Some(Writer::Folder { holds, .. }) => holds.words().to_owned(),
            Some(Writer::Collection { name, .. }) => format!("the collection `{name}`"),
            _ => Holds::Spec.words().to_owned(),
        };
        found.push(Untrusted { role: instance.name.to_string(), writers: behind, named_by });
    }
    found
}

/// A warning for the first role of a spec that runs commands and is not trusted.
pub(crate) fn warning(analysis: &Analysis, spec: &Path, trust: &Trust) -> Option<Diagnostic> {
    let trusted = Trusted::read(trust);
    let first = untrusted(analysis, &trusted).into_iter().next()?;
    let instance = analysis.roles.iter().chain(&analysis.instead).find(|role| *role.name == *first.role)?;
    let message = format!("`{}` {}", first.role, first.reason());
    Some(Diagnostic::warning(Code::Untrusted, instance.name_span, message).help(trusted.hint(&first.writers, spec)))
}

/// What only the journal knows came from the spec, too: why it is held back and what to do, where the spec is not trusted.
fn orphans(spec: &Path, trusted: &Trusted) -> Option<(String, String)> {
    let missing = trusted.without(Writer::of_spec(spec));
    (!missing.is_empty()).then(|| (reason(Holds::Spec.words(), "named", &missing), trusted.hint(&missing, spec)))
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
    let trusted = Trusted::read(trust);
    if let Some(first) = untrusted(&project.analysis, &trusted).first() {
        return refuse(&first.role, first.reason(), trusted.hint(&first.writers, &project.path));
    }
    let orphan = project.graph.nodes.iter().find(|node| node.instance.is_none() && runs_commands(node));
    match orphan.and_then(|orphan| Some((orphan, orphans(&project.path, &trusted)?))) {
        Some((orphan, (reason, hint))) => refuse(&orphan.name, reason, hint),
        None => Ok(()),
    }
}

/// Puts in the place of each role that runs a command which nobody trusts one that says so and runs nothing. Gives the nodes that are
/// held back. Comes behind what makes the graph anew.
pub fn hold_back(project: &mut Project, trust: &Trust) -> Vec<usize> {
    let trusted = Trusted::read(trust);
    let untrusted = untrusted(&project.analysis, &trusted);
    let spec = project.path.clone();
    let orphans = orphans(&spec, &trusted);
    let mut held = Vec::new();
    for (index, node) in project.graph.nodes.iter_mut().enumerate() {
        let held_for = match node.instance {
            Some(_) => {
                let one = untrusted.iter().find(|one| *one.role == *node.name);
                one.map(|one| (one.reason(), trusted.hint(&one.writers, &spec)))
            }
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
