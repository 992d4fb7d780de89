//! `seed types`.

use std::io::Write;

use std::path::Path;

use seed_role::Trouble;
use seed_spec::shape::TypeInfo;
use serde_json::json;

use crate::cli::exit::{Exit, Result};
use crate::cli::options::Global;
use crate::cli::{output, spec_file, style};

/// List role types, or describe one.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The role type to describe, or a collection
    #[arg(value_name = "TYPE")]
    name: Option<String>,
    /// Write the reference of all of them, in Markdown
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result {
    let catalog = seed_engine::project::catalog_of(&spec_file::absolute(Path::new(".")));
    let mut out = output::stdout();
    if args.markdown {
        write!(out, "{}", seed_engine::reference::markdown())?;
        return Ok(Exit::Ok);
    }
    let collection = args.name.as_deref().filter(|name| catalog.get(name).is_none());
    let is_asked = |info: &TypeInfo| collection.is_none_or(|name| info.collection() == name && *info.name != *name);
    let listed: Vec<&TypeInfo> = catalog.types().map(|info| &**info).filter(|info| is_asked(info)).collect();
    if let Some(name) = args.name.as_ref().filter(|_| collection.is_none() || listed.is_empty()) {
        let info = catalog.get(name).ok_or_else(|| {
            Trouble::new(format!("describe {name}"), "no role type or collection has that name")
                .hint("`seed types` lists the role types")
        })?;
        if global.json {
            writeln!(out, "{}", json(info))?;
        } else {
            describe(&mut out, info)?;
        }
        return Ok(Exit::Ok);
    }
    if global.json {
        writeln!(out, "{}", json!({ "types": listed.into_iter().map(json).collect::<Vec<_>>() }))?;
        return Ok(Exit::Ok);
    }
    let width = listed.iter().map(|info| info.name.len()).max().unwrap_or(0);
    for info in listed {
        let summary = info.about.lines().next().unwrap_or_default();
        writeln!(out, "  {}{:width$}{:#}  {summary}", style::NAME, info.name, style::NAME)?;
    }
    Ok(Exit::Ok)
}

fn json(info: &TypeInfo) -> serde_json::Value {
    let schema = match info.home {
        None => seed_collections::REGISTRY.get(&info.name).map(|role_type| (role_type.json_schema)()),
        Some(_) => Some(seed_engine::reference::composite_schema(info)),
    };
    let outputs: Vec<_> =
        info.outputs.iter().map(|output| json!({"name": output.name, "kind": output.kind, "doc": output.doc})).collect();
    json!({ "name": info.name, "about": info.about, "outputs": outputs, "schema": schema, "example": info.example })
}

fn describe(out: &mut impl Write, info: &TypeInfo) -> std::io::Result<()> {
    let (bold, dim) = (style::NAME, style::DIM);
    writeln!(out, "{bold}{}{bold:#}\n\n{}\n\nParameters:", info.name, info.about)?;
    for field in &info.record.fields {
        let remark = match (&field.default, field.required) {
            (_, true) => " (required)".to_string(),
            (Some(default), false) => format!(" (default {default})"),
            (None, false) => String::new(),
        };
        writeln!(out, "  {bold}{}{bold:#}{dim}{remark}{dim:#}\n      {}", field.name, field.doc.replace('\n', "\n      "))?;
    }
    if !info.outputs.is_empty() {
        writeln!(out, "\nOutputs:")?;
    }
    for output in &info.outputs {
        writeln!(out, "  {bold}{}{bold:#}  {}", output.name, output.doc)?;
    }
    match &info.home {
        Some(home) => writeln!(out, "\nMade in {}", home.tasks.display()),
        None => writeln!(out, "\nExample:\n{}", info.example),
    }
}
