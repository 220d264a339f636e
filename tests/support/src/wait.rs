//! Waiting for what is sure to come.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Tries again and again for ten seconds; then the test ends, naming what did not come.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not within ten seconds: {what}");
        sleep(Duration::from_millis(20));
    }
}
