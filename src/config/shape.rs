//! The document held against the schema: unknown keys, missing keys, types, ranges, words.
//!
//! serde could tell most of this, but only the first of it, without the neighbouring name that was
//! meant, and quoting values, which might be secrets. The schema is small and of few forms (tables,
//! lists, strings, numbers, booleans, words, "a string or a table"), so reading it is simpler than
//! teaching serde to go on after an error.

use super::nearest::nearest;
use super::nearest::suggestion;
use super::problem::Problems;
use super::reference::schema_value;
use serde_json::Value as Schema;
use toml::Spanned;
use toml::de::DeArray;
use toml::de::DeTable;
use toml::de::DeValue;

/// Adds a problem for everything in `document` that the schema forbids.
pub(super) fn compare(document: &DeTable<'_>, problems: &mut Problems<'_>) {
    let schema = schema_value();
    Comparison { root: &schema, problems }.table(document, 0, &schema, "");
}

struct Comparison<'a, 't> {
    root: &'a Schema,
    problems: &'a mut Problems<'t>,
}

impl Comparison<'_, '_> {
    fn value(&mut self, value: &Spanned<DeValue<'_>>, schema: &Schema, path: &str) {
        let offset = value.span().start;
        if let Some(words) = words(schema) {
            return self.word(value.get_ref(), &words, offset, path);
        }
        let Some(schema) = branch_for(schema, value.get_ref()) else {
            return self.wrong_type(value.get_ref(), schema, offset, path);
        };
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, offset, schema, path),
            DeValue::Array(array) => self.array(array, offset, schema, path),
            DeValue::Integer(integer) => {
                let number = i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX);
                self.range(number as f64, offset, schema, path);
            }
            DeValue::Float(float) => self.range(float.as_str().parse().unwrap_or(f64::NAN), offset, schema, path),
            DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {}
        }
    }

    fn table(&mut self, table: &DeTable<'_>, offset: usize, schema: &Schema, path: &str) {
        for (key, value) in table {
            let child = join(path, key.get_ref());
            match (properties(schema).and_then(|known| known.get(key.get_ref().as_ref())), any_value(schema)) {
                (Some(schema), _) | (None, Some(schema)) => self.value(value, schema, &child),
                (None, None) => self.unknown_key(key, schema, &child),
            }
        }
        for required in strings(&schema["required"]) {
            if !table.contains_key(required) {
                let place = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
                self.problems.at(offset, format!("{place} lacks the key `{required}`: add `{required} = …`"));
            }
        }
    }

    fn unknown_key(&mut self, key: &Spanned<std::borrow::Cow<'_, str>>, schema: &Schema, path: &str) {
        let written = key.get_ref().as_ref();
        let known = || properties(schema).into_iter().flatten().map(|(name, _)| name.as_str());
        let advice = match nearest(written, known()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => match home_of(written, self.root) {
                Some(home) => format!("`{written}` belongs in {home}"),
                None => suggestion(written, known().collect::<Vec<_>>()),
            },
        };
        self.problems.at(key.span().start, format!("unknown key `{}`; {advice}", path.escape_debug()));
    }

    fn array(&mut self, array: &DeArray<'_>, offset: usize, schema: &Schema, path: &str) {
        if (array.len() as u64) < schema["minItems"].as_u64().unwrap_or(0) {
            self.problems.at(offset, format!("`{path}` must not be empty"));
        }
        for (index, item) in array.iter().enumerate() {
            self.value(item, &schema["items"], &format!("{path}[{index}]"));
        }
    }

    fn word(&mut self, value: &DeValue<'_>, words: &[&str], offset: usize, path: &str) {
        if value.as_str().is_some_and(|written| words.contains(&written)) {
            return;
        }
        let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let guess = value.as_str().and_then(|written| nearest(written, words.iter().copied()));
        let guess = guess.map(|word| format!(" (did you mean \"{word}\"?)")).unwrap_or_default();
        self.problems.at(offset, format!("`{path}` must be one of {}{guess}", quoted.join(", ")));
    }

    fn range(&mut self, number: f64, offset: usize, schema: &Schema, path: &str) {
        let (min, max) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        let fits = number.is_finite() && min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max);
        if !fits {
            let bounds = bounds(schema).unwrap_or_else(|| "a finite number".to_owned());
            self.problems.at(offset, format!("`{path}` must be {bounds}"));
        }
    }

    fn wrong_type(&mut self, value: &DeValue<'_>, schema: &Schema, offset: usize, path: &str) {
        let expected = branches(schema).iter().map(|branch| type_words(branch)).collect::<Vec<_>>().join(" or ");
        let advice = match (value, type_of(schema)) {
            (DeValue::Table(_), "array") if type_of(&schema["items"]) == "object" => format!("; write `[[{path}]]`"),
            (DeValue::Array(_), "object") => format!("; write `[{path}]`, once"),
            (DeValue::String(_), "integer" | "number" | "boolean") => "; remove the quotes".to_owned(),
            (DeValue::String(_), "array") => "; put it in brackets: [\"…\"]".to_owned(),
            (_, "string") => "; put it in quotes".to_owned(),
            _ => String::new(),
        };
        let message = format!("`{path}` must be {expected}, not {}{advice}", type_name(value));
        self.problems.at(offset, message);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn properties(schema: &Schema) -> Option<&serde_json::Map<String, Schema>> {
    schema["properties"].as_object()
}

/// The schema of every value of a table with free keys.
fn any_value(schema: &Schema) -> Option<&Schema> {
    Some(&schema["additionalProperties"]).filter(|any| any.is_object())
}

pub(super) fn strings(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.as_array().into_iter().flatten().filter_map(Schema::as_str)
}

/// The alternatives of a schema, itself if there is but one.
pub(super) fn branches(schema: &Schema) -> Vec<&Schema> {
    match schema["anyOf"].as_array() {
        Some(branches) => branches.iter().collect(),
        None => vec![schema],
    }
}

/// The words of a schema that allows nothing but certain words.
pub(super) fn words(schema: &Schema) -> Option<Vec<&str>> {
    if schema["enum"].is_array() {
        return Some(strings(&schema["enum"]).collect());
    }
    let words: Vec<&str> = schema["oneOf"].as_array()?.iter().filter_map(|one| one["const"].as_str()).collect();
    (!words.is_empty()).then_some(words)
}

pub(super) fn type_of(schema: &Schema) -> &str {
    schema["type"].as_str().unwrap_or_default()
}

/// "an integer from 1 to 10", if the schema bounds it at all.
pub(super) fn bounds(schema: &Schema) -> Option<String> {
    let number = |bound: &Schema| bound.is_number().then(|| plain_number(bound));
    match (number(&schema["minimum"]), number(&schema["maximum"])) {
        (Some(min), Some(max)) => Some(format!("from {min} to {max}")),
        (Some(min), None) => Some(format!("at least {min}")),
        (None, Some(max)) => Some(format!("at most {max}")),
        (None, None) => None,
    }
}

/// A number as people write it in TOML: `32_768`, `0.95`, never `2.0` for a whole number.
pub(super) fn plain_number(number: &Schema) -> String {
    match number.as_f64() {
        Some(value) if value.fract() != 0.0 => value.to_string(),
        Some(value) => grouped(value as u64),
        None => number.to_string(),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() <= 4 {
        return digits;
    }
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

fn branch_for<'s>(schema: &'s Schema, value: &DeValue<'_>) -> Option<&'s Schema> {
    branches(schema).into_iter().find(|branch| {
        matches!(
            (type_of(branch), value),
            ("object", DeValue::Table(_))
                | ("array", DeValue::Array(_))
                | ("string", DeValue::String(_))
                | ("integer" | "number", DeValue::Integer(_))
                | ("number", DeValue::Float(_))
                | ("boolean", DeValue::Boolean(_))
        )
    })
}

fn type_words(schema: &Schema) -> &'static str {
    match type_of(schema) {
        "object" => "a table",
        "array" if type_of(&schema["items"]) == "object" => "a list of tables",
        "array" => "a list",
        "string" => "a string",
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        other => unreachable!("the schema holds no type `{other}`"),
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The section that does know `key`, as written in a file.
fn home_of(key: &str, root: &Schema) -> Option<String> {
    let sections = properties(root)?;
    sections.iter().find_map(|(section, schema)| {
        let (table, header) = match type_of(schema) {
            "array" => (&schema["items"], format!("`[[{section}]]`")),
            _ => (schema, format!("`[{section}]`")),
        };
        properties(table)?.contains_key(key).then_some(header)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let document = DeTable::parse(text).expect("valid TOML");
        let mut problems = Problems::new("f", text);
        compare(document.get_ref(), &mut problems);
        if problems.is_empty() {
            return Vec::new();
        }
        problems.into_error().problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unknown_keys_get_the_nearest_name_or_their_home() {
        let text = "[server]\nlisten = \"x\"\nlistn = 1\nbase_url = \"y\"\nzzz = 1\n[servr]\n[[routes]]\nmodel=\"*\"\n\
                    targets=[{provider=\"a\", teir=\"simple\"}]\n";
        let found = problems(text);
        assert_eq!(found.len(), 5, "{found:#?}");
        assert_eq!(found[0], "f:3:1: unknown key `server.listn`; did you mean `listen`?");
        assert_eq!(found[1], "f:4:1: unknown key `server.base_url`; `base_url` belongs in `[[providers]]`");
        assert!(found[2].starts_with("f:5:1: unknown key `server.zzz`; known: `listen`, `shards`"), "{}", found[2]);
        assert_eq!(found[3], "f:6:2: unknown key `servr`; did you mean `server`?");
        assert_eq!(found[4], "f:9:25: unknown key `routes[0].targets[0].teir`; did you mean `tier`?");
    }

    #[test]
    fn types_ranges_and_words_are_told_with_the_remedy() {
        for (text, expected) in [
            ("[server]\nshards = \"2\"", "f:2:10: `server.shards` must be an integer, not a string; remove the quotes"),
            ("[server]\nshards = 0", "f:2:10: `server.shards` must be from 1 to 1024"),
            ("[server]\nshards = 1025", "f:2:10: `server.shards` must be from 1 to 1024"),
            ("[server]\nshards = -1", "f:2:10: `server.shards` must be from 1 to 1024"),
            ("[server]\nshards = 1.5", "f:2:10: `server.shards` must be an integer, not a number with a point"),
            ("[server]\nlisten = 8080", "f:2:10: `server.listen` must be a string, not an integer; put it in quotes"),
            ("[server]\nhead_timeout_ms = 9_223_372_036_854_775_808_000", "must be from 100 to 600_000"),
            ("server = 1", "f:1:10: `server` must be a table, not an integer"),
            ("[[server]]\nlisten = \"x\"", "`server` must be a table, not a list; write `[server]`, once"),
            ("[providers]\nname = \"x\"", "`providers` must be a list of tables, not a table; write `[[providers]]`"),
            (
                "[server]\nhalf_close = \"abrt\"",
                "`server.half_close` must be one of \"deliver\", \"abort\" (did you mean",
            ),
            ("[server]\nhalf_close = 1", "`server.half_close` must be one of \"deliver\", \"abort\""),
            ("[admin]\nlisten = 1979-05-27", "must be a string, not a date"),
            ("[[routes]]\nmodel = \"*\"\ntargets = []", "f:3:11: `routes[0].targets` must not be empty"),
            ("[[routes]]\nmodel = \"*\"\ntargets = \"a\"", "must be a list, not a string; put it in brackets"),
            ("[[routes]]\nmodel = \"*\"\ntargets = [1]", "`routes[0].targets[0]` must be a string or a table"),
            ("[[routes]]\nmodel = \"*\"\ntargets = [\"a\"]\ncache = { similarity_min = 0.8 }", "from 0.9 to 1"),
            ("[[routes]]\nmodel = \"*\"\ntargets = [\"a\"]\ncache = { similarity_min = nan }", "from 0.9 to 1"),
            ("[[routes]]\nmodel = \"*\"", "f:1:1: `routes[0]` lacks the key `targets`: add `targets = …`"),
            ("[[keys]]\nname = \"a\"\nhash = \"b\"\ntrusted = \"yes\"", "must be true or false, not a string; remove"),
        ] {
            let found = problems(text);
            assert_eq!(found.len(), 1, "{text}: {found:#?}");
            assert!(found[0].contains(expected), "{text}: {}", found[0]);
        }
    }

    #[test]
    fn whole_numbers_serve_as_numbers() {
        let text = "[[prices]]\nprovider=\"a\"\nmodel=\"b\"\ninput_usd_per_mtok=3\noutput_usd_per_mtok=0x10";
        assert_eq!(problems(text), Vec::<String>::new());
    }

    #[test]
    fn headers_have_free_names_but_string_values() {
        let provider = |headers: &str| format!("[[providers]]\nname = \"a\"\nheaders = {headers}");
        assert_eq!(problems(&provider("{ x-anything = \"1\" }")), Vec::<String>::new());
        assert!(problems(&provider("{ x-anything = 1 }"))[0].contains("`providers[0].headers.x-anything`"));
    }

    #[test]
    fn everything_is_reported_at_once() {
        assert_eq!(problems("[server]\nshards = 0\nlisten = 1\nxyzzy = 1\n[cache]\nbytes_max = \"1\"").len(), 4);
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (1024, "1024"), (65_536, "65_536"), (1_048_576, "1_048_576")] {
            assert_eq!(grouped(number), text);
        }
    }
}
