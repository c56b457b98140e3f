//! The reference page and the JSON schema, both out of the structs that serde reads: a page written by
//! hand would be wrong within a month.

use super::shape::bounds;
use super::shape::branches;
use super::shape::plain_number;
use super::shape::strings;
use super::shape::type_of;
use super::shape::words;
use super::written::File;
use schemars::generate::SchemaSettings;
use serde_json::Value as Schema;
use std::fmt::Write;

const INTRODUCTION: &str = include_str!("reference_introduction.md");

/// `docs/configuration.md`.
pub fn reference() -> String {
    let schema = schema_value();
    let mut page = INTRODUCTION.to_owned();
    for (name, section) in schema["properties"].as_object().into_iter().flatten() {
        let (table, header) = match type_of(section) {
            "array" => (&section["items"], format!("[[{name}]]")),
            _ => (section, format!("[{name}]")),
        };
        let _ = write!(page, "\n## `{header}`\n\n{}\n", one_line(&section["description"]));
        keys_of(table, name, &mut page);
    }
    page
}

/// `docs/configuration.schema.json`, for editors that complete and check TOML.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&schema_value()).expect("a JSON value can be written");
    text.push('\n');
    text
}

/// The schema of a file, without references and without what TOML does not have.
pub(super) fn schema_value() -> Schema {
    // Draft 7 is what TOML editors understand best.
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<File>().to_value();
    simplify(&mut schema);
    schema
}

/// Removes null (TOML has none), Rust's number formats and the names of Rust types.
fn simplify(schema: &mut Schema) {
    if let Some(map) = schema.as_object_mut() {
        map.remove("format");
        map.remove("title");
        if map.get("default").is_some_and(|default| default.is_null() || default.is_object()) {
            map.remove("default");
        }
        if let Some(kept) = map.get("type").and_then(Schema::as_array).and_then(|types| types.first().cloned()) {
            map.insert("type".to_owned(), kept);
        }
        if let Some(alternatives) = map.get_mut("anyOf").and_then(Schema::as_array_mut) {
            alternatives.retain(|alternative| type_of(alternative) != "null");
            if alternatives.len() == 1
                && let Some(Schema::Object(only)) = alternatives.pop()
            {
                map.remove("anyOf");
                for (key, value) in only {
                    // The field's own description is the more precise one.
                    map.entry(key).or_insert(value);
                }
            }
        }
    }
    match schema {
        Schema::Object(map) => {
            for (key, value) in map {
                match value {
                    // Its keys are names of settings, not words of the schema language.
                    Schema::Object(properties) if key == "properties" => properties.values_mut().for_each(simplify),
                    value => simplify(value),
                }
            }
        }
        Schema::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

/// The table of keys of one section, followed by the tables inside it.
fn keys_of(table: &Schema, path: &str, page: &mut String) {
    page.push_str("\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
    let required: Vec<&str> = strings(&table["required"]).collect();
    let mut inner = Vec::new();
    for (key, schema) in table["properties"].as_object().into_iter().flatten() {
        let default = match (&schema["default"], required.contains(&key.as_str())) {
            (_, true) => "**required**".to_owned(),
            (Schema::Null, false) => "–".to_owned(),
            (default, false) => format!("`{}`", written_value(default)),
        };
        let _ = writeln!(page, "| `{key}` | {} | {default} | {} |", value_of(schema), meaning_of(schema));
        inner.extend(inner_table(schema).map(|table| (key, table)));
    }
    for (key, table) in inner {
        let path = format!("{path}.{key}");
        let _ = write!(page, "\n### `{path}`\n\n{}\n", one_line(&table["description"]));
        keys_of(table, &path, page);
    }
}

/// The table with known keys that a value may be, or that its elements may be.
fn inner_table(schema: &Schema) -> Option<&Schema> {
    let element = if type_of(schema) == "array" { &schema["items"] } else { schema };
    branches(element).into_iter().find(|branch| branch["properties"].is_object())
}

fn value_of(schema: &Schema) -> String {
    if let Some(words) = words(schema) {
        return words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or ");
    }
    let alternatives: Vec<String> = branches(schema).into_iter().map(single_value_of).collect();
    alternatives.join(" or ")
}

fn single_value_of(schema: &Schema) -> String {
    let name = match type_of(schema) {
        "object" => "table".to_owned(),
        "array" => format!("list of: {}", value_of(&schema["items"])),
        "boolean" => "`true` or `false`".to_owned(),
        other => other.to_owned(),
    };
    match bounds(schema) {
        Some(bounds) => format!("{name} {bounds}"),
        None => name,
    }
}

fn meaning_of(schema: &Schema) -> String {
    let mut meaning = one_line(&schema["description"]);
    for word in schema["oneOf"].as_array().into_iter().flatten() {
        let name = word["const"].as_str().unwrap_or_default();
        let _ = write!(meaning, " `{name}`: {}", one_line(&word["description"]));
    }
    meaning
}

fn written_value(value: &Schema) -> String {
    match value {
        Schema::Number(_) => plain_number(value),
        other => other.to_string(),
    }
}

fn one_line(description: &Schema) -> String {
    description.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
