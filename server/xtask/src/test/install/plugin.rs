//! The plugin in Neovim.

use std::fs;

use super::machine::Machine;
use crate::process::{command, run};
use crate::test::Context;
use crate::{Result, layout, tools};

/// What the documents tell plugin managers.
pub fn managers(_: &Context) -> Result {
    let script = layout::root().join("server/xtask/src/test/install/managers.lua");
    let mut nvim = command(tools::neovim()?, &["--clean", "-l"]);
    run(nvim.arg(script).args(["doc/book/src/install.md"]).arg(layout::root()))
}

/// The plugin of a machine works: filetype, help, language server.
///
/// # Errors
///
/// When it does not.
pub fn works(machine: &Machine) -> Result {
    fs::write(machine.at("/opt/check.lua"), include_str!("check.lua"))?;
    machine.as_user(&["nvim", "--headless", "check.seed.yaml", "-S", "/opt/check.lua"]).map(|_| ())
}

/// A Neovim that is too old for the plugin says nothing of it.
///
/// # Errors
///
/// When it complains.
pub fn leaves_old_neovim_alone(machine: &Machine) -> Result {
    machine.as_root(&["apt-get", "install", "--quiet", "--yes", "--no-install-recommends", "neovim"])?;
    let said = machine.as_user(&["/bin/sh", "-c", "exec /usr/bin/nvim --headless check.seed.yaml +messages +quit 2>&1"])?;
    if said.trim().is_empty() { Ok(()) } else { Err(format!("Debian's Neovim says {said}").into()) }
}
