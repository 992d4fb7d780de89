//! From a drift to its repair, with a watch over 1,000 roles.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::Bench;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median, percentile, seed, time};
use super::workload::{content, file_in, files_spec};
use crate::Result;

const FOLDERS: usize = 500;
const SPEC: &str = "files.seed.yaml";
const DRIFTS: usize = 40;
/// A drift that is not mended by then was missed.
const LONGEST: Duration = Duration::from_secs(5);

/// The watch; it is stopped when this is dropped.
struct Watch(Child);

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Changes a file here and there, and waits until it is as it was.
pub fn run(bench: &Bench) -> Result<Vec<Row>> {
    let here = folder()?;
    fs::write(here.path().join(SPEC), files_spec(FOLDERS))?;
    time(&mut seed(&bench.seed, here.path(), &["apply", "--yes", SPEC]), &[0])?;
    let mut watch = seed(&bench.seed, here.path(), &["repair", "--watch", "--yes", SPEC]);
    let _watch = Watch(watch.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let top = here.path().join("tree");
    // The first is mended once the watch has begun, however long that takes.
    drift(&top, 0, Duration::from_secs(30))?;
    let (mut times, mut missed) = (Vec::new(), 0);
    for number in 1..=DRIFTS {
        match drift(&top, number * 137 % FOLDERS, LONGEST)? {
            Some(time) => times.push(time),
            None => missed += 1,
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if missed > 0 {
        return Err(format!("{missed} of {DRIFTS} drifts were missed").into());
    }
    let row = |work: &str, time, budget| Row { work: work.into(), floor: None, seed: Amount::Time(time), budget };
    let budget = Budget::At(Amount::Time(Duration::from_millis(50)));
    Ok(vec![
        row("watch 1,000 roles: from drift to repair, median of 40, none missed", median(times.clone()), budget),
        row("the same, slowest", percentile(times, 100), Budget::Open),
    ])
}

fn drift(top: &Path, number: usize, longest: Duration) -> Result<Option<Duration>> {
    let path = file_in(top, number);
    fs::write(&path, "drifted\n")?;
    let start = Instant::now();
    while start.elapsed() < longest {
        if fs::read_to_string(&path).is_ok_and(|text| text == content(number)) {
            return Ok(Some(start.elapsed()));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(None)
}
