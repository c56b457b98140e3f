//! What can go wrong, said once for every dialect.
//!
//! A fault answers four questions: whose fault, may the caller retry, what do we tell it, what do we
//! count. The caller's dialect turns it into an envelope (`dialects::Dialect::write_fault`); the
//! status and the metric label follow from [`Kind`] alone.

use std::borrow::Cow;
use std::time::Duration;

/// Whose fault and of which sort; decides status, `type`, `code` and the metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The virtual key is missing, wrong, expired or disabled.
    InvalidKey,
    /// The key may not use this model.
    ModelNotAllowed,
    /// No such model, or no such path.
    NotFound,
    /// The path exists, the method does not; these are the methods it takes.
    MethodNotAllowed(&'static str),
    /// The request cannot be understood: framing, JSON or a field.
    BadRequest,
    /// The prompt does not fit the model.
    ContextTooLong,
    /// A guardrail refused.
    ContentFilter,
    /// The body is larger than the gateway accepts.
    TooLarge,
    /// Too many requests for this key.
    RequestRate,
    /// Too many tokens for this key.
    TokenRate,
    /// The budget is spent.
    BudgetSpent,
    /// The gateway has no room: shed load.
    Overloaded,
    /// The provider could not be reached or answered garbage.
    Upstream,
    /// A deadline towards the provider passed.
    Timeout,
    /// The client sent too slowly.
    ClientSlow,
    /// The request has passed this gateway before.
    LoopDetected,
    /// The provider's own refusal, with its own status.
    Provider(u16),
    /// A bug of ours, contained.
    Internal,
}

impl Kind {
    /// A short stable word for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Kind::InvalidKey => "invalid_key",
            Kind::ModelNotAllowed => "model_not_allowed",
            Kind::NotFound => "not_found",
            Kind::MethodNotAllowed(_) => "method_not_allowed",
            Kind::BadRequest => "bad_request",
            Kind::ContextTooLong => "context_too_long",
            Kind::ContentFilter => "content_filter",
            Kind::TooLarge => "too_large",
            Kind::RequestRate => "request_rate",
            Kind::TokenRate => "token_rate",
            Kind::BudgetSpent => "budget_spent",
            Kind::Overloaded => "overloaded",
            Kind::Upstream => "upstream",
            Kind::Timeout => "timeout",
            Kind::ClientSlow => "client_slow",
            Kind::LoopDetected => "loop_detected",
            Kind::Provider(_) => "provider",
            Kind::Internal => "internal",
        }
    }
}

/// One refusal or failure, ready to be told to a caller in any dialect.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Decides status, type, code and metric label.
    pub kind: Kind,
    /// For people: what happened and what to change. Never a secret, an upstream address or a stack.
    pub message: Cow<'static, str>,
    /// The request field at fault, if one is.
    pub param: Option<String>,
    /// The provider's own `type`, kept when `kind` is [`Kind::Provider`].
    pub provider_type: Option<String>,
    /// The provider's own `code`, or a more precise code than the kind's default.
    pub code: Option<String>,
    /// How long the caller should wait; capped when sent.
    pub retry_after: Option<Duration>,
    /// Overrides `x-should-retry`: `Some(false)` for what will not pass by waiting.
    pub should_retry: Option<bool>,
}

impl Fault {
    /// A fault with nothing but its kind and message.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Fault {
            kind,
            message: message.into(),
            param: None,
            provider_type: None,
            code: None,
            retry_after: None,
            should_retry: None,
        }
    }

    /// A request that cannot be understood because of `param`.
    pub fn bad_field(param: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Self {
        Fault { param: Some(param.into()), ..Fault::new(Kind::BadRequest, message) }
    }
}
