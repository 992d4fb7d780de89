//! The 25 cases in which tools of this kind go wrong, each with what must come of it.

use std::fs;
use std::path::Path;

use seed_fragment::buffer::Edits;
use seed_fragment::{Action, Key, Resolution, State, Target, Wishes, resolve, update};

use crate::world::{BEGIN, END, World, block};

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// The one item that is no block in order, and its message.
fn trouble(world: &World) -> (State, usize, String) {
    let mut items = world.status();
    items.retain(|item| !matches!(item.state, State::Current | State::Edited));
    assert_eq!(items.len(), 1, "{items:?}");
    (items[0].state, items[0].line, items[0].message.clone())
}

#[test]
fn case_01_an_untouched_block_gets_the_new_text_and_all_outside_stays() {
    let world = World::with("a\nb\n");
    assert_eq!(world.read("file"), block("a\nb\n"));
    world.write("fragments/f", "a\nB\nc\n");
    assert_eq!(world.states(), [State::Outdated]);
    assert_eq!(world.update().written, [Path::new("file")]);
    assert_eq!(world.read("file"), block("a\nB\nc\n"));
    assert_eq!(world.states(), [State::Current]);
}

#[test]
fn case_02_edits_outside_are_kept_to_the_byte() {
    let world = World::with("a\n");
    world.write("file", format!("\t odd \r\nbefore{BEGIN}a\n{END}  \n\nno end"));
    world.write("fragments/f", "A\n");
    world.update();
    assert_eq!(world.read("file"), format!("\t odd \r\nbefore{BEGIN}A\n{END}  \n\nno end"));
}

#[test]
fn case_03_edits_inside_apart_from_the_change_are_both_there() {
    let world = World::with("a\nb\nc\nd\n");
    world.edit("file", "a\n", "a of mine\n");
    world.write("fragments/f", "a\nb\nc\nD\n");
    world.update();
    assert_eq!(world.read("file"), block("a of mine\nb\nc\nD\n"));
    assert_eq!(world.states(), [State::Edited]);
}

#[test]
fn case_04_the_same_line_changed_differently_clashes_and_the_file_stays() {
    let world = World::with("a\nb\nc\n");
    world.edit("file", "b\n", "mine\n");
    world.write("fragments/f", "a\ntheirs\nc\n");
    let before = world.read("file");
    let report = world.update();
    assert_eq!((report.written.len(), world.read("file")), (0, before));
    let (state, line, message) = trouble(&world);
    assert_eq!((state, line), (State::Clash, 2));
    assert!(message.contains("changed the same lines"), "{message}");
    let side = |name: &str| world.read(&format!(".seed/pending/f#1/{name}"));
    assert_eq!(
        (side("base"), side("mine"), side("theirs")),
        ("a\nb\nc\n".into(), "a\nmine\nc\n".into(), "a\ntheirs\nc\n".into())
    );
}

#[test]
fn case_05_the_same_change_on_both_sides_is_no_clash_and_the_base_advances() {
    let world = World::with("a\nb\nc\n");
    world.edit("file", "b\n", "B\n");
    world.write("fragments/f", "a\nB\nc\n");
    assert_eq!(world.states(), [State::Current]);
    assert_eq!(world.update().written.len(), 0);
    // The base is the new text: going back is a change of the fragment now, and no clash.
    world.write("fragments/f", "a\nb\nc\n");
    world.update();
    assert_eq!(world.read("file"), block("a\nb\nc\n"));
}

#[test]
fn case_06_adjacent_lines_clash_as_in_git() {
    let world = World::with("a\nb\nc\n");
    world.edit("file", "a\n", "mine\n");
    world.write("fragments/f", "a\ntheirs\nc\n");
    assert_eq!(world.states(), [State::Clash]);
}

#[test]
fn case_07_a_line_that_the_user_deleted_stays_deleted() {
    let world = World::with("a\nb\nc\n");
    world.edit("file", "b\n", "");
    world.update();
    assert_eq!(world.read("file"), block("a\nc\n"));
    world.write("fragments/f", "a\nb\nc\nd\ne\n");
    world.update();
    assert_eq!(world.read("file"), block("a\nc\nd\ne\n"));
}

#[test]
fn case_08_an_emptied_block_stays_empty_and_clashes_with_a_change() {
    let world = World::with("a\nb\n");
    world.write("file", block(""));
    assert_eq!(world.update().written.len(), 0);
    assert_eq!((world.read("file"), world.states()), (block(""), vec![State::Edited]));
    world.write("fragments/f", "a\nb\nc\n");
    assert_eq!(world.update().written.len(), 0);
    assert_eq!((world.read("file"), world.states()), (block(""), vec![State::Clash]));
}

#[test]
fn case_09_a_file_with_crlf_keeps_it_and_gets_no_second_block() {
    let world = World::with("a\nb\n");
    let crlf = |text: &str| text.replace('\n', "\r\n");
    world.write("file", crlf(&world.read("file")));
    assert_eq!(world.states(), [State::Current]);
    world.write("fragments/f", "a\nB\nc\n");
    world.update();
    assert_eq!(world.read("file"), crlf(&block("a\nB\nc\n")));
    assert_eq!(world.status().len(), 1);
}

#[test]
fn case_10_with_mixed_line_ends_unchanged_lines_keep_theirs() {
    let world = World::with("a\nb\nc\nd\n");
    world.write("file", block("a\r\nb\nc\r\nd\n"));
    assert_eq!(world.states(), [State::Current]);
    world.write("fragments/f", "a\nb\nc\nD\n");
    world.update();
    assert_eq!(world.read("file"), block("a\r\nb\nc\r\nD\n"));
}

#[test]
fn case_11_an_end_marker_without_newline_at_the_end_is_found_and_stays_so() {
    let world = World::with("a\n");
    let end = END.trim_end();
    world.write("file", format!("{BEGIN}a\n{end}"));
    world.write("fragments/f", "A\nb\n");
    world.update();
    assert_eq!(world.read("file"), format!("{BEGIN}A\nb\n{end}"));
}

#[test]
fn case_12_a_clash_there_puts_conflict_markers_on_lines_of_their_own() {
    // Neither the fragment nor the file ends with a newline.
    let world = World::with("a\nb");
    let end = END.trim_end();
    world.write("file", format!("{BEGIN}a\nmine\n{end}"));
    world.write("fragments/f", "a\ntheirs");
    resolve(&world.root, &[Target::Key(key("f#1"))], Resolution::Take(seed_fragment::Take::Markers)).unwrap();
    let conflict = "<<<<<<< mine\nmine\n=======\ntheirs\n>>>>>>> fragment f\n";
    assert_eq!(world.read("file"), format!("{BEGIN}a\n{conflict}{end}"));
    // It stays to do until the markers are gone, and then what was made of it counts as an edit.
    assert!(trouble(&world).2.contains("conflict markers"));
    world.edit("file", conflict, "both\n");
    assert_eq!(world.states(), [State::Edited]);
}

#[test]
fn case_13_a_byte_order_mark_and_any_characters_are_kept_and_what_is_not_utf_8_is_refused() {
    let world = World::with("grün\n");
    world.write("file", format!("\u{feff}{BEGIN}grün\n{END}日本語\n"));
    world.write("fragments/f", "blå\n");
    world.update();
    assert_eq!(world.read("file"), format!("\u{feff}{BEGIN}blå\n{END}日本語\n"));
    let bytes = [BEGIN.as_bytes(), b"bl\xe5\n", END.as_bytes()].concat();
    world.write("latin", &bytes);
    let report = world.update();
    assert_eq!(fs::read(world.at("latin")).unwrap(), bytes);
    let item = report.items.iter().find(|item| item.file == Path::new("latin")).unwrap();
    assert_eq!(item.state, State::Error);
    assert!(item.message.contains("not UTF-8") && item.message.contains("line 2"), "{}", item.message);
}

#[test]
fn case_14_a_block_that_was_indented_is_not_edited_and_its_output_follows() {
    let world = World::with("a\n  b\n");
    let indented = |text: &str| block(text).replace("# seed", "    # seed");
    // With its markers, and on its own.
    for (place, text) in [("file", indented("    a\n      b\n")), ("file", block("    a\n      b\n"))] {
        world.write(place, &text);
        assert_eq!(world.states(), [State::Current], "{text}");
        world.write("fragments/f", "a\n  b\n  c\n");
        world.update();
        assert_eq!(world.read(place), text.replace("      b\n", "      b\n      c\n"));
        world.write("fragments/f", "a\n  b\n");
        world.update();
        assert_eq!(world.read(place), text);
    }
}

#[test]
fn case_15_tabs_before_a_block_stand_before_its_lines_and_blank_lines_are_empty() {
    let world = World::with("");
    world.write("fragments/f", "a\n\n  b\n");
    world.write("file", "\t \t# seed:begin f#1\n\t \t# seed:end f#1\n");
    world.update();
    assert_eq!(world.read("file"), "\t \t# seed:begin f#1\n\t \ta\n\n\t \t  b\n\t \t# seed:end f#1\n");
    assert_eq!(world.states(), [State::Current]);
}

#[test]
fn case_16_a_block_that_was_moved_in_its_file_is_updated_in_place() {
    let world = World::with("a\nb\nc\n");
    world.write("file", format!("after\nbefore\n{BEGIN}mine\nb\nc\n{END}"));
    world.write("fragments/f", "a\nb\nC\n");
    world.update();
    assert_eq!(world.read("file"), format!("after\nbefore\n{BEGIN}mine\nb\nC\n{END}"));
}

#[test]
fn case_17_a_block_that_was_moved_to_another_file_is_followed() {
    let world = World::with("a\nb\nc\n");
    world.write("file", "nothing left\n");
    world.write("sub/other", format!("{BEGIN}mine\nb\nc\n{END}"));
    world.write("fragments/f", "a\nb\nC\n");
    world.update();
    assert_eq!(world.read("sub/other"), format!("{BEGIN}mine\nb\nC\n{END}"));
    assert!(world.read(".seed/fragments.lock").contains("\"file\":\"sub/other\""));
}

#[test]
fn case_18_a_copy_is_an_error_that_a_new_instance_mends() {
    let world = World::with("a\nb\nc\n");
    world.write("copy", format!("{BEGIN}mine\nb\nc\n{END}"));
    let items = world.status();
    let states: Vec<_> = items.iter().map(|item| (item.file.to_str().unwrap(), item.state)).collect();
    assert_eq!(states, [("copy", State::Error), ("file", State::Error)]);
    assert!(
        items[0].message.contains("`f#1` is copied in file:2") && items[0].actions.contains(&Action::NewInstance),
        "{items:?}"
    );
    assert!(items[1].message.contains("`f#1` also occurs in copy:1"), "{items:?}");
    // The copy alone tells the same.
    let alone = world.project().status(&[world.at("copy")]).unwrap().items;
    assert_eq!(alone, items[..1]);
    // Neither is updated: they share a base.
    world.write("fragments/f", "a\nb\nC\n");
    assert_eq!(world.update().written.len(), 0);
    resolve(&world.root, &[Target::Path(world.at("copy"))], Resolution::NewInstance).unwrap();
    assert_eq!(world.read("copy"), "# seed:begin f#2\nmine\nb\nC\n# seed:end f#2\n");
    world.update();
    assert_eq!(world.read("file"), block("a\nb\nC\n"));
    assert_eq!(world.states(), [State::Edited, State::Current]);
}

/// A text whose markers are wrong: an error at a line, and no write.
fn is_refused(text: &str, line: usize, words: &str) {
    let world = World::with("a\n");
    world.write("file", text);
    world.write("fragments/f", "A\n");
    let report = world.update();
    assert_eq!((world.read("file"), report.written.len()), (text.to_string(), 0));
    let (state, at, message) = trouble(&world);
    assert_eq!((state, at), (State::Error, line), "{message}");
    assert!(message.contains(words), "{message}");
}

#[test]
fn case_19_a_missing_end_is_an_error_at_the_begin() {
    is_refused(&format!("before\n{BEGIN}a\nafter\n"), 2, "begins here but does not end");
}

#[test]
fn case_20_an_end_before_the_begin_is_an_error_and_nothing_is_deleted() {
    let world = World::with("a\n");
    let text = format!("one\n{END}user text\n{BEGIN}two\n");
    world.write("file", &text);
    let report = world.update();
    assert_eq!((world.read("file"), report.written.len()), (text, 0));
    let told: Vec<_> = world.status().iter().map(|item| (item.state, item.line)).collect();
    assert_eq!(told, [(State::Error, 2), (State::Error, 4)]);
}

#[test]
fn case_21_overlapping_blocks_are_an_error_and_nested_ones_are_not() {
    let overlap = format!("{BEGIN}a\n# seed:begin f#2\n{END}# seed:end f#2\n");
    is_refused_with_other(&overlap);
    let world = World::with("a\n");
    world.write("file", format!("{BEGIN}a\n# seed:begin f#2\n# seed:end f#2\n{END}"));
    world.update();
    assert_eq!(world.read("file"), format!("{BEGIN}a\n# seed:begin f#2\na\n# seed:end f#2\n{END}"));
    assert_eq!(world.states(), [State::Edited, State::Current]);
}

fn is_refused_with_other(text: &str) {
    let world = World::with("a\n");
    world.write("file", text);
    let report = world.update();
    assert_eq!((world.read("file"), report.written.len()), (text.to_string(), 0));
    let errors: Vec<_> = report.items.iter().filter(|item| item.state == State::Error).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].message.contains("ends here, inside `f#2`"), "{errors:?}");
}

#[test]
fn case_22_a_change_of_the_inner_and_an_edit_of_the_outer_are_both_there() {
    let world = World::new();
    world.write("fragments/inner", "x\ny\n");
    world.write("fragments/outer", "top\n# seed:begin inner#{{ instance }}\n# seed:end inner#{{ instance }}\nbottom\n");
    world.write("file", "# seed:begin outer#1\n# seed:end outer#1\n");
    world.update();
    let text = |top: &str, inner: &str, bottom: &str| {
        format!("# seed:begin outer#1\n{top}# seed:begin inner#1\n{inner}# seed:end inner#1\n{bottom}# seed:end outer#1\n")
    };
    assert_eq!(world.read("file"), text("top\n", "x\ny\n", "bottom\n"));
    world.edit("file", "bottom\n", "bottom of mine\n");
    world.write("fragments/inner", "x\nY\n");
    world.update();
    assert_eq!(world.read("file"), text("top\n", "x\nY\n", "bottom of mine\n"));
    // And the other way round, and both at once.
    world.edit("file", "x\n", "x of mine\n");
    world.write("fragments/outer", "TOP\n# seed:begin inner#{{ instance }}\n# seed:end inner#{{ instance }}\nbottom\n");
    world.update();
    assert_eq!(world.read("file"), text("TOP\n", "x of mine\nY\n", "bottom of mine\n"));
    assert_eq!(world.states(), [State::Edited, State::Edited]);
}

#[test]
fn case_23_a_fragment_that_was_renamed_or_deleted_leaves_an_orphan_and_nothing_is_removed() {
    let world = World::with("a\n");
    fs::rename(world.at("fragments/f"), world.at("fragments/g")).unwrap();
    let report = world.update();
    assert_eq!((world.read("file"), report.written.len()), (block("a\n"), 0));
    let (state, line, message) = trouble(&world);
    assert_eq!((state, line), (State::Orphan, 2));
    assert!(message.contains("no fragment `f`") && message.contains("there is g"), "{message}");
    // It comes back, and nothing was forgotten.
    fs::rename(world.at("fragments/g"), world.at("fragments/f")).unwrap();
    world.write("fragments/f", "A\n");
    world.update();
    assert_eq!(world.read("file"), block("A\n"));
}

#[test]
fn case_24_a_parameter_changed_where_the_line_was_edited_clashes_with_all_sides() {
    let world = World::new();
    world.write("fragments/f", "---\nparameters:\n  port: {type: int}\n---\nPort {{ port }}\nend\n");
    world.write("file", "# seed:begin f#1 port=22\n# seed:end f#1\n");
    world.update();
    world.edit("file", "Port 22", "Port 22 # mine");
    world.edit("file", "port=22", "port=2222");
    let before = world.read("file");
    world.update();
    assert_eq!((world.read("file"), world.states()), (before, vec![State::Clash]));
    let side = |name: &str| world.read(&format!(".seed/pending/f#1/{name}"));
    let sides = (side("base"), side("mine"), side("theirs"));
    assert_eq!(sides, ("Port 22\nend\n".into(), "Port 22 # mine\nend\n".into(), "Port 2222\nend\n".into()));
}

#[test]
fn case_25_edits_for_a_text_that_has_changed_since_are_refused() {
    // What a crash between two files leaves is tried with the program itself: `tests/cli/fragments.rs`.
    let world = World::with("a\nb\n");
    world.write("fragments/f", "a\nB\n");
    let text = world.read("file");
    let edits = Edits::of(&world.project(), Path::new("file"), &text, 7, Wishes::default());
    assert_eq!(edits.apply(&text, 7).unwrap(), block("a\nB\n"));
    let error = edits.apply(&text, 8).unwrap_err().to_string();
    assert!(error.contains("has version 8, but the edits are for version 7"), "{error}");
}

#[test]
fn detaching_twice_is_once() {
    let world = World::with("a\n");
    for _ in 0..2 {
        let report = resolve(&world.root, &[Target::Key(key("f#1"))], Resolution::Detach).unwrap();
        assert_eq!(report.notes.len(), 1);
        assert_eq!(world.read("file"), "before\na\nafter\n");
        assert_eq!(world.read(".seed/fragments.lock"), "");
    }
}

#[test]
fn an_escaped_marker_is_text() {
    let world = World::with("a\n");
    let text = "print(\"\\seed:begin f#9\")\nprint('# seed:begin f#8') -- seed:ignore\n";
    world.write("prints.lua", text);
    assert_eq!(world.states(), [State::Current]);
    update(&world.root, &[world.at("prints.lua")]).unwrap();
    assert_eq!(world.read("prints.lua"), text);
}
