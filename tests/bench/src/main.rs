//! What the gateway costs: CPU time of Envoy's worker thread per request, against the same Envoy
//! without the filter. `make bench` runs it; `bench --help` tells how to compare builds.
//!
//! Throughput on a shared machine scatters far more than the filter costs. So: CPU time instead of
//! wall-clock time, short windows taken in turn over all variants, and the median of the ratios of
//! windows that were taken right after each other. Compare ratios of one run, never microseconds of
//! two.
//!
//! - [`variant`] is what is compared, [`policy`] and [`yaml`] what its Envoy is started with
//! - [`subject`] is a variant that runs, [`load`] its calls, [`upstream`] what answers them
//! - [`cpu`] measures, [`statistics`] condenses, [`report`] prints

// Only the gateway's core takes time as an argument.
#![allow(clippy::disallowed_methods)]

mod cpu;
mod load;
mod policy;
mod report;
mod statistics;
mod subject;
mod upstream;
mod variant;
mod yaml;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use cpu::Cores;
use statistics::Random;
use subject::Subject;
use upstream::Upstream;
use variant::{Build, Variant};

/// Measures Envoy's CPU time per request with and without the gateway.
#[derive(Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Few windows: shows that it works, ranks nothing that is close.
    #[arg(long)]
    quick: bool,
    /// How long to measure, after everything has started. Default: 75, with --quick 8.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u64>,
    /// Another build of the filter, to compare with the shipped one. May be repeated.
    #[arg(long, value_name = "FILE")]
    wasm: Vec<PathBuf>,
    /// What the build is called, in the order of --wasm. Default: its file name.
    #[arg(long, value_name = "LABEL")]
    name: Vec<String>,
    /// Leaves out the variants that do not help to compare builds.
    #[arg(long)]
    builds_only: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let cores = Cores::choose()?;
    // All that is started from here on inherits it; only the workers go elsewhere.
    cores.pin_to_load()?;
    let upstream = Upstream::start().map_err(|error| format!("the upstream: {error}"))?;
    let variants = Variant::all(&upstream, &builds(arguments)?, arguments.builds_only)?;

    let mut subjects = Vec::new();
    for variant in variants {
        eprintln!("starting: {}", variant.name);
        subjects.push(Subject::start(variant, &cores)?);
    }
    let default = if arguments.quick { 8 } else { 75 };
    measure(&mut subjects, Duration::from_secs(arguments.seconds.unwrap_or(default)))?;
    print!("{}", report::report(&subjects, &cores));
    Ok(())
}

/// One window of each subject, in an order of its own each round, until the time is over.
fn measure(subjects: &mut [Subject], time: Duration) -> Result<(), String> {
    for subject in subjects.iter_mut() {
        subject.warm_up()?;
    }
    eprintln!("measuring for {} s", time.as_secs());
    let mut order: Vec<usize> = (0..subjects.len()).collect();
    let mut random = Random::default();
    let end = Instant::now() + time;
    loop {
        // What ran just before leaves its traces in the caches: nobody always follows the same one.
        random.shuffle(&mut order);
        for &index in &order {
            subjects[index].window()?;
        }
        if Instant::now() >= end {
            return Ok(());
        }
    }
}

fn builds(arguments: &Arguments) -> Result<Vec<Build>, String> {
    if arguments.name.len() > arguments.wasm.len() {
        return Err("more --name than --wasm".to_owned());
    }
    let build = |(index, file): (usize, &PathBuf)| {
        let wasm = file.canonicalize().map_err(|error| format!("{}: {error}", file.display()))?;
        let own = || file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Build { name: arguments.name.get(index).cloned().unwrap_or_else(own), wasm })
    };
    arguments.wasm.iter().enumerate().map(build).collect()
}
