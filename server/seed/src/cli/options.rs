//! Options that several commands have.

use std::path::PathBuf;

use clap::{ArgAction, ValueEnum};
use seed_spec::State;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
pub struct Global {
    /// Write the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Add to the JSON of a plan, an observation or a run what a terminal would show, for editors
    #[arg(long, global = true, requires = "json", hide = true)]
    pub page: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Show more, such as roles that do not change; twice to log what happens inside
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Global {
    /// Sets colours and log up.
    pub fn set_up(&self) {
        match self.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        if self.verbose > 1 || std::env::var_os("SEED_LOG").is_some() {
            let level = if self.verbose > 2 { "trace" } else { "debug" };
            let filter = tracing_subscriber::EnvFilter::try_from_env("SEED_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
            let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
        }
    }
}

/// The state to lead to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// All roles are there, as the spec says
    #[default]
    Present,
    /// Everything is as it was before
    Absent,
}

impl From<Target> for State {
    fn from(target: Target) -> State {
        match target {
            Target::Present => State::Present,
            Target::Absent => State::Absent,
        }
    }
}

/// Which spec.
#[derive(Debug, clap::Args)]
pub struct SpecArg {
    /// The spec, a *.seed.yaml file; `-` for standard input
    #[arg(value_name = "SPEC", value_hint = clap::ValueHint::FilePath)]
    pub spec: PathBuf,
    /// The path of a spec that is read from standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub path: Option<PathBuf>,
}

/// Which part of a spec, and where to.
#[derive(Debug, clap::Args)]
pub struct PlanArgs {
    /// The state to bring the roles to
    #[arg(long, value_enum, default_value_t, value_name = "STATE")]
    pub state: Target,
    /// Only this role and its dependencies (for absent: and its dependents); can be repeated
    #[arg(long, value_name = "ROLE")]
    pub only: Vec<String>,
    /// Remove what Seed made and that is no longer in the spec: roles, subvolumes, snapshots
    #[arg(long)]
    pub prune: bool,
}

impl PlanArgs {
    /// For the engine.
    pub fn options(&self) -> seed_engine::plan::Options {
        seed_engine::plan::Options { state: self.state.into(), only: self.only.clone(), prune: self.prune, ..Default::default() }
    }
}

/// How to apply.
#[derive(Debug, clap::Args)]
pub struct ApplyArgs {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Show the plan, change nothing, and exit as plan does
    #[arg(long, conflicts_with_all = ["yes", "plan_digest"])]
    pub dry_run: bool,
    /// Destroy data where the plan says so. A backup is kept for 7 days, or for the `keep:` of the spec; a role that is `disposable: true` has no backup and needs no --destroy-data
    #[arg(long)]
    pub destroy_data: bool,
    /// Apply only if the plan still has this digest
    #[arg(long, value_name = "DIGEST")]
    pub plan_digest: Option<String>,
    /// How many roles to change at the same time [default: twice the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
}

impl ApplyArgs {
    /// How many roles to change at the same time.
    pub fn jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        self.jobs.map_or(cores * 2, usize::from)
    }
}
