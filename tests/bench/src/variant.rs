//! What is compared with what.

use std::fs;
use std::path::PathBuf;

use support::{Options, layout};

use crate::load::Calls;
use crate::policy::{self, KEY_VARIABLE, Limits, Size};
use crate::upstream::{KEY, Upstream};
use crate::yaml;

/// A variant of envoy.yaml.
type Edit = fn(&str, upstream: &str) -> Result<String, String>;

/// What a variant's cost is given as a ratio to.
pub const ROUTER_ONLY: &str = "router only";
/// The same for variants without an access log.
const UNLOGGED_ROUTER_ONLY: &str = "router only, no access log";
/// What other builds of the filter are compared with, too.
pub const GATEWAY: &str = "gateway";

pub struct Variant {
    pub name: String,
    /// The name of the variant that this one's cost is compared with.
    pub base: &'static str,
    pub kind: Kind,
    pub options: Options,
    pub calls: Calls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    NoFilter,
    Shipped,
    /// Another build of the filter.
    Build,
}

/// Another build of the filter.
pub struct Build {
    pub name: String,
    pub wasm: PathBuf,
}

impl Variant {
    /// `builds_only`: without those that do not help to compare builds.
    pub fn all(
        upstream: &Upstream,
        builds: &[Build],
        builds_only: bool,
    ) -> Result<Vec<Self>, String> {
        let root = layout::project_root();
        let source = root.join("envoy/envoy.yaml");
        let source =
            fs::read_to_string(&source).map_err(|e| format!("{}: {e}", source.display()))?;
        let address = upstream.address.to_string();
        let (ten, thousand) = (policy::services(10), policy::services(1000));
        let small = Size { services: &ten, subscriptions: 10, limits: Limits::None, portal: true };
        let serving = policy::serving(&root, &address, small)?;

        let without = |name: &str, edit: Edit| {
            let mut options = options(&source, &address, "{}", edit)?;
            options.wait_for_policy = false;
            let (kind, calls) = (Kind::NoFilter, Calls::mix(&ten));
            Ok::<_, String>(Self { name: name.to_owned(), base: ROUTER_ONLY, kind, options, calls })
        };
        let with = |name: &str, edit: Edit, ecds: &str, calls: Calls| {
            let options = options(&source, &address, ecds, edit)?;
            let (base, kind) = (ROUTER_ONLY, Kind::Shipped);
            Ok::<_, String>(Self { name: name.to_owned(), base, kind, options, calls })
        };
        let mut variants = vec![
            without(ROUTER_ONLY, router_only)?,
            without("router only, again (A/A)", router_only)?,
            with(GATEWAY, shipped, &serving, Calls::mix(&ten))?,
        ];
        if !builds_only {
            let unlogged = Self {
                base: UNLOGGED_ROUTER_ONLY,
                ..without(UNLOGGED_ROUTER_ONLY, router_only_unlogged)?
            };
            variants.push(unlogged);
            let mut counted = |name: &str, edit: Edit, base: &'static str| {
                let gateway = with(name, edit, &serving, Calls::mix(&ten))?;
                variants.push(Self { base, ..gateway });
                Ok::<_, String>(())
            };
            counted("gateway, no log, no stats", unlogged_gateway, UNLOGGED_ROUTER_ONLY)?;
            counted("gateway, no statistics", uncounted_gateway, ROUTER_ONLY)?;
            let elsewhere = policy::elsewhere(&root)?;
            variants.push(with(
                "gateway, passes untouched",
                untouched,
                &elsewhere,
                Calls::mix(&ten),
            )?);
            for (name, size, services) in [
                ("gateway, no portal", Size { portal: false, ..small }, &ten),
                ("gateway, limited", Size { limits: Limits::Silent, ..small }, &ten),
                ("gateway, limited and told", Size { limits: Limits::Told, ..small }, &ten),
                (
                    "1,000 services, 10,000 keys",
                    Size { services: &thousand, subscriptions: 10_000, ..small },
                    &thousand,
                ),
            ] {
                let ecds = policy::serving(&root, &address, size)?;
                variants.push(with(name, shipped, &ecds, Calls::mix(services))?);
            }
            variants.push(with("gateway, a refusal", shipped, &serving, Calls::refused(&ten))?);
        }
        for Build { name, wasm } in builds {
            let mut build = with(name, shipped, &serving, Calls::mix(&ten))?;
            build.kind = Kind::Build;
            build.options.wasm.clone_from(wasm);
            variants.push(build);
        }
        Ok(variants)
    }
}

fn shipped(yaml: &str, _upstream: &str) -> Result<String, String> {
    yaml::discards_access_log(yaml)
}

fn uncounted_gateway(yaml: &str, _upstream: &str) -> Result<String, String> {
    yaml::discards_access_log(&yaml::uncounted(yaml)?)
}

/// Usage statistics are the gateway's: Envoy alone has no labels to count by.
fn router_only(yaml: &str, upstream: &str) -> Result<String, String> {
    yaml::router_only(&yaml::discards_access_log(&yaml::uncounted(yaml)?)?, upstream)
}

fn unlogged_gateway(yaml: &str, _upstream: &str) -> Result<String, String> {
    yaml::unlogged(yaml)
}

fn router_only_unlogged(yaml: &str, upstream: &str) -> Result<String, String> {
    yaml::router_only(&yaml::unlogged(yaml)?, upstream)
}

/// The filter is there, and the route is Envoy's own.
fn untouched(yaml: &str, upstream: &str) -> Result<String, String> {
    yaml::static_route(&yaml::discards_access_log(yaml)?, upstream)
}

/// An edit that no longer fits envoy.yaml is an error here, before anything starts.
fn options(source: &str, upstream: &str, ecds: &str, edit: Edit) -> Result<Options, String> {
    edit(source, upstream)?;
    let upstream = upstream.to_owned();
    let edit =
        move |yaml: String| edit(&yaml, &upstream).expect("it fitted before the ports changed");
    Ok(Options {
        env: vec![(KEY_VARIABLE.to_owned(), KEY.to_owned())],
        edit: Box::new(edit),
        log_level: "warning".to_owned(),
        ..Options::new(ecds)
    })
}
