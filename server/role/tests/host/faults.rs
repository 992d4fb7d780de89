//! What is made to go wrong on a simulated machine, and what is seen of it.

use std::path::{Path, PathBuf};

use seed_role::host::sim::{SimState, When};
use seed_role::host::{Command, Host, Outcome, SimHost, temporary_of};
use seed_role::trouble::{Kind, Result};

use crate::contract::{loop_config, mount_request, text};

const WORK: &str = "/srv/work";

/// Makes an image with a file system on it, and a file in that; each time the same.
fn build(host: &SimHost) -> Result<PathBuf> {
    let (image, at) = (Path::new(WORK).join("image"), Path::new(WORK).join("at"));
    host.make_folder(Path::new(WORK), 0o755)?;
    if host.metadata(&image)?.is_none() {
        host.make_image(&image, 256 << 20, false, 0o600)?;
    }
    let device = host.attach_loop(&loop_config(&image))?;
    host.make_folder(&at, 0o755)?;
    if !host.mounts()?.iter().any(|mount| mount.at == at) {
        host.execute(&Command::new("mkfs.btrfs", ["-q", "-f", text(&device)]))?;
        host.mount(&mount_request(&device, &at, "btrfs", &[]))?;
    }
    if host.btrfs_subvolumes(&at)?.is_empty() {
        host.btrfs_create(&at.join("root"))?;
    }
    host.write_file(&at.join("root/file"), b"content", 0o644, None)?;
    host.sync(&[at])?;
    Ok(device)
}

fn tear_down(host: &SimHost) -> Result<()> {
    let at = Path::new(WORK).join("at");
    host.unmount(&at)?;
    for device in host.loops()?.iter() {
        host.detach_loop(&device.device)?;
    }
    host.remove_folder(&at)?;
    host.remove_file(&Path::new(WORK).join("image"))?;
    host.remove_file(&temporary_of(&Path::new(WORK).join("image")))?;
    host.remove_folder(Path::new(WORK))
}

#[test]
fn the_same_steps_make_the_same_machine_wherever_they_were_stopped() {
    let untouched = SimHost::new().state();
    let whole = SimHost::new();
    build(&whole).unwrap();
    let changes = whole.calls().changes;
    assert!(changes >= 8, "{changes}");
    for when in [When::Before, When::Midway, When::After] {
        for number in 1..=changes {
            let host = SimHost::new();
            host.stop_after(number, when);
            assert_eq!(build(&host).unwrap_err().kind, Kind::Interrupted);
            // A process that was stopped changes nothing any more.
            let stopped = host.state();
            assert_eq!(host.make_folder(Path::new("/srv/late"), 0o755).unwrap_err().kind, Kind::Interrupted);
            assert_eq!(host.state(), stopped);
            host.resume();
            build(&host).unwrap();
            assert!(whole.state().diff(&host.state()).is_empty(), "{when:?} {number}: {:?}", whole.state().diff(&host.state()));
            tear_down(&host).unwrap();
            assert_eq!(untouched.diff(&host.state()), [""; 0], "{when:?} {number}");
        }
    }
}

#[test]
fn a_stop_falls_before_amid_or_after() {
    let file = Path::new("/srv/file");
    for (when, names) in [(When::Before, &[][..]), (When::Midway, &[".file.seed-new"]), (When::After, &["file"])] {
        let host = SimHost::new();
        host.stop_after(1, when);
        let trouble = host.write_file(file, b"x", 0o644, None).unwrap_err();
        assert_eq!(trouble.kind, Kind::Interrupted);
        assert!(trouble.to_string().contains("/srv/file"), "{trouble}");
        assert_eq!(host.list(Path::new("/srv")).unwrap(), names);
        host.resume();
        host.write_file(file, b"x", 0o644, None).unwrap();
        assert_eq!(host.list(Path::new("/srv")).unwrap(), ["file"]);
    }
}

#[test]
fn one_call_fails_and_the_next_does_not() {
    let host = SimHost::new();
    let file = Path::new("/srv/file");
    host.fail("/srv/file", Kind::NoSpace);
    host.fail("set_mode", Kind::NotPermitted);
    host.fail("mkfs.ext4", Kind::TimedOut);
    assert_eq!(host.write_file(file, b"x", 0o644, None).unwrap_err().kind, Kind::NoSpace);
    host.write_file(file, b"x", 0o644, None).unwrap();
    assert_eq!(host.set_mode(file, 0o600).unwrap_err().kind, Kind::NotPermitted);
    host.set_mode(file, 0o600).unwrap();
    let make = Command::new("mkfs.ext4", ["-q", "-F", "/srv/file"]);
    assert_eq!(host.execute(&make).unwrap_err().kind, Kind::TimedOut);
    assert_eq!(host.execute(&make).unwrap().status, 1);
    let calls = host.calls();
    assert_eq!((calls.by_name["write_file"], calls.by_name["execute"], calls.changes, calls.looks), (2, 2, 6, 0));
}

#[test]
fn all_that_changes_is_seen() {
    let host = SimHost::new();
    let device = build(&host).unwrap();
    let at = Path::new(WORK).join("at");
    let file = at.join("root/file");
    type Change<'a> = (&'a str, Box<dyn Fn(&SimHost) + 'a>);
    let changes: Vec<Change<'_>> = vec![
        ("~ [btrfs", Box::new(|host| host.write_file(&file, b"contents", 0o644, None).unwrap())),
        ("mode 0600", Box::new(|host| host.set_mode(&file, 0o600).unwrap())),
        ("owner 7:0", Box::new(|host| host.set_owner(&file, host.owner("7:0").unwrap()).unwrap())),
        ("- [btrfs", Box::new(|host| host.remove_file(&file).unwrap())),
        ("+ /srv/link: link to file", Box::new(|host| host.make_link(Path::new("/srv/link"), Path::new("file")).unwrap())),
        ("+ mount /srv/work/at", Box::new(|host| host.mount(&mount_request(Path::new("x"), &at, "tmpfs", &[])).unwrap())),
        ("- mount /srv/work/at", Box::new(|host| host.unmount(&at).unwrap())),
        ("~ mount /srv/work/at", Box::new(|host| host.remount(&mount_request(&device, &at, "btrfs", &["ro"])).unwrap())),
        ("read-only subvolume", Box::new(|host| host.btrfs_set_read_only(&at.join("root"), true).unwrap())),
        ("quotas", Box::new(|host| host.btrfs_enable_quota(&at).unwrap())),
        ("label \"new\"", Box::new(|host| host.btrfs_set_label(&at, "new").unwrap())),
        ("+ [btrfs", Box::new(|host| host.btrfs_snapshot(&at.join("root"), &at.join("snap"), true).unwrap())),
        (
            "268500992",
            Box::new(|host| {
                host.set_len(&Path::new(WORK).join("image"), (256 << 20) + 65536, false).unwrap();
                host.refresh_loop(&device).unwrap();
            }),
        ),
    ];
    let before: SimState = host.state();
    for (words, change) in changes {
        let other = host.clone();
        change(&other);
        let diff = before.diff(&other.state());
        assert!(diff.iter().any(|line| line.contains(words)), "{words}: {diff:?}");
        assert_ne!(before, other.state());
        // The clone is another machine.
        assert_eq!(before, host.state());
    }
}

#[test]
fn what_is_put_aside_keeps_what_is_in_it() {
    let host = SimHost::new();
    build(&host).unwrap();
    let (image, aside, at) = (Path::new(WORK).join("image"), Path::new(WORK).join("aside"), Path::new(WORK).join("at"));
    host.unmount(&at).unwrap();
    host.detach_loop(Path::new("/dev/loop0")).unwrap();
    host.rename(&image, &aside).unwrap();
    // Another in its place.
    let device = build(&host).unwrap();
    host.write_file(&at.join("root/file"), b"another", 0o644, None).unwrap();
    host.unmount(&at).unwrap();
    host.detach_loop(&device).unwrap();
    host.remove_file(&image).unwrap();
    host.rename(&aside, &image).unwrap();
    let device = host.attach_loop(&loop_config(&image)).unwrap();
    host.mount(&mount_request(&device, &at, "btrfs", &[])).unwrap();
    assert_eq!(host.read(&at.join("root/file"), 10).unwrap().unwrap(), b"content");
}

#[test]
fn a_signature_that_is_put_back_brings_its_files_back() {
    let host = SimHost::new();
    let device = build(&host).unwrap();
    let at = Path::new(WORK).join("at");
    host.unmount(&at).unwrap();
    let block = host.read_at(&device, 0x1_0000, 4096).unwrap();
    host.write_at(&device, 0x1_0000, &[0; 4096]).unwrap();
    assert!(host.mount(&mount_request(&device, &at, "btrfs", &[])).is_err());
    assert!(host.state().diff(&SimHost::new().state()).iter().all(|line| !line.contains("[btrfs")));
    host.write_at(&device, 0x1_0000, &block).unwrap();
    host.mount(&mount_request(&device, &at, "btrfs", &[])).unwrap();
    assert_eq!(host.read(&at.join("root/file"), 10).unwrap().unwrap(), b"content");
}

#[test]
fn a_full_disk_leaves_no_half_file() {
    let host = SimHost::new();
    let file = Path::new("/srv/file");
    host.write_file(file, &[1; 5000], 0o644, None).unwrap();
    host.limit_space(Path::new("/srv"), 16 << 10).unwrap();
    let before = host.state();
    for trouble in [
        host.write_file(file, &[2; 50_000], 0o644, None).unwrap_err(),
        host.make_image(Path::new("/srv/image"), 1 << 20, true, 0o600).unwrap_err(),
        host.set_len(file, 1 << 20, true).unwrap_err(),
        host.write_at(file, 5000, &[3; 50_000]).unwrap_err(),
    ] {
        assert_eq!(trouble.kind, Kind::NoSpace, "{trouble}");
    }
    assert_eq!(before.diff(&host.state()), [""; 0]);
    host.make_image(Path::new("/srv/sparse"), 1 << 20, false, 0o600).unwrap();
}

#[test]
fn programs_are_brought_along_and_taken_away() {
    let host = SimHost::new();
    host.program("touch", |host, command| {
        let written = host.write_file(Path::new(&command.args[0]), b"", 0o644, None);
        Outcome { status: i32::from(written.is_err()), ..Outcome::default() }
    });
    assert_eq!(host.find_program("touch").unwrap(), Path::new("/usr/bin/touch"));
    assert_eq!(host.execute(&Command::new("/usr/bin/touch", ["/srv/new"])).unwrap().status, 0);
    assert_eq!(host.list(Path::new("/srv")).unwrap(), ["new"]);
    assert!(host.find_program("mkfs.xfs").is_some());
    host.without_program("mkfs.xfs");
    assert_eq!(host.find_program("mkfs.xfs"), None);
    assert_eq!(host.execute(&Command::new("mkfs.xfs", ["/dev/loop0"])).unwrap_err().kind, Kind::MissingTool);
    assert_eq!(host.execute(&Command::new("no-such", [""; 0])).unwrap_err().kind, Kind::MissingTool);
}

#[test]
fn secrets_and_people_are_those_that_were_added() {
    use seed_spec::value::Secret;

    let host = SimHost::new();
    host.add_user("ada", 1000);
    assert_eq!(host.owner_name(host.owner("ada").unwrap()), "ada:ada");
    assert_eq!(host.owner("ada:root").unwrap().gid, 0);
    assert!(host.owner("bob").is_err());
    host.set_env("TOKEN", "of the environment");
    host.add_credential("token", "of systemd\n");
    host.write_file(Path::new("/srv/token"), b"of a file\n", 0o600, None).unwrap();
    host.program("pass", |_, _| Outcome { stdout: "of a command\n".into(), ..Outcome::default() });
    let secret = |place| host.secret(&place).unwrap();
    assert_eq!(secret(Secret::Env("TOKEN".into())), "of the environment");
    assert_eq!(secret(Secret::Credential("token".into())), "of systemd");
    assert_eq!(secret(Secret::File("/srv/token".into())), "of a file");
    assert_eq!(secret(Secret::Command(vec!["pass".into()])), "of a command");
    assert!(host.secret(&Secret::Env("NO".into())).is_err());
    assert!(host.secret(&Secret::Credential("no".into())).is_err());
}

#[test]
fn images_of_qemu() {
    let host = SimHost::new();
    let run = |words: &[&str]| host.execute(&Command::new("qemu-img", words.iter().copied())).unwrap();
    assert_eq!(run(&["create", "-q", "-f", "qcow2", "/srv/base.qcow2", "1G"]).status, 0);
    assert_eq!(run(&["create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "/srv/over.qcow2"]).status, 0);
    let info = |path: &str| -> serde_json::Value {
        let done = run(&["info", "--output=json", path]);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let over = info("/srv/over.qcow2");
    assert_eq!((&over["virtual-size"], &over["format"]), (&(1_u64 << 30).into(), &"qcow2".into()));
    assert_eq!((&over["backing-filename"], &over["backing-filename-format"]), (&"base.qcow2".into(), &"qcow2".into()));
    assert_eq!(over["full-backing-filename"], "/srv/base.qcow2");
    assert_eq!(run(&["resize", "-q", "-f", "qcow2", "/srv/base.qcow2", "2147483648"]).status, 0);
    assert_eq!(info("/srv/base.qcow2")["virtual-size"], 2_u64 << 30);
    for refused in [
        &["create", "-q", "-f", "qcow2", "-b", "no.qcow2", "-F", "qcow2", "/srv/x"][..],
        &["create", "-q", "-f", "qcow2", "/srv/x"],
        &["resize", "-q", "/srv/base.qcow2", "1G"],
        &["info", "--output=json", "/srv/no"],
        &["create", "-f", "odd", "/srv/x", "1G"],
    ] {
        let done = run(refused);
        assert!(done.status == 1 && !done.stderr.is_empty(), "{refused:?}: {done:?}");
    }
    assert_eq!(host.list(Path::new("/srv")).unwrap(), ["base.qcow2", "over.qcow2"]);
}
