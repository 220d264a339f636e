//! A secret value: it goes to the backend and nowhere else.

use std::fmt;

/// A header value that must never print. There is no `Display`, and `Debug` shows no byte of it.
#[derive(Clone)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Takes bytes that make a valid, unambiguous header value. The error says what is wrong with
    /// them without showing them.
    pub fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
            return Err("is empty");
        };
        if first.is_ascii_whitespace() {
            return Err("begins with white space");
        }
        if last.is_ascii_whitespace() {
            return Err("ends with white space (a line end from the file it was read from?)");
        }
        if !bytes.iter().all(|b| matches!(b, 0x20..=0x7e)) {
            return Err("has a byte that is not printable ASCII, so it is no valid header value");
        }
        Ok(Self(bytes.into()))
    }

    /// The same secret after `scheme` and a space, as an Authorization header carries it.
    pub fn after_scheme(&self, scheme: &str) -> Self {
        Self([scheme.as_bytes(), b" ", &self.0].concat().into())
    }

    /// The bytes, for the one place that sends them to the backend.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::parse(b"s3cret").unwrap();
        let printed = format!("{secret:?} {:?}", secret.after_scheme("Bearer"));
        assert_eq!(printed, "[secret] [secret]");
    }

    #[test]
    fn only_a_clean_header_value_is_a_secret() {
        for bad in [&b""[..], b" a", b"a ", b"a\n", b"a\r\nx: y", b"a\0", b"a\xff", b"\x7f"] {
            assert!(Secret::parse(bad).is_err(), "{bad:?}");
        }
        for good in [&b"a"[..], b"Kx+/==", b"two words"] {
            assert!(Secret::parse(good).is_ok(), "{good:?}");
        }
    }
}
