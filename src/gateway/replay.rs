//! A remembered answer, told again: in any dialect, streamed or not, whatever it was when it came.
//!
//! Every replay gets a new id and its own creation time, as a fresh answer would. The common case
//! (whole answer, same dialect) is three copies around two holes; everything else goes through the
//! neutral answer, which is decoded once per record.

use super::stream::EVENT_BYTES_MAX;
use crate::cache::Form;
use crate::cache::Record;
use crate::chat::Answer;
use crate::chat::Assembler;
use crate::chat::Event;
use crate::chat::answer_events;
use crate::dialects;
use crate::dialects::Dialect;
use crate::dialects::ProviderDialect;
use crate::dialects::ReplayTemplate;
use crate::dialects::StreamOptions;
use crate::wire::json::Parser;
use crate::wire::sse::Splitter;
use std::cell::RefCell;
use std::sync::Arc;

/// What makes one replay different from the next.
#[derive(Clone, Copy)]
pub(super) struct Occasion<'r> {
    /// The request's body, of which some dialects repeat the settings.
    pub asked: &'r [u8],
    /// For the new id.
    pub random: u128,
    /// For `created`, unix seconds.
    pub created_s: u64,
    /// Does the caller want the usage chunk of a stream?
    pub include_usage: bool,
}

/// Appends `record` as one whole answer of `caller`'s dialect. `false`: the record cannot be decoded.
pub(super) fn whole(
    record: &Record,
    caller: &'static dyn Dialect,
    occasion: Occasion<'_>,
    parser: &RefCell<Parser>,
    out: &mut Vec<u8>,
) -> bool {
    if record.form == Form::Whole
        && record.dialect == caller.name()
        && let Some(template) = record.template_with(|record| caller.replay_template(&record.bytes))
    {
        fill(&template, caller, occasion, out);
        return true;
    }
    let Some(answer) = decoded(record, parser) else { return false };
    let answer = renewed(&answer, &record.model, caller, occasion);
    caller.write_answer(&answer, out);
    true
}

/// Appends `record` as a complete stream of `caller`'s dialect. `false`: the record cannot be decoded.
pub(super) fn streamed(
    record: &Record,
    caller: &'static dyn Dialect,
    occasion: Occasion<'_>,
    parser: &RefCell<Parser>,
    out: &mut Vec<u8>,
) -> bool {
    let Some(answer) = decoded(record, parser) else { return false };
    stream_answer(&renewed(&answer, &record.model, caller, occasion), caller, occasion, out);
    true
}

/// Appends a whole answer as a stream, for callers who asked for one and providers who did not stream.
pub(super) fn stream_answer(answer: &Answer, caller: &'static dyn Dialect, occasion: Occasion<'_>, out: &mut Vec<u8>) {
    let options = StreamOptions { include_usage: occasion.include_usage, created_s: occasion.created_s };
    let mut writer = caller.event_writer(options);
    for event in answer_events(answer) {
        writer.write(&event, out);
    }
    if let Some(fault) = writer.failure() {
        caller.write_stream_fault(fault, "", out);
    }
}

fn fill(template: &ReplayTemplate, caller: &dyn Dialect, occasion: Occasion<'_>, out: &mut Vec<u8>) {
    let id = caller.answer_id(occasion.random);
    let mut created = itoa::Buffer::new();
    let mut holes = [
        Some((template.id_at.clone(), id.as_str())),
        template.created_at.clone().map(|at| (at, created.format(occasion.created_s))),
    ];
    holes.sort_by_key(|hole| hole.as_ref().map_or(usize::MAX, |(at, _)| at.start));
    let mut from = 0;
    for (at, text) in holes.into_iter().flatten() {
        out.extend_from_slice(&template.raw[from..at.start]);
        out.extend_from_slice(text.as_bytes());
        from = at.end;
    }
    out.extend_from_slice(&template.raw[from..]);
}

fn renewed(answer: &Answer, model: &str, caller: &dyn Dialect, occasion: Occasion<'_>) -> Answer {
    let mut renewed = Answer { id: String::new(), created_s: 0, ..answer.clone() };
    complete(&mut renewed, model, caller, occasion);
    renewed
}

/// Says for `answer` what its provider's dialect did not tell: id, time and the model that was asked, and the
/// settings that the caller's dialect repeats.
pub(super) fn complete(answer: &mut Answer, model: &str, caller: &dyn Dialect, occasion: Occasion<'_>) {
    dialects::add_settings(&mut answer.extra, &caller.repeated_settings(occasion.asked));
    if answer.id.is_empty() {
        answer.id = caller.answer_id(occasion.random);
    }
    if answer.model.is_empty() {
        model.clone_into(&mut answer.model);
    }
    if answer.created_s == 0 {
        answer.created_s = occasion.created_s;
    }
}

fn decoded(record: &Record, parser: &RefCell<Parser>) -> Option<Arc<Answer>> {
    record.answer_with(|record| {
        let dialect = dialects::spoken(record.dialect)?;
        match record.form {
            Form::Whole => decode_whole(&record.bytes, dialect, parser),
            Form::Events => decode_events(&record.bytes, dialect),
        }
    })
}

fn decode_whole(bytes: &[u8], dialect: &dyn ProviderDialect, parser: &RefCell<Parser>) -> Option<Answer> {
    let mut copy = bytes.to_vec();
    let mut parser = parser.borrow_mut();
    let tape = parser.parse(&mut copy).ok()?;
    let answer = dialect.read_answer(tape.as_value());
    parser.recycle(tape);
    answer.ok()
}

fn decode_events(bytes: &[u8], dialect: &dyn ProviderDialect) -> Option<Answer> {
    let mut reader = dialect.event_reader();
    let mut assembler = Assembler::default();
    let mut events = Vec::new();
    let fed = Splitter::new(EVENT_BYTES_MAX).feed(bytes, |event| {
        reader.read(event.name, event.data, &mut events)?;
        events.drain(..).for_each(|event| assembler.push(event));
        Ok::<(), crate::fault::Fault>(())
    });
    fed.ok()?;
    if dialect.ends_with_body() {
        assembler.push(Event::End);
    }
    assembler.finish()
}
