//! Rate limits and quotas as they are compiled.

use super::config::LimitConfig;
use super::problem::{JsonPath, Problems};

/// The longest name of a limit, in bytes: its length is written in one.
pub const MAX_NAME: usize = 255;
const MOST_CALLS: u64 = 1_000_000_000;
/// Ten years, in seconds.
const LONGEST_PERIOD: u64 = 315_360_000;

#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// Under this name a subscription's calls are remembered, over changes of the policy too.
    pub name: Box<str>,
    pub kind: Kind,
    pub calls: u64,
    /// In milliseconds.
    pub period: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Rate,
    Quota,
}

impl Limit {
    pub(super) fn compile(
        config: Option<&LimitConfig>,
        kind: Kind,
        owner: &str,
        path: &JsonPath,
        problems: &mut Problems,
    ) -> Option<Self> {
        let LimitConfig { calls, renewal_period } = *config?;
        if !(1..=MOST_CALLS).contains(&calls) {
            problems.error(&path.key("calls"), format!("must be 1 to {MOST_CALLS}"));
        }
        if !(1..=LONGEST_PERIOD).contains(&renewal_period) {
            let message = format!("must be 1 to {LONGEST_PERIOD} seconds");
            problems.error(&path.key("renewalPeriod"), message);
        }
        let word = match kind {
            Kind::Rate => "rate",
            Kind::Quota => "quota",
        };
        let name = format!("{owner}/{word}").into();
        Some(Self { name, kind, calls, period: renewal_period.saturating_mul(1000) })
    }
}
