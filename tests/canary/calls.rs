//! The calls: every refusal code at least once, keys where they belong and where they do not.

use crate::key;

/// A call, and what becomes of it: a refusal's code, or `forwarded`.
pub(crate) struct Call {
    pub(crate) outcome: &'static str,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// A key in its header.
const KEY: &str = "Ocp-Apim-Subscription-Key";

/// Outcomes of calls that HTTP/2 has no words for.
pub(crate) const HTTP1_ONLY: [&str; 3] = ["invalid_host", "invalid_path", "upgrade_refused"];

/// What a caller puts where no key belongs goes to the backend as the caller's data.
pub(crate) const CALLERS_DATA: [&str; 2] = ["cookie", "other-header"];

pub(crate) fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    let mut add = |outcome, method, target: &str, headers: &[(&'static str, String)]| {
        let mut headers = headers.to_vec();
        // In every call: what a caller may send along, and what must not get through.
        headers.push(("Cookie", format!("session={}", key("cookie"))));
        headers.push(("X-Other", key("other-header")));
        headers.push(("Proxy-Authorization", format!("Basic {}", key("proxy-authorization"))));
        let (target, host) = (target.to_owned(), "gateway".to_owned());
        calls.push(Call { outcome, method, target, host, headers });
    };
    let header = |place| vec![(KEY, key(place))];
    let bearer = |place| ("Authorization", format!("Bearer {}", key(place)));
    let with = |place, more: (&'static str, String)| vec![(KEY, key(place)), more];

    for place in ["primary", "secondary", "inline-primary", "inline-secondary"] {
        for api in ["ml", "inline-a", "inline-b", "keyless"] {
            add("forwarded", "GET", &format!("/{api}/free"), &header(place));
            let query = format!("/{api}/free?x=1&subscription-key={}&y=2", key(place));
            add("forwarded", "GET", &query, &[]);
        }
        add("forwarded", "GET", "/openai/free", &[bearer(place)]);
        add("forwarded", "GET", &format!("/openai/free?team-key={}", key(place)), &[]);
    }
    add("forwarded", "GET", "/ml/free", &with("primary", bearer("wrong-bearer")));
    add("forwarded", "GET", "/ml/free", &with("primary", ("api-key", key("wrong-api-key"))));
    add("forwarded", "POST", "/models/score/known", &header("primary"));
    add("forwarded", "GET", "/own/free", &with("primary", bearer("caller")));
    add("forwarded", "GET", "/ml/fails", &header("primary"));
    add("forwarded", "GET", "/down/free", &header("primary"));
    add("forwarded", "GET", "/keyless/free", &[]);
    add("forwarded", "GET", "/ml/rewritten?v=1", &header("primary"));
    // Shadow mode: refused by its subscription, forwarded nevertheless.
    add("forwarded", "GET", "/ml/tried", &header("wrong-shadow"));
    add("forwarded", "GET", &format!("/ml/tried?subscription-key={}", key("wrong-shadow")), &[]);

    add("forwarded", "GET", "/ml/rated", &header("primary"));
    add("rate_limit_exceeded", "GET", "/ml/rated", &header("secondary"));
    add("forwarded", "GET", "/ml/free", &header("small"));
    add("quota_exceeded", "GET", "/ml/free", &header("small"));

    add("subscription_key_missing", "GET", "/ml/free", &[bearer("wrong-bearer")]);
    add("subscription_key_missing", "GET", "/openai/free", &[]);
    for api in ["ml", "openai", "inline-a", "keyless"] {
        let (in_header, in_query) = match api {
            "openai" => (vec![bearer("wrong-bearer")], "team-key"),
            _ => (header("wrong-header"), "subscription-key"),
        };
        add("subscription_key_invalid", "GET", &format!("/{api}/free"), &in_header);
        let query = format!("/{api}/free?{in_query}={}", key("wrong-query"));
        add("subscription_key_invalid", "GET", &query, &[]);
    }
    let twice = with("primary", (KEY, key("secondary")));
    add("subscription_key_repeated", "GET", "/ml/free", &twice);
    let differ = format!("/ml/free?subscription-key={}", key("wrong-query"));
    add("subscription_key_repeated", "GET", &differ, &header("primary"));
    add("subscription_not_active", "GET", "/ml/free", &header("suspended"));
    add("subscription_not_yet_valid", "GET", "/ml/free", &header("early"));
    add("subscription_expired", "GET", "/ml/free", &header("late"));
    add("subscription_out_of_scope", "GET", "/ml/free", &header("elsewhere"));

    add("credential_missing", "GET", "/own/free", &header("primary"));
    let two = [bearer("caller"), bearer("wrong-bearer"), (KEY, key("primary"))];
    add("credential_repeated", "GET", "/own/free", &two);

    add("unmatched", "GET", &format!("/?subscription-key={}", key("wrong-query")), &[]);
    add("operation_not_found", "GET", "/ml/none", &header("primary"));
    add("method_not_allowed", "DELETE", "/ml/free", &header("primary"));
    add("no_backend", "POST", "/models/score/unknown", &header("primary"));
    add("protocol_refused", "GET", "/secure/free", &header("primary"));
    add("missing_parameter", "POST", "/ml/score", &header("primary"));
    let value = format!("/ml/score?v={}", key("as-value"));
    add("invalid_parameter", "POST", &value, &header("primary"));
    let again = format!("/ml/score?v=1&V={}", key("as-value"));
    add("repeated_parameter", "POST", &again, &header("primary"));
    let unknown = format!("/ml/score?v=1&key={}", key("as-value"));
    add("unknown_parameter", "POST", &unknown, &header("primary"));
    let unknown = format!("/ml/score?v=1&{}=1", key("as-name"));
    add("unknown_parameter", "POST", &unknown, &header("primary"));
    let reserved = format!("/ml/rewritten?v=1&API-Version={}", key("as-value"));
    add("reserved_parameter", "GET", &reserved, &header("primary"));
    let query = format!("/ml/free?x=1;subscription-key={}", key("wrong-query"));
    add("invalid_query", "GET", &query, &header("primary"));
    add("invalid_path", "GET", "/ml/../free", &header("primary"));
    let upgrade = [
        (KEY, key("primary")),
        ("Upgrade", "websocket".to_owned()),
        ("Connection", "Upgrade".to_owned()),
    ];
    add("upgrade_refused", "GET", "/ml/free", &upgrade);
    add("invalid_host", "GET", "/ml/free", &header("primary"));
    if let Some(last) = calls.last_mut() {
        last.host = "gw@evil".to_owned();
    }
    calls
}

/// Keys where Envoy shows them by its nature: in the path, and in the host.
pub(crate) fn misplaced() -> Vec<Call> {
    let call = |outcome, target: String, host: String| Call {
        outcome,
        method: "GET",
        target,
        host,
        headers: Vec::new(),
    };
    vec![
        call("operation_not_found", format!("/ml/{}", key("in-path")), "gateway".to_owned()),
        call("subscription_key_missing", "/ml/free".to_owned(), key("in-host")),
    ]
}

/// Requests that Envoy answers before the filter sees them.
pub(crate) fn malformed() -> Vec<String> {
    let head = "GET /ml/free HTTP/1.1\r\nHost: gateway\r\n";
    let own = format!("{KEY}: {}\r\n", key("primary"));
    vec![
        format!("{head}{own}api_key: {}\r\n\r\n", key("underscore")),
        format!("{head}{own}X-Long: {}{}\r\n\r\n", key("too-long"), "x".repeat(70_000)),
        format!("GET /ml/free HTTP/1.0\r\n{own}\r\n"),
        format!("GET /ml/free {} HTTP/1.1\r\n{own}\r\n", key("request-line")),
        format!("{head}{own}no colon {}\r\n\r\n", key("no-colon")),
        format!("{head}{own}Content-Length: {}\r\n\r\n", key("length")),
        format!("{head}{own}Content-Length: 104857601\r\n\r\n"),
        format!("{head}Authorization: Bearer {}\0\r\n\r\n", key("zero-byte")),
    ]
}

impl Call {
    pub(crate) fn http1(&self) -> String {
        let mut raw =
            format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.host);
        for (name, value) in &self.headers {
            raw.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.headers.iter().any(|(name, _)| *name == "Connection") {
            raw.push_str("Connection: close\r\n");
        }
        if self.method == "POST" {
            // With a trailer behind the body.
            let trailer = format!("Authorization: Bearer {}", key("trailer"));
            raw.push_str("Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n");
            raw.push_str(&format!("{trailer}\r\n\r\n"));
        } else {
            raw.push_str("\r\n");
        }
        raw
    }
}
