//! The workloads: what the specs of the benchmarks ask for, and what the floors make by hand.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Permission bits of the folders.
pub const FOLDER_MODE: u32 = 0o755;
/// Permission bits of the files.
pub const FILE_MODE: u32 = 0o644;
/// Bytes of the image of the Btrfs case.
pub const BTRFS_IMAGE_BYTES: u64 = 512 << 20;
/// How many subvolumes it has, and how many snapshots.
pub const BTRFS_PARTS: usize = 10;

/// The name of a folder.
pub fn folder_in(top: &Path, number: usize) -> PathBuf {
    top.join(format!("d{number:04}"))
}

/// The name of a file: it lies in its folder.
pub fn file_in(top: &Path, number: usize) -> PathBuf {
    folder_in(top, number).join("settings.conf")
}

/// What stands in a file.
pub fn content(number: usize) -> String {
    format!("# Settings of unit {number}\n[unit]\nnumber = {number}\nfolder = d{number:04}\nenabled = true\n")
}

/// The image of the Btrfs case.
pub fn btrfs_image(folder: &Path) -> PathBuf {
    folder.join("volume.img")
}

/// Where it is mounted.
pub fn btrfs_mount(folder: &Path) -> PathBuf {
    folder.join("volume")
}

/// The name of a subvolume.
pub fn subvolume_name(number: usize) -> String {
    format!("part{number}")
}

/// The name of a snapshot.
pub fn snapshot_name(number: usize) -> String {
    format!("part{number}.before")
}

/// A spec of so many folders and files under `./tree`, each a role of its own, written out.
pub fn files_spec(count: usize) -> String {
    let mut text = String::from("seed: 1\nname: files\nwhy: Folders and files, each a role of its own.\n\nroles:\n");
    for number in 0..count {
        let indented = content(number).lines().fold(String::new(), |all, line| all + "      " + line + "\n");
        let _ = write!(
            text,
            "  folder{number}:\n    is: file.directory\n    path: ./tree/d{number:04}\n    mode: \"{FOLDER_MODE:04o}\"\n\n  \
             file{number}:\n    is: file.text\n    path: ./tree/d{number:04}/settings.conf\n    mode: \"{FILE_MODE:04o}\"\n    content: |\n{indented}\n",
        );
    }
    text
}

/// The Btrfs case as a spec.
pub fn btrfs_spec() -> String {
    let mut text = String::from(
        "seed: 1\nname: volume\nwhy: A Btrfs volume on one file.\n\nroles:\n  image:\n    is: storage.file_block_image\n    path: ./volume.img\n    \
         size: 512 MiB\n    disposable: true\n\n  loop:\n    is: storage.loopback_device\n    backing: image\n\n  pool:\n    is: storage.btrfs\n    \
         devices: [loop]\n    label: bench\n    mount: ./volume\n    disposable: true\n    subvolumes:\n",
    );
    text.extend((0..BTRFS_PARTS).map(|number| format!("      {}: {{}}\n", subvolume_name(number))));
    text.push_str("    snapshots:\n");
    text.extend((0..BTRFS_PARTS).map(|number| format!("      {}: {{of: {}}}\n", snapshot_name(number), subvolume_name(number))));
    text
}

/// A spec of so many lines with roles of many kinds, references, variables and texts: what a person might write.
pub fn mixed_spec(lines: usize) -> String {
    let mut text = String::from(
        "seed: 1\nname: mixed\nwhy: Roles of many kinds, one after the other.\n\nvars:\n  disk: 1 GiB\n  top: ./srv\n\nroles:\n",
    );
    for number in 0.. {
        let block = mixed_block(number);
        if text.lines().count() + block.lines().count() > lines {
            break;
        }
        text.push_str(&block);
    }
    text
}

fn mixed_block(number: usize) -> String {
    format!(
        r#"  image{number}:
    is: storage.file_block_image
    why: The disk of lab {number}.
    path: ./images/lab{number}.img
    size: ${{vars.disk}}
    disposable: true

  loop{number}:
    is: storage.loopback_device
    backing: image{number}

  pool{number}:
    is: storage.btrfs
    devices: [loop{number}]
    label: lab{number}
    mount: ./srv/lab{number}
    options: [noatime]
    subvolumes:
      root: {{}}
      home: {{quota: 256 MiB}}
    snapshots:
      first: {{of: home, read_only: true}}

  scratch{number}:
    is: storage.tmpfs
    mount: ${{vars.top}}/scratch{number}
    size: 64 MiB

  readme{number}:
    is: file.text
    path: ./srv/lab{number}/home/README
    mode: "0644"
    content: |
      This is lab {number}.
      It lives on ${{image{number}.path}}.

  current{number}:
    is: file.link
    path: ./srv/current{number}
    to: lab{number}
    needs: [readme{number}]

"#
    )
}

/// How many blocks each file of the fragments' case holds, each of a fragment of its own.
pub const FRAGMENTS: usize = 3;
/// How many of its files lie in a folder.
const FILES_IN_FOLDER: usize = 100;

/// A file that embeds fragments.
pub fn embedding_in(top: &Path, number: usize) -> PathBuf {
    top.join(format!("d{:03}", number / FILES_IN_FOLDER)).join(format!("f{number:05}.conf"))
}

/// A fragment, in one of its versions.
pub fn fragment(fragment: usize, version: usize) -> String {
    format!(
        "---\nparameters:\n  port: {{type: int}}\n---\nListen {{{{ port }}}}\nLimit 10\nVersion {version} of part {fragment}\n\
         {{% for at in range(4) %}}\nBackend {{{{ at }}}} 10.0.{fragment}.{{{{ at }}}}\n{{% endfor %}}\nTimeout 30\n"
    )
}

/// What such a file holds: lines of its own, and blocks. With a version they are as rendered, without they are empty.
pub fn embedding(number: usize, version: Option<usize>) -> String {
    let mut text = format!("# Settings of unit {number}\n");
    for part in 0..FRAGMENTS {
        let port = 2000 + number % 500;
        let _ = writeln!(text, "[part{part}]\nname = unit {number}\n# seed:begin part{part}#{number} port={port}");
        if let Some(version) = version {
            text.push_str(&rendered(part, version, port));
        }
        let _ = writeln!(text, "# seed:end part{part}#{number}\nown = {part}");
    }
    text
}

/// What a fragment renders to.
fn rendered(part: usize, version: usize, port: usize) -> String {
    let backends: String = (0..4).map(|at| format!("Backend {at} 10.0.{part}.{at}\n")).collect();
    format!("Listen {port}\nLimit 10\nVersion {version} of part {part}\n{backends}Timeout 30\n")
}
