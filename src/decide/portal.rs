//! What the portal answers: pages, documents, and a caller's usage.
//!
//! | below the portal's path | answer |
//! | --- | --- |
//! | | 308 to the path with a slash |
//! | `/` | the page `index.html` |
//! | `/usage` | the page for a browser, else the usage of the caller's subscription |
//! | `/apis.json` | what is published: APIs with their operations, and products |
//! | `/apis/NAME/openapi.json` | an API as OpenAPI |
//! | `/FILE` | a file of [`ASSETS`] |
//!
//! Documents are answered here; files by a route of Envoy's, which the header `x-gateway-asset`
//! selects.

use crate::policy::Policy;
use crate::policy::portal::Portal;
use crate::publish::assets::{ASSETS, INDEX, USAGE};
use crate::uri;

use super::refusal::Refusal;
use super::route::Refused;
use super::subscription::{NoCaller, identify_at_portal};
use super::usage::Observe;
use super::view::{Headers, Request};
use super::{Labels, Outcome, Reply, Step, check_protocol, edit, reply};

pub(super) fn answer<'p>(
    policy: &'p Policy,
    portal: &'p Portal,
    rest: &[u8],
    request: &Request<'_>,
    now: u64,
) -> Step<'p> {
    page(policy, portal, rest, request, now).unwrap_or_else(|refused| reply(policy, None, refused))
}

fn page<'p>(
    policy: &'p Policy,
    portal: &'p Portal,
    rest: &[u8],
    request: &Request<'_>,
    now: u64,
) -> Result<Step<'p>, Refused<'p>> {
    uri::check_path(request.path).map_err(Refusal::Path)?;
    if request.leaves_http() {
        return Err(Refusal::Upgrade.into());
    }
    check_protocol(&portal.protocols, request.protocol())?;
    let labels = || Labels::new(policy, None, None, None, Outcome::Portal);
    let file = |name| Step::Continue(edit::asset(request.headers, name), labels());
    let json = |body: &[u8]| Step::Reply(json_reply(body.to_vec(), "no-cache"), labels());
    let documents = &portal.documents;
    let found = match rest {
        b"" => Some(Step::Reply(with_slash(portal), labels())),
        b"/" => Some(file(INDEX)),
        b"/usage" if takes_html(request.headers) => Some(file(USAGE)),
        b"/usage" => None,
        b"/apis.json" => Some(json(documents.catalogue())),
        _ => {
            let path = std::str::from_utf8(rest).ok().and_then(|rest| rest.strip_prefix('/'));
            let asset = ASSETS.iter().find(|asset| Some(**asset) == path).map(|asset| file(asset));
            let openapi = || {
                let api = path?.strip_prefix("apis/")?.strip_suffix("/openapi.json")?;
                documents.openapi(api).map(json)
            };
            Some(asset.or_else(openapi).ok_or(Refusal::NoOperation)?)
        }
    };
    if !matches!(request.method, b"GET" | b"HEAD") {
        return Err(Refusal::Method(vec!["GET", "HEAD"]).into());
    }
    found.map_or_else(|| usage(policy, portal, request, now), Ok)
}

fn usage<'p>(
    policy: &'p Policy,
    portal: &'p Portal,
    request: &Request<'_>,
    now: u64,
) -> Result<Step<'p>, Refused<'p>> {
    let refused =
        |NoCaller { refusal, subscription }| Refused { refusal, operation: None, subscription };
    let caller = identify_at_portal(policy, portal, request, now).map_err(refused)?;
    if let Some(subscription) = caller.subscription() {
        // A key of APIs that are served over https alone is not asked for over http either.
        let reached = policy.apis.iter().filter(|api| policy.reaches(subscription.scope, api));
        let protocols: Vec<_> = reached.flat_map(|api| api.protocols.iter().copied()).collect();
        check_protocol(&protocols, request.protocol())?;
    }
    let observe = Observe::new(policy, portal, &caller).ok_or(Refusal::NoOperation)?;
    Ok(Step::Observe(Box::new(observe)))
}

/// Without the query, and relative: what is in front of Envoy may have another path for it.
fn with_slash(portal: &Portal) -> Reply {
    let last = portal.path.rsplit('/').next().unwrap_or_default();
    Reply { status: 308, headers: vec![("location", format!("{last}/"))], body: Vec::new() }
}

pub(super) fn json_reply(body: Vec<u8>, cached: &str) -> Reply {
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("cache-control", cached.to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ];
    Reply { status: 200, headers, body }
}

/// Whether the caller is a browser that opens a page.
fn takes_html(headers: &Headers) -> bool {
    let lines = headers.iter().filter(|(name, _)| name == "accept");
    let mut types = lines.flat_map(|(_, value)| value.split(|b| *b == b','));
    types.any(|range| {
        let name = range.split(|b| *b == b';').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"text/html")
    })
}
