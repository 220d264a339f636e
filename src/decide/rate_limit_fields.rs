//! What a caller is told of its limits: the fields `RateLimit-Policy` and `RateLimit` of
//! draft-ietf-httpapi-ratelimit-headers-10.
//!
//! `RateLimit-Policy: "product/starter/rate";q=5;w=60` says 5 calls in 60 seconds, and
//! `RateLimit: "product/starter/rate";r=4;t=60` that 4 are left, and more in 60 seconds.

use std::fmt::Write as _;

use super::limits::Standing;

pub(super) const POLICY: &str = "ratelimit-policy";
pub(super) const CURRENT: &str = "ratelimit";

/// Both fields, with their values. Names of limits are plain ASCII without quotes.
pub(super) fn fields(standings: &[Standing<'_>]) -> [(&'static str, String); 2] {
    let (mut policy, mut current) = (String::new(), String::new());
    for (i, Standing { limit, remaining, seconds }) in standings.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let (name, calls, period) = (&limit.name, limit.calls, limit.period / 1000);
        // Writing into a String cannot fail.
        let _ = write!(policy, "{comma}\"{name}\";q={calls};w={period}");
        let _ = write!(current, "{comma}\"{name}\";r={remaining};t={seconds}");
    }
    [(POLICY, policy), (CURRENT, current)]
}
