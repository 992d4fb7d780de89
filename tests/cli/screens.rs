//! What a person sees, word for word.

use crate::sandbox::{Ran, Sandbox};

/// What was said, without what differs from machine to machine.
fn screen(sandbox: &Sandbox, ran: &Ran) -> String {
    let folder = sandbox.path().display().to_string();
    format!("{}{}", ran.stdout(), ran.stderr()).replace(&folder, "FOLDER")
}

#[test]
fn check_with_three_mistakes() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "lab.seed.yaml",
        "\
seed: 1
name: lab
why: A build lab that fits on one USB stick.

roles:
  image:
    is: storage.file_block_image
    path: ./lab.img
    sise: 4 GiB

  loop:
    is: storage.loopback_device
    backing: imgae

  note:
    is: file.text
    path: ./note
    content: Hello.
    mode: rw-r--r--
",
    );
    let ran = sandbox.seed(&["check", "lab.seed.yaml"]).exits(1);
    insta::assert_snapshot!(screen(&sandbox, &ran));
}

#[test]
fn plan_with_what_is_new_and_what_changes() {
    let (sandbox, spec) = Sandbox::with_spec(
        "\
folder:
  is: file.directory
  path: ./site
  mode: \"0750\"

page:
  is: file.text
  path: ./site/index.html
  content: |
    <h1>Lab</h1>
    <p>Grown from a spec.</p>

motd:
  is: file.text
  path: ./motd
  content: |
    Welcome.
    This machine is grown from a spec.
    Ask before you change it.
",
    );
    sandbox.write("motd", "Welcome.\nThis machine is made by hand.\nAsk before you change it.\n");
    let ran = sandbox.seed(&["plan", spec]).exits(2);
    insta::assert_snapshot!(screen(&sandbox, &ran));
}
