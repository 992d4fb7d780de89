//! Specs that change between one apply and the next, on the simulated machine: orphans, renames, other paths, undo.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use seed_engine::apply::{Apply, Event, Summary};
use seed_engine::journal::{self, Journal};
use seed_engine::plan::Options;
use seed_engine::project::{DiskLoader, Project};
use seed_engine::{Action, Graph, Plan, undo};
use seed_role::host::Host;
use seed_role::host::sim::SimHost;
use seed_role::trouble::Kind;
use seed_spec::State;

const SPEC: &str = "/work/lab.seed.yaml";

struct Lab {
    host: SimHost,
    state: tempfile::TempDir,
}

struct Outcome {
    actions: BTreeMap<String, Action>,
    failures: Vec<String>,
    summary: Summary,
}

impl Lab {
    fn new() -> Lab {
        let host = SimHost::new();
        host.make_folder(Path::new("/work"), 0o755).unwrap();
        Lab { host, state: tempfile::tempdir().unwrap() }
    }

    fn project(&self, roles: &str) -> Project {
        let roles: String = roles.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!("seed: 1\nname: lab\nroles:\n{roles}");
        Project::new(Path::new(SPEC), &text, &DiskLoader, &self.host, self.state.path())
            .unwrap_or_else(|analysis| panic!("{:?}\n{text}", analysis.diagnostics))
    }

    fn plan(&self, roles: &str, options: &Options) -> Plan {
        let project = self.project(roles);
        let ledger = journal::read(&project.folder).unwrap();
        project.with_orphans(&ledger, &self.host).plan(&self.host, &ledger, options).unwrap()
    }

    fn apply(&self, roles: &str, options: &Options) -> Outcome {
        let project = self.project(roles);
        let journal = Journal::open(&project.folder).unwrap();
        let ledger = journal.ledger();
        let project = project.with_orphans(&ledger, &self.host);
        let plan = project.plan(&self.host, &ledger, options).unwrap();
        self.run(&project.graph, &plan, &journal, "apply")
    }

    fn undo(&self, roles: &str) -> Outcome {
        let project = self.project(roles);
        let journal = Journal::open(&project.folder).unwrap();
        let undo = undo::plan_undo(&project, &self.host, &journal.ledger()).unwrap();
        let outcome = self.run(&undo.graph, &undo.plan, &journal, &format!("undo {}", undo.run));
        journal.note_reported().unwrap();
        outcome
    }

    fn run(&self, graph: &Graph, plan: &Plan, journal: &Journal, command: &str) -> Outcome {
        let failures = Mutex::new(Vec::new());
        let report = |event: &Event| {
            if let Event::Failed { role, message, .. } = event {
                failures.lock().unwrap().push(format!("{role}: {message}"));
            }
        };
        let stop = AtomicBool::new(false);
        let apply = Apply { graph, plan, host: &self.host, journal, command, jobs: 2, stop: &stop, report: &report };
        let summary = apply.run().unwrap();
        let actions = plan.in_order().map(|planned| (planned.role.to_string(), planned.action)).collect();
        Outcome { actions, failures: failures.into_inner().unwrap(), summary }
    }

    fn has(&self, path: &str) -> bool {
        self.host.metadata(Path::new(path)).unwrap().is_some()
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.host.read(Path::new(path), 1000).unwrap().unwrap()).unwrap()
    }
}

fn text(name: &str, path: &str, content: &str) -> String {
    format!("{name}: {{is: file.text, path: {path}, content: \"{content}\"}}\n")
}

#[test]
fn an_orphan_is_shown_and_removed_with_prune_only() {
    let lab = Lab::new();
    let both = text("a", "./a", "1") + &text("b", "./b", "2");
    lab.apply(&both, &Options::default());
    let one = text("a", "./a", "1");
    let plan = lab.plan(&one, &Options::default());
    let orphan = plan.roles.iter().find(|planned| &*planned.role == "b").unwrap();
    assert_eq!(orphan.action, Action::None);
    assert!(orphan.reason.as_ref().unwrap().contains("--prune"));
    lab.apply(&one, &Options { prune: true, ..Options::default() });
    assert!(lab.has("/work/a") && !lab.has("/work/b"));
}

#[test]
fn a_renamed_role_keeps_what_it_made() {
    let lab = Lab::new();
    let before = lab.host.state();
    lab.apply(&text("old", "./a", "1"), &Options::default());
    let renamed = text("new", "./a", "1");
    let outcome = lab.apply(&renamed, &Options { prune: true, ..Options::default() });
    assert_eq!(outcome.summary.changed, 0, "{:?}", outcome.actions);
    assert!(lab.has("/work/a"));
    lab.apply(&renamed, &Options { state: State::Absent, ..Options::default() });
    assert!(before.diff(&lab.host.state()).is_empty());
}

#[test]
fn what_was_made_at_another_path_becomes_an_orphan() {
    let lab = Lab::new();
    let before = lab.host.state();
    lab.apply(&text("a", "./here", "1"), &Options::default());
    let moved = text("a", "./there", "1");
    let outcome = lab.apply(&moved, &Options::default());
    assert_eq!(outcome.actions["a"], Action::Create);
    assert!(lab.has("/work/here") && lab.has("/work/there"));
    let outcome = lab.apply(&moved, &Options { prune: true, ..Options::default() });
    assert_eq!(outcome.actions["a (before)"], Action::Remove);
    assert!(!lab.has("/work/here") && lab.has("/work/there"));
    lab.apply(&moved, &Options { state: State::Absent, ..Options::default() });
    assert!(before.diff(&lab.host.state()).is_empty());
}

#[test]
fn a_role_of_another_type_leaves_the_old_thing_as_an_orphan() {
    let lab = Lab::new();
    lab.apply(&text("a", "./a", "1"), &Options::default());
    let folder = "a: {is: file.directory, path: ./folder}\n";
    let outcome = lab.apply(folder, &Options { prune: true, ..Options::default() });
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert!(!lab.has("/work/a") && lab.has("/work/folder"));
}

#[test]
fn undo_puts_old_content_back_and_can_itself_be_followed_by_another() {
    let lab = Lab::new();
    lab.apply(&text("a", "./a", "one"), &Options::default());
    let two = text("a", "./a", "two");
    lab.apply(&two, &Options::default());
    lab.undo(&two);
    assert_eq!(lab.text("/work/a"), "one");
    lab.undo(&two);
    assert!(!lab.has("/work/a"));
}

#[test]
fn a_failure_stops_only_what_depends_on_it() {
    let lab = Lab::new();
    let roles = "d: {is: file.directory, path: ./d}\n".to_string() + &text("in", "./d/in", "x") + &text("other", "./other", "y");
    lab.host.fail("/work/d", Kind::NoSpace);
    let outcome = lab.apply(&roles, &Options::default());
    assert_eq!((outcome.summary.changed, outcome.summary.failed, outcome.summary.skipped), (1, 1, 1), "{:?}", outcome.failures);
    assert!(lab.has("/work/other") && !lab.has("/work/d"));
    lab.host.resume();
    let outcome = lab.apply(&roles, &Options::default());
    assert_eq!((outcome.summary.changed, outcome.summary.failed), (2, 0));
}

#[test]
fn a_thing_that_fits_is_adopted_and_stays() {
    let lab = Lab::new();
    lab.host.write_file(Path::new("/work/a"), b"1", 0o644, None).unwrap();
    let roles = text("a", "./a", "1");
    assert_eq!(lab.plan(&roles, &Options::default()).count(Action::None), 1);
    let absent = Options { state: State::Absent, ..Options::default() };
    let plan = lab.plan(&roles, &absent);
    assert!(plan.roles[0].reason.as_ref().unwrap().contains("not made by Seed"));
    lab.apply(&roles, &absent);
    assert!(lab.has("/work/a"));
}

#[test]
fn growing_an_image_is_planned_all_the_way_up() {
    let lab = Lab::new();
    let roles = |size: &str| {
        format!(
            "image: {{is: storage.file_block_image, path: ./a.img, size: {size}}}\nloop: {{is: storage.loopback_device, backing: image}}\ndata: {{is: storage.filesystem, device: loop, type: ext4, mount: /data}}\n"
        )
    };
    lab.apply(&roles("512 MiB"), &Options::default());
    let plan = lab.plan(&roles("1 GiB"), &Options::default());
    assert_eq!(plan.count(Action::Change), 3, "{:?}", plan.roles);
    let outcome = lab.apply(&roles("1 GiB"), &Options::default());
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert!(lab.plan(&roles("1 GiB"), &Options::default()).is_empty());
}

#[test]
fn after_a_reboot_the_plan_only_attaches_and_mounts() {
    let lab = Lab::new();
    let roles = "image: {is: storage.file_block_image, path: ./a.img, size: 512 MiB}\nloop: {is: storage.loopback_device, backing: image}\npool: {is: storage.btrfs, devices: [loop], mount: /data, subvolumes: {home: {}}}\nnote: {is: file.text, path: /data/home/note, content: kept}\n";
    lab.apply(roles, &Options::default());
    lab.host.unmount(Path::new("/data")).unwrap();
    let device = lab.host.loops().unwrap()[0].device.clone();
    lab.host.detach_loop(&device).unwrap();
    let plan = lab.plan(roles, &Options::default());
    let actions: Vec<(&str, Action)> = plan.roles.iter().map(|planned| (&*planned.role, planned.action)).collect();
    assert_eq!(actions, [("image", Action::None), ("loop", Action::Create), ("pool", Action::Change), ("note", Action::Unknown)]);
    let outcome = lab.apply(roles, &Options::default());
    assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
    assert_eq!(lab.text("/data/home/note"), "kept");
    assert_eq!(outcome.summary.changed, 2);
}

#[test]
fn a_folder_of_nothing_but_ours_is_no_data() {
    let lab = Lab::new();
    let roles = "d: {is: file.directory, path: ./d}\ninner: {is: file.directory, path: ./d/inner}\n".to_string()
        + &text("a", "./d/a", "1")
        + &text("b", "./d/made/on/the/way", "2");
    lab.apply(&roles, &Options::default());
    let absent = Options { state: State::Absent, ..Options::default() };
    assert_eq!(lab.plan(&roles, &absent).destroys().count(), 0);
    lab.host.write_file(Path::new("/work/d/inner/note"), b"mine", 0o644, None).unwrap();
    let plan = lab.plan(&roles, &absent);
    let destroyed: Vec<&str> = plan.destroys().map(|planned| &*planned.role).collect();
    assert_eq!(destroyed, ["inner"]);
}

#[test]
fn what_was_there_before_a_replacement_comes_back_with_absent() {
    let lab = Lab::new();
    lab.host.write_file(Path::new("/work/a"), b"somebody's", 0o640, None).unwrap();
    let before = lab.host.state();
    lab.apply(&text("a", "./a", "ours"), &Options::default());
    assert_eq!(lab.text("/work/a"), "ours");
    lab.apply(&text("a", "./a", "ours, again"), &Options::default());
    lab.apply(&text("a", "./a", "ours, again"), &Options { state: State::Absent, ..Options::default() });
    assert_eq!(lab.text("/work/a"), "somebody's");
    assert!(before.diff(&lab.host.state()).is_empty());
}
