//! How an exchange fails, precisely enough to decide, count and explain.
//!
//! A failure knows its stage and its reason, never an address, a path or a key: what is told to callers
//! is built from enums and the provider's name alone.

use crate::fault::Fault;
use crate::fault::Kind;
use crate::upstream::tls::TlsFault;
use std::io;
use std::time::Duration;

/// How far the exchange had come. From [`Stage::Send`] on the provider may have seen the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Turning the name into addresses.
    Resolve,
    /// Taking or opening a connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Writing the request.
    Send,
    /// Waiting for the head of the answer.
    FirstByte,
    /// Reading the body of the answer.
    Body,
}

/// Which deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// The name lookup's own.
    Resolve,
    /// `connect_timeout_ms`
    Connect,
    /// `tls_timeout_ms`
    Tls,
    /// `first_byte_timeout_ms`
    FirstByte,
    /// `idle_timeout_ms`
    Idle,
    /// `total_timeout_ms`
    Total,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody listens there.
    Refused,
    /// No route.
    Unreachable,
    /// A deadline passed.
    TimedOut(Deadline),
    /// The connection broke.
    Reset,
    /// The connection ended before the answer did.
    Closed,
    /// TLS or the certificate.
    Tls(TlsFault),
    /// Not an answer; says what is wrong with it.
    Garbage(&'static str),
    /// The answer exceeds the bound, bytes.
    TooLarge(usize),
    /// The name has no address, or the lookup failed.
    NoAddress,
    /// The name leads to an address of this kind, which is not allowed.
    PrivateAddress(&'static str),
    /// As many connections as allowed are busy.
    PoolFull(usize),
    /// This process is out of descriptors, ports or memory.
    Exhausted,
    /// Another operating system error.
    Io(io::ErrorKind),
}

impl Reason {
    /// What an operating system error on a connected stream means.
    pub(super) fn of(error: &io::Error) -> Reason {
        use io::ErrorKind::*;
        // ENFILE, EMFILE, ENOBUFS have no kind of their own.
        if matches!(error.raw_os_error(), Some(23 | 24 | 105)) {
            return Reason::Exhausted;
        }
        match error.kind() {
            ConnectionRefused => Reason::Refused,
            HostUnreachable | NetworkUnreachable | NetworkDown => Reason::Unreachable,
            AddrNotAvailable | OutOfMemory => Reason::Exhausted,
            ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected => Reason::Reset,
            UnexpectedEof => Reason::Closed,
            TimedOut => Reason::Unreachable,
            InvalidData => Reason::Tls(TlsFault::Record),
            other => Reason::Io(other),
        }
    }
}

/// A failed exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How far it had come.
    pub stage: Stage,
    /// What went wrong.
    pub reason: Reason,
    /// Was it on a pooled connection?
    pub reused: bool,
}

impl Failure {
    pub(super) fn fresh(stage: Stage, reason: Reason) -> Failure {
        Failure { stage, reason, reused: false }
    }

    /// Could the provider have worked on the request?
    pub fn may_have_been_executed(&self) -> bool {
        self.stage >= Stage::Send
    }

    /// A stable word for metrics and logs.
    pub fn label(&self) -> &'static str {
        match self.reason {
            Reason::Refused => "refused",
            Reason::Unreachable => "unreachable",
            Reason::TimedOut(Deadline::Resolve) => "resolve_timeout",
            Reason::TimedOut(Deadline::Connect) => "connect_timeout",
            Reason::TimedOut(Deadline::Tls) => "tls_timeout",
            Reason::TimedOut(Deadline::FirstByte) => "first_byte_timeout",
            Reason::TimedOut(Deadline::Idle) => "idle_timeout",
            Reason::TimedOut(Deadline::Total) => "total_timeout",
            Reason::Reset => "reset",
            Reason::Closed => "closed",
            Reason::Tls(fault) => fault.label(),
            Reason::Garbage(_) => "garbage",
            Reason::TooLarge(_) => "too_large",
            Reason::NoAddress => "no_address",
            Reason::PrivateAddress(_) => "private_address",
            Reason::PoolFull(_) => "pool_full",
            Reason::Exhausted => "exhausted",
            Reason::Io(_) => "io",
        }
    }

    /// What a caller is told; `provider` is the provider's name in settings.
    pub fn fault(&self, provider: &str) -> Fault {
        let kind = match self.reason {
            Reason::TimedOut(_) => Kind::Timeout,
            Reason::PoolFull(_) | Reason::Exhausted => Kind::Overloaded,
            _ => Kind::Upstream,
        };
        let mut fault = Fault::new(kind, self.told(provider));
        if kind == Kind::Overloaded {
            fault.retry_after = Some(Duration::from_secs(1));
        }
        fault
    }

    fn told(&self, provider: &str) -> String {
        let stage = match self.stage {
            Stage::Resolve => "while its name was looked up",
            Stage::Connect => "while connecting",
            Stage::Tls => "during the TLS handshake",
            Stage::Send => "while the request was being sent",
            Stage::FirstByte => "before it answered",
            Stage::Body => "in the middle of its answer",
        };
        match self.reason {
            Reason::Refused => format!("Provider `{provider}` refused the connection."),
            Reason::Unreachable => format!("Provider `{provider}` could not be reached: no route to it."),
            Reason::TimedOut(Deadline::Idle) if self.stage == Stage::Send => format!(
                "Provider `{provider}` stopped taking the request; raise its `idle_timeout_ms` if it needs longer."
            ),
            Reason::TimedOut(deadline) => timed_out(deadline, stage, provider),
            Reason::Reset => format!("Provider `{provider}` broke the connection {stage}."),
            Reason::Closed => format!("Provider `{provider}` closed the connection {stage}."),
            Reason::Tls(fault) => format!("Provider `{provider}` could not be trusted: {}.", fault.told()),
            Reason::Garbage(what) => format!("Provider `{provider}` sent something that is not an answer: {what}."),
            Reason::TooLarge(bytes_max) => {
                format!("The answer of provider `{provider}` exceeds {bytes_max} bytes; raise `answer_bytes_max`.")
            }
            Reason::NoAddress => format!("The host name of provider `{provider}` has no address."),
            Reason::PrivateAddress(class) => format!(
                "The host name of provider `{provider}` leads to a {class} address. If that is meant, set \
                 `allow_private_addresses = true` for this provider."
            ),
            Reason::PoolFull(connections_max) => format!(
                "All {connections_max} connections to provider `{provider}` are busy; raise its `connections_max` or \
                 send less."
            ),
            Reason::Exhausted => {
                format!(
                    "The gateway is out of descriptors, ports or lookups for another connection to provider `{provider}`."
                )
            }
            Reason::Io(kind) => format!("The connection to provider `{provider}` failed {stage}: {kind}."),
        }
    }
}

fn timed_out(deadline: Deadline, stage: &str, provider: &str) -> String {
    let (what, setting) = match deadline {
        Deadline::Resolve => {
            return format!("The host name of provider `{provider}` was not resolved in time; check the DNS servers.");
        }
        Deadline::Connect => ("did not accept a connection in time", "connect_timeout_ms"),
        Deadline::Tls => ("did not finish the TLS handshake in time", "tls_timeout_ms"),
        Deadline::FirstByte => ("did not begin to answer in time", "first_byte_timeout_ms"),
        Deadline::Idle => ("fell silent in the middle of its answer", "idle_timeout_ms"),
        Deadline::Total => {
            return format!(
                "The time for the whole request was over {stage} (provider `{provider}`); raise its `total_timeout_ms`."
            );
        }
    };
    format!("Provider `{provider}` {what}; raise its `{setting}` if it needs longer.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_504_and_name_their_setting() {
        let failure = Failure::fresh(Stage::FirstByte, Reason::TimedOut(Deadline::FirstByte));
        let fault = failure.fault("acme");
        assert_eq!(fault.kind, Kind::Timeout);
        assert!(
            fault.message.contains("`acme`") && fault.message.contains("`first_byte_timeout_ms`"),
            "{}",
            fault.message
        );
    }

    #[test]
    fn a_private_address_names_the_setting_that_allows_it() {
        let fault = Failure::fresh(Stage::Resolve, Reason::PrivateAddress("loopback")).fault("acme");
        assert_eq!(fault.kind, Kind::Upstream);
        assert!(fault.message.contains("`allow_private_addresses = true`"), "{}", fault.message);
    }

    #[test]
    fn our_own_shortage_is_an_overload_not_the_providers_fault() {
        for reason in [Reason::PoolFull(3), Reason::of(&io::Error::from_raw_os_error(24))] {
            let fault = Failure::fresh(Stage::Connect, reason).fault("acme");
            assert_eq!(fault.kind, Kind::Overloaded);
            assert!(fault.retry_after.is_some());
        }
    }

    #[test]
    fn only_what_was_sent_may_have_been_executed() {
        assert!(!Failure::fresh(Stage::Tls, Reason::Reset).may_have_been_executed());
        assert!(Failure::fresh(Stage::Send, Reason::Reset).may_have_been_executed());
    }
}
