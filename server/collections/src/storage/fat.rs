//! FAT: the boot sector, and the root folder, which holds the label and tells whether there are files.

use seed_role::Result;
use seed_role::host::Host;

use super::device::Window;
use super::signature::{Kind, Signature, has, le16, le32, text};

/// The bytes of one entry of a folder.
const ENTRY: usize = 32;

struct Layout {
    is_fat32: bool,
    root: u64,
    root_len: u64,
    size: u64,
}

fn layout(head: &[u8]) -> Option<Layout> {
    let is_fat32 = has(head, 82, b"FAT32   ");
    if !has(head, 510, &[0x55, 0xaa]) || !(is_fat32 || has(head, 54, b"FAT12   ") || has(head, 54, b"FAT16   ")) {
        return None;
    }
    let sector = u64::from(le16(head, 11)?);
    let cluster = sector * u64::from(*head.get(13)?);
    let reserved = u64::from(le16(head, 14)?);
    let tables = u64::from(*head.get(16)?);
    let of_table = match le16(head, 22)? {
        0 => u64::from(le32(head, 36)?),
        sectors => u64::from(sectors),
    };
    let sectors = match le16(head, 19)? {
        0 => u64::from(le32(head, 32)?),
        sectors => u64::from(sectors),
    };
    let behind_tables = (reserved + tables * of_table) * sector;
    let (root, root_len) = if is_fat32 {
        (behind_tables + u64::from(le32(head, 44)?).saturating_sub(2) * cluster, cluster)
    } else {
        (behind_tables, u64::from(le16(head, 17)?) * ENTRY as u64)
    };
    Some(Layout { is_fat32, root, root_len, size: sectors * sector })
}

/// What the boot sector tells.
pub fn boot_sector(head: &[u8]) -> Option<Signature> {
    let layout = layout(head)?;
    let (id_at, label_at) = if layout.is_fat32 { (67, 71) } else { (39, 43) };
    let id = le32(head, id_at)?;
    let label = text(head, label_at, 11).trim_end().to_string();
    Some(Signature {
        label: if label == "NO NAME" { String::new() } else { label },
        uuid: format!("{:04X}-{:04X}", id >> 16, id & 0xffff),
        size: Some(layout.size),
        ..Signature::of(Kind::Vfat)
    })
}

/// Adds what the root folder tells: the label there counts before that of the boot sector.
///
/// # Errors
///
/// When the device cannot be read.
pub fn look_into_root(host: &dyn Host, window: &Window, head: &[u8], found: &mut Signature) -> Result<()> {
    const DELETED: u8 = 0xe5;
    const VOLUME_LABEL: u8 = 0x08;
    const LONG_NAME: u8 = 0x0f;
    let Some(layout) = layout(head) else { return Ok(()) };
    let root = window.read(host, layout.root, layout.root_len.min(0x1_0000) as usize)?;
    let entries = root.chunks_exact(ENTRY).take_while(|entry| entry[0] != 0).filter(|entry| entry[0] != DELETED);
    let mut holds_files = false;
    for entry in entries {
        match entry[11] {
            LONG_NAME => {}
            attributes if attributes & VOLUME_LABEL != 0 => found.label = text(entry, 0, 11).trim_end().to_string(),
            _ => holds_files = true,
        }
    }
    found.holds_files = Some(holds_files);
    Ok(())
}
