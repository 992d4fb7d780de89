//! Mounts of devices: finding them, comparing their options, changing them.

use std::path::{Path, PathBuf};

use seed_role::attrs::Attrs;
use seed_role::host::mount::holding;
use seed_role::host::{Host, Mount, MountRequest};
use seed_role::param::BlockRef;
use seed_role::trouble::Kind;
use seed_role::{Result, Trouble};
use serde_json::{Value as Json, json};

use super::device::resolved;

/// Options that are flags of a mount rather than of a file system; these are compared both ways (mount_setattr(2)).
const FLAGS: &[&str] = &["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"];

/// What clears each of them.
const CLEARED: &[&str] = &["rw", "suid", "dev", "exec", "relatime", "diratime", "symfollow"];

/// Options that say what holds anyway.
const DEFAULTS: &[&str] = &["defaults", "rw", "suid", "dev", "exec", "atime", "diratime", "relatime", "async", "norelatime"];

/// Options for mount(8), fstab(5) and systemd that never reach the kernel.
const USERSPACE: &[&str] = &["auto", "noauto", "user", "nouser", "users", "owner", "group", "nofail", "_netdev"];

/// Options that say the same as none, by type: the kernel does not show them.
const UNSHOWN: &[(&str, &[&str])] = &[
    ("btrfs", &["acl", "barrier", "datacow", "datasum", "treelog", "noautodefrag", "compress=no", "commit=30", "enospc_debug"]),
    (
        "ext4",
        &["acl", "user_xattr", "barrier", "barrier=1", "data=ordered", "delalloc", "commit=5", "errors=continue", "nodiscard"],
    ),
    ("xfs", &["barrier", "nodiscard", "ikeep", "noikeep", "largeio", "nolargeio", "attr2", "inode64"]),
    ("vfat", &["nocase"]),
];

/// Whether an option is only for mount(8), fstab(5) or systemd.
pub fn is_userspace(option: &str) -> bool {
    USERSPACE.contains(&option) || option.starts_with("x-") || option.starts_with("X-") || option.starts_with("comment=")
}

/// The options of those asked for that the kernel is given.
pub fn for_kernel(asked: &[String]) -> Vec<String> {
    let wanted = asked.iter().filter(|option| !is_userspace(option) && *option != "defaults");
    wanted.cloned().collect()
}

/// The topmost mount at a path.
pub fn mounted_at<'a>(mounts: &'a [Mount], at: &Path) -> Option<&'a Mount> {
    holding(mounts, at).filter(|mount| mount.at == at)
}

/// Whether what is mounted can be reached by its path: nothing is mounted over it.
pub fn is_visible(table: &[Mount], mount: &Mount) -> bool {
    holding(table, &mount.at).is_some_and(|top| top.id == mount.id)
}

/// What is mounted over all of these at a place where one of them is, in words; none if one of them can be reached there.
pub fn hidden(table: &[Mount], ours: &[Mount], at: &Path) -> Option<String> {
    let at_place = ours.iter().any(|mount| mount.at == at);
    let top = holding(table, at).filter(|top| at_place && ours.iter().all(|mount| mount.id != top.id))?;
    let source = if top.source == top.fs_type { String::new() } else { format!(" ({})", top.source) };
    Some(format!("{}{source} on {}", top.fs_type, top.at.display()))
}

/// A file system as something that can be mounted.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The devices that it may be mounted from; the first is what it is mounted by.
    pub devices: Vec<PathBuf>,
    /// For Btrfs, its UUID: of many devices the mount table names only one, which need not be among these.
    pub btrfs: Option<String>,
}

impl Source {
    /// What is on these devices.
    pub fn on(devices: Vec<PathBuf>) -> Self {
        Source { devices, btrfs: None }
    }

    /// Where it is mounted, in the order of mounting.
    ///
    /// # Errors
    ///
    /// When the mount table cannot be read.
    pub fn mounts(&self, host: &dyn Host) -> Result<Vec<Mount>> {
        let table = host.mounts()?;
        let is_device = |mount: &&Mount| self.devices.iter().any(|device| device.as_os_str() == mount.source.as_str());
        let found: Vec<Mount> = table.iter().filter(is_device).cloned().collect();
        let Some(uuid) = self.btrfs.as_ref().filter(|_| found.is_empty()) else { return Ok(found) };
        // One that cannot be looked at is not this one; nor is one that another is mounted over, whose path leads elsewhere.
        let is_it = |mount: &&Mount| {
            mount.fs_type == "btrfs" && is_visible(&table, mount) && host.btrfs(&mount.at).is_ok_and(|it| it.uuid == *uuid)
        };
        Ok(table.iter().filter(is_it).cloned().collect())
    }

    /// Where its top is mounted and can be reached.
    ///
    /// # Errors
    ///
    /// When the mount table cannot be read.
    pub fn top(&self, host: &dyn Host) -> Result<Option<Mount>> {
        let table = host.mounts()?;
        Ok(self.mounts(host)?.into_iter().find(|mount| mount.root == Path::new("/") && is_visible(&table, mount)))
    }

    /// What is mounted over it at a place, in words.
    ///
    /// # Errors
    ///
    /// When the mount table cannot be read.
    pub fn hidden(&self, host: &dyn Host, at: &Path) -> Result<Option<String>> {
        Ok(hidden(&host.mounts()?, &self.mounts(host)?, at))
    }
}

/// The options of a mount of these devices: those that were asked for, and where a user other than root can put another file in the place of
/// the one behind a device, `nosuid` and `nodev`, unless the spec asks for `suid` or `dev`. Then no program on it brings rights along.
///
/// # Errors
///
/// When it cannot be told which files those are.
pub fn options_for(host: &dyn Host, devices: &[BlockRef], asked: Option<&[String]>) -> Result<Option<Vec<String>>> {
    const SAFE: [(&str, &str); 2] = [("nosuid", "suid"), ("nodev", "dev")];
    let asked = asked.map(<[String]>::to_vec);
    let mut files = Vec::new();
    for device in devices {
        files.extend(file_behind(host, device)?);
    }
    // A way that cannot be gone safely is another user's.
    if !files.iter().any(|file| host.users_can_replace(file).unwrap_or(true)) {
        return Ok(asked);
    }
    let mut options = asked.unwrap_or_default();
    for (safe, unsafe_one) in SAFE {
        if !options.iter().any(|option| option == safe || option == unsafe_one) {
            options.push(safe.into());
        }
    }
    Ok(Some(options))
}

/// The file that a device shows; none where it shows none.
fn file_behind(host: &dyn Host, device: &BlockRef) -> Result<Option<PathBuf>> {
    let Some(path) = &device.path else { return Ok(device.bytes.as_ref().and_then(|bytes| bytes.file.clone())) };
    let path = resolved(host, path);
    let is_of = |of: &Path| {
        let rest = path.to_str().zip(of.to_str()).and_then(|(path, of)| path.strip_prefix(of));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('p'))
    };
    let loops = host.loops()?;
    Ok(loops.iter().find(|attached| is_of(&attached.device)).map(|attached| attached.backing.clone()))
}

/// Whether everything that was asked for is in effect, and no flag that was not.
pub fn in_effect(asked: &[String], mount: &Mount) -> bool {
    let asked: Vec<&str> = asked.iter().map(String::as_str).filter(|option| !is_userspace(option)).collect();
    let has = |option: &str| mount.options.iter().any(|shown| shown == option);
    let read_only = mount.super_options.iter().any(|shown| shown == "ro");
    let flags_agree = FLAGS.iter().all(|flag| asked.contains(flag) == (has(flag) || (*flag == "ro" && read_only)));
    let strict = !asked.contains(&"strictatime") || (!has("relatime") && !has("noatime"));
    let given = asked.iter().filter(|option| !FLAGS.contains(option) && !DEFAULTS.contains(option) && **option != "strictatime");
    flags_agree && strict && given.into_iter().all(|option| is_shown(option, mount))
}

fn is_shown(option: &str, mount: &Mount) -> bool {
    let shown = mount.super_options.iter().chain(&mount.options);
    if shown.into_iter().any(|shown| is_same(option, shown)) {
        return true;
    }
    let key = option.split_once('=').map_or(option, |(key, _)| key);
    let contradicted = mount.super_options.iter().any(|shown| shown.split_once('=').map_or(&**shown, |(name, _)| name) == key);
    let unshown = UNSHOWN.iter().find(|(fs_type, _)| *fs_type == mount.fs_type);
    !contradicted && unshown.is_some_and(|(_, options)| options.contains(&option))
}

/// Whether the kernel shows an option under another form: `compress=zstd` as `compress=zstd:3`, `subvol=x` as `subvol=/x`.
fn is_same(option: &str, shown: &str) -> bool {
    if option == shown {
        return true;
    }
    match (option.split_once('='), shown.split_once('=')) {
        (Some(("subvol", asked)), Some(("subvol", shown))) => asked.trim_matches('/') == shown.trim_matches('/'),
        (Some((asked_key, asked)), Some((key, shown))) if asked_key == key => {
            shown.strip_prefix(asked).is_some_and(|rest| rest.starts_with(':'))
        }
        _ => false,
    }
}

/// How the options of a mount are shown: as they were asked for where that is in effect, and otherwise all of them, so
/// that they can be put back.
pub fn options_attribute(asked: Option<&[String]>, mount: &Mount) -> Json {
    match asked {
        Some(asked) if in_effect(asked, mount) => json!(asked),
        _ => json!(all_options(mount)),
    }
}

/// The options of a mount, as they would have to be asked for to get it again.
pub fn all_options(mount: &Mount) -> Vec<String> {
    // What the kernel shows by its own choice.
    const NOISE: &[&str] = &[
        "rw",
        "relatime",
        "seclabel",
        "subvol",
        "subvolid",
        "ssd",
        "space_cache",
        "attr2",
        "inode64",
        "logbufs",
        "logbsize",
        "noquota",
    ];
    let mut all: Vec<String> = Vec::new();
    for option in mount.options.iter().chain(&mount.super_options) {
        let key = option.split_once('=').map_or(&**option, |(key, _)| key);
        if !NOISE.contains(&key) && option != "discard=async" && !all.contains(option) {
            all.push(option.clone());
        }
    }
    all
}

/// The list of texts in an attribute.
pub fn texts(attrs: &Attrs, name: &str) -> Option<Vec<String>> {
    let items = attrs.get(name)?.as_array()?;
    Some(items.iter().filter_map(Json::as_str).map(String::from).collect())
}

/// Mounts, unless it is mounted there already.
///
/// # Errors
///
/// What was mounted, where, and what came back; also when something else is mounted there.
pub fn ensure(host: &dyn Host, request: &MountRequest) -> Result<()> {
    let mounts = host.mounts()?;
    let there = mounted_at(&mounts, &request.at);
    match there {
        Some(mount) if mount.source == request.source && mount.fs_type == request.fs_type => Ok(()),
        // A place where an automounter waits is there to be mounted on.
        Some(mount) if mount.fs_type != "autofs" => Err(taken(&request.source, mount)),
        _ => host.mount(request),
    }
}

/// Changes the options of a mount to exactly these: by remounting where that does it, and otherwise, to be rid of an
/// option of the file system, by mounting anew.
///
/// # Errors
///
/// What was tried and what came back, such as that it is in use.
pub fn change_options(host: &dyn Host, mount: &Mount, request: &MountRequest) -> Result<()> {
    let given = |option: &String| !FLAGS.contains(&option.as_str()) && request.options.iter().any(|asked| is_same(asked, option));
    let before = all_options(mount);
    let dropped = before.iter().filter(|option| mount.super_options.contains(option) && !FLAGS.contains(&option.as_str()));
    let to_drop = dropped.filter(|option| !given(option)).any(|option| is_chosen(option));
    if to_drop {
        host.unmount(&mount.at)?;
        return host.mount(request);
    }
    let cleared = FLAGS
        .iter()
        .zip(CLEARED)
        .filter(|(flag, _)| before.iter().any(|option| option == *flag) && !request.options.iter().any(|asked| asked == *flag));
    let cleared: Vec<String> = cleared.map(|(_, word)| word.to_string()).collect();
    let options = cleared.into_iter().chain(request.options.iter().cloned()).collect();
    host.remount(&MountRequest { options, ..request.clone() })
}

/// Whether an option that the kernel shows is there because somebody asked for it, rather than by the kernel's choice.
fn is_chosen(option: &str) -> bool {
    const CHOSEN: &[&str] =
        &["compress", "compress-force", "autodefrag", "nodatacow", "nodatasum", "noacl", "nobarrier", "commit"];
    let key = option.split_once('=').map_or(option, |(key, _)| key);
    CHOSEN.contains(&key)
}

/// Unmounts a file system from its one place, last mounted first, and refuses if it is mounted in others.
///
/// # Errors
///
/// That it is in use, and where.
pub fn unmount_all(host: &dyn Host, source: &Source, ours: Option<&Path>) -> Result<()> {
    let mounts = source.mounts(host)?;
    if let Some(other) = mounts.iter().find(|mount| Some(mount.at.as_path()) != ours) {
        return Err(in_use(other));
    }
    mounts.iter().rev().try_for_each(|mount| host.unmount(&mount.at))
}

/// That something is mounted where the role has not mounted it.
pub fn in_use(mount: &Mount) -> Trouble {
    Trouble::new(format!("take {} away", mount.source), format!("it is mounted on {}", mount.at.display()))
        .kind(Kind::Busy)
        .hint(format!("unmount it: umount {}", mount.at.display()))
}

/// That something else is mounted where a role would mount.
pub fn taken(source: &str, mount: &Mount) -> Trouble {
    let at = mount.at.display();
    Trouble::new(format!("mount {source} on {at}"), format!("{} is mounted there", mount.source))
        .kind(Kind::Busy)
        .hint(format!("unmount it: umount {at}; or choose another folder"))
}

/// Where a file system is mounted for a moment when something can be done only while it is mounted.
fn private_folder(device: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from("seed-mount-");
    name.push(device.file_name().unwrap_or_default());
    Path::new("/run").join(name)
}

/// Does something in a mounted file system: where it is mounted, or else mounted for that long in a folder of its own. A
/// step that uses it is to be marked as one to undo, by [`end_private`].
///
/// # Errors
///
/// What could not be mounted, or what went wrong inside.
pub fn while_mounted<T>(
    host: &dyn Host,
    source: &Source,
    fs_type: &str,
    options: Vec<String>,
    work: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    if let Some(mount) = source.top(host)? {
        return work(&mount.at);
    }
    let device = source.devices.first().ok_or_else(|| Trouble::new("mount a file system", "it has no device"))?;
    let at = private_folder(device);
    host.make_folder(&at, 0o700)?;
    host.mount(&MountRequest { source: device.display().to_string(), at: at.clone(), fs_type: fs_type.into(), options })?;
    let done = work(&at);
    let ended = end_private(host, device);
    let value = done?;
    ended.map(|()| value)
}

/// Ends what [`while_mounted`] began, also after an interruption.
///
/// # Errors
///
/// That it is in use.
pub fn end_private(host: &dyn Host, device: &Path) -> Result<()> {
    let at = private_folder(device);
    if mounted_at(&host.mounts()?, &at).is_some() {
        host.unmount(&at)?;
    }
    host.remove_folder(&at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(options: &[&str], super_options: &[&str]) -> Mount {
        let owned = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
        Mount {
            id: 2,
            parent: 1,
            at: "/srv/lab".into(),
            source: "/dev/loop0".into(),
            fs_type: "btrfs".into(),
            root: "/".into(),
            options: owned(options),
            super_options: owned(super_options),
            device: (0, 40),
        }
    }

    fn asked(options: &[&str]) -> Vec<String> {
        options.iter().map(|option| option.to_string()).collect()
    }

    #[test]
    fn options_are_compared_as_the_kernel_shows_them() {
        let seen = mount(&["rw", "noatime"], &["rw", "compress=zstd:3", "ssd", "subvol=/"]);
        assert!(in_effect(&asked(&["noatime", "compress=zstd"]), &seen));
        assert!(in_effect(&asked(&["noatime", "nofail", "x-systemd.automount", "acl"]), &seen));
        assert!(!in_effect(&asked(&["compress=zstd"]), &seen), "noatime is a flag that was not asked for");
        assert!(!in_effect(&asked(&["noatime", "compress=lzo"]), &seen));
        assert!(!in_effect(&asked(&["noatime", "nosuid"]), &seen));
        assert!(!in_effect(&asked(&[]), &mount(&["ro", "relatime"], &["ro"])));
        assert!(!in_effect(&asked(&["compress=no"]), &seen), "the kernel shows another value");
    }

    #[test]
    fn options_that_differ_are_shown_whole_to_be_put_back() {
        let seen = mount(&["rw", "noatime"], &["rw", "compress=zstd:3", "subvolid=5", "subvol=/"]);
        assert_eq!(options_attribute(Some(&asked(&["noatime"])), &seen), json!(["noatime"]));
        assert_eq!(options_attribute(Some(&asked(&["ro"])), &seen), json!(["noatime", "compress=zstd:3"]));
    }
}
