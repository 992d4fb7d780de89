//! The questions, asked of a simulated machine.

use std::path::Path;

use seed_role::host::{Host, SimHost};

use crate::contract::{self, Question};

fn ask(questions: &[Question]) {
    let host = SimHost::new();
    host.make_folder(Path::new("/srv/work"), 0o755).unwrap();
    let before = host.state();
    contract::ask(&host, Path::new("/srv/work"), questions);
    let left = before.diff(&host.state());
    assert!(left.is_empty(), "left behind:\n{}", left.join("\n"));
}

#[test]
fn files() {
    ask(contract::files::ALL);
}

#[test]
fn loops() {
    ask(contract::loops::ALL);
}

#[test]
fn mounts() {
    ask(contract::mounts::ALL);
}

#[test]
fn btrfs() {
    ask(contract::btrfs::ALL);
}

#[test]
fn formats() {
    ask(contract::formats::ALL);
}
