//! Composite roles: what their uses come to.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use std::fmt::Write as _;

use seed_spec::analysis::{RoleInstance, State};
use seed_spec::value::{Data, Part, Value};
use world::{check, show_all};

fn said(value: &Value) -> String {
    match &value.data {
        Data::Null => "null".into(),
        Data::Bool(value) => value.to_string(),
        Data::Int(value) => value.to_string(),
        Data::Float(value) => value.to_string(),
        Data::Text(text) => format!("{text:?}"),
        Data::List(items) => format!("[{}]", items.iter().map(said).collect::<Vec<_>>().join(", ")),
        Data::Map(entries) => {
            let entries: Vec<String> = entries.iter().map(|(name, value)| format!("{name}: {}", said(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Data::Secret(_) => "secret".into(),
        Data::Output(output) => format!("<{}.{}>", output.role, output.output),
        Data::Template(parts) => parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.to_string(),
                Part::Output(output) => format!("<{}.{}>", output.role, output.output),
            })
            .collect(),
    }
}

fn lines(roles: &[RoleInstance]) -> String {
    let mut out = String::new();
    for role in roles {
        write!(out, "{} {}", role.name, role.types[0].name).unwrap();
        if role.state != State::Present {
            write!(out, " {:?}", role.state).unwrap();
        }
        for (name, value) in &role.params {
            write!(out, " {name}={}", said(value)).unwrap();
        }
        if !role.needs.is_empty() {
            write!(out, " needs {}", role.needs.join(",")).unwrap();
        }
        out.push('\n');
    }
    out
}

/// The roles that a spec with its composite roles comes to, without a mistake.
fn expanded(text: &str) -> String {
    let analysis = check(text);
    assert_eq!(show_all(&analysis), "");
    lines(&analysis.roles)
}

const BOX: &str = "#@ /work/roles/box/role.yml
parameters:
  at: {type: path}
  size: {type: size, default: 1 GiB}
  wait: {type: duration, default: 90 s}
  mode: {type: mode, default: null}
  words: {type: list of text, default: []}
  extra: {type: {record: {a: text, b: {type: int, default: 1}}}, default: null}
  device: {type: block, default: null}
outputs:
  at: ${folder.path}
  note: {value: \"${note.path}\", doc: The note.}
  text: \"${size} at ${folder.path}\"
#@ /work/roles/box/tasks/main.yml
present:
  folder: {is: file.directory, path: \"${at}\", mode: \"${mode}\"}
  note:
    is: file.text
    path: ${at}/note
    content: ${size} ${wait} at ${folder.path}
    timeout: ${wait}
  image: {is: storage.file_block_image, path: \"${at}/image\", size: \"${size}\"}
";

#[test]
fn parameters_keep_their_types_and_outputs_lead_to_the_parts() {
    let spec = "seed: 1\nname: lab\nroles:\n  one: {is: box, at: ./x}\n  two: {is: box, at: ~/y, size: 2 GiB, mode: \"0750\", needs: [one]}\n  \
                loop: {is: storage.loopback_device, backing: one.note}\n  \
                after: {is: file.text, path: \"${one.at}/after\", content: \"${one.text}\", needs: [one]}\n";
    insta::assert_snapshot!(expanded(&format!("{spec}{BOX}")), @r#"
    one/folder file.directory path="/work/x"
    one/note file.text path="/work/x/note" content=1 GiB 90 s at <one/folder.path> timeout=90000
    one/image storage.file_block_image path="/work/x/image" size=1073741824
    two/folder file.directory path="/home/ada/y" mode="0750" needs one/folder,one/note,one/image
    two/note file.text path="/home/ada/y/note" content=2 GiB 90 s at <two/folder.path> timeout=90000 needs one/folder,one/note,one/image
    two/image storage.file_block_image path="/home/ada/y/image" size=2147483648 needs one/folder,one/note,one/image
    loop storage.loopback_device backing=<one/note.path>
    after file.text path=<one/folder.path>/after content=1 GiB at <one/folder.path> needs one/folder,one/note,one/image
    "#);
}

const NEST: &str = "#@ /work/roles/nest/role.yml
parameters:
  root: {type: path}
  names: {type: list of text}
  loud: {type: bool, default: false}
  back: {type: backing}
outputs:
  first: ${boxes[a].at}
  back: ${back}
#@ /work/roles/nest/tasks/main.yml
present:
  - boxes: {is: box, for_each: \"${names}\", at: \"${root}/${each.value}\", size: 3 GiB}
  - loudly: {is: file.text, when: loud, path: \"${root}/loud\", content: x}
  - loop: {is: storage.loopback_device, backing: \"${back}\"}
  - own: {is: file.text, path: ./files/own, content: relative}
";

#[test]
fn composite_roles_nest_with_loops_conditions_and_references() {
    let spec = "seed: 1\nname: lab\nroles:\n  image: {is: storage.file_block_image, path: ./i, size: 1 GiB}\n  \
                out: {is: nest, root: ./r, names: [a, b], back: image}\n  quiet: {is: nest, root: ./q, names: [], back: out.back, loud: true}\n  \
                last: {is: file.directory, path: \"${out.first}/last\"}\n";
    insta::assert_snapshot!(expanded(&format!("{spec}{BOX}{NEST}")), @r#"
    image storage.file_block_image path="/work/i" size=1073741824
    out/boxes[a]/folder file.directory path="/work/r/a"
    out/boxes[a]/note file.text path="/work/r/a/note" content=3 GiB 90 s at <out/boxes[a]/folder.path> timeout=90000
    out/boxes[a]/image storage.file_block_image path="/work/r/a/image" size=3221225472
    out/boxes[b]/folder file.directory path="/work/r/b"
    out/boxes[b]/note file.text path="/work/r/b/note" content=3 GiB 90 s at <out/boxes[b]/folder.path> timeout=90000
    out/boxes[b]/image storage.file_block_image path="/work/r/b/image" size=3221225472
    out/loop storage.loopback_device backing=<image.path>
    out/own file.text path="/work/roles/nest/files/own" content="relative"
    quiet/loudly file.text path="/work/q/loud" content="x"
    quiet/loop storage.loopback_device backing=<image.path>
    quiet/own file.text path="/work/roles/nest/files/own" content="relative"
    last file.directory path=<out/boxes[a]/folder.path>/last
    "#);
}

#[test]
fn states_loops_and_conditions_of_a_use_go_to_its_parts() {
    let spec = "seed: 1\nname: lab\nroles:\n  gone: {is: box, at: /g, state: absent}\n  seen: {is: box, at: /s, state: info}\n  \
                not: {is: box, at: /n, when: false}\n  many: {is: box, for_each: {a: /a, b: /b}, at: \"${each.value}\", disposable: true}\n";
    let text = format!("{spec}{BOX}");
    let analysis = check(&text);
    assert_eq!(show_all(&analysis), "");
    let shown: Vec<String> =
        analysis.roles.iter().map(|role| format!("{} {:?} {}", role.name, role.state, role.disposable)).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    gone/folder Absent false
    gone/note Absent false
    gone/image Absent false
    seen/folder Info false
    seen/note Info false
    seen/image Info false
    many[a]/folder Present true
    many[a]/note Present true
    many[a]/image Present true
    many[b]/folder Present true
    many[b]/note Present true
    many[b]/image Present true
    "#);
    let composites: Vec<&str> = analysis.composites.iter().map(|one| &*one.name).collect();
    assert_eq!(composites, ["gone", "seen", "many[a]", "many[b]"]);
}

#[test]
fn what_is_written_for_a_state_takes_the_place_of_what_is_derived() {
    let role = "#@ /work/roles/kept/role.yml\nabout: It is kept.\n#@ /work/roles/kept/tasks/main.yml\n\
                present:\n  data: {is: file.directory, path: /data}\n  note: {is: file.text, path: /note, content: x}\n\
                absent:\n  note: {is: file.text, path: /note, content: x, state: absent}\n  \
                farewell: {is: file.text, path: /farewell, content: x}\ninfo:\n  data: {is: file.directory, path: /data}\n";
    let spec =
        "seed: 1\nname: lab\nroles:\n  here: {is: kept}\n  gone: {is: kept, state: absent}\n  seen: {is: kept, state: info}\n";
    let analysis = check(&format!("{spec}{role}"));
    assert_eq!(show_all(&analysis), "");
    let mut shown = String::new();
    for state in [State::Present, State::Absent, State::Info] {
        let there = analysis.roles.iter().chain(&analysis.instead).filter(|role| role.phases.contains(state));
        for role in there {
            writeln!(shown, "{state:?}: {} {:?} {}", role.name, role.state, role.literal).unwrap();
        }
    }
    insta::assert_snapshot!(shown, @r#"
    Present: here/data Present false
    Present: here/note Present false
    Present: gone/note Absent true
    Present: gone/farewell Present true
    Present: seen/data Info false
    Absent: here/note Absent true
    Absent: here/farewell Present true
    Absent: gone/note Absent true
    Absent: gone/farewell Present true
    Absent: seen/data Info false
    Info: here/data Present false
    Info: gone/note Absent true
    Info: gone/farewell Present true
    Info: seen/data Info false
    "#);
}

#[test]
fn a_circle_through_parameters_and_outputs_is_told() {
    let role = "#@ /work/roles/pipe/role.yml\nparameters: {in: {type: text}}\noutputs: {out: \"${in}\"}\n\
                #@ /work/roles/pipe/tasks/main.yml\npresent: {note: {is: file.text, path: /note, content: \"${in}\"}}\n";
    let spec = "seed: 1\nname: lab\nroles:\n  a: {is: pipe, in: \"${b.out}\"}\n  b: {is: pipe, in: \"${a.out}\"}\n";
    insta::assert_snapshot!(show_all(&check(&format!("{spec}{role}"))), @r#"
    role.yml:2:19-2:21 «in» error[cycle] the parameter `in` depends on itself through outputs
        also: 4:3-4:4 «a» used for `a` here
    "#);
}
