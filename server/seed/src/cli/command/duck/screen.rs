//! What a person sees of the duck. What was left out is named and not told: it is for them to say.

use std::collections::BTreeMap;
use std::io::Write;

use anstyle::Style;
use seed_duck::history::{Entry, chart};
use seed_duck::{Kind, Told};
use serde_json::json;

use super::model::Judged;
use super::{Shown, Subject};
use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, style};

/// How many of the last explanations are shown.
const LAST: usize = 20;
/// How wide the bar of the score is.
const BAR: usize = 24;

/// What a fact of a kind is about, for who has to say it.
fn about(kind: Kind) -> &'static str {
    match kind {
        Kind::Purpose => "why it is there",
        Kind::Exists => "what it is",
        Kind::Parameter => "a value that matters",
        Kind::Depends => "what it needs, and why in that order",
        Kind::Destroys => "what is lost",
        Kind::Exposes => "who can reach, write or run what",
        Kind::Risk => "what can go wrong",
    }
}

fn bar(score: f64) -> String {
    let full = (score.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

/// Shows a reflection; before anything was explained, what there is to explain.
pub fn reflection(subject: &Subject, reflection: &seed_duck::Reflection, explained: bool, judged: Option<&Judged>) -> Result<()> {
    let shown = Shown { subject, reflection };
    let mut out = output::stdout();
    let (name, dim) = (style::NAME, style::DIM);
    if explained {
        let percent = (reflection.score * 100.0).round();
        writeln!(out, "{name}{}{name:#}  {}  {percent} % of what matters\n", subject.name, bar(reflection.score))?;
    } else {
        writeln!(
            out,
            "{name}{}{name:#}: {} facts to explain. {dim}--explain FILE gives an explanation.{dim:#}\n",
            subject.name,
            subject.facts.facts.len()
        )?;
    }
    if let Some(note) = &reflection.note {
        let warn = style::WARN;
        writeln!(out, "{warn}{note}{warn:#}\n")?;
    }
    shown.contradicted(&mut out)?;
    if explained {
        shown.told(&mut out)?;
    }
    shown.missing(&mut out)?;
    if let Some(judged) = judged {
        judged.show(&mut out)?;
    }
    match &reflection.question {
        Some((_, question)) => writeln!(out, "{name}{question}{name:#}")?,
        None => writeln!(out, "{name}Nothing is missing. Would somebody who has never seen it agree?{name:#}")?,
    }
    Ok(())
}

impl Shown<'_> {
    fn contradicted(&self, out: &mut impl Write) -> Result<()> {
        let (bad, dim) = (style::BAD, style::DIM);
        let mut any = false;
        for (fact, finding) in self.reflection.of(&self.subject.facts, Told::Contradicted) {
            let sentence = self.reflection.sentence(finding).unwrap_or("");
            writeln!(out, "  {bad}✗{bad:#} You say “{sentence}”\n    {dim}but{dim:#} {}", fact.text)?;
            any = true;
        }
        if any {
            writeln!(out)?;
        }
        Ok(())
    }

    fn told(&self, out: &mut impl Write) -> Result<()> {
        let covered: Vec<_> = self.reflection.of(&self.subject.facts, Told::Covered).collect();
        for (fact, _) in &covered {
            let good: Style = style::GOOD;
            writeln!(out, "  {good}✓{good:#} {}", fact.text)?;
        }
        let (unsure, name, dim) = (style::UNSURE, style::NAME, style::DIM);
        let unclear: Vec<_> = self.reflection.of(&self.subject.facts, Told::Unclear).collect();
        for (fact, finding) in &unclear {
            let sentence = self.reflection.sentence(finding).unwrap_or("");
            let role = if fact.role.is_empty() { "all of it" } else { &*fact.role };
            writeln!(out, "  {unsure}?{unsure:#} {name}{role}{name:#}: {}  {dim}“{sentence}”{dim:#}", about(fact.kind))?;
        }
        if !covered.is_empty() || !unclear.is_empty() {
            writeln!(out)?;
        }
        Ok(())
    }

    /// The gaps, role by role: what sort of thing is missing, not the thing.
    fn missing(&self, out: &mut impl Write) -> Result<()> {
        let mut roles: Vec<&str> = Vec::new();
        let mut gaps: BTreeMap<&str, BTreeMap<Kind, usize>> = BTreeMap::new();
        for (fact, _) in self.reflection.of(&self.subject.facts, Told::Missing) {
            if !roles.contains(&&*fact.role) {
                roles.push(&fact.role);
            }
            *gaps.entry(&fact.role).or_default().entry(fact.kind).or_default() += 1;
        }
        let width = roles.iter().map(|role| role.chars().count()).max().unwrap_or(0).max("all of it".len());
        let (dim, name) = (style::DIM, style::NAME);
        for role in &roles {
            let kinds = gaps.get(role).into_iter().flatten().map(|(kind, count)| match count {
                1 => about(*kind).to_owned(),
                count => format!("{} ({count})", about(*kind)),
            });
            let shown = if role.is_empty() { "all of it" } else { role };
            writeln!(out, "  {dim}○{dim:#} {name}{shown:width$}{name:#}  {}", kinds.collect::<Vec<_>>().join("; "))?;
        }
        if !roles.is_empty() {
            writeln!(out)?;
        }
        Ok(())
    }
}

/// Shows the explanations of a spec so far.
pub fn history(entries: &[Entry], global: &Global) -> Result {
    let mut out = output::stdout();
    if global.json {
        writeln!(out, "{}", json!({ "history": entries }))?;
        return Ok(Exit::Ok);
    }
    if entries.is_empty() {
        writeln!(out, "Nobody has explained this spec yet.")?;
        return Ok(Exit::Ok);
    }
    let last = &entries[entries.len().saturating_sub(LAST)..];
    let dim = style::DIM;
    for entry in last {
        let percent = (entry.score * 100.0).round();
        let (covered, missing, wrong) = (entry.covered, entry.missing + entry.unclear, entry.contradicted);
        writeln!(
            out,
            "{}  {percent:>3} %  {}  {dim}{covered} covered, {missing} open, {wrong} wrong{dim:#}",
            local_time(entry.time),
            bar(entry.score)
        )?;
    }
    writeln!(out, "\n{}", chart(last.iter().map(|entry| entry.score)))?;
    Ok(Exit::Ok)
}

fn local_time(seconds: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(0))
        .map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default()
}
