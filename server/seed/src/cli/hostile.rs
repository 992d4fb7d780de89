//! Any bytes end in an answer: real specs are damaged, and everything that shows something of a spec shows them.
//!
//! `SEED_STRINGS` says how many are tried (default 10,000).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use seed_collections::catalog;
use seed_engine::check::analyse_with_graph;
use seed_engine::journal::Ledger;
use seed_engine::picture::Picture;
use seed_engine::plan::Options;
use seed_engine::project::Project;
use seed_engine::{Plan, info};
use seed_fragment::Wishes;
use seed_ide::Snapshot;
use seed_role::host::sim::SimHost;
use seed_spec::analysis::{Analysis, Loader, Request, State};
use seed_spec::{FileId, Source};

use super::report;
use super::terminal::{Guard, tests::is_harmless};

/// The specs that are damaged; small ones of all sorts.
const SPECS: [&str; 7] = [
    include_str!("../../../../examples/files.seed.yaml"),
    include_str!("../../../../examples/mirror.seed.yaml"),
    include_str!("../../../../examples/volume.seed.yaml"),
    include_str!("../../../spec/tests/fixtures/ignore.seed.yaml"),
    "seed: 1\nname: \u{e4}\u{1F41A}\nvars: {a: \"\\e[2Jx\\u202e\", b: [x, '${vars.a}']}\nroles:\n  t:\n    is: file.text\n    \
     for_each: ${vars.b}\n    path: /srv/${each.key}\n    content: \"\\r\\x07${vars.a}\"\n    why: \"\\e]0;x\\a\"\n",
    "seed: 1\nname: n\nroles:\n  d: {is: file.directory, path: \"/a\\nerror: b\", owner: \"r\\e[8m\"}\n  c: {is: task.command, \
     present: [a, \"\\e[1m\"], info: [b]}\n  s: {is: file.text, path: /k, content: !secret {env: K}}\n",
    "seed: 1\nname: f\nroles: {}\n# fragment: x/y#a begin\n# z\n# fragment: x/y#a end\n",
];

/// What is put into them.
const PIECES: [&str; 32] = [
    "\n",
    "\r\n",
    "\r",
    "\t",
    "  ",
    "\u{feff}",
    "\0",
    "\u{85}",
    "\u{2028}",
    "\x1b[2J",
    "\"\\e[31m\"",
    "\u{202e}",
    "---\n",
    "${",
    "$${",
    "}",
    "'",
    "\"",
    "[",
    "]",
    "{",
    ":",
    ": ",
    "- ",
    "#",
    "&a ",
    "*a ",
    "!secret ",
    "|2-\n",
    "%",
    "\u{1F41A}",
    "\u{301}",
];

struct NoFiles;

impl Loader for NoFiles {
    fn load(&self, path: &Path) -> Result<Arc<str>, String> {
        Err(format!("there is no {}", path.display()))
    }

    fn env(&self, _name: &str) -> Option<String> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// Numbers that are the same in each run (xorshift64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// A spec of which some bytes were replaced, cut or turned over.
    fn damaged(&mut self) -> Vec<u8> {
        let mut bytes = SPECS[self.below(SPECS.len())].as_bytes().to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + self.below(12)).min(bytes.len());
            match self.below(6) {
                0 => drop(bytes.splice(at..end, [self.below(256) as u8])),
                1 => bytes.truncate(at),
                2 => drop(bytes.splice(at..at, [0xc3, 0xa4, 0xff].into_iter().take(self.below(4)))),
                3 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => drop(bytes.splice(at..end, PIECES[self.below(PIECES.len())].bytes())),
            }
        }
        bytes
    }
}

/// Tells which bytes a panic came from.
struct Tried<'a>(&'a [u8]);

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with these bytes: b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// What is written comes to a terminal without harm.
fn shown(write: impl FnOnce(&mut Vec<u8>)) {
    let mut out = Vec::new();
    write(&mut out);
    let text = String::from_utf8(out).unwrap();
    // What a renderer lets through is no more than the colours of the palette; the guard behind it is for what it forgot.
    assert!(is_harmless(&text), "{text:?}");
}

fn json(text: &str) {
    serde_json::from_str::<serde_json::Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
}

struct World {
    host: SimHost,
    fragments: seed_fragment::Project,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("fragments/x");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("y"), "z {{ instance }}\n").unwrap();
        let host = SimHost::new();
        World { host, fragments: seed_fragment::Project::open(folder.path()).unwrap(), folder }
    }

    fn show_all(&self, bytes: &[u8], numbers: &mut Numbers) {
        let _tried = Tried(bytes);
        let path = Path::new("/spec/x.seed.yaml");
        let text = match seed_spec::yaml::decode(bytes) {
            Ok(text) => text,
            Err(mistake) => {
                let text = String::from_utf8_lossy(bytes);
                self.show_diagnostics(&report::diagnostics::of_text(path, &text, vec![mistake]));
                return;
            }
        };
        let request = Request { path, text, edited_line: Some(numbers.below(30)) };
        let (analysis, graph) = analyse_with_graph(&request, &NoFiles, Some(&self.host));
        self.show_diagnostics(&analysis);
        let source = Source::new(path, text);
        let formatted = seed_spec::format::format(&source, FileId(0));
        if let Some(formatted) = formatted.filter(|_| !analysis.has_errors()) {
            assert_eq!(seed_spec::format::format(&Source::new(path, &*formatted), FileId(0)), Some(formatted));
        }
        let picture = Picture::new(&analysis, &graph);
        for text in [picture.dot(), picture.mermaid(), picture.svg()] {
            let mut guarded = Vec::new();
            std::io::Write::write_all(&mut Guard::new(&mut guarded), text.as_bytes()).unwrap();
            shown(|out| *out = guarded);
        }
        json(&picture.json().to_string());
        // An explanation is costly to hear.
        if numbers.below(8) == 0 {
            let facts = seed_duck::derive(&analysis, &graph, Some(&self.host), None);
            let heard = seed_duck::reflect(&facts, text);
            let nowhere = |_| (serde_json::Value::Null, serde_json::Value::Null);
            json(&seed_duck::json::reflection(&facts, &heard, &nowhere).to_string());
        }
        self.fragments.judge_text(Path::new("x.seed.yaml"), text, Wishes::default());
        self.show_in_an_editor(source, analysis, numbers);
        if let Ok(project) = Project::new(path, text, &NoFiles, &self.host, self.folder.path()) {
            self.show_plan(&project);
        }
    }

    fn show_diagnostics(&self, analysis: &Analysis) {
        shown(|out| report::diagnostics::write_all(analysis, out).unwrap());
        json(&serde_json::Value::from(report::diagnostics::to_json(analysis)).to_string());
    }

    fn show_in_an_editor(&self, source: Source, analysis: Analysis, numbers: &mut Numbers) {
        let offset = source.boundary(numbers.below(source.text().len() + 1));
        let range = offset..source.boundary(offset + numbers.below(80)).max(offset);
        let catalog = Arc::new(catalog().clone());
        let snapshot = Snapshot { source: Arc::new(source), analysis: Arc::new(analysis), catalog };
        seed_ide::hover::hover(&snapshot, offset);
        seed_ide::completion::completions(&snapshot, offset);
        seed_ide::definition::definition(&snapshot, offset);
        seed_ide::references::references(&snapshot, FileId(0), offset, true);
        seed_ide::rename::rename(&snapshot, FileId(0), offset, "new").ok();
        seed_ide::highlights::highlights(&snapshot, offset);
        seed_ide::selection::selections(&snapshot, offset);
        seed_ide::actions::actions(&snapshot, range.clone());
        seed_ide::hints::hints(&snapshot, range);
        seed_ide::folding::folds(&snapshot);
        seed_ide::formatting::formatting(&snapshot);
        seed_ide::lenses::lenses(&snapshot);
        seed_ide::links::links(&snapshot);
        seed_ide::symbols::symbols(&snapshot);
        seed_ide::tokens::tokens(&snapshot);
    }

    fn show_plan(&self, project: &Project) {
        let plan: Result<Plan, _> =
            project.plan(&self.host, &Ledger::default(), &Options { state: State::Present, ..Options::default() });
        let Ok(plan) = plan else { return };
        for verbose in [false, true] {
            shown(|out| report::plan::write(out, &plan, verbose).unwrap());
            shown(|out| report::info::write(out, &plan, verbose).unwrap());
        }
        json(&plan.json().to_string());
        json(&info::json(&plan).to_string());
        let spec = info::as_spec(project, &plan).unwrap();
        serde_yaml_is_read(&spec);
    }
}

/// What is written as a spec is one.
fn serde_yaml_is_read(spec: &str) {
    let (_, mistakes) = seed_spec::yaml::parse(&Source::new("/x.seed.yaml", spec), FileId(0), None);
    assert!(mistakes.is_empty(), "{mistakes:?}\n{spec}");
}

#[test]
fn everything_that_shows_a_spec_shows_any_bytes() {
    let strings: usize = std::env::var("SEED_STRINGS").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let each = |thread: usize| {
            let world = World::new();
            let mut numbers = Numbers(0x5eed + thread as u64);
            for _ in 0..strings.div_ceil(threads) {
                let bytes = numbers.damaged();
                world.show_all(&bytes, &mut numbers);
            }
        };
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || each(thread))).collect();
        running.into_iter().for_each(|one| one.join().unwrap());
    });
}
