//! Sessions: commands are run, and what they say is compared.

use std::fs::OpenOptions;

use crate::sandbox::{SEED, Sandbox};

/// What the folder of a session is called in the documents.
const SHOWN_FOLDER: &str = "/home/ada/lab";

/// Runs the commands of a session, and gives the session as it went.
pub fn run(sandbox: &Sandbox, session: &str) -> String {
    let commands = session.lines().filter_map(|line| line.strip_prefix("$ "));
    commands.map(|command| format!("$ {command}\n{}", said(sandbox, command))).collect()
}

/// What a command says, on both sides, in the order in which it says it.
fn said(sandbox: &Sandbox, line: &str) -> String {
    let words = words(line);
    let mut words = words.iter().map(String::as_str).filter(|word| *word != "sudo").peekable();
    let mut environment = Vec::new();
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        environment.push((name, value));
        words.next();
    }
    let program = match words.next().unwrap() {
        "seed" => SEED,
        other => other,
    };
    let path = sandbox.at("../said");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path).unwrap();
    let mut command = sandbox.command(program);
    command.args(words).envs(environment).stdout(file.try_clone().unwrap()).stderr(file);
    command.status().unwrap_or_else(|error| panic!("{line}: {error}"));
    let said = std::fs::read_to_string(path).unwrap();
    said.replace(&sandbox.path().display().to_string(), SHOWN_FOLDER)
}

/// The words of a line, as a shell would part it: quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().unwrap().push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether two sessions are the same but for what differs from run to run. A line `…` stands for any lines.
pub fn is_same(written: &str, said: &str) -> bool {
    let (written, said) = (steady(written), steady(said));
    let mut rest = &said[..];
    let mut any = false;
    for line in &written {
        if line == "…" {
            any = true;
        } else if let Some(at) = rest.iter().position(|other| other == line).filter(|at| any || *at == 0) {
            rest = &rest[at + 1..];
            any = false;
        } else {
            return false;
        }
    }
    any || rest.is_empty()
}

/// The lines without times, dates, digests, UUIDs and the numbers of loop devices; what is done side by side is sorted.
fn steady(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(steady_line).collect();
    let signs = ["✓ ", "✗ ", "○ ", "create ", "change ", "replace ", "remove "];
    let is_event = |line: &String| signs.iter().any(|sign| line.trim_start().starts_with(sign));
    lines.chunk_by_mut(|one, other| is_event(one) && is_event(other)).for_each(|chunk| chunk.sort());
    lines
}

fn steady_line(line: &str) -> String {
    let words: Vec<&str> = line.trim_end().split(' ').collect();
    let is_unit = |word: Option<&&str>| word.is_some_and(|word| ["ms", "s"].contains(&word.trim_end_matches(['.', ','])));
    let steady: Vec<String> = words
        .iter()
        .enumerate()
        .map(|(at, word)| match *word {
            "ms" | "s" | "ms." | "s." => "s".to_string(),
            number if is_unit(words.get(at + 1)) && number.parse::<f64>().is_ok() => "N".to_string(),
            device if device.starts_with("/dev/loop") => "/dev/loop".to_string(),
            commit if is_commit(commit) => "COMMIT".to_string(),
            id if is_hex_of(id, 36) || is_hex_of(id, 16) => "ID".to_string(),
            date if date.len() >= 8 && date.bytes().all(|byte| byte.is_ascii_digit() || b":-".contains(&byte)) => {
                "DATE".to_string()
            }
            other => other.to_string(),
        })
        .collect();
    steady.join(" ")
}

/// A commit in brackets, as `seed collection` shows it.
fn is_commit(word: &str) -> bool {
    word.strip_prefix('(').and_then(|word| word.strip_suffix(')')).is_some_and(|word| is_hex_of(word, 12))
}

fn is_hex_of(word: &str, length: usize) -> bool {
    word.len() == length && word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[test]
fn sessions_differ_only_in_what_must() {
    assert!(is_same("$ a\nDone in 2 ms.\n", "$ a\nDone in 1.3 s.\n"));
    assert!(is_same("  ✓ a  create  1 ms\n  ✓ b  create  1 ms\n", "  ✓ b  create  7 ms\n  ✓ a  create  1 ms\n"));
    assert!(is_same("$ a\n…\nlast\n", "$ a\none\ntwo\nlast\n"));
    assert!(!is_same("$ a\n…\nlast\n", "$ a\none\n"));
    assert!(!is_same("$ a\n3 to create\n", "$ a\n4 to create\n"));
    assert!(!is_same("$ a\n", "$ a\nmore\n"));
}
