//! What the journal says: one record a line, JSON.

use std::path::PathBuf;

use seed_role::attrs::{Attrs, Observation};
use seed_role::host::Seal;
use seed_role::step::Kept;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::below::Below;

/// A record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Record {
    /// A command begins to change things.
    Run {
        /// Its number, from 1.
        id: u64,
        /// When, in seconds since 1970.
        time: u64,
        /// What was asked for: `apply present`.
        command: String,
        /// The digest of the plan that was confirmed.
        digest: String,
        /// For a repair, the roles that had drifted: those that were taken on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drifted: Vec<String>,
    },
    /// A role is about to be changed. Durable before anything is.
    Begin {
        /// The role.
        role: String,
        /// Its concrete type.
        is: String,
        /// Its parameters, references left open.
        params: Json,
        /// What was there.
        was: Observation,
        /// Whether its data may be destroyed without asking.
        disposable: bool,
        /// What data is lost by the change, unless it is put aside.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        loses: Option<String>,
        /// The roles it comes after.
        after: Vec<String>,
        /// What is done, as the plan calls it.
        action: String,
        /// The parts that were there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parts: Vec<String>,
    },
    /// A step of it is about to run. Durable before it does, if its interruption must be undone or it makes folders.
    Step {
        /// The role.
        role: String,
        /// What the step does.
        name: String,
        /// Folders that it makes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        made: Vec<PathBuf>,
        /// Temporary files it may leave.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        litter: Vec<PathBuf>,
        /// Whether its interruption must be undone.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        undo: bool,
    },
    /// Folders that were made for a role were removed: it has no need of them any more.
    Unmade {
        /// The role.
        role: String,
        /// The folders.
        folders: Vec<PathBuf>,
    },
    /// A step whose interruption would have to be undone has ended, and has put nothing aside.
    StepDone {
        /// The role.
        role: String,
        /// What the step did.
        name: String,
    },
    /// Something was put aside, with which the step that did so has ended.
    Kept {
        /// The number of the backup; the records of earlier versions have none, and count on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The role.
        role: String,
        /// The run.
        run: u64,
        /// When, in seconds since 1970.
        time: u64,
        /// What, and where it is.
        kept: Kept,
        /// The path that it was moved from, if it was moved as a whole.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<PathBuf>,
        /// Where the rest of it lies, if this is only a part of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        below: Option<Below>,
        /// Until when it is kept at least, in seconds since 1970.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<u64>,
        /// What tells it from what somebody else puts in its place, if it has a path.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Seal>,
    },
    /// The spec has said since to keep backups for longer: one is kept until then.
    Extended {
        /// The number of the backup; without one, all that the run made for the role are meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The role.
        role: String,
        /// The run that made the backup.
        run: u64,
        /// Until when it is kept, in seconds since 1970.
        until: u64,
    },
    /// What was put aside was brought back.
    Restored {
        /// The number of the backup; without one, all that the run made for the role are meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The role.
        role: String,
        /// The run that put it aside.
        run: u64,
    },
    /// A run found that the time of what was put aside is over. It is removed by one that comes later.
    Expired {
        /// The number of the backup; without one, all that the run made for the role are meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The role.
        role: String,
        /// The run that put it aside.
        run: u64,
        /// When it was found, in seconds since 1970.
        time: u64,
    },
    /// A backup whose time is over is about to be removed: from here on, parts of it may be gone.
    Removing {
        /// The number of the backup; without one, all that the run made for the role are meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The role.
        role: String,
        /// The run that made it.
        run: u64,
    },
    /// The clock was found to be behind what was recorded: it was ahead then, or is behind now, and no backup counts as found expired.
    ClockBack {
        /// What it says now, in seconds since 1970.
        time: u64,
    },
    /// What was put aside is no longer there: its time was over, or something else was made in its place.
    Forgotten {
        /// The number of the backup; without one, all that the run made for the role are meant.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The role.
        role: String,
        /// The run that put it aside.
        run: u64,
    },
    /// The change of a role has ended.
    End {
        /// The role.
        role: String,
        /// How.
        outcome: Outcome,
        /// The parts that are there now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        parts: Vec<String>,
    },
    /// A role was not begun with: it may not be changed, or not as the plan said.
    Refused {
        /// The role.
        role: String,
        /// Its type.
        is: String,
        /// What was to be done, as the plan calls it.
        action: String,
        /// Why not.
        message: String,
    },
    /// A role has another name in the spec now.
    Renamed {
        /// What it was called.
        from: String,
        /// What it is called.
        to: String,
    },
    /// Things moved along with the spec: what is told of these roles before means the new place.
    Moved {
        /// The folder that the paths began with.
        from: PathBuf,
        /// The folder that it is now.
        to: PathBuf,
        /// The roles.
        roles: Vec<String>,
        /// Backups that moved along, by the paths that they had.
        kept: Vec<PathBuf>,
    },
    /// A user has said to forget a role: what was made for it stays, and is no longer Seed's.
    Forgot {
        /// The role.
        role: String,
    },
    /// A user has accepted that the journal is damaged.
    Accepted,
    /// The journal was begun anew here; what follows, up to the first run, is what it came to.
    Base {
        /// The number of the last run that it no longer tells of.
        last_run: u64,
        /// The latest time that was recorded, in seconds since 1970.
        time: u64,
        /// The number of the last backup that was made.
        #[serde(default)]
        last_backup: u64,
    },
    /// The command has ended.
    Close {
        /// The number of its run.
        id: u64,
        /// How: `done`, `failed`, `interrupted`.
        status: String,
    },
    /// Whoever asked for the last run has learned of its end.
    Reported,
    /// A backup as the ledger knows it, carried over when the journal is begun anew.
    Backup {
        /// What is known.
        aside: Box<super::ledger::PutAside>,
        /// Whether its role was forgotten.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        forgotten: bool,
    },
    /// A role as the ledger knows it, carried over when the journal is begun anew.
    Owned {
        /// The role.
        role: String,
        /// What is known.
        owned: Box<super::ledger::Owned>,
    },
}

impl Record {
    /// The role that it tells of, if it is one.
    pub fn role(&self) -> Option<&str> {
        match self {
            Record::Begin { role, .. }
            | Record::Step { role, .. }
            | Record::Unmade { role, .. }
            | Record::StepDone { role, .. }
            | Record::Kept { role, .. }
            | Record::Expired { role, .. }
            | Record::Extended { role, .. }
            | Record::Removing { role, .. }
            | Record::Restored { role, .. }
            | Record::Forgotten { role, .. }
            | Record::End { role, .. }
            | Record::Refused { role, .. }
            | Record::Forgot { role }
            | Record::Owned { role, .. } => Some(role),
            Record::Backup { aside, .. } => Some(&aside.role),
            Record::Run { .. }
            | Record::ClockBack { .. }
            | Record::Renamed { .. }
            | Record::Moved { .. }
            | Record::Accepted
            | Record::Reported
            | Record::Base { .. }
            | Record::Close { .. } => None,
        }
    }

    /// Whether it can only follow the beginning of a role's change.
    pub(super) fn follows_a_beginning(&self) -> bool {
        matches!(
            self,
            Record::Step { .. } | Record::Unmade { .. } | Record::StepDone { .. } | Record::Kept { .. } | Record::End { .. }
        )
    }
}

/// How the change of a role ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is there, looking like this; long texts are given by their hash.
    Present(Attrs),
    /// It is as it was before Seed first touched it.
    Returned,
    /// It failed; why.
    Failed(String),
}
