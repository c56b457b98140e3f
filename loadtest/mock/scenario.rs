//! What a request asks the mock to play: chosen by model name, so that any client can choose it without
//! a side channel, and the same script runs directly and through a gateway.

use std::time::Duration;

/// Most events of one stream.
const EVENTS_MAX: u32 = 1_000_000;

/// One behaviour of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// A good answer.
    Plain,
    /// A good stream of another shape than the command line's (`mock-events-200x5`).
    Events {
        /// Content events.
        count: u32,
        /// Pause after each.
        gap: Duration,
    },
    /// The answer calls a tool.
    Tool,
    /// 429 with Retry-After.
    RateLimited,
    /// 500.
    ServerError,
    /// Each hundred requests begin with twenty 503 and go on well.
    UnavailableBurst,
    /// A long wait before the first byte.
    Slow,
    /// Half an answer, then the end of the connection.
    DropMidStream,
    /// The end of the connection instead of an answer.
    Close,
    /// Bytes that are not HTTP.
    Garbage,
    /// 502 with a web page, as networks in front of providers send it.
    Html,
    /// 200 with a web page.
    HtmlOk,
    /// A stream that ends in order, but without its end mark.
    NoDone,
    /// Half a stream, or no answer, then silence until the client leaves.
    Stall,
}

impl Scenario {
    /// The scenario that `model` names; other models get [`Scenario::Plain`].
    pub(crate) fn of(model: &str) -> Scenario {
        let Some(name) = model.strip_prefix("mock-") else { return Scenario::Plain };
        match name {
            "tool" => Scenario::Tool,
            "429" => Scenario::RateLimited,
            "500" => Scenario::ServerError,
            "503-burst" => Scenario::UnavailableBurst,
            "slow" => Scenario::Slow,
            "drop-mid-stream" => Scenario::DropMidStream,
            "close" => Scenario::Close,
            "garbage" => Scenario::Garbage,
            "html" => Scenario::Html,
            "html-200" => Scenario::HtmlOk,
            "no-done" => Scenario::NoDone,
            "stall" => Scenario::Stall,
            _ => name.strip_prefix("events-").and_then(events).unwrap_or(Scenario::Plain),
        }
    }
}

fn events(shape: &str) -> Option<Scenario> {
    let (count, gap_ms) = shape.split_once('x')?;
    let count = count.parse().ok().filter(|count| *count <= EVENTS_MAX)?;
    let gap_ms: u32 = gap_ms.parse().ok()?;
    Some(Scenario::Events { count, gap: Duration::from_millis(gap_ms.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_choose() {
        assert_eq!(Scenario::of("gpt-4o-mini"), Scenario::Plain);
        assert_eq!(Scenario::of("mock-503-burst"), Scenario::UnavailableBurst);
        assert_eq!(Scenario::of("mock-stall"), Scenario::Stall);
        let shape = Scenario::Events { count: 200, gap: Duration::from_millis(5) };
        assert_eq!(Scenario::of("mock-events-200x5"), shape);
        assert_eq!(Scenario::of("mock-events-many"), Scenario::Plain);
    }
}
