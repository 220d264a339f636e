//! A request's query: its parts in order, names decoded once, values as they were sent.

use std::borrow::Cow;

use crate::uri;

/// The parts that a query may have.
const MOST_PARTS: usize = 256;

/// It holds the caller's keys and so has no `Debug`.
#[derive(Default)]
pub struct Query<'r> {
    parts: Vec<Part<'r>>,
}

pub struct Part<'r> {
    /// The part as it was sent, without separators.
    pub raw: &'r [u8],
    /// Decoded once; compares without case.
    pub name: Cow<'r, [u8]>,
    /// As it was sent. A part without `=` has an empty one.
    pub value: &'r [u8],
}

/// Why a query could be read differently by a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryFault {
    /// More parts than a call of a web service has: each is held against every condition.
    TooManyParts,
    /// `;`, `#`, space, a control or a non-ASCII byte.
    Byte,
    /// A name that, decoded, holds structure, an escape, white space or something else than
    /// printable ASCII.
    Name,
}

impl<'r> Query<'r> {
    pub fn parse(query: Option<&'r [u8]>) -> Result<Self, QueryFault> {
        let Some(query) = query else { return Ok(Self::default()) };
        if query.iter().any(|b| !matches!(b, 0x21..=0x7e) || matches!(b, b';' | b'#')) {
            return Err(QueryFault::Byte);
        }
        if query.iter().filter(|b| **b == b'&').count() >= MOST_PARTS {
            return Err(QueryFault::TooManyParts);
        }
        let parts = query.split(|b| *b == b'&').map(Part::parse).collect::<Result<_, _>>()?;
        Ok(Self { parts })
    }

    /// Takes the parts of a name out.
    pub fn take(&mut self, name: &str) -> Vec<Part<'r>> {
        let (taken, kept) = std::mem::take(&mut self.parts).into_iter().partition(|p| p.is(name));
        self.parts = kept;
        taken
    }

    pub fn parts(&self) -> impl Iterator<Item = &Part<'r>> {
        self.parts.iter()
    }

    pub fn named<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q Part<'r>> {
        self.parts.iter().filter(move |part| part.is(name))
    }
}

impl<'r> Part<'r> {
    fn parse(raw: &'r [u8]) -> Result<Self, QueryFault> {
        let mut halves = raw.splitn(2, |b| *b == b'=');
        let name = uri::decode(halves.next().unwrap_or_default()).ok_or(QueryFault::Name)?;
        // A backend that splits after decoding, decodes twice, trims, or folds non-ASCII letters
        // would see another name here than the gateway.
        let plain = |b: &u8| matches!(b, 0x21..=0x7e) && !b"&=;#%+?\\".contains(b);
        if !name.iter().all(plain) {
            return Err(QueryFault::Name);
        }
        Ok(Self { raw, name, value: halves.next().unwrap_or_default() })
    }

    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value decoded once, `+` as a space; none where an escape is invalid.
    pub fn decoded(&self) -> Option<Cow<'r, [u8]>> {
        if !self.value.contains(&b'+') {
            return uri::decode(self.value);
        }
        let spaced: Vec<u8> =
            self.value.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        uri::decode(&spaced).map(|value| Cow::Owned(value.into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_after_one_decoding() {
        let query = Query::parse(Some(b"a=1&API%2dVersion=2.0&api-version&b=x=y&")).unwrap();
        let values: Vec<_> = query.named("api-version").map(|part| part.value).collect();
        assert_eq!(values, [&b"2.0"[..], b""]);
        assert_eq!(query.named("B").next().unwrap().value, b"x=y");
        assert_eq!(query.parts().count(), 5);
    }

    #[test]
    fn a_query_that_backends_read_differently_is_refused() {
        for (query, fault) in [
            (&b"a;b=1"[..], QueryFault::Byte),
            (b"a=1#b", QueryFault::Byte),
            (b"a=\xff", QueryFault::Byte),
            (b"a=1 2", QueryFault::Byte),
            (b"a=\t", QueryFault::Byte),
            (b"a%26b=1", QueryFault::Name),
            (b"a%3Db=1", QueryFault::Name),
            (b"api%252dversion=1", QueryFault::Name),
            (b"%00a=1", QueryFault::Name),
            (b"+a=1", QueryFault::Name),
            (b"a%20=1", QueryFault::Name),
            (b"?a=1", QueryFault::Name),
            (b"%C5%BFubscription-key=1", QueryFault::Name),
            (b"a%zz=1", QueryFault::Name),
            (&[b'&'; 256], QueryFault::TooManyParts),
        ] {
            assert_eq!(Query::parse(Some(query)).err(), Some(fault), "{}", query.escape_ascii());
        }
        for query in [&b""[..], b"a", b"=x", b"&&", b"a=%zz", b"$filter=a[b]|{c}", b"a=1&a=2"] {
            assert!(Query::parse(Some(query)).is_ok(), "{}", query.escape_ascii());
        }
    }

    #[test]
    fn a_value_decodes_once_with_plus_as_space() {
        let value = |query: &'static [u8]| {
            Query::parse(Some(query))
                .unwrap()
                .parts()
                .next()
                .unwrap()
                .decoded()
                .map(Cow::into_owned)
        };
        assert_eq!(value(b"a=2%2E0"), Some(b"2.0".to_vec()));
        assert_eq!(value(b"a=x+y%2By"), Some(b"x y+y".to_vec()));
        assert_eq!(value(b"a=%252E"), Some(b"%2E".to_vec()));
        assert_eq!(value(b"a=%2"), None);
    }
}
