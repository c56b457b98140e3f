//! Names and shapes as Google's servers accept them.
//!
//! The API is protocol buffers in JSON: every field may be written `likeThis` or `like_this`, `null` means
//! that it was left out, and one object may stand where a list is meant. Callers do all of that, so
//! nothing here is read by its spelling; everything is written in the first one.

use super::super::fields;
use crate::fault::Fault;
use crate::wire::json;
use crate::wire::json::JsonObject;
use crate::wire::json::TypedScalarValue;
use crate::wire::json::Value;
use crate::wire::json::ValueAsScalar;
use crate::wire::json::ValueIntoString;
use std::borrow::Cow;

/// `inlineData` of `inline_data`.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return name.into();
    }
    let mut written = String::with_capacity(name.len());
    let mut raise = false;
    for one in name.chars() {
        match one {
            '_' => raise = true,
            _ if std::mem::take(&mut raise) => written.push(one.to_ascii_uppercase()),
            _ => written.push(one),
        }
    }
    written.into()
}

/// The field called `name` (in its first spelling), unless it says nothing.
pub(super) fn get<'tape, 'input>(object: &JsonObject<'tape, 'input>, name: &str) -> Option<Value<'tape, 'input>> {
    let said = |value: &Value<'_, '_>| !value.is_null();
    object.get(name).filter(said).or_else(|| {
        let other = |key: &str| key.contains('_') && camel(key) == name;
        object.iter().find(|(key, _)| other(key)).map(|(_, value)| value).filter(said)
    })
}

/// A string field, where it is one.
pub(super) fn text<'input>(object: &JsonObject<'_, 'input>, name: &str) -> Option<&'input str> {
    get(object, name).and_then(ValueIntoString::into_string)
}

/// An unsigned field, where it is one.
pub(super) fn integer(object: &JsonObject<'_, '_>, name: &str) -> Option<u64> {
    get(object, name).and_then(|value| value.as_u64())
}

/// A switch that is on.
pub(super) fn is_on(object: &JsonObject<'_, '_>, name: &str) -> bool {
    get(object, name).and_then(|value| value.as_bool()) == Some(true)
}

/// An object field, where it is one.
pub(super) fn object<'tape, 'input>(
    object: &JsonObject<'tape, 'input>,
    name: &str,
) -> Option<JsonObject<'tape, 'input>> {
    get(object, name).and_then(|value| value.as_object())
}

/// The items of a list, or the one object that stands for it.
pub(super) fn items<'tape, 'input>(
    value: Value<'tape, 'input>,
    param: impl FnOnce() -> String,
) -> Result<Vec<Value<'tape, 'input>>, Fault> {
    if value.is_object() {
        return Ok(vec![value]);
    }
    Ok(fields::array(value, param)?.iter().collect())
}

/// A whole number that is not negative, however it is written: `40`, `40.0`, `"40"`.
pub(super) fn count(value: Value<'_, '_>, param: &str) -> Result<u64, Fault> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let whole = |number: &f64| number.fract() == 0.0 && (0.0..EXACT_MAX).contains(number);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked by `whole`
    let widened = value.as_f64().filter(whole).map(|number| number as u64);
    let spelled = value.as_str().and_then(|digits| digits.parse().ok());
    let wrong = || fields::wrong_type(param, "an integer that is not negative");
    value.as_u64().or(widened).or(spelled).ok_or_else(wrong)
}

/// JSON text of one string.
pub(super) fn quoted(text: &str) -> String {
    fields::written(|out| json::write_string(text, out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Parser;

    fn read(text: &str, check: impl FnOnce(Value<'_, '_>)) {
        let mut copy = text.as_bytes().to_vec();
        check(Parser::new().parse(&mut copy).expect("valid JSON").as_value());
    }

    #[test]
    fn spellings_are_one() {
        for (written, wanted) in [("inline_data", "inlineData"), ("inlineData", "inlineData"), ("a_b_c", "aBC")] {
            assert_eq!(camel(written), wanted);
        }
        read(r#"{"top_k":1,"topP":null,"fileUri":"u"}"#, |value| {
            let object = value.as_object().expect("an object");
            assert_eq!(integer(&object, "topK"), Some(1));
            assert!(get(&object, "topP").is_none());
            assert_eq!(text(&object, "fileUri"), Some("u"));
        });
    }

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        for (text, wanted) in [("40", Some(40)), ("40.0", Some(40)), ("\"40\"", Some(40)), ("4.5", None), ("-1", None)]
        {
            read(text, |value| assert_eq!(count(value, "topK").ok(), wanted, "{text}"));
        }
    }

    #[test]
    fn one_object_stands_for_a_list() {
        for (text, wanted) in [("[{},{}]", Some(2)), ("{}", Some(1)), ("\"x\"", None)] {
            read(text, |value| assert_eq!(items(value, || "x".into()).ok().map(|items| items.len()), wanted));
        }
    }
}
