//! The command line: one file a command, the arguments and exit statuses they share.

mod command;
mod confirm;
mod exit;
#[cfg(test)]
mod hostile;
mod interrupt;
mod options;
mod output;
mod report;
mod spec_file;
mod style;
mod sudo;
mod terminal;

use std::io::Write as _;

use clap::{CommandFactory, Parser, Subcommand};

/// Turn a YAML spec of a machine into that machine, and restore what was there before.
///
/// A spec lists roles: an image, a loop device, a file system, a file and so on. `seed plan` shows how the machine differs
/// from the spec, `seed apply` changes the machine, and `seed apply --state absent` restores what was there before.
#[derive(Debug, Parser)]
#[command(name = "seed", version, about, long_about, arg_required_else_help = true, max_term_width = 110)]
#[command(
    after_help = "First steps:\n  seed new spec lab          write an example\n  seed check lab.seed.yaml   find mistakes\n  seed plan lab.seed.yaml    show what would change\n  seed apply lab.seed.yaml   apply it\n\nExit statuses: 0 done, 1 error (also in the arguments), 2 changes to make, 3 refused, 130 interrupted."
)]
struct Cli {
    #[command(flatten)]
    global: options::Global,
    #[command(subcommand)]
    command: Command,
}

/// Each is documented where its arguments are.
#[derive(Debug, Subcommand)]
enum Command {
    Check(command::check::Args),
    Plan(command::plan::Args),
    Apply(command::apply::Args),
    Info(command::info::Args),
    Repair(command::repair::Args),
    Undo(command::undo::Args),
    Graph(command::graph::Args),
    Log(command::log::Args),
    Backups(command::backups::Args),
    List(command::list::Args),
    Forget(command::forget::Args),
    Laws(command::laws::Args),
    Fmt(command::fmt::Args),
    Fragment(command::fragment::Args),
    Prompt(command::prompt::Args),
    Collection(command::collection::Args),
    New(command::new::Args),
    Recall(command::recall::Args),
    Note(command::note::Args),
    Index(command::index::Args),
    Schema(command::schema::Args),
    Types(command::types::Args),
    Doctor(command::doctor::Args),
    Duck(command::duck::Args),
    Trust(command::trust::Args),
    Lsp(command::lsp::Args),
    Completions(command::completions::Args),
    Man(command::man::Args),
    /// Read a repository for another `seed`, which gives it limits and ends it
    #[command(name = seed_collection::child::COMMAND, hide = true)]
    ReadRepository,
}

impl Command {
    /// Whether "refused" is one of the ways in which it ends.
    fn refuses(&self) -> bool {
        !matches!(
            self,
            Command::Check(_)
                | Command::Plan(_)
                | Command::Info(_)
                | Command::Graph(_)
                | Command::Log(_)
                | Command::List(_)
                | Command::Laws(_)
                | Command::Fmt(_)
                | Command::Fragment(_)
        )
    }
}

/// Runs the command line.
pub fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Not 2, as is usual: that stands for changes to make.
        Err(mistake) => {
            let _ = mistake.print();
            if mistake.kind() == clap::error::ErrorKind::UnknownArgument && std::env::args_os().any(|word| word == "absent") {
                let _ = writeln!(output::stderr(), "\n  help: the state is an option: seed apply --state absent SPEC");
            }
            return if mistake.use_stderr() { exit::Exit::Failed } else { exit::Exit::Ok }.into();
        }
    };
    cli.global.set_up();
    let global = &cli.global;
    let refuses = cli.command.refuses();
    let result = match cli.command {
        Command::Check(args) => command::check::run(&args, global),
        Command::Plan(args) => command::plan::run(&args, global),
        Command::Apply(args) => command::apply::run(&args, global),
        Command::Info(args) => command::info::run(&args, global),
        Command::Repair(args) => command::repair::run(&args, global),
        Command::Undo(args) => command::undo::run(&args, global),
        Command::Graph(args) => command::graph::run(&args, global),
        Command::Log(args) => command::log::run(&args, global),
        Command::Backups(args) => command::backups::run(&args, global),
        Command::List(args) => command::list::run(&args, global),
        Command::Forget(args) => command::forget::run(&args, global),
        Command::Laws(args) => command::laws::run(&args, global),
        Command::Fmt(args) => command::fmt::run(&args, global),
        Command::Fragment(args) => command::fragment::run(&args, global),
        Command::Prompt(args) => command::prompt::run(&args, global),
        Command::Collection(args) => command::collection::run(&args, global),
        Command::New(args) => command::new::run(&args, global),
        Command::Recall(args) => command::recall::run(&args, global),
        Command::Note(args) => command::note::run(&args, global),
        Command::Index(args) => command::index::run(&args, global),
        Command::Schema(args) => command::schema::run(&args),
        Command::Types(args) => command::types::run(&args, global),
        Command::Doctor(args) => command::doctor::run(&args, global),
        Command::Duck(args) => command::duck::run(&args, global),
        Command::Trust(args) => command::trust::run(&args, global),
        Command::Lsp(args) => command::lsp::run(&args),
        Command::Completions(args) => command::completions::run(&args, Cli::command()),
        Command::Man(args) => command::man::run(&args, Cli::command()),
        Command::ReadRepository => {
            seed_collection::child::serve();
            Ok(exit::Exit::Ok)
        }
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => error.report(global, refuses),
    }
}
