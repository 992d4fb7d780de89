//! `textDocument/diagnostic`.

use std::sync::Arc;

use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types::{
    DocumentDiagnosticParams, DocumentDiagnosticReport, DocumentDiagnosticReportResult, FullDocumentDiagnosticReport,
    RelatedFullDocumentDiagnosticReport, RelatedUnchangedDocumentDiagnosticReport, UnchangedDocumentDiagnosticReport,
};

use crate::lsp::diagnostics::of_spec;
use crate::lsp::state::State;

/// The mistakes in a text, for an editor that asks instead of being told.
pub async fn handle(state: &Arc<State>, params: DocumentDiagnosticParams) -> Result<DocumentDiagnosticReportResult> {
    let shared = state.clone();
    let found = state.ask_of_any(&params.text_document.uri, move |ask| {
        let result_id = ask.number.to_string();
        if params.previous_result_id.as_ref() == Some(&result_id) {
            let unchanged_document_diagnostic_report = UnchangedDocumentDiagnosticReport { result_id };
            return DocumentDiagnosticReport::Unchanged(RelatedUnchangedDocumentDiagnosticReport {
                related_documents: None,
                unchanged_document_diagnostic_report,
            });
        }
        let mut items = of_spec(ask);
        let source = &ask.snapshot.source;
        items.extend(shared.fragment_diagnostics(&ask.uri, source, 0));
        DocumentDiagnosticReport::Full(RelatedFullDocumentDiagnosticReport {
            related_documents: None,
            full_document_diagnostic_report: FullDocumentDiagnosticReport { result_id: Some(result_id), items },
        })
    });
    found.await.map(DocumentDiagnosticReportResult::Report)
}
