//! Compiles the portal. Its documents are made when everything else is known to be right.

use std::collections::HashMap;

use crate::policy::config::{PolicyConfig, SubscriptionConfig, Unmatched};
use crate::policy::portal::Portal;
use crate::policy::problem::{JsonPath, Problems};
use crate::policy::read;
use crate::policy::{Api, HeaderName, KEY_HEADER, Protocol};
use crate::publish::Documents;

use super::{SUFFIX_RULE, is_suffix};

pub(super) fn compile(
    config: &PolicyConfig<'_>,
    apis: &[(usize, Api)],
    problems: &mut Problems,
) -> Option<Portal> {
    let root = JsonPath::default();
    let path = root.key("portal").key("path");
    let own = config.portal.as_ref()?.0.path.as_str();
    if !is_suffix(own) {
        problems.error(&path, SUFFIX_RULE);
    }
    for (i, api) in apis {
        if is_at_or_below(own, &api.path) || is_at_or_below(&api.path, own) {
            let message = format!(
                "is not apart from \"{}\", which is {}: one of them would hide the other",
                api.path,
                root.key("apis").index(*i).key("path")
            );
            problems.error(&path, message);
        }
    }
    if config.unmatched == Unmatched::Continue {
        let message = "is served beside an application: the pages need the routes of envoy.yaml that \
                       have x-gateway-asset, or the application gets their requests";
        problems.warning(&path, message);
    }
    Some(Portal {
        path: own.into(),
        protocols: protocols(apis),
        key_headers: key_headers(apis),
        documents: Documents::default(),
        subscription_titles: titles(config),
    })
}

fn is_at_or_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn protocols(apis: &[(usize, Api)]) -> Vec<Protocol> {
    let served = |protocol: &Protocol| apis.iter().any(|(_, api)| api.protocols.contains(protocol));
    [Protocol::Http, Protocol::Https].into_iter().filter(served).collect()
}

fn key_headers(apis: &[(usize, Api)]) -> Vec<HeaderName> {
    let mut names: Vec<HeaderName> = HeaderName::parse(KEY_HEADER).into_iter().collect();
    for (_, api) in apis {
        if !names.contains(&api.key_names.header) {
            names.push(api.key_names.header.clone());
        }
    }
    names
}

/// Where one has a mistake, it is reported elsewhere.
fn titles(config: &PolicyConfig<'_>) -> HashMap<Box<str>, Box<str>> {
    let subscriptions = config.subscriptions.iter();
    let title = |config: SubscriptionConfig<'_>| {
        Some((config.name.into_boxed_str(), config.display_name?.into_boxed_str()))
    };
    subscriptions.filter_map(|raw| read::parse(raw.get()).ok().and_then(title)).collect()
}
