//! Long inputs: the work grows with the length of a spec, and not with its square.
//!
//! Four times the input may take nine times as long; the square would be sixteen times. The shortest of some attempts counts, so that
//! a busy machine does not.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use seed_engine::check::analyse_with_graph;
use seed_engine::project::DiskLoader;
use seed_role::host::sim::SimHost;
use seed_spec::analysis::Request;

const HEAD: &str = "seed: 1\nname: n\n";

fn time(text: &str) -> Duration {
    let host = SimHost::new();
    let request = Request { path: Path::new("/nowhere/a.seed.yaml"), text, edited_line: None };
    let once = || {
        let start = Instant::now();
        analyse_with_graph(&request, &DiskLoader, Some(&host));
        start.elapsed()
    };
    (0..2).map(|_| once()).min().unwrap()
}

#[track_caller]
fn grows_with_its_length(what: &str, size: usize, text: impl Fn(usize) -> String) {
    const MOST: f64 = 9.0;
    let mut ratio = 0.0;
    for _ in 0..3 {
        ratio = time(&text(size * 4)).as_secs_f64() / time(&text(size)).as_secs_f64();
        if ratio < MOST {
            return;
        }
    }
    panic!("{what}: four times the input takes {ratio:.1} times as long");
}

#[test]
fn long_paths_names_and_lines() {
    let role = |path: &str| format!("{HEAD}roles:\n  a: {{is: file.text, path: \"{path}\", content: x}}\n");
    grows_with_its_length("a path", 50_000, |size| role(&"/a".repeat(size)));
    grows_with_its_length("a path with dots", 20_000, |size| role(&"/a/..".repeat(size)));
    grows_with_its_length("a source", 50_000, |size| {
        format!("{HEAD}roles:\n  a: {{is: file.template, path: /a, from: \"{}\"}}\n", "/a".repeat(size))
    });
    grows_with_its_length("a path behind an output", 50_000, |size| {
        format!(
            "{HEAD}roles:\n  d: {{is: file.directory, path: /d}}\n  a: {{is: file.text, path: \"${{d.path}}{}\", content: x}}\n",
            "/a".repeat(size)
        )
    });
    grows_with_its_length("an include", 50_000, |size| format!("{HEAD}include: \".{}\"\nroles: {{}}\n", "/a".repeat(size)));
    grows_with_its_length("a name", 100_000, |size| {
        format!("{HEAD}roles:\n  {}: {{is: file.text, path: /a, content: x}}\n", "a".repeat(size))
    });
    grows_with_its_length("a key", 100_000, |size| {
        format!("{HEAD}roles:\n  a: {{is: file.text, path: /a, content: x, {}: 1}}\n", "a".repeat(size))
    });
    grows_with_its_length("a type", 100_000, |size| format!("{HEAD}roles:\n  a: {{is: {}}}\n", "a".repeat(size)));
    grows_with_its_length("a line of text", 1 << 18, |size| {
        format!("{HEAD}roles:\n  a: {{is: file.text, path: /a, content: {}}}\n", "x".repeat(size))
    });
    grows_with_its_length("a line of roles", 1_000, |size| {
        let roles: Vec<String> =
            (0..size).map(|number| format!("r{number}: {{is: file.text, path: /a/{number}, content: x}}")).collect();
        format!("{HEAD}roles: {{{}}}\n", roles.join(", "))
    });
}

#[test]
fn many_roles_and_uses() {
    grows_with_its_length("roles inside each other", 800, |size| {
        let mut text = format!("{HEAD}roles:\n");
        for number in 0..size {
            let depth = number % 400;
            writeln!(text, "  r{number}: {{is: file.directory, path: /p{}{}}}", number / 400, "/a".repeat(depth)).unwrap();
        }
        text
    });
    grows_with_its_length("uses of variables", 2_000, |size| {
        format!("{HEAD}vars: {{a: x}}\nroles:\n  a: {{is: file.text, path: /a, content: \"{}\"}}\n", "${vars.a}".repeat(size))
    });
    grows_with_its_length("uses of outputs", 1_000, |size| {
        format!(
            "{HEAD}roles:\n  d: {{is: file.directory, path: /d}}\n  a: {{is: file.text, path: /a, content: \"{}\"}}\n",
            "${d.path}".repeat(size)
        )
    });
    grows_with_its_length("openings without an end", 20_000, |size| {
        format!("{HEAD}roles:\n  a: {{is: file.text, path: /a, content: \"{}\"}}\n", "${".repeat(size))
    });
    grows_with_its_length("what clashes", 500, |size| {
        let mut text = format!("{HEAD}roles:\n");
        (0..size).for_each(|number| writeln!(text, "  r{number}: {{is: file.text, path: /a, content: x}}").unwrap());
        text
    });
    grows_with_its_length("commands", 1_000, |size| {
        let mut text = format!("{HEAD}roles:\n");
        for number in 0..size {
            let after = if number == 0 { String::new() } else { format!(", needs: [r{}]", number - 1) };
            writeln!(text, "  r{number}: {{is: task.command, present: [a], absent: [b], info: [c]{after}}}").unwrap();
        }
        text
    });
}
