//! Everything that reads bytes from outside, fed with what nobody recorded.
//!
//! Every target (`tests/fuzz/targets`) is given every seed and then a number of inputs made of the seeds, each
//! a function of one number. What breaks a property is made smaller, written to a file and told with the
//! command that keeps it as a seed:
//!
//! - `RINGGATE_FUZZ_TARGETS=stream_gemini,json` runs these only;
//! - `RINGGATE_FUZZ_SEED=<number>` makes other inputs;
//! - `RINGGATE_FUZZ_SECONDS=<number>` goes on for so long, best with `--profile fuzz`.

#![allow(unreachable_pub, reason = "the modules of one test suite")]
#![allow(clippy::disallowed_methods, reason = "how long to go on is asked of the real clock")]

#[path = "simulation/dice.rs"]
mod dice;
#[path = "fuzz/mutation.rs"]
mod mutation;
#[path = "fuzz/seeds.rs"]
mod seeds;
#[path = "fuzz/smaller.rs"]
mod smaller;
#[path = "fuzz/targets/mod.rs"]
mod targets;

use dice::Dice;
use mutation::Stock;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;
use targets::Target;

/// Inputs made for each target in a usual run.
const ROUNDS: u64 = 150;
/// Inputs that a thread makes before it looks for the next piece of work.
const ROUNDS_AT_ONCE: u64 = 25;
/// Bytes of a failing input that are printed; all of it is in its file.
const SHOWN_BYTES_MAX: usize = 2000;

thread_local! {
    /// Where and why the last panic of this thread was, while a target runs.
    static PANIC: RefCell<Option<Failure>> = const { RefCell::new(None) };
    static RUNS_TARGET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// A property that did not hold.
#[derive(Clone, Debug)]
pub struct Failure {
    /// File and line of the check, or of the panic in the code under test.
    place: String,
    message: String,
}

/// Panics of targets are kept and told by their input, not printed as they happen.
fn keep_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !RUNS_TARGET.get() {
                return usual(info);
            }
            let place = info.location().map_or_else(String::new, |at| format!("{}:{}", at.file(), at.line()));
            let message = info.payload_as_str().unwrap_or("a panic without words").to_owned();
            PANIC.set(Some(Failure { place, message }));
        }));
    });
}

/// What is wrong with `target` for `input`, if anything is.
pub fn failure(target: &Target, input: &[u8]) -> Option<Failure> {
    keep_panics();
    RUNS_TARGET.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    RUNS_TARGET.set(false);
    outcome.err().map(|_| PANIC.take().expect("the hook has seen it"))
}

/// The targets asked for.
fn chosen() -> Vec<Target> {
    let names = std::env::var("RINGGATE_FUZZ_TARGETS").ok();
    let wanted: Option<Vec<&str>> = names.as_deref().map(|names| names.split(',').collect());
    for name in wanted.iter().flatten() {
        assert!(targets::ALL.iter().any(|target| target.name == *name), "no target is called {name}");
    }
    let is_wanted = |target: &Target| wanted.as_ref().is_none_or(|wanted| wanted.contains(&target.name));
    targets::ALL.iter().copied().filter(is_wanted).collect()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text}")))
}

/// Failures by target and place, the first of each.
#[derive(Default)]
struct Failures(Mutex<BTreeMap<(&'static str, String), String>>);

impl Failures {
    fn note(&self, target: &Target, failure: Failure, input: &[u8], origin: &str) {
        let key = (target.name, failure.place.clone());
        let mut known = self.0.lock().expect("nobody panics under this lock");
        if known.contains_key(&key) {
            return;
        }
        known.insert(key.clone(), String::new());
        drop(known);
        let small = smaller::smaller(target, input, &failure);
        let told = told(target, &failure, &small, origin);
        println!("{told}");
        self.0.lock().expect("nobody panics under this lock").insert(key, told);
    }

    fn end(self) {
        let failures = self.0.into_inner().expect("nobody panicked under this lock");
        let shown: Vec<String> = failures.into_values().collect();
        assert!(shown.is_empty(), "{} properties do not hold, see above", shown.len());
    }
}

fn told(target: &Target, failure: &Failure, input: &[u8], origin: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target.name);
    std::fs::create_dir_all(&folder).expect("a folder for failing inputs");
    let place: String = failure.place.chars().filter(|one| one.is_ascii_alphanumeric()).collect();
    let file = folder.join(place);
    std::fs::write(&file, input).expect("a file for a failing input");
    let shown = match std::str::from_utf8(input) {
        Ok(text) => text.escape_debug().take(SHOWN_BYTES_MAX).collect(),
        Err(_) => input[..input.len().min(SHOWN_BYTES_MAX)].escape_ascii().to_string(),
    };
    let message: String = failure.message.chars().take(SHOWN_BYTES_MAX).collect();
    format!(
        "\n{} fails at {}, out of {origin}\n  {message}\n  input: {shown}\n  to keep it: cp {} {}/{}/<what it is>",
        target.name,
        failure.place,
        file.display(),
        seeds::corpus().display(),
        target.name,
    )
}

#[test]
fn every_property_holds_for_every_seed() {
    let targets = chosen();
    let seeds = seeds::all(&targets);
    let work: Vec<(&Target, &seeds::Seed)> =
        targets.iter().flat_map(|target| seeds[target.name].iter().map(move |seed| (target, seed))).collect();
    let (next, failures) = (AtomicU64::new(0), Failures::default());
    on_every_core(|| {
        while let Some((target, seed)) = work.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            if let Some(failure) = failure(target, &seed.bytes) {
                failures.note(target, failure, &seed.bytes, &seed.origin);
            }
        }
    });
    println!("{} seeds", work.len());
    failures.end();
}

#[test]
fn every_property_holds_for_inputs_made_of_seeds() {
    let targets = chosen();
    let seeds = seeds::all(&targets);
    let stock = |target: &Target| Stock::new(target.form, seeds[target.name].iter().map(|seed| seed.bytes.as_slice()));
    let stocks: Vec<(&Target, Stock)> = targets.iter().map(|target| (target, stock(target))).collect();
    let first = number("RINGGATE_FUZZ_SEED").unwrap_or(0);
    let until = number("RINGGATE_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (next, made, failures) = (AtomicU64::new(0), AtomicU64::new(0), Failures::default());
    on_every_core(|| {
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            let (target, stock) = &stocks[(piece % stocks.len() as u64) as usize];
            let rounds = piece / stocks.len() as u64 * ROUNDS_AT_ONCE;
            let goes_on = until.map_or(rounds < ROUNDS, |until| Instant::now() < until);
            if !goes_on {
                break;
            }
            for round in rounds..rounds + ROUNDS_AT_ONCE {
                let mut dice = Dice::new(first.wrapping_add(round), concern(target.name));
                let input = stock.input(&mut dice);
                made.fetch_add(1, Ordering::Relaxed);
                if let Some(failure) = failure(target, &input) {
                    failures.note(target, failure, &input, &format!("seed {}", first.wrapping_add(round)));
                }
            }
        }
    });
    println!("{} inputs of {} targets", made.into_inner(), targets.len());
    failures.end();
}

/// A number for a name, the same on every machine.
fn concern(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn on_every_core(work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(&work);
        }
    });
}

/// Whoever adds a target adds seeds, and cargo-fuzz knows it too.
#[test]
fn every_target_has_seeds_and_a_binary_of_cargo_fuzz() {
    let manifest = include_str!("fuzz/Cargo.toml");
    let binaries: BTreeSet<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[[bin]]")
        .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        .collect();
    let names: BTreeSet<&str> = targets::ALL.iter().map(|target| target.name).collect();
    assert_eq!(binaries, names, "tests/fuzz/Cargo.toml names other targets than tests/fuzz/targets/mod.rs");
    for (target, seeds) in seeds::all(targets::ALL) {
        assert!(!seeds.is_empty(), "{target} has no seeds: add some to tests/fuzz/corpus/{target}");
    }
    for entry in std::fs::read_dir(seeds::corpus()).expect("the corpus").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        assert!(names.contains(name.as_str()), "tests/fuzz/corpus/{name} belongs to no target");
    }
}

/// A run that finds nothing is worth as much as its ability to find something.
#[test]
fn what_breaks_a_property_is_found_and_made_smaller() {
    fn planted(input: &[u8]) {
        let value: serde_json::Value = serde_json::from_slice(input).unwrap_or_default();
        assert!(value.pointer("/messages/0/content") != Some(&serde_json::Value::Null), "planted");
    }
    let target = Target { name: "planted", form: targets::Form::Json, check: planted };
    let seed = br#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"user","content":"ho"}],"n":1}"#;
    let stock = Stock::new(target.form, [seed.as_slice()]);
    let found = (0..2000).find_map(|round| {
        let input = stock.input(&mut Dice::new(round, 1));
        Some((failure(&target, &input)?, input))
    });
    let (failure, input) = found.expect("a null somewhere is not far");
    assert_eq!(smaller::smaller(&target, &input, &failure), br#"{"messages":[{"content":null}]}"#);
}
