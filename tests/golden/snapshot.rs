//! A client of the Responses API that rebuilds an answer from its stream and believes nothing it cannot check:
//! every event names its item by place and id, deltas add up to what is told when a piece closes, and the last
//! event holds all of it again.

use serde_json::Value;
use serde_json::json;

/// A client that believes nothing it cannot check.
#[derive(Default)]
pub(super) struct Snapshot {
    sequence: u64,
    /// Closed items.
    output: Vec<Value>,
    open: Option<Value>,
    /// Text of the open piece so far, and the same for arguments.
    piece: String,
    piece_is_open: bool,
    ended: Option<Value>,
}

impl Snapshot {
    /// Takes the next event.
    pub(super) fn take(&mut self, name: Option<&str>, data: &str) {
        let event: Value = serde_json::from_str(data).expect("every event is JSON");
        let kind = event["type"].as_str().expect("a type");
        assert_eq!(name, Some(kind), "the line names the event");
        assert_eq!(event["sequence_number"], self.sequence, "{kind}");
        assert!(self.ended.is_none(), "{kind} after the end");
        self.sequence += 1;
        match kind {
            "response.created" => assert_eq!(self.sequence, 1),
            "response.in_progress" => assert_eq!(self.sequence, 2),
            "response.output_item.added" => self.open_item(&event),
            "response.output_item.done" => self.close_item(&event),
            "response.completed" | "response.incomplete" => self.end(kind, &event["response"]),
            _ => self.grow(kind, &event),
        }
        if let Some(response) = event.get("response").filter(|_| self.sequence <= 2) {
            assert_eq!((&response["status"], &response["output"]), (&json!("in_progress"), &json!([])));
        }
    }

    fn open_item(&mut self, event: &Value) {
        assert!(self.open.is_none(), "one item at a time");
        assert_eq!(event["output_index"], self.output.len());
        assert!(event["item"]["id"].as_str().is_some_and(|id| !id.is_empty()), "{event}");
        self.open = Some(event["item"].clone());
    }

    fn close_item(&mut self, event: &Value) {
        let open = self.open.take().expect("an open item");
        let item = &event["item"];
        assert_eq!(event["output_index"], self.output.len());
        assert_eq!((&item["id"], &item["type"]), (&open["id"], &open["type"]));
        assert!(!self.piece_is_open, "a piece was left open");
        if item["type"] == "message" || item["type"] == "function_call" {
            assert_ne!(item["status"], "in_progress", "{item}");
        }
        for told in ["content", "summary", "arguments"] {
            let told_nothing = open[told].is_null() || open[told] == "" || open[told] == json!([]);
            let has_nothing = item[told].is_null() || item[told] == json!([]) || item[told] == "{}";
            assert!(open[told] == item[told] || told_nothing && has_nothing, "{told}: {open} and {item}");
        }
        self.output.push(item.clone());
    }

    /// Pieces of an item. `open` is rebuilt from them alone.
    fn grow(&mut self, kind: &str, event: &Value) {
        let open = self.open.as_mut().unwrap_or_else(|| panic!("{kind} without an item"));
        assert_eq!(event["item_id"], open["id"], "{kind}");
        assert_eq!(event["output_index"], self.output.len(), "{kind}");
        let (list, index) = match event.get("summary_index") {
            Some(index) => ("summary", index),
            None => ("content", &event["content_index"]),
        };
        let place = index.as_u64().map_or(0, |index| usize::try_from(index).expect("small"));
        match kind.rsplit_once('.').expect("a dotted name").1 {
            "added" if kind.contains("annotation") => {
                let part = &mut open["content"][place];
                let annotations = part["annotations"].as_array_mut().expect("a list");
                assert_eq!(event["annotation_index"], annotations.len());
                annotations.push(event["annotation"].clone());
            }
            "added" => {
                assert!(!std::mem::replace(&mut self.piece_is_open, true), "one piece at a time");
                if open[list].is_null() {
                    open[list] = json!([]);
                }
                let pieces = open[list].as_array_mut().expect("a list");
                assert_eq!(pieces.len(), place, "pieces come in order");
                pieces.push(event["part"].clone());
                self.piece.clear();
            }
            "delta" => {
                let delta = event["delta"].as_str().expect("text");
                self.piece.push_str(delta);
                if let Some(more) = event["logprobs"].as_array() {
                    open[list][place]["logprobs"].as_array_mut().expect("a list").extend(more.iter().cloned());
                }
            }
            "done" if kind.ends_with("_part.done") => {
                assert!(std::mem::take(&mut self.piece_is_open), "{kind} of no piece");
                assert_eq!(open[list][place], event["part"], "{kind}");
            }
            "done" => {
                let told = ["text", "refusal", "arguments"].into_iter().find_map(|name| event[name].as_str());
                let told = told.expect("the whole text").to_owned();
                let said = std::mem::take(&mut self.piece);
                assert!(told == said || told == "{}" && said.is_empty(), "{kind}: {told} and {said}");
                match kind {
                    "response.function_call_arguments.done" => open["arguments"] = told.into(),
                    "response.refusal.done" => open[list][place]["refusal"] = told.into(),
                    _ => open[list][place]["text"] = told.into(),
                }
            }
            _ => panic!("{kind} is no event of ours"),
        }
    }

    fn end(&mut self, kind: &str, response: &Value) {
        assert!(self.open.is_none(), "an item was left open");
        assert_eq!(response["output"].as_array(), Some(&self.output), "the end repeats what was said");
        // An imitator's word is `complete`.
        assert!(kind.starts_with(&format!("response.{}", response["status"].as_str().expect("a status"))), "{kind}");
        assert_eq!(response["incomplete_details"].is_null(), kind == "response.completed");
        assert!(response["error"].is_null());
        self.ended = Some(response.clone());
    }

    /// The response that the last event told, if there was a last event.
    pub(super) fn ended(self) -> Option<Value> {
        self.ended
    }
}
