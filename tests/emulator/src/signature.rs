//! The link to a result: a shared access signature of the service (SAS) for one blob, read-only and short-lived.
//!
//! object_store makes such links too, but signs the name's escapes in place of the name, which storage refuses for a
//! name that has any.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::connection::Account;

/// The version of the signature's own form, which storage keeps apart from that of a request.
const VERSION: &str = "2020-12-06";

/// How long a link works. Every status signs a new one.
const LIFE: Duration = Duration::minutes(15);

/// A link works a little before it is made, for a storage whose clock is slow.
const SKEW: Duration = Duration::minutes(5);

/// The query that reads `container/name`, not escaped, with its `?`. `None`: a key that is no base64, or a clock beyond
/// the year 9999.
pub(crate) fn read_only(account: &Account, blob: &str, now: OffsetDateTime) -> Option<String> {
    let now = now.replace_nanosecond(0).ok()?;
    let start = now.checked_sub(SKEW)?.format(&Rfc3339).ok()?;
    let expiry = now.checked_add(LIFE)?.format(&Rfc3339).ok()?;
    let protocol = if account.endpoint.scheme() == "https" { "https" } else { "https,http" };
    let resource = format!("/blob/{}/{blob}", account.name);
    // In the order that the version fixes. Empty: stored policy, IP; snapshot, encryption scope and the five headers
    // that a link could set on its answer.
    let signed = [
        "r", &start, &expiry, &resource, "", "", protocol, VERSION, "b", "", "", "", "", "", "", "",
    ];
    let key = BASE64_STANDARD.decode(&account.key).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(signed.join("\n").as_bytes());
    let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1)
        .extend_pairs([("sv", VERSION), ("sr", "b"), ("sig", &signature)])
        .extend_pairs([("st", &*start), ("se", &expiry), ("spr", protocol), ("sp", "r")])
        .finish();
    Some(query)
}
