//! `storage.file_block_image`: a file that serves as a disk.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::others::is_of_another_user;
use seed_role::host::{Access, FileKind, Host, Metadata, Owner, temporary_of};
use seed_role::param::{AbsPath, BackingRef, BlockRef, Extent, Mode, Output, Outputs, Size};
use seed_role::step::{Goal, Step, Transition};
use seed_role::tool::Tool;
use seed_role::trouble::Kind as TroubleKind;
use seed_role::{Contents, Declared, Finding, Mend, Result, Role, Trouble, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;

use super::device::{Window, foreseen, resolved};
use super::{finding, holdings, qcow2, signature};
use crate::file::{access, aside};

const QEMU_IMG: Tool = Tool { program: "qemu-img", debian: "qemu-utils", arch: "qemu-img" };

/// Only root and the owner see into a disk, unless the spec says otherwise.
const DEFAULT_MODE: u32 = 0o600;

/// A disk image file, raw or in QEMU's qcow2 format.
///
/// A larger `size` grows it in place. A smaller `size` or another `format` replaces it and destroys its data. An image that Seed did
/// not make is never replaced.
///
/// Whoever can write to its folder, or to a folder above, can replace the image. So root does not use an image there that belongs to another
/// user than the caller of sudo, unless `owner` names that user. Root also removes write access of others, and mounts what is on the image
/// with `nosuid` and `nodev`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FileBlockImage {
    /// Where the file is. Missing parent folders are created, and removed with it if they are empty.
    path: AbsPath,
    /// The size of the disk, such as `4 GiB`.
    size: Size,
    /// How the disk is stored in the file.
    #[serde(default)]
    format: Format,
    /// How much space a raw image allocates.
    #[serde(default)]
    allocate: Allocate,
    /// The backing image of a qcow2 image: it is read where nothing has been written, and never changed. The `size` must be at least as
    /// large.
    over: Option<BackingRef>,
    /// Permission bits of the file, such as `"0640"`. Default: `"0600"` for a new file; an existing one keeps its own.
    mode: Option<Mode>,
    /// The owner of the file: `user`, `user:group` or numbers. Default: the owner is not managed; but in a folder that another user can write
    /// to, it must be root or the caller of sudo.
    owner: Option<String>,
}

/// How a disk is stored in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// Byte for byte. Loop devices need it, and every program reads it.
    #[default]
    Raw,
    /// QEMU's format. It grows as it is written to, and can have a backing image.
    Qcow2,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
        }
    }
}

/// How much space a raw image allocates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Allocate {
    /// None in advance: blocks are allocated when they are written.
    #[default]
    Sparse,
    /// All of it when it is created and when it grows, so that it never fails for lack of disk space. Blocks that a file system in the
    /// image discards later are not allocated again.
    Full,
}

impl FileBlockImage {
    fn is_full(&self, host: &dyn Host, metadata: &Metadata) -> Result<bool> {
        if metadata.allocated >= metadata.len {
            return Ok(true);
        }
        // Holes in an image that is in use are what its file system gave back.
        if self.allocate == Allocate::Sparse {
            return Ok(false);
        }
        let window = Window { file: self.path.0.clone(), offset: 0, len: metadata.len };
        Ok(signature::probe(host, &window)?.is_some())
    }

    fn make(&self, goal: &Attrs) -> Step {
        let path = self.path.0.clone();
        let size = goal.size("size").unwrap_or(self.size.0);
        let mode = access::mode(Some(goal)).unwrap_or(DEFAULT_MODE);
        let owner = goal.text("owner").map(String::from);
        let full = goal.text("allocate") == Some("full");
        let qcow2 = goal.text("format") == Some("qcow2");
        let over = goal.text("over").map(PathBuf::from);
        let run = move |host: &dyn Host| {
            let owner = owner.map(|owner| host.owner(&owner)).transpose()?;
            match qcow2 {
                true => make_qcow2(host, &path, size, over.as_deref(), mode, owner),
                false => host.make_image_for(&path, size, full, mode, owner),
            }
        };
        let path = &self.path.0;
        // Nothing has to reach the disk here: one that a power failure takes away held nothing, and is made again.
        Step::new("make the image file", run).folder(folder_of(path)).litter(temporary_of(path))
    }

    fn change(&self, host: &dyn Host, from: &Attrs, goal: &Attrs) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let cannot = |field: &str| {
            Err(Trouble::new(format!("change the {field} of {}", self.path.display()), "it cannot be changed in place"))
        };
        for change in from.changes(goal) {
            match change.field.as_str() {
                "size" => {
                    let (Some(size), true) = (goal.size("size"), grows(&change)) else { return cannot("size") };
                    steps.push(self.grow(size, from.text("format") == Some("qcow2"), goal.text("allocate") == Some("full")));
                }
                "allocate" if change.to == "full" => {
                    let size = goal.size("size").or(from.size("size")).unwrap_or(self.size.0);
                    let path = self.path.0.clone();
                    let run = move |host: &dyn Host| host.set_len(&path, size, true);
                    steps.push(Step::new("allocate all of the image", run));
                }
                "allocate" | "mode" | "owner" => {}
                field => return cannot(field),
            }
        }
        steps.extend(access::steps(host, &self.path, from, goal)?);
        Ok(steps)
    }

    fn grow(&self, size: u64, qcow2: bool, full: bool) -> Step {
        let path = self.path.0.clone();
        let run = move |host: &dyn Host| {
            if !qcow2 {
                return host.set_len(&path, size, full);
            }
            let (file, size) = (path.display().to_string(), size.to_string());
            let attempted = format!("grow {file}");
            seed_role::host::run(host, &attempted, &QEMU_IMG, &["resize", "-q", "-f", "qcow2", &file, &size]).map(drop)
        };
        Step::new("grow the image", run)
    }

    fn remove(&self, host: &dyn Host, keep: Option<&str>) -> Result<Vec<Step>> {
        let path = self.path.0.clone();
        if let Some(keep) = keep {
            let what = format!("the image {}", path.display());
            let put = aside::put(host, &path, keep, what)?;
            return Ok(vec![Step::new("see that nothing uses the image", move |host| refuse_if_attached(host, &path)), put]);
        }
        let remove = move |host: &dyn Host| {
            refuse_if_attached(host, &path)?;
            host.remove_file(&path)
        };
        Ok(vec![Step::new("remove the image file", remove).thins(folder_of(&self.path))])
    }
}

fn grows(change: &Change) -> bool {
    super::compare_sizes(change).is_some_and(std::cmp::Ordering::is_gt)
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// Makes a qcow2 image beside its place, and moves it there when it is whole.
fn make_qcow2(host: &dyn Host, path: &Path, size: u64, over: Option<&Path>, mode: u32, owner: Option<Owner>) -> Result<()> {
    let temporary = temporary_of(path);
    let (file, size) = (temporary.display().to_string(), size.to_string());
    let base = over.map(|base| Ok::<_, Trouble>((base.display().to_string(), base_format(host, base)?))).transpose()?;
    let mut args = vec!["create", "-q", "-f", "qcow2"];
    if let Some((base, format)) = &base {
        args.extend(["-b", base, "-F", format]);
    }
    args.extend([file.as_str(), &size]);
    host.remove_file(&temporary)?;
    seed_role::host::run(host, &format!("make the image {}", path.display()), &QEMU_IMG, &args)?;
    let there = host.metadata(&temporary)?.filter(|there| there.uid == host.whoami().uid && there.links == 1);
    let there = there.ok_or_else(|| Trouble::new(format!("make the image {}", path.display()), "another user replaced it"))?;
    host.set_access(&temporary, &there, &Access { owner, mode: Some(mode), attributes: None })?;
    host.sync(std::slice::from_ref(&temporary))?;
    host.rename(&temporary, path)
}

fn base_format(host: &dyn Host, base: &Path) -> Result<&'static str> {
    Ok(if qcow2::header(host, base)?.is_some() { "qcow2" } else { "raw" })
}

/// A loop device would keep the removed file alive, and its space with it.
fn refuse_if_attached(host: &dyn Host, path: &Path) -> Result<()> {
    let loops = host.loops()?;
    let Some(device) = loops.iter().find(|device| !device.deleted && device.backing == resolved(host, path)) else {
        return Ok(());
    };
    let device = device.device.display();
    Err(Trouble::new(format!("remove {}", path.display()), format!("the loop device {device} is attached to it"))
        .kind(TroubleKind::Busy)
        .hint(format!("detach it: losetup -d {device}")))
}

impl Role for FileBlockImage {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Path(self.path.0.clone())]
    }

    fn tools(&self) -> Vec<&'static Tool> {
        if self.format == Format::Qcow2 { vec![&QEMU_IMG] } else { Vec::new() }
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.size.0 == 0 {
            findings.push(finding("size", Code::WrongValue, "the size of a disk cannot be 0", "write a size such as `4 GiB`"));
        } else if !self.size.0.is_multiple_of(512) {
            let help = format!("the next larger size is {}", Size(self.size.0.next_multiple_of(512)));
            findings.push(finding("size", Code::WrongValue, "the size of a disk must be a multiple of 512 bytes", &help));
        }
        if self.path.file_name().is_none() {
            let message = format!("`{}` is not a path where a file can be created", self.path.display());
            findings.push(finding("path", Code::WrongValue, &message, "name a file, such as `./lab.img`"));
        }
        if self.format == Format::Raw && self.over.is_some() {
            findings.push(finding("over", Code::WrongValue, "a raw image cannot lie over another", "add `format: qcow2`"));
        }
        if self.format == Format::Qcow2 && self.allocate == Allocate::Full {
            let help = "leave `allocate` out, or use `format: raw`";
            findings.push(finding("allocate", Code::WrongValue, "only a raw image can be allocated in full", help));
        }
        let base = self.over.as_ref().and_then(|over| foreseen(over));
        if let Some(base) = base.filter(|base| *base > self.size.0) {
            let message = format!("the backing image is larger: {}", Size(base));
            findings.push(finding("size", Code::TooSmall, &message, &format!("make it at least {}", Size(base))));
        }
        findings
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let Some(metadata) = host.metadata(&self.path)? else { return Ok(Observation::Absent) };
        if metadata.kind != FileKind::File {
            return Ok(Observation::Present(Attrs::new().with("format", super::kind_words(metadata.kind))));
        }
        let header = qcow2::header(host, &self.path)?;
        let format = if header.is_some() { Format::Qcow2 } else { Format::Raw };
        let size = header.as_ref().map_or(metadata.len, |header| header.size);
        let mut attrs = Attrs::new().with("size", Size(size).to_string()).with("format", format.word());
        if format == Format::Raw && self.is_full(host, &metadata)? {
            attrs.set("allocate", "full");
        }
        let over = header.and_then(|header| header.backing).map(|base| base.display().to_string());
        let attrs = access::seen(host, &metadata, attrs.with_some("over", over));
        Ok(Observation::Present(access::identified(host, &self.path, &metadata, attrs)?))
    }

    fn wanted(&self, host: &dyn Host) -> Result<Attrs> {
        let attrs = Attrs::new().with("size", self.size.to_string()).with("format", self.format.word());
        // A sparse image that has been written to is as good as one that has not.
        let attrs = attrs.with_some("allocate", (self.allocate == Allocate::Full).then_some("full"));
        let attrs = match (self.format, &self.over) {
            (Format::Qcow2, Some(over)) => attrs.with_some("over", over.path.as_ref().map(|path| path.display().to_string())),
            _ => attrs,
        };
        let attrs = access::Access { mode: self.mode, owner: self.owner.as_deref() }.wanted(host, attrs)?;
        if !host.others_can_replace(&self.path)? {
            return Ok(attrs);
        }
        // What root attaches and mounts of an image, its owner decides, and whoever else can write it.
        let there = host.metadata(&self.path)?;
        let is_others = there.is_some_and(|there| is_of_another_user(there.uid));
        let is_open = there.is_some_and(|there| there.mode & 0o022 != 0);
        let owner = (self.owner.is_none() && is_others).then(|| host.owner_name(host.whoami()));
        let mode = (self.mode.is_none() && is_open).then(|| Mode(DEFAULT_MODE).to_string());
        Ok(attrs.with_some(access::OWNER, owner).with_some(access::MODE, mode))
    }

    fn mend(&self, change: &Change, seen: &Attrs) -> Mend {
        match change.field.as_str() {
            "format" if !matches!(seen.text("format"), Some("raw" | "qcow2")) => Mend::Never(format!(
                "{} is {}, and Seed puts no image in its place: move it away, or choose another path",
                self.path.display(),
                seen.text("format").unwrap_or("something else"),
            )),
            access::OWNER if access::would_become_roots(change, seen) => Mend::Never(format!(
                "{} belongs to another user, who decides what it holds and can put another one in its place: move it away, or name them as \
                 its `owner`",
                self.path.display()
            )),
            "size" if grows(change) => Mend::InPlace,
            "allocate" | "mode" | "owner" => Mend::InPlace,
            _ => Mend::Replace,
        }
    }

    fn fit_past(&self, past: &mut Attrs, seen: &Observation) -> Option<String> {
        access::fit_past(past);
        super::stays_grown(past, seen, &["format", "over"])
    }

    fn caution(&self, change: &Change, _: &Attrs) -> Option<String> {
        super::cannot_shrink(change)
    }

    fn loses(&self, host: &dyn Host, seen: &Attrs, _: Option<&Attrs>) -> Option<String> {
        let lost = match seen.text("format") {
            Some("qcow2") => {
                let holds = |header| qcow2::holds_data(host, &self.path, &header);
                let written = qcow2::header(host, &self.path).and_then(|header| header.map_or(Ok(true), holds));
                written.map(|written| written.then(|| "what was written to it".to_string()))
            }
            Some("raw") => {
                let len = host.size_of(&self.path).ok().flatten().unwrap_or(0);
                let window = Window { file: self.path.0.clone(), offset: 0, len };
                attached(host, &self.path).and_then(|device| holdings::on_device(host, &window, device.as_deref()))
            }
            _ => Ok(None),
        };
        let path = self.path.display();
        match lost {
            Ok(lost) => lost.map(|lost| format!("the image {path} with {lost}")),
            Err(_) => Some(format!("the image {path}, which cannot be read")),
        }
    }

    fn backup(&self, _seen: &Attrs, name: &str, _as_a_whole: bool) -> Option<PathBuf> {
        Some(seed_role::backup::place(&self.path.0, name))
    }

    fn steps(&self, host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        let kept = transition.kept.and_then(|kept| kept.path.as_deref());
        match (transition.from, transition.to) {
            (Observation::Unknown(reason), _) => Err(super::unknown("change the image", reason)),
            (Observation::Absent, Goal::Absent) => Ok(Vec::new()),
            (Observation::Present(_), Goal::Absent) => self.remove(host, transition.keep),
            (_, Goal::Attrs(_)) if kept.is_some() => {
                let mut steps = match transition.from {
                    Observation::Present(_) => self.remove(host, transition.keep)?,
                    _ => Vec::new(),
                };
                steps.extend(kept.map(|kept| aside::bring_back(&self.path, kept)));
                Ok(steps)
            }
            (Observation::Absent, Goal::Attrs(goal)) => Ok(vec![self.make(goal)]),
            (Observation::Present(from), Goal::Attrs(goal)) => self.change(host, from, goal),
        }
    }

    fn recover(&self, host: &dyn Host, step: &str) -> Result<()> {
        aside::undo(host, &self.path, step)
    }

    fn outputs(&self, seen: Option<&Attrs>) -> Outputs {
        let path = self.path.0.clone();
        // The bytes of a disk in a qcow2 image do not lie in the file as they are on the disk.
        let file = (self.format == Format::Raw).then(|| path.clone());
        // One that is only looked at has the size that it has.
        let size = seen
            .and_then(|seen| seen.text("size"))
            .and_then(|size| seed_spec::unit::Size::parse(size).ok())
            .map_or(self.size.0, |size| size.0);
        let bytes = Extent { file, offset: 0, len: Some(size), fresh: seen.is_none() };
        let output = Output::Block(BlockRef { of: None, path: Some(path), bytes: Some(bytes) });
        Outputs::from([("path".to_string(), output)])
    }

    fn contents(&self, _: &Observation) -> Contents {
        Contents::Same
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Path(self.path.0.clone())]
    }
}

/// The loop device that a file is attached to as a whole.
fn attached(host: &dyn Host, path: &Path) -> Result<Option<PathBuf>> {
    let loops = host.loops()?;
    let backing = resolved(host, path);
    Ok(loops.iter().find(|device| device.backing == backing && device.offset == 0).map(|device| device.device.clone()))
}

impl Declared for FileBlockImage {
    const NAME: &'static str = "storage.file_block_image";
    const OUTPUTS: &'static [OutputInfo] =
        &[OutputInfo { name: "path", kind: RefKind::File, doc: "The image file, for a loop device or a virtual machine." }];
    const EXAMPLE: &'static str = r#"image:
  is: storage.file_block_image
  path: ./lab.img
  size: 4 GiB

base:
  is: storage.file_block_image
  path: ./base.qcow2
  format: qcow2
  size: 20 GiB

overlay:
  is: storage.file_block_image
  path: ./overlay.qcow2
  format: qcow2
  size: 20 GiB
  over: base
"#;
}
