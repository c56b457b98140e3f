//! JSON schemas as providers accept them: each takes a part of the language, and refuses the whole request for a
//! word outside of it.
//!
//! - Anthropic and Bedrock want arguments to be told as an object, OpenAI wants its properties as well, even
//!   where there are none. Callers say `{}` or `{"type":"object"}`, which mean the same.
//! - What OpenAI calls strict demands that every property be required; elsewhere some may be left out.
//! - Claude's structured output knows no bounds of numbers, lengths and lists, and wants every object closed.
//!   A bound is told to the model in the description of what it bounds, where it is obeyed more often than not.

use crate::wire::json;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use serde_json::Map;
use serde_json::Value as Tree;

/// Keywords whose value is a schema.
const SCHEMAS: &[&str] = &["items", "additionalProperties", "not", "contains"];
/// Keywords whose value is a list of schemas.
const LISTS: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords whose value maps names to schemas.
const MAPS: &[&str] = &["properties", "$defs", "definitions"];
/// Bounds that structured output of Claude's refuses.
const BOUNDS: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// Formats of strings that it knows.
const FORMATS: &[&str] = &["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// The schema of a function's arguments with what says that they are an object; `None` where it says so itself, or
/// that they are something else.
pub(super) fn of_arguments(schema: Value<'_, '_>) -> Option<String> {
    let object = schema.as_object()?;
    let kind = object.get("type").filter(|kind| !kind.is_null());
    if kind.is_some_and(|kind| !kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("object"))) {
        return None;
    }
    completed(&json::raw(schema), kind.is_some(), object.get("properties").is_some())
}

/// `schema`, the text of an object, with a type and properties.
pub(super) fn completed(schema: &str, has_type: bool, has_properties: bool) -> Option<String> {
    let rest = schema.strip_prefix('{').filter(|_| !has_type || !has_properties)?;
    let kind = if has_type { "" } else { "\"type\":\"object\"," };
    let properties = if has_properties { "" } else { "\"properties\":{}," };
    let comma = if rest.trim_start() == "}" { "" } else { "," };
    let added = format!("{kind}{properties}");
    Some(format!("{{{}{comma}{rest}", added.trim_end_matches(',')))
}

/// Is every object of `schema` closed, and does it require all of its properties?
pub(super) fn is_strict(schema: &str) -> bool {
    serde_json::from_str::<Tree>(schema).is_ok_and(|schema| is_strict_tree(&schema))
}

fn is_strict_tree(schema: &Tree) -> bool {
    let Some(object) = schema.as_object() else {
        return true;
    };
    let properties = object.get("properties").and_then(Tree::as_object);
    if properties.is_some() || object.get("type").and_then(Tree::as_str) == Some("object") {
        let required: Vec<&str> = object
            .get("required")
            .and_then(Tree::as_array)
            .iter()
            .flat_map(|names| names.iter())
            .filter_map(Tree::as_str)
            .collect();
        let all = properties.iter().flat_map(|all| all.keys()).all(|name| required.contains(&name.as_str()));
        if !all || object.get("additionalProperties") != Some(&Tree::Bool(false)) {
            return false;
        }
    }
    inner(object).all(is_strict_tree)
}

/// The schemas inside one.
fn inner(object: &Map<String, Tree>) -> impl Iterator<Item = &Tree> {
    object.iter().flat_map(|(name, value)| {
        let list = value.as_array().filter(|_| LISTS.contains(&name.as_str()));
        let map = value.as_object().filter(|_| MAPS.contains(&name.as_str()));
        let one = SCHEMAS.contains(&name.as_str()).then_some(value);
        list.into_iter().flatten().chain(map.into_iter().flat_map(Map::values)).chain(one)
    })
}

/// `schema` in the words that Claude's structured output knows; true if some of it can only be asked for.
pub(super) fn for_claude(schema: &str) -> (String, bool) {
    let Ok(mut tree) = serde_json::from_str::<Tree>(schema) else {
        return (schema.to_owned(), false);
    };
    let loosened = loosen(&mut tree);
    (tree.to_string(), loosened)
}

fn loosen(schema: &mut Tree) -> bool {
    let Some(object) = schema.as_object_mut() else {
        return false;
    };
    // Of several alternatives one is taken anyway.
    if !object.contains_key("anyOf")
        && let Some(alternatives) = object.remove("oneOf")
    {
        object.insert("anyOf".to_owned(), alternatives);
    }
    if object.contains_key("properties") || object.get("type").and_then(Tree::as_str) == Some("object") {
        object.entry("additionalProperties").or_insert(Tree::Bool(false));
    }
    let asked = taken_out(object);
    if !asked.is_empty() {
        let asked = format!("({})", asked.join(", "));
        let described = match object.get("description").and_then(Tree::as_str).filter(|text| !text.is_empty()) {
            Some(description) => format!("{description} {asked}"),
            None => asked.clone(),
        };
        object.insert("description".to_owned(), Tree::String(described));
    }
    let mut loosened = !asked.is_empty();
    for (name, value) in object.iter_mut() {
        let name = name.as_str();
        match value {
            Tree::Array(list) if LISTS.contains(&name) => {
                list.iter_mut().for_each(|one| loosened |= loosen(one));
            }
            Tree::Object(map) if MAPS.contains(&name) => {
                map.values_mut().for_each(|one| loosened |= loosen(one));
            }
            one if SCHEMAS.contains(&name) => loosened |= loosen(one),
            _ => {}
        }
    }
    loosened
}

/// Takes out what is refused; told as `minimum: 1`.
fn taken_out(object: &mut Map<String, Tree>) -> Vec<String> {
    let is_refused = |name: &str, value: &Tree| match name {
        // A list may be empty, or not.
        "minItems" => value.as_u64().is_none_or(|least| least > 1),
        "format" => value.as_str().is_some_and(|format| !FORMATS.contains(&format)),
        name => BOUNDS.contains(&name),
    };
    let refused: Vec<String> =
        object.iter().filter(|(name, value)| is_refused(name, value)).map(|(name, _)| name.clone()).collect();
    let take = |name: String| {
        let value = object.shift_remove(&name)?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{name}: {value}"))
    };
    refused.into_iter().filter_map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn completed_schema(schema: &str) -> Option<String> {
        let mut copy = schema.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("a schema");
        of_arguments(tape.as_value())
    }

    #[test]
    fn arguments_are_told_as_an_object_with_properties() {
        let told = |schema: &str| completed_schema(schema).expect("it was not told");
        assert_eq!(told("{}"), r#"{"type":"object","properties":{}}"#);
        assert_eq!(told(r#"{"type":"object"}"#), r#"{"properties":{},"type":"object"}"#);
        let typeless = r#"{"properties":{"a":{"type":"string"}}}"#;
        assert_eq!(told(typeless), r#"{"type":"object","properties":{"a":{"type":"string"}}}"#);
        for known in [r#"{"type":"object","properties":{}}"#, r#"{"type":"string"}"#, r#"{"type":["object","null"]}"#] {
            assert_eq!(completed_schema(known), None, "{known}");
        }
    }

    #[test]
    fn strict_is_what_requires_everything() {
        let closed = r##"{"type":"object","properties":{"a":{"type":"array","items":{"$ref":"#/$defs/B"}}},"required":["a"],
            "additionalProperties":false,"$defs":{"B":B}}"##;
        let with = |inner: &str| closed.replace(":B}", &format!(":{inner}}}"));
        assert!(is_strict(&with(r#"{"type":"string"}"#)));
        assert!(is_strict(&with(r#"{"type":"object","properties":{},"additionalProperties":false}"#)));
        for open in [
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{"c":{}},"required":["c"]}"#,
            r#"{"type":"object","properties":{"c":{}},"additionalProperties":false}"#,
        ] {
            assert!(!is_strict(&with(open)), "{open}");
        }
    }

    #[test]
    fn claude_is_asked_for_bounds_and_closes_objects() {
        let schema = r#"{"type":"object","properties":{"a":{"type":"integer","minimum":1,"description":"Count"},
            "b":{"type":"array","items":{"oneOf":[{"type":"string","format":"color"},{"type":"null"}]},"minItems":1,"maxItems":3}},
            "required":["a"]}"#;
        let (told, loosened) = for_claude(schema);
        let told: Tree = serde_json::from_str(&told).expect("JSON");
        let wanted = serde_json::json!({
            "type": "object",
            "properties": {
                "a": {"type": "integer", "description": "Count (minimum: 1)"},
                "b": {
                    "type": "array",
                    "items": {"anyOf": [{"type": "string", "description": "(format: color)"}, {"type": "null"}]},
                    "minItems": 1,
                    "description": "(maxItems: 3)",
                },
            },
            "required": ["a"],
            "additionalProperties": false,
        });
        assert_eq!((told, loosened), (wanted, true));
    }

    #[test]
    fn what_claude_knows_stays_as_it_is() {
        let schema = r#"{"type":"object","properties":{"maximum":{"type":"string","format":"date"}},"additionalProperties":{"type":"integer"}}"#;
        assert_eq!(for_claude(schema), (schema.to_owned(), false));
        assert_eq!(for_claude("true"), ("true".to_owned(), false));
    }
}
