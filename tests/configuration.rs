//! The configuration as an operator meets it: the shipped examples load, the generated pages are those
//! of the code, and every mistake is told by file, line and remedy, without giving a secret away.

use ringgate::config;
use ringgate::config::AwsSource;
use ringgate::config::Google;
use ringgate::config::KnownNames;
use ringgate::config::Settings;
use secrecy::ExposeSecret;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

const NAMES: KnownNames<'static> = KnownNames {
    dialects: &["openai_chat", "openai_responses", "anthropic_messages", "gemini", "bedrock_converse", "cohere_chat"],
    callers: &["openai_chat", "openai_responses", "anthropic_messages", "gemini"],
    kinds: &["openai", "anthropic", "bedrock", "cohere", "gemini", "vertex", "vertex_express", "demo"],
    strategies: &["ordered", "complexity"],
};

const CANARY: &str = "canary-secret-7f3a";

const BASIC: &str = r#"
[[providers]]
name = "mock"
dialect = "openai_chat"
base_url = "http://127.0.0.1:9000/v1"

[[routes]]
model = "*"
targets = ["mock"]
"#;

/// Every variable is set but `UNSET`.
fn environment(name: &str) -> Option<String> {
    (name != "UNSET").then(|| format!("{CANARY}-{name}"))
}

fn parsed(text: &str) -> Settings {
    config::parse(text, "test.toml", &environment, &NAMES).unwrap_or_else(|error| panic!("{error}"))
}

/// The problems of a text, one per line.
fn refused(text: &str) -> String {
    let error = config::parse(text, "test.toml", &environment, &NAMES).map(|_| text).expect_err("must be refused");
    let told = format!("{error}\n{error:?}");
    assert!(!told.contains("canary"), "a secret was given away: {told}");
    error.to_string()
}

/// `BASIC` with more behind it is refused for exactly one reason.
#[track_caller]
fn refused_for(more: &str, reason: &str) {
    refused_whole(&format!("{BASIC}{more}"), reason);
}

#[track_caller]
fn refused_whole(text: &str, reason: &str) {
    let told = refused(text);
    assert_eq!(told.lines().count(), 1, "{text}\n→ {told}");
    assert!(told.contains(reason), "{told}\nlacks: {reason}");
    assert!(told.starts_with("test.toml:"), "{told}");
}

fn hash(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// Compares a generated file with the repository's, or writes it.
fn assert_generated(name: &str, expected: &str) {
    let path = docs().join(name);
    if std::env::var_os("RINGGATE_REGENERATE").is_some() {
        fs::write(&path, expected).expect("the docs folder can be written");
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/{name} is not what the code says; regenerate it: RINGGATE_REGENERATE=1 cargo test --test configuration"
    );
}

#[test]
fn the_reference_page_is_generated() {
    assert_generated("configuration.md", &config::reference());
}

#[test]
fn the_schema_is_generated() {
    let schema = config::schema();
    assert!(!schema.contains("null") && !schema.contains("$ref"), "TOML has no null, and readers no patience");
    assert_generated("configuration.schema.json", &schema);
}

#[test]
fn every_key_of_the_reference_has_a_meaning() {
    let page = config::reference();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 60, "{} keys only", rows.len());
    for row in rows {
        assert!(!row.ends_with("|  |") && !row.contains("|  |"), "without a meaning: {row}");
    }
}

#[test]
fn every_example_loads() {
    let mut seen = Vec::new();
    for entry in fs::read_dir(docs().join("examples")).expect("the examples") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("text");
        let origin = path.display().to_string();
        let settings = config::parse(&text, &origin, &environment, &NAMES).unwrap_or_else(|error| panic!("{error}"));
        assert!(!settings.routes.is_empty());
        for provider in &settings.providers {
            let named = text.contains(&format!("{}_API_KEY", provider.name.to_uppercase()));
            assert_eq!(provider.api_key.is_some(), named, "{origin}: {}", provider.name);
        }
        seen.push(path.file_name().expect("a name").to_string_lossy().into_owned());
    }
    seen.sort();
    let expected = [
        "anthropic",
        "bedrock",
        "failover",
        "gemini",
        "minimal",
        "ollama",
        "production",
        "semantic-cache",
        "several-keys",
        "tiers",
    ]
    .map(|name| format!("{name}.toml"));
    assert_eq!(seen, expected);
}

#[test]
fn the_smallest_file_of_the_reference_loads() {
    let page = config::reference();
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let settings = parsed(example);
    assert_eq!(settings.providers[0].kind.as_deref(), Some("openai"));
}

#[test]
fn demos_load_for_every_set_of_keys() {
    for (openai, anthropic) in [(false, false), (true, false), (false, true), (true, true)] {
        let set = |name: &str| match name {
            "OPENAI_API_KEY" => openai.then(|| "a".to_owned()),
            "ANTHROPIC_API_KEY" => anthropic.then(|| "b".to_owned()),
            _ => None,
        };
        let settings = config::parse(&config::demo(openai, anthropic), "demo", &set, &NAMES)
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(settings.server.listen.ip().is_loopback());
        assert_eq!(settings.admin.as_ref().map(|it| it.listen.to_string()).as_deref(), Some("127.0.0.1:9090"));
        let target_of = |model: &str| {
            let route = settings.routes.iter().find(|route| route.model == model);
            route.map(|route| route.targets[0].provider.clone())
        };
        let anything = if openai {
            "openai"
        } else if anthropic {
            "anthropic"
        } else {
            "demo"
        };
        assert_eq!(target_of("*").as_deref(), Some(anything));
        assert_eq!(target_of("gpt-*").as_deref(), openai.then_some("openai"));
        assert_eq!(target_of("claude-*").as_deref(), anthropic.then_some("anthropic"));
        let demo = !openai && !anthropic;
        assert_eq!(settings.prices.iter().any(|price| price.provider == "demo"), demo);
        assert_eq!(settings.routes.iter().any(|route| route.cache.semantic), demo);
        let failover = settings.routes.iter().find(|route| route.model == "demo-failover");
        let models = failover.map(|it| it.targets.iter().filter_map(|target| target.model.as_deref()).collect());
        assert_eq!(models, demo.then(|| vec!["demo-down", "demo"]));
    }
}

#[test]
fn a_file_with_every_usual_section_loads() {
    let text = format!(
        r#"
[server]
listen = "127.0.0.1:8080"
shards = 1
[admin]
listen = "127.0.0.1:9090"
[[keys]]
name = "ci"
hash = "{}"
[[providers]]
name = "mock"
dialect = "openai_chat"
base_url = "http://127.0.0.1:9000/v1"
api_key = "env:MOCK_API_KEY"
[[routes]]
model = "*"
targets = ["mock"]
cache = {{ exact = true, semantic = false }}
"#,
        hash('a')
    );
    let settings = parsed(&text);
    assert_eq!(settings.server.shards, Some(1));
    assert_eq!(settings.keys[0].digest, [0xaa; 32]);
    assert_eq!(settings.keys[0].cache_scope, "ci");
    let provider = &settings.providers[0];
    assert_eq!(provider.base_url.as_deref(), Some("http://127.0.0.1:9000/v1"));
    assert_eq!(provider.api_key.as_ref().map(ExposeSecret::expose_secret), Some("canary-secret-7f3a-MOCK_API_KEY"));
    assert!(provider.allow_private_addresses, "the operator wrote the address");
    assert_eq!(settings.routes[0].targets[0].model, None);
}

#[test]
fn what_is_left_out_has_these_values() {
    let settings = parsed(BASIC);
    let server = &settings.server;
    assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((server.request_line_bytes_max, server.head_bytes_max, server.head_fields_max), (8192, 65_536, 100));
    assert_eq!((server.body_bytes_max, server.answer_bytes_max), (32 << 20, 64 << 20));
    assert_eq!(server.head_timeout, Duration::from_secs(10));
    assert_eq!(server.keep_alive_timeout, Duration::from_secs(75));
    assert_eq!((server.write_timeout, server.drain_timeout), (Duration::from_secs(30), Duration::from_secs(30)));
    assert_eq!((server.shards, server.allow_open, server.require_io_uring), (None, false, false));
    assert!(settings.admin.is_none() && settings.request_log.is_none() && settings.keys.is_empty());
    let provider = &settings.providers[0];
    let seconds = |duration: Duration| duration.as_secs();
    let timeouts = provider.timeouts;
    assert_eq!((seconds(timeouts.connect), seconds(timeouts.tls)), (2, 3));
    assert_eq!((seconds(timeouts.first_byte), seconds(timeouts.idle), seconds(timeouts.total)), (120, 60, 600));
    assert_eq!(
        (seconds(provider.pool_idle_timeout), provider.pool_idle_max, provider.connections_max),
        (20, 256, 4096)
    );
    let cache = &settings.routes[0].cache;
    assert_eq!((cache.exact, cache.semantic, cache.ttl), (true, false, Duration::from_secs(86_400)));
    assert_eq!((cache.similarity_min, cache.temperature_max, cache.semantic_temperature_max), (0.95, 2.0, 0.3));
    assert_eq!(settings.cache.bytes_max, 256 << 20);
    let embedding = &settings.embedding;
    assert_eq!((embedding.deadline, embedding.queue_max, embedding.tokens_max), (Duration::from_millis(10), 4, 128));
}

#[test]
fn targets_have_three_forms() {
    let text = BASIC.replace(
        r#"["mock"]"#,
        r#"["mock", "mock/org/m-1", { provider = "mock", model = "m-2", tier = "hard" }]
strategy = "complexity""#,
    );
    let targets = &parsed(&text).routes[0].targets;
    let forms: Vec<_> = targets.iter().map(|it| (it.model.as_deref(), it.tier)).collect();
    assert_eq!(forms, [(None, None), (Some("org/m-1"), None), (Some("m-2"), Some(config::Tier::Hard))]);
}

#[test]
fn all_problems_are_told_at_once_and_in_order() {
    let told = refused(
        r#"[server]
listen = "localhost:8080"
shrads = 2
[[providers]]
name = "mock"
dialect = "openai_caht"
base_url = "https://example.com/v1?x=1"
api_key = "sk-canary"
[[routes]]
model = "g*t"
targets = ["mcok"]
"#,
    );
    let lines: Vec<&str> = told.lines().collect();
    let expected = [
        ("test.toml:2:10: `server.listen` must", "write \"127.0.0.1:8080\""),
        ("test.toml:3:1: unknown key `server.shrads`", "did you mean `shards`?"),
        ("test.toml:6:11: `providers[0].dialect` names no", "did you mean `openai_chat`?"),
        ("test.toml:7:12: `providers[0].base_url` must not", "query"),
        ("test.toml:8:11: `providers[0].api_key` must name the secret", "\"env:MOCK_API_KEY\""),
        ("test.toml:10:9: `routes[0].model` may have a `*` only at its end", ""),
        ("test.toml:11:12: `routes[0].targets[0]` names no provider", "did you mean `mock`?"),
    ];
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (line, (start, part)) in lines.iter().zip(expected) {
        assert!(line.starts_with(start) && line.contains(part), "{line}\nis not: {start} … {part}");
    }
}

#[test]
fn further_dialects_of_a_provider_are_known_ones() {
    let with = |lines: &str| BASIC.replace("base_url", &format!("{lines}\nbase_url"));
    let settings = parsed(&with("also_speaks = [\"openai_responses\"]"));
    assert_eq!(settings.providers[0].also_speaks.as_deref(), Some(&["openai_responses".to_owned()][..]));
    assert_eq!(parsed(BASIC).providers[0].also_speaks, None);
    refused_whole(
        &with("also_speaks = [\"openai_chat\", \"openai_response\"]"),
        "`providers[0].also_speaks[1]` names no known dialect of callers: `openai_response`; did you mean `openai_responses`?",
    );
}

#[test]
fn text_that_is_no_toml_is_told_by_line_and_not_quoted() {
    for text in ["[server\nlisten = 1", "a = \"canary", "api_key = canary", "x = 1\nx = 2", "[a]\n[a]\n", "=", "\u{0}"]
    {
        let told = refused(text);
        assert!(told.starts_with("test.toml:") && told.contains("not valid TOML: "), "{told}");
    }
}

#[test]
fn wrong_types_do_not_quote_what_was_written() {
    let told = refused(&BASIC.replace("[[routes]]", "connect_timeout_ms = \"canary\"\n[[routes]]"));
    assert!(told.contains("must be an integer, not a string; remove the quotes"), "{told}");
}

#[test]
fn an_empty_file_says_what_is_needed() {
    let told = refused("");
    assert!(told.contains("no provider: add [[providers]]") && told.contains("no route"), "{told}");
}

#[test]
fn a_missing_file_is_named() {
    let error = config::load(Path::new("/nonexistent/ringgate.toml"), &NAMES).map(|_| ()).expect_err("no such file");
    assert!(error.to_string().starts_with("/nonexistent/ringgate.toml: cannot read"), "{error}");
}

#[test]
fn files_and_their_secrets_are_read_from_one_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("key"), "from-file\n").expect("written");
    let path = folder.path().join("ringgate.toml");
    let more = "api_key = \"file:key\"\n[[routes]]";
    let text = format!("{}[request_log]\npath = \"log.jsonl\"\n", BASIC.replace("[[routes]]", more));
    fs::write(&path, text).expect("written");
    let settings = config::load(&path, &NAMES).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(settings.providers[0].api_key.as_ref().map(ExposeSecret::expose_secret), Some("from-file"));
    assert_eq!(settings.request_log.expect("a log").path, folder.path().join("log.jsonl"));
}

#[test]
fn a_route_may_be_for_callers_of_any_dialect_there_is() {
    let dialects: Vec<&str> = ringgate::dialects::ALL.iter().map(|dialect| dialect.name()).collect();
    let names = KnownNames { dialects: &dialects, ..NAMES };
    for dialect in &dialects {
        let text = BASIC.replace("[[routes]]", &format!("[[routes]]\ncaller = {dialect:?}"));
        let settings =
            config::parse(&text, "test.toml", &environment, &names).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(settings.routes[0].caller.as_deref(), Some(*dialect));
    }
    refused_for("[[routes]]\nmodel = \"x\"\ncaller = \"openai_caht\"\ntargets = [\"mock\"]", "did you mean");
}

#[test]
fn several_keys_of_a_provider_are_read_and_told_apart() {
    let with = |lines: &str| BASIC.replace("[[routes]]", &format!("{lines}\n[[routes]]"));
    let provider = &parsed(&with(
        r#"api_key = "env:A"
api_keys = [{ key = "env:B", weight = 2, name = "b", models = ["gpt-*"] }, { key = "env:C" }, "env:D"]
rejected_key_retry_ms = 5000"#,
    ))
    .providers[0];
    assert!(provider.api_key.is_some());
    let keys: Vec<_> = provider.api_keys.iter().map(|it| (it.name.as_str(), it.weight, it.models.len())).collect();
    assert_eq!(keys, [("b", 2, 1), ("key-2", 1, 0), ("key-3", 1, 0)]);
    assert_eq!(provider.api_keys[2].key.expose_secret(), format!("{CANARY}-D"));
    assert_eq!(provider.api_keys[1].key.expose_secret(), format!("{CANARY}-C"));
    assert_eq!(provider.rejected_key_retry, Duration::from_secs(5));
    for (lines, reason) in [
        (r#"api_keys = [{ key = "sk-canary" }]"#, "`providers[0].api_keys[0].key` must name the secret"),
        (r#"api_keys = ["sk-canary"]"#, "`providers[0].api_keys[0]` must name the secret"),
        (r#"api_keys = [7]"#, "`providers[0].api_keys[0]`"),
        (r#"api_keys = [{ key = "env:UNSET" }]"#, "needs the environment variable `UNSET`"),
        (r#"api_keys = [{ name = "a" }]"#, "`providers[0].api_keys[0]` lacks the key `key`"),
        (r#"api_keys = [{ key = "env:A", name = "a" }, { key = "env:B", name = "a" }]"#, "name of another key"),
        (r#"api_keys = [{ key = "env:A", name = "key-2" }, { key = "env:B" }]"#, "name of another key"),
        ("api_key = \"env:A\"\napi_keys = [{ key = \"env:B\", name = \"api_key\" }]", "name of another key"),
        (r#"api_keys = [{ key = "env:A", name = "a b" }]"#, "letters, digits"),
        (r#"api_keys = [{ key = "env:A", weight = 0 }]"#, "must be from 1 to"),
        (r#"api_keys = [{ key = "env:A", models = ["a*b"] }]"#, "only at its end"),
    ] {
        refused_whole(&with(lines), reason);
    }
    let many: Vec<String> = (0..65).map(|number| format!("{{ key = \"env:K{number}\" }}")).collect();
    refused_whole(&with(&format!("api_keys = [{}]", many.join(", "))), "must be at most 64");
    let elsewhere = with(r#"api_keys = [{ key = "env:A" }]"#).replace("http://127.0.0.1:9000", "http://example.com");
    refused_whole(&elsewhere, "would send the credential in clear text");
}

#[test]
fn settings_never_show_secrets() {
    let provider =
        "api_key = \"env:KEY\"\nheaders = { X-Team = \"env:TEAM\", authorization = \"env:AUTH\" }\n[[routes]]";
    let settings = parsed(&BASIC.replace("[[routes]]", provider));
    let headers = &settings.providers[0].headers;
    assert_eq!(headers.len(), 2);
    assert!(headers.iter().any(|(name, value)| name == "x-team" && value.expose_secret().ends_with("-TEAM")));
    let shown = format!("{settings:?} {settings:#?}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn an_open_gateway_stays_on_loopback() {
    let server = "[server]\nlisten = \"0.0.0.0:8080\"\n";
    refused_for(server, "add a [[keys]] entry".replace("add", "Add").as_str());
    refused_for("[server]\nlisten = \"[::]:8080\"\n", "allow_open");
    parsed(&format!("{BASIC}{server}allow_open = true\n"));
    parsed(&format!("{BASIC}{server}[[keys]]\nname = \"a\"\nhash = \"{}\"\n", hash('1')));
}

#[test]
fn listeners_must_be_apart() {
    refused_for("[admin]\nlisten = \"127.0.0.1:8080\"\n", "overlap");
    refused_for("[admin]\nlisten = \"0.0.0.0:8080\"\n", "overlap");
    refused_for("[admin]\nlisten = \"nowhere\"\n", "IP address and a port");
    parsed(&format!("{BASIC}[server]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n"));
}

#[test]
fn keys_are_checked() {
    let key = |name: &str, hash: &str, more: &str| format!("[[keys]]\nname = \"{name}\"\nhash = \"{hash}\"\n{more}\n");
    let (one, two) = (hash('1'), hash('2'));
    refused_for(&format!("{}{}", key("a", &one, ""), key("a", &two, "")), "name of keys[0] too");
    refused_for(&format!("{}{}", key("a", &one, ""), key("b", &one, "")), "hash of an earlier key");
    refused_for(&key("a", "rg-canary", ""), "the key itself does not belong");
    refused_for(&key("a b", &one, ""), "letters, digits");
    refused_for(&key("", &one, ""), "letters, digits");
    refused_for(&key("a", &one, "requests_per_minute = 0"), "from 1 to");
    refused_for(&key("a", &one, "models = [\"*gpt\"]"), "only at its end");
    let borrowed = format!("{}{}", key("a", &one, ""), key("b", &two, "cache_scope = \"a\""));
    refused_for(&borrowed, "shares with nobody");
    let agreed = borrowed.replacen("\n\n", "\ncache_scope = \"a\"\n", 1);
    assert!(parsed(&format!("{BASIC}{agreed}")).keys.iter().all(|key| key.cache_scope == "a"));
}

#[test]
fn providers_are_checked() {
    let provider = |lines: &str| {
        format!("[[providers]]\nname = \"mock\"\n{lines}\n[[routes]]\nmodel = \"*\"\ntargets = [\"mock\"]\n")
    };
    let complete = |lines: &str| provider(&format!("kind = \"openai\"\n{lines}"));
    parsed(&complete(""));
    refused_whole(&provider("kind = \"opnai\""), "did you mean `openai`?");
    refused_whole(&provider(""), "needs dialect and base_url");
    refused_whole(&provider("base_url = \"https://a.example\""), "needs dialect;");
    parsed(&complete("also_speaks = [\"anthropic_messages\"]"));
    refused_whole(&complete("also_speaks = [\"bedrock_converse\"]"), "known dialect of callers");
    refused_whole(&complete("api_key = \"env:UNSET\""), "`UNSET`, which is not set");
    refused_whole(&complete("api_key = \"\""), "must name the secret");
    refused_whole(&complete("api_key = \"file:/nonexistent/key\""), "/nonexistent/key");
    refused_whole(&complete("base_url = \"http://a.example\"\napi_key = \"env:K\""), "clear text");
    refused_whole(&complete("base_url = \"http://8.8.8.8\"\napi_key = \"env:K\""), "clear text");
    parsed(&complete("base_url = \"http://a.example\"\napi_key = \"env:K\"\nallow_private_addresses = true"));
    refused_whole(&complete("base_url = \"https://user:canary@a.example\""), "user or password");
    refused_whole(&complete("roots = \"mozilla\""), "\"webpki\", \"platform\"");
    refused_whole(&complete("roots = \"file:/nonexistent.pem\""), "/nonexistent.pem");
    refused_whole(&complete("idle_timeout_ms = 5_000\ntotal_timeout_ms = 4_000"), "ends the request at 4000");
    refused_whole(&complete("pool_idle_max = 2\nconnections_max = 1"), "connections_max");
    refused_whole(&complete("headers = { \"a b\" = \"1\" }"), "no valid header name");
    refused_whole(&complete("headers = { Host = \"1\" }"), "writes itself");
    refused_whole(&complete("headers = { x-a = \"1\\r\\nx-b: 2\" }"), "one line");
    refused_whole(&complete("headers = { x-a = \"1\", X-A = \"2\" }"), "twice");
    refused_whole(&complete("headers = { x-api-key = \"canary\" }"), "must name the secret");
    let timeouts = parsed(&complete("total_timeout_ms = 4_000")).providers[0].timeouts;
    assert_eq!((timeouts.first_byte, timeouts.connect), (Duration::from_secs(4), Duration::from_secs(2)));
    refused_for("[[providers]]\nname = \"mock\"\nkind = \"demo\"\n", "name of providers[0] too");
}

#[test]
fn access_keys_of_aws_are_checked() {
    let bedrock = |lines: &str| {
        format!("[[providers]]\nname = \"bedrock\"\n{lines}\n[[routes]]\nmodel = \"*\"\ntargets = [\"bedrock\"]\n")
    };
    let keys = |more: &str| {
        bedrock(&format!("aws = {{ access_key_id = \"env:ID\", secret_access_key = \"env:SECRET\", {more} }}"))
    };
    let settings = parsed(&keys("session_token = \"env:TOKEN\", region = \"eu-central-1\""));
    let access_keys = |settings: &Settings| match settings.providers[0].aws.clone().map(|aws| aws.source) {
        Some(AwsSource::Keys(keys)) => keys,
        other => panic!("access keys, not {other:?}"),
    };
    let given = access_keys(&settings);
    assert!(
        given.access_key_id.expose_secret().ends_with("-ID")
            && given.secret_access_key.expose_secret().ends_with("-SECRET")
    );
    assert!(given.session_token.as_ref().is_some_and(|token| token.expose_secret().ends_with("-TOKEN")));
    assert_eq!(settings.providers[0].aws.as_ref().and_then(|aws| aws.region.as_deref()), Some("eu-central-1"));
    assert!(!format!("{settings:?}").contains("canary"));
    assert!(access_keys(&parsed(&keys(""))).session_token.is_none());
    refused_whole(&bedrock("aws = { access_key_id = \"env:ID\" }"), "secret_access_key");
    refused_whole(
        &bedrock("aws = { access_key_id = \"canary\", secret_access_key = \"env:S\" }"),
        "env:AWS_ACCESS_KEY_ID",
    );
    refused_whole(&keys("session_token = \"env:UNSET\""), "`UNSET`, which is not set");
    refused_whole(&keys("region = \"EU/x\""), "name of a region");
    refused_whole(&keys("profile = \"p\""), "profile");
    refused_whole(&keys("").replace("[[routes]]", "api_key = \"env:K\"\n[[routes]]"), "one credential");
    let plain = keys("").replace("[[routes]]", "base_url = \"http://a.example\"\n[[routes]]");
    refused_whole(&plain, "clear text");
}

/// The same with an environment of its own.
fn parsed_in(text: &str, environment: &[(&str, &str)]) -> Result<Settings, String> {
    let find = |name: &str| {
        let found = environment.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let parsed = config::parse(text, "test.toml", &find, &NAMES);
    parsed.map_err(|error| {
        let told = error.to_string();
        assert!(!told.contains("canary") && told.lines().count() == 1, "{told}");
        told
    })
}

#[test]
fn identities_of_aws_are_checked() {
    let bedrock = |aws: &str| {
        format!(
            "[[providers]]\nname = \"bedrock\"\naws = {{ {aws} }}\n[[routes]]\nmodel = \"*\"\ntargets = [\"bedrock\"]\n"
        )
    };
    let pod = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod")];
    let source = |aws: &str, environment: &[(&str, &str)]| {
        parsed_in(&bedrock(aws), environment).map(|mut settings| settings.providers.remove(0).aws.expect("written"))
    };
    let aws = source("credentials = \"default\", region = \"eu-west-1\"", &pod).expect("a pod's");
    assert!(matches!(&aws.source, AwsSource::WebIdentity { role_arn, .. } if role_arn.ends_with("role/pod")));
    let role = "credentials = \"instance\", assume_role = \"arn:aws:iam::1:role/other\"";
    let aws = source(role, &[("AWS_ENDPOINT_URL_STS", "https://sts.example")]).expect("an instance's");
    assert!(matches!(aws.source, AwsSource::Instance { .. }));
    assert_eq!(aws.sts_url.as_deref(), Some("https://sts.example"));
    for (aws, environment, reason) in [
        ("region = \"eu-west-1\"", &[][..], "lacks credentials: add credentials = \"default\""),
        ("credentials = \"instence\"", &[], "did you mean \"instance\"?"),
        ("credentials = \"web_identity\"", &pod[..1], "`AWS_ROLE_ARN`, which is not set"),
        ("credentials = \"default\", assume_role = \"ringgate\"", &[], "must be the ARN of a role"),
        ("credentials = \"default\", access_key_id = \"env:A\"", &[], "stands beside an access key"),
        (role, &[("AWS_ENDPOINT_URL_STS", "http://canary.example")], "begin with https://"),
    ] {
        let told = source(aws, environment).expect_err(reason);
        assert!(told.contains(reason), "{told}\nlacks: {reason}");
    }
}

#[test]
fn identities_of_google_are_checked() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let pem = include_str!("gateway/fixtures/service_account_key.pem");
    let key_file = serde_json::json!({
        "type": "service_account", "client_email": "robot@p.iam.gserviceaccount.com", "private_key_id": "canary",
        "private_key": pem, "token_uri": "https://oauth2.googleapis.com/token",
    });
    let file = folder.path().join("key.json");
    fs::write(&file, key_file.to_string()).expect("it can be written");
    let file = file.display().to_string();
    let vertex = |lines: &str| {
        let url =
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google";
        format!(
            "[[providers]]\nname = \"vertex\"\nbase_url = \"{url}\"\n{lines}\n[[routes]]\nmodel = \"*\"\ntargets = [\"vertex\"]\n"
        )
    };
    let google = |credentials: &str, environment: &[(&str, &str)]| {
        let text = vertex(&format!("google = {{ credentials = \"{credentials}\" }}"));
        parsed_in(&text, environment).map(|mut settings| settings.providers.remove(0).google.expect("written"))
    };
    let inline = key_file.to_string();
    let adc = ("GOOGLE_APPLICATION_CREDENTIALS", file.as_str());
    for (credentials, environment) in [
        (format!("file:{file}"), &[][..]),
        ("env:KEY".to_owned(), &[("KEY", &*inline)]),
        ("default".to_owned(), &[adc]),
    ] {
        let found = google(&credentials, environment).expect("a service account");
        assert!(matches!(found, Google::ServiceAccount(_)), "{found:?}");
        assert!(!format!("{found:?}").contains("PRIVATE KEY"));
    }
    let nobody = [("HOME", folder.path().to_str().expect("UTF-8"))];
    for credentials in ["metadata", "default"] {
        let found = google(credentials, &nobody).expect("the machine's");
        assert_eq!(found, Google::Metadata { url: "http://metadata.google.internal".to_owned() });
    }
    let federated = r#"{"type":"external_account","audience":"canary"}"#;
    for (credentials, environment, reason) in [
        ("canary-key", &[][..], "must be \"file:PATH\" or \"env:NAME\""),
        ("file:nowhere.json", &[], "names the file nowhere.json"),
        ("env:KEY", &[("KEY", "canary")], "is `env:KEY`, which holds no key file"),
        ("env:KEY", &[("KEY", federated)], "`external_account`, which this gateway cannot exchange"),
        ("default", &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")], "names the file /nowhere/key.json"),
    ] {
        let told = google(credentials, environment).expect_err(reason);
        assert!(told.contains(reason), "{told}\nlacks: {reason}");
    }
    for lines in ["api_key = \"env:K\"", "aws = { access_key_id = \"env:K\", secret_access_key = \"env:K\" }"] {
        let text = vertex(&format!("google = {{ credentials = \"metadata\" }}\n{lines}"));
        let told = parsed_in(&text, &[("K", "canary")]).expect_err("one too many");
        assert!(told.contains("a request has one credential"), "{told}");
    }
}

#[test]
fn routes_and_prices_are_checked() {
    let route = |model: &str, more: &str| format!("[[routes]]\nmodel = \"{model}\"\n{more}\n");
    refused_for(&route("gpt-*", "targets = [\"mock\"]"), "never reached: routes[0] (`*`)");
    refused_for(&route("a", "targets = [\"mock/\"]"), "must be a model name");
    refused_for(&route("a", "targets = [\"mock/x*\"]"), "without `*`");
    refused_for(&route("a", "targets = [{ provider = \"mokc\" }]"), "did you mean `mock`?");
    refused_for(
        &route("a", "targets = [{ provider = \"mock\", tier = \"hard\" }]\nstrategy = \"ordered\""),
        "strategy = \"complexity\"",
    );
    refused_for(&route("a", "targets = [\"mock\"]\nstrategy = \"complexity\""), "needs targets with a tier");
    refused_for(&route("a", "targets = [\"mock\"]\nstrategy = \"complexty\""), "did you mean `complexity`?");
    refused_for(&route("a", "targets = [\"mock\"]\ncaller = \"openai\""), "known dialect");
    refused_for(&route("a", "targets = [\"mock\"]\ncaller = \"bedrock_converse\""), "known dialect of callers");
    refused_for(&route("a", "targets = [\"mock\"]\ncache = { similarity_min = 0.89 }"), "from 0.9 to 1");
    let semantic = route("a", "targets = [\"mock\"]\ncache = { semantic = true }");
    refused_for(&format!("{semantic}[embedding]\nplacement = \"off\"\n"), "needs the embedder");
    parsed(&format!("{BASIC}{}", route("a", "targets = [\"mock\"]\ncaller = \"anthropic_messages\"")));

    let price = |lines: &str| format!("[[prices]]\nmodel = \"m\"\noutput_usd_per_mtok = 1\n{lines}\n");
    refused_for(&price("provider = \"mock\"\ninput_usd_per_mtok = -1"), "from 0 to");
    refused_for(&price("provider = \"mock\"\ninput_usd_per_mtok = nan"), "from 0 to");
    refused_for(&price("provider = \"mook\"\ninput_usd_per_mtok = 1"), "did you mean `mock`?");
    let twice = price("provider = \"mock\"\ninput_usd_per_mtok = 1").repeat(2);
    refused_for(&twice, "has a price already, in prices[0]");
}
