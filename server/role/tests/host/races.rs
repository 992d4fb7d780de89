//! Several at once on this machine.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use seed_role::host::{Host, RealHost};

use crate::contract::loop_config;

/// Detaches what is attached to files below a folder, also when a test failed.
struct Detached<'a>(&'a Path);

impl Drop for Detached<'_> {
    fn drop(&mut self) {
        let host = RealHost::new();
        for device in host.loops().unwrap_or_default().iter().filter(|device| device.backing.starts_with(self.0)) {
            let _ = host.detach_loop(&device.device);
        }
    }
}

#[test]
fn everyone_who_attaches_gets_a_device_of_their_own() {
    if !crate::real::can_use_devices() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let _detached = Detached(&path);
    let taken: Mutex<HashSet<PathBuf>> = Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (path, taken) = (&path, &taken);
            scope.spawn(move || {
                // Each with a host of its own, as other processes have.
                let host = RealHost::new();
                let image = path.join(format!("image {worker}"));
                host.make_image(&image, 1 << 20, false, 0o600).unwrap();
                for _ in 0..10 {
                    let device = host.attach_loop(&loop_config(&image)).unwrap();
                    assert!(taken.lock().unwrap().insert(device.clone()), "{device:?} was given twice");
                    host.write_at(&device, 0, image.to_str().unwrap().as_bytes()).unwrap();
                    assert_eq!(host.read_at(&image, 0, 5).unwrap(), path.to_str().unwrap().as_bytes()[..5]);
                    taken.lock().unwrap().remove(&device);
                    host.detach_loop(&device).unwrap();
                }
            });
        }
    });
    let host = RealHost::new();
    assert!(host.loops().unwrap().iter().all(|device| !device.backing.starts_with(&path)));
}

#[test]
fn a_file_that_many_write_is_always_whole() {
    let folder = tempfile::tempdir().unwrap();
    let host = RealHost::new();
    let files: Vec<PathBuf> = (0..4).map(|number| folder.path().join(format!("file {number}"))).collect();
    std::thread::scope(|scope| {
        for file in &files {
            let host = &host;
            scope.spawn(move || {
                for round in 0..200_u32 {
                    let byte = u8::try_from(round % 200).unwrap();
                    host.write_file(file, &vec![byte; 10_000], 0o644, None).unwrap();
                }
            });
            scope.spawn(move || {
                for _ in 0..200 {
                    if let Some(content) = host.read(file, 1 << 20).unwrap() {
                        assert!(content.len() == 10_000 && content.iter().all(|byte| *byte == content[0]));
                    }
                }
            });
        }
    });
    assert_eq!(host.list(folder.path()).unwrap().len(), 4);
}
