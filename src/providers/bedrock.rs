//! Amazon Bedrock, through its Converse API, which is one for all its models. Its address names the
//! region, which nobody but the operator may choose. The credential is a Bedrock API key, or `aws`.

use super::{Credential, Kind};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "bedrock",
    base_url: "https://bedrock-runtime.{region}.amazonaws.com",
    dialect: "bedrock_converse",
    credential: Credential::Bearer,
    key_variable: Some("AWS_BEARER_TOKEN_BEDROCK"),
    headers: &[],
    default_max_tokens: None,
    legacy_max_tokens: true,
};
