//! `seed`: specs checked, planned, applied, inspected, repaired and taken back.

mod cli;
mod lsp;
#[cfg(feature = "nvim")]
mod nvim;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
