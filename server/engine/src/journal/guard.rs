//! Reading the state folder. Root acts on no journal that others can write: a forged one would have any file removed.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use seed_role::host::real::only_root_changes;
use seed_role::trouble::{Kind, Result, Trouble};

/// What a file of the state folder holds; none if there is none. As root the file must be root's own.
///
/// # Errors
///
/// [`Kind::Unsafe`] as root, when others can write it; and what the system says.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let attempt = || format!("read {}", path.display());
    let io = |error: std::io::Error| Trouble::from_io(attempt(), &error);
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let mut file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(error)),
    };
    require_own_file(&file, path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    Ok(Some(bytes))
}

/// Refuses, as root, an open file that is not root's alone to write.
///
/// # Errors
///
/// [`Kind::Unsafe`] when it is not, and when it is no file at all.
pub(super) fn require_own_file(file: &File, path: &Path) -> Result<()> {
    let attempt = || format!("use {}", path.display());
    let metadata = file.metadata().map_err(|error| Trouble::from_io(attempt(), &error))?;
    if !metadata.is_file() {
        return Err(Trouble::new(attempt(), "it is not a file").kind(Kind::Unsafe));
    }
    if is_root() && !only_root_writes(&metadata) { Err(refused(path)) } else { Ok(()) }
}

/// Refuses, as root, a folder if anybody but root can change what is in it, or the way to it.
///
/// Where only root can, it stays so whatever others do meanwhile: what was checked by its path can be used by its path.
///
/// # Errors
///
/// [`Kind::Unsafe`] when others can, and what the system says.
pub(super) fn require_own_folder(folder: &Path) -> Result<()> {
    if is_root() && !only_root_changes(folder)? { Err(refused(folder)) } else { Ok(()) }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn only_root_writes(metadata: &Metadata) -> bool {
    const OTHERS_WRITE: u32 = 0o022;
    metadata.uid() == 0 && metadata.mode() & OTHERS_WRITE == 0
}

fn refused(path: &Path) -> Trouble {
    Trouble::new(format!("use the journal at {} as root", path.display()), "others can write to it, or to a folder above it")
        .kind(Kind::Unsafe)
        .hint("whoever can write to a journal can make root remove any file: run the command as the owner of the journal, or set SEED_STATE_DIR to a folder that only root can write to")
}
