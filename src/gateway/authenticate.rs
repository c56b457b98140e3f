//! Stage 3: who is asking. Runs on the head alone, before a byte of the body is waited for, so that a
//! stranger can make the gateway neither buffer nor parse.

use super::named;
use super::receive;
use crate::dialects::ProviderDialect;
use crate::dialects::gemini::Gemini;
use crate::fault::Fault;
use crate::keys::Caller;
use crate::keys::Credentials;
use crate::keys::KeyRing;
use crate::wire::http1::Known;
use crate::wire::http1::RequestHead;

/// The caller behind the credentials of a head.
pub(super) fn authenticate<'k>(keys: &'k KeyRing, head: &RequestHead, bytes: &[u8]) -> Result<&'k Caller, Fault> {
    // In the query only where Google's clients put it: elsewhere it would end up in somebody's log.
    let googles = |_: &String| receive::dialect_of(head.path(bytes)).name() == Gemini.name();
    let in_query = named::key_of(head.query(bytes)).filter(googles);
    keys.authenticate(&Credentials {
        authorization: head.header(bytes, Known::Authorization),
        x_api_key: head.header(bytes, Known::XApiKey),
        x_goog_api_key: head.header(bytes, Known::XGoogApiKey),
        api_key: head.header(bytes, Known::ApiKey),
        key_parameter: in_query.as_deref().map(str::as_bytes),
        x_ringgate_key: head.header(bytes, Known::XRinggateKey),
    })
}
