//! Providers behind TLS: who cannot be trusted is told by the kind of distrust, and gets nothing.

use crate::caller::body;
use crate::caller::post;
use crate::caller::stream_body;
use crate::on_both_drivers;
use crate::process::Driver;
use crate::process::Setup;
use crate::provider::Provider;
use crate::provider::echo;
use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::sync::Arc;

on_both_drivers! {
    a_trusted_provider_is_asked_over_one_connection,
    distrust_is_told_by_its_kind,
}

pub const NAME: &str = "127.0.0.1";

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

pub fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("the system has randomness");
    let pem = params.self_signed(&key).expect("a sound request").pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

/// A server's settings with a certificate of `authority` (of its own making without one) for `name`.
pub fn server(authority: Option<&Authority>, name: &str, years: std::ops::Range<i32>) -> Arc<ServerConfig> {
    server_of(rustls::DEFAULT_VERSIONS, authority, name, years)
}

fn server_of(
    versions: &[&'static rustls::SupportedProtocolVersion],
    authority: Option<&Authority>,
    name: &str,
    years: std::ops::Range<i32>,
) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a sound name");
    params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
    let key = KeyPair::generate().expect("the system has randomness");
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, &authority.issuer),
        None => params.self_signed(&key),
    };
    let certificate = certificate.expect("a sound request");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a sound key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("the provider supports them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    Arc::new(config.expect("the key fits"))
}

/// A file with `authority`, and the lines that make a provider trust it and nobody else.
pub fn trusting(authority: &Authority) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &authority.pem).expect("it can be written");
    let lines = format!("roots = \"file:{}\"\ntls_timeout_ms = 500", file.path().display());
    (file, lines)
}

fn a_trusted_provider_is_asked_over_one_connection(driver: Driver) {
    let authority = authority("good");
    let (_file, lines) = trusting(&authority);
    for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12][..]] {
        let provider = Provider::start_tls(server_of(versions, Some(&authority), NAME, 2020..2090), echo);
        let url = format!("https://{}/v1", provider.address);
        let gateway = Setup::new(driver).server("shards = 1").provider_at("p", &url, &lines).start();
        for number in 0..10 {
            let prompt = format!("number {number}");
            let answer = gateway.ask(&post("", &body("m", &prompt)));
            assert_eq!((answer.status, answer.content()), (200, format!("echo {prompt}")));
            let answer = gateway.ask(&post("", &stream_body("m", &prompt)));
            assert!(answer.is_complete_stream() && answer.streamed_content() == format!("echo {prompt}"));
        }
        let large = "x".repeat(300_000);
        assert_eq!(gateway.ask(&post("", &body("m", &large))).content().len(), large.len() + 5, "many records");
        assert_eq!((provider.count(), provider.connections()), (21, 1), "the connection is kept");
    }
}

fn distrust_is_told_by_its_kind(driver: Driver) {
    let (good, other) = (authority("good"), authority("other"));
    let (_file, lines) = trusting(&good);
    let url = |provider: &Provider| format!("https://{}/v1", provider.address);
    let cases = [
        ("expired", server(Some(&good), NAME, 2015..2020), "expired"),
        ("future", server(Some(&good), NAME, 2080..2090), "not valid yet"),
        ("name", server(Some(&good), "other.example", 2020..2090), "name"),
        ("address", server(Some(&good), "127.0.0.2", 2020..2090), "name"),
        ("self", server(None, NAME, 2020..2090), "authority"),
        ("unknown", server(Some(&other), NAME, 2020..2090), "authority"),
    ];
    let providers: Vec<(&str, Provider, &str)> =
        cases.into_iter().map(|(name, config, told)| (name, Provider::start_tls(config, echo), told)).collect();
    // Speaks no TLS, as a plain server does when it meets some.
    let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let plain_at = plain.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
        }
    });
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let silent_at = silent.local_addr().expect("a bound socket has an address");
    let mut setup = Setup::new(driver);
    for (name, provider, _) in &providers {
        setup = setup.provider_at(name, &url(provider), &lines);
    }
    setup = setup.provider_at("plain", &format!("https://{plain_at}/v1"), &lines);
    setup = setup.provider_at("silent", &format!("https://{silent_at}/v1"), &lines);
    let gateway = setup.start();
    for (name, provider, told) in &providers {
        let answer = gateway.ask(&post("", &body(&format!("{name}/m"), "secret prompt")));
        let fault = answer.fault();
        assert_eq!((answer.status, fault.code.as_str()), (502, "upstream_error"), "{name}: {fault:?}");
        assert!(fault.message.contains(told), "{name} should tell of {told:?}: {fault:?}");
        assert!(fault.message.contains(&format!("`{name}`")) && !fault.message.contains("127.0.0"), "{fault:?}");
        assert_eq!(provider.count(), 0, "nothing was said to {name}");
    }
    let answer = gateway.ask(&post("", &body("plain/m", "secret prompt")));
    assert_eq!((answer.status, answer.fault().code.as_str()), (502, "upstream_error"), "{}", answer.text());
    let answer = gateway.ask(&post("", &body("silent/m", "secret prompt")));
    let fault = answer.fault();
    assert_eq!((answer.status, fault.code.as_str()), (504, "timeout"));
    assert!(fault.message.contains("tls_timeout_ms"), "{fault:?}");
    let answer = gateway.ask(&post("", &body("m", "none is told anything")));
    assert_eq!((answer.status, answer.field("x-ringgate-attempts")), (502, Some("5")), "at most five are");
}
