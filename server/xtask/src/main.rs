//! `cargo xtask`: what is done with this repository besides building it. `cargo xtask help` lists the tasks.

#![allow(clippy::print_stdout, reason = "what a task prints is its result")]

mod bench;
mod demo;
mod dist;
mod documents;
mod floor;
mod generate;
mod layout;
mod process;
mod terminal;
mod test;
mod tools;
mod try_out;

use std::process::ExitCode;

/// What can go wrong ends the task; the words are for the person who started it.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
cargo xtask try [--release]      build Seed and open an example in Neovim; without a terminal, run it and print what came of it
cargo xtask test [STAGE…]        everything that must hold before a change is taken: format, lints, tests, documents, leaks
cargo xtask test --llm           the same for language models, against the server of a small real one; fetches and builds it first
cargo xtask bench [NAME…]        time the workloads against the same work done by hand
cargo xtask demo                  record the terminal session of the README, doc/demo.svg
cargo xtask generate [--check]    write what is made from the types: schemas and the reference; or only compare
cargo xtask dist                  make a Debian package, a tarball and their checksums in target/dist
cargo xtask dist --into FOLDER   only put the files that a package installs into FOLDER/usr
cargo xtask floor NAME …         the work done by hand, alone: what bench compares with
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = args.split_first().map_or(("help", &[][..]), |(task, rest)| (task.as_str(), rest));
    let outcome = match task {
        "try" => try_out::run(rest),
        "test" => test::run(rest),
        "bench" => bench::run(rest),
        "dist" => dist::run_task(rest),
        "demo" => demo::run(rest),
        "generate" => generate::run(rest),
        "floor" => floor::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no task `{other}`\n\n{HELP}").into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
