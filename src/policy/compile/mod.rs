//! Compiles the policy file into the [`Policy`]: references resolved, conflicts refused.
//!
//! Every problem of the file is found in one pass. A file with an error gives no policy.

mod api;
mod backend;
mod credentials;
mod operation;
mod portal;
mod subscription;

pub(super) use subscription::reaches;

use super::config::{PolicyConfig, Unmatched};
use super::overlap;
use super::problem::{JsonPath, Problem, Problems};
use super::read;
use super::{Api, FORMAT_VERSION, HeaderName, Policy, Suffixes};
use crate::publish::Documents;
use crate::uri::Authority;

/// Looks an environment variable up.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<Vec<u8>>;

#[derive(Debug)]
pub struct Compiled {
    /// Absent if and only if a problem is an error.
    pub policy: Option<Policy>,
    pub problems: Vec<Problem>,
}

pub fn compile(file: &[u8], environment: Environment<'_>) -> Compiled {
    let publish = |config: &PolicyConfig<'_>, mut policy: Policy| {
        let documents = policy.portal.is_some().then(|| Documents::new(config, &policy));
        if let (Some(portal), Some(documents)) = (&mut policy.portal, documents) {
            portal.documents = documents;
        }
        policy
    };
    let (policy, problems) = read_and_compile(file, environment, publish);
    Compiled { policy, problems }
}

/// As [`compile`], with the documents of every API even where the policy has no portal.
pub fn compile_documented(
    file: &[u8],
    environment: Environment<'_>,
) -> (Compiled, Option<Documents>) {
    let document = |config: &PolicyConfig<'_>, policy: Policy| {
        let documents = Documents::new(config, &policy);
        (policy, documents)
    };
    let (compiled, problems) = read_and_compile(file, environment, document);
    let (policy, documents) = compiled.unzip();
    (Compiled { policy, problems }, documents)
}

/// What `then` makes of a file without an error.
fn read_and_compile<T>(
    file: &[u8],
    environment: Environment<'_>,
    then: impl FnOnce(&PolicyConfig<'_>, Policy) -> T,
) -> (Option<T>, Vec<Problem>) {
    let mut problems = Problems::default();
    let compiled = match std::str::from_utf8(file) {
        Ok(text) => PolicyConfig::read(text, &mut problems).and_then(|(config, whole)| {
            let policy = policy(&config, whole, environment, &mut problems)?;
            (!problems.has_errors()).then(|| then(&config, policy))
        }),
        Err(error) => {
            let message = format!("is not UTF-8 from byte {} on", error.valid_up_to());
            problems.error(&JsonPath::default(), message);
            None
        }
    };
    (compiled, problems.into_vec())
}

fn policy(
    config: &PolicyConfig<'_>,
    whole: bool,
    environment: Environment<'_>,
    problems: &mut Problems,
) -> Option<Policy> {
    let root = JsonPath::default();
    if config.version != FORMAT_VERSION {
        let message =
            format!("is {}, but this gateway reads version {FORMAT_VERSION}", config.version);
        problems.error(&root.key("version"), message);
    }
    let hosts = hosts(config.hosts.as_deref(), problems);

    let path = root.key("apis");
    if config.apis.is_empty() {
        problems.error(&path, "must have at least one API");
    }
    let apis: Vec<(usize, Api)> = config
        .apis
        .iter()
        .enumerate()
        .filter_map(|(i, raw)| {
            let path = path.index(i);
            let config = read::object(raw, &path, problems)?;
            Some((i, api::compile(&config, &path, environment, problems)?))
        })
        .collect();
    unique(&apis, &path, "name", |api| &api.name, problems);
    unique(&apis, &path, "path", |api| &api.path, problems);
    reachable(&apis, &path, problems);
    backend::check_clusters(&apis, &path, problems);
    // Without the whole file it is not known who subscribes to what.
    let (products, subscriptions) =
        if whole { subscription::compile(config, &apis, problems) } else { Default::default() };
    if config.unmatched == Unmatched::Continue {
        backend::warn_beside_application(&apis, &root.key("unmatched"), problems);
    }

    let portal = portal::compile(config, &apis, problems);

    let apis: Vec<Api> = apis.into_iter().map(|(_, api)| api).collect();
    let paths = apis.iter().map(|api| api.path.as_ref());
    Some(Policy {
        unmatched: config.unmatched,
        hosts,
        rate_limit_headers: config.rate_limit_headers.unwrap_or(true),
        suffixes: Suffixes::new(paths, portal.as_ref().map(|portal| &*portal.path)),
        removed_headers: removed_headers(&apis),
        key_queries: key_queries(&apis),
        products,
        subscriptions,
        portal,
        apis,
    })
}

fn hosts(hosts: Option<&[String]>, problems: &mut Problems) -> Vec<Box<str>> {
    let path = JsonPath::default().key("hosts");
    let Some(hosts) = hosts else { return Vec::new() };
    if hosts.is_empty() {
        problems
            .error(&path, "lists no host, so nothing would be served: leave it out to serve all");
    }
    for (i, host) in hosts.iter().enumerate() {
        let plain = Authority::parse(host.as_bytes()).is_some_and(|authority| {
            authority.port.is_none() && !host.ends_with('.') && *host == host.to_ascii_lowercase()
        });
        if !plain {
            problems
                .error(&path.index(i), "must be a host in lower case, without port and final dot");
        }
    }
    hosts.iter().map(|host| host.as_str().into()).collect()
}

/// Finds values that two APIs share.
fn unique<'a>(
    apis: &'a [(usize, Api)],
    path: &JsonPath,
    key: &str,
    value: impl Fn(&'a Api) -> &'a str,
    problems: &mut Problems,
) {
    for (n, (i, api)) in apis.iter().enumerate() {
        if let Some((first, _)) = apis.iter().take(n).find(|(_, other)| value(other) == value(api))
        {
            let message =
                format!("is the same as {}: each API needs its own", path.index(*first).key(key));
            problems.error(&path.index(*i).key(key), message);
        }
    }
}

/// Finds operations whose paths all belong to an API with a longer path.
fn reachable(apis: &[(usize, Api)], path: &JsonPath, problems: &mut Problems) {
    for (i, api) in apis {
        for (_, longer) in apis {
            let Some(rest) = longer.path.strip_prefix(&*api.path).and_then(|p| p.strip_prefix('/'))
            else {
                continue;
            };
            let prefix: Vec<&str> = rest.split('/').collect();
            for operation in &api.operations {
                if overlap::begins_with(operation, &prefix) {
                    let message = format!(
                        "operation \"{}\" cannot be reached: its paths lie below \"{}\", which is \
                         the path of API \"{}\"",
                        operation.name, longer.path, longer.name
                    );
                    problems.error(&path.index(*i), message);
                }
            }
        }
    }
}

/// `api-key` is where Azure's clients put theirs, some of them beside the same key as a bearer token.
const CREDENTIALS: [&str; 4] =
    ["authorization", "proxy-authorization", "ocp-apim-subscription-key", "api-key"];

/// By these a caller would reach another method, path or host behind a checked operation, with
/// servers and frameworks that believe them.
const OVERRIDES: [&str; 18] = [
    "forwarded",
    "proxy",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-method",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-path",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-uri",
    "x-rewrite-url",
];

/// Every query name under which a key of this gateway may be sent.
fn key_queries(apis: &[Api]) -> Vec<Box<str>> {
    let own = apis.iter().map(|api| api.key_names.query.clone());
    let mut names: Vec<Box<str>> = Vec::new();
    for name in own.chain(["subscription-key".into()]) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            names.push(name);
        }
    }
    names
}

fn removed_headers(apis: &[Api]) -> Vec<HeaderName> {
    let fixed = CREDENTIALS.into_iter().chain(OVERRIDES).filter_map(HeaderName::parse);
    let own = apis.iter().map(|api| api.key_names.header.clone());
    let backends = apis.iter().flat_map(|api| api.backends.iter());
    let keys =
        backends.flat_map(|backend| backend.credentials.keys().iter().map(|c| c.header.clone()));
    let mut names: Vec<HeaderName> = Vec::new();
    for name in fixed.chain(own).chain(keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether a path can be matched whole and byte for byte.
fn is_suffix(path: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    path.split('/').all(|segment| {
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(valid)
    })
}

/// Whether a name can be a label in logs and statistics.
fn is_name(name: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.len() <= 80
        && name.bytes().all(valid)
}

const SUFFIX_RULE: &str =
    "must be one or more segments of letters, digits and -._~, without \"/\" at its ends";

const NAME_RULE: &str =
    "must be 1 to 80 letters, digits, \"-\", \"_\" or \".\", the first a letter or a digit";
