//! Mistakes: where they are, what they are called, and how they can be mended.

use crate::text::Span;

/// How grave a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing can be planned before it is mended.
    Error,
    /// It can be planned, and will probably not do what was meant.
    Warning,
    /// Worth knowing.
    Info,
}

/// Declares the codes with their names and a sentence each, once.
macro_rules! codes {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// The kind of a mistake. Each has a section in `doc/book/src/diagnostics.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $doc] $variant,)* }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The name under which the code is shown, documented and silenced.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// What the code stands for, in one sentence.
            pub fn about(self) -> &'static str {
                match self { $(Code::$variant => $doc,)* }
            }
        }
    };
}

codes! {
    NotUtf8 "not-utf8" "The file is not UTF-8 text.",
    Syntax "syntax" "The text is not well-formed YAML.",
    TooLarge "too-large" "The file, its nesting or its aliases exceed what Seed reads.",
    EmptySpec "empty-spec" "The file contains no spec.",
    SeveralDocuments "several-documents" "The file holds more than one YAML document.",
    DuplicateKey "duplicate-key" "A key appears twice in the same mapping.",
    UnknownAlias "unknown-alias" "An alias uses an anchor that is not defined before it.",
    UnknownTag "unknown-tag" "The spec language has no such tag.",
    Version "version" "The version of the spec language is missing or not supported.",
    UnknownKey "unknown-key" "A key is unknown in its place.",
    MissingKey "missing-key" "A key that is required is missing.",
    WrongType "wrong-type" "A value has the wrong type.",
    WrongValue "wrong-value" "A value has the right type but is not allowed.",
    Yaml11 "yaml-1-1" "A value has another meaning in YAML 1.1; specs are YAML 1.2.",
    BadName "bad-name" "A name contains characters that are not allowed.",
    UnknownRoleType "unknown-role-type" "There is no such role type.",
    AmbiguousKind "ambiguous-kind" "An abstract role fits several kinds, or none.",
    DuplicateRole "duplicate-role" "Two roles have the same name.",
    UnknownReference "unknown-reference" "A reference names something that does not exist.",
    WrongReference "wrong-reference" "A reference names a role or output of the wrong kind.",
    Interpolation "interpolation" "A `${…}` cannot be read.",
    Cycle "cycle" "Roles depend on each other in a cycle.",
    Include "include" "An included file cannot be read, or includes itself.",
    RoleFiles "role-files" "A file of a composite role is missing or cannot be read.",
    RecursiveRole "recursive-role" "A composite role contains itself.",
    Collection "collection" "The source of a collection cannot be used.",
    CollectionMissing "collection-missing" "A collection is not pinned or not fetched.",
    CollectionChanged "collection-changed" "A collection is not what `seed.lock` says, or the lock cannot be read.",
    Conflict "conflict" "Two roles claim the same thing.",
    TooSmall "too-small" "Sizes do not fit into what holds them.",
    MissingTool "missing-tool" "A program that the role needs is not installed.",
    NotThere "not-there" "A file that a role reads, or an owner that it names, does not exist.",
    Template "template" "A template or fragment that a role reads cannot be rendered.",
    Untrusted "untrusted" "The spec runs its own commands, and a file that has a part in them is not trusted.",
    Secret "secret" "A `!secret` is not valid.",
    UnusedIgnore "unused-ignore" "A `seed: ignore[…]` comment has no effect.",
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How many mistakes of one file are looked for; far more than are shown, so that a flood of them ends soon.
pub(crate) const ENOUGH: usize = 2_000;

/// Text to put in place of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced; empty to insert.
    pub span: Span,
    /// What comes in its place.
    pub text: String,
}

/// A way to mend a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as a menu entry: "Change to `label`".
    pub title: String,
    /// The edits, not overlapping.
    pub edits: Vec<Edit>,
}

/// A mistake found in a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it is.
    pub span: Span,
    /// How grave it is.
    pub severity: Severity,
    /// What it is called.
    pub code: Code,
    /// What is wrong, in words for a person.
    pub message: String,
    /// What was expected, or what to do.
    pub help: Option<String>,
    /// Other places that have to do with it, with a remark each.
    pub related: Vec<(Span, String)>,
    /// Ways to mend it.
    pub fixes: Vec<Fix>,
}

impl Diagnostic {
    /// Whether a `# seed: ignore[…]` comment may silence it: what is no error, and errors that leave nothing
    /// out of the spec. What guards the machine against the spec is never silenced by the spec.
    pub fn can_be_ignored(&self) -> bool {
        let harmless = matches!(self.code, Code::UnknownKey | Code::Conflict | Code::TooSmall | Code::MissingTool);
        self.code != Code::Untrusted && (self.severity != Severity::Error || harmless)
    }

    /// An error.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            span,
            severity: Severity::Error,
            code,
            message: message.into(),
            help: None,
            related: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// A warning.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// Adds what was expected, or what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds another place that has to do with it.
    #[must_use]
    pub fn related(mut self, span: Span, remark: impl Into<String>) -> Self {
        self.related.push((span, remark.into()));
        self
    }

    /// Adds a fix that replaces one span.
    #[must_use]
    pub fn fix(mut self, title: impl Into<String>, span: Span, text: impl Into<String>) -> Self {
        self.fixes.push(Fix { title: title.into(), edits: vec![Edit { span, text: text.into() }] });
        self
    }
}
