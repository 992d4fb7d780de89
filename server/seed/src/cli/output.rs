//! Standard output and standard error, whether or not somebody still reads them, and with nothing in them that does harm on a terminal.

use std::io::{ErrorKind, IsTerminal, StderrLock, StdoutLock, Write};

use anstream::AutoStream;

use super::terminal::Guard;

/// Standard output for the result of a command. What nobody reads any more, as behind `| head`, is dropped: the command goes on,
/// and ends with the status that it would have had.
pub fn stdout() -> Guard<Output<AutoStream<StdoutLock<'static>>>> {
    Guard::new(Output(anstream::stdout().lock()))
}

/// Standard output for what goes on until nobody reads it: then writing fails, and what makes it ends.
pub fn stream() -> impl Write {
    Guard::new(anstream::stdout().lock())
}

/// Standard output for text that a program may read, such as a spec that was formatted: every byte of it, unless it goes to a terminal.
pub fn data() -> Box<dyn Write> {
    match std::io::stdout().is_terminal() {
        true => Box::new(stdout()),
        false => Box::new(Output(std::io::stdout().lock())),
    }
}

/// Standard error, for what goes along with a result.
pub fn stderr() -> Guard<AutoStream<StderrLock<'static>>> {
    Guard::new(anstream::stderr().lock())
}

/// A stream whose reader may leave.
pub struct Output<W>(W);

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}
