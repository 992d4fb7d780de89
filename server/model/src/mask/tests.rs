//! Real forms with values that are none: each is put together here, so that no scanner takes this file for a leak.

use super::*;

/// A made-up run of letters and digits of a length.
fn noise(length: usize) -> String {
    "Zk4Tq9Wm2Xc7Vb1Nl6Pj3Rh8Gf5Ds0Ay".chars().cycle().take(length).collect()
}

/// The same in hexadecimal.
fn hex(length: usize) -> String {
    "4f9a1c7e03b8d256".chars().cycle().take(length).collect()
}

fn mask(text: &str) -> String {
    Masker::default().mask(text).0
}

fn pem(kind: &str) -> String {
    format!("-----{} {kind}PRIVATE KEY-----\n{}\n{}\n-----END {kind}PRIVATE KEY-----", "BEGIN", noise(64), noise(40))
}

#[test]
fn every_form_is_masked() {
    let upper = |length: usize| noise(length).to_uppercase();
    let jwt = format!("{}{}.{}{}.{}", "eyJ", noise(20), "eyJ", noise(40), noise(43));
    for (kind, secret) in [
        ("private key", pem("")),
        ("private key", pem("RSA ")),
        ("private key", pem("OPENSSH ")),
        ("private key", pem("EC ")),
        ("private key", pem("ENCRYPTED ")),
        ("age key", format!("AGE-SECRET-{}{}", "KEY-1", upper(58))),
        ("AWS key", format!("{}{}", "AKIA", upper(16))),
        ("AWS key", format!("{}{}", "ASIA", upper(16))),
        ("GitHub token", format!("{}{}", "ghp_", noise(36))),
        ("GitHub token", format!("{}{}", "gho_", noise(36))),
        ("GitHub token", format!("{}{}_{}", "github_pat_", noise(22), noise(59))),
        ("GitLab token", format!("{}{}", "glpat-", noise(20))),
        ("Slack token", format!("{}{}-{}", "xoxb-", "123456789012", noise(24))),
        ("Slack token", format!("{}{}-{}", "xapp-1-", "A0123", noise(24))),
        ("API key", format!("{}{}", "sk-", noise(48))),
        ("API key", format!("{}{}", "sk-proj-", noise(60))),
        ("API key", format!("{}{}", "sk-ant-api03-", noise(80))),
        ("API key", format!("{}{}", "sk-or-v1-", hex(64))),
        ("Stripe key", format!("{}{}", "sk_live_", noise(24))),
        ("Google key", format!("{}{}", "AIza", noise(35))),
        ("Hugging Face token", format!("{}{}", "hf_", noise(34))),
        ("npm token", format!("{}{}", "npm_", noise(36))),
        ("PyPI token", format!("{}{}", "pypi-AgEI", noise(80))),
        ("DigitalOcean token", format!("{}{}", "dop_v1_", hex(64))),
        ("SendGrid key", format!("{}{}.{}", "SG.", noise(22), noise(43))),
        ("Vault token", format!("{}{}", "hvs.", noise(24))),
        ("Telegram token", format!("{}:{}{}", "123456789", "AA", noise(33))),
        ("JWT", jwt),
        ("password hash", format!("$6$saltsalt${}", noise(86))),
        ("password hash", format!("$y$j9T$saltsalt${}", noise(43))),
        ("password hash", format!("$2b$12${}", noise(53))),
    ] {
        for (before, after) in [("", ""), ("Here it is: ", " and more"), ("\"", "\""), ("x=", "\n")] {
            let text = format!("{before}{secret}{after}");
            let (masked, found) = Masker::default().mask(&text);
            assert_eq!(masked, format!("{before}<masked {kind}>{after}"));
            assert_eq!(found.len(), 1, "{text}");
        }
    }
}

#[test]
fn what_is_assigned_or_sent_is_masked_and_the_rest_of_the_line_stays() {
    for (before, secret, after) in [
        ("password: ", "hunter2", "\n"),
        ("  password: \"", "hun ter2", "\"\n"),
        ("db_password: '", "it is", "' # of the database\n"),
        ("password: ", "correct horse battery", " # a comment\n"),
        ("export API_KEY=", "abc123", "\n"),
        ("{user: me, passphrase: ", "open sesame", ", host: x}\n"),
        ("\"client_secret\": \"", "a,b}c", "\"}"),
        ("PrivateKey = ", "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "\n"),
        ("aws_secret_access_key = ", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz", "\n"),
        ("https://me:", "hunter2", "@example.org/x.git"),
        ("postgres://app:", "p@ss", "@db:5432/app"),
        ("Authorization: Bearer ", "abcdef", "\n"),
        ("authorization: Basic ", "bWU6aHVudGVyMg==", "\n"),
        ("-H 'Authorization: token ", "abcdef", "'"),
        ("curl -H \"X-Api-Key: ", "abcdef", "\""),
        ("machine example.org login me password ", "hunter2", "\n"),
        ("mysql --password=", "hunter2", " -u me"),
        ("  password: |\n    ", "hunter2\n    and more", "\n  next: 1\n"),
        ("token: >-  # folded\n  ", "abcdef", "\nother: 1"),
        ("password: ", "\"begins here", "\n"),
        ("Cookie: ", "session=abcdef; theme=dark", "\n"),
    ] {
        let text = format!("{before}{secret}{after}");
        let masked = mask(&text);
        assert!(!masked.contains(secret), "{text} → {masked}");
        let (front, rest) = masked.split_once("<masked ").unwrap_or_else(|| panic!("{masked}"));
        assert_eq!((front, rest.split_once('>').unwrap().1), (before, after), "{text}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    let public = format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} me@desk", noise(43));
    let certificate = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", noise(64));
    let texts = [
        "uuid: 6f1c2f0e-9a67-4c54-9f0e-1d2c3b4a5968".to_string(),
        format!("commit {}", hex(40)),
        format!("sha256:{}", hex(64)),
        format!("blake3 {}", hex(64)),
        public,
        format!("ssh-rsa {}== me@desk", noise(200)),
        format!("age1{}", noise(58).to_lowercase()),
        certificate,
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", noise(64)),
        "SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDmZ4TtWkqMqd1Kyzg me@desk (ED25519)".into(),
        "password: !secret {file: ./luks.key}".into(),
        "password: !secret {env: LUKS_PASSWORD}".into(),
        "password: ${vars.password}".into(),
        "password: locked".into(),
        "password: {{ password }}".into(),
        "key: ./luks.key\ntoken: /run/secrets/token".into(),
        "max_tokens: 1024\nkey_slots: 2\n".into(),
        "passwords are not kept here: see the manual".into(),
        "https://example.org:8080/path?x=1".into(),
        "http://127.0.0.1:8080/v1 and user@host:path".into(),
        "git@github.com:me/repository.git".into(),
        "is: storage.btrfs\nlabel: lab\nmount: /srv/lab\n".into(),
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==".into(),
        "risk-management and task-oriented-programming-in-practice".into(),
        "the secret of a good cake".into(),
        "API keys: from the environment".into(),
    ];
    for text in texts {
        assert_eq!(mask(&text), text);
    }
}

#[test]
fn half_a_private_key_is_masked() {
    let whole = pem("OPENSSH ");
    let half = &whole[..whole.len() / 2];
    assert_eq!(mask(&format!("look: {half}")), "look: <masked private key>");
}

#[test]
fn known_values_are_masked_wherever_they_stand() {
    let masker = Masker::default().with_known(["tr0ub4dor\n".to_string(), "tr0ub4dor and more".into(), "abc".into()]);
    let (masked, found) = masker.mask("one tr0ub4dor two\ntr0ub4dor and more, abc");
    assert_eq!(masked, "one <masked secret> two\n<masked secret>, abc");
    assert_eq!(found, [Found { kind: "secret", line: 1 }, Found { kind: "secret", line: 2 }]);
}

#[test]
fn masking_again_changes_nothing() {
    let text = format!(
        "password: hunter2\nAuthorization: Bearer abcdefgh\nhttps://me:x1@h/\n--token abcdef\nCookie: a=b\n{}\n\"token\": \"x\"",
        pem("")
    );
    let (once, found) = Masker::default().mask(&text);
    assert_eq!(found.len(), 7, "{once}");
    assert_eq!(Masker::default().mask(&once), (once.clone(), Vec::new()));
}

#[test]
fn lines_are_counted_over_secrets_of_several_lines() {
    let text = format!("a\n{}\nb\npassword: hunter2\n", pem("RSA "));
    let lines: Vec<usize> = Masker::default().mask(&text).1.iter().map(|found| found.line).collect();
    assert_eq!(lines, [2, 7]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_masked_once_and_for_all(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "password", ": ", "=", "\"", "'", "hunter2", "\n", " ", "token", "Bearer ", "Authorization: ", "https://me:", "@h/", "-----BEGIN ", "PRIVATE KEY-----",
        "-----END ", "{", "}", ",", "é", "--", "#", "<masked x>", "cookie: ", "secret", "eyJhbGciOi", ".", "|", ";",
    ]), 0..14)) {
        let text = pieces.concat();
        let (once, _) = Masker::default().mask(&text);
        let (twice, found) = Masker::default().mask(&once);
        proptest::prop_assert_eq!(&once, &twice, "of {:?}, {:?}", text, found);
    }
}
