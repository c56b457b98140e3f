//! What an answer costs, in the header, in the log and in the metrics, and `ringgate models`.

use crate::caller::Answer;
use crate::caller::body;
use crate::caller::post;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Setup;
use crate::process::run;
use crate::process::until;
use crate::provider::DONE;
use crate::provider::Provider;
use crate::provider::STREAM_HEAD;
use crate::provider::completion;
use crate::provider::delta;
use crate::provider::finish;
use crate::provider::json_answer;
use serde_json::Value;

on_both_drivers! {
    known_models_are_priced_without_being_told,
    what_a_provider_says_it_cost_comes_first,
    a_price_can_be_changed_while_running,
}

const USAGE: &str = r#""usage":{"prompt_tokens":1000000,"completion_tokens":100000,"total_tokens":1100000,"prompt_tokens_details":{"cached_tokens":400000},"completion_tokens_details":{"reasoning_tokens":60000}}"#;

/// Answers with these numbers.
fn provider(usage: &'static str) -> Provider {
    Provider::start(move |seen, peer| {
        if seen.wants_stream() {
            let last = format!(
                "data: {{\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],{usage}}}\n\n"
            );
            peer.send(STREAM_HEAD);
            peer.chunk(format!("{}{}{last}{DONE}", delta("hi"), finish("stop")));
            return peer.end_chunks();
        }
        let whole = completion("hi");
        let (before, rest) = whole.split_once("\"usage\":").expect("it has some");
        let (_, after) = rest.split_once('}').expect("an object");
        peer.send(json_answer(200, &format!("{before}{usage}{after}")));
    })
}

fn cost(answer: &Answer) -> Option<f64> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.field("x-ringgate-cost-usd").map(|cost| cost.parse().expect("a number"))
}

fn known_models_are_priced_without_being_told(driver: Driver) {
    let provider = provider(USAGE);
    let tables = "[request_log]\npath = \"requests.jsonl\"\n[[prices]]\nprovider = \"p\"\nmodel = \"special\"\n\
                  input_usd_per_mtok = 1\noutput_usd_per_mtok = 10\nreasoning_usd_per_mtok = 20\n";
    let setup = Setup::new(driver).provider("p", &provider, "kind = \"openai\"\n").tables(tables);
    let gateway = setup.provider("address", &provider, "").start();
    let ask = |model: &str| cost(&gateway.ask(&post("", &body(model, "x"))));
    // 600,000 tokens at 2.50, 400,000 read from the provider's cache at 1.25, and 100,000 at 10 out.
    for model in ["gpt-4o", "gpt-4o-2024-11-20", "p/gpt-4o"] {
        let paid = ask(model).expect("a known model");
        assert!((paid - 3.0).abs() < 1e-9, "{model}: {paid}");
    }
    let paid = ask("special").expect("the operator knows it");
    assert!((paid - (1.0 + 0.4 + 1.2)).abs() < 1e-9, "{paid}");
    assert_eq!(ask("gpt-4o-from-the-future"), None, "unknown is not nothing");
    assert_eq!(ask("address/gpt-4o"), None, "of a server that is only an address no price is known");
    let streamed = gateway.ask(&post("", &stream_body("gpt-4o", "x")));
    assert_eq!((streamed.is_complete_stream(), streamed.field("x-ringgate-cost-usd")), (true, None));
    let paid = || gateway.metric("ringgate_cost_usd_total", &["model=\"gpt-4o\""]);
    until("the stream is paid as well", || (paid() - 9.0).abs() < 1e-6);
    until("so are the unknown ones", || gateway.metric("ringgate_unknown_cost_total", &[]) == 2.0);
    let log = || std::fs::read_to_string(gateway.directory().join("requests.jsonl")).unwrap_or_default();
    until("the request log is written", || log().lines().count() == 7);
    let lines: Vec<Value> = log().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let costs: Vec<Option<f64>> = lines.iter().map(|line| line["cost_usd"].as_f64()).collect();
    assert_eq!(costs, [Some(3.0), Some(3.0), Some(3.0), Some(2.6), None, None, Some(3.0)]);
}

fn what_a_provider_says_it_cost_comes_first(driver: Driver) {
    let told = r#""usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cost":0.00183,"is_byok":false}"#;
    let silent = r#""usage":{"prompt_tokens":1000000,"completion_tokens":0,"total_tokens":1000000}"#;
    let price = "[[prices]]\nprovider = \"p\"\nmodel = \"*\"\ninput_usd_per_mtok = 7\noutput_usd_per_mtok = 7\n";
    for (kind, usage, wanted) in
        [("openrouter", told, Some(0.001_83)), ("openrouter", silent, Some(7.0)), ("groq", told, Some(0.000_105))]
    {
        let provider = provider(usage);
        let setup = Setup::new(driver).provider("p", &provider, &format!("kind = \"{kind}\"\n")).tables(price);
        let gateway = setup.start();
        assert_eq!(cost(&gateway.ask(&post("", &body("any/model", "x")))), wanted, "{kind}");
        assert!(gateway.ask(&post("", &stream_body("any/model", "x"))).is_complete_stream());
        let paid = || gateway.metric("ringgate_cost_usd_total", &[]);
        until("both are paid", || wanted.is_some_and(|wanted| (paid() - 2.0 * wanted).abs() < 1e-8));
    }
}

fn a_price_can_be_changed_while_running(driver: Driver) {
    let provider = provider(USAGE);
    let setup = |price: &str| {
        let text = format!("[[prices]]\nprovider = \"p\"\nmodel = \"gpt-4o\"\n{price}\n");
        let setup = Setup::new(driver).provider("p", &provider, "kind = \"openai\"\n");
        if price.is_empty() { setup } else { setup.tables(&text) }
    };
    let gateway = setup("").start();
    assert_eq!(cost(&gateway.ask(&post("", &body("gpt-4o", "x")))), Some(3.0));
    gateway.reload(&setup("input_usd_per_mtok = 1\noutput_usd_per_mtok = 1").text());
    until("the new price counts", || cost(&gateway.ask(&post("", &body("gpt-4o", "x")))) == Some(1.1));
}

#[test]
fn models_that_can_be_reached_are_listed() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("ringgate.toml");
    let text = r#"
[[providers]]
name = "openai"
api_key = "env:OPENAI_API_KEY"
models = ["gpt-4o", "house-model"]
[[providers]]
name = "anthropic"
api_key = "env:OPENAI_API_KEY"
[[providers]]
name = "mine"
dialect = "openai_chat"
base_url = "http://127.0.0.1:1/v1"
[[routes]]
model = "fast"
targets = ["openai/gpt-4o-mini", "mine/llama"]
[[routes]]
model = "claude-opus-4*"
targets = ["anthropic"]
[[routes]]
model = "*"
targets = ["openai", "mine"]
[[prices]]
provider = "openai"
model = "house-model"
input_usd_per_mtok = 0.5
output_usd_per_mtok = 1.5
"#;
    std::fs::write(&path, text).expect("the configuration is written");
    let path = path.display().to_string();
    let secret = [("OPENAI_API_KEY", "a-secret-of-the-operator")];
    let listed = run(&["models", "--config", &path, "--json"], &secret);
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&listed.stdout).expect("JSON");
    let found = |model: &str, provider: &str| {
        let mut rows = rows.iter().filter(|row| row["model"] == model && row["provider"] == provider);
        rows.next()
            .unwrap_or_else(|| panic!("{model} at {provider} in {rows:?}", rows = listed.stdout.escape_ascii()))
            .clone()
    };
    let fast = found("fast", "openai");
    assert_eq!((&fast["provider_model"], &fast["prices"]["input_usd_per_mtok"]), (&"gpt-4o-mini".into(), &0.15.into()));
    assert_eq!((&fast["priced_by"], &fast["context_tokens"]), (&"catalogue".into(), &128_000.into()));
    assert!(fast["capabilities"].as_array().is_some_and(|can| can.contains(&"tools".into())));
    let unknown = found("fast", "mine");
    assert_eq!((&unknown["priced_by"], &unknown["prices"]), (&Value::Null, &Value::Null));
    assert_eq!(found("claude-opus-4-5", "anthropic")["route"], "claude-opus-4*");
    let house = found("house-model", "openai");
    assert_eq!((&house["priced_by"], &house["prices"]["output_usd_per_mtok"]), (&"configuration".into(), &1.5.into()));
    assert_eq!(found("*", "mine")["provider_model"], "*");
    assert!(!rows.iter().any(|row| row["model"] == "claude-haiku-4-5" && row["provider"] == "anthropic"));
    let table = String::from_utf8(run(&["models", "--config", &path], &secret).stdout).expect("text");
    let line = table.lines().find(|line| line.starts_with("fast ")).expect("a row");
    assert!(line.contains("gpt-4o-mini") && line.contains("0.15 c") && line.contains("128000"), "{line}");
    assert!(!table.contains("secret"), "{table}");
    let demo = run(&["models"], &[]);
    assert!(demo.status.success() && String::from_utf8_lossy(&demo.stdout).contains("demo"), "without a file, too");
}
