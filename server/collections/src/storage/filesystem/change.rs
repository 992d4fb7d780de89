//! The steps that lead from what is there to what is wanted.

use std::path::{Path, PathBuf};

use seed_role::attrs::{Attrs, Observation};
use seed_role::host::{Host, MountRequest};
use seed_role::step::{Goal, Kept, Step, Transition};
use seed_role::trouble::Kind;
use seed_role::{Result, Trouble};

use super::{Filesystem, FsType, tools};
use crate::storage::device::{must_be_there, resolved, whole, window};
use crate::storage::mounts::Source;
use crate::storage::signature::{Kind as Found, probe};
use crate::storage::{holdings, mounts, not_in_place, unknown, wipe};

const MAKE: &str = "make the file system";
const PUT_BACK: &str = "restore the file system";
/// Its UUID follows, so that an interruption goes on with this one and no other.
const ERASE: &str = "erase the file system ";

/// The steps of a transition.
pub(super) fn steps(role: &Filesystem, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
    match (transition.from, transition.to) {
        (Observation::Unknown(reason), _) => Err(unknown("change the file system", reason)),
        (Observation::Absent, Goal::Absent) => Ok(Vec::new()),
        (Observation::Present(from), Goal::Absent) => Ok(remove(role, host, from, transition.keep.is_some())),
        (Observation::Absent, Goal::Attrs(goal)) => {
            let mut steps = vec![make(role, host, goal, transition.kept)?];
            let from = Attrs::new().with_some("label", goal.get("label").cloned()).with_some("size", goal.get("size").cloned());
            steps.extend(change(role, host, &from, goal)?);
            Ok(steps)
        }
        (Observation::Present(from), Goal::Attrs(goal)) => {
            let is_other = |field: &str| goal.get(field).is_some_and(|want| from.get(field) != Some(want));
            match ["type", "uuid"].into_iter().find(|field| is_other(field)) {
                Some(field) => Err(not_in_place(field, &format!("the file system on {}", role.device.key()))),
                None => change(role, host, from, goal),
            }
        }
    }
}

fn make(role: &Filesystem, host: &dyn Host, goal: &Attrs, kept: Option<&Kept>) -> Result<Step> {
    let device = resolved(host, role.device.ready()?);
    if let Some(data) = kept.and_then(|kept| kept.data.clone()) {
        let put_back = move |host: &dyn Host| {
            let pieces: Vec<wipe::Piece> =
                serde_json::from_str(&data).map_err(|error| Trouble::new(PUT_BACK, error.to_string()))?;
            let window = whole(host, &device)?;
            holdings::must_be_blank(host, &window)?;
            wipe::restore(host, &window, &pieces)
        };
        return Ok(Step::new(PUT_BACK, put_back).undo_when_interrupted());
    }
    let fs_type = role.fs_type;
    let (label, uuid) = (goal.text("label").unwrap_or_default().to_string(), goal.text("uuid").unwrap_or_default().to_string());
    let make = move |host: &dyn Host| {
        must_be_there(host, &device)?;
        holdings::must_be_blank(host, &whole(host, &device)?)?;
        tools::make(host, fs_type, &device, &label, &uuid)
    };
    Ok(Step::new(MAKE, make).undo_when_interrupted())
}

/// Brings back what an interruption left half-done.
pub(super) fn recover(role: &Filesystem, host: &dyn Host, step: &str) -> Result<()> {
    if step == MAKE {
        let Some(window) = window(host, &role.device)? else { return Ok(()) };
        holdings::must_be_unused(host, &window, role.known_path(host).as_deref())?;
        return wipe::erase(host, &role.device, &window);
    }
    if step == PUT_BACK {
        // What tells what it is goes back last: before that it means nothing to anyone, and after that it is whole.
        let Some(window) = window(host, &role.device)? else { return Ok(()) };
        let is_in_part = probe(host, &window)?.is_some_and(|found| found.kind == Found::Unrecognised);
        return if is_in_part { wipe::wipe(host, &window) } else { Ok(()) };
    }
    if let Some(uuid) = step.strip_prefix(ERASE) {
        let Some(window) = window(host, &role.device)? else { return Ok(()) };
        // Another one was made by somebody else since.
        if probe(host, &window)?.is_none_or(|found| found.uuid != uuid) {
            return Ok(());
        }
        mounts::unmount_all(host, &role.source(host), None)?;
        return wipe::erase(host, &role.device, &window);
    }
    role.known_path(host).map_or(Ok(()), |device| mounts::end_private(host, &device))
}

fn remove(role: &Filesystem, host: &dyn Host, from: &Attrs, keep: bool) -> Vec<Step> {
    // Where the spec does not mount it, whoever did still uses it.
    let ours = role.mount.as_ref().and(from.text("mount")).map(PathBuf::from);
    let source = role.source(host);
    let mut steps = Vec::new();
    if from.text("mount").is_some() {
        let source = source.clone();
        steps.push(Step::new("unmount", move |host| mounts::unmount_all(host, &source, ours.as_deref())));
    }
    // Once it is unmounted, all of it has been written.
    if keep {
        let device = role.device.clone();
        let save = move |host: &dyn Host| {
            let pieces = window(host, &device)?.map(|window| wipe::save(host, &window)).transpose()?.unwrap_or_default();
            let data =
                serde_json::to_string(&pieces).map_err(|error| Trouble::new("back up its signatures", error.to_string()))?;
            Ok(Some(Kept { what: format!("the file system on {}", device.key()), path: None, data: Some(data) }))
        };
        steps.push(Step::keeping("back up its signatures", save));
    }
    let device = role.device.clone();
    let wipe = move |host: &dyn Host| {
        mounts::unmount_all(host, &source, None)?;
        refuse_if_swapped_to(host, &source)?;
        let Some(window) = window(host, &device)? else { return Ok(()) };
        if keep { wipe::wipe(host, &window) } else { wipe::erase(host, &device, &window) }
    };
    let uuid = from.text("uuid").unwrap_or_default();
    steps.push(match keep {
        true => Step::new("wipe its signatures", wipe),
        false => Step::new(format!("{ERASE}{uuid}"), wipe).undo_when_interrupted(),
    });
    steps
}

/// The kernel would go on swapping to a device that says no longer that it is for that.
fn refuse_if_swapped_to(host: &dyn Host, source: &Source) -> Result<()> {
    // proc_swaps(5): a line of headings, then one for each, which begins with its path.
    let swaps = host.read(Path::new("/proc/swaps"), 1 << 16)?.unwrap_or_default();
    let swaps = String::from_utf8_lossy(&swaps).into_owned();
    let used: Vec<&str> = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    match source.devices.iter().find(|device| used.iter().any(|used| device.as_os_str() == *used)) {
        Some(device) => Err(Trouble::new(format!("wipe {}", device.display()), "the kernel swaps to it")
            .kind(Kind::Busy)
            .hint(format!("switch it off: swapoff {}", device.display()))),
        None => Ok(()),
    }
}

/// The steps in place. What can only be changed unmounted comes before it is mounted.
fn change(role: &Filesystem, host: &dyn Host, from: &Attrs, goal: &Attrs) -> Result<Vec<Step>> {
    let differs = |field: &str| goal.get(field).is_some_and(|want| from.get(field) != Some(want));
    let device = resolved(host, role.device.ready()?);
    let fs_type = role.fs_type;
    let asked = mounts::texts(goal, "options").or_else(|| mounts::texts(from, "options"));
    let options = mounts::for_kernel(&asked.unwrap_or_default());
    let before = from.text("mount").map(PathBuf::from);
    let after = match goal.get("mount") {
        Some(at) => at.as_str().map(PathBuf::from),
        None => before.clone(),
    };
    let relabels = differs("label");
    let is_moved = before.is_some() && before != after;
    let is_unmounted = before.is_some() && (is_moved || (relabels && fs_type == FsType::Xfs));
    let mut steps = Vec::new();
    if let Some(at) = before.clone().filter(|_| is_unmounted) {
        let name = if after.is_none() { "unmount" } else { "unmount for a moment" };
        steps.push(Step::new(name, move |host| host.unmount(&at)));
    }
    if relabels {
        let (device, label) = (device.clone(), goal.text("label").unwrap_or_default().to_string());
        steps.push(Step::new("set the label", move |host| tools::set_label(host, fs_type, &device, &label)));
    }
    let request = |at: &PathBuf| MountRequest {
        source: device.display().to_string(),
        at: at.clone(),
        fs_type: fs_type.word().into(),
        options: options.clone(),
    };
    if let Some(at) = after.clone().filter(|_| before.is_none() || is_unmounted) {
        let request = request(&at);
        steps.push(Step::new("mount", move |host| mounts::ensure(host, &request)).folder(at));
    } else if let Some(at) = after.filter(|_| differs("options")) {
        let request = request(&at);
        let change = move |host: &dyn Host| match mounts::mounted_at(&host.mounts()?, &request.at) {
            Some(mount) => mounts::change_options(host, mount, &request),
            None => host.mount(&request),
        };
        steps.push(Step::new("change the mount options", change));
    }
    if differs("size") {
        steps.push(grow(role, from, device));
    }
    Ok(steps)
}

fn grow(role: &Filesystem, from: &Attrs, device: PathBuf) -> Step {
    let fs_type = role.fs_type;
    let (label, uuid) = (from.text("label").unwrap_or_default().to_string(), from.text("uuid").unwrap_or_default().to_string());
    let source = Source::on(vec![device.clone()]);
    let may_unmount = role.mount.is_some();
    let grow = move |host: &dyn Host| match fs_type {
        FsType::Ext4 => grow_ext4(host, &source, &device, may_unmount),
        FsType::Xfs => mounts::while_mounted(host, &source, "xfs", Vec::new(), |at| tools::grow_xfs(host, at)),
        // Swap space holds nothing that outlives its use, so it is written anew over the whole device, as it was named.
        FsType::Swap => tools::make(host, fs_type, &device, &label, &uuid),
        FsType::Vfat => Err(not_in_place("size", "a vfat file system")),
    };
    let step = Step::new("let the file system grow with its device", grow);
    // XFS may be mounted for it, which is to be undone.
    if fs_type == FsType::Xfs { step.undo_when_interrupted() } else { step }
}

/// Makes ext4 use all of its device: where it is mounted, or unmounted for a moment if the kernel lets it grow only so, as it
/// does where this process lacks CAP_SYS_RESOURCE (as in many containers).
fn grow_ext4(host: &dyn Host, source: &Source, device: &Path, may_unmount: bool) -> Result<()> {
    let mounted = source.mounts(host)?;
    let grown = tools::grow_ext4(host, device, !mounted.is_empty());
    let ([mount], Err(trouble)) = (mounted.as_slice(), &grown) else { return grown };
    if !may_unmount || !trouble.came_back.contains("Permission denied") {
        return grown;
    }
    let request = MountRequest {
        source: mount.source.clone(),
        at: mount.at.clone(),
        fs_type: mount.fs_type.clone(),
        options: mounts::all_options(mount),
    };
    host.unmount(&mount.at)?;
    let grown = tools::grow_ext4(host, device, false);
    host.mount(&request)?;
    grown
}
