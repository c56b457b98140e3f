//! What the gateway must know of a request to judge it, read in one walk over the parsed body.
//!
//! The full [`Request`](super::Request) is built only when caller and provider speak different
//! dialects; a request that passes through unchanged never pays for it.

use std::borrow::Cow;

/// Longest name of a model, bytes, in settings as in requests: names go into metrics, logs and headers.
pub const MODEL_BYTES_MAX: usize = 256;

/// The judgeable facts of one request, borrowed from its parsed body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask<'a> {
    /// The model as the caller named it.
    pub model: Cow<'a, str>,
    /// Stream the answer?
    pub stream: bool,
    /// Did the caller ask for usage in the stream?
    pub include_usage: bool,
    /// Explicit sampling temperature.
    pub temperature: Option<f64>,
    /// Number of answers asked for; 1 unless said.
    pub choices: u64,
    /// Explicit bound of the answer, tokens.
    pub max_tokens: Option<u64>,
    /// The last message's text when it is a user message made of exactly one text; borrowed from the
    /// parsed body so that its address tells the cache which text to leave out of the scope.
    pub last_user_text: Option<&'a str>,
    /// Number of messages.
    pub messages: usize,
    /// Bytes of text over all messages.
    pub text_bytes: usize,
    /// Are tools declared, called or answered anywhere?
    pub has_tools: bool,
    /// Are images, files or sound anywhere?
    pub has_media: bool,
    /// Is a JSON form demanded?
    pub has_response_format: bool,
    /// Does the answer depend on, or lead to, something that the provider keeps and that changes? Such a
    /// request is never answered from the cache.
    pub stateful: bool,
    /// What the provider keeps and the request goes on from: only who keeps it can serve the request.
    pub goes_on_from: Option<Kept<'a>>,
    /// How vectors are wanted, where vectors are asked for.
    pub vectors: Option<VectorForm>,
}

/// Something that a provider keeps under an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept<'a> {
    /// The caller's field that names it.
    pub field: &'static str,
    /// Its id.
    pub id: &'a str,
}

/// How a vector is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorForm {
    /// A list of numbers.
    Floats,
    /// 32-bit floats, the lowest byte first, as base64.
    Base64,
}

impl Ask<'_> {
    /// The same facts without the parsed body, which need not outlive the judging.
    pub fn detached(&self) -> Ask<'static> {
        Ask { model: Cow::Owned(self.model.to_string()), last_user_text: None, goes_on_from: None, ..*self }
    }
}
