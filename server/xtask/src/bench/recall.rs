//! Finding what was written: how fast in a large project, and how well in manual pages asked in other words.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::table::{Amount, Budget, Row};
use super::timing::folder;
use super::{Bench, manual};
use crate::Result;
use crate::layout::{Profile, built, root};
use crate::process::{cargo, output, run as run_command};

/// The packages whose manual pages are looked through.
const PACKAGES: [&str; 3] = ["btrfs-progs", "systemd", "qemu-utils"];

/// Words of which the sections of a large project are made; some are rarer than others.
const WORDS: &str = "volume snapshot home folder update disk mirror fails limit memory container mounted read-only machine move another \
                     network port user key service boot root image loop device quota label subvolume backup restore before after because \
                     needs writes reads holds keeps makes takes gives shows hides opens closes starts stops begins ends large small new old";

/// Both.
pub fn run(_: &Bench) -> Result<Vec<Row>> {
    run_command(&mut cargo(&["build", "--quiet", "--release", "--package", "seed-knowledge", "--example", "recall_bench"]))?;
    let mut rows = speed()?;
    rows.extend(quality()?);
    Ok(rows)
}

/// Runs the example on one core, and gives what it measured.
fn measured(arguments: &[&str]) -> Result<Vec<(String, f64)>> {
    let example = built(Profile::Release, "examples/recall_bench");
    let text = output(Command::new("taskset").args(["-c", "0"]).arg(example).args(arguments))?;
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, number)| Ok((name.to_string(), number.parse()?))).collect()
}

fn number(of: &[(String, f64)], name: &str) -> Result<f64> {
    of.iter().find(|(known, _)| known == name).map(|(_, number)| *number).ok_or_else(|| format!("{name} was not measured").into())
}

fn speed() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let time = |milliseconds: f64| Amount::Time(Duration::from_secs_f64(milliseconds / 1e3));
    let mut row = |work: &str, seed: Amount, budget: Budget| rows.push(Row { work: work.into(), floor: None, seed, budget });
    for sections in [10_000, 100_000] {
        let here = folder()?;
        let project = here.path().join("project");
        write_project(&project, sections)?;
        let (state, one) = (here.path().join("state"), project.join("one.md"));
        let found = measured(&["speed", &shown(&project), &shown(&state), &shown(&one)])?;
        if number(&found, "sections")? < f64::from(sections) {
            return Err("not all sections were read".into());
        }
        if sections == 10_000 {
            let budget = Budget::At(Amount::Time(Duration::from_secs(20)));
            row("read 10,000 sections, on one core", time(number(&found, "read")?), budget);
            let budget = Budget::At(Amount::Time(Duration::from_millis(50)));
            row("read them again after one file changed", time(number(&found, "update")?), budget);
        } else {
            row("read 100,000 sections, on one core", time(number(&found, "read")?), Budget::Open);
            row("read them again after one file changed", time(number(&found, "update")?), Budget::Open);
            row("find among 100,000 sections, p50", time(number(&found, "p50")?), Budget::Open);
            let budget = Budget::At(Amount::Time(Duration::from_millis(30)));
            row("find among 100,000 sections, p99", time(number(&found, "p99")?), budget);
            let memory = Amount::Bytes(number(&found, "memory")? as u64);
            row("the same: peak memory, including reading them", memory, Budget::At(Amount::Bytes(300_000_000)));
        }
    }
    Ok(rows)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Files of a hundred sections of some sixty words each.
fn write_project(project: &Path, sections: u32) -> Result {
    fs::create_dir_all(project.join("fragments"))?;
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below
    };
    for file in 0..sections / 100 {
        let mut text = String::new();
        for section in 0..100 {
            text.push_str(&format!("# Section {section} of {file}\n\n"));
            for _ in 0..60 {
                // The smaller of two: the first words are the most frequent ones.
                let word = next(words.len()).min(next(words.len()));
                text.push_str(words[word]);
                text.push(' ');
                if next(12) == 0 {
                    text.push_str(&format!("name{} ", next(5000)));
                }
            }
            text.push_str("\n\n");
        }
        fs::write(project.join(format!("page-{file}.md")), text)?;
    }
    fs::write(project.join("one.md"), "# One\n")?;
    Ok(())
}

fn quality() -> Result<Vec<Row>> {
    let here = folder()?;
    let project = here.path().join("project");
    fs::create_dir_all(project.join("fragments"))?;
    for page in pages()? {
        let name = page.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_string();
        fs::write(project.join(format!("{name}.md")), manual::markdown(&name, &manual::read(&page)?))?;
    }
    let questions = root().join("server/knowledge/tests/questions/manual.txt");
    let found = measured(&["quality", &shown(&project), &shown(&here.path().join("state")), &shown(&questions)])?;
    let row = |work: &str, nth: u32| -> Result<Row> {
        let share = |way: &str| number(&found, &format!("{way}-{nth}")).map(Amount::Share);
        Ok(Row { work: work.into(), floor: Some(share("words")?), seed: share("all")?, budget: Budget::Open })
    };
    Ok(vec![
        row("60 rephrased questions, answer found first (floor: BM25 alone)", 1)?,
        row("60 rephrased questions, answer in the first five (floor: BM25 alone)", 5)?,
    ])
}

/// The manual pages of the packages, those that only lead to others left out.
fn pages() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for package in PACKAGES {
        let files = output(Command::new("dpkg").args(["--listfiles", package]))
            .map_err(|error| format!("{error}; apt-get install {} brings the pages", PACKAGES.join(" ")))?;
        let is_page = |path: &&str| path.contains("/man/man") && path.ends_with(".gz");
        let pages = files.lines().filter(is_page).map(PathBuf::from).filter(|path| path.is_file() && !path.is_symlink());
        let before = found.len();
        found.extend(pages);
        if found.len() == before {
            return Err(format!("the package {package} has no manual pages here").into());
        }
    }
    Ok(found)
}
