//! The four chat bodies that all benches of request handling share: what a JSON parser costs depends
//! on how much of a body is plain text, how much is structure and how much is escapes.

use ringgate::wire::json::write_string;

const SENTENCE: &str = "Explain why the list below is read twice, and what changes when it is read once. ";
const CODE: &str = "fn main() {\n\tprintln!(\"{:?}\", \"a\\\\b\");\n}\n";

/// Name and bytes of each shape, in the OpenAI dialect.
pub(crate) fn shapes() -> [(&'static str, Vec<u8>); 4] {
    [
        ("1_kb", body(&[text(SENTENCE, 850)])),
        ("20_kb_one_message", body(&[text(SENTENCE, 20_000)])),
        ("20_kb_20_turns", body(&vec![text(SENTENCE, 980); 20])),
        ("22_kb_escapes", body(&[text(CODE, 16_500)])),
    ]
}

fn body(messages: &[String]) -> Vec<u8> {
    let mut out = br#"{"model":"gpt-4o-mini","temperature":0.2,"max_tokens":256,"stream":false,"messages":["#.to_vec();
    out.extend_from_slice(br#"{"role":"system","content":"You are a helpful assistant."}"#);
    for (turn, text) in messages.iter().enumerate() {
        let from_user = turn % 2 == (messages.len() - 1) % 2;
        out.extend_from_slice(if from_user {
            br#",{"role":"user","content":"#
        } else {
            br#",{"role":"assistant","content":"#
        });
        write_string(text, &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

fn text(piece: &str, bytes: usize) -> String {
    piece.repeat(bytes / piece.len() + 1)[..bytes].to_owned()
}
