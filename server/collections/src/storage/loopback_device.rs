//! `storage.loopback_device`: a block device that shows a file (loop(4)).

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::{Host, LoopConfig, LoopDevice};
use seed_role::param::{BackingRef, BlockRef, Extent, Output, Outputs, Size};
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::Kind;
use seed_role::{Contents, Declared, Finding, Mend, Result, Role, Trouble, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;
use serde_json::Value as Json;

use super::device::{foreseen, must_be_there, resolved};
use super::{finding, not_in_place, qcow2};

/// The kernel counts the size of a loop device in sectors of 512 bytes.
const SECTOR: u64 = 512;

/// A block device backed by a file, so that it can be partitioned, formatted and mounted.
///
/// The kernel chooses `/dev/loop0`, `/dev/loop1` and so on; refer to it by the name of the role. The device grows with the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoopbackDevice {
    /// The backing file: an image role or a path.
    backing: BackingRef,
    /// Whether it is read-only.
    #[serde(default)]
    read_only: bool,
    /// Whether the kernel scans it for partitions. Required for a `storage.partition_table` on it.
    #[serde(default)]
    partscan: bool,
    /// Where it begins in the file, a multiple of 512 bytes. Default: at the start.
    offset: Option<Size>,
    /// The size of its sectors in bytes: 512, 1024, 2048 or 4096. Default: chosen by the kernel, usually 512.
    sector_size: Option<u32>,
}

/// What is said, as by the kernel, of a file that was removed while a device shows it: what was in it is still there.
const DELETED: &str = " (deleted)";

/// The attribute with the inode of the backing file. Not a parameter.
const INODE: &str = "inode";

impl LoopbackDevice {
    fn offset(&self) -> u64 {
        self.offset.map_or(0, |offset| offset.0)
    }

    /// The file that the kernel will name: none while it is not there.
    fn file(&self) -> Option<&Path> {
        self.backing.path.as_deref()
    }

    fn find(&self, host: &dyn Host) -> Result<Option<LoopDevice>> {
        let Some(file) = self.file() else { return Ok(None) };
        let loops = host.loops()?;
        if loops.is_empty() {
            return Ok(None);
        }
        let file = resolved(host, file);
        let attached = loops.iter().filter(|device| device.backing == file);
        // One whose file was removed under it still holds what was in that file: it is a poor match, but it is this role's.
        Ok(attached.min_by_key(|device| (device.deleted, device.offset != self.offset())).cloned())
    }

    /// How large it will be: the file from the offset on.
    fn foreseen(&self) -> Option<u64> {
        foreseen(&self.backing).map(|len| len.saturating_sub(self.offset()))
    }

    fn attach(&self, file: PathBuf, goal: &Attrs) -> Step {
        let config = LoopConfig {
            backing: file,
            offset: goal.size("offset").unwrap_or_else(|| self.offset()),
            read_only: goal.flag("read_only"),
            partscan: goal.flag("partscan"),
            sector_size: goal.get("sector_size").and_then(Json::as_u64).and_then(|size| u32::try_from(size).ok()),
        };
        let run = move |host: &dyn Host| {
            must_be_there(host, &config.backing)?;
            if qcow2::header(host, &config.backing)?.is_some() {
                let file = config.backing.display();
                return Err(Trouble::new(format!("attach {file}"), "a loop device cannot read the qcow2 format")
                    .hint("give the image `format: raw`"));
            }
            host.attach_loop(&config).map(drop)
        };
        Step::new("attach the loop device", run)
    }

    fn device(&self, seen: &Attrs) -> Result<PathBuf> {
        let device = seen.text("device").map(PathBuf::from);
        device.ok_or_else(|| Trouble::new("use the loop device", "it no longer exists").kind(Kind::Gone))
    }
}

/// The inode of the file that a device shows, by which it is known once it was moved; none if it was removed.
fn inode(host: &dyn Host, device: &LoopDevice) -> Result<Option<u64>> {
    if device.deleted {
        return Ok(None);
    }
    Ok(host.metadata(&device.backing)?.map(|file| file.inode))
}

fn refuse_if_mounted(host: &dyn Host, device: &Path) -> Result<()> {
    let mounts = host.mounts()?;
    let name = device.to_string_lossy();
    let is_of = |source: &str| source.strip_prefix(&*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('p'));
    mounts.iter().find(|mount| is_of(&mount.source)).map_or(Ok(()), |mount| Err(super::mounts::in_use(mount)))
}

impl Role for LoopbackDevice {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Device(self.backing.key())]
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if !self.offset().is_multiple_of(SECTOR) {
            let help = format!("the next multiple is {}", Size(self.offset().next_multiple_of(SECTOR)));
            findings.push(finding("offset", Code::WrongValue, "it is not a multiple of 512 bytes", &help));
        }
        if self.sector_size.is_some_and(|size| !size.is_power_of_two() || !(512..=4096).contains(&size)) {
            let message = "a loop device has sectors of 512, 1024, 2048 or 4096 bytes";
            findings.push(finding("sector_size", Code::WrongValue, message, "remove it to let the kernel choose"));
        }
        if let Some(len) = foreseen(&self.backing).filter(|len| *len <= self.offset()) {
            let message = format!("the file has only {}, so nothing is left after the offset", Size(len));
            findings.push(finding("offset", Code::TooSmall, &message, "use a smaller offset or a larger image"));
        }
        findings
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let Some(device) = self.find(host)? else { return Ok(Observation::Absent) };
        let attrs = Attrs::new()
            .with("device", device.device.display().to_string())
            .with("backing", if device.deleted { self.backing.key() + DELETED } else { self.backing.key() })
            .with("size", Size(device.size).to_string())
            .with("offset", Size(device.offset).to_string())
            .with("read_only", device.read_only)
            .with("partscan", device.partscan)
            .with("sector_size", device.sector_size)
            .with_some(INODE, inode(host, &device)?)
            .with_some("size_limit", (device.size_limit > 0).then(|| Size(device.size_limit).to_string()));
        Ok(Observation::Present(attrs))
    }

    fn lingers(&self, host: &dyn Host, ours: &Attrs) -> Result<Option<String>> {
        let (Some(device), Some(known)) = (ours.text("device"), ours.get(INODE).and_then(Json::as_u64)) else { return Ok(None) };
        let loops = host.loops()?;
        let Some(found) = loops.iter().find(|one| one.device == Path::new(device)) else { return Ok(None) };
        let (file, is_it) = (found.backing.display(), inode(host, found)? == Some(known));
        Ok(is_it
            .then(|| format!("{device} is still attached to its file, which was moved to {file}: move it to its place first")))
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let size = match (self.foreseen(), self.file()) {
            (Some(size), _) => Some(size),
            (None, Some(file)) => host.size_of(file)?.map(|len| len.saturating_sub(self.offset())),
            (None, None) => None,
        };
        Ok(Attrs::new()
            .with("backing", self.backing.key())
            .with_some("size", size.map(|size| Size(size - size % SECTOR).to_string()))
            .with("offset", Size(self.offset()).to_string())
            .with("read_only", self.read_only)
            .with("partscan", self.partscan)
            .with_some("sector_size", self.sector_size))
    }

    fn mend(&self, change: &Change, seen: &Attrs) -> Mend {
        // A limit that somebody set on its size goes only with attaching it anew.
        if change.field == "size" && seen.get("size_limit").is_none() { Mend::InPlace } else { Mend::Replace }
    }

    fn loses(&self, _: &dyn Host, _: &Attrs, _: Option<&Attrs>) -> Option<String> {
        None
    }

    fn fit_past(&self, past: &mut Attrs, seen: &Observation) -> Option<String> {
        past.0.remove("device");
        past.0.remove(INODE);
        super::stays_grown(past, seen, &["backing", "offset", "size_limit"])
    }

    fn steps(&self, _: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        match (transition.from, transition.to) {
            (Observation::Unknown(reason), _) => Err(super::unknown("change the loop device", reason)),
            (Observation::Absent, Goal::Absent) => Ok(Vec::new()),
            (Observation::Absent, Goal::Attrs(goal)) => Ok(vec![self.attach(self.backing.ready()?.to_path_buf(), goal)]),
            (Observation::Present(from), Goal::Absent) => {
                let device = self.device(from)?;
                let detach = move |host: &dyn Host| {
                    refuse_if_mounted(host, &device)?;
                    host.detach_loop(&device)
                };
                Ok(vec![Step::new("detach the loop device", detach)])
            }
            (Observation::Present(from), Goal::Attrs(goal)) => {
                let changes = from.changes(goal);
                if let Some(change) = changes.iter().find(|change| change.field != "size" && change.field != "device") {
                    return Err(not_in_place(&change.field, "the loop device"));
                }
                if !changes.iter().any(|change| change.field == "size") {
                    return Ok(Vec::new());
                }
                let device = self.device(from)?;
                Ok(vec![Step::new("let the loop device grow with its file", move |host| host.refresh_loop(&device))])
            }
        }
    }

    fn outputs(&self, seen: Option<&Attrs>) -> Outputs {
        let behind = self.backing.bytes.as_ref();
        let keeps_deleted = seen.and_then(|attrs| attrs.text("backing")).is_some_and(|backing| backing.ends_with(DELETED));
        let bytes = Extent {
            file: behind.map_or_else(|| self.backing.path.clone(), |bytes| bytes.file.clone()),
            offset: self.offset() + behind.map_or(0, |bytes| bytes.offset),
            len: self.foreseen().map(|len| len - len % SECTOR),
            fresh: !keeps_deleted && behind.is_some_and(|bytes| bytes.fresh),
        };
        let path = seen.and_then(|attrs| attrs.text("device")).map(PathBuf::from);
        let output = Output::Block(BlockRef { of: None, path, bytes: Some(bytes) });
        Outputs::from([("device".to_string(), output)])
    }

    fn contents(&self, _: &Observation) -> Contents {
        Contents::Same
    }

    fn watches(&self) -> Vec<Watch> {
        std::iter::once(Watch::Loops).chain(self.file().map(|file| Watch::Path(file.to_path_buf()))).collect()
    }
}

impl Declared for LoopbackDevice {
    const NAME: &'static str = "storage.loopback_device";
    const OUTPUTS: &'static [OutputInfo] =
        &[OutputInfo { name: "device", kind: RefKind::Block, doc: "The block device, such as `/dev/loop0`." }];
    const EXAMPLE: &'static str = r#"image:
  is: storage.file_block_image
  path: ./lab.img
  size: 4 GiB

loop:
  is: storage.loopback_device
  backing: image
"#;
}
