//! One connection: a question, and the reply that is next.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Heard, Scripted, Shared, Step, lock};

/// How often a thread that has nothing to do looks whether the server has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Reads a question and plays the reply. What goes wrong with the connection is the other side's to notice.
pub(super) fn serve(stream: TcpStream, shared: &Shared) {
    let _ = stream.set_nodelay(true);
    let Some(heard) = read(&stream) else { return };
    // Asked and answered under one lock, so that the order of both is the same.
    let reply = {
        let mut all = lock(&shared.heard);
        all.push(heard);
        lock(&shared.replies).pop_front()
    };
    shared.changed.notify_all();
    // Who gives up while something is still written is gone just as well.
    if play(&stream, reply.unwrap_or_else(Scripted::none_left), shared).is_err() {
        gone(shared);
    }
}

/// Notes that the other side has closed.
fn gone(shared: &Shared) {
    *lock(&shared.closed) += 1;
    shared.changed.notify_all();
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { path, headers, body: serde_json::from_slice(&body).unwrap_or_default() })
}

fn play(mut stream: &TcpStream, reply: Scripted, shared: &Shared) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let mut head = Some(head + "\r\n");
    for step in reply.steps {
        match step {
            Step::Silence => return stall(stream, shared),
            _ => {
                if let Some(head) = head.take() {
                    stream.write_all(head.as_bytes())?;
                }
            }
        }
        match step {
            Step::Send(bytes) if !bytes.is_empty() => {
                let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                chunk.extend_from_slice(&bytes);
                chunk.extend_from_slice(b"\r\n");
                stream.write_all(&chunk)?;
                stream.flush()?;
            }
            Step::Send(_) | Step::Silence => {}
            Step::Stall => return stall(stream, shared),
            // Without the last chunk, so that it is seen as cut off.
            Step::Break => {
                let _ = stream.shutdown(Shutdown::Both);
                return Ok(());
            }
        }
    }
    if let Some(head) = head {
        stream.write_all(head.as_bytes())?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// Says nothing until the other side closes, or the server ends.
fn stall(mut stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(LOOK))?;
    let mut bytes = [0; 64];
    while !shared.stop.load(Ordering::Relaxed) {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                continue;
            }
            Err(_) => break,
        }
    }
    gone(shared);
    Ok(())
}
