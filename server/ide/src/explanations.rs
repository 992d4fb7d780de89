//! What each code of a diagnostic means, with an example and its fix: the sections of `doc/book/src/diagnostics.md`.

const DOCUMENT: &str = include_str!("../../../doc/book/src/diagnostics.md");

/// The section about a code, without its heading.
pub fn explanation(code: &str) -> Option<&'static str> {
    DOCUMENT.split("\n## ").skip(1).find_map(|section| {
        let (heading, text) = section.split_once('\n')?;
        (heading.trim_matches('`') == code).then(|| text.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed_spec::diagnostic::Code;

    #[test]
    fn every_code_is_explained() {
        for code in Code::ALL {
            assert!(explanation(code.name()).is_some_and(|text| !text.is_empty()), "{}", code.name());
        }
        assert_eq!(explanation("no-such-code"), None);
    }
}
