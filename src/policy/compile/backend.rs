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
    // Of an operation with a mistake the parameters are not known.
    let all_operations = operations.len() == api.operations.len();
    for (i, raw) in api.backends.iter().enumerate() {
        let path = path.index(i);
        let backend = read::object::<BackendConfig<'_>>(raw, &path, problems)
            .and_then(|config| backend(api, &config, service_url, &path, environment, problems));
        match backend {
            Some(backend) => {
                if all_operations {
                    check_match(&backend, operations, &path.key("match"), problems);
                }
                list.push((i, backend));
            }
            None => complete = false,
        }
    }
    check_ties(&list, operations, &path, problems);
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

/// Some operation must have all the names, with values that its parameters can take.
fn check_match(
    backend: &Backend,
    operations: &[(usize, Operation)],
    path: &JsonPath,
    problems: &mut Problems,
) {
    let mut each = true;
    for (name, value) in &backend.matches {
        let known = || operations.iter().filter(|(_, operation)| operation.slot(name).is_some());
        if known().next().is_none() {
            problems
                .error(path, format!("names \"{name}\", which is no parameter of any urlTemplate"));
            each = false;
        } else if !known().any(|(_, operation)| takes(operation, name, value)) {
            problems
                .error(&path.key(name), "is a value that no operation takes for this parameter");
            each = false;
        }
    }
    let together = |operation: &Operation| {
        backend.matches.iter().all(|(name, value)| takes(operation, name, value))
    };
    if each
        && backend.matches.len() > 1
        && !operations.iter().any(|(_, operation)| together(operation))
    {
        problems.error(path, "names parameters that no operation has together, so it never serves");
    }
}

/// Whether a call of the operation can have this value.
fn takes(operation: &Operation, name: &str, value: &str) -> bool {
    let Some(slot) = operation.slot(name) else { return false };
    let bytes = value.as_bytes();
    !value.contains('\0')
        && operation.parameter(slot).is_some_and(|parameter| {
            parameter.judge(bytes).is_ok()
                && *parameter.canonical(bytes) == *bytes
                && operation.can_hold(slot, bytes)
        })
}

/// Two backends that one call could match, neither more specific, are a mistake.
fn check_ties(
    list: &[(usize, Backend)],
    operations: &[(usize, Operation)],
    path: &JsonPath,
    problems: &mut Problems,
) {
    for (n, (i, backend)) in list.iter().enumerate() {
        for (first, other) in list.iter().take(n) {
            let agree = backend
                .matches
                .iter()
                .all(|(name, value)| other.matches.iter().all(|(n, v)| n != name || v == value));
            let meet = |operation: &Operation| {
                let mut both = backend.matches.iter().chain(&other.matches);
                both.all(|(name, value)| takes(operation, name, value))
            };
            if agree
                && backend.matches.len() == other.matches.len()
                && operations.iter().any(|(_, operation)| meet(operation))
            {
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
    let mut seen: Vec<&Backend> = Vec::new();
    for (i, api) in apis {
        for backend in api.backends.iter() {
            let cluster = backend.cluster.as_ref();
            if cluster == DYNAMIC_HTTP || cluster == DYNAMIC_HTTPS {
                continue;
            }
            match seen.iter().find(|other| *other.cluster == *cluster) {
                Some(other) if other.url.origin() != backend.url.origin() => {
                    let message = format!(
                        "uses the cluster \"{cluster}\" for {} and elsewhere for {}: each scheme, \
                         host and port needs its own cluster, or none for the dynamic one",
                        backend.url.origin_text(),
                        other.url.origin_text()
                    );
                    problems.error(&path.index(*i), message);
                }
                Some(_) => {}
                None => seen.push(backend),
            }
        }
    }
}

/// An application that gets what is below no API's path also gets every disguise of such a path
/// (`//`, `%2f`, `;`): if it is a backend too, nothing checks those.
pub(super) fn warn_beside_application(
    apis: &[(usize, Api)],
    path: &JsonPath,
    problems: &mut Problems,
) {
    let mut backends = apis.iter().flat_map(|(_, api)| api.backends.iter());
    if let Some(backend) = backends.find(|backend| backend.url.is_loopback()) {
        let message = format!(
            "passes paths below no API's path on unchecked, also those that only look so: if the \
             application behind is the backend {} too, it may read them as the API's",
            backend.url.origin_text()
        );
        problems.warning(path, message);
    }
}
