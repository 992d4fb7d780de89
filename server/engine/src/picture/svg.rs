//! The picture as an SVG: for light and dark ground, with what each role is for as a tooltip.

use std::fmt::Write;

use petgraph::graph::{EdgeIndex, NodeIndex};
use seed_spec::analysis::State;

use super::layout::{BOX_HEIGHT, Layout, Place, Point, lay_out};
use super::text::{cut, escaped, width, width_mono, wrapped};
use super::{Part, Picture, Tie, palette};

const MARGIN: f64 = 28.0;
const TITLE_SIZE: f64 = 20.0;
const WHY_SIZE: f64 = 12.5;
const NAME_SIZE: f64 = 13.0;
const TYPE_SIZE: f64 = 10.5;
const TAG_SIZE: f64 = 9.5;
const LEGEND_SIZE: f64 = 11.0;
/// Where the text of a box begins.
const TEXT_AT: f64 = 19.0;
const NARROWEST_BOX: f64 = 112.0;
const WIDEST_BOX: f64 = 290.0;
/// The picture is at least so wide, so that its words have room.
const NARROWEST: f64 = 460.0;
const ARROW: f64 = 7.0;

impl Picture {
    /// The graph as an SVG document.
    pub fn svg(&self) -> String {
        let widths: Vec<f64> = self.graph.node_weights().map(box_width).collect();
        let layout = lay_out(&self.graph, &widths);
        let inner = layout.width.max(NARROWEST);
        let header = Header::new(self, inner);
        let legend = Legend::new(self, inner);
        let (width, top) = (inner + 2.0 * MARGIN, MARGIN + header.height);
        let legend_top = top + layout.height + 26.0;
        let height = legend_top + legend.height + MARGIN;
        let mut out = String::with_capacity(4096 + 512 * (self.graph.node_count() + self.graph.edge_count()));
        let name = escaped(&self.name);
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"seed-graph\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{name}\">"
        );
        self.style(&mut out);
        let _ = writeln!(out, "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>");
        header.draw(&mut out);
        let _ = writeln!(out, "<g transform=\"translate({MARGIN} {})\">", number(top));
        for edge in self.graph.edge_indices() {
            self.line(&mut out, edge, &layout);
        }
        for node in self.graph.node_indices() {
            role(&mut out, &self.graph[node], layout.boxes[node.index()]);
        }
        out.push_str("</g>\n");
        legend.draw(&mut out, legend_top);
        out.push_str("</svg>\n");
        out
    }

    fn style(&self, out: &mut String) {
        let _ = writeln!(out, "<style>\n{}", include_str!("graph.css").trim_end());
        if self.ties().contains(&Tie::About) {
            out.push_str(".seed-graph .about { stroke-dasharray: 2 3; }\n");
        }
        let collections = self.collections();
        for name in &collections {
            let light = palette::shade(name).light;
            colours(out, name, light);
        }
        let _ = writeln!(out, "@media (prefers-color-scheme: dark) {{\n{}", include_str!("graph.dark.css").trim_end());
        for name in &collections {
            let dark = palette::shade(name).dark;
            colours(out, name, dark);
        }
        let _ = writeln!(
            out,
            "}}\n</style>\n<defs><marker id=\"seed-arrow\" viewBox=\"0 0 8 8\" refX=\"0.5\" refY=\"4\" markerWidth=\"8\" \
             markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"arrow\" d=\"M0 0.5 8 4 0 7.5 1.6 4Z\"/>\
             </marker></defs>"
        );
    }

    fn line(&self, out: &mut String, edge: EdgeIndex, layout: &Layout) {
        let Some((from, to)) = self.graph.edge_endpoints(edge) else { return };
        let tie = self.graph[edge];
        let name = |node: NodeIndex| escaped(&self.graph[node].role);
        let _ = writeln!(
            out,
            "<path class=\"tie {}\" marker-end=\"url(#seed-arrow)\" d=\"{}\"><title>{} {} {}</title></path>",
            class(tie),
            way(&layout.lines[edge.index()]),
            name(to),
            tie.words(),
            name(from)
        );
    }
}

fn colours(out: &mut String, collection: &str, ground: palette::Ground) {
    let palette::Ground { fill, line } = ground;
    let _ = writeln!(
        out,
        ".seed-graph .of-{collection} .box {{ fill: {fill}; stroke: {line}; }} .seed-graph .of-{collection} .mark {{ fill: {line}; }}"
    );
}

fn class(tie: Tie) -> &'static str {
    match tie {
        Tie::Foundation => "foundation",
        Tie::Reference => "reference",
        Tie::Folder => "folder",
        Tie::Needs => "needs",
        Tie::About => "about",
    }
}

/// A length as it stands in the document: pixels, to a tenth.
fn number(pixels: f64) -> String {
    let text = format!("{pixels:.1}");
    text.strip_suffix(".0").map(str::to_string).unwrap_or(text)
}

/// The way of a line through its points: curves that begin and end level, so that the arrow lies level too.
fn way(points: &[Point]) -> String {
    let mut way = String::new();
    for (place, pair) in points.windows(2).enumerate() {
        let [from, to] = pair else { continue };
        let last = place + 2 == points.len();
        let to = Point { x: if last { to.x - ARROW } else { to.x }, y: to.y };
        if place == 0 {
            let _ = write!(way, "M{} {}", number(from.x), number(from.y));
        }
        if from.y == to.y {
            let _ = write!(way, "H{}", number(to.x));
        } else {
            let middle = number((from.x + to.x) / 2.0);
            let _ = write!(way, "C{middle} {} {middle} {} {} {}", number(from.y), number(to.y), number(to.x), number(to.y));
        }
    }
    way
}

fn tag(part: &Part) -> Option<&'static str> {
    match part.state {
        State::Present => None,
        State::Absent => Some("absent"),
        State::Info => Some("info"),
    }
}

fn tag_width(part: &Part) -> f64 {
    tag(part).map_or(0.0, |tag| width(tag, TAG_SIZE) + 20.0)
}

fn box_width(part: &Part) -> f64 {
    let name = width(&part.role, NAME_SIZE) + tag_width(part);
    let is = width_mono(&part.is, TYPE_SIZE);
    (TEXT_AT + name.max(is) + 14.0).clamp(NARROWEST_BOX, WIDEST_BOX).round()
}

fn role(out: &mut String, part: &Part, place: Place) {
    let room = place.width - TEXT_AT - 12.0;
    let name = cut(&part.role, room - tag_width(part), |text| width(text, NAME_SIZE));
    let is = cut(&part.is, room, |text| width_mono(text, TYPE_SIZE));
    let state = tag(part).unwrap_or("present");
    let mut tooltip = format!("{} · {}", part.role, part.is);
    if part.state != State::Present {
        let _ = write!(tooltip, " · {state}");
    }
    if part.disposable {
        tooltip.push_str(" · disposable");
    }
    if let Some(why) = &part.why {
        let _ = write!(tooltip, "\n{why}");
    }
    let _ = writeln!(
        out,
        "<g class=\"of-{} {state}\" transform=\"translate({} {})\"><title>{}</title>\
         <rect class=\"box\" width=\"{}\" height=\"{BOX_HEIGHT}\" rx=\"10\"/>\
         <rect class=\"mark\" x=\"8\" y=\"11\" width=\"3.5\" height=\"24\" rx=\"1.75\"/>\
         <text class=\"name\" x=\"{TEXT_AT}\" y=\"20.5\">{}</text><text class=\"type\" x=\"{TEXT_AT}\" y=\"35.5\">{}</text>",
        part.collection(),
        number(place.x),
        number(place.y),
        escaped(&tooltip),
        number(place.width),
        escaped(&name),
        escaped(&is),
    );
    if let Some(tag) = tag(part) {
        let _ = writeln!(out, "<text class=\"tag\" x=\"{}\" y=\"19.5\">{tag}</text>", number(place.width - 10.0));
    }
    out.push_str("</g>\n");
}

/// The name of the spec and what it is for.
struct Header {
    name: String,
    why: Vec<String>,
    height: f64,
}

impl Header {
    fn new(picture: &Picture, room: f64) -> Header {
        let why = picture.why.as_deref().map(|why| wrapped(why, WHY_SIZE, room)).unwrap_or_default();
        let height = TITLE_SIZE + 10.0 + why.len() as f64 * (WHY_SIZE + 5.0) + 14.0;
        let name = cut(&picture.name, room, |text| width(text, TITLE_SIZE)).into_owned();
        Header { name, why, height }
    }

    fn draw(&self, out: &mut String) {
        let mut y = MARGIN + TITLE_SIZE - 4.0;
        let _ = writeln!(out, "<text class=\"title\" x=\"{MARGIN}\" y=\"{}\">{}</text>", number(y), escaped(&self.name));
        y += 6.0;
        for line in &self.why {
            y += WHY_SIZE + 5.0;
            let _ = writeln!(out, "<text class=\"why\" x=\"{MARGIN}\" y=\"{}\">{}</text>", number(y), escaped(line));
        }
    }
}

/// What the colours and lines mean.
struct Legend {
    entries: Vec<(Sample, f64, f64)>,
    height: f64,
}

enum Sample {
    Collection(&'static str),
    Tie(Tie),
}

impl Sample {
    /// The width of the drawn sample, and the words beside it.
    fn parts(&self) -> (f64, &'static str) {
        match self {
            Sample::Collection(name) => (20.0, name),
            Sample::Tie(tie) => (40.0, tie.along()),
        }
    }
}

impl Legend {
    fn new(picture: &Picture, room: f64) -> Legend {
        const ROW: f64 = 22.0;
        let collections = picture.collections().into_iter().map(Sample::Collection);
        let samples = collections.chain(picture.ties().into_iter().map(Sample::Tie));
        let (mut x, mut y) = (0.0, 0.0);
        let mut entries = Vec::new();
        for sample in samples {
            let (drawn, words) = sample.parts();
            let needed = drawn + 6.0 + width(words, LEGEND_SIZE) + 18.0;
            if x > 0.0 && x + needed > room {
                (x, y) = (0.0, y + ROW);
            }
            entries.push((sample, x, y));
            x += needed;
        }
        let height = if entries.is_empty() { 0.0 } else { y + ROW };
        Legend { entries, height }
    }

    fn draw(&self, out: &mut String, top: f64) {
        let _ = writeln!(out, "<g class=\"legend\" transform=\"translate({MARGIN} {})\">", number(top));
        for (sample, x, y) in &self.entries {
            let (drawn, words) = sample.parts();
            let (x, middle) = (*x, y + 11.0);
            match sample {
                Sample::Collection(name) => {
                    let _ = write!(
                        out,
                        "<g class=\"of-{name}\"><rect class=\"box\" x=\"{}\" y=\"{}\" width=\"20\" height=\"13\" rx=\"4\"/></g>",
                        number(x),
                        number(middle - 6.5)
                    );
                }
                Sample::Tie(tie) => {
                    let _ = write!(
                        out,
                        "<path class=\"tie {}\" marker-end=\"url(#seed-arrow)\" d=\"M{} {}h{}\"/>",
                        class(*tie),
                        number(x),
                        number(middle),
                        number(drawn - ARROW - 2.0)
                    );
                }
            }
            let (text_x, text_y) = (number(x + drawn + 6.0), number(middle + 4.0));
            let _ = writeln!(out, "<text x=\"{text_x}\" y=\"{text_y}\">{}</text>", escaped(words));
        }
        out.push_str("</g>\n");
    }
}
