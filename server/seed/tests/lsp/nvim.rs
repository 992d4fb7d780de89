//! What jobs say, written into a real Neovim.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Client;

/// A Neovim without a screen, that listens.
struct Editor {
    child: Child,
    socket: String,
}

impl Editor {
    /// None where there is no Neovim on this machine.
    fn start(folder: &Path) -> Option<Self> {
        let socket = folder.join("nvim.sock").display().to_string();
        let mut command = Command::new("nvim");
        command
            .args(["--headless", "--clean", "--listen", &socket])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let editor = Editor { child, socket };
        let until = Instant::now() + Duration::from_secs(10);
        while !Path::new(&editor.socket).exists() {
            assert!(Instant::now() < until, "Neovim does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(editor)
    }

    /// The value of an expression.
    fn value(&self, expression: &str) -> String {
        let out = Command::new("nvim").args(["--server", &self.socket, "--remote-expr", expression]).output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().to_string()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn jobs_write_into_a_buffer_of_the_editor() {
    let mut client = Client::spawn(&[]);
    let Some(editor) = Editor::start(client.folder.path()) else {
        // Stated in the outcome: without a Neovim there is nothing to attach to.
        eprintln!("left out: there is no nvim in the search path");
        return;
    };
    client.initialize(Client::capabilities(), json!({"nvim": editor.socket}));
    let uri = client.write("a.seed.yaml", "seed: 1\nname: a\nroles:\n  made: {is: file.directory, path: ./made}\n");
    let mut run = |command: &str, argument: serde_json::Value| {
        let params = json!({"command": command, "arguments": [argument]});
        client.request("workspace/executeCommand", params).unwrap();
        client.notification("seed/jobFinished")
    };
    run("seed.plan", json!({"uri": uri}));
    assert_eq!(editor.value("len(win_findbuf(bufnr('^seed://job$')))"), "0", "no window unless asked");
    run("seed.apply", json!({"uri": uri, "yes": true, "show": true}));
    assert_eq!(editor.value("len(win_findbuf(bufnr('^seed://job$')))"), "1");
    assert_eq!(editor.value("bufname('%')"), "", "the cursor stays where it was");
    let lines = editor.value("join(getbufline(bufnr('^seed://job$'), 1, '$'), '|')");
    let parts: Vec<_> = lines.split('|').collect();
    assert_eq!(parts[..2], ["── seed plan a.seed.yaml", "a.seed.yaml → present"], "{lines}");
    assert!(parts.contains(&"  + made  file.directory  create"), "{lines}");
    assert!(
        parts.contains(&"── seed apply a.seed.yaml") && parts.iter().any(|line| line.starts_with("made: ✓ create")),
        "{lines}"
    );
    assert_eq!(editor.value("getbufvar(bufnr('^seed://job$'), '&modifiable')"), "0");
}

#[test]
fn an_editor_that_is_not_there_holds_no_job_up() {
    let mut client = Client::spawn(&[]);
    let socket = client.path("nobody.sock");
    client.initialize(Client::capabilities(), json!({"nvim": socket}));
    let uri = client.write("a.seed.yaml", "seed: 1\nname: a\nroles:\n  made: {is: file.directory, path: ./made}\n");
    client.request("workspace/executeCommand", json!({"command": "seed.plan", "arguments": [{"uri": uri}]})).unwrap();
    assert_eq!(client.notification("seed/jobFinished")["status"], 2);
}
