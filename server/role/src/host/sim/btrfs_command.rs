//! `btrfs` on the simulated machine: devices and balance.

use std::path::Path;

use super::btrfs::{least_devices, spare};
use super::machine::Machine;
use super::programs::{Said, denied, failed, spoken};
use super::superblock;
use super::tree::FsId;
use super::volume::Extent;

impl Machine {
    pub fn btrfs_command(&mut self, args: &[String]) -> Said<String> {
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        match words[..] {
            ["device" | "dev", "scan", ..] => Ok(String::new()),
            ["device" | "dev", "add", .., path] => {
                let devices: Vec<&str> =
                    words[2..words.len() - 1].iter().copied().filter(|word| !word.starts_with('-')).collect();
                self.device_add(&devices, path)
            }
            ["device" | "dev", "remove" | "delete", .., path] => {
                words[2..words.len() - 1].iter().try_for_each(|device| self.device_remove(device, path))?;
                Ok(String::new())
            }
            ["balance", "start", .., path] => self.balance(&words[2..words.len() - 1], path),
            ["balance", "cancel", _] => Err("ERROR: balance cancel on the file system failed: Not in progress".into()),
            _ => Err(format!("ERROR: unknown command: {}", words.join(" "))),
        }
    }

    fn btrfs_at(&self, path: &str) -> Said<FsId> {
        let spot = self.spot(Path::new(path), true).map_err(|refusal| format!("{path}: {}", spoken(refusal)))?;
        let fs = self.tree(spot.file.tree).map_err(failed(path))?.fs;
        match self.file_systems.get(&fs).is_some_and(|it| it.btrfs.is_some()) {
            true => Ok(fs),
            false => Err(format!("ERROR: not a btrfs filesystem: {path}")),
        }
    }

    fn device_add(&mut self, devices: &[&str], path: &str) -> Said<String> {
        let fs = self.btrfs_at(path)?;
        for device in devices {
            let extent = self.writable_device(device)?;
            self.write_device(&extent, 0, &vec![0; superblock::HEAD.min(extent.len as usize)]).map_err(failed(device))?;
            let Some(file_system) = self.file_systems.get_mut(&fs) else { continue };
            let Some(btrfs) = &mut file_system.btrfs else { continue };
            let id = btrfs.next_device;
            btrfs.next_device += 1;
            btrfs.sizes.insert(id, extent.len);
            btrfs.present.get_or_insert_default().push(id);
            file_system.homes.insert(id, extent);
        }
        self.write_superblocks(fs).map_err(denied(path))?;
        Ok(String::new())
    }

    fn device_remove(&mut self, device: &str, path: &str) -> Said<()> {
        let fs = self.btrfs_at(path)?;
        let wanted = match device {
            "missing" => None,
            _ => Some(self.extent_at(Path::new(device)).map_err(|refusal| format!("{device}: {}", spoken(refusal)))?),
        };
        let file_system = self.file_systems.get(&fs).ok_or("gone")?;
        let btrfs = file_system.btrfs.as_ref().ok_or("gone")?;
        let id = match wanted {
            Some(extent) => {
                let here = |home: &Extent| home.file == extent.file && home.start == extent.start;
                file_system.homes.iter().find(|(id, home)| here(home) && file_system.is_present(**id)).map(|(id, _)| *id)
            }
            None => btrfs.sizes.keys().find(|id| !file_system.is_present(**id)).copied(),
        };
        let id = id.ok_or_else(|| format!("ERROR: error removing device '{device}': No such device"))?;
        for profile in [&btrfs.data, &btrfs.metadata] {
            let least = least_devices(profile).unwrap_or(1);
            if btrfs.sizes.len() <= least {
                return Err(format!("ERROR: error removing device '{device}': unable to go below {least} devices on {profile}"));
            }
        }
        if let Some(file_system) = self.file_systems.get_mut(&fs) {
            file_system.homes.remove(&id);
            if let Some(btrfs) = &mut file_system.btrfs {
                btrfs.sizes.remove(&id);
                if let Some(present) = &mut btrfs.present {
                    present.retain(|it| *it != id);
                }
            }
        }
        if let Some(extent) = wanted {
            for at in superblock::BTRFS_COPIES.iter().filter(|at| **at + 4096 <= extent.len) {
                self.write_device(&extent, *at, &[0; superblock::BTRFS_BLOCK]).map_err(failed(device))?;
            }
        }
        self.write_superblocks(fs).map_err(denied(path))
    }

    fn balance(&mut self, options: &[&str], path: &str) -> Said<String> {
        let fs = self.btrfs_at(path)?;
        let force = options.iter().any(|option| matches!(*option, "-f" | "--force"));
        let file_system = self.file_systems.get_mut(&fs).ok_or("gone")?;
        let btrfs = file_system.btrfs.as_mut().ok_or("gone")?;
        let count = btrfs.sizes.len();
        let (mut data, mut metadata) = (btrfs.data.clone(), btrfs.metadata.clone());
        for option in options {
            let filters = option.get(2..).unwrap_or_default();
            let Some(profile) = filters.split(',').find_map(|filter| filter.strip_prefix("convert=")) else { continue };
            let least = least_devices(profile).ok_or_else(|| format!("ERROR: unknown profile: {profile}"))?;
            if count < least {
                return Err(format!("ERROR: error during balancing '{path}': Invalid argument"));
            }
            match option.get(..2) {
                Some("-d") => data = profile.to_string(),
                Some("-m") => metadata = profile.to_string(),
                _ => {}
            }
        }
        if spare(&metadata) < spare(&btrfs.metadata) && !force {
            return Err(format!(
                "ERROR: error during balancing '{path}': balance will reduce metadata redundancy, use --force if you want this"
            ));
        }
        btrfs.data = data;
        btrfs.metadata = metadata;
        Ok("Done, had to relocate 3 out of 3 chunks\n".into())
    }
}
