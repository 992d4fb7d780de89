//! What tells a backup from what somebody else puts in its place.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A time as a file system keeps it: seconds since 1970, and nanoseconds.
pub type Time = (i64, i64);

/// What a backup looked like when it was made.
///
/// No content is read: a backup may be large. That nothing in it was changed is told by the times of change, which nobody can set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seal {
    /// A file, or a folder with all in it.
    Tree {
        /// The number of its inode. That of its device changes from one start of the machine to the next.
        inode: u64,
        /// When it came to be, where the file system tells it.
        born: Option<Time>,
        /// When it was last changed (`st_ctime`).
        changed: Time,
        /// The time of the seal: all that is in it was changed before.
        sealed: Time,
    },
    /// A subvolume: its UUID. It is read-only.
    Subvolume(String),
}

impl Seal {
    /// The seal of a file or folder that looks like this now.
    pub fn of(metadata: &Metadata) -> Seal {
        let born = metadata.created().ok().map(time);
        Seal::Tree {
            inode: metadata.ino(),
            born,
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            sealed: time(SystemTime::now()),
        }
    }

    /// Whether this is still the file or folder that got the other seal, whatever was changed in it.
    pub fn is_of_the_same(&self, other: &Seal) -> bool {
        match (self, other) {
            (Seal::Tree { inode, born, .. }, Seal::Tree { inode: there, born: then, .. }) => (inode, born) == (there, then),
            (this, other) => this == other,
        }
    }

    /// Whether it has not changed itself since it got the other seal; what lies in it is not looked at.
    pub fn is_unchanged(&self, other: &Seal) -> bool {
        let changed = |seal: &Seal| if let Seal::Tree { changed, .. } = seal { Some(*changed) } else { None };
        self.is_of_the_same(other) && changed(self) == changed(other)
    }
}

fn time(time: SystemTime) -> Time {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (i64::try_from(since.as_secs()).unwrap_or(i64::MAX), i64::from(since.subsec_nanos()))
}
