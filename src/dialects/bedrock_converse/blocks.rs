//! Content blocks of a request being written.

use super::super::anthropic_messages::blocks::legal_id;
use super::super::anthropic_messages::thinking;
use super::super::base64;
use super::super::fields;
use super::super::fields::ObjectWriter;
use super::NAME;
use super::family::Family;
use super::media::Media;
use super::media::Medium;
use super::media::Names;
use crate::chat::MediaSource;
use crate::chat::Part;
use crate::chat::RawJson;
use crate::fault::Fault;
use crate::wire::json;

/// Marks opaque thinking that is not text, so that its bytes come back as they went.
pub(super) const BYTES_MARK: &str = "base64:";

/// How long a cache point lives unless it says so.
const USUAL_TTL: &str = "5m";

/// A list of blocks being written.
pub(super) struct Blocks {
    written: Vec<u8>,
    family: Family,
    /// How many.
    pub(super) count: usize,
    /// Thinking was left out that the model would not accept.
    pub(super) unsigned: bool,
    /// A cache marker was left out that the model does not know.
    pub(super) unmarked: bool,
}

impl Blocks {
    pub(super) fn new(family: Family) -> Self {
        Blocks { written: Vec::new(), family, count: 0, unsigned: false, unmarked: false }
    }

    /// The blocks as a list.
    pub(super) fn write_list(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(&self.written);
        out.push(b']');
    }

    /// Adds the blocks of another list.
    pub(super) fn join(&mut self, others: &Blocks) {
        let count = self.count + others.count;
        self.next().extend_from_slice(&others.written);
        self.count = count;
        self.unmarked |= others.unmarked;
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if self.count > 0 {
            self.written.push(b',');
        }
        self.count += 1;
        &mut self.written
    }

    /// Adds a part of a request; `param` is where it stood.
    pub(super) fn add(&mut self, part: &Part, param: &str, names: &mut Names) -> Result<(), Fault> {
        match part {
            // An empty text is refused, a blank one by some models; neither says anything, unless it is there to
            // hold a cache point.
            Part::Text { text, cache_marker, .. } => {
                if !text.trim().is_empty() || cache_marker.is_some() && !text.is_empty() {
                    write_text(text, self.next());
                    self.mark(cache_marker.as_ref());
                }
            }
            Part::Refusal(text) => write_text(text, self.next()),
            Part::Image { source, cache_marker, .. } => {
                let media = Media { medium: Some(Medium::Image), source, filename: None, extra: &[] };
                media.write(param, names, self.next())?;
                self.mark(cache_marker.as_ref());
            }
            Part::File { source, filename, cache_marker, extra } => {
                let media = Media { medium: None, source, filename: filename.as_deref(), extra };
                media.write(param, names, self.next())?;
                self.mark(cache_marker.as_ref());
            }
            Part::Audio { data, format } => {
                let source = MediaSource::Base64 { media_type: format!("audio/{format}"), data: data.clone() };
                Media { medium: Some(Medium::Audio), source: &source, filename: None, extra: &[] }.write(
                    param,
                    names,
                    self.next(),
                )?;
            }
            Part::ToolCall { id, name, arguments, cache_marker, .. } => {
                write_tool_use(id, name, arguments, self.next());
                self.mark(cache_marker.as_ref());
            }
            Part::ToolResult { .. } => self.add_result(part, param, names)?,
            Part::Thinking { .. } | Part::RedactedThinking { .. } => self.add_thinking(part),
            Part::Opaque { dialect, json } if *dialect == NAME => self.next().extend_from_slice(json.0.as_bytes()),
            Part::Opaque { .. } => return Err(fields::untranslatable(param, "a kind of content")),
        }
        Ok(())
    }

    /// A cache point behind what was just written.
    pub(super) fn mark(&mut self, marker: Option<&RawJson>) {
        let Some(marker) = marker else { return };
        if self.family.caches() && self.count > 0 {
            write_cache_point(marker, self.next());
        } else {
            self.unmarked = true;
        }
    }

    /// Markers inside a result stand behind the whole of it, because a result holds no cache points.
    fn add_result(&mut self, part: &Part, param: &str, names: &mut Names) -> Result<(), Fault> {
        let Part::ToolResult { call_id, parts, is_error, cache_marker, .. } = part else { return Ok(()) };
        let mut inner = Blocks::new(Family::Other);
        for part in parts {
            inner.add(part, param, names)?;
        }
        let mut writer = ObjectWriter::open(self.next(), &[], NAME);
        if let Some(out) = writer.field("toolResult") {
            let mut result = ObjectWriter::open(out, &[], NAME);
            result.string("toolUseId", &legal_id(call_id));
            if let Some(out) = result.field("content") {
                inner.write_list(out);
            }
            result.string("status", if *is_error { "error" } else { "success" });
            result.close();
        }
        writer.close();
        let within = parts.iter().filter_map(marker_of).next_back();
        self.mark(cache_marker.as_ref().or(within));
        Ok(())
    }

    fn add_thinking(&mut self, part: &Part) {
        if !self.family.takes_thinking() || !thinking::is_signed(part) {
            self.unsigned = true;
            return;
        }
        let mut writer = ObjectWriter::open(self.next(), &[], NAME);
        if let Some(out) = writer.field("reasoningContent") {
            let mut reasoning = ObjectWriter::open(out, &[], NAME);
            match part {
                Part::Thinking { text, signature } => {
                    if let Some(out) = reasoning.field("reasoningText") {
                        let mut inner = ObjectWriter::open(out, &[], NAME);
                        inner.string("text", text);
                        inner.optional_string("signature", signature.as_deref());
                        inner.close();
                    }
                }
                Part::RedactedThinking { data } => reasoning.string("redactedContent", &redacted_bytes(data)),
                _ => {}
            }
            reasoning.close();
        }
        writer.close();
    }
}

/// Opaque thinking on the wire: base64 of what its maker calls its data.
fn redacted_bytes(data: &str) -> String {
    match data.strip_prefix(BYTES_MARK) {
        Some(bytes) => bytes.to_owned(),
        None => base64::encode(data.as_bytes()),
    }
}

fn marker_of(part: &Part) -> Option<&RawJson> {
    match part {
        Part::Text { cache_marker, .. } | Part::Image { cache_marker, .. } | Part::File { cache_marker, .. } => {
            cache_marker.as_ref()
        }
        _ => None,
    }
}

/// A cache point that lives as long as the marker says. The usual time is left out: older models know no
/// other and refuse to be told.
pub(super) fn write_cache_point(marker: &RawJson, out: &mut Vec<u8>) {
    let marker: serde_json::Value = serde_json::from_str(&marker.0).unwrap_or_default();
    let ttl = marker.get("ttl").and_then(|ttl| ttl.as_str()).filter(|ttl| *ttl != USUAL_TTL);
    out.extend_from_slice(b"{\"cachePoint\":");
    let mut point = ObjectWriter::open(out, &[], NAME);
    point.string("type", "default");
    point.optional_string("ttl", ttl);
    point.close();
    out.push(b'}');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let mut writer = ObjectWriter::open(out, &[], NAME);
    writer.string("text", text);
    writer.close();
}

fn write_tool_use(id: &str, name: &str, arguments: &str, out: &mut Vec<u8>) {
    let arguments = fields::arguments_object(arguments);
    out.extend_from_slice(b"{\"toolUse\":{\"toolUseId\":");
    json::write_string(&legal_id(id), out);
    out.extend_from_slice(b",\"name\":");
    json::write_string(name, out);
    out.extend_from_slice(b",\"input\":");
    out.extend_from_slice(if arguments.is_empty() { b"{}" } else { arguments.as_bytes() });
    out.extend_from_slice(b"}}");
}
