//! Words that people have for what role types and parameters say. Where a type or parameter has no entry here, its own name and
//! documentation give the words.

/// A role type: how a thing of it is called in a fact, and what else people call it.
pub struct TypeWords {
    /// `collection.type`.
    pub name: &'static str,
    /// The noun in a fact, with its article.
    pub noun: &'static str,
    /// Other names. Each should fit no other type.
    pub called: &'static [&'static str],
}

/// Words for role types.
pub const TYPES: &[TypeWords] = &[
    TypeWords {
        name: "storage.file_block_image",
        noun: "an image file that serves as a disk",
        called: &["image", "image file", "file", "disk image", "disk file", "img", "virtual disk", "file as a disk", "fake disk", "pretend disk", "disk in a file", "file that acts as a disk", "file pretending to be a disk", "big file", "regular file", "raw file", "qcow2 file", "container file", "backing file", "plain file", "single file", "blank file", "empty file", "overlay", "file that plays disk", "file that plays the disk", "file that behaves like a disk", "file that is a disk", "file that stands in for a disk", "drive file", "virtual drive"],
    },
    TypeWords {
        name: "storage.loopback_device",
        noun: "a loop device",
        called: &["loop", "loop device", "loopback", "loopback device", "loop dev", "losetup", "block device from a file", "block device", "block dev", "file as a block device", "file as a device", "/dev/loop", "device node", "loop thing", "as a device"],
    },
    TypeWords {
        name: "storage.partition_table",
        noun: "a partition table",
        called: &["partition table", "gpt", "partitions", "partitioned", "partition", "partitioning", "sliced", "slices", "table of partitions", "divided into", "split into"],
    },
    TypeWords {
        name: "storage.filesystem",
        noun: "a file system",
        called: &["file system", "filesystem", "fs", "formatted"],
    },
    TypeWords {
        name: "storage.btrfs",
        noun: "a Btrfs file system",
        called: &["btrfs", "btrfs file system", "btrfs volume", "btrfs pool", "butter fs", "cow filesystem", "copy on write file system"],
    },
    TypeWords {
        name: "storage.tmpfs",
        noun: "a file system in memory",
        called: &["tmpfs", "ram disk", "ramdisk", "in memory", "in ram", "memory file system", "file system in memory", "ram backed", "memory backed", "memory disk", "lives in ram", "out of ram", "temporary file system", "in the memory", "made of memory", "made of ram", "volatile", "volatile memory", "volatile storage", "chunk of memory"],
    },
    TypeWords {
        name: "storage.mount",
        noun: "a mount",
        called: &["mount", "mounted", "mount point", "mounts", "mounting", "hooked into", "hooked up", "attached at"],
    },
    TypeWords { name: "file.text", noun: "a text file", called: &["text file", "file", "note", "text", "readme", "config file", "small file", "letter"] },
    TypeWords { name: "file.template", noun: "a file rendered from a template", called: &["template", "rendered", "jinja", "generated file", "filled in", "generated from", "templated", "file rendered from a template"] },
    TypeWords { name: "file.directory", noun: "a folder", called: &["folder", "directory", "dir", "folders"] },
    TypeWords { name: "file.link", noun: "a symbolic link", called: &["symlink", "symbolic link", "link", "soft link", "pointer", "shortcut", "points to", "points at", "alias"] },
    TypeWords { name: "file.fragment", noun: "a fragment embedded in a file", called: &["fragment", "snippet", "block", "section", "embedded", "marked block", "markers", "stanza"] },
    TypeWords { name: "meta.template", noun: "a skeleton that roles share", called: &["skeleton", "meta template", "shared skeleton", "boilerplate", "common template", "role template"] },
    TypeWords { name: "task.command", noun: "three commands of one's own", called: &["command", "commands", "script", "runs a command", "custom command", "program", "shell out", "invocation", "calls"] },
];

/// A parameter: how it is said, and what names it.
pub struct ParamWords {
    /// Its name, or the last of a dotted one.
    pub name: &'static str,
    /// `{}` is the value: "is {} large".
    pub says: &'static str,
    /// What it is asked by; `{}` is the thing.
    pub asks: &'static str,
    /// Words that name it.
    pub topic: &'static [&'static str],
    /// How much it matters.
    pub weight: f64,
}

/// Words for parameters.
pub const PARAMS: &[ParamWords] = &[
    ParamWords { name: "size", says: "is {} large", asks: "How much fits into {}, and what happens when it is full?", topic: &["size", "sized", "large", "big", "room", "space", "capacity", "holds", "limit", "capped", "at most", "up to", "gets", "takes", "max", "maximum"], weight: 0.6 },
    ParamWords { name: "quota", says: "may hold at most {}", asks: "What keeps {} from taking all the room?", topic: &["quota", "limit", "limited", "capped", "cap", "at most", "no more than", "up to", "maximum", "max", "restricted"], weight: 0.45 },
    ParamWords { name: "mount", says: "is mounted at {}", asks: "Where do you find what is in {} once it is there?", topic: &["mount", "mounted", "mounts", "mountpoint", "mounting", "appears", "shows up", "find it", "reach", "visible", "available", "accessible"], weight: 0.6 },
    ParamWords { name: "at", says: "is mounted at {}", asks: "Where does {} show up?", topic: &["mount", "mounted", "mounts", "mountpoint", "mounting", "appears", "shows up", "at", "checked out", "put", "hooked"], weight: 0.6 },
    ParamWords { name: "path", says: "is at {}", asks: "Where on the machine is {}?", topic: &["path", "at", "stored", "lives", "located", "called", "named", "in", "under", "file", "saved", "sits", "as"], weight: 0.35 },
    ParamWords { name: "label", says: "has the label {}", asks: "By what name would you find {} on another machine?", topic: &["label", "labeled", "labelled", "named", "called", "name", "volume name"], weight: 0.25 },
    ParamWords { name: "uuid", says: "has the UUID {}", asks: "What else than its name tells {} apart?", topic: &["uuid", "id"], weight: 0.15 },
    ParamWords { name: "mode", says: "has the mode {}", asks: "Who may read, write or enter {}?", topic: &["mode", "permission", "permissions", "chmod", "rights", "bits", "access"], weight: 0.35 },
    ParamWords { name: "owner", says: "belongs to {}", asks: "Whose is {}?", topic: &["owner", "owned", "belongs", "owns", "chown", "user"], weight: 0.35 },
    ParamWords { name: "options", says: "is mounted with {}", asks: "How is {} mounted: what is asked of the kernel?", topic: &["option", "options", "mounted with", "flags"], weight: 0.3 },
    ParamWords { name: "data", says: "keeps data as {}", asks: "How is what is in {} spread over its devices?", topic: &["data", "profile", "raid"], weight: 0.6 },
    ParamWords { name: "metadata", says: "keeps metadata as {}", asks: "How does {} keep the data about its data?", topic: &["metadata", "profile"], weight: 0.4 },
    ParamWords { name: "format", says: "is stored as {}", asks: "How is {} stored in its file, and who can read that?", topic: &["format", "stored", "kind"], weight: 0.4 },
    ParamWords { name: "allocate", says: "is {}", asks: "How much room does {} take before anything is written to it?", topic: &["allocate", "allocated", "allocation", "room", "space"], weight: 0.4 },
    ParamWords { name: "type", says: "is {}", asks: "Of what type is {}?", topic: &["type", "kind", "file system", "filesystem", "formatted"], weight: 0.5 },
    ParamWords { name: "to", says: "points to {}", asks: "Where does {} lead?", topic: &["points", "pointing", "leads", "target", "to", "link", "towards", "refers"], weight: 0.5 },
    ParamWords { name: "from", says: "is made from {}", asks: "What is {} made from?", topic: &["from", "template", "rendered", "source", "made", "based"], weight: 0.4 },
    ParamWords { name: "of", says: "is taken of {}", asks: "What is {} a picture of?", topic: &["of", "from", "taken", "snapshot", "copy"], weight: 0.45 },
    ParamWords { name: "read_only", says: "is read-only", asks: "Who can change what is in {}?", topic: &["read", "write"], weight: 0.45 },
    ParamWords { name: "partscan", says: "lets the kernel look for partitions", asks: "How does the kernel learn of what is on {}?", topic: &["partscan", "scan", "partition"], weight: 0.3 },
    ParamWords { name: "offset", says: "begins at {}", asks: "Where in its file does {} begin?", topic: &["offset", "begins", "starts", "skips", "start"], weight: 0.3 },
    ParamWords { name: "sector_size", says: "has sectors of {}", asks: "How large are the sectors of {}?", topic: &["sector", "sectors"], weight: 0.2 },
    ParamWords { name: "persist", says: "comes back at every start by {}", asks: "What becomes of {} when the machine starts anew?", topic: &["boot", "start", "restart", "reboot", "persist", "persistent", "permanent", "survives"], weight: 0.5 },
    ParamWords { name: "rest", says: "takes all the room that is left", asks: "How is the size of {} found?", topic: &["rest", "remaining", "left"], weight: 0.4 },
    ParamWords { name: "content", says: "holds the text {}", asks: "What does one read in {}?", topic: &["content", "contents", "text", "says", "contains", "holds", "reads"], weight: 0.25 },
    ParamWords { name: "fragment", says: "holds the fragment {}", asks: "What is put into the file by {}?", topic: &["fragment", "snippet", "from"], weight: 0.4 },
    ParamWords { name: "with", says: "is given {}", asks: "What is {} filled in with?", topic: &["with", "given", "values", "filled", "parameters", "set", "sets"], weight: 0.4 },
    ParamWords { name: "after", says: "goes behind the line with {}", asks: "Where in the file does {} go?", topic: &["after", "behind", "below"], weight: 0.2 },
    ParamWords { name: "before", says: "goes before the line with {}", asks: "Where in the file does {} go?", topic: &["before", "above"], weight: 0.2 },
    ParamWords { name: "instance", says: "is told from others as {}", asks: "What tells {} from others of its kind?", topic: &["instance"], weight: 0.1 },
    ParamWords { name: "present", says: "runs {} to make it", asks: "What is run to make {}?", topic: &["present", "make", "create", "set up", "run", "start", "apply"], weight: 0.6 },
    ParamWords { name: "absent", says: "runs {} to take it back", asks: "What is run to take {} back?", topic: &["absent", "undo", "remove", "take back", "tear down", "delete", "clean", "disable", "stop", "drop"], weight: 0.5 },
    ParamWords { name: "info", says: "runs {} to see whether it is there", asks: "How does Seed know whether {} is there already?", topic: &["info", "check", "look", "see", "test", "query", "verify", "tell"], weight: 0.5 },
    ParamWords { name: "folder", says: "runs in {}", asks: "In which folder is {} run?", topic: &["folder", "runs in", "working directory", "cwd", "in"], weight: 0.3 },
    ParamWords { name: "limit", says: "is stopped after {}", asks: "What if {} never ends?", topic: &["limit", "timeout", "time out", "stopped", "killed", "longer", "after", "gives up", "at most"], weight: 0.35 },
    ParamWords { name: "roles", says: "keeps the roles in {}", asks: "Which roles does {} keep in step?", topic: &["roles", "in"], weight: 0.4 },
    ParamWords { name: "template", says: "follows the template {}", asks: "What do the roles of {} follow?", topic: &["template", "follows", "from"], weight: 0.4 },
    ParamWords { name: "except", says: "leaves out {}", asks: "Which go their own way in {}?", topic: &["except", "leaves out", "not", "excluding", "but", "skips", "ignores"], weight: 0.35 },
    ParamWords { name: "over", says: "lies over {}", asks: "What is {} read from where nothing was written?", topic: &["over", "overlay", "on top"], weight: 0.5 },
];

/// A word that a parameter can have, in other words: parameter, word, how it is said in a fact, what people say, the opposite.
pub struct ChoiceWords {
    /// The parameter; empty for any.
    pub param: &'static str,
    /// The word in the spec.
    pub word: &'static str,
    /// How a fact says it; empty for the word itself.
    pub says: &'static str,
    /// What people say.
    pub called: &'static [&'static str],
    /// What people say of another choice.
    pub against: &'static [&'static str],
}

const MIRRORED: &[&str] = &["raid1", "raid 1", "mirror", "mirrored", "mirrors", "twice", "two copies", "both disks", "on both", "duplicated", "redundant", "each disk has a copy", "copy on each", "a copy on"];
const STRIPED: &[&str] = &["raid0", "raid 0", "stripe", "striped", "striping", "alternate", "alternates", "half of the work", "spread over"];

/// Words for choices, truth values and options.
pub const CHOICES: &[ChoiceWords] = &[
    ChoiceWords { param: "allocate", word: "sparse", says: "sparse", called: &["sparse", "thin", "thin provisioned", "only grows", "grows as", "as it is written", "on demand", "lazily"], against: &["preallocated", "fully allocated", "allocated up front", "allocated in full", "all space reserved", "reserved up front"] },
    ChoiceWords { param: "allocate", word: "full", says: "allocated in full from the start", called: &["full", "fully", "preallocated", "pre allocated", "allocated up front", "up front", "in advance", "reserved", "reserve", "claimed", "reserves", "all its space", "all of its space", "right away", "from the start", "whole size", "entire size"], against: &["sparse", "thin", "grows as", "on demand", "lazily"] },
    ChoiceWords { param: "format", word: "raw", says: "raw bytes", called: &["raw", "byte for byte", "plain bytes"], against: &["qcow2", "qcow"] },
    ChoiceWords { param: "format", word: "qcow2", says: "qcow2", called: &["qcow2", "qcow", "qemu format", "qemu image"], against: &["raw", "vmdk", "vdi"] },
    ChoiceWords { param: "", word: "raid1", says: "raid1: twice, on two devices", called: MIRRORED, against: &["raid0", "raid 0", "striped", "striping", "raid5", "raid 5", "raid6", "raid10", "only one copy", "single copy", "only once"] },
    ChoiceWords { param: "", word: "raid0", says: "raid0: striped, without a second copy", called: STRIPED, against: &["raid1", "raid 1", "mirrored", "mirror", "raid5", "raid 5", "two copies", "redundant", "kept twice"] },
    ChoiceWords { param: "", word: "raid5", says: "raid5: striped with one parity", called: &["raid5", "raid 5", "parity"], against: &["raid1", "raid 1", "raid0", "raid 0", "mirrored", "raid6", "raid10"] },
    ChoiceWords { param: "", word: "raid6", says: "raid6: striped with two parities", called: &["raid6", "raid 6", "two parities", "double parity"], against: &["raid1", "raid 1", "raid0", "raid 0", "mirrored", "raid5"] },
    ChoiceWords { param: "", word: "raid10", says: "raid10: striped, and each stripe twice", called: &["raid10", "raid 10"], against: &["raid5", "raid0", "raid 5", "raid 0"] },
    ChoiceWords { param: "", word: "single", says: "single: once, on one device", called: &["single", "once", "one copy", "only copy", "no copy", "no second copy", "not duplicated"], against: &["raid1", "raid 1", "raid0", "mirrored", "two copies", "twice"] },
    ChoiceWords { param: "", word: "dup", says: "dup: twice, on the same device", called: &["dup", "duplicated", "twice", "two copies"], against: &["raid1", "raid0", "single", "once"] },
    ChoiceWords { param: "persist", word: "fstab", says: "an entry in /etc/fstab", called: &["fstab", "every boot", "at boot", "on boot", "after a reboot", "after reboot", "reboots", "each boot", "every start", "survives a restart", "survives a reboot", "permanent", "permanently", "persistent", "boot time", "after a restart"], against: &["only until the reboot", "gone after a reboot", "gone after reboot", "not survive", "lost at reboot", "systemd unit", "mount unit", "disappears on reboot"] },
    ChoiceWords { param: "persist", word: "unit", says: "a mount unit of systemd", called: &["unit", "systemd", "every boot", "at boot", "on boot", "after a reboot", "reboots", "each boot", "permanent", "persistent", "boot time", "after a restart"], against: &["fstab", "only until the reboot", "gone after a reboot", "not survive", "lost at reboot"] },
    ChoiceWords { param: "read_only", word: "true", says: "read-only", called: &["read only", "readonly", "ro", "immutable", "frozen", "cannot be changed", "can't be changed", "can't be written", "cannot be written", "nobody can change", "nothing can be changed", "no one can write", "write protected", "not writable", "unchangeable", "never changes", "can't change", "locked", "can't write", "cannot write", "can't modify", "not be modified"], against: &["writable", "writeable", "read write", "rw", "can be changed", "can write", "can be written", "is editable", "be edited", "may be changed", "can change"] },
    ChoiceWords { param: "partscan", word: "true", says: "", called: &["partscan", "scan", "scans", "look for partitions", "looks for partitions", "partitions show up", "sees the partitions", "finds the partitions", "partition scanning", "detect partitions", "partitions on it", "picks up partitions", "pick up the partitions", "picks up the partitions", "notice the partitions", "notices the partitions"], against: &["no scanning", "partition scanning off", "ignores partitions"] },
    ChoiceWords { param: "rest", word: "true", says: "", called: &["rest", "remaining", "remainder", "what is left", "whatever is left", "everything else", "all that is left", "leftover", "what's left", "whatever's left"], against: &[] },
    ChoiceWords { param: "type", word: "ext4", says: "ext4", called: &["ext4", "ext 4"], against: &["xfs", "btrfs", "vfat", "fat32", "zfs", "ext3", "ext2", "ntfs"] },
    ChoiceWords { param: "type", word: "xfs", says: "xfs", called: &["xfs"], against: &["ext4", "btrfs", "vfat", "fat32", "zfs", "ext3", "ntfs"] },
    ChoiceWords { param: "type", word: "vfat", says: "vfat", called: &["vfat", "fat", "fat32", "fat 32"], against: &["ext4", "xfs", "btrfs", "zfs", "ntfs", "exfat"] },
    ChoiceWords { param: "type", word: "swap", says: "swap space", called: &["swap", "swap space", "paging"], against: &["ext4", "xfs", "btrfs", "vfat"] },
    ChoiceWords { param: "type", word: "efi", says: "for EFI", called: &["efi", "esp", "uefi", "boot firmware", "firmware"], against: &["bios", "mbr"] },
    ChoiceWords { param: "options", word: "noatime", says: "noatime", called: &["noatime", "reading doesn't write", "without access times", "no access times", "no atime"], against: &["access times", "access time", "atime"] },
    ChoiceWords { param: "options", word: "compress=zstd", says: "compress=zstd", called: &["zstd", "compress", "compressed", "compression", "compresses"], against: &["uncompressed", "lzo", "zlib", "lz4", "gzip"] },
    ChoiceWords { param: "options", word: "ro", says: "ro", called: &["ro", "read only", "readonly", "can't be written", "cannot be written", "no writing", "nobody can write", "write protected", "not writable"], against: &["writable", "read write", "rw"] },
    ChoiceWords { param: "options", word: "nofail", says: "nofail", called: &["nofail", "boot goes on", "boots anyway", "boot anyway", "not block the boot", "doesn't fail", "even if it is missing", "missing disk", "still boots", "boot continues", "if it isn't there", "if it is not there"], against: &[] },
    ChoiceWords { param: "options", word: "nosuid", says: "nosuid", called: &["nosuid", "suid", "setuid"], against: &[] },
    ChoiceWords { param: "options", word: "nodev", says: "nodev", called: &["nodev", "device nodes", "device files"], against: &[] },
    ChoiceWords { param: "options", word: "noexec", says: "noexec", called: &["noexec", "can't be run", "no executables", "cannot be executed", "no programs", "nothing can be executed", "can't execute", "nothing in it can be run", "not executable"], against: &["executable", "execute", "executed", "executing", "run programs", "start programs", "programs can be started", "be started", "run anything"] },
];

/// What it means that data is lost.
pub const LOST: &[&str] = &[
    "lose", "lost", "gone", "destroy", "destroys", "destroyed", "delete", "deletes", "deleted", "wipe", "wipes", "wiped", "erase", "erases", "erased", "disappear", "disappears", "vanish", "vanishes", "removed with", "dies", "die", "thrown away", "throws away", "throw away", "go with it", "goes with it", "nuke", "nuked", "kills", "takes everything with it", "bye bye", "goodbye", "evaporates", "evaporate", "not come back", "not coming back", "unrecoverable", "for good", "goes away", "go away", "poof", "cleared", "down with it", "forgotten", "forgets", "discard", "discards", "discarded", "deprived",
];

/// What it means that data stays.
pub const STAYS: &[&str] = &[
    "nothing is lost", "no data is lost", "is kept", "stays", "remains", "survives", "is safe", "are safe", "is preserved", "keeps the data", "keeps your data", "keeps its data", "data is kept", "nothing gets lost", "never loses", "still there", "won't lose", "not lost", "keeps everything", "are kept", "untouched", "leaves the data", "data intact",
];

/// When things are taken away.
pub const TAKEN_AWAY: &[&str] = &[
    "absent", "remove", "removing", "removed", "take away", "taking away", "taken away", "take it away", "take it down", "tear down", "tearing down", "tear it down", "torn down", "delete", "deleting", "deleted", "destroy", "take back", "taking it back", "undo", "get rid", "getting rid", "drop", "wipe", "unmount", "unmounted", "when it goes", "done with it", "take it back", "clean up", "throw", "thrown", "replace", "erase", "discard", "discards", "throws", "takes away", "away",
];

/// That no question is asked before data is destroyed.
pub const DISPOSABLE: &[&str] = &[
    "disposable", "throwaway", "throw away", "thrown away", "without asking", "without being asked", "no questions", "no question", "no confirmation", "without confirmation", "expendable", "scratch", "not precious", "don't care", "can be destroyed", "may be destroyed", "no extra flag", "won't ask", "doesn't ask", "not ask", "no warning", "without a warning", "without warning", "not asked", "never asks", "may be wiped", "can be wiped", "no fuss", "without further ado", "fine to lose", "ok to lose", "okay to lose", "safe to lose", "may be deleted", "can be deleted", "can be thrown",
];

/// That a question is asked before data is destroyed.
pub const ASKS: &[&str] = &[
    "asks first", "asks before", "ask first", "asks again", "confirm first", "must confirm", "have to confirm", "destroy data flag", "with destroy data", "only with destroy data", "precious", "irreplaceable", "needs confirmation", "asks for confirmation", "asks me", "asks you", "ask me", "ask you", "ask", "asks", "asked", "confirm", "confirmation", "a question",
];
