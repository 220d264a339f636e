//! Which core does what, and how long a thread has run.

use std::fs;
use std::path::PathBuf;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The worker that is measured has a core for itself; load, upstream and the rest of Envoy share
/// another.
#[derive(Debug)]
pub struct Cores {
    pub load: usize,
    pub worker: usize,
}

impl Cores {
    /// The first two that this process may use. The interrupts of a machine tend to go to its first.
    pub fn choose() -> Result<Self, String> {
        let allowed = sched_getaffinity(None).map_err(|error| format!("cores: {error}"))?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        match (cores.next(), cores.next()) {
            (Some(load), Some(worker)) => Ok(Self { load, worker }),
            _ => Err("two cores are needed: one for the worker, one for all else".to_owned()),
        }
    }

    pub fn pin_to_load(&self) -> Result<(), String> {
        pin(None, self.load)
    }
}

/// The one worker thread of an Envoy.
#[derive(Debug)]
pub struct Worker {
    schedstat: PathBuf,
}

impl Worker {
    /// Finds it and pins it.
    pub fn find(pid: u32, cores: &Cores) -> Result<Self, String> {
        let tasks = PathBuf::from(format!("/proc/{pid}/task"));
        let threads = fs::read_dir(&tasks).map_err(|error| format!("{tasks:?}: {error}"))?;
        let worker = threads.filter_map(Result::ok).map(|entry| entry.path()).find(|thread| {
            fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.trim() == "wrk:worker_0")
        });
        let worker = worker.ok_or("Envoy has no thread wrk:worker_0")?;
        let id = worker.file_name().and_then(|name| name.to_str()?.parse().ok());
        pin(Some(id.and_then(Pid::from_raw).ok_or("no thread id")?), cores.worker)?;
        Ok(Self { schedstat: worker.join("schedstat") })
    }

    /// Nanoseconds on a core so far. The kernel adds them up when the thread goes to sleep.
    pub fn on_cpu(&self) -> Result<u64, String> {
        fs::read_to_string(&self.schedstat)
            .map_err(|error| format!("{}: {error}", self.schedstat.display()))?
            .split_whitespace()
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| format!("{}: no number", self.schedstat.display()))
    }
}

/// Resident memory of a process in MB.
pub fn resident_mb(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = kilobytes.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes / 1024.0)
}

fn pin(thread: Option<Pid>, core: usize) -> Result<(), String> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(thread, &only).map_err(|error| format!("pinning to core {core}: {error}"))
}
