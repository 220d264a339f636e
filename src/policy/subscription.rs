//! Products and subscriptions: who may call what.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::config::SubscriptionState;
use super::limit::Limit;

/// SHA-256 of a subscription key. The key itself is nowhere in a policy.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

#[derive(Debug)]
pub struct Product {
    pub name: Box<str>,
    /// Places of its APIs in the policy.
    pub apis: Vec<usize>,
    pub limits: Vec<Limit>,
}

#[derive(Debug)]
pub struct Subscription {
    pub name: Box<str>,
    pub scope: Scope,
    pub state: SubscriptionState,
    /// Seconds since 1970.
    pub start: Option<i64>,
    pub expiration: Option<i64>,
    /// Whether callers may know where their calls go.
    pub allow_tracing: bool,
}

/// Which APIs a subscription reaches. Those of an API or of all go past the products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The product's place in the policy.
    Product(usize),
    Api(usize),
    All,
}

/// All subscriptions, found by the hash of a key: one look-up however many there are.
#[derive(Debug, Default)]
pub struct Subscriptions {
    list: Vec<Subscription>,
    by_key: HashMap<KeyHash, usize>,
}

impl KeyHash {
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Takes 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        let mut hash = [0; 32];
        let digits = hex.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// A small number in place of a hash, as gatewayctl import writes: a key that has it would have
    /// to be found first.
    pub fn is_placeholder(&self) -> bool {
        self.0.iter().take(24).all(|byte| *byte == 0)
    }

    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// It is no secret, but who reads it in a log would take it for one.
impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hash]")
    }
}

impl Subscriptions {
    /// No key stands twice.
    pub(crate) fn new(subscriptions: Vec<(Subscription, Vec<KeyHash>)>) -> Self {
        let mut all = Self::default();
        for (index, (subscription, keys)) in subscriptions.into_iter().enumerate() {
            all.by_key.extend(keys.into_iter().map(|key| (key, index)));
            all.list.push(subscription);
        }
        all
    }

    /// The subscription that a key belongs to. What the look-up's time tells is of the hash, of
    /// which no key can be made; the last comparison tells nothing.
    pub fn by_key(&self, key: &[u8]) -> Option<&Subscription> {
        let hash = KeyHash::of(key);
        let (found, index) = self.by_key.get_key_value(&hash)?;
        bool::from(found.0.ct_eq(&hash.0)).then(|| self.list.get(*index)).flatten()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.list.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_a_small_number() {
        for (hex, placeholder) in [
            (format!("{:064}", 1), true),
            (format!("{:064}", 12345), true),
            (format!("{:0<64}", 1), false),
            (KeyHash::of(b"abc").hex(), false),
        ] {
            assert_eq!(KeyHash::parse(&hex).unwrap().is_placeholder(), placeholder, "{hex}");
        }
    }

    #[test]
    fn a_hash_is_64_hexadecimal_digits() {
        let hash = KeyHash::of(b"abc");
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.hex(), hex);
        assert_eq!(KeyHash::parse(&hex.to_uppercase()), Some(hash));
        let (short, foreign) = (hex.replacen('b', "", 1), hex.replacen('b', "g", 1));
        for bad in ["", "ba78", &short, &format!("{hex}0"), &foreign] {
            assert_eq!(KeyHash::parse(bad), None, "{bad}");
        }
    }
}
