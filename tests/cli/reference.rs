//! What is generated from the role types and stands in the tree is what they would generate now.

use std::fs;
use std::path::Path;

use crate::sandbox::Sandbox;

#[track_caller]
fn is_current(path: &str, args: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let there = fs::read_to_string(root.join(path)).unwrap_or_default();
    let now = Sandbox::new().seed(args).exits(0).stdout();
    let command = format!("cargo run -p seed -- {} > {path}", args.join(" "));
    assert!(there == now, "{path} is not current; this renews it:\n  {command}");
}

#[test]
fn the_schema_in_the_tree_is_current() {
    is_current("schemas/seed.schema.json", &["schema"]);
}

#[test]
fn the_reference_in_the_tree_is_current() {
    is_current("doc/book/src/reference.md", &["types", "--markdown"]);
}

#[test]
fn the_schema_of_one_type_can_be_had() {
    let sandbox = Sandbox::new();
    let schema = sandbox.seed(&["schema", "file.text"]).exits(0).json();
    assert_eq!(schema["required"], serde_json::json!(["is", "path", "content"]));
    sandbox.seed(&["schema", "file.nothing"]).exits(1).says("no role type has that name").says("seed types");
}
