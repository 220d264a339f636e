//! What a call has to carry: the subscription key, and where backends take it the caller's own.

use serde_json::{Map, Value, json};

use crate::policy::Api;
use crate::policy::backend::Credentials;

use super::set;

const IN_HEADER: &str = "subscriptionKeyHeader";
const IN_QUERY: &str = "subscriptionKeyQuery";
const CALLERS: &str = "serviceKey";

/// The schemes, and the combinations of them of which one is enough.
pub(super) fn render(api: &Api) -> (Value, Value) {
    let names = &api.key_names;
    let in_header = if names.header.is(b"authorization") {
        json!({ "type": "http", "scheme": "bearer" })
    } else {
        json!({ "type": "apiKey", "in": "header", "name": names.header_written })
    };
    let mut schemes = json!({
        IN_HEADER: in_header,
        IN_QUERY: { "type": "apiKey", "in": "query", "name": names.query },
    });
    let mut subscription = vec![vec![IN_HEADER], vec![IN_QUERY]];
    if !api.subscription_required {
        subscription.push(Vec::new());
    }
    let takes_callers =
        || api.backends.iter().map(|backend| matches!(backend.credentials, Credentials::Caller));
    let own = match (takes_callers().any(|takes| takes), takes_callers().all(|takes| takes)) {
        (false, _) => vec![None],
        (true, true) => vec![Some(CALLERS)],
        (true, false) => vec![None, Some(CALLERS)],
    };
    if own.contains(&Some(CALLERS)) {
        let scheme = json!({
            "type": "http",
            "scheme": "bearer",
            "description": "The caller's own key of the service behind the gateway.",
        });
        set(&mut schemes, CALLERS, scheme);
    }
    let all = own.iter().flat_map(|own| {
        subscription.iter().map(move |keys| {
            let schemes = keys.iter().chain(own);
            Map::from_iter(schemes.map(|scheme| ((*scheme).to_owned(), json!([]))))
        })
    });
    (schemes, all.collect())
}
