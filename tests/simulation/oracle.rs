//! The oracle: holds what clients, providers and the request log saw against the promises.
//!
//! It knows nothing of the gateway's code. Every complaint is a sentence, because a failing seed is read
//! by a person.

use super::http;
use super::http::Answer;
use super::http::Ended;
use super::http::Reading;
use super::plan::End;
use super::plan::Host;
use super::plan::KEYS;
use super::plan::Key;
use super::plan::Moment;
use super::plan::PRICES_USD;
use super::plan::RequestPlan;
use super::plan::TOTAL_TIMEOUT;
use super::plan::Tongue;
use super::plan::Want;
use super::provider::CREDENTIAL;
use super::provider::Call;
use super::provider::Deed;
use super::scene::History;
use super::scene::Leftovers;
use super::speech;
use super::speech::Understood;
use ringgate::clock::Tick;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Within this a caller's leaving reaches the provider: the watch looks after 50 ms and then every 50.
const CANCELLED_WITHIN: Duration = Duration::from_millis(101);
/// Names of the providers, as the configuration has them.
const PROVIDERS: [&str; 3] = ["acme", "birch", "cedar"];

/// How a request ended, as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Not a byte.
    Unanswered,
    /// A whole answer with an error status.
    Refused,
    /// A whole and complete answer.
    Complete,
    /// A stream that told an error and then ended without its end.
    Broken,
    /// An answer that stopped without a word.
    Cut,
}

/// What became of one request.
struct Fate<'h> {
    client: usize,
    key: Key,
    end: End,
    request: &'h RequestPlan,
    was_sent: bool,
    /// Some of it was sent, and then nothing more although its client stayed.
    was_frozen: bool,
    /// It was sent before the process began to drain, if that ever happened.
    was_in_time: bool,
    verdict: Verdict,
    answer: Option<Answer>,
    said: Understood,
}

impl Fate<'_> {
    fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, |answer| answer.status)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.answer.as_ref().and_then(|answer| answer.field(name))
    }

    fn cache(&self) -> &str {
        self.field("x-ringgate-cache").unwrap_or_default()
    }

    fn is_chat(&self) -> bool {
        self.request.want == Want::Chat
    }

    fn name(&self) -> String {
        format!("request {} of client {}", self.request.id, self.client)
    }

    /// Did its client do all that a client has to do?
    fn is_owed(&self, history: &History) -> bool {
        self.was_sent && self.end == End::Stays && self.was_in_time && !panicked(history, self.client)
    }
}

fn panicked(history: &History, client: usize) -> bool {
    history.panics.iter().any(|(panicked, _)| *panicked == client)
}

/// What a history showed, for the proof that the simulation reaches everything.
pub type Tally = BTreeMap<String, usize>;

/// Everything that is wrong with `history`.
pub fn complaints(history: &History, tally: &mut Tally) -> Vec<String> {
    let mut told = Vec::new();
    let fates = fates(history, &mut told);
    let lines = lines(history, &fates, &mut told);
    for fate in &fates {
        *tally.entry(format!("{:?}", fate.verdict)).or_default() += 1;
        if fate.verdict == Verdict::Complete && fate.is_chat() {
            let form = if fate.request.stream { "stream" } else { "whole" };
            *tally.entry(format!("{form} {:?} {}", fate.request.tongue, fate.cache())).or_default() += 1;
        }
        if fate.verdict == Verdict::Refused {
            *tally.entry(format!("status {}", fate.status())).or_default() += 1;
        }
        judge_outcome(history, fate, &mut told);
        judge_content(history, fate, &fates, &mut told);
        let line = lines.get(&fate.request.id);
        judge_attempts(history, fate, line, &mut told);
        judge_cause(history, fate, &fates, &lines, &mut told);
        judge_line(history, fate, line, &mut told);
        judge_cancelling(history, fate, &fates, &mut told);
    }
    for call in &history.calls {
        *tally.entry(format!("deed {:?}", call.deed)).or_default() += 1;
        judge_call(history, call, &fates, &mut told);
    }
    judge_secrets(history, &mut told);
    judge_leftovers(history, &mut told);
    told
}

/// Reads what every client received, strictly and in order.
fn fates<'h>(history: &'h History, told: &mut Vec<String>) -> Vec<Fate<'h>> {
    let mut fates = Vec::new();
    for (number, (plan, record)) in history.plan.clients.iter().zip(&history.records).enumerate() {
        let mut at = 0;
        let mut begins = 0;
        let mut is_open = true;
        for (place, request) in plan.requests.iter().enumerate() {
            let sent_to = record.sent;
            let is_frozen = matches!(plan.end, End::Freezes { .. }) && sent_to > begins;
            begins += speech::request(history.plan.seed, plan.key, request).len();
            let mut fate = Fate {
                client: number,
                key: KEYS[plan.key],
                end: plan.end,
                request,
                was_sent: record.sent_at[place].is_some(),
                was_frozen: is_frozen && sent_to < begins,
                was_in_time: history
                    .plan
                    .drain
                    .is_none_or(|(at, _)| record.sent_at[place].is_some_and(|sent| sent < Tick(0).after(at))),
                verdict: Verdict::Unanswered,
                answer: None,
                said: Understood::default(),
            };
            let name = fate.name();
            if is_open {
                match http::read(&record.received[at..], request.http10, Some(record.ended)) {
                    Err(wrong) => {
                        told.push(format!("{name} got something that is not HTTP: {wrong}"));
                        at = record.received.len();
                        is_open = false;
                    }
                    Ok(Reading::Answer(answer)) => {
                        at += answer.end;
                        is_open = answer.is_whole && !answer.closes();
                        understand(&mut fate, answer, told);
                    }
                    Ok(Reading::NotYet(_)) => unreachable!("the connection has ended"),
                    Ok(Reading::Nothing(interim)) => {
                        at += interim;
                        is_open = false;
                        let owed = fate.is_owed(history) && record.ended != Ended::Left;
                        if fate.was_frozen && history.plan.drain.is_none() && !panicked(history, number) {
                            told.push(format!("{name} stopped in the middle and was not told why it was refused"));
                        }
                        if owed || record.is_stuck {
                            told.push(format!("{name} got silence"));
                        }
                    }
                }
            }
            fates.push(fate);
        }
        if at != record.received.len() {
            told.push(format!("client {number} got {} bytes after its last answer", record.received.len() - at));
        }
        if record.is_stuck {
            told.push(format!("client {number} waited in vain"));
        }
    }
    fates
}

fn understand(fate: &mut Fate<'_>, answer: Answer, told: &mut Vec<String>) {
    let name = fate.name();
    let streams = fate.request.stream && answer.status == 200 && fate.is_chat();
    let kind = answer.field("content-type").unwrap_or_default().to_owned();
    let wanted = match (fate.request.want, streams) {
        (Want::Alive, _) if answer.status == 200 => "text/plain; charset=utf-8",
        (_, true) => "text/event-stream; charset=utf-8",
        (_, false) => "application/json",
    };
    if answer.status != 0 && kind != wanted {
        told.push(format!("{name} got the content type {kind}"));
    }
    let tongue = match fate.request.want {
        // A head that cannot be read names no dialect, nor does a probe, and the malformed body goes to OpenAI's path.
        Want::BadHead | Want::BadJson | Want::Alive => Tongue::OpenAi,
        // Nor does a head that never ended.
        _ if answer.status == 408 && memchr::memmem::find(&answer.body, b"request head").is_some() => Tongue::OpenAi,
        _ => fate.request.tongue,
    };
    let is_json = fate.is_chat() || answer.status >= 400;
    let understood = match streams {
        true => speech::understand_stream(tongue, &answer.body),
        false if is_json && answer.is_whole => speech::understand_whole(tongue, &answer.body),
        false => Ok(Understood::default()),
    };
    match understood {
        Ok(said) => fate.said = said,
        Err(wrong) => told.push(format!("{name} got an answer that is not of its dialect: {wrong}")),
    }
    let said = &fate.said;
    fate.verdict = match (answer.is_whole, answer.status) {
        (true, 400..) => Verdict::Refused,
        (true, _) if !fate.is_chat() => Verdict::Complete,
        (true, _) if said.ended && said.finished && said.error.is_none() => Verdict::Complete,
        (true, _) => {
            told.push(format!("{name} got a broken answer that ends cleanly: {said:?}"));
            Verdict::Complete
        }
        (false, 200) if streams && said.error.is_some() && !said.ragged => Verdict::Broken,
        (false, _) => Verdict::Cut,
    };
    fate.answer = Some(answer);
}

/// The promise of one explicit outcome, and of the right one where it does not depend on providers.
fn judge_outcome(history: &History, fate: &Fate<'_>, told: &mut Vec<String>) {
    let name = fate.name();
    if fate.verdict == Verdict::Cut && fate.is_owed(history) {
        told.push(format!("{name} got an answer that stops without a word"));
    }
    if !fate.was_sent && fate.answer.is_some() && fate.status() < 400 && fate.verdict != Verdict::Cut {
        told.push(format!("{name} was answered before it was asked"));
    }
    if !fate.is_owed(history) || !matches!(fate.verdict, Verdict::Refused | Verdict::Complete) {
        return;
    }
    let status = fate.status();
    let is_forbidden = fate.is_chat() && fate.request.model.name == "plain" && !fate.key.may_use_plain;
    let is_limited = fate.key.is_limited && status == 429;
    let wanted = match fate.request.want {
        Want::WrongKey | Want::NoKey => 401,
        Want::BadJson | Want::BadHead => 400,
        Want::Models | Want::Alive => 200,
        Want::UnknownModel if is_limited => 429,
        Want::UnknownModel => 404,
        Want::Chat if is_forbidden => 403,
        // What else may happen to a chat hangs on providers: see `judge_cause`.
        Want::Chat => return,
    };
    if status != wanted {
        told.push(format!("{name} got the status {status} instead of {wanted}"));
    }
}

/// Do two requests ask the same, so that they may share an answer? `loosely`: by meaning.
fn asks_the_same(one: &RequestPlan, other: &RequestPlan, loosely: bool) -> bool {
    one.want == Want::Chat
        && other.want == Want::Chat
        && one.bound() == other.bound()
        && one.model.name == other.model.name
        && one.prompt == other.prompt
        && (loosely || one.spelling == other.spelling)
}

/// What a client was told must be what exactly one call said, and a call that it may be told.
fn judge_content(history: &History, fate: &Fate<'_>, fates: &[Fate<'_>], told: &mut Vec<String>) {
    if !fate.is_chat() || fate.status() != 200 || fate.said.text.is_empty() {
        return;
    }
    let text = &fate.said.text;
    let says = |call: &Call| match fate.verdict {
        Verdict::Complete => call.words.text == *text,
        _ => call.words.text.starts_with(text.as_str()),
    };
    let may_be_told = |call: &Call| {
        let asker = fates.iter().find(|other| other.request.id == call.request);
        let shares = |asker: &Fate<'_>, loosely| {
            asker.key.scope == fate.key.scope
                && asks_the_same(asker.request, fate.request, loosely)
                && fate.request.model.exact
                && !fate.request.no_cache
        };
        let semantic = fate.request.model.semantic;
        asker.is_some_and(|asker| match fate.cache() {
            "MISS" | "BYPASS" => call.request == fate.request.id,
            "HIT" => shares(asker, false),
            // Whoever leads may have found an equivalent answer.
            "COALESCED" => shares(asker, semantic),
            "SEMANTIC" => semantic && shares(asker, true),
            _ => false,
        })
    };
    let sources: Vec<usize> = history
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| says(call) && may_be_told(call))
        .map(|(at, _)| at)
        .collect();
    let name = fate.name();
    if sources.is_empty() {
        let cache = fate.cache();
        told.push(format!("{name} was told ({cache}) what no call said to it: {text:?}"));
        return;
    }
    let whole = |at: &usize| history.calls[*at].deed.is_complete(history.calls[*at].streamed);
    if fate.verdict == Verdict::Complete && !sources.iter().any(whole) {
        told.push(format!("{name} got the broken answer of call {} as a complete one", sources[0]));
    }
    if matches!(fate.cache(), "HIT" | "SEMANTIC") && !sources.iter().any(whole) {
        told.push(format!("{name} got a remembered answer that was broken"));
    }
    let own_last = history.calls.iter().rposition(|call| call.request == fate.request.id);
    let is_own = matches!(fate.cache(), "MISS" | "BYPASS");
    if is_own && own_last.is_some_and(|last| !sources.contains(&last)) {
        told.push(format!("{name} was tried again after content was given"));
    }
}

/// Attempts stay within the route, in its order, and each reaches its provider once; twice only if a
/// reused connection ended without a byte.
fn judge_attempts(history: &History, fate: &Fate<'_>, line: Option<&Value>, told: &mut Vec<String>) {
    let name = fate.name();
    let model = fate.request.model;
    let attempts: Vec<usize> = line.map(attempted).unwrap_or_default();
    let mut distinct = attempts.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != attempts.len() || attempts.iter().any(|provider| !model.targets.contains(provider)) {
        told.push(format!("{name} was tried at {attempts:?}"));
    }
    if model.is_ordered && !model.targets.starts_with(&attempts) {
        told.push(format!("{name} was tried at {attempts:?}, not in the order of its route"));
    }
    for (provider, called) in PROVIDERS.iter().enumerate() {
        let calls: Vec<&Call> =
            history.calls.iter().filter(|call| call.request == fate.request.id && call.provider == provider).collect();
        let is_replay = calls.len() == 2 && calls[0].place > 0 && calls[0].sent == 0;
        let is_known = line.is_none() || attempts.contains(&provider);
        if calls.len() > 1 && !is_replay || !calls.is_empty() && !is_known {
            told.push(format!("{name} made {} calls to {called}, tried at {attempts:?}", calls.len()));
        }
    }
}

fn attempted(line: &Value) -> Vec<usize> {
    let attempts = line["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |attempt: &Value| PROVIDERS.iter().position(|name| attempt["provider"] == *name);
    attempts.iter().filter_map(place).collect()
}

/// Nobody may be refused or broken off without something having gone wrong for that very question.
fn judge_cause(
    history: &History,
    fate: &Fate<'_>,
    fates: &[Fate<'_>],
    lines: &BTreeMap<usize, Value>,
    told: &mut Vec<String>,
) {
    let is_forbidden = fate.request.model.name == "plain" && !fate.key.may_use_plain;
    let failed = fate.verdict == Verdict::Broken || (fate.verdict == Verdict::Refused && !is_forbidden);
    if !fate.is_chat() || !fate.is_owed(history) || !failed {
        return;
    }
    let line = lines.get(&fate.request.id);
    let concerns = |other: &Fate<'_>| {
        other.request.id == fate.request.id
            || other.key.scope == fate.key.scope && asks_the_same(other.request, fate.request, false)
    };
    // Whoever follows waits for the leader's time, not for its own.
    let is_late = fates.iter().filter(|other| concerns(other)).any(|other| {
        let took_ms = lines.get(&other.request.id).and_then(|line| line["total_ms"].as_f64());
        took_ms.unwrap_or_default() >= TOTAL_TIMEOUT.as_millis() as f64 - 1.0
    });
    let is_limited = fate.key.is_limited && fate.status() == 429;
    let is_crowded = history.plan.connections_max == 1;
    let is_dark = fate.request.model.targets.iter().any(|target| match target {
        2 => history.plan.hosts[2..].iter().any(|host| *host != Host::Serves),
        target => history.plan.hosts[*target] != Host::Serves,
    });
    let has_bad_call = history.calls.iter().any(|call| {
        let asker = fates.iter().find(|other| other.request.id == call.request);
        asker.is_some_and(concerns) && !call.deed.is_complete(call.streamed)
    });
    // Bytes nobody asked for may arrive when the connection is used again: then they look like an answer.
    let is_poisoned = history
        .calls
        .iter()
        .any(|call| call.deed == Deed::Surplus && fate.request.model.targets.contains(&call.provider));
    let has_drained = history.plan.drain.is_some();
    // Whoever shared an answer with a request that panicked shares its end.
    let has_panicked = fates.iter().filter(|other| concerns(other)).any(|other| panicked(history, other.client));
    let is_hurried = fate.request.timeout.is_some();
    let is_excused = has_drained || has_panicked || is_late || is_limited || is_crowded || is_dark || is_hurried;
    let name = fate.name();
    if !is_excused && !has_bad_call && !is_poisoned {
        let why = line.map(|line| line["fault"].to_string()).unwrap_or_default();
        told.push(format!("{name} failed ({:?}, {}) although nothing went wrong: {why}", fate.verdict, fate.status()));
    }
    if !is_excused && !is_poisoned {
        judge_failed_attempts(history, fate, line, told);
    }
}

/// A provider that answered well must not have been passed over.
fn judge_failed_attempts(history: &History, fate: &Fate<'_>, line: Option<&Value>, told: &mut Vec<String>) {
    let attempts = line.and_then(|line| line["attempts"].as_array()).map(Vec::as_slice).unwrap_or_default();
    for attempt in attempts {
        let outcome = attempt["outcome"].as_str().unwrap_or_default();
        let mut calls = history
            .calls
            .iter()
            .filter(|call| call.request == fate.request.id && attempt["provider"] == PROVIDERS[call.provider]);
        let last = calls.next_back();
        if !matches!(outcome, "ok" | "abandoned") && last.is_some_and(|call| call.deed.is_complete(call.streamed)) {
            told.push(format!("{} counts a good answer as {outcome}", fate.name()));
        }
        if last.is_some_and(|call| call.deed.is_final()) && attempts.last() != Some(attempt) {
            told.push(format!("{} was refused for its own sake and tried elsewhere", fate.name()));
        }
    }
}

/// The log: one line for each request, valid, by request number.
fn lines(history: &History, fates: &[Fate<'_>], told: &mut Vec<String>) -> BTreeMap<usize, Value> {
    let mut lines = BTreeMap::new();
    let mut strangers = 0;
    for line in &history.ledger {
        let text = String::from_utf8_lossy(line);
        if !text.ends_with('\n') || text.matches('\n').count() != 1 {
            told.push(format!("a log line is not one line: {text:?}"));
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            told.push(format!("a log line is not JSON: {text}"));
            continue;
        };
        let id = value["request_id"].as_str().unwrap_or_default();
        let number = id.strip_prefix("sim-").and_then(|number| number.parse::<usize>().ok());
        match number {
            Some(number) => {
                if lines.insert(number, value.clone()).is_some() {
                    told.push(format!("request {number} was settled twice"));
                }
            }
            None => {
                strangers += 1;
                if value["key"] != "" {
                    told.push(format!("a request that nobody could read is ascribed to {}", value["key"]));
                }
            }
        }
    }
    let unreadable = fates.iter().filter(|fate| fate.request.want == Want::BadHead || !fate.was_sent).count();
    if strangers > unreadable + history.panics.len() {
        told.push(format!("{strangers} log lines belong to no request"));
    }
    lines
}

/// The log tells the same story as the client.
fn judge_line(history: &History, fate: &Fate<'_>, line: Option<&Value>, told: &mut Vec<String>) {
    let name = fate.name();
    let is_logged = !matches!(fate.request.want, Want::Alive | Want::BadHead);
    let has_panicked = panicked(history, fate.client);
    let Some(line) = line else {
        let has_head = fate.status() != 0 && fate.status() != 408;
        let has_calls = history.calls.iter().any(|call| call.request == fate.request.id);
        if (has_head && is_logged || has_calls) && !has_panicked {
            told.push(format!("{name} was served and never settled"));
        }
        return;
    };
    let is_known = !matches!(fate.request.want, Want::WrongKey | Want::NoKey);
    let mut expect = |what: &str, wanted: Value| {
        if line[what] != wanted {
            told.push(format!("{name}: the log says {what} = {}, not {wanted}", line[what]));
        }
    };
    expect("key", if is_known { fate.key.name.into() } else { "".into() });
    if !fate.is_owed(history) || matches!(fate.verdict, Verdict::Unanswered | Verdict::Cut) {
        return;
    }
    expect("status", fate.status().into());
    expect("client_gone", false.into());
    let outcome = match (fate.verdict, fate.status()) {
        (Verdict::Broken, _) => "broken_stream",
        (_, 200) => "ok",
        (_, 429) => "limited",
        (_, 400..=499) => "client_error",
        _ => "server_error",
    };
    expect("outcome", outcome.into());
    if fate.verdict == Verdict::Refused {
        expect("provider", "".into());
        expect("model", "".into());
    }
    for id in ["x-request-id", "request-id"] {
        if fate.field(id).is_some_and(|id| id != format!("sim-{}", fate.request.id)) {
            told.push(format!("{name} got another request's id"));
        }
    }
    if fate.is_chat() && fate.status() == 200 {
        judge_answered_line(history, fate, line, told);
    }
}

fn judge_answered_line(history: &History, fate: &Fate<'_>, line: &Value, told: &mut Vec<String>) {
    let name = fate.name();
    let mut expect = |what: &str, wanted: Value| {
        if line[what] != wanted {
            told.push(format!("{name}: the log says {what} = {}, not {wanted}", line[what]));
        }
    };
    expect("stream", fate.request.stream.into());
    expect("requested_model", fate.request.model.name.into());
    expect("cache", fate.cache().to_lowercase().into());
    expect("provider", fate.field("x-ringgate-provider").unwrap_or_default().into());
    expect("model", fate.field("x-ringgate-model").unwrap_or_default().into());
    let attempts = fate.field("x-ringgate-attempts").map_or(0, |count| count.parse().unwrap_or(usize::MAX));
    if attempted(line).len() != attempts {
        told.push(format!("{name} was told of {attempts} attempts, the log of {}", line["attempts"]));
    }
    if fate.verdict != Verdict::Complete {
        return;
    }
    let Some(call) = history.calls.iter().find(|call| call.words.text == fate.said.text) else { return };
    let (input, output) = (call.words.input_tokens, call.words.output_tokens);
    if line["input_tokens"] != input || line["output_tokens"] != output {
        told.push(format!(
            "{name}: {input} and {output} tokens became {} and {}",
            line["input_tokens"], line["output_tokens"]
        ));
    }
    judge_usage(fate, (input, output), told);
    let price = (input as f64 * PRICES_USD.0 + output as f64 * PRICES_USD.1) / 1e6;
    let (cost, saved) = (line["cost_usd"].as_f64(), line["saved_usd"].as_f64());
    let near = |one: Option<f64>, other: f64| one.is_some_and(|one| (one - other).abs() < 2e-9);
    let is_right = match fate.cache() {
        "MISS" | "BYPASS" => near(cost, price) && saved.is_none(),
        "HIT" | "SEMANTIC" => near(cost, 0.0) && near(saved, price),
        _ => !near(cost, price),
    };
    if !is_right {
        told.push(format!("{name} ({}) costs {cost:?} and saves {saved:?}, its price is {price}", fate.cache()));
    }
}

/// The tokens that the caller is told, where it asked for them.
fn judge_usage(fate: &Fate<'_>, tokens: (u64, u64), told: &mut Vec<String>) {
    let request = fate.request;
    let asked = request.tongue != Tongue::OpenAi || !request.stream || request.include_usage;
    let wanted = asked.then_some(tokens);
    if fate.said.usage != wanted {
        told.push(format!("{} was told {:?} tokens instead of {wanted:?}", fate.name(), fate.said.usage));
    }
}

/// A provider that is silent when its caller leaves is let go at once.
fn judge_cancelling(history: &History, fate: &Fate<'_>, fates: &[Fate<'_>], told: &mut Vec<String>) {
    let End::Leaves { at, reset } = fate.end else { return };
    let record = &history.records[fate.client];
    let plan = &history.plan.clients[fate.client];
    let is_told = reset || fate.request.stream || history.plan.fin_aborts;
    let mut others = fates.iter().filter(|other| other.request.id != fate.request.id);
    let may_follow = |other: &Fate<'_>| {
        let is_known = matches!(other.cache(), "MISS" | "BYPASS" | "HIT" | "SEMANTIC");
        !is_known && other.key.scope == fate.key.scope && asks_the_same(other.request, fate.request, false)
    };
    let is_alone = !others.any(may_follow);
    // Requests that were sent ahead keep the connection readable, which hides that it has gone.
    if plan.pipelines || !is_told || !is_alone || !matches!(at, Moment::After(_) | Moment::Received(_)) {
        return;
    }
    for (number, call) in history.calls.iter().enumerate().filter(|(_, call)| call.request == fate.request.id) {
        let limit = record.ended_at.max(call.began).after(CANCELLED_WITHIN);
        if call.began > record.ended_at.after(CANCELLED_WITHIN) {
            told.push(format!("{} had left when call {number} was made for it", fate.name()));
        }
        if call.cut_off.is_some_and(|cut_off| cut_off > limit) && record.ended == Ended::Left {
            told.push(format!("{} had left and call {number} was kept waiting", fate.name()));
        }
    }
}

/// Upstream, too, everything belongs together.
fn judge_call(history: &History, call: &Call, fates: &[Fate<'_>], told: &mut Vec<String>) {
    let Some(fate) = fates.iter().find(|fate| fate.request.id == call.request) else {
        told.push(format!("a call was made for request {}, which nobody planned", call.request));
        return;
    };
    if !fate.was_sent && fate.end == End::Stays {
        told.push(format!("a call was made for {}, which was never sent whole", fate.name()));
    }
    let prompt = speech::prompt(history.plan.seed, fate.request.prompt, fate.request.spelling);
    if call.prompt != prompt || !call.words.text.contains(&prompt) {
        told.push(format!("the call for {} speaks of another prompt: {}", fate.name(), call.prompt));
    }
    if !fate.is_chat() {
        told.push(format!("a call was made for {}, which is no chat", fate.name()));
    }
}

fn judge_secrets(history: &History, told: &mut Vec<String>) {
    let holds = |bytes: &[u8], secret: &str| memchr::memmem::find(bytes, secret.as_bytes()).is_some();
    let outputs = history.records.iter().map(|record| &record.received).chain(&history.ledger);
    for output in outputs {
        // Every virtual key begins like this, and nothing else does.
        if holds(output, CREDENTIAL) || holds(output, "rg-") {
            told.push(format!("a secret was told: {}", String::from_utf8_lossy(output)));
        }
    }
}

fn judge_leftovers(history: &History, told: &mut Vec<String>) {
    let nothing = Leftovers { sockets: 0, tasks: 0, busy: 0, flights: 0 };
    if history.leftovers != nothing {
        told.push(format!("something is left when everybody has gone: {:?}", history.leftovers));
    }
    for (client, panic) in &history.panics {
        told.push(format!("serving client {client} panicked: {panic}"));
    }
}
