//! An operation's answers: the backend's as the policy's author wrote them, and the refusals that can
//! come before it, each with its body from the refusal table itself.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

use crate::decide::limits::Exceeded;
use crate::decide::query::QueryFault;
use crate::decide::refusal::{CredentialFault, Refusal};
use crate::decide::subscription::KeyFault;
use crate::policy::backend::Credentials;
use crate::policy::config::ResponseConfig;
use crate::policy::limit::{Kind, Limit};
use crate::policy::parameter::Rule;
use crate::policy::template::{Expect, Segment};
use crate::policy::{Api, ExtraQueryParameters, Policy, Protocol};
use crate::uri::PathFault;

use super::operation::Member;
use super::{add_example, set};

/// The fields of answers, by the key under which the document has them.
const HEADERS: [(&str, &str, &str); 6] = [
    ("x-gateway-refusal", "Refusal", "The code of the refusal; answers of the service have none."),
    ("www-authenticate", "Challenge", "Where the key belongs."),
    ("retry-after", "RetryAfter", "Seconds after which the call may pass."),
    (
        "ratelimit",
        "RateLimit",
        "What is left of each limit, and after how many seconds there is more.",
    ),
    ("ratelimit-policy", "RateLimitPolicy", "The limits of the call."),
    (
        "x-gateway-backend-url",
        "BackendUrl",
        "Where the call went, for subscriptions that may know.",
    ),
];
const SERVICE: &str = "What the service answers.";
/// Waits in examples.
const SECONDS: u64 = 42;

/// The components to which these responses refer.
pub(super) fn headers(responses: &[&Value]) -> Value {
    let texts: Vec<String> = responses.iter().map(ToString::to_string).collect();
    let used = |(_, key, _): &&(&str, &str, &str)| {
        let reference = json!(reference(key)).to_string();
        texts.iter().any(|text| text.contains(&reference))
    };
    let component = |(_, key, description): &(&str, &str, &str)| {
        let schema = match *key {
            "RetryAfter" => json!({ "type": "integer" }),
            _ => json!({ "type": "string" }),
        };
        ((*key).to_owned(), json!({ "description": description, "schema": schema }))
    };
    Map::from_iter(HEADERS.iter().filter(used).map(component)).into()
}

fn reference(header: &str) -> String {
    format!("#/components/headers/{header}")
}

/// Takes the responses that several operations have in common out of the paths, into components.
pub(super) fn share(paths: &mut Value) -> Value {
    let methods = |paths: &mut Value, each: &mut dyn FnMut(&str, &mut Value)| {
        let items = paths.as_object_mut().into_iter().flat_map(Map::values_mut);
        let methods = items.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
        let responses = methods.filter_map(|method| method.get_mut("responses")?.as_object_mut());
        responses.flat_map(Map::iter_mut).for_each(|(status, response)| each(status, response));
    };
    let mut counts: HashMap<String, usize> = HashMap::new();
    methods(paths, &mut |_, response| {
        let count = counts.entry(response.to_string()).or_default();
        *count = count.saturating_add(1);
    });
    let mut shared: Vec<(String, Value)> = Vec::new();
    methods(paths, &mut |status, response| {
        if counts.get(&response.to_string()).is_none_or(|count| *count < 2) {
            return;
        }
        let known = shared.iter().position(|(_, known)| known == response);
        let index = known.unwrap_or_else(|| {
            let same = shared.iter().filter(|(name, _)| name.starts_with(status)).count();
            let name = if same == 0 { status.to_owned() } else { format!("{status}-{same}") };
            shared.push((name, response.clone()));
            shared.len().saturating_sub(1)
        });
        if let Some((name, _)) = shared.get(index) {
            *response = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    });
    Map::from_iter(shared).into()
}

/// One status: everything that can be behind it.
#[derive(Default)]
struct Response {
    descriptions: Vec<String>,
    headers: Vec<&'static str>,
    /// By content type.
    content: Map<String, Value>,
    refused: bool,
    declared: bool,
}

pub(super) fn render(policy: &Policy, api: &Api, members: &[Member<'_>]) -> Value {
    let mut responses: BTreeMap<String, Response> = BTreeMap::new();
    let told: &[&'static str] =
        match policy.rate_limit_headers && limits(policy, api, members).any(|_| true) {
            true => &["ratelimit", "ratelimit-policy"],
            false => &[],
        };
    for member in members {
        let configs = &member.written.config.responses;
        if configs.is_empty() {
            responses.entry("2XX".to_owned()).or_default().declare(None, member, told);
        }
        for config in configs {
            let status = config.0.status_code.to_string();
            responses.entry(status).or_default().declare(Some(&config.0), member, told);
        }
    }
    for refusal in refusals(policy, api, members) {
        let refusal = refusal.under(api.compatibility);
        let exceeded = matches!(refusal, Refusal::Exceeded(_));
        let reply = refusal.reply(api.error_format);
        let response = responses.entry(reply.status.to_string()).or_default();
        response.refuse(refusal.code(), &reply.body);
        let told = if exceeded { told } else { &[] };
        for name in reply.headers.iter().map(|(name, _)| *name).chain(told.iter().copied()) {
            response.header(name);
        }
    }
    let rendered = responses.into_iter().map(|(status, response)| {
        let response = response.render(&status);
        (status, response)
    });
    Map::from_iter(rendered).into()
}

impl Response {
    /// An answer of the service's, of which the author may have written something.
    fn declare(
        &mut self,
        config: Option<&ResponseConfig<'_>>,
        member: &Member<'_>,
        told: &[&'static str],
    ) {
        self.declared = true;
        let description = config.and_then(|config| config.description.as_deref());
        self.describe(description.unwrap_or(SERVICE));
        told.iter().for_each(|name| self.header(name));
        self.header("x-gateway-backend-url");
        let Some(config) = config else { return };
        let example = config.example.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
        if config.content_type.is_none() && example.is_none() {
            return;
        }
        let content_type = config.content_type.as_deref().unwrap_or("application/json");
        let media = self.content.entry(content_type).or_insert_with(|| json!({ "schema": {} }));
        if let Some(example) = example {
            add_example(media, &member.operation.name, json!({ "value": example }));
        }
    }

    fn refuse(&mut self, code: &str, body: &[u8]) {
        self.refused = true;
        let media =
            self.content.entry("application/json").or_insert_with(|| json!({ "schema": {} }));
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        add_example(media, code, json!({ "value": body }));
    }

    fn describe(&mut self, text: &str) {
        if !self.descriptions.iter().any(|known| known == text) {
            self.descriptions.push(text.to_owned());
        }
    }

    fn header(&mut self, name: &str) {
        let known = HEADERS.iter().map(|(name, ..)| *name).find(|known| *known == name);
        let fresh = known.filter(|name| !self.headers.contains(name));
        self.headers.extend(fresh);
    }

    fn render(mut self, status: &str) -> Value {
        if self.refused {
            self.describe(meaning(status));
            let refusal = json!({ "$ref": "#/components/schemas/Refusal" });
            let schema = match self.declared {
                true => {
                    json!({ "anyOf": [refusal, { "description": SERVICE }] })
                }
                false => refusal,
            };
            if let Some(media) = self.content.get_mut("application/json") {
                set(media, "schema", schema);
            }
        }
        let mut rendered = Map::new();
        rendered.insert("description".into(), json!(self.descriptions.join(" ")));
        let headers = self.headers.iter().filter_map(|name| {
            let (_, key, _) = HEADERS.iter().find(|(known, ..)| known == name)?;
            Some(((*name).to_owned(), json!({ "$ref": reference(key) })))
        });
        let headers = Map::from_iter(headers);
        if !headers.is_empty() {
            rendered.insert("headers".into(), headers.into());
        }
        if !self.content.is_empty() {
            rendered.insert("content".into(), self.content.into());
        }
        rendered.into()
    }
}

fn meaning(status: &str) -> &'static str {
    match status {
        "400" => "The gateway refuses the call: it is not what the operation takes.",
        "401" => "The gateway refuses the call: its key is missing or not taken.",
        "403" => "The gateway refuses the call: the quota is spent, or the scheme is not served.",
        "404" => "The gateway refuses the call: there is no such resource.",
        "429" => "The gateway refuses the call: the rate limit is exceeded.",
        _ => "The gateway refuses the call: it could not be counted.",
    }
}

/// Every limit that a call could be charged to.
fn limits<'p>(
    policy: &'p Policy,
    api: &'p Api,
    members: &'p [Member<'p>],
) -> impl Iterator<Item = &'p Limit> {
    let place = policy.apis.iter().position(|own| std::ptr::eq(own, api));
    let products = policy
        .products
        .iter()
        .filter(move |product| place.is_some_and(|place| product.apis.contains(&place)));
    let operations = members.iter().filter_map(|member| member.operation.rate_limit.as_ref());
    products.flat_map(|product| &product.limits).chain(&api.rate_limit).chain(operations)
}

/// One refusal of each code that these operations can be answered with.
fn refusals<'p>(policy: &'p Policy, api: &'p Api, members: &'p [Member<'p>]) -> Vec<Refusal<'p>> {
    let mut refusals: Vec<Refusal<'p>> = Vec::new();
    for Member { operation, .. } in members {
        for condition in &operation.template.query {
            let name = &*condition.name;
            if operation.requires(condition) {
                refusals.push(Refusal::MissingParameter(name));
            }
            refusals.push(Refusal::RepeatedParameter(name));
            let rule = match &condition.expect {
                Expect::Literal(literal) => Some(Rule::OneOf(vec![literal])),
                // An empty value breaks every rule but that of length.
                Expect::Parameter(slot) => {
                    operation.parameter(*slot).and_then(|p| p.judge(b"").err())
                }
            };
            refusals.extend(rule.map(|rule| Refusal::Parameter(name, rule)));
        }
        for segment in &operation.template.path {
            if let Segment::Parameter(slot) | Segment::Rest(Some(slot)) = segment
                && let Some(parameter) = operation.parameter(*slot)
            {
                refusals.push(Refusal::Parameter(&parameter.name, Rule::NoEscapes));
            }
        }
        if operation.extra_query == ExtraQueryParameters::Refuse {
            let known = operation.template.query.iter().map(|condition| &*condition.name);
            refusals.push(Refusal::UnknownParameter(known.collect()));
        }
    }
    refusals.push(Refusal::Path(PathFault::DotSegment));
    refusals.push(Refusal::Query(QueryFault::Byte));
    let key = |fault| Refusal::Key(fault, String::new());
    refusals.push(key(KeyFault::Ambiguous));
    if api.subscription_required {
        refusals.push(key(KeyFault::Missing));
    }
    refusals.push(key(KeyFault::Unknown));
    if api.backends.iter().any(|backend| matches!(backend.credentials, Credentials::Caller)) {
        refusals.push(Refusal::Credential(CredentialFault::Missing));
        refusals.push(Refusal::Credential(CredentialFault::Repeated));
    }
    let serves = |protocol| api.protocols.contains(&protocol);
    if !serves(Protocol::Http) || !serves(Protocol::Https) {
        refusals.push(Refusal::Protocol(api.protocols.clone()));
    }
    refusals.push(Refusal::NoOperation);
    if !api.backends.iter().any(|backend| backend.matches.is_empty()) {
        refusals.push(Refusal::NoBackend);
    }
    for kind in [Kind::Rate, Kind::Quota] {
        if limits(policy, api, members).any(|limit| limit.kind == kind) {
            let standings = Vec::new();
            refusals.push(Refusal::Exceeded(Exceeded { kind, seconds: SECONDS, standings }));
        }
    }
    if limits(policy, api, members).next().is_some() {
        refusals.push(Refusal::Contended);
    }
    refusals
}
