//! Recorded exchanges of the Responses API with something missing: whatever a provider or an SDK leaves
//! out, nulls or sends as another type, what was read is written again, and nothing panics.

use super::assembled;
use super::cut;
use super::recordings;
use super::response_grammar;
use ringgate::chat::Event;
use ringgate::dialects;
use ringgate::dialects::Dialect;
use ringgate::dialects::TargetOptions;
use ringgate::wire::json;
use ringgate::wire::json::Parser;
use serde_json::Value;

fn responses() -> &'static dyn Dialect {
    dialects::named("openai_responses").expect("a known dialect")
}

/// Every place in `value` at most so deep, as a JSON pointer.
fn places(value: &Value, at: &str, depth: usize, into: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    let mut inside = |name: &str, value: &Value| {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        into.push(at.clone());
        places(value, &at, depth - 1, into);
    };
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| inside(name, value)),
        Value::Array(list) => list.iter().enumerate().for_each(|(place, value)| inside(&place.to_string(), value)),
        _ => {}
    }
}

/// `value` with one place left out, nulled or of another type.
fn mutants(value: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    places(value, "", 5, &mut all);
    let mut mutants = Vec::new();
    for at in all {
        let (parent, name) = at.rsplit_once('/').expect("a pointer");
        let mut without = value.clone();
        match without.pointer_mut(parent).expect("it is there") {
            Value::Object(object) => drop(object.shift_remove(&name.replace("~1", "/").replace("~0", "~"))),
            Value::Array(list) => drop(list.remove(name.parse().expect("a number"))),
            _ => continue,
        }
        mutants.push((format!("without {at}"), without));
        // One other type each, which one is a matter of the place: all of them take minutes.
        let others = [Value::Null, Value::from(""), Value::from(7), serde_json::json!([]), serde_json::json!({})];
        for other in [&others[0], &others[1 + at.len() % (others.len() - 1)]] {
            let mut mutant = value.clone();
            *mutant.pointer_mut(&at).expect("it is there") = other.clone();
            mutants.push((format!("{other} at {at}"), mutant));
        }
    }
    mutants
}

fn parsed<Read>(value: &Value, read: impl FnOnce(json::Value<'_, '_>) -> Read) -> Read {
    let mut copy = value.to_string().into_bytes();
    let mut parser = Parser::new();
    read(parser.parse(&mut copy).expect("JSON").as_value())
}

/// One recording of each shape, by the names of its fields down to items and parts.
fn shapes(of: impl Fn(&super::Recording) -> Option<Value>) -> Vec<(String, Value)> {
    let mut known = Vec::new();
    let mut found = Vec::new();
    for recording in recordings().into_iter().filter(|recording| recording.dialect.name() == responses().name()) {
        let Some(value) = of(&recording) else {
            continue;
        };
        let mut shape = Vec::new();
        places(&value, "", 4, &mut shape);
        let shape = shape.join(" ").replace(|one: char| one.is_ascii_digit(), "");
        if value.to_string().len() < 3_500 && !known.contains(&shape) {
            known.push(shape);
            found.push((recording.id, value));
        }
    }
    found
}

#[test]
fn a_request_with_anything_missing_is_read_and_written_or_refused() {
    let (mut same, mut refused) = (0, 0);
    for (id, request) in shapes(|recording| recording.request.clone()) {
        for (mutation, mutant) in mutants(&request) {
            let _judged = parsed(&mutant, |body| responses().read_ask(body).map(|ask| ask.detached()));
            let _portable = parsed(&mutant, |body| responses().check_portable(body));
            let Ok(read) = parsed(&mutant, |body| responses().read_request(body)) else {
                refused += 1;
                continue;
            };
            for target in dialects::ALL.iter().filter(|target| target.name() != responses().name()) {
                let mut out = Vec::new();
                if target.write_request(&read, "m", TargetOptions::default(), &mut out).is_ok() {
                    serde_json::from_slice::<Value>(&out).unwrap_or_else(|error| panic!("{id} {mutation}: {error}"));
                }
            }
            let mut out = Vec::new();
            if responses().write_request(&read, &read.model, TargetOptions::default(), &mut out).is_ok() {
                let mut again: Value =
                    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{id} {mutation}: {error}"));
                let mut mutant = mutant;
                // The model is always written, because another one may be meant.
                again["model"] = Value::Null;
                mutant["model"] = Value::Null;
                super::assert_same(&format!("{id} {mutation}"), &again, &mutant);
                same += 1;
            }
        }
    }
    println!("{same} requests written again, {refused} refused");
    assert!(same >= 1000 && refused >= 100, "{same}, {refused}");
}

#[test]
fn an_answer_with_anything_missing_is_read_and_written_or_refused() {
    let (mut same, mut refused) = (0, 0);
    let whole = |recording: &super::Recording| {
        (recording.status == 200 && !recording.stream).then(|| serde_json::from_str(&recording.body).expect("JSON"))
    };
    for (id, answer) in shapes(whole) {
        // Answers are long and alike: every third will do.
        for (mutation, mutant) in mutants(&answer).into_iter().step_by(3) {
            let facts = parsed(&mutant, |body| responses().answer_facts(body));
            let _template = responses().replay_template(mutant.to_string().as_bytes());
            let Ok(read) = parsed(&mutant, |body| responses().read_answer(body)) else {
                assert!(facts.is_err(), "{id} {mutation}: read as a whole and for its facts alike");
                refused += 1;
                continue;
            };
            let facts = facts.unwrap_or_else(|fault| panic!("{id} {mutation}: {fault:?}"));
            assert!(!facts.complete || read.choices[0].finish.is_some(), "{id} {mutation}");
            for caller in dialects::ALL {
                let mut out = Vec::new();
                caller.write_answer(&read, &mut out);
                let again: Value =
                    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{id} {mutation}: {error}"));
                if caller.name() == responses().name() {
                    super::assert_same(&format!("{id} {mutation}"), &again, &mutant);
                    same += 1;
                }
            }
        }
    }
    println!("{same} answers written again, {refused} refused");
    assert!(same >= 1000 && refused >= 20, "{same}, {refused}");
}

/// Without any one of its events a stream is told well or not at all, to every caller.
#[test]
fn a_stream_without_an_event_is_told_well_or_not_at_all() {
    let (mut told, mut broken) = (0, 0);
    for recording in recordings().into_iter().filter(|recording| recording.stream) {
        if recording.dialect.name() != responses().name() || recording.body.len() > 20_000 {
            continue;
        }
        let wire = cut([recording.body.as_bytes()]);
        for left_out in 0..wire.len() {
            let mut reader = responses().event_reader();
            let mut events: Vec<Event> = Vec::new();
            let rest = wire.iter().enumerate().filter(|(place, _)| *place != left_out);
            let read =
                rest.map(|(_, (name, data))| reader.read(name.as_deref(), data, &mut events)).all(|read| read.is_ok());
            for caller in dialects::ALL {
                super::written_stream(*caller, &events);
            }
            match assembled(&events).filter(|_| read) {
                Some(_) => {
                    response_grammar::rebuilt(&events);
                    told += 1;
                }
                None => broken += 1,
            }
        }
    }
    println!("{told} streams told, {broken} broken");
    assert!(told >= 300 && broken >= 15, "{told}, {broken}");
}
