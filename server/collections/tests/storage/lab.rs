//! Chains of storage roles on the real machine and on the simulated one, driven as the engine drives them, without its
//! journal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use seed_collections::REGISTRY;
use seed_role::attrs::Observation;
use seed_role::host::sim::SimHost;
use seed_role::host::{Host, RealHost};
use seed_role::param::Output;
use seed_role::step::{Goal, Kept, Step, Transition};
use seed_role::trouble::Kind;
use seed_role::{Mend, Role};
use serde_json::{Map, Value as Json, json};

/// Roles that are made in their order, in a folder that goes with all in it, mounts and loop devices too, also when a test fails.
pub struct Lab {
    machine: Machine,
    pub roles: Vec<Entry>,
    at: PathBuf,
    before: BTreeMap<&'static str, Observation>,
    folders: Vec<PathBuf>,
    /// What was put aside, by role.
    pub kept: BTreeMap<&'static str, Kept>,
    /// Whether what would be destroyed is put aside.
    pub keep: bool,
    /// After how many more steps it stops, as if it were killed.
    pub steps_left: usize,
    interrupted: Option<Interrupted>,
}

/// A role: its name, its type, its parameters.
pub type Entry = (&'static str, &'static str, Json);

enum Machine {
    /// With the folder that the lab is in.
    Real(RealHost, tempfile::TempDir),
    Simulated(SimHost),
}

/// The step that was under way when it was stopped.
struct Interrupted {
    role: &'static str,
    step: String,
    undo: bool,
    litter: Vec<PathBuf>,
}

/// A lab on the simulated machine, and one on the real one where there is the right to it.
pub fn everywhere(roles: impl IntoIterator<Item = Entry>) -> Vec<Lab> {
    let roles: Vec<Entry> = roles.into_iter().collect();
    let simulated = simulated(roles.clone());
    std::iter::once(simulated).chain(lab(roles)).collect()
}

/// A lab on the simulated machine.
pub fn simulated(roles: impl IntoIterator<Item = Entry>) -> Lab {
    let host = SimHost::new();
    host.make_folder(Path::new("/lab"), 0o755).unwrap();
    Lab::new(Machine::Simulated(host), PathBuf::from("/lab"), roles)
}

/// A lab, or none where there is no right to mount: then it says so, and where tests run for others it fails.
pub fn lab(roles: impl IntoIterator<Item = (&'static str, &'static str, Json)>) -> Option<Lab> {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "these tests need root");
        eprintln!("skipped: it needs root to attach loop devices and to mount");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_path_buf();
    Some(Lab::new(Machine::Real(RealHost::new(), folder), at, roles))
}

impl Drop for Lab {
    fn drop(&mut self) {
        let Machine::Real(host, folder) = &self.machine else { return };
        host.refresh();
        let folder = folder.path();
        let loops = host.loops().unwrap();
        let ours: Vec<_> = loops.iter().filter(|device| device.backing.starts_with(folder)).collect();
        let is_ours = |source: &str| ours.iter().any(|device| source.starts_with(device.device.to_str().unwrap()));
        for mount in host.mounts().unwrap().iter().rev() {
            if mount.at.starts_with(folder) || is_ours(&mount.source) {
                let _ = host.unmount(&mount.at);
            }
        }
        ours.iter().for_each(|device| drop(host.detach_loop(&device.device)));
    }
}

impl Lab {
    fn new(machine: Machine, at: PathBuf, roles: impl IntoIterator<Item = Entry>) -> Self {
        Lab {
            machine,
            roles: roles.into_iter().collect(),
            at,
            before: BTreeMap::new(),
            folders: Vec::new(),
            kept: BTreeMap::new(),
            keep: false,
            steps_left: usize::MAX,
            interrupted: None,
        }
    }

    pub fn host(&self) -> &dyn Host {
        match &self.machine {
            Machine::Real(host, _) => host,
            Machine::Simulated(host) => host,
        }
    }

    /// The simulated machine.
    pub fn sim(&self) -> &SimHost {
        match &self.machine {
            Machine::Simulated(host) => host,
            Machine::Real(..) => panic!("this lab is on the real machine"),
        }
    }

    /// A path in the lab's folder.
    pub fn at(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    /// Sets a parameter of a role; null takes it away.
    pub fn set(&mut self, role: &str, param: &str, value: Json) {
        let (_, _, params) = self.roles.iter_mut().find(|(name, ..)| *name == role).unwrap();
        match value {
            Json::Null => drop(params.as_object_mut().unwrap().remove(param)),
            value => params[param] = value,
        }
    }

    /// Parameters with `@role.output` put in from the outputs known so far, and `./path` made absolute.
    fn resolve(&self, value: &Json, outputs: &BTreeMap<String, Output>) -> Json {
        match value {
            Json::String(text) => match text.strip_prefix('@') {
                Some(of) => match outputs.get(of) {
                    Some(Output::Text(text)) => json!(text),
                    Some(Output::Block(block)) => {
                        json!({"of": of, "path": block.path, "bytes": block.bytes})
                    }
                    Some(Output::Unknown) => json!(seed_role::param::unknown_output(of)),
                    None => panic!("no role offers {of}"),
                },
                None => match text.strip_prefix("./") {
                    Some(rest) => json!(self.at(rest)),
                    None => value.clone(),
                },
            },
            Json::Array(items) => items.iter().map(|item| self.resolve(item, outputs)).collect(),
            Json::Object(entries) => Json::Object(
                entries.iter().map(|(key, value)| (key.clone(), self.resolve(value, outputs))).collect::<Map<_, _>>(),
            ),
            other => other.clone(),
        }
    }

    fn build(&self, is: &str, params: &Json, outputs: &BTreeMap<String, Output>) -> Box<dyn Role> {
        let params = self.resolve(params, outputs);
        REGISTRY.get(is).unwrap_or_else(|| panic!("{is} is not in the registry")).build(&params).unwrap()
    }

    fn offer(outputs: &mut BTreeMap<String, Output>, name: &str, role: &dyn Role, seen: &Observation) {
        outputs.extend(role.outputs(seen.attrs()).into_iter().map(|(output, value)| (format!("{name}.{output}"), value)));
    }

    /// What would be done, as lines: `create loop`, `change pool: size`.
    pub fn plan(&self) -> Vec<String> {
        self.host().refresh();
        let mut outputs = BTreeMap::new();
        let mut plan = Vec::new();
        for (name, is, params) in &self.roles {
            let role = self.build(is, params, &outputs);
            assert_eq!(role.check(), [], "{name}");
            let seen = role.observe(self.host()).unwrap();
            let action = self.action(name, &*role, &seen);
            let is_made = matches!(&action, Some(action) if action.starts_with("create") || action.starts_with("replace"));
            let then = match &seen {
                Observation::Present(attrs) if !is_made => {
                    let mut attrs = attrs.clone();
                    let changes = attrs.changes(&role.wanted(self.host()).unwrap());
                    changes.into_iter().for_each(|change| attrs.set(change.field, change.to));
                    Observation::Present(attrs)
                }
                _ => Observation::Absent,
            };
            Lab::offer(&mut outputs, name, &*role, &then);
            plan.extend(action);
        }
        plan
    }

    fn action(&self, name: &str, role: &dyn Role, seen: &Observation) -> Option<String> {
        let Observation::Present(attrs) = seen else { return Some(format!("create {name}")) };
        let changes = attrs.changes(&role.wanted(self.host()).unwrap());
        let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
        let mends: Vec<Mend> = changes.iter().map(|change| role.mend(change, attrs)).collect();
        if let Some(Mend::Never(why)) = mends.iter().find(|mend| matches!(mend, Mend::Never(_))) {
            return Some(format!("refuse {name}: {why}"));
        }
        let verb = if mends.contains(&Mend::Replace) { "replace" } else { "change" };
        (!fields.is_empty()).then(|| format!("{verb} {name}: {}", fields.join(", ")))
    }

    /// Makes it all present. Says what was done; stops where [`Lab::steps_left`] says, which gives none.
    pub fn up(&mut self) -> Option<Vec<String>> {
        self.recover();
        let mut outputs = BTreeMap::new();
        let mut done = Vec::new();
        for (name, is, params) in self.roles.clone() {
            let role = self.build(is, &params, &outputs);
            let seen = role.observe(self.host()).unwrap();
            self.before.entry(name).or_insert_with(|| seen.clone());
            if let Some(action) = self.action(name, &*role, &seen) {
                assert!(!action.starts_with("refuse"), "{action}");
                if action.starts_with("replace") {
                    self.change(name, &*role, Goal::Absent, None)?;
                }
                let wanted = role.wanted(self.host()).unwrap();
                self.change(name, &*role, Goal::Attrs(&wanted), None)?;
                done.push(action);
            }
            let after = role.observe(self.host()).unwrap();
            let Observation::Present(attrs) = &after else { panic!("{name}: {after:?} after it was made") };
            assert_eq!(attrs.changes(&role.wanted(self.host()).unwrap()), [], "{name}: {attrs:?}");
            Lab::offer(&mut outputs, name, &*role, &after);
        }
        Some(done)
    }

    /// Brings it all back to what was before; gives none where it stops on the way.
    pub fn down(&mut self) -> Option<()> {
        self.recover();
        for number in (0..self.roles.len()).rev() {
            let (name, ..) = self.roles[number];
            let role = self.role(name);
            match self.before.get(name).cloned() {
                Some(Observation::Present(before)) => self.change(name, &*role, Goal::Attrs(&before), None)?,
                _ => self.change(name, &*role, Goal::Absent, None)?,
            }
            let goal = self.before.get(name).and_then(Observation::attrs).map_or(Goal::Absent, Goal::Attrs);
            let now = role.observe(self.host()).unwrap();
            let steps =
                role.steps(self.host(), &Transition { from: &now, to: goal, keep: None, replaced: None, kept: None }).unwrap();
            assert!(steps.is_empty(), "{name}: {steps:?} after it was taken back, with {now:?}");
        }
        for folder in self.folders.iter().rev() {
            match self.host().remove_folder(folder) {
                Err(trouble) if trouble.kind == Kind::Interrupted => return None,
                removed => removed.unwrap(),
            }
        }
        self.folders.clear();
        self.before.clear();
        Some(())
    }

    /// Takes one role away, and nothing else.
    pub fn remove(&mut self, name: &'static str) {
        let role = self.role(name);
        self.change(name, &*role, Goal::Absent, None).unwrap();
    }

    /// The same, where it may be refused.
    pub fn try_remove(&mut self, name: &'static str) -> seed_role::Result<()> {
        let role = self.role(name);
        let from = role.observe(self.host())?;
        let transition = Transition { from: &from, to: Goal::Absent, keep: None, replaced: None, kept: None };
        role.steps(self.host(), &transition)?.into_iter().try_for_each(|step| (step.run)(self.host()).map(drop))
    }

    /// Makes all present in their order, where it may be refused.
    pub fn try_up(&mut self) -> seed_role::Result<()> {
        for (name, ..) in self.roles.clone() {
            let role = self.role(name);
            let (from, wanted) = (role.observe(self.host())?, role.wanted(self.host())?);
            let transition = Transition { from: &from, to: Goal::Attrs(&wanted), keep: None, replaced: None, kept: None };
            role.steps(self.host(), &transition)?.into_iter().try_for_each(|step| (step.run)(self.host()).map(drop))?;
        }
        Ok(())
    }

    /// Unmounts what a role mounts, as a machine that stops does.
    pub fn down_to(&mut self, name: &'static str) {
        let at = self.attr(name, "mount");
        self.shell("umount", &[at.as_str().unwrap()]);
    }

    /// Brings one role back to what was seen, with what was put aside.
    pub fn put_back(&mut self, name: &'static str, before: &Observation) {
        let role = self.role(name);
        let kept = self.kept.get(name).cloned();
        self.change(name, &*role, before.attrs().map_or(Goal::Absent, Goal::Attrs), kept.as_ref()).unwrap();
    }

    /// The role of that name, with outputs of those before it as they are now.
    pub fn role(&self, name: &str) -> Box<dyn Role> {
        self.host().refresh();
        let mut outputs = BTreeMap::new();
        for (other, is, params) in &self.roles {
            let role = self.build(is, params, &outputs);
            if *other == name {
                return role;
            }
            let seen = role.observe(self.host()).unwrap();
            Lab::offer(&mut outputs, other, &*role, &seen);
        }
        panic!("no role {name}");
    }

    pub fn seen(&self, name: &str) -> Observation {
        self.role(name).observe(self.host()).unwrap()
    }

    /// An attribute of a role as it is seen; null if there is none.
    pub fn attr(&self, name: &str, attr: &str) -> Json {
        self.seen(name).attrs().and_then(|attrs| attrs.get(attr).cloned()).unwrap_or(Json::Null)
    }

    fn recover(&mut self) {
        self.host().refresh();
        let Some(interrupted) = self.interrupted.take() else { return };
        interrupted.litter.iter().for_each(|litter| drop(self.host().settle(litter).unwrap()));
        if interrupted.undo {
            self.role(interrupted.role).recover(self.host(), &interrupted.step).unwrap();
        }
    }

    fn change(&mut self, name: &'static str, role: &dyn Role, to: Goal<'_>, kept: Option<&Kept>) -> Option<()> {
        let from = role.observe(self.host()).unwrap();
        let keep = self.keep.then_some("seed-backup-1");
        let steps = role.steps(self.host(), &Transition { from: &from, to, keep, replaced: None, kept });
        for step in steps.unwrap_or_else(|trouble| panic!("{name}: {trouble}")) {
            self.run(name, step)?;
        }
        Some(())
    }

    fn run(&mut self, name: &'static str, step: Step) -> Option<()> {
        if self.steps_left == 0 {
            return None;
        }
        self.steps_left -= 1;
        for folder in &step.folders {
            self.make_folders(folder)?;
        }
        let what = step.name.clone();
        let interrupted =
            Interrupted { role: name, step: what.clone(), undo: step.undo_when_interrupted, litter: step.litter.clone() };
        let done = (step.run)(self.host()).and_then(|kept| self.host().sync(&step.durable).map(|()| kept));
        match done {
            Err(trouble) if trouble.kind == Kind::Interrupted => {
                self.interrupted = Some(interrupted);
                return None;
            }
            Err(trouble) => panic!("{name}, {what}: {trouble}"),
            // Stopped before it was known to be done.
            Ok(_) if self.steps_left == 0 && interrupted.undo => self.interrupted = Some(interrupted),
            Ok(kept) => drop(kept.map(|kept| self.kept.insert(name, kept))),
        }
        for litter in &step.litter {
            assert_eq!(self.host().metadata(litter).unwrap(), None, "{name}, {what}: {litter:?} was left");
        }
        Some(())
    }

    fn make_folders(&mut self, folder: &Path) -> Option<()> {
        if self.host().metadata(folder).unwrap().is_none() {
            self.make_folders(folder.parent().unwrap())?;
            // What is to be made is known before it is made.
            self.folders.push(folder.to_path_buf());
            match self.host().make_folder(folder, 0o755) {
                Err(trouble) if trouble.kind == Kind::Interrupted => return None,
                made => made.unwrap(),
            }
        }
        Some(())
    }

    /// That nothing of the lab is left on the machine but these files.
    pub fn assert_clean(&self, files: &[&str]) {
        self.host().refresh();
        let folder = &self.at;
        let mounts = self.host().mounts().unwrap();
        assert!(
            !mounts.iter().any(|mount| mount.at.starts_with(folder) || mount.at.starts_with("/run/seed-mount-")),
            "{mounts:?}"
        );
        let loops = self.host().loops().unwrap();
        assert!(!loops.iter().any(|device| device.backing.starts_with(folder)), "{loops:?}");
        assert_eq!(self.host().list(folder).unwrap(), files);
    }

    /// Runs a program of the system, as a user would.
    pub fn shell(&self, program: &str, args: &[&str]) {
        let output = std::process::Command::new(program).args(args).output().unwrap();
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        self.host().refresh();
    }
}
