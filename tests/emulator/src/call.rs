//! Who may call: the path names a service, the header Authorization carries its key, the query its api-version.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::fault::Fault;
use crate::query::Query;
use crate::server::{Hosted, Shared};

/// A call that has been let in. Only its extractor makes one.
///
/// That the service is looked up before the key, and the key before the api-version, is inferred.
pub(crate) struct Call {
    pub(crate) service: Arc<Hosted>,
    pub(crate) query: Query,
}

impl FromRequestParts<Arc<Shared>> for Call {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Fault> {
        let service = Named::from_request_parts(parts, shared).await?.0;
        if !bears(&parts.headers, &service.service.key) {
            return Err(Fault::ScoreRequestUnauthorized);
        }
        let query = Query::of(&parts.uri)?;
        query.require_version()?;
        Ok(Self { service, query })
    }
}

/// The service that the path names, for a call that needs no key.
pub(crate) struct Named(pub(crate) Arc<Hosted>);

impl FromRequestParts<Arc<Shared>> for Named {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Fault> {
        let workspace = segment(parts, shared, "workspace").await?;
        let id = segment(parts, shared, "service").await?;
        let mut in_workspace = shared
            .services
            .iter()
            .filter(|hosted| hosted.service.workspace == workspace)
            .peekable();
        if in_workspace.peek().is_none() {
            return Err(Fault::WorkspaceNotFound);
        }
        let found = in_workspace.find(|hosted| hosted.service.service == id);
        found.cloned().map(Self).ok_or(Fault::WebServiceIdNotFoundInWorkspace)
    }
}

/// The job that the path names, which may be unknown.
pub(crate) struct JobId(pub(crate) String);

impl FromRequestParts<Arc<Shared>> for JobId {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Fault> {
        segment(parts, shared, "job").await.map(Self)
    }
}

/// A path segment as it was sent, its escapes kept.
async fn segment(parts: &mut Parts, shared: &Arc<Shared>, name: &str) -> Result<String, Fault> {
    let segments =
        RawPathParams::from_request_parts(parts, shared).await.map_err(|_| Fault::RouteNotFound)?;
    let value = segments.iter().find_map(|(key, value)| (key == name).then(|| value.to_owned()));
    value.ok_or(Fault::RouteNotFound)
}

/// Exactly one Authorization, of the scheme Bearer, with this key: a second one is refused even if it is the same.
pub(crate) fn bears(headers: &HeaderMap, key: &str) -> bool {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let credentials = value.to_str().ok().and_then(|text| text.split_once(' '));
    credentials.is_some_and(|(scheme, sent)| scheme.eq_ignore_ascii_case("Bearer") && sent == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_key_is_let_in_and_nothing_else() {
        for (sent, expected) in [
            (&["Bearer k=="][..], true),
            (&["bearer k=="], true),
            (&[], false),
            (&["Bearer k"], false),
            (&["Bearer  k=="], false),
            (&["Bearer K=="], false),
            (&["Basic k=="], false),
            (&["k=="], false),
            (&["Bearer"], false),
            (&["Bearer k==", "Bearer k=="], false),
            (&["Bearer k==", "Basic x"], false),
            (&["Bearer k==, Bearer k=="], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in sent {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            assert_eq!(bears(&headers, "k=="), expected, "{sent:?}");
        }
    }
}
