//! The architecture as a table: each module may import only modules on earlier lines, never its own
//! line and never a later one. `unsafe` may be said in `sys` alone, and the runtime be named in `shard`
//! alone.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

const LAYERS: &[&[&str]] = &[
    &["fault", "clock", "chat"],
    &["wire", "net", "config", "observe", "sys"],
    &["dialects", "keys", "limits", "cache", "classify"],
    &["providers", "routing", "embed"],
    &["upstream"],
    &["identity"],
    &["gateway"],
    &["shard", "control"],
];

/// Within the words of layer 0, a chat event may carry a fault.
const ALLOWED_SIDEWAYS: &[(&str, &str)] = &[
    ("chat", "fault"),
    // The io layer's traits are words too: `Net` is a `Clock`.
    ("net", "clock"),
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|names| names.contains(&module))
}

fn code_of(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn offences(module: &str, source: &str) -> Vec<String> {
    let mine = layer(module).unwrap_or_else(|| panic!("src/{module} is in no layer: add it to LAYERS"));
    code_of(source)
        .flat_map(|line| line.split("crate::").skip(1))
        .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
        .filter(|name| !name.is_empty() && *name != module)
        .filter(|name| !ALLOWED_SIDEWAYS.contains(&(module, name)))
        .filter(|name| layer(name).is_none_or(|theirs| theirs >= mine))
        .map(|name| format!("{module} uses crate::{name}"))
        .collect()
}

fn sources(path: &Path, into: &mut Vec<(PathBuf, String)>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("readable folder").flatten() {
            sources(&entry.path(), into);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        into.push((path.to_owned(), fs::read_to_string(path).expect("readable source")));
    }
}

/// Every module of the library with its sources.
fn modules() -> Vec<(String, Vec<(PathBuf, String)>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for entry in fs::read_dir(root).expect("src").flatten() {
        let name = entry.path().file_stem().expect("a name").to_string_lossy().into_owned();
        if name != "lib" && name != "main" {
            let mut texts = Vec::new();
            sources(&entry.path(), &mut texts);
            found.push((name, texts));
        }
    }
    assert!(found.len() >= 15, "the modules were not found");
    found
}

#[test]
fn modules_import_downwards_only() {
    let mut found = Vec::new();
    for (name, texts) in modules() {
        found.extend(texts.iter().flat_map(|(_, text)| offences(&name, text)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn unsafe_is_said_in_sys_alone_and_with_its_invariant() {
    for (name, texts) in modules() {
        for (path, text) in texts {
            let lines: Vec<&str> = text.lines().collect();
            for (index, line) in lines.iter().enumerate() {
                let says = line.split("//").next().is_some_and(|code| code.contains("unsafe {"));
                if !says {
                    continue;
                }
                assert_eq!(name, "sys", "{}:{} says unsafe", path.display(), index + 1);
                let above = &lines[index.saturating_sub(6)..=index];
                assert!(above.iter().any(|line| line.contains("SAFETY:")), "{}:{}", path.display(), index + 1);
            }
        }
    }
}

#[test]
fn the_runtime_is_named_in_shard_alone() {
    for (name, texts) in modules() {
        for (path, text) in texts {
            let named = code_of(&text).any(|line| line.contains("monoio::"));
            assert!(!named || name == "shard", "{} names the runtime", path.display());
        }
    }
}

#[test]
fn an_upward_import_is_reported() {
    assert_eq!(offences("providers", "use crate::shard::run;"), ["providers uses crate::shard"]);
    assert_eq!(offences("cache", "use crate::keys::Caller;"), ["cache uses crate::keys"]);
    assert_eq!(offences("gateway", "use crate::providers;"), Vec::<String>::new());
}
