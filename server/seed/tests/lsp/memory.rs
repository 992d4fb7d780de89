//! What the server holds on to.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Client;

/// Resident memory of a process without that of files, in KiB (proc_pid_status(5)): how much of the program itself is resident
/// depends on how it was built.
fn resident(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_of_large_answers_is_given_back() {
    let mut client = Client::start();
    let role = |n: usize| format!("  d{n}:\n    is: file.directory\n    why: number {n}\n    mode: \"0755\"\n    path: ./d{n}\n");
    let text = format!("seed: 1\nname: large\nroles:\n{}", (0..4000).map(role).collect::<String>());
    assert!(text.lines().count() > 20_000);
    let uri = client.open("a.seed.yaml", &text);
    client.diagnostics(&uri, 1);
    for version in 2..6 {
        let start = json!({"line": 0, "character": 0});
        let change = json!({"range": {"start": start, "end": start}, "text": "# more\n"});
        client.notify(
            "textDocument/didChange",
            json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]}),
        );
        client.diagnostics(&uri, version);
        for method in ["textDocument/codeLens", "textDocument/documentSymbol", "textDocument/semanticTokens/full"] {
            client.request(method, json!({"textDocument": {"uri": uri}})).unwrap();
        }
    }
    // The budget of a server at 20,000 lines: 60 MB, here in KiB.
    let limit = 60_000_000 / 1024;
    let until = Instant::now() + Duration::from_secs(10);
    while resident(client.child.id()) > limit {
        assert!(Instant::now() < until, "{} KiB after a pause", resident(client.child.id()));
        std::thread::sleep(Duration::from_millis(50));
    }
}
