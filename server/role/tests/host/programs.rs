//! Programs and secrets on this machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use seed_role::host::{Command, Host, RealHost};
use seed_role::trouble::Kind;
use seed_spec::value::Secret;

fn perl(script: &str) -> Command {
    Command::new("perl", ["-e", script])
}

#[test]
fn arguments_reach_a_program_as_they_are() {
    let host = RealHost::new();
    let words = ["%s|", "a b", "$(id)", "; true", "*", "", "ü\n"];
    let done = host.execute(&Command::new("printf", words)).unwrap();
    assert_eq!((done.status, done.stdout.as_str()), (0, "a b|$(id)|; true|*||ü\n|"));
}

#[test]
fn input_and_both_outputs_flow_at_once() {
    let host = RealHost::new();
    let input: Vec<u8> = (0..3 << 20).map(|number: u32| b'a' + (number % 26) as u8).collect();
    // It writes to both streams more than a pipe holds, while it reads.
    let script = "$| = 1; while (read(STDIN, my $part, 65536)) { print STDOUT $part; print STDERR $part; } exit 3";
    let done = host.execute(&Command { input: Some(input.clone()), ..perl(script) }).unwrap();
    assert_eq!(done.status, 3);
    // What is kept has an end; what is dropped is read all the same.
    assert_eq!(done.stdout.len(), 1 << 20);
    assert_eq!(done.stdout.as_bytes(), &input[..1 << 20]);
    assert_eq!(done.stderr.len(), 1 << 20);
}

#[test]
fn input_that_nobody_reads_is_no_hindrance() {
    let host = RealHost::new();
    let done = host.execute(&Command { input: Some(vec![b'x'; 1 << 20]), ..Command::new("true", [""; 0]) }).unwrap();
    assert_eq!(done.status, 0);
    let done = host.execute(&Command::new("cat", [""; 0])).unwrap();
    assert_eq!((done.status, done.stdout.as_str()), (0, ""));
}

#[test]
fn what_takes_too_long_is_stopped_with_all_it_started() {
    let host = RealHost::new();
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let script = format!("if (fork() == 0) {{ sleep 4; open(my $f, '>', '{}'); exit }} sleep 60", mark.display());
    let started = Instant::now();
    let command = Command { limit: Some(Duration::from_millis(300)), ..perl(&script) };
    let trouble = host.execute(&command).unwrap_err();
    assert_eq!(trouble.kind, Kind::TimedOut);
    assert!(trouble.to_string().contains("300 ms"), "{trouble}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    std::thread::sleep(Duration::from_millis(4500));
    assert!(!mark.exists(), "what it had started went on");
}

#[test]
fn what_stays_in_the_background_is_not_waited_for() {
    let host = RealHost::new();
    let started = Instant::now();
    let done = host.execute(&perl("if (fork() == 0) { sleep 9; exit } print 'ready'")).unwrap();
    assert_eq!((done.status, done.stdout.as_str()), (0, "ready"));
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[test]
fn signals_folders_and_words() {
    let host = RealHost::new();
    assert_eq!(host.execute(&perl("kill 9, $$")).unwrap().status, 128 + 9);
    let folder = tempfile::tempdir().unwrap();
    let done = host.execute(&Command { folder: Some(folder.path().into()), ..Command::new("pwd", [""; 0]) }).unwrap();
    assert_eq!(Path::new(done.stdout.trim()), folder.path().canonicalize().unwrap());
    assert_eq!(host.execute(&perl("print $ENV{LC_ALL}")).unwrap().stdout, "C");
    let missing = host.execute(&Command { folder: Some("/no/such".into()), ..Command::new("pwd", [""; 0]) }).unwrap_err();
    assert!(missing.to_string().contains("run pwd"), "{missing}");
}

#[test]
fn programs_are_found_or_not() {
    let host = RealHost::new();
    assert!(host.find_program("sh").unwrap().is_absolute());
    assert_eq!(host.find_program("no-such-program-at-all"), None);
    assert_eq!(host.find_program(""), None);
    assert_eq!(host.find_program("./sh"), None);
    assert_eq!(host.find_program("/etc"), None);
    assert_eq!(host.find_program("/etc/passwd"), None);
    let missing = host.execute(&Command::new("no-such-program-at-all", [""; 0])).unwrap_err();
    assert_eq!(missing.kind, Kind::MissingTool);
}

#[test]
fn no_descriptor_reaches_a_program() {
    let host = RealHost::new();
    let _held = tempfile::tempfile().unwrap();
    let done = host.execute(&Command::new("ls", ["/proc/self/fd"])).unwrap();
    // Its three streams, and the folder that it lists.
    assert_eq!(done.stdout.lines().count(), 4, "{}", done.stdout);
}

#[test]
fn secrets_come_from_their_places_and_stay_out_of_messages() {
    let host = RealHost::new();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    assert_eq!(host.secret(&Secret::File(file("a", b"s3cret\n"))).unwrap(), "s3cret");
    assert_eq!(host.secret(&Secret::File(file("b", b"s3cret\n\n"))).unwrap(), "s3cret\n");
    assert_eq!(host.secret(&Secret::Command(vec!["printf".into(), "s3cret\n".into()])).unwrap(), "s3cret");
    for place in [
        Secret::File(file("c", b"s3cret\xFF")),
        Secret::File(folder.path().join("no")),
        Secret::Command(vec!["perl".into(), "-e".into(), "print 's3cret'; print STDERR 's3cret'; exit 1".into()]),
        Secret::Command(vec!["perl".into(), "-e".into(), "print qq(s3cret\\xFF)".into()]),
        Secret::Command(Vec::new()),
        Secret::Env("NO_SUCH_VARIABLE_AT_ALL".into()),
        Secret::Credential("../passwd".into()),
        Secret::Credential("no-such".into()),
    ] {
        let trouble = host.secret(&place).unwrap_err();
        assert!(!format!("{trouble} {trouble:?}").contains("s3cret"), "{trouble}");
    }
    assert!(!host.secret(&Secret::Env("PATH".into())).unwrap().is_empty());
}
