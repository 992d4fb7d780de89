//! What happens while a plan is applied: lines, a progress bar on a terminal, or JSON events.

use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use seed_engine::apply::{Event, Summary};
use seed_engine::{Action, Plan};
use serde_json::json;

use super::groups::Groups;
use super::journal::{local_time, place};
use super::page::Page;
use crate::cli::options::Global;
use crate::cli::{output, style, terminal};

/// Tells what happens.
pub struct Progress {
    json: bool,
    /// Whether the JSON has the text of the terminal with it.
    page: bool,
    verbose: bool,
    bar: Option<ProgressBar>,
    /// The roles that are being changed.
    at_work: Mutex<BTreeSet<String>>,
    /// The composite roles, each line of which waits for the last of its parts.
    groups: Mutex<Groups>,
}

impl Progress {
    /// For a plan; without one, each role is shown by itself.
    pub fn new(global: &Global, plan: Option<&Plan>) -> Self {
        let actions = plan.map_or(0, |plan| plan.roles.len() - plan.count(Action::None));
        let bar = (!global.json && std::io::stderr().is_terminal() && actions > 1).then(|| {
            let bar = ProgressBar::new(actions as u64);
            if let Ok(look) = ProgressStyle::with_template("  {bar:24.green} {pos}/{len} {msg:.dim}") {
                bar.set_style(look);
            }
            bar
        });
        Progress {
            json: global.json,
            page: global.page,
            verbose: global.verbose > 0,
            bar,
            at_work: Mutex::default(),
            groups: Mutex::new(plan.map(Groups::new).unwrap_or_default()),
        }
    }

    /// Tells an event.
    pub fn tell(&self, event: &Event) {
        if self.json {
            let mut line = json!(event);
            if self.page
                && let Some(outcome) = Outcome::of(event)
            {
                line["text"] = json!(outcome.text());
            }
            let _ = writeln!(output::stdout(), "{line}");
            return;
        }
        match event {
            Event::Started { role, .. } => self.at_work().insert(role.clone()),
            Event::Done { role, .. } | Event::Failed { role, .. } => self.at_work().remove(role),
            Event::Progress { .. } | Event::Skipped { .. } => false,
        };
        match event {
            Event::Started { .. } => {}
            Event::Progress { role, message, .. } => {
                if let Some(bar) = &self.bar {
                    bar.set_message(terminal::line(&format!("{role}: {message}")).into_owned());
                }
                if self.verbose {
                    self.line(&format!("    {}{role}: {message}{:#}", style::DIM, style::DIM));
                }
            }
            Event::Done { role, .. } | Event::Failed { role, .. } | Event::Skipped { role, .. } => {
                if let Some(outcome) = Outcome::of(event) {
                    let lines = self.groups().take(role, outcome, event, self.verbose);
                    lines.iter().for_each(|line| self.line(line));
                }
                self.advance();
            }
        }
    }

    /// Tells that an end was asked for, and what it waits for.
    pub fn ending(&self, by_ctrl_c: bool) {
        if self.json {
            return;
        }
        let roles: Vec<String> = self.at_work().iter().cloned().collect();
        let after = if roles.is_empty() { String::new() } else { format!(" after {}", roles.join(", ")) };
        let again = if by_ctrl_c { "; press Ctrl-C again to stop at once" } else { "" };
        self.line(&format!("{}stopping{after}{again}{:#}", style::WARN, style::WARN));
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what waits for parts that will not end any more.
    pub fn flush(&self) {
        let lines = self.groups().rest(self.verbose);
        lines.iter().for_each(|line| self.line(line));
    }

    fn at_work(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    fn line(&self, line: &str) {
        let write = || {
            let _ = writeln!(output::stderr(), "{}", line.replace('\n', "\n      "));
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Tells the end.
    pub fn finish(&self, summary: &Summary) -> std::io::Result<()> {
        self.flush();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let mut out = output::stdout();
        if self.json {
            let mut line = json!(summary);
            line["event"] = json!("summary");
            if self.page {
                line["text"] = json!(Page::of(|out| write_summary(out, summary))?.first_line());
            }
            return writeln!(out, "{line}");
        }
        write_summary(&mut out, summary)
    }
}

fn write_summary(out: &mut impl Write, summary: &Summary) -> std::io::Result<()> {
    let color = if summary.failed > 0 { style::BAD } else { style::GOOD };
    let word = match (summary.interrupted, summary.failed) {
        (true, _) => "Interrupted",
        (false, 0) => "Done",
        _ => "Failed",
    };
    write!(out, "{color}{word}{color:#}: {} changed, {} unchanged", summary.changed, summary.unchanged)?;
    if summary.failed > 0 {
        write!(out, ", {} failed", summary.failed)?;
    }
    if summary.skipped > 0 {
        write!(out, ", {} skipped", summary.skipped)?;
    }
    writeln!(out, " in {}.", time(summary.seconds))?;
    for backup in &summary.backups {
        let place = format!("{} ({})", place(backup.path.as_deref()), backup.what);
        writeln!(out, "Backup until {}: {}", local_time(backup.until), terminal::line(&place))?;
    }
    Ok(())
}

/// How a role ended.
pub struct Outcome {
    /// The sign before its line.
    pub sign: char,
    /// The colour of the sign.
    pub color: anstyle::Style,
    /// What stands behind the name.
    pub words: String,
}

impl Outcome {
    /// None while it has not ended.
    fn of(event: &Event) -> Option<Outcome> {
        Some(match event {
            Event::Done { action, seconds, .. } => {
                let dim = style::DIM;
                Outcome { sign: '✓', color: style::GOOD, words: format!("{}  {dim}{}{dim:#}", action.word(), time(*seconds)) }
            }
            Event::Failed { message, .. } => Outcome { sign: '✗', color: style::BAD, words: message.clone() },
            Event::Skipped { message, .. } => Outcome { sign: '○', color: style::WARN, words: format!("skipped: {message}") },
            Event::Started { .. } | Event::Progress { .. } => return None,
        })
    }

    /// The line of a role.
    pub fn line(&self, name: &str, indent: &str) -> String {
        let Outcome { sign, color, words } = self;
        format!("  {indent}{color}{sign}{color:#} {name}  {words}")
    }

    /// Without colours.
    fn text(&self) -> String {
        anstream::adapter::strip_str(&format!("{} {}", self.sign, self.words)).to_string()
    }
}

/// A time in a line.
pub fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}
