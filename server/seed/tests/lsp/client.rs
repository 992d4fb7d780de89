//! A small editor: speaks the protocol to a server of its own.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

/// How long an answer may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A server, and the editor's end of the line.
pub struct Client {
    pub child: Child,
    pub input: Option<ChildStdin>,
    messages: Receiver<Json>,
    /// What came and was not waited for yet.
    pub waiting: VecDeque<Json>,
    last: i64,
    /// The folder with the specs, and the journals.
    pub folder: tempfile::TempDir,
}

impl Client {
    /// A server that has not been spoken to.
    pub fn spawn(environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_seed"));
        command.arg("lsp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.env("SEED_STATE_DIR", folder.path().join("state")).env_remove("NVIM").env_remove("SEED_LOG");
        command.envs(environment.iter().copied());
        let mut child = command.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut output = BufReader::new(output);
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Client { child, input, messages, waiting: VecDeque::new(), last: 0, folder }
    }

    /// A server that was told what a common editor can.
    pub fn start() -> Self {
        Client::start_with(Client::capabilities(), &[])
    }

    /// A server that was told what this editor can.
    pub fn start_with(capabilities: Json, environment: &[(&str, &str)]) -> Self {
        let mut client = Client::spawn(environment);
        client.initialize(capabilities, Json::Null);
        client
    }

    /// What a common editor can.
    pub fn capabilities() -> Json {
        json!({
            "general": {"positionEncodings": ["utf-16"]},
            "window": {"workDoneProgress": true},
            "workspace": {"applyEdit": true, "workspaceEdit": {"documentChanges": true}, "didChangeWatchedFiles": {"dynamicRegistration": true}},
            "textDocument": {
                "publishDiagnostics": {"versionSupport": true},
                "documentSymbol": {"hierarchicalDocumentSymbolSupport": true},
                "definition": {"linkSupport": false},
            },
        })
    }

    /// Greets the server.
    pub fn initialize(&mut self, capabilities: Json, options: Json) -> Json {
        let params = json!({
            "processId": null, "rootUri": null, "capabilities": capabilities,
            "initializationOptions": options, "clientInfo": {"name": "Neovim", "version": "0.11.4"},
        });
        let answer = self.request("initialize", params).unwrap();
        self.notify("initialized", json!({}));
        answer
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    pub fn send(&mut self, message: &Json) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub fn notify(&mut self, method: &str, params: Json) {
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Asks, without waiting; the number of the request.
    pub fn ask(&mut self, method: &str, params: Json) -> i64 {
        self.last += 1;
        let message = match params {
            Json::Null => json!({"jsonrpc": "2.0", "id": self.last, "method": method}),
            params => json!({"jsonrpc": "2.0", "id": self.last, "method": method, "params": params}),
        };
        self.send(&message);
        self.last
    }

    /// Waits for the answer to a request: the result or the error.
    pub fn answer(&mut self, id: i64) -> Result<Json, Json> {
        let answer =
            self.wait_for(&format!("the answer to {id}"), |message| message.get("method").is_none() && message["id"] == id);
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Asks and waits.
    pub fn request(&mut self, method: &str, params: Json) -> Result<Json, Json> {
        let id = self.ask(method, params);
        self.answer(id)
    }

    /// Waits for the first message, of those that were not waited for yet, that is the one.
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Json) -> bool) -> Json {
        let until = Instant::now() + PATIENCE;
        let mut seen = 0;
        loop {
            while seen < self.waiting.len() {
                if is_it(&self.waiting[seen]) {
                    return self.waiting.remove(seen).unwrap();
                }
                seen += 1;
            }
            if !self.receive(until) {
                panic!("{what} did not come; instead: {:#?}", self.waiting);
            }
        }
    }

    /// Receives what comes within a time.
    pub fn gather(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while self.receive(until) {}
    }

    /// Receives one message; answers what the server asks.
    fn receive(&mut self, until: Instant) -> bool {
        match self.messages.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(message) => {
                if message.get("method").is_some() && message.get("id").is_some() {
                    let id = message["id"].clone();
                    self.send(&json!({"jsonrpc": "2.0", "id": id, "result": null}));
                }
                self.waiting.push_back(message);
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(until.saturating_duration_since(Instant::now()).min(Duration::from_millis(50)));
                false
            }
        }
    }

    /// Waits for a notification.
    pub fn notification(&mut self, method: &str) -> Json {
        self.wait_for(method, |message| message["method"] == method)["params"].clone()
    }

    /// Waits for the diagnostics of a state of a text.
    pub fn diagnostics(&mut self, uri: &str, version: i64) -> Vec<Json> {
        let found = self.wait_for(&format!("diagnostics of version {version}"), |message| {
            let params = &message["params"];
            message["method"] == "textDocument/publishDiagnostics" && params["uri"] == uri && params["version"] == version
        });
        found["params"]["diagnostics"].as_array().unwrap().clone()
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of a file in the folder.
    pub fn uri(&self, name: &str) -> String {
        uri_of(&self.path(name))
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.uri(name)
    }

    /// Opens a text, without a file behind it.
    pub fn open(&mut self, name: &str, text: &str) -> String {
        let uri = self.uri(name);
        self.open_as(&uri, "yaml.seed", text);
        uri
    }

    /// Opens a text of any language.
    pub fn open_as(&mut self, uri: &str, language: &str, text: &str) {
        let document = json!({"uri": uri, "languageId": language, "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Opens a text with the cursor marked `$0`; its address and the position.
    pub fn open_at(&mut self, name: &str, fixture: &str) -> (String, Json) {
        let at = fixture.find("$0").expect("a cursor");
        let before = &fixture[..at];
        let line = before.matches('\n').count();
        let character = before.rsplit('\n').next().unwrap_or("").encode_utf16().count();
        let uri = self.open(name, &fixture.replacen("$0", "", 1));
        (uri, json!({"line": line, "character": character}))
    }

    /// Replaces a whole text.
    pub fn change_all(&mut self, uri: &str, version: i64, text: &str) {
        let params = json!({"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]});
        self.notify("textDocument/didChange", params);
    }

    /// Asks about a position.
    pub fn at(&mut self, method: &str, uri: &str, position: &Json) -> Json {
        self.request(method, json!({"textDocument": {"uri": uri}, "position": position})).unwrap()
    }

    /// Ends it as an editor does; the exit status.
    pub fn end(mut self) -> i32 {
        assert_eq!(self.request("shutdown", Json::Null), Ok(Json::Null));
        self.send(&json!({"jsonrpc": "2.0", "method": "exit"}));
        self.exit_status()
    }

    /// Waits for the end of the process.
    pub fn exit_status(&mut self) -> i32 {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the server did not end");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address of a path.
pub fn uri_of(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn read(output: &mut impl BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim() {
            "" => break,
            line => {
                // Anything else on standard output would break an editor.
                let value = line.strip_prefix("Content-Length: ").unwrap_or_else(|| panic!("not a header: {line}"));
                length = value.parse().unwrap();
            }
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}
