//! How long expanding takes: 10,000 uses of a composite role of ten parts. Prints the milliseconds of two readings of a spec: with
//! the role, and with one of the same parameters that is made of nothing. `cargo xtask bench expand` runs it; the difference is the
//! expansion: making 100,000 parts, reading their parameters and ordering them.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use seed_engine::project::DiskLoader;
use seed_spec::analysis::{Request, analyse};

const RUNS: usize = 5;
const USES: usize = 10_000;
const PARTS: usize = 10;

fn main() -> ExitCode {
    let mut table = String::new();
    for parts in [PARTS, 0] {
        match reading(parts) {
            Ok(time) => drop(writeln!(table, "{} {:.3}", parts * USES, time.as_secs_f64() * 1e3)),
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
    }
    match std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The best time of some readings of a spec whose role has so many parts.
fn reading(parts: usize) -> Result<Duration, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let role = folder.path().join("roles/box");
    let mut tasks = String::from(if parts == 0 { "present: {}\n" } else { "present:\n" });
    for part in 0..parts / 2 {
        let _ = write!(
            tasks,
            "  folder{part}:\n    is: file.directory\n    path: ${{home}}/d{part}\n  \
             file{part}:\n    is: file.text\n    path: ${{folder{part}.path}}/note\n    content: ${{greeting}}\n    mode: ${{mode}}\n",
        );
    }
    let about = "about: A home.\nparameters:\n  home: {type: path}\n  greeting: {type: text, default: Hello.}\n  mode: {type: mode, default: \"0640\"}\n";
    let written = std::fs::create_dir_all(role.join("tasks"))
        .and_then(|()| std::fs::write(role.join("role.yml"), about))
        .and_then(|()| std::fs::write(role.join("tasks/main.yml"), &tasks));
    written.map_err(|error| error.to_string())?;
    let mut text = String::from("seed: 1\nname: scale\nroles:\n");
    for number in 0..USES {
        let _ = write!(text, "  box{number}:\n    is: box\n    home: /srv/box{number}\n");
    }
    let path = folder.path().join("scale.seed.yaml");
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        let analysis = analyse(
            &Request { path: Path::new(&path), text: &text, edited_line: None },
            seed_collections::catalog(),
            &DiskLoader,
        );
        best = best.min(start.elapsed());
        if analysis.roles.len() != parts * USES || analysis.has_errors() {
            return Err(format!("{} roles, and {:?}", analysis.roles.len(), analysis.diagnostics.first()));
        }
    }
    Ok(best)
}
