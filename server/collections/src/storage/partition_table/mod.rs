//! `storage.partition_table`: a GUID partition table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::Host;
use seed_role::param::{BlockRef, Extent, Output, Outputs, Size};
use seed_role::step::{Step, Transition};
use seed_role::{Contents, Declared, Finding, Mend, Result, Role, Watch};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::device::{foreseen, partition_node, resolved, window};
use super::gpt_table::{ALIGNMENT, Table, end_of_room, read};
use super::named::Named;
use super::signature::{Kind, probe};
use super::{finding, holdings};

mod change;
mod kinds;

/// The attributes that tell where partitions begin, how long they are, and where the last one ends. Not parameters.
const STARTS: &str = "starts";
const LENGTHS: &str = "lengths";
const END: &str = "end";

/// The attribute that tells whether the table can be used as it stands. Not a parameter.
const CONDITION: &str = "condition";
/// It is whole, and the kernel has the partitions as it says.
const IN_USE: &str = "in use";
/// The boot record, the table and its copy are not all there, or do not agree.
const DAMAGED: &str = "damaged";
/// The kernel has not read it.
const UNREAD: &str = "not read by the kernel";

/// A number of bytes in an attribute.
fn size_in(attrs: &Attrs, field: &str, name: &str) -> Option<u64> {
    seed_spec::unit::Size::parse(attrs.get(field)?.get(name)?.as_str()?).ok().map(|size| size.0)
}

/// A GPT partition table. Each partition is a block device.
///
/// The partitions are on the device in the order in which they are written. The last one can grow, more can be added after it, and
/// types and labels can change in place. Any other change replaces the table and destroys the data of the partitions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartitionTable {
    /// Its device. A loop device needs `partscan: true`.
    device: BlockRef,
    /// The partitions by name, in order. Refer to one as `role.partitions.name`.
    partitions: Named<Partition>,
}

/// A partition.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Partition {
    /// Its size, such as `512 MiB`. Either this or `rest`.
    size: Option<Size>,
    /// Whether it takes the remaining space and grows with the device. Only for the last partition.
    #[serde(default)]
    rest: bool,
    /// What it is for: `linux`, `efi`, `boot`, `bios`, `swap`, `home`, `srv`, `var`, `root-x86-64`, `root-arm64`, `luks`, `lvm`,
    /// `raid`, `data`, or the UUID of a type. Default: `linux`.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Its name in the table, at most 36 characters. Default: its name in the spec.
    label: Option<String>,
}

impl Partition {
    fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or(kinds::DEFAULT)
    }
}

/// A partition as an attribute: only what is not the default.
fn attribute(name: &str, size: Option<&str>, kind: &str, label: &str) -> Json {
    let mut entry = Map::new();
    match size {
        Some(size) => entry.insert("size".into(), json!(size)),
        None => entry.insert("rest".into(), json!(true)),
    };
    if kind != kinds::DEFAULT {
        entry.insert("type".into(), json!(kind));
    }
    if label != name {
        entry.insert("label".into(), json!(label));
    }
    Json::Object(entry)
}

impl PartitionTable {
    /// The numbers under which the partitions of the spec stand in the table, with their names.
    fn numbered(&self) -> impl Iterator<Item = (u32, &str, &Partition)> {
        (1..).zip(self.partitions.iter()).map(|(number, (name, partition))| (number, name, partition))
    }

    /// Where partitions will begin and how long they will be, from those that are there and from the spec; a length is
    /// none where it depends on a size that is not known.
    fn layout(&self, seen: Option<&Attrs>) -> BTreeMap<String, (u64, Option<u64>)> {
        let device = foreseen(&self.device).or_else(|| seen.and_then(|attrs| attrs.size("size")));
        // The sector size makes no difference here but for a device of a few MiB.
        let end = device.map(|len| end_of_room(len, 512));
        let mut layout = BTreeMap::new();
        let mut next = ALIGNMENT;
        for (_, name, partition) in self.numbered() {
            let start = seen.and_then(|attrs| size_in(attrs, STARTS, name)).unwrap_or(next);
            let len = match partition.size {
                Some(size) => Some(size.0),
                None => end.map(|end| end.saturating_sub(start)),
            };
            next = (start + len.unwrap_or(0)).next_multiple_of(ALIGNMENT);
            layout.insert(name.to_string(), (start, len));
        }
        layout
    }

    fn entry_attribute(&self, name: &str, wanted: &Partition, table: &Table, number: u32, len: u64) -> Option<Json> {
        let entry = table.entry(number)?;
        let end = entry.start + entry.len;
        let fills = end >= table.room_of(number, len).saturating_sub(ALIGNMENT);
        let size = match wanted.size {
            Some(size) if size.0.div_ceil(table.sector) * table.sector == entry.len => Some(size.to_string()),
            None if wanted.rest && fills => None,
            _ => Some(Size(entry.len).to_string()),
        };
        let kind = kinds::word_of(entry.kind);
        // A type that the spec writes as a UUID is shown as one.
        let kind = if kinds::uuid_of(wanted.kind()) == Some(entry.kind) { wanted.kind().to_string() } else { kind };
        Some(attribute(name, size.as_deref(), &kind, &entry.label))
    }

    fn with_table(&self, host: &dyn Host, mut attrs: Attrs, table: &Table, len: u64) -> Result<Attrs> {
        let (mut partitions, mut starts, mut lengths) = (Map::new(), Map::new(), Map::new());
        for (number, name, wanted) in self.numbered() {
            let Some(entry) = table.entry(number) else { continue };
            partitions
                .extend(self.entry_attribute(name, wanted, table, number, table.covers.min(len)).map(|it| (name.into(), it)));
            starts.insert(name.into(), json!(Size(entry.start).to_string()));
            lengths.insert(name.into(), json!(Size(entry.len).to_string()));
        }
        let last = table.numbers().filter_map(|number| table.entry(number)).map(|entry| entry.start + entry.len).max();
        attrs.set("partitions", partitions);
        attrs.set(STARTS, starts);
        attrs.set(LENGTHS, lengths);
        attrs.set(END, Size(last.unwrap_or(0)).to_string());
        let is_read = self.node(host)?.map_or(Ok(true), |device| self.is_read(host, &device, table))?;
        let condition = match (table.is_whole, is_read) {
            (false, _) => DAMAGED,
            (true, false) => UNREAD,
            (true, true) => IN_USE,
        };
        attrs.set(CONDITION, condition);
        Ok(attrs)
    }

    /// The device, if it is there.
    fn node(&self, host: &dyn Host) -> Result<Option<PathBuf>> {
        let Some(path) = &self.device.path else { return Ok(None) };
        if self.device.bytes.as_ref().is_some_and(|bytes| bytes.fresh) {
            return Ok(None);
        }
        Ok(host.size_of(path)?.map(|_| resolved(host, path)))
    }

    /// Whether the kernel has the partitions of the spec as the table has them.
    fn is_read(&self, host: &dyn Host, device: &std::path::Path, table: &Table) -> Result<bool> {
        for (number, _, _) in self.numbered() {
            let known = host.size_of(&partition_node(device, number))?;
            if known != table.entry(number).map(|entry| entry.len) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Role for PartitionTable {
    fn claims(&self) -> Vec<Claim> {
        vec![Claim::Device(self.device.key())]
    }

    fn check(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let count = self.partitions.iter().len();
        if count == 0 {
            findings.push(finding(
                "partitions",
                Code::WrongValue,
                "there is no partition",
                "name at least one: `data: {rest: true}`",
            ));
        }
        let mut sum = ALIGNMENT;
        for (number, name, partition) in self.numbered() {
            let param = |field: &str| format!("partitions.{name}.{field}");
            let whole = format!("partitions.{name}");
            match (partition.size, partition.rest) {
                (Some(_), true) => {
                    findings.push(finding(&whole, Code::WrongValue, "it has both `size` and `rest`", "remove one of them"));
                }
                (None, false) => {
                    findings.push(finding(
                        &whole,
                        Code::MissingKey,
                        "its size is missing",
                        "write `size: 512 MiB`, or `rest: true`",
                    ));
                }
                (Some(size), false) if size.0 == 0 || !size.0.is_multiple_of(512) => {
                    let help = format!("the next multiple is {}", Size((size.0 + 1).next_multiple_of(512)));
                    let message = "the size of a partition must be a positive multiple of 512 bytes";
                    findings.push(finding(&param("size"), Code::WrongValue, message, &help));
                }
                (Some(size), false) => sum = sum.saturating_add(size.0).next_multiple_of(ALIGNMENT),
                (None, true) if number as usize != count => {
                    findings.push(finding(
                        &param("rest"),
                        Code::WrongValue,
                        "only the last partition can have `rest`",
                        "move it to the end",
                    ));
                }
                (None, true) => sum += ALIGNMENT,
            }
            if kinds::uuid_of(partition.kind()).is_none() {
                let message = format!("`{}` is not a partition type", partition.kind());
                findings.push(finding(&param("type"), Code::WrongValue, &message, &format!("use one of {}", kinds::words())));
            }
            if partition.label.as_deref().unwrap_or(name).encode_utf16().count() > 36 {
                findings.push(finding(
                    &param("label"),
                    Code::WrongValue,
                    "a label can have at most 36 characters",
                    "choose a shorter label",
                ));
            }
        }
        if let Some(len) = foreseen(&self.device)
            && sum > end_of_room(len, 512)
        {
            let message = format!(
                "the partitions need {}, but {} has room for {}",
                Size(sum),
                self.device.key(),
                Size(end_of_room(len, 512))
            );
            findings.push(finding("partitions", Code::TooSmall, &message, "make them smaller, or the device larger"));
        }
        findings
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        let Some(window) = window(host, &self.device)? else { return Ok(Observation::Absent) };
        let Some(found) = probe(host, &window)? else { return Ok(Observation::Absent) };
        if found.kind != Kind::Gpt {
            let attrs = Attrs::new().with("type", found.kind.word()).with("label", found.label);
            return Ok(Observation::Present(attrs));
        }
        let Some(table) = read(host, &window)? else {
            return Ok(Observation::Present(Attrs::new().with("type", "damaged gpt")));
        };
        let size = if table.covers == window.len - window.len % table.sector { window.len } else { table.covers };
        let attrs = Attrs::new().with("type", "gpt").with("size", Size(size).to_string());
        self.with_table(host, attrs, &table, window.len).map(Observation::Present)
    }

    fn wanted(&self, _: &dyn Host) -> Result<Attrs> {
        let partitions: Map<String, Json> = self
            .partitions
            .iter()
            .map(|(name, wanted)| {
                let size = wanted.size.filter(|_| !wanted.rest).map(|size| size.to_string());
                let label = wanted.label.as_deref().unwrap_or(name);
                (name.to_string(), attribute(name, size.as_deref(), wanted.kind(), label))
            })
            .collect();
        Ok(Attrs::new()
            .with("type", "gpt")
            .with_some("size", foreseen(&self.device).map(|len| Size(len).to_string()))
            .with("partitions", partitions)
            .with(CONDITION, IN_USE))
    }

    fn mend(&self, change: &Change, seen: &Attrs) -> Mend {
        match change.field.as_str() {
            "type" => Mend::Replace,
            "size" if super::compare_sizes(change).is_some_and(std::cmp::Ordering::is_lt) => Mend::Replace,
            "partitions" if !change::fits_in_place(self, seen) => Mend::Replace,
            _ => Mend::InPlace,
        }
    }

    fn fit_past(&self, past: &mut Attrs, seen: &Observation) -> Option<String> {
        super::stays_grown(past, seen, &["type"])
    }

    fn caution(&self, change: &Change, _: &Attrs) -> Option<String> {
        super::cannot_shrink(change)
    }

    fn loses(&self, host: &dyn Host, _: &Attrs, _: Option<&Attrs>) -> Option<String> {
        let look = || match window(host, &self.device)? {
            Some(window) => holdings::on_device(host, &window, self.node(host)?.as_deref()),
            None => Ok(None),
        };
        let lost: Result<Option<String>> = look();
        lost.unwrap_or_else(|trouble| Some(format!("a device that cannot be read: {trouble}")))
    }

    fn steps(&self, _: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        change::steps(self, transition)
    }

    fn recover(&self, host: &dyn Host, step: &str) -> Result<()> {
        change::recover(self, host, step)
    }

    fn outputs(&self, seen: Option<&Attrs>) -> Outputs {
        let is_there = |name: &str| seen.is_some_and(|attrs| attrs.get(STARTS).is_some_and(|starts| starts.get(name).is_some()));
        let behind = self.device.bytes.as_ref();
        let file = behind.map_or_else(|| self.device.path.clone(), |bytes| bytes.file.clone());
        let is_fresh = behind.is_some_and(|bytes| bytes.fresh);
        let layout = self.layout(seen);
        let partition = |(number, name, _): (u32, &str, &Partition)| {
            let (start, len) = layout.get(name).copied().unwrap_or((0, None));
            let is_there = is_there(name);
            let path = self.device.path.as_ref().filter(|_| is_there).map(|device| partition_node(device, number));
            let offset = behind.map_or(0, |bytes| bytes.offset) + start;
            let bytes = Extent { file: file.clone(), offset, len, fresh: is_fresh || !is_there };
            (format!("partitions.{name}"), Output::Block(BlockRef { of: None, path, bytes: Some(bytes) }))
        };
        self.numbered().map(partition).collect()
    }

    fn contents(&self, _: &Observation) -> Contents {
        Contents::Same
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Timer]
    }
}

impl Declared for PartitionTable {
    const NAME: &'static str = "storage.partition_table";
    const OUTPUTS: &'static [OutputInfo] =
        &[OutputInfo { name: "partitions.*", kind: RefKind::Block, doc: "A partition, as a block device." }];
    const EXAMPLE: &'static str = r#"image:
  is: storage.file_block_image
  path: ./disk.img
  size: 8 GiB

disk:
  is: storage.loopback_device
  backing: image
  partscan: true

table:
  is: storage.partition_table
  device: disk
  partitions:
    esp: {size: 512 MiB, type: efi}
    root: {rest: true}

root:
  is: storage.filesystem
  device: table.partitions.root
  type: ext4
"#;
}
