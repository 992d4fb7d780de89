//! The work of the benchmarks done by hand: the same system calls and the same mkfs, and nothing else. What Seed takes is
//! told as a ratio to these, measured in the same run.

mod btrfs;
mod files;
mod fragments;

use std::path::Path;

use crate::Result;

/// Runs one of them.
///
/// # Errors
///
/// When it does not know the name, or the work fails.
pub fn run(args: &[String]) -> Result {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["files-unchanged", folder, count] => files::compare(Path::new(folder), count.parse()?),
        ["files-create", folder, count] => files::create(Path::new(folder), count.parse()?, files::Durable::Each),
        ["files-create-syncfs", folder, count] => files::create(Path::new(folder), count.parse()?, files::Durable::AtTheEnd),
        ["btrfs-create", folder] => btrfs::create(Path::new(folder)),
        ["btrfs-unchanged", folder] => btrfs::compare(Path::new(folder)),
        ["btrfs-absent", folder] => btrfs::remove(Path::new(folder)),
        ["fragments-status", folder] => fragments::read(Path::new(folder)),
        ["fragments-update", folder, count, version] => fragments::write(Path::new(folder), count.parse()?, version.parse()?),
        _ => Err(
            "floor files-unchanged|files-create|files-create-syncfs DIR COUNT, btrfs-create|btrfs-unchanged|btrfs-absent|fragments-status DIR, or fragments-update DIR COUNT VERSION"
                .into(),
        ),
    }
}
