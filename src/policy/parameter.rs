//! What a parameter of a URL template may be.

use std::borrow::Cow;

use crate::uri;

use super::config::ParameterType;

#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: Box<str>,
    pub required: bool,
    pub kind: ParameterType,
    /// Empty: any.
    pub values: Box<[Box<str>]>,
    pub max_length: Option<usize>,
    pub allow_escapes: bool,
}

/// The rule that a value broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule<'p> {
    OneOf(Vec<&'p str>),
    /// As `OneOf`, of a path parameter: the values may be names of tenants, and are not told.
    NotServed,
    Boolean,
    Integer,
    MaxLength(usize),
    /// Percent-escapes are not allowed here, or not this one.
    NoEscapes,
}

impl Parameter {
    /// What holds for a parameter that `templateParameters` does not mention.
    pub fn plain(name: &str) -> Self {
        Self {
            name: name.into(),
            required: true,
            kind: ParameterType::String,
            values: Box::new([]),
            max_length: None,
            allow_escapes: false,
        }
    }

    /// Judges a value after its one decoding.
    pub fn judge(&self, value: &[u8]) -> Result<(), Rule<'_>> {
        match self.kind {
            ParameterType::String => {}
            ParameterType::Boolean => {
                if !value.eq_ignore_ascii_case(b"true") && !value.eq_ignore_ascii_case(b"false") {
                    return Err(Rule::Boolean);
                }
            }
            ParameterType::Integer => {
                let digits = value.strip_prefix(b"-").unwrap_or(value);
                // One spelling for each number, so that no value has two.
                let canonical = !digits.starts_with(b"0") || value == b"0";
                if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) || !canonical {
                    return Err(Rule::Integer);
                }
            }
        }
        let value = &*self.canonical(value);
        if !self.values.is_empty() && !self.values.iter().any(|v| v.as_bytes() == value) {
            return Err(Rule::OneOf(self.values.iter().map(AsRef::as_ref).collect()));
        }
        // Characters: what is no UTF-8 has one for each byte that begins none.
        let characters = || value.iter().filter(|b| **b & 0xC0 != 0x80).count();
        match self.max_length {
            Some(max) if value.len() > max && characters() > max => Err(Rule::MaxLength(max)),
            _ => Ok(()),
        }
    }

    /// The one spelling of a value that has several.
    pub fn canonical<'v>(&self, value: &'v [u8]) -> Cow<'v, [u8]> {
        match self.kind {
            ParameterType::Boolean if value.iter().any(u8::is_ascii_uppercase) => {
                value.to_ascii_lowercase().into()
            }
            _ => value.into(),
        }
    }

    /// Whether a path segment can hold `value`.
    pub fn fits_in_path(&self, value: &[u8]) -> bool {
        !value.is_empty()
            && !value.contains(&b'/')
            && if self.allow_escapes {
                !matches!(value, b"." | b"..") && !uri::decodes_to_structure(value, value)
            } else {
                uri::check_path(&[b"/", value].concat()).is_ok() && !value.contains(&b'%')
            }
    }

    /// Whether every value that `other` takes passes here.
    pub fn covers(&self, other: &Self) -> bool {
        let all = self.kind == ParameterType::String
            && self.values.is_empty()
            && self.max_length.is_none()
            && (self.allow_escapes || !other.allow_escapes);
        all || (!other.values.is_empty()
            && other.values.iter().all(|value| self.judge(value.as_bytes()).is_ok()))
    }

    /// Whether some value could pass both.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self.values.is_empty(), other.values.is_empty()) {
            (false, _) => self.values.iter().any(|value| other.judge(value.as_bytes()).is_ok()),
            (_, false) => other.overlaps(self),
            _ => !matches!(
                (self.kind, other.kind),
                (ParameterType::Boolean, ParameterType::Integer)
                    | (ParameterType::Integer, ParameterType::Boolean)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_values(values: &[&str]) -> Parameter {
        Parameter {
            values: values.iter().map(|v| Box::from(*v)).collect(),
            ..Parameter::plain("p")
        }
    }

    #[test]
    fn a_value_is_judged_by_type_values_and_length() {
        let boolean = Parameter { kind: ParameterType::Boolean, ..Parameter::plain("p") };
        let integer = Parameter { kind: ParameterType::Integer, ..Parameter::plain("p") };
        let short = Parameter { max_length: Some(3), ..Parameter::plain("p") };
        let version = with_values(&["2.0", "3.0"]);
        for (parameter, value, verdict) in [
            (&boolean, "true", Ok(())),
            (&boolean, "False", Ok(())),
            (&boolean, "1", Err(Rule::Boolean)),
            (&boolean, "", Err(Rule::Boolean)),
            (&integer, "-12", Ok(())),
            (&integer, "0", Ok(())),
            (&integer, "-", Err(Rule::Integer)),
            (&integer, "-0", Err(Rule::Integer)),
            (&integer, "07", Err(Rule::Integer)),
            (&integer, "1.0", Err(Rule::Integer)),
            (&short, "abc", Ok(())),
            (&short, "abcd", Err(Rule::MaxLength(3))),
            (&short, "äöü", Ok(())),
            (&short, "äöüß", Err(Rule::MaxLength(3))),
            (&version, "3.0", Ok(())),
            (&version, "2", Err(Rule::OneOf(vec!["2.0", "3.0"]))),
        ] {
            assert_eq!(parameter.judge(value.as_bytes()), verdict, "{parameter:?} {value}");
        }
    }

    #[test]
    fn parameters_overlap_when_some_value_passes_both() {
        let integer = Parameter { kind: ParameterType::Integer, ..Parameter::plain("p") };
        let boolean = Parameter { kind: ParameterType::Boolean, ..Parameter::plain("p") };
        for (one, other, overlap) in [
            (&with_values(&["a", "b"]), &with_values(&["b", "c"]), true),
            (&with_values(&["a"]), &with_values(&["b"]), false),
            (&with_values(&["a"]), &integer, false),
            (&with_values(&["1"]), &integer, true),
            (&integer, &boolean, false),
            (&integer, &Parameter::plain("p"), true),
        ] {
            assert_eq!(one.overlaps(other), overlap, "{one:?} {other:?}");
            assert_eq!(other.overlaps(one), overlap, "{other:?} {one:?}");
        }
    }
}
