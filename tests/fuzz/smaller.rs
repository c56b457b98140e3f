//! A failing input with everything left out that it does not need to fail in the same place.

use super::Failure;
use super::failure;
use super::mutation::at;
use super::seeds;
use super::targets::Form;
use super::targets::Target;
use serde_json::Value;

/// Inputs tried before what is left is small enough.
const TRIES_MAX: usize = 3000;

/// The smallest input found that fails where `input` does.
pub fn smaller(target: &Target, input: &[u8], wanted: &Failure) -> Vec<u8> {
    let mut search = Search { target, wanted, tries: 0 };
    let mut small = input.to_vec();
    match target.form {
        Form::Json => search.json(&mut small),
        Form::Messages => search.messages(&mut small),
        Form::Events => search.events(&mut small),
        Form::Bytes => {}
    }
    if small.len() <= 4096 && target.form != Form::Json {
        search.bytes(&mut small);
    }
    small
}

struct Search<'a> {
    target: &'a Target,
    wanted: &'a Failure,
    tries: usize,
}

impl Search<'_> {
    fn fails(&mut self, input: &[u8]) -> bool {
        self.tries += 1;
        self.tries <= TRIES_MAX && failure(self.target, input).is_some_and(|found| found.place == self.wanted.place)
    }

    fn json(&mut self, small: &mut Vec<u8>) {
        let Ok(mut value) = serde_json::from_slice::<Value>(small) else { return self.bytes(small) };
        if !self.fails(value.to_string().as_bytes()) {
            return;
        }
        self.value(&mut value, |value| value.to_string().into_bytes());
        *small = value.to_string().into_bytes();
    }

    /// Leaves out fields, items and texts as long as what `write` makes of the rest still fails.
    fn value(&mut self, value: &mut Value, write: impl Fn(&Value) -> Vec<u8>) {
        let mut place = 0;
        loop {
            let mut candidates = Vec::new();
            let mut copy = value.clone();
            let Some(found) = place_in(&mut copy, place) else { break };
            match found {
                Value::Object(object) => {
                    for name in object.keys() {
                        let mut less = object.clone();
                        less.shift_remove(name);
                        candidates.push(Value::Object(less));
                    }
                }
                Value::Array(list) => {
                    for index in 0..list.len() {
                        let mut less = list.clone();
                        less.remove(index);
                        candidates.push(Value::Array(less));
                    }
                }
                Value::String(text) if text.len() > 1 => candidates.extend([Value::from(""), Value::from("x")]),
                _ => {}
            }
            let better = candidates.into_iter().find_map(|candidate| {
                let mut less = value.clone();
                *place_in(&mut less, place)? = candidate;
                self.fails(&write(&less)).then_some(less)
            });
            match better {
                Some(less) => *value = less,
                None => place += 1,
            }
        }
    }

    fn messages(&mut self, small: &mut Vec<u8>) {
        let mut messages = seeds::messages(small);
        if !self.fails(&seeds::framed(&messages)) {
            return;
        }
        self.list(&mut messages, seeds::framed);
        *small = seeds::framed(&messages);
    }

    fn events(&mut self, small: &mut Vec<u8>) {
        let Ok(text) = std::str::from_utf8(small) else { return };
        let text = text.replace("\r\n", "\n");
        let mut events: Vec<String> = text.split_inclusive("\n\n").map(str::to_owned).collect();
        if !self.fails(events.concat().as_bytes()) {
            return;
        }
        self.list(&mut events, |events| events.concat().into_bytes());
        for index in 0..events.len() {
            let Some((before, data)) = events[index].split_once("data: ") else { continue };
            let Ok(mut value) = serde_json::from_str::<Value>(data) else { continue };
            let before = before.to_owned();
            let write = |value: &Value| {
                let mut all = events.clone();
                all[index] = format!("{before}data: {value}\n\n");
                all.concat().into_bytes()
            };
            if self.fails(&write(&value)) {
                self.value(&mut value, write);
                events[index] = format!("{before}data: {value}\n\n");
            }
        }
        *small = events.concat().into_bytes();
    }

    fn list<Item: Clone>(&mut self, items: &mut Vec<Item>, write: impl Fn(&[Item]) -> Vec<u8>) {
        let mut index = 0;
        while index < items.len() {
            let mut less = items.clone();
            less.remove(index);
            if self.fails(&write(&less)) { *items = less } else { index += 1 }
        }
    }

    fn bytes(&mut self, small: &mut Vec<u8>) {
        let mut length = (small.len() / 2).max(1);
        while length > 0 {
            let mut from = 0;
            while from < small.len() {
                let mut less = small.clone();
                less.drain(from..(from + length).min(small.len()));
                if self.fails(&less) { *small = less } else { from += length }
            }
            length /= 2;
        }
    }
}

/// The value at `place`, if there are so many.
fn place_in(value: &mut Value, place: usize) -> Option<&mut Value> {
    (place < super::mutation::count(value)).then(|| at(value, place))
}
