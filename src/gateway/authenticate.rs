//! Stage 3: who is asking. Runs on the head alone, before a byte of the body is waited for, so that a
//! stranger can make the gateway neither buffer nor parse.

use crate::fault::Fault;
use crate::keys::Caller;
use crate::keys::Credentials;
use crate::keys::KeyRing;
use crate::wire::http1::Known;
use crate::wire::http1::RequestHead;

/// The caller behind the credentials of a head.
pub(super) fn authenticate<'k>(keys: &'k KeyRing, head: &RequestHead, bytes: &[u8]) -> Result<&'k Caller, Fault> {
    keys.authenticate(&Credentials {
        authorization: head.header(bytes, Known::Authorization),
        x_api_key: head.header(bytes, Known::XApiKey),
        x_goog_api_key: head.header(bytes, Known::XGoogApiKey),
        api_key: head.header(bytes, Known::ApiKey),
        x_ringgate_key: head.header(bytes, Known::XRinggateKey),
    })
}
