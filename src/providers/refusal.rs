//! What a refusal says about the key that was presented, as opposed to the request.
//!
//! 401, 402 and 403 are about the key and 429 about its limits, nearly everywhere. What differs is data
//! of the provider: some refuse a wrong key or an empty account with 400 and a sentence, and one says
//! 403 to a prompt. Sentences are compared at their beginning only, so that a text of the caller's that
//! is quoted further on decides nothing.

use crate::fault::Fault;
use crate::keys::COOL_DOWN_DEFAULT;
use crate::keys::Setback;

/// How a provider refuses keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRules {
    /// Statuses with the beginning of their message, or their code, that reject a key, beside 401, 402 and
    /// 403.
    pub rejections: &'static [(u16, &'static str)],
    /// Is 403 a verdict on the prompt and not on the key?
    pub forbids_prompts: bool,
}

impl KeyRules {
    /// As nearly everybody does.
    pub const USUAL: KeyRules = KeyRules { rejections: &[], forbids_prompts: false };
}

/// Words for an account without money, which no waiting fills. They come with 429 too.
const EMPTY_ACCOUNT: &[&str] = &["insufficient_quota", "insufficient_balance", "billing_hard_limit_reached"];

/// Words for what a key may not do although it is good: its project has not got the model.
const NOT_FOR_THIS_KEY: &[&str] = &["model_not_found", "model_not_available", "model_access_denied"];

/// What the refusal `fault` with `status` says about the key; nothing if it is about the request.
pub fn setback(rules: &KeyRules, status: u16, fault: &Fault) -> Option<Setback> {
    let one_of = |words: &[&str]| {
        let words_said = [fault.code.as_deref(), fault.provider_type.as_deref()];
        words_said.into_iter().flatten().any(|word| words.contains(&word))
    };
    let said = |(code, words): &(u16, &str)| {
        *code == status && (fault.message.starts_with(words) || fault.code.as_deref() == Some(words))
    };
    match status {
        _ if rules.rejections.iter().any(said) => Some(Setback::Rejected),
        401 | 402 => Some(Setback::Rejected),
        403 if rules.forbids_prompts => None,
        403 if one_of(NOT_FOR_THIS_KEY) => Some(Setback::Unfit),
        403 => Some(Setback::Rejected),
        429 if one_of(EMPTY_ACCOUNT) => Some(Setback::Rejected),
        429 => Some(Setback::Limited(fault.retry_after.unwrap_or(COOL_DOWN_DEFAULT))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Kind;
    use std::time::Duration;

    fn fault(status: u16, message: &'static str) -> Fault {
        Fault::new(Kind::Provider(status), message)
    }

    #[test]
    fn refusals_of_the_key_are_told_from_those_of_the_request() {
        let rules = KeyRules::USUAL;
        for (status, wanted) in [
            (400, None),
            (401, Some(Setback::Rejected)),
            (402, Some(Setback::Rejected)),
            (403, Some(Setback::Rejected)),
            (404, None),
            (422, None),
            (429, Some(Setback::Limited(COOL_DOWN_DEFAULT))),
            (500, None),
            (529, None),
        ] {
            assert_eq!(setback(&rules, status, &fault(status, "no")), wanted, "{status}");
        }
        let mut limited = fault(429, "slow down");
        limited.retry_after = Some(Duration::from_secs(9));
        assert_eq!(setback(&rules, 429, &limited), Some(Setback::Limited(Duration::from_secs(9))));
    }

    #[test]
    fn an_empty_account_does_not_fill_by_waiting() {
        for word in EMPTY_ACCOUNT {
            let by_code = Fault { code: Some((*word).to_owned()), ..fault(429, "no") };
            let by_type = Fault { provider_type: Some((*word).to_owned()), ..fault(429, "no") };
            for fault in [by_code, by_type] {
                assert_eq!(setback(&KeyRules::USUAL, 429, &fault), Some(Setback::Rejected));
            }
        }
    }

    #[test]
    fn a_model_that_a_key_may_not_use_is_no_verdict_on_the_key() {
        let refused = Fault { code: Some("model_not_found".to_owned()), ..fault(403, "no access to model") };
        assert_eq!(setback(&KeyRules::USUAL, 403, &refused), Some(Setback::Unfit));
        assert_eq!(setback(&KeyRules::USUAL, 404, &refused), None);
    }

    #[test]
    fn a_providers_own_way_is_known() {
        let rules = KeyRules { rejections: &[(400, "Incorrect API key")], forbids_prompts: true };
        assert_eq!(setback(&rules, 400, &fault(400, "Incorrect API key provided: x***")), Some(Setback::Rejected));
        assert_eq!(setback(&rules, 400, &fault(400, "Bad prompt: Incorrect API key")), None, "a quotation");
        assert_eq!(setback(&rules, 404, &fault(404, "Incorrect API key")), None);
        assert_eq!(setback(&rules, 403, &fault(403, "flagged")), None);
        let zai = KeyRules { rejections: &[(429, "Insufficient balance")], ..KeyRules::USUAL };
        assert_eq!(setback(&zai, 429, &fault(429, "Insufficient balance, recharge")), Some(Setback::Rejected));
        let zai = KeyRules { rejections: &[(429, "1113")], ..KeyRules::USUAL };
        let coded = Fault { code: Some("1113".to_owned()), ..fault(429, "余额不足") };
        assert_eq!(setback(&zai, 429, &coded), Some(Setback::Rejected));
    }
}
