//! When a credential is renewed, and what happens when that fails.
//!
//! Well before it expires, and not at the same moment everywhere: gateways that were started together
//! would otherwise ask together for ever. A failure is tried again after a pause that grows; meanwhile
//! the last credential serves. A provider that refuses a credential before its time has it renewed at
//! once, but not again and again: most refusals are about what the identity may do.

use super::Identity;
use super::NEVER_UNIX_MS;
use super::Source;
use super::issuer::Asker;
use crate::clock::Tick;
use crate::net::First;
use crate::net::Net;
use crate::net::race;
use crate::upstream::Upstreams;
use crate::upstream::resolve::Resolve;
use std::pin::pin;
use std::time::Duration;

/// Longest time before its end at which a credential is renewed; a short-lived one is in its last quarter.
const MARGIN_MAX: Duration = Duration::from_secs(300);
/// Shortest time between two renewals, whatever an issuer says.
const APART_MIN: Duration = Duration::from_secs(1);
/// Between two renewals of what does not expire: its issuer may still replace it.
const ENDLESS: Duration = Duration::from_secs(3_600);
/// Between two renewals that a provider's refusals led to.
const DOUBTS_APART: Duration = Duration::from_secs(30);
/// First pause after a failure; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Longest sleep: the wall clock may jump, and the machine may have slept as well.
const NAP: Duration = Duration::from_secs(60);

/// A credential that was fetched.
pub(super) struct Fetched {
    pub(super) credential: super::Credential,
    pub(super) expires_unix_ms: u64,
}

/// How an attempt at renewing ended.
pub enum Renewal {
    /// A credential is there.
    Done,
    /// None came.
    Failed {
        /// Why, in words without any secret.
        reason: String,
        /// When it is tried again.
        retry_in: Duration,
    },
}

/// Fetches the credential of `identity` and renews it for ever; `report` hears of every attempt. One that is in
/// force already is renewed in its time.
pub async fn renew<N: Net, R: Resolve>(
    identity: &Identity,
    net: &N,
    upstreams: &Upstreams<N, R>,
    random: impl Fn() -> u64,
    report: impl Fn(Renewal),
) {
    let asker = Asker { net, upstreams };
    let mut failures = 0;
    let mut doubted = None;
    let mut due = identity.expires_unix_ms().filter(|expires| net.unix_ms() < *expires);
    loop {
        if let Some(expires_unix_ms) = due.take() {
            let left = left_of(expires_unix_ms, net.unix_ms());
            let due_unix_ms = net.unix_ms().saturating_add(millis(renewed_in(left, random())));
            wait(identity, net, due_unix_ms, &mut doubted).await;
        }
        match fetch(identity, &asker).await {
            Ok(Fetched { credential, expires_unix_ms }) => {
                failures = 0;
                identity.replace(credential, expires_unix_ms);
                due = Some(expires_unix_ms);
                report(Renewal::Done);
            }
            Err(reason) => {
                let retry_in = retried_in(failures, random());
                failures += 1;
                report(Renewal::Failed { reason, retry_in });
                net.sleep(retry_in).await;
            }
        }
    }
}

async fn fetch<N: Net, R: Resolve>(identity: &Identity, asker: &Asker<'_, N, R>) -> Result<Fetched, String> {
    let fetched = match &identity.source {
        Source::Google(google) => google.fetch(asker).await?,
        Source::Aws(aws) => aws.fetch(asker).await?,
        Source::Configured => return Err("nothing is to be fetched".to_owned()),
    };
    if fetched.expires_unix_ms <= asker.unix_ms() {
        return Err("what was given has expired already: is this machine's clock right?".to_owned());
    }
    Ok(fetched)
}

/// Until it is time to renew, or a provider's refusal makes it so.
async fn wait<N: Net>(identity: &Identity, net: &N, mut due_unix_ms: u64, doubted: &mut Option<Tick>) {
    loop {
        let now_unix_ms = net.unix_ms();
        if now_unix_ms >= due_unix_ms {
            return;
        }
        let nap = Duration::from_millis(due_unix_ms - now_unix_ms).min(NAP);
        let slept = race(pin!(net.sleep(nap)), pin!(identity.doubt.raised())).await;
        if matches!(slept, First::B(())) {
            let now = net.now();
            // One that waits for its turn already stands for all that come meanwhile.
            let is_taken = doubted.is_some_and(|last| last > now);
            if !is_taken {
                let turn = doubted.map_or(now, |last| last.after(DOUBTS_APART).max(now));
                *doubted = Some(turn);
                due_unix_ms = due_unix_ms.min(net.unix_ms().saturating_add(millis(turn.since(now))));
            }
        }
    }
}

fn left_of(expires_unix_ms: u64, now_unix_ms: u64) -> Duration {
    match expires_unix_ms {
        NEVER_UNIX_MS => ENDLESS,
        expires => Duration::from_millis(expires.saturating_sub(now_unix_ms)),
    }
}

/// When a credential that holds for `left` is renewed.
fn renewed_in(left: Duration, random: u64) -> Duration {
    let margin = (left / 4).min(MARGIN_MAX);
    let scatter = share(margin / 4, random);
    left.saturating_sub(margin).saturating_sub(scatter).max(APART_MIN)
}

/// When an attempt is repeated that failed after so many failures.
fn retried_in(failures: u32, random: u64) -> Duration {
    let pause = PAUSE_MIN.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX);
    pause / 2 + share(pause / 2, random)
}

/// Some part of `whole`, evenly.
fn share(whole: Duration, random: u64) -> Duration {
    whole.mul_f64((random >> 11) as f64 / (1u64 << 53) as f64)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_renewal_comes_well_before_the_end() {
        let seconds = Duration::from_secs;
        assert_eq!(renewed_in(seconds(3_600), 0), seconds(3_300));
        assert_eq!(renewed_in(seconds(3_600), u64::MAX).as_secs(), 3_225);
        assert_eq!(renewed_in(seconds(400), 0), seconds(300));
        assert_eq!(renewed_in(seconds(4), 0), seconds(3));
        assert_eq!(renewed_in(Duration::ZERO, 0), APART_MIN);
        assert_eq!(left_of(NEVER_UNIX_MS, 5), ENDLESS);
        assert_eq!(left_of(4_000, 5_000), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_renewal_leaves_time_for_several_attempts(left_s in 8u64..100_000, random: u64) {
            let left = Duration::from_secs(left_s);
            let renewed = renewed_in(left, random);
            prop_assert!(renewed <= left - (left / 4).min(MARGIN_MAX));
            prop_assert!(renewed >= left / 2);
        }

        #[test]
        fn pauses_grow_to_their_bound(failures: u32, random: u64) {
            let pause = retried_in(failures, random);
            prop_assert!(pause >= PAUSE_MIN / 2 && pause <= PAUSE_MAX);
            prop_assert!(failures < 6 || pause >= PAUSE_MAX / 2);
        }
    }
}
