//! Where the partitions of a GUID partition table (UEFI specification, chapter 5) lie.

use std::fmt::Debug;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A partition, in bytes from the beginning of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1.
    pub number: u32,
    /// Where it begins.
    pub start: u64,
    /// How long it is.
    pub len: u64,
}

/// More entries than any tool writes; a table that claims more is not read to its end.
const MOST_ENTRIES: u32 = 1024;

/// The partitions on a device whose sectors have that size, in the order of their numbers; none if there is no
/// valid table. As the kernel does it, a table counts only behind a protective master boot record.
///
/// # Errors
///
/// When the device cannot be read, or the table is valid but of a kind that cannot be read.
pub fn partitions<D: Read + Write + Seek + Debug>(device: &mut D, sector_size: u64) -> Result<Option<Vec<Partition>>> {
    let end = device.seek(SeekFrom::End(0))?;
    let sector = match sector_size {
        512 => ::gpt::disk::LogicalBlockSize::Lb512,
        4096 => ::gpt::disk::LogicalBlockSize::Lb4096,
        // The crate knows no others, nor does any drive.
        _ => return Ok(None),
    };
    if end < 4 * sector_size || !has_protective_record(device)? {
        return Ok(None);
    }
    for header in [sector_size, end - sector_size] {
        check_entries(device, header)?;
    }
    let Ok(table) = ::gpt::GptConfig::new().writable(false).logical_block_size(sector).open_from_device(device) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for (number, entry) in table.partitions().iter().filter(|(_, entry)| entry.is_used()) {
        let (start, len) = (entry.bytes_start(sector)?, entry.bytes_len(sector)?);
        // The kernel leaves those out that do not fit on the device.
        if start.checked_add(len).is_some_and(|stop| stop <= end) {
            found.push(Partition { number: *number, start, len });
        }
    }
    Ok(Some(found))
}

/// Whether the first sector says that the device has a GPT: a master boot record with an entry of type 0xEE.
fn has_protective_record<D: Read + Seek>(device: &mut D) -> Result<bool> {
    let mut record = [0; 512];
    device.seek(SeekFrom::Start(0))?;
    device.read_exact(&mut record)?;
    let entries = record[446..510].chunks_exact(16);
    Ok(record[510..] == [0x55, 0xAA] && entries.into_iter().any(|entry| entry[4] == 0xEE))
}

/// Refuses a header at a place whose entries the crate does not read: it stops the process over a size other than 128.
///
/// # Errors
///
/// That the table is of such a kind, or that the device cannot be read.
pub fn check_entries<D: Read + Seek>(device: &mut D, header: u64) -> Result<()> {
    let mut bytes = [0; 92];
    device.seek(SeekFrom::Start(header))?;
    device.read_exact(&mut bytes)?;
    if !bytes.starts_with(b"EFI PART") {
        return Ok(());
    }
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (count, size) = (number(80), number(84));
    if count > MOST_ENTRIES || size != 128 {
        let message = format!("its GPT has {count} entries of {size} bytes; Seed reads up to {MOST_ENTRIES} of 128");
        return Err(Error::new(ErrorKind::InvalidData, message));
    }
    Ok(())
}

/// The node of a partition: `/dev/loop0p1`, `/dev/sda1`.
pub fn partition_device(device: &Path, number: u32) -> PathBuf {
    let mut path = device.as_os_str().to_os_string();
    if path.as_encoded_bytes().last().is_some_and(u8::is_ascii_digit) {
        path.push("p");
    }
    path.push(number.to_string());
    PathBuf::from(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn table(len: usize) -> Vec<u8> {
        let mut disk = Cursor::new(vec![0; len]);
        let sectors = u32::try_from(len / 512 - 1).unwrap();
        ::gpt::mbr::ProtectiveMBR::with_lb_size(sectors).overwrite_lba0(&mut disk).unwrap();
        let mut table = ::gpt::GptConfig::new().writable(true).create_from_device(disk, None).unwrap();
        table.add_partition("a", 1 << 20, ::gpt::partition_types::LINUX_FS, 0, None).unwrap();
        table.add_partition("b", 2 << 20, ::gpt::partition_types::EFI, 0, None).unwrap();
        table.write().unwrap().into_inner()
    }

    #[test]
    fn a_table_is_read_and_without_its_record_it_does_not_count() {
        let mut bytes = table(8 << 20);
        let found = partitions(&mut Cursor::new(bytes.clone()), 512).unwrap().unwrap();
        assert_eq!(found.iter().map(|it| (it.number, it.len)).collect::<Vec<_>>(), [(1, 1 << 20), (2, 2 << 20)]);
        bytes[510] = 0;
        assert_eq!(partitions(&mut Cursor::new(bytes), 512).unwrap(), None);
    }

    #[test]
    fn the_table_at_the_end_serves_when_the_first_is_damaged() {
        let mut bytes = table(8 << 20);
        bytes[512..1024].fill(7);
        assert_eq!(partitions(&mut Cursor::new(bytes), 512).unwrap().unwrap().len(), 2);
    }

    #[test]
    fn entries_of_another_size_are_refused_and_do_not_end_the_process() {
        let mut bytes = table(8 << 20);
        bytes[512 + 84] = 0;
        bytes[512 + 85] = 1;
        let error = partitions(&mut Cursor::new(bytes), 512).unwrap_err();
        assert!(error.to_string().contains("entries of 256 bytes"), "{error}");
    }

    #[test]
    fn any_bytes_are_no_table_or_an_error() {
        for len in [0, 1, 511, 512, 2048, 4096, 1 << 16] {
            for fill in [0, 0x55, 0xEE, 0xFF] {
                let _ = partitions(&mut Cursor::new(vec![fill; len]), 512);
            }
        }
    }

    #[test]
    fn names_of_partitions() {
        assert_eq!(partition_device(Path::new("/dev/loop0"), 2), Path::new("/dev/loop0p2"));
        assert_eq!(partition_device(Path::new("/dev/sda"), 2), Path::new("/dev/sda2"));
    }
}
