//! `seed laws`.

use std::io::Write;

use seed_engine::laws::{Laws, Verdict};
use seed_engine::simulate;
use seed_role::host::real::RealHost;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::{Global, SpecArg};
use crate::cli::{output, spec_file, style};

/// Test the roles of a spec against Seed's laws, on a simulated machine.
///
/// Changes nothing here, and runs none of your commands: roles that run commands, and their dependents, are left out. Exits with 0 if the
/// laws hold and 1 if one is broken.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    spec: SpecArg,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let host = RealHost::new();
    let spec = spec_file::read(&args.spec)?;
    let project = spec_file::open_text(&spec, global, &host)?;
    let world = simulate::world_for(&project, &host)?;
    let laws = Laws { path: &spec.path, text: &spec.text, world: &world, stride: 1 };
    let left_out = laws.left_out()?;
    let verdicts = laws.try_all();
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", json!({ "laws": verdicts, "left_out": left_out }))?;
    } else {
        verdicts.iter().try_for_each(|verdict| write(&mut out, verdict))?;
        if !left_out.is_empty() {
            let warn = style::WARN;
            writeln!(
                out,
                "{warn}Not tested, because they run commands or depend on roles that do: {}{warn:#}",
                left_out.join(", ")
            )?;
        }
    }
    Ok(if verdicts.iter().all(|verdict| verdict.holds) { Exit::Ok } else { Exit::Failed })
}

fn write(out: &mut impl Write, verdict: &Verdict) -> std::io::Result<()> {
    let (sign, color) = if verdict.holds { ('✓', style::GOOD) } else { ('✗', style::BAD) };
    let cases = if verdict.cases == 1 { "1 case".to_string() } else { format!("{} cases", verdict.cases) };
    match &verdict.broken {
        None => writeln!(out, "  {color}{sign}{color:#} {:18} {}{cases}{:#}", verdict.law.name(), style::DIM, style::DIM),
        Some(broken) => writeln!(out, "  {color}{sign} {:18}{color:#} {broken}", verdict.law.name()),
    }
}
