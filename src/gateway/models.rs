//! `/v1/models`: what this caller may ask for, in the shape its SDK expects.
//!
//! A route with an exact name is a model. A pattern stands for the models its providers were configured
//! with; a provider without a list cannot be enumerated and adds nothing.

use super::Gateway;
use super::Incoming;
use super::Turned;
use super::Visit;
use super::choose;
use super::client::Client;
use super::deployment::Deployment;
use super::receive;
use super::reply;
use super::story::Ending;
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

/// One row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    id: String,
    owner: String,
}

impl<N: Net, R: Resolve> Gateway<N, R> {
    pub(super) async fn serve_models(&self, visit: Visit, incoming: Incoming<'_>, client: &mut Client<'_, N::Stream>) {
        let anthropic = incoming.header(Known::AnthropicVersion).is_some();
        let dialect: &'static dyn Dialect = if anthropic { &AnthropicMessages } else { &OpenAiChat };
        let Visit { deployment, caller, mut story, .. } = visit;
        let caller = deployment.keys.caller(caller).expect("greet found this caller in this deployment");
        let listed = list(&deployment, caller);
        let created_s = self.net.unix_ms() / 1000;
        let mut body = Vec::with_capacity(64 + 96 * listed.len());
        match receive::model_id(incoming.head.path(incoming.bytes)) {
            None => write_list(&listed, anthropic, created_s, &mut body),
            Some(id) => match known(&deployment, caller, &listed, &id, dialect) {
                Some(found) => write_model(&found, anthropic, created_s, &mut body),
                None => {
                    let fault = Fault::new(Kind::NotFound, "this model does not exist or this key may not use it");
                    let turned = Turned { dialect, deployment, fault, story, status: None };
                    return self.turn_away(turned, client).await;
                }
            },
        }
        let mut head = self.memory.take();
        story.status = 200;
        reply::status_line(&mut head, 200);
        reply::field(&mut head, "content-type", b"application/json");
        reply::request_id(&mut head, &story.request_id);
        let sent = client.send_whole(&self.net, &head, &body).await.is_ok();
        self.memory.give(head);
        story.ending = if sent { Ending::Answered } else { Ending::Vanished };
        self.settle(&deployment, dialect.name(), &story, client.bytes_out, client.first_byte);
    }
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

fn write_list(listed: &[Listed], anthropic: bool, created_s: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(if anthropic { b"{\"data\":[" } else { b"{\"object\":\"list\",\"data\":[" });
    for (index, model) in listed.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_model(model, anthropic, created_s, out);
    }
    out.push(b']');
    if anthropic {
        out.extend_from_slice(b",\"has_more\":false,\"first_id\":");
        write_id(listed.first(), out);
        out.extend_from_slice(b",\"last_id\":");
        write_id(listed.last(), out);
    }
    out.push(b'}');
}

fn write_id(model: Option<&Listed>, out: &mut Vec<u8>) {
    match model {
        Some(model) => write_string(&model.id, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_model(model: &Listed, anthropic: bool, created_s: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    write_string(&model.id, out);
    if anthropic {
        out.extend_from_slice(b",\"type\":\"model\",\"display_name\":");
        write_string(&model.id, out);
        // The SDK demands a date; nobody knows the real one.
        out.extend_from_slice(b",\"created_at\":\"1970-01-01T00:00:00Z\"}");
    } else {
        out.extend_from_slice(b",\"object\":\"model\",\"created\":");
        out.extend_from_slice(itoa::Buffer::new().format(created_s).as_bytes());
        out.extend_from_slice(b",\"owned_by\":");
        write_string(&model.owner, out);
        out.push(b'}');
    }
}
