//! What happens while roles are watched, as lines with the time.

use std::io::Write;

use seed_engine::repair::Event;

use super::apply::Progress;
use crate::cli::options::Global;
use crate::cli::{output, style, terminal};

/// Tells an event on standard error.
pub fn tell(event: &Event, global: &Global) {
    let (dim, warn, good) = (style::DIM, style::WARN, style::GOOD);
    let line = match event {
        Event::Watching { roles } => format!("{good}Watching {roles} roles.{good:#} Press Ctrl-C to stop."),
        Event::Drift { role, state, fields } if fields.is_empty() => format!("{warn}{role}{warn:#} is {state}"),
        Event::Drift { role, fields, .. } => format!("{warn}{role}{warn:#} has drifted: {}", fields.join(", ")),
        Event::Pause { role, seconds, message } => {
            format!("{warn}{role}{warn:#} is left alone for {seconds} s: {message}")
        }
        Event::Note { message } => message.clone(),
        Event::Summary(summary) => {
            let repairs = if summary.changed == 1 { "repair" } else { "repairs" };
            format!("{} {repairs}, {} failed.", summary.changed, summary.failed)
        }
        Event::Apply(event) => return Progress::new(global, None).tell(event),
    };
    let line = terminal::entry(&line, "          ");
    // When standard error is gone, the watch goes on all the same.
    let _ = writeln!(output::stderr(), "{dim}{}{dim:#}  {line}", jiff::Zoned::now().strftime("%H:%M:%S"));
}
