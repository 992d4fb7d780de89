//! A GUID partition table on a device: read, changed in memory, and written in an order that an interruption cannot hurt.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Result as IoResult, Seek, SeekFrom, Write};
use std::path::Path;

use ::gpt::disk::LogicalBlockSize;
use ::gpt::header::HeaderBuilder;
use ::gpt::mbr::ProtectiveMBR;
use ::gpt::partition::Partition;
use ::gpt::partition_types::{OperatingSystem, Type};
use seed_role::host::Host;
use seed_role::{Result, Trouble};
use uuid::Uuid;

use super::device::{Window, partition_node};
use super::signature::has;

/// Partitions begin at multiples of this, as all tools lay them.
pub const ALIGNMENT: u64 = 1 << 20;

/// A partition table, as it is or shall be.
#[derive(Clone, Debug)]
pub struct Table {
    /// The size of a sector, in bytes.
    pub sector: u64,
    /// The bytes of the device that it covers.
    pub covers: u64,
    /// Whether it stands there whole: boot record, table, and copy, which agree.
    pub is_whole: bool,
    disk: Uuid,
    first_usable: u64,
    capacity: u32,
    /// The partitions in use, by number.
    entries: BTreeMap<u32, Partition>,
}

/// A partition, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it begins.
    pub start: u64,
    /// How long it is.
    pub len: u64,
    /// What it is for.
    pub kind: Uuid,
    /// Its name.
    pub label: String,
}

impl Table {
    /// An empty table for a device of that size.
    pub fn new(sector: u64, len: u64) -> Self {
        Table {
            sector,
            covers: len,
            is_whole: true,
            disk: Uuid::new_v4(),
            first_usable: 0,
            capacity: 128,
            entries: BTreeMap::new(),
        }
    }

    /// The first byte behind those that partitions can use on a device of that size, down to a whole alignment.
    pub fn end_of_room(&self, len: u64) -> u64 {
        end_of_room(len, self.sector)
    }

    /// The numbers of the partitions, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.keys().copied()
    }

    /// The partition of that number.
    pub fn entry(&self, number: u32) -> Option<Entry> {
        let partition = self.entries.get(&number)?;
        Some(Entry {
            start: partition.first_lba.saturating_mul(self.sector),
            len: partition.last_lba.saturating_sub(partition.first_lba).saturating_add(1).saturating_mul(self.sector),
            kind: partition.part_type_guid.guid,
            label: partition.name.clone(),
        })
    }

    /// Puts a partition in, or changes the one of that number, which keeps its own UUID and flags.
    pub fn set(&mut self, number: u32, entry: &Entry) {
        let before = self.entries.remove(&number);
        let (part_guid, flags) = before.map_or_else(|| (Uuid::new_v4(), 0), |before| (before.part_guid, before.flags));
        let first_lba = entry.start / self.sector;
        let partition = Partition {
            part_type_guid: Type { guid: entry.kind, os: OperatingSystem::None },
            part_guid,
            first_lba,
            last_lba: first_lba + entry.len.div_ceil(self.sector).max(1) - 1,
            flags,
            name: entry.label.clone(),
        };
        self.entries.insert(number, partition);
    }

    /// Takes a partition out.
    pub fn remove(&mut self, number: u32) {
        self.entries.remove(&number);
    }

    /// Where the next partition can begin behind all others.
    pub fn next_start(&self) -> u64 {
        let last = self.numbers().filter_map(|number| self.entry(number)).map(|entry| entry.start + entry.len).max();
        last.unwrap_or(0).max(ALIGNMENT).next_multiple_of(ALIGNMENT)
    }

    /// The first byte behind a partition that it can grow to: where the next one begins, or the end.
    pub fn room_of(&self, number: u32, len: u64) -> u64 {
        let start = self.entry(number).map_or(0, |entry| entry.start);
        let others = self.numbers().filter_map(|other| self.entry(other)).map(|entry| entry.start);
        others.filter(|other| *other > start).min().unwrap_or_else(|| self.end_of_room(len))
    }
}

/// The first byte behind those that partitions can use on a device of that size: the copy of the table stands behind
/// it, and the end is rounded down to the alignment.
pub fn end_of_room(len: u64, sector: u64) -> u64 {
    let copy = (128 * 128u64).div_ceil(sector) + 1;
    let usable = (len / sector).saturating_sub(copy) * sector;
    usable - usable % ALIGNMENT
}

fn block_size(sector: u64) -> IoResult<LogicalBlockSize> {
    match sector {
        512 => Ok(LogicalBlockSize::Lb512),
        4096 => Ok(LogicalBlockSize::Lb4096),
        _ => Err(Error::new(ErrorKind::Unsupported, format!("its sectors have {sector} bytes; a GPT is laid on 512 or 4096"))),
    }
}

fn trouble(attempted: &str, window: &Window, error: &Error) -> Trouble {
    // What the host said is inside, where it comes from there.
    if let Some(trouble) = error.get_ref().and_then(|inner| inner.downcast_ref::<Trouble>()) {
        return trouble.clone();
    }
    Trouble::from_io(format!("{attempted} {}", window.file.display()), error)
}

/// The table on a device; none if there is none that is whole.
///
/// # Errors
///
/// When the device cannot be read, or its table is of a kind that cannot be.
pub fn read(host: &dyn Host, window: &Window) -> Result<Option<Table>> {
    let Some(sector) = sector_of(host, window)? else { return Ok(None) };
    let read = || {
        let size = block_size(sector)?;
        let mut disk = Disk::new(host, window);
        for header in [sector, window.len.saturating_sub(sector)] {
            seed_role::host::gpt::check_entries(&mut disk, header)?;
        }
        if let Ok(table) = open(disk, size, sector) {
            return Ok(Some(table));
        }
        // The crate reads the copy only where there is no first header at all: a header that does not fit its entries,
        // which an interrupted write leaves, is to count as none.
        let mut disk = Disk::new(host, window);
        disk.seek(SeekFrom::Start(sector))?;
        disk.write_all(&vec![0; sector as usize])?;
        Ok(open(disk, size, sector).ok().map(|table| Table { is_whole: false, ..table }))
    };
    read().map_err(|error: Error| trouble("read the partition table of", window, &error))
}

fn open(mut disk: Disk<'_>, size: LogicalBlockSize, sector: u64) -> std::result::Result<Table, ::gpt::GptError> {
    let (window_len, is_protected) = (disk.window.len, disk.is_protected()?);
    let opened = ::gpt::GptConfig::new().writable(false).logical_block_size(size).open_from_device(disk)?;
    let header = opened.header();
    let covers = header.current_lba.max(header.backup_lba).saturating_add(1).saturating_mul(sector);
    // A copy is looked for at the very end. Where the device has grown it stands elsewhere, and is moved anyway.
    let agree = |copy: &::gpt::header::Header| copy.crc32_parts == header.crc32_parts && copy.disk_guid == header.disk_guid;
    let has_copy = covers != window_len - window_len % sector || opened.backup_header().is_ok_and(agree);
    let is_whole = is_protected && opened.primary_header().is_ok() && has_copy;
    let used =
        opened.partitions().iter().filter(|(_, partition)| partition.is_used() && partition.last_lba >= partition.first_lba);
    Ok(Table {
        sector,
        covers,
        is_whole,
        disk: *opened.guid(),
        first_usable: header.first_usable,
        capacity: header.num_parts,
        entries: used.map(|(number, partition)| (*number, partition.clone())).collect(),
    })
}

/// The size of the sectors that a table was laid on: where its first header stands, or its copy.
fn sector_of(host: &dyn Host, window: &Window) -> Result<Option<u64>> {
    let head = window.read(host, 0, 8192)?;
    for sector in [512u64, 4096] {
        if has(&head, sector as usize, b"EFI PART") {
            return Ok(Some(sector));
        }
    }
    for sector in [512u64, 4096] {
        if window.len > sector && has(&window.read(host, window.len - sector, 8)?, 0, b"EFI PART") {
            return Ok(Some(sector));
        }
    }
    Ok(None)
}

/// Writes a table: first its copy at the end, then the entries, then the header that makes them count. Wherever an interruption
/// falls, either the old table is whole, or the copy of the new one is.
///
/// # Errors
///
/// When it does not fit, or the device cannot be written.
pub fn write(host: &dyn Host, window: &Window, table: &Table) -> Result<()> {
    let write = || {
        let mut disk = Disk::new(host, window);
        lay(&mut disk, table)?;
        disk.flush_in_order(table)
    };
    write().map_err(|error: Error| trouble("write the partition table of", window, &error))?;
    // Where the device has grown, the former copy stands in its middle now, and would be taken for one on a device cut short.
    let former = table.covers.saturating_sub(table.sector);
    if former > window.len / 2 && table.covers < window.len && has(&window.read(host, former, 8)?, 0, b"EFI PART") {
        window.write(host, former, &vec![0; table.sector as usize])?;
    }
    Ok(())
}

fn lay(disk: &mut Disk<'_>, table: &Table) -> IoResult<()> {
    let size = block_size(table.sector)?;
    let other = |error: ::gpt::header::HeaderError| Error::new(ErrorKind::InvalidData, error.to_string());
    let last = (disk.window.len / table.sector).saturating_sub(1);
    let most = table.numbers().max().unwrap_or(0).max(table.capacity);
    let builder = |primary: bool| {
        let mut builder = HeaderBuilder::new();
        builder.disk_guid(table.disk).num_parts(most).backup_lba(last).first_usable(table.first_usable).primary(primary);
        builder.build(size).map_err(other)
    };
    let (mut first, mut copy) = (builder(true)?, builder(false)?);
    for header in [&first, &copy] {
        Partition::write_zero_entries_to_device(disk, 0, u64::from(header.num_parts), header.part_start, size, header.part_size)?;
        for (number, partition) in &table.entries {
            let is_inside = partition.first_lba >= header.first_usable && partition.last_lba <= header.last_usable;
            if !is_inside {
                return Err(Error::new(ErrorKind::InvalidData, format!("partition {number} does not fit on the device")));
            }
            partition.write_to_device(disk, u64::from(*number - 1), header.part_start, size, header.part_size)?;
        }
    }
    copy.write_backup(disk, size).map_err(other)?;
    first.write_primary(disk, size).map_err(other)?;
    let protected = u32::try_from(last).unwrap_or(u32::MAX);
    // What else stands in the first sector, such as a boot loader, stays.
    ProtectiveMBR::with_lb_size(protected)
        .update_conservative(disk)
        .map(drop)
        .map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
}

/// What in the partitions of a device is worth keeping, in words.
///
/// # Errors
///
/// When it cannot be read.
pub fn holdings(host: &dyn Host, window: &Window, device: Option<&Path>) -> Result<Option<String>> {
    let Some(table) = read(host, window)? else { return Ok(Some("a partition table that is damaged".into())) };
    for number in table.numbers() {
        let Some(entry) = table.entry(number) else { continue };
        let node = device.map(|device| partition_node(device, number));
        let inside = Window {
            file: window.file.clone(),
            offset: window.offset + entry.start,
            len: entry.len.min(window.len.saturating_sub(entry.start)),
        };
        if let Some(held) = super::holdings::on_device(host, &inside, node.as_deref())? {
            return Ok(Some(format!("partition {number} with {held}")));
        }
    }
    Ok(None)
}

/// A device as the crate wants it. What is written stays in memory until it is flushed.
struct Disk<'a> {
    host: &'a dyn Host,
    window: &'a Window,
    at: u64,
    written: BTreeMap<u64, Vec<u8>>,
    /// What was read last, and from where.
    seen: (u64, Vec<u8>),
}

impl std::fmt::Debug for Disk<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Disk").field("window", self.window).field("at", &self.at).finish_non_exhaustive()
    }
}

/// The grain of what is kept in memory.
const GRAIN: u64 = 512;

/// How much is read at once: a table with its header and boot record.
const READ: u64 = 64 * GRAIN;

impl<'a> Disk<'a> {
    fn new(host: &'a dyn Host, window: &'a Window) -> Self {
        Disk { host, window, at: 0, written: BTreeMap::new(), seen: (0, Vec::new()) }
    }

    fn grain(&mut self, at: u64) -> IoResult<Vec<u8>> {
        if let Some(written) = self.written.get(&at) {
            return Ok(written.clone());
        }
        let is_seen = at >= self.seen.0 && at + GRAIN <= self.seen.0 + self.seen.1.len() as u64;
        if !is_seen {
            let start = at - at % READ;
            let bytes = self.window.read(self.host, start, READ as usize).map_err(Error::other)?;
            self.seen = (start, bytes);
        }
        let from = ((at - self.seen.0) as usize).min(self.seen.1.len());
        Ok(self.seen.1[from..].iter().take(GRAIN as usize).copied().collect())
    }

    /// Whether the boot record says that the device has a GPT: kernels do not look for one otherwise.
    fn is_protected(&mut self) -> IoResult<bool> {
        let record = self.grain(0)?;
        let kinds = record.get(446..510).unwrap_or_default().chunks_exact(16).map(|entry| entry[4]);
        Ok(has(&record, 510, &[0x55, 0xaa]) && kinds.into_iter().any(|kind| kind == 0xee))
    }

    /// Writes what is in memory: the copy of the table first, then the entries, then the first header, then the boot record.
    fn flush_in_order(&mut self, table: &Table) -> IoResult<()> {
        let middle = self.window.len / 2;
        let first_header = table.sector..2 * table.sector;
        let turn = |at: &u64| match *at {
            at if at >= middle => 0,
            at if at >= first_header.end => 1,
            at if first_header.contains(&at) => 2,
            _ => 3,
        };
        let mut runs: Vec<(u32, u64, Vec<u8>)> = Vec::new();
        for (at, bytes) in std::mem::take(&mut self.written) {
            match runs.last_mut() {
                Some((of, start, run)) if *of == turn(&at) && *start + run.len() as u64 == at => run.extend(bytes),
                _ => runs.push((turn(&at), at, bytes)),
            }
        }
        runs.sort_by_key(|(turn, at, _)| (*turn, *at));
        for (_, at, bytes) in runs {
            self.window.write(self.host, at, &bytes).map_err(Error::other)?;
        }
        Ok(())
    }
}

impl Read for Disk<'_> {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        let start = self.at - self.at % GRAIN;
        let grain = self.grain(start)?;
        let there = grain.get((self.at - start) as usize..).unwrap_or_default();
        let len = there.len().min(into.len());
        into[..len].copy_from_slice(&there[..len]);
        self.at += len as u64;
        Ok(len)
    }
}

impl Write for Disk<'_> {
    fn write(&mut self, bytes: &[u8]) -> IoResult<usize> {
        let start = self.at - self.at % GRAIN;
        let mut grain = self.grain(start)?;
        let offset = (self.at - start) as usize;
        let len = grain.len().saturating_sub(offset).min(bytes.len());
        if len > 0 {
            grain[offset..offset + len].copy_from_slice(&bytes[..len]);
            self.written.insert(start, grain);
        }
        self.at += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

impl Seek for Disk<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.window.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
