//! `docs/providers.md` and the providers' table of the README, as text: generated, so that they name what
//! the code knows and nothing else.

use super::ALL;
use super::Credential;
use super::Kind;
use crate::dialects::openai_chat::Quirks;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Providers

<!-- Generated from src/providers; do not edit. Regenerate: RINGGATE_REGENERATE=1 cargo test --lib providers::page -->

A provider whose `name` (or `kind`) is one of these needs only its key; everything in the table can be overruled by its
`[[providers]]` entry. Anybody else who speaks a known dialect is used by `dialect` and `base_url`.

Several keys for one provider, and what happens to one that is refused: [operating.md](operating.md#several-keys-at-one-provider).

| `kind` | Provider | `base_url` | Dialect | Credential | Usual variable | |
|---|---|---|---|---|---|---|
";

const QUIRKS: &str = "
## What is adapted

Requests to these providers are changed by the smallest edit that makes them acceptable, whether they pass through or are
translated; every other byte stays. Fields are left out only where the answer does not depend on them, and
`x-ringgate-dropped` names them. A field that does change the answer is sent, and the provider's own refusal is told.

| `kind` | |
|---|---|
";

const REFUSALS: &str = "
## What a refusal says about a key

401, 402 and 403 reject the key, 429 limits it. Beside that:

| `kind` | |
|---|---|
";

/// `docs/providers.md`.
pub fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for kind in ALL {
        let url = if kind.key_variable.is_none() && kind.credential == Credential::None {
            "–".to_owned()
        } else {
            code(kind.base_url)
        };
        line(
            &mut page,
            &[
                &code(kind.name),
                kind.title,
                &url,
                &dialects(kind),
                &credential(kind.credential),
                &kind.key_variable.map_or("–".to_owned(), code),
                &remarks(kind),
            ],
        );
    }
    page.push_str(QUIRKS);
    for kind in ALL.iter().filter(|kind| kind.quirks != Quirks::NONE) {
        line(&mut page, &[&code(kind.name), &adapted(&kind.quirks)]);
    }
    page.push_str(REFUSALS);
    for kind in ALL {
        let said = refusals(kind);
        if !said.is_empty() {
            line(&mut page, &[&code(kind.name), &said]);
        }
    }
    page
}

/// The table of the README.
pub fn table() -> String {
    let mut table = "| Provider | In the file | Dialect |\n|---|---|---|\n".to_owned();
    for kind in ALL {
        let own = if kind.wants_address() || kind.wants_region() { ", and `base_url`" } else { "" };
        line(&mut table, &[kind.title, &format!("`name = \"{}\"`{own}", kind.name), &dialects(kind)]);
    }
    line(&mut table, &["anybody else", "`dialect` and `base_url`", "the one named"]);
    table
}

fn line(page: &mut String, cells: &[&str]) {
    writeln!(page, "| {} |", cells.join(" | ")).expect("writing to a string cannot fail");
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn dialects(kind: &Kind) -> String {
    let all = std::iter::once(&kind.dialect).chain(kind.also_speaks);
    all.map(|dialect| code(dialect)).collect::<Vec<_>>().join(", ")
}

fn credential(credential: Credential) -> String {
    match credential {
        Credential::Bearer => "`authorization: Bearer`".to_owned(),
        Credential::Header(name) => code(name),
        Credential::None => "none".to_owned(),
    }
}

fn remarks(kind: &Kind) -> String {
    let mut remarks = Vec::new();
    if !kind.note.is_empty() {
        remarks.push(kind.note.to_owned());
    }
    if let Some(bound) = kind.default_max_tokens {
        remarks.push(format!("`max_tokens` {bound} unless the caller says"));
    }
    for (name, value) in kind.headers {
        remarks.push(format!("`{name}: {value}` unless the caller sends its own"));
    }
    if kind.reports_cost {
        remarks.push("its own figure for the cost of an answer is used".to_owned());
    }
    remarks.join("; ")
}

fn adapted(quirks: &Quirks) -> String {
    let names = |names: &[&str]| names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ");
    let mut said = Vec::new();
    if quirks.only_max_tokens {
        said.push("`max_completion_tokens` becomes `max_tokens`".to_owned());
    }
    for (from, to) in quirks.renamed {
        said.push(format!("`{from}` becomes `{to}`"));
    }
    if quirks.only_system {
        said.push("the role `developer` becomes `system`".to_owned());
    }
    if let Some(length) = quirks.call_id_length {
        said.push(format!("ids of tool calls become {length} letters and digits"));
    }
    if !quirks.refused.is_empty() {
        said.push(format!("left out: {}", names(quirks.refused)));
    }
    if !quirks.refused_in_messages.is_empty() {
        said.push(format!("left out of messages: {}", names(quirks.refused_in_messages)));
    }
    for (from, to) in quirks.renamed_in_messages {
        said.push(format!("`{from}` of messages becomes `{to}`"));
    }
    if quirks.details_reasoning {
        said.push("`thinking_blocks` of messages become `reasoning_details`".to_owned());
    }
    if quirks.volunteers_usage {
        said.push("tokens of streams come unasked, so `stream_options` is not added".to_owned());
    }
    if quirks.silent_finish {
        said.push(
            "it never says why an answer ended: a stream is complete with its terminator, and not cached".to_owned(),
        );
    }
    said.join("; ")
}

fn refusals(kind: &Kind) -> String {
    let mut said = Vec::new();
    for (status, words) in kind.key_rules.rejections {
        said.push(format!("{status} with \"{words}\" (code, or beginning of the message) rejects the key"));
    }
    if kind.key_rules.forbids_prompts {
        said.push("403 is about the prompt".to_owned());
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::path::Path;

    const REGENERATE: &str = "run RINGGATE_REGENERATE=1 cargo test --lib providers::page";

    fn assert_generated(name: &str, wanted: impl FnOnce(&str) -> String) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let wanted = wanted(&found);
        if std::env::var_os("RINGGATE_REGENERATE").is_some() {
            std::fs::write(&path, &wanted).expect("the file can be written");
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "{name} is stale: {REGENERATE}");
    }

    #[test]
    fn the_page_is_up_to_date() {
        assert_generated("docs/providers.md", |_| page());
    }

    #[test]
    fn the_table_of_the_readme_is_up_to_date() {
        assert_generated("README.md", |found| {
            let (start, end) = ("<!-- providers -->\n\n", "\n<!-- /providers -->");
            let (before, rest) = found.split_once(start).expect("the README marks its table");
            let (_, after) = rest.split_once(end).expect("and the end of it");
            format!("{before}{start}{}{end}{after}", table())
        });
    }

    #[test]
    fn every_kind_can_be_used_as_it_is() {
        let mut names = HashSet::new();
        for kind in ALL {
            assert!(names.insert(kind.name) && !kind.title.is_empty(), "{}", kind.name);
            assert!(kind.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", kind.name);
            let mut spoken = std::iter::once(&kind.dialect).chain(kind.also_speaks);
            assert!(spoken.all(|dialect| crate::dialects::of_provider(dialect).is_some()), "{}", kind.name);
            let local = kind.is_local() || kind.credential == Credential::None;
            assert!(kind.base_url.starts_with("https://") || local, "{}: a key must not travel in clear", kind.name);
            assert!(!kind.base_url.ends_with('/'), "{}", kind.name);
            let chat = kind.dialect == "openai_chat";
            assert!(chat || kind.quirks == Quirks::NONE, "{}: quirks are those of chat completions", kind.name);
        }
    }
}
