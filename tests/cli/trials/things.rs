//! What the runs of the trials make and change, and what a person has on it meanwhile.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::process::Command;

use crate::sandbox::{Ran, Sandbox};

/// What the spec says of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// As it is applied first.
    First,
    /// With other parameters, which can be changed where the thing is.
    Changed,
    /// With other parameters, for which it must be made anew.
    Replaced,
    /// Without the roles that come last.
    Pruned,
    /// The same under other names.
    Renamed,
}

/// A kind of thing.
pub struct Thing {
    /// What it is called in the table.
    pub name: &'static str,
    /// Whether only root can make it.
    pub needs_root: bool,
    /// Makes what is there before the first run.
    pub prepare: fn(&Sandbox),
    /// Its roles.
    roles: fn(Version) -> String,
    /// What a person does with it once it is there: data that no spec knows.
    pub use_it: fn(&Sandbox),
    /// Makes it drift from the spec.
    pub drift: fn(&Sandbox),
    /// Words of data that must not go without consent, unless it is disposable.
    pub precious: &'static [&'static str],
}

impl Thing {
    /// Writes the spec in one version.
    pub fn write_spec(&self, sandbox: &Sandbox, version: Version, disposable: bool) {
        let roles = (self.roles)(version);
        sandbox.write_spec(&if disposable { roles.replace("  is: ", "  disposable: true\n  is: ") } else { roles });
    }
}

const PRECIOUS: &str = "precious-data-of-a-person";

/// Files over what is there before, which has all that files can have: owners, modes, ACLs, extended attributes.
pub const FILES: Thing = Thing {
    name: "files with ACLs",
    needs_root: true,
    prepare: |sandbox| {
        sandbox.write("replaced", &"what stood here before\n".repeat(50));
        sandbox.write("page.j2", "<h1>{{ name }}</h1>\n");
        sandbox.write("there/letter", "dear\n");
        symlink("old", sandbox.at("current")).unwrap();
        for path in ["replaced", "there", "current"] {
            lchown(sandbox.at(path), Some(65534), Some(65534)).unwrap();
        }
        fs::set_permissions(sandbox.at("replaced"), fs::Permissions::from_mode(0o640)).unwrap();
        run(sandbox, "setfacl", &["--modify", "user:1234:r", "replaced"]);
        run(sandbox, "setfacl", &["--modify", "default:user:1234:rx", "there"]);
        run(sandbox, "setfattr", &["--name", "user.note", "--value", "mine", "replaced"]);
    },
    roles: |version| {
        let (content, mode, to) = match version {
            Version::Changed => ("what the spec says later", "0700", "new/top/a"),
            _ => ("what the spec says", "0755", "new/top"),
        };
        let (replaced, deep) = if version == Version::Renamed { ("other", "deepest") } else { ("replaced", "deep") };
        let place = if version == Version::Replaced { "./new/top/c/deep" } else { "./new/top/a/b/deep" };
        let first = format!(
            "\
top:
  is: file.directory
  path: ./new/top
  mode: \"0750\"

page:
  is: file.template
  path: ./page
  from: ./page.j2
  with: {{name: {content}}}
  mode: \"0600\"

opened:
  is: file.directory
  path: ./there
  mode: \"{mode}\"
"
        );
        let last = format!(
            "
{replaced}:
  is: file.text
  path: ./replaced
  content: {content}

{deep}:
  is: file.text
  path: {place}
  content: {content}
  needs: [{replaced}]

current:
  is: file.link
  path: ./current
  to: {to}
"
        );
        if version == Version::Pruned { first } else { first + &last }
    },
    use_it: |sandbox| {
        sandbox.write("new/top/mine", PRECIOUS);
        sandbox.write("new/top/a/b/mine", PRECIOUS);
        run(sandbox, "setfacl", &["--modify", "user:1234:rw", "page", "new/top/a/b/deep"]);
        run(sandbox, "setfattr", &["--name", "user.note", "--value", "mine", "new/top/mine", "page", "replaced"]);
    },
    drift: |sandbox| {
        // What was there before Seed and somebody removes stays removed; so only what Seed made is.
        fs::remove_file(sandbox.at("page")).unwrap();
        fs::write(sandbox.at("replaced"), "by hand\n").unwrap();
        fs::set_permissions(sandbox.at("replaced"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(sandbox.at("current")).unwrap();
        symlink("elsewhere", sandbox.at("current")).unwrap();
    },
    precious: &["what stood here before", PRECIOUS],
};

/// An image and its loop device, on which a person has made a file system that no spec knows.
pub const LOOP: Thing = Thing {
    name: "loop device",
    needs_root: true,
    prepare: |_| {},
    roles: |version| {
        let image = if version == Version::Renamed { "backing" } else { "image" };
        let size = if version == Version::Replaced { "32 MiB" } else { "64 MiB" };
        let read_only = version == Version::Changed;
        let first = format!("{image}:\n  is: storage.file_block_image\n  path: ./disks/volume.img\n  size: {size}\n");
        let last = format!("\nloop:\n  is: storage.loopback_device\n  backing: {image}\n  read_only: {read_only}\n");
        if version == Version::Pruned { first } else { first + &last }
    },
    use_it: |sandbox| {
        sandbox.write("../of-a-person/data", PRECIOUS);
        let device = sandbox.loops()[0].display().to_string();
        run(sandbox, "mkfs.ext4", &["-q", "-d", "../of-a-person", &device]);
        nix::unistd::fsync(fs::File::open(device).unwrap()).unwrap();
    },
    drift: |sandbox| detach(sandbox),
    precious: &[PRECIOUS],
};

/// A volume with ext4, and files of a person on it.
pub const EXT4: Thing = Thing {
    name: "ext4 volume",
    needs_root: true,
    prepare: |_| {},
    roles: |version| {
        let disk = if version == Version::Renamed { "store" } else { "disk" };
        let (size, label) = if version == Version::Replaced { ("48 MiB", "other") } else { ("64 MiB", "trial") };
        let (mount, text) = if version == Version::Changed { ("./elsewhere", "later") } else { ("./volume", "hello") };
        let first = format!(
            "image:\n  is: storage.file_block_image\n  path: ./volume.img\n  size: {size}\n\n\
             loop:\n  is: storage.loopback_device\n  backing: image\n"
        );
        let last = format!(
            "\n{disk}:\n  is: storage.filesystem\n  device: loop\n  type: ext4\n  label: {label}\n  mount: {mount}\n\n\
             note:\n  is: file.text\n  path: {mount}/note\n  content: {text}\n"
        );
        if version == Version::Pruned { first } else { first + &last }
    },
    use_it: |sandbox| {
        sandbox.write("volume/folder/data", PRECIOUS);
        fs::write(sandbox.at("volume/data"), PRECIOUS).unwrap();
        run(sandbox, "setfacl", &["--modify", "user:1234:r", "volume/data"]);
        on_the_disk(sandbox);
    },
    drift: |sandbox| {
        run(sandbox, "umount", &["volume"]);
        detach(sandbox);
    },
    precious: &[PRECIOUS],
};

/// A volume with Btrfs, and files of a person on it.
pub const BTRFS: Thing = Thing {
    name: "Btrfs volume",
    needs_root: true,
    prepare: |_| {},
    roles: |version| {
        let pool = if version == Version::Renamed { "store" } else { "pool" };
        let size = if version == Version::Replaced { "128 MiB" } else { "160 MiB" };
        let (quota, more, text) =
            if version == Version::Changed { ("48 MiB", "    more: {}\n", "later") } else { ("32 MiB", "", "hello") };
        let first = format!(
            "image:\n  is: storage.file_block_image\n  path: ./disks/volume.img\n  size: {size}\n\n\
             loop:\n  is: storage.loopback_device\n  backing: image\n"
        );
        let last = format!(
            "
{pool}:
  is: storage.btrfs
  devices: [loop]
  label: trial
  mount: ./volume
  subvolumes:
    home: {{}}
    work: {{quota: {quota}}}
{more}  snapshots:
    home.first: {{of: home, read_only: true}}

one:
  is: file.text
  path: ./volume/home/one
  content: {text}

two:
  is: file.text
  path: ./volume/work/two
  content: {text}

three:
  is: file.text
  path: ./volume/three
  content: {text}
"
        );
        if version == Version::Pruned { first } else { first + &last }
    },
    use_it: |sandbox| {
        sandbox.write("volume/home/folder/data", PRECIOUS);
        sandbox.write("volume/work/data", PRECIOUS);
        run(sandbox, "setfacl", &["--modify", "user:1234:r", "volume/work/data"]);
        on_the_disk(sandbox);
    },
    drift: |sandbox| {
        run(sandbox, "umount", &["volume"]);
        detach(sandbox);
    },
    precious: &[PRECIOUS],
};

fn run(sandbox: &Sandbox, program: &str, args: &[&str]) {
    Ran::of(sandbox.command(program).args(args)).exits(0);
}

/// Detaches all, and waits until they are: one that another process looks at goes when that one has looked.
fn detach(sandbox: &Sandbox) {
    for device in sandbox.loops() {
        assert!(Command::new("losetup").arg("--detach").arg(device).status().unwrap().success());
    }
    while !sandbox.loops().is_empty() {
        std::thread::yield_now();
    }
}

fn on_the_disk(sandbox: &Sandbox) {
    nix::unistd::syncfs(fs::File::open(sandbox.at("volume")).unwrap()).unwrap();
}
