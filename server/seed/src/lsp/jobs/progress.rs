//! `$/progress`: how far a job is.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower_lsp::ls_types::notification::Progress as ProgressNotification;
use tower_lsp::ls_types::{
    ProgressParams, ProgressParamsValue, ProgressToken, WorkDoneProgress, WorkDoneProgressBegin, WorkDoneProgressEnd,
    WorkDoneProgressReport,
};

use crate::lsp::state::State;

/// How long the editor may take to make room for a progress; a job does not wait for it any longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// A progress in the editor, if it can show one.
pub struct Progress {
    reports: Option<(mpsc::UnboundedSender<WorkDoneProgress>, JoinHandle<()>)>,
    done: usize,
}

impl Progress {
    /// Begins it. `asked` tells that the token is the editor's own.
    pub async fn begin(state: &Arc<State>, token: ProgressToken, asked: bool, title: &str) -> Self {
        if !asked {
            let can = state.session().progress;
            let create = state.client.create_work_done_progress(token.clone());
            if !can || !matches!(tokio::time::timeout(PATIENCE, create).await, Ok(Ok(()))) {
                return Progress { reports: None, done: 0 };
            }
        }
        let (reports, mut waiting) = mpsc::unbounded_channel();
        let client = state.client.clone();
        let sender = tokio::spawn(async move {
            while let Some(mut value) = waiting.recv().await {
                // An editor that is slow gets the newest report, not all of them.
                while let WorkDoneProgress::Report(_) = value
                    && let Ok(newer) = waiting.try_recv()
                {
                    value = newer;
                }
                let params = ProgressParams { token: token.clone(), value: ProgressParamsValue::WorkDone(value) };
                client.send_notification::<ProgressNotification>(params).await;
            }
        });
        let begin = WorkDoneProgressBegin { title: title.into(), cancellable: Some(true), ..WorkDoneProgressBegin::default() };
        let _ = reports.send(WorkDoneProgress::Begin(begin));
        Progress { reports: Some((reports, sender)), done: 0 }
    }

    /// Tells what happens.
    pub fn event(&mut self, event: &Json) {
        let role = event["role"].as_str().unwrap_or_default();
        let message = match event["event"].as_str() {
            Some("started") => format!("{role}: {}", event["action"].as_str().unwrap_or("…")),
            Some("progress") => format!("{role}: {}", event["message"].as_str().unwrap_or("…")),
            Some(outcome @ ("done" | "failed" | "skipped")) => {
                self.done += 1;
                format!("{role}: {outcome} ({})", self.done)
            }
            _ => return,
        };
        self.send(WorkDoneProgress::Report(WorkDoneProgressReport {
            message: Some(message),
            cancellable: Some(true),
            ..WorkDoneProgressReport::default()
        }));
    }

    /// Ends it, once all before it is sent.
    pub async fn end(mut self, message: Option<&str>) {
        let message = message.map(|message| message.lines().next().unwrap_or_default().to_string());
        self.send(WorkDoneProgress::End(WorkDoneProgressEnd { message }));
        if let Some((reports, sender)) = self.reports.take() {
            drop(reports);
            // Only fails when the server is about to end.
            let _ = sender.await;
        }
    }

    fn send(&self, value: WorkDoneProgress) {
        if let Some((reports, _)) = &self.reports {
            let _ = reports.send(value);
        }
    }
}
