//! 10,000 files with three fragments each; and beside copier (PyPI), where that is installed, fewer of them.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::Bench;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median, seed, time};
use super::workload::{FRAGMENTS, embedding, embedding_in, fragment};
use crate::Result;
use crate::process::run as run_command;

const COUNT: usize = 10_000;
const RUNS: usize = 7;
/// copier takes its time.
const COUNT_BESIDE_COPIER: usize = 1000;
const RUNS_BESIDE_COPIER: usize = 3;

/// Looking at all, and updating all.
pub fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut project = Project::of(COUNT, bench)?;
    let (mut read, mut status) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        read.push(time(&mut project.floor("fragments-status", &[]), &[0])?);
        status.push(time(&mut project.seed(&["fragment", "status"]), &[0])?);
    }
    let (mut write, mut update) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        // By hand the text of the version that is there already, so that Seed finds what it left.
        let version = project.version.to_string();
        write.push(time(&mut project.floor("fragments-update", &[&COUNT.to_string(), &version]), &[0])?);
        update.push(project.update()?);
    }
    let row = |work: &str, floor, seed, budget| Row {
        work: format!("{COUNT} files with {FRAGMENTS} fragments each: {work}"),
        floor: Some(Amount::Time(median(floor))),
        seed: Amount::Time(median(seed)),
        budget: Budget::Floors(budget),
    };
    let mut rows = vec![
        row("status, nothing to do (floor: reading them)", read, status, 3.0),
        row("update of all (floor: writing them)", write, update, 2.0),
    ];
    match Command::new("copier").arg("--version").output() {
        Ok(found) if found.status.success() => rows.push(beside_copier(bench)?),
        _ => eprintln!("copier is not installed (pip install copier): not compared with it"),
    }
    Ok(rows)
}

/// A project whose files are rendered.
struct Project<'b> {
    bench: &'b Bench,
    here: tempfile::TempDir,
    version: usize,
}

impl<'b> Project<'b> {
    fn of(count: usize, bench: &'b Bench) -> Result<Project<'b>> {
        let here = folder()?;
        // A project of its own, and not a part of the repository that the folder lies in.
        fs::create_dir(here.path().join(".git"))?;
        fs::create_dir(here.path().join("fragments"))?;
        let mut project = Project { bench, here, version: 0 };
        write_files(&project.here.path().join("tree"), count, None)?;
        project.update()?;
        Ok(project)
    }

    /// The time that an update takes after all fragments have changed.
    fn update(&mut self) -> Result<Duration> {
        self.version += 1;
        for part in 0..FRAGMENTS {
            fs::write(self.here.path().join(format!("fragments/part{part}")), fragment(part, self.version))?;
        }
        let time = time(&mut self.seed(&["fragment", "update"]), &[0])?;
        let one = fs::read_to_string(embedding_in(&self.here.path().join("tree"), 7))?;
        if one == embedding(7, Some(self.version)) { Ok(time) } else { Err(format!("not what it should be: {one}").into()) }
    }

    fn seed(&self, args: &[&str]) -> Command {
        seed(&self.bench.seed, self.here.path(), args)
    }

    fn floor(&self, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.bench.floor);
        command.args(["floor", name]).arg(self.here.path().join("tree")).args(args);
        command
    }
}

fn write_files(top: &Path, count: usize, version: Option<usize>) -> Result {
    for number in 0..count {
        let path = embedding_in(top, number);
        fs::create_dir_all(path.parent().unwrap_or(top))?;
        fs::write(path, embedding(number, version))?;
    }
    Ok(())
}

/// The same files as a template of copier's, whose next version changes them all.
fn beside_copier(bench: &Bench) -> Result<Row> {
    let (mut by_copier, mut by_seed) = (Vec::new(), Vec::new());
    let mut project = Project::of(COUNT_BESIDE_COPIER, bench)?;
    for _ in 0..RUNS_BESIDE_COPIER {
        by_seed.push(project.update()?);
        let here = folder()?;
        let (template, copy) = (here.path().join("template"), here.path().join("copy"));
        fs::create_dir_all(&template)?;
        fs::write(
            template.join("copier.yml"),
            "_subdirectory: files\n_templates_suffix: \"\"\n_answers_file: .copier-answers.yml\n",
        )?;
        fs::create_dir_all(template.join("files"))?;
        fs::write(template.join("files/.copier-answers.yml"), "{{ _copier_answers|to_nice_yaml }}\n")?;
        git(&template, &["init", "--quiet"])?;
        write_files(&template.join("files"), COUNT_BESIDE_COPIER, Some(1))?;
        tag(&template, "v1")?;
        run_command(Command::new("copier").args(["copy", "--quiet", "--defaults", "--vcs-ref", "v1"]).args([&template, &copy]))?;
        git(&copy, &["init", "--quiet"])?;
        tag(&copy, "v1")?;
        write_files(&template.join("files"), COUNT_BESIDE_COPIER, Some(2))?;
        tag(&template, "v2")?;
        by_copier.push(time(Command::new("copier").args(["update", "--quiet", "--defaults"]).current_dir(&copy), &[0])?);
        let one = fs::read_to_string(embedding_in(&copy, 7))?;
        if one != embedding(7, Some(2)) {
            return Err(format!("copier left {one}").into());
        }
    }
    Ok(Row {
        work: format!("{COUNT_BESIDE_COPIER} such files: update of all (floor: copier's update of them)"),
        floor: Some(Amount::Time(median(by_copier))),
        seed: Amount::Time(median(by_seed)),
        budget: Budget::Floors(0.05),
    })
}

/// Commits all, under a tag.
fn tag(folder: &Path, tag: &str) -> Result {
    git(folder, &["add", "--all"])?;
    git(folder, &["-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "--message", tag])?;
    git(folder, &["tag", tag])
}

fn git(folder: &Path, args: &[&str]) -> Result {
    run_command(Command::new("git").args(args).current_dir(folder))
}
