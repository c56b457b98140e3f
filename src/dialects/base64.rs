//! Base64, standard and URL-safe. Media pass through as text; only a document that another dialect wants
//! as plain text, and signatures that must look like bytes to an SDK, are ever opened.

use ::base64::Engine;
use ::base64::alphabet::STANDARD;
use ::base64::engine::DecodePaddingMode;
use ::base64::engine::GeneralPurpose;
use ::base64::engine::GeneralPurposeConfig;

/// Padding is as people please, and so are the bits that no byte needs.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads either alphabet, with or without padding.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.replace('-', "+").replace('_', "/")).ok()
}

/// The same text in the standard alphabet, padded, which is the only one that most providers read.
pub(super) fn standard(text: &str) -> String {
    let mut standard = text.replace('-', "+").replace('_', "/");
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    standard
}

/// Standard alphabet, padded.
pub(super) fn encode(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (text, wanted) in [("", &b""[..]), ("Zg==", b"f"), ("Zm8=", b"fo"), ("Zm9v", b"foo"), ("+/8=", b"\xfb\xff")]
        {
            assert_eq!(decode(text).as_deref(), Some(wanted));
            assert_eq!(encode(wanted), text);
        }
        assert_eq!(decode("Zm8").as_deref(), Some(&b"fo"[..]));
        assert_eq!(decode("-_8").as_deref(), Some(&b"\xfb\xff"[..]));
        assert_eq!(decode("Zm 9v"), None);
        for (text, wanted) in [("-_8", "+/8="), ("Zm9v", "Zm9v"), ("Zg==", "Zg==")] {
            assert_eq!(standard(text), wanted);
        }
    }
}
