//! The steps that lead from what is there to what is wanted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_role::attrs::{Attrs, Observation};
use seed_role::backup;
use seed_role::host::{Host, MountRequest, Subvolume};
use seed_role::param::BlockRef;
use seed_role::step::{Goal, Kept, Step, Transition};
use seed_role::{Result, Trouble};
use serde_json::Value as Json;

use super::look::{LEFT_OVER, MISSING};
use super::{Btrfs, MKFS};
use crate::storage::device::{Window, must_be_there, whole, window};
use crate::storage::mounts::Source;
use crate::storage::signature::probe;
use crate::storage::{holdings, mounts, wipe};

const MAKE: &str = "make the Btrfs file system";
/// Its UUID follows, so that an interruption goes on with this one and no other.
const ERASE: &str = "erase the file system ";
const PUT_ASIDE: &str = "back up as ";

/// A subvolume or snapshot as a goal has it.
#[derive(Clone, Debug)]
struct Wanted {
    name: String,
    of: Option<String>,
    quota: Option<u64>,
    read_only: bool,
}

fn wanted(goal: &Attrs, field: &str) -> Vec<Wanted> {
    let entries = goal.get(field).and_then(Json::as_object).into_iter().flatten();
    let text = |entry: &Json, key: &str| entry.get(key).and_then(Json::as_str).map(String::from);
    entries
        .map(|(name, entry)| Wanted {
            name: name.clone(),
            of: text(entry, "of"),
            quota: text(entry, "quota").and_then(|quota| seed_spec::unit::Size::parse(&quota).ok()).map(|quota| quota.0),
            read_only: entry.get("read_only").and_then(Json::as_bool).unwrap_or(false),
        })
        .collect()
}

/// A change under way: the role, and how its file system is mounted while the steps run.
pub(super) struct Work {
    pub(super) role: Btrfs,
    source: Source,
    options: Vec<String>,
    is_private: bool,
}

impl Work {
    /// Does something at the top of the file system, which is mounted for it if it is not.
    fn inside<T>(&self, host: &dyn Host, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        mounts::while_mounted(host, &self.source, "btrfs", self.options.clone(), work)
    }

    pub(super) fn step(
        self: &Arc<Self>,
        name: &str,
        work: impl FnOnce(&Work, &dyn Host, &Path) -> Result<()> + Send + 'static,
    ) -> Step {
        let this = Arc::clone(self);
        let step = Step::new(name, move |host| this.inside(host, |top| work(&this, host, top)));
        if self.is_private { step.undo_when_interrupted() } else { step }
    }
}

/// The steps of a transition.
pub fn steps(role: &Btrfs, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
    match (transition.from, transition.to) {
        (Observation::Unknown(reason), _) => Err(crate::storage::unknown("change the file system", reason)),
        (Observation::Absent, Goal::Absent) => Ok(Vec::new()),
        (Observation::Present(from), Goal::Absent) => remove(role, host, from, transition.keep),
        (Observation::Absent, Goal::Attrs(goal)) => {
            let mut steps = vec![make(role, host, goal, transition.kept)?];
            steps.extend(change(role, host, &Attrs::new(), goal, transition)?);
            Ok(steps)
        }
        (Observation::Present(from), Goal::Attrs(goal)) => {
            let is_other = |field: &str| goal.get(field).is_some_and(|want| from.get(field) != Some(want));
            match ["type", "uuid"].into_iter().find(|field| is_other(field)) {
                Some(field) => Err(crate::storage::not_in_place(field, "the file system")),
                None => change(role, host, from, goal, transition),
            }
        }
    }
}

fn make(role: &Btrfs, host: &dyn Host, goal: &Attrs, kept: Option<&Kept>) -> Result<Step> {
    let devices = role.paths(host)?;
    if let Some(data) = kept.and_then(|kept| kept.data.clone()) {
        return Ok(Step::new("restore the file system", move |host| restore(host, &devices, &data)).undo_when_interrupted());
    }
    let mut args: Vec<String> = vec!["-q".into(), "-f".into()];
    for (flag, field) in [("-L", "label"), ("-U", "uuid"), ("-d", "data"), ("-m", "metadata")] {
        if let Some(value) = goal.text(field).filter(|value| !value.is_empty()) {
            args.extend([flag.to_string(), value.to_string()]);
        }
    }
    args.extend(devices.iter().map(|device| device.display().to_string()));
    let make = move |host: &dyn Host| {
        for device in &devices {
            must_be_there(host, device)?;
            holdings::must_be_blank(host, &whole(host, device)?)?;
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        seed_role::host::run(host, MAKE, &MKFS, &args).map(drop)
    };
    Ok(Step::new(MAKE, make).undo_when_interrupted())
}

/// Brings back what an interruption left half-done.
pub fn recover(role: &Btrfs, host: &dyn Host, step: &str) -> Result<()> {
    if step == MAKE {
        let windows: Vec<Option<Window>> = role.devices.iter().map(|device| window(host, device)).collect::<Result<_>>()?;
        for (window, device) in windows.iter().zip(&role.devices) {
            let Some(window) = window else { continue };
            holdings::must_be_unused(host, window, device.path.as_deref())?;
        }
        let there = windows.iter().zip(&role.devices).filter_map(|(window, device)| Some((window.as_ref()?, device)));
        return there.into_iter().try_for_each(|(window, device)| wipe::erase(host, device, window));
    }
    if let Some(uuid) = step.strip_prefix(ERASE) {
        let source = Source { devices: role.known_paths(host), btrfs: Some(uuid.to_string()) };
        mounts::unmount_all(host, &source, None)?;
        for device in &role.devices {
            let Some(window) = window(host, device)? else { continue };
            // Another one was made by somebody else since.
            if probe(host, &window)?.is_some_and(|found| found.uuid == uuid) {
                wipe::erase(host, device, &window)?;
            }
        }
        return Ok(());
    }
    if let Some(place) = step.strip_prefix(PUT_ASIDE) {
        let devices = role.known_paths(host);
        mounts::while_mounted(host, &Source::on(devices.clone()), "btrfs", role.mount_options(&[], &devices), |top| {
            backup::remove(host, &top.join(place))
        })?;
    }
    role.known_paths(host).iter().try_for_each(|device| mounts::end_private(host, device))
}

fn remove(role: &Btrfs, host: &dyn Host, from: &Attrs, keep: Option<&str>) -> Result<Vec<Step>> {
    let source = Source { devices: role.known_paths(host), btrfs: from.text("uuid").map(String::from) };
    // Where the spec does not mount it, whoever did still uses it.
    let ours = role.mount.as_ref().and(from.text("mount")).map(PathBuf::from);
    let mut steps = Vec::new();
    if from.text("mount").is_some() {
        let source = source.clone();
        let unmount = move |host: &dyn Host| mounts::unmount_all(host, &source, ours.as_deref());
        steps.push(Step::new("unmount", unmount));
    }
    // Once it is unmounted, all of it has been written.
    if keep.is_some() {
        let devices = role.devices.clone();
        let keys: Vec<String> = devices.iter().map(BlockRef::key).collect();
        let what = format!("the file system on {}", keys.join(", "));
        let save = move |host: &dyn Host| Ok(Some(Kept { what, path: None, data: Some(save(host, &devices)?) }));
        steps.push(Step::keeping("back up its signatures", save));
    }
    let role = role.clone();
    let is_kept = keep.is_some();
    let uuid = from.text("uuid").unwrap_or_default().to_string();
    let erased = format!("{ERASE}{uuid}");
    let wipe = move |host: &dyn Host| {
        mounts::unmount_all(host, &source, None)?;
        for device in &role.devices {
            let Some(window) = window(host, device)? else { continue };
            let is_member = probe(host, &window)?.is_some_and(|found| found.uuid == uuid);
            if is_member && !is_kept { wipe::erase(host, device, &window)? } else { wipe::wipe(host, &window)? }
        }
        Ok(())
    };
    steps.push(match is_kept {
        true => Step::new("wipe its signatures", wipe),
        false => Step::new(erased, wipe).undo_when_interrupted(),
    });
    Ok(steps)
}

/// What tells that the devices hold a file system, by their place in the list: the paths of loop devices change.
fn save(host: &dyn Host, devices: &[BlockRef]) -> Result<String> {
    let mut pieces = Vec::new();
    for device in devices {
        pieces.push(window(host, device)?.map(|window| wipe::save(host, &window)).transpose()?.unwrap_or_default());
    }
    serde_json::to_string(&pieces).map_err(|error| Trouble::new("back up the file system", error.to_string()))
}

fn restore(host: &dyn Host, devices: &[PathBuf], data: &str) -> Result<()> {
    let pieces: Vec<Vec<wipe::Piece>> =
        serde_json::from_str(data).map_err(|error| Trouble::new("restore the file system", error.to_string()))?;
    for (device, pieces) in devices.iter().zip(&pieces) {
        wipe::restore(host, &whole(host, device)?, pieces)?;
    }
    Ok(())
}

/// The steps in place. What `from` does not tell counts as unknown; each step looks again at what is there.
fn change(role: &Btrfs, host: &dyn Host, from: &Attrs, goal: &Attrs, transition: &Transition<'_>) -> Result<Vec<Step>> {
    let differs = |field: &str| goal.get(field).is_some_and(|want| from.get(field) != Some(want));
    let devices = role.paths(host)?;
    let asked = mounts::texts(goal, "options").or_else(|| mounts::texts(from, "options")).unwrap_or_default();
    let is_missing = mounts::texts(from, "devices").unwrap_or_default().iter().any(|device| device == MISSING);
    let degraded = is_missing.then(|| "degraded".to_string());
    let members = members(role, from, &devices);
    let options: Vec<String> = role.mount_options(&asked, &members).into_iter().chain(degraded).collect();

    let before = from.text("mount").map(PathBuf::from);
    let after = match goal.get("mount") {
        Some(at) => at.as_str().map(PathBuf::from),
        None => before.clone(),
    };
    // A file system that is to be read-only is writable while something is changed in it.
    let writable: Vec<String> = options.iter().filter(|option| *option != "ro").cloned().collect();
    let work = Arc::new(Work {
        role: role.clone(),
        source: Source { devices: members.clone(), btrfs: from.text("uuid").map(String::from) },
        options: writable.clone(),
        is_private: after.is_none() && before.is_none(),
    });
    let inside = inside(&work, from, goal, transition);
    let is_read_only = writable.len() < options.len() && !inside.is_empty();
    let first = if is_read_only { &writable } else { &options };

    let mut steps = Vec::new();
    match &after {
        Some(at) if differs("mount") => steps.extend(mount(&members, before.clone(), at.clone(), first)),
        Some(at) if differs("options") || is_read_only => steps.push(change_options(at.clone(), &members, first.clone())),
        _ => {}
    }
    steps.extend(inside);
    if let Some(at) = after.clone().filter(|_| is_read_only) {
        steps.push(change_options(at, &members, options));
    }
    if goal.get("mount").is_some()
        && after.is_none()
        && let Some(at) = before
    {
        steps.push(Step::new("unmount", move |host| host.unmount(&at)));
    }
    Ok(steps)
}

/// The steps inside the file system.
fn inside(work: &Arc<Work>, from: &Attrs, goal: &Attrs, transition: &Transition<'_>) -> Vec<Step> {
    let differs = |field: &str| goal.get(field).is_some_and(|want| from.get(field) != Some(want));
    let mut steps = Vec::new();
    if !from.0.is_empty() {
        steps.extend(super::spread::steps(work, from, goal));
        if differs("label") {
            let label = goal.text("label").unwrap_or_default().to_string();
            steps.push(work.step("set the label", move |_, host, top| host.btrfs_set_label(top, &label)));
        }
        if differs("size") {
            steps.push(work.step("let the file system grow with its devices", |_, host, top| grow(host, top)));
        }
    }
    if differs("subvolumes") || differs("snapshots") || differs(LEFT_OVER) {
        steps.extend(transition.kept.and_then(|kept| bring_back(work, kept)));
        steps.extend(subvolumes(work, from, goal, transition.keep));
    }
    steps
}

/// The devices that it can be mounted from: those of the spec that are members now, with one of them first.
fn members(role: &Btrfs, from: &Attrs, devices: &[PathBuf]) -> Vec<PathBuf> {
    let Some(known) = mounts::texts(from, "devices") else { return devices.to_vec() };
    let is_member = |device: &BlockRef| known.contains(&device.key());
    role.devices.iter().zip(devices).filter(|(device, _)| is_member(device)).map(|(_, path)| path.clone()).collect()
}

fn mount(devices: &[PathBuf], before: Option<PathBuf>, at: PathBuf, options: &[String]) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(before) = before {
        steps.push(Step::new("unmount from its former place", move |host| host.unmount(&before)));
    }
    let source = devices.first().map(|device| device.display().to_string()).unwrap_or_default();
    let request = MountRequest { source, at: at.clone(), fs_type: "btrfs".into(), options: options.to_vec() };
    steps.push(Step::new("mount", move |host| mounts::ensure(host, &request)).folder(at));
    steps
}

fn change_options(at: PathBuf, devices: &[PathBuf], options: Vec<String>) -> Step {
    let source = devices.first().map(|device| device.display().to_string()).unwrap_or_default();
    let request = MountRequest { source, at, fs_type: "btrfs".into(), options };
    Step::new("change the mount options", move |host| {
        let table = host.mounts()?;
        match mounts::mounted_at(&table, &request.at) {
            Some(mount) => mounts::change_options(host, mount, &request),
            None => host.mount(&request),
        }
    })
}

fn grow(host: &dyn Host, top: &Path) -> Result<()> {
    let file_system = host.btrfs(top)?;
    file_system.devices.iter().filter(|device| device.path.is_some()).try_for_each(|device| host.btrfs_grow(top, device.id))
}

fn subvolumes(work: &Arc<Work>, from: &Attrs, goal: &Attrs, keep: Option<&str>) -> Vec<Step> {
    let (made, taken) = (wanted(goal, "subvolumes"), wanted(goal, "snapshots"));
    let mut steps = Vec::new();

    let dropped = dropped(&work.role, from, goal);
    if !dropped.is_empty() {
        steps.extend(keep.map(|keep| put_aside(work, &dropped, keep)));
        steps.push(work.step("remove subvolumes", move |_, host, top| {
            dropped.iter().try_for_each(|name| host.btrfs_delete(&top.join(name)))
        }));
    }
    if made.iter().any(|subvolume| !is_there(from, "subvolumes", &subvolume.name)) {
        let made = made.clone();
        steps.push(work.step("make subvolumes", move |_, host, top| {
            let there = by_name(host, top)?;
            made.iter().filter(|one| !there.contains_key(&one.name)).try_for_each(|one| host.btrfs_create(&top.join(&one.name)))
        }));
    }
    let seen = wanted(from, "subvolumes");
    let limits_differ =
        made.iter().any(|one| one.quota != seen.iter().find(|seen| seen.name == one.name).and_then(|seen| seen.quota));
    if limits_differ {
        let made = made.clone();
        steps.push(work.step("limit subvolumes", move |_, host, top| limit(host, top, &made)));
    }
    if taken.iter().any(|snapshot| !is_there(from, "snapshots", &snapshot.name)) {
        let taken = taken.clone();
        steps.push(work.step("take snapshots", move |_, host, top| {
            let there = by_name(host, top)?;
            for one in taken.iter().filter(|one| !there.contains_key(&one.name)) {
                let Some(of) = &one.of else { continue };
                host.btrfs_snapshot(&top.join(of), &top.join(&one.name), one.read_only)?;
            }
            Ok(())
        }));
    }
    let all: Vec<Wanted> = made.into_iter().chain(taken).collect();
    let seen: Vec<Wanted> = seen.into_iter().chain(wanted(from, "snapshots")).collect();
    let flags_differ = all.iter().any(|one| match seen.iter().find(|seen| seen.name == one.name) {
        Some(seen) => seen.read_only != one.read_only,
        None => one.read_only && one.of.is_none(),
    });
    if flags_differ {
        steps.push(work.step("make subvolumes read-only or writable", move |_, host, top| {
            let there = by_name(host, top)?;
            let differs = |one: &&Wanted| there.get(&one.name).is_some_and(|there| there.read_only != one.read_only);
            all.iter().filter(differs).try_for_each(|one| host.btrfs_set_read_only(&top.join(&one.name), one.read_only))
        }));
    }
    steps
}

fn is_there(from: &Attrs, field: &str, name: &str) -> bool {
    from.get(field).is_some_and(|entries| entries.get(name).is_some())
}

/// Those that the spec names, that are there, and that the goal has not: what was added to a file system that Seed
/// did not make. The last made comes first, and snapshots before what they are of.
fn dropped(role: &Btrfs, from: &Attrs, goal: &Attrs) -> Vec<String> {
    let lacks = |field: &'static str| move |name: &&str| is_there(from, field, name) && !is_there(goal, field, name);
    let snapshots = role.snapshots.names().rev().filter(lacks("snapshots"));
    let subvolumes = role.subvolumes.names().rev().filter(lacks("subvolumes"));
    let (has_snapshots, has_subvolumes) = (goal.get("snapshots").is_some(), goal.get("subvolumes").is_some());
    // By their names, those in others come first.
    let left_over = role.left_over.names.iter().rev().map(String::as_str).filter(lacks(LEFT_OVER));
    let left_over = left_over.filter(|_| goal.get(LEFT_OVER).is_some());
    snapshots.filter(|_| has_snapshots).chain(left_over).chain(subvolumes.filter(|_| has_subvolumes)).map(String::from).collect()
}

/// A subvolume in a backup.
#[derive(serde::Deserialize, serde::Serialize)]
struct Saved {
    name: String,
    read_only: bool,
}

impl Saved {
    /// Where it is in the folder of the backup.
    fn place(&self, folder: &Path) -> PathBuf {
        folder.join(self.name.replace('/', "%2F"))
    }
}

/// Takes read-only snapshots of subvolumes, in a folder at the top of the file system.
fn put_aside(work: &Arc<Work>, names: &[String], keep: &str) -> Step {
    let (this, names, keep) = (Arc::clone(work), names.to_vec(), keep.to_string());
    let step = format!("{PUT_ASIDE}{keep}");
    let run = move |host: &dyn Host| {
        let (folder, saved) = this.inside(host, |top| {
            let (folder, there) = (top.join(&keep), by_name(host, top)?);
            host.make_folder(&folder, 0o700)?;
            let mut saved = Vec::new();
            for (name, subvolume) in names.iter().filter_map(|name| Some((name, there.get(name)?))) {
                let one = Saved { name: name.clone(), read_only: subvolume.read_only };
                host.btrfs_snapshot(&top.join(name), &one.place(&folder), true)?;
                saved.push(one);
            }
            Ok((folder, saved))
        })?;
        let what = if names.len() == 1 { "the subvolume" } else { "the subvolumes" };
        let data = serde_json::to_string(&saved).map_err(|error| Trouble::new("back up subvolumes", error.to_string()))?;
        Ok(Some(Kept { what: format!("{what} {}", names.join(", ")), path: Some(folder), data: Some(data) }))
    };
    Step::keeping(step, run).undo_when_interrupted()
}

/// Makes subvolumes again from what [`put_aside`] kept.
fn bring_back(work: &Arc<Work>, kept: &Kept) -> Option<Step> {
    let folder = kept.path.as_ref()?.file_name()?.to_os_string();
    let saved: Vec<Saved> = serde_json::from_str(kept.data.as_ref()?).ok()?;
    Some(work.step("restore subvolumes", move |_, host, top| {
        let folder = top.join(&folder);
        // Those in others were saved first.
        for one in saved.iter().rev() {
            let place = one.place(&folder);
            if !by_name(host, top)?.contains_key(&one.name) {
                // In the snapshot of a subvolume, an empty folder stands for each that lay in it.
                host.remove_folder(&top.join(&one.name))?;
                host.btrfs_snapshot(&place, &top.join(&one.name), one.read_only)?;
            }
            host.btrfs_delete(&place)?;
        }
        host.remove_folder(&folder)
    }))
}

fn by_name(host: &dyn Host, top: &Path) -> Result<BTreeMap<String, Subvolume>> {
    let there = host.btrfs_subvolumes(top)?;
    Ok(there.into_iter().map(|subvolume| (subvolume.path.display().to_string(), subvolume)).collect())
}

fn limit(host: &dyn Host, top: &Path, made: &[Wanted]) -> Result<()> {
    if made.iter().any(|one| one.quota.is_some()) && !host.btrfs(top)?.quota {
        host.btrfs_enable_quota(top)?;
    }
    let there = by_name(host, top)?;
    let differs = |one: &&Wanted| there.get(&one.name).is_some_and(|there| there.limit != one.quota);
    made.iter().filter(differs).try_for_each(|one| host.btrfs_limit(&top.join(&one.name), one.quota))
}
