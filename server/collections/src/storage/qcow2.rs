//! The header of a qcow2 image (QEMU's `docs/interop/qcow2.txt`).

use std::path::{Path, PathBuf};

use seed_role::Result;
use seed_role::host::Host;

use super::signature::{be32, be64, has};

/// What the header tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The size of the disk in it, in bytes.
    pub size: u64,
    /// The image it is an overlay of.
    pub backing: Option<PathBuf>,
    l1: (u64, u32),
}

/// The header of the image at a path; none if it is not of that format.
///
/// # Errors
///
/// When it cannot be read.
pub fn header(host: &dyn Host, path: &Path) -> Result<Option<Header>> {
    let head = host.read_at(path, 0, 0x1_0000)?;
    Ok(parse(&head))
}

fn parse(head: &[u8]) -> Option<Header> {
    if !has(head, 0, b"QFI\xfb") {
        return None;
    }
    let (name_at, name_len) = (usize::try_from(be64(head, 8)?).ok()?, be32(head, 16)? as usize);
    let backing = head.get(name_at..name_at.checked_add(name_len)?).filter(|name| name_at > 0 && !name.is_empty());
    Some(Header {
        size: be64(head, 24)?,
        backing: backing.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned())),
        l1: (be64(head, 40)?, be32(head, 36)?),
    })
}

/// Whether anything was ever written to the disk in the image: whether its first table points anywhere.
///
/// # Errors
///
/// When it cannot be read.
pub fn holds_data(host: &dyn Host, path: &Path, header: &Header) -> Result<bool> {
    // A table larger than this belongs to a disk of terabytes; its first part tells enough.
    let len = (header.l1.1 as usize * 8).min(1 << 20);
    Ok(host.read_at(path, header.l1.0, len)?.iter().any(|byte| *byte != 0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_size_and_base() {
        let mut head = vec![0; 512];
        head[..4].copy_from_slice(b"QFI\xfb");
        head[8..16].copy_from_slice(&200u64.to_be_bytes());
        head[16..20].copy_from_slice(&9u32.to_be_bytes());
        head[24..32].copy_from_slice(&(1u64 << 30).to_be_bytes());
        head[200..209].copy_from_slice(b"/base.raw");
        let header = parse(&head).unwrap();
        assert_eq!((header.size, header.backing), (1 << 30, Some(PathBuf::from("/base.raw"))));
        head[16..20].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(parse(&head).unwrap().backing, None, "a name that would lie outside is none");
        assert_eq!(parse(b"QFI"), None);
    }
}
