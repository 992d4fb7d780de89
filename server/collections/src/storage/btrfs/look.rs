//! What is there: from the superblocks, and where it is mounted, from the kernel.

use std::path::{Path, PathBuf};

use seed_role::Result;
use seed_role::attrs::{Attrs, HIDDEN, Observation};
use seed_role::host::{BtrfsDevice, BtrfsFileSystem, Host, Mount, Subvolume};
use seed_role::param::{BlockRef, Size};
use serde_json::{Map, Value as Json, json};

use super::{Btrfs, snapshot_attribute, subvolume_attribute, trees};
use crate::storage::device::{Window, resolved, window};
use crate::storage::signature::{Kind, Signature, probe};
use crate::storage::{holdings as data, mounts};

/// The attribute that tells which of the devices hold something else. Not a parameter.
pub const FOREIGN: &str = "foreign";

/// The attribute that tells which subvolumes and snapshots are there that Seed made and that the spec does not name any more. Not a parameter.
pub const LEFT_OVER: &str = "left_over";

/// What stands in the list of devices for one that is missing.
pub const MISSING: &str = "missing";

/// A device of the spec, and what is on it.
struct Seen {
    key: String,
    path: Option<PathBuf>,
    window: Option<Window>,
    found: Option<Signature>,
}

/// The file system, as the kernel has it where it is mounted, or else as its trees have it.
struct Known {
    mount: Option<Mount>,
    file_system: BtrfsFileSystem,
    subvolumes: Vec<Subvolume>,
}

fn devices(role: &Btrfs, host: &dyn Host) -> Result<Vec<Seen>> {
    let look = |device: &BlockRef| {
        let window = window(host, device)?;
        let found = window.as_ref().map(|window| probe(host, window)).transpose()?.flatten();
        let path = device.path.as_deref().map(|path| resolved(host, path));
        Ok(Seen { key: device.key(), path, window, found })
    };
    role.devices.iter().map(look).collect()
}

/// The Btrfs signature that says which file system it is: that of the first device that has one.
fn file_system_of(devices: &[Seen]) -> Option<&Signature> {
    devices.iter().filter_map(|device| device.found.as_ref()).find(|found| found.kind == Kind::Btrfs)
}

fn is_on(device: &Seen, uuid: &str) -> bool {
    device.found.as_ref().is_some_and(|found| found.kind == Kind::Btrfs && found.uuid == uuid)
}

fn known(role: &Btrfs, host: &dyn Host, file_system: &Signature, members: &[&Seen]) -> Result<Option<Known>> {
    let table = host.mounts()?;
    let mut on = source(file_system, members).mounts(host)?;
    on.retain(|mount| mounts::is_visible(&table, mount));
    let wanted = on.iter().find(|mount| role.mount.as_ref().is_some_and(|at| at.0 == mount.at) && is_top(mount));
    if let Some(mount) = wanted.or_else(|| on.iter().find(|mount| is_top(mount))).or(on.first()) {
        let (file_system, subvolumes) = (host.btrfs(&mount.at)?, host.btrfs_subvolumes(&mount.at)?);
        return Ok(Some(Known { mount: Some(mount.clone()), file_system, subvolumes }));
    }
    let windows: Vec<&Window> = members.iter().filter_map(|device| device.window.as_ref()).collect();
    let read = trees::read(host, &windows)?;
    Ok(read.map(|read| Known { mount: None, file_system: read.file_system, subvolumes: read.subvolumes }))
}

fn source(file_system: &Signature, members: &[&Seen]) -> mounts::Source {
    let devices = members.iter().filter_map(|device| device.path.clone()).collect();
    mounts::Source { devices, btrfs: Some(file_system.uuid.clone()) }
}

/// What is mounted over it at its place.
pub fn hidden(role: &Btrfs, host: &dyn Host) -> Result<Option<String>> {
    let Some(at) = &role.mount else { return Ok(None) };
    let devices = devices(role, host)?;
    let Some(file_system) = file_system_of(&devices) else { return Ok(None) };
    let members: Vec<&Seen> = devices.iter().filter(|device| is_on(device, &file_system.uuid)).collect();
    source(file_system, &members).hidden(host, at)
}

fn is_top(mount: &Mount) -> bool {
    mount.root == Path::new("/")
}

/// What is there.
pub fn observe(role: &Btrfs, host: &dyn Host) -> Result<Observation> {
    let devices = devices(role, host)?;
    let Some(first) = devices.iter().find_map(|device| device.found.as_ref()) else { return Ok(Observation::Absent) };
    let Some(file_system) = file_system_of(&devices) else {
        let attrs = Attrs::new().with("type", first.kind.word());
        return Ok(Observation::Present(attrs.with("label", first.label.clone()).with("uuid", first.uuid.clone())));
    };
    let members: Vec<&Seen> = devices.iter().filter(|device| is_on(device, &file_system.uuid)).collect();
    let known = known(role, host, file_system, &members)?;
    let attrs = Attrs::new().with("type", "btrfs").with("uuid", file_system.uuid.clone());
    let attrs = match &known {
        Some(known) => with_known(role, host, attrs, known)?,
        None => attrs.with("label", file_system.label.clone()).with("mount", Json::Null),
    };
    let attrs = attrs.with_some(HIDDEN, hidden(role, host)?);
    let live = known.filter(|known| known.mount.is_some()).map(|known| known.file_system);
    Ok(Observation::Present(with_devices(attrs, &devices, file_system, live.as_ref())))
}

fn with_devices(mut attrs: Attrs, devices: &[Seen], file_system: &Signature, live: Option<&BtrfsFileSystem>) -> Attrs {
    let mut members: Vec<String> = Vec::new();
    let mut foreign = Map::new();
    let mut size = 0;
    let mut others: Vec<&BtrfsDevice> = live.iter().flat_map(|live| &live.devices).collect();
    for device in devices {
        let in_kernel = others.iter().position(|other| other.path.is_some() && other.path == device.path);
        let used = in_kernel.map(|number| others.remove(number).size);
        if used.is_some() || (live.is_none() && is_on(device, &file_system.uuid)) {
            members.push(device.key.clone());
            let there = device.window.as_ref().map_or(0, |window| window.len);
            let found = device.found.as_ref().map(|found| Signature { size: used.or(found.size), ..found.clone() });
            size += found.and_then(|found| found.covers(there)).or(used).unwrap_or(0);
        } else if let Some(found) = &device.found {
            let what = if found.kind == Kind::Btrfs { format!("another file system: {}", found.words()) } else { found.words() };
            foreign.insert(device.key.clone(), json!(what));
        }
    }
    if live.is_some() {
        for other in others {
            members.push(other.path.as_ref().map_or_else(|| MISSING.to_string(), |path| path.display().to_string()));
            size += if other.path.is_some() { other.size } else { 0 };
        }
    } else {
        let all = file_system.member.map_or(0, |member| member.devices) as usize;
        members.extend(std::iter::repeat_n(MISSING.to_string(), all.saturating_sub(members.len())));
    }
    attrs.set("devices", members);
    attrs.set("size", Size(size).to_string());
    if !foreign.is_empty() {
        attrs.set(FOREIGN, foreign);
    }
    attrs
}

fn with_known(role: &Btrfs, host: &dyn Host, attrs: Attrs, known: &Known) -> Result<Attrs> {
    let top = known.mount.as_ref().filter(|mount| is_top(mount));
    let asked = role.options(host)?;
    let options = top.map(|mount| mounts::options_attribute(asked.as_deref(), mount));
    let attrs = attrs
        .with("label", known.file_system.label.clone())
        .with("data", in_order(&known.file_system.data))
        .with("metadata", in_order(&known.file_system.metadata))
        .with("mount", top.map(|mount| mount.at.display().to_string()))
        .with_some("options", options);
    Ok(with_subvolumes(role, attrs, &known.subvolumes))
}

/// Profiles that are joined, always in the same order.
fn in_order(profiles: &str) -> String {
    let mut names: Vec<&str> = profiles.split('+').collect();
    names.sort_unstable();
    names.join("+")
}

/// Adds those that the spec names; where it names none at all, all that are there, so that a spec can be written from them.
fn with_subvolumes(role: &Btrfs, mut attrs: Attrs, there: &[Subvolume]) -> Attrs {
    let names_any = !role.subvolumes.is_empty() || !role.snapshots.is_empty();
    let parent_of = |subvolume: &Subvolume| {
        let parent = subvolume.parent_uuid.as_ref()?;
        there.iter().find(|other| other.uuid == *parent).map(|other| other.path.display().to_string())
    };
    let (mut subvolumes, mut snapshots, mut left_over) = (Map::new(), Map::new(), Map::new());
    for subvolume in there.iter().filter(|subvolume| !is_backup(&subvolume.path)) {
        let name = subvolume.path.display().to_string();
        let parent = parent_of(subvolume);
        if role.left_over.names.contains(&name) {
            left_over.insert(name, json!({}));
            continue;
        }
        let wanted = role.snapshots.get(&name);
        if let Some(of) = parent.clone().or_else(|| wanted.map(|wanted| wanted.of.clone()))
            && (wanted.is_some() || !names_any)
        {
            snapshots.insert(name, snapshot_attribute(&of, subvolume.read_only));
        } else if role.subvolumes.get(&name).is_some() || !names_any {
            subvolumes.insert(name, subvolume_attribute(subvolume.limit, subvolume.read_only));
        }
    }
    for (name, entries) in [("subvolumes", subvolumes), ("snapshots", snapshots)] {
        let named = if name == "subvolumes" { !role.subvolumes.is_empty() } else { !role.snapshots.is_empty() };
        if named || !entries.is_empty() {
            attrs.set(name, entries);
        }
    }
    if !role.left_over.names.is_empty() {
        attrs.set(LEFT_OVER, left_over);
    }
    attrs
}

/// Whether it lies in a folder of backups at the top.
fn is_backup(path: &Path) -> bool {
    path.iter().next().and_then(|first| first.to_str()).is_some_and(|first| first.starts_with(seed_role::backup::MARK))
}

/// What would be lost with it, in words.
pub fn holdings(role: &Btrfs, host: &dyn Host) -> Option<String> {
    let look = || {
        let devices = devices(role, host)?;
        if let Some(file_system) = file_system_of(&devices) {
            let members: Vec<&Seen> = devices.iter().filter(|device| is_on(device, &file_system.uuid)).collect();
            let windows: Vec<&Window> = members.iter().filter_map(|device| device.window.as_ref()).collect();
            if let Some(lost) = data::in_btrfs(host, file_system, &windows, &source(file_system, &members))? {
                return Ok(Some(lost));
            }
        }
        for device in devices.iter().filter(|device| device.found.as_ref().is_some_and(|found| found.kind != Kind::Btrfs)) {
            let Some(window) = &device.window else { continue };
            if let Some(lost) = data::on_device(host, window, device.path.as_deref())? {
                return Ok(Some(lost));
            }
        }
        Ok(None)
    };
    let lost: Result<Option<String>> = look();
    lost.unwrap_or_else(|trouble| Some(format!("a file system that cannot be read: {trouble}")))
}
