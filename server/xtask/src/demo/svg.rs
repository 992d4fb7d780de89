//! An animated SVG of a terminal: every different line once, and each frame as a list of lines. It needs no script, so it also moves
//! where a page shows it as an image.

use std::collections::HashMap;
use std::fmt::Write;

use super::screen::{Row, Run};

/// The size of a character, in pixels.
const WIDTH: f64 = 8.0;
const HEIGHT: f64 = 18.0;
/// What is left free around the text.
const MARGIN: f64 = 12.0;
/// Where the text of a line stands, from its top.
const BASELINE: f64 = 13.5;
/// The colours of Neovim's own scheme, for what has none.
const TEXT: &str = "#e0e2ea";
const PAPER: &str = "#14161b";

/// A screen, and how long it is shown.
pub struct Frame {
    /// Its lines.
    pub rows: Vec<Row>,
    /// The column and row of the cursor.
    pub cursor: (usize, usize),
    /// How long it is shown.
    pub seconds: f64,
    /// Whether a reader is meant to read it: it is not one of the keys being typed.
    pub is_held: bool,
}

/// The animation.
pub fn animation(title: &str, frames: &[Frame], columns: usize, rows: usize) -> String {
    let (width, height) = (columns as f64 * WIDTH, rows as f64 * HEIGHT);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" xml:space=\"preserve\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"title description\">\n\
         <title id=\"title\">{}</title>\n<desc id=\"description\">\n{}</desc>\n{}",
        width + 2.0 * MARGIN,
        height + 2.0 * MARGIN,
        escaped(title),
        escaped(&description(frames)),
        style(frames, height)
    );
    let mut known: HashMap<&Row, usize> = HashMap::new();
    let mut lines = String::new();
    let mut screens = String::new();
    for (number, frame) in frames.iter().enumerate() {
        let _ = write!(screens, "<g transform=\"translate(0 {})\">", number as f64 * height);
        for (at, row) in frame.rows.iter().enumerate().filter(|(_, row)| row.iter().any(is_drawn)) {
            let next = known.len();
            let line = *known.entry(row).or_insert_with(|| {
                let _ = writeln!(lines, "<g id=\"l{next}\">{}</g>", row.iter().map(run).collect::<String>());
                next
            });
            let _ = write!(screens, "<use href=\"#l{line}\" y=\"{}\"/>", at as f64 * HEIGHT);
        }
        let (x, y) = (frame.cursor.0 as f64 * WIDTH, frame.cursor.1 as f64 * HEIGHT);
        let _ = writeln!(screens, "<rect class=\"c\" x=\"{x}\" y=\"{y}\"/></g>");
    }
    let _ = write!(
        out,
        "<defs>\n{lines}</defs>\n<rect class=\"p\" width=\"100%\" height=\"100%\" rx=\"6\"/>\n\
         <svg x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{width}\" height=\"{height}\"><g class=\"f\">\n{screens}</g></svg>\n</svg>\n"
    );
    out
}

/// The screens that are held, as text, for those who cannot see them. Times differ from run to run and are left out.
pub fn description(frames: &[Frame]) -> String {
    let screens = frames.iter().filter(|frame| frame.is_held).map(|frame| {
        let line = |row: &Row| row.iter().map(|run| run.text.as_str()).collect::<String>().trim_end().to_owned();
        let lines: Vec<String> = frame.rows.iter().map(line).filter(|line| !line.is_empty() && line != "~").collect();
        without_times(&lines.join("\n"))
    });
    screens.map(|screen| format!("{screen}\n----\n")).collect()
}

/// The description in an animation.
pub fn description_in(svg: &str) -> Option<String> {
    let (_, rest) = svg.split_once("<desc id=\"description\">\n")?;
    let (text, _) = rest.split_once("</desc>")?;
    Some(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

/// `12 ms` becomes `0 ms`.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    for (at, part) in text.split(" ms").enumerate() {
        if at > 0 {
            out.truncate(out.trim_end_matches(|character: char| character.is_ascii_digit()).len());
            out.push_str("0 ms");
        }
        out.push_str(part);
    }
    out
}

fn style(frames: &[Frame], height: f64) -> String {
    let total: f64 = frames.iter().map(|frame| frame.seconds).sum();
    let mut steps = String::new();
    let mut passed = 0.0;
    for (number, frame) in frames.iter().enumerate() {
        let _ = write!(steps, "{:.3}%{{transform:translateY({}px)}}", passed / total * 100.0, -(number as f64) * height);
        passed += frame.seconds;
    }
    // Where nothing may move, the longest screen stands: it is the plan.
    let longest = (0..frames.len()).max_by(|a, b| frames[*a].seconds.total_cmp(&frames[*b].seconds)).unwrap_or(0);
    let still = -(longest as f64) * height;
    format!(
        "<style>\ntext{{font:14px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:{TEXT};white-space:pre}}\n\
         .p{{fill:{PAPER}}}.b{{font-weight:bold}}.i{{font-style:italic}}.u{{text-decoration:underline}}\n\
         .c{{width:{WIDTH}px;height:{HEIGHT}px;fill:{TEXT};opacity:.6}}\n\
         .f{{animation:f {total:.2}s steps(1,end) infinite}}\n@keyframes f{{{steps}}}\n\
         @media (prefers-reduced-motion:reduce){{.f{{animation:none;transform:translateY({still}px)}}}}\n</style>\n"
    )
}

/// Whether a run shows anything: blanks on the paper do not.
fn is_drawn(run: &Run) -> bool {
    let paper = run.style.background.as_deref().unwrap_or(PAPER);
    !run.text.trim().is_empty() || run.style.inverse || paper != PAPER
}

fn run(run: &Run) -> String {
    let mut out = String::new();
    let length = run.text.chars().count() as f64 * WIDTH;
    let x = run.column as f64 * WIDTH;
    let (mut text, mut paper) =
        (run.style.foreground.as_deref().unwrap_or(TEXT), run.style.background.as_deref().unwrap_or(PAPER));
    if run.style.inverse {
        std::mem::swap(&mut text, &mut paper);
    }
    if paper != PAPER {
        let _ = write!(out, "<rect x=\"{x}\" width=\"{length}\" height=\"{HEIGHT}\" fill=\"{paper}\"/>");
    }
    if run.text.trim().is_empty() {
        return out;
    }
    // The blanks around take no space in the file. The length keeps columns in place with any font.
    let trimmed = run.text.trim_start();
    let x = x + (run.text.chars().count() - trimmed.chars().count()) as f64 * WIDTH;
    let trimmed = trimmed.trim_end();
    let length = trimmed.chars().count() as f64 * WIDTH;
    let classes: String = [(run.style.bold, 'b'), (run.style.italic, 'i'), (run.style.underline, 'u')]
        .iter()
        .filter(|(is_so, _)| *is_so)
        .flat_map(|(_, class)| [*class, ' '])
        .collect();
    let _ = write!(out, "<text x=\"{x}\" y=\"{BASELINE}\" textLength=\"{length}\"");
    if !classes.is_empty() {
        let _ = write!(out, " class=\"{}\"", classes.trim());
    }
    if text != TEXT {
        // A style, because the style sheet has precedence over an attribute.
        let _ = write!(out, " style=\"fill:{text}\"");
    }
    let _ = write!(out, ">{}</text>", escaped(trimmed));
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Frame, animation, description, description_in};
    use crate::demo::screen::rows;

    #[test]
    fn an_animation_describes_its_held_screens_without_times() {
        let frame = |text: &str, seconds, is_held| Frame { rows: rows(text), cursor: (0, 0), seconds, is_held };
        let frames = [frame("typed", 0.1, false), frame("<a> & b in 12 ms.  \n~\n", 2.0, true)];
        assert_eq!(description(&frames), "<a> & b in 0 ms.\n----\n");
        assert_eq!(description_in(&animation("title", &frames, 20, 2)), Some(description(&frames)));
    }
}
