//! What a request that passes through unread says for itself: its model, and the ids it builds upon.
//!
//! A model stands in a JSON body or in a field of a form. When the route calls it by another name
//! upstream, that name alone is replaced; every other byte is the caller's.

use super::super::Incoming;
use super::super::receive;
use crate::dialects::opaque;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::wire::edits::Edit;
use crate::wire::edits::Edited;
use crate::wire::http1::Known;
use crate::wire::json;
use crate::wire::json::Parser;
use crate::wire::multipart;
use std::cell::RefCell;
use std::ops::Range;

/// Most strings of a body that are looked up as ids.
const STRINGS_MAX: usize = 32;

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The model, as the caller named it.
    pub(super) model: Option<String>,
    /// Strings among which the ids are.
    pub(super) strings: Vec<String>,
    form: Form,
}

/// How the model is written.
#[derive(Debug, Default)]
enum Form {
    #[default]
    Unread,
    Json,
    /// The field's value stands here.
    Multipart(Range<usize>),
}

impl Said {
    /// Reads what can be read of a body.
    pub(super) fn read(incoming: &Incoming<'_>, parser: &RefCell<Parser>) -> Result<Said, Fault> {
        let content_type = incoming.header(Known::ContentType).unwrap_or_default().trim_ascii();
        if let Some(boundary) = multipart::boundary(content_type) {
            return boundary
                .and_then(|boundary| multipart::field(incoming.body, boundary, b"model"))
                .map_or_else(|fault| Err(Fault::new(Kind::BadRequest, fault.0)), |at| said_in_form(incoming.body, at));
        }
        if is_json(content_type) && !incoming.body.trim_ascii().is_empty() {
            return said_in_json(incoming.body, parser);
        }
        Ok(Said::default())
    }

    /// `body`, which was read as this, with `model` in the place of its model.
    pub(super) fn with_model<'b, 'm>(
        &self,
        body: &'b [u8],
        model: Option<&'m str>,
        parser: &RefCell<Parser>,
    ) -> Edited<'b, 'm> {
        let mut edited = Edited::from(body);
        let Some(model) = model.filter(|model| self.model.as_deref().is_some_and(|said| said != *model)) else {
            return edited;
        };
        match &self.form {
            Form::Unread => {}
            Form::Multipart(at) => edited.amend([Edit { at: at.clone(), text: model.into() }]),
            Form::Json => {
                let mut copy = Vec::new();
                json::copy_to_parse(body, &mut copy);
                let mut parser = parser.borrow_mut();
                let tape = parser.parse(&mut copy).expect("this body was parsed before");
                edited = opaque::replace_model(body, tape.as_value(), model);
                parser.recycle(tape);
            }
        }
        edited
    }
}

/// `incoming`'s body with `model` as its model, whatever it says itself: what the path names counts. `None`
/// where it says that already, and where it cannot be read, which is for others to say.
pub(in crate::gateway) fn with_model(
    incoming: &Incoming<'_>,
    model: &str,
    parser: &RefCell<Parser>,
) -> Option<Vec<u8>> {
    let is_object = incoming.body.trim_ascii_start().starts_with(b"{");
    let said = if is_object { said_in_json(incoming.body, parser) } else { Said::read(incoming, parser) };
    let said = said.ok()?;
    let mut edited = said.with_model(incoming.body, Some(model), parser);
    if said.model.is_none() && matches!(said.form, Form::Json) {
        let inside = memchr::memchr(b'{', incoming.body)? + 1;
        let is_empty = incoming.body[inside..].trim_ascii_start().starts_with(b"}");
        let (model, comma) = (json::escaped(model.into()), if is_empty { "" } else { "," });
        edited.amend([Edit { at: inside..inside, text: format!("\"model\":\"{model}\"{comma}").into() }]);
    }
    if edited.is_unchanged() {
        return None;
    }
    let mut out = Vec::new();
    edited.write(&mut out);
    Some(out)
}

/// `application/json`, `application/…+json`, with parameters or without.
fn is_json(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let ends = |end: &[u8]| kind.len() >= end.len() && kind[kind.len() - end.len()..].eq_ignore_ascii_case(end);
    ends(b"/json") || ends(b"+json")
}

fn said_in_form(body: &[u8], at: Option<Range<usize>>) -> Result<Said, Fault> {
    let Some(at) = at else { return Ok(Said::default()) };
    let wrong = || Fault::bad_field("model", "`model` must be the name of a model");
    let model = std::str::from_utf8(&body[at.clone()]).ok();
    let model = model.filter(|model| !model.contains(char::is_control)).ok_or_else(wrong)?;
    let model = Some(model.to_owned()).filter(|model| !model.is_empty());
    Ok(Said { model, strings: Vec::new(), form: Form::Multipart(at) })
}

fn said_in_json(body: &[u8], parser: &RefCell<Parser>) -> Result<Said, Fault> {
    let mut copy = Vec::new();
    json::copy_to_parse(body, &mut copy);
    let mut parser = parser.borrow_mut();
    let tape = parser.parse(&mut copy).map_err(receive::json_fault)?;
    let model = opaque::read_model(tape.as_value()).map(|model| model.map(str::to_owned));
    let strings = opaque::top_strings(tape.as_value()).into_iter().take(STRINGS_MAX).map(str::to_owned).collect();
    parser.recycle(tape);
    Ok(Said { model: model?, strings, form: Form::Json })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http1::HeadLimits;
    use crate::wire::http1::RequestHead;
    use crate::wire::http1::parse_request_head;

    fn said(content_type: &str, body: &str) -> Result<Said, Fault> {
        let bytes = format!("POST /v1/x HTTP/1.1\r\nhost: h\r\n{content_type}\r\n");
        let mut head = RequestHead::default();
        parse_request_head(bytes.as_bytes(), &HeadLimits::default(), &mut head);
        let incoming = Incoming { head: &head, bytes: bytes.as_bytes(), body: body.as_bytes() };
        Said::read(&incoming, &RefCell::new(Parser::new()))
    }

    fn rewritten(content_type: &str, body: &str) -> String {
        let (said, mut out) = (said(content_type, body).expect("readable"), Vec::new());
        said.with_model(body.as_bytes(), Some("other"), &RefCell::new(Parser::new())).write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn the_paths_model_counts() {
        let named = |content_type: &str, body: &str| {
            let bytes = format!("POST /v1/x HTTP/1.1\r\nhost: h\r\n{content_type}\r\n");
            let mut head = RequestHead::default();
            parse_request_head(bytes.as_bytes(), &HeadLimits::default(), &mut head);
            let incoming = Incoming { head: &head, bytes: bytes.as_bytes(), body: body.as_bytes() };
            let body = with_model(&incoming, "a\"b", &RefCell::new(Parser::new()))?;
            Some(String::from_utf8(body).expect("text"))
        };
        for (body, wanted) in [
            (r#"{"model":"m","x":1}"#, r#"{"model":"a\"b","x":1}"#),
            (r#" { "x":1}"#, r#" {"model":"a\"b", "x":1}"#),
            ("{ }", r#"{"model":"a\"b" }"#),
        ] {
            assert_eq!(named(JSON, body).as_deref(), Some(wanted));
        }
        for as_it_is in ["{", "[1]", "7", r#"{"x":1,"model":"a\"b"}"#] {
            assert_eq!(named(JSON, as_it_is), None, "{as_it_is}");
        }
        assert_eq!(named("", "x"), None);
    }

    const JSON: &str = "content-type: Application/JSON; charset=utf-8\r\n";
    const FORM: &str = "content-type: multipart/form-data; boundary=b0\r\n";

    #[test]
    fn models_are_found_and_replaced_where_they_stand() {
        let json = r#"{ "prompt":"x", "model" : "m", "input_file_id":"file-0001"}"#;
        let read = said(JSON, json).expect("readable");
        assert_eq!(read.model.as_deref(), Some("m"));
        assert!(read.strings.contains(&"file-0001".to_owned()));
        assert_eq!(rewritten(JSON, json), json.replace("\"m\"", "\"other\""));
        let form = "--b0\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b0\r\n\
                    content-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nmodel m\r\n--b0--\r\n";
        assert_eq!(said(FORM, form).expect("readable").model.as_deref(), Some("m"));
        assert_eq!(rewritten(FORM, form), form.replacen("\r\n\r\nm\r\n", "\r\n\r\nother\r\n", 1));
    }

    #[test]
    fn what_names_no_model_passes_as_it_is() {
        for (content_type, body) in [
            ("", ""),
            ("", r#"{"model":"m"}"#),
            ("content-type: text/plain\r\n", r#"{"model":"m"}"#),
            ("content-type: application/octet-stream\r\n", "\0"),
            (JSON, ""),
            (JSON, "[1]"),
            (JSON, r#"{"x":1}"#),
            (FORM, "--b0\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b0--\r\n"),
        ] {
            assert_eq!(said(content_type, body).expect(body).model, None, "{body}");
            assert_eq!(rewritten(content_type, body), body);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (content_type, body) in [
            (JSON, "{"),
            (JSON, r#"{"model":"m","model":"n"}"#),
            (JSON, r#"{"model":7}"#),
            (JSON, r#"{"api_base":"http://x"}"#),
            (FORM, ""),
            ("content-type: multipart/form-data\r\n", "--b0--"),
            (FORM, "--b0\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm\nn\r\n--b0--\r\n"),
        ] {
            assert_eq!(said(content_type, body).expect_err(body).kind, Kind::BadRequest, "{content_type}{body}");
        }
    }
}
