//! Just enough of an LSP client to time a server.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::Result;

/// An answer that takes longer than this will not come.
const LONGEST: Duration = Duration::from_secs(20);

/// A server and the pipe to it. It is stopped when this is dropped.
pub struct Client {
    child: Child,
    stdin: ChildStdin,
    messages: Receiver<(Instant, Json)>,
    last_id: u64,
    arrived: Instant,
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    /// Starts a server in a folder and waits until it has answered `initialize`.
    pub fn start(seed: &Path, folder: &Path) -> Result<Client> {
        let mut child = Command::new(seed)
            .arg("lsp")
            .current_dir(folder)
            .env("SEED_STATE_DIR", folder.join("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).ok_or("the server has no pipes")?;
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            while let Ok(message) = read(&mut stdout) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut client = Client { child, stdin, messages, last_id: 0, arrived: Instant::now() };
        let root = format!("file://{}", folder.display());
        client.request(
            "initialize",
            json!({"processId": std::process::id(), "rootUri": root, "capabilities": {"textDocument": {"publishDiagnostics": {"versionSupport": true}}}}),
        )?;
        client.notify("initialized", json!({}))?;
        Ok(client)
    }

    /// Ends it in order.
    pub fn stop(mut self) -> Result {
        self.request("shutdown", Json::Null)?;
        self.notify("exit", Json::Null)?;
        self.child.wait()?;
        Ok(())
    }

    fn write(&mut self, message: &Json) -> Result {
        let body = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        Ok(self.stdin.flush()?)
    }

    /// Sends what wants no answer.
    pub fn notify(&mut self, method: &str, params: Json) -> Result {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
    }

    /// Sends a request and waits for its answer.
    pub fn request(&mut self, method: &str, params: Json) -> Result<Json> {
        self.last_id += 1;
        let id = json!(self.last_id);
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        let answer = self.wait_for(|message| message["id"] == id && message.get("method").is_none())?;
        match answer.get("error") {
            Some(error) => Err(format!("{method}: {error}").into()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// Waits for a message; what the server asks meanwhile is answered with nothing.
    pub fn wait_for(&mut self, is_it: impl Fn(&Json) -> bool) -> Result<Json> {
        let end = Instant::now() + LONGEST;
        loop {
            let message = match self.messages.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((arrived, message)) => {
                    self.arrived = arrived;
                    message
                }
                Err(RecvTimeoutError::Timeout) => return Err("the server does not answer".into()),
                Err(RecvTimeoutError::Disconnected) => return Err("the server has ended".into()),
            };
            if is_it(&message) {
                return Ok(message);
            }
            if message.get("method").is_some() && message.get("id").is_some() {
                self.write(&json!({"jsonrpc": "2.0", "id": message["id"], "result": null}))?;
            }
        }
    }

    /// When the last byte of the message that was waited for last had come: before this client, which is not what is timed, read it.
    pub fn arrived(&self) -> Instant {
        self.arrived
    }

    /// The memory that the server holds now.
    pub fn resident_bytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        Ok(kib.ok_or("the kernel does not tell the memory of the server")? * 1024)
    }
}

fn read(stdout: &mut impl BufRead) -> Result<(Instant, Json)> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line)? == 0 {
            return Err("the end".into());
        }
        match line.trim_end() {
            "" => break,
            header => length = header.strip_prefix("Content-Length: ").map_or(Ok(length), |text| text.parse().map(Some))?,
        }
    }
    let mut body = vec![0; length.ok_or("a message without its length")?];
    stdout.read_exact(&mut body)?;
    Ok((Instant::now(), serde_json::from_slice(&body)?))
}
