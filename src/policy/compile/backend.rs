//! Compiles an API's backends.

use crate::policy::backend::{Backend, Backends, BaseUrl, Credentials};
use crate::policy::config::{ApiConfig, BackendConfig};
use crate::policy::problem::{JsonPath, Problems};
use crate::policy::read;
use crate::policy::{Api, Operation};

use super::{Environment, credentials};

/// The clusters of envoy.yaml that resolve a backend's host at each request.
const DYNAMIC_HTTPS: &str = "gateway-https";
const DYNAMIC_HTTP: &str = "gateway-http";

pub(super) fn compile(
    api: &ApiConfig<'_>,
    service_url: Option<&BaseUrl>,
    operations: &[(usize, Operation)],
    api_path: &JsonPath,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Backends> {
    let path = api_path.key("backends");
    if api.backends.is_empty() {
        problems.warning(
            &path,
            "names no backend, so every call is refused with 404 no_backend: a backend with \
             \"match\": {} serves all",
        );
    }
    if let Some(url) = service_url {
        check_cluster(api.cluster.as_deref(), url, &api_path.key("cluster"), problems);
    }
    let mut list: Vec<(usize, Backend)> = Vec::new();
    let mut complete = true;
    for (i, raw) in api.backends.iter().enumerate() {
        let path = path.index(i);
        let backend = read::object::<BackendConfig<'_>>(raw, &path, problems)
            .and_then(|config| backend(api, &config, service_url, &path, environment, problems));
        match backend {
            Some(backend) => {
                check_match(&backend, operations, &path.key("match"), problems);
                list.push((i, backend));
            }
            None => complete = false,
        }
    }
    check_ties(&list, &path, problems);
    complete.then(|| Backends::new(list.into_iter().map(|(_, backend)| backend).collect()))
}

fn backend(
    api: &ApiConfig<'_>,
    config: &BackendConfig<'_>,
    service_url: Option<&BaseUrl>,
    path: &JsonPath,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Backend> {
    let mut matches: Vec<(Box<str>, Box<str>)> = config
        .matches
        .0
        .iter()
        .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
        .collect();
    matches.sort();
    let credentials =
        credentials::read(config.credentials, &path.key("credentials"), environment, problems);
    let url = match &config.url {
        None => service_url.cloned(),
        Some(text) => {
            BaseUrl::parse(text).map_err(|fault| problems.error(&path.key("url"), fault)).ok()
        }
    };
    // A backend with an own URL is another host: the API's cluster is not its cluster.
    let cluster = match (&config.cluster, &config.url) {
        (Some(cluster), _) => Some(cluster.as_str()),
        (None, None) => api.cluster.as_deref(),
        (None, Some(_)) => None,
    };
    let (url, credentials) = (url?, credentials?);
    check_cluster(config.cluster.as_deref(), &url, &path.key("cluster"), problems);
    if !url.https && !url.is_loopback() && !matches!(credentials, Credentials::Nothing) {
        let path = if config.url.is_some() { path.key("url") } else { path.clone() };
        let message = "sends a key over plaintext http beyond this machine: use https";
        problems.warning(&path, message);
    }
    let dynamic = if url.https { DYNAMIC_HTTPS } else { DYNAMIC_HTTP };
    let cluster = cluster.unwrap_or(dynamic).into();
    Some(Backend { matches, url, cluster, credentials })
}

/// A cluster's name becomes a header's value.
fn check_cluster(cluster: Option<&str>, url: &BaseUrl, path: &JsonPath, problems: &mut Problems) {
    let Some(cluster) = cluster else { return };
    if cluster.is_empty() || !cluster.bytes().all(|b| matches!(b, 0x21..=0x7e)) {
        problems
            .error(path, "must be the name of an Envoy cluster, printable ASCII without spaces");
    }
    let other = if url.https { DYNAMIC_HTTP } else { DYNAMIC_HTTPS };
    if cluster == other {
        let scheme = if url.https { "https" } else { "http" };
        problems.error(path, format!("is \"{other}\", but the backend's URL is {scheme}"));
    }
}

/// Each name must be a parameter of some operation, else the backend never serves.
fn check_match(
    backend: &Backend,
    operations: &[(usize, Operation)],
    path: &JsonPath,
    problems: &mut Problems,
) {
    for (name, value) in &backend.matches {
        let mut parameters =
            operations.iter().filter_map(|(_, o)| o.parameter(o.slot(name)?)).peekable();
        if parameters.peek().is_none() {
            problems
                .error(path, format!("names \"{name}\", which is no parameter of any urlTemplate"));
        } else if parameters.all(|parameter| parameter.judge(value.as_bytes()).is_err()) {
            problems
                .error(&path.key(name), "is a value that no operation allows for this parameter");
        }
        if value.is_empty() || value.contains('\0') {
            problems.error(&path.key(name), "must not be empty or hold a NUL");
        }
    }
}

/// Two backends that could match one call, neither more specific, are a mistake.
fn check_ties(list: &[(usize, Backend)], path: &JsonPath, problems: &mut Problems) {
    for (n, (i, backend)) in list.iter().enumerate() {
        for (first, other) in list.iter().take(n) {
            let agree = backend
                .matches
                .iter()
                .all(|(name, value)| other.matches.iter().all(|(n, v)| n != name || v == value));
            if agree && backend.matches.len() == other.matches.len() {
                let message = format!(
                    "matches calls that {} matches too, and neither is more specific",
                    path.index(*first).key("match")
                );
                problems.error(&path.index(*i).key("match"), message);
            }
        }
    }
}

/// A static cluster has its own endpoints and TLS name: two hosts behind one would get each
/// other's keys.
pub(super) fn check_clusters(apis: &[(usize, Api)], path: &JsonPath, problems: &mut Problems) {
    let mut hosts: Vec<(&str, &str)> = Vec::new();
    for (i, api) in apis {
        for backend in api.backends.iter() {
            let (cluster, authority) = (backend.cluster.as_ref(), backend.url.authority.as_ref());
            if cluster == DYNAMIC_HTTP || cluster == DYNAMIC_HTTPS {
                continue;
            }
            match hosts.iter().find(|(seen, _)| *seen == cluster) {
                Some((_, other)) if !other.eq_ignore_ascii_case(authority) => {
                    let message = format!(
                        "uses the cluster \"{cluster}\" for {authority} and elsewhere for {other}: \
                         each host needs its own cluster, or none for the dynamic one"
                    );
                    problems.error(&path.index(*i), message);
                }
                Some(_) => {}
                None => hosts.push((cluster, authority)),
            }
        }
    }
}
