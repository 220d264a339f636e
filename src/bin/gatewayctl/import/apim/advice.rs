//! What to do instead of a policy that the gateway does not have.

const FILTER: &str = "Envoy has a filter for it: put it before the gateway.";

/// Said of what keeps calls out.
pub(super) const GUARD: &str = ", WHICH KEEPS CALLS OUT: without it more get through";

/// Whether a policy refuses calls.
pub(super) fn guards(policy: &str) -> bool {
    matches!(
        policy,
        "validate-jwt"
            | "validate-azure-ad-token"
            | "validate-client-certificate"
            | "validate-parameters"
            | "validate-content"
            | "validate-headers"
            | "llm-content-safety"
            | "return-response"
            | "check-header"
            | "ip-filter"
            | "send-request"
    )
}

/// By the policy's name.
pub(super) fn of(policy: &str) -> &'static str {
    match policy {
        "choose" => {
            "Conditions on the path, the query or the method are operations of their own; on a template \
             parameter, backends with \"match\". Others: let the backend decide."
        }
        "set-variable" => "A variable does nothing by itself: see the policies that use it.",
        "validate-jwt" | "validate-azure-ad-token" => {
            "Envoy's filter envoy.filters.http.jwt_authn checks tokens: put it before the gateway, and use \
             \"credentials\": \"caller\" if the backend needs the token."
        }
        "authentication-managed-identity" => {
            "The gateway has no Azure identity: give the backend a key, or let Envoy's credential injector \
             fetch tokens (envoy.filters.http.credential_injector with OAuth 2 client credentials)."
        }
        "authentication-certificate" => {
            "A client certificate belongs to the TLS settings of Envoy's cluster."
        }
        "validate-client-certificate" => {
            "Envoy's listener asks for client certificates: require_client_certificate."
        }
        "retry" => {
            "Envoy's route retries: retry_policy in envoy.yaml. A model call may cost money twice."
        }
        "limit-concurrency" => "Envoy's cluster bounds calls at once: circuit_breakers.",
        "cache-lookup"
        | "cache-store"
        | "cache-lookup-value"
        | "cache-store-value"
        | "cache-remove-value"
        | "llm-semantic-cache-lookup"
        | "llm-semantic-cache-store"
        | "azure-openai-semantic-cache-lookup"
        | "azure-openai-semantic-cache-store" => {
            "The gateway keeps no answers: cache at the caller or the backend."
        }
        "llm-token-limit" | "azure-openai-token-limit" => {
            "The gateway counts calls, not tokens: write a \"rateLimit\", or let the backend limit tokens."
        }
        "llm-emit-token-metric"
        | "azure-openai-emit-token-metric"
        | "emit-metric"
        | "log-to-eventhub"
        | "trace" => {
            "Envoy's access log and statistics have each call with its operation and subscription."
        }
        "llm-content-safety"
        | "validate-content"
        | "validate-headers"
        | "validate-status-code"
        | "validate-odata-request"
        | "validate-graphql-request" => {
            "The gateway looks at method, path and query: let the backend check the rest."
        }
        "validate-parameters" => {
            "Templates do it: \"templateParameters\" have types and values, \"extraQueryParameters\": \"refuse\" \
             refuses others."
        }
        "mock-response" | "return-response" => {
            "Envoy's route answers by itself: direct_response in envoy.yaml."
        }
        "set-body"
        | "find-and-replace"
        | "json-to-xml"
        | "xml-to-json"
        | "xsl-transform"
        | "redirect-content-urls"
        | "jsonp" => "The gateway does not touch bodies: let the backend or the caller do it.",
        "set-method" => {
            "The gateway keeps the method: let the caller send the one that the backend takes."
        }
        "set-status" => "The gateway keeps the backend's status: change it there.",
        "send-request" | "send-one-way-request" => {
            "The gateway calls nobody but the backend; Envoy's ext_authz asks a service before."
        }
        "proxy" => "Envoy's cluster goes through a proxy: see its transport sockets.",
        "cross-domain" => FILTER,
        "wait"
        | "cache"
        | "invoke-dapr-binding"
        | "publish-to-dapr"
        | "get-authorization-context" => "Let the backend do it.",
        _ => "Look what it does, and let Envoy, the backend or the caller do it.",
    }
}
