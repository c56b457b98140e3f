//! Google's own dialect of schemas, told as JSON schema.
//!
//! `parameters` and `responseSchema` take a subset of OpenAPI with types in capitals, `nullable` instead of
//! a list of types and 64-bit numbers as text. The newer fields (`parametersJsonSchema`,
//! `responseJsonSchema`) take JSON schema as it is, so that only this direction is ever needed.

use super::super::fields;
use super::spelling;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;

/// Keywords whose value is a schema.
const SCHEMAS: &[&str] = &["items", "additionalProperties", "not"];
/// Keywords whose value is a list of schemas.
const LISTS: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems"];
/// Keywords whose value maps names to schemas.
const MAPS: &[&str] = &["properties", "defs", "$defs"];
/// Keywords whose value is a number, whatever it is written as.
const NUMBERS: &[&str] = &["minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"];
/// Keywords that JSON schema does not have.
const DROPPED: &[&str] = &["nullable", "propertyOrdering"];

/// `schema` as the JSON schema of a function's arguments.
pub(super) fn of_arguments(schema: Value<'_, '_>) -> String {
    let told = json_schema(schema);
    let says = |name: &str| schema.as_object().is_none_or(|object| spelling::get(&object, name).is_some());
    super::super::schema::completed(&told, says("type"), says("properties")).unwrap_or(told)
}

/// `schema` as JSON schema.
pub(super) fn json_schema(schema: Value<'_, '_>) -> String {
    fields::written(|out| write(schema, out))
}

fn write(schema: Value<'_, '_>, out: &mut Vec<u8>) {
    match schema.as_object() {
        Some(object) => write_object(&object, out),
        None => json::write_value(schema, out),
    }
}

fn write_object(object: &JsonObject<'_, '_>, out: &mut Vec<u8>) {
    let nullable = spelling::is_on(object, "nullable");
    out.push(b'{');
    let mut first = true;
    for (written, value) in object.iter() {
        let name = spelling::camel(written);
        if value.is_null() || DROPPED.contains(&&*name) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        json::write_string(&name, out);
        out.push(b':');
        write_keyword(&name, value, nullable, out);
    }
    out.push(b'}');
}

fn write_keyword(name: &str, value: Value<'_, '_>, nullable: bool, out: &mut Vec<u8>) {
    match (value.as_str(), value.as_array(), value.as_object()) {
        (Some(kind), ..) if name == "type" => write_type(kind, nullable, out),
        (Some(digits), ..) if NUMBERS.contains(&name) && digits.parse::<u64>().is_ok() => {
            out.extend_from_slice(digits.as_bytes());
        }
        (_, Some(list), _) if LISTS.contains(&name) => fields::write_list(&list, out, write),
        (_, _, Some(map)) if MAPS.contains(&name) => {
            out.push(b'{');
            for (place, (name, value)) in map.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                json::write_string(name, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
        (_, _, Some(_)) if SCHEMAS.contains(&name) => write(value, out),
        _ => json::write_value(value, out),
    }
}

fn write_type(kind: &str, nullable: bool, out: &mut Vec<u8>) {
    let kind = kind.to_ascii_lowercase();
    if nullable {
        out.push(b'[');
        json::write_string(&kind, out);
        out.extend_from_slice(b",\"null\"]");
    } else {
        json::write_string(&kind, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    #[test]
    fn types_nullability_and_numbers_are_translated_at_every_depth() {
        let open_api = r#"{"type":"OBJECT","property_ordering":["a"],"properties":{"type":{"type":"STRING","nullable":true},
            "a":{"type":"ARRAY","min_items":"1","items":{"anyOf":[{"type":"NUMBER"},{"type":"INTEGER","format":"int64"}]}}},
            "required":["a"]}"#;
        let mut copy = open_api.as_bytes().to_vec();
        let mut parser = Parser::new();
        let tape = parser.parse(&mut copy).expect("valid JSON");
        let wanted = r#"{"type":"object","properties":{"type":{"type":["string","null"]},"a":{"type":"array","minItems":1,"items":{"anyOf":[{"type":"number"},{"type":"integer","format":"int64"}]}}},"required":["a"]}"#;
        assert_eq!(json_schema(tape.as_value()), wanted);
    }
}
