//! Azure OpenAI: every resource has an address of its own, and a model is named by its deployment. Its streams
//! begin with a chunk of filter results that has no choices.
//!
//! By its versionless API it is spoken to like OpenAI. Resources that know only the older one are asked for
//! each deployment at an address of its own, with the API's version in the query.

use super::{Credential, Kind, OPENAI_LIKE};
use crate::wire::percent;

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "azure",
    title: "Azure OpenAI",
    base_url: "https://RESOURCE.openai.azure.com/openai/v1",
    also_speaks: &["openai_responses"],
    key_variable: Some("AZURE_OPENAI_API_KEY"),
    credential: Credential::Header("api-key"),
    note: "`base_url` names your resource, models are your deployments; with `api_version` the older API is spoken, and \
           `base_url` ends with the resource's host",
    ..OPENAI_LIKE
};

/// The only dialects that the older API serves.
pub const VERSIONED_DIALECTS: &[&str] = &["openai_chat", "openai_responses"];

/// What a deployment is asked for; everything else belongs to the resource.
const DEPLOYED: &[&str] = &["/chat/completions", "/completions", "/embeddings"];
const DEPLOYED_BELOW: &[&str] = &["/audio/", "/images/"];
const VERSION: &str = "api-version";

/// Appends where the older API has what others have at `path`, below a resource's address.
pub fn write_path(path: &str, model: Option<&str>, version: &str, out: &mut Vec<u8>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    out.extend_from_slice(b"/openai");
    let is_deployed = DEPLOYED.contains(&path) || DEPLOYED_BELOW.iter().any(|below| path.starts_with(below));
    if let Some(model) = model.filter(|_| is_deployed) {
        out.extend_from_slice(b"/deployments/");
        percent::encode(model.as_bytes(), b"", out);
    }
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(b"?api-version=");
    out.extend_from_slice(version.as_bytes());
    let is_version = |parameter: &&str| parameter.split('=').next() == Some(VERSION);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty() && !is_version(parameter)) {
        out.push(b'&');
        out.extend_from_slice(parameter.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployments_have_addresses_of_their_own() {
        for (path, model, wanted) in [
            ("/chat/completions", Some("gpt"), "/openai/deployments/gpt/chat/completions?api-version=2024-10-21"),
            ("/embeddings", Some("a/../b?"), "/openai/deployments/a%2F..%2Fb%3F/embeddings?api-version=2024-10-21"),
            ("/audio/speech", Some("tts"), "/openai/deployments/tts/audio/speech?api-version=2024-10-21"),
            ("/chat/completions/c1", None, "/openai/chat/completions/c1?api-version=2024-10-21"),
            ("/responses", Some("gpt"), "/openai/responses?api-version=2024-10-21"),
            ("/files?limit=2&api-version=1", None, "/openai/files?api-version=2024-10-21&limit=2"),
        ] {
            let mut out = Vec::new();
            write_path(path, model, "2024-10-21", &mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted);
        }
    }
}
