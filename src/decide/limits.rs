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
/// More is not written: see [`add_to_runs`].
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
pub enum Verdict<'p> {
    /// With the slot's new content, in which every limit is charged, and what that leaves.
    Admit(Vec<u8>, Vec<Standing<'p>>),
    /// Nothing is charged. There is new content where the clock was set back.
    Refuse(Exceeded<'p>, Option<Vec<u8>>),
}

/// A limit that refuses, and for how long if nobody else spends what becomes free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded<'p> {
    pub kind: Kind,
    /// Rounded up.
    pub seconds: u64,
    /// How all the call's limits stand.
    pub standings: Vec<Standing<'p>>,
}

/// What is left of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing<'p> {
    pub limit: &'p Limit,
    pub remaining: u64,
    /// After how many seconds there is more, rounded up; of a quota, when its window ends. 0 where
    /// nothing of a rate limit was spent.
    pub seconds: u64,
}

impl<'p> Plan<'p> {
    pub fn new(limits: Vec<&'p Limit>, anchor: i64) -> Self {
        Self { limits, anchor }
    }

    /// Judges what the slot held. Of several limits that refuse, the one with the longest wait is
    /// named. `now` was read after the slot was, or the stamps of faster calls would be ahead of it.
    pub fn settle(&self, observed: Option<&[u8]>, now: u64) -> Verdict<'p> {
        let mut slot = observed.map(Slot::read).unwrap_or_default();
        let corrected = follow_clock(&mut slot, now).then(|| slot.write());
        let mut known: Vec<(&'p Limit, Remembered)> = Vec::new();
        for limit in &self.limits {
            let kept = slot.take(&limit.name).map(|entry| entry.remembered);
            known.push((limit, self.current(limit, kept, now)));
        }
        let waits = known.iter().filter_map(|(limit, r)| Some((r.wait(limit, now)?, limit.kind)));
        if let Some((wait, kind)) = waits.max() {
            let standings = known.iter().map(|(limit, r)| r.standing(limit, now)).collect();
            let exceeded = Exceeded { kind, seconds: wait.div_ceil(1000).max(1), standings };
            return Verdict::Refuse(exceeded, corrected);
        }
        // What other calls of the subscription are charged to, as long as it counts.
        slot.entries.retain(|entry| entry.ends() > now);
        let mut standings = Vec::with_capacity(known.len());
        for (limit, mut remembered) in known {
            remembered.add(limit, now);
            standings.push(remembered.standing(limit, now));
            let (name, period) = (limit.name.clone(), limit.period);
            slot.entries.push(Entry { name, period, remembered });
        }
        Verdict::Admit(slot.write(), standings)
    }

    /// How the limits stand, in their order, with nothing charged.
    pub fn observe(&self, observed: Option<&[u8]>, now: u64) -> Vec<Standing<'p>> {
        let mut slot = observed.map(Slot::read).unwrap_or_default();
        follow_clock(&mut slot, now);
        let standing = |limit: &&'p Limit| {
            let kept = slot.take(&limit.name).map(|entry| entry.remembered);
            self.current(limit, kept, now).standing(limit, now)
        };
        self.limits.iter().map(standing).collect()
    }

    /// What of the kept still counts for this limit.
    fn current(&self, limit: &Limit, kept: Option<Remembered>, now: u64) -> Remembered {
        match (limit.kind, kept) {
            (Kind::Rate, Some(Remembered::Runs(mut runs))) => {
                runs.retain(|run| run.last.saturating_add(limit.period) > now);
                Remembered::Runs(runs)
            }
            (Kind::Rate, _) => Remembered::Runs(Vec::new()),
            (Kind::Quota, kept) => {
                let current = self.window(limit, now);
                match kept {
                    // The clock was set back over the beginning of a window: that one goes on.
                    Some(Remembered::Window { start, calls }) if start > now => {
                        Remembered::Window { start, calls }
                    }
                    Some(Remembered::Window { start, calls }) if start >= current => {
                        Remembered::Window { start: current, calls }
                    }
                    _ => Remembered::Window { start: current, calls: 0 },
                }
            }
        }
    }

    /// Where the quota's window that holds `now` begins.
    fn window(&self, limit: &Limit, now: u64) -> u64 {
        let since = i128::from(now).saturating_sub(i128::from(self.anchor));
        let into = since.checked_rem_euclid(i128::from(limit.period.max(1))).unwrap_or(0);
        now.saturating_sub(u64::try_from(into).unwrap_or(0))
    }
}

impl Remembered {
    fn calls(&self) -> u64 {
        match self {
            Self::Runs(runs) => runs.iter().fold(0, |sum, run| sum.saturating_add(run.calls)),
            Self::Window { calls, .. } => *calls,
        }
    }

    /// The time in milliseconds after which a call would pass; none if it passes now.
    fn wait(&self, limit: &Limit, now: u64) -> Option<u64> {
        let mut left = self.calls();
        if left < limit.calls {
            return None;
        }
        match self {
            // The runs leave one after the other; wait for the one that makes room.
            Self::Runs(runs) => {
                let room = runs.iter().find(|run| {
                    left = left.saturating_sub(run.calls);
                    left < limit.calls
                });
                Some(room.map_or(limit.period, |run| until(run.last, limit, now)))
            }
            Self::Window { start, .. } => Some(until(*start, limit, now)),
        }
    }

    fn standing<'p>(&self, limit: &'p Limit, now: u64) -> Standing<'p> {
        // Where nothing is left, a limit that was larger before may give back nothing for a while.
        let renews = self.wait(limit, now).unwrap_or_else(|| match self {
            Self::Runs(runs) => runs.first().map_or(0, |run| until(run.last, limit, now)),
            Self::Window { start, .. } => until(*start, limit, now),
        });
        let remaining = limit.calls.saturating_sub(self.calls());
        Standing { limit, remaining, seconds: renews.div_ceil(1000) }
    }

    /// Remembers a call. What is remembered is current, and has room for it.
    fn add(&mut self, limit: &Limit, now: u64) {
        match self {
            Self::Runs(runs) => add_to_runs(runs, limit, now),
            Self::Window { calls, .. } => *calls = calls.saturating_add(1),
        }
    }
}

/// How long until what was remembered at `stamp` is forgotten.
fn until(stamp: u64, limit: &Limit, now: u64) -> u64 {
    stamp.saturating_add(limit.period).saturating_sub(now)
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

fn add_to_runs(runs: &mut Vec<Run>, limit: &Limit, now: u64) {
    let share = if limit.calls > STAMPS { limit.period.div_ceil(STAMPS) } else { 0 };
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
}
