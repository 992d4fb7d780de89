//! What every role type promises, tried on a simulated and on the real machine: once it is present, what is seen is what was
//! wanted and nothing is left to do; taken back, the machine is as it was; and a stop between any two steps changes neither.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use seed_collections::REGISTRY;
use seed_role::Role;
use seed_role::attrs::Observation;
use seed_role::host::real::RealHost;
use seed_role::host::sim::SimHost;
use seed_role::host::{Command, FileKind, Host, LoopConfig};
use seed_role::step::{Goal, Kept, Step, Transition};
use serde_json::{Value as Json, json};

/// A role, and the machine it comes to.
struct Row {
    is: &'static str,
    what: &'static str,
    /// What is there before, in a folder that is there and empty.
    before: fn(&dyn Host, &Path),
    /// The parameters.
    params: fn(&dyn Host, &Path) -> Json,
    /// Where it is tried.
    on: On,
}

#[derive(Clone, Copy, PartialEq)]
enum On {
    Both,
    /// It needs programs that the simulated machine does not have.
    Real,
    /// On the real machine it is tried in chains of roles, beside this.
    Simulated,
}

const NOTHING: fn(&dyn Host, &Path) = |_, _| {};

const ROWS: &[Row] = &[
    Row {
        is: "file.text",
        what: "a new file in folders that are missing",
        before: NOTHING,
        params: |_, at| json!({"path": at.join("a/b/motd"), "content": "grown\n", "mode": "0640"}),
        on: On::Both,
    },
    Row {
        is: "file.text",
        what: "a file that holds something else, of another mode",
        before: |host, at| host.write_file(&at.join("motd"), b"as it was", 0o600, None).unwrap(),
        params: |_, at| json!({"path": at.join("motd"), "content": "grown\n", "mode": "0644"}),
        on: On::Both,
    },
    Row {
        is: "file.text",
        what: "a file that is no text before",
        before: |host, at| host.write_file(&at.join("motd"), b"\xff\x00binary\xfe", 0o755, None).unwrap(),
        params: |_, at| json!({"path": at.join("motd"), "content": ""}),
        on: On::Both,
    },
    Row {
        is: "file.text",
        what: "a file that only has another mode",
        before: |host, at| host.write_file(&at.join("motd"), b"grown\n", 0o600, None).unwrap(),
        params: |_, at| json!({"path": at.join("motd"), "content": "grown\n", "mode": "4755", "owner": "0:0"}),
        on: On::Both,
    },
    Row {
        is: "file.text",
        what: "a secret in place of what somebody else wrote",
        before: |host, at| {
            host.write_file(&at.join("key"), b"not ours", 0o640, None).unwrap();
            host.write_file(&at.join("secret"), b"hunter2", 0o600, None).unwrap();
        },
        params: |_, at| json!({"path": at.join("key"), "content": {"$secret": {"file": at.join("secret")}}}),
        on: On::Both,
    },
    Row {
        is: "file.text",
        what: "a file larger than what can be recorded",
        before: |host, at| host.write_file(&at.join("log"), &vec![b'x'; (8 << 20) + 1], 0o644, None).unwrap(),
        params: |_, at| json!({"path": at.join("log"), "content": "short\n"}),
        on: On::Both,
    },
    Row {
        is: "file.template",
        what: "a new file from a template that includes another",
        before: |host, at| {
            host.write_file(&at.join("main.j2"), b"{% for it in all %}\n{% include 'line.j2' %}{% endfor %}\n", 0o644, None)
                .unwrap();
            host.write_file(&at.join("line.j2"), b"- {{ it }}\n", 0o644, None).unwrap();
        },
        params: |_, at| json!({"path": at.join("out/list"), "from": at.join("main.j2"), "with": {"all": [1, "two"]}}),
        on: On::Both,
    },
    Row {
        is: "file.directory",
        what: "a new folder below missing ones",
        before: NOTHING,
        params: |_, at| json!({"path": at.join("a/b/c"), "mode": "2750", "owner": "0:0"}),
        on: On::Both,
    },
    Row {
        is: "file.directory",
        what: "a folder of another mode, with something in it",
        before: |host, at| {
            host.make_folder(&at.join("inbox"), 0o700).unwrap();
            host.write_file(&at.join("inbox/letter"), b"dear", 0o644, None).unwrap();
        },
        params: |_, at| json!({"path": at.join("inbox"), "mode": "0755"}),
        on: On::Both,
    },
    Row {
        is: "file.link",
        what: "a new link to nothing",
        before: NOTHING,
        params: |_, at| json!({"path": at.join("app/current"), "to": "releases/3"}),
        on: On::Both,
    },
    Row {
        is: "file.link",
        what: "a link that points elsewhere",
        before: |host, at| host.make_link(&at.join("current"), Path::new("releases/2")).unwrap(),
        params: |_, at| json!({"path": at.join("current"), "to": "releases/3"}),
        on: On::Both,
    },
    Row {
        is: "file.fragment",
        what: "a block in a file that is missing, in a folder that is missing",
        before: fragment,
        params: |_, at| json!({"path": at.join("etc/ssh/sshd_config"), "fragment": at.join("base.conf"), "with": {"port": 2222}}),
        on: On::Both,
    },
    Row {
        is: "file.fragment",
        what: "a block behind a line of a file with CRLF and without a last line end",
        before: |host, at| {
            fragment(host, at);
            host.write_file(&at.join("sshd_config"), b"\xef\xbb\xbfone\r\n\ttwo\r\nthree", 0o4640, None).unwrap();
        },
        params: |_, at| json!({"path": at.join("sshd_config"), "fragment": at.join("base.conf"), "after": "two"}),
        on: On::Both,
    },
    Row {
        is: "file.fragment",
        what: "a block in a file that is empty",
        before: |host, at| {
            fragment(host, at);
            host.write_file(&at.join("page.html"), b"", 0o600, None).unwrap();
        },
        params: |_, at| json!({"path": at.join("page.html"), "fragment": at.join("base.conf"), "instance": "main"}),
        on: On::Both,
    },
    Row {
        is: "file.fragment",
        what: "a block that is there and holds something else, with other parameters",
        before: |host, at| {
            fragment(host, at);
            let text = b"one\n  ## seed:begin base#1 port=\"1\" ##\n  Port 1\r\n mine\n\n  ## seed:end base#1 ##\ntwo";
            host.write_file(&at.join("sshd_config"), text, 0o644, None).unwrap();
        },
        params: |_, at| json!({"path": at.join("sshd_config"), "fragment": at.join("base.conf"), "before": "one"}),
        on: On::Both,
    },
    Row {
        is: "meta.template",
        what: "two roles, to which files are added",
        before: skeleton,
        params: |_, at| json!({"roles": at.join("roles"), "template": at.join("skeleton"), "except": ["odd"]}),
        on: On::Both,
    },
    Row {
        is: "meta.template",
        what: "a role with parts that were never rendered, by the template that comes with Seed",
        before: |host, at| {
            for (file, part) in [("role.yml", "role"), ("tasks/main.yml", "tasks"), ("README.md", "readme")] {
                let text = format!("mine\r\n\t# seed:begin meta/{part}#desk ##\r\n\t# seed:end meta/{part}#desk ##\r\nmine");
                write(host, &at.join("roles/desk").join(file), &text);
            }
        },
        params: |_, at| json!({"roles": at.join("roles")}),
        on: On::Both,
    },
    Row {
        is: "meta.template",
        what: "roles whose parts were edited, by a template that has changed",
        before: |host, at| {
            skeleton(host, at);
            let params = json!({"roles": at.join("roles"), "template": at.join("skeleton"), "except": ["odd"]});
            let role = REGISTRY.get("meta.template").unwrap().build(&params).unwrap();
            let (from, to) = (role.observe(host).unwrap(), role.wanted(host).unwrap());
            let transition = Transition { from: &from, to: Goal::Attrs(&to), keep: None, replaced: None, kept: None };
            let steps = role.steps(host, &transition).unwrap();
            steps.into_iter().for_each(|step| Driver::default().run(host, step));
            for (file, from, to) in [
                ("roles/desk/README.md", "three", "three, mine"),
                ("roles/desk/README.md", "# desk", "# My desk"),
                ("skeleton/README.md", "one", "ONE\nand more"),
            ] {
                let text = String::from_utf8(host.read(&at.join(file), u64::MAX).unwrap().unwrap()).unwrap();
                write(host, &at.join(file), &text.replace(from, to));
            }
        },
        params: |_, at| json!({"roles": at.join("roles"), "template": at.join("skeleton"), "except": ["odd"]}),
        on: On::Both,
    },
    Row {
        is: "task.command",
        what: "a folder made and removed by commands",
        before: NOTHING,
        params: |_, at| {
            json!({
                "present": ["mkdir", "made"], "absent": ["rmdir", "made"], "info": ["test", "-d", "made"],
                "folder": at, "limit": "10 s",
            })
        },
        on: On::Real,
    },
    Row {
        is: "storage.file_block_image",
        what: "a new image in a folder that is missing",
        before: NOTHING,
        params: |_, at| json!({"path": at.join("images/disk.img"), "size": "64 MiB"}),
        on: On::Both,
    },
    Row {
        is: "storage.loopback_device",
        what: "an image that nothing is attached to",
        before: |host, at| host.make_image(&at.join("disk.img"), 64 << 20, false, 0o644).unwrap(),
        params: |_, at| json!({"backing": at.join("disk.img")}),
        on: On::Simulated,
    },
    Row {
        is: "storage.partition_table",
        what: "an empty disk",
        before: disk,
        params: |host, _| json!({"device": device(host), "partitions": {"boot": {"size": "8 MiB"}, "data": {"rest": true}}}),
        on: On::Simulated,
    },
    Row {
        is: "storage.filesystem",
        what: "an empty disk, mounted where no folder is",
        before: disk,
        params: |host, at| json!({"device": device(host), "type": "ext4", "label": "data", "mount": at.join("data")}),
        on: On::Simulated,
    },
    Row {
        is: "storage.btrfs",
        what: "an empty disk, with subvolumes and a snapshot",
        before: disk,
        params: |host, at| {
            json!({
                "devices": [device(host)], "label": "lab", "mount": at.join("lab"),
                "subvolumes": {"root": {}, "home": {"quota": "16 MiB"}}, "snapshots": {"first": {"of": "root", "read_only": true}},
            })
        },
        on: On::Simulated,
    },
    Row {
        is: "storage.tmpfs",
        what: "a folder that is missing",
        before: NOTHING,
        params: |_, at| json!({"mount": at.join("scratch"), "size": "1 MiB", "mode": "0700"}),
        on: On::Simulated,
    },
    Row {
        is: "storage.mount",
        what: "a disk with a file system, and an fstab",
        before: |host, at| {
            disk(host, at);
            let made = host.execute(&Command::new("mkfs.ext4", [device(host)])).unwrap();
            assert_eq!(made.status, 0, "{}", made.stderr);
        },
        params: |host, at| json!({"device": device(host), "at": at.join("data"), "options": ["noatime"], "persist": "fstab"}),
        on: On::Simulated,
    },
];

/// A fragment `base.conf`.
fn fragment(host: &dyn Host, at: &Path) {
    let text = b"---\nparameters:\n  port: {type: int, default: 22}\n---\nPort {{ port }}\n\n  indented\n";
    host.write_file(&at.join("base.conf"), text, 0o644, None).unwrap();
}

/// Three roles, and a skeleton that none of them has yet.
fn skeleton(host: &dyn Host, at: &Path) {
    for role in ["desk", "lamp", "odd"] {
        write(host, &at.join("roles").join(role).join("role.yml"), "about: Mine.\n");
    }
    let part = "<!-- seed:begin meta/use#{{ instance }} -->\none\ntwo\n\nthree\n<!-- seed:end meta/use#{{ instance }} -->\n";
    write(host, &at.join("skeleton/README.md"), &format!("# {{{{ instance }}}}\n{part}end\n"));
    write(
        host,
        &at.join("skeleton/tests/NAME.seed.yaml"),
        "seed: 1\n# seed:begin meta/t#{{ instance }}\n# seed:end meta/t#{{ instance }}\n",
    );
}

fn write(host: &dyn Host, path: &Path, text: &str) {
    Driver::default().make_folders(host, path.parent().unwrap());
    host.write_file(path, text.as_bytes(), 0o644, None).unwrap();
}

/// An empty disk: an image on a loop device.
fn disk(host: &dyn Host, at: &Path) {
    let backing = at.join("disk.img");
    host.make_image(&backing, 256 << 20, false, 0o644).unwrap();
    host.attach_loop(&LoopConfig { backing, offset: 0, read_only: false, partscan: true, sector_size: None }).unwrap();
}

/// The loop device of [`disk`].
fn device(host: &dyn Host) -> String {
    host.loops().unwrap()[0].device.display().to_string()
}

/// Where a row is tried. The real folder goes with it, also when a test fails.
struct Machine {
    host: Box<dyn Host>,
    at: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

impl Machine {
    fn for_row(row: &Row) -> Vec<Machine> {
        let folder = tempfile::tempdir().unwrap();
        let mut machines = Vec::new();
        if row.on != On::Simulated {
            let at = folder.path().join("here");
            machines.push(Machine { host: Box::new(RealHost::new()), at, _folder: Some(folder) });
        }
        if row.on != On::Real {
            machines.push(Machine { host: Box::new(SimHost::new()), at: "/here".into(), _folder: None });
        }
        for machine in &machines {
            machine.host.make_folder(&machine.at, 0o755).unwrap();
            (row.before)(&*machine.host, &machine.at);
        }
        machines
    }

    /// All that is there: mounts, loop devices, and by path kind, mode, owner and content.
    fn picture(&self) -> Vec<String> {
        let mounts = self.host.mounts().unwrap();
        let mut picture: Vec<String> = mounts.iter().map(|mount| format!("{mount:?}")).collect();
        picture.extend(self.host.loops().unwrap().iter().map(|one| format!("{one:?}")));
        picture.extend(self.host.read(Path::new("/etc/fstab"), u64::MAX).unwrap().map(|text| format!("{text:?}")));
        let mut open = vec![self.at.clone()];
        while let Some(path) = open.pop() {
            let there = self.host.metadata(&path).unwrap().unwrap();
            let holds = match there.kind {
                FileKind::Directory => {
                    open.extend(self.host.list(&path).unwrap().iter().map(|name| path.join(name)));
                    String::new()
                }
                FileKind::Link => self.host.read_link(&path).unwrap().display().to_string(),
                _ => blake3::hash(&self.host.read(&path, u64::MAX).unwrap().unwrap()).to_string(),
            };
            picture.push(format!("{} {:?} {:04o} {}:{} {holds}", path.display(), there.kind, there.mode, there.uid, there.gid));
        }
        picture.sort();
        picture
    }
}

/// What the engine does for a role, without its journal on disk.
#[derive(Default)]
struct Driver {
    folders: Vec<PathBuf>,
    kept: Option<Kept>,
}

impl Driver {
    fn make_folders(&mut self, host: &dyn Host, folder: &Path) {
        if host.metadata(folder).unwrap().is_none() {
            self.make_folders(host, folder.parent().unwrap());
            host.make_folder(folder, 0o755).unwrap();
            self.folders.push(folder.to_path_buf());
        }
    }

    fn run(&mut self, host: &dyn Host, step: Step) {
        step.folders.iter().for_each(|folder| self.make_folders(host, folder));
        let name = step.name.clone();
        match (step.run)(host) {
            Ok(kept) => self.kept = self.kept.take().or(kept),
            Err(trouble) => panic!("{name}: {trouble}"),
        }
        host.sync(&step.durable).unwrap();
        host.refresh();
    }

    /// Runs the steps of a change, or only some of them. Says whether all were run.
    fn change(
        &mut self,
        machine: &Machine,
        role: &dyn Role,
        to: Goal<'_>,
        kept: Option<&Kept>,
        keep: Option<&str>,
        limit: usize,
    ) -> bool {
        let host = &*machine.host;
        let from = role.observe(host).unwrap();
        let steps = role.steps(host, &Transition { from: &from, to, keep, replaced: None, kept }).unwrap();
        let all = steps.len() <= limit;
        steps.into_iter().take(limit).for_each(|step| self.run(host, step));
        all
    }
}

fn role(row: &Row, machine: &Machine) -> Box<dyn Role> {
    let role_type = REGISTRY.get(row.is).unwrap_or_else(|| panic!("{} is not in the registry", row.is));
    role_type.build(&(row.params)(&*machine.host, &machine.at)).unwrap()
}

/// There and back, stopping once after `stop` steps of each way.
fn there_and_back(row: &Row, stop: usize) -> bool {
    let mut all = true;
    for machine in Machine::for_row(row) {
        let (host, role) = (&*machine.host, role(row, &machine));
        assert_eq!(role.check(), [], "{}: {}", row.is, row.what);
        let picture = machine.picture();
        let before = role.observe(host).unwrap();
        let wanted = role.wanted(host).unwrap();

        // What the storage roles put aside stays for a time, as it should; here it would be in the picture.
        let keep = |name| (!row.is.starts_with("storage.")).then_some(name);
        let mut driver = Driver::default();
        if !driver.change(&machine, &*role, Goal::Attrs(&wanted), None, keep("seed-backup-1"), stop) {
            all = false;
            assert!(driver.change(&machine, &*role, Goal::Attrs(&wanted), None, keep("seed-backup-2"), usize::MAX));
        }
        let after = role.observe(host).unwrap();
        let Observation::Present(attrs) = &after else { panic!("{}: {}: {after:?} once present", row.is, row.what) };
        assert_eq!(attrs.changes(&wanted), [], "{}: {}: once present", row.is, row.what);
        assert!(nothing_to_do(&machine, &*role, &after, Goal::Attrs(&wanted)), "{}: {}: present again", row.is, row.what);
        if row.is.starts_with("file.") {
            assert_eq!(role.loses(host, attrs, Some(attrs)), lost_with(&machine, row), "{}: {}", row.is, row.what);
        }

        let goal = before.attrs().map_or(Goal::Absent, Goal::Attrs);
        let kept = driver.kept.take();
        if !driver.change(&machine, &*role, goal, kept.as_ref(), keep("seed-backup-3"), stop) {
            all = false;
            assert!(driver.change(&machine, &*role, goal, kept.as_ref(), keep("seed-backup-4"), usize::MAX));
        }
        driver.folders.iter().rev().for_each(|folder| host.remove_folder(folder).unwrap());
        assert_eq!(machine.picture(), picture, "{}: {}: taken back", row.is, row.what);
        let back = role.observe(host).unwrap();
        assert!(nothing_to_do(&machine, &*role, &back, goal), "{}: {}: taken back again", row.is, row.what);
    }
    all
}

fn nothing_to_do(machine: &Machine, role: &dyn Role, from: &Observation, to: Goal<'_>) -> bool {
    role.steps(&*machine.host, &Transition { from, to, keep: None, replaced: None, kept: None }).unwrap().is_empty()
}

/// What removing the role as it was just made would destroy: nothing, but for a folder that was not empty.
fn lost_with(machine: &Machine, row: &Row) -> Option<String> {
    let inbox = machine.at.join("inbox");
    (row.is == "file.directory" && machine.host.metadata(&inbox).unwrap().is_some())
        .then(|| format!("the folder {} and everything in it", inbox.display()))
}

#[test]
fn every_role_type_has_a_row() {
    for role_type in REGISTRY.types() {
        assert!(ROWS.iter().any(|row| row.is == role_type.name), "{} has no row in the contract test", role_type.name);
    }
}

#[test]
fn there_and_back_again() {
    for row in ROWS {
        assert!(there_and_back(row, usize::MAX));
    }
}

#[test]
fn a_stop_between_steps_changes_nothing_in_the_end() {
    for row in ROWS {
        for stop in 0.. {
            if there_and_back(row, stop) {
                break;
            }
        }
    }
}
