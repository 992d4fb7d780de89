//! Standard output, whether or not somebody still reads it.

use std::io::{ErrorKind, StdoutLock, Write};

/// Standard output for the result of a command. What nobody reads any more, as behind `| head`, is dropped: the command goes on,
/// and ends with the status that it would have had.
pub fn stdout() -> Output {
    Output(anstream::stdout().lock())
}

/// See [`stdout`].
pub struct Output(anstream::AutoStream<StdoutLock<'static>>);

impl Write for Output {
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
