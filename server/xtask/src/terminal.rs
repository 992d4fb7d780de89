//! A terminal without a window (tmux), in which a task types keys and reads the screen.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Result;
use crate::process::{find, output};

/// How often the screen is looked at.
const GLANCE: Duration = Duration::from_millis(100);
/// A screen that has not changed for so long waits for the person.
const QUIET: Duration = Duration::from_millis(900);

/// A running program and its screen. It ends with this.
pub struct Terminal {
    tmux: PathBuf,
    socket: PathBuf,
    /// The keys that were pressed.
    keystrokes: usize,
}

impl Terminal {
    /// Starts a program in a terminal of 100 columns and 30 rows. The terminal's socket goes into `scratch`.
    ///
    /// # Errors
    ///
    /// When tmux is missing or does not start.
    pub fn start(scratch: &Path, program: &Command) -> Result<Terminal> {
        Terminal::sized(scratch, program, 100, 30)
    }

    /// Starts a program in a terminal of another size.
    ///
    /// # Errors
    ///
    /// When tmux is missing or does not start.
    pub fn sized(scratch: &Path, program: &Command, columns: usize, rows: usize) -> Result<Terminal> {
        let tmux = find("tmux").ok_or("tmux is not installed")?;
        let terminal = Terminal { tmux, socket: scratch.join("terminal"), keystrokes: 0 };
        let mut start = terminal.tmux(&["-f", "/dev/null", "new-session", "-d"]);
        start.args(["-x", &columns.to_string(), "-y", &rows.to_string()]);
        if let Some(folder) = program.get_current_dir() {
            start.arg("-c").arg(folder);
        }
        // The terminal's server has the environment of whoever starts it first, which is this.
        start.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // One argument alone would be given to a shell.
        start.arg("--").arg("/usr/bin/env").arg(program.get_program()).args(program.get_args());
        start.env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        output(&mut start)?;
        Ok(terminal)
    }

    fn tmux(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.tmux);
        command.arg("-S").arg(&self.socket).args(args).stdin(Stdio::null());
        command
    }

    /// What is on the screen.
    ///
    /// # Errors
    ///
    /// When the program has ended.
    pub fn screen(&self) -> Result<String> {
        output(&mut self.tmux(&["capture-pane", "-p"]))
    }

    /// The screen with its escape sequences for colours, and the column and row of the cursor.
    ///
    /// # Errors
    ///
    /// When the program has ended.
    pub fn styled_screen(&self) -> Result<(String, (usize, usize))> {
        let screen = output(&mut self.tmux(&["capture-pane", "-p", "-e", "-N"]))?;
        let cursor = output(&mut self.tmux(&["display-message", "-p", "#{cursor_x} #{cursor_y}"]))?;
        let (column, row) = cursor.trim().split_once(' ').ok_or("tmux does not say where the cursor is")?;
        Ok((screen, (column.parse()?, row.parse()?)))
    }

    /// Types a text, key by key.
    ///
    /// # Errors
    ///
    /// When the program has ended.
    pub fn type_text(&mut self, text: &str) -> Result {
        for character in text.chars() {
            output(self.tmux(&["send-keys", "-l", "--"]).arg(character.to_string()))?;
            self.keystrokes += 1;
        }
        Ok(())
    }

    /// Presses one key, by tmux's name of it: `Enter`, `Escape`, `C-c`.
    ///
    /// # Errors
    ///
    /// When the program has ended.
    pub fn press(&mut self, key: &str) -> Result {
        output(self.tmux(&["send-keys", "--"]).arg(key))?;
        self.keystrokes += 1;
        Ok(())
    }

    /// Pastes a text as terminals do (bracketed paste). Counts as one key.
    ///
    /// # Errors
    ///
    /// When the program has ended.
    pub fn paste(&mut self, text: &str) -> Result {
        output(self.tmux(&["set-buffer", "--"]).arg(text))?;
        output(&mut self.tmux(&["paste-buffer", "-p"]))?;
        self.keystrokes += 1;
        Ok(())
    }

    /// Sends a signal to the program.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result {
        let pid = output(&mut self.tmux(&["list-panes", "-F", "#{pane_pid}"]))?;
        Ok(kill(Pid::from_raw(pid.trim().parse()?), signal)?)
    }

    /// How many keys were pressed.
    pub fn keystrokes(&self) -> usize {
        self.keystrokes
    }

    /// Waits until the screen is as expected, and gives it.
    ///
    /// # Errors
    ///
    /// With the screen, when it does not come to that in time.
    pub fn wait_for(&self, what: &str, most: Duration, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let start = Instant::now();
        loop {
            let screen = self.screen()?;
            if is_so(&screen) {
                return Ok(screen);
            }
            if start.elapsed() > most {
                return Err(format!("waited {} s for {what}; the screen is\n{screen}", most.as_secs()).into());
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits until nothing moves any more, and gives the screen.
    ///
    /// # Errors
    ///
    /// When it never rests within a minute.
    pub fn wait_for_rest(&self) -> Result<String> {
        let start = Instant::now();
        let (mut seen, mut since) = (self.screen()?, Instant::now());
        while since.elapsed() < QUIET {
            std::thread::sleep(GLANCE);
            let now = self.screen()?;
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            if start.elapsed() > Duration::from_secs(60) {
                return Err(format!("the screen does not come to rest:\n{seen}").into());
            }
        }
        Ok(seen)
    }

    /// Waits until the program has ended.
    ///
    /// # Errors
    ///
    /// With the screen, when it goes on.
    pub fn wait_for_end(&self, most: Duration) -> Result {
        let start = Instant::now();
        while let Ok(screen) = self.screen() {
            if start.elapsed() > most {
                return Err(format!("does not end; the screen is\n{screen}").into());
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).stderr(Stdio::null()).status();
        let _ = std::fs::remove_file(&self.socket);
    }
}
