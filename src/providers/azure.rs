//! Azure OpenAI, by its versionless API: every resource has an address of its own, and a model is named by its
//! deployment. Its streams begin with a chunk of filter results that has no choices.

use super::{Credential, Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "azure",
    title: "Azure OpenAI",
    base_url: "https://RESOURCE.openai.azure.com/openai/v1",
    also_speaks: &["openai_responses"],
    key_variable: Some("AZURE_OPENAI_API_KEY"),
    credential: Credential::Header("api-key"),
    note: "`base_url` names your resource, models are your deployments",
    ..OPENAI_LIKE
};
