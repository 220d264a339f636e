//! RFC 3986 in the strict form that the gateway accepts: paths, escapes and authorities.
//!
//! Both rooms use it: the policy's own URLs are held to the rules that requests are held to.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// Why a path is not canonical. A backend could read such a path differently than the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    NoLeadingSlash,
    EmptySegment,
    DotSegment,
    InvalidEscape,
    Semicolon,
    Backslash,
    /// A byte that no RFC 3986 path may hold as it is: control, non-ASCII, space, `#`, `"` ...
    Byte,
}

/// `host[:port]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    pub host: &'a str,
    pub port: Option<u16>,
}

/// RFC 1035.
const LONGEST_NAME: usize = 253;

/// What stays as it is in an escaped query value or path segment: RFC 3986 `unreserved`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Accepts a path that every backend reads the same way. A final slash is no empty segment: it
/// makes another path, which another template matches.
pub fn check_path(path: &[u8]) -> Result<(), PathFault> {
    let rest = path.strip_prefix(b"/").ok_or(PathFault::NoLeadingSlash)?;
    let mut bytes = rest.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => match (bytes.next(), bytes.next()) {
                (Some(high), Some(low)) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {}
                _ => return Err(PathFault::InvalidEscape),
            },
            b';' => return Err(PathFault::Semicolon),
            b'\\' => return Err(PathFault::Backslash),
            b'/' | b':' | b'@' => {}
            _ if is_unreserved(*byte) || is_sub_delimiter(*byte) => {}
            _ => return Err(PathFault::Byte),
        }
    }
    let mut segments = rest.split(|b| *b == b'/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return Err(PathFault::EmptySegment);
        }
        if is_dot_segment(segment) {
            return Err(PathFault::DotSegment);
        }
    }
    Ok(())
}

/// Whether a segment of a checked path is `.` or `..` to whoever decodes it.
fn is_dot_segment(segment: &[u8]) -> bool {
    segment.len() <= "%2e%2e".len()
        && matches!(percent_decode(segment).collect::<Cow<'_, [u8]>>().as_ref(), b"." | b"..")
}

/// Decodes escapes once, or not at all where one is invalid.
pub fn decode(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !bytes.contains(&b'%') {
        return Some(Cow::Borrowed(bytes));
    }
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' {
            let (high, low) = (rest.next()?, rest.next()?);
            if !high.is_ascii_hexdigit() || !low.is_ascii_hexdigit() {
                return None;
            }
        }
    }
    Some(percent_decode(bytes).into())
}

/// Escapes all but RFC 3986 `unreserved`.
pub fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

/// Whether a decoded path segment holds a character that would be structure, a dot or control
/// to a backend that decodes before it splits, or that decodes twice.
pub fn decodes_to_structure(decoded: &[u8], raw: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(decoded) else {
        return true;
    };
    // A dot that was sent as a dot is judged with the path; here it counts if it was escaped.
    let sent_dots = raw.iter().filter(|b| **b == b'.').count();
    text.bytes().filter(|b| *b == b'.').count() != sent_dots
        || text.chars().any(|c| is_structure(c) || c.is_control())
        // Some file systems drop white space and dots at a name's ends.
        || text.trim_matches(|c: char| c == '.' || c.is_whitespace()).is_empty()
}

/// Structure in itself, or a character that Unicode normalisation or a legacy code page turns into
/// structure.
fn is_structure(c: char) -> bool {
    matches!(c, '/' | '\\' | ';' | '?' | '#' | '%')
        || matches!(c, '\u{37e}' | '\u{2024}'..='\u{2026}' | '\u{2044}' | '\u{2215}' | '\u{2216}')
        || matches!(c, '\u{29f5}' | '\u{29f8}' | '\u{fe52}'..='\u{fe56}' | '\u{fe5f}' | '\u{fe68}')
        || matches!(c, '\u{fe6a}' | '\u{ff03}' | '\u{ff05}' | '\u{ff0e}' | '\u{ff0f}' | '\u{ff1b}')
        || matches!(c, '\u{ff1f}' | '\u{ff3c}')
}

impl<'a> Authority<'a> {
    /// Accepts a host name, an IPv4 address or a bracketed IPv6 address, and a port from 1.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                let host = text.get(..address.len().checked_add(2)?)?;
                match rest {
                    "" => (host, None),
                    _ => (host, Some(rest.strip_prefix(':')?)),
                }
            }
            None => {
                let (host, port) = match text.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (text, None),
                };
                let name = host.strip_suffix('.').unwrap_or(host);
                if name.len() > LONGEST_NAME {
                    return None;
                }
                let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
                if !name.split('.').all(|label| !label.is_empty() && label.bytes().all(valid)) {
                    return None;
                }
                (host, port)
            }
        };
        let port = match port {
            None => None,
            Some(digits) if digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|port| *port != 0)?)
            }
            Some(_) => return None,
        };
        Some(Self { host, port })
    }

    /// Whether the host is `name`, which is lower case and without a final dot.
    pub fn is_host(&self, name: &str) -> bool {
        self.host.strip_suffix('.').unwrap_or(self.host).eq_ignore_ascii_case(name)
    }
}

impl std::fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(self.host),
        }
    }
}

fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
}

/// Without `;`, which servlet containers take for the start of a parameter.
fn is_sub_delimiter(b: u8) -> bool {
    matches!(b, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_that_all_read_alike_is_canonical() {
        use PathFault::*;
        for (path, verdict) in [
            (&b"/"[..], Ok(())),
            (b"/a/b.c/d", Ok(())),
            (b"/a/", Ok(())),
            (b"/a%20b/%C3%A9", Ok(())),
            (b"/a:b@c/!$&'()*+,=~", Ok(())),
            (b"/...", Ok(())),
            (b"", Err(NoLeadingSlash)),
            (b"*", Err(NoLeadingSlash)),
            (b"//", Err(EmptySegment)),
            (b"/a//b", Err(EmptySegment)),
            (b"/.", Err(DotSegment)),
            (b"/a/../b", Err(DotSegment)),
            (b"/a/%2e%2E/b", Err(DotSegment)),
            (b"/a/.%2e", Err(DotSegment)),
            (b"/a;b", Err(Semicolon)),
            (b"/a\\b", Err(Backslash)),
            (b"/a%zz", Err(InvalidEscape)),
            (b"/a%2", Err(InvalidEscape)),
            (b"/a#b", Err(Byte)),
            (b"/a b", Err(Byte)),
            (b"/a\0", Err(Byte)),
            (b"/\xc3\xa9", Err(Byte)),
            (b"/a|b", Err(Byte)),
        ] {
            assert_eq!(check_path(path), verdict, "{}", path.escape_ascii());
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        let ok =
            |text, host, port| assert_eq!(Authority::parse(text), Some(Authority { host, port }));
        ok(b"gw", "gw", None);
        ok(b"GW.example.:8080", "GW.example.", Some(8080));
        ok(b"127.0.0.1:1", "127.0.0.1", Some(1));
        ok(b"[::1]:65535", "[::1]", Some(65535));
        ok(b"a_b", "a_b", None);
        for bad in [
            &b""[..],
            b".",
            b"..",
            b"a..b",
            b":80",
            b"gw:",
            b"gw:0",
            b"gw:65536",
            b"gw:80:80",
            b"gw,evil",
            b"gw@evil",
            b"user@gw",
            b"gw/",
            b"gw evil",
            b"[::1",
            b"[x]",
            b"[::1]x",
            b"gw:+80",
            b"\xff",
            b"g%77",
        ] {
            assert_eq!(Authority::parse(bad), None, "{}", bad.escape_ascii());
        }
        assert!(Authority::parse(b"GW.Example.:80").unwrap().is_host("gw.example"));
    }

    #[test]
    fn escapes_decode_once_and_strictly() {
        assert_eq!(decode(b"a%2Eb").unwrap().as_ref(), b"a.b");
        assert_eq!(decode(b"%252f").unwrap().as_ref(), b"%2f");
        for bad in [&b"%"[..], b"%2", b"%zz", b"a%%20"] {
            assert_eq!(decode(bad), None, "{}", bad.escape_ascii());
        }
        assert_eq!(encode(b"a b/\xc3\xa9&~"), "a%20b%2F%C3%A9%26~");
    }

    #[test]
    fn an_escape_never_stands_for_structure() {
        let refused = |raw: &[u8]| decodes_to_structure(&decode(raw).unwrap(), raw);
        for raw in [
            "%2f",
            "a%5Cb",
            "%2e",
            "a%2eb",
            "%3b",
            "%3f",
            "%23",
            "%25",
            "%00",
            "%7f",
            "%c2%85",
            "%c0%af",
            "..%20",
            ".%C2%A0",
            "%20",
            "%EF%BC%8F",
            "%E2%80%A5",
            "%CD%BE",
        ] {
            assert!(refused(raw.as_bytes()), "{raw}");
        }
        for raw in ["a.b", "a%20b", "%C3%A9", "a%3Ab"] {
            assert!(!refused(raw.as_bytes()), "{raw}");
        }
    }
}
