//! The gateway as the providers' own SDKs see it. What an SDK makes of an answer is its authors' choice
//! and changes with its versions, so the SDKs themselves are asked, and the frameworks upon them, in Python
//! and Node: `tests/sdk/run.py` runs every case directly and through the gateway and wants the same outcome.
//! `tests/sdk/roundtrip.py` asks their types about every recording and prints a table.

use std::env;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// The Python that has the SDKs.
fn python() -> PathBuf {
    if let Some(named) = env::var_os("RINGGATE_SDK_PYTHON") {
        return named.into();
    }
    let usual = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/.venv/bin/python");
    assert!(usual.exists(), "{} does not exist: run `make test`, which sets it up", usual.display());
    usual
}

/// Runs a suite, with the SDK in `folder` of the environment or, without one, in the environment itself; it
/// fails if the suite does.
fn run(suite: &str, folder: Option<&str>) {
    let python = python();
    let environment = python.parent().and_then(Path::parent).expect("an environment with a folder for programs");
    let path = folder.map(|folder| environment.join(folder));
    assert!(path.as_ref().is_none_or(|path| path.is_dir()), "{path:?} does not exist: run `make test`");
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join(suite);
    let mut command = Command::new(&python);
    command.envs(path.map(|path| ("PYTHONPATH", path)));
    let run = command.arg("-B").arg(suite).arg(env!("CARGO_BIN_EXE_ringgate")).output();
    let run = run.unwrap_or_else(|error| panic!("cannot run {}: {error}", python.display()));
    let told = String::from_utf8_lossy(&run.stdout);
    let complained = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{told}{complained}");
    println!("{told}");
}

#[test]
fn sdks_see_the_same_with_and_without_the_gateway() {
    run("tests/sdk/run.py", None);
}

/// Not what SDKs do with an answer, but whether their types take every recorded one, told in every dialect,
/// and every recorded request, written for every provider.
#[test]
fn types_of_sdks_take_everything_that_was_recorded() {
    run("tests/sdk/roundtrip.py", None);
}

#[test]
fn sdks_see_the_same_of_everything_beside_chat() {
    for folder in [None, Some("openai-2"), Some("openai-1")] {
        run("tests/sdk/surfaces.py", folder);
    }
}
