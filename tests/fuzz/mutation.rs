//! New inputs out of seeds, as a function of a seed number. JSON is changed as JSON and streams as events,
//! because noise hardly ever gets past the first reader; some inputs are then damaged as bytes all the same.

use super::dice::Dice;
use super::seeds;
use super::targets::Form;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// What new inputs are made of: the seeds of one target, read once.
pub struct Stock {
    form: Form,
    raw: Vec<Vec<u8>>,
    texts: Vec<Value>,
    streams: Vec<Vec<Event>>,
}

/// Name, data, and whether it is a failure.
type Event = (String, String, bool);

/// Seeds beyond this size are tried as they are and never changed: a change in them is a change in a small one.
const SEED_BYTES_MAX: usize = 24 * 1024;
/// Most changes of one input.
const CHANGES_MAX: usize = 4;

impl Stock {
    pub fn new<'s>(form: Form, seeds: impl IntoIterator<Item = &'s [u8]>) -> Stock {
        let raw: Vec<Vec<u8>> =
            seeds.into_iter().filter(|seed| seed.len() <= SEED_BYTES_MAX).map(<[u8]>::to_vec).collect();
        let mut stock = Stock { form, raw: Vec::new(), texts: Vec::new(), streams: Vec::new() };
        for seed in &raw {
            match form {
                Form::Bytes => {}
                Form::Json => stock.texts.extend(serde_json::from_slice(seed).ok()),
                Form::Events => stock.streams.push(events(&String::from_utf8_lossy(seed))),
                Form::Messages => stock.streams.push(seeds::messages(seed)),
            }
        }
        stock.streams.retain(|events| !events.is_empty());
        let datas = stock.streams.iter().flatten().filter_map(|(_, data, _)| serde_json::from_str(data).ok());
        stock.texts.extend(datas.collect::<Vec<Value>>());
        stock.raw = raw;
        stock
    }

    /// A new input.
    pub fn input(&self, dice: &mut Dice) -> Vec<u8> {
        let changes = dice.between(1, CHANGES_MAX);
        let mut bytes = match self.form {
            Form::Json if !self.texts.is_empty() => {
                let mut value = self.text(dice).clone();
                (0..changes).for_each(|_| self.change(&mut value, dice));
                written(&value, dice)
            }
            Form::Events | Form::Messages if !self.streams.is_empty() => {
                let mut events = self.streams[dice.below(self.streams.len())].clone();
                (0..changes).for_each(|_| self.rearrange(&mut events, dice));
                if self.form == Form::Events { lines(&events, dice) } else { seeds::framed(&events) }
            }
            _ => self.some_raw(dice),
        };
        if self.form == Form::Bytes || dice.one_in(12) {
            (0..changes).for_each(|_| self.damage(&mut bytes, dice));
        }
        bytes
    }

    fn some_raw(&self, dice: &mut Dice) -> Vec<u8> {
        if self.raw.is_empty() { Vec::new() } else { self.raw[dice.below(self.raw.len())].clone() }
    }

    fn text(&self, dice: &mut Dice) -> &Value {
        &self.texts[dice.below(self.texts.len())]
    }

    /// A value that stands somewhere in some seed.
    fn borrowed(&self, dice: &mut Dice) -> Value {
        if self.texts.is_empty() {
            return Value::Null;
        }
        let mut text = self.text(dice).clone();
        let place = dice.below(count(&text));
        at(&mut text, place).clone()
    }

    /// One change somewhere in `value`.
    fn change(&self, value: &mut Value, dice: &mut Dice) {
        let place = dice.below(count(value));
        let whole = value.clone();
        let target = at(value, place);
        match dice.below(12) {
            0 | 1 => *target = odd(dice),
            2 => *target = self.borrowed(dice),
            3 => {
                let mut whole = whole;
                let other = dice.below(count(&whole));
                *target = at(&mut whole, other).clone();
            }
            4 => *target = json!([target.clone()]),
            5 if target.get(0).is_some() => *target = target[0].take(),
            _ => self.change_inside(target, dice),
        }
    }

    fn change_inside(&self, target: &mut Value, dice: &mut Dice) {
        match target {
            Value::Object(object) => self.change_object(object, dice),
            Value::Array(list) => match dice.below(5) {
                0 if !list.is_empty() => drop(list.remove(dice.below(list.len()))),
                1 if !list.is_empty() => {
                    let (from, to) = (dice.below(list.len()), dice.below(list.len() + 1));
                    list.insert(to, list[from].clone());
                }
                2 if list.len() > 1 => {
                    let (one, other) = (dice.below(list.len()), dice.below(list.len()));
                    list.swap(one, other);
                }
                3 => list.push(self.borrowed(dice)),
                _ => list.clear(),
            },
            Value::String(text) => odd_text(text, dice),
            Value::Number(number) => {
                let whole = number.as_i64().unwrap_or_default();
                *target = match dice.below(5) {
                    0 => json!(whole.wrapping_add(1)),
                    1 => json!(whole.wrapping_neg()),
                    2 => json!(number.as_f64().unwrap_or_default() + 0.5),
                    3 => json!(number.to_string()),
                    _ => odd_number(dice),
                };
            }
            other => *other = odd(dice),
        }
    }

    fn change_object(&self, object: &mut Map<String, Value>, dice: &mut Dice) {
        let some = |object: &Map<String, Value>, dice: &mut Dice| -> Option<String> {
            let place = dice.below(object.len());
            object.keys().nth(place).cloned()
        };
        let donor = match self.borrowed(dice) {
            Value::Object(donor) => donor,
            _ => Map::new(),
        };
        match dice.below(6) {
            0 | 1 => {
                if let Some(name) = some(object, dice) {
                    object.shift_remove(&name);
                }
            }
            2 | 3 => {
                if let Some(name) = some(&donor, dice) {
                    object.insert(name.clone(), donor[&name].clone());
                }
            }
            4 => {
                if let (Some(name), Some(other)) = (some(object, dice), some(&donor, dice)) {
                    let value = object.shift_remove(&name).unwrap_or_default();
                    object.insert(other, value);
                }
            }
            _ => {
                // The same fields in another order.
                if let Some(name) = some(object, dice) {
                    let value = object.shift_remove(&name).unwrap_or_default();
                    object.insert(name, value);
                }
            }
        }
    }

    /// One change of a stream.
    fn rearrange(&self, events: &mut Vec<Event>, dice: &mut Dice) {
        let place = dice.below(events.len());
        match dice.below(9) {
            _ if events.is_empty() => events.push((String::new(), "[DONE]".to_owned(), false)),
            0 => drop(events.remove(place)),
            1 => events.insert(dice.below(events.len() + 1), events[place].clone()),
            2 => {
                let other = dice.below(events.len());
                events.swap(place, other);
            }
            3 => events.truncate(place),
            4 => {
                let donor = &self.streams[dice.below(self.streams.len())];
                events.insert(place, donor[dice.below(donor.len())].clone());
            }
            _ => {
                let Ok(mut value) = serde_json::from_str::<Value>(&events[place].1) else {
                    return odd_text(&mut events[place].1, dice);
                };
                self.change(&mut value, dice);
                events[place].1 = value.to_string();
                if dice.one_in(20) {
                    events[place].2 = !events[place].2;
                }
            }
        }
    }

    /// One change of bytes.
    fn damage(&self, bytes: &mut Vec<u8>, dice: &mut Dice) {
        const PIECES: &[&[u8]] = &[
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b" ",
            b"\t",
            b":",
            b",",
            b";",
            b"\"",
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b"0",
            b"9",
            b"-",
            b"+",
            b"%",
            b"%2f",
            b"/",
            b"\x7f",
            b"\xff",
            b"\xef\xbb\xbf",
            b"\xf0\x9f\x98\x80",
            b"\\u0000",
            b"\\ud800",
            b"1e999",
            b"18446744073709551616",
            b"data: ",
            b"event: ",
            b"content-length: 5",
            b"transfer-encoding: chunked",
            b"\r\n\r\n",
            b"\n\n",
            b"0\r\n\r\n",
            b"null",
            b"true",
        ];
        let place = dice.below(bytes.len() + 1);
        let end = (place + dice.between(1, 8)).min(bytes.len());
        match dice.below(7) {
            0 if place < bytes.len() => bytes[place] ^= 1 << dice.below(8),
            1 => drop(bytes.drain(place..end)),
            2 => {
                let piece = dice.pick(PIECES);
                drop(bytes.splice(place..place, piece.iter().copied()));
            }
            3 => {
                let again = bytes[place..end].to_vec();
                drop(bytes.splice(place..place, again));
            }
            4 if dice.one_in(4) => bytes.truncate(place),
            5 => {
                let donor = self.some_raw(dice);
                let from = dice.below(donor.len() + 1);
                let to = (from + dice.between(1, 64)).min(donor.len());
                drop(bytes.splice(place..end, donor[from..to].iter().copied()));
            }
            _ if place < bytes.len() => bytes[place] = dice.pick(PIECES)[0],
            _ => {}
        }
    }
}

/// How many values there are in `value`, itself included.
pub fn count(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(count).sum::<usize>(),
        Value::Object(object) => 1 + object.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// The value at `place`, counted as [`count`] counts.
pub fn at(value: &mut Value, place: usize) -> &mut Value {
    if place == 0 {
        return value;
    }
    let mut before = 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(list) => list.iter_mut().collect(),
        Value::Object(object) => object.values_mut().collect(),
        _ => Vec::new(),
    };
    for inner in inner {
        let within = count(inner);
        if place < before + within {
            return at(inner, place - before);
        }
        before += within;
    }
    unreachable!("there are as many places as were counted")
}

fn odd_number(dice: &mut Dice) -> Value {
    match dice.below(9) {
        0 => json!(0),
        1 => json!(-1),
        2 => json!(u64::MAX),
        3 => json!(i64::MIN),
        4 => json!(1.5),
        5 => json!(-0.0),
        6 => json!(1e308),
        7 => json!(9_007_199_254_740_993u64),
        _ => json!(dice.below(5)),
    }
}

fn odd(dice: &mut Dice) -> Value {
    match dice.below(11) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(false),
        3 => odd_number(dice),
        4 => json!(""),
        5 => json!("x"),
        6 => json!([]),
        7 => json!({}),
        8 => json!([null]),
        9 => json!([{}]),
        _ => json!({"a": {"b": 1}}),
    }
}

fn odd_text(text: &mut String, dice: &mut Dice) {
    const PIECES: &[&str] = &[
        "",
        " ",
        "\n",
        "\r\n",
        "\0",
        "\"",
        "\\",
        "\u{1f600}",
        "\u{e9}",
        "\u{2028}",
        "data: x",
        "[DONE]",
        "{",
        "{}",
        "null",
        ":",
        "ringgate:",
        "ringgate:thinking:",
        "ringgate:reasoning:{}",
        "gemini:",
        "data:image/png;base64,AA==",
        "https://e.x/a.png",
        "file_1",
        "text/plain",
        "call_1",
        "AAAA",
        "=",
        "models/",
    ];
    let place = (0..=dice.below(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    match dice.below(5) {
        0 => text.clear(),
        1 => text.truncate(place),
        2 => drop(text.drain(..place)),
        3 => text.insert_str(place, dice.pick(PIECES)),
        _ => dice.pick(PIECES).clone_into(text),
    }
}

/// The text of `value`; now and then pretty or with a field twice.
fn written(value: &Value, dice: &mut Dice) -> Vec<u8> {
    if dice.one_in(8) {
        return serde_json::to_vec_pretty(value).expect("JSON");
    }
    let text = value.to_string();
    match text.find("\":").filter(|_| dice.one_in(40)) {
        Some(_) => format!("{{\"model\":\"m\",{}", &text[1..]).into_bytes(),
        None => text.into_bytes(),
    }
}

/// The events of a text.
fn events(text: &str) -> Vec<Event> {
    let (mut found, mut name, mut data) = (Vec::new(), String::new(), None::<String>);
    for line in text.lines().chain([""]) {
        if let Some(value) = line.strip_prefix("event:") {
            value.trim().clone_into(&mut name);
        } else if let Some(value) = line.strip_prefix("data:") {
            data = Some(data.map_or_else(|| value.trim().to_owned(), |data| format!("{data}\n{}", value.trim())));
        } else if line.is_empty()
            && let Some(data) = data.take()
        {
            found.push((std::mem::take(&mut name), data, false));
        }
    }
    found
}

/// The text of events, with any line ends.
fn lines(events: &[Event], dice: &mut Dice) -> Vec<u8> {
    let end = if dice.one_in(6) { dice.pick(&["\r\n", "\r"]) } else { "\n" };
    let mut text = String::new();
    for (name, data, _) in events {
        if !name.is_empty() {
            text.push_str(&format!("event: {}{end}", name.replace(['\r', '\n'], " ")));
        }
        for line in data.split('\n') {
            text.push_str(&format!("data: {}{end}", line.replace('\r', " ")));
        }
        text.push_str(end);
        if dice.one_in(30) {
            text.push_str(&format!(": comment{end}{end}"));
        }
    }
    if dice.one_in(20) {
        text.truncate(text.trim_end().len());
    }
    text.into_bytes()
}
