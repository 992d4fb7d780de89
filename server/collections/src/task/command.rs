//! `task.command`: three commands, one for each state.

use schemars::JsonSchema;
use seed_role::attrs::{Attrs, Change, Observation};
use seed_role::claim::Claim;
use seed_role::host::{self, Host, Outcome};
use seed_role::param::{AbsPath, Duration, Output, Outputs};
use seed_role::step::{Goal, Step, Transition};
use seed_role::trouble::{Kind, Result, Trouble};
use seed_role::{Declared, Finding, Mend, Role, Watch, Way};
use seed_spec::Code;
use seed_spec::shape::{OutputInfo, RefKind};
use serde::Deserialize;

/// Three commands of your own, one for each state, for what has no role type yet.
///
/// Each command is a list of the program and its arguments. No shell is involved. `info` observes and must change nothing. Seed cannot
/// know what the commands do, so the folder of the spec must be trusted first: `seed trust`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    /// Creates it. Runs if `info` says that it does not exist. Running it again after an interruption must be safe.
    present: Vec<String>,
    /// Removes it. Runs if `info` says that it exists.
    absent: Vec<String>,
    /// Checks whether it exists, and changes nothing. Exit status 0 means that it exists, 1 that it does not, and any other is an
    /// error. Its output is offered as `info` and recorded, so it must not print secrets.
    info: Vec<String>,
    /// The working directory. Default: the root folder. While it does not exist, what the commands make is assumed not to exist either.
    /// As root, it is not reached through a link that another user could have made.
    folder: Option<AbsPath>,
    /// The time limit of a command. Exceeding it is an error.
    #[serde(default = "ten_minutes")]
    #[schemars(extend("default" = "10 min"))]
    limit: Duration,
}

fn ten_minutes() -> Duration {
    Duration(600_000)
}

/// The most of what `info` prints that is kept, in bytes.
const INFO_LIMIT: usize = 4 << 10;

/// How many of the last lines of what a failed command said are shown.
const LAST_LINES: usize = 5;

const STATE: &str = "state";
const INFO: &str = "info";

impl Role for Command {
    fn claims(&self) -> Vec<Claim> {
        Vec::new()
    }

    fn commands(&self, way: Way) -> Vec<Vec<String>> {
        let changes = if way == Way::Up { &self.present } else { &self.absent };
        vec![changes.clone(), self.info.clone()]
    }

    fn folder_of_commands(&self) -> Option<&std::path::Path> {
        self.folder.as_deref()
    }

    fn check(&self) -> Vec<Finding> {
        let commands = [("present", &self.present), ("absent", &self.absent), ("info", &self.info)];
        let mut findings: Vec<Finding> = commands.into_iter().filter_map(|(param, args)| check_command(param, args)).collect();
        if self.limit.0 == 0 {
            findings.push(finding(
                "limit",
                "a limit of 0 stops the command at once",
                "remove it, or write a time such as `10 min`",
            ));
        }
        findings
    }

    fn observe(&self, host: &dyn Host) -> Result<Observation> {
        if let Some(folder) = &self.folder
            && host.metadata(folder)?.is_none()
        {
            return Ok(Observation::Absent);
        }
        let outcome = self.run(host, &self.info)?;
        match outcome.status {
            0 => Ok(Observation::Present(attrs().with(INFO, start_of(outcome.stdout.trim())))),
            1 => Ok(Observation::Absent),
            _ => Err(failed("check whether it exists", &self.info, &outcome)
                .hint("`info` must exit with 0 if it exists and with 1 if it does not")),
        }
    }

    fn wanted(&self, _host: &dyn Host) -> Result<Attrs> {
        Ok(attrs())
    }

    fn mend(&self, _change: &Change, _seen: &Attrs) -> Mend {
        Mend::InPlace
    }

    fn loses(&self, _host: &dyn Host, _seen: &Attrs, _ours: Option<&Attrs>) -> Option<String> {
        None
    }

    fn steps(&self, _host: &dyn Host, transition: &Transition<'_>) -> Result<Vec<Step>> {
        let (name, args) = match (transition.to, transition.from) {
            (Goal::Absent, Observation::Absent) | (Goal::Attrs(_), Observation::Present(_)) => return Ok(Vec::new()),
            (Goal::Absent, _) => ("run the command `absent`", &self.absent),
            (Goal::Attrs(_), _) => ("run the command `present`", &self.present),
        };
        let (command, args) = (self.command(args), args.clone());
        let run = move |host: &dyn Host| {
            let outcome = execute(host, &command)?;
            if outcome.status == 0 { Ok(()) } else { Err(failed(name, &args, &outcome)) }
        };
        Ok(vec![Step::new(name, run)])
    }

    fn outputs(&self, seen: Option<&Attrs>) -> Outputs {
        let info = seen.and_then(|seen| seen.text(INFO)).map_or(Output::Unknown, |text| Output::Text(text.to_string()));
        Outputs::from([(INFO.to_string(), info)])
    }

    fn watches(&self) -> Vec<Watch> {
        vec![Watch::Timer]
    }
}

impl Command {
    fn command(&self, args: &[String]) -> host::Command {
        let (program, args) = args.split_first().map_or(("", args), |(program, rest)| (program.as_str(), rest));
        host::Command {
            folder: Some(self.folder.as_ref().map_or_else(|| "/".into(), |folder| folder.to_path_buf())),
            limit: Some(std::time::Duration::from_millis(self.limit.0)),
            ..host::Command::new(program, args.iter().cloned())
        }
    }

    fn run(&self, host: &dyn Host, args: &[String]) -> Result<Outcome> {
        execute(host, &self.command(args))
    }
}

/// Runs a command; where it took too long, says what decides how long that is.
fn execute(host: &dyn Host, command: &host::Command) -> Result<Outcome> {
    host.execute(command).map_err(|trouble| match trouble.kind {
        Kind::TimedOut => trouble.hint("increase the `limit` of the role if the command needs more time"),
        _ => trouble,
    })
}

fn attrs() -> Attrs {
    Attrs::new().with(STATE, "present")
}

fn finding(param: &str, message: &str, help: &str) -> Finding {
    Finding { param: param.into(), code: Code::WrongValue, message: message.into(), help: Some(help.into()) }
}

fn check_command(param: &str, args: &[String]) -> Option<Finding> {
    let Some(program) = args.first() else {
        return Some(finding(
            param,
            "the list is empty",
            "write the program and its arguments, such as `[/usr/bin/install, -d, /srv/x]`",
        ));
    };
    if program.is_empty() {
        return Some(finding(param, "the program has no name", "write the program first, then its arguments"));
    }
    if args.iter().any(|arg| arg.contains('\0')) {
        return Some(finding(param, "an argument cannot contain a NUL character", "pass it in a file"));
    }
    let looks_like_a_line = args.len() == 1 && program.contains(char::is_whitespace);
    looks_like_a_line.then(|| {
        let words: Vec<&str> = program.split_whitespace().collect();
        finding(
            param,
            &format!("`{program}` is a single word, and no program has that name"),
            &format!("write [{}]", words.join(", ")),
        )
    })
}

fn failed(attempted: &str, args: &[String], outcome: &Outcome) -> Trouble {
    let said = if outcome.stderr.trim().is_empty() { &outcome.stdout } else { &outcome.stderr };
    let lines: Vec<&str> = said.trim().lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    let program = args.first().map(String::as_str).unwrap_or_default();
    let said = if last.is_empty() { "without output".to_string() } else { format!("with the output: {last}") };
    Trouble::new(attempted, format!("{program} ended with status {} {said}", outcome.status))
}

/// The start of a text, not cut within a character.
fn start_of(text: &str) -> &str {
    let end = (0..=INFO_LIMIT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

impl Declared for Command {
    const NAME: &'static str = "task.command";
    const OUTPUTS: &'static [OutputInfo] = &[OutputInfo {
        name: INFO,
        kind: RefKind::Text,
        doc: "The output of the command `info` without surrounding whitespace, at most 4 KiB.",
    }];
    const EXAMPLE: &'static str = r#"fifo:
  is: task.command
  present: [mkfifo, /run/lab.fifo]
  absent: [rm, /run/lab.fifo]
  info: [test, -p, /run/lab.fifo]
  limit: 10 s
"#;
    const RUNS_COMMANDS: bool = true;
}
