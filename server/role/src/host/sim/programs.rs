//! The programs of the simulated machine, as far as roles start them: they leave the same bytes behind.

use std::path::Path;

use super::denied::Denied;
use super::machine::Machine;
use super::superblock;
use super::tree::FsId;
use super::volume::Extent;
use crate::host::refusal::Refusal;
use crate::host::{Command, Outcome};
use nix::errno::Errno;

/// What a program says when it fails.
pub type Said<T> = Result<T, String>;

/// Where a program is that the machine has.
pub const EMULATED: [(&str, &str); 16] = [
    ("true", "/usr/bin"),
    ("false", "/usr/bin"),
    ("btrfs", "/usr/bin"),
    ("qemu-img", "/usr/bin"),
    ("mkfs.ext4", "/usr/sbin"),
    ("mkfs.xfs", "/usr/sbin"),
    ("mkfs.vfat", "/usr/sbin"),
    ("mkfs.btrfs", "/usr/sbin"),
    ("mkswap", "/usr/sbin"),
    ("resize2fs", "/usr/sbin"),
    ("e2fsck", "/usr/sbin"),
    ("xfs_growfs", "/usr/sbin"),
    ("tune2fs", "/usr/sbin"),
    ("xfs_admin", "/usr/sbin"),
    ("fatlabel", "/usr/sbin"),
    ("swaplabel", "/usr/sbin"),
];

/// Arguments taken apart: options with their values, and the rest.
pub struct Arguments<'a> {
    options: Vec<(&'a str, &'a str)>,
    pub rest: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    /// `flags` stand alone, `values` take the next argument.
    pub fn parse(args: &'a [String], flags: &[&str], values: &[&str]) -> Said<Self> {
        let mut parsed = Arguments { options: Vec::new(), rest: Vec::new() };
        let mut args = args.iter().map(String::as_str);
        while let Some(arg) = args.next() {
            if values.contains(&arg) {
                let value =
                    args.next().ok_or_else(|| format!("option requires an argument -- '{}'", arg.trim_start_matches('-')))?;
                parsed.options.push((arg, value));
            } else if flags.contains(&arg) {
                parsed.options.push((arg, ""));
            } else if arg.starts_with('-') && arg.len() > 1 {
                return Err(format!("invalid option -- '{}'", arg.trim_start_matches('-')));
            } else {
                parsed.rest.push(arg);
            }
        }
        Ok(parsed)
    }

    pub fn value(&self, option: &str) -> Option<&'a str> {
        self.options.iter().rev().find(|(name, _)| *name == option).map(|(_, value)| *value)
    }

    pub fn one(&self) -> Said<&'a str> {
        match self.rest[..] {
            [one] => Ok(one),
            [] => Err("no device or file was given".into()),
            _ => Err("too many arguments".into()),
        }
    }
}

/// What a system call would have said, as a program prints it.
pub fn spoken(refusal: Refusal) -> String {
    match refusal {
        Refusal::Errno(errno) => errno.desc().to_string(),
        Refusal::Link(link) => format!("{} is a link", link.display()),
        Refusal::Relative => "not an absolute path".to_string(),
    }
}

pub fn denied(path: &str) -> impl Fn(Denied) -> String + '_ {
    move |denied| match denied {
        Denied::Refusal(refusal) => format!("{path}: {}", spoken(refusal)),
        Denied::Hinted(errno, hint) => format!("{path}: {} ({hint})", errno.desc()),
        Denied::Changed(how) => format!("{path}: {how}"),
        Denied::Words(words) => format!("{path}: {words}"),
    }
}

pub fn failed(path: &str) -> impl Fn(Errno) -> String + '_ {
    move |errno| format!("{path}: {}", errno.desc())
}

impl Machine {
    /// Runs a program of the machine; none if it has none of that name.
    pub fn run(&mut self, command: &Command) -> Option<Outcome> {
        let name = command.program.rsplit('/').next().unwrap_or_default();
        if self.missing.contains(name) {
            return None;
        }
        let args = &command.args[..];
        let done = match name {
            "true" => Ok(String::new()),
            "false" => Err(String::new()),
            "mkfs.ext4" => self.mkfs_ext4(args),
            "mkfs.xfs" => self.mkfs_xfs(args),
            "mkfs.vfat" => self.mkfs_vfat(args),
            "mkswap" => self.mkswap(args),
            "mkfs.btrfs" => self.mkfs_btrfs(args),
            "resize2fs" => self.resize2fs(args),
            "e2fsck" => self.e2fsck(args),
            "xfs_growfs" => self.xfs_growfs(args),
            "tune2fs" => self.tune2fs(args),
            "xfs_admin" => self.xfs_admin(args),
            "fatlabel" => self.fatlabel(args),
            "swaplabel" => self.swaplabel(args),
            "btrfs" => self.btrfs_command(args),
            "qemu-img" => self.qemu_img(args),
            _ => return None,
        };
        Some(match done {
            Ok(stdout) => Outcome { status: 0, stdout, stderr: String::new() },
            Err(words) if words.is_empty() => Outcome { status: 1, ..Outcome::default() },
            Err(words) => Outcome { status: 1, stdout: String::new(), stderr: format!("{name}: {words}\n") },
        })
    }

    /// A device or image that a program may write to as a whole.
    pub fn writable_device(&self, path: &str) -> Said<Extent> {
        let extent = self.extent_at(Path::new(path)).map_err(|refusal| format!("{path}: {}", spoken(refusal)))?;
        if self.is_in_use(&extent) {
            return Err(format!("{path} is mounted"));
        }
        if extent.read_only {
            return Err(failed(path)(Errno::EROFS));
        }
        Ok(extent)
    }

    fn mounted_on(&self, extent: &Extent) -> Option<FsId> {
        let here = |home: &Extent| home.file == extent.file && home.start == extent.start;
        let mounted = |fs: FsId| self.mounts.values().any(|mount| mount.fs == fs);
        let found = self
            .file_systems
            .iter()
            .find(|(fs, it)| mounted(**fs) && it.homes.iter().any(|(id, home)| here(home) && it.is_present(*id)));
        found.map(|(fs, _)| *fs)
    }

    fn is_in_use(&self, extent: &Extent) -> bool {
        self.mounted_on(extent).is_some()
    }

    /// A device with a file system of that type on it.
    fn formatted(&self, path: &str, fs_type: &str) -> Said<Extent> {
        let extent = self.extent_at(Path::new(path)).map_err(|refusal| format!("{path}: {}", spoken(refusal)))?;
        let head = self.read_device(&extent, 0, superblock::HEAD).map_err(failed(path))?;
        match superblock::identify(&head) {
            Some(found) if found.fs_type == fs_type => Ok(extent),
            _ => Err(format!("Bad magic number in super-block while trying to open {path}")),
        }
    }

    /// A file system covers more of its device.
    fn set_limit(&mut self, extent: &Extent) {
        let here = |home: &Extent| home.file == extent.file && home.start == extent.start;
        if let Some(file_system) = self.file_systems.values_mut().find(|it| it.homes.values().any(here)) {
            file_system.limit = Some(extent.len);
            file_system.homes.insert(1, *extent);
        }
    }

    fn resize2fs(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-f", "-p"], &[])?;
        let path = args.one()?;
        let extent = self.formatted(path, "ext4")?;
        let block = self.read_device(&extent, 1024, 1024).map_err(failed(path))?;
        self.apply(&extent, &superblock::ext4_resized(&block, extent.len)).map_err(denied(path))?;
        self.set_limit(&extent);
        Ok(String::new())
    }

    fn e2fsck(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-f", "-p", "-y", "-n"], &[])?;
        let path = args.one()?;
        let extent = self.formatted(path, "ext4")?;
        if self.is_in_use(&extent) {
            return Err(format!("{path} is mounted.\ne2fsck: Cannot continue, aborting."));
        }
        Ok(format!("{path}: clean\n"))
    }

    fn xfs_growfs(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-d"], &[])?;
        let path = args.one()?;
        let spot = self.spot(Path::new(path), true).map_err(|refusal| format!("{path}: {}", spoken(refusal)))?;
        let mounted =
            self.mounts.get(&spot.mount).filter(|mount| mount.root == spot.file).map(|mount| (mount.fs, mount.source.clone()));
        let (fs, source) = mounted.ok_or_else(|| format!("{path} is not a mounted XFS filesystem"))?;
        if self.file_systems.get(&fs).is_none_or(|it| it.fs_type != "xfs") {
            return Err(format!("{path} is not a mounted XFS filesystem"));
        }
        let extent = self.formatted(&source, "xfs")?;
        let blocks = (extent.len / 4096).to_be_bytes().to_vec();
        self.apply(&extent, &[(8, blocks)]).map_err(denied(path))?;
        self.set_limit(&extent);
        Ok(String::new())
    }

    /// Writes a label into a field of a superblock.
    fn write_label(&mut self, path: &str, fs_type: &str, at: u64, len: usize, label: &str) -> Said<String> {
        let extent = self.formatted(path, fs_type)?;
        if label.len() > len {
            return Err(format!("the label {label} is longer than {len} bytes"));
        }
        let mut field = label.as_bytes().to_vec();
        field.resize(len, 0);
        self.apply(&extent, &[(at, field)]).map_err(denied(path))?;
        Ok(String::new())
    }

    fn tune2fs(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &[], &["-L"])?;
        self.write_label(args.one()?, "ext4", 1024 + 0x78, 16, args.value("-L").unwrap_or_default())
    }

    fn xfs_admin(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &[], &["-L"])?;
        let path = args.one()?;
        let extent = self.formatted(path, "xfs")?;
        if self.is_in_use(&extent) {
            return Err(format!("{path} contains a mounted filesystem"));
        }
        // `--` stands for no label (xfs_admin(8)).
        let label = args.value("-L").filter(|label| *label != "--").unwrap_or_default();
        self.write_label(path, "xfs", 108, 12, label)
    }

    fn swaplabel(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &[], &["-L", "-U"])?;
        self.write_label(args.one()?, "swap", 1052, 16, args.value("-L").unwrap_or_default())
    }

    fn fatlabel(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-r", "--reset"], &[])?;
        let (path, label) = match args.rest[..] {
            [path, label] => (path, label),
            [path] if !args.options.is_empty() => (path, ""),
            _ => return Err("a device and a label are needed".into()),
        };
        let extent = self.formatted(path, "vfat")?;
        if label.len() > 11 {
            return Err("labels can be no longer than 11 characters".into());
        }
        self.apply(&extent, &superblock::vfat_label(extent.len, label)).map_err(denied(path))?;
        // The root folder has it as well.
        let here = |home: &Extent| home.file == extent.file && home.start == extent.start;
        let fs = self.file_systems.iter().find(|(_, it)| it.homes.values().any(here)).map(|(fs, _)| *fs);
        match fs {
            Some(fs) => self.write_back(fs).map_err(denied(path))?,
            None => self.apply(&extent, &superblock::vfat_root(extent.len, label, &[])).map_err(denied(path))?,
        }
        Ok(String::new())
    }
}
