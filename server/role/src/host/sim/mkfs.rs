//! The programs of the simulated machine that make file systems.

use uuid::Uuid;

use super::btrfs::{least_devices, made_from};
use super::machine::Machine;
use super::programs::{Arguments, Said, denied, failed};
use super::superblock::{self, Found};
use super::volume::Extent;

/// The least that mkfs.btrfs and mkfs.xfs take (of version 6.2 and 6.1).
const LEAST_BTRFS: u64 = 114_294_784;
const LEAST_XFS: u64 = 300 << 20;

impl Machine {
    /// The UUID given, or one of its own: made from what it is on, so that the same steps make the same machine.
    fn uuid_for(&self, given: Option<&str>, kind: &str, extent: &Extent, path: &str) -> Said<Uuid> {
        if let Some(given) = given {
            let given = given.trim_start_matches("uuid=");
            return Uuid::parse_str(given).map_err(|_| format!("could not parse UUID: {given}"));
        }
        let backing = self.backing_path(extent).unwrap_or_else(|| path.to_string());
        let candidates =
            (0_u32..).map(|number| Uuid::from_u128(made_from(&[kind, &backing, &extent.start.to_string(), &number.to_string()])));
        let taken = |uuid: &Uuid| {
            let uuid = uuid.to_string();
            self.file_systems.values().any(|it| it.uuid == uuid && it.homes.values().any(|home| home.file != extent.file))
        };
        candidates.into_iter().find(|uuid| !taken(uuid)).ok_or_else(|| "no UUID is left".to_string())
    }

    fn backing_path(&self, extent: &Extent) -> Option<String> {
        let device = self.devices.values().find(|device| device.extent.file == extent.file)?;
        Some(device.attached.as_ref()?.path.display().to_string())
    }

    /// Writes a new superblock, and lays out an empty file system behind it.
    fn lay(&mut self, path: &str, extent: Extent, found: Option<Found>, patches: &[superblock::Patch]) -> Said<String> {
        // As the programs do: what was there before must not be recognised any more.
        let zeros = vec![0; superblock::HEAD.min(usize::try_from(extent.len).unwrap_or(0))];
        self.write_device(&extent, 0, &zeros).map_err(failed(path))?;
        self.apply(&extent, patches).map_err(denied(path))?;
        if let Some(found) = found {
            self.format(&found, &[(1, extent)]).map_err(denied(path))?;
        }
        Ok(String::new())
    }

    pub fn mkfs_ext4(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-q", "-F"], &["-L", "-U", "-m", "-E", "-O", "-b", "-i", "-T"])?;
        let path = args.one()?;
        let extent = self.writable_device(path)?;
        let label = args.value("-L").unwrap_or_default();
        if extent.len < 64 << 10 {
            return Err(format!("{path}: Not enough space to build proposed filesystem"));
        }
        let uuid = self.uuid_for(args.value("-U"), "ext4", &extent, path)?;
        let found = Found { fs_type: "ext4", uuid: uuid.to_string(), device: 1 };
        self.lay(path, extent, Some(found), &superblock::ext4(extent.len, label, uuid))
    }

    pub fn mkfs_xfs(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-q", "-f", "-K"], &["-L", "-m", "-d", "-i", "-n", "-l", "-s", "-b"])?;
        let path = args.one()?;
        let extent = self.writable_device(path)?;
        if extent.len < LEAST_XFS {
            return Err("Filesystem must be larger than 300MB.".into());
        }
        let label = args.value("-L").unwrap_or_default();
        if label.len() > 12 {
            return Err(format!("Illegal value {label} for -L option"));
        }
        let given = args.value("-m").and_then(|value| value.split(',').find(|part| part.starts_with("uuid=")));
        let uuid = self.uuid_for(given, "xfs", &extent, path)?;
        let found = Found { fs_type: "xfs", uuid: uuid.to_string(), device: 1 };
        self.lay(path, extent, Some(found), &superblock::xfs(extent.len, label, uuid))
    }

    pub fn mkfs_vfat(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-I", "-v"], &["-n", "-i", "-F", "-s", "-S"])?;
        let path = args.one()?;
        let extent = self.writable_device(path)?;
        let label = args.value("-n").unwrap_or_default();
        if label.len() > 11 {
            return Err("Label can be no longer than 11 characters".into());
        }
        let id = match args.value("-i") {
            Some(text) => u32::from_str_radix(text, 16).map_err(|_| "Volume ID must be a hexadecimal number".to_string())?,
            None => (self.uuid_for(None, "vfat", &extent, path)?.as_u128() >> 96) as u32,
        };
        let found = Found { fs_type: "vfat", uuid: format!("{:04X}-{:04X}", id >> 16, id & 0xFFFF), device: 1 };
        self.lay(path, extent, Some(found), &superblock::vfat(extent.len, label, id))?;
        Ok("mkfs.fat 4.2 (2021-01-31)\n".into())
    }

    pub fn mkswap(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-q", "-f"], &["-L", "-U", "-p"])?;
        let path = args.one()?;
        let extent = self.writable_device(path)?;
        if extent.len < 40 << 10 {
            return Err(format!("error: swap area needs to be at least 40 KiB: {path}"));
        }
        let label = args.value("-L").unwrap_or_default();
        let uuid = self.uuid_for(args.value("-U"), "swap", &extent, path)?;
        self.lay(path, extent, None, &superblock::swap(extent.len, label, uuid))
    }

    pub fn mkfs_btrfs(&mut self, args: &[String]) -> Said<String> {
        let args = Arguments::parse(args, &["-q", "-f", "-K"], &["-L", "-U", "-d", "-m", "-n", "-s", "--csum", "-O"])?;
        if args.rest.is_empty() {
            return Err("not enough arguments: 0 but at least 1 expected".into());
        }
        let count = args.rest.len();
        let data = args.value("-d").unwrap_or("single").to_lowercase();
        let metadata = args.value("-m").unwrap_or(if count > 1 { "raid1" } else { "dup" }).to_lowercase();
        for profile in [&data, &metadata] {
            let least = least_devices(profile).ok_or_else(|| format!("unknown profile {profile}"))?;
            if count < least {
                return Err(format!(
                    "unable to create FS with {profile} profile (have {count} devices but {least} devices are required)"
                ));
            }
        }
        let mut homes = Vec::new();
        for (path, id) in args.rest.iter().zip(1..) {
            let extent = self.writable_device(path)?;
            if extent.len < LEAST_BTRFS {
                return Err(format!(
                    "'{path}' is too small to make a usable filesystem, minimum size for each btrfs device is {LEAST_BTRFS}"
                ));
            }
            homes.push((id, extent));
        }
        let first = args.rest[0];
        let uuid = self.uuid_for(args.value("-U"), "btrfs", &homes[0].1, first)?;
        for (path, (_, extent)) in args.rest.iter().zip(&homes) {
            self.write_device(extent, 0, &vec![0; superblock::HEAD]).map_err(failed(path))?;
        }
        let found = Found { fs_type: "btrfs", uuid: uuid.to_string(), device: 1 };
        let fs = self.format(&found, &homes).map_err(denied(first))?;
        if let Some(btrfs) = self.file_systems.get_mut(&fs).and_then(|it| it.btrfs.as_mut()) {
            btrfs.label = args.value("-L").unwrap_or_default().to_string();
            btrfs.data = data;
            btrfs.metadata = metadata;
        }
        self.write_superblocks(fs).map_err(denied(first))?;
        Ok(String::new())
    }
}
