//! Composite roles, on the simulated machine: law 4, and what they write for a state of their own.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use seed_engine::apply::Apply;
use seed_engine::journal::{self, Journal};
use seed_engine::laws::Laws;
use seed_engine::plan::Options;
use seed_engine::project::{DiskLoader, Project};
use seed_engine::{Action, Plan, info};
use seed_role::attrs::Change;
use seed_role::host::Host;
use seed_role::host::sim::SimHost;
use seed_spec::State;

/// A project on the disk, a simulated machine, and its journal.
struct Lab {
    folder: tempfile::TempDir,
    host: SimHost,
    state: tempfile::TempDir,
}

impl Lab {
    fn new() -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let host = SimHost::new();
        for path in folder.path().ancestors().collect::<Vec<_>>().into_iter().rev().chain([Path::new("/srv")]) {
            if host.metadata(path).unwrap().is_none() {
                host.make_folder(path, 0o755).unwrap();
            }
        }
        Lab { folder, host, state: tempfile::tempdir().unwrap() }
    }

    fn role(&self, name: &str, role: &str, tasks: &str) {
        let folder = self.folder.path().join("roles").join(name);
        std::fs::create_dir_all(folder.join("tasks")).unwrap();
        std::fs::write(folder.join("role.yml"), role).unwrap();
        std::fs::write(folder.join("tasks/main.yml"), tasks).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("lab.seed.yaml")
    }

    fn project(&self, roles: &str, asked: State) -> Project {
        let text = spec(roles);
        Project::new(&self.path(), &text, &DiskLoader, &self.host, self.state.path())
            .unwrap_or_else(|analysis| panic!("{:#?}\n{text}", analysis.diagnostics))
            .asked_for(asked, &self.host)
    }

    fn plan(&self, roles: &str, options: &Options) -> Plan {
        let project = self.project(roles, options.state);
        let ledger = journal::read(&project.folder).unwrap();
        project.with_orphans(&ledger, &self.host).plan(&self.host, &ledger, options).unwrap()
    }

    fn apply(&self, roles: &str, state: State) -> Plan {
        let project = self.project(roles, state);
        let journal = Journal::open(&project.folder).unwrap();
        let ledger = journal.ledger();
        let project = project.with_orphans(&ledger, &self.host);
        let plan = project.plan(&self.host, &ledger, &Options { state, ..Options::default() }).unwrap();
        let (stop, report) = (AtomicBool::new(false), |_: &_| {});
        let (graph, host) = (&project.graph, &self.host);
        let apply =
            Apply { graph, plan: &plan, host, journal: &journal, command: "apply", jobs: 2, stop: &stop, report: &report };
        assert_eq!(apply.run().unwrap().failed, 0);
        plan
    }

    fn has(&self, path: &str) -> bool {
        self.host.metadata(Path::new(path)).unwrap().is_some()
    }
}

fn spec(roles: &str) -> String {
    let roles: String = roles.lines().map(|line| format!("  {line}\n")).collect();
    format!("seed: 1\nname: lab\nroles:\n{roles}  last: {{is: file.directory, path: /srv/last}}\n")
}

/// A part of a role, as it was made up.
#[derive(Clone, Debug)]
enum Piece {
    Folder,
    /// With a text that may name an earlier part.
    File {
        names: bool,
    },
    /// A use of a role that is defined before this one.
    Use {
        role: usize,
        word: bool,
    },
    /// Folders in a loop.
    Loop {
        keys: u8,
    },
    /// Left out unless the word is the one it waits for.
    When {
        word: bool,
    },
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        Just(Piece::Folder),
        any::<bool>().prop_map(|names| Piece::File { names }),
        (0..4usize, any::<bool>()).prop_map(|(role, word)| Piece::Use { role, word }),
        (0..3u8).prop_map(|keys| Piece::Loop { keys }),
        any::<bool>().prop_map(|word| Piece::When { word }),
    ]
}

/// Roles, and uses of them in a spec, with whether each comes after the one before.
fn project() -> impl Strategy<Value = (Vec<Vec<Piece>>, Vec<(usize, bool)>)> {
    let roles = prop::collection::vec(prop::collection::vec(piece(), 0..4), 1..4);
    (roles, prop::collection::vec((0..4usize, any::<bool>()), 1..4))
}

const ROLE: &str = "parameters: {at: {type: path}, word: {type: text, default: plain}}\noutputs: {at: \"${at}\"}\n";

/// The tasks of a role, as its file has them.
fn tasks(number: usize, pieces: &[Piece]) -> String {
    // Each makes its own folder: of one that two roles make on the way, it is not said which of them takes it back.
    let mut tasks = "present:\n  base: {is: file.directory, path: \"${at}\"}\n".to_string();
    if pieces.is_empty() {
        return "present: {}\n".into();
    }
    for (place, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Folder => writeln!(tasks, "  p{place}: {{is: file.directory, path: \"${{at}}/p{place}\"}}"),
            Piece::File { names } => {
                let folder = pieces[..place].iter().position(|piece| matches!(piece, Piece::Folder)).filter(|_| *names);
                let named = folder.map(|folder| format!(" ${{p{folder}.path}}")).unwrap_or_default();
                writeln!(tasks, "  p{place}: {{is: file.text, path: \"${{at}}/p{place}\", content: \"${{word}}{named}\"}}")
            }
            Piece::Use { role, word } if *role < number => {
                let word = if *word { ", word: \"${word}!\"" } else { "" };
                writeln!(tasks, "  p{place}: {{is: r{role}, at: \"${{at}}/p{place}\"{word}}}")
            }
            Piece::Use { .. } => {
                writeln!(tasks, "  p{place}: {{is: file.directory, path: \"${{at}}/p{place}\", mode: \"0700\"}}")
            }
            Piece::Loop { keys } => {
                let keys: Vec<String> = (0..*keys).map(|key| format!("k{key}")).collect();
                let keys = keys.join(", ");
                writeln!(
                    tasks,
                    "  p{place}: {{is: file.directory, for_each: [{keys}], path: \"${{at}}/p{place}-${{each.key}}\"}}"
                )
            }
            Piece::When { word } => {
                let word = if *word { "plain" } else { "plain!" };
                writeln!(tasks, "  p{place}: {{is: file.directory, path: \"${{at}}/p{place}\", when: word == '{word}'}}")
            }
        }
        .unwrap();
    }
    tasks
}

/// The same, written by hand in a spec: names and entries.
fn by_hand(roles: &[Vec<Piece>], number: usize, name: &str, at: &str, word: &str, needs: &str, out: &mut Vec<(String, String)>) {
    let pieces = &roles[number];
    if !pieces.is_empty() {
        out.push((format!("{name}-base"), format!("{{is: file.directory, path: {at}{needs}}}")));
    }
    for (place, piece) in pieces.iter().enumerate() {
        let (part, path) = (format!("{name}-p{place}"), format!("{at}/p{place}"));
        let mut push = |name: String, entry: String| out.push((name, format!("{{{entry}{needs}}}")));
        match piece {
            Piece::Folder => push(part, format!("is: file.directory, path: {path}")),
            Piece::File { names } => {
                let folder = pieces[..place].iter().position(|piece| matches!(piece, Piece::Folder)).filter(|_| *names);
                let named = folder.map(|folder| format!(" ${{{name}-p{folder}.path}}")).unwrap_or_default();
                push(part, format!("is: file.text, path: {path}, content: \"{word}{named}\""));
            }
            Piece::Use { role, word: more } if *role < number => {
                let word = if *more { format!("{word}!") } else { "plain".to_string() };
                by_hand(roles, *role, &part, &path, &word, needs, out);
            }
            Piece::Use { .. } => push(part, format!("is: file.directory, path: {path}, mode: \"0700\"")),
            Piece::Loop { keys } => {
                for key in 0..*keys {
                    push(format!("{part}-k{key}"), format!("is: file.directory, path: {path}-k{key}"));
                }
            }
            Piece::When { word: plain } => {
                if word == if *plain { "plain" } else { "plain!" } {
                    push(part, format!("is: file.directory, path: {path}"));
                }
            }
        }
    }
}

/// The name that a role has where it is written by hand.
fn plain(name: &str) -> String {
    name.replace(['/', '['], "-").replace(']', "")
}

type Actions = BTreeMap<String, (Action, String, Vec<Change>, BTreeSet<String>)>;

fn actions(plan: &Plan) -> Actions {
    let roles = plan.roles.iter().map(|planned| {
        let after = planned.after.iter().map(|name| plain(name)).collect();
        // A text that waits for an output says whose.
        let changes = planned.changes.iter().map(|change| Change { to: plain_value(&change.to), ..change.clone() }).collect();
        (plain(&planned.role), (planned.action, planned.is.clone(), changes, after))
    });
    roles.collect()
}

fn plain_value(value: &serde_json::Value) -> serde_json::Value {
    match value.as_str() {
        Some(text) if text.contains('‹') => plain(text).into(),
        _ => value.clone(),
    }
}

/// A lab with the roles, the uses as written, and the same by hand.
fn both(roles: &[Vec<Piece>], uses: &[(usize, bool)]) -> (Lab, String, String) {
    let lab = Lab::new();
    for (number, pieces) in roles.iter().enumerate() {
        lab.role(&format!("r{number}"), ROLE, &tasks(number, pieces));
    }
    let (mut used, mut written) = (String::new(), String::new());
    let mut before: Vec<String> = Vec::new();
    for (number, (role, after)) in uses.iter().enumerate() {
        let role = role % roles.len();
        let needs = if *after && number > 0 { format!(", needs: [u{}]", number - 1) } else { String::new() };
        writeln!(used, "u{number}: {{is: r{role}, at: /srv/u{number}{needs}}}").unwrap();
        let needs = if needs.is_empty() { String::new() } else { format!(", needs: [{}]", before.join(", ")) };
        let mut parts = Vec::new();
        by_hand(roles, role, &format!("u{number}"), &format!("/srv/u{number}"), "plain", &needs, &mut parts);
        before = parts.iter().map(|(name, _)| name.clone()).collect();
        parts.iter().for_each(|(name, entry)| writeln!(written, "{name}: {entry}").unwrap());
    }
    (lab, used, written)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_composite_role_equals_its_parts_written_by_hand((roles, uses) in project()) {
        let (lab, used, written) = both(&roles, &uses);
        let by_hand = Lab::new();
        // Composition: the plan of the roles is the plans of their parts put together.
        prop_assert_eq!(actions(&lab.plan(&used, &Options::default())), actions(&by_hand.plan(&written, &Options::default())));
        lab.apply(&used, State::Present);
        by_hand.apply(&written, State::Present);
        // The folders of the two projects are no part of what was made.
        let tree = |lab: &Lab| seen(&lab.host, Path::new("/srv"));
        prop_assert_eq!(tree(&lab), tree(&by_hand));
        prop_assert!(lab.plan(&used, &Options::default()).is_empty());
        let down = Options { state: State::Absent, ..Options::default() };
        prop_assert_eq!(actions(&lab.plan(&used, &down)), actions(&by_hand.plan(&written, &down)));
        lab.apply(&used, State::Absent);
        prop_assert_eq!(tree(&lab), Vec::<String>::new());
    }

    #[test]
    fn the_order_of_parts_changes_nothing((roles, uses) in project()) {
        let (lab, used, _) = both(&roles, &uses);
        let plan = lab.plan(&used, &Options::default());
        for (number, pieces) in roles.iter().enumerate() {
            let tasks = tasks(number, pieces);
            let mut lines: Vec<&str> = tasks.lines().skip(1).collect();
            if !lines.is_empty() {
                lines.reverse();
                lab.role(&format!("r{number}"), ROLE, &format!("present:\n{}\n", lines.join("\n")));
            }
        }
        let turned: Vec<&str> = used.lines().rev().collect();
        let other = lab.plan(&turned.join("\n"), &Options::default());
        prop_assert_eq!(&other.digest, &plan.digest);
        let names = |plan: &Plan| plan.in_order().map(|planned| planned.role.to_string()).collect::<Vec<_>>();
        prop_assert_eq!(names(&other), names(&plan));
    }

    #[test]
    fn a_composite_role_alone_is_the_plans_of_its_parts((roles, uses) in project()) {
        let (lab, used, _) = both(&roles, &uses);
        let whole = lab.plan(&used, &Options::default());
        for number in 0..uses.len() {
            let only = Options { only: vec![format!("u{number}")], ..Options::default() };
            let alone = actions(&lab.plan(&used, &only));
            let parts = whole.roles.iter().filter(|planned| planned.role.starts_with(&format!("u{number}/")));
            for part in parts {
                prop_assert_eq!(alone.get(&plain(&part.role)).map(|found| found.0), Some(part.action));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn composite_roles_keep_all_laws((roles, uses) in project()) {
        let (lab, used, _) = both(&roles, &uses);
        let (path, text) = (lab.path(), spec(&used));
        for verdict in (Laws { path: &path, text: &text, world: &lab.host, stride: 7 }).try_all() {
            prop_assert!(verdict.holds, "{}: {:?}\n{text}", verdict.law.name(), verdict.broken);
        }
    }
}

/// What is in a folder: paths, with what files say.
fn seen(host: &SimHost, folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for name in host.list(&folder).unwrap() {
            let path = folder.join(name);
            let metadata = host.metadata(&path).unwrap().unwrap();
            let text = host.read(&path, 10_000).ok().flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            found.push(format!("{} {:o} {text:?}", path.display(), metadata.mode));
            if metadata.kind == seed_role::host::FileKind::Directory {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_empty_role_has_an_empty_plan() {
    let lab = Lab::new();
    lab.role("nothing", "about: Nothing.\n", "present: {}\n");
    let plan = lab.plan("none: {is: nothing}\nmany: {is: nothing, for_each: [a, b]}\n", &Options::default());
    assert_eq!(plan.roles.iter().map(|planned| &*planned.role).collect::<Vec<_>>(), ["last"]);
    let only = Options { only: vec!["none".into()], ..Options::default() };
    assert!(lab.plan("none: {is: nothing}\n", &only).roles.is_empty());
}

const KEPT: &str = "present:\n  data: {is: file.directory, path: \"${at}\"}\n  note: {is: file.text, path: \"${at}/note\", content: here}\n\
                    absent:\n  note: {is: file.text, path: \"${at}/note\", content: here, state: absent}\n  \
                    farewell: {is: file.text, path: /srv/farewell, content: gone}\n\
                    info:\n  data: {is: file.directory, path: \"${at}\"}\n";

#[test]
fn what_a_role_writes_for_absent_and_info_is_what_is_done() {
    let lab = Lab::new();
    lab.role("kept", ROLE, KEPT);
    let roles = "box: {is: kept, at: /srv/box}\n";
    lab.apply(roles, State::Present);
    assert!(lab.has("/srv/box/note") && !lab.has("/srv/farewell"));

    let seen = lab.plan(roles, &Options { state: State::Info, ..Options::default() });
    let names: Vec<&str> = seen.roles.iter().map(|planned| &*planned.role).collect();
    assert_eq!(names, ["box/data", "last"]);
    assert!(info::is_as_the_spec_says(&seen));

    let plan = lab.apply(roles, State::Absent);
    let done: Vec<_> = plan.in_order().map(|planned| (&*planned.role, planned.action)).collect();
    assert_eq!(done, [("last", Action::Remove), ("box/note", Action::Remove), ("box/farewell", Action::Create)]);
    // What the list leaves out stays.
    assert!(lab.has("/srv/box") && !lab.has("/srv/box/note") && lab.has("/srv/farewell"));
    assert!(lab.plan(roles, &Options { state: State::Absent, ..Options::default() }).is_empty());

    // Back again; what was written for `absent` is nobody's orphan.
    let back = lab.plan(roles, &Options::default());
    let done: Vec<_> = back.in_order().map(|planned| (&*planned.role, planned.action)).collect();
    assert_eq!(done, [("box/data", Action::None), ("last", Action::Create), ("box/note", Action::Create)]);
}

#[test]
fn a_use_that_asks_for_a_state_gets_what_is_written_for_it() {
    let lab = Lab::new();
    lab.role("kept", ROLE, KEPT);
    lab.apply("box: {is: kept, at: /srv/box}\n", State::Present);
    let plan = lab.plan("box: {is: kept, at: /srv/box, state: absent}\n", &Options::default());
    let done: Vec<_> = plan.in_order().map(|planned| (&*planned.role, planned.action)).collect();
    assert_eq!(done, [("box/note", Action::Remove), ("box/farewell", Action::Create), ("last", Action::None)]);
    let plan = lab.plan("box: {is: kept, at: /srv/box, state: info}\n", &Options::default());
    let done: Vec<_> = plan.in_order().map(|planned| (&*planned.role, planned.action)).collect();
    assert_eq!(done, [("box/data", Action::None), ("last", Action::None)]);
}

#[test]
fn what_is_there_is_written_as_a_spec_whose_plan_is_empty() {
    let lab = Lab::new();
    lab.role(
        "box",
        ROLE,
        "present:\n  folder: {is: file.directory, path: \"${at}\"}\n  \
                           notes: {is: file.text, for_each: [a, b], path: \"${folder.path}/${each.key}\", content: x}\n",
    );
    let roles = "one: {is: box, at: /srv/one}\n";
    lab.apply(roles, State::Present);
    let project = lab.project(roles, State::Info);
    let ledger = journal::read(&project.folder).unwrap();
    let plan = project.plan(&lab.host, &ledger, &Options::default()).unwrap();
    let text = info::as_spec(&project, &plan).unwrap();
    let again = Project::new(&lab.path(), &text, &DiskLoader, &lab.host, lab.state.path())
        .unwrap_or_else(|analysis| panic!("{:#?}\n{text}", analysis.diagnostics));
    assert!(again.plan(&lab.host, &ledger, &Options::default()).unwrap().is_empty(), "{text}");
    assert!(text.contains("one-notes-a:"), "{text}");
}
