//! Who else can write something: what root, or a user, reads and acts on must be written by nobody else.

use std::fs::{File, Metadata};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid};

use super::real::safety::{has_access_list, only_these_write};

/// The first folder of a path, itself among them, in which others than this user, root and who called sudo can write or put something
/// in the place of the next. The path has no symbolic links.
pub fn others_can_write(folder: &Path) -> Option<PathBuf> {
    first_open(folder, |path| path != folder)
}

/// The first folder above a path in which they can put something else in the place of what is on the way there, or at its end. The path has no
/// symbolic links.
pub fn others_can_replace(path: &Path) -> Option<PathBuf> {
    first_open(path.parent()?, |_| true)
}

/// The first folder that others can write; a sticky one does not count where it only `keeps` the next.
fn first_open(folder: &Path, keeps: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut above: Vec<&Path> = folder.ancestors().collect();
    above.reverse();
    let is_open =
        |path: &&Path| std::fs::symlink_metadata(path).map_or(true, |metadata| others_write(&metadata, path, keeps(path)));
    above.into_iter().find(is_open).map(Path::to_path_buf)
}

/// Whether this is the number of another user than this one, root and who called sudo.
pub fn is_of_another_user(uid: u32) -> bool {
    !is_own(uid, geteuid().as_raw(), "SUDO_UID")
}

fn is_own(id: u32, mine: u32, caller: &str) -> bool {
    id == 0 || id == mine || caller_of_sudo(caller) == Some(id)
}

/// The user or the group of who called sudo, by the variable that sudo sets.
fn caller_of_sudo(variable: &str) -> Option<u32> {
    if geteuid().is_root() { std::env::var(variable).ok()?.parse().ok() } else { None }
}

/// Whether nobody but this user, root and who called sudo is in a group. Of other groups than root's own only a user private group is known
/// to be so: it has the name of the user and no other members.
fn is_own_group(gid: u32) -> bool {
    let is_private = |uid: u32| {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
        user.zip(group).is_some_and(|(user, group)| {
            user.gid == group.gid && user.name == group.name && group.mem.iter().all(|member| *member == user.name)
        })
    };
    gid == 0 || is_private(geteuid().as_raw()) || caller_of_sudo("SUDO_UID").is_some_and(is_private)
}

/// Whether others than this user, root and who called sudo can write an open file, by its mode or its access list (acl(5)).
///
/// # Errors
///
/// What the system says.
pub fn others_write_file(file: &File) -> std::io::Result<bool> {
    Ok(others_write(&file.metadata()?, &PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())), false))
}

/// The same of what is at a path. With `keeps`, a sticky folder does not count, since nobody can replace there what another has made.
fn others_write(about: &Metadata, path: &Path, keeps: bool) -> bool {
    let is_ours = !is_of_another_user(about.uid());
    let is_our_group = is_own_group(about.gid());
    let is_sticky = keeps && is_ours && about.mode() & libc::S_ISVTX != 0;
    !is_sticky && !only_these_write(about.mode(), is_ours, is_our_group, || has_access_list(path))
}
