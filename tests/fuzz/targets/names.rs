//! Names of models in paths: what is encoded reads back, and nothing that is decoded was not there.

use ringgate::chat::Request;
use ringgate::dialects;
use ringgate::dialects::TargetOptions;
use ringgate::wire::percent;

/// A name encoded is one piece of a path and decodes to itself; decoding is for what was encoded only; no
/// model's name can add anything to the path it stands in.
pub fn check(bytes: &[u8]) {
    let Ok(name) = std::str::from_utf8(bytes) else { return };
    let mut encoded = Vec::new();
    percent::encode(bytes, b"", &mut encoded);
    let encoded = String::from_utf8(encoded).expect("encoded text is ASCII");
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{encoded}");
    assert_eq!(percent::decode(&encoded), name);
    let decoded = percent::decode(name);
    assert!(decoded.len() <= name.len());
    assert!(name.contains('%') || decoded == name);
    for dialect in dialects::of_providers() {
        let (path, plain) = (dialect.path(name, true), dialect.path("m", true));
        let pieces = |path: &str| path.split(['/', '?', '&']).count();
        assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{}: {path}", dialect.name());
        assert_eq!(pieces(&path), pieces(&plain), "{}: {path}", dialect.name());
        if path.split('/').any(|piece| matches!(piece, "." | "..")) {
            let refused = dialect.write_request(&Request::default(), name, TargetOptions::default(), &mut Vec::new());
            assert!(refused.is_err_and(|fault| fault.param.as_deref() == Some("model")), "{}: {path}", dialect.name());
        }
    }
}
