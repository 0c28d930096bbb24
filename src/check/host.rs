//! Tells hosts of private networks from public ones, in every spelling that resolvers accept:
//! names, dotted, short, decimal, octal and hexadecimal IPv4, and IPv6.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Endings of names that mean the same machine or a local network.
const PRIVATE_ENDINGS: [&str; 11] = [
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "localtest.me",
    "lvh.me",
    "nip.io",
    "sslip.io",
];

/// What makes a host private, if it is. A name of one label counts only where `strict` says that
/// the text is an address for sure.
pub(super) fn private_reason(host: &str, strict: bool) -> Option<&'static str> {
    let decoded = percent_decode(host).replace(['。', '．', '｡'], ".").to_lowercase();
    if let Some(inner) = decoded.strip_prefix('[') {
        let address = inner.trim_end_matches(']').split('%').next()?;
        return private_v6(address.parse().ok()?);
    }
    let name = decoded.strip_suffix('.').unwrap_or(&decoded);
    if let Some(address) = parse_v4(name) {
        return private_v4(address);
    }
    let ends =
        |ending: &str| name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    if PRIVATE_ENDINGS.iter().any(|ending| ends(ending)) {
        return Some("a host of a local network");
    }
    (strict && !name.contains('.')).then_some("a host without a domain")
}

fn private_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [first, second, ..] = address.octets();
    match (first, second) {
        (127, _) => Some("this machine"),
        (0, _) => Some("an unspecified address"),
        (169, 254) => Some("a link-local address, where cloud machines keep their credentials"),
        (10, _) | (172, 16..=31) | (192, 168) => Some("an address of a private network"),
        (100, 64..=127) => Some("an address shared behind a carrier"),
        _ => None,
    }
}

fn private_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("this machine");
    }
    if address.is_unspecified() {
        return Some("an unspecified address");
    }
    let segments = address.segments();
    let v4 = |high: u16, low: u16| private_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match segments {
        [0xfc00..=0xfdff, ..] => Some("an address of a private network"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => None,
    }
}

/// Parses IPv4 as the WHATWG URL standard does: one to four numbers in base 8, 10 or 16, the last
/// of which fills what is left of the 32 bits.
fn parse_v4(name: &str) -> Option<Ipv4Addr> {
    let parts: Vec<&str> = name.split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    let numbers = parts.iter().map(|part| parse_number(part)).collect::<Option<Vec<u64>>>()?;
    let (last, leading) = numbers.split_last()?;
    let mut address: u64 = 0;
    for number in leading {
        address = (address << 8) | u8::try_from(*number).map(u64::from).ok()?;
    }
    let rest_bits = 8 * (4 - leading.len());
    let fits = *last < (1_u64 << rest_bits);
    let address = (address << rest_bits) | last;
    fits.then(|| u32::try_from(address).map(Ipv4Addr::from).ok())?
}

fn parse_number(part: &str) -> Option<u64> {
    if part.is_empty() || part.len() > 20 {
        return None;
    }
    if let Some(hex) = part.strip_prefix("0x") {
        return if hex.is_empty() { Some(0) } else { u64::from_str_radix(hex, 16).ok() };
    }
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if part.len() > 1 && part.starts_with('0') {
        u64::from_str_radix(part, 8).ok()
    } else {
        part.parse().ok()
    }
}

fn percent_decode(host: &str) -> String {
    let mut bytes = Vec::with_capacity(host.len());
    let mut rest = host.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| host_byte(tail)).flatten();
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn host_byte(tail: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_hosts_are_found_in_every_spelling() {
        for host in [
            "localhost",
            "LOCALHOST",
            "api.localhost",
            "localhost.",
            "printer.local",
            "metadata.google.internal",
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "017700000001",
            "0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "100.64.0.1",
            "[::1]",
            "[::]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1%25eth0]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::a00:1]",
            "%31%32%37.0.0.1",
            "127。0。0。1",
            "10.0.0.1.nip.io",
            "0x",
            "redis",
        ] {
            assert!(private_reason(host, true).is_some(), "{host}");
        }
    }

    #[test]
    fn public_hosts_are_let_through() {
        for host in [
            "api.example.com",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "100.128.0.1",
            "11.0.0.1",
            "[2606:4700::1111]",
            "internal.example.com",
            "localhost.example.com",
            "mylocal",
            "notlocalhost.com",
            "256.1.1.1",
            "1.2.3.4.5",
            "10.example.com",
        ] {
            let strict = host.contains('.');
            assert_eq!(private_reason(host, strict), None, "{host}");
        }
    }
}
