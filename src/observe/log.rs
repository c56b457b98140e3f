//! Lines for people, on standard error.
//!
//! A line is rare by design (no line per request), but standard error may be a pipe whose reader has
//! stopped, and a blocked write would stop a whole shard. So a line goes into a bounded queue and one
//! thread of the machine writes it ([`Drain::run`]); when the queue is full the line is lost and
//! counted, and the next line that gets through says how many were. What recurs with every request
//! while something is broken goes through [`Log::once_a_minute`].
//!
//! Text from outside (a model name, a header, an address) may stand in a value: control characters,
//! line separators and direction overrides are escaped, so nobody can write a second line or hide one.

use super::numbers::Rfc3339;
use crate::clock::Tick;
use std::fmt::Display;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TryRecvError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// Most lines waiting to be written.
pub const LINES_MAX: usize = 1_024;
/// Longest message or value in a line, bytes; the rest is cut.
pub const VALUE_BYTES_MAX: usize = 1_024;
/// Most recurring lines remembered at once.
pub const RECURRING_MAX: usize = 256;

const RECURRING_PERIOD: Duration = Duration::from_secs(60);

/// How much a line matters; what matters less than the log's level is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is lost or refused and needs a person.
    Error,
    /// Something is worse than it should be, and the gateway goes on.
    Warn,
    /// What an operator wants to know of a start, a reload, a stop.
    Info,
    /// For whoever looks for a fault.
    Debug,
}

impl Level {
    /// The level's word in a line and in settings.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// `key=value` pairs of a line.
pub type Fields<'a> = &'a [(&'a str, &'a dyn Display)];

/// The writing end of the log; cheap to clone, never blocks.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    lines: SyncSender<Option<String>>,
}

/// The end that writes to the sink.
pub struct Drain {
    shared: Arc<Shared>,
    lines: Receiver<Option<String>>,
}

struct Shared {
    level: Level,
    closing: AtomicBool,
    dropped: AtomicU64,
    recurring: Mutex<Vec<Recurring>>,
}

struct Recurring {
    key: Box<str>,
    said: Tick,
    suppressed: u64,
}

/// A log and the end that must be drained by a thread of its own.
pub fn open(level: Level) -> (Log, Drain) {
    let shared = Arc::new(Shared {
        level,
        closing: AtomicBool::new(false),
        dropped: AtomicU64::new(0),
        recurring: Mutex::new(Vec::new()),
    });
    let (sender, receiver) = sync_channel(LINES_MAX);
    (Log { shared: Arc::clone(&shared), lines: sender }, Drain { shared, lines: receiver })
}

impl Log {
    /// Says `message` with its `fields`, on one line.
    pub fn line(&self, level: Level, message: &str, fields: Fields<'_>) {
        if level <= self.shared.level {
            self.send(format_line(level, message, fields, 0));
        }
    }

    /// [`Log::line`] at [`Level::Error`].
    pub fn error(&self, message: &str, fields: Fields<'_>) {
        self.line(Level::Error, message, fields);
    }

    /// [`Log::line`] at [`Level::Warn`].
    pub fn warn(&self, message: &str, fields: Fields<'_>) {
        self.line(Level::Warn, message, fields);
    }

    /// [`Log::line`] at [`Level::Info`].
    pub fn info(&self, message: &str, fields: Fields<'_>) {
        self.line(Level::Info, message, fields);
    }

    /// [`Log::line`] at [`Level::Debug`].
    pub fn debug(&self, message: &str, fields: Fields<'_>) {
        self.line(Level::Debug, message, fields);
    }

    /// Says it unless the same `key` was said less than a minute ago by any thread; the next line of
    /// the key says how often it was held back.
    pub fn once_a_minute(&self, now: Tick, key: &str, level: Level, message: &str, fields: Fields<'_>) {
        if level > self.shared.level {
            return;
        }
        if let Some(suppressed) = self.shared.permit(now, key) {
            self.send(format_line(level, message, fields, suppressed));
        }
    }

    /// Lines lost so far because nobody took them.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Lets [`Drain::run`] return once everything said before is written.
    pub fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        // a full queue needs no mark: whoever drains it looks at the flag when it is empty
        let _full = self.lines.try_send(None);
    }

    fn send(&self, line: String) {
        if self.lines.try_send(Some(line)).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// How many lines of `key` were held back since the last one, if it may speak now.
    fn permit(&self, now: Tick, key: &str) -> Option<u64> {
        let mut recurring = self.recurring.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = recurring.iter_mut().find(|known| *known.key == *key) {
            if now.since(known.said) < RECURRING_PERIOD {
                known.suppressed += 1;
                return None;
            }
            known.said = now;
            return Some(std::mem::take(&mut known.suppressed));
        }
        if recurring.len() == RECURRING_MAX {
            let oldest = (0..RECURRING_MAX).min_by_key(|place| recurring[*place].said).unwrap_or(0);
            recurring.swap_remove(oldest);
        }
        recurring.push(Recurring { key: key.into(), said: now, suppressed: 0 });
        Some(0)
    }
}

impl Drain {
    /// Writes lines until the log is closed or its last handle is gone. `unix_ms` stamps each line as
    /// it is written. A sink that fails is not a reason to stop: the next line may get through.
    pub fn run(self, mut sink: impl Write, unix_ms: impl Fn() -> u64) {
        let mut reported = 0;
        while let Some(line) = self.next() {
            let dropped = self.shared.dropped.load(Ordering::Relaxed);
            if dropped > reported {
                let lost = format_line(Level::Warn, "log lines were lost", &[("lines", &(dropped - reported))], 0);
                let _unwritable = writeln!(sink, "{} {lost}", Rfc3339(unix_ms()));
                reported = dropped;
            }
            let _unwritable = writeln!(sink, "{} {line}", Rfc3339(unix_ms())).and_then(|()| sink.flush());
        }
    }

    fn next(&self) -> Option<String> {
        loop {
            match self.lines.try_recv() {
                Ok(Some(line)) => return Some(line),
                Ok(None) => continue,
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if self.shared.closing.load(Ordering::Acquire) => return None,
                Err(TryRecvError::Empty) => {}
            }
            // a mark ends this wait and is looked at above
            if let Some(line) = self.lines.recv().ok()? {
                return Some(line);
            }
        }
    }
}

fn format_line(level: Level, message: &str, fields: Fields<'_>, suppressed: u64) -> String {
    let mut line = format!("ringgate {}: ", level.word());
    push_escaped(cut(message), &mut line);
    let mut value = String::new();
    for (name, field) in fields {
        value.clear();
        write!(value, "{field}").unwrap_or_else(|_| value.push_str("(unprintable)"));
        push_field(name, &value, &mut line);
    }
    if suppressed > 0 {
        push_field("suppressed", &suppressed.to_string(), &mut line);
    }
    line
}

fn push_field(name: &str, value: &str, line: &mut String) {
    line.push(' ');
    line.push_str(name);
    line.push('=');
    let value = cut(value);
    let bare = !value.is_empty() && !value.contains([' ', '"', '=', '\\']);
    if bare {
        push_escaped(value, line);
        return;
    }
    line.push('"');
    for piece in value.split_inclusive(['"', '\\']) {
        match piece.strip_suffix(['"', '\\']) {
            Some(before) => {
                push_escaped(before, line);
                line.push('\\');
                line.push_str(&piece[before.len()..]);
            }
            None => push_escaped(piece, line),
        }
    }
    line.push('"');
}

/// The beginning of `text` that a line may carry, cut between characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(VALUE_BYTES_MAX)]
}

fn push_escaped(text: &str, line: &mut String) {
    for character in text.chars() {
        if is_treacherous(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
}

/// Characters that end a line, move the cursor or turn the direction of what is shown.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(level: Level, say: impl FnOnce(&Log)) -> String {
        let (log, drain) = open(level);
        say(&log);
        log.close();
        let mut sink = Vec::new();
        drain.run(&mut sink, || 0);
        String::from_utf8(sink).expect("lines are text")
    }

    const STAMP: &str = "1970-01-01T00:00:00.000Z";

    #[test]
    fn a_line_has_time_level_message_and_fields() {
        let text = written(Level::Info, |log| {
            log.info("listening", &[("address", &"127.0.0.1:8080"), ("shards", &4)]);
        });
        assert_eq!(text, format!("{STAMP} ringgate info: listening address=127.0.0.1:8080 shards=4\n"));
    }

    #[test]
    fn nobody_can_write_a_second_line() {
        let text = written(Level::Info, |log| {
            let evil = "x\r\n2026-01-01 ringgate error: fake\u{1b}[2J\u{2028}\u{202e}\u{85}";
            log.warn(evil, &[("model", &evil), ("empty", &"")]);
        });
        assert_eq!(text.lines().count(), 1);
        assert!(!text.trim_end().chars().any(is_treacherous), "{text:?}");
        assert!(text.contains("model=\"x\\r\\n2026-01-01"), "{text}");
        assert!(text.ends_with("empty=\"\"\n"), "{text}");
    }

    #[test]
    fn a_value_cannot_look_like_another_field() {
        let text = written(Level::Info, |log| log.info("m", &[("a", &"1 b=2"), ("c", &"\"\\ d=3")]));
        assert!(text.ends_with("a=\"1 b=2\" c=\"\\\"\\\\ d=3\"\n"), "{text}");
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let text = written(Level::Info, |log| log.info("m", &[("v", &"é".repeat(VALUE_BYTES_MAX))]));
        assert!(text.len() < VALUE_BYTES_MAX + 100);
    }

    #[test]
    fn lesser_levels_are_silent() {
        let text = written(Level::Warn, |log| {
            log.info("a", &[]);
            log.once_a_minute(Tick(0), "a", Level::Debug, "a", &[]);
            log.error("b", &[]);
        });
        assert_eq!(text, format!("{STAMP} ringgate error: b\n"));
    }

    #[test]
    fn recurring_lines_are_held_back_and_counted() {
        let text = written(Level::Info, |log| {
            let at = |second| Tick(0).after(Duration::from_secs(second));
            for second in 0..61 {
                log.once_a_minute(at(second), "down", Level::Warn, "down", &[]);
            }
            log.once_a_minute(at(61), "slow", Level::Warn, "slow", &[]);
        });
        let lines: Vec<_> = text.lines().map(|line| line.trim_start_matches(STAMP)).collect();
        assert_eq!(lines, [" ringgate warn: down", " ringgate warn: down suppressed=59", " ringgate warn: slow"]);
    }

    #[test]
    fn recurring_keys_are_bounded() {
        let (log, _drain) = open(Level::Info);
        for number in 0..3 * RECURRING_MAX {
            log.once_a_minute(Tick(number as u64), &number.to_string(), Level::Warn, "x", &[]);
        }
        assert_eq!(log.shared.recurring.lock().expect("not poisoned").len(), RECURRING_MAX);
    }

    #[test]
    fn a_full_queue_loses_lines_and_says_so() {
        let (log, drain) = open(Level::Info);
        for number in 0..LINES_MAX + 5 {
            log.info("n", &[("number", &number)]);
        }
        assert_eq!(log.dropped(), 5);
        log.close();
        let mut sink = Vec::new();
        drain.run(&mut sink, || 0);
        let text = String::from_utf8(sink).expect("lines are text");
        assert_eq!(text.lines().count(), LINES_MAX + 1);
        assert!(text.starts_with(&format!("{STAMP} ringgate warn: log lines were lost lines=5\n")));
    }

    #[test]
    fn a_failing_sink_does_not_end_the_drain() {
        struct Broken(u32);
        impl Write for &mut Broken {
            fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
                self.0 += 1;
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (log, drain) = open(Level::Info);
        log.info("a", &[]);
        log.info("b", &[]);
        drop(log);
        let mut sink = Broken(0);
        drain.run(&mut sink, || 0);
        assert!(sink.0 >= 2);
    }

    #[test]
    fn a_drain_waits_for_lines_from_other_threads() {
        let (log, drain) = open(Level::Info);
        let thread = std::thread::spawn(move || {
            let mut sink = Vec::new();
            drain.run(&mut sink, || 0);
            sink
        });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| log.info("x", &[])));
            }
        });
        log.close();
        let sink = thread.join().expect("the drain returns");
        assert_eq!(sink.iter().filter(|byte| **byte == b'\n').count(), 200);
    }
}
