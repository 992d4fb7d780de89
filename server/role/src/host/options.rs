//! Options of mounts.

use nix::mount::MsFlags;

/// Options as mount(8) writes them, taken apart for mount(2).
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub flags: MsFlags,
    pub data: String,
}

/// What an option that is a flag of mount(2) sets or clears.
fn flag_of(option: &str) -> Option<(MsFlags, bool)> {
    Some(match option {
        "ro" => (MsFlags::MS_RDONLY, true),
        "rw" => (MsFlags::MS_RDONLY, false),
        "nosuid" => (MsFlags::MS_NOSUID, true),
        "suid" => (MsFlags::MS_NOSUID, false),
        "nodev" => (MsFlags::MS_NODEV, true),
        "dev" => (MsFlags::MS_NODEV, false),
        "noexec" => (MsFlags::MS_NOEXEC, true),
        "exec" => (MsFlags::MS_NOEXEC, false),
        "sync" => (MsFlags::MS_SYNCHRONOUS, true),
        "async" => (MsFlags::MS_SYNCHRONOUS, false),
        "dirsync" => (MsFlags::MS_DIRSYNC, true),
        "noatime" => (MsFlags::MS_NOATIME, true),
        "atime" => (MsFlags::MS_NOATIME, false),
        "nodiratime" => (MsFlags::MS_NODIRATIME, true),
        "diratime" => (MsFlags::MS_NODIRATIME, false),
        "relatime" => (MsFlags::MS_RELATIME, true),
        "norelatime" => (MsFlags::MS_RELATIME, false),
        "strictatime" => (MsFlags::MS_STRICTATIME, true),
        "nostrictatime" => (MsFlags::MS_STRICTATIME, false),
        "lazytime" => (MsFlags::MS_LAZYTIME, true),
        "nolazytime" => (MsFlags::MS_LAZYTIME, false),
        "silent" => (MsFlags::MS_SILENT, true),
        "loud" => (MsFlags::MS_SILENT, false),
        // linux/mount.h: MS_NOSYMFOLLOW.
        "nosymfollow" => (MsFlags::from_bits_retain(1 << 8), true),
        "symfollow" => (MsFlags::from_bits_retain(1 << 8), false),
        "rbind" => (MsFlags::MS_REC, true),
        _ => return None,
    })
}

/// Options that are for programs which read fstab(5), and that no file system knows.
fn is_for_user_space(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    matches!(
        name,
        "defaults" | "auto" | "noauto" | "nofail" | "fail" | "_netdev" | "user" | "nouser" | "users" | "owner" | "group"
    ) || matches!(name, "bind" | "remount" | "comment")
        || name.starts_with("x-")
        || name.starts_with("X-")
}

/// The three that exclude one another.
const ATIME: MsFlags = MsFlags::MS_NOATIME.union(MsFlags::MS_RELATIME).union(MsFlags::MS_STRICTATIME);

/// Takes options apart. `start` are the flags that hold already; of options that contradict, the last counts.
pub(crate) fn split(options: &[String], start: MsFlags) -> Options {
    let mut flags = start;
    let mut data: Vec<&str> = Vec::new();
    for option in options.iter().flat_map(|option| option.split(',')).filter(|option| !option.is_empty()) {
        match flag_of(option) {
            Some((flag, true)) => {
                if ATIME.contains(flag) {
                    flags.remove(ATIME);
                }
                flags.insert(flag);
            }
            Some((flag, false)) => flags.remove(flag),
            None if is_for_user_space(option) => {}
            None => data.push(option),
        }
    }
    Options { flags, data: data.join(",") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn options(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn options_are_taken_apart() {
        let apart = split(&options(&["ro", "noatime", "compress=zstd:3", "x-systemd.automount", "nofail"]), MsFlags::empty());
        assert_eq!(apart.flags, MsFlags::MS_RDONLY | MsFlags::MS_NOATIME);
        assert_eq!(apart.data, "compress=zstd:3");
    }

    #[test]
    fn the_last_of_options_that_exclude_one_another_counts() {
        let apart = split(&options(&["rw", "relatime"]), MsFlags::MS_RDONLY | MsFlags::MS_NOATIME | MsFlags::MS_NODEV);
        assert_eq!(apart.flags, MsFlags::MS_RELATIME | MsFlags::MS_NODEV);
        assert_eq!(split(&options(&["ro,suid"]), MsFlags::MS_NOSUID).flags, MsFlags::MS_RDONLY);
    }
}
