//! `/v1/models`: what this caller may ask for, in the shape its SDK expects.
//!
//! A route with an exact name is a model. A pattern stands for the models its providers were configured
//! with; a provider without a list cannot be enumerated and adds nothing. OpenAI's list comes at once;
//! Anthropic's and Gemini's come in pages where the caller asks for pages.

use super::Gateway;
use super::Incoming;
use super::Turned;
use super::Visit;
use super::choose;
use super::client::Client;
use super::deployment::Deployment;
use super::receive;
use super::receive::ModelPath;
use super::reply;
use super::story::Ending;
use crate::dialects;
use crate::dialects::Dialect;
use crate::dialects::anthropic_messages::AnthropicMessages;
use crate::dialects::openai_chat::OpenAiChat;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::keys::Caller;
use crate::net::Net;
use crate::routing::matches;
use crate::upstream::resolve::Resolve;
use crate::wire::http1::Known;
use crate::wire::json::write_string;
use crate::wire::percent;
use std::borrow::Cow;

/// Most models on one page, in either vendor's list.
const PAGE_MAX: usize = 1000;

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    id: String,
    owner: String,
}

/// Whose shape the caller's SDK expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    OpenAi,
    Anthropic,
    Gemini,
}

impl Shape {
    fn of(path: ModelPath, incoming: &Incoming<'_>) -> Shape {
        match path {
            ModelPath::V1Beta => Shape::Gemini,
            ModelPath::V1 if incoming.header(Known::AnthropicVersion).is_some() => Shape::Anthropic,
            ModelPath::V1 => Shape::OpenAi,
        }
    }

    /// In which refusals are written.
    fn dialect(self) -> &'static dyn Dialect {
        match self {
            Shape::OpenAi => &OpenAiChat,
            Shape::Anthropic => &AnthropicMessages,
            Shape::Gemini => dialects::named("gemini").unwrap_or(&OpenAiChat),
        }
    }
}

/// In which dialect a list of models is asked for.
pub fn dialect_of_list(path: ModelPath, incoming: &Incoming<'_>) -> &'static dyn Dialect {
    Shape::of(path, incoming).dialect()
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    pub(super) async fn serve_models(
        &self,
        path: ModelPath,
        visit: Visit,
        incoming: Incoming<'_>,
        client: &mut Client<'_, N::Stream>,
    ) {
        let shape = Shape::of(path, &incoming);
        let dialect = shape.dialect();
        let Visit { deployment, caller, mut story, .. } = visit;
        let caller = deployment.keys.caller(caller).expect("greet found this caller in this deployment");
        let created_s = self.net.unix_ms() / 1000;
        let written = write(&deployment, caller, shape, &incoming, created_s);
        let body = match written {
            Ok(body) => body,
            Err(fault) => {
                return self.turn_away(Turned { dialect, deployment, fault, story, status: None }, client).await;
            }
        };
        let mut head = self.memory.take();
        story.status = 200;
        self.open_head(&mut head, 200);
        reply::field(&mut head, "content-type", b"application/json");
        reply::request_id(&mut head, &story.request_id);
        let sent = client.send_whole(&self.net, &head, &body).await.is_ok();
        self.memory.give(head);
        story.ending = if sent { Ending::Answered } else { Ending::Vanished };
        self.settle(&deployment, dialect.name(), &story, client.bytes_out, client.first_byte);
    }
}

fn write(
    deployment: &Deployment,
    caller: &Caller,
    shape: Shape,
    incoming: &Incoming<'_>,
    created_s: u64,
) -> Result<Vec<u8>, Fault> {
    let listed = list(deployment, caller);
    let mut body = Vec::with_capacity(64 + 96 * listed.len());
    let Some(id) = receive::model_id(incoming.head.path(incoming.bytes)) else {
        let page = Page::read(shape, incoming.head.query(incoming.bytes))?;
        write_list(&listed, shape, &page, created_s, &mut body);
        return Ok(body);
    };
    let found = known(deployment, caller, &listed, &id, shape.dialect());
    let missing = || Fault::new(Kind::NotFound, "this model does not exist or this key may not use it");
    write_model(&found.ok_or_else(missing)?, shape, created_s, &mut body);
    Ok(body)
}

fn list(deployment: &Deployment, caller: &Caller) -> Vec<Listed> {
    let mut listed: Vec<Listed> = Vec::new();
    for route in &deployment.routes {
        let owner = route.targets.first().map(|target| &*deployment.providers[target.provider].name);
        if !route.name.ends_with('*') {
            listed.push(Listed { id: route.name.to_string(), owner: owner.unwrap_or("ringgate").to_owned() });
            continue;
        }
        for target in &route.targets {
            let provider = &deployment.providers[target.provider];
            let named = provider.models.iter().filter(|model| !model.ends_with('*') && matches(&route.name, model));
            listed.extend(named.map(|model| Listed { id: model.clone(), owner: provider.name.to_string() }));
        }
    }
    listed.retain(|model| caller.may_use(&model.id));
    let mut seen = hashbrown::HashSet::new();
    listed.retain(|model| seen.insert(model.id.clone()));
    listed
}

/// A model that is asked for by name exists also when a request would be served for another reason: a
/// pattern covers it, or it names its provider.
fn known(
    deployment: &Deployment,
    caller: &Caller,
    listed: &[Listed],
    id: &str,
    dialect: &dyn Dialect,
) -> Option<Listed> {
    if let Some(found) = listed.iter().find(|model| model.id == id) {
        return Some(found.clone());
    }
    let way = choose::find_way(deployment, id, dialect.name()).ok()?;
    let (provider, _) = way.target(deployment, 0, id);
    let owner = deployment.providers[provider].name.to_string();
    caller.may_use(id).then(|| Listed { id: id.to_owned(), owner })
}

/// Which part of the list is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    limit: Option<usize>,
    /// Begins behind this model.
    after: Option<String>,
    /// Ends before this model.
    before: Option<String>,
}

impl Page {
    /// OpenAI's list knows no pages.
    fn read(shape: Shape, query: Option<&str>) -> Result<Page, Fault> {
        let (limit, after, before) = match shape {
            Shape::OpenAi => return Ok(Page::default()),
            Shape::Anthropic => ("limit", "after_id", "before_id"),
            Shape::Gemini => ("pageSize", "pageToken", ""),
        };
        let mut page = Page::default();
        for parameter in query.unwrap_or_default().split('&') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let text = || Some(percent::decode(value).into_owned()).filter(|text| !text.is_empty());
            if name == limit {
                page.limit = Some(page_size(name, value)?).filter(|limit| *limit > 0);
            } else if name == after {
                page.after = text();
            } else if name == before && !name.is_empty() {
                page.before = text();
            }
        }
        Ok(page)
    }

    /// The rows of this page, and whether more lie beyond it.
    fn of<'l>(&self, listed: &'l [Listed]) -> (&'l [Listed], bool) {
        let limit = self.limit.unwrap_or(PAGE_MAX);
        let place = |id: &Option<String>| listed.iter().position(|model| Some(&model.id) == id.as_ref());
        if let (Some(_), None) = (&self.before, &self.after) {
            let end = place(&self.before).unwrap_or(0);
            let start = end.saturating_sub(limit);
            return (&listed[start..end], start > 0);
        }
        // A model that has gone since ends the walk instead of beginning it anew.
        let start = if self.after.is_some() { place(&self.after).map_or(listed.len(), |at| at + 1) } else { 0 };
        let end = listed.len().min(start.saturating_add(limit));
        (&listed[start..end], end < listed.len())
    }
}

/// Gemini takes 0 for "as you like" and cuts what is too large; Anthropic takes 1 to 1000.
fn page_size(name: &str, value: &str) -> Result<usize, Fault> {
    let size = value.parse::<usize>().ok().filter(|size| name == "pageSize" || (1..=PAGE_MAX).contains(size));
    let wrong = || Fault::bad_field(name, format!("`{name}` must be a whole number from 1 to {PAGE_MAX}"));
    size.map(|size| size.min(PAGE_MAX)).ok_or_else(wrong)
}

fn write_list(listed: &[Listed], shape: Shape, page: &Page, created_s: u64, out: &mut Vec<u8>) {
    let (rows, has_more) = page.of(listed);
    out.extend_from_slice(match shape {
        Shape::OpenAi => b"{\"object\":\"list\",\"data\":[".as_slice(),
        Shape::Anthropic => b"{\"data\":[",
        Shape::Gemini => b"{\"models\":[",
    });
    for (index, model) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_model(model, shape, created_s, out);
    }
    out.push(b']');
    match shape {
        Shape::OpenAi => {}
        Shape::Anthropic => {
            out.extend_from_slice(b",\"has_more\":");
            out.extend_from_slice(if has_more { b"true" } else { b"false" });
            out.extend_from_slice(b",\"first_id\":");
            write_id(rows.first(), out);
            out.extend_from_slice(b",\"last_id\":");
            write_id(rows.last(), out);
        }
        Shape::Gemini => {
            if let Some(last) = rows.last().filter(|_| has_more) {
                out.extend_from_slice(b",\"nextPageToken\":");
                write_string(&escaped(&last.id), out);
            }
        }
    }
    out.push(b'}');
}

/// A token that may be put into a query as it is.
fn escaped(id: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte);
    if id.bytes().all(is_plain) {
        return id.into();
    }
    let escape = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    id.bytes().map(escape).collect::<String>().into()
}

fn write_id(model: Option<&Listed>, out: &mut Vec<u8>) {
    match model {
        Some(model) => write_string(&model.id, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_model(model: &Listed, shape: Shape, created_s: u64, out: &mut Vec<u8>) {
    match shape {
        Shape::OpenAi => {
            out.extend_from_slice(b"{\"id\":");
            write_string(&model.id, out);
            out.extend_from_slice(b",\"object\":\"model\",\"created\":");
            out.extend_from_slice(itoa::Buffer::new().format(created_s).as_bytes());
            out.extend_from_slice(b",\"owned_by\":");
            write_string(&model.owner, out);
            out.push(b'}');
        }
        Shape::Anthropic => {
            out.extend_from_slice(b"{\"id\":");
            write_string(&model.id, out);
            out.extend_from_slice(b",\"type\":\"model\",\"display_name\":");
            write_string(&model.id, out);
            // The SDK demands a date; nobody knows the real one.
            out.extend_from_slice(b",\"created_at\":\"1970-01-01T00:00:00Z\"}");
        }
        Shape::Gemini => {
            out.extend_from_slice(b"{\"name\":");
            write_string(&format!("models/{}", model.id), out);
            out.extend_from_slice(b",\"displayName\":");
            write_string(&model.id, out);
            out.extend_from_slice(b",\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"]}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(count: usize) -> Vec<Listed> {
        (0..count).map(|number| Listed { id: format!("m{number}"), owner: "p".to_owned() }).collect()
    }

    fn page(shape: Shape, query: &str) -> (Vec<String>, bool) {
        let all = listed(5);
        let (rows, more) = Page::read(shape, Some(query)).expect("a page").of(&all);
        (rows.iter().map(|row| row.id.clone()).collect(), more)
    }

    #[test]
    fn pages_walk_the_list_both_ways() {
        for (shape, query, rows, more) in [
            (Shape::OpenAi, "limit=2", "m0 m1 m2 m3 m4", false),
            (Shape::Anthropic, "", "m0 m1 m2 m3 m4", false),
            (Shape::Anthropic, "limit=2", "m0 m1", true),
            (Shape::Anthropic, "limit=2&after_id=m1", "m2 m3", true),
            (Shape::Anthropic, "limit=2&after_id=m%32", "m3 m4", false),
            (Shape::Anthropic, "after_id=m4", "", false),
            (Shape::Anthropic, "after_id=gone", "", false),
            (Shape::Anthropic, "before_id=m2&limit=1", "m1", true),
            (Shape::Anthropic, "before_id=m2", "m0 m1", false),
            (Shape::Gemini, "pageSize=2", "m0 m1", true),
            (Shape::Gemini, "pageSize=2&pageToken=m3", "m4", false),
            (Shape::Gemini, "pageSize=0", "m0 m1 m2 m3 m4", false),
            (Shape::Gemini, "pageSize=99999", "m0 m1 m2 m3 m4", false),
        ] {
            let rows: Vec<&str> = rows.split_whitespace().collect();
            assert_eq!(page(shape, query), (rows.into_iter().map(str::to_owned).collect(), more), "{query}");
        }
        for wrong in ["limit=0", "limit=1001", "limit=x", "limit"] {
            assert_eq!(Page::read(Shape::Anthropic, Some(wrong)).expect_err(wrong).param.as_deref(), Some("limit"));
        }
    }

    #[test]
    fn every_shape_is_its_vendors() {
        let written = |shape, query| {
            let mut out = Vec::new();
            write_list(&listed(3), shape, &Page::read(shape, Some(query)).expect("a page"), 7, &mut out);
            serde_json::from_slice::<serde_json::Value>(&out).expect("JSON")
        };
        assert_eq!(
            written(Shape::OpenAi, "")["data"][1],
            serde_json::json!({"id": "m1", "object": "model", "created": 7, "owned_by": "p"})
        );
        let anthropic = written(Shape::Anthropic, "limit=2");
        assert_eq!(anthropic["data"][0]["type"], "model");
        assert_eq!(anthropic["data"][0]["display_name"], "m0");
        assert_eq!(
            (&anthropic["first_id"], &anthropic["last_id"], &anthropic["has_more"]),
            (&"m0".into(), &"m1".into(), &true.into())
        );
        let gemini = written(Shape::Gemini, "pageSize=1");
        assert_eq!(gemini["models"][0]["name"], "models/m0");
        assert_eq!(gemini["models"][0]["supportedGenerationMethods"][0], "generateContent");
        assert_eq!(gemini["nextPageToken"], "m0");
        assert_eq!(written(Shape::Gemini, "").get("nextPageToken"), None);
        assert_eq!(written(Shape::Anthropic, "after_id=m2")["first_id"], serde_json::Value::Null);
        assert_eq!(escaped("a b&c/d:e"), "a%20b%26c/d:e");
    }
}
