//! Damage to what Seed wrote for itself. What comes next either does as if there were no damage, or says so and exits with 1; and no file
//! of a person goes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Trials;
use super::commands::SPEC;
use super::draw::{Draw, is_all};
use super::world::{World, files_below};
use crate::sandbox::{Ran, Sandbox};

const ROLES: &str = "\
top:
  is: file.directory
  path: ./tree

made:
  is: file.text
  path: ./tree/made
  content: of Seed

long:
  is: file.text
  path: ./long
  content: of Seed, where a long text was

short:
  is: file.text
  path: ./short
  content: of Seed, where a short text was

other:
  is: file.text
  path: ./other
  content: of Seed, where another long text was

link:
  is: file.link
  path: ./link
  to: short
";

/// Files that Seed replaced, changed and made, in three runs, so that there are blobs, a ledger and a journal of some length.
fn set_up() -> Sandbox {
    let (sandbox, spec) = Sandbox::with_spec(ROLES);
    sandbox.write("long", &"a long text of a person\n".repeat(40));
    sandbox.write("other", &"another long text of a person\n".repeat(40));
    sandbox.write("short", "of a person\n");
    fs::set_permissions(sandbox.at("short"), fs::Permissions::from_mode(0o640)).unwrap();
    sandbox.write("beside", "of a person, and nowhere in the spec\n");
    std::os::unix::fs::symlink("beside", sandbox.at("link")).unwrap();
    for roles in [
        ROLES.replace("of Seed", "first of Seed"),
        ROLES.to_string() + "\ngone:\n  is: file.text\n  path: ./gone\n  content: x\n",
        ROLES.to_string(),
    ] {
        sandbox.write_spec(&roles);
        sandbox.seed(&["apply", "--yes", "--prune", spec]).exits(0);
    }
    let blobs = state_files(&sandbox).into_iter().filter(|path| is_blob(path)).count();
    assert!(blobs >= 2, "long texts are kept as blobs: {blobs}");
    sandbox
}

/// What is in the state folder, but for locks, which hold nothing.
fn state_files(sandbox: &Sandbox) -> Vec<PathBuf> {
    let files = files_below(&sandbox.state());
    files.into_iter().filter(|path| fs::metadata(path).unwrap().len() > 0).collect()
}

fn is_blob(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with("blobs"))
}

/// Damages a state file, and says how.
fn damage(sandbox: &Sandbox, draw: &mut Draw) -> String {
    let files = state_files(sandbox);
    // A blob is as likely as the journal, however many there are.
    let (blobs, others): (Vec<&PathBuf>, Vec<&PathBuf>) = files.iter().partition(|path| is_blob(path));
    let which = draw.below(others.len() + 1);
    let path = if which < others.len() { others[which] } else { draw.one_of(&blobs) };
    let mut bytes = fs::read(path).unwrap();
    let short = path.strip_prefix(sandbox.state()).unwrap().display().to_string();
    let at = draw.below(bytes.len());
    match draw.below(6) {
        0 | 1 => {
            let bit = draw.below(8);
            bytes[at] ^= 1 << bit;
            fs::write(path, bytes).unwrap();
            format!("bit {bit} of byte {at} of {short} flipped")
        }
        2 => {
            bytes.truncate(at);
            fs::write(path, bytes).unwrap();
            format!("{short} cut to {at} bytes")
        }
        3 => {
            fs::remove_file(path).unwrap();
            format!("{short} deleted")
        }
        4 => {
            let end = (at + 1 + draw.below(512)).min(bytes.len());
            bytes[at..end].fill(0);
            fs::write(path, bytes).unwrap();
            format!("bytes {at} to {end} of {short} zeroed")
        }
        _ => {
            let other = draw.one_of(&files);
            let between = path.with_extension("swapped");
            fs::rename(path, &between).unwrap();
            if other != path {
                fs::rename(other, path).unwrap();
                fs::rename(&between, other).unwrap();
            } else {
                fs::rename(&between, path).unwrap();
            }
            format!("{short} and {} swapped", other.strip_prefix(sandbox.state()).unwrap().display())
        }
    }
}

/// What a command comes to: its status and output, without what differs from run to run.
fn told(sandbox: &Sandbox, ran: &Ran) -> (Option<i32>, String) {
    let here = sandbox.path().parent().unwrap().display().to_string();
    let stdout = ran.stdout().replace(&here, "");
    // How long it took.
    let lines = stdout.lines().map(|line| line.split(" in ").next().unwrap_or_default().to_string() + "\n");
    (ran.code(), lines.collect())
}

#[test]
fn none_is_silent_and_none_deletes() {
    const COMMANDS: &[&[&str]] = &[&["plan", SPEC], &["info", SPEC], &["apply", "--state", "absent", "--yes", SPEC]];
    let unharmed = set_up();
    let expected: Vec<_> = COMMANDS.iter().map(|args| told(&unharmed, &unharmed.seed(args))).collect();
    assert_eq!(expected[2].0, Some(0), "{}", expected[2].1);
    let after = World::of(&unharmed);
    drop(unharmed);

    let mut trials = Trials::of("damage to state files");
    let mut draw = Draw::of("damage");
    for _ in 0..if is_all() { 3000 } else { 180 } {
        let sandbox = set_up();
        let how = damage(&sandbox, &mut draw);
        let of_a_person: Vec<PathBuf> =
            ["long", "other", "short", "beside", "link"].into_iter().map(|path| sandbox.at(path)).collect();
        trials.attempt(&how, || {
            let mut is_said = false;
            for (args, expected) in COMMANDS.iter().zip(&expected) {
                let ran = sandbox.seed(args);
                let is_as_ever = told(&sandbox, &ran) == *expected;
                let says_why = ran.code() == Some(1) && names_damage(&ran, &sandbox);
                assert!(is_as_ever || says_why, "silent: {}", ran.told());
                is_said |= !is_as_ever;
            }
            for path in &of_a_person {
                assert!(fs::symlink_metadata(path).is_ok(), "{} was deleted", path.display());
            }
            if !is_said {
                World::of(&sandbox).assert_is(&after, "nothing was said");
            }
        });
    }
    trials.end(150);
}

/// Whether a command says which file, or whose past, cannot be read.
fn names_damage(ran: &Ran, sandbox: &Sandbox) -> bool {
    let said = ran.stdout() + &ran.stderr();
    let state = sandbox.state().display().to_string();
    said.contains(&state) || said.contains("damaged") || said.contains("cannot be read")
}
