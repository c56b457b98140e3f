//! The closed label values: each set is an enum, so that a metric's cell is found by arithmetic
//! instead of by hashing a string, and a misspelt label cannot exist.

use crate::fault::Kind;

/// A label of a metric and the words it can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The label's name.
    pub name: &'static str,
    /// Every word it can take, in the order of their cells; empty when whoever registers the value
    /// chooses it.
    pub words: &'static [&'static str],
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $label:literal {
        $($(#[$word_doc:meta])* $variant:ident $word:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$word_doc])* $variant,)*
        }

        impl $name {
            /// The label that carries these words.
            pub const LABEL: Label = Label { name: $label, words: &[$($word),*] };
            /// Every value, in the order of the label's words.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// The value of the label.
            pub fn word(self) -> &'static str {
                Self::LABEL.words[self as usize]
            }
        }
    )*};
}

words! {
    /// How a request ended, as its caller saw it.
    Outcome "outcome" {
        /// A complete answer.
        Ok "ok",
        /// A refusal that is the caller's to mend (4xx except 429).
        ClientError "client_error",
        /// Told to come back later (429).
        Limited "limited",
        /// An error of ours or of a provider (5xx).
        ServerError "server_error",
        /// A stream that began well and ended in an error event.
        BrokenStream "broken_stream",
        /// The caller left before the end.
        ClientGone "client_gone",
    }

    /// What the caches did for a request.
    CacheOutcome "cache" {
        /// Not looked at: the route, the request or the caller forbade it.
        Bypass "bypass",
        /// Looked, found nothing.
        Miss "miss",
        /// An identical request was answered before.
        Hit "hit",
        /// An equivalent request was answered before.
        Semantic "semantic",
        /// Joined an identical request in flight.
        Coalesced "coalesced",
        /// An expired answer served because no provider could.
        Stale "stale",
    }

    /// Which way tokens went and what they cost differently for.
    Direction "direction" {
        /// All input tokens.
        Input "input",
        /// All output tokens.
        Output "output",
        /// The part of the input that the provider read from its prompt cache.
        CacheRead "cache_read",
        /// The part of the input that the provider wrote to its prompt cache.
        CacheWrite "cache_write",
        /// The part of the output spent on reasoning.
        Reasoning "reasoning",
    }

    /// Which cache was asked.
    CacheTier "tier" {
        /// Identical requests.
        Exact "exact",
        /// Equivalent requests.
        Semantic "semantic",
    }

    /// What one look into one cache brought.
    Lookup "outcome" {
        /// An answer.
        Hit "hit",
        /// Nothing.
        Miss "miss",
        /// An identical request is in flight; its answer is awaited.
        Joined "joined",
        /// Candidates were near, verification refused them.
        Refused "refused",
        /// The text is of a kind that is never looked up.
        Ineligible "ineligible",
        /// No vector in time.
        NoVector "no_vector",
    }

    /// How one attempt at a provider ended.
    AttemptOutcome "outcome" {
        /// An answer.
        Ok "ok",
        /// The provider refused the request (4xx except 429).
        ClientError "client_error",
        /// The provider limits us (429).
        RateLimited "rate_limited",
        /// The provider failed (5xx).
        ServerError "server_error",
        /// A deadline passed.
        Timeout "timeout",
        /// No connection: name, TCP or TLS.
        Unreachable "unreachable",
        /// The connection broke or carried something that is not an answer.
        Broken "broken",
        /// The caller left, so the attempt was ended.
        Abandoned "abandoned",
    }

    /// Why a provider's key is avoided for a while.
    KeySetback "reason" {
        /// The provider rejects it: wrong, revoked, not permitted, or without money.
        Rejected "rejected",
        /// The provider limits it (429).
        Limited "limited",
    }

    /// What a pooled connection is doing.
    ConnectionState "state" {
        /// Waiting in the pool.
        Idle "idle",
        /// Carrying a request.
        Busy "busy",
    }

    /// How a TLS session began.
    Handshake "kind" {
        /// With certificates.
        Full "full",
        /// From an earlier session's ticket.
        Resumed "resumed",
    }

    /// What became of a text handed to the embedder.
    Embedding "outcome" {
        /// A vector.
        Ok "ok",
        /// Nothing to embed.
        Empty "empty",
        /// More tokens than the semantic tier takes.
        TooLong "too_long",
        /// A token that the model does not know.
        UnknownToken "unknown_token",
        /// The queue was full.
        Overloaded "overloaded",
        /// Not ready before the request went on.
        Late "late",
        /// There is no model.
        Absent "absent",
        /// The model failed.
        Failed "failed",
    }

    /// Which limit refused a request.
    Limit "limit" {
        /// Requests per minute.
        Requests "requests",
        /// Tokens per minute.
        Tokens "tokens",
        /// Money.
        Budget "budget",
    }
}

impl CacheOutcome {
    /// Was the answer not bought for this request?
    pub fn served(self) -> bool {
        !matches!(self, CacheOutcome::Bypass | CacheOutcome::Miss)
    }
}

/// The label of fault kinds.
pub const FAULTS: Label = Label {
    name: "kind",
    words: &[
        "invalid_key",
        "model_not_allowed",
        "not_found",
        "method_not_allowed",
        "bad_request",
        "context_too_long",
        "content_filter",
        "too_large",
        "request_rate",
        "token_rate",
        "budget_spent",
        "overloaded",
        "upstream",
        "timeout",
        "client_slow",
        "loop_detected",
        "provider",
        "internal",
    ],
};

/// The place of a fault kind in [`FAULTS`].
pub fn fault_word(kind: Kind) -> usize {
    match kind {
        Kind::InvalidKey => 0,
        Kind::ModelNotAllowed => 1,
        Kind::NotFound => 2,
        Kind::MethodNotAllowed(_) => 3,
        Kind::BadRequest => 4,
        Kind::ContextTooLong => 5,
        Kind::ContentFilter => 6,
        Kind::TooLarge => 7,
        Kind::RequestRate => 8,
        Kind::TokenRate => 9,
        Kind::BudgetSpent => 10,
        Kind::Overloaded => 11,
        Kind::Upstream => 12,
        Kind::Timeout => 13,
        Kind::ClientSlow => 14,
        Kind::LoopDetected => 15,
        Kind::Provider(_) => 16,
        Kind::Internal => 17,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_words_are_the_labels_of_the_kinds() {
        let kinds = [
            Kind::InvalidKey,
            Kind::ModelNotAllowed,
            Kind::NotFound,
            Kind::MethodNotAllowed("GET"),
            Kind::BadRequest,
            Kind::ContextTooLong,
            Kind::ContentFilter,
            Kind::TooLarge,
            Kind::RequestRate,
            Kind::TokenRate,
            Kind::BudgetSpent,
            Kind::Overloaded,
            Kind::Upstream,
            Kind::Timeout,
            Kind::ClientSlow,
            Kind::LoopDetected,
            Kind::Provider(418),
            Kind::Internal,
        ];
        let said: Vec<_> = kinds.iter().map(|kind| FAULTS.words[fault_word(*kind)]).collect();
        let meant: Vec<_> = kinds.iter().map(|kind| kind.label()).collect();
        assert_eq!(said, meant);
        assert_eq!(FAULTS.words, meant);
    }

    #[test]
    fn words_are_in_the_order_of_their_variants() {
        for (index, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, index);
            assert_eq!(outcome.word(), Outcome::LABEL.words[index]);
        }
        assert_eq!(CacheTier::Semantic.word(), "semantic");
    }
}
