//! The programs that make and change file systems, each called as its manual page has it.

use std::path::Path;

use seed_role::host::{Command, Host, run};
use seed_role::tool::Tool;
use seed_role::{Result, Trouble};

use super::FsType;

const MKFS_EXT4: Tool = Tool { program: "mkfs.ext4", debian: "e2fsprogs", arch: "e2fsprogs" };
const E2FSCK: Tool = Tool { program: "e2fsck", debian: "e2fsprogs", arch: "e2fsprogs" };
const RESIZE2FS: Tool = Tool { program: "resize2fs", debian: "e2fsprogs", arch: "e2fsprogs" };
const TUNE2FS: Tool = Tool { program: "tune2fs", debian: "e2fsprogs", arch: "e2fsprogs" };
const MKFS_XFS: Tool = Tool { program: "mkfs.xfs", debian: "xfsprogs", arch: "xfsprogs" };
const XFS_GROWFS: Tool = Tool { program: "xfs_growfs", debian: "xfsprogs", arch: "xfsprogs" };
const XFS_ADMIN: Tool = Tool { program: "xfs_admin", debian: "xfsprogs", arch: "xfsprogs" };
const MKFS_VFAT: Tool = Tool { program: "mkfs.vfat", debian: "dosfstools", arch: "dosfstools" };
const FATLABEL: Tool = Tool { program: "fatlabel", debian: "dosfstools", arch: "dosfstools" };
const MKSWAP: Tool = Tool { program: "mkswap", debian: "util-linux", arch: "util-linux" };
const SWAPLABEL: Tool = Tool { program: "swaplabel", debian: "util-linux-extra", arch: "util-linux" };

/// What a type may need.
pub(super) fn of(fs_type: FsType) -> Vec<&'static Tool> {
    match fs_type {
        FsType::Ext4 => vec![&MKFS_EXT4, &E2FSCK, &RESIZE2FS, &TUNE2FS],
        FsType::Xfs => vec![&MKFS_XFS, &XFS_GROWFS, &XFS_ADMIN],
        FsType::Vfat => vec![&MKFS_VFAT, &FATLABEL],
        FsType::Swap => vec![&MKSWAP, &SWAPLABEL],
    }
}

/// Makes a file system.
pub(super) fn make(host: &dyn Host, fs_type: FsType, device: &Path, label: &str, uuid: &str) -> Result<()> {
    let device = device.display().to_string();
    let short = uuid.replace('-', "");
    let long = format!("uuid={uuid}");
    let (tool, mut args, label_flag, uuid_args) = match fs_type {
        FsType::Ext4 => (&MKFS_EXT4, vec!["-q", "-F"], "-L", ["-U", uuid]),
        FsType::Xfs => (&MKFS_XFS, vec!["-q", "-f"], "-L", ["-m", &long]),
        FsType::Vfat => (&MKFS_VFAT, vec![], "-n", ["-i", &short]),
        FsType::Swap => (&MKSWAP, vec!["-q"], "-L", ["-U", uuid]),
    };
    if !label.is_empty() {
        args.extend([label_flag, label]);
    }
    if !uuid.is_empty() {
        args.extend(uuid_args);
    }
    args.push(&device);
    run(host, &format!("make {} on {device}", fs_type.word()), tool, &args).map(drop)
}

/// Sets the label; an empty one takes it away. XFS must not be mounted.
pub(super) fn set_label(host: &dyn Host, fs_type: FsType, device: &Path, label: &str) -> Result<()> {
    let device = device.display().to_string();
    let (tool, args) = match fs_type {
        FsType::Ext4 => (&TUNE2FS, vec!["-L", label, &device]),
        // `--` stands for none (xfs_admin(8)).
        FsType::Xfs => (&XFS_ADMIN, vec!["-L", if label.is_empty() { "--" } else { label }, &device]),
        FsType::Vfat if label.is_empty() => (&FATLABEL, vec!["-r", &device]),
        FsType::Vfat => (&FATLABEL, vec![device.as_str(), label]),
        FsType::Swap => (&SWAPLABEL, vec!["-L", label, &device]),
    };
    run(host, &format!("label the file system on {device}"), tool, &args).map(drop)
}

/// Makes XFS use all of its device.
pub(super) fn grow_xfs(host: &dyn Host, mounted: &Path) -> Result<()> {
    let at = mounted.display().to_string();
    run(host, &format!("let the file system on {at} grow"), &XFS_GROWFS, &[&at]).map(drop)
}

/// Makes ext4 use all of its device, mounted or not.
pub(super) fn grow_ext4(host: &dyn Host, device: &Path, is_mounted: bool) -> Result<()> {
    let device = device.display().to_string();
    let attempted = format!("let the file system on {device} grow");
    if !is_mounted {
        // resize2fs refuses one that was not checked since it was last mounted. A status of 1 says that errors were found and
        // corrected (e2fsck(8)).
        let check = format!("check the file system on {device}");
        if host.find_program(E2FSCK.program).is_none() {
            return run(host, &check, &E2FSCK, &[]).map(drop);
        }
        let outcome = host.execute(&Command::new(E2FSCK.program, ["-f", "-p", &device]))?;
        if outcome.status > 1 {
            let said = format!("e2fsck ended with status {}: {}{}", outcome.status, outcome.stdout.trim(), outcome.stderr.trim());
            return Err(Trouble::new(check, said).hint(format!("check it by hand: e2fsck -f {device}")));
        }
    }
    run(host, &attempted, &RESIZE2FS, &[&device]).map(drop)
}
