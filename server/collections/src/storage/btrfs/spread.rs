//! Over which devices the file system is spread, and how.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_role::Result;
use seed_role::attrs::Attrs;
use seed_role::host::{Host, run_within};
use seed_role::param::BlockRef;
use seed_role::step::Step;

use super::BTRFS;
use super::change::Work;
use super::look::MISSING;
use crate::storage::device::resolved;
use crate::storage::mounts::texts;

/// The steps that add and remove devices and change profiles.
///
/// Devices are added first, so that there is room; those that are there still go after the chunks were spread in the new way,
/// which may need fewer of them; those that are missing go before, as their chunks have to be made whole first.
pub fn steps(work: &Arc<Work>, from: &Attrs, goal: &Attrs) -> Vec<Step> {
    let differs = |field: &str| goal.get(field).is_some_and(|want| from.get(field) != Some(want));
    let is_spread_anew = differs("data") || differs("metadata");
    let profiles = Profiles { data: text(goal, "data"), metadata: text(goal, "metadata") };
    let mut steps = Vec::new();
    let (there, wanted) = (texts(from, "devices").unwrap_or_default(), texts(goal, "devices").unwrap_or_default());
    let are_devices_changed = differs("devices");
    let is_new = |key: &&String| *key != MISSING && !there.contains(key);
    let added: Vec<PathBuf> = wanted.iter().filter(is_new).filter_map(|key| path_of(work, key)).collect();
    let removed: Vec<PathBuf> =
        there.iter().filter(|key| *key != MISSING && !wanted.contains(key)).filter_map(|key| path_of(work, key)).collect();
    let missing = there.iter().filter(|key| *key == MISSING).count();

    if are_devices_changed && !added.is_empty() {
        steps.push(work.step("add devices", move |_, host, top| add(host, top, &added)));
    }
    if are_devices_changed && missing > 0 {
        steps.push(work.step("remove missing devices", move |_, host, top| remove_missing(host, top)));
    }
    if is_spread_anew || (are_devices_changed && missing > 0) {
        steps.push(work.step("spread its chunks", move |_, host, top| spread(host, top, &profiles)));
    }
    if are_devices_changed && !removed.is_empty() {
        steps.push(work.step("remove devices", move |_, host, top| remove(host, top, &removed)));
    }
    steps
}

fn text(goal: &Attrs, field: &str) -> Option<String> {
    goal.text(field).map(String::from)
}

/// The path of a device as the attributes name it: a key of the spec, or a path.
fn path_of(work: &Work, key: &str) -> Option<PathBuf> {
    let named = work.role.devices.iter().find(|device| device.key() == key).map(|device: &BlockRef| device.path.clone());
    named.unwrap_or_else(|| Some(PathBuf::from(key)).filter(|path| path.is_absolute()))
}

fn members(host: &dyn Host, top: &Path) -> Result<Vec<PathBuf>> {
    Ok(host.btrfs(top)?.devices.into_iter().filter_map(|device| device.path).collect())
}

fn add(host: &dyn Host, top: &Path, devices: &[PathBuf]) -> Result<()> {
    let members = members(host, top)?;
    let mut args = vec!["device".to_string(), "add".into(), "-f".into()];
    let before = args.len();
    args.extend(
        devices.iter().filter(|device| !members.contains(&resolved(host, device))).map(|device| device.display().to_string()),
    );
    if args.len() == before {
        return Ok(());
    }
    args.push(top.display().to_string());
    btrfs(host, "add devices to the file system", &args)
}

fn remove(host: &dyn Host, top: &Path, devices: &[PathBuf]) -> Result<()> {
    let members = members(host, top)?;
    for device in devices.iter().filter(|device| members.contains(&resolved(host, device))) {
        let args = ["device".into(), "remove".into(), device.display().to_string(), top.display().to_string()];
        btrfs(host, &format!("remove {} from the file system", device.display()), &args)?;
    }
    Ok(())
}

fn remove_missing(host: &dyn Host, top: &Path) -> Result<()> {
    // The command takes one at a time.
    while host.btrfs(top)?.devices.iter().any(|device| device.path.is_none()) {
        let args = ["device".into(), "remove".into(), MISSING.into(), top.display().to_string()];
        btrfs(host, "remove a missing device from the file system", &args)?;
    }
    Ok(())
}

struct Profiles {
    data: Option<String>,
    metadata: Option<String>,
}

/// Converts chunks to the profiles wanted. Where the spec leaves a profile open, chunks that were written while a device was
/// missing are converted to that of the others.
fn spread(host: &dyn Host, top: &Path, profiles: &Profiles) -> Result<()> {
    let file_system = host.btrfs(top)?;
    let data = target(profiles.data.as_deref(), &file_system.data);
    let metadata = target(profiles.metadata.as_deref(), &file_system.metadata);
    let mut args = vec!["balance".to_string(), "start".into(), "-f".into()];
    let before = args.len();
    args.extend(data.map(|profile| format!("-dconvert={profile}")));
    args.extend(metadata.map(|profile| format!("-mconvert={profile}")));
    if args.len() == before {
        return Ok(());
    }
    args.push(top.display().to_string());
    let attempted = "spread the chunks of the file system";
    btrfs(host, attempted, &args).or_else(|trouble| {
        // One that an interruption left under way, or paused.
        if !trouble.came_back.contains("in progress") {
            return Err(trouble);
        }
        btrfs(host, "cancel the balance that is under way", &["balance".into(), "cancel".into(), top.display().to_string()])?;
        btrfs(host, attempted, &args)
    })
}

/// The profile to convert to; none if all chunks have it.
fn target<'a>(wanted: Option<&'a str>, there: &'a str) -> Option<&'a str> {
    const WEAK: &[&str] = &["single", "dup", "raid0"];
    match wanted {
        Some(wanted) => (wanted != there).then_some(wanted),
        None if there.contains('+') => there.split('+').find(|profile| !WEAK.contains(profile)),
        None => None,
    }
}

fn btrfs(host: &dyn Host, attempted: &str, args: &[String]) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // All data of a large file system may have to move.
    const A_WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);
    run_within(host, attempted, &BTRFS, &args, A_WEEK).map(drop)
}
