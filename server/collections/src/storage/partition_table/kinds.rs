//! What partitions are for, as words (UEFI Specification 2.10, §5.3.3; UAPI Discoverable Partitions Specification).

use uuid::{Uuid, uuid};

const KINDS: &[(&str, Uuid)] = &[
    ("linux", uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4")),
    ("efi", uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")),
    ("boot", uuid!("bc13c2ff-59e6-4262-a352-b275fd6f7172")),
    ("bios", uuid!("21686148-6449-6e6f-744e-656564454649")),
    ("swap", uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f")),
    ("home", uuid!("933ac7e1-2eb4-4f13-b844-0e14e2aef915")),
    ("srv", uuid!("3b8f8425-20e0-4f3b-907f-1a25a76f98e8")),
    ("var", uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d")),
    ("root-x86-64", uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709")),
    ("root-arm64", uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae")),
    ("luks", uuid!("ca7d7ccb-63ed-4c53-861c-1742536059cc")),
    ("lvm", uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928")),
    ("raid", uuid!("a19d880f-05fc-4d3b-a006-743f0f84911e")),
    ("data", uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")),
];

/// What a partition is for if the spec does not say.
pub const DEFAULT: &str = "linux";

/// The UUID of a word, or of a UUID written out.
pub fn uuid_of(word: &str) -> Option<Uuid> {
    let known = KINDS.iter().find(|(known, _)| *known == word).map(|(_, uuid)| *uuid);
    known.or_else(|| Uuid::try_parse(word).ok().filter(|uuid| !uuid.is_nil()))
}

/// The word for a UUID; itself if there is none.
pub fn word_of(uuid: Uuid) -> String {
    KINDS.iter().find(|(_, known)| *known == uuid).map_or_else(|| uuid.to_string(), |(word, _)| (*word).to_string())
}

/// All words, for a message.
pub fn words() -> String {
    let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
    words.join(", ")
}
