//! The forms that secrets have.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// A form: what it is called, and a pattern whose group `s`, or all of it, is the secret.
struct Form {
    kind: &'static str,
    pattern: Regex,
}

/// Kinds and patterns. Each is anchored by something that only secrets have, so that hashes, UUIDs and public keys stay.
const FORMS: &[(&str, &str)] = &[
    // To the end of the text if the end line is missing: half a key is one too.
    (
        "private key",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    ("private key", r"PuTTY-User-Key-File-\d(?s:.*?)(?:Private-MAC: *[0-9a-f]+|\z)"),
    ("age key", r"\bAGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20,}"),
    ("AWS key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("GitLab token", r"\bgl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|oas)-[A-Za-z0-9_\-.]{20,}"),
    ("Slack token", r"\b(?:xox[abposre]|xapp|xwfp)(?:\.xox[bp])?-[A-Za-z0-9-]{10,}"),
    ("Slack webhook", r"hooks\.slack\.com/(?:services|workflows)/(?P<s>[A-Za-z0-9/_]{20,})"),
    // OpenAI (sk-proj-…), Anthropic (sk-ant-…), OpenRouter (sk-or-v1-…), DeepSeek and others.
    ("API key", r"\b(?:sk|pk|rk)-(?:[a-z0-9]{2,10}-)*[A-Za-z0-9_\-]{20,}"),
    ("Stripe key", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9]{20,}"),
    ("Google key", r"\bAIza[0-9A-Za-z_\-]{35}|\bya29\.[0-9A-Za-z_\-]{20,}|\bGOCSPX-[0-9A-Za-z_\-]{20,}"),
    ("Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}"),
    ("PyPI token", r"\bpypi-[A-Za-z0-9_\-]{50,}"),
    ("registry token", r"\b(?:dckr_pat_[A-Za-z0-9_\-]{20,}|cio[A-Za-z0-9]{32})\b"),
    ("DigitalOcean token", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    ("SendGrid key", r"\bSG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}"),
    ("Vault token", r"\bhv[sbr]\.[A-Za-z0-9_\-]{20,}"),
    ("Telegram token", r"\b[0-9]{8,10}:AA[A-Za-z0-9_\-]{33}"),
    ("Tailscale key", r"\btskey-[a-z]+-[A-Za-z0-9\-]{10,}"),
    ("JWT", r"\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]*"),
    // crypt(5): what stands in /etc/shadow can be guessed from.
    ("password hash", r"\$(?:1|2[abxy]|5|6|7|y|gy|argon2(?:id?|d))\$[./A-Za-z0-9$=,+]{20,}"),
    ("password in a URL", r"\b[A-Za-z][A-Za-z0-9+.\-]*://[^/\s:@'\x22<]*:(?P<s>[^/\s@'\x22<][^/\s'\x22<]*)@"),
    (
        "authorisation",
        r"(?i)\b(?:proxy-)?authorization['\x22]?[ \t]*[:=][ \t]*['\x22]?(?:(?:bearer|basic|token|digest|negotiate|apikey)[ \t]+)?(?P<s>[^\s'\x22<][^'\x22\r\n]*)",
    ),
    ("authorisation", r"(?i)\bbearer[ \t]+(?P<s>[A-Za-z0-9_\-.=+/~]{16,})"),
    ("cookie", r"(?i)\b(?:set-)?cookie['\x22]?[ \t]*:[ \t]*(?P<s>[^\s<][^\r\n]*)"),
    ("password", r"(?i)\bmachine\s+\S+\s+login\s+\S+\s+password\s+(?P<s>[^\s<]\S*)"),
    ("password", r"(?i)(?:^|\s)(?:--?(?:password|passwd|passphrase|token|secret|api-key)[= ])(?P<s>[^\s<'\x22-][^\s]*)"),
];

/// Names that hold a secret when something is assigned to them, `password: …` or `API_KEY=…`.
const ASSIGNED: &str = r#"(?im)(?P<name>[A-Za-z0-9_.\-]*(?:password|passwd|passphrase|passwort|pwd|secret|token|api[_\-]?key|access[_\-]?key|secret[_\-]?key|private[_\-]?key|preshared[_\-]?key|encryption[_\-]?key|client[_\-]key[_\-]data|\bpsk|_auth|credentials?))["']?[ \t]*(?:[:=]|=>|:=)[ \t]*(?P<value>"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[^\s][^\n]*)"#;

static COMPILED: LazyLock<Vec<Form>> = LazyLock::new(|| {
    let form = |(kind, pattern): &(&'static str, &str)| Form { kind, pattern: compiled(pattern) };
    FORMS.iter().map(form).collect()
});

static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| compiled(ASSIGNED));

/// The patterns are constants, and a test compiles them all.
#[allow(clippy::unwrap_used)]
fn compiled(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).size_limit(64 << 20).build().unwrap()
}

/// Adds where the secrets of a text are; they may overlap.
pub(super) fn find(text: &str, spans: &mut Vec<(Range<usize>, &'static str)>) {
    for form in COMPILED.iter() {
        for found in form.pattern.captures_iter(text) {
            let Some(secret) = found.name("s").or_else(|| found.get(0)) else { continue };
            if !is_masked(secret.as_str()) {
                spans.push((secret.range(), form.kind));
            }
        }
    }
    for found in ASSIGNMENT.captures_iter(text) {
        let (Some(name), Some(value)) = (found.name("name"), found.name("value")) else { continue };
        if let Some(range) = block_behind(text, name.start(), value.as_str(), value.end()) {
            spans.push((range, "password or token"));
            continue;
        }
        let is_option = name.as_str().starts_with('-');
        if let Some(range) = secret_in(value.as_str(), value.start(), is_option) {
            spans.push((range, "password or token"));
        }
    }
}

/// Whether it was masked before.
fn is_masked(secret: &str) -> bool {
    secret.contains("<masked ") && secret.ends_with('>')
}

/// The lines of a block of YAML that is assigned, `password: |`: those indented more than the line of its name.
fn block_behind(text: &str, name: usize, value: &str, end: usize) -> Option<Range<usize>> {
    let head = value.split(" #").next().unwrap_or(value).trim();
    let is_head =
        head.starts_with(['|', '>']) && head[1..].chars().all(|letter| letter.is_ascii_digit() || "+-".contains(letter));
    if !is_head {
        return None;
    }
    let indent = |line: &str| line.len() - line.trim_start().len();
    let line_start = text[..name].rfind('\n').map_or(0, |at| at + 1);
    let outer = indent(&text[line_start..]);
    let start = end + 1;
    let mut reach = start;
    for line in text.get(start..)?.split_inclusive('\n') {
        if !line.trim().is_empty() && indent(line) <= outer {
            break;
        }
        reach += line.len();
    }
    let block = text[start..reach].trim_end();
    let from = start + indent(block);
    let was_masked = is_masked(block.trim());
    (!block.is_empty() && !was_masked).then_some(from..start + block.len())
}

/// The part of an assigned value that is a secret; none if the value says where one is, or is none. To an option of a command
/// belongs no more than a word.
fn secret_in(value: &str, at: usize, is_option: bool) -> Option<Range<usize>> {
    let quoted = ['"', '\''].into_iter().find(|quote| value.len() > 1 && value.starts_with(*quote) && value.ends_with(*quote));
    let inner = match quoted {
        Some(_) => &value[1..value.len() - 1],
        None if is_option => value.split_whitespace().next().unwrap_or_default(),
        None => bare(value),
    };
    let offset = at + usize::from(quoted.is_some());
    (!inner.is_empty() && !says_where(inner)).then(|| offset..offset + inner.len())
}

/// A bare value: to the end of the line, without a comment, and in flow style without what closes it.
fn bare(value: &str) -> &str {
    let value = value.split(" #").next().unwrap_or(value);
    // `{password: x, user: y}` and `"a": x}`: what follows belongs to others.
    let end = value.find([',', '}', ';', '`', '\r']).unwrap_or(value.len());
    // The end of what quotes the name and the value together, as in `-H "X-Api-Key: …"`.
    value[..end].trim_end().trim_end_matches(['"', '\''])
}

/// Whether a value is no secret itself: a place where one is had, a word of a spec, a type, nothing.
fn says_where(value: &str) -> bool {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "none",
        "nil",
        "~",
        "locked",
        "yes",
        "no",
        "on",
        "off",
        "prompt",
        "ask",
        "required",
        "optional",
        "string",
        "str",
        "text",
        "file",
        "env",
        "command",
        "credential",
        "|",
        ">",
        "|-",
        ">-",
    ];
    let starts = ["!", "$", "{", "[", "/", "./", "../", "~/", "<", "&", "*", "%"];
    WORDS.contains(&value.to_ascii_lowercase().as_str()) || starts.iter().any(|start| value.starts_with(start))
}
