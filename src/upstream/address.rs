//! Which addresses a *name* may lead to.
//!
//! The operator writes names, somebody else's DNS answers them. An answer inside the operator's own
//! network (the metadata service of a cloud, a database on a private range) would turn the gateway
//! into a tunnel that carries provider credentials, so every address of an answer is judged and one
//! bad address condemns the whole answer: a mix is either a mistake or a rebinding attack.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// Why `address` is not a public one; `None` when it is.
pub(super) fn not_public(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => not_public_v4(address),
        IpAddr::V6(address) => not_public_v6(address),
    }
}

fn not_public_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, ..] => Some("unspecified"),
        [127, ..] => Some("loopback"),
        [10, ..] | [192, 168, ..] => Some("private"),
        [172, second, ..] if second & 0xf0 == 16 => Some("private"),
        [100, second, ..] if second & 0xc0 == 64 => Some("carrier-grade NAT"),
        [169, 254, ..] => Some("link-local"),
        [192, 0, 0, _] | [192, 88, 99, _] => Some("reserved"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("documentation"),
        [198, 18 | 19, ..] => Some("benchmarking"),
        [224..=239, ..] => Some("multicast"),
        [240..=255, ..] => Some("reserved"),
        _ => None,
    }
}

fn not_public_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("loopback"),
        // v4-mapped, v4-compatible, v4-translated and NAT64: the address that packets really go to
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => not_public_v4(embedded_v4(high, low)),
        [0x64, 0xff9b, ..] => Some("private"),
        [0x2001, 0, ..] => Some("tunnel"),
        [0x2001, 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some("documentation"),
        [0x100, 0, 0, 0, ..] => Some("discard"),
        [first, ..] if first & 0xfe00 == 0xfc00 => Some("private"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some("link-local"),
        [first, ..] if first & 0xffc0 == 0xfec0 => Some("site-local"),
        [first, ..] if first & 0xff00 == 0xff00 => Some("multicast"),
        _ => None,
    }
}

fn embedded_v4(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

/// IPv6 and IPv4 in turn, beginning with the family of the first: when one family leads nowhere, the
/// second address tried is already of the other.
pub(super) fn interleaved(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let mut leading = addresses.iter().filter(|address| address.is_ipv6() == first_is_v6);
    let mut other = addresses.iter().filter(|address| address.is_ipv6() != first_is_v6);
    let mut order = Vec::with_capacity(addresses.len());
    loop {
        let (one, two) = (leading.next(), other.next());
        if one.is_none() && two.is_none() {
            return order;
        }
        order.extend(one);
        order.extend(two);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_not_lead_inside() {
        let inside = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "192.0.0.170",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for text in inside {
            assert!(not_public(text.parse().unwrap()).is_some(), "{text}");
        }
    }

    #[test]
    fn public_addresses_pass() {
        let outside = [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.255.255",
            "172.32.0.1",
            "8.8.8.8",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2606:4700::6810:1",
            "2a00:1450::1",
        ];
        for text in outside {
            assert_eq!(not_public(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn families_take_turns() {
        let parse = |text: &str| text.split(' ').map(|address| address.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(interleaved(&parse("2a00::1 2a00::2 1.1.1.1")), parse("2a00::1 1.1.1.1 2a00::2"));
        assert_eq!(interleaved(&parse("1.1.1.1 2a00::1 1.1.1.2 1.1.1.3")), parse("1.1.1.1 2a00::1 1.1.1.2 1.1.1.3"));
        assert_eq!(interleaved(&[]), Vec::<IpAddr>::new());
    }
}
