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

/// What a call has to be charged to. Times are in milliseconds since 1970.
#[derive(Debug)]
pub struct Plan<'p> {
    limits: Vec<&'p Limit>,
    /// Where the windows of quotas begin.
    anchor: u64,
    now: u64,
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
    pub fn new(limits: Vec<&'p Limit>, anchor: u64, now: u64) -> Self {
        Self { limits, anchor, now }
    }

    /// Judges what the slot held. Of several limits that refuse, the one with the longest wait is
    /// named.
    pub fn settle(&self, observed: Option<&[u8]>) -> Verdict {
        let mut slot = observed.map(Slot::read).unwrap_or_default();
        let set_back = self.follow_clock(&mut slot);
        let corrected = set_back.then(|| slot.write());
        let mut longest: Option<(u64, Kind)> = None;
        let mut charged: Vec<Entry> = Vec::new();
        for limit in &self.limits {
            let kept = slot.take(&limit.name).map(|entry| entry.remembered);
            match self.charge(limit, kept) {
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
        slot.entries.retain(|entry| entry.ends() > self.now);
        slot.entries.extend(charged);
        Verdict::Admit(slot.write())
    }

    /// A stamp ahead of the clock by at most a period is taken as now. If one is by more, the clock
    /// was set back, and all stamps move to now: that is kept even where the call is refused, or it
    /// would be so again at each call until the clock is back where it was.
    fn follow_clock(&self, slot: &mut Slot) -> bool {
        let now = self.now;
        let mut any = false;
        for entry in &mut slot.entries {
            let latest = now.saturating_add(entry.period);
            match &mut entry.remembered {
                Remembered::Runs(runs) => {
                    let set_back = runs.iter().any(|run| run.last > latest);
                    for run in runs {
                        if set_back {
                            (run.first, run.last) = (now, now);
                        } else {
                            run.first = run.first.min(now);
                            run.last = run.last.min(now);
                        }
                    }
                    any |= set_back;
                }
                Remembered::Window { start, .. } if *start > latest => {
                    *start = now;
                    any = true;
                }
                Remembered::Window { .. } => {}
            }
        }
        any
    }

    /// What is remembered after this call; or the time in milliseconds after which it would pass.
    fn charge(&self, limit: &Limit, kept: Option<Remembered>) -> Result<Remembered, u64> {
        match (limit.kind, kept) {
            (Kind::Rate, Some(Remembered::Runs(runs))) => self.charge_rate(limit, runs),
            (Kind::Rate, _) => self.charge_rate(limit, Vec::new()),
            (Kind::Quota, Some(Remembered::Window { start, calls })) => {
                self.charge_quota(limit, Some((start, calls)))
            }
            (Kind::Quota, _) => self.charge_quota(limit, None),
        }
    }

    fn charge_rate(&self, limit: &Limit, mut runs: Vec<Run>) -> Result<Remembered, u64> {
        let (now, period) = (self.now, limit.period);
        runs.retain(|run| run.last.saturating_add(period) > now);
        let remembered: u64 = runs.iter().map(|run| run.calls).sum();
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
        let share = if limit.calls > STAMPS { period / STAMPS } else { 0 };
        match runs.last_mut() {
            Some(run) if now.saturating_sub(run.first) < share => {
                run.last = now;
                run.calls = run.calls.saturating_add(1);
            }
            _ => runs.push(Run { first: now, last: now, calls: 1 }),
        }
        Ok(Remembered::Runs(runs))
    }

    fn charge_quota(&self, limit: &Limit, kept: Option<(u64, u64)>) -> Result<Remembered, u64> {
        let period = limit.period.max(1);
        let since = self.now.saturating_sub(self.anchor);
        let start = self.now.saturating_sub(since % period);
        // A window that began later than the clock says was the current one before it was set back.
        let calls = kept.filter(|(kept, _)| *kept >= start).map_or(0, |(_, calls)| calls);
        if calls >= limit.calls {
            return Err(start.saturating_add(period).saturating_sub(self.now));
        }
        Ok(Remembered::Window { start, calls: calls.saturating_add(1) })
    }
}
