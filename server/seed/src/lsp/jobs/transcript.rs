//! What a job says, as lines for a person, written into a buffer of the attached editor as they come.

use std::sync::Arc;

use serde_json::Value as Json;

use super::Command;
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
    pub async fn end(mut self, command: Command, outcome: &Outcome) {
        let answer = match command {
            Command::Plan => plan_lines(&outcome.result),
            Command::Info => info_lines(&outcome.result),
            Command::Apply | Command::Repair => Vec::new(),
        };
        let mistakes = outcome.result["diagnostics"].as_array().into_iter().flatten().map(mistake_line);
        let errors = outcome.errors.lines().map(String::from);
        for line in answer.into_iter().chain(mistakes).chain(errors) {
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

fn event_lines(event: &Json) -> Vec<String> {
    let (role, message) = (text(event, "role"), text(event, "message"));
    match text(event, "event") {
        "started" => vec![format!("… {role}: {}", text(event, "action"))],
        "progress" => vec![format!("  {role}: {message}")],
        "done" => vec![format!("✓ {role} ({:.1} s)", event["seconds"].as_f64().unwrap_or_default())],
        "failed" => message
            .lines()
            .enumerate()
            .map(|(nth, line)| if nth == 0 { format!("✗ {role}: {line}") } else { format!("    {line}") })
            .collect(),
        "skipped" => vec![format!("- {role}: left out {message}").trim_end().to_string()],
        "summary" => {
            let count = |key: &str| event[key].as_u64().unwrap_or_default();
            let all = ["changed", "unchanged", "failed", "skipped"].map(|key| format!("{} {key}", count(key)));
            vec![all.join(", ")]
        }
        _ => Vec::new(),
    }
}

fn plan_lines(plan: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    for action in plan["actions"].as_array().into_iter().flatten().filter(|action| text(action, "action") != "none") {
        let destructive = if action["destructive"] == true { ", destroys data" } else { "" };
        lines.push(format!("{} {} ({}){destructive}", text(action, "action"), text(action, "role"), text(action, "is")));
        for change in action["changes"].as_array().into_iter().flatten() {
            lines.push(format!("    {}: {} → {}", text(change, "field"), change["from"], change["to"]));
        }
    }
    if lines.is_empty() && plan.get("actions").is_some() {
        lines.push("nothing to do".into());
    }
    lines
}

fn info_lines(info: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    for role in info["roles"].as_array().into_iter().flatten() {
        let reason = role["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
        lines.push(format!("{} {}{reason}", text(role, "state"), text(role, "role")));
        for drift in role["drift"].as_array().into_iter().flatten() {
            lines.push(format!("    {}: {}, wanted {}", text(drift, "field"), drift["have"], drift["want"]));
        }
    }
    lines
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
        assert_eq!(lines(json!({"event": "done", "role": "a", "seconds": 0.25})), "✓ a (0.2 s)");
        assert_eq!(lines(json!({"event": "failed", "role": "a", "message": "no room\ndo this"})), "✗ a: no room\n    do this");
        assert_eq!(lines(json!({"event": "summary", "changed": 2})), "2 changed, 0 unchanged, 0 failed, 0 skipped");
    }

    #[test]
    fn a_plan_shows_what_changes() {
        let plan = json!({"actions": [
            {"role": "a", "is": "file.text", "action": "none", "changes": []},
            {"role": "b", "is": "storage.btrfs", "action": "replace", "destructive": true,
             "changes": [{"field": "label", "from": "x", "to": "y"}]},
        ]});
        assert_eq!(plan_lines(&plan), ["replace b (storage.btrfs), destroys data", "    label: \"x\" → \"y\""]);
        assert_eq!(plan_lines(&json!({"actions": []})), ["nothing to do"]);
    }
}
