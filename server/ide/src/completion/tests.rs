#![allow(clippy::unwrap_used)]

use super::*;
use crate::fixture::{Fixture, check};

/// The labels, best first.
fn labels(fixture: &Fixture) -> String {
    let mut found = completions(&fixture.snapshot, fixture.offset);
    found.sort_by(|one, other| (one.rank, &one.label).cmp(&(other.rank, &other.label)));
    found.into_iter().map(|one| one.label).collect::<Vec<_>>().join(" ")
}

/// The text after one of the completions is taken.
fn taken(fixture: &str, label: &str) -> String {
    check(fixture, |fixture| {
        let found = completions(&fixture.snapshot, fixture.offset);
        let Some(one) = found.into_iter().find(|one| one.label == label) else {
            panic!("{label} is not among: {}", labels(fixture));
        };
        let edits: Vec<_> = one.indent.into_iter().chain([one.edit]).collect();
        for edit in &edits {
            let source = &fixture.snapshot.source;
            let (first, last) = (source.line_of(edit.span.start as usize), source.line_of(edit.span.end as usize));
            assert_eq!(first, last, "an edit stays on its line");
        }
        Fixture::apply(&fixture.snapshot, &edits)
    })
}

const HEAD: &str = "seed: 1\nname: a\nvars:\n  disk: 4 GiB\nroles:\n  image:\n    is: disk.image\n    path: ./a\n    size: 1 GiB\n  \
                    loop:\n    is: disk.loop\n    backing: image\n";

fn in_roles(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[test]
fn keys_of_the_spec() {
    assert_eq!(check("seed: 1\n$0", labels), "name roles collections include keep vars why");
    assert_eq!(check("seed: 1\nna$0\nroles: {}\n", labels), "name collections include keep vars why");
    assert_eq!(check("$0", labels), "name roles seed collections include keep vars why");
}

#[test]
fn keys_of_a_role_are_those_of_its_type_that_are_not_written() {
    let expected = "backing read_only disposable for_each needs state when why";
    assert_eq!(check(&in_roles("  more:\n    is: disk.loop\n    $0"), labels), expected);
    assert_eq!(
        check(&in_roles("  more:\n    is: disk.loop\n    ba$0\n    state: info\n"), labels),
        expected.replace(" state", "")
    );
    assert_eq!(check(&in_roles("  more:\n    $0\n    is: disk.loop\n"), labels), expected);
    assert_eq!(check(&in_roles("  more: {is: disk.loop, $0}\n"), labels), expected);
    assert_eq!(check(&in_roles("  more: {is: disk.loop, r$0, backing: image}\n"), labels), expected.replace("backing ", ""));
}

#[test]
fn a_role_without_type_is_asked_for_it_first() {
    assert_eq!(check(&in_roles("  more:\n    $0"), labels), "is disposable for_each needs state when why");
    assert_eq!(taken(&in_roles("  more:\n    i$0"), "is"), in_roles("  more:\n    is: "));
}

#[test]
fn abstract_roles_have_the_keys_of_what_they_can_be() {
    let keys = check(&in_roles("  more:\n    is: disk\n    kind: loop\n    $0"), labels);
    assert_eq!(keys, "backing read_only disposable for_each needs state when why");
    let keys = check(&in_roles("  more:\n    is: disk\n    $0"), labels);
    assert!(keys.contains("kind") && keys.contains("backing") && keys.contains("devices"), "{keys}");
    assert_eq!(check(&in_roles("  more:\n    is: disk\n    kind: $0\n"), labels), "image loop pool table");
    assert_eq!(check(&in_roles("  more:\n    backing: image\n    is: disk\n    kind: $0\n"), labels), "loop image pool table");
}

#[test]
fn keys_inside_mappings_and_lists() {
    let pool = |rest: &str| in_roles(&format!("  pool:\n    is: disk.pool\n{rest}"));
    assert_eq!(check(&pool("    subvolumes:\n      home:\n        $0\n"), labels), "quota read_only");
    assert_eq!(check(&pool("    subvolumes:\n      home: {$0}\n"), labels), "quota read_only");
    assert_eq!(check(&pool("    subvolumes: {home: {quota: 1 GiB, $0}}\n"), labels), "read_only");
    assert_eq!(check(&pool("    subvolumes:\n      $0\n"), labels), "");
    assert_eq!(check(&pool("    bind:\n      - $0\n"), labels), "from to");
    assert_eq!(check(&pool("    bind:\n    - from: ./a\n      $0\n    mount: /x\n"), labels), "to");
    assert_eq!(check(&pool("    bind: [\n      {from: ./a,\n       $0}\n    ]\n"), labels), "to");
    assert_eq!(check(&pool("    bind: [{from: ./a, to: /b}, {$0\n    mount: /x\n"), labels), "from to");
}

#[test]
fn the_colon_is_never_doubled() {
    assert_eq!(
        taken(&in_roles("  more:\n    is: disk.loop\n    ba$0"), "backing"),
        in_roles("  more:\n    is: disk.loop\n    backing: ")
    );
    let colon = in_roles("  more:\n    is: disk.loop\n    ba$0: image\n");
    assert_eq!(taken(&colon, "backing"), in_roles("  more:\n    is: disk.loop\n    backing: image\n"));
    let middle = in_roles("  more:\n    is: disk.loop\n    ba$0cking: image\n");
    assert_eq!(taken(&middle, "read_only"), in_roles("  more:\n    is: disk.loop\n    read_only: image\n"));
    let flow = in_roles("  more: {is: disk.loop, ba$0: image}\n");
    assert_eq!(taken(&flow, "backing"), in_roles("  more: {is: disk.loop, backing: image}\n"));
}

#[test]
fn text_below_the_cursor_stays_as_it_is() {
    let before = in_roles("  more:\n    is: disk.loop\n    re$0\n    backing: image\n\n  last:\n    is: file.text\n");
    let after = in_roles("  more:\n    is: disk.loop\n    read_only: \n    backing: image\n\n  last:\n    is: file.text\n");
    assert_eq!(taken(&before, "read_only"), after);
}

#[test]
fn a_line_indented_wrongly_is_put_right() {
    for wrong in ["   ", "     ", "      "] {
        let before = in_roles(&format!("  more:\n    is: disk.loop\n{wrong}re$0\n    backing: image\n"));
        let after = in_roles("  more:\n    is: disk.loop\n    read_only: \n    backing: image\n");
        assert_eq!(taken(&before, "read_only"), after, "from {} blanks", wrong.len());
        let before = in_roles(&format!("  more:\n    is: disk.loop\n{wrong}$0\n"));
        let after = in_roles("  more:\n    is: disk.loop\n    read_only: \n");
        assert_eq!(taken(&before, "read_only"), after, "from {} blanks alone", wrong.len());
    }
}

#[test]
fn keys_that_hold_more_keys_end_their_line() {
    let before = in_roles("  pool:\n    is: disk.pool\n    sub$0\n");
    assert_eq!(taken(&before, "subvolumes"), in_roles("  pool:\n    is: disk.pool\n    subvolumes:\n"));
    assert_eq!(taken("seed: 1\nro$0", "roles"), "seed: 1\nroles:");
}

#[test]
fn role_types() {
    let all = "disk.image disk.loop disk.pool disk.table file.text disk file";
    assert_eq!(check(&in_roles("  more:\n    is: $0\n"), labels), all);
    assert_eq!(taken(&in_roles("  more:\n    is:$0\n"), "disk.loop"), in_roles("  more:\n    is: disk.loop\n"));
    assert_eq!(check(&in_roles("  more: {is: $0}\n"), labels), all);
    let before = in_roles("  more:\n    is: disk.i$0mage # a comment\n    path: ./x\n");
    assert_eq!(taken(&before, "disk.loop"), in_roles("  more:\n    is: disk.loop # a comment\n    path: ./x\n"));
}

#[test]
fn choices_and_booleans() {
    assert_eq!(check(&in_roles("  more:\n    is: disk.image\n    format: $0\n"), labels), "qcow2 raw");
    assert_eq!(check(&in_roles("  more:\n    is: disk.loop\n    read_only: $0\n"), labels), "false true");
    assert_eq!(check(&in_roles("  more:\n    is: disk.loop\n    state: $0\n"), labels), "absent info present");
    assert_eq!(check(&in_roles("  more: {is: disk.loop, disposable: $0}\n"), labels), "false true");
    assert_eq!(check("seed: $0\n", labels), "1");
    assert_eq!(
        taken(&in_roles("  more:\n    is: disk.image\n    format: \"r$0\"\n"), "raw"),
        in_roles("  more:\n    is: disk.image\n    format: \"raw\"\n")
    );
}

#[test]
fn references_are_to_roles_whose_output_fits() {
    let rest = "  table:\n    is: disk.table\n    device: $0\n    partitions:\n      root: {size: 1 MiB}\n  pool:\n    is: disk.pool\n    devices: [loop]\n";
    assert_eq!(check(&in_roles(rest), labels), "loop");
    let rest = "  more:\n    is: disk.loop\n    backing: $0\n";
    assert_eq!(check(&in_roles(rest), labels), "image loop");
    let rest = "  table:\n    is: disk.table\n    device: loop\n    partitions:\n      root: {size: 1 MiB}\n  pool:\n    is: disk.pool\n    \
                devices:\n      - $0\n";
    assert_eq!(check(&in_roles(rest), labels), "loop table.partitions.root");
}

#[test]
fn lists_are_written_as_lists() {
    let pool = |rest: &str| in_roles(&format!("  pool:\n    is: disk.pool\n{rest}"));
    assert_eq!(taken(&pool("    devices: $0\n"), "loop"), pool("    devices: [loop]\n"));
    assert_eq!(taken(&pool("    devices: [$0]\n"), "loop"), pool("    devices: [loop]\n"));
    assert_eq!(taken(&pool("    devices:\n      $0\n"), "loop"), pool("    devices:\n      - loop\n"));
    assert_eq!(taken(&pool("    needs: [image, l$0]\n"), "loop"), pool("    needs: [image, loop]\n"));
    assert_eq!(check(&pool("    needs: [$0]\n"), labels), "image loop");
}

#[test]
fn interpolations() {
    let note = |rest: &str| in_roles(&format!("  note:\n    is: file.text\n{rest}"));
    let all = "vars.disk image.path image.size loop.device env.";
    assert_eq!(check(&note("    content: a ${$0\n"), labels), all);
    let looped = check(&note("    for_each: [a]\n    content: a ${$0\n"), labels);
    assert_eq!(looped, format!("each.key each.value {all}"));
    assert_eq!(check(&note("    content: |\n      a\n      ${v$0}\n"), labels), all);
    assert_eq!(taken(&note("    content: a ${v$0 b\n"), "vars.disk"), note("    content: a ${vars.disk} b\n"));
    assert_eq!(taken(&note("    content: a ${va$0rs.x} b\n"), "vars.disk"), note("    content: a ${vars.disk} b\n"));
    assert_eq!(check(&note("    content: a ${vars.disk} $0\n"), labels), "");
}

#[test]
fn whole_roles() {
    let before = "seed: 1\nname: a\nroles:\n  image: {is: disk.image, path: ./a, size: 1 GiB}\n  $0\n";
    let after = "seed: 1\nname: a\nroles:\n  image: {is: disk.image, path: ./a, size: 1 GiB}\n  image2:\n    is: disk.image\n    \
                 path:\n    size:\n";
    assert_eq!(taken(before, "new disk.image"), after);
    let before = "seed: 1\nname: a\nroles:\n  mine$0\n";
    assert_eq!(taken(before, "new disk.pool"), "seed: 1\nname: a\nroles:\n  mine:\n    is: disk.pool\n    devices: []\n");
}

#[test]
fn nothing_in_comments_and_blocks_of_text() {
    assert_eq!(check(&in_roles("  # $0\n"), labels), "");
    assert_eq!(check(&in_roles("  more:\n    is: disk.loop # $0\n"), labels), "");
    assert_eq!(check(&in_roles("  note:\n    is: file.text\n    content: |\n      is: $0\n"), labels), "");
    assert_eq!(check(&in_roles("  note:\n    is: file.text\n    content: >-\n      $0\n"), labels), "");
}

#[test]
fn what_is_known_may_be_of_an_earlier_text() {
    let now = in_roles("  new:\n    is: disk.image\n  more:\n    is: disk.loop\n    backing: $0\n");
    assert_eq!(labels(&Fixture::typed("seed: 1\nname: a\nroles: {}\n", &now)), "image loop new");
    assert_eq!(labels(&Fixture::typed("", &now)), "image loop new");
    let flow = "seed: 1\nname: a\nroles:\n  image: {path: ./a, is: disk.image}\n  note: {}\n  loop:\n    is: disk.loop\n    backing: $0\n";
    assert_eq!(labels(&Fixture::typed("", flow)), "image");
    assert_eq!(labels(&Fixture::typed("", &flow.replace("backing: $0", "needs: [$0]"))), "image note");
}

#[test]
fn merge_keys_are_asked_of_the_tree() {
    let spec = "seed: 1\nname: a\nroles:\n  one: &base\n    is: disk.loop\n    backing: /dev/x\n  two:\n    <<: *base\n    $0\n";
    assert!(check(spec, labels).starts_with("backing read_only"), "{}", check(spec, labels));
}

#[test]
fn any_offset_of_any_text_is_answered() {
    let text = "seed: 1\nname: ä🐚\nroles:\n  a: {is: disk.pool, bind: [{from: ./ü, to: [\n  b:\n  - - x: 'y\n   \"z\": ${vars.\n\t- q\n";
    let fixture = Fixture::read(text);
    for (offset, _) in text.char_indices() {
        completions(&fixture.snapshot, offset);
        completions(&Fixture::read(&text[..offset]).snapshot, offset);
    }
}

#[test]
fn items_are_short_and_their_documentation_says_what_they_are_for() {
    for (place, label) in [("  more:\n    is: $0", "disk.loop"), ("  more$0", "new disk.loop")] {
        let detail = check(&in_roles(place), |fixture| {
            let found = completions(&fixture.snapshot, fixture.offset);
            let one = found.into_iter().find(|one| one.label == label).unwrap();
            assert!(one.doc.contains("A file as a block device."), "{}", one.doc);
            one.detail
        });
        assert_eq!(detail, "", "{label}");
    }
}
