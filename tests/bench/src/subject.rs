//! A variant that runs, and what was measured of it.

use std::thread::sleep;
use std::time::Duration;

use support::Gateway;

use crate::cpu::{self, Cores, Worker};
use crate::load::Load;
use crate::variant::{Kind, Variant};

/// Calls in one window: some 20 ms of the worker's time, short enough that two windows next to each
/// other see the same machine.
const WINDOW: usize = 480;
/// Until V8 has compiled what is hot, and connections and tables are there.
const WARM_UP: usize = 6 * WINDOW;
/// The worker still logs and frees the last calls when their replies have come; after this it sleeps.
const SETTLE: Duration = Duration::from_millis(1);

pub struct Subject {
    pub name: String,
    /// The name of the subject that this one's cost is compared with.
    pub base: &'static str,
    pub kind: Kind,
    /// Microseconds per call, one value a window.
    pub windows: Vec<f64>,
    /// The filter's size.
    pub wasm_bytes: Option<u64>,
    gateway: Gateway,
    worker: Worker,
    load: Load,
}

impl Subject {
    pub fn start(variant: Variant, cores: &Cores) -> Result<Self, String> {
        let Variant { name, base, kind, options, calls } = variant;
        let failed = |problem: String| format!("{name}: {problem}");
        let wasm = std::fs::metadata(&options.wasm).map(|file| file.len());
        let wasm_bytes = wasm.ok().filter(|_| kind != Kind::NoFilter);
        let gateway = Gateway::start(&options).map_err(failed)?;
        let worker = Worker::find(gateway.pid(), cores).map_err(failed)?;
        let load = Load::connect(gateway.http_port(), calls);
        let load = load.map_err(|error| failed(error.to_string()))?;
        Ok(Self { name, base, kind, windows: Vec::new(), wasm_bytes, gateway, worker, load })
    }

    pub fn warm_up(&mut self) -> Result<(), String> {
        self.time(WARM_UP).map(|_| ())
    }

    pub fn window(&mut self) -> Result<(), String> {
        let took = self.time(WINDOW)?;
        self.windows.push(took);
        Ok(())
    }

    pub fn resident_mb(&self) -> Option<f64> {
        cpu::resident_mb(self.gateway.pid())
    }

    fn time(&mut self, calls: usize) -> Result<f64, String> {
        let before = self.worker.on_cpu()?;
        let done = self.load.run(calls);
        done.map_err(|problem| format!("{}: {problem}", self.name))?;
        sleep(SETTLE);
        let nanoseconds = self.worker.on_cpu()? - before;
        Ok(nanoseconds as f64 / 1000.0 / calls as f64)
    }
}
