//! Amazon Bedrock, through its Converse API, which is one for all its models. Its address names the
//! region, which nobody but the operator may choose. The credential is a Bedrock API key, or `aws`.

use super::{Kind, OPENAI_LIKE};

/// What is known of it.
pub const KIND: Kind = Kind {
    name: "bedrock",
    title: "Amazon Bedrock",
    base_url: "https://bedrock-runtime.{region}.amazonaws.com",
    dialect: "bedrock_converse",
    key_variable: Some("AWS_BEARER_TOKEN_BEDROCK"),
    note: "`aws` names the region and signs, with keys or with credentials that are renewed; or `base_url` names the region and a Bedrock API key is sent",
    ..OPENAI_LIKE
};
