//! `storage.btrfs`: a Btrfs file system on one device or many.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::param::{AbsPath, BlockRef, Output, Outputs, Size, Uuid};
use seed_role::step::{Step, Transition};
use seed_role::tool::Tool;
use seed_role::{Contents, Declared, Finding, Mend, Result, Role, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::device::{foreseen, resolved};
use super::named::Named;
use super::{finding, mounts};

mod change;
mod look;
mod spread;
pub(super) mod trees;

const MKFS: Tool = Tool { program: "mkfs.btrfs", debian: "btrfs-progs", arch: "btrfs-progs" };
const BTRFS: Tool = Tool { program: "btrfs", debian: "btrfs-progs", arch: "btrfs-progs" };

/// `mkfs.btrfs` makes none on a smaller device.
const LEAST: u64 = 109 << 20;

/// A Btrfs file system on one device or many, with its subvolumes, snapshots and quotas, mounted or not.
///
/// It is created on blank devices. Label, profiles, mount point, options, subvolumes, snapshots, quotas, and added, removed, broken or
/// grown devices are changed in place. A subvolume or snapshot that Seed made and that is no longer in the spec stays until `--prune`
/// removes it. Those that Seed did not make are left alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Btrfs {
    /// Its devices. A blank device replaces a missing one.
    devices: Vec<BlockRef>,
    /// Its label, at most 255 bytes. Default: none for a new file system; an existing one keeps its own.
    label: Option<String>,
    /// Its UUID. Default: a random one. A change replaces the file system and destroys its data.
    uuid: Option<Uuid>,
    /// The profile of data. Default: `single` for a new file system; an existing one keeps its own.
    data: Option<Profile>,
    /// The profile of metadata. Default: `dup` on one device and `raid1` on several for a new file system; an existing one keeps its
    /// own.
    metadata: Option<Profile>,
    /// Where its top level is mounted. A missing folder is created. Default: not mounted.
    mount: Option<AbsPath>,
    /// Mount options of mount(8), such as `[noatime, compress=zstd]`. Default: none for a new mount; an existing one keeps its own.
    /// If another user can replace the file behind a device, root mounts with `nosuid` and `nodev`, unless the options contain `suid` or
    /// `dev`.
    options: Option<Vec<String>>,
    /// Subvolumes by name. A name with `/` is inside another subvolume, which must be listed before it.
    #[serde(default)]
    subvolumes: Named<Subvolume>,
    /// Snapshots by name.
    #[serde(default)]
    snapshots: Named<Snapshot>,
    /// The subvolumes and snapshots that Seed made and that are not among the others any more. Set by the engine.
    #[serde(default)]
    #[schemars(skip)]
    left_over: LeftOver,
}

/// Subvolumes and snapshots that Seed made and that the spec does not name any more.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct LeftOver {
    /// Their names.
    names: BTreeSet<String>,
    /// Whether they are removed.
    prune: bool,
}

/// A subvolume.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Subvolume {
    /// Its quota, such as `1 GiB`. Default: no limit.
    quota: Option<Size>,
    /// Whether it is read-only.
    #[serde(default)]
    read_only: bool,
}

/// A snapshot: what a subvolume was at one moment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    /// The subvolume to take it from, when it is created.
    of: String,
    /// Whether it is read-only.
    #[serde(default)]
    read_only: bool,
}

/// How chunks are spread over devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Profile {
    /// One copy.
    Single,
    /// Two copies on the same device.
    Dup,
    /// Striped over all devices, without redundancy.
    Raid0,
    /// Two copies on two devices.
    Raid1,
    /// Three copies on three devices.
    Raid1c3,
    /// Four copies on four devices.
    Raid1c4,
    /// Striped, with two copies of each stripe; at least four devices.
    Raid10,
    /// Striped with one parity. Not safe against power loss.
    Raid5,
    /// Striped with two parities. Not safe against power loss.
    Raid6,
}

impl Profile {
    fn word(self) -> &'static str {
        match self {
            Profile::Single => "single",
            Profile::Dup => "dup",
            Profile::Raid0 => "raid0",
            Profile::Raid1 => "raid1",
            Profile::Raid1c3 => "raid1c3",
            Profile::Raid1c4 => "raid1c4",
            Profile::Raid10 => "raid10",
            Profile::Raid5 => "raid5",
            Profile::Raid6 => "raid6",
        }
    }

    /// The least number of devices on which it is what its name says (mkfs.btrfs(8), "Profiles"; kernels since 5.15 also
    /// take RAID0 on one device and RAID10 on two, which is no more than `single` and `raid1`).
    fn least_devices(self) -> usize {
        match self {
            Profile::Single | Profile::Dup => 1,
            Profile::Raid0 | Profile::Raid1 | Profile::Raid5 => 2,
            Profile::Raid1c3 | Profile::Raid6 => 3,
            Profile::Raid10 | Profile::Raid1c4 => 4,
        }
    }
}

/// A subvolume as an attribute: only what is not the default.
fn subvolume_attribute(quota: Option<u64>, read_only: bool) -> Json {
    let mut entry = Map::new();
    if let Some(quota) = quota {
        entry.insert("quota".into(), json!(Size(quota).to_string()));
    }
    if read_only {
        entry.insert("read_only".into(), json!(true));
    }
    Json::Object(entry)
}

/// A snapshot as an attribute.
fn snapshot_attribute(of: &str, read_only: bool) -> Json {
    let mut entry = Map::new();
    entry.insert("of".into(), json!(of));
    if read_only {
        entry.insert("read_only".into(), json!(true));
    }
    Json::Object(entry)
}

impl Btrfs {
    /// The paths of its devices as the kernel names them, when they must be there.
    fn paths(&self, host: &dyn Host) -> Result<Vec<PathBuf>> {
        self.devices.iter().map(|device| device.ready().map(|path| resolved(host, path))).collect()
    }

    /// The paths of those devices that are there.
    fn known_paths(&self, host: &dyn Host) -> Vec<PathBuf> {
        self.devices.iter().filter_map(|device| device.path.as_ref()).map(|path| resolved(host, path)).collect()
    }

    fn check_devices(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.devices.is_empty() {
            findings.push(finding(
                "devices",
                Code::WrongValue,
                "the list of devices is empty",
                "add at least one, such as `[loop]`",
            ));
        }
        let mut known = HashSet::new();
        for device in &self.devices {
            let key = device.key();
            if let Some(len) = foreseen(device).filter(|len| *len < LEAST) {
                let message = format!("{key} has {}, and Btrfs needs {}", Size(len), Size(LEAST));
                findings.push(finding(
                    "devices",
                    Code::TooSmall,
                    &message,
                    "make it larger, or use `storage.filesystem` with ext4",
                ));
            }
            if !known.insert(key.clone()) {
                findings.push(finding("devices", Code::WrongValue, &format!("{key} is listed twice"), "list each device once"));
            }
        }
        for (param, profile) in [("data", self.data), ("metadata", self.metadata)] {
            let Some(profile) = profile else { continue };
            let (least, count) = (profile.least_devices(), self.devices.len());
            if count < least {
                let message = format!("{} needs {least} devices, and there are {count}", profile.word());
                let help = if count > 1 { "add devices, or use `raid1`" } else { "add devices, or use `single` or `dup`" };
                findings.push(finding(param, Code::WrongValue, &message, help));
            }
        }
        findings
    }

    fn check_mount(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if let Some(label) = &self.label
            && (label.len() > 255 || label.contains(['\n', '/', '\0']))
        {
            let message =
                format!("a label can have at most 255 bytes, and no `/` or line break; this one has {} bytes", label.len());
            findings.push(finding("label", Code::WrongValue, &message, "choose a shorter label"));
        }
        let chosen = |option: &&String| option.starts_with("subvol=") || option.starts_with("subvolid=");
        if let Some(option) = self.options.iter().flatten().find(chosen) {
            let help = "to mount a subvolume, use a `storage.mount` role with this option";
            findings.push(finding(
                "options",
                Code::WrongValue,
                &format!("`{option}`: `mount` always mounts the top level"),
                help,
            ));
        }
        if self.mount.is_none() {
            let help = "add a mount point, such as `mount: /srv/lab`";
            for (param, asked) in [("subvolumes", !self.subvolumes.is_empty()), ("snapshots", !self.snapshots.is_empty())] {
                if asked {
                    findings.push(finding(
                        param,
                        Code::MissingKey,
                        "`mount` is missing: these are created in the mounted file system",
                        help,
                    ));
                }
            }
            if self.options.is_some() {
                findings.push(finding("options", Code::MissingKey, "`mount` is missing: these are mount options", help));
            }
        }
        findings
    }

    fn check_subvolumes(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let room: Option<u64> = self.devices.iter().map(foreseen).sum();
        let mut known: HashSet<&str> = HashSet::new();
        for (name, subvolume) in self.subvolumes.iter() {
            let param = format!("subvolumes.{name}");
            let bad_name = check_name(&param, name);
            let parent = name.rsplit_once('/').filter(|(parent, _)| bad_name.is_none() && !known.contains(parent));
            findings.extend(bad_name);
            if let Some((parent, _)) = parent {
                let help = format!("add `{parent}: {{}}` before it");
                findings.push(finding(
                    &param,
                    Code::UnknownReference,
                    &format!("no subvolume `{parent}` is listed before it"),
                    &help,
                ));
            }
            if let (Some(quota), Some(room)) = (subvolume.quota, room)
                && quota.0 > room
            {
                let message = format!("the quota of {quota} is larger than the devices, which have {}", Size(room));
                findings.push(finding(
                    &format!("{param}.quota"),
                    Code::TooSmall,
                    &message,
                    "lower it, or make the devices larger",
                ));
            }
            known.insert(name);
        }
        for (name, snapshot) in self.snapshots.iter() {
            let param = format!("snapshots.{name}");
            findings.extend(check_name(&param, name));
            if !known.contains(snapshot.of.as_str()) {
                let message = format!("there is no subvolume `{}` to take a snapshot of", snapshot.of);
                let help = format!("add it: `subvolumes: {{{}: {{}}}}`", snapshot.of);
                findings.push(finding(&format!("{param}.of"), Code::UnknownReference, &message, &help));
            }
            if !known.insert(name) {
                let message = format!("there is already a subvolume `{name}`");
                findings.push(finding(&param, Code::Conflict, &message, "choose another name"));
            }
        }
        findings
    }
}

fn check_name(param: &str, name: &str) -> Option<Finding> {
    let is_bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.len() > 255 || part.contains('\0');
    let message = format!("`{name}` is not a valid name for a subvolume");
    name.split('/')
        .any(is_bad)
        .then(|| finding(param, Code::BadName, &message, "use a relative path, such as `home` or `home/ada`"))
}

impl Role for Btrfs {
    fn claims(&self) -> Vec<Claim> {
        let devices = self.devices.iter().map(|device| Claim::Device(device.key()));
        let mount = self.mount.iter().map(|at| Claim::Mount(at.0.clone()));
        let label = self.label.iter().filter(|label| !label.is_empty()).map(|label| Claim::Label(label.clone()));
        devices.chain(mount).chain(label).collect()
    }

    fn tools(&self) -> Vec<&'static Tool> {
        vec![&MKFS, &BTRFS]
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = self.check_devices();
        findings.extend(self.check_mount());
        findings.extend(self.check_subvolumes());
        findings
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        look::observe(self, host)
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let devices: Vec<String> = self.devices.iter().map(BlockRef::key).collect();
        let size: Option<u64> = self.devices.iter().map(foreseen).sum();
        let subvolumes: Map<String, Json> = self
            .subvolumes
            .iter()
            .map(|(name, wanted)| (name.into(), subvolume_attribute(wanted.quota.map(|quota| quota.0), wanted.read_only)))
            .collect();
        let snapshots: Map<String, Json> =
            self.snapshots.iter().map(|(name, wanted)| (name.into(), snapshot_attribute(&wanted.of, wanted.read_only))).collect();
        Ok(Attrs::new()
            .with("type", "btrfs")
            .with("devices", devices)
            .with_some("size", size.map(|size| Size(size).to_string()))
            .with_some("label", self.label.clone())
            .with_some("uuid", self.uuid.as_ref().map(|uuid| uuid.0.to_lowercase()))
            .with_some("data", self.data.map(Profile::word))
            .with_some("metadata", self.metadata.map(Profile::word))
            .with_some("mount", self.mount.as_ref().map(|at| at.display().to_string()))
            .with_some("options", self.options(host)?)
            .with_some("subvolumes", (!subvolumes.is_empty()).then_some(subvolumes))
            .with_some("snapshots", (!snapshots.is_empty()).then_some(snapshots))
            .with_some(look::LEFT_OVER, self.left_over.prune.then(Map::new)))
    }

    fn mend(&self, change: &Change, seen: &Attrs) -> Mend {
        match change.field.as_str() {
            "type" | "uuid" => Mend::Replace,
            // With devices that are dropped goes their size.
            "size" if super::compare_sizes(change).is_some_and(std::cmp::Ordering::is_lt) && self.has_all_devices(seen) => {
                Mend::Replace
            }
            "devices" => match seen.get(look::FOREIGN).and_then(Json::as_object).and_then(|foreign| foreign.iter().next()) {
                Some((device, what)) => Mend::Never(format!(
                    "{device} contains {}, which would be destroyed: wipe it first with `wipefs -a`, or use another device",
                    what.as_str().unwrap_or("data")
                )),
                None => Mend::InPlace,
            },
            "snapshots" => self.snapshot_of_another(seen).map_or(Mend::InPlace, Mend::Never),
            _ => Mend::InPlace,
        }
    }

    fn dropped(&self, seen: &Attrs) -> &'static [&'static str] {
        if self.mount.is_none() && seen.text("mount").is_some() { &["mount"] } else { &[] }
    }

    fn fit_past(&self, past: &mut Attrs, seen: &Observation) -> Option<String> {
        let is_in_past = |name: &String| {
            let in_field = |field: &str| past.get(field).is_some_and(|entries| entries.get(name).is_some());
            in_field("subvolumes") || in_field("snapshots")
        };
        let names = &self.left_over.names;
        if !names.is_empty() && past.get(look::LEFT_OVER).is_none() && !names.iter().any(is_in_past) {
            past.set(look::LEFT_OVER, Map::new());
        }
        super::stays_grown(past, seen, &["type", "uuid", "devices"])
    }

    fn caution(&self, change: &Change, seen: &Attrs) -> Option<String> {
        // With devices that are added comes their size, and goes with them.
        super::cannot_shrink(change).filter(|_| self.has_all_devices(seen))
    }

    fn loses(&self, host: &dyn Host, _: &Attrs, _: Option<&Attrs>) -> Option<String> {
        look::holdings(self, host)
    }

    fn keeps_data(&self, change: &Change) -> bool {
        let names = |value: &Json| -> BTreeSet<String> { value.as_object().into_iter().flat_map(Map::keys).cloned().collect() };
        match change.field.as_str() {
            "subvolumes" | "snapshots" | look::LEFT_OVER => names(&change.from).is_subset(&names(&change.to)),
            field => matches!(field, "label" | "mount" | "options" | "size"),
        }
    }

    fn destroys(&self, host: &dyn Host, change: &Change) -> Option<String> {
        let names = change.from.as_object().filter(|_| change.field == look::LEFT_OVER)?;
        let is_empty = |name: &str| {
            let path = self.mount.as_ref().map(|at| at.join(name));
            path.is_some_and(|path| matches!(host.list(&path), Ok(entries) if entries.is_empty()))
        };
        let lost: Vec<String> = names.keys().filter(|name| !is_empty(name)).map(|name| format!("`{name}`")).collect();
        match lost.as_slice() {
            [] => None,
            [name] => Some(format!("the subvolume {name} and everything in it")),
            names => Some(format!("the subvolumes {} and all in them", names.join(", "))),
        }
    }

    fn remark(&self, seen: &Attrs) -> Option<String> {
        let there = seen.get(look::LEFT_OVER)?.as_object().filter(|there| !there.is_empty() && !self.left_over.prune)?;
        let names: Vec<String> = there.keys().map(|name| format!("`{name}`")).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        Some(format!("{} {verb} no longer in the spec; --prune removes what Seed made", names.join(", ")))
    }

    fn backup(&self, seen: &Attrs, name: &str, as_a_whole: bool) -> Option<PathBuf> {
        let top = seen.text("mount").filter(|_| !as_a_whole)?;
        Some(Path::new(top).join(name))
    }

    fn has_parts(&self) -> bool {
        true
    }

    fn parts(&self, seen: &Attrs) -> Vec<String> {
        let fields = ["subvolumes", "snapshots", look::LEFT_OVER].into_iter().filter_map(|field| seen.get(field)?.as_object());
        fields.flat_map(|entries| entries.keys().cloned()).collect()
    }

    fn left_over(&self, made: &BTreeSet<String>, prune: bool) -> Option<Json> {
        let is_named = |name: &str| self.subvolumes.get(name).is_some() || self.snapshots.get(name).is_some();
        let names: BTreeSet<String> = made.iter().filter(|name| !is_named(name)).cloned().collect();
        if names.is_empty() { None } else { serde_json::to_value(LeftOver { names, prune }).ok() }
    }

    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        change::steps(self, host, transition)
    }

    fn hidden(&self, host: &dyn Host) -> Result<Option<String>> {
        look::hidden(self, host)
    }

    fn recover(&self, host: &dyn Host, step: &str) -> Result<()> {
        change::recover(self, host, step)
    }

    fn outputs(&self, seen: Option<&Attrs>) -> Outputs {
        let told = |name: &str| seen.and_then(|attrs| attrs.text(name)).map(String::from);
        let text = |value: Option<String>| value.map_or(Output::Unknown, Output::Text);
        let mount = self.mount.as_ref().map(|at| at.display().to_string()).or_else(|| told("mount"));
        let uuid = self.uuid.as_ref().map(|uuid| uuid.0.to_lowercase()).or_else(|| told("uuid"));
        let device =
            self.devices.first().map_or(Output::Unknown, |device| Output::Block(BlockRef { of: None, ..device.clone() }));
        Outputs::from([("mount".to_string(), text(mount)), ("uuid".to_string(), text(uuid)), ("device".to_string(), device)])
    }

    fn contents(&self, seen: &Observation) -> Contents {
        let Observation::Present(attrs) = seen else { return Contents::Fresh };
        let mounted = attrs.text("mount").map(Path::new);
        let here = self.mount.as_ref().is_none_or(|at| mounted == Some(at));
        if here { Contents::Same } else { Contents::Unseen }
    }

    fn watches(&self) -> Vec<Watch> {
        let mut watches = vec![Watch::Mounts, Watch::Timer];
        if let Some(at) = &self.mount {
            watches.extend(self.subvolumes.names().chain(self.snapshots.names()).map(|name| Watch::Path(at.join(name))));
        }
        watches
    }
}

impl Btrfs {
    fn has_all_devices(&self, seen: &Attrs) -> bool {
        let keys: Vec<String> = self.devices.iter().map(BlockRef::key).collect();
        mounts::texts(seen, "devices").is_some_and(|there| there == keys)
    }

    /// Why a snapshot of another subvolume is not made anew.
    fn snapshot_of_another(&self, seen: &Attrs) -> Option<String> {
        let there = seen.get("snapshots")?.as_object()?;
        self.snapshots.iter().find_map(|(name, wanted)| {
            let of = there.get(name)?.get("of")?.as_str().filter(|of| *of != wanted.of)?;
            Some(format!(
                "the snapshot `{name}` is one of `{of}`, and recreating it would lose it: remove it (btrfs subvolume delete), or give \
                 the new one another name"
            ))
        })
    }

    /// The options that it is to be mounted with.
    fn options(&self, host: &dyn Host) -> Result<Option<Vec<String>>> {
        match self.mount {
            Some(_) => mounts::options_for(host, &self.devices, self.options.as_deref()),
            None => Ok(None),
        }
    }

    /// The options of its mount, for the kernel, with the devices that belong together: without udev it knows only the one
    /// that is mounted (btrfs(5), `device=`).
    fn mount_options(&self, asked: &[String], devices: &[PathBuf]) -> Vec<String> {
        let fellows = devices.iter().skip(1).map(|device| format!("device={}", device.display()));
        mounts::for_kernel(asked).into_iter().chain(fellows).collect()
    }
}

impl Declared for Btrfs {
    const NAME: &'static str = "storage.btrfs";
    const OUTPUTS: &'static [OutputInfo] = &[
        OutputInfo { name: "mount", kind: RefKind::Directory, doc: "Where it is mounted." },
        OutputInfo { name: "uuid", kind: RefKind::Text, doc: "The UUID of the file system." },
        OutputInfo { name: "device", kind: RefKind::Block, doc: "The first of its devices, to mount it by." },
    ];
    const EXAMPLE: &'static str = r#"image:
  is: storage.file_block_image
  path: ./lab.img
  size: 4 GiB

loop:
  is: storage.loopback_device
  backing: image

pool:
  is: storage.btrfs
  devices: [loop]
  label: lab
  mount: /srv/lab
  options: [noatime, compress=zstd]
  subvolumes:
    root: {}
    home: {quota: 1 GiB}
  snapshots:
    root-before: {of: root, read_only: true}
"#;
}
