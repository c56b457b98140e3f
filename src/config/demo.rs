//! The configuration of a first run without a file: it must answer the first request whatever keys the
//! machine has, and show routing, the cache and cost while doing so.

/// The text of a configuration for `ringgate` started without a file: towards OpenAI and Anthropic for
/// those whose key variables (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`) are set, towards the built-in demo
/// provider when neither is. It only ever listens on loopback.
pub fn demo(openai_key_present: bool, anthropic_key_present: bool) -> String {
    let mut text = String::from(LISTENERS);
    if openai_key_present {
        text.push_str(OPENAI);
    }
    if anthropic_key_present {
        text.push_str(ANTHROPIC);
    }
    text.push_str(match (openai_key_present, anthropic_key_present) {
        (true, _) => ANYTHING_TO_OPENAI,
        (false, true) => ANYTHING_TO_ANTHROPIC,
        (false, false) => DEMO,
    });
    text
}

const LISTENERS: &str = r#"# What the gateway runs on when it is started without a configuration file.

[server]
listen = "127.0.0.1:8080"

[admin]
listen = "127.0.0.1:9090"
"#;

const OPENAI: &str = r#"
[[providers]]
name = "openai"
api_key = "env:OPENAI_API_KEY"

[[routes]]
model = "gpt-*"
targets = ["openai"]

[[routes]]
model = "chatgpt-*"
targets = ["openai"]

[[routes]]
model = "o*"
targets = ["openai"]
"#;

const ANTHROPIC: &str = r#"
[[providers]]
name = "anthropic"
api_key = "env:ANTHROPIC_API_KEY"

[[routes]]
model = "claude-*"
targets = ["anthropic"]
"#;

const ANYTHING_TO_OPENAI: &str = r#"
[[routes]]
model = "*"
targets = ["openai"]
"#;

const ANYTHING_TO_ANTHROPIC: &str = r#"
[[routes]]
model = "*"
targets = ["anthropic"]
"#;

const DEMO: &str = r#"
# Neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set: answers come from the built-in demo provider.
[[providers]]
name = "demo"
kind = "demo"
models = ["demo"]

# The first target always answers 503, so that a failover can be watched.
[[routes]]
model = "demo-failover"
targets = ["demo/demo-down", "demo/demo"]

[[routes]]
model = "*"
targets = ["demo"]
cache = { exact = true, semantic = true, similarity_min = 0.90 }

# Patient, so that a rephrased question finds its answer on a busy laptop too.
[embedding]
deadline_ms = 250

# Invented, so that cost and savings show up in headers and metrics.
[[prices]]
provider = "demo"
model = "*"
input_usd_per_mtok = 1.00
output_usd_per_mtok = 4.00
"#;
