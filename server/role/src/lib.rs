//! What every role promises, and the one door through which roles touch a machine.
//!
//! A role type is a typed struct of parameters that implements [`Role`] (what it does) and
//! [`Declared`] (what it is called). Its schema, documentation and defaults are read off the struct.

pub mod attrs;
pub mod backup;
pub mod claim;
pub mod host;
pub mod param;
pub mod registry;
pub mod schema;
pub mod shell;
pub mod step;
pub mod terminal;
pub mod tool;
pub mod trouble;

use attrs::{Attrs, Change, Observation};
use claim::Claim;
use host::Host;
use param::Outputs;
use seed_spec::Code;
use seed_spec::shape::OutputInfo;
use step::{Step, Transition};
use tool::Tool;
pub use trouble::{Result, Trouble};

/// How a difference between what is there and what is wanted is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// The thing stays and is changed.
    InPlace,
    /// The thing is removed and made anew; what it holds is lost.
    Replace,
    /// It cannot or must not be mended; why, and what to do instead.
    Never(String),
}

/// Which way a change leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To what is wanted.
    Up,
    /// Away.
    Down,
}

/// What lies under a folder that a role provides (a mount point, a directory) once the role is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// What can be seen there now.
    Same,
    /// Nothing: it is made new.
    Fresh,
    /// Something that cannot be seen before the role is present.
    Unseen,
}

/// A mistake in parameters that only the role type can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The parameter, dotted for one inside another: `partitions.root.size`. Empty for the whole role.
    pub param: String,
    /// What it is called.
    pub code: Code,
    /// What is wrong, in words for a person.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The length up to which a file that a role reads is looked into for mistakes, before anything is planned.
pub const INSPECTED: u64 = 1 << 20;

/// The bytes of a file that is inspected. None where it cannot be read, or holds more than [`INSPECTED`].
pub fn inspected(host: &dyn Host, path: &std::path::Path) -> Option<Vec<u8>> {
    host.read(path, INSPECTED + 1).ok().flatten().filter(|bytes| bytes.len() as u64 <= INSPECTED)
}

/// A thing that a watcher waits on, for repair as it drifts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watch {
    /// A path: itself, and its entry in its folder.
    Path(std::path::PathBuf),
    /// The mount table.
    Mounts,
    /// The loop devices.
    Loops,
    /// Nothing tells when it changes; only looking again does.
    Timer,
}

/// A role with its parameters read: what it looks like, how it is seen, and how it is changed.
///
/// All of it goes through the [`Host`]. Nothing here decides *whether* something is done: the engine
/// compares, plans, asks, journals and verifies.
pub trait Role: Send + Sync {
    /// What no other role may claim, and the paths that order roles by nesting.
    fn claims(&self) -> Vec<Claim>;

    /// Programs that it starts.
    fn tools(&self) -> Vec<&'static Tool> {
        Vec::new()
    }

    /// Commands that the spec names and that it runs on its way, to change something or to look, as they will run: a plan shows them. The
    /// programs that the role type itself chooses, such as mkfs, are none of them.
    fn commands(&self, way: Way) -> Vec<Vec<String>> {
        let _ = way;
        Vec::new()
    }

    /// The folder that [`Role::commands`] run in, where the spec names one: a plan shows it with them.
    fn folder_of_commands(&self) -> Option<&std::path::Path> {
        None
    }

    /// Mistakes that can be seen without a host. Devices and sizes of referenced roles are
    /// filled in as far as the spec alone tells them.
    fn check(&self) -> Vec<Finding> {
        Vec::new()
    }

    /// Files that it reads, does not make, and cannot do without, each with the parameter that names it.
    fn sources(&self) -> Vec<(&'static str, std::path::PathBuf)> {
        Vec::new()
    }

    /// Mistakes in what [`Role::sources`] are, as far as reading them tells. Reads no more than [`INSPECTED`] of each, and is silent
    /// about what cannot be read.
    fn inspect(&self, host: &dyn Host) -> Vec<Finding> {
        let _ = host;
        Vec::new()
    }

    /// What is there. Changes nothing, and starts no program of the spec's own unless the role type is declared to.
    ///
    /// Where a device it rests on is not there yet (its `path` is none), it looks at the bytes that
    /// the device will show, if they are to be had; and where they are not, or are fresh, nothing is there.
    ///
    /// # Errors
    ///
    /// What was tried and what came back. Not being there is no error, and what cannot be known is
    /// [`Observation::Unknown`].
    fn observe(&self, host: &dyn Host) -> Result<Observation>;

    /// What of the thing is still there although [`Role::observe`] does not find it, because what it is known by has changed: such as a loop
    /// device whose file was moved. `ours` is what it looked like when Seed last left it. Says what it is and what to do about it.
    ///
    /// # Errors
    ///
    /// What was tried and what came back.
    fn lingers(&self, host: &dyn Host, ours: &Attrs) -> Result<Option<String>> {
        let _ = (host, ours);
        Ok(None)
    }

    /// The attributes that the parameters ask for, in the notation of the spec. Only these are compared
    /// with what was seen; an attribute that the spec leaves open is not among them.
    ///
    /// # Errors
    ///
    /// When something it depends on (a template file, a secret) cannot be read.
    fn wanted(&self, host: &dyn Host) -> Result<Attrs>;

    /// How one difference is mended, given all that was seen.
    fn mend(&self, change: &Change, seen: &Attrs) -> Mend;

    /// Whether a change in place leaves all data as it is. These attributes mean the same for every type, and do.
    fn keeps_data(&self, change: &Change) -> bool {
        matches!(change.field.as_str(), "mode" | "owner" | "label" | "mount" | "options" | "size")
    }

    /// What data would be lost if the thing as seen were removed, in words ("the file system `lab` and
    /// all in it"); none if nothing of value. `ours` is what the role last made it look like, if it did.
    fn loses(&self, host: &dyn Host, seen: &Attrs, ours: Option<&Attrs>) -> Option<String>;

    /// Whether what is there is still what was seen when the plan was made, as far as a change would destroy it. Other types look at this
    /// by what the change does.
    fn is_as_confirmed(&self, confirmed: &Attrs, seen: &Attrs) -> bool {
        let _ = (confirmed, seen);
        true
    }

    /// What a person should know of a change before it is made though no data is lost by it: such as that it cannot be taken back.
    fn caution(&self, change: &Change, seen: &Attrs) -> Option<String> {
        let _ = (change, seen);
        None
    }

    /// Whether a thing of this kind that Seed did not make, and that differs in a way that needs replacing
    /// it, may be replaced after asking (a file), or must be left alone (a file system).
    fn may_overwrite(&self) -> bool {
        false
    }

    /// Attributes that have a value although the parameters give none, and that are cleared if the parameters gave it before.
    fn dropped(&self, seen: &Attrs) -> &'static [&'static str] {
        let _ = seen;
        &[]
    }

    /// Takes out of what was there before what cannot or need not come back, given what is there now: such as the number of a loop
    /// device, or blocks of files that somebody has removed. Where a person may expect it back, why it stays as it is.
    fn fit_past(&self, past: &mut Attrs, seen: &Observation) -> Option<String> {
        let _ = (past, seen);
        None
    }

    /// Whether what is taken away is put aside even where no data is lost by it, because the journal does not tell all of it.
    fn keeps_all(&self) -> bool {
        false
    }

    /// Whether [`Role::steps`] can make a backup before they destroy what was seen. They cannot of what is only in memory.
    fn backs_up(&self) -> bool {
        true
    }

    /// Where the backup is that [`Role::steps`] make under a name before they destroy what was seen, as a whole or in part. None where they
    /// keep it in the journal.
    fn backup(&self, seen: &Attrs, name: &str, as_a_whole: bool) -> Option<std::path::PathBuf> {
        let _ = (seen, name, as_a_whole);
        None
    }

    /// The names of the things that it holds and manages one by one, such as subvolumes. The journal records which of them Seed made.
    fn parts(&self, seen: &Attrs) -> Vec<String> {
        let _ = seen;
        Vec::new()
    }

    /// The value of the parameter `left_over` for a role of which Seed made these parts; none if the parameters name all of them. With
    /// `prune` they are to be removed.
    fn left_over(&self, made: &std::collections::BTreeSet<String>, prune: bool) -> Option<serde_json::Value> {
        let _ = (made, prune);
        None
    }

    /// Whether [`Role::parts`] and [`Role::left_over`] are for this type.
    fn has_parts(&self) -> bool {
        false
    }

    /// What data a change in place destroys, in words.
    fn destroys(&self, host: &dyn Host, change: &Change) -> Option<String> {
        let _ = (host, change);
        None
    }

    /// What a person should know of it as it is though nothing is done about it.
    fn remark(&self, seen: &Attrs) -> Option<String> {
        let _ = seen;
        None
    }

    /// Says whether what is there now holds a secret that a role with other parameters wrote. If so, it is neither shown nor recorded, as
    /// if these parameters held a secret as well.
    fn conceal(&mut self, holds_secret: bool) {
        let _ = holds_secret;
    }

    /// The steps that lead from what was seen to the goal. Each step must be safe to run again from wherever
    /// an interruption left it, observed anew. May look at the host; must not change it.
    ///
    /// # Errors
    ///
    /// When there is no such way, with the reason.
    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>>;

    /// What the role offers to others once present. `seen` is what was seen, or none while it is not
    /// there yet: then what the parameters alone tell, and nothing else.
    fn outputs(&self, seen: Option<&Attrs>) -> Outputs;

    /// What will lie under the folders it claims, once present, as seen from `seen`.
    fn contents(&self, seen: &Observation) -> Contents {
        match seen {
            Observation::Absent => Contents::Fresh,
            Observation::Present(_) | Observation::Unknown(_) => Contents::Same,
        }
    }

    /// What is mounted over what the role has mounted, or over a folder on the way there, in words: then what lies there is another's, and
    /// must not be touched. [`Role::observe`] tells it by [`attrs::HIDDEN`].
    ///
    /// # Errors
    ///
    /// When the mount table cannot be read.
    fn hidden(&self, host: &dyn Host) -> Result<Option<String>> {
        let _ = host;
        Ok(None)
    }

    /// Brings what a step left half-done back to where it can be observed truthfully: called before
    /// anything else after an interruption in a step that was marked [`Step::undo_when_interrupted`].
    ///
    /// # Errors
    ///
    /// What was tried and what came back.
    fn recover(&self, host: &dyn Host, step: &str) -> Result<()> {
        let _ = (host, step);
        Ok(())
    }

    /// Folders whose contents it starts from, beside the files that its parameters name: a simulated machine gets copies of them.
    fn reads(&self) -> Vec<std::path::PathBuf> {
        Vec::new()
    }

    /// What tells that it may have drifted.
    fn watches(&self) -> Vec<Watch>;
}

/// What a role type is called, beside the documentation and fields of its struct.
pub trait Declared: Role + serde::de::DeserializeOwned + schemars::JsonSchema + 'static {
    /// `collection.type`.
    const NAME: &'static str;
    /// What it offers to `${role.output}`.
    const OUTPUTS: &'static [OutputInfo];
    /// Entries of a spec's `roles:` that use it, from the first column; checked by a test.
    const EXAMPLE: &'static str;
    /// Whether it runs commands that the spec names.
    const RUNS_COMMANDS: bool = false;
}
