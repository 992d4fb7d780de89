//! What can be done with a spec and each of its roles, above their lines.

use seed_spec::{FileId, Span, State};

use crate::Snapshot;

/// Something that can be asked of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What is to be done.
    pub what: Work,
    /// The roles it is about; all if there is none.
    pub roles: Vec<String>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Show what would change.
    Plan,
    /// Bring it to a state: present as the spec says, or absent.
    Apply(State),
    /// Look.
    Info,
}

/// A line of text above a line of the spec, which starts a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// Where it belongs.
    pub span: Span,
    /// How it is shown.
    pub title: String,
    /// What it starts.
    pub job: Job,
}

/// The lenses of a spec: plan and apply at its top, and what can be done with each role. The first on a line has a sign that tells
/// buttons from text.
pub fn lenses(snapshot: &Snapshot) -> Vec<Lens> {
    let Some(spec) = snapshot.spec().filter(|_| snapshot.is_current()) else { return Vec::new() };
    // A composite role is made where it is used.
    if spec.entries.is_empty() || snapshot.analysis.is_role {
        return Vec::new();
    }
    let top = Span::new(FileId(0), 0, 0);
    let all = |title: &str, what| Lens { span: top, title: title.into(), job: Job { what, roles: Vec::new() } };
    let mut lenses = vec![all("▶ plan", Work::Plan), all("apply", Work::Apply(State::Present))];
    for entry in &spec.entries {
        for (nth, (verb, what)) in verbs().into_iter().enumerate() {
            let job = Job { what, roles: vec![entry.name.to_string()] };
            let title = if nth == 0 { format!("▶ {verb}") } else { verb.into() };
            lenses.push(Lens { span: entry.name_span, title, job });
        }
    }
    lenses
}

/// What can be done with a role, in the order in which it is offered.
pub(crate) fn verbs() -> [(&'static str, Work); 3] {
    [("apply", Work::Apply(State::Present)), ("remove", Work::Apply(State::Absent)), ("inspect", Work::Info)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, check};

    #[test]
    fn the_spec_and_each_role_have_theirs() {
        let spec = "seed: 1\nname: a\nroles:\n  image: {is: disk.image, path: ./a, size: 1 GiB}\n";
        let shown = check(spec, |Fixture { snapshot, .. }| {
            let shown = lenses(snapshot).into_iter().map(|lens| {
                format!("{} {} {:?} {:?}", Fixture::place(snapshot, lens.span), lens.title, lens.job.what, lens.job.roles)
            });
            shown.collect::<Vec<_>>().join("\n")
        });
        assert_eq!(
            shown,
            "main.seed.yaml:1:1  ▶ plan Plan []\nmain.seed.yaml:1:1  apply Apply(Present) []\n\
             main.seed.yaml:4:3 image ▶ apply Apply(Present) [\"image\"]\n\
             main.seed.yaml:4:3 image remove Apply(Absent) [\"image\"]\nmain.seed.yaml:4:3 image inspect Info [\"image\"]"
        );
    }

    #[test]
    fn a_file_without_roles_has_none() {
        assert_eq!(check("seed: 1\nname: a\n", |fixture| lenses(&fixture.snapshot).len().to_string()), "0");
    }
}
