//! Prints the facts of specs, for who labels explanations: `cargo run -p seed-duck --example facts SPEC…`.

use std::io::Write;
use std::path::Path;

use seed_engine::check::analyse_with_graph;
use seed_engine::project::{DiskLoader, read_text};
use seed_spec::analysis::Request;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for path in std::env::args().skip(1) {
        let path = std::path::absolute(Path::new(&path))?;
        let text = read_text(&path)?;
        let (analysis, graph) = analyse_with_graph(&Request { path: &path, text: &text, edited_line: None }, &DiskLoader, None);
        for diagnostic in &analysis.diagnostics {
            writeln!(out, "# {}", diagnostic.message)?;
        }
        for fact in seed_duck::derive(&analysis, &graph, None, None).facts {
            writeln!(out, "{:4.2} {:44} {}", fact.weight, fact.id, fact.text)?;
        }
        writeln!(out)?;
    }
    Ok(())
}
