//! What providers really said, through the gateway: every recorded answer to a chat completion comes from a
//! scripted provider of its kind and reaches callers of either dialect as a whole answer, a complete stream
//! or an error, and never as anything between.

use crate::caller::post;
use crate::caller::post_to;
use crate::process::Driver;
use crate::process::Setup;
use crate::provider::Provider;
use crate::provider::Seen;
use crate::provider::answer;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// One recorded answer.
struct Recording {
    id: String,
    kind: String,
    status: u16,
    content_type: String,
    body: String,
}

impl Recording {
    fn streams(&self) -> bool {
        self.content_type.contains("event-stream")
    }

    /// Does its provider say in the middle of it that it failed?
    fn fails(&self) -> bool {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let failed = |data: &str| serde_json::from_str::<Value>(data).is_ok_and(|data| data["error"].is_object());
        self.status != 200 || self.streams() && events.any(failed)
    }
}

fn recordings() -> Vec<Recording> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder of recordings").flatten() {
        let path = entry.path();
        let kind = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_none_or(|extension| extension != "jsonl") || ringgate::providers::named(&kind).is_none()
        {
            continue;
        }
        for line in std::fs::read_to_string(&path).expect("a readable file").lines() {
            let line: Value = serde_json::from_str(line).expect("a recording");
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            if text("path").ends_with("/chat/completions") {
                let status = line["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
                let (content_type, body) = (text("content_type"), text("body"));
                found.push(Recording { id: text("id"), kind: kind.clone(), status, content_type, body });
            }
        }
    }
    found
}

#[test]
fn every_recorded_answer_arrives() {
    let recordings = Arc::new(recordings());
    assert!(recordings.len() >= 150, "{}", recordings.len());
    let script = Arc::clone(&recordings);
    let provider = Provider::start(move |seen: &Seen, peer| {
        let number: usize = seen.json()["model"].as_str().and_then(|model| model.parse().ok()).expect("a number");
        let recording = &script[number];
        peer.send(answer(recording.status, &recording.content_type, "", &recording.body));
    });
    let kinds: BTreeSet<&str> = recordings.iter().map(|recording| recording.kind.as_str()).collect();
    let mut setup = Setup::new(Driver::IoUring);
    for kind in &kinds {
        setup = setup.provider(kind, &provider, "# by its name a kind");
    }
    let gateway = setup.start();
    let (mut counts, mut costs) = ([0; 3], 0);
    for (number, recording) in recordings.iter().enumerate() {
        let told = format!("{}: {}", recording.kind, recording.id);
        let asked = |rest: &str| {
            let stream = recording.streams();
            format!(
                r#"{{"model":"{}/{number}","stream":{stream},{rest}"messages":[{{"role":"user","content":"x"}}]}}"#,
                recording.kind
            )
        };
        let same = gateway.ask(&post("", &asked(r#""stream_options":{"include_usage":true},"#)));
        let other = gateway.ask(&post_to("/v1/messages", "", &asked(r#""max_tokens":99,"#)));
        if recording.fails() {
            for answer in [&same, &other] {
                assert!(answer.text().contains("\"error\""), "{told}: {}", answer.text());
                assert!(!answer.is_complete_stream() || answer.status != 200, "{told}: {}", answer.text());
            }
            counts[0] += 1;
        } else if recording.streams() {
            assert!(same.is_complete_stream(), "{told}: {}", same.text());
            let data = |text: &str| -> Vec<String> {
                text.lines().filter(|line| line.starts_with("data: {")).map(str::to_owned).collect()
            };
            assert_eq!(data(&same.text()), data(&recording.body), "{told}: every event is the provider's");
            let ends = other.text().contains("event: message_stop\n") && !other.text().contains("event: error");
            assert!(other.is_whole && ends, "{told}: {}", other.text());
            counts[1] += 1;
        } else {
            assert_eq!((same.status, same.text()), (200, recording.body.clone()), "{told}");
            let usage = &serde_json::from_str::<Value>(&recording.body).expect("JSON")["usage"];
            if let Some(cost) = usage["cost"].as_f64().filter(|_| recording.kind == "openrouter") {
                let paid = same.field("x-ringgate-cost-usd").and_then(|paid| paid.parse::<f64>().ok());
                assert!(paid.is_some_and(|paid| (paid - cost).abs() < 1e-8), "{told}: {paid:?} for {cost}");
                costs += 1;
            }
            let said = other.json();
            assert_eq!((other.status, said["type"].as_str()), (200, Some("message")), "{told}: {said}");
            assert!(said["stop_reason"].is_string(), "{told}: {said}");
            counts[2] += 1;
        }
    }
    let [failed, streamed, whole] = counts;
    assert!(failed >= 5 && streamed >= 12 && whole >= 120 && costs >= 8, "{counts:?}, {costs}");
}
