use std::path::Path;

use seed_spec::analysis::Request;

use super::{Note, Picture};
use crate::check::analyse_with_graph;
use crate::project::DiskLoader;

fn picture(text: &str) -> Picture {
    let request = Request { path: Path::new("/spec/lab.seed.yaml"), text, edited_line: None };
    let (analysis, graph) = analyse_with_graph(&request, &DiskLoader, None);
    let errors: Vec<&str> = analysis.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    Picture::new(&analysis, &graph)
}

/// A spec with each kind of tie, each state, a loop and text that must be escaped.
const LAB: &str = r#"seed: 1
name: lab
why: A build lab that fits on one USB stick, with "quotes" & <brackets>.
roles:
  image: {is: storage.file_block_image, why: One file to carry around, path: /lab.img, size: 1 GiB, disposable: true}
  loop: {is: storage.loopback_device, backing: image}
  pool: {is: storage.btrfs, devices: [loop], mount: /srv/lab, subvolumes: {root: {}}}
  notes: {is: file.text, path: /srv/lab/notes, content: "on ${loop.device}"}
  motd: {is: file.text, path: /etc/motd, content: hello, needs: [pool], why: 'Say "hi" to <all> & sundry'}
  old: {is: file.text, path: /etc/old, content: x, state: absent}
  hosts: {is: file.directory, path: /etc/hosts.d, state: info}
  dirs: {is: file.directory, for_each: ['a"b', 'c<d>'], path: "/data/${each.key}"}
"#;

#[test]
fn ties_are_told_apart() {
    let json = picture(LAB).json();
    let edges: Vec<String> = json["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| format!("{} {} {}", edge["from"], edge["to"], edge["kind"]).replace('"', ""))
        .collect();
    assert_eq!(
        edges,
        ["image loop foundation", "loop pool foundation", "pool motd needs", "loop notes reference", "pool notes folder"]
    );
    let level = |role: &str| {
        json["roles"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["role"] == role)
            .map(|one| one["level"].as_u64().unwrap())
            .unwrap()
    };
    assert_eq!([level("image"), level("loop"), level("pool"), level("notes"), level("old")], [0, 1, 2, 3, 0]);
}

#[test]
fn the_languages_of_others_are_as_recorded() {
    let picture = picture(LAB);
    insta::assert_snapshot!("dot", picture.dot());
    insta::assert_snapshot!("mermaid", picture.mermaid());
}

#[test]
fn the_svg_is_as_recorded() {
    insta::assert_snapshot!("svg", picture(LAB).svg());
}

#[test]
fn the_order_of_the_roles_changes_nothing() {
    let (head, roles) = LAB.split_once("roles:\n").unwrap();
    let mut lines: Vec<&str> = roles.lines().collect();
    lines.reverse();
    let turned = format!("{head}roles:\n{}\n", lines.join("\n"));
    assert_eq!(picture(&turned).svg(), picture(LAB).svg());
}

#[test]
fn a_spec_without_roles_has_a_picture_too() {
    let picture = picture("seed: 1\nname: empty\nroles: {}\n");
    assert!(picture.svg().ends_with("</svg>\n"));
    assert_eq!(picture.json()["roles"], serde_json::json!([]));
    assert!(picture.mermaid().contains("flowchart"));
}

#[test]
fn notes_stand_behind_the_roles_that_they_are_about() {
    let mut with = picture(LAB);
    let note = |title: &str, roles: &[&str]| Note {
        title: title.into(),
        path: "notes/a.md".into(),
        line: 3,
        roles: roles.iter().map(|role| role.to_string()).collect(),
    };
    with.add_notes(&[note("Bad <cable>", &["pool", "loop"]), note("Folders", &["dirs"]), note("Elsewhere", &["gone"])]);
    let json = with.json();
    let titles: Vec<_> = json["notes"].as_array().unwrap().iter().map(|one| one["note"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Bad <cable>", "Folders"]);
    assert_eq!(json["notes"][0]["place"], "notes/a.md:3");
    let about = |title: &str| {
        json["edges"].as_array().unwrap().iter().filter(|edge| edge["kind"] == "about" && edge["to"] == title).count()
    };
    assert_eq!([about("Bad <cable>"), about("Folders")], [2, 2]);
    assert_eq!(json["roles"], picture(LAB).json()["roles"]);
    let svg = with.svg();
    assert!(svg.contains("Bad &lt;cable&gt; is about pool") && svg.contains("of-note") && svg.contains(".about {"), "{svg}");
    assert!(with.dot().contains("arrowhead=none") && with.mermaid().contains(":::note"));
    assert!(!with.svg().contains("Elsewhere"));
}
