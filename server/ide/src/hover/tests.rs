use super::*;
use crate::fixture::{Fixture, check};

fn shown(fixture: &str) -> String {
    check(fixture, |Fixture { snapshot, offset }| match hover(snapshot, *offset) {
        Some(hover) => format!("{}\n{}", snapshot.slice(hover.span), hover.text),
        None => "nothing".into(),
    })
}

const HEAD: &str = "seed: 1\nname: a\nvars: {disk: 4 GiB}\nroles:\n  image:\n    is: disk.image\n    why: one file\n    path: ./a\n    \
                    size: ${vars.disk}\n";

#[test]
fn a_role_type_shows_its_parameters() {
    let text = shown("seed: 1\nname: a\nroles:\n  image:\n    is: disk.im$0age\n    path: ./a\n    size: 1 GiB\n");
    assert!(text.starts_with("disk.image\n**disk.image**\n\nA file that holds a disk.\n"), "{text}");
    assert!(text.contains("| `path`\\* | a path | Where the file is. |"), "{text}");
    assert!(text.contains("| `format` | `raw` or `qcow2` | How the bytes are laid out. (default `raw`) |"), "{text}");
    assert!(text.contains("- `path`: The file."), "{text}");
}

#[test]
fn a_collection_shows_its_types() {
    let text = shown("seed: 1\nname: a\nroles:\n  loop:\n    is: di$0sk\n    backing: /dev/x\n");
    assert!(text.contains("- `disk.loop`: A file as a block device."), "{text}");
}

#[test]
fn a_key_shows_type_default_and_words() {
    let text =
        shown("seed: 1\nname: a\nroles:\n  image:\n    is: disk.image\n    path: ./a\n    size: 1 GiB\n    for$0mat: raw\n");
    assert_eq!(
        text,
        "format\n**format**\n\nHow the bytes are laid out.\n\n`raw` or `qcow2`; default `raw`.\n\n- `raw`: As on a disk.\n\
         - `qcow2`: Grows as it is filled."
    );
    assert!(shown("see$0d: 1\nname: a\nroles: {}\n").contains("The version of the spec language"));
    let nested = "seed: 1\nname: a\nroles:\n  pool:\n    is: disk.pool\n    devices: [/dev/x]\n    subvolumes:\n      home: {quo$0ta: 1 GiB}\n";
    assert!(shown(nested).contains("How much may be in it.\n\nA size, such as `4 GiB`."));
}

#[test]
fn a_word_among_some_shows_what_it_means() {
    let spec = "seed: 1\nname: a\nroles:\n  image:\n    is: disk.image\n    path: ./a\n    size: 1 GiB\n    format: qco$0w2\n";
    assert_eq!(shown(spec), "qcow2\n`qcow2`: Grows as it is filled.");
}

#[test]
fn a_reference_shows_the_role() {
    let text = shown(&format!("{HEAD}  loop:\n    is: disk.loop\n    backing: im$0age\n"));
    assert_eq!(
        text,
        "image\n**image**: `disk.image`\n\none file\n\nA file that holds a disk.\n\nOffers `image.path`, `image.size`."
    );
}

#[test]
fn a_variable_shows_its_value_and_a_text_what_it_comes_to() {
    assert_eq!(shown(&HEAD.replace("vars.disk", "vars.di$0sk")), "disk\n**vars.disk** = `4 GiB`");
    assert_eq!(shown(&HEAD.replace("./a", "./a$0/${vars.disk}")), "./a/${vars.disk}\n→ `/spec/a/4 GiB`");
}

#[test]
fn a_mistake_is_explained_with_its_fix() {
    let text = shown("seed: 1\nname: a\nroles:\n  image:\n    is: disk.im$0aje\n");
    assert!(text.starts_with("disk.imaje\n**unknown-role-type**: "), "{text}");
    assert!(text.contains("did you mean `disk.image`?"), "{text}");
    let section = explanation("unknown-role-type").unwrap_or("no section");
    assert!(section.contains("```yaml") && text.contains(section), "{text}");
}
