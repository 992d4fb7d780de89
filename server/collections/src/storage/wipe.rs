//! Takes signatures off devices, so that they are blank again, and puts them back.

use seed_role::host::Host;
use seed_role::param::BlockRef;
use seed_role::{Result, Trouble};
use serde::{Deserialize, Serialize};

use super::device::Window;
use super::signature::{BTRFS_SUPERBLOCKS, HEAD, Kind, has, le64, recognise};

/// The grain in which bytes are kept and wiped.
const PAGE: u64 = 0x1000;

/// The first bytes of a device are wiped from here on first, then those before.
const BTRFS_PAGE: u64 = BTRFS_SUPERBLOCKS[0];

/// Bytes taken off a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    at: u64,
    hex: String,
}

/// Makes a device blank: takes away what tells what it holds, and leaves the rest. What tells it last goes last, so
/// that an interruption leaves something that is still recognised, or blank.
///
/// # Errors
///
/// When it cannot be read or written.
pub fn wipe(host: &dyn Host, window: &Window) -> Result<()> {
    let ranges = ranges(host, window)?;
    for (at, len) in ranges {
        let bytes = window.read(host, at, len)?;
        if bytes.iter().any(|byte| *byte != 0) {
            window.write(host, at, &vec![0; bytes.len()])?;
        }
    }
    Ok(())
}

/// Makes an image blank, or the part of it that a device shows, and gives its room back: of what goes for good nothing is left that could
/// be taken for data of a person. Other devices are only wiped, which takes no time. What tells what it holds goes last.
///
/// # Errors
///
/// When it cannot be read or written.
pub fn erase(host: &dyn Host, device: &BlockRef, window: &Window) -> Result<()> {
    let is_image = device.bytes.as_ref().is_some_and(|bytes| bytes.file.is_some());
    let behind = HEAD as u64;
    if is_image && window.len > behind {
        host.erase(&window.file, window.offset + behind, window.len - behind)?;
    }
    wipe(host, window)
}

/// The bytes that [`wipe`] would take away, without those that are zero anyway.
///
/// # Errors
///
/// When they cannot be read.
pub fn save(host: &dyn Host, window: &Window) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    for (at, len) in ranges(host, window)? {
        let bytes = window.read(host, at, len)?;
        for (number, page) in bytes.chunks(PAGE as usize).enumerate() {
            if page.iter().any(|byte| *byte != 0) {
                let hex = page.iter().map(|byte| format!("{byte:02x}")).collect();
                pieces.push(Piece { at: at + number as u64 * PAGE, hex });
            }
        }
    }
    Ok(pieces)
}

/// Writes back what [`save`] kept; what tells what the device holds goes last, as it was taken last.
///
/// # Errors
///
/// When the backup is damaged, or cannot be written.
pub fn restore(host: &dyn Host, window: &Window, pieces: &[Piece]) -> Result<()> {
    for piece in pieces {
        let bytes = decode(&piece.hex)
            .ok_or_else(|| Trouble::new(format!("restore what {} contained", window.file.display()), "the backup is damaged"))?;
        window.write(host, piece.at, &bytes)?;
    }
    Ok(())
}

fn decode(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// What to wipe, in order: copies first, then what surrounds the signature, then the signature.
fn ranges(host: &dyn Host, window: &Window) -> Result<Vec<(u64, usize)>> {
    let head = window.read(host, 0, HEAD)?;
    let kind = recognise(&head).map(|found| found.kind);
    let mut ranges = Vec::new();
    for copy in &BTRFS_SUPERBLOCKS[1..] {
        if copy + PAGE <= window.len && has(&window.read(host, *copy, PAGE as usize)?, 0x40, b"_BHRfS_M") {
            ranges.push((*copy, PAGE as usize));
        }
    }
    for sector in [512u64, 4096] {
        ranges.extend(backup_of_gpt(host, window, &head, sector)?);
    }
    for before_end in [0x1_0000, 0x2000] {
        // RAID metadata at the end.
        if let Some(at) = (window.len & !(before_end - 1)).checked_sub(before_end).filter(|at| *at >= HEAD as u64)
            && window.read(host, at, 4)? == 0xa92b_4efc_u32.to_le_bytes()
        {
            ranges.push((at, PAGE as usize));
        }
    }
    let head_len = HEAD as u64;
    match kind {
        Some(Kind::Btrfs) => ranges.extend([(0, BTRFS_PAGE as usize), (BTRFS_PAGE, (head_len - BTRFS_PAGE) as usize)]),
        // On sectors of 4 KiB it stands in the second page.
        Some(Kind::Gpt) => ranges.extend([(2 * PAGE, (head_len - 2 * PAGE) as usize), (0, 2 * PAGE as usize)]),
        // All others tell what they are in the first 4 KiB.
        _ => ranges.extend([(PAGE, (head_len - PAGE) as usize), (0, PAGE as usize)]),
    }
    Ok(ranges)
}

/// The last sectors of a device, where a GPT has its copy: where the first header says, or at the very end.
fn backup_of_gpt(host: &dyn Host, window: &Window, head: &[u8], sector: u64) -> Result<Vec<(u64, usize)>> {
    let told = has(head, sector as usize, b"EFI PART").then(|| le64(head, sector as usize + 32)).flatten();
    let mut places: Vec<u64> = [told, (window.len / sector).checked_sub(1)].into_iter().flatten().collect();
    places.dedup();
    let mut ranges = Vec::new();
    for lba in places {
        let Some(at) = lba.checked_mul(sector).filter(|at| at.checked_add(sector).is_some_and(|end| end <= window.len)) else {
            continue;
        };
        if has(&window.read(host, at, 8)?, 0, b"EFI PART") {
            // 128 entries of 128 bytes each stand before the header.
            let start = at.saturating_sub(128 * 128);
            ranges.push((start, (at + sector - start) as usize));
        }
    }
    Ok(ranges)
}
