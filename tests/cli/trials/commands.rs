//! The commands that change a thing, each with what comes before it.

use super::things::{Thing, Version};
use super::world::World;
use crate::sandbox::Sandbox;

/// The spec of all scenes.
pub const SPEC: &str = "name.seed.yaml";

/// A command, in a situation in which it has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Present,
    Absent,
    Change,
    Replace,
    Prune,
    Rename,
    Repair,
    UndoOfPresent,
    UndoOfChange,
    UndoOfAbsent,
}

/// What leads to what the spec says, or away from it.
pub const APPLIES: &[Command] =
    &[Command::Present, Command::Absent, Command::Change, Command::Replace, Command::Prune, Command::Rename];

/// What leads back to how it was.
pub const RETURNS: &[Command] = &[Command::Repair, Command::UndoOfPresent, Command::UndoOfChange, Command::UndoOfAbsent];

/// A command and what it changes.
pub struct Scene<'a> {
    /// The thing.
    pub thing: &'a Thing,
    /// The command.
    pub command: Command,
    /// Whether the spec says that what is lost is no loss.
    pub disposable: bool,
}

/// What a scene comes to when nothing interrupts it.
pub struct Reference {
    /// Before the command.
    pub before: World,
    /// After it.
    pub after: World,
    /// After everything was taken back.
    pub seed: World,
}

impl Scene<'_> {
    /// The command line: the same for the run that is killed and for the one that continues it.
    pub fn args(&self) -> Vec<&'static str> {
        let mut args = match self.command {
            Command::Present | Command::Change | Command::Replace => vec!["apply", "--yes"],
            Command::Absent => vec!["apply", "--yes", "--state", "absent"],
            Command::Prune | Command::Rename => vec!["apply", "--yes", "--prune"],
            Command::Repair => vec!["repair", "--yes"],
            Command::UndoOfPresent | Command::UndoOfChange | Command::UndoOfAbsent => vec!["undo", "--yes"],
        };
        if !self.disposable {
            args.push("--destroy-data");
        }
        args.push(SPEC);
        args
    }

    /// The same without the consent to lose data; none where it has none.
    pub fn args_without_consent(&self) -> Option<Vec<&'static str>> {
        (!self.disposable).then(|| self.args().into_iter().filter(|word| *word != "--destroy-data").collect())
    }

    /// Whether what was there before can be had again by `undo`. What is disposable is not backed up, and a new name is no change.
    pub fn can_be_undone(&self) -> bool {
        let is_undo = self.args()[0] == "undo";
        // An undo of a repair that mounted takes the mount folder that Seed made along.
        !is_undo
            && ![Command::Rename, Command::Repair].contains(&self.command)
            && (!self.disposable || self.command == Command::Present)
    }

    /// A sandbox in which the command comes next.
    pub fn set_up(&self) -> Sandbox {
        let sandbox = Sandbox::new();
        let write = |version| self.thing.write_spec(&sandbox, version, self.disposable);
        let apply = |state| {
            let args = ["apply", "--yes", "--state", state, SPEC, "--destroy-data"];
            sandbox.seed(if self.disposable { &args[..5] } else { &args }).exits(0);
        };
        (self.thing.prepare)(&sandbox);
        write(Version::First);
        if self.command == Command::Present {
            return sandbox;
        }
        apply("present");
        (self.thing.use_it)(&sandbox);
        match self.command {
            Command::Present | Command::Absent | Command::UndoOfPresent => {}
            Command::Change => write(Version::Changed),
            Command::Replace => write(Version::Replaced),
            Command::Prune => write(Version::Pruned),
            Command::Rename => write(Version::Renamed),
            Command::Repair => (self.thing.drift)(&sandbox),
            Command::UndoOfChange => {
                write(Version::Changed);
                apply("present");
            }
            Command::UndoOfAbsent => apply("absent"),
        }
        sandbox
    }

    /// What comes of the scene without any kill. It must have something to do, and must lead back.
    pub fn reference(&self) -> Reference {
        let seed = {
            let sandbox = Sandbox::new();
            (self.thing.prepare)(&sandbox);
            let written = self.set_up();
            sandbox.write(SPEC, &written.read(SPEC));
            World::of(&sandbox)
        };
        let sandbox = self.set_up();
        let before = World::of(&sandbox);
        sandbox.seed(&self.args()).exits(0);
        self.assert_settled(&sandbox);
        let after = World::of(&sandbox);
        if self.can_be_undone() {
            assert_ne!(after.differences(&before, true), Vec::<String>::new(), "it has something to do");
            self.undo(&sandbox, &before, 1);
        }
        // From another run: what a person had removed before it is not for `absent` to bring back once the run is undone.
        let sandbox = self.set_up();
        sandbox.seed(&self.args()).exits(0);
        self.take_back(&sandbox, &seed);
        Reference { before, after, seed }
    }

    /// Asserts that the command has nothing more to do (law 1).
    pub fn assert_settled(&self, sandbox: &Sandbox) {
        let plan = match self.command {
            Command::Present | Command::Change | Command::Replace | Command::Repair => {
                ["plan", "--state", "present", SPEC].as_slice()
            }
            Command::Absent => &["plan", "--state", "absent", SPEC],
            Command::Prune | Command::Rename => &["plan", "--prune", SPEC],
            // Another undo would take back another run.
            Command::UndoOfPresent | Command::UndoOfChange | Command::UndoOfAbsent => return,
        };
        sandbox.seed(plan).exits(0);
    }

    /// Takes runs back, at most so many as there were, until all is as before.
    pub fn undo(&self, sandbox: &Sandbox, before: &World, at_most: usize) {
        for _ in 0..at_most {
            sandbox.seed(&["undo", "--yes", "--destroy-data", SPEC]).exits(0);
            if World::of(sandbox).differences(before, false).is_empty() {
                return;
            }
        }
        World::of(sandbox).assert_is_but_for_backups(before, "undone");
    }

    /// Takes everything back to the seed.
    pub fn take_back(&self, sandbox: &Sandbox, seed: &World) {
        sandbox.seed(&["apply", "--yes", "--destroy-data", "--prune", "--state", "absent", SPEC]).exits(0);
        World::of(sandbox).assert_is_but_for_backups(seed, "taken back");
    }
}
