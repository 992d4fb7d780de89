//! Any bytes, from end to end: what the program shows of them is text, ends in a status of its own, and gives no orders to the terminal
//! but colours.

use std::os::unix::ffi::OsStringExt;

use super::Trials;
use super::draw::{Draw, is_all};
use crate::sandbox::{Ran, SEED, Sandbox};

const SPEC: &str = "\
seed: 1
name: name
why: A test of “everything” – 𝄞 ünd so weiter.

vars: {disk: 4 GiB, home: ~}

roles:
  image: {is: storage.file_block_image, path: ./lab.img, size: \"${vars.disk}\"}
  loop: {is: storage.loopback_device, backing: image}
  note:
    is: file.text
    path: ./näme
    content: |
      one line
      another → line
  unknown: {is: file.txt, paht: 7}
  page: {is: file.template, path: ./page, from: ./page.j2, with: {a: [1, 2, {b: c}]}, needs: [image, nobody]}
";

/// What is put into a text: what is no UTF-8, what ends a line elsewhere, what terminals obey, what turns text around.
const PIECES: &[&[u8]] = &[
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f",
    b"\0",
    b"\x1b[31m",
    b"\x1b]0;title\x07",
    b"\x1b[2J\x1b[H",
    b"\r",
    b"\x07",
    b"\x08\x08\x08",
    b"\xc2\x9b31m",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xae",
    b"\xe2\x81\xa6",
    b"\xef\xbb\xbf",
    b"\"",
    b": ",
    b"\n  ",
    b"\t",
    b"${",
    b"\xf0\x9d\x84\x9e",
    b"e\xcc\x81\xcc\x81\xcc\x81",
];

/// A spec with some bytes put in, taken out or exchanged.
fn mutated(draw: &mut Draw) -> Vec<u8> {
    let mut bytes = SPEC.as_bytes().to_vec();
    for _ in 0..1 + draw.below(6) {
        let at = draw.below(bytes.len());
        match draw.below(5) {
            0..=2 => {
                let piece = *draw.one_of(PIECES);
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => drop(bytes.drain(at..(at + 1 + draw.below(4)).min(bytes.len()))),
            _ => bytes[at] = u8::try_from(draw.below(256)).unwrap(),
        }
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
    }
    bytes
}

const COMMANDS: &[&[&str]] = &[
    &["check", "--color", "always"],
    &["check", "--json"],
    &["plan", "--color", "always"],
    &["info", "--color", "always"],
    &["graph", "--format", "dot"],
    &["graph", "--format", "svg"],
    &["graph", "--format", "mermaid"],
    &["fmt", "--check", "--color", "always"],
];

#[test]
fn any_bytes_end_in_text() {
    let mut trials = Trials::of("byte strings through the program");
    let mut draw = Draw::of("renderers");
    let sandbox = Sandbox::new();
    for number in 0..if is_all() { 10_000 } else { 300 } {
        let bytes = mutated(&mut draw);
        let spec = sandbox.at("name.seed.yaml");
        std::fs::write(&spec, &bytes).unwrap();
        let args = COMMANDS[number % COMMANDS.len()];
        // Now and then a terminal is there: script(1) gives the program one, and writes down what comes.
        let is_on_terminal = number % 10 == 9 && args[0] == "check";
        let ran = match is_on_terminal {
            true => {
                let line = format!("'{SEED}' {} name.seed.yaml", args.join(" "));
                Ran::of(sandbox.command("script").args(["--quiet", "--return", "--command", &line, "/dev/null"]))
            }
            false => sandbox.seed(&[args, &["name.seed.yaml"]].concat()),
        };
        trials.attempt(format!("seed {}, {:?}", args.join(" "), String::from_utf8_lossy(&bytes)), || {
            assert!(matches!(ran.code(), Some(0..=3)), "{}", ran.told());
            for bytes in [ran.stdout_bytes(), ran.stderr_bytes()] {
                assert_is_harmless(bytes, is_on_terminal);
            }
        });
    }
    trials.end(300);
}

#[test]
fn any_file_name_ends_in_text() {
    let mut trials = Trials::of("file names through the program");
    let mut draw = Draw::of("names");
    for _ in 0..if is_all() { 1000 } else { 40 } {
        let sandbox = Sandbox::new();
        let mut name = b"a".to_vec();
        for _ in 0..1 + draw.below(3) {
            name.extend(draw.one_of(PIECES).iter().filter(|byte| **byte != 0 && **byte != b'/'));
        }
        name.extend(b".seed.yaml");
        let name = std::ffi::OsString::from_vec(name);
        std::fs::write(sandbox.path().join(&name), SPEC).unwrap();
        let ran = Ran::of(sandbox.seed_command(&["check", "--color", "always"]).arg(&name));
        trials.attempt(format!("{name:?}"), || {
            assert!(matches!(ran.code(), Some(0..=3)), "{}", ran.told());
            for bytes in [ran.stdout_bytes(), ran.stderr_bytes()] {
                assert_is_harmless(bytes, false);
            }
        });
    }
    trials.end(40);
}

/// Asserts that bytes are text, in which nothing moves the cursor, rings, or turns text around; colours are all that may be.
fn assert_is_harmless(bytes: &[u8], from_terminal: bool) {
    let text =
        std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("not UTF-8, {error}: {:?}", String::from_utf8_lossy(bytes)));
    // A terminal ends each line with both.
    let text = if from_terminal { text.replace("\r\n", "\n") } else { text.to_string() };
    let mut rest = text.as_str();
    while let Some(at) = rest.find(is_order) {
        let order = &rest[at..];
        let colour = order.strip_prefix("\u{1b}[").and_then(|codes| {
            let end = codes.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
            codes[end..].starts_with('m').then(|| &codes[end + 1..])
        });
        rest = colour.unwrap_or_else(|| panic!("{:?} in {text:?}", order.chars().next()));
    }
}

/// Whether a letter is an order to a terminal (control characters but for line break and tabulator), or turns text around (Unicode's
/// bidirectional overrides, embeddings and isolates).
fn is_order(letter: char) -> bool {
    (letter.is_control() && !matches!(letter, '\n' | '\t')) || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
