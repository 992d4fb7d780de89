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
cargo xtask try [--release]      build Seed and open an example in Neovim; without a terminal, run the example and print the results
cargo xtask test [STAGE…]        run all checks, or some: formatting, lints, tests, documents, leaks
cargo xtask test --llm           test language models with a small real one; downloads it and builds its server first
cargo xtask bench [NAME…]        compare the speed of Seed with a small program that makes the same system calls
cargo xtask demo                 record the terminal session of the README, doc/demo.svg
cargo xtask generate [--check]   write the schema and the reference, or only compare them
cargo xtask dist                 make a Debian package, a tarball and their checksums in target/dist
cargo xtask dist --into FOLDER   only copy the files of a package to FOLDER/usr
cargo xtask floor NAME …         run only the small program that bench compares with
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
