//! Azure's older API on both sides: resources that are asked at the addresses of their deployments, and callers
//! whose clients ask so.

use crate::caller::get;
use crate::caller::post;
use crate::caller::post_to;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::process::key;
use crate::process::run;
use crate::provider::Provider;
use crate::provider::completion;
use crate::provider::json_answer;

on_both_drivers! {
    a_resource_is_asked_for_each_deployment_at_its_address,
    clients_of_azure_name_a_deployment_and_mean_a_model,
}

const QUERY: &str = "api-version=2024-10-21";

/// A resource that says yes to everything.
fn resource() -> Provider {
    Provider::start_at_any_path(|seen, peer| {
        let list = r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5]}],"model":"e","usage":{"prompt_tokens":1,"total_tokens":1}}"#;
        let is_vector = seen.line().contains("/embeddings");
        let chat = completion("fine");
        peer.send(json_answer(200, if is_vector { list } else { &chat }));
    })
}

fn start(driver: Driver, provider: &Provider) -> Gateway {
    let tables = format!(
        "[[providers]]\nname = \"p\"\nkind = \"azure\"\napi_version = \"2024-10-21\"\nbase_url = \"http://{}\"\n\
         api_key = \"env:CANARY_PROVIDER_KEY\"\n",
        provider.address
    );
    Setup::new(driver).tables(&tables).route("alias", "\"p/gpt-prod\"", "").route("*", "\"p\"", "").start()
}

fn a_resource_is_asked_for_each_deployment_at_its_address(driver: Driver) {
    let provider = resource();
    let gateway = start(driver, &provider);
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    for (path, body, wanted) in [
        ("/v1/chat/completions", format!(r#"{{"model":"gpt",{messages}}}"#), "/deployments/gpt/chat/completions"),
        (
            "/v1/chat/completions",
            format!(r#"{{"model":"p/a b/c",{messages}}}"#),
            "/deployments/a%20b%2Fc/chat/completions",
        ),
        (
            "/v1/chat/completions",
            format!(r#"{{"model":"alias",{messages}}}"#),
            "/deployments/gpt-prod/chat/completions",
        ),
        (
            "/v1/messages",
            format!(r#"{{"model":"gpt","max_tokens":9,{messages}}}"#),
            "/deployments/gpt/chat/completions",
        ),
        ("/v1/responses", r#"{"model":"gpt","input":"x"}"#.to_owned(), "/deployments/gpt/chat/completions"),
        ("/v1/embeddings", r#"{"model":"ada","input":"x"}"#.to_owned(), "/deployments/ada/embeddings"),
        (
            "/v1/images/generations",
            r#"{"model":"dall-e","prompt":"x"}"#.to_owned(),
            "/deployments/dall-e/images/generations",
        ),
    ] {
        let told = gateway.ask(&post_to(path, "", &body));
        assert_eq!(told.status, 200, "{path}: {}", told.text());
        let seen = provider.seen().pop().expect("it arrived");
        assert_eq!(seen.line(), format!("POST /openai{wanted}?{QUERY}"));
        assert_eq!(seen.field("api-key").as_deref(), Some(PROVIDER_SECRET));
    }
    assert_eq!(gateway.ask(&get("/v1/files?limit=2", "")).status, 200);
    assert_eq!(provider.seen().pop().expect("it arrived").line(), format!("GET /openai/files?{QUERY}&limit=2"));
}

fn clients_of_azure_name_a_deployment_and_mean_a_model(driver: Driver) {
    let provider = Provider::start_at_any_path(|seen, peer| {
        assert!(!seen.line().contains("/models"), "the gateway lists them itself");
        peer.send(json_answer(200, &completion("fine")));
    });
    let gateway = Setup::new(driver)
        .provider("p", &provider, "models = [\"gpt\"]")
        .key("narrow", &key(1), "models = [\"gpt\"]")
        .route("*", "\"p\"", "cache = { exact = false }")
        .start();
    let lines = format!("api-key: {}\r\n", key(1).secret);
    let ask = |path: &str, body: &str| gateway.ask(&post_to(path, &lines, body));
    let chat = format!("/openai/deployments/gpt/chat/completions?{QUERY}");
    for (body, wanted) in [
        (
            r#"{"messages":[{"role":"user","content":"x"}],"seed":1.50}"#,
            r#"{"model":"gpt","messages":[{"role":"user","content":"x"}],"seed":1.50}"#,
        ),
        (
            r#"{ "messages":[{"role":"user","content":"x"}], "model":"another" }"#,
            r#"{ "messages":[{"role":"user","content":"x"}], "model":"gpt" }"#,
        ),
    ] {
        let told = ask(&chat, body);
        assert_eq!((told.status, told.content().as_str()), (200, "fine"), "{}", told.text());
        let seen = provider.seen().pop().expect("it arrived");
        assert_eq!((seen.line().as_str(), seen.text().as_str()), ("POST /v1/chat/completions", wanted));
        assert_eq!(seen.field("api-key"), None, "the gateway's key stays here");
    }
    // The deployment is the model that is judged, whatever the body says.
    let told = ask(
        &format!("/openai/deployments/claude/chat/completions?{QUERY}"),
        r#"{"model":"gpt","messages":[{"role":"user","content":"x"}]}"#,
    );
    assert_eq!((told.status, told.fault().code.as_str()), (403, "model_not_allowed"));
    let told = ask(&chat, "{");
    assert_eq!((told.status, told.fault().kind.as_str()), (400, "invalid_request_error"), "{}", told.text());
    assert_eq!(gateway.ask(&post(&format!("api-key: {}x\r\n", key(1).secret), "{}")).status, 401);

    let form = "--b0\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nanother\r\n--b0--\r\n";
    let head = format!(
        "POST /openai/deployments/gpt/audio/transcriptions?{QUERY} HTTP/1.1\r\nhost: h\r\n{lines}content-type: multipart/form-data; \
         boundary=b0\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    assert_eq!(gateway.ask(head.as_bytes()).status, 200);
    let seen = provider.seen().pop().expect("it arrived");
    assert_eq!(seen.line(), "POST /v1/audio/transcriptions", "its version is the gateway's business");
    assert_eq!(seen.text(), form.replace("another", "gpt"));
    let models = gateway.ask(&get(&format!("/openai/models?{QUERY}"), &lines)).json();
    assert_eq!(models["data"][0]["id"], "gpt", "{models}");
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    for (lines, wanted) in [
        (
            "kind = \"azure\"\nbase_url = \"https://r.openai.azure.com/openai/v1\"\napi_version = \"2024-10-21\"",
            "without a path",
        ),
        ("kind = \"azure\"\nbase_url = \"https://r.openai.azure.com\"\napi_version = \"2024&x=1\"", "2024-10-21"),
        ("kind = \"anthropic\"\napi_version = \"2024-10-21\"", "openai_chat"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("ringgate.toml");
        let text = format!("[[providers]]\nname = \"p\"\n{lines}\n[[routes]]\nmodel = \"*\"\ntargets = [\"p\"]\n");
        std::fs::write(&path, text).expect("the configuration is written");
        let told = run(&["check", "--config", &path.display().to_string()], &[]);
        let words = String::from_utf8_lossy(&[told.stdout, told.stderr].concat()).into_owned();
        assert!(!told.status.success() && words.contains("api_version") && words.contains(wanted), "{words}");
    }
}
