//! Text from operators and from headers: settings, credentials, waits.

use ringgate::config;
use ringgate::config::KnownNames;
use ringgate::config::VirtualKey;
use ringgate::dialects;
use ringgate::keys::Credentials;
use ringgate::keys::KeyRing;
use ringgate::keys::digest;
use ringgate::limits::signals::WAIT_MAX;
use ringgate::limits::signals::limited_for;
use ringgate::limits::signals::retry_after as asked_wait;
use ringgate::providers;
use ringgate::routing;
use std::time::Duration;

const CANARY: &str = "canary-7f3a";

/// Any text is settings or a list of problems, each at a line of the text, and no secret is given away.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let names = |all: &mut dyn Iterator<Item = &'static str>| all.collect::<Vec<_>>();
    let known = KnownNames {
        dialects: &names(&mut dialects::of_providers().map(|dialect| dialect.name())),
        callers: &names(&mut dialects::ALL.iter().map(|dialect| dialect.name())),
        kinds: &names(&mut providers::ALL.iter().map(|kind| kind.name)),
        strategies: &names(&mut routing::ALL.iter().map(|strategy| strategy.name())),
    };
    let environment = |name: &str| (name != "UNSET").then(|| format!("{CANARY}-{name}"));
    match config::parse(text, "fuzzed.toml", &environment, &known) {
        Ok(settings) => assert!(!format!("{settings:?}").contains(CANARY), "a secret is shown"),
        Err(error) => {
            let told = error.to_string();
            assert!(!told.trim().is_empty(), "refused without a reason");
            assert!(!told.contains(CANARY), "a secret is told: {told}");
            let lines = text.lines().count().max(1) + 1;
            for problem in told.lines().filter_map(|line| line.strip_prefix("fuzzed.toml:")) {
                let line = problem.split(':').next().and_then(|line| line.parse::<usize>().ok());
                assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{problem} of {lines} lines");
            }
        }
    }
}

/// The fields of `name: value` lines.
fn fields(bytes: &[u8]) -> Vec<(String, &[u8])> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let field = |line: &'_ [u8]| line.iter().position(|byte| *byte == b':');
    let fields = lines.filter_map(|line| {
        let colon = field(line)?;
        Some((String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase(), line[colon + 1..].trim_ascii()))
    });
    fields.collect()
}

/// No wait is longer than is believed, whatever the clock says, and what was asked for comes first.
pub fn retry_after(bytes: &[u8]) {
    let fields = fields(bytes);
    let header = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    for now_unix_ms in [0, 1_740_830_400_000, 253_402_300_799_000, u64::MAX] {
        let asked = asked_wait(header, now_unix_ms);
        let limited = limited_for(header, now_unix_ms);
        for wait in [asked, limited].into_iter().flatten() {
            assert!(wait <= WAIT_MAX, "{wait:?} at {now_unix_ms}");
        }
        assert!(asked.is_none() || limited == asked, "{asked:?} {limited:?}");
        let number = header("retry-after").and_then(|value| std::str::from_utf8(value).ok()?.parse::<u32>().ok());
        if let Some(seconds) = number.filter(|seconds| u64::from(*seconds) <= WAIT_MAX.as_secs()) {
            assert_eq!(asked, Some(Duration::from_secs(seconds.into())));
        }
    }
}

const SECRETS: [&str; 2] = ["rg-first-secret", "second secret"];

/// Only who sends a whole key gets in, as the one whose key it is, and a refusal repeats no key.
pub fn authorization(bytes: &[u8]) {
    let fields = fields(bytes);
    let header = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let key = |number: usize| VirtualKey {
        name: number.to_string(),
        digest: digest(SECRETS[number].as_bytes()),
        models: Vec::new(),
        requests_per_minute: None,
        cache_scope: number.to_string(),
        trusted: false,
    };
    let ring = KeyRing::new(&[key(0), key(1)]);
    let credentials = Credentials {
        authorization: header("authorization"),
        x_api_key: header("x-api-key"),
        x_goog_api_key: header("x-goog-api-key"),
        api_key: header("api-key"),
        key_parameter: header("key"),
        x_ringgate_key: header("x-ringgate-key"),
    };
    let sent = |secret: &str| {
        fields.iter().any(|(_, value)| value.windows(secret.len()).any(|window| window == secret.as_bytes()))
    };
    match ring.authenticate(&credentials) {
        Ok(caller) => assert!(sent(SECRETS[caller.index]), "{} came in without its key", caller.name),
        Err(fault) => {
            let told = format!("{fault:?}");
            assert!(!SECRETS.iter().any(|secret| told.contains(secret)), "{told}");
            let alone = |name: &str| fields.len() == 1 && fields[0].0 == name;
            let whole = |value: &[u8]| SECRETS.iter().any(|secret| value == secret.as_bytes());
            assert!(!(alone("x-api-key") && whole(fields[0].1)), "a good key was refused: {told}");
        }
    }
}
