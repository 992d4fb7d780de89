//! Specs without mistakes, and the values that are read from them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use seed_spec::analysis::State;
use seed_spec::value::{Data, OutputRef, Part, Secret, Value};
use seed_spec::{Analysis, RoleInstance};
use world::{check, show_all};

fn clean(text: &str) -> Analysis {
    let analysis = check(&format!("seed: 1\nname: lab\n{text}"));
    assert!(analysis.diagnostics.is_empty(), "{}", show_all(&analysis));
    analysis
}

fn role<'a>(analysis: &'a Analysis, name: &str) -> &'a RoleInstance {
    analysis.roles.iter().find(|role| &*role.name == name).unwrap_or_else(|| panic!("no role {name}"))
}

fn param<'a>(analysis: &'a Analysis, name: &str, key: &str) -> &'a Data {
    let role = role(analysis, name);
    &role.params.iter().find(|(name, _)| &**name == key).unwrap_or_else(|| panic!("no {key} in {name}")).1.data
}

fn text(text: &str) -> Data {
    Data::Text(text.into())
}

fn output(role: &str, output: &str) -> OutputRef {
    OutputRef { role: role.into(), output: output.into() }
}

fn texts(data: &Data) -> Vec<String> {
    let Data::List(items) = data else { panic!("{data:?} is no list") };
    items.iter().map(|item| item.as_text().unwrap().to_string()).collect()
}

#[test]
fn the_example_of_the_guide_is_read() {
    let analysis = clean(
        "why: A build lab that fits on one USB stick.
vars:
  disk: 4 GiB
keep: 2 d
roles:
  image:
    is: storage.file_block_image
    why: one file to carry around
    path: ./lab.img            # relative to the spec's folder
    size: ${vars.disk}
    disposable: true
  loop:
    is: storage.loopback_device
    backing: image
  pool:
    is: storage.btrfs
    devices: [loop]
    label: lab
    mount: /srv/lab
    subvolumes:
      root: {}
      home: {quota: 1 GiB}
  builder:
    is: container
    kind: nspawn
    rootfs: {of: pool}
    command: [/usr/bin/make, -C, /src]
    state: info
    needs: [image]
",
    );
    assert_eq!(analysis.name.as_deref(), Some("lab"));
    assert_eq!(analysis.why.as_deref(), Some("A build lab that fits on one USB stick."));
    assert_eq!(analysis.keep, 2 * 86_400_000);
    let image = role(&analysis, "image");
    assert!(image.disposable);
    assert_eq!(image.why.as_deref(), Some("one file to carry around"));
    assert_eq!(param(&analysis, "image", "path"), &text("/work/lab.img"));
    assert_eq!(param(&analysis, "image", "size"), &Data::Int(4 << 30));
    assert_eq!(param(&analysis, "loop", "backing"), &Data::Output(output("image", "path")));
    let Data::List(devices) = param(&analysis, "pool", "devices") else { panic!() };
    assert_eq!(devices[0].data, Data::Output(output("loop", "device")));
    let Data::Map(subvolumes) = param(&analysis, "pool", "subvolumes") else { panic!() };
    assert_eq!(&*subvolumes[0].0, "root");
    assert_eq!(subvolumes[1].1.get("quota").map(|value| &value.data), Some(&Data::Int(1 << 30)));
    let builder = role(&analysis, "builder");
    assert_eq!((builder.state, &*builder.types[0].name, &*builder.is), (State::Info, "container.nspawn", "container"));
    assert_eq!(builder.needs.iter().map(|name| &**name).collect::<Vec<_>>(), ["image"]);
    let Data::Map(rootfs) = param(&analysis, "builder", "rootfs") else { panic!() };
    assert_eq!(rootfs[0].1.data, Data::Output(output("pool", "mount")));
}

#[test]
fn scalars_are_read_by_their_shape() {
    let analysis = clean(
        "vars: {mode: 0640, version: 1.10, port: 8080, flag: true}
roles:
  f:
    is: file.text
    path: ~/x/../y/./z
    content: 1.10
    mode: 0644
    timeout: 90 s
    retries: 0o17
    with: {a: 1, b: 1.5, c: ~, d: true, e: [x, 'y'], f: \"1\", g: !!str 5, h: !!int \"5\"}
  g:
    is: file.text
    path: ../etc
    content: v${vars.version}
    mode: ${vars.mode}
    retries: ${env.COUNT}
  b:
    is: storage.btrfs
    devices: [/dev/sda, ./disk.img]
    uuid: 6A204BD8-9f0c-4c5e-8d3f-0a4a1b2c3d4e
    label: no
  l:
    is: storage.loopback_device
    backing: /dev/sdb
    read_only: ${vars.flag}
  p:
    is: storage.partition_table
    device: l
    partitions: {a: {size: 1 MiB}, b: {size: rest}}
  q:
    is: storage.btrfs
    devices: ['p.partitions.a']
",
    );
    assert_eq!(param(&analysis, "f", "path"), &text("/home/ada/y/z"));
    assert_eq!(param(&analysis, "f", "content"), &text("1.10"));
    assert_eq!(param(&analysis, "f", "mode"), &text("0644"));
    assert_eq!(param(&analysis, "f", "timeout"), &Data::Int(90_000));
    assert_eq!(param(&analysis, "f", "retries"), &Data::Int(15));
    let Data::Map(with) = param(&analysis, "f", "with") else { panic!() };
    let data: Vec<&Data> = with.iter().map(|(_, value)| &value.data).collect();
    assert_eq!(data[..4], [&Data::Int(1), &Data::Float(1.5), &Data::Null, &Data::Bool(true)]);
    assert_eq!(texts(data[4]), ["x", "y"]);
    assert_eq!(data[5..], [&text("1"), &text("5"), &Data::Int(5)]);
    assert_eq!(param(&analysis, "g", "path"), &text("/etc"));
    assert_eq!(param(&analysis, "g", "content"), &text("v1.10"));
    assert_eq!(param(&analysis, "g", "mode"), &text("0640"));
    assert_eq!(param(&analysis, "g", "retries"), &Data::Int(3));
    assert_eq!(texts(param(&analysis, "b", "devices")), ["/dev/sda", "/work/disk.img"]);
    assert_eq!(param(&analysis, "b", "uuid"), &text("6a204bd8-9f0c-4c5e-8d3f-0a4a1b2c3d4e"));
    assert_eq!(param(&analysis, "b", "label"), &text("no"));
    assert_eq!(param(&analysis, "l", "read_only"), &Data::Bool(true));
    let Data::List(devices) = param(&analysis, "q", "devices") else { panic!() };
    assert_eq!(devices[0].data, Data::Output(output("p", "partitions.a")));
}

#[test]
fn interpolation_keeps_outputs_for_later() {
    let analysis = clean(
        "vars: {base: /srv, nested: {deep: [a, b]}, whole: '${vars.nested.deep}', dir: './${env.USER}'}
roles:
  t: {is: storage.tmpfs, mount: '${vars.base}/t', size: 1 MiB}
  f:
    is: file.text
    path: ${t.mount}/x
    content: |
      $${literal} ${vars.nested.deep.1} at ${t.mount}
      end
    with: ${vars.whole}
  g: {is: file.directory, path: '${t.mount}'}
  h: {is: file.directory, path: '${vars.dir}'}
  k: {is: file.text, path: /k, content: '${t.mount}', needs: [g, h]}
",
    );
    assert_eq!(param(&analysis, "t", "mount"), &text("/srv/t"));
    let mount = || Part::Output(output("t", "mount"));
    assert_eq!(param(&analysis, "f", "path"), &Data::Template(vec![mount(), Part::Text("/x".into())]));
    let content = vec![Part::Text("${literal} b at ".into()), mount(), Part::Text("\nend\n".into())];
    assert_eq!(param(&analysis, "f", "content"), &Data::Template(content));
    assert_eq!(texts(param(&analysis, "f", "with")), ["a", "b"]);
    assert_eq!(param(&analysis, "g", "path"), &Data::Output(output("t", "mount")));
    assert_eq!(param(&analysis, "h", "path"), &text("/work/ada"));
    assert_eq!(param(&analysis, "k", "content"), &Data::Output(output("t", "mount")));
}

#[test]
fn loops_make_instances_and_conditions_leave_some_out() {
    let analysis = clean(
        "vars: {names: [a, b, c], big: true, size: 4 GiB}
roles:
  dirs:
    is: file.directory
    for_each: ${vars.names}
    when: each.key != 'b'
    path: /srv/${each.value}
  users:
    is: file.text
    for_each: {ada: {home: /home/ada}, bob: {home: /home/bob}}
    path: ${each.value.home}/name
    content: ${each.key}
    needs: [dirs]
  pairs:
    is: file.text
    for_each: [{to: /x}, {to: /y}]
    path: ${each.value.to}
    content: ${dirs[a].path}
    needs: dirs[c]
  same:
    is: file.text
    for_each: [a, c]
    path: ${dirs[each.key].path}/f
    content: x
    needs: ['dirs[${each.key}]']
  off: {is: file.directory, path: /off, when: false}
  on: {is: file.directory, path: /on, when: '${vars.big}'}
  expr: {is: file.directory, path: /expr, when: vars.size == '4 GiB' and env.USER is defined and env.NOPE is undefined}
",
    );
    let names: Vec<&str> = analysis.roles.iter().map(|role| &*role.name).collect();
    let expected = ["dirs[a]", "dirs[c]", "users[ada]", "users[bob]", "pairs[0]", "pairs[1]", "same[a]", "same[c]", "on", "expr"];
    assert_eq!(names, expected);
    assert_eq!(param(&analysis, "dirs[c]", "path"), &text("/srv/c"));
    assert_eq!(param(&analysis, "users[bob]", "path"), &text("/home/bob/name"));
    assert_eq!(param(&analysis, "users[bob]", "content"), &text("bob"));
    let needs = |name: &str| role(&analysis, name).needs.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    assert_eq!(needs("users[ada]"), ["dirs[a]", "dirs[c]"]);
    assert_eq!(needs("pairs[0]"), ["dirs[c]"]);
    assert_eq!(needs("same[a]"), ["dirs[a]"]);
    assert_eq!(param(&analysis, "pairs[1]", "content"), &Data::Output(output("dirs[a]", "path")));
    assert_eq!(
        param(&analysis, "same[c]", "path"),
        &Data::Template(vec![Part::Output(output("dirs[c]", "path")), Part::Text("/f".into())])
    );
}

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let analysis = clean(
        "roles:
  a: &a
    is: storage.tmpfs
    mount: /a
    size: &size 1 MiB
    mode: '0700'
  b:
    <<: *a
    mount: /b
  c:
    <<: [{mode: '0755', is: storage.tmpfs}, *a]
    mount: /c
    size: *size
",
    );
    assert_eq!(param(&analysis, "b", "mount"), &text("/b"));
    assert_eq!(param(&analysis, "b", "size"), &Data::Int(1 << 20));
    assert_eq!(param(&analysis, "c", "mode"), &text("0755"));
    assert_eq!(role(&analysis, "c").params.iter().filter(|(name, _)| &**name == "mode").count(), 1);
}

#[test]
fn secrets_say_where_and_never_what() {
    let analysis = clean(
        "vars: {pw: !secret {env: PW}}
roles:
  a: {is: storage.luks, device: /dev/sda, key: !secret {file: ./key}}
  b: {is: storage.luks, device: a, key: !secret {command: [pass, show, x]}}
  c: {is: storage.luks, device: b, key: '${vars.pw}'}
  d: {is: file.text, path: /x, content: !secret {credential: tok}}
",
    );
    let secret = |secret| Data::Secret(std::sync::Arc::new(secret));
    assert_eq!(param(&analysis, "a", "key"), &secret(Secret::File("/work/key".into())));
    assert_eq!(param(&analysis, "b", "key"), &secret(Secret::Command(vec!["pass".into(), "show".into(), "x".into()])));
    assert_eq!(param(&analysis, "c", "key"), &secret(Secret::Env("PW".into())));
    assert_eq!(param(&analysis, "d", "content"), &secret(Secret::Credential("tok".into())));
}

#[test]
fn included_files_share_roles_and_variables() {
    let analysis = clean(
        "include: [./sub/users.seed.yaml]
vars: {who: eve}
roles:
  x: {is: file.text, path: '${home.path}/x', content: '${vars.greeting}'}
#@ /work/sub/users.seed.yaml
seed: 1
vars: {who: nobody, greeting: 'hello ${vars.who}'}
include: ./more.seed.yaml
roles:
  home: {is: file.directory, path: ./home}
#@ /work/sub/more.seed.yaml
seed: 1
roles:
  y: {is: file.text, path: /y, content: y, needs: [x]}
",
    );
    assert_eq!(param(&analysis, "x", "content"), &text("hello eve"));
    assert_eq!(param(&analysis, "home", "path"), &text("/work/sub/home"));
    assert_eq!(analysis.roles.len(), 3);
    assert_eq!(analysis.includes.iter().map(|link| link.file.unwrap().0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(role(&analysis, "y").entry.0.0, 2);
}

#[test]
fn abstract_roles_become_what_their_keys_fit() {
    let analysis = clean(
        "vars: {kind: chroot}
roles:
  t: {is: storage, mount: /t, size: 1 MiB}
  c: {is: container, rootfs: /c}
  d: {is: container, rootfs: /d, port: http}
  e: {is: container, kind: '${vars.kind}', rootfs: /e}
",
    );
    let types = |name: &str| role(&analysis, name).types.iter().map(|info| info.name.to_string()).collect::<Vec<_>>();
    assert_eq!(types("t"), ["storage.tmpfs"]);
    assert_eq!(types("c"), ["container.chroot", "container.nspawn"]);
    assert_eq!(types("d"), ["container.chroot"]);
    assert_eq!(types("e"), ["container.chroot"]);
    let info = |at: usize| analysis.documents[0].entries[at].info.as_ref().map(|info| info.name.to_string());
    assert_eq!((info(0), info(1), info(3)), (Some("storage.tmpfs".to_owned()), None, None));
}

#[test]
fn the_editor_finds_references_uses_and_spans() {
    let spec = "vars: {base: /srv}
roles:
  t: {is: storage.tmpfs, mount: '${vars.base}', size: 1 MiB}
  f: {is: file.text, path: '${ t.mount }/x', content: x, needs: [t]}
  l: {is: storage.loopback_device, backing: \"f.path\"}
";
    let analysis = clean(spec);
    let source = &analysis.documents[0].source;
    let references: Vec<_> = analysis
        .references
        .iter()
        .map(|reference| (source.slice(reference.span), &*reference.role, reference.from_role.as_deref().unwrap()))
        .collect();
    assert_eq!(references, [("t", "t", "f"), ("t", "t", "f"), ("f", "f", "l")]);
    let uses: Vec<_> = analysis.var_uses.iter().map(|used| (source.slice(used.span), &*used.name)).collect();
    assert_eq!(uses, [("base", "base")]);
    let entry = &analysis.documents[0].entries[1];
    assert_eq!(source.slice(entry.name_span), "f");
    assert!(source.slice(entry.span).starts_with("f: {is: file.text") && source.slice(entry.span).ends_with("[t]}"));
    assert_eq!(entry.is.as_ref().map(|(is, span)| (&**is, source.slice(*span))), Some(("file.text", "file.text")));
    let keys: Vec<_> = entry.keys.iter().map(|(name, key, value)| (&**name, source.slice(*key), source.slice(*value))).collect();
    assert_eq!(keys, [("path", "path", "'${ t.mount }/x'"), ("content", "content", "x")]);
}

#[test]
fn byte_order_mark_and_carriage_returns_are_accepted() {
    let text = "\u{feff}seed: 1\r\nname: lab\r\nroles:\r\n  d:\r\n    is: file.text\r\n    path: /x\r\n    content: |\r\n      a\r\n      b\r\n";
    let analysis = check(text);
    assert!(analysis.diagnostics.is_empty(), "{}", show_all(&analysis));
    assert_eq!(param(&analysis, "d", "content"), &Data::Text("a\nb\n".into()));
    let value: &Value = &role(&analysis, "d").params[0].1;
    assert_eq!(analysis.documents[0].source.slice(value.span), "/x");
}

#[test]
fn spans_of_lists_begin_with_their_first_dash() {
    let analysis = clean(
        "roles:
  a:
    is: file.text
    path: /a
    content: x
    with:
    - - x
    -
      y
  b:
    is: file.text
    path: /b
    content: x
    with: !!seq # note - x
      - [ ]
",
    );
    let source = &analysis.documents[0].source;
    let with = |name: &str| role(&analysis, name).params.iter().find(|(key, _)| &**key == "with").unwrap().1.span;
    assert_eq!(source.slice(with("a")), "- - x\n    -\n      y");
    assert_eq!(source.slice(with("b")), "- [ ]");
}
