//! Rate limits and quotas: what a call costs, judged on what was remembered.
//!
//! A subscription has one slot, which holds all its limits, so that one compare-and-swap charges
//! all of them or none. The core says what to charge ([`Plan`]) and judges what was observed
//! ([`Plan::settle`]); reading and swapping the slot is the host's.
//!
//! Rule of a rate limit: a call at `t` is admitted if fewer than `calls` remembered calls lie in
//! `(t - P, t]`; an admitted call is remembered. Up to 64 calls, each has its own stamp. Above,
//! calls within `P / 64` of an entry's first share the entry and leave with its last: never more
//! than `calls` in any window of `P`, and a call is remembered at most `P / 64` too long.
//!
//! Rule of a quota: fixed windows of `P` from an anchor; fewer than `calls` calls in the window.

use crate::policy::limit::{Kind, Limit};

use super::slot::{Entry, Remembered, Run, Slot};

/// The calls of which each has a stamp of its own.
const STAMPS: u64 = 64;
/// More is not written: see [`charge_rate`].
const MOST_RUNS: usize = 128;

/// What a call has to be charged to. Times are in milliseconds since 1970, or before.
#[derive(Debug)]
pub struct Plan<'p> {
    limits: Vec<&'p Limit>,
    /// Where the windows of quotas begin.
    anchor: i64,
}

/// What becomes of a call, and of the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With the slot's new content, in which every limit is charged.
    Admit(Vec<u8>),
    /// Nothing is charged. There is new content where the clock was set back.
    Refuse(Exceeded, Option<Vec<u8>>),
}

/// A limit that refuses, and for how long if nobody else spends what becomes free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    pub kind: Kind,
    /// Rounded up.
    pub seconds: u64,
}

impl<'p> Plan<'p> {
    pub fn new(limits: Vec<&'p Limit>, anchor: i64) -> Self {
        Self { limits, anchor }
    }

    /// Judges what the slot held. Of several limits that refuse, the one with the longest wait is
    /// named. `now` was read after the slot was, or the stamps of faster calls would be ahead of it.
    pub fn settle(&self, observed: Option<&[u8]>, now: u64) -> Verdict {
        let mut slot = observed.map(Slot::read).unwrap_or_default();
        let corrected = follow_clock(&mut slot, now).then(|| slot.write());
        let mut longest: Option<(u64, Kind)> = None;
        let mut charged: Vec<Entry> = Vec::new();
        for limit in &self.limits {
            let kept = slot.take(&limit.name).map(|entry| entry.remembered);
            match self.charge(limit, kept, now) {
                Ok(remembered) => charged.push(Entry {
                    name: limit.name.clone(),
                    period: limit.period,
                    remembered,
                }),
                Err(wait) => longest = longest.max(Some((wait, limit.kind))),
            }
        }
        if let Some((wait, kind)) = longest {
            let exceeded = Exceeded { kind, seconds: wait.div_ceil(1000).max(1) };
            return Verdict::Refuse(exceeded, corrected);
        }
        // What other calls of the subscription are charged to, as long as it counts.
        slot.entries.retain(|entry| entry.ends() > now);
        slot.entries.extend(charged);
        Verdict::Admit(slot.write())
    }

    /// What is remembered after this call; or the time in milliseconds after which it would pass.
    fn charge(&self, limit: &Limit, kept: Option<Remembered>, now: u64) -> Result<Remembered, u64> {
        match (limit.kind, kept) {
            (Kind::Rate, Some(Remembered::Runs(runs))) => charge_rate(limit, runs, now),
            (Kind::Rate, _) => charge_rate(limit, Vec::new(), now),
            (Kind::Quota, Some(Remembered::Window { start, calls })) => {
                self.charge_quota(limit, Some((start, calls)), now)
            }
            (Kind::Quota, _) => self.charge_quota(limit, None, now),
        }
    }

    fn charge_quota(
        &self,
        limit: &Limit,
        kept: Option<(u64, u64)>,
        now: u64,
    ) -> Result<Remembered, u64> {
        let period = limit.period.max(1);
        let since = i128::from(now).saturating_sub(i128::from(self.anchor));
        let into = since.checked_rem_euclid(i128::from(period)).unwrap_or(0);
        let current = now.saturating_sub(u64::try_from(into).unwrap_or(0));
        let (start, calls) = match kept {
            // The clock was set back over the beginning of a window: that one goes on.
            Some((start, calls)) if start > now => (start, calls),
            Some((start, calls)) if start >= current => (current, calls),
            _ => (current, 0),
        };
        if calls >= limit.calls {
            return Err(start.saturating_add(period).saturating_sub(now));
        }
        Ok(Remembered::Window { start, calls: calls.saturating_add(1) })
    }
}

/// A stamp ahead of the clock by at most a period is taken as now. If one is by more, the clock was
/// set back, and all stamps move to now. Says whether anything moved: that is kept even where the
/// call is refused, or it would be so again at each call until the clock is back where it was.
fn follow_clock(slot: &mut Slot, now: u64) -> bool {
    let mut moved = false;
    for entry in &mut slot.entries {
        let latest = now.saturating_add(entry.period);
        match &mut entry.remembered {
            Remembered::Runs(runs) => {
                let set_back = runs.iter().any(|run| run.last > latest);
                for run in runs {
                    let before = *run;
                    if set_back {
                        (run.first, run.last) = (now, now);
                    } else {
                        run.first = run.first.min(now);
                        run.last = run.last.min(now);
                    }
                    moved |= *run != before;
                }
            }
            Remembered::Window { start, .. } if *start > latest => {
                *start = now;
                moved = true;
            }
            Remembered::Window { .. } => {}
        }
    }
    moved
}

fn charge_rate(limit: &Limit, mut runs: Vec<Run>, now: u64) -> Result<Remembered, u64> {
    let period = limit.period;
    runs.retain(|run| run.last.saturating_add(period) > now);
    let remembered = runs.iter().fold(0, |sum: u64, run| sum.saturating_add(run.calls));
    if remembered >= limit.calls {
        // The runs leave one after the other; wait for the one that makes room.
        let mut left = remembered;
        for run in &runs {
            left = left.saturating_sub(run.calls);
            if left < limit.calls {
                return Err(run.last.saturating_add(period).saturating_sub(now));
            }
        }
        return Err(period);
    }
    let share = if limit.calls > STAMPS { period.div_ceil(STAMPS) } else { 0 };
    match runs.last_mut() {
        Some(run) if now.saturating_sub(run.first) < share => {
            run.last = now;
            run.calls = run.calls.saturating_add(1);
        }
        _ => runs.push(Run { first: now, last: now, calls: 1 }),
    }
    // Only after limits or clocks have changed are there so many: the oldest are remembered longer.
    while runs.len() > MOST_RUNS {
        let oldest = runs.remove(0);
        if let Some(next) = runs.first_mut() {
            next.first = oldest.first;
            next.calls = next.calls.saturating_add(oldest.calls);
        }
    }
    Ok(Remembered::Runs(runs))
}
