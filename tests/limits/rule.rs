//! The rule, held against an oracle that keeps every call.

use azureml_gateway::decide::limits::{Exceeded, Plan, Standing, Verdict};
use azureml_gateway::policy::limit::{Kind, Limit};
use proptest::collection::vec;
use proptest::prelude::*;

fn rate(calls: u64, period: u64) -> Limit {
    Limit { name: "rate".into(), kind: Kind::Rate, calls, period }
}

fn quota(calls: u64, period: u64) -> Limit {
    Limit { name: "quota".into(), kind: Kind::Quota, calls, period }
}

/// A slot, and calls against it at given times.
#[derive(Default)]
struct Counter(Option<Vec<u8>>);

impl Counter {
    fn call<'p>(
        &mut self,
        limits: &[&'p Limit],
        anchor: i64,
        now: u64,
    ) -> Result<Vec<Standing<'p>>, Exceeded<'p>> {
        match Plan::new(limits.to_vec(), anchor).settle(self.0.as_deref(), now) {
            Verdict::Admit(content, standings) => {
                self.0 = Some(content);
                Ok(standings)
            }
            Verdict::Refuse(exceeded, content) => {
                self.0 = content.or_else(|| self.0.take());
                Err(exceeded)
            }
        }
    }

    /// Whether a call would pass, without making it.
    fn would_admit(&self, limits: &[&Limit], anchor: i64, now: u64) -> bool {
        let verdict = Plan::new(limits.to_vec(), anchor).settle(self.0.as_deref(), now);
        matches!(verdict, Verdict::Admit(..))
    }
}

fn in_window(admitted: &[u64], now: u64, period: u64) -> u64 {
    admitted.iter().filter(|t| **t + period > now && **t <= now).count() as u64
}

/// Times that never go back, with bursts and pauses.
fn arrivals(period: u64) -> impl Strategy<Value = Vec<u64>> {
    let step = prop_oneof![
        4 => Just(0u64),
        4 => 0..period / 8,
        2 => period / 2..period + 2,
        1 => period * 2..period * 3
    ];
    vec(step, 1..300).prop_map(|steps| {
        let mut now = 1_700_000_000_000;
        steps
            .into_iter()
            .map(|step| {
                now += step;
                now
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn up_to_64_calls_the_rule_is_exact(calls in 1u64..=64, times in arrivals(60_000)) {
        let limit = rate(calls, 60_000);
        let (mut counter, mut admitted) = (Counter::default(), Vec::new());
        for now in times {
            let expected = in_window(&admitted, now, limit.period) < calls;
            match counter.call(&[&limit], 0, now) {
                Ok(_) => {
                    prop_assert!(expected, "admitted at {now}");
                    admitted.push(now);
                }
                Err(Exceeded { seconds, .. }) => {
                    prop_assert!(!expected, "refused at {now}");
                    // Retry-After is right: then it passes, and a second earlier it does not.
                    let then = now + seconds * 1000;
                    prop_assert!(counter.would_admit(&[&limit], 0, then));
                    let before = then - 1001;
                    prop_assert!(before <= now || !counter.would_admit(&[&limit], 0, before));
                }
            }
        }
    }

    /// What a caller is told to be left passes at once and no more, and after the seconds it was
    /// told there is more.
    #[test]
    fn what_is_told_to_be_left_is_left(
        rate_calls in 1u64..=64,
        quota_calls in 1u64..=64,
        times in arrivals(60_000),
    ) {
        let (rate, quota) = (rate(rate_calls, 60_000), quota(quota_calls, 300_000));
        let (mut counter, mut admitted) = (Counter::default(), Vec::new());
        for now in times {
            let standings = match counter.call(&[&rate, &quota], 0, now) {
                Ok(standings) => {
                    admitted.push(now);
                    standings
                }
                Err(exceeded) => exceeded.standings,
            };
            let window = |t: &&u64| **t / quota.period == now / quota.period;
            let spent = [in_window(&admitted, now, rate.period), admitted.iter().filter(window).count() as u64];
            for (standing, spent) in standings.iter().zip(spent) {
                prop_assert_eq!(standing.remaining, standing.limit.calls - spent);
            }
            let later = now + standings[0].seconds * 1000;
            prop_assert!(spent[0] == 0 || in_window(&admitted, later, rate.period) < spent[0]);
            let sooner = later.saturating_sub(1001);
            prop_assert!(sooner <= now || in_window(&admitted, sooner, rate.period) == spent[0]);
            let end = (now / quota.period + 1) * quota.period;
            prop_assert_eq!(standings[1].seconds, (end - now).div_ceil(1000));
        }
    }

    #[test]
    fn above_64_calls_no_window_has_more_and_none_is_forgotten_too_late(
        calls in 65u64..200,
        times in arrivals(6_400),
    ) {
        let limit = rate(calls, 6_400);
        let (mut counter, mut admitted) = (Counter::default(), Vec::new());
        for now in times {
            // Each time stands for a burst.
            for _ in 0..7 {
                match counter.call(&[&limit], 0, now) {
                    Ok(_) => {
                        admitted.push(now);
                        prop_assert!(in_window(&admitted, now, limit.period) <= calls);
                    }
                    Err(Exceeded { seconds, .. }) => {
                        let long = in_window(&admitted, now, limit.period + limit.period / 64);
                        prop_assert!(long >= calls, "{long} of {calls} refused at {now}");
                        prop_assert!(counter.would_admit(&[&limit], 0, now + seconds * 1000));
                    }
                }
            }
            // At most 65 runs of 24 bytes, and their frame.
            prop_assert!(counter.0.as_ref().unwrap().len() <= 65 * 24 + 32);
        }
    }

    #[test]
    fn a_quota_counts_fixed_windows_from_its_anchor(
        calls in 1u64..20,
        times in arrivals(60_000),
        anchor in -200_000i64..200_000,
    ) {
        let limit = quota(calls, 60_000);
        let mut counter = Counter::default();
        let mut spent = std::collections::BTreeMap::<u64, u64>::new();
        for now in times {
            let since = u64::try_from(now as i64 - anchor).unwrap();
            let window = since / limit.period;
            let count = spent.entry(window).or_default();
            match counter.call(&[&limit], anchor, now) {
                Ok(_) => {
                    prop_assert!(*count < calls);
                    *count += 1;
                }
                Err(Exceeded { seconds, kind, .. }) => {
                    prop_assert_eq!((*count, kind), (calls, Kind::Quota));
                    let end = (window + 1) * limit.period;
                    prop_assert_eq!(seconds, (end - since).div_ceil(1000).max(1));
                    prop_assert!(counter.would_admit(&[&limit], anchor, now + seconds * 1000));
                }
            }
        }
    }

    #[test]
    fn all_are_charged_or_none(times in arrivals(10_000)) {
        let (rate, quota) = (rate(3, 10_000), quota(7, 100_000));
        let both = [&rate, &quota];
        let (mut counter, mut admitted) = (Counter::default(), Vec::new());
        for now in times {
            let fits = in_window(&admitted, now, rate.period) < rate.calls
                && admitted.iter().filter(|t| *t / quota.period == now / quota.period).count() < 7;
            prop_assert_eq!(counter.call(&both, 0, now).is_ok(), fits);
            if fits {
                admitted.push(now);
            }
        }
    }

    /// Whatever the clock does: nothing panics, no window by the clock has more, and after two
    /// periods of an honest clock a call passes.
    #[test]
    fn a_clock_that_jumps_gives_no_calls_away_and_locks_nobody_out(
        calls in 1u64..80,
        times in vec(0u64..10_000_000, 1..200),
    ) {
        let limit = rate(calls, 60_000);
        let mut counter = Counter::default();
        let mut last = 0;
        for now in times {
            let _ = counter.call(&[&limit], 0, now);
            last = now;
        }
        prop_assert!(counter.would_admit(&[&limit], 0, last + 2 * limit.period + 1));
        // A burst at one moment never has more, whatever was before it.
        let passed = (0..200).filter(|_| counter.call(&[&limit], 0, last).is_ok()).count() as u64;
        prop_assert!(passed <= calls);
    }

    /// A quota's windows are by the clock: a step back over the beginning of one goes on in it.
    #[test]
    fn a_clock_set_back_a_little_gives_no_calls_of_a_quota_away(
        calls in 1u64..20,
        made in 0u64..30,
        back in 0u64..59_999,
        after in 0u64..59_900,
    ) {
        let begin = 1_700_000_040_000;
        let limit = quota(calls, 60_000);
        let mut counter = Counter::default();
        let mut burst = |now, count| {
            (0..count).filter(|_| counter.call(&[&limit], 0, now).is_ok()).count() as u64
        };
        let first = burst(begin + 100, made);
        let between = burst(begin + 100 - back, 1);
        let then = burst(begin + 100 + after % 59_800, 30);
        prop_assert!(first + between + then <= calls + u64::from(first == 0));
    }

    /// Policies that come and go never make so many entries that they cannot be written.
    #[test]
    fn a_slot_stays_readable_whatever_limits_come(
        steps in vec((1u64..400, 1u64..200_000, 0u64..5_000), 300..600),
    ) {
        let mut counter = Counter::default();
        let quota = quota(u64::MAX, 1_000_000_000_000);
        let (mut now, mut admitted) = (1_700_000_000_000, 0u64);
        for (calls, period, step) in steps {
            now += step;
            if counter.call(&[&rate(calls, period), &quota], 0, now).is_ok() {
                admitted += 1;
            }
            let fits = counter.0.as_ref().is_none_or(|slot| slot.len() <= 129 * 24 + 64);
            prop_assert!(fits);
        }
        // The quota beside it has counted every one.
        let mut exact = super::rule::quota(admitted, 1_000_000_000_000);
        prop_assert!(admitted == 0 || !counter.would_admit(&[&exact], 0, now));
        exact.calls = admitted + 1;
        prop_assert!(counter.would_admit(&[&exact], 0, now));
    }

    #[test]
    fn a_changed_limit_judges_anew_what_was_kept(
        first in 1u64..150,
        second in 1u64..150,
        made in 0u64..150,
    ) {
        let mut counter = Counter::default();
        let now = 1_700_000_000_000;
        let admitted = (0..made).filter(|_| counter.call(&[&rate(first, 60_000)], 0, now).is_ok());
        let kept = admitted.count() as u64;
        let more = (0..200).filter(|_| counter.call(&[&rate(second, 60_000)], 0, now).is_ok());
        prop_assert_eq!(more.count() as u64, second.saturating_sub(kept));
    }

    #[test]
    fn a_slot_of_any_bytes_is_harmless(bytes in vec(any::<u8>(), 0..200), now in any::<u64>()) {
        let (rate, quota) = (rate(3, 10_000), quota(7, 100_000));
        let _ = Plan::new(vec![&rate, &quota], 0).settle(Some(&bytes), now);
    }
}

#[test]
fn what_other_operations_remember_stays_as_long_as_it_counts() {
    let (one, other) = (rate(1, 60_000), quota(1, 60_000));
    let mut counter = Counter::default();
    assert!(counter.call(&[&one], 0, 60_000).is_ok());
    assert!(counter.call(&[&other], 0, 61_000).is_ok());
    assert!(counter.call(&[&one], 0, 62_000).is_err());
    let long = counter.0.as_ref().unwrap().len();
    assert!(counter.call(&[&other], 0, 600_000).is_ok());
    assert!(counter.0.as_ref().unwrap().len() < long, "what no longer counts is dropped");
}

#[test]
fn of_several_limits_the_longest_wait_is_told() {
    let (rate, quota) = (rate(1, 60_000), quota(1, 600_000));
    let mut counter = Counter::default();
    assert!(counter.call(&[&rate, &quota], 0, 600_000).is_ok());
    let refused = counter.call(&[&rate, &quota], 0, 601_000).unwrap_err();
    assert_eq!((refused.kind, refused.seconds), (Kind::Quota, 599));
}

#[test]
fn after_a_limit_was_lowered_both_waits_are_the_same() {
    let (large, small) = (rate(50, 60_000), rate(5, 60_000));
    let mut counter = Counter::default();
    for n in 0..50 {
        assert!(counter.call(&[&large], 0, 1_000_000 + n * 1000).is_ok());
    }
    let refused = counter.call(&[&small], 0, 1_050_000).unwrap_err();
    assert_eq!((refused.seconds, refused.standings[0].seconds), (55, 55));
    assert_eq!(refused.standings[0].remaining, 0);
}
