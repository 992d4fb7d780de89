//! The laws that hold for every chain: what is made is as it was wanted and nothing is left to do, what is taken back leaves
//! nothing, and a stop at any moment changes neither.

use seed_role::host::sim::When;
use serde_json::json;

use crate::lab::{Entry, Lab, everywhere, simulated};
use crate::{btrfs, filesystems, partitions};

fn chains() -> Vec<(String, Vec<Entry>)> {
    let mut chains = vec![
        ("a pool with subvolumes and snapshots".to_string(), btrfs::pool(btrfs::many())),
        ("a mirror".to_string(), btrfs::on_many(2, btrfs::mirrored())),
        ("a partitioned disk".to_string(), partitions::disk(partitions::two(), partitions::systems())),
        (
            "a tmpfs".to_string(),
            vec![("scratch", "storage.tmpfs", json!({"mount": "./a/b", "size": "1000 kB", "mode": "0700", "owner": "0:0"}))],
        ),
        (
            "a full image with another owner".to_string(),
            vec![(
                "image",
                "storage.file_block_image",
                json!({"path": "./a/full.img", "size": "2 MiB", "allocate": "full", "owner": "1:1"}),
            )],
        ),
    ];
    let types = filesystems::types().into_iter();
    chains.extend(types.map(|(what, size, params)| (what.to_string(), filesystems::on_loop(size, params))));
    chains
}

/// Chains that write outside of the lab's folder: only on the simulated machine.
fn persistent() -> Vec<(String, Vec<Entry>)> {
    let with = |persist: &str| {
        let mut chain = filesystems::on_loop("64 MiB", json!({"device": "@loop.device", "type": "ext4"}));
        let params =
            json!({"device": "@data.device", "at": "./srv/my lab", "options": ["noatime", "nofail"], "persist": persist});
        chain.push(("mount", "storage.mount", params));
        chain
    };
    ["fstab", "unit", "none"].into_iter().map(|persist| (format!("a mount by {persist}"), with(persist))).collect()
}

fn creations(lab: &Lab) -> Vec<String> {
    lab.roles.iter().map(|(name, ..)| format!("create {name}")).collect()
}

fn there_and_back(what: &str, lab: &mut Lab) {
    let all = creations(lab);
    assert_eq!(lab.plan(), all, "{what}");
    assert_eq!(lab.up().unwrap(), all, "{what}");
    assert_eq!(lab.plan(), [""; 0], "{what}");
    for (name, ..) in lab.roles.clone() {
        let seen = lab.seen(name);
        let lost = lab.role(name).loses(lab.host(), seen.attrs().unwrap(), seen.attrs());
        assert_eq!(lost, None, "{what}: {name} holds no file");
    }
    lab.down().unwrap();
    lab.assert_clean(&[]);
    assert_eq!(lab.plan(), all, "{what}");
}

#[test]
fn there_and_back_again() {
    for (what, chain) in chains() {
        everywhere(chain).iter_mut().for_each(|lab| there_and_back(&what, lab));
    }
    for (what, chain) in persistent() {
        let mut lab = simulated(chain);
        let before = lab.sim().state();
        there_and_back(&what, &mut lab);
        assert_eq!(lab.sim().state(), before, "{what}");
    }
}

/// Up and down, each stopped once; says whether neither was.
fn stopped_once(what: &str, lab: &mut Lab, mut stop: impl FnMut(&mut Lab), mut go_on: impl FnMut(&mut Lab)) -> bool {
    stop(lab);
    let is_up = lab.up().is_some();
    go_on(lab);
    lab.up().unwrap();
    assert_eq!(lab.plan(), [""; 0], "{what}");
    stop(lab);
    let is_down = lab.down().is_some();
    go_on(lab);
    if !is_down {
        lab.down().unwrap();
    }
    lab.assert_clean(&[]);
    is_up && is_down
}

#[test]
fn a_stop_after_any_step_changes_nothing_in_the_end() {
    for (what, chain) in chains() {
        for stop in 1.. {
            let what = format!("{what}, stopped after {stop} steps");
            let are_whole = everywhere(chain.clone())
                .iter_mut()
                .all(|lab| stopped_once(&what, lab, |lab| lab.steps_left = stop, |lab| lab.steps_left = usize::MAX));
            if are_whole {
                break;
            }
        }
    }
}

#[test]
fn a_stop_at_any_call_changes_nothing_in_the_end() {
    for (what, chain) in chains().into_iter().chain(persistent()) {
        for when in [When::Before, When::Midway, When::After] {
            for number in 1.. {
                let what = format!("{what}, stopped at call {number}, {when:?}");
                let mut lab = simulated(chain.clone());
                let before = lab.sim().state();
                let is_whole = stopped_once(&what, &mut lab, |lab| lab.sim().stop_after(number, when), |lab| lab.sim().resume());
                assert_eq!(lab.sim().state(), before, "{what}");
                if is_whole {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_stop_while_it_grows_changes_nothing_in_the_end() {
    let types = ["ext4", "xfs", "swap"].map(|fs_type| json!({"device": "@loop.device", "type": fs_type}));
    let mounted = ["ext4", "xfs"].map(|fs_type| json!({"device": "@loop.device", "type": fs_type, "mount": "./mnt"}));
    let chains = types.into_iter().chain(mounted).map(|params| filesystems::on_loop("320 MiB", params));
    let mut partitioned = partitions::disk(partitions::two(), partitions::systems());
    partitioned[0].2["size"] = json!("320 MiB");
    for chain in chains.chain([partitioned, btrfs::pool(btrfs::many())]) {
        for when in [When::Before, When::Midway, When::After] {
            for number in 1.. {
                let what = format!("{}, stopped at call {number}, {when:?}", chain[2].2);
                let mut lab = simulated(chain.clone());
                let before = lab.sim().state();
                lab.up().unwrap();
                lab.set("image", "size", json!("1 GiB"));
                lab.sim().stop_after(number, when);
                let is_whole = lab.up().is_some();
                lab.sim().resume();
                lab.up().unwrap();
                assert_eq!(lab.plan(), [""; 0], "{what}");
                lab.down().unwrap();
                assert_eq!(lab.sim().state(), before, "{what}");
                if is_whole {
                    break;
                }
            }
        }
    }
}
