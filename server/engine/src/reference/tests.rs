use seed_collections::{REGISTRY, catalog};
use serde_json::Value as Json;

use super::{markdown, spec_schema, type_schema};

/// Calls `visit` with each value in a schema.
fn walk<'a>(schema: &'a Json, visit: &mut dyn FnMut(&'a Json)) {
    visit(schema);
    match schema {
        Json::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        Json::Object(entries) => entries.values().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

#[test]
fn each_reference_in_the_schema_leads_somewhere() {
    let schema = spec_schema(catalog());
    let mut count = 0;
    walk(&schema, &mut |value| {
        if let Some(reference) = value.get("$ref").and_then(Json::as_str) {
            assert!(schema.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
            count += 1;
        }
    });
    assert!(count > REGISTRY.types().count());
}

#[test]
fn each_type_has_its_parameters_in_the_schema_and_in_the_reference() {
    let (schema, text) = (spec_schema(catalog()), markdown());
    for info in catalog().types() {
        let entry = &schema["$defs"][&*info.name];
        assert!(text.contains(&format!("### {}\n", info.name)));
        for field in &info.record.fields {
            assert!(entry["properties"].get(&field.name).is_some(), "{} {}", info.name, field.name);
            assert!(text.contains(&format!("| `{}` |", field.name)), "{} {}", info.name, field.name);
            assert_eq!(entry["required"].as_array().unwrap().contains(&Json::from(field.name.as_str())), field.required);
        }
        assert_eq!(type_schema(&info.name, catalog()).unwrap()["properties"], entry["properties"]);
    }
    assert!(type_schema("storage.nothing", catalog()).is_none());
}

#[test]
fn parameters_take_interpolations() {
    let schema = type_schema("storage.file_block_image", catalog()).unwrap();
    let size = &schema["properties"]["size"];
    assert_eq!(size["type"], "string");
    assert!(size["pattern"].as_str().unwrap().ends_with(r"|(\$\{)"), "{size}");
    let format = schema["properties"]["format"]["oneOf"].as_array().unwrap();
    assert_eq!(format.last().unwrap()["pattern"], r"\$\{");
    assert_eq!(format[0]["const"], "raw");
}
