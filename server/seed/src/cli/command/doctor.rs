//! `seed doctor`.

use std::collections::BTreeMap;
use std::io::Write;

use seed_engine::journal::state_folder;
use seed_role::host::Host;
use seed_role::host::real::RealHost;
use seed_role::tool::Tool;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, style};

/// Say what this host can do: which programs the role types need, and which are missing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Something that was looked at.
struct Finding {
    what: String,
    fine: bool,
    words: String,
}

/// Runs it.
pub fn run(_: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let mut findings = vec![privileges(&host), state(), file_exists("loop devices", "/dev/loop-control", "modprobe loop")];
    findings.push(file_exists("Btrfs", "/dev/btrfs-control", "modprobe btrfs"));
    findings.push(model());
    findings.extend(programs(&host));
    let mut out = output::stdout();
    if global.json {
        let findings: Vec<_> =
            findings.iter().map(|finding| json!({"what": finding.what, "ok": finding.fine, "message": finding.words})).collect();
        writeln!(out, "{}", json!({ "version": env!("CARGO_PKG_VERSION"), "findings": findings }))?;
        return Ok(Exit::Ok);
    }
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
    for finding in &findings {
        let (sign, color) = if finding.fine { ('✓', style::GOOD) } else { ('✗', style::WARN) };
        writeln!(out, "  {color}{sign}{color:#} {:width$}  {}", finding.what, finding.words)?;
    }
    Ok(Exit::Ok)
}

fn privileges(host: &dyn Host) -> Finding {
    let root = host.whoami().uid == 0;
    let words = if root { "all role types can be applied" } else { "not root: storage needs `sudo seed apply`" };
    Finding { what: "privileges".into(), fine: root, words: words.into() }
}

fn state() -> Finding {
    let folder = state_folder();
    let fine = seed_engine::journal::file::private_folder(&folder).is_ok();
    let words = if fine { folder.display().to_string() } else { format!("{} cannot be made", folder.display()) };
    Finding { what: "state folder".into(), fine, words }
}

/// The language model that is configured. Asks it nothing.
fn model() -> Finding {
    let (fine, words) = match seed_model::configured() {
        Ok(Some(provider)) => {
            let place = if provider.endpoint().is_local() { "on this machine" } else { "elsewhere: asked once for each project" };
            match provider.key() {
                Some(key) if !key.is_there() => (false, format!("{}: its key is missing, {}", provider.words(), key.words())),
                _ => (true, format!("{}, {place}; not tried", provider.words())),
            }
        }
        Ok(None) => (true, "none is configured; `seed prompt --help` tells how, and all else works without".into()),
        Err(trouble) => (false, trouble.to_string()),
    };
    Finding { what: "language model".into(), fine, words }
}

fn file_exists(what: &str, path: &str, hint: &str) -> Finding {
    let fine = std::path::Path::new(path).exists();
    let words = if fine { path.to_string() } else { format!("{path} is not there; try: {hint}") };
    Finding { what: what.into(), fine, words }
}

/// The programs that role types need, each with the types that need it. A role type is asked by its own example.
fn programs(host: &dyn Host) -> Vec<Finding> {
    let mut needed: BTreeMap<&'static Tool, Vec<&'static str>> = BTreeMap::new();
    for (name, tool) in seed_engine::check::tools_of_types() {
        needed.entry(tool).or_default().push(name);
    }
    let finding = |(tool, types): (&Tool, Vec<&str>)| match host.find_program(tool.program) {
        Some(path) => Finding { what: tool.program.into(), fine: true, words: path.display().to_string() },
        None => Finding { what: tool.program.into(), fine: false, words: format!("for {}: {}", types.join(", "), tool.hint()) },
    };
    needed.into_iter().map(finding).collect()
}
