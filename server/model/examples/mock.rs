//! `cargo run -p seed-model --features mock --example mock -- FILE…`: a server that answers the first question with the text of the first
//! file, the second with that of the second, and so on. It says where it listens, and ends with its standard input. For trying an
//! editor's side by hand and in tests.

#![allow(clippy::print_stdout, reason = "where it listens is its result")]

use seed_model::mock::{Mock, Scripted};

fn main() -> std::io::Result<()> {
    let texts: Result<Vec<String>, _> = std::env::args().skip(1).map(std::fs::read_to_string).collect();
    let mock = Mock::start(texts?.iter().map(|text| Scripted::answer(text)))?;
    println!("{}/v1", mock.url());
    std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()).map(drop)
}
