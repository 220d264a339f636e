//! The portal's pages as a reader sees them: in Chromium, from a real Envoy, with real calls.
//!
//! `*.mjs` drive the browser, one flow each; `browser.mjs` also watches that no request leaves the origin and that the
//! console logs no error. Their pictures go to the folder PICTURES, as `make pictures` does it, else to a temporary one.

// A test ends by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use azureml_gateway::publish::assets::ASSETS;
use emulator::{Emulator, Settings};
use serde_json::{Value, json};
use support::{Gateway, Options, Reply, render, send};

/// What a page may do: load its own files, ask its own origin.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The shipped policy in front of an emulator, its portal at `path`.
struct Portal {
    gateway: Gateway,
    path: &'static str,
    _emulator: Emulator,
}

impl Portal {
    fn at(path: &'static str) -> Self {
        Self::with(path, |_| {})
    }

    fn with(path: &'static str, change: impl FnOnce(&mut Value)) -> Self {
        let key = "backend-key";
        let emulator = Emulator::start(Settings::demo(key)).unwrap();
        let text = fs::read_to_string(root().join("envoy/policy.json")).unwrap();
        let mut policy: Value = serde_json::from_str(&text).unwrap();
        policy["portal"]["path"] = json!(path);
        policy["apis"][0]["serviceUrl"] = json!(format!("http://{}", emulator.address()));
        let subscriptions = policy["subscriptions"].as_array_mut().unwrap();
        let unlimited = subscriptions.iter_mut().find(|one| one["name"] == "unlimited-demo");
        unlimited.unwrap()["allowTracing"] = json!(true);
        change(&mut policy);
        let ecds = render(Path::new(env!("CARGO_BIN_EXE_gatewayctl")), &policy.to_string());
        let env = vec![("AZUREML_DEMO_KEY".into(), key.into())];
        let options = Options { env, ..Options::new(ecds.unwrap()) };
        Self { gateway: Gateway::start(&options).unwrap(), path, _emulator: emulator }
    }

    /// Plays a flow in the browser.
    fn play(&self, flow: &str) {
        let pictures = Pictures::new(flow);
        let mut node = node();
        node.arg(root().join("tests/portal").join(flow)).stdin(Stdio::null());
        node.env("GATEWAY", format!("http://127.0.0.1:{}", self.gateway.http_port()));
        node.env("PORTAL", self.path).env("CHROMIUM", chromium()).env("PICTURES", &pictures.folder);
        // The gateway is here.
        node.env("NO_PROXY", "127.0.0.1");
        let output = node.output().unwrap();
        let said = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned());
        assert!(output.status.success(), "{flow}: {}\n{}", output.status, said.concat());
    }

    fn get(&self, file: &str, headers: &str) -> Reply {
        let raw = format!(
            "GET /{}/{file} HTTP/1.1\r\nHost: gateway\r\n{headers}Connection: close\r\n\r\n",
            self.path
        );
        send(self.gateway.http_port(), raw.as_bytes()).unwrap()
    }
}

/// Where a flow's pictures go.
struct Pictures {
    folder: PathBuf,
    kept: bool,
}

impl Pictures {
    fn new(flow: &str) -> Self {
        let kept = env::var_os("PICTURES").filter(|folder| !folder.is_empty());
        let folder = kept.clone().map_or_else(
            || env::temp_dir().join(format!("portal-{flow}-{}", std::process::id())),
            PathBuf::from,
        );
        fs::create_dir_all(&folder).unwrap();
        Self { folder, kept: kept.is_some() }
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).into()
}

fn node() -> Command {
    let driver = root().join("tests/portal/node_modules/playwright-core");
    assert!(driver.exists(), "{} is missing: run `make browser`", driver.display());
    let runs = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    assert!(
        runs.is_ok_and(|status| status.success()),
        "node does not run: install Node 20.19 or later"
    );
    Command::new("node")
}

/// CHROMIUM, else `chromium` of the PATH.
fn chromium() -> PathBuf {
    let named = env::var_os("CHROMIUM").map_or_else(|| PathBuf::from("chromium"), PathBuf::from);
    let folders = env::var_os("PATH").unwrap_or_default();
    let mut places = env::split_paths(&folders).map(|folder| folder.join(&named));
    places.find(|place| place.is_file()).unwrap_or_else(|| {
        panic!(
            "no browser at {}: run `make browser`, or `apt-get install chromium` as root, or name one by CHROMIUM",
            named.display()
        )
    })
}

#[test]
fn guides_call_is_tried_from_the_list_of_apis() {
    Portal::at("portal").play("try_it.mjs");
}

#[test]
fn usage_follows_the_calls_while_they_are_made() {
    Portal::at("portal").play("usage.mjs");
}

#[test]
fn pages_fit_a_phone_and_need_no_mouse_wherever_the_portal_is() {
    Portal::at("developers/here").play("phone.mjs");
}

#[test]
fn text_of_a_policy_runs_nothing_and_a_bearer_key_is_sent_as_one() {
    let portal = Portal::with("portal", |policy| {
        let text = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>\
                    [a](javascript:document.title='run') **bold**";
        policy["apis"][0]["subscriptionKeyParameterNames"] = json!({ "header": "Authorization" });
        for (place, member) in [
            ("/apis/0", "displayName"),
            ("/apis/0", "description"),
            ("/apis/0/operations/0", "displayName"),
            ("/apis/0/operations/0", "description"),
            ("/apis/0/operations/0/templateParameters/0", "description"),
            ("/products/0", "displayName"),
            ("/products/0", "description"),
            ("/subscriptions/0", "displayName"),
        ] {
            policy.pointer_mut(place).unwrap()[member] = json!(text);
        }
    });
    portal.play("hostile.mjs");
}

#[test]
fn every_file_is_served_as_what_it_is_and_may_do_nothing_else() {
    let portal = Portal::at("portal");
    for file in ASSETS {
        let reply = portal.get(file, "");
        let read = fs::read(root().join("dist/portal").join(file)).unwrap();
        assert!(reply.status == 200 && reply.body == read, "{file}: {}", reply.status);
        let kind = match file.rsplit('.').next().unwrap() {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("{file}: what is {other}?"),
        };
        for (header, expected) in [
            ("content-type", kind),
            ("content-security-policy", CONTENT_SECURITY_POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(reply.header(header).as_deref(), Some(expected), "{file}: {header}");
        }
    }
    // One address for readers and programs: a cache must keep them apart.
    let page = portal.get("usage", "Accept: text/html\r\n");
    assert_eq!((page.status, page.header("vary").as_deref()), (200, Some("accept")));
}
