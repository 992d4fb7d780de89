//! What a job says, as lines for a person, written into a buffer of the attached editor as they come.

use std::sync::Arc;

use serde_json::Value as Json;

use super::process::Outcome;
use crate::lsp::state::State;

/// The lines of a job on their way to the editor.
pub struct Transcript {
    #[cfg(feature = "nvim")]
    pane: Option<crate::nvim::Pane>,
}

impl Transcript {
    /// Begins with a title. `show` opens a window, where none shows the lines already.
    pub async fn begin(state: &Arc<State>, title: &str, show: bool) -> Self {
        #[cfg(feature = "nvim")]
        {
            let pane = match &state.session().nvim {
                Some(socket) => crate::nvim::Pane::open(socket, show).await,
                None => None,
            };
            let mut transcript = Transcript { pane };
            transcript.write(format!("── {title}"));
            transcript
        }
        #[cfg(not(feature = "nvim"))]
        {
            let _ = (state, title, show);
            Transcript {}
        }
    }

    /// Tells what happens.
    pub fn event(&mut self, event: &Json) {
        for line in event_lines(event) {
            self.write(line);
        }
    }

    /// Tells how it ended, once all before it is written.
    pub async fn end(mut self, outcome: &Outcome) {
        let page = outcome.result["page"]["lines"].as_array().into_iter().flatten();
        let answer = page.filter_map(|line| line.as_str().map(String::from));
        let mistakes = outcome.result["diagnostics"].as_array().into_iter().flatten().map(mistake_line);
        let errors = outcome.errors.lines().map(String::from);
        for line in answer.chain(mistakes).chain(errors) {
            self.write(line);
        }
        #[cfg(feature = "nvim")]
        if let Some(pane) = self.pane.take() {
            pane.close().await;
        }
    }

    fn write(&mut self, line: String) {
        #[cfg(feature = "nvim")]
        if let Some(pane) = &self.pane {
            pane.write(line);
        }
        #[cfg(not(feature = "nvim"))]
        let _ = line;
    }
}

fn text<'a>(value: &'a Json, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What the command line says of an event, with the lines below its first indented.
fn event_lines(event: &Json) -> Vec<String> {
    let (role, message) = (text(event, "role"), text(event, "message"));
    let said = match text(event, "event") {
        "started" => format!("… {role}: {}", text(event, "action")),
        "progress" => format!("  {role}: {message}"),
        "summary" => text(event, "text").to_string(),
        _ => match event["text"].as_str() {
            Some(outcome) => format!("{role}: {outcome}"),
            None => return Vec::new(),
        },
    };
    said.lines().enumerate().map(|(nth, line)| if nth == 0 { line.to_string() } else { format!("    {line}") }).collect()
}

fn mistake_line(mistake: &Json) -> String {
    let start = &mistake["range"]["start"];
    let at = |key: &str| start[key].as_u64().unwrap_or_default() + 1;
    format!("{}:{}:{}: {}", text(mistake, "path"), at("line"), at("character"), text(mistake, "message"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_read_as_lines() {
        let lines = |event: Json| event_lines(&event).join("\n");
        assert_eq!(lines(json!({"event": "started", "role": "a", "action": "create"})), "… a: create");
        assert_eq!(lines(json!({"event": "done", "role": "a", "text": "✓ create  3 ms"})), "a: ✓ create  3 ms");
        assert_eq!(lines(json!({"event": "failed", "role": "a", "text": "✗ no room\ndo this"})), "a: ✗ no room\n    do this");
        assert_eq!(lines(json!({"event": "summary", "text": "Done: 2 changed."})), "Done: 2 changed.");
    }
}
