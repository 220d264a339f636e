//! Prometheus on a free port of 127.0.0.1, in a folder of its own; it ends when dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use support::layout::{project_root, replace_once};
use support::{Admin, eventually, free_port, process};

use crate::{read, shipped};

/// `PROMETHEUS`, else what `make prometheus` has put into `.venv`.
fn binary() -> PathBuf {
    let named = std::env::var_os("PROMETHEUS").filter(|path| !path.is_empty()).map(PathBuf::from);
    let path = named.unwrap_or_else(|| project_root().join(".venv/prometheus/usr/bin/prometheus"));
    assert!(path.exists(), "{} is missing: `make prometheus` gets it", path.display());
    path
}

/// The tool beside it.
pub(crate) fn promtool(arguments: &[&str], folder: &Path) -> Output {
    let tool = binary().with_file_name("promtool");
    let output = Command::new(&tool).args(arguments).current_dir(folder).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", tool.display()))
}

/// A folder of this process with the shipped files and the limits' rules; it goes when dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str, limits: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for file in ["prometheus.yml", "rules.yml"] {
            fs::copy(shipped().join(file), folder.join(file)).unwrap();
        }
        fs::write(folder.join("limits.yml"), limits).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Prometheus {
    child: Child,
    pub(crate) port: u16,
    _folder: Folder,
}

/// What a query gave: labels, and the value.
pub(crate) type Samples = Vec<(BTreeMap<String, String>, f64)>;

impl Prometheus {
    /// With the shipped configuration, looking at one Envoy four times a second.
    pub(crate) fn start(admin: Admin, limits: &str) -> Self {
        let folder = Folder::new("prometheus", limits);
        let config = folder.0.join("prometheus.yml");
        let mut text = read(&config);
        for (from, to) in [
            ("scrape_interval: 15s", "scrape_interval: 250ms".to_owned()),
            ("evaluation_interval: 15s", "evaluation_interval: 250ms".to_owned()),
            ("\"127.0.0.1:9901\"", format!("\"127.0.0.1:{}\"", admin.port)),
        ] {
            text = replace_once(&text, from, &to).unwrap();
        }
        fs::write(&config, text).unwrap();
        let port = free_port();
        let log = File::create(folder.0.join("log")).unwrap();
        let child = Command::new(binary())
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(&folder.0)
            .stderr(log)
            .spawn()
            .unwrap();
        let prometheus = Self { child, port, _folder: folder };
        eventually("Prometheus is ready", || {
            prometheus.page("/-/ready").is_ok_and(|text| text.contains("Ready"))
        });
        prometheus
    }

    fn page(&self, path: &str) -> Result<String, String> {
        Admin { port: self.port }.page(path)
    }

    fn data(&self, path: &str) -> Value {
        let text = self.page(path).unwrap();
        let mut answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{path}: {text}");
        answer["data"].take()
    }

    pub(crate) fn query(&self, query: &str) -> Samples {
        let encoded = utf8_percent_encode(query, NON_ALPHANUMERIC);
        let data = self.data(&format!("/api/v1/query?query={encoded}"));
        let samples = data["result"].as_array().unwrap_or_else(|| panic!("{query}: {data}")).iter();
        let sample = |sample: &Value| {
            let labels = serde_json::from_value(sample["metric"].clone()).unwrap();
            (labels, sample["value"][1].as_str().unwrap().parse().unwrap())
        };
        samples.map(sample).collect()
    }

    /// Of a query with one sample; 0 where there is none.
    pub(crate) fn number(&self, query: &str) -> f64 {
        self.query(query).first().map_or(0.0, |(_, value)| *value)
    }

    /// Every rule: recording and alert.
    pub(crate) fn rules(&self) -> Vec<Value> {
        let data = self.data("/api/v1/rules");
        let groups = data["groups"].as_array().unwrap().iter();
        groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    /// The name of every series.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        serde_json::from_value(self.data("/api/v1/label/__name__/values")).unwrap()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = process::stop(&mut self.child);
    }
}
