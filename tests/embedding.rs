//! The real model: does this build compute what was measured, and does every way to break it end in
//! one sentence and no crash?
//!
//! Needs ONNX Runtime's library, which `make setup` fetches; without it these tests fail and say so.

use ringgate::config::Embedding;
use ringgate::config::Placement;
use ringgate::embed::DIMENSIONS;
use ringgate::embed::Embedder;
use ringgate::embed::NoVector;
use ringgate::embed::Readiness;
use ringgate::embed::Tokens;
use ringgate::embed::Vector;
use ringgate::embed::companion_of_shard;
use ringgate::embed::model;
use ringgate::embed::onnx::OnnxEmbedder;
use ringgate::embed::onnx::OnnxSource;
use ringgate::embed::vector_dot;
use serde::Deserialize;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const TOKENS_MAX: usize = 128;

fn settings() -> Embedding {
    Embedding {
        placement: Placement::Companion,
        library: None,
        model_dir: None,
        deadline: Duration::from_millis(10),
        queue_max: 4,
        tokens_max: TOKENS_MAX,
    }
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn embedder() -> OnnxEmbedder {
    let opened = OnnxSource::new(&settings()).open();
    opened.unwrap_or_else(|why| panic!("these tests need the real embedder; run `make setup` first: {why}"))
}

fn embed(embedder: &mut OnnxEmbedder, text: &str) -> Result<Vector, NoVector> {
    let mut out = Vec::new();
    embedder.embed(&[text], &mut out);
    out.remove(0)
}

#[derive(Deserialize)]
struct Golden {
    text: String,
    ids: Vec<i64>,
    fp32: String,
    int8: String,
}

impl Golden {
    fn all() -> Vec<Golden> {
        let lines = include_str!("embedding/golden.jsonl").lines();
        lines.map(|line| serde_json::from_str(line).expect("written by models/golden_vectors.py")).collect()
    }
}

/// Signed bytes in hex, to a vector of unit length.
fn unpack(hex: &str) -> Vector {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal").cast_signed();
    let components = (0..hex.len()).step_by(2).map(|at| f32::from(byte(at))).collect();
    ringgate::embed::unit(components).expect("has a direction")
}

#[test]
fn the_model_answers_as_it_did_when_it_was_measured() {
    let (mut embedder, golden) = (embedder(), Golden::all());
    assert_eq!(golden.len(), 50);
    let mut to_fp32 = Vec::new();
    for Golden { text, ids, fp32, int8 } in &golden {
        let tokens = embedder.tokens(text).expect("every golden text has a vector");
        assert_eq!(tokens.ids(), ids, "{text}");
        let vector = embed(&mut embedder, text).expect("every golden text has a vector");
        assert_eq!(vector.len(), DIMENSIONS);
        assert!((vector_dot(&vector, &vector) - 1.0).abs() < 1e-4, "{text}");
        let (same, exact) = (vector_dot(&vector, &unpack(int8)), vector_dot(&vector, &unpack(fp32)));
        assert!(same >= 0.997, "{text}: {same} to the stored int8 vector ({})", model::processor_class());
        assert!(exact >= 0.97, "{text}: {exact} to the unquantised model ({})", model::processor_class());
        to_fp32.push(exact);
    }
    let mean = to_fp32.iter().sum::<f32>() / to_fp32.len() as f32;
    assert!(mean >= 0.997, "mean {mean} to the unquantised model ({})", model::processor_class());
}

#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    let (mut embedder, golden) = (embedder(), Golden::all());
    let texts: Vec<&str> = golden.iter().map(|golden| golden.text.as_str()).collect();
    let mut together = Vec::new();
    embedder.embed(&texts, &mut together);
    for (text, result) in texts.iter().zip(together) {
        let (alone, batched) = (embed(&mut embedder, text).expect("has one"), result.expect("has one"));
        let similarity = vector_dot(&alone, &batched);
        assert!(similarity >= 0.99999, "{text}: {similarity} ({})", model::processor_class());
    }
    let lengths: Vec<usize> = golden.iter().map(|golden| golden.ids.len()).collect();
    assert!(lengths.iter().any(|one| lengths.iter().filter(|other| *other == one).count() >= 4), "nothing was batched");
}

#[test]
fn a_short_prompt_costs_a_short_run() {
    let mut embedder = embedder();
    assert_eq!(embedder.tokens("hi").map(|tokens| tokens.length()), Ok(3));
}

#[test]
fn texts_that_would_share_a_vector_get_none() {
    let mut embedder = embedder();
    for text in ["translate 🔥", "translate 👽", "写一首关于饕餮的诗", &"x".repeat(101)] {
        assert_eq!(embed(&mut embedder, text), Err(NoVector::UnknownToken), "{text}");
    }
}

#[test]
fn marks_typed_by_a_user_do_not_blind_the_model() {
    let mut embedder = embedder();
    let plain = embed(&mut embedder, "how do I sort a list").expect("plain text");
    for mark in ["[PAD]", "[SEP]", "[CLS]", "[MASK]"] {
        let marked = embed(&mut embedder, &format!("how do I sort a list {mark}")).expect("plain text");
        assert!(vector_dot(&plain, &marked) < 0.999, "{mark} was swallowed");
    }
    assert_eq!(embed(&mut embedder, &"[PAD]".repeat(254)), Err(NoVector::TooLong));
}

#[test]
fn odd_texts_are_answered_and_never_run_away() {
    let mut embedder = embedder();
    let long_word_list = "word ".repeat(127);
    let refused = [
        ("", NoVector::Empty),
        (" \u{3000}\n", NoVector::Empty),
        ("\0\0", NoVector::Empty),
        ("\u{200f}\u{200b}", NoVector::Empty),
        (&*long_word_list, NoVector::TooLong),
        (&"a".repeat(1 << 20), NoVector::TooLong),
        (&"🦀".repeat(1 << 18), NoVector::TooLong),
    ];
    for (text, reason) in refused {
        assert_eq!(embed(&mut embedder, text), Err(reason), "{:?}", text.chars().take(8).collect::<String>());
    }
    for text in
        ["a\0b", "ما هي عاصمة مصر", "\u{202e}what is this", "42", "?", "e\u{301}\u{301}\u{301}", &"word ".repeat(126)]
    {
        let vector = embed(&mut embedder, text).expect("plain text");
        assert!(vector.iter().all(|component| component.is_finite()), "{text}");
    }
}

#[test]
fn batches_no_run_can_take_are_errors() {
    let mut embedder = embedder();
    let mut out = Vec::new();
    assert!(embedder.vectors(&[], &mut out).is_ok());
    for ids in [vec![], vec![101; 513], vec![101, 40_000, 102], vec![101, -1, 102]] {
        assert!(embedder.vectors(&[Tokens::new(ids)], &mut out).is_err());
    }
    let uneven = [Tokens::new(vec![101, 102]), Tokens::new(vec![101, 7632, 102])];
    assert!(embedder.vectors(&uneven, &mut out).is_err());
    assert!(out.is_empty());
    assert!(embed(&mut embedder, "still works").is_ok());
}

#[test]
fn a_companion_serves_the_real_model() {
    let source = Arc::new(OnnxSource::new(&settings()));
    let (announce, readiness) = mpsc::channel();
    let announce = Box::new(move |now: &Readiness| announce.send(now.clone()).unwrap_or(()));
    let companion = companion_of_shard(0, None, &settings(), &source, Some(announce));
    match readiness.recv().expect("it says how it went") {
        Readiness::Ready => {}
        other => panic!("these tests need the real embedder; run `make setup` first: {other:?}"),
    }
    let pending = companion.submit("How do I reset my password?").expect("nothing waits");
    let vector = loop {
        match pending.peek() {
            Some(result) => break result.expect("plain text"),
            None => std::thread::yield_now(),
        }
    };
    assert_eq!(model::judge_self_check(0, &vector), Ok(()));
    companion.stop();
}

#[test]
fn missing_and_damaged_files_are_one_sentence() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let open = |settings: &Embedding| OnnxSource::new(settings).open().err().expect("something is wrong");
    let elsewhere = Embedding { model_dir: Some(dir.path().into()), ..settings() };
    assert!(open(&elsewhere).contains("cannot be read"), "{}", open(&elsewhere));

    for name in [model::MODEL_FILE, model::TOKENIZER_FILE] {
        fs::copy(models().join(name), dir.path().join(name)).expect("models/ is part of the repository");
    }
    let tokenizer = dir.path().join(model::TOKENIZER_FILE);
    fs::write(&tokenizer, b"{}").expect("temporary folder");
    let sentence = open(&elsewhere);
    assert!(sentence.contains("tokenizer.json is damaged") && !sentence.contains('\n'), "{sentence}");

    let model = dir.path().join(model::MODEL_FILE);
    let mut bytes = fs::read(&model).expect("copied above");
    bytes[1_000_000] ^= 1;
    fs::write(&model, bytes).expect("temporary folder");
    let sentence = open(&elsewhere);
    assert!(sentence.contains("int8.onnx is damaged") && !sentence.contains('\n'), "{sentence}");

    let no_library = Embedding { library: Some(dir.path().join("none.so")), ..settings() };
    assert!(open(&no_library).contains("embedding.library"), "{}", open(&no_library));
}

/// Which process to be: the library can be loaded once per process, so each of its failures needs one.
const CHILD: &str = "RINGGATE_TEST_LIBRARY";

#[test]
fn child_opens_the_embedder() {
    let Some(library) = env::var_os(CHILD) else { return };
    let library = Some(PathBuf::from(library)).filter(|path| !path.as_os_str().is_empty());
    let settings = Embedding { library, model_dir: Some(models()), ..settings() };
    let companion = companion_of_shard(0, None, &settings, &Arc::new(OnnxSource::new(&settings)), None);
    let readiness = loop {
        match companion.readiness() {
            Readiness::Starting => std::thread::yield_now(),
            other => break other,
        }
    };
    assert!(companion.submit("hello").is_err() || readiness == Readiness::Ready);
    println!("readiness: {readiness:?}");
    companion.stop();
}

fn in_a_process_of_its_own(library: &Path, change: impl FnOnce(&mut Command)) -> String {
    let mut command = Command::new(env::current_exe().expect("the test itself"));
    command.args(["--exact", "child_opens_the_embedder", "--nocapture"]).env(CHILD, library);
    change(&mut command);
    let output = command.output().expect("the test itself");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().find(|line| line.contains("readiness: ")).expect("it says how it went").to_owned()
}

#[test]
fn an_unusable_library_is_one_sentence() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let garbage = dir.path().join("libonnxruntime.so.1");
    fs::write(&garbage, b"not a library").expect("temporary folder");
    let said = in_a_process_of_its_own(&garbage, |_| {});
    assert!(said.contains("Disabled") && said.contains("cannot be loaded"), "{said}");

    // A library that is one, but another: the C library is always there.
    let said = in_a_process_of_its_own(Path::new("/lib/x86_64-linux-gnu/libc.so.6"), |_| {});
    assert!(said.contains("Disabled"), "{said}");

    // A copy of this test in an empty folder finds nothing at all.
    let copy = dir.path().join("bin/embedding");
    fs::create_dir(dir.path().join("bin")).expect("temporary folder");
    fs::copy(env::current_exe().expect("the test itself"), &copy).expect("temporary folder");
    let output = Command::new(&copy)
        .args(["--exact", "child_opens_the_embedder", "--nocapture"])
        .env(CHILD, "")
        .env_remove(model::LIBRARY_VARIABLE)
        .env_remove("LD_LIBRARY_PATH")
        .current_dir(&dir)
        .output()
        .expect("the test itself");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("Disabled") && said.contains("library was not found"), "{said}");
}

#[test]
fn the_library_is_not_loaded_unless_its_telemetry_is_off() {
    let said = in_a_process_of_its_own(Path::new(""), |command| {
        command.env_remove("ORT_DISABLE_TELEMETRY");
    });
    assert!(said.contains("Disabled") && said.contains("ORT_DISABLE_TELEMETRY=1"), "{said}");
}

#[test]
fn loading_leaves_no_trace_of_telemetry() {
    let home = tempfile::tempdir().expect("temporary folder");
    let said = in_a_process_of_its_own(Path::new(""), |command| {
        command.env("HOME", home.path()).env_remove("XDG_CACHE_HOME").env("ORT_DISABLE_TELEMETRY", "1");
    });
    assert!(said.contains("Ready"), "run `make setup` first: {said}");
    let left: Vec<_> = fs::read_dir(home.path()).expect("temporary folder").collect();
    assert!(left.is_empty(), "{left:?}");
}
