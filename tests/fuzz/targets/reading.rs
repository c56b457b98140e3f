//! What the targets read with: parsed bodies, streams cut into events, and splits that are a function of
//! the input, so that a failing input fails again.

use ringgate::chat::Answer;
use ringgate::chat::Assembler;
use ringgate::chat::Event;
use ringgate::chat::Finish;
use ringgate::chat::Part;
use ringgate::dialects::Dialect;
use ringgate::dialects::ProviderDialect;
use ringgate::dialects::StreamOptions;
use ringgate::fault::Fault;
use ringgate::wire::json;
use ringgate::wire::json::JsonFault;
use ringgate::wire::json::Parser;
use ringgate::wire::sse::Splitter;
use ringgate::wire::sse::SseError;
use serde_json::Value;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

/// Largest event the targets read.
pub const EVENT_BYTES_MAX: usize = 1 << 20;

/// What `read` makes of the parsed text.
pub fn parsed<Read>(text: &[u8], read: impl FnOnce(json::Value<'_, '_>) -> Read) -> Result<Read, JsonFault> {
    let mut copy = text.to_vec();
    let mut parser = Parser::new();
    let tape = parser.parse(&mut copy)?;
    Ok(read(tape.as_value()))
}

/// The same for a text that we wrote ourselves: whatever it was made of, it is JSON.
#[track_caller]
pub fn written<Read>(text: &[u8], whose: &str, read: impl FnOnce(json::Value<'_, '_>) -> Read) -> Read {
    match parsed(text, read) {
        Ok(read) => read,
        Err(fault) => panic!("{whose} wrote what is not JSON ({fault:?}): {}", String::from_utf8_lossy(text)),
    }
}

/// Two ascending places within `length` bytes, as chosen by the bytes themselves.
pub fn cuts(bytes: &[u8]) -> [usize; 2] {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let (hash, room) = (hasher.finish(), bytes.len() as u64 + 1);
    let (first, second) = ((hash & 0xffff_ffff) % room, (hash >> 32) % room);
    let place = |at: u64| usize::try_from(at).expect("within the bytes");
    [place(first.min(second)), place(first.max(second))]
}

/// The pieces of `bytes` when cut at these ascending places.
pub fn pieces(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) -> Vec<&[u8]> {
    let mut from = 0;
    let mut all = Vec::new();
    for cut in cuts.into_iter().chain([bytes.len()]) {
        all.push(&bytes[from..cut]);
        from = cut;
    }
    all
}

/// Name and data of an event.
pub type Wire = (Option<String>, String);

/// The events of a stream that comes in these pieces; how many bytes are left over, and what ended it early.
pub fn sse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Wire>, Result<usize, SseError<()>>) {
    sse_up_to(EVENT_BYTES_MAX, pieces)
}

/// The same where an event may have so many bytes.
pub fn sse_up_to<'a>(
    event_bytes_max: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Wire>, Result<usize, SseError<()>>) {
    let mut splitter = Splitter::new(event_bytes_max);
    let mut events = Vec::new();
    for piece in pieces {
        let fed = splitter.feed(piece, |event| {
            events.push((event.name.map(str::to_owned), event.data.to_owned()));
            Ok(())
        });
        if let Err(error) = fed {
            return (events, Err(error));
        }
    }
    (events, Ok(splitter.pending()))
}

/// The events of a stream that we wrote.
#[track_caller]
pub fn written_events(stream: &[u8], whose: &str) -> Vec<Wire> {
    match sse([stream]) {
        (events, Ok(0)) => events,
        (_, outcome) => panic!("{whose} wrote a broken stream ({outcome:?}): {}", String::from_utf8_lossy(stream)),
    }
}

/// What a stream's events mean to `dialect`; an error ends them.
pub fn meaning(dialect: &dyn ProviderDialect, wire: &[Wire]) -> (Vec<Event>, Option<Fault>) {
    let mut reader = dialect.event_reader();
    let mut events = Vec::new();
    for (name, data) in wire {
        if let Err(fault) = reader.read(name.as_deref(), data, &mut events) {
            return (events, Some(fault));
        }
    }
    (events, None)
}

/// The whole answer that these events are, if they are one.
pub fn assembled(events: &[Event]) -> Option<Answer> {
    let mut assembler = Assembler::default();
    events.iter().cloned().for_each(|event| assembler.push(event));
    assembler.finish()
}

/// The stream that `caller` writes of these events.
pub fn stream(caller: &dyn Dialect, events: &[Event]) -> Vec<u8> {
    let mut writer = caller.event_writer(StreamOptions { include_usage: true, created_s: 0 });
    let mut out = Vec::new();
    events.iter().for_each(|event| writer.write(event, &mut out));
    out
}

/// What every dialect can say of an answer: words, calls, how it ended, what it took.
#[derive(Debug)]
pub struct Gist {
    text: String,
    calls: Vec<String>,
    finish: Option<&'static str>,
    /// Of input and output; `None` where the numbers contradict each other.
    tokens: Option<(u64, u64)>,
    /// Words of a refusal among the others: not every dialect keeps the order of the two.
    refuses: bool,
}

impl PartialEq for Gist {
    fn eq(&self, other: &Gist) -> bool {
        let known = self.tokens.is_some() && other.tokens.is_some();
        let sorted = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.sort_unstable();
            bytes
        };
        let refuses = self.refuses || other.refuses;
        let same_text = match refuses {
            true => sorted(&self.text) == sorted(&other.text),
            false => self.text == other.text,
        };
        // Where a refusal is words like others, its end tells it.
        let end =
            |finish: Option<&'static str>| if refuses && finish == Some("refused") { Some("done") } else { finish };
        same_text
            && (&self.calls, end(self.finish)) == (&other.calls, end(other.finish))
            && (!known || self.tokens == other.tokens)
    }
}

/// Counts beyond this are nonsense, of which sums are none better.
const TOKENS_MAX: u64 = 1 << 53;

/// The gist of the first answer, because not every dialect has several.
pub fn gist(answer: &Answer) -> Option<Gist> {
    let choice = answer.choices.first()?;
    // Parts beyond their whole are nonsense as well.
    let sane = |whole: u64, parts: [Option<u64>; 2]| {
        let parts = parts.into_iter().flatten().try_fold(0, |sum: u64, part| sum.checked_add(part))?;
        Some(whole).filter(|whole| (parts..TOKENS_MAX).contains(whole))
    };
    let tokens = answer.usage.as_ref().map_or(Some((0, 0)), |usage| {
        let input = sane(usage.input_tokens, [usage.cache_read_tokens, usage.cache_write_tokens])?;
        Some((input, sane(usage.output_tokens, [usage.reasoning_tokens, None])?))
    });
    let mut gist = Gist { text: String::new(), calls: Vec::new(), finish: None, tokens, refuses: false };
    for part in &choice.parts {
        match part {
            Part::Text { text, .. } => gist.text.push_str(text),
            Part::Refusal(text) => {
                gist.text.push_str(text);
                gist.refuses = true;
            }
            Part::ToolCall { name, .. } => gist.calls.push(name.clone()),
            _ => {}
        }
    }
    gist.finish = choice.finish.as_ref().map(|finish| match finish {
        // Whether it called tools is seen in its calls.
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls => "done",
        // What ended for an unknown reason is told as cut, where the types of SDKs know no other word.
        Finish::Length | Finish::Pause | Finish::Other(_) => "length",
        Finish::ContentFilter | Finish::Refusal => "refused",
    });
    // Not every dialect has a word for an answer that has not begun.
    (gist.finish.is_some() || !gist.text.is_empty() || !gist.calls.is_empty()).then_some(gist)
}

/// Panics where two JSON texts do not say the same, with the first place that differs. 1 and 1.0 are the same
/// number, and the order of fields means nothing.
#[track_caller]
pub fn assert_same(written: &Value, read: &Value, what: &str) {
    let (written, read) = (even(written), even(read));
    if written != read {
        let mut at = String::new();
        difference(&written, &read, &mut at);
        panic!("{what} differs at {at}");
    }
}

fn even(value: &Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(list) => list.iter().map(even).collect(),
        Value::Object(object) => {
            Value::Object(object.iter().map(|(name, value)| (name.clone(), even(value))).collect())
        }
        other => other.clone(),
    }
}

fn difference(written: &Value, read: &Value, at: &mut String) {
    match (written, read) {
        (Value::Object(a), Value::Object(b)) => {
            let names: Vec<&String> = a.keys().chain(b.keys()).collect();
            if let Some(name) = names.into_iter().find(|name| a.get(*name) != b.get(*name)) {
                at.push_str(&format!("/{name}"));
                return difference(a.get(name).unwrap_or(&Value::Null), b.get(name).unwrap_or(&Value::Null), at);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            if let Some(place) = (0..a.len()).find(|place| a[*place] != b[*place]) {
                at.push_str(&format!("/{place}"));
                return difference(&a[place], &b[place], at);
            }
        }
        _ => {}
    }
    at.push_str(&format!("\n wrote {written}\n read  {read}"));
}
