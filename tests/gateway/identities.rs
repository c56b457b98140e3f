//! Providers of clouds, to which the gateway says who it is with credentials that somebody gives it for a
//! while: where they come from, that they are renewed, what happens while there are none, and that nobody
//! ever sees one.

use crate::caller::Answer;
use crate::caller::body;
use crate::caller::get;
use crate::caller::post;
use crate::on_both_drivers;
use crate::other_formats::ACCESS_KEY_ID;
use crate::other_formats::ASKED;
use crate::other_formats::MODEL;
use crate::other_formats::assert_signed;
use crate::other_formats::assert_signed_with;
use crate::other_formats::whole_converse;
use crate::process::Driver;
use crate::process::Gateway;
use crate::process::PROVIDER_SECRET;
use crate::process::Setup;
use crate::process::until;
use crate::provider::Provider;
use crate::provider::Seen;
use crate::provider::answer;
use crate::provider::echo;
use crate::provider::json_answer;
use crate::tls;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::KeyPair;
use ring::signature::RSA_PKCS1_2048_8192_SHA256;
use ring::signature::RsaKeyPair;
use ring::signature::UnparsedPublicKey;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

on_both_drivers! {
    a_service_accounts_token_is_renewed_before_it_expires,
    a_refused_token_is_renewed_at_once_and_serves_on_if_that_fails,
    without_a_credential_the_next_target_is_asked,
    an_expired_token_is_not_sent,
    the_metadata_server_is_asked_as_it_wants,
    what_only_looks_like_the_metadata_server_gives_nothing,
    an_instance_has_its_keys_in_a_session,
    a_pods_token_becomes_keys_and_these_a_role,
    a_containers_agent_is_shown_its_token,
    a_reload_keeps_what_there_is_and_follows_what_changed,
}

const KEY: &str = include_str!("fixtures/service_account_key.pem");
const EMAIL: &str = "robot@p.iam.gserviceaccount.com";
/// A piece of every credential that is given here.
const MARK: &str = "canary-credential";
const WHOLE: &str = r#"{"candidates":[{"content":{"parts":[{"text":"fine"}],"role":"model"},"finishReason":"STOP"}],"modelVersion":"m","responseId":"r"}"#;
/// Within the life of a test this never comes.
const LONG_S: u64 = 3_600;

/// Google's token server: each token is another. Answers 500 while it `fails`.
fn token_server(lasts_s: u64, fails: Arc<AtomicBool>) -> Provider {
    let given = AtomicUsize::new(0);
    Provider::start_at_any_path(move |_, peer| {
        if fails.load(Ordering::SeqCst) {
            return peer.send(json_answer(500, &format!(r#"{{"error":"internal","error_description":"{MARK}"}}"#)));
        }
        let number = given.fetch_add(1, Ordering::SeqCst) + 1;
        let token = format!("{MARK}-{number}");
        peer.send(json_answer(200, &json!({"access_token": token, "expires_in": lasts_s}).to_string()));
    })
}

/// Vertex, which refuses the tokens that `refuses` says.
fn vertex(refuses: impl Fn(usize) -> bool + Send + Sync + 'static) -> Provider {
    Provider::start(move |seen, peer| {
        let refused = refuses(number(seen));
        let quoted = seen.field("authorization").unwrap_or_default();
        let fault = json!({"error": {"code": 401, "message": format!("no to {quoted}"), "status": "UNAUTHENTICATED"}});
        peer.send(if refused { json_answer(401, &fault.to_string()) } else { json_answer(200, WHOLE) });
    })
}

/// Which of the tokens a request carries.
#[track_caller]
fn number(seen: &Seen) -> usize {
    let field = seen.field("authorization").unwrap_or_else(|| panic!("no credential: {:?}", seen.fields()));
    let number = field.strip_prefix(&format!("Bearer {MARK}-")).and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("{field:?} is no token of ours"))
}

/// A folder with a service account's key for `issuer`.
fn key_file(issuer: &Provider) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = json!({
        "type": "service_account", "private_key_id": "key-1", "private_key": KEY, "client_email": EMAIL,
        "token_uri": format!("http://{}/token", issuer.address),
    });
    std::fs::write(folder.path().join("key.json"), file.to_string()).expect("it can be written");
    folder
}

/// `[[providers]]` for Vertex at `provider`, with `google` as written.
fn table(name: &str, provider: &Provider, google: &str) -> String {
    let url = format!("http://{}/v1/projects/p/locations/l/publishers/google", provider.address);
    format!("[[providers]]\nname = \"{name}\"\nkind = \"vertex\"\nbase_url = \"{url}\"\ngoogle = {{ {google} }}\n\n")
}

fn from_file(folder: &tempfile::TempDir) -> String {
    format!("credentials = \"file:{}\"", folder.path().join("key.json").display())
}

const UNCACHED: &str = "cache = { exact = false }";

fn ask(gateway: &Gateway) -> Answer {
    let told = gateway.ask(&post("", &body("m", "x")));
    assert!(!told.text().contains(MARK), "a credential is told: {}", told.text());
    told
}

/// Nobody who runs the gateway is shown a credential either.
#[track_caller]
fn assert_nothing_is_shown(gateway: &Gateway) {
    for told in [gateway.stderr.text(), gateway.admin("/metrics").text(), gateway.admin("/readyz").text()] {
        assert!(!told.contains(MARK) && !told.contains("PRIVATE KEY"), "{told}");
    }
}

fn renewals(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric("ringgate_credential_renewals_total", &[&format!("outcome=\"{outcome}\"")])
}

fn a_service_accounts_token_is_renewed_before_it_expires(driver: Driver) {
    let (issuer, vertex) = (token_server(4, Arc::default()), vertex(|_| false));
    let folder = key_file(&issuer);
    let setup = Setup::new(driver).tables(&table("vertex", &vertex, &from_file(&folder)));
    let gateway = setup.route("*", "\"vertex\"", UNCACHED).start();
    assert_eq!(gateway.admin("/readyz").text().lines().last(), Some("credential of vertex: valid"));
    let told = ask(&gateway);
    assert_eq!((told.status, told.content().as_str()), (200, "fine"), "the first request finds a token");
    until("a renewed token is sent", || {
        ask(&gateway);
        vertex.seen().last().is_some_and(|seen| number(seen) >= 3)
    });
    assert!(renewals(&gateway, "ok") >= 3.0 && renewals(&gateway, "failed") == 0.0);
    assert!(gateway.metric("ringgate_credential_expiry_seconds", &["provider=\"vertex\""]) > 1.7e9);
    gateway.stderr.wait_for("a credential was fetched provider=vertex", "");
    assert_nothing_is_shown(&gateway);
    assert_word_of_the_account(&issuer.seen()[0], &format!("http://{}/token", issuer.address));
}

/// Is what the token server was told signed by the account? Worked out from what arrived.
#[track_caller]
fn assert_word_of_the_account(seen: &Seen, audience: &str) {
    assert_eq!(seen.line(), "POST /token");
    assert_eq!(seen.field("content-type").as_deref(), Some("application/x-www-form-urlencoded"));
    let text = seen.text();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let word = text.strip_prefix(grant).unwrap_or_else(|| panic!("{text}"));
    let (signed, signature) = word.rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let parsed = |part: &str| serde_json::from_slice::<Value>(&decoded(part)).expect("JSON");
    assert_eq!(parsed(header), json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    let claims = parsed(claims);
    assert_eq!((&claims["iss"], &claims["aud"]), (&EMAIL.into(), &audience.into()));
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/cloud-platform");
    assert_eq!(claims["exp"].as_u64().expect("a number") - claims["iat"].as_u64().expect("a number"), 3_600);
    let der = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).expect("PEM");
    let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    assert!(public.verify(signed.as_bytes(), &decoded(signature)).is_ok(), "{word}");
}

fn a_refused_token_is_renewed_at_once_and_serves_on_if_that_fails(driver: Driver) {
    let (fails, refuses) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let is_refused = Arc::clone(&refuses);
    let issuer = token_server(LONG_S, Arc::clone(&fails));
    let vertex = vertex(move |number| number == 1 && is_refused.load(Ordering::SeqCst));
    let folder = key_file(&issuer);
    let setup = Setup::new(driver).tables(&table("vertex", &vertex, &from_file(&folder)));
    let gateway = setup.route("*", "\"vertex\"", UNCACHED).start();
    assert_eq!(ask(&gateway).status, 200);

    fails.store(true, Ordering::SeqCst);
    refuses.store(true, Ordering::SeqCst);
    let told = ask(&gateway);
    assert_eq!(told.status, 502, "{}", told.text());
    assert!(told.text().contains("must check google"), "{}", told.text());
    gateway.stderr.wait_for("a credential cannot be renewed; the last one serves on provider=vertex", "");
    refuses.store(false, Ordering::SeqCst);
    assert_eq!(ask(&gateway).status, 200, "the last token is still good");
    assert_eq!(vertex.seen().iter().map(number).collect::<Vec<_>>(), [1, 1, 1]);
    assert!(renewals(&gateway, "failed") >= 1.0);

    refuses.store(true, Ordering::SeqCst);
    fails.store(false, Ordering::SeqCst);
    until("the next attempt brings another token", || ask(&gateway).status == 200);
    assert_eq!(vertex.seen().last().map(number), Some(2));
    let said = gateway.stderr.text();
    assert!(said.contains("internal: ") && !said.contains("assertion"), "the issuer's reason is told: {said}");
    // What an issuer says is quoted; what it was sent and what it gave is not.
    assert!(!said.contains(&format!("{MARK}-1")), "{said}");
}

fn without_a_credential_the_next_target_is_asked(driver: Driver) {
    let fails = Arc::new(AtomicBool::new(true));
    let (issuer, vertex, next) = (token_server(LONG_S, Arc::clone(&fails)), vertex(|_| false), Provider::start(echo));
    let folder = key_file(&issuer);
    let setup = Setup::new(driver).tables(&table("vertex", &vertex, &from_file(&folder)));
    let setup = setup.provider("next", &next, "");
    let setup = setup.route("alone", "\"vertex\"", UNCACHED).route("*", "\"vertex\", \"next\"", UNCACHED);
    let gateway = setup.start();
    gateway.stderr.wait_for("a credential cannot be fetched; its provider cannot be asked provider=vertex", "");
    assert_eq!(gateway.admin("/readyz").text().lines().last(), Some("credential of vertex: missing"));
    let told = gateway.ask(&post("", &body("alone", "x")));
    let fault = told.fault();
    assert_eq!((told.status, fault.code.as_str()), (503, "overloaded"), "{fault:?}");
    assert!(fault.message.contains("no valid credential for the provider `vertex`"), "{fault:?}");
    assert!(told.field("retry-after").is_some());
    let told = ask(&gateway);
    assert_eq!((told.status, told.content().as_str()), (200, "echo x"));
    assert_eq!(told.field("x-ringgate-fallback"), Some("unreachable"));
    assert_eq!(vertex.count(), 0, "it is not asked by nobody");
    fails.store(false, Ordering::SeqCst);
    until("the token comes after all", || gateway.ask(&post("", &body("alone", "x"))).status == 200);
    assert_eq!(gateway.admin("/readyz").text().lines().last(), Some("credential of vertex: valid"));
}

fn an_expired_token_is_not_sent(driver: Driver) {
    let fails = Arc::new(AtomicBool::new(false));
    let (issuer, vertex) = (token_server(2, Arc::clone(&fails)), vertex(|_| false));
    let folder = key_file(&issuer);
    let setup = Setup::new(driver).tables(&table("vertex", &vertex, &from_file(&folder)));
    let gateway = setup.route("*", "\"vertex\"", UNCACHED).start();
    fails.store(true, Ordering::SeqCst);
    until("the token has expired", || ask(&gateway).status == 503);
    let asked = vertex.count();
    assert_eq!(ask(&gateway).status, 503);
    assert_eq!(vertex.count(), asked);
    fails.store(false, Ordering::SeqCst);
    until("there is another one", || ask(&gateway).status == 200);
    assert_nothing_is_shown_but_reasons(&gateway);
}

/// The issuer of these tests puts the mark into its reasons, but not a whole credential.
#[track_caller]
fn assert_nothing_is_shown_but_reasons(gateway: &Gateway) {
    for told in [gateway.stderr.text(), gateway.admin("/metrics").text()] {
        assert!(!told.contains(&format!("{MARK}-")), "{told}");
    }
}

/// Google's metadata server; `flavor` is the line by which it is known.
fn metadata_server(flavor: &'static str) -> Provider {
    Provider::start_at_any_path(move |seen, peer| {
        let is_asked_well = seen.field("metadata-flavor").as_deref() == Some("Google");
        let wanted = "GET /computeMetadata/v1/instance/service-accounts/default/token";
        if !is_asked_well || seen.line() != wanted {
            return peer.send(answer(403, "text/html", "", "no"));
        }
        let token = json!({"access_token": format!("{MARK}-1"), "expires_in": LONG_S, "token_type": "Bearer"});
        peer.send(answer(200, "application/json", flavor, &token.to_string()));
    })
}

fn the_metadata_server_is_asked_as_it_wants(driver: Driver) {
    let server = metadata_server("metadata-flavor: Google\r\n");
    let list = answer(200, "application/json", "", r#"{"object":"list","data":[]}"#);
    let provider = Provider::start_at_any_path(move |seen, peer| match seen.line().starts_with("GET") {
        true => peer.send(&list),
        false => echo(seen, peer),
    });
    // Vertex speaks other dialects, too; calls that pass unread carry the token as well.
    let table = format!(
        "[[providers]]\nname = \"p\"\nkind = \"openai\"\nbase_url = \"http://{}/v1/endpoints/openapi\"\n\
         google = {{ credentials = \"metadata\" }}\n\n",
        provider.address
    );
    let setup = Setup::new(driver).tables(&table).route("*", "\"p\"", UNCACHED);
    let gateway = setup.variable("GCE_METADATA_HOST", server.address.to_string()).start();
    assert_eq!(ask(&gateway).content(), "echo x");
    assert_eq!(gateway.ask(&get("/v1/files", "")).status, 200);
    let seen = provider.seen();
    assert_eq!(seen.iter().map(number).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(seen[1].line(), "GET /v1/endpoints/openapi/files");
    assert_eq!(server.count(), 1);
    assert_nothing_is_shown(&gateway);
}

fn what_only_looks_like_the_metadata_server_gives_nothing(driver: Driver) {
    let (server, vertex) = (metadata_server(""), vertex(|_| false));
    let setup = Setup::new(driver).tables(&table("vertex", &vertex, "credentials = \"metadata\""));
    let setup = setup.route("*", "\"vertex\"", UNCACHED);
    let gateway = setup.variable("GCE_METADATA_HOST", server.address.to_string()).start();
    gateway.stderr.wait_for("it lacks `Metadata-Flavor: Google`", "");
    assert_eq!(ask(&gateway).status, 503);
    assert_eq!(vertex.count(), 0);
    assert_nothing_is_shown(&gateway);
}

/// `[[providers]]` for Bedrock at `provider`.
fn bedrock(provider: &Provider, aws: &str, lines: &str) -> String {
    let url = format!("http://{}", provider.address);
    format!(
        "[[providers]]\nname = \"bedrock\"\nbase_url = \"{url}\"\n{lines}\n[providers.aws]\nregion = \"eu-central-1\"\n\
         {aws}\n\n"
    )
}

/// The keys that a signature is worked out with, as AWS's agents give them.
fn keys_in_json(token: &str) -> String {
    let keys = json!({
        "Code": "Success", "AccessKeyId": ACCESS_KEY_ID, "SecretAccessKey": PROVIDER_SECRET, "Token": token,
        "Expiration": "2090-01-01T00:00:00Z",
    });
    keys.to_string()
}

/// The same as STS gives them.
fn keys_in_xml(id: &str, secret: &str, token: &str) -> String {
    let keys = format!(
        "<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>2090-01-01T00:00:00Z</Expiration>"
    );
    let xml = format!("<R><Result><Credentials>{keys}</Credentials></Result></R>");
    answer(200, "text/xml", "", &xml)
}

/// Asks Bedrock and checks the signature and its session token.
#[track_caller]
fn assert_asked_with(gateway: &Gateway, provider: &Provider, token: &str) {
    let told = gateway.ask(&post("", ASKED));
    assert_eq!((told.status, told.content().as_str()), (200, "It is sunny."), "{}", told.text());
    let seen = provider.only();
    assert_signed(&seen);
    assert_eq!(seen.field("x-amz-security-token").as_deref(), Some(token));
    assert_nothing_is_shown(gateway);
}

fn an_instance_has_its_keys_in_a_session(driver: Driver) {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let token = format!("{MARK}/session==");
    let given = token.clone();
    let service = Provider::start_at_any_path(move |seen, peer| {
        let (line, session) = (seen.line(), seen.field("x-aws-ec2-metadata-token"));
        let is_known = session.as_deref() == Some(&format!("{MARK}-imds"));
        peer.send(match line.split_once(' ').expect("a method") {
            ("PUT", "/latest/api/token") if seen.field("x-aws-ec2-metadata-token-ttl-seconds").is_some() => {
                answer(200, "text/plain", "", &format!("{MARK}-imds"))
            }
            ("GET", ROLES) if is_known => answer(200, "text/plain", "", "ringgate-role\n"),
            ("GET", path) if is_known && path == format!("{ROLES}ringgate-role") => {
                answer(200, "application/json", "", &keys_in_json(&given))
            }
            _ => answer(401, "text/plain", "", "no"),
        });
    });
    let provider = Provider::start(|_, peer| whole_converse(peer));
    let setup = Setup::new(driver).tables(&bedrock(&provider, "credentials = \"instance\"", ""));
    let setup = setup.route("claude", &format!("\"bedrock/{MODEL}\""), UNCACHED);
    let url = format!("http://{}", service.address);
    let gateway = setup.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", url).start();
    assert_asked_with(&gateway, &provider, &token);
    assert_eq!(service.count(), 3, "session, role, keys");
}

/// STS: gives keys for a pod's token, and those of a role with `token` to whoever signs with the former.
fn sts(seen: &Seen, token: &str) -> String {
    let text = seen.text();
    let form: HashMap<&str, &str> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
    match (form["Action"], form["RoleArn"]) {
        ("AssumeRoleWithWebIdentity", "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fpod") => {
            assert_eq!((form["WebIdentityToken"], form["RoleSessionName"]), ("canary-credential.jwt", "my-pod"));
            keys_in_xml("ASIAPOD", &format!("{MARK}-secret"), &format!("{MARK}/pod=="))
        }
        ("AssumeRole", "arn%3Aaws%3Aiam%3A%3A2%3Arole%2Fother") => {
            assert_signed_with(seen, "sts", "ASIAPOD", &format!("{MARK}-secret"));
            assert_eq!(seen.field("x-amz-security-token").as_deref(), Some("canary-credential/pod=="));
            keys_in_xml(ACCESS_KEY_ID, PROVIDER_SECRET, token)
        }
        _ => answer(403, "text/xml", "", "<E><Code>AccessDenied</Code></E>"),
    }
}

fn a_pods_token_becomes_keys_and_these_a_role(driver: Driver) {
    let token = format!("{MARK}/role==");
    let given = token.clone();
    let authority = tls::authority("company");
    let (_roots, roots) = tls::trusting(&authority);
    let certified = tls::server(Some(&authority), tls::NAME, 2020..2090);
    let sts = Provider::start_tls_at_any_path(certified, move |seen, peer| peer.send(sts(seen, &given)));
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file: PathBuf = folder.path().join("token");
    std::fs::write(&file, format!("{MARK}.jwt\n")).expect("it can be written");
    let provider = Provider::start(|_, peer| whole_converse(peer));
    let aws = "credentials = \"default\"\nassume_role = \"arn:aws:iam::2:role/other\"";
    let setup = Setup::new(driver).tables(&bedrock(&provider, aws, &roots));
    let setup = setup.route("claude", &format!("\"bedrock/{MODEL}\""), UNCACHED);
    let setup = setup.variable("AWS_ENDPOINT_URL_STS", format!("https://{}", sts.address));
    let setup = setup.variable("AWS_WEB_IDENTITY_TOKEN_FILE", file.display().to_string());
    let setup = setup.variable("AWS_ROLE_ARN", "arn:aws:iam::1:role/pod").variable("AWS_ROLE_SESSION_NAME", "my-pod");
    let gateway = setup.start();
    assert_asked_with(&gateway, &provider, &token);
    assert_eq!(sts.count(), 2);
}

fn a_containers_agent_is_shown_its_token(driver: Driver) {
    let token = format!("{MARK}/container==");
    let given = token.clone();
    let agent = Provider::start_at_any_path(move |seen, peer| {
        let is_known = seen.field("authorization").as_deref() == Some(&format!("{MARK}-agent"));
        let (status, keys) = if is_known { (200, keys_in_json(&given)) } else { (403, "{}".to_owned()) };
        peer.send(json_answer(status, &keys));
    });
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file: PathBuf = folder.path().join("token");
    std::fs::write(&file, format!("{MARK}-agent")).expect("it can be written");
    let provider = Provider::start(|_, peer| whole_converse(peer));
    let setup = Setup::new(driver).tables(&bedrock(&provider, "credentials = \"container\"", ""));
    let setup = setup.route("claude", &format!("\"bedrock/{MODEL}\""), UNCACHED);
    let url = format!("http://{}/v1/credentials", agent.address);
    let setup = setup.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    let setup = setup.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string());
    let gateway = setup.start();
    assert_asked_with(&gateway, &provider, &token);
    assert_eq!(agent.only().line(), "GET /v1/credentials");
}

fn a_reload_keeps_what_there_is_and_follows_what_changed(driver: Driver) {
    let (issuer, vertex) = (token_server(LONG_S, Arc::default()), vertex(|_| false));
    let folder = key_file(&issuer);
    let table = |name: &str| table(name, &vertex, &from_file(&folder));
    let setup = |tables: &str, target: &str| Setup::new(driver).tables(tables).route("*", target, UNCACHED);
    let gateway = setup(&table("one"), "\"one\"").start();
    assert_eq!(ask(&gateway).status, 200);
    let reloaded = |count: f64| {
        until("the reload is done", || gateway.metric("ringgate_config_reloads_total", &["applied"]) == count);
    };

    gateway.reload(&setup(&format!("{}{}", table("one"), table("two")), "\"two\"").text());
    reloaded(1.0);
    assert_eq!(ask(&gateway).status, 200, "a new identity has its token when requests come");
    assert_eq!(issuer.count(), 2, "and the other one kept its own");
    let expiry = |name: &str| gateway.metric("ringgate_credential_expiry_seconds", &[name]);
    assert!(expiry("one") > 0.0 && expiry("two") > 0.0);

    gateway.reload(&setup(&table("one"), "\"one\"").text());
    reloaded(2.0);
    assert_eq!(ask(&gateway).status, 200);
    assert_eq!(issuer.count(), 2, "nothing is fetched that is there");
    assert_eq!(vertex.seen().iter().map(number).collect::<Vec<_>>(), [1, 2, 1]);
    assert!(expiry("one") > 0.0 && !gateway.admin("/metrics").text().contains("provider=\"two\"} 0"));
    assert_eq!(expiry("two"), 0.0, "who is no longer asked is no longer shown");
    assert_nothing_is_shown(&gateway);
}
