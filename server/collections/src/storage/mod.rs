//! The `storage` collection: images, block devices, file systems and mounts.

use std::cmp::Ordering;

use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::host::FileKind;
use seed_role::registry::RoleType;
use seed_role::{Finding, Trouble};
use seed_spec::Code;
use seed_spec::unit::Size;
use serde_json::Value as Json;

mod btrfs;
mod device;
mod fat;
mod file_block_image;
mod filesystem;
mod gpt_table;
mod holdings;
mod loopback_device;
mod mount;
mod mounts;
mod named;
mod partition_table;
mod qcow2;
mod signature;
mod tmpfs;
mod wipe;

#[cfg(test)]
mod any_bytes;

/// The role types of this collection.
pub const TYPES: &[RoleType] = &[
    RoleType::of::<file_block_image::FileBlockImage>(),
    RoleType::of::<loopback_device::LoopbackDevice>(),
    RoleType::of::<partition_table::PartitionTable>(),
    RoleType::of::<filesystem::Filesystem>(),
    RoleType::of::<btrfs::Btrfs>(),
    RoleType::of::<tmpfs::Tmpfs>(),
    RoleType::of::<mount::Mount>(),
];

/// A mistake in a parameter, and what to do about it.
fn finding(param: &str, code: Code, message: &str, help: &str) -> Finding {
    Finding { param: param.into(), code, message: message.into(), help: Some(help.into()) }
}

/// That nothing is done to what could not be seen.
fn unknown(attempted: &str, reason: &str) -> Trouble {
    Trouble::new(attempted, format!("it is not known what is there: {reason}"))
}

/// That a change would have to be a replacement.
fn not_in_place(field: &str, what: &str) -> Trouble {
    Trouble::new(format!("change the {field} of {what}"), "it cannot be changed in place")
}

/// What is at a path, in words.
fn kind_words(kind: FileKind) -> &'static str {
    match kind {
        FileKind::File => "a file",
        FileKind::Directory => "a folder",
        FileKind::Link => "a symbolic link",
        FileKind::Block => "a block device",
        FileKind::Other => "a special file",
    }
}

/// What has grown stays as large as it is, where the rest of it is as it was: making it smaller would cut off what lies at its end. Takes
/// the size out of what was there before; then why.
fn stays_grown(past: &mut Attrs, seen: &Observation, alike: &[&str]) -> Option<String> {
    let seen = seen.attrs()?;
    let (before, now) = (past.size("size")?, seen.size("size")?);
    if before >= now || alike.iter().any(|field| past.get(field) != seen.get(field)) {
        return None;
    }
    past.0.remove("size");
    Some(format!("stays {}, grown from {}: it cannot be made smaller safely", Size(now), Size(before)))
}

/// What a person should know before something is made larger.
fn cannot_shrink(change: &Change) -> Option<String> {
    let grows = change.field == "size" && compare_sizes(change).is_some_and(Ordering::is_gt);
    let words = "growing it cannot be undone: `undo`, and `absent` if it existed before Seed, keep the new size";
    grows.then(|| words.to_string())
}

/// Whether a size is to become greater or less.
fn compare_sizes(change: &Change) -> Option<Ordering> {
    let bytes = |value: &Json| Size::parse(value.as_str()?).ok();
    Some(bytes(&change.to)?.cmp(&bytes(&change.from)?))
}
