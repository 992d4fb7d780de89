//! How long a plan takes for specs of growing length, on the simulated machine: a line for each, with the number of roles and the
//! milliseconds. `cargo xtask bench scale` runs it.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use seed_engine::journal::Ledger;
use seed_engine::plan::Options;
use seed_engine::project::{DiskLoader, Project};
use seed_role::host::Host;
use seed_role::host::sim::SimHost;

const RUNS: usize = 3;

fn main() -> ExitCode {
    let mut table = String::new();
    for count in [1_000, 10_000, 100_000] {
        match plan_of(count) {
            Ok(time) => drop(writeln!(table, "{count} {:.3}", time.as_secs_f64() * 1e3)),
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

/// The best time of some plans for so many roles, half of them folders, half files in them, of which every second is there.
fn plan_of(count: usize) -> Result<Duration, String> {
    let path = Path::new("/srv/scale/scale.seed.yaml");
    let mut text = String::from("seed: 1\nname: scale\nwhy: Very many roles.\nvars:\n  names:\n");
    for number in 0..count / 2 {
        writeln!(text, "    - n{number:06}").map_err(|error| error.to_string())?;
    }
    text.push_str(
        "roles:\n  folder:\n    is: file.directory\n    for_each: ${vars.names}\n    path: ./tree/${each.value}\n  file:\n    is: file.text\n    \
         for_each: ${vars.names}\n    path: ./tree/${each.value}/name\n    content: I am ${each.value}.\n",
    );
    let host = SimHost::new();
    let told = |trouble: seed_role::Trouble| trouble.to_string();
    for folder in ["/srv", "/srv/scale", "/srv/scale/tree"] {
        host.make_folder(Path::new(folder), 0o755).map_err(told)?;
    }
    for number in (0..count / 2).step_by(2) {
        let folder = format!("/srv/scale/tree/n{number:06}");
        host.make_folder(Path::new(&folder), 0o755).map_err(told)?;
        host.write_file(Path::new(&format!("{folder}/name")), format!("I am n{number:06}.").as_bytes(), 0o644, None)
            .map_err(told)?;
    }
    let project = Project::new(path, &text, &DiskLoader, &host, Path::new("/nowhere"))
        .map_err(|analysis| format!("the spec has mistakes: {:?}", analysis.diagnostics.first()))?;
    let mut best = Duration::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        let plan = project.plan(&host, &Ledger::default(), &Options::default()).map_err(told)?;
        best = best.min(start.elapsed());
        if plan.roles.len() != count {
            return Err(format!("a plan of {} roles, not {count}", plan.roles.len()));
        }
    }
    Ok(best)
}
