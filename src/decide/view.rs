//! A request's head, read from one look at the header map. Bytes, until a rule needs text.

use crate::policy::Protocol;
use crate::uri::Authority;

/// Header names and values as the host gives them; names are lower case, pseudo headers included.
pub type Headers = [(String, Vec<u8>)];

/// It holds the caller's credentials and so has no `Debug`.
pub struct Request<'r> {
    pub headers: &'r Headers,
    /// Empty where missing, as every other part that is missing.
    pub method: &'r [u8],
    pub path: &'r [u8],
    /// What follows the first `?`.
    pub query: Option<&'r [u8]>,
    authority: &'r [u8],
    forwarded_proto: Option<&'r [u8]>,
    upgrade: bool,
}

impl<'r> Request<'r> {
    pub fn read(headers: &'r Headers) -> Self {
        let mut request = Self {
            headers,
            method: b"",
            path: b"",
            query: None,
            authority: b"",
            forwarded_proto: None,
            upgrade: false,
        };
        for (name, value) in headers {
            match name.as_str() {
                ":method" => request.method = value,
                ":path" => {
                    let mut parts = value.splitn(2, |b| *b == b'?');
                    request.path = parts.next().unwrap_or_default();
                    request.query = parts.next();
                }
                ":authority" => request.authority = value,
                // Given twice, it is neither.
                "x-forwarded-proto" if request.forwarded_proto.is_some() => {
                    request.forwarded_proto = Some(b"");
                }
                "x-forwarded-proto" => request.forwarded_proto = Some(value),
                "upgrade" | ":protocol" => request.upgrade = true,
                _ => {}
            }
        }
        request
    }

    pub fn authority(&self) -> Option<Authority<'r>> {
        Authority::parse(self.authority)
    }

    /// The scheme over which the caller came, as Envoy says it and not as the caller does.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.forwarded_proto {
            Some(b"https") => Some(Protocol::Https),
            Some(b"http") => Some(Protocol::Http),
            _ => None,
        }
    }

    /// Whether the request asks to become something else than one HTTP exchange.
    pub fn leaves_http(&self) -> bool {
        self.upgrade || self.method == b"CONNECT"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
    }

    #[test]
    fn the_path_ends_at_the_first_question_mark() {
        let headers = headers(&[(":path", b"/a?b=c?d")]);
        let request = Request::read(&headers);
        assert_eq!((request.path, request.query), (&b"/a"[..], Some(&b"b=c?d"[..])));
    }

    #[test]
    fn a_request_without_pseudo_headers_is_empty_and_harmless() {
        let request = Request::read(&[]);
        assert_eq!((request.method, request.path, request.query), (&b""[..], &b""[..], None));
        assert_eq!(request.authority(), None);
        assert_eq!(request.protocol(), None);
        assert!(!request.leaves_http());
    }

    #[test]
    fn only_one_plain_forwarded_proto_counts() {
        for (list, protocol) in [
            (&[("x-forwarded-proto", &b"https"[..])][..], Some(Protocol::Https)),
            (&[("x-forwarded-proto", b"http")], Some(Protocol::Http)),
            (&[("x-forwarded-proto", b"http,https")], None),
            (&[("x-forwarded-proto", b"http"), ("x-forwarded-proto", b"https")], None),
            (&[(":scheme", b"https")], None),
        ] {
            assert_eq!(Request::read(&headers(list)).protocol(), protocol, "{list:?}");
        }
    }
}
