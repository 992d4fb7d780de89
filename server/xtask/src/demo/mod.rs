//! `cargo xtask demo`: the recording in the README, made from a real session in a real Neovim.

mod screen;
mod svg;

use std::fs;
use std::time::{Duration, Instant};

use crate::layout::{self, Profile};
use crate::process::build_seed;
use crate::terminal::Terminal;
use crate::try_out::{EXAMPLE, Session};
use crate::{Result, tools};
use svg::Frame;

const RECORDING: &str = "doc/demo.svg";
const TITLE: &str = "Seed in Neovim: a mistake, its fix, the plan, the confirmation, the result, and the removal";
/// A size that can be read beside the text of a README.
const COLUMNS: usize = 84;
const ROWS: usize = 22;

/// The spec at the beginning. It has one mistake.
const SPEC: &str = "\
seed: 1
name: hello
why: One file, to see how Seed works.

roles:
  greeting:
    is: file.text
    pth: ./hello.txt
    content: |
      Hello from Seed.
";

/// What Neovim is told besides: exact colours, and diagnostics beside the text.
const SETTINGS: &[&str] = &["--cmd", "set termguicolors", "--cmd", "lua vim.diagnostic.config({ virtual_text = true })"];

enum Step {
    /// Type a text.
    Type(&'static str),
    /// Press Enter.
    Enter,
    /// Wait until the screen shows this, and show it for so many seconds.
    Hold(&'static str, f64),
}

const SCRIPT: &[Step] = &[
    Step::Hold("did you mean", 3.0),
    Step::Type(":%s/pth/path/ | write"),
    Step::Enter,
    Step::Hold("path: ./hello.txt", 1.5),
    Step::Type(":SeedApply"),
    Step::Enter,
    Step::Hold("1 to create", 3.5),
    Step::Type("y"),
    Step::Hold("Done: 1 changed", 2.5),
    Step::Type("q"),
    Step::Type(":!cat hello.txt"),
    Step::Enter,
    Step::Hold("Hello from Seed.\n\nPress ENTER", 2.0),
    Step::Enter,
    Step::Type(":SeedApply absent"),
    Step::Enter,
    Step::Hold("1 to remove", 3.0),
    Step::Type("y"),
    Step::Hold("Done: 1 changed", 3.0),
];

/// How long a typed character is shown, in seconds.
const KEY: f64 = 0.07;
/// How long the screen may take to show one.
const MOST_FOR_A_KEY: Duration = Duration::from_millis(500);
/// How long a command may take.
const MOST: Duration = Duration::from_secs(30);

/// Makes the recording.
///
/// # Errors
///
/// When Neovim or tmux is missing, or the session does not go as the script says.
pub fn run(args: &[String]) -> Result {
    if !args.is_empty() {
        return Err("demo takes no argument".into());
    }
    tools::need(tools::FOR_TERMINALS)?;
    let frames = record()?;
    fs::write(layout::root().join(RECORDING), svg::animation(TITLE, &frames, COLUMNS, ROWS))?;
    println!("wrote {RECORDING}: {} frames, {:.0} s", frames.len(), frames.iter().map(|frame| frame.seconds).sum::<f64>());
    Ok(())
}

/// Records the session again, and compares the screens that are held with those in the recording.
///
/// # Errors
///
/// When they differ in more than times.
pub fn check() -> Result {
    let recording = fs::read_to_string(layout::root().join(RECORDING))?;
    let now = svg::description(&record()?);
    match svg::description_in(&recording) {
        Some(then) if then == now => Ok(()),
        then => {
            Err(format!("{RECORDING} is not current: cargo xtask demo\nrecorded:\n{}\nnow:\n{now}", then.unwrap_or_default())
                .into())
        }
    }
}

fn record() -> Result<Vec<Frame>> {
    let session = Session::new(build_seed(Profile::Debug)?, tools::neovim()?)?;
    fs::write(session.folder().join(EXAMPLE), SPEC)?;
    let frames = film(&session);
    let ended = session.end();
    // Why the session went wrong says more than what it left.
    let frames = frames?;
    ended.map(|()| frames)
}

fn film(session: &Session) -> Result<Vec<Frame>> {
    let socket = tempfile::tempdir()?;
    let mut neovim = session.editor(&[SETTINGS, &[EXAMPLE]].concat())?;
    neovim.env("TERM", "tmux-256color");
    let mut terminal = Terminal::sized(socket.path(), &neovim, COLUMNS, ROWS)?;
    let mut frames = Vec::new();
    let frame = |terminal: &Terminal, seconds| -> Result<Frame> {
        let (text, cursor) = terminal.styled_screen()?;
        Ok(Frame { rows: screen::rows(&text), cursor, seconds, is_held: seconds > KEY })
    };
    for step in SCRIPT {
        match step {
            Step::Type(text) => {
                for character in text.chars() {
                    let before = terminal.styled_screen()?;
                    terminal.type_text(character.encode_utf8(&mut [0; 4]))?;
                    let start = Instant::now();
                    while terminal.styled_screen()? == before && start.elapsed() < MOST_FOR_A_KEY {}
                    frames.push(frame(&terminal, KEY)?);
                }
            }
            Step::Enter => terminal.press("Enter")?,
            Step::Hold(expected, seconds) => {
                terminal.wait_for(expected, MOST, |screen| screen.contains(expected))?;
                terminal.wait_for_rest()?;
                frames.push(frame(&terminal, *seconds)?);
            }
        }
    }
    // The plan windows are closed by this; what is still applied is removed with the session.
    terminal.type_text("q")?;
    terminal.type_text(":quitall")?;
    terminal.press("Enter")?;
    terminal.wait_for_end(MOST)?;
    Ok(frames)
}
