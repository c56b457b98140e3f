//! Virtual keys: who is calling, from any of five header spellings, by full digest.
//
// CONTRACT (judge: no clock, no socket)
// pub struct KeyRing { map digest → Arc<config::VirtualKey> …, open: bool }
// impl KeyRing { pub fn new(keys: &[VirtualKey]) -> Self; pub fn is_open(&self) -> bool (no keys configured);
//   /// `spellings` = the raw header values found (Bearer prefix still on for authorization). Two different keys → Fault InvalidKey.
//   pub fn authenticate(&self, credentials: &Credentials<'_>) -> Result<&Caller, Fault>; }
// pub struct Credentials<'a> { pub authorization: Option<&'a [u8]>, pub x_api_key: Option<&'a [u8]>, pub x_goog_api_key: .., pub api_key: .., pub x_ringgate_key: .. }
// pub struct Caller { pub key: VirtualKey, pub limiter: Arc<limits::…> NO: limits are looked up by `index` } → Caller { pub index: usize, pub name: Arc<str>, pub scope: Arc<str>, pub models: Vec<Pattern>, pub requests_per_minute: Option<u32>, pub trusted: bool }
//   open gateways use one Caller named "open".
// impl Caller { pub fn may_use(&self, model: &str) -> bool }
// pub fn generate(random: &[u8; 32]) -> NewKey { pub secret: String, pub hash: String }   // secret "rg-" + base62/base64url of 32 bytes + checksum; hash "sha256:" + hex
// pub fn digest(secret: &[u8]) -> [u8; 32];       // SHA-256("ringgate virtual key v1\0" || secret), ring
// pub fn parse_hash(text: &str) -> Option<[u8; 32]>;
// authenticate ≤ 1 µs: one SHA-256 of ~60 bytes and one lookup with an identity hasher; compare with subtle.
