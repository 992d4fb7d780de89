//! `seed repair --watch`: what drifts is mended as it drifts, and what must not be is left alone.

mod watched;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::sandbox::{Sandbox, is_root};
use watched::{Watched, seconds, until};

/// A folder with so many files in so many folders, applied.
fn applied(files: usize, folders: usize) -> (Sandbox, &'static str) {
    let dir = |index| format!("d{index}: {{is: file.directory, path: ./d{index}}}\n");
    let file = |index| {
        let folder = index % folders;
        format!("f{index}: {{is: file.text, path: ./d{folder}/f{index}, content: text {index}, mode: \"0644\"}}\n")
    };
    let roles: String = (0..folders).map(dir).chain((0..files).map(file)).collect();
    let (sandbox, spec) = Sandbox::with_spec(&roles);
    sandbox.seed(&["apply", spec, "--yes"]).exits(0);
    (sandbox, spec)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode() & 0o7777)
}

/// Lets files drift one after the other, each in another way, and measures how long each takes to be mended.
fn drift_and_measure(sandbox: &Sandbox, files: usize, folders: usize, drifts: usize) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for drift in 0..drifts {
        // Far apart and never the same twice, since 7,919 is a prime.
        let index = drift * 7_919 % files;
        let path = sandbox.at(&format!("d{}/f{index}", index % folders));
        let wanted = format!("text {index}");
        let begin = Instant::now();
        match drift % 4 {
            0 => fs::remove_file(&path).unwrap(),
            1 => fs::write(&path, "drifted").unwrap(),
            2 => fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap(),
            _ => fs::rename(&path, path.with_extension("away")).unwrap(),
        }
        until(&format!("drift {drift}, {}", path.display()), || {
            fs::read_to_string(&path).is_ok_and(|text| text == wanted) && mode(&path) == 0o644
        });
        latencies.push(begin.elapsed());
        // Each by itself: what several at once are worth is tried elsewhere.
        std::thread::sleep(Duration::from_millis(20));
    }
    latencies.sort();
    latencies
}

#[test]
fn every_drift_of_a_thousand_roles_is_mended_in_a_moment() {
    let (sandbox, spec) = applied(980, 20);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    assert_eq!(watched.event("watching")["roles"], 1000);
    let latencies = drift_and_measure(&sandbox, 980, 20, 30);
    let median = latencies[latencies.len() / 2];
    eprintln!("1,000 roles, 30 drifts, none missed: median {median:?}, longest {:?}", latencies[latencies.len() - 1]);
    assert!(median < seconds(1), "the median took {median:?}");
    let ended = watched.end(Signal::SIGTERM).exits(0);
    let events = ended.json_lines();
    let notes: Vec<_> = events.iter().filter(|event| event["event"] == "note" || event["event"] == "pause").collect();
    assert!(notes.is_empty(), "all of it within the kernel's limits, nothing left alone: {notes:?}");
    assert_eq!(ended.summary()["changed"], 30);
    sandbox.seed(&["plan", spec]).exits(0);
}

#[test]
fn what_breaks_off_with_its_folders_is_mended_too() {
    let (sandbox, spec) = applied(2, 1);
    let mut watched = Watched::begin(&sandbox, &[spec, "--max-drift", "100%"]);
    watched.event("watching");
    let whole = || sandbox.at("d0/f0").exists() && sandbox.at("d0/f1").exists();
    for round in 0..3 {
        fs::remove_dir_all(sandbox.at("d0")).unwrap();
        until(&format!("the folder, removed, round {round}"), whole);
        fs::rename(sandbox.at("d0"), sandbox.at(&format!("away{round}"))).unwrap();
        until(&format!("the folder, moved away, round {round}"), whole);
    }
    watched.end(Signal::SIGTERM).exits(0);
}

#[test]
fn signals_end_it_and_meanwhile_others_can_work() {
    let (sandbox, spec) = applied(3, 1);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    watched.event("watching");
    sandbox.seed(&["plan", spec]).exits(0);
    sandbox.seed(&["apply", spec, "--yes"]).exits(0);
    let ended = watched.end(Signal::SIGINT).exits(130);
    assert_eq!(ended.summary()["changed"], 0);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    watched.event("watching");
    watched.end(Signal::SIGTERM).exits(0);
}

#[test]
fn when_too_much_drifts_at_once_it_stops_and_says_so() {
    let (sandbox, spec) = applied(40, 1);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    watched.event("watching");
    (0..40).for_each(|index| fs::remove_file(sandbox.at(&format!("d0/f{index}"))).unwrap());
    let ended = watched.ended().exits(3).says("of 41 roles have drifted at once").says("--max-drift");
    assert_eq!(ended.json_lines().last().unwrap()["error"].as_str().map(|error| error.contains("drifted at once")), Some(true));
    let there = (0..40).filter(|index| sandbox.at(&format!("d0/f{index}")).exists()).count();
    assert!(there <= 3, "it has mended {there} of them");
}

#[test]
fn a_quarrel_is_given_up_for_a_while_and_the_rest_is_mended_meanwhile() {
    let (sandbox, spec) = applied(5, 1);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    watched.event("watching");
    let contested = sandbox.at("d0/f0");
    let pause = loop {
        fs::write(&contested, "mine").unwrap();
        std::thread::sleep(Duration::from_millis(5));
        if let Some(pause) = watched.seen("pause") {
            break pause;
        }
    };
    assert_eq!((pause["role"].as_str(), pause["seconds"].as_f64()), (Some("f0"), Some(1.0)));
    fs::write(&contested, "mine").unwrap();
    fs::remove_file(sandbox.at("d0/f1")).unwrap();
    until("another role meanwhile", || sandbox.at("d0/f1").exists());
    assert_eq!(sandbox.read("d0/f0"), "mine", "it is left alone");
    until("the contested role, after the pause", || fs::read_to_string(&contested).is_ok_and(|text| text == "text 0"));
    watched.end(Signal::SIGTERM).exits(0);
}

#[test]
fn what_cannot_be_mended_is_told_and_keeps_nothing_else_from_it() {
    let (sandbox, spec) = applied(3, 1);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    watched.event("watching");
    fs::remove_file(sandbox.at("d0/f0")).unwrap();
    fs::create_dir(sandbox.at("d0/f0")).unwrap();
    fs::write(sandbox.at("d0/f0/precious"), "x").unwrap();
    // Between the two steps the watch may have made the file anew; then the folder could not be made, and this fails.
    assert_eq!(watched.event("failed")["role"], "f0");
    fs::remove_file(sandbox.at("d0/f1")).unwrap();
    until("another role", || sandbox.at("d0/f1").exists());
    assert_eq!(sandbox.read("d0/f0/precious"), "x");
    let ended = watched.end(Signal::SIGTERM).exits(0);
    let failures = ended.json_lines().iter().filter(|event| event["event"] == "failed").count();
    assert_eq!(failures, 1, "it is not tried again and again");
}

#[test]
fn what_another_run_takes_back_stays_away() {
    let (sandbox, spec) = applied(2, 1);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    watched.event("watching");
    sandbox.seed(&["apply", spec, "--state", "absent", "--yes", "--destroy-data"]).exits(0);
    watched.ended().exits(3).says("has removed it");
    assert!(!sandbox.at("d0").exists());
}

#[test]
fn a_spec_that_another_run_applies_is_watched_from_then_on() {
    let (sandbox, spec) = applied(2, 1);
    let mut watched = Watched::begin(&sandbox, &[spec]);
    watched.event("watching");
    let text = sandbox.read(spec).replace("text 1", "new text");
    fs::write(sandbox.at(spec), text).unwrap();
    fs::remove_file(sandbox.at("d0/f1")).unwrap();
    until("the role", || sandbox.at("d0/f1").exists());
    assert_eq!(sandbox.read("d0/f1"), "text 1", "what is only written was not confirmed");
    sandbox.seed(&["apply", spec, "--yes"]).exits(0);
    until("the watch has noticed", || watched.seen("note").is_some());
    assert_eq!(sandbox.read("d0/f1"), "new text");
    fs::remove_file(sandbox.at("d0/f1")).unwrap();
    until("the role as it is now", || fs::read_to_string(sandbox.at("d0/f1")).is_ok_and(|text| text == "new text"));
    watched.end(Signal::SIGTERM).exits(0);
}

#[test]
fn what_nothing_tells_of_is_seen_when_the_interval_is_over() {
    let (sandbox, spec) = Sandbox::with_spec(
        "mark: {is: task.command, present: [/usr/bin/touch, ./mark], absent: [/usr/bin/rm, -f, ./mark], info: [/usr/bin/test, -e, ./mark]}",
    );
    sandbox.seed(&["trust", "."]).exits(0);
    let mark = sandbox.at("mark");
    let text = sandbox.read(spec).replace("./mark", &mark.display().to_string());
    fs::write(sandbox.at(spec), text).unwrap();
    sandbox.seed(&["apply", spec, "--yes"]).exits(0);
    let mut watched = Watched::begin(&sandbox, &[spec, "--interval", "100ms"]);
    watched.event("watching");
    fs::remove_file(&mark).unwrap();
    until("the command's file", || mark.exists());
    watched.end(Signal::SIGTERM).exits(0);
}

#[test]
fn mounts_and_loop_devices_are_mended_at_once() {
    if !is_root() {
        return;
    }
    let (sandbox, spec) = Sandbox::with_spec(
        "image: {is: storage.file_block_image, path: ./disk.img, size: 16 MiB}
loop: {is: storage.loopback_device, backing: image}
scratch: {is: storage.tmpfs, mount: ./scratch, size: 1 MiB, mode: \"0700\"}
note: {is: file.text, path: ./scratch/note, content: hello}
",
    );
    sandbox.seed(&["apply", spec, "--yes"]).exits(0);
    let mut watched = Watched::begin(&sandbox, &[spec, "--max-drift", "1"]);
    watched.event("watching");
    let mut latencies = Vec::new();
    let mut measure = |what: &str, drift: &dyn Fn(), mended: &dyn Fn() -> bool| {
        let begin = Instant::now();
        drift();
        until(what, mended);
        latencies.push((what.to_string(), begin.elapsed()));
    };
    let scratch = sandbox.at("scratch");
    for _ in 0..3 {
        let note = || fs::read_to_string(scratch.join("note")).is_ok_and(|text| text == "hello");
        measure("unmounted", &|| nix::mount::umount(&scratch).unwrap(), &|| sandbox.mounts().len() == 1 && note());
        let open = || fs::set_permissions(&scratch, fs::Permissions::from_mode(0o755)).unwrap();
        measure("mode of a mount point", &open, &|| mode(&scratch) == 0o700);
        let device = sandbox.loops()[0].clone();
        let detach = || assert!(Command::new("losetup").arg("--detach").arg(&device).status().unwrap().success());
        measure("detached", &detach, &|| sandbox.loops().len() == 1);
    }
    for (what, latency) in &latencies {
        eprintln!("{what}: mended after {latency:?}");
        assert!(*latency < seconds(2), "{what} took {latency:?}");
    }
    watched.end(Signal::SIGTERM).exits(0);
    sandbox.seed(&["plan", spec]).exits(0);
    sandbox.seed(&["apply", spec, "--state", "absent", "--yes", "--destroy-data"]).exits(0);
    sandbox.assert_nothing_leaks();
}
