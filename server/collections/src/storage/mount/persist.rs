//! What has it mounted again when the machine starts.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use seed_role::attrs::Attrs;
use seed_role::host::{Before, Host, run, temporary_of};
use seed_role::step::Step;
use seed_role::tool::Tool;
use seed_role::{Result, Trouble};

use super::{Mount, Persist, fstab, unit};

const SYSTEMCTL: Tool = Tool { program: "systemctl", debian: "systemd", arch: "systemd" };

/// No fstab is longer.
const MOST: u64 = 1 << 20;

/// Mounts are changed side by side, and all entries stand in one file.
static FSTAB: Mutex<()> = Mutex::new(());

fn read(host: &dyn Host, path: &Path) -> Result<Option<Vec<u8>>> {
    let bytes = host.read(path, MOST)?;
    if bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 >= MOST) {
        return Err(Trouble::new(format!("read {}", path.display()), "it is longer than 1 MiB"));
    }
    Ok(bytes)
}

fn unit_text(role: &Mount, host: &dyn Host) -> Result<Option<String>> {
    Ok(read(host, &unit::path(&role.at))?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// What persists it: Seed's own entries, and where the spec asks for one, also another's for the same mount point.
pub(super) fn seen(role: &Mount, host: &dyn Host) -> Result<Attrs> {
    let file = read(host, Path::new(fstab::PATH))?.unwrap_or_default();
    let in_fstab = fstab::find(&file, &role.at).filter(|found| found.is_ours || role.persist == Persist::Fstab);
    let in_unit = unit_text(role, host)?.filter(|text| unit::is_ours(text) || role.persist == Persist::Unit);
    let persist = match (&in_fstab, &in_unit) {
        (Some(_), Some(_)) => "fstab and unit",
        (Some(_), None) => Persist::Fstab.word(),
        (None, Some(_)) => Persist::Unit.word(),
        (None, None) => Persist::None.word(),
    };
    let in_fstab = in_fstab.map(|found| found.line);
    let entry = if role.persist == Persist::Unit { in_unit.or(in_fstab) } else { in_fstab.or(in_unit) };
    Ok(Attrs::new().with("persist", persist).with_some("entry", entry))
}

/// Which parameter cannot stand in what has it mounted at boot, and why.
pub(super) fn unfit(role: &Mount) -> Option<(&'static str, &'static str)> {
    let cannot_hold: fn(&str) -> Option<&'static str> = match role.persist {
        Persist::None => return None,
        Persist::Fstab => fstab::cannot_hold,
        Persist::Unit => unit::cannot_hold,
    };
    let text = |path: &Path| path.to_str().map_or(Some("it is not UTF-8"), cannot_hold);
    let at = if role.persist == Persist::Unit { unit::cannot_mount(&role.at) } else { text(&role.at) };
    let device = || Some(("device", text(role.device.path.as_deref()?)?));
    let options = || Some(("options", role.options.iter().flatten().find_map(|option| cannot_hold(option))?));
    at.map(|why| ("at", why)).or_else(device).or_else(options)
}

/// The entry that the spec asks for, as far as it can be told before the device is there.
pub(super) fn entry_foreseen(role: &Mount, host: &dyn Host) -> Result<Option<String>> {
    if role.persist == Persist::None {
        return Ok(None);
    }
    // What comes from other roles is known only now.
    if let Some((param, why)) = unfit(role) {
        let attempt = format!("mount {:?} at boot", role.at.display());
        return Err(Trouble::new(attempt, format!("`{param}`: {why}")).hint("with `persist: none` it is still mounted now"));
    }
    // A type that cannot be told now is told, or complained of, when it is mounted.
    let fs_type = match &role.fs_type {
        Some(fs_type) => Some(fs_type.clone()),
        None => role.type_on_device(host).ok(),
    };
    let uuid = role.signature(host)?.map(|found| found.uuid).filter(|uuid| !uuid.is_empty());
    let source = match uuid {
        Some(uuid) => Some(format!("UUID={uuid}")),
        // A loop device has another number next time; but a spec can mount a device that holds no UUID.
        None => role.device.path.as_ref().filter(|_| fs_type.is_some()).map(|path| path.display().to_string()),
    };
    let options = role.options(host)?.unwrap_or_default();
    Ok(source.zip(fs_type).map(|(source, fs_type)| match role.persist {
        Persist::Unit => unit::text(&source, &role.at, &fs_type, &options),
        _ => fstab::entry(&source, &role.at, &fs_type, &options),
    }))
}

/// The steps that make it persist as the goal has it.
pub(super) fn steps(role: &Mount, from: &Attrs, goal: &Attrs) -> Vec<Step> {
    let differs = |field: &str| goal.get(field).is_some_and(|want| from.get(field) != Some(want));
    if !differs("persist") && !differs("entry") {
        return Vec::new();
    }
    let (before, after) = (from.text("persist").unwrap_or_default(), goal.text("persist").unwrap_or_default());
    let has = |persist: &str, one: Persist| persist.contains(one.word());
    let mut steps = Vec::new();
    if has(before, Persist::Unit) && !has(after, Persist::Unit) {
        steps.push(remove_unit(role));
    }
    if has(before, Persist::Fstab) && !has(after, Persist::Fstab) {
        steps.push(remove_from_fstab(role));
    }
    let entry = goal.text("entry").map(String::from);
    if has(after, Persist::Fstab) {
        steps.push(add_to_fstab(role, entry.clone()));
    }
    if has(after, Persist::Unit) {
        steps.push(write_unit(role, entry));
    }
    steps
}

fn entry(role: &Mount, host: &dyn Host, told: Option<String>) -> Result<String> {
    let nothing = || Trouble::new(format!("mount {} at boot", role.at.display()), "its file system is unknown");
    match told {
        Some(entry) => Ok(entry),
        None => entry_foreseen(role, host)?.ok_or_else(|| nothing().hint("say its `type`")),
    }
}

fn change_fstab(host: &dyn Host, change: impl FnOnce(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<()> {
    let _only_one = FSTAB.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(fstab::PATH);
    let whole = host.read_whole(path, MOST)?;
    let before = whole.as_ref().map_or(Before::Nothing, Before::of_file);
    let text = whole.map(|whole| whole.content);
    let after = change(text.as_deref());
    match after {
        _ if text == after => Ok(()),
        Some(after) => host.replace_file(path, &before.with_content(&after, None), &before),
        None => host.take_away(path, &before),
    }
}

fn add_to_fstab(role: &Mount, told: Option<String>) -> Step {
    let role = role.clone();
    let path = Path::new(fstab::PATH);
    let add = move |host: &dyn Host| {
        let entry = entry(&role, host, told)?;
        change_fstab(host, |before| Some(fstab::with(before, &role.at, &entry)))
    };
    Step::new("write it into /etc/fstab", add).folder("/etc").litter(temporary_of(path)).durable("/etc")
}

fn remove_from_fstab(role: &Mount) -> Step {
    let at = role.at.0.clone();
    let path = Path::new(fstab::PATH);
    let remove = move |host: &dyn Host| change_fstab(host, |before| before.and_then(|before| fstab::without(before, &at)));
    Step::new("take it out of /etc/fstab", remove).litter(temporary_of(path)).durable("/etc")
}

fn write_unit(role: &Mount, told: Option<String>) -> Step {
    let role = role.clone();
    let path = unit::path(&role.at);
    let (_, wants) = unit::wanted_by(&role.at);
    let temporary = temporary_of(&path);
    let write = move |host: &dyn Host| {
        let text = entry(&role, host, told)?;
        let path = unit::path(&role.at);
        host.write_file(&path, text.as_bytes(), 0o644, None)?;
        host.make_link(&unit::wanted_by(&role.at).0, &path)?;
        tell_systemd(host)
    };
    Step::new("write its mount unit", write).folder(wants.clone()).litter(temporary).durable(wants)
}

fn remove_unit(role: &Mount) -> Step {
    let at = role.at.0.clone();
    let folder = unit::path(&at).parent().map(Path::to_path_buf);
    let remove = move |host: &dyn Host| {
        host.remove_file(&unit::wanted_by(&at).0)?;
        host.remove_file(&unit::path(&at))?;
        tell_systemd(host)
    };
    let step = Step::new("remove its mount unit", remove);
    match folder {
        Some(folder) => step.durable(folder),
        None => step,
    }
}

fn tell_systemd(host: &dyn Host) -> Result<()> {
    if host.metadata(Path::new(unit::RUNNING))?.is_none() {
        return Ok(());
    }
    run(host, "make systemd read the mount unit", &SYSTEMCTL, &["daemon-reload"]).map(drop)
}
