//! What a program needs of the C library.

use std::path::Path;

use crate::Result;
use crate::process::{command, output};

/// The oldest version of glibc that has all symbols that a program takes from it.
///
/// # Errors
///
/// When the program has no such symbols, or cannot be read.
pub fn oldest_glibc(program: &Path) -> Result<String> {
    let symbols = output(command("objdump", &["--dynamic-syms"]).arg(program))?;
    let (major, minor) = newest(&symbols).ok_or_else(|| format!("{} takes nothing from glibc", program.display()))?;
    Ok(format!("{major}.{minor}"))
}

/// The highest version among the symbols, in `objdump`'s words "(GLIBC_2.34)".
fn newest(symbols: &str) -> Option<(u32, u32)> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|other: char| !other.is_ascii_digit() && other != '.').unwrap_or(rest.len());
        let mut numbers = rest[..end].split('.').map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    versions.max()
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_symbol_decides() {
        let symbols = "0000 DF *UND* 0000 (GLIBC_2.9)  epoll\n0000 DF *UND* 0000 (GLIBC_2.34) open\n0 (GLIBC_2.2.5) read\n";
        assert_eq!(newest(symbols), Some((2, 34)));
        assert_eq!(newest("0000 DF *UND* 0000 (OPENSSL_3.0.0) SSL_read\n"), None);
    }
}
