//! The language server, as an editor meets it: over a pipe, one process, edits one after the other.

pub mod client;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::Bench;
use super::table::{Amount, Budget, Row};
use super::timing::{folder, median, percentile};
use super::workload::mixed_spec;
use crate::Result;
use client::Client;

const STARTS: usize = 15;
const EDITS: usize = 300;
const COMPLETIONS: usize = 200;

/// Start, edits, completions, memory.
pub fn run(bench: &Bench) -> Result<Vec<Row>> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let here = folder()?;
        let start = Instant::now();
        let client = Client::start(&bench.seed, here.path())?;
        starts.push(start.elapsed());
        client.stop()?;
    }
    let mut rows = vec![Row {
        work: "language server: start to `initialize` answered".into(),
        floor: None,
        seed: Amount::Time(median(starts)),
        budget: Budget::At(Amount::Time(Duration::from_millis(20))),
    }];
    let mut memory = 0;
    for (lines, words, edit_budget, completion_budget) in [(2_000, "2,000", 10, Some(5)), (20_000, "20,000", 60, None)] {
        let here = folder()?;
        let mut session = Session::open(bench, here, lines)?;
        let edits = session.edits()?;
        let completions = session.completions()?;
        let row = |work: String, time, budget: Option<u64>| Row {
            work,
            floor: None,
            seed: Amount::Time(time),
            budget: budget.map_or(Budget::Open, |most| Budget::At(Amount::Time(Duration::from_millis(most)))),
        };
        rows.push(row(format!("edit to diagnostics, {words} lines, p50"), percentile(edits.clone(), 50), None));
        rows.push(row(format!("edit to diagnostics, {words} lines, p99"), percentile(edits, 99), Some(edit_budget)));
        rows.push(row(format!("completion, {words} lines, p99"), percentile(completions, 99), completion_budget));
        memory = session.client.resident_bytes()?;
        session.client.stop()?;
    }
    rows.push(Row {
        work: "language server: resident memory at 20,000 lines".into(),
        floor: None,
        seed: Amount::Bytes(memory),
        budget: Budget::At(Amount::Bytes(60_000_000)),
    });
    Ok(rows)
}

/// A document that is edited.
struct Session {
    client: Client,
    uri: String,
    lines: Vec<String>,
    version: i64,
    _folder: tempfile::TempDir,
}

impl Session {
    fn open(bench: &Bench, folder: tempfile::TempDir, lines: usize) -> Result<Session> {
        let path: PathBuf = folder.path().join("mixed.seed.yaml");
        let text = mixed_spec(lines);
        fs::write(&path, &text)?;
        let mut client = Client::start(&bench.seed, folder.path())?;
        let uri = format!("file://{}", path.display());
        client.notify(
            "textDocument/didOpen",
            json!({"textDocument": {"uri": uri, "languageId": "yaml.seed", "version": 1, "text": text}}),
        )?;
        let mut session = Session { client, uri, lines: text.lines().map(String::from).collect(), version: 1, _folder: folder };
        session.await_diagnostics()?;
        Ok(session)
    }

    /// Waits for the diagnostics of the present version.
    fn await_diagnostics(&mut self) -> Result {
        let version = self.version;
        self.client.wait_for(|message| {
            message["method"] == "textDocument/publishDiagnostics" && message["params"]["version"] == json!(version)
        })?;
        Ok(())
    }

    /// Types into the document here and there, and waits after each key for what the server says to it.
    fn edits(&mut self) -> Result<Vec<Duration>> {
        let places: Vec<usize> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.trim_start().starts_with("why:") || line.contains("label:"))
            .map(|(at, _)| at)
            .collect();
        if places.is_empty() {
            return Err("the document has no place to type at".into());
        }
        let mut times = Vec::new();
        for edit in 0..EDITS {
            let line = places[edit * 7919 % places.len()];
            let end = self.lines[line].encode_utf16().count();
            self.version += 1;
            let start = Instant::now();
            self.client.notify(
                "textDocument/didChange",
                json!({
                    "textDocument": {"uri": self.uri, "version": self.version},
                    "contentChanges": [{"range": range(line, end, end), "text": "x"}],
                }),
            )?;
            self.await_diagnostics()?;
            times.push(self.client.arrived() - start);
            self.lines[line].push('x');
        }
        Ok(times)
    }

    /// Asks for completions of keys and references here and there.
    fn completions(&mut self) -> Result<Vec<Duration>> {
        let places: Vec<(usize, usize)> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains("backing: ") || line.contains("is: ") || line.contains("mount: "))
            .map(|(at, line)| (at, line.find(':').unwrap_or(0) + 2))
            .collect();
        let mut times = Vec::new();
        for round in 0..COMPLETIONS {
            let (line, character) = places[round * 6007 % places.len()];
            let start = Instant::now();
            let answer = self.client.request(
                "textDocument/completion",
                json!({"textDocument": {"uri": self.uri}, "position": {"line": line, "character": character}}),
            )?;
            times.push(self.client.arrived() - start);
            let items = answer["items"].as_array().or(answer.as_array()).map_or(0, Vec::len);
            if items == 0 && round == 0 {
                return Err(format!("no completion at {}:{character}", line + 1).into());
            }
        }
        Ok(times)
    }
}

fn range(line: usize, from: usize, to: usize) -> Json {
    json!({"start": {"line": line, "character": from}, "end": {"line": line, "character": to}})
}
