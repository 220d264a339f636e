//! The example service itself: Feature Hashing with a bitsize of 3 and N-grams of 2, as Vowpal Wabbit computes it.
//!
//! A text is split at white space, its case kept. Each token has a hash, and so has each pair of neighbours; the low
//! bits of a hash choose a bucket, and a feature is the number of hashes in its bucket.
//!
//! Inferred: the characters `|` and `:`, which have a meaning in Vowpal Wabbit's files, are ordinary characters of a
//! token here; line ends, which cannot be in a line of such a file, are white space.

const BITS: u32 = 3;
const BUCKETS: usize = 1 << BITS;

/// What the first token's hash is multiplied with in a pair.
const PAIR_FACTOR: u32 = 27_942_141;

/// The column that is hashed.
pub(crate) const COLUMN: &str = "Col2";

/// Inferred: the guide shows whole numbers, and `Int32` is what the service's answers call such a column.
pub(crate) const COLUMN_TYPE: &str = "Int32";

/// The output columns. Inferred: this is how the module of the same name in the designer that came after Studio names
/// them; no capture of the guide's service has its column names.
pub(crate) fn column_names() -> impl Iterator<Item = String> {
    (0..BUCKETS).map(|bucket| format!("{COLUMN}_HashingFeature.{bucket}"))
}

/// The features of a text in the order of the columns, as text: all values in an answer are strings.
pub(crate) fn features(text: &str) -> impl Iterator<Item = String> {
    count(text).into_iter().map(|count| count.to_string())
}

/// The features of a text, as numbers.
pub(crate) fn count(text: &str) -> [u32; BUCKETS] {
    let mut counts = [0; BUCKETS];
    let mut add = |hash: u32| {
        if let Some(count) = counts.get_mut(hash as usize % BUCKETS) {
            *count += 1;
        }
    };
    let mut previous: Option<u32> = None;
    // Vowpal Wabbit splits at these alone, and so not at a no-break space, say.
    for token in text.split([' ', '\t', '\r', '\n']).filter(|token| !token.is_empty()) {
        let hash = hash(token);
        add(hash);
        if let Some(first) = previous {
            add(first.wrapping_mul(PAIR_FACTOR).wrapping_add(hash));
        }
        previous = Some(hash);
    }
    counts
}

/// A token of digits is its own number, and wraps if it is too large: Vowpal Wabbit has it in 64 bits, of which the
/// buckets see the low ones only. Control characters at its ends do not count, and of a token of nothing else no
/// character is left, which makes it the number 0.
fn hash(token: &str) -> u32 {
    let token = token.trim_matches(|character| character <= ' ');
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let number = token
        .bytes()
        .try_fold(0_u32, |number, byte| Some(number.wrapping_mul(10).wrapping_add(digit(byte)?)));
    number.unwrap_or_else(|| mur3::murmurhash3_x86_32(token.as_bytes(), 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_the_features_that_vowpal_wabbit_counts() {
        for (text, expected) in VOWPAL_WABBIT {
            assert_eq!(count(text), *expected, "{text:?}");
        }
    }

    /// Written by Vowpal Wabbit 9.11.9, the package `vowpalwabbit` of PyPI, with `--ngram 2 -b 3 --noconstant`: the
    /// features of `workspace.example("| " + text)`, counted by index modulo 8. Texts with `|`, `:` or a line end,
    /// which cannot stand in such a line, were split at white space beforehand, and each token's
    /// `workspace.hash_feature(token, 0)` was pushed into an empty example.
    #[rustfmt::skip]
    const VOWPAL_WABBIT: &[(&str, [u32; BUCKETS])] = &[
        ("This is a good day", [1, 1, 2, 2, 0, 2, 0, 1]),
        ("", [0, 0, 0, 0, 0, 0, 0, 0]),
        ("a", [0, 0, 1, 0, 0, 0, 0, 0]),
        ("a a a", [0, 0, 3, 0, 2, 0, 0, 0]),
        (" leading and trailing ", [1, 0, 0, 1, 1, 1, 0, 1]),
        ("tab\tbetween", [1, 0, 0, 1, 0, 0, 0, 1]),
        ("two  spaces", [1, 0, 2, 0, 0, 0, 0, 0]),
        ("this IS A Good DAY", [0, 1, 0, 1, 2, 1, 4, 0]),
        ("7", [0, 0, 0, 0, 0, 0, 0, 1]),
        ("007 7", [0, 0, 1, 0, 0, 0, 0, 2]),
        ("0", [1, 0, 0, 0, 0, 0, 0, 0]),
        ("4294967295", [0, 0, 0, 0, 0, 0, 0, 1]),
        ("4294967296 1", [1, 2, 0, 0, 0, 0, 0, 0]),
        ("18446744073709551615 x", [0, 0, 0, 1, 0, 0, 1, 1]),
        ("18446744073709551616", [1, 0, 0, 0, 0, 0, 0, 0]),
        ("99999999999999999999999 1", [0, 1, 0, 0, 1, 0, 0, 1]),
        ("1 2 3 4 5 6 7 8 9", [1, 4, 1, 3, 1, 3, 1, 3]),
        ("12a a12", [0, 0, 0, 1, 1, 1, 0, 0]),
        ("-5 +5 1.5 1e3", [0, 2, 0, 2, 2, 1, 0, 0]),
        ("3.14, 2,718", [1, 0, 0, 1, 0, 0, 0, 1]),
        ("Don't panic!", [0, 0, 0, 1, 0, 0, 1, 1]),
        ("'tag x", [1, 0, 0, 2, 0, 0, 0, 0]),
        ("\"quoted\" words (and more)", [1, 2, 0, 1, 0, 1, 2, 0]),
        ("naïve café", [1, 1, 0, 0, 0, 1, 0, 0]),
        ("Ünïcödé ñ", [0, 0, 0, 1, 0, 1, 1, 0]),
        ("日本語 の テキスト", [1, 2, 0, 1, 0, 0, 0, 1]),
        ("слово за словом", [0, 1, 1, 2, 0, 1, 0, 0]),
        ("مرحبا بالعالم", [0, 0, 1, 1, 0, 1, 0, 0]),
        ("😀 😀😁", [0, 0, 1, 1, 0, 1, 0, 0]),
        ("e\u{301} é", [1, 0, 0, 0, 0, 0, 0, 2]),
        ("٣ ٤", [0, 2, 0, 0, 0, 0, 1, 0]),
        ("no\u{a0}break", [0, 0, 0, 0, 1, 0, 0, 0]),
        ("em\u{2003}space next\u{2028}line", [1, 1, 0, 0, 0, 1, 0, 0]),
        ("\u{feff}bom first", [1, 1, 0, 0, 0, 1, 0, 0]),
        ("x \u{b} y", [1, 0, 0, 1, 0, 0, 2, 1]),
        ("form\u{c}feed x", [1, 1, 0, 1, 0, 0, 0, 0]),
        ("a\u{b} b\u{1c}", [0, 0, 1, 1, 0, 1, 0, 0]),
        ("a:2 b", [0, 0, 0, 1, 1, 0, 0, 1]),
        ("a|b c | d", [1, 0, 1, 2, 0, 0, 1, 2]),
        ("http://example.com/?q=1&r=2 http://example.com", [1, 0, 0, 0, 0, 1, 0, 1]),
        ("12:30 :", [1, 0, 1, 0, 0, 0, 1, 0]),
        ("line one\nline two\r\nline three", [6, 0, 0, 2, 3, 0, 0, 0]),
        ("nul\0inside x", [0, 0, 0, 1, 1, 1, 0, 0]),
        ("\u{7f} del", [1, 1, 0, 0, 0, 1, 0, 0]),
    ];
}
