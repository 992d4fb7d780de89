//! The duck: an explanation of 300 words compared with a spec of 50 roles, without a model.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Bench;
use super::language_server::client::Client;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median, percentile, seed, time};
use crate::Result;

const ROLES: usize = 50;
const WORDS: usize = 300;
const TIMES: usize = 100;
const RUNS: usize = 15;

/// Over the language server, as while typing, and as a program of its own.
pub fn run(bench: &Bench) -> Result<Vec<Row>> {
    let here = folder()?;
    let (spec, said) = (spec(), explanation());
    fs::write(here.path().join("large.seed.yaml"), &spec)?;
    fs::write(here.path().join("said.txt"), &said)?;
    let uri = format!("file://{}/large.seed.yaml", here.path().display());
    let mut client = Client::start(&bench.seed, here.path())?;
    let document = json!({"uri": uri, "languageId": "yaml.seed", "version": 1, "text": spec});
    client.notify("textDocument/didOpen", json!({"textDocument": document}))?;
    let ask = json!({"command": "seed.duck", "arguments": [{"uri": uri, "explanation": said}]});
    let answer = client.request("workspace/executeCommand", ask.clone())?;
    let covered = answer["covered"].as_array().map_or(0, Vec::len);
    if covered < ROLES {
        return Err(format!("only {covered} facts were found covered").into());
    }
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        client.request("workspace/executeCommand", ask.clone())?;
        times.push(start.elapsed());
    }
    client.stop()?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let args = ["duck", "large.seed.yaml", "--explain", "said.txt", "--json", "--no-model", "--no-history"];
        runs.push(time(&mut seed(&bench.seed, here.path(), &args), &[0])?);
    }
    let row =
        |work: &str, time: Duration, budget: Budget| Row { work: work.into(), floor: None, seed: Amount::Time(time), budget };
    let most = Budget::At(Amount::Time(Duration::from_millis(50)));
    Ok(vec![
        row("duck: 300 words on 50 roles, in the editor, p50", percentile(times.clone(), 50), Budget::Open),
        row("duck: 300 words on 50 roles, in the editor, p99", percentile(times, 99), most),
        row("duck: the same, `seed duck` from start to end", median(runs), Budget::Open),
    ])
}

/// Volumes with a file in each: four roles a volume, and two folders.
fn spec() -> String {
    let mut spec = String::from("seed: 1\nname: large\nwhy: Volumes for everybody in the house, to carry about.\nroles:\n");
    for number in 0..ROLES / 4 {
        let _ = write!(
            spec,
            "  image{number}:\n    is: storage.file_block_image\n    why: the photos of guest number {number}\n    path: ./image{number}.img\n    size: {} MiB\n    disposable: true\n\
             \x20 loop{number}:\n    is: storage.loopback_device\n    backing: image{number}\n\
             \x20 pool{number}:\n    is: storage.btrfs\n    devices: [loop{number}]\n    label: pool{number}\n    mount: ./pool{number}\n    options: [noatime]\n    subvolumes:\n      home: {{quota: 100 MiB}}\n      work: {{}}\n\
             \x20 note{number}:\n    is: file.text\n    path: ./pool{number}/home/NOTE\n    content: This belongs to guest {number}.\n",
            200 + number
        );
    }
    for name in ["left", "right"] {
        let _ = write!(spec, "  {name}:\n    is: file.directory\n    path: ./{name}\n");
    }
    spec
}

/// An explanation of so many words.
fn explanation() -> String {
    let mut said = String::new();
    for number in 0.. {
        let _ = write!(
            said,
            "Then image{number} is an image file of {} MiB, and loop{number} is a loop device that shows it. On top of loop{number} sits pool{number}, a btrfs that is mounted at ./pool{number}. ",
            200 + number
        );
        if said.split_whitespace().count() >= WORDS {
            break;
        }
    }
    said.split_whitespace().take(WORDS).collect::<Vec<_>>().join(" ")
}
