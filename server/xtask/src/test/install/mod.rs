//! The documented ways to install Seed, each in a bare Debian, and what a newcomer does next: the commands and keys are read from
//! the documents.

mod document;
mod machine;
mod newcomer;
mod plugin;
mod ways;

use super::Context;
use super::tally::Tally;
use crate::{Result, process, tools};

/// What is tried, in an order in which a build is done once.
type Part = (&'static str, fn(&Context) -> Result);

const PARTS: &[Part] = &[
    ("the README's installation and first example, typed by a newcomer", newcomer::run),
    ("the tarball, and the plugin by a plain clone", ways::tarball_and_clone),
    ("cargo, and the package for Arch Linux", ways::cargo_and_arch),
    ("the plugin by plugin managers", plugin::managers),
];

/// Runs the parts, all of them, also when one fails.
///
/// # Errors
///
/// When what they need is missing where that is an error.
pub fn run(context: &Context) -> Result<Tally> {
    if process::find("apt-get").is_none() {
        return Ok(Tally::skipped("installations: they are tried on Debian"));
    }
    let prepared = match nix::unistd::geteuid().is_root() {
        true => tools::need(tools::FOR_INSTALLATIONS),
        false => Err("installations: not root".into()),
    };
    match prepared {
        Ok(()) => {}
        Err(error) if context.strict => return Err(error),
        Err(error) => return Ok(Tally::skipped(error.to_string())),
    }
    let mut tally = Tally::default();
    for (name, part) in PARTS {
        println!("-- {name}");
        let start = std::time::Instant::now();
        let outcome = part(context);
        println!("-- {name}: {:.0} s", start.elapsed().as_secs_f64());
        match outcome {
            Ok(()) => tally.add(&Tally::passed()),
            Err(error) => {
                println!("FAILED: {error}");
                tally.add(&Tally::failed());
            }
        }
    }
    Ok(tally)
}
