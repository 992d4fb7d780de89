//! A newcomer, from the README to an applied spec and back: commands and keys as they stand there, typed into a terminal.

use std::fs;

use super::document::{lines, section};
use super::machine::{Machine, Shell};
use super::{plugin, ways};
use crate::Result;
use crate::test::Context;

const README: &str = "README.md";
/// Five minutes at one key a second.
const MOST_KEYSTROKES: usize = 300;

/// The README's installation and first steps, then the package's removal.
pub fn run(context: &Context) -> Result {
    let machine = Machine::new(context.scratch(), "newcomer")?;
    let mut shell = machine.shell()?;
    for line in lines(&section(README, "Installation")?, "sh")? {
        shell.run(&line)?;
    }
    let installing = shell.terminal.keystrokes();
    let pasted = first_steps(&machine, &mut shell)?;
    let all = shell.terminal.keystrokes();
    println!(
        "  {installing} keys to install, {} for the first steps; the spec of {pasted} characters is pasted",
        all - installing
    );
    if all > MOST_KEYSTROKES {
        return Err(format!("{all} keys are more than {MOST_KEYSTROKES}").into());
    }
    shell.exit()?;
    ways::is_installed(&machine, "/usr")?;
    plugin::works(&machine)?;
    plugin::leaves_old_neovim_alone(&machine)?;
    machine.as_root(&["apt-get", "remove", "--quiet", "--yes", "seed"])?;
    ways::is_removed(&machine, "/usr")
}

/// The first example in Neovim. Gives the length of its spec.
fn first_steps(machine: &Machine, shell: &mut Shell) -> Result<usize> {
    let steps = section(README, "First steps")?;
    let commands = lines(&steps, "sh")?;
    let (editor, before) = commands.split_last().ok_or("the first steps have no commands")?;
    for line in before {
        shell.run(line)?;
    }
    let spec = steps.iter().find(|block| block.info.starts_with("yaml ")).ok_or("the first steps have no spec")?;
    let terminal = &mut shell.terminal;
    terminal.type_text(editor)?;
    terminal.press("Enter")?;
    terminal.wait_for_rest()?;
    terminal.type_text("i")?;
    terminal.paste(&spec.text)?;
    terminal.press("Escape")?;
    let folder = machine.at("/home/ada/hello");
    let files = || -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    };
    let mut was_applied = false;
    for line in lines(&steps, "vim")? {
        terminal.type_text(&line)?;
        if line.starts_with(':') || line.chars().all(|digit| digit.is_ascii_digit()) {
            terminal.press("Enter")?;
        }
        if line == ":quitall" {
            break;
        }
        let screen = terminal.wait_for_rest()?;
        println!("  {line}\n{}", screen.lines().map(|line| format!("    | {line}\n")).collect::<String>());
        was_applied |= fs::read_to_string(folder.join("hello.txt")).is_ok_and(|text| text == "Hello from Seed.\n");
    }
    terminal.wait_for_rest()?;
    match files()? {
        _ if !was_applied => Err("the spec was not applied".into()),
        left if left != ["hello.seed.yaml"] => Err(format!("{left:?} are there after `absent`").into()),
        _ => Ok(spec.text.len()),
    }
}
