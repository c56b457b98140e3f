//! A chat request without a dialect.

/// Compact, valid JSON text that nobody on the way needs to understand: tool schemas, extra fields.
/// Key order is that of the sender, because providers hash prompt prefixes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RawJson(pub String);

/// A field that only the dialect named `dialect` understands, e.g. `("openai_chat", "logit_bias", {…})`.
///
/// A dialect also keeps here how it spelled a field that has a typed home (`"stop": "x"` instead of
/// `["x"]`, an explicit `null`); its writer then prefers this spelling to its usual one, and an empty
/// value says that the field was left out. So the dialect that read a thing writes the same thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// The dialect that read it, and the only one that writes it back.
    pub dialect: &'static str,
    /// The field's name.
    pub name: String,
    /// The field's value.
    pub value: RawJson,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions of the operator of the application.
    System,
    /// Same, in the newer OpenAI spelling; dialects without it treat it as `System`.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// Results of tool calls ([`Part::ToolResult`]).
    Tool,
}

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Participant name, where the dialect has one.
    pub name: Option<String>,
    /// Was the content one plain string (true) or a list of parts (false)? Kept so that a same-dialect
    /// round trip is identical.
    pub plain: bool,
    /// Fields of one dialect.
    pub extra: Vec<Extra>,
}

/// Where the bytes of an image, file or sound are.
#[derive(Clone, Debug, PartialEq)]
pub enum MediaSource {
    /// The provider fetches it.
    Url(String),
    /// Base64 text as received, never decoded on the way.
    Base64 {
        /// e.g. `image/png`.
        media_type: String,
        /// Base64 without a `data:` prefix.
        data: String,
    },
    /// An upload the provider knows.
    FileId(String),
    /// Plain text written into the request.
    Text {
        /// e.g. `text/plain`.
        media_type: String,
        /// The text.
        text: String,
    },
}

/// OpenAI's `detail` of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageDetail(pub String);

/// A piece of content.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
        /// Provider prompt-cache marker (`cache_control`), kept where the target understands it.
        cache_marker: Option<RawJson>,
        /// Citations or annotations, in the dialect that wrote them.
        extra: Vec<Extra>,
    },
    /// A picture.
    Image {
        /// Where it is.
        source: MediaSource,
        /// How closely to look.
        detail: Option<ImageDetail>,
        /// Provider prompt-cache marker.
        cache_marker: Option<RawJson>,
        /// Fields of one dialect.
        extra: Vec<Extra>,
    },
    /// A document.
    File {
        /// Where it is.
        source: MediaSource,
        /// Its name.
        filename: Option<String>,
        /// Provider prompt-cache marker.
        cache_marker: Option<RawJson>,
        /// Fields of one dialect.
        extra: Vec<Extra>,
    },
    /// Sound.
    Audio {
        /// Base64 text.
        data: String,
        /// e.g. `wav`.
        format: String,
    },
    /// The model asks for a tool.
    ToolCall {
        /// Joins call and result.
        id: String,
        /// The function's name.
        name: String,
        /// Arguments as JSON text exactly as the model wrote it (may be invalid JSON).
        arguments: String,
        /// Provider prompt-cache marker.
        cache_marker: Option<RawJson>,
        /// Fields of one dialect.
        extra: Vec<Extra>,
    },
    /// What the tool said.
    ToolResult {
        /// The call it answers.
        call_id: String,
        /// The result.
        parts: Vec<Part>,
        /// Did the tool fail?
        is_error: bool,
        /// Was the content one plain string?
        plain: bool,
        /// Provider prompt-cache marker.
        cache_marker: Option<RawJson>,
        /// Fields of one dialect.
        extra: Vec<Extra>,
    },
    /// Visible reasoning; the signature must survive for multi-turn tool use.
    Thinking {
        /// The reasoning.
        text: String,
        /// The provider's signature over it.
        signature: Option<String>,
    },
    /// Reasoning the provider encrypted.
    RedactedThinking {
        /// Opaque text.
        data: String,
    },
    /// The model declines.
    Refusal(String),
    /// A part that only `dialect` understands (server tools, search results …).
    Opaque {
        /// The dialect that read it, and the only one that writes it back.
        dialect: &'static str,
        /// The whole part.
        json: RawJson,
    },
}

/// A function the model may call.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionTool {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON schema of the arguments.
    pub parameters: Option<RawJson>,
    /// Must arguments follow the schema exactly?
    pub strict: Option<bool>,
    /// Provider prompt-cache marker.
    pub cache_marker: Option<RawJson>,
    /// Fields of one dialect.
    pub extra: Vec<Extra>,
}

/// Something the model may use.
#[derive(Clone, Debug, PartialEq)]
pub enum Tool {
    /// A function of the application.
    Function(FunctionTool),
    /// A tool that only `dialect` knows (web search, code execution …).
    Opaque {
        /// The dialect that read it.
        dialect: &'static str,
        /// The whole declaration.
        json: RawJson,
    },
}

/// Which tool the model must use.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// Exactly this function.
    Function(String),
    /// A choice only `dialect` knows.
    Opaque {
        /// The dialect that read it.
        dialect: &'static str,
        /// The whole value.
        json: RawJson,
        /// What it comes to elsewhere, if it is a choice among some of the functions.
        among: Option<Among>,
    },
}

/// Some of the functions that are declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Among {
    /// Their names.
    pub names: Vec<String>,
    /// Must one of them be called?
    pub required: bool,
}

/// The form of the answer.
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON by a schema.
    JsonSchema {
        /// Schema name.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The schema.
        schema: Option<RawJson>,
        /// Must it be followed exactly?
        strict: Option<bool>,
    },
}

/// How much the model may think.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Reasoning {
    /// `minimal`, `low`, `medium`, `high` …
    pub effort: Option<String>,
    /// A token budget, where the dialect counts.
    pub budget_tokens: Option<u64>,
    /// Explicitly switched on or off.
    pub enabled: Option<bool>,
}

/// A whole request.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Request {
    /// As the caller named it.
    pub model: String,
    /// The conversation; system and developer messages stand where the caller put them.
    pub messages: Vec<Message>,
    /// What the model may use, in the caller's order.
    pub tools: Vec<Tool>,
    /// Which tool it must use.
    pub tool_choice: Option<ToolChoice>,
    /// May it call several tools at once?
    pub parallel_tool_calls: Option<bool>,
    /// Bound of the answer, in tokens (reasoning included where the provider counts it so).
    pub max_tokens: Option<u64>,
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// Nucleus sampling.
    pub top_p: Option<f64>,
    /// Top-k sampling.
    pub top_k: Option<u64>,
    /// Stop sequences.
    pub stop: Vec<String>,
    /// Seed for sampling.
    pub seed: Option<i64>,
    /// Presence penalty.
    pub presence_penalty: Option<f64>,
    /// Frequency penalty.
    pub frequency_penalty: Option<f64>,
    /// Number of answers.
    pub n: Option<u64>,
    /// Return log probabilities?
    pub logprobs: Option<bool>,
    /// How many alternatives per token.
    pub top_logprobs: Option<u64>,
    /// Form of the answer.
    pub response_format: Option<ResponseFormat>,
    /// Thinking.
    pub reasoning: Option<Reasoning>,
    /// End-user id of the application.
    pub user: Option<String>,
    /// `service_tier`.
    pub service_tier: Option<String>,
    /// Stream the answer?
    pub stream: bool,
    /// Did the caller ask for usage in the stream?
    pub include_usage: bool,
    /// Fields of one dialect.
    pub extra: Vec<Extra>,
}
