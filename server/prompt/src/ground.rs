//! What a model is told of the language before it writes a spec: its rules, the role types, and examples. Taken from the role
//! types themselves, so that it is never behind them; cut to what a model can hold by what the user asks for.

use std::collections::BTreeMap;

use seed_model::tokens::estimate;
use seed_spec::shape::{Catalog, Record, Shape, TypeInfo};

/// The rules of the language, in few words.
const RULES: &str = "\
You write Seed specs: YAML that describes a small infrastructure. Answer with one fenced block of YAML and nothing else.

- A spec is `seed: 1`, `name:` (letters, digits, - and _), `why:` (one sentence), and `roles:`, a mapping of names that you choose.
- Every role has `is:` (one of the role types below; there are no others) and the parameters of that type, flat beside it. It may have \
`why:`, `needs: [ROLE]`, `disposable: true` (its data may be destroyed without asking again; only where the user says so).
- A parameter that takes a role is the plain name of another role: `devices: [loop]`, `backing: image`. References give the order; write no \
order that a reference implies.
- Sizes have a unit: `4 GiB`. Modes are quoted: \"0640\". Paths begin with `/`, `./` (beside the spec), `../` or `~/`.
- Write no key that is not listed. Omit parameters whose default is right. Never write a password: `!secret {file: PATH}`.
- If a request needs something that no role type does, write it as a comment at the top, in one line.
";

/// An example that is a spec as a whole.
const EXAMPLE: &str = "\
seed: 1
name: volume
why: A Btrfs volume in one file, to carry from machine to machine.

roles:
  image:
    is: storage.file_block_image
    path: ./volume.img
    size: 512 MiB

  loop:
    is: storage.loopback_device
    backing: image

  pool:
    is: storage.btrfs
    devices: [loop]
    label: volume
    mount: ./volume
    subvolumes:
      home: {}
";

/// What a model is told, in at most so many tokens: the rules always, then the role types that fit the user's words best with their
/// parameters, the others by name.
pub fn ground(catalog: &Catalog, text: &str, budget: usize) -> String {
    let ranked = ranked(catalog, text);
    let fixed = format!("{RULES}\nA whole spec, for its form:\n\n```yaml\n{EXAMPLE}```\n\n");
    let names = |types: &[&TypeInfo]| {
        types.iter().map(|info| format!("- {}: {}\n", info.name, first_sentence(&info.about))).collect::<String>()
    };
    let all = names(&ranked);
    let mut left = budget.saturating_sub(estimate(&fixed) + estimate(&all));
    let mut described = String::new();
    let mut shown = 0;
    for info in &ranked {
        let entry = entry(info);
        let size = estimate(&entry);
        if size > left {
            break;
        }
        left -= size;
        described += &entry;
        shown += 1;
    }
    let mut out = fixed;
    if shown > 0 {
        out += &format!("Role types, with their parameters (* required):\n\n{described}");
    }
    if shown < ranked.len() {
        out += &format!("Other role types, with their purpose only:\n\n{}", names(&ranked[shown..]));
    }
    out
}

/// The role types, those first that share most with the user's words, and what they refer to behind them. Each word counts by how
/// few types have it.
fn ranked<'a>(catalog: &'a Catalog, text: &str) -> Vec<&'a TypeInfo> {
    let types: Vec<&TypeInfo> = catalog.types().map(|info| &**info).collect();
    let bags: Vec<BTreeMap<String, usize>> = types.iter().map(|info| bag(&described(info))).collect();
    let wanted = bag(text);
    let weight = |word: &String| {
        let have = bags.iter().filter(|bag| bag.contains_key(word)).count();
        if have == 0 { 0.0 } else { (1.0 + types.len() as f64 / have as f64).ln() }
    };
    let score = |bag: &BTreeMap<String, usize>| wanted.keys().filter(|word| bag.contains_key(*word)).map(weight).sum::<f64>();
    let mut scored: Vec<(f64, &TypeInfo)> = types.iter().zip(&bags).map(|(info, bag)| (score(bag), *info)).collect();
    // An image, a loop device and a volume are used together, whichever of them was named: the example shows them.
    for (score, info) in &mut scored {
        if EXAMPLE.contains(&*info.name) {
            *score += 1.0;
        }
    }
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    scored.into_iter().map(|(_, info)| info).collect()
}

/// All that says what a type is for.
fn described(info: &TypeInfo) -> String {
    let fields = info.record.fields.iter().map(|field| format!(" {} {}", field.name, field.doc)).collect::<String>();
    format!("{} {}{fields}", info.name, info.about)
}

/// The words of a text, cut to their stems as far as endings of English go.
fn bag(text: &str) -> BTreeMap<String, usize> {
    let mut bag = BTreeMap::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() > 2) {
        let lower = word.to_lowercase();
        let stem = lower.strip_suffix('s').filter(|stem| stem.len() > 3).unwrap_or(&lower);
        *bag.entry(stem.to_owned()).or_insert(0) += 1;
    }
    bag
}

fn entry(info: &TypeInfo) -> String {
    let mut out = format!("{}: {}\n", info.name, first_sentence(&info.about));
    for field in &info.record.fields {
        let star = if field.required { "*" } else { "" };
        out += &format!("  {}{star}: {}. {}\n", field.name, takes(&field.shape), first_sentence(&field.doc));
    }
    for output in &info.outputs {
        out += &format!("  gives ${{ROLE.{}}}\n", output.name);
    }
    if !info.example.is_empty() {
        out += &format!(
            "  for example:\n{}",
            info.example.trim_end().lines().map(|line| format!("    {line}\n")).collect::<String>()
        );
    }
    out + "\n"
}

/// What a parameter takes, in few words.
fn takes(shape: &Shape) -> String {
    match shape {
        Shape::List(items) => format!("a list of {}", takes(items)),
        Shape::Map(values) => format!("{{NAME: {}}}", takes(values)),
        Shape::Record(record) => keys(record),
        Shape::Choice(words) => words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>().join("|"),
        Shape::OneOf(shapes) => shapes.iter().map(takes).collect::<Vec<_>>().join(" or "),
        other => other.words(),
    }
}

fn keys(record: &Record) -> String {
    let keys = record
        .fields
        .iter()
        .map(|field| format!("{}{}: {}", field.name, if field.required { "*" } else { "" }, takes(&field.shape)));
    format!("{{{}}}", keys.collect::<Vec<_>>().join(", "))
}

fn first_sentence(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match line.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => line,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_spec_without_mistakes() {
        let checked = crate::draft::check(
            EXAMPLE,
            "/nowhere/x.seed.yaml".as_ref(),
            "/nowhere".as_ref(),
            &seed_role::host::real::RealHost::new(),
        );
        assert_eq!(checked.errors, Vec::<String>::new());
        assert_eq!(checked.text, EXAMPLE);
    }

    #[test]
    fn what_was_asked_for_is_described_first() {
        let catalog = seed_collections::catalog();
        let text = "a 4 GiB volume I can carry, with a snapshot every day";
        let small = ground(catalog, text, 2600);
        assert!(estimate(&small) <= 2700, "{}", estimate(&small));
        assert!(small.contains("storage.btrfs: ") && small.contains("snapshots"), "{small}");
        let first: Vec<&str> = ranked(catalog, text).iter().take(4).map(|info| &*info.name).collect();
        assert!(first.contains(&"storage.btrfs"), "{first:?}");
        for info in catalog.types() {
            assert!(small.contains(&*info.name), "every type is at least named: {}", info.name);
        }
        let whole = ground(catalog, text, 1_000_000);
        assert!(!whole.contains("Other role types"));
    }
}
