//! What file roles do beyond the common contract: secrets, mistakes in templates, what stands in the way.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use seed_collections::REGISTRY;
use seed_role::attrs::{Attrs, Observation};
use seed_role::host::Host;
use seed_role::host::real::RealHost;
use seed_role::param::SECRET_MARK;
use seed_role::step::{Goal, Step, Transition};
use seed_role::{Mend, Role, Trouble};
use serde_json::{Value as Json, json};

fn role(is: &str, params: Json) -> Box<dyn Role> {
    REGISTRY.get(is).unwrap().build(&params).unwrap()
}

fn seen(role: &dyn Role, host: &dyn Host) -> Attrs {
    match role.observe(host).unwrap() {
        Observation::Present(attrs) => attrs,
        other => panic!("{other:?}"),
    }
}

fn steps(role: &dyn Role, host: &dyn Host, to: Goal<'_>, keep: Option<&str>) -> Vec<Step> {
    let from = role.observe(host).unwrap();
    role.steps(host, &Transition { from: &from, to, keep, replaced: None, kept: None }).unwrap()
}

fn make(role: &dyn Role, host: &dyn Host) {
    let wanted = role.wanted(host).unwrap();
    for step in steps(role, host, Goal::Attrs(&wanted), Some("seed-backup-1")) {
        (step.run)(host).unwrap();
    }
}

fn template(folder: &Path, text: &str, with: Json) -> Result<Attrs, Trouble> {
    std::fs::write(folder.join("main.j2"), text).unwrap();
    let params = json!({"path": folder.join("out"), "from": folder.join("main.j2"), "with": with});
    role("file.template", params).wanted(&RealHost::new())
}

#[test]
fn nothing_of_a_secret_is_in_the_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    std::fs::write(at.join("secret"), "hunter2\n").unwrap();
    let secret = json!({"$secret": {"file": at.join("secret")}});
    std::fs::write(at.join("main.j2"), "password={{ login.password }}\n").unwrap();
    let roles = [
        role("file.text", json!({"path": at.join("a"), "content": secret.clone()})),
        role("file.template", json!({"path": at.join("b"), "from": at.join("main.j2"), "with": {"login": {"password": secret}}})),
    ];
    for role in &roles {
        make(&**role, &host);
        let all = format!("{:?} {:?}", role.observe(&host).unwrap(), role.wanted(&host).unwrap());
        assert!(all.contains(SECRET_MARK) && !all.contains("hunter2"), "{all}");
    }
    assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "hunter2");
    assert_eq!(std::fs::read_to_string(at.join("b")).unwrap(), "password=hunter2\n");
    assert_eq!(host.metadata(&at.join("a")).unwrap().unwrap().mode, 0o600);
}

#[test]
fn a_secret_that_changes_is_no_loss_and_one_that_was_edited_is() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    std::fs::write(at.join("secret"), "old").unwrap();
    let role = role("file.text", json!({"path": at.join("key"), "content": {"$secret": {"file": at.join("secret")}}}));
    make(&*role, &host);
    let ours = seen(&*role, &host);
    std::fs::write(at.join("secret"), "new secret").unwrap();
    let rotated = seen(&*role, &host);
    let changes = rotated.changes(&role.wanted(&host).unwrap());
    assert_eq!(changes.len(), 1);
    assert_eq!(role.mend(&changes[0], &rotated), Mend::Replace);
    assert_eq!(role.loses(&host, &rotated, Some(&ours)), None);
    assert_eq!(role.loses(&host, &rotated, None), Some(format!("the content of {}", at.join("key").display())));
    std::fs::write(at.join("key"), "edited by hand").unwrap();
    let edited = seen(&*role, &host);
    assert_eq!(role.loses(&host, &edited, Some(&ours)), Some(format!("the edits to {}", at.join("key").display())));
}

#[test]
fn edits_are_a_loss_and_what_seed_wrote_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    let role = role("file.text", json!({"path": at.join("motd"), "content": "grown\n"}));
    make(&*role, &host);
    let ours = seen(&*role, &host);
    assert_eq!(role.loses(&host, &ours, Some(&ours)), None);
    std::fs::write(at.join("motd"), "edited\n").unwrap();
    let edited = seen(&*role, &host);
    assert_eq!(role.loses(&host, &edited, Some(&ours)), Some(format!("the edits to {}", at.join("motd").display())));
    std::fs::write(at.join("motd"), "").unwrap();
    assert_eq!(role.loses(&host, &seen(&*role, &host), Some(&ours)), None);
}

#[test]
fn something_of_another_kind_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    std::fs::create_dir(at.join("folder")).unwrap();
    std::os::unix::fs::symlink("elsewhere", at.join("link")).unwrap();
    std::fs::write(at.join("file"), "").unwrap();
    let cases = [
        (role("file.text", json!({"path": at.join("folder"), "content": "x"})), "it is a folder"),
        (role("file.text", json!({"path": at.join("link"), "content": "x"})), "it is a symbolic link"),
        (role("file.directory", json!({"path": at.join("file")})), "it is a file"),
        (role("file.link", json!({"path": at.join("file"), "to": "x"})), "it is a file"),
    ];
    for (role, words) in cases {
        let error = role.observe(&host).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("Seed does not replace it"), "{error}");
    }
}

#[test]
fn a_full_folder_is_put_aside_or_where_that_is_waived_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    let role = role("file.directory", json!({"path": at.join("inbox")}));
    for keep in [Some("seed-backup-7"), None] {
        make(&*role, &host);
        assert_eq!(role.loses(&host, &seen(&*role, &host), None), None);
        std::fs::write(at.join("inbox/letter"), "dear").unwrap();
        assert!(role.loses(&host, &seen(&*role, &host), None).is_some());
        for step in steps(&*role, &host, Goal::Absent, keep) {
            let name = step.name.clone();
            let kept = (step.run)(&host).unwrap();
            let aside = kept.and_then(|kept| kept.path);
            assert_eq!(aside.is_some(), keep.is_some());
            assert!(!at.join("inbox").exists());
            if let Some(aside) = aside {
                assert!(aside.join("letter").exists());
                // As after a stop before the journal knew of it.
                role.recover(&host, &name).unwrap();
                assert!(at.join("inbox/letter").exists() && !aside.exists());
                std::fs::remove_dir_all(at.join("inbox")).unwrap();
            }
        }
    }
    assert_eq!(std::fs::read_dir(at).unwrap().count(), 0);
}

#[test]
fn what_comes_into_an_empty_folder_at_the_last_moment_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    let role = role("file.directory", json!({"path": at.join("inbox")}));
    make(&*role, &host);
    for step in steps(&*role, &host, Goal::Absent, Some("seed-backup-1")) {
        std::fs::write(at.join("inbox/letter"), "dear").unwrap();
        (step.run)(&host).unwrap_err();
    }
    assert!(at.join("inbox/letter").exists());
}

#[test]
fn a_mistake_in_a_template_names_file_line_and_variable() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let main = at.join("main.j2");
    let error = template(at, "ok\nport = {{ prot }}\n", json!({"port": 80})).unwrap_err().to_string();
    assert_eq!(error, format!("could not render the template {}:2: `prot` is not defined (`with:` gives port)", main.display()));
    let error = template(at, "{{ site.nmae }}", json!({"site": {"name": "x"}})).unwrap_err().to_string();
    assert!(error.contains("main.j2:1: `site.nmae` is not defined"), "{error}");
    let error = template(at, "one\n{% if x %}\n", json!({"x": 1})).unwrap_err().to_string();
    assert!(error.contains("main.j2:") && error.contains("syntax error"), "{error}");
    let error = template(at, "{% include 'gone.j2' %}", json!({})).unwrap_err().to_string();
    assert!(error.contains("gone.j2") && error.contains("templates are searched in"), "{error}");
    let error = template(at, "{% include '../secret' %}", json!({})).unwrap_err().to_string();
    assert!(error.contains("main.j2:1"), "{error}");
}

#[test]
fn a_mistake_in_a_template_with_secrets_quotes_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("secret"), "hunter2").unwrap();
    let with = json!({"password": {"$secret": {"file": at.join("secret")}}});
    for text in
        ["{{ password + 1 }}", "{{ password.x }}", "{{ password | int }}", "{{ [1][password] }}", "{% include password %}"]
    {
        let error = template(at, text, with.clone()).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_template_renders_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let wanted = |text: &str, with: Json| template(folder.path(), text, with).unwrap();
    let attrs = wanted("{% for n in all %}\n  - {{ n }}\n{% endfor %}\nend\n", json!({"all": ["a<b", 2, true]}));
    assert_eq!(attrs.text("content"), Some("  - a<b\n  - 2\n  - True\nend\n"));
    let attrs = wanted("no line end", json!({}));
    assert_eq!(attrs.text("content"), Some("no line end"));
    std::fs::write(folder.path().join("part.j2"), "{{ x }} of {{ loop.length }}\n").unwrap();
    let attrs = wanted("{% for x in all %}{% include 'part.j2' %}{% endfor %}", json!({"all": [1, 2]}));
    assert_eq!(attrs.text("content"), Some("1 of 2\n2 of 2\n"));
}

#[test]
fn commands_tell_what_they_saw() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    let command = |info: Json, folder: &Path| {
        role("task.command", json!({"present": ["true"], "absent": ["true"], "info": info, "folder": folder, "limit": "200 ms"}))
    };
    std::fs::write(at.join("there"), " yes \n").unwrap();
    let role = command(json!(["cat", "there"]), at);
    let attrs = seen(&*role, &host);
    assert_eq!(attrs.text("info"), Some("yes"));
    assert_eq!(attrs.changes(&role.wanted(&host).unwrap()), []);
    assert_eq!(command(json!(["cat", "gone"]), at).observe(&host).unwrap(), Observation::Absent);
    assert_eq!(command(json!(["true"]), &at.join("gone")).observe(&host).unwrap(), Observation::Absent);
    let error = command(json!(["ls", "--no-such-option"]), at).observe(&host).unwrap_err().to_string();
    assert!(error.contains("ls ended with status 2 with the output:") && error.contains("no-such-option"), "{error}");
    let error = command(json!(["sleep", "5"]), at).observe(&host).unwrap_err();
    assert_eq!(error.kind, seed_role::trouble::Kind::TimedOut);
}

#[test]
fn mistakes_are_found_without_a_host() {
    let check = |is: &str, params: Json| -> Vec<(String, String)> {
        role(is, params).check().into_iter().map(|finding| (finding.param, finding.message)).collect()
    };
    let params = |findings: Vec<(String, String)>| findings.into_iter().map(|(param, _)| param).collect::<Vec<_>>();
    assert_eq!(params(check("file.text", json!({"path": "/", "content": "a\0b"}))), ["path", "content"]);
    assert_eq!(params(check("file.directory", json!({"path": "/"}))), ["path"]);
    assert_eq!(params(check("file.link", json!({"path": "/x", "to": ""}))), ["to"]);
    assert_eq!(params(check("file.link", json!({"path": "/x", "to": "~/y"}))), ["to"]);
    assert_eq!(params(check("file.template", json!({"path": "/x", "from": "/y", "with": {"a-b": 1}}))), ["with.a-b"]);
    let command = json!({"present": [], "absent": ["rm -f /x"], "info": ["a", "\0"], "limit": 0});
    assert_eq!(params(check("task.command", command)), ["present", "absent", "info", "limit"]);
}

#[test]
fn types_describe_themselves() {
    let info = (REGISTRY.get("task.command").unwrap().info)();
    let limit = info.record.field("limit").unwrap();
    assert_eq!((&limit.shape, limit.default.as_ref()), (&seed_spec::Shape::Duration, Some(&json!("10 min"))));
    assert!(info.runs_commands);
    let template = (REGISTRY.get("file.template").unwrap().info)();
    assert_eq!(
        template.record.field("with").unwrap().shape,
        seed_spec::Shape::Map(Box::new(seed_spec::Shape::Any { secret: true }))
    );
    assert!(!template.record.field("with").unwrap().required);
    for role_type in REGISTRY.types() {
        let info = (role_type.info)();
        assert!(!info.about.is_empty() && info.record.fields.iter().all(|field| !field.doc.is_empty()), "{}", info.name);
        assert!(info.example.contains(&format!("is: {}", info.name)), "{}", info.name);
    }
}

#[test]
fn what_has_become_something_else_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    let roles = [
        (role("file.text", json!({"path": at.join("a"), "content": "x"})), at.join("a")),
        (role("file.link", json!({"path": at.join("b"), "to": "x"})), at.join("b")),
    ];
    for (role, path) in roles {
        make(&*role, &host);
        let steps = steps(&*role, &host, Goal::Absent, None);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        if path.ends_with("b") {
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, "somebody's").unwrap();
        }
        for step in steps {
            (step.run)(&host).unwrap_err();
        }
        assert!(path.symlink_metadata().is_ok());
    }
}

#[test]
fn a_fragment_keeps_what_came_to_the_rest_of_the_file_and_tells_edits() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    std::fs::write(at.join("base.conf"), "one\ntwo\n").unwrap();
    std::fs::write(at.join("rc"), "first\nlast\n").unwrap();
    let role = role("file.fragment", json!({"path": at.join("rc"), "fragment": at.join("base.conf"), "after": "first"}));
    let wanted = role.wanted(&host).unwrap();
    let steps = steps(&*role, &host, Goal::Attrs(&wanted), None);
    // Between the plan and the step somebody else writes to the file.
    std::fs::write(at.join("rc"), "first\nlast\nnew\n").unwrap();
    steps.into_iter().for_each(|step| assert!((step.run)(&host).is_ok()));
    let text = "first\n# seed:begin base#1\none\ntwo\n# seed:end base#1\nlast\nnew\n";
    assert_eq!(std::fs::read_to_string(at.join("rc")).unwrap(), text);
    let ours = seen(&*role, &host);
    assert_eq!(role.loses(&host, &ours, Some(&ours)), None);
    std::fs::write(at.join("rc"), text.replace("two", "mine")).unwrap();
    let edited = seen(&*role, &host);
    let place = at.join("rc").display().to_string();
    assert_eq!(role.loses(&host, &edited, Some(&ours)), Some(format!("the edits to base#1 in {place}")));
    assert_eq!(edited.changes(&wanted).len(), 1);
    make(&*role, &host);
    assert_eq!(std::fs::read_to_string(at.join("rc")).unwrap(), text);
    // Moved and indented it is the same.
    std::fs::write(at.join("rc"), "last\n  # seed:begin base#1\n  one\n  two\n  # seed:end base#1\nfirst\n").unwrap();
    assert_eq!(seen(&*role, &host).changes(&wanted), []);
}

#[test]
fn what_stops_a_fragment_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (host, at) = (RealHost::new(), folder.path());
    std::fs::write(at.join("base.conf"), "---\nparameters: {port: {type: int}}\n---\n{{ port }}\n").unwrap();
    let params =
        |with: Json, after: &str| json!({"path": at.join("rc"), "fragment": at.join("base.conf"), "with": with, "after": after});
    let wanted = |with: Json| role("file.fragment", params(with, "x")).wanted(&host).unwrap_err().to_string();
    assert!(wanted(json!({})).contains("the parameter `port` is missing"), "{}", wanted(json!({})));
    assert!(wanted(json!({"port": "a"})).contains("`port` is a whole number"), "{}", wanted(json!({"port": "a"})));
    std::fs::write(at.join("rc"), "# seed:begin base#1\nno end\n").unwrap();
    let good = role("file.fragment", params(json!({"port": 1}), "gone"));
    let error = good.observe(&host).unwrap_err().to_string();
    assert!(error.contains("line 1: `base#1` begins here but does not end"), "{error}");
    std::fs::write(at.join("rc"), "text\n").unwrap();
    let wanted = good.wanted(&host).unwrap();
    let step = steps(&*good, &host, Goal::Attrs(&wanted), None).pop().unwrap();
    let error = (step.run)(&host).unwrap_err().to_string();
    assert!(error.contains("no line contains `gone`"), "{error}");
    assert_eq!(std::fs::read_to_string(at.join("rc")).unwrap(), "text\n");
    std::fs::write(at.join("rc"), b"\xff\xfe").unwrap();
    assert!(good.observe(&host).unwrap_err().to_string().contains("not UTF-8"));
    std::fs::write(at.join("base.conf"), "# seed:begin other#1\n# seed:end other#1\n").unwrap();
    let nesting = role("file.fragment", params(json!({}), "x"));
    assert!(nesting.wanted(&host).unwrap_err().to_string().contains("embeds other fragments"));
    let findings =
        |params: Json| role("file.fragment", params).check().into_iter().map(|finding| finding.param).collect::<Vec<_>>();
    let secret = json!({"path": "/x", "fragment": "/y z", "instance": "#", "after": "", "before": "b",
        "with": {"key": {"$secret": {"file": "/k"}}, "list": [1]}});
    assert_eq!(findings(secret), ["fragment", "instance", "with.key", "with.list", "before", "after"]);
}
