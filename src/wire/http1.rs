//! HTTP/1.1 heads and body framing, both sides, strict.
//
// CONTRACT (signatures fixed; see design page wire.md section 14)
//
// pub struct HeadLimits { pub request_line_bytes: usize /* 8 KB → 414 */, pub head_bytes: usize /* 64 KB → 431 */, pub fields: usize /* 100 → 431 */ }
// #[derive(Clone, Copy)] pub enum Framing { None, Length(u64), Chunked }
// #[derive(Clone, Copy)] pub enum Method { Get, Head, Post, Put, Patch, Delete, Options, Other }
//
// /// A request head parsed in place: ranges into the connection's buffer, no copies, no allocation once warm
// /// (`RequestHead` is reused from request to request; its Vec of fields keeps its capacity).
// pub struct RequestHead { pub method: Method, pub target: Range<usize>, pub fields: Vec<FieldSpan>, pub framing: Framing,
//     pub minor_version: u8, pub keep_alive: bool, pub expect_continue: bool, pub head_bytes: usize }
// pub struct FieldSpan { pub name: Range<u32>, pub value: Range<u32>, pub known: Option<Known> }
// /// the header names the gateway itself looks at, recognised once while parsing
// pub enum Known { Host, ContentLength, …, Authorization, XApiKey, XGoogApiKey, ApiKey, XRinggateKey, CacheControl, XRequestId, ContentType, AnthropicVersion, AnthropicBeta, Traceparent, … every x-ringgate-* request header of wire.md 4.1 … }
// pub enum HeadStep { NeedMore, Done, Bad(HeadFault) }
// pub fn parse_request_head(bytes: &[u8], limits: &HeadLimits, head: &mut RequestHead) -> HeadStep;
// impl RequestHead { pub fn path<'b>(&self, bytes:&'b [u8]) -> &'b str; pub fn query(..); pub fn header<'b>(&self, bytes, known: Known) -> Option<&'b [u8]>; pub fn headers(..) iterator of (name, value, known) }
// pub enum HeadFault { … each with status 400/405/414/431/501/505 and a message that names what is wrong }
//
// pub struct ResponseHead { pub status: u16, pub fields: Vec<FieldSpan>, pub framing: ResponseFraming /* None | Length(u64) | Chunked | UntilClose */, pub keep_alive: bool, pub head_bytes: usize }
// pub fn parse_response_head(bytes: &[u8], request_was_head: bool, head: &mut ResponseHead) -> HeadStep;   // 1xx are reported as status <200, the caller skips them
