use std::path::Path;

use seed_role::host::sim::SimHost;
use seed_spec::analysis::Request;

use super::{MaxDrift, require_little};
use crate::check::analyse_with_graph;
use crate::journal::Ledger;
use crate::plan::{Options, World, plan};
use crate::project::DiskLoader;

#[test]
fn limits_are_read_as_numbers_and_shares() {
    assert_eq!("5".parse(), Ok(MaxDrift::Roles(5)));
    assert_eq!("20%".parse(), Ok(MaxDrift::Percent(20)));
    for wrong in ["", "%", "-1", "101%", "half", "1.5"] {
        assert!(wrong.parse::<MaxDrift>().is_err(), "{wrong}");
    }
    assert_eq!([MaxDrift::Half.of(2), MaxDrift::Half.of(7), MaxDrift::Half.of(100)], [3, 3, 50]);
    assert_eq!([MaxDrift::Roles(5).of(100), MaxDrift::Percent(20).of(60), MaxDrift::Percent(0).of(60)], [5, 12, 0]);
}

/// Whether a machine on which nothing of the spec is there counts as one that has drifted too much.
fn too_much(roles: &str, most: MaxDrift) -> Option<String> {
    let text = format!("seed: 1\nname: lab\nroles:\n{roles}");
    let request = Request { path: Path::new("/lab.seed.yaml"), text: &text, edited_line: None };
    let host = SimHost::default();
    let (analysis, graph) = analyse_with_graph(&request, &DiskLoader, Some(&host));
    assert!(!analysis.has_errors(), "{:?}", analysis.diagnostics);
    let ledger = Ledger::default();
    let world = World { host: &host, ledger: &ledger, folder: Path::new("/nowhere"), name: None, keep: 0 };
    let plan = plan(&graph, &world, "lab", &Options::default()).unwrap();
    require_little(&graph, &plan, most, Path::new("/nowhere")).err().map(|trouble| trouble.came_back)
}

#[test]
fn more_than_half_and_more_than_three_is_too_much() {
    let files = |count: usize| -> String {
        (0..count).map(|index| format!("  f{index}: {{is: file.text, path: /etc/f{index}, content: x}}\n")).collect()
    };
    assert_eq!(too_much(&files(3), MaxDrift::default()), None);
    let message = too_much(&files(7), MaxDrift::default()).unwrap();
    assert_eq!(message, "7 of 7 roles have drifted at once (f0, f1, f2, f3, f4, …)");
    assert_eq!(too_much(&files(7), MaxDrift::Percent(100)), None);
    assert!(too_much(&files(2), MaxDrift::Roles(1)).is_some());
}

#[test]
fn what_lay_on_a_device_or_mount_that_is_gone_counts_with_it() {
    let lab = "  image: {is: storage.file_block_image, path: /lab.img, size: 1 GiB}
  loop: {is: storage.loopback_device, backing: image}
  pool: {is: storage.btrfs, devices: [loop], mount: /srv/lab}
  one: {is: file.text, path: /srv/lab/one, content: x}
  two: {is: file.text, path: /srv/lab/two, content: x}
";
    assert_eq!(too_much(lab, MaxDrift::Roles(1)), None, "all of it rests on the image");
    let folder = "  dir: {is: file.directory, path: /srv/lab}
  one: {is: file.text, path: /srv/lab/one, content: x}
  two: {is: file.text, path: /srv/lab/two, content: x}
";
    assert!(too_much(folder, MaxDrift::Roles(1)).is_some(), "files that were removed were removed one by one");
}
