//! What no spec is: bombs, abysses, floods. Each ends in a clear error, soon, and within bounds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use seed_spec::yaml::decode;
use seed_spec::{Code, FileId, Severity};
use world::{check, codes, show_all, source};

const HEAD: &str = "seed: 1\nname: lab\n";

/// Analyses within the time that a debug build may take on a busy machine.
fn soon(what: &str, text: &str) -> seed_spec::Analysis {
    let start = Instant::now();
    let analysis = check(text);
    assert!(start.elapsed() < Duration::from_secs(30), "{what} took {:?}", start.elapsed());
    analysis
}

fn told(what: &str, text: &str) -> Vec<&'static str> {
    codes(&soon(what, text))
}

#[test]
fn alias_bombs_are_too_large() {
    let mut bomb = String::from(HEAD);
    bomb += "vars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(bomb, "  a{level}: &a{level} [{aliases}]").unwrap();
    }
    let codes = told("aliases", &(bomb + "roles: {}\n"));
    assert_eq!(codes, ["too-large"]);
}

#[test]
fn variable_bombs_are_too_large() {
    let mut text = String::from(HEAD) + "vars:\n  a0: xxxxxxxxxx\n";
    let mut list = String::from(HEAD) + "vars:\n  a0: [x, x, x, x, x, x, x, x, x, x]\n";
    for level in 1..40 {
        let uses = format!("${{vars.a{}}}", level - 1);
        writeln!(text, "  a{level}: {}", uses.repeat(10)).unwrap();
        writeln!(list, "  a{level}: [{}]", vec![format!("'{uses}'"); 10].join(", ")).unwrap();
    }
    for (what, bomb) in [("texts", text), ("lists", list)] {
        let codes = told(what, &(bomb + "roles: {}\n"));
        assert!(codes.contains(&"too-large") && codes.len() < 5, "{what}: {codes:?}");
    }
}

#[test]
fn loop_bombs_are_too_large() {
    let items: Vec<String> = (0..2_000).map(|number| format!("x{number}")).collect();
    let mut text = format!("{HEAD}vars:\n  all: [{}]\nroles:\n", items.join(","));
    for number in 0..110 {
        writeln!(text, "  r{number}: {{is: file.directory, for_each: '${{vars.all}}', path: '/${{each.key}}'}}").unwrap();
    }
    assert!(told("loops", &text).contains(&"too-large"));
}

#[test]
fn deep_nesting_is_too_large() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("[{a: ", "}]")] {
        for depth in [200, 100_000] {
            let text = format!("{HEAD}vars:\n  a: {}x{}\nroles: {{}}\n", open.repeat(depth), close.repeat(depth));
            let codes = told(open, &text);
            assert!(codes.contains(&"too-large") || open == "- " && codes.contains(&"syntax"), "{open} × {depth}: {codes:?}");
        }
    }
    let mut block = format!("{HEAD}vars:\n");
    for depth in 0..2_000 {
        writeln!(block, "{}a:", " ".repeat(depth + 2)).unwrap();
    }
    let analysis = soon("blocks", &(block + "roles:\n  kept: {is: file.directory, path: /kept}\n"));
    assert_eq!(codes(&analysis), ["too-large"]);
    assert_eq!(analysis.roles.len(), 1, "what stands behind it is read");
    let nested = format!("{}x{}", "{a: ".repeat(100), "}".repeat(100));
    let through = format!("{HEAD}vars:\n  a: &a {nested}\n  b: {}*a{}\nroles: {{}}\n", "[".repeat(100), "]".repeat(100));
    assert_eq!(told("aliases in the deep", &through), ["too-large"]);
}

#[test]
fn long_chains_of_variables_do_not_overflow_the_stack() {
    for form in ["'${vars.aNEXT}'", "x${vars.aNEXT}", "['${vars.aNEXT}']"] {
        let mut text = format!("{HEAD}vars:\n");
        for number in 0..5_000 {
            writeln!(text, "  a{number}: {}", form.replace("NEXT", &(number + 1).to_string())).unwrap();
        }
        writeln!(text, "  a5000: end\nroles: {{}}").unwrap();
        let analysis = soon(form, &text);
        assert!(codes(&analysis) == ["too-large"], "{}", show_all(&analysis));
    }
}

#[test]
fn large_scalars_are_read() {
    let long = "x".repeat(5 << 20);
    for quote in ["", "'", "\""] {
        let text = format!("{HEAD}roles:\n  a: {{is: file.text, path: /a, content: {quote}{long}{quote}}}\n");
        let analysis = soon("scalar", &text);
        assert!(analysis.diagnostics.is_empty(), "{}", show_all(&analysis).chars().take(300).collect::<String>());
        assert_eq!(analysis.roles[0].params[1].1.as_text().unwrap().len(), 5 << 20);
    }
    let block = "line of text\n      ".repeat((5 << 20) / 19);
    let text = format!("{HEAD}roles:\n  a:\n    is: file.text\n    path: /a\n    content: |\n      {block}\n");
    assert!(soon("block", &text).diagnostics.is_empty());
}

#[test]
fn floods_end_soon() {
    let junk: [(&str, String); 12] = [
        ("brackets", "[".repeat(1 << 18)),
        ("closing brackets", "]\n".repeat(1 << 16)),
        ("colons", ": ".repeat(1 << 16)),
        ("quotes", "\"\n".repeat(1 << 16)),
        ("dashes", "- ".repeat(1 << 16)),
        ("keys", "a:\n".repeat(1 << 15)),
        ("NUL", "\0".repeat(1 << 20)),
        ("lines without sense", "fn main() { let x = \"[\"; }\n".repeat(1 << 12)),
        ("interpolations", format!("{HEAD}vars: {{a: '{}'}}\n", "${".repeat(1 << 16))),
        ("expressions", format!("{HEAD}vars: {{a: '{}'}}\n", "${x}".repeat(1 << 16))),
        ("comments that ignore", format!("{HEAD}roles: x\n{}", "# seed: ignore[unknown-key]\n".repeat(1 << 13))),
        ("aliases of nothing", (0..1 << 14).map(|number| format!("k{number}: *b{number}\n")).collect()),
    ];
    for (what, text) in junk {
        let analysis = soon(what, &text);
        assert!(analysis.has_errors(), "{what}");
        assert!(analysis.diagnostics.len() <= 502, "{what}: {}", analysis.diagnostics.len());
    }
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let text = format!("{HEAD}vars: {{a: {}}}\n", "x".repeat(9 << 20));
    assert_eq!(told("file", &text), ["too-large"]);
    let many = format!("{HEAD}vars:\n  a: [{}]\n", "a,".repeat(1_100_000));
    assert_eq!(told("values", &many), ["too-large"]);
}

#[test]
fn thousands_of_mistakes_are_told_in_part() {
    let mut text = format!("{HEAD}roles:\n");
    for number in 0..4_000 {
        writeln!(text, "  r{number}: {{is: file.directory, path: /x, needs: [q{number}x]}}").unwrap();
    }
    let analysis = soon("mistakes", &text);
    assert_eq!(analysis.diagnostics.len(), 501);
    let last = analysis.diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Info).unwrap();
    assert_eq!(last.message, "the file has 3500 more mistakes, which are not shown");
}

#[test]
fn bytes_that_are_no_text_are_told() {
    let diagnostic = decode(b"seed: 1\nname: \xff\xfe\n").unwrap_err();
    assert_eq!((diagnostic.code, diagnostic.span.start), (Code::NotUtf8, 14));
    assert_eq!(diagnostic.message, "the file is not UTF-8 text: byte 0xff in line 2 is not part of a valid character");
    let utf16 = decode(b"\xff\xfes\0e\0").unwrap_err();
    assert_eq!(utf16.help.as_deref(), Some("it looks like UTF-16; save it as UTF-8"));
    assert_eq!(decode("seed: ä".as_bytes()), Ok("seed: ä"));
}

#[test]
fn twenty_thousand_lines_are_read() {
    let mut text = format!("{HEAD}roles:\n");
    for number in 0..5_000 {
        let before = if number == 0 { String::new() } else { format!("\n    needs: [d{}]", number - 1) };
        writeln!(text, "  d{number}:\n    is: file.directory\n    path: /srv/{number}{before}").unwrap();
    }
    let analysis = soon("lines", &text);
    assert!(analysis.diagnostics.is_empty(), "{}", show_all(&analysis));
    assert_eq!(analysis.roles.len(), 5_000);
    let (tree, _) = seed_spec::yaml::parse(&source(&text), FileId(0), None);
    assert!(tree.nodes.len() > 40_000);
}
