//! Inputs to begin with: what `corpus/` holds, and every recorded exchange, so that a recording that is added
//! is fuzzed without being copied.

use super::targets::Target;
use super::targets::amazon_message;
use base64::Engine;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// An input and where it comes from.
pub struct Seed {
    pub origin: String,
    pub bytes: Vec<u8>,
}

/// The seeds of every target, by its name.
pub type Seeds = BTreeMap<String, Vec<Seed>>;

/// Where inputs are kept that no recording holds.
pub fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

/// All seeds, those of one shape once.
pub fn all(targets: &[Target]) -> Seeds {
    let mut seeds = Seeds::new();
    for target in targets {
        let kept = files(&corpus().join(target.name));
        let kept = kept.into_iter().map(|path| Seed {
            origin: path.strip_prefix(corpus()).unwrap_or(&path).display().to_string(),
            bytes: fs::read(&path).expect("a readable seed"),
        });
        seeds.insert(target.name.to_owned(), kept.collect());
    }
    if let Some(settings) = seeds.get_mut("config") {
        settings.extend(files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples")).into_iter().map(|path| {
            Seed { origin: path.display().to_string(), bytes: fs::read(&path).expect("a readable example") }
        }));
    }
    let mut known = HashSet::new();
    for line in recorded_lines() {
        for (target, seed) in recorded(&line) {
            if let Some(into) = seeds.get_mut(&target)
                && known.insert((target, shape(&seed.bytes)))
            {
                into.push(seed);
            }
        }
    }
    seeds
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn recorded_lines() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let mut lines = Vec::new();
    let folders = ["", "provider_only", "beside", "documented", "documented/provider_only"];
    for folder in folders.map(|folder| root.join(folder)) {
        for path in files(&folder).into_iter().filter(|path| path.extension().is_some_and(|it| it == "jsonl")) {
            let text = fs::read_to_string(&path).expect("a readable recording");
            lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a recording")));
        }
    }
    lines
}

/// What one exchange is to which targets.
fn recorded(line: &Value) -> Vec<(String, Seed)> {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let path = text("path").split('?').next().unwrap_or_default();
    let dialect = match path.rsplit('/').next().unwrap_or_default() {
        "messages" => "anthropic_messages",
        "responses" => "openai_responses",
        "count_tokens" => "anthropic_count_tokens",
        "converse" | "converse-stream" => "bedrock_converse",
        "chat" => "cohere_chat",
        "completions" => "openai_chat",
        verb if verb.contains("enerateContent") => "gemini",
        _ => return Vec::new(),
    };
    let body = match line["body_base64"].as_str() {
        Some(text) => base64::engine::general_purpose::STANDARD.decode(text).expect("base64"),
        None => text("body").as_bytes().to_vec(),
    };
    let seed = |bytes: Vec<u8>| Seed { origin: format!("{} {}", text("provider"), text("id")), bytes };
    let mut seeds = Vec::new();
    if line["request"].is_object() {
        seeds.push((format!("request_{dialect}"), seed(line["request"].to_string().into_bytes())));
    }
    match line["status"].as_u64() {
        Some(200) if text("content_type").contains("stream") => seeds.push((format!("stream_{dialect}"), seed(body))),
        Some(200) => {
            seeds.push(("glance".to_owned(), seed(body.clone())));
            seeds.push((format!("answer_{dialect}"), seed(body)));
        }
        _ => seeds.push(("fault".to_owned(), seed(body))),
    }
    seeds
}

/// The names of the fields of an input, so that each set of them is tried once.
fn shape(bytes: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return shape_of(&value);
    }
    let text = String::from_utf8_lossy(bytes);
    let events: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data:")).collect();
    if events.is_empty() {
        return text.into_owned();
    }
    let shapes =
        events.into_iter().map(|data| serde_json::from_str(data).map_or_else(|_| data.into(), |it| shape_of(&it)));
    // How often one kind of event follows another makes no new shape.
    shapes.collect::<std::collections::BTreeSet<String>>().into_iter().collect()
}

fn shape_of(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let members: Vec<String> =
                object.iter().map(|(name, value)| format!("{name}:{}", shape_of(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(list) => {
            let shapes: std::collections::BTreeSet<String> = list.iter().map(shape_of).collect();
            format!("[{}]", shapes.into_iter().collect::<Vec<_>>().join(","))
        }
        _ => "_".to_owned(),
    }
}

/// Name, data and whether it is a failure, of each message of a recorded binary stream.
pub fn messages(bytes: &[u8]) -> Vec<(String, String, bool)> {
    let mut splitter = ringgate::wire::eventstream::Splitter::new(1 << 20);
    let mut found = Vec::new();
    let _damaged = splitter.feed(bytes, |message| {
        found.push((message.name.to_owned(), message.data.to_owned(), message.is_failure));
        Ok::<(), ()>(())
    });
    found
}

/// The binary stream of these messages.
pub fn framed(messages: &[(String, String, bool)]) -> Vec<u8> {
    messages.iter().flat_map(amazon_message).collect()
}
