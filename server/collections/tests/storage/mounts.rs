//! Mounts: by fstab and units, read-only, by links, and where something is mounted already.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seed_role::host::{MountRequest, Outcome};
use seed_role::trouble::Kind;
use serde_json::{Value as Json, json};

use crate::filesystems::on_loop;
use crate::lab::{Entry, Lab, everywhere, lab, simulated};

fn persisted(persist: &str) -> Vec<Entry> {
    let mut chain = on_loop("64 MiB", json!({"device": "@loop.device", "type": "ext4"}));
    let params = json!({"device": "@data.device", "at": "./srv", "options": ["noatime"], "persist": persist});
    chain.push(("mount", "storage.mount", params));
    chain
}

fn file(lab: &Lab, path: &str) -> Option<String> {
    lab.host().read(Path::new(path), u64::MAX).unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn an_entry_of_somebody_else_is_changed_and_put_back() {
    let mut lab = simulated(persisted("fstab"));
    let theirs = "# by hand\n/dev/vda / ext4 defaults 0 1\n/dev/sdz /lab/srv ext4 nosuid 0 0 \n";
    lab.host().write_file(Path::new("/etc/fstab"), theirs.as_bytes(), 0o600, None).unwrap();
    lab.up().unwrap();
    let uuid = lab.attr("data", "uuid");
    let ours = format!("# by hand\n/dev/vda / ext4 defaults 0 1\nUUID={} /lab/srv ext4 noatime 0 2\n", uuid.as_str().unwrap());
    assert_eq!(file(&lab, "/etc/fstab").unwrap(), ours);
    assert!(lab.plan().is_empty());
    lab.host().write_file(Path::new("/etc/fstab"), ours.replace("noatime", "ro").as_bytes(), 0o600, None).unwrap();
    assert_eq!(lab.up().unwrap(), ["change mount: entry"]);
    assert_eq!(file(&lab, "/etc/fstab").unwrap(), ours);
    lab.down().unwrap();
    assert_eq!(file(&lab, "/etc/fstab").unwrap(), theirs);
    assert_eq!(lab.host().metadata(Path::new("/etc/fstab")).unwrap().unwrap().mode, 0o600);
}

#[test]
fn what_persists_a_mount_changes_in_place_and_systemd_is_told_where_it_runs() {
    let mut lab = simulated(persisted("fstab"));
    let told = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&told);
    lab.sim().program("systemctl", move |_, command| {
        assert_eq!(command.args, ["daemon-reload"]);
        count.fetch_add(1, Ordering::Relaxed);
        Outcome::default()
    });
    lab.up().unwrap();
    let unit = "/etc/systemd/system/lab-srv.mount";
    let link = "/etc/systemd/system/local-fs.target.wants/lab-srv.mount";
    lab.set("mount", "persist", json!("unit"));
    assert_eq!(lab.up().unwrap(), ["change mount: entry, persist"]);
    assert!(file(&lab, unit).unwrap().contains("Where=/lab/srv\nType=ext4\nOptions=noatime\n"));
    assert_eq!(lab.host().read_link(Path::new(link)).unwrap(), Path::new(unit));
    assert!(!file(&lab, "/etc/fstab").unwrap_or_default().contains("/lab/srv"));
    assert_eq!(told.load(Ordering::Relaxed), 0, "systemd does not run");

    for folder in ["/run/systemd", "/run/systemd/system"] {
        lab.host().make_folder(Path::new(folder), 0o755).unwrap();
    }
    lab.set("mount", "persist", json!("none"));
    assert_eq!(lab.up().unwrap(), ["change mount: persist"]);
    assert_eq!((file(&lab, unit), told.load(Ordering::Relaxed)), (None, 1));
    assert!(lab.plan().is_empty());
}

#[test]
fn a_mount_that_only_fstab_remembers_is_mounted() {
    let mut lab = simulated(persisted("fstab"));
    lab.up().unwrap();
    lab.host().unmount(Path::new("/lab/srv")).unwrap();
    assert_eq!(lab.plan(), ["change mount: at, device, options"]);
    lab.up().unwrap();
    assert!(lab.plan().is_empty());
}

#[test]
fn what_is_mounted_read_only_is_changed_all_the_same() {
    let params = json!({"devices": ["@loop.device"], "mount": "./mnt", "options": ["ro", "noatime"], "subvolumes": {"a": {}}});
    let chain = vec![
        ("image", "storage.file_block_image", json!({"path": "./lab.img", "size": "128 MiB"})),
        ("loop", "storage.loopback_device", json!({"backing": "@image.path"})),
        ("pool", "storage.btrfs", params),
    ];
    for mut lab in everywhere(chain) {
        lab.up().unwrap();
        lab.set("pool", "subvolumes", json!({"a": {}, "b": {}}));
        lab.set("pool", "label", json!("lab"));
        assert_eq!(lab.plan(), ["change pool: label, subvolumes"]);
        assert_eq!(lab.up().unwrap(), ["change pool: label, subvolumes"]);
        assert_eq!(lab.attr("pool", "options"), json!(["ro", "noatime"]));
        assert!(lab.plan().is_empty());
        lab.down().unwrap();
        lab.assert_clean(&[]);
    }
}

#[test]
fn a_device_may_be_named_by_a_link() {
    let chains: [fn() -> (&'static str, Json); 2] = [
        || ("storage.filesystem", json!({"device": "./disk", "type": "ext4", "mount": "./mnt"})),
        || ("storage.btrfs", json!({"devices": ["./disk"], "mount": "./mnt", "subvolumes": {"a": {}}})),
    ];
    for chain in chains {
        let (is, params) = chain();
        let below = [
            ("image", "storage.file_block_image", json!({"path": "./lab.img", "size": "128 MiB"})),
            ("loop", "storage.loopback_device", json!({"backing": "@image.path"})),
        ];
        let Some(mut lab) = lab(below) else { return };
        lab.up().unwrap();
        let device = lab.attr("loop", "device");
        std::os::unix::fs::symlink(device.as_str().unwrap(), lab.at("disk")).unwrap();
        lab.roles.push(("data", is, params));
        lab.roles.push(("again", "storage.mount", json!({"device": "./disk", "at": "./again"})));
        assert_eq!(lab.up().unwrap(), ["create data", "create again"]);
        assert!(lab.plan().is_empty());
        lab.set("data", "mount", json!("./elsewhere"));
        assert_eq!(lab.plan(), ["change data: mount"]);
        lab.set("data", "mount", json!("./mnt"));
        lab.down().unwrap();
        lab.assert_clean(&["disk"]);
    }
}

#[test]
fn a_place_that_is_taken_is_left_alone() {
    let mut lab = simulated(on_loop("64 MiB", json!({"device": "@loop.device", "type": "ext4", "mount": "./mnt"})));
    let at = lab.at("mnt");
    lab.host().make_folder(&at, 0o755).unwrap();
    let request = MountRequest { source: "tmpfs".into(), at, fs_type: "tmpfs".into(), options: Vec::new() };
    lab.host().mount(&request).unwrap();
    let trouble = lab.try_up().unwrap_err();
    assert_eq!(trouble.kind, Kind::Busy);
    assert!(trouble.to_string().contains("tmpfs is mounted there"), "{trouble}");
}

#[test]
fn swap_space_in_use_is_not_wiped() {
    let mut lab = simulated(on_loop("64 MiB", json!({"device": "@loop.device", "type": "swap"})));
    lab.up().unwrap();
    let used =
        format!("Filename\tType\tSize\tUsed\tPriority\n{} partition 65532 0 -2\n", lab.attr("loop", "device").as_str().unwrap());
    if lab.host().metadata(Path::new("/proc")).unwrap().is_none() {
        lab.host().make_folder(Path::new("/proc"), 0o555).unwrap();
    }
    lab.host().write_file(Path::new("/proc/swaps"), used.as_bytes(), 0o444, None).unwrap();
    let trouble = lab.try_remove("data").unwrap_err();
    assert_eq!(trouble.kind, Kind::Busy);
    assert!(trouble.to_string().contains("swapoff"), "{trouble}");
}
