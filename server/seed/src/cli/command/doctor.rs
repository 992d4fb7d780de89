//! `seed doctor`.

use std::collections::BTreeMap;
use std::io::Write;

use seed_engine::journal::state_folder;
use seed_role::host::Host;
use seed_role::host::real::RealHost;
use seed_role::shell;
use seed_role::tool::Tool;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, style, sudo};

/// Check this machine: privileges, kernel features, and the programs that role types need.
///
/// Exits with 1 if something is missing.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Something that was checked.
struct Finding {
    what: String,
    fine: bool,
    words: String,
}

impl Finding {
    fn new(what: impl Into<String>, fine: bool, words: impl Into<String>) -> Finding {
        Finding { what: what.into(), fine, words: words.into() }
    }
}

/// Runs it.
pub fn run(_: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let mut findings =
        vec![privileges(&host), sudo(&host), state(), file_exists("loop devices", "/dev/loop-control", "modprobe loop")];
    findings.push(file_exists("Btrfs", "/dev/btrfs-control", "modprobe btrfs"));
    findings.push(model());
    findings.extend(programs(&host));
    let exit = if findings.iter().all(|finding| finding.fine) { Exit::Ok } else { Exit::Failed };
    let mut out = output::stdout();
    if global.json {
        let findings: Vec<_> =
            findings.iter().map(|finding| json!({"what": finding.what, "ok": finding.fine, "message": finding.words})).collect();
        writeln!(out, "{}", json!({ "version": env!("CARGO_PKG_VERSION"), "findings": findings }))?;
        return Ok(exit);
    }
    let width = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
    for finding in &findings {
        let (sign, color) = if finding.fine { ('✓', style::GOOD) } else { ('✗', style::WARN) };
        writeln!(out, "  {color}{sign}{color:#} {:width$}  {}", finding.what, finding.words)?;
    }
    Ok(exit)
}

fn privileges(host: &dyn Host) -> Finding {
    let words = if host.whoami().uid == 0 { "root" } else { "not root; roles that need root are applied with sudo" };
    Finding::new("privileges", true, words)
}

/// Whether `sudo seed` runs this program.
fn sudo(host: &dyn Host) -> Finding {
    let words = match (host.find_program("sudo"), sudo::own_path()) {
        (None, _) => "not installed".to_string(),
        (Some(_), Some(own)) if !sudo::is_found(&own) => {
            let own = shell::quoted(&own.display().to_string());
            let words = format!("`sudo seed` does not find {own}: run `sudo ln -s {own} /usr/local/bin/seed`, or type the path");
            return Finding::new("sudo", false, words);
        }
        _ => "`sudo seed` finds this program".to_string(),
    };
    Finding::new("sudo", true, words)
}

fn state() -> Finding {
    let folder = state_folder();
    match seed_engine::journal::file::private_folder(&folder) {
        Ok(_) => Finding::new("state folder", true, folder.display().to_string()),
        Err(error) => Finding::new("state folder", false, format!("cannot create {}: {error}", folder.display())),
    }
}

/// The language model that is configured. Asks it nothing.
fn model() -> Finding {
    let (fine, words) = match seed_model::configured() {
        Ok(Some(provider)) => {
            let place = if provider.endpoint().is_local() { "on this machine" } else { "remote; each project asks once" };
            match provider.key() {
                Some(key) if !key.is_there() => (false, format!("{}: its key is missing, {}", provider.words(), key.words())),
                _ => (true, format!("{}, {place}; not contacted", provider.words())),
            }
        }
        Ok(None) => (true, "not configured, and only `seed prompt` needs one; `seed prompt --help` shows how".into()),
        Err(trouble) => (false, trouble.to_string()),
    };
    Finding::new("language model", fine, words)
}

fn file_exists(what: &str, path: &str, hint: &str) -> Finding {
    let fine = std::path::Path::new(path).exists();
    let words = if fine { path.to_string() } else { format!("{path} does not exist; try `{hint}`") };
    Finding::new(what, fine, words)
}

/// The programs that role types need, each with the types that need it. A role type is asked by its own example.
fn programs(host: &dyn Host) -> Vec<Finding> {
    let mut needed: BTreeMap<&'static Tool, Vec<&'static str>> = BTreeMap::new();
    for (name, tool) in seed_engine::check::tools_of_types() {
        needed.entry(tool).or_default().push(name);
    }
    let finding = |(tool, types): (&Tool, Vec<&str>)| match host.find_program(tool.program) {
        Some(path) => Finding::new(tool.program, true, path.display().to_string()),
        None => Finding::new(tool.program, false, format!("needed by {}: {}", types.join(", "), tool.hint())),
    };
    needed.into_iter().map(finding).collect()
}
