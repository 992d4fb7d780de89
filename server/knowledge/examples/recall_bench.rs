//! What `cargo xtask bench recall` measures within one process; prints a name and a number a line.
//!
//! `speed FOLDER STATE ONE`: milliseconds to read the project at FOLDER, to read it again after ONE has changed, and to find in it, and
//! the bytes that were needed. `quality FOLDER STATE QUESTIONS`: the shares of questions whose page is first, and among the first five.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use seed_knowledge::index::Index;
use seed_knowledge::recall::Hit;

/// Questions of some words; each is asked with another number, so that none is answered from what was found before.
const ASKED: [&str; 5] = [
    "how do I move the volume to another machine",
    "snapshot of the home folder before an update",
    "what happens when a disk fails in the mirror",
    "limit the memory of the container",
    "why is this mounted read-only",
];
const TIMES: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, folder, state, last] = arguments.as_slice() else { return Err("WHAT FOLDER STATE LAST".into()) };
    let mut index = Index::open(Path::new(folder), Path::new(state));
    match what.as_str() {
        "speed" => speed(&mut index, Path::new(last)),
        "quality" => quality(&mut index, Path::new(last)),
        other => Err(format!("{other} is not measured").into()),
    }
}

fn speed(index: &mut Index, one: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let read = index.refresh()?;
    print("read", start.elapsed());
    println!("sections {}", read.sections);
    let mut updates = Vec::new();
    for number in 0..9 {
        std::fs::write(one, format!("# One\n\nChanged for the {number}th time.\n"))?;
        let start = Instant::now();
        index.refresh()?;
        updates.push(start.elapsed());
    }
    updates.sort();
    print("update", updates[updates.len() / 2]);
    let mut times = Vec::new();
    for number in 0..TIMES {
        let question = format!("{} {number}", ASKED[number % ASKED.len()]);
        let start = Instant::now();
        let found = index.recall(&question, 10);
        times.push(start.elapsed());
        assert!(!found.is_empty(), "{question}");
    }
    times.sort();
    print("p50", times[TIMES / 2]);
    print("p99", times[TIMES * 99 / 100]);
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|line| line.trim().strip_suffix(" kB"));
    println!("memory {}", peak.ok_or("no VmHWM in /proc/self/status")?.trim().parse::<u64>()? * 1024);
    Ok(())
}

fn print(name: &str, time: Duration) {
    println!("{name} {}", time.as_secs_f64() * 1e3);
}

fn quality(index: &mut Index, questions: &Path) -> Result<(), Box<dyn Error>> {
    index.refresh()?;
    let text = std::fs::read_to_string(questions)?;
    let asked: Vec<(&str, &str)> =
        text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": ")).collect();
    type Find = fn(&Index, &str, usize) -> Vec<Hit>;
    for (name, find) in [("all", Index::recall as Find), ("words", Index::recall_by_words)] {
        let is_among = |most: usize| {
            let answered = asked.iter().filter(|(page, question)| {
                find(index, question, most).iter().any(|hit| hit.path.strip_suffix(".md") == Some(page))
            });
            answered.count() as f64 / asked.len() as f64
        };
        println!("{name}-1 {}\n{name}-5 {}", is_among(1), is_among(5));
    }
    Ok(())
}
