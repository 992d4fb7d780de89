//! The laws, for every role type and for specs made at random, on the simulated machine.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use proptest::prelude::*;
use seed_engine::laws::{Law, Laws};
use seed_role::host::Host;
use seed_role::host::sim::SimHost;

const SPEC: &str = "/work/spec/lab.seed.yaml";

/// A machine with the spec's folder, a template, a disk, and a program of the spec's own.
fn world() -> SimHost {
    let world = SimHost::new();
    for folder in
        ["/work", "/work/spec", "/work/spec/roles", "/work/spec/roles/desk", "/work/spec/roles/desk/tasks", "/srv", "/etc"]
    {
        if world.metadata(Path::new(folder)).unwrap().is_none() {
            world.make_folder(Path::new(folder), 0o755).unwrap();
        }
    }
    world.write_file(Path::new("/work/spec/greeting.j2"), b"Hello {{ who }}!\n", 0o644, None).unwrap();
    let fragment = b"---\nparameters: {port: {type: int, default: 22}}\n---\nPort {{ port }}\n";
    world.write_file(Path::new("/work/spec/base.conf"), fragment, 0o644, None).unwrap();
    for (file, part) in [("role.yml", "role"), ("tasks/main.yml", "tasks"), ("README.md", "readme")] {
        let text = format!("mine\n# seed:begin meta/{part}#desk ##\n# seed:end meta/{part}#desk ##\nmine\n");
        world.write_file(&Path::new("/work/spec/roles/desk").join(file), text.as_bytes(), 0o644, None).unwrap();
    }
    world.write_file(Path::new("/etc/motd"), b"what was there before\n", 0o600, None).unwrap();
    world.add_disk("sdb", 4 << 30);
    world.program("flag", |host, command| {
        let path = Path::new("/srv/flag");
        let is_set = host.metadata(path).is_ok_and(|found| found.is_some());
        let done = match command.args.first().map(String::as_str) {
            Some("set") => host.make_folder(path, 0o755).is_ok(),
            Some("unset") => host.remove_folder(path).is_ok(),
            _ => is_set,
        };
        seed_role::host::Outcome { status: i32::from(!done), ..Default::default() }
    });
    world
}

fn spec(roles: &str) -> String {
    let roles: String = roles.lines().map(|line| format!("  {line}\n")).collect();
    format!("seed: 1\nname: lab\nroles:\n{roles}")
}

/// Tries the laws on some roles, and gives how many cases that were.
fn keep(roles: &str, laws: &[Law], stride: u64) -> usize {
    let text = spec(roles);
    let world = world();
    let tried = Laws { path: Path::new(SPEC), text: &text, world: &world, stride };
    let verdicts = laws.iter().map(|law| tried.attempt(*law));
    verdicts
        .map(|verdict| {
            assert!(verdict.holds, "{} is broken: {}\n{text}", verdict.law.name(), verdict.broken.unwrap_or_default());
            verdict.cases
        })
        .sum()
}

const IMAGE: &str = "image: {is: storage.file_block_image, path: ./lab.img, size: 1 GiB}\n";
const LOOP: &str = "loop: {is: storage.loopback_device, backing: image}\n";

/// For each role type a piece of spec that uses it.
fn examples() -> Vec<(&'static str, String)> {
    let on_loop = |role: &str| format!("{IMAGE}{LOOP}{role}");
    vec![
        ("storage.file_block_image", IMAGE.to_string()),
        ("storage.file_block_image", "image: {is: storage.file_block_image, path: ./a/b/full.img, size: 8 MiB, allocate: full}".into()),
        (
            "storage.file_block_image",
            "base: {is: storage.file_block_image, path: ./base.qcow2, size: 1 GiB, format: qcow2}\nover: {is: storage.file_block_image, path: ./over.qcow2, size: 2 GiB, format: qcow2, over: base}".into(),
        ),
        ("storage.loopback_device", on_loop("")),
        (
            "storage.partition_table",
            format!(
                "{IMAGE}loop: {{is: storage.loopback_device, backing: image, partscan: true}}\ntable:\n  is: storage.partition_table\n  device: loop\n  partitions:\n    boot: {{size: 64 MiB}}\n    data: {{rest: true}}\n"
            ),
        ),
        (
            "storage.filesystem",
            format!(
                "{IMAGE}loop: {{is: storage.loopback_device, backing: image, partscan: true}}\ntable:\n  is: storage.partition_table\n  device: loop\n  partitions:\n    boot: {{size: 64 MiB}}\n    data: {{rest: true}}\nboot: {{is: storage.filesystem, device: table.partitions.boot, type: vfat, label: BOOT}}\ndata: {{is: storage.filesystem, device: table.partitions.data, type: ext4, label: data, mount: /srv/data}}\nnote: {{is: file.text, path: /srv/data/note, content: hello}}\n"
            ),
        ),
        ("storage.filesystem", on_loop("data: {is: storage.filesystem, device: loop, type: xfs, mount: /srv/data, options: [noatime]}")),
        ("storage.filesystem", on_loop("swap: {is: storage.filesystem, device: loop, type: swap, label: swap}")),
        (
            "storage.btrfs",
            on_loop(
                "pool:\n  is: storage.btrfs\n  devices: [loop]\n  label: lab\n  mount: /srv/lab\n  subvolumes:\n    root: {}\n    home: {quota: 100 MiB}\n    old: {read_only: true}\n  snapshots:\n    first: {of: root, read_only: true}\n    second: {of: home}\nnote: {is: file.text, path: /srv/lab/root/etc/note, content: hello}\n",
            ),
        ),
        (
            "storage.btrfs",
            "a: {is: storage.file_block_image, path: ./a.img, size: 512 MiB}\nb: {is: storage.file_block_image, path: ./b.img, size: 512 MiB}\nla: {is: storage.loopback_device, backing: a}\nlb: {is: storage.loopback_device, backing: b}\npool: {is: storage.btrfs, devices: [la, lb], uuid: 2b0a9666-85b2-4c06-b339-683e1b5d1a68, data: raid1, metadata: raid1, mount: /srv/mirror}\n".into(),
        ),
        ("storage.tmpfs", "scratch: {is: storage.tmpfs, mount: /srv/scratch/deep, size: 64 MiB, mode: \"0700\"}\nnote: {is: file.text, path: /srv/scratch/deep/note, content: x}".into()),
        ("storage.mount", on_loop("data: {is: storage.filesystem, device: loop, type: ext4, label: data}\nmounted: {is: storage.mount, device: data.device, at: /mnt/data, persist: fstab}")),
        ("storage", "scratch: {is: storage, kind: tmpfs, mount: /srv/scratch, size: 1 MiB}".into()),
        (
            "file.fragment",
            "motd: {is: file.fragment, path: /etc/motd, fragment: ./base.conf, with: {port: 2222}, before: what}\nother: {is: file.fragment, path: ./a/b/rc, fragment: ./base.conf}".into(),
        ),
        ("meta.template", "skeleton: {is: meta.template, roles: ./roles}".into()),
        ("file.text", "motd: {is: file.text, path: /etc/motd, content: \"new\\n\", mode: \"0640\"}\nother: {is: file.text, path: ./a/b/c, content: x}".into()),
        ("file.template", "greeting: {is: file.template, path: ./greeting, from: ./greeting.j2, with: {who: you}}".into()),
        ("file.directory", "folder: {is: file.directory, path: ./x/y, mode: \"0700\"}\ninner: {is: file.directory, path: ./x/y/z}".into()),
        ("file.link", "link: {is: file.link, path: ./link, to: ./greeting.j2}".into()),
        ("task.command", "flag: {is: task.command, present: [flag, set], absent: [flag, unset], info: [flag, is]}".into()),
    ]
}

#[test]
fn every_role_type_has_an_example() {
    let examples = examples();
    for role_type in seed_collections::REGISTRY.types() {
        assert!(examples.iter().any(|(name, _)| *name == role_type.name), "{} has no example here", role_type.name);
    }
}

#[test]
fn every_role_type_keeps_the_laws() {
    let mut cases = 0;
    let mut broken = Vec::new();
    for (name, roles) in examples() {
        match std::panic::catch_unwind(|| keep(&roles, &Law::ALL, 1)) {
            Ok(tried) => cases += tried,
            Err(panic) => broken.push(format!("{name}: {}", panic.downcast_ref::<String>().cloned().unwrap_or_default())),
        }
    }
    eprintln!("law 1 to 7: {cases} cases, one spec for every role type");
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

/// Some roles, made at random: files and folders nested in each other and in mounts, and volumes with what goes with them.
fn roles() -> impl Strategy<Value = String> {
    let file = (0..4u8, 0..3u8, "[a-z]{0,12}", prop::option::of(prop::sample::select(vec!["0600", "0644", "0755"])));
    let files = prop::collection::vec(file, 0..6);
    let volumes = prop::collection::vec((0..5u8, 1..4u32, 0..4u8), 0..3);
    (files, volumes, any::<bool>()).prop_map(|(files, volumes, scratch)| {
        let mut text = String::new();
        for (number, (place, depth, content, mode)) in files.iter().enumerate() {
            let folder = ["/work/spec/out", "/srv/v0", "/srv/scratch", "/etc"][usize::from(*place)];
            let nested: String = (0..*depth).map(|level| format!("/n{level}")).collect();
            let mode = mode.map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            text += &format!("f{number}: {{is: file.text, path: {folder}{nested}/f{number}, content: \"{content}\"{mode}}}\n");
            if number % 2 == 0 {
                text += &format!("d{number}: {{is: file.directory, path: {folder}{nested}/d{number}}}\n");
                text += &format!("s{number}: {{is: file.link, path: {folder}{nested}/d{number}/s, to: /etc/motd}}\n");
            }
        }
        for (number, (kind, size, extra)) in volumes.iter().enumerate() {
            let size = size * 512;
            text += &format!("i{number}: {{is: storage.file_block_image, path: ./i{number}.img, size: {size} MiB}}\n");
            text += &format!("l{number}: {{is: storage.loopback_device, backing: i{number}}}\n");
            // A UUID of its own choosing would differ from run to run.
            let mount = format!("uuid: 2b0a9666-85b2-4c06-b339-683e1b5d1a6{number}, mount: /srv/v{number}");
            text += &match kind {
                0 => {
                    let subvolumes: String = (0..*extra).map(|one| format!("sub{one}: {{}}, ")).collect();
                    format!("v{number}: {{is: storage.btrfs, devices: [l{number}], {mount}, subvolumes: {{{subvolumes}}}}}\n")
                }
                1 => format!("v{number}: {{is: storage.filesystem, device: l{number}, type: ext4, label: e{number}, {mount}}}\n"),
                2 => format!("v{number}: {{is: storage.filesystem, device: l{number}, type: xfs, {mount}}}\n"),
                3 => format!("v{number}: {{is: storage.filesystem, device: l{number}, type: swap, uuid: 2b0a9666-85b2-4c06-b339-683e1b5d1a6{number}}}\n"),
                _ => String::new(),
            };
        }
        if scratch {
            text += "scratch: {is: storage.tmpfs, mount: /srv/scratch, size: 16 MiB}\n";
        }
        if text.is_empty() { "d: {is: file.directory, path: /srv/d}\n".into() } else { text }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn specs_made_at_random_keep_the_laws(roles in roles()) {
        keep(&roles, &Law::ALL, 5);
    }
}
