//! Streams of providers, on their way to callers of every dialect.

use super::grammar;
use super::reading::assembled;
use super::reading::cuts;
use super::reading::gist;
use super::reading::meaning;
use super::reading::pieces;
use super::reading::sse;
use super::reading::written_events;
use ringgate::chat::Answer;
use ringgate::chat::Event;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::dialects::ProviderDialect;
use ringgate::dialects::StreamOptions;
use ringgate::fault::Fault;
use ringgate::gateway::Translation;
use ringgate::wire::json::Parser;
use std::cell::RefCell;

/// Any split of a stream tells the same. A stream that is complete is one to its caller, with the same words in
/// every dialect, well-formed, with one end; one that is not is never a whole answer to anybody. What is kept of
/// it for the cache tells the same again.
pub fn check(name: &str, bytes: &[u8]) {
    let provider = dialects::spoken(name).expect("a dialect");
    let beside = dialects::BESIDE.iter().find(|dialect| dialect.name() == name);
    let callers = beside.map_or(dialects::ALL, std::slice::from_ref);
    passes(provider, bytes);
    let mut told: Option<(Answer, &str)> = None;
    for caller in callers {
        let Some(answer) = relayed(provider, *caller, bytes) else { continue };
        match &told {
            // Callers with one answer are told the first one, the others all.
            Some((first, _)) if first.choices.len() > 1 || answer.choices.len() > 1 => {}
            Some((first, whose)) => assert_eq!(gist(&answer), gist(first), "{} and {whose}", caller.name()),
            None => told = Some((answer, caller.name())),
        }
    }
}

/// What is a whole answer to whoever reads it passes through as one, however many choices it has.
fn passes(provider: &'static dyn ProviderDialect, bytes: &[u8]) {
    let (wire, cut) = sse([bytes]);
    let (mut events, fault) = meaning(provider, &wire);
    if provider.ends_with_body() {
        events.push(Event::End);
    }
    let ends = events.iter().position(|event| *event == Event::End) == Some(events.len().wrapping_sub(1));
    let whole = assembled(&events).filter(|_| ends && fault.is_none() && cut == Ok(0));
    let (Some(answer), Some(caller)) = (whole, dialects::named(provider.name())) else { return };
    let answers = answer.choices.len() as u64;
    let told = tell(Translation::new(provider, caller, StreamOptions::default(), answers, false), vec![bytes]);
    assert_eq!(told.fault, None, "{answers} answers do not pass: {}", shown(&told));
}

/// What a caller gets, and how it ended.
#[derive(PartialEq)]
struct Told {
    out: Vec<u8>,
    kept: Vec<u8>,
    fault: Option<Fault>,
    facts: String,
}

fn tell(mut translation: Translation, pieces: Vec<&[u8]>) -> Told {
    translation.call(|| "id-1".to_owned(), "model-1");
    let (parser, mut out) = (RefCell::new(Parser::new()), Vec::new());
    let mut fault = None;
    for piece in pieces {
        fault = translation.feed(&parser, piece, &mut out).err();
        if fault.is_some() || translation.facts.complete {
            break; // nobody reads on
        }
    }
    if fault.is_none() && !translation.facts.complete {
        fault = translation.finish(&parser, &mut out);
    }
    let kept = translation.kept.take().unwrap_or_default();
    let mut facts = translation.facts;
    // Events behind the end in the same piece are not looked at, but those before it are.
    facts.events = 0;
    Told { out, kept, fault, facts: format!("{facts:?}") }
}

/// The answer as the caller reads it, where there is one.
fn relayed(provider: &'static dyn ProviderDialect, caller: &'static dyn Dialect, bytes: &[u8]) -> Option<Answer> {
    let options = StreamOptions { include_usage: true, created_s: 7 };
    let new = || Translation::new(provider, caller, options, 1, true);
    let told = tell(new(), vec![bytes]);
    for way in [cuts(bytes).to_vec(), (0..bytes.len()).step_by(97).collect()] {
        let split = tell(new(), pieces(bytes, way.iter().copied()));
        assert!(split == told, "{}: cut at {way:?}\n{}\n{}", caller.name(), shown(&split), shown(&told));
    }
    let passed = provider.name() == caller.name();
    let mut out = told.out.clone();
    match &told.fault {
        Some(fault) => {
            if !passed {
                grammar::check(caller.name(), &written_events(&out, caller.name()), false);
            }
            caller.write_stream_fault(fault, "req-1", &mut out);
            let (events, fault) = read(caller, &out);
            let whole = fault.is_none() && assembled(&events).is_some();
            assert!(!whole, "{}: a broken stream is a whole answer: {}", caller.name(), shown(&told));
            None
        }
        None => {
            if passed {
                out.extend_from_slice(caller.stream_end());
            } else {
                grammar::check(caller.name(), &written_events(&out, caller.name()), true);
            }
            let (events, fault) = read(caller, &out);
            let answer = assembled(&events);
            if passed && (fault.is_some() || answer.is_none()) {
                return None; // what is wrong with it is for the caller's SDK to say
            }
            assert_eq!(fault, None, "{}: {}", caller.name(), shown(&told));
            let kept = tell(Translation::of_kept(provider, caller, options, 1), vec![&told.kept]);
            assert!(kept.out == told.out && kept.fault.is_none(), "{}\n{}", shown(&kept), shown(&told));
            Some(answer.unwrap_or_else(|| panic!("{}: no answer: {}", caller.name(), shown(&told))))
        }
    }
}

/// The events that a caller's SDK reads.
fn read(caller: &dyn Dialect, out: &[u8]) -> (Vec<Event>, Option<Fault>) {
    let (mut events, fault) = meaning(caller, &written_events(out, caller.name()));
    if caller.ends_with_body() {
        events.push(Event::End);
    }
    (events, fault)
}

fn shown(told: &Told) -> String {
    format!("{:?} {} {}", told.fault, told.facts, String::from_utf8_lossy(&told.out))
}
