//! The key with which secrets take part in the digest of a plan.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::file::private_folder;
use super::guard;

/// The name of the file in the state folder.
const NAME: &str = "digest-key";
const LEN: usize = 32;

/// The key in a state folder, made when there is none: without it nobody can guess a secret from a digest.
///
/// # Errors
///
/// When it cannot be read or made.
pub fn of(state_folder: &Path) -> io::Result<[u8; LEN]> {
    match read(&state_folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(state_folder),
        read => read,
    }
}

fn read(path: &Path) -> io::Result<[u8; LEN]> {
    let bytes = guard::read(path).map_err(|trouble| io::Error::other(trouble.to_string()))?.ok_or(io::ErrorKind::NotFound)?;
    bytes.try_into().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Makes it as a whole or not at all; who is second takes the key of who was first.
fn make(state_folder: &Path) -> io::Result<[u8; LEN]> {
    private_folder(state_folder)?;
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let temporary = state_folder.join(format!(".{NAME}.{}.{number}", std::process::id()));
    let _ = fs::remove_file(&temporary);
    let mut key = [0; LEN];
    File::open("/dev/urandom")?.read_exact(&mut key)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let made = file.write_all(&key).and_then(|()| file.sync_all()).and_then(|()| {
        match fs::hard_link(&temporary, state_folder.join(NAME)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => read(&state_folder.join(NAME)),
        }
    });
    let _ = fs::remove_file(&temporary);
    made
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn all_who_make_it_at_once_have_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| of(folder.path()).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == of(folder.path()).unwrap() && key.iter().any(|byte| *byte != 0)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
