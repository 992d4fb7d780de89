//! Commands that a person runs with `sudo`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use seed_role::shell;

use super::options::{PlanArgs, SpecArg, Target};

/// Where `sudo` looks for programs, by the `secure_path` of Debian, Fedora and Ubuntu.
const SECURE_PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// This program as `sudo` finds it: by its name, or else by its path.
pub fn program() -> String {
    match own_path() {
        Some(own) if !is_found(&own) => own.display().to_string(),
        _ => "seed".into(),
    }
}

/// The path of this program, if that can be told.
pub fn own_path() -> Option<PathBuf> {
    std::env::current_exe().ok()
}

/// Whether `sudo seed` runs this program.
pub fn is_found(own: &Path) -> bool {
    let found = SECURE_PATH.iter().find_map(|folder| Path::new(folder).join("seed").canonicalize().ok());
    found.is_some_and(|found| own.canonicalize().is_ok_and(|own| own == found))
}

/// The command that this process was started with, as root.
pub fn this_command() -> String {
    command(std::env::args_os().skip(1))
}

/// The command that applies what was planned, as root.
pub fn apply_command(spec: &SpecArg, plan: &PlanArgs) -> String {
    let mut args: Vec<OsString> = vec!["apply".into()];
    if let Target::Absent = plan.state {
        args.extend(["--state".into(), "absent".into()]);
    }
    args.extend(plan.only.iter().flat_map(|role| ["--only".into(), role.into()]));
    args.extend(plan.prune.then(|| "--prune".into()));
    let path = spec.path.as_ref().filter(|_| spec.spec == Path::new("-")).unwrap_or(&spec.spec);
    args.push(path.into());
    command(args)
}

fn command(args: impl IntoIterator<Item = OsString>) -> String {
    let words = ["sudo".into(), program().into()].into_iter().chain(args);
    words.map(|word| shell::quoted_os(&word)).collect::<Vec<_>>().join(" ")
}
