//! `storage.filesystem`: ext4, XFS, FAT, or swap space on one device.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, HIDDEN, Observation};
use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::param::{AbsPath, BlockRef, Output, Outputs, Size, Uuid};
use seed_role::step::{Step, Transition};
use seed_role::tool::Tool;
use seed_role::{Contents, Declared, Finding, Mend, Result, Role, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;
use serde_json::Value as Json;

use super::device::{foreseen, resolved, window};
use super::signature::{Kind, Signature, probe};
use super::{finding, holdings, mounts};

mod change;
mod tools;

/// A file system on one device, mounted or not, or swap space.
///
/// It is created on a blank device. Label, mount point, options and, except for vfat, a grown device are changed in place. Another
/// `type` or `uuid` replaces it and destroys its data. For Btrfs use `storage.btrfs`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filesystem {
    /// Its device.
    device: BlockRef,
    /// What it is.
    #[serde(rename = "type")]
    fs_type: FsType,
    /// Its label: at most 16 bytes for ext4 and swap, 12 for xfs, 11 in upper case for vfat. Default: none for a new file system; an
    /// existing one keeps its own.
    label: Option<String>,
    /// Its UUID; for vfat a short one, such as `1A2B-3C4D`. Default: a random one. A change replaces the file system and destroys its
    /// data.
    uuid: Option<Uuid>,
    /// Where it is mounted. A missing folder is created. Default: not mounted.
    mount: Option<AbsPath>,
    /// Mount options of mount(8), such as `[noatime, nosuid]`. Default: none for a new mount; an existing one keeps its own.
    /// If another user can replace the file behind a device, root mounts with `nosuid` and `nodev`, unless the options contain `suid` or
    /// `dev`.
    options: Option<Vec<String>>,
}

/// What a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum FsType {
    /// The usual file system of Linux.
    Ext4,
    /// For large files and parallel access. At least 300 MiB; it cannot shrink.
    Xfs,
    /// FAT. Every system and firmware reads it.
    Vfat,
    /// Swap space. It is not activated.
    Swap,
}

impl FsType {
    fn word(self) -> &'static str {
        match self {
            FsType::Ext4 => "ext4",
            FsType::Xfs => "xfs",
            FsType::Vfat => "vfat",
            FsType::Swap => "swap",
        }
    }

    /// The least size of its device: what the mkfs of each refuses to go below.
    fn least(self) -> u64 {
        match self {
            FsType::Xfs => 300 << 20,
            FsType::Ext4 => 256 << 10,
            FsType::Vfat => 64 << 10,
            FsType::Swap => 40 << 10,
        }
    }

    /// The most bytes in its label.
    fn longest_label(self) -> usize {
        match self {
            FsType::Ext4 | FsType::Swap => 16,
            FsType::Xfs => 12,
            FsType::Vfat => 11,
        }
    }

    /// Whether it can be made to use a device that has grown.
    fn grows(self) -> bool {
        self != FsType::Vfat
    }
}

impl Filesystem {
    fn check_label(&self) -> Option<Finding> {
        let label = self.label.as_deref()?;
        let (longest, word) = (self.fs_type.longest_label(), self.fs_type.word());
        if label.len() > longest {
            let message = format!("a label of {word} has at most {longest} bytes, and this has {}", label.len());
            return Some(finding("label", Code::WrongValue, &message, "choose a shorter label"));
        }
        if label.contains(['\n', '\0', '/']) {
            return Some(finding("label", Code::WrongValue, "a label has neither `/` nor a line end", "choose another one"));
        }
        if self.fs_type == FsType::Vfat
            && label.chars().any(|one| !one.is_ascii() || one.is_ascii_lowercase() || "*?.,;:\\|+=<>[]\"".contains(one))
        {
            let help = format!("write it as `{}`", label.to_ascii_uppercase());
            return Some(finding(
                "label",
                Code::WrongValue,
                "a label of vfat is in upper case, of plain letters and digits",
                &help,
            ));
        }
        None
    }

    fn check_uuid(&self) -> Option<Finding> {
        let text = &self.uuid.as_ref()?.0;
        let groups: Vec<usize> = text.split('-').map(str::len).collect();
        let (form, example) = match self.fs_type {
            FsType::Vfat => (vec![4, 4], "1A2B-3C4D"),
            _ => (vec![8, 4, 4, 4, 12], "0a1b2c3d-0a1b-4c2d-8e3f-0a1b2c3d4e5f"),
        };
        let is_right = groups == form && text.chars().all(|one| one == '-' || one.is_ascii_hexdigit());
        let message = format!("the UUID of {} is written like `{example}`", self.fs_type.word());
        (!is_right).then(|| finding("uuid", Code::WrongValue, &message, "write it so, or leave it out"))
    }

    /// The UUID as the superblock shows it.
    fn uuid_attribute(&self) -> Option<String> {
        let text = &self.uuid.as_ref()?.0;
        Some(if self.fs_type == FsType::Vfat { text.to_uppercase() } else { text.to_lowercase() })
    }

    /// The device as the kernel names it, if it is there.
    fn known_path(&self, host: &dyn Host) -> Option<PathBuf> {
        self.device.path.as_ref().map(|path| resolved(host, path))
    }

    /// The file system as something that can be mounted.
    fn source(&self, host: &dyn Host) -> mounts::Source {
        mounts::Source::on(self.known_path(host).into_iter().collect())
    }

    /// The options that it is to be mounted with.
    fn options(&self, host: &dyn Host) -> Result<Option<Vec<String>>> {
        match self.mount {
            Some(_) => mounts::options_for(host, std::slice::from_ref(&self.device), self.options.as_deref()),
            None => Ok(None),
        }
    }

    /// How much of its device it uses: of XFS that is mounted, the kernel knows, and the superblock only later.
    fn covered(&self, host: &dyn Host, found: &Signature, mounted: Option<&Path>, device: u64) -> Result<Option<u64>> {
        let told = match mounted {
            Some(at) if found.kind == Kind::Xfs => host.capacity(at)?.map(|capacity| capacity + found.hidden),
            _ => None,
        };
        Ok(Signature { size: told.or(found.size), ..found.clone() }.covers(device))
    }
}

impl Role for Filesystem {
    fn claims(&self) -> Vec<Claim> {
        let mount = self.mount.iter().map(|at| Claim::Mount(at.0.clone()));
        let label = self.label.iter().filter(|label| !label.is_empty()).map(|label| Claim::Label(label.clone()));
        std::iter::once(Claim::Device(self.device.key())).chain(mount).chain(label).collect()
    }

    fn tools(&self) -> Vec<&'static Tool> {
        tools::of(self.fs_type)
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.check_label().into_iter().chain(self.check_uuid()).collect();
        let (least, word) = (self.fs_type.least(), self.fs_type.word());
        if let Some(len) = foreseen(&self.device).filter(|len| *len < least) {
            let message = format!("{} has {}, and {word} needs {}", self.device.key(), Size(len), Size(least));
            findings.push(finding("device", Code::TooSmall, &message, "make it larger"));
        }
        if self.mount.is_some() && self.fs_type == FsType::Swap {
            findings.push(finding("mount", Code::WrongValue, "swap space is not mounted", "leave `mount` out"));
        }
        if self.mount.is_none() && self.options.is_some() {
            let help = "add a mount point, such as `mount: /srv/lab`";
            findings.push(finding("options", Code::MissingKey, "`mount` is missing: these are mount options", help));
        }
        findings
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let Some(window) = window(host, &self.device)? else { return Ok(Observation::Absent) };
        let Some(found) = probe(host, &window)? else { return Ok(Observation::Absent) };
        let table = host.mounts()?;
        let mut on = self.source(host).mounts(host)?;
        on.retain(|mount| mounts::is_visible(&table, mount));
        let mount = on.iter().find(|mount| self.mount.as_ref().is_some_and(|at| at.0 == mount.at)).or(on.first());
        let size = self.covered(host, &found, mount.map(|mount| mount.at.as_path()), window.len)?;
        let asked = self.options(host)?;
        let options = mount.map(|mount| mounts::options_attribute(asked.as_deref(), mount));
        let attrs = Attrs::new()
            .with("type", found.kind.word())
            .with("label", found.label)
            .with("uuid", found.uuid)
            .with_some("size", size.map(|size| Size(size).to_string()))
            .with("mount", mount.map_or(Json::Null, |mount| Json::from(mount.at.display().to_string())))
            .with_some("options", options)
            .with_some(HIDDEN, self.hidden(host)?);
        Ok(Observation::Present(attrs))
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let size = foreseen(&self.device).filter(|_| self.fs_type.grows());
        Ok(Attrs::new()
            .with("type", self.fs_type.word())
            .with_some("size", size.map(|size| Size(size).to_string()))
            .with_some("label", self.label.clone())
            .with_some("uuid", self.uuid_attribute())
            .with_some("mount", self.mount.as_ref().map(|at| at.display().to_string()))
            .with_some("options", self.options(host)?))
    }

    fn mend(&self, change: &Change, _: &Attrs) -> Mend {
        match change.field.as_str() {
            "type" | "uuid" => Mend::Replace,
            "size" if super::compare_sizes(change).is_some_and(std::cmp::Ordering::is_lt) => Mend::Replace,
            _ => Mend::InPlace,
        }
    }

    fn dropped(&self, seen: &Attrs) -> &'static [&'static str] {
        if self.mount.is_none() && seen.text("mount").is_some() { &["mount"] } else { &[] }
    }

    fn fit_past(&self, past: &mut Attrs, seen: &Observation) -> Option<String> {
        super::stays_grown(past, seen, &["type", "uuid"])
    }

    fn caution(&self, change: &Change, _: &Attrs) -> Option<String> {
        super::cannot_shrink(change)
    }

    fn loses(&self, host: &dyn Host, _: &Attrs, _: Option<&Attrs>) -> Option<String> {
        let look = || match window(host, &self.device)? {
            Some(window) => holdings::on_device(host, &window, self.known_path(host).as_deref()),
            None => Ok(None),
        };
        let lost: Result<Option<String>> = look();
        lost.unwrap_or_else(|trouble| Some(format!("a file system that cannot be read: {trouble}")))
    }

    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        change::steps(self, host, transition)
    }

    fn hidden(&self, host: &dyn Host) -> Result<Option<String>> {
        self.mount.as_ref().map_or(Ok(None), |at| self.source(host).hidden(host, at))
    }

    fn recover(&self, host: &dyn Host, step: &str) -> Result<()> {
        change::recover(self, host, step)
    }

    fn outputs(&self, seen: Option<&Attrs>) -> Outputs {
        let told = |name: &str| seen.and_then(|attrs| attrs.text(name)).map(String::from);
        let text = |value: Option<String>| value.map_or(Output::Unknown, Output::Text);
        let mount = self.mount.as_ref().map(|at| at.display().to_string()).or_else(|| told("mount"));
        let uuid = self.uuid_attribute().or_else(|| told("uuid"));
        let device = Output::Block(BlockRef { of: None, ..self.device.clone() });
        Outputs::from([("mount".to_string(), text(mount)), ("uuid".to_string(), text(uuid)), ("device".to_string(), device)])
    }

    fn contents(&self, seen: &Observation) -> Contents {
        let Observation::Present(attrs) = seen else { return Contents::Fresh };
        let mounted = attrs.text("mount").map(Path::new);
        if self.mount.as_ref().is_none_or(|at| mounted == Some(at)) { Contents::Same } else { Contents::Unseen }
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Mounts, Watch::Timer]
    }
}

impl Declared for Filesystem {
    const NAME: &'static str = "storage.filesystem";
    const OUTPUTS: &'static [OutputInfo] = &[
        OutputInfo { name: "mount", kind: RefKind::Directory, doc: "Where it is mounted." },
        OutputInfo { name: "uuid", kind: RefKind::Text, doc: "The UUID of the file system." },
        OutputInfo { name: "device", kind: RefKind::Block, doc: "Its device, to mount it by." },
    ];
    const EXAMPLE: &'static str = r#"image:
  is: storage.file_block_image
  path: ./data.img
  size: 1 GiB

loop:
  is: storage.loopback_device
  backing: image

data:
  is: storage.filesystem
  device: loop
  type: ext4
  label: data
  mount: /srv/data
  options: [noatime]
"#;
}
