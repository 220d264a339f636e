//! The policy that is being made, and how it is written.

use super::document::{Node, Place};

#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) apis: Vec<Api>,
    pub(crate) products: Vec<Product>,
    pub(crate) subscriptions: Vec<Subscription>,
}

pub(crate) struct Api {
    /// Where it stands in the source.
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) path: String,
    /// Empty: https.
    pub(crate) protocols: Vec<&'static str>,
    pub(crate) service_url: String,
    pub(crate) subscription_required: bool,
    pub(crate) key_header: Option<String>,
    pub(crate) key_query: Option<String>,
    pub(crate) rate_limit: Option<Limit>,
    pub(crate) operations: Vec<Operation>,
    pub(crate) credentials: Credentials,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) calls: u64,
    pub(crate) renewal_period: u64,
}

/// The key that the backend is sent, by the names of environment variables.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credentials {
    Nothing,
    Caller,
    Authorization { scheme: String, variable: String },
    Headers(Vec<(String, String)>),
}

pub(crate) struct Operation {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    /// What follows the `?` of the template.
    pub(crate) query: Vec<QueryPart>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) refuse_extra_query: bool,
    pub(crate) rewrite: Option<String>,
    pub(crate) rate_limit: Option<Limit>,
    pub(crate) request: Option<Request>,
    pub(crate) responses: Vec<(u16, Option<String>)>,
}

/// `name=literal` or `name={parameter}`.
#[derive(Clone)]
pub(crate) struct QueryPart {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Clone, Default)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) kind: Kind,
    pub(crate) values: Vec<String>,
    pub(crate) max_length: Option<u64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Text,
    Boolean,
    Integer,
}

pub(crate) struct Request {
    pub(crate) content_type: String,
    pub(crate) example: Option<Node>,
}

pub(crate) struct Product {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) apis: Vec<String>,
    pub(crate) rate_limit: Option<Limit>,
    pub(crate) quota: Option<Limit>,
}

pub(crate) struct Subscription {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) display_name: Option<String>,
    pub(crate) scope: String,
    /// The key's hash, where the source has the key; else a placeholder is written.
    pub(crate) primary: Option<String>,
    pub(crate) secondary: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) start_date: Option<String>,
    pub(crate) expiration_date: Option<String>,
    /// The source has none for an API that asks for one.
    pub(crate) added: bool,
}

/// An object whose absent members are left out.
#[derive(Default)]
struct Object(Vec<(String, Node)>);

impl Object {
    fn text(self, name: &str, value: &str) -> Self {
        self.node(name, Node::text(value))
    }

    fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    fn node(mut self, name: &str, value: Node) -> Self {
        self.0.push((name.to_owned(), value));
        self
    }

    fn when(self, condition: bool, name: &str, value: impl FnOnce() -> Node) -> Self {
        if condition { self.node(name, value()) } else { self }
    }

    fn limit(self, name: &str, limit: Option<Limit>) -> Self {
        match limit {
            Some(limit) => self.node(
                name,
                Self::default()
                    .node("calls", Node::Number(limit.calls.into()))
                    .node("renewalPeriod", Node::Number(limit.renewal_period.into()))
                    .done(),
            ),
            None => self,
        }
    }

    fn done(self) -> Node {
        Node::Map(self.0)
    }
}

fn list(items: impl IntoIterator<Item = Node>) -> Node {
    Node::List(items.into_iter().collect())
}

impl Draft {
    /// The policy file.
    pub(crate) fn document(&self) -> Node {
        Object::default()
            .node("version", Node::Number(1.into()))
            .node("apis", list(self.apis.iter().map(Api::node)))
            .when(!self.products.is_empty(), "products", || {
                list(self.products.iter().map(Product::node))
            })
            .when(!self.subscriptions.is_empty(), "subscriptions", || {
                list(
                    self.subscriptions
                        .iter()
                        .enumerate()
                        .map(|(i, subscription)| subscription.node(i)),
                )
            })
            .done()
    }
}

impl Api {
    fn node(&self) -> Node {
        let names = || {
            Object::default()
                .maybe("header", self.key_header.as_deref())
                .maybe("query", self.key_query.as_deref())
                .done()
        };
        let backend = Object::default()
            .node("match", Node::Map(Vec::new()))
            .node("credentials", self.credentials.node())
            .done();
        Object::default()
            .text("name", &self.name)
            .maybe("displayName", self.display_name.as_deref())
            .maybe("description", self.description.as_deref())
            .text("path", &self.path)
            .when(!self.protocols.is_empty(), "protocols", || {
                list(self.protocols.iter().map(|name| Node::text(*name)))
            })
            .text("serviceUrl", &self.service_url)
            .when(!self.subscription_required, "subscriptionRequired", || Node::Bool(false))
            .when(
                self.key_header.is_some() || self.key_query.is_some(),
                "subscriptionKeyParameterNames",
                names,
            )
            .limit("rateLimit", self.rate_limit)
            .node("operations", list(self.operations.iter().map(Operation::node)))
            .node("backends", list([backend]))
            .done()
    }
}

impl Credentials {
    /// The environment variables that they need.
    pub(crate) fn variables(&self) -> Vec<&str> {
        match self {
            Self::Nothing | Self::Caller => Vec::new(),
            Self::Authorization { variable, .. } => vec![variable],
            Self::Headers(headers) => {
                headers.iter().map(|(_, variable)| variable.as_str()).collect()
            }
        }
    }

    fn node(&self) -> Node {
        let secret = |variable: &str| Object::default().text("env", variable).done();
        match self {
            Self::Nothing => Node::text("none"),
            Self::Caller => Node::text("caller"),
            Self::Authorization { scheme, variable } => {
                let inner =
                    Object::default().text("scheme", scheme).node("parameter", secret(variable));
                Object::default().node("authorization", inner.done()).done()
            }
            Self::Headers(headers) => {
                let inner = headers.iter().map(|(name, variable)| (name.clone(), secret(variable)));
                Object::default().node("header", Node::Map(inner.collect())).done()
            }
        }
    }
}

impl Operation {
    pub(crate) fn url_template(&self) -> String {
        with_query(&self.path, &self.query)
    }

    fn node(&self) -> Node {
        let parameters: Vec<_> =
            self.parameters.iter().filter(|p| p.says_something()).map(Parameter::node).collect();
        let request = self.request.as_ref().map(|request| {
            let node = Object::default().text("contentType", &request.content_type);
            match &request.example {
                Some(example) => node.node("example", example.clone()).done(),
                None => node.done(),
            }
        });
        let response = |(code, description): &(u16, Option<String>)| {
            Object::default()
                .node("statusCode", Node::Number((*code).into()))
                .maybe("description", description.as_deref())
                .done()
        };
        Object::default()
            .text("name", &self.name)
            .maybe("displayName", self.display_name.as_deref())
            .maybe("description", self.description.as_deref())
            .text("method", &self.method)
            .text("urlTemplate", &self.url_template())
            .when(!parameters.is_empty(), "templateParameters", || Node::List(parameters))
            .when(self.refuse_extra_query, "extraQueryParameters", || Node::text("refuse"))
            .maybe("rewriteUri", self.rewrite.as_deref())
            .limit("rateLimit", self.rate_limit)
            .when(request.is_some(), "request", || request.unwrap_or(Node::Null))
            .when(!self.responses.is_empty(), "responses", || {
                list(self.responses.iter().map(response))
            })
            .done()
    }
}

/// A template's text.
pub(crate) fn with_query(path: &str, query: &[QueryPart]) -> String {
    let parts: Vec<_> = query.iter().map(|part| format!("{}={}", part.name, part.value)).collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}

impl Parameter {
    /// Whether it is more than its place in the template says.
    fn says_something(&self) -> bool {
        self.optional
            || self.kind != Kind::Text
            || !self.values.is_empty()
            || self.max_length.is_some()
    }

    fn node(&self) -> Node {
        let kind = match self.kind {
            Kind::Text => None,
            Kind::Boolean => Some("boolean"),
            Kind::Integer => Some("integer"),
        };
        Object::default()
            .text("name", &self.name)
            .when(self.optional, "required", || Node::Bool(false))
            .maybe("type", kind)
            .when(!self.values.is_empty(), "values", || list(self.values.iter().map(Node::text)))
            .when(self.max_length.is_some(), "maxLength", || {
                Node::Number(self.max_length.unwrap_or_default().into())
            })
            .done()
    }
}

impl Product {
    fn node(&self) -> Node {
        Object::default()
            .text("name", &self.name)
            .maybe("displayName", self.display_name.as_deref())
            .maybe("description", self.description.as_deref())
            .node("apis", list(self.apis.iter().map(Node::text)))
            .limit("rateLimit", self.rate_limit)
            .limit("quota", self.quota)
            .done()
    }
}

impl Subscription {
    fn node(&self, index: usize) -> Node {
        let placeholder = placeholder(index);
        let key = |hash: &str| Object::default().text("sha256", hash).done();
        let primary = self.primary.as_deref().unwrap_or(&placeholder);
        Object::default()
            .text("name", &self.name)
            .maybe("displayName", self.display_name.as_deref())
            .text("scope", &self.scope)
            .node("primaryKey", key(primary))
            .when(self.secondary.is_some(), "secondaryKey", || {
                key(self.secondary.as_deref().unwrap_or_default())
            })
            .maybe("state", self.state.as_deref())
            .maybe("startDate", self.start_date.as_deref())
            .maybe("expirationDate", self.expiration_date.as_deref())
            .done()
    }
}

/// A hash that no key has, and each its own: `check` knows it and names the subscription.
fn placeholder(index: usize) -> String {
    format!("{:064}", index.saturating_add(1))
}
