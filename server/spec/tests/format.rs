//! The formatter: what it makes of a text, and that it never makes another spec of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod world;

use proptest::prelude::*;
use seed_spec::FileId;
use seed_spec::format::format;
use world::source;

fn formatted(text: &str) -> String {
    format(&source(text), FileId(0)).unwrap()
}

#[track_caller]
fn check(before: &str, after: &str) {
    assert_eq!(formatted(before), after);
    assert_eq!(formatted(after), after, "formatting twice");
}

#[test]
fn levels_are_two_blanks_deep() {
    check(
        "seed: 1
roles:
    pool:
       is: storage.btrfs
       devices:
       - loop
       -   /dev/sda
       subvolumes:
               root:   {}
               home: {quota: 1 GiB}
    dirs:
       for_each:
         -  a: 1
            b:
                - x
         -
            a: 2
       nested:
       - - a
         -   - b
             - c
",
        "seed: 1
roles:
  pool:
    is: storage.btrfs
    devices:
      - loop
      - /dev/sda
    subvolumes:
      root: {}
      home: {quota: 1 GiB}

  dirs:
    for_each:
      - a: 1
        b:
          - x
      -
        a: 2
    nested:
      - - a
        - - b
          - c
",
    );
}

#[test]
fn comments_keep_their_place() {
    check(
        "# the top


seed: 1   # version
# about roles
roles:

    # the pool,
    # all of it
    pool:
        is: storage.btrfs
        # label: old
        # deeper:
        #   x
        label: x # short
            # odd
    # the next
    next:
        is: x
        # last of next
# the end
",
        "# the top

seed: 1   # version
# about roles
roles:

  # the pool,
  # all of it
  pool:
    is: storage.btrfs
    # label: old
    # deeper:
    #   x
    label: x # short
      # odd

  # the next
  next:
    is: x
    # last of next
# the end
",
    );
}

#[test]
fn blocks_keep_their_content() {
    check(
        "roles:
    a:
        content: |
              first
                deeper

              last   
        folded: >-
         x
         y
        kept: |+
            z


    b:
        number: |2
             one more
        list:
        - |
          item
        -    |
             item
        quoted: \"a
            b
              c\"
        plain: a
          b
",
        "roles:
  a:
    content: |
      first
        deeper

      last   
    folded: >-
      x
      y
    kept: |+
      z


  b:
    number: |2
         one more
    list:
      - |
        item
      - |
        item
    quoted: \"a
        b
          c\"
    plain: a
      b
",
    );
}

#[test]
fn brackets_are_spaced_alike() {
    check(
        "a: [ a,b ,c, ]\nb: {a: 1,b:  [x,y], 'c':1, \"d\":{} , e: , f}\nc: [!!str  5,&x  y,*x , {a: b}]\nd: {a: 'x, y', b: http://x:1/}\n",
        "a: [a, b, c,]\nb: {a: 1, b: [x, y], 'c': 1, \"d\": {}, e:, f}\nc: [!!str 5, &x y, *x, {a: b}]\nd: {a: 'x, y', b: http://x:1/}\n",
    );
    check(
        "roles:\n    a: {is: x,\n        b: [1,\n            2 ],   \n        # note\n        c: 3}\n",
        "roles:\n  a: {is: x,\n      b: [1,\n          2 ],\n      # note\n      c: 3}\n",
    );
}

#[test]
fn one_blank_stands_behind_the_colon_of_a_key() {
    check("seed:   1\na:\t \t{b:   1}\n", "seed: 1\na: {b: 1}\n");
    check("a:   # why\n  b:   |\n    x:   y\n  'c d':   e:f   # so\n", "a:   # why\n  b: |\n    x:   y\n  'c d': e:f   # so\n");
    check("- a:   b\n  [c]:   [d,  e]\n  f:   two\n    lines:more\n", "- a: b\n  [c]: [d, e]\n  f: two\n    lines:more\n");
    check("a: &x   !!str   b\n? c\n:   d\ne  :   f\n", "a: &x   !!str   b\n? c\n:   d\ne  : f\n");
}

#[test]
fn ends_are_trimmed_and_line_ends_kept() {
    check("seed: 1   \n\n\n\nname: x\t\n\n\n", "seed: 1\n\nname: x\n");
    check("seed: 1\r\nroles:\r\n    a:  {b: [1,2]}", "seed: 1\r\nroles:\r\n  a: {b: [1, 2]}\r\n");
    check("\u{feff}seed: 1", "\u{feff}seed: 1\n");
}

#[test]
fn roles_stand_apart_by_one_line() {
    check(
        "roles:\n  a: {}\n  b: {}\n\n\n\n  # about c\n  c:\n    x: 1\n    # still c\n  # about d\n\n  d: {}\nkeep: 1 d\n",
        "roles:\n  a: {}\n\n  b: {}\n\n  # about c\n  c:\n    x: 1\n    # still c\n  # about d\n\n  d: {}\nkeep: 1 d\n",
    );
}

#[test]
fn what_is_broken_is_left_alone() {
    for text in ["a: [1", "a: \"x", "a:\n\tb: 1", "a: 1\n---\nb: 2\n", "", "# nothing\n", "a: *x\n"] {
        assert_eq!(format(&source(text), FileId(0)), None, "{text:?}");
    }
}

#[test]
fn the_examples_are_formatted() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        assert_eq!(formatted(&text), text);
    }
}

/// A value, to be written with an indentation of its own.
#[derive(Clone, Debug)]
enum Made {
    /// On the line of its key.
    Line(&'static str),
    /// A block scalar: its header, and its lines without their indentation.
    Block(&'static str, &'static [&'static str]),
    /// A mapping: how much deeper, and what stands before each key.
    Map(usize, Vec<(&'static str, Made)>),
    /// A list: how much deeper, how far its values are from their dashes, and what stands before each.
    List(usize, usize, Vec<(&'static str, Made)>),
}

impl Made {
    /// Writes the value behind a key or dash that stands at `column`.
    fn write(&self, column: usize, text: &mut String) {
        match self {
            Made::Line(line) => *text += &format!(" {line}\n"),
            Made::Block(header, lines) => {
                *text += &format!(" {header}\n");
                for line in *lines {
                    // What is blank is as deep as anybody left it.
                    let indent = if line.is_empty() { 0 } else { column + 3 };
                    *text += &format!("{}{line}\n", " ".repeat(indent));
                }
            }
            Made::Map(deeper, pairs) => {
                text.push('\n');
                Made::pairs(column + deeper, pairs, text);
            }
            Made::List(deeper, gap, items) => {
                text.push('\n');
                let column = column + deeper;
                for (before, item) in items {
                    Made::before(before, column, text);
                    *text += &format!("{}-", " ".repeat(column));
                    match item {
                        // The first key stands behind the dash.
                        Made::Map(_, pairs) => {
                            let mut inner = String::new();
                            let start = column + 1 + gap;
                            let bare: Vec<_> = pairs
                                .iter()
                                .enumerate()
                                .map(|(at, (before, made))| (if at == 0 { "" } else { *before }, made.clone()))
                                .collect();
                            Made::pairs(start, &bare, &mut inner);
                            *text += &inner[column + 1..];
                        }
                        item => item.write(column, text),
                    }
                }
            }
        }
    }

    fn pairs(column: usize, pairs: &[(&'static str, Made)], text: &mut String) {
        for (number, (before, value)) in pairs.iter().enumerate() {
            Made::before(before, column, text);
            *text += &format!("{}k{number}:", " ".repeat(column));
            value.write(column, text);
        }
    }

    fn before(before: &str, column: usize, text: &mut String) {
        for line in before.lines() {
            *text += &if line.is_empty() { "\n".to_owned() } else { format!("{}{line}\n", " ".repeat(column)) };
        }
    }
}

fn made() -> impl Strategy<Value = Made> {
    let line = prop::sample::select(vec![
        "x",
        "'it''s'",
        "\"a\\n b\"",
        "[a,b , [c]]",
        "{a: 1,b: {c: d}, e: }",
        "",
        "!!str  5",
        "x # note",
        "x   ",
        "[ ]",
        "{ a : b }",
        "~",
        "\"#x\"",
        "${vars.x}",
    ])
    .prop_map(Made::Line);
    let block = prop_oneof![
        Just(Made::Block("|", &["t", "", "  deeper  ", "t"])),
        Just(Made::Block(">-", &["q", "q", "", "# no comment"])),
        Just(Made::Block("|+", &["k", "", ""])),
        Just(Made::Block("|3", &["n", "  m"])),
    ];
    let before = || prop::sample::select(vec!["", "", "", "\n", "\n\n", "# c", "  # c", "# c\n\n# d", "\n\n# c\n"]);
    prop_oneof![3 => line, 1 => block].prop_recursive(4, 24, 4, move |inner| {
        let pairs = || prop::collection::vec((before(), inner.clone()), 1..4);
        prop_oneof![
            2 => (1..6usize, pairs()).prop_map(|(deeper, pairs)| Made::Map(deeper, pairs)),
            1 => (0..4usize, 1..5usize, pairs()).prop_map(|(deeper, gap, items)| Made::List(deeper, gap, items)),
        ]
    })
}

/// A spec with roles, indented in any way that YAML allows.
fn indented() -> impl Strategy<Value = String> {
    (prop::collection::vec(made(), 1..4), 1..6usize, prop::sample::select(vec!["", "\n", "\n\n", "# about\n"])).prop_map(
        |(roles, deeper, between)| {
            let mut text = String::from("seed: 1\n\n\nroles:\n");
            for (number, role) in roles.iter().enumerate() {
                text += between;
                text += &format!("{}r{number}:", " ".repeat(deeper));
                role.write(deeper, &mut text);
            }
            text
        },
    )
}

/// Lines that make a spec now and then.
fn lines() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "x",
        "'it''s'",
        "\"a\\n b\"",
        "[a,b , [c]]",
        "{a: 1,b: {c: d}}",
        "",
        "&x y",
        "*x",
        "!!str 5",
        "x # note",
        "|\n      t\n\n       t2",
        ">2-\n        q",
        "|+\n      k\n\n",
        "a\n       b",
        "\"a\n\n       b\"",
        "[a,\n    # note\n    b]",
        "~",
        "- a",
        "${vars.x}",
    ]);
    let line =
        (prop::sample::select(vec![0usize, 2, 3, 4, 6, 8]), prop::sample::select(vec!["", "- ", "-   ", "- - "]), "[a-d]", value)
            .prop_map(|(indent, dash, key, value)| format!("{}{dash}{key}: {value}", " ".repeat(indent)));
    let other = prop::sample::select(vec![
        "",
        "",
        "   ",
        "# c",
        "    # c",
        "      # c  d",
        "-",
        "  - x",
        "roles:",
        "  r:",
        "  # r",
        "---",
        "\r",
    ])
    .prop_map(str::to_owned);
    prop::collection::vec(prop_oneof![3 => line, 1 => other], 1..14).prop_map(|lines| lines.join("\n"))
}

fn spec() -> impl Strategy<Value = String> {
    prop_oneof![3 => indented(), 1 => lines()]
}

#[test]
fn the_generator_makes_texts_that_can_be_formatted() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut texts = (0..400).map(|_| spec().new_tree(&mut runner).unwrap().current());
    let changed = texts.by_ref().filter(|text| format(&source(text), FileId(0)).is_some_and(|new| new != *text)).count();
    assert!(changed > 200, "the properties would hold for want of texts: {changed} of 400");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn formatting_keeps_the_data_and_is_done_at_once(text in spec()) {
        if let Some(once) = format(&source(&text), FileId(0)) {
            let data = |text: &str| {
                let (tree, diagnostics) = seed_spec::yaml::parse(&source(text), FileId(0), None);
                assert!(diagnostics.is_empty());
                tree.nodes.iter().map(|node| format!("{:?} {:?}", node.kind, node.tag)).collect::<Vec<_>>()
            };
            prop_assert_eq!(data(&text), data(&once));
            let twice = format(&source(&once), FileId(0)).unwrap();
            prop_assert_eq!(&twice, &once, "from {:?}", text);
        }
    }

    #[test]
    fn formatting_never_panics(text in prop::collection::vec(prop_oneof![spec(), any::<String>(), Just("\r\n".to_owned()), Just("\u{85}".to_owned())], 0..4)) {
        let _ = format(&source(&text.concat()), FileId(0));
    }
}
