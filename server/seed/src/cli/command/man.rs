//! `seed man`.

use std::io::Write;
use std::path::PathBuf;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use seed_role::Trouble;
use seed_role::host::folder::Folder;

use crate::cli::exit::{Exit, Result};

/// Write the manual pages.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to write them to
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    folder: PathBuf,
}

/// Runs it.
pub fn run(args: &Args, command: Command) -> Result {
    let folder = Folder::made(&args.folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    write_pages(&folder, command)?;
    Ok(Exit::Ok)
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages(folder: &Folder, command: Command) -> Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(folder, below.clone())?;
    }
    let man = Man::new(command.clone()).manual("Seed");
    let name = man.get_filename();
    let text = page(&man, &command).map_err(|error| Trouble::from_io(format!("write the manual page {name}"), &error))?;
    Ok(folder.put(std::ffi::OsStr::new(&name), &text, 0o644, false)?)
}

fn page(man: &Man, command: &Command) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    section(&mut out, "EXIT STATUS", &EXIT_STATUS)?;
    section(&mut out, "FILES", &FILES)?;
    section(&mut out, "ENVIRONMENT", &ENVIRONMENT)?;
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let examples = EXAMPLES.iter().find(|(of, _)| *of == name).map_or(EXAMPLES[0].1, |(_, examples)| examples);
    section(&mut out, "EXAMPLES", examples)?;
    section(&mut out, "SEE ALSO", &[("seed(1)", "All commands. `seed COMMAND --help` shows the same text as each page.")])?;
    Ok(out)
}

/// A section of terms and what they mean.
fn section(out: &mut dyn Write, title: &str, entries: &[(&str, &str)]) -> std::io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, words) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        let words: [Inline; 1] = [roman(*words)];
        roff.text(words);
    }
    roff.to_writer(out)
}

const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "Done, or nothing to do."),
    ("1", "An error. Also for mistakes in the arguments."),
    ("2", "seed plan and seed info: the machine differs from the spec."),
    ("3", "Refused: not confirmed, not safe, needs root, or the plan has changed."),
    ("130", "Interrupted."),
];

const FILES: [(&str, &str); 6] = [
    ("*.seed.yaml", "Specs."),
    ("roles/, fragments/, notes/, seed.lock", "Composite roles, fragments, notes and pinned collections, beside the specs."),
    (
        "~/.local/state/seed/",
        "Journals of what was done, trust, and the record of the language models that may be used. For root: /var/lib/seed/.",
    ),
    ("~/.cache/seed/", "Fetched collections. For root: /var/cache/seed/."),
    ("~/.config/seed/", "The configuration of language models."),
    (".NAME.seed-backup-N/", "The backup of the file or folder NAME by run N, in the same folder. See seed-backups(1)."),
];

const ENVIRONMENT: [(&str, &str); 7] = [
    ("SEED_STATE_DIR", "The folder of the journals, in place of the default."),
    ("SEED_CACHE_DIR", "The folder of fetched collections, in place of the default."),
    ("SEED_MODEL", "The language model to use, by its name in the configuration."),
    ("SEED_PROGRAM_LIMIT", "The longest time that a program such as mkfs may take, for example `90 s`. Default: 1 hour."),
    ("SEED_LOG", "What to log to standard error, as a filter of tracing: `debug`, `seed_engine=trace`."),
    ("XDG_STATE_HOME, XDG_CACHE_HOME, XDG_CONFIG_HOME", "The folders that contain the defaults."),
    ("NO_COLOR", "If set, output has no colours. See --color."),
];

/// By the name of the page; the first for all that have none of their own.
const EXAMPLES: [(&str, &[(&str, &str)]); 9] = [
    (
        "seed",
        &[
            ("seed new spec lab", "Write an example, lab.seed.yaml."),
            ("seed check lab.seed.yaml", "Find mistakes."),
            ("seed plan lab.seed.yaml", "Show what would change."),
            ("seed apply lab.seed.yaml", "Show the plan, ask, and apply it."),
            ("seed apply --state absent lab.seed.yaml", "Restore what was there before."),
        ],
    ),
    (
        "seed-apply",
        &[
            ("seed apply lab.seed.yaml", "Show the plan, ask, and apply it."),
            ("seed apply --only pool lab.seed.yaml", "Apply one role, and the roles that it depends on."),
            ("seed apply --yes --plan-digest DIGEST lab.seed.yaml", "Apply a plan that was confirmed before, and only that."),
            ("seed apply --state absent --destroy-data lab.seed.yaml", "Remove everything. Backups are kept for 7 days."),
        ],
    ),
    (
        "seed-plan",
        &[
            ("seed plan --json lab.seed.yaml", "The plan for programs."),
            ("seed plan --prune lab.seed.yaml", "Include the removal of roles that left the spec."),
        ],
    ),
    (
        "seed-backups",
        &[("seed backups", "List all backups."), ("seed backups --purge lab.seed.yaml", "Remove the backups of one spec.")],
    ),
    ("seed-undo", &[("seed undo lab.seed.yaml", "Undo the last apply.")]),
    ("seed-repair", &[("seed repair --watch --yes lab.seed.yaml", "Repair drift until stopped, for example in a systemd unit.")]),
    ("seed-graph", &[("seed graph -o lab.svg lab.seed.yaml", "Draw the roles as an SVG.")]),
    ("seed-new", &[("seed new role web", "Write the composite role roles/web.")]),
    ("seed-completions", &[("seed completions bash > /etc/bash_completion.d/seed", "Install the completions for Bash.")]),
];
