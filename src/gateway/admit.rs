//! Stage 4: may this caller ask this, now.
//!
//! A [`Grant`] is what admission gave: today one request of the key's minute, later also a reservation
//! of tokens and budget that a dropped grant returns by itself.

use crate::chat::Ask;
use crate::clock::Tick;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::keys::Caller;
use crate::limits::Allowance;
use crate::limits::RequestRate;
use crate::limits::Verdict;

/// The right to go on.
#[derive(Debug, Default)]
pub(super) struct Grant {
    /// What is left of the key's limit, for the answer's header.
    pub allowance: Option<Allowance>,
}

/// Refusal, with what is left of the limit when the limit was the reason.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What to tell.
    pub fault: Fault,
    /// What is left.
    pub allowance: Option<Allowance>,
}

/// Judges one request of `caller`.
pub(super) fn admit(caller: &Caller, rate: Option<&RequestRate>, ask: &Ask<'_>, now: Tick) -> Result<Grant, Refusal> {
    if !caller.may_use(&ask.model) {
        return Err(Refusal { fault: model_refused(&ask.model), allowance: None });
    }
    admit_rate(rate, now)
}

/// What to tell a caller whose key may not use `model`.
pub(super) fn model_refused(model: &str) -> Fault {
    Fault {
        param: Some("model".to_owned()),
        ..Fault::new(Kind::ModelNotAllowed, format!("this key may not use the model `{}`", shown(model)))
    }
}

/// The same for a request whose model was judged elsewhere, or that has none.
pub(super) fn admit_rate(rate: Option<&RequestRate>, now: Tick) -> Result<Grant, Refusal> {
    let Some(rate) = rate else { return Ok(Grant::default()) };
    match rate.admit(now) {
        Verdict::Admitted(allowance) => Ok(Grant { allowance: Some(allowance) }),
        Verdict::Refused { retry_after, allowance } => {
            let message = format!(
                "this key's limit of {} requests per minute is used up; the next request is possible in {:.1} s",
                rate.limit(),
                retry_after.as_secs_f64()
            );
            let fault = Fault { retry_after: Some(retry_after), ..Fault::new(Kind::RequestRate, message) };
            Err(Refusal { fault, allowance: Some(allowance) })
        }
    }
}

/// A caller's own words, short enough to be echoed.
pub(super) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 100;
    let mut short: String = text.chars().take(CHARACTERS_MAX).filter(|c| !c.is_control()).collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        short.push('…');
    }
    short
}
