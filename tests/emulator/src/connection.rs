//! What the ConnectionString of a request says: which storage account, where it is, and its key.
//!
//! Nothing here derives `Debug`, and a problem never quotes a value: the string carries the account's key.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;

/// Where the connection string says that the blobs are.
pub(crate) enum Connection {
    /// Text without a single `=` names no storage account: the emulator's own blobs.
    Own,
    Account(Account),
}

/// A storage account.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) name: String,
    /// In base64, as Azure gives it.
    pub(crate) key: String,
    /// What comes before a container's name. Its path has no final slash unless it has nothing else.
    pub(crate) endpoint: Url,
}

/// What `UseDevelopmentStorage=true` stands for. The key is the same everywhere and published: no secret.
const DEVELOPMENT_ACCOUNT: &str = "devstoreaccount1";
const DEVELOPMENT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const DEVELOPMENT_ENDPOINT: &str = "http://127.0.0.1:10000/devstoreaccount1";

const DEFAULT_SUFFIX: &str = "core.windows.net";

impl Connection {
    /// An error says what is wrong and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.contains('=') {
            return Ok(Self::Own);
        }
        Settings::parse(text)?.account().map(Self::Account)
    }
}

impl Account {
    fn new(name: &str, key: &str, endpoint: &str) -> Result<Self, String> {
        if BASE64_STANDARD.decode(key).map_or(true, |key| key.is_empty()) {
            return Err("AccountKey must be base64, as the storage account shows it".into());
        }
        let wrong = "BlobEndpoint must be an http or https URL without user, query and fragment";
        let mut endpoint = Url::parse(endpoint).map_err(|_| wrong.to_owned())?;
        let plain = endpoint.username().is_empty()
            && endpoint.password().is_none()
            && endpoint.query().is_none()
            && endpoint.fragment().is_none();
        if !matches!(endpoint.scheme(), "http" | "https") || !plain {
            return Err(wrong.into());
        }
        let path = endpoint.path().trim_end_matches('/').to_owned();
        endpoint.set_path(&path);
        Ok(Self { name: name.to_owned(), key: key.to_owned(), endpoint })
    }
}

/// `Name=value` pairs with `;` between them; names compare without case, and a value may hold `=`.
struct Settings<'a>(HashMap<String, &'a str>);

impl<'a> Settings<'a> {
    fn parse(text: &'a str) -> Result<Self, String> {
        let mut settings = HashMap::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let Some((name, value)) = part.split_once('=') else {
                return Err("it must be Name=value pairs with ; between them".into());
            };
            if settings.insert(name.trim().to_ascii_lowercase(), value.trim()).is_some() {
                return Err("a name stands in it twice".into());
            }
        }
        Ok(Self(settings))
    }

    fn account(&self) -> Result<Account, String> {
        if self.value("UseDevelopmentStorage").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
            return Account::new(DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY, DEVELOPMENT_ENDPOINT);
        }
        let name = self.require("AccountName")?;
        if !(3..=24).contains(&name.len())
            || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        {
            return Err("AccountName must be 3 to 24 lower-case letters and digits".into());
        }
        let key = self.require("AccountKey")?;
        match self.value("BlobEndpoint") {
            Some(endpoint) => Account::new(name, key, endpoint),
            None => Account::new(name, key, &self.usual_endpoint(name)?),
        }
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.0.get(&name.to_ascii_lowercase()).copied().filter(|value| !value.is_empty())
    }

    /// A link to a result can be signed with an account's key only.
    fn require(&self, name: &str) -> Result<&'a str, String> {
        let instead = match self.value("SharedAccessSignature") {
            Some(_) => "; a SharedAccessSignature cannot take its place",
            None => "",
        };
        self.value(name).ok_or_else(|| format!("{name} is missing{instead}"))
    }

    fn usual_endpoint(&self, account: &str) -> Result<String, String> {
        let protocol = self.value("DefaultEndpointsProtocol").unwrap_or("https");
        if !matches!(protocol, "http" | "https") {
            return Err("DefaultEndpointsProtocol must be http or https".into());
        }
        let suffix = self.value("EndpointSuffix").unwrap_or(DEFAULT_SUFFIX);
        if !suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
            return Err("EndpointSuffix must be a host's name, such as core.windows.net".into());
        }
        Ok(format!("{protocol}://{account}.blob.{suffix}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_names_an_account_and_its_endpoint() {
        let key = "c2Vj+w==";
        for (text, expected) in [
            (
                format!(
                    "DefaultEndpointsProtocol=https;AccountName=abc1;AccountKey={key};EndpointSuffix=core.windows.net"
                ),
                "abc1 https://abc1.blob.core.windows.net/",
            ),
            (
                format!("AccountName=abc1;AccountKey={key}"),
                "abc1 https://abc1.blob.core.windows.net/",
            ),
            (
                format!(
                    "accountname=abc1; AccountKey={key} ;EndpointSuffix=core.chinacloudapi.cn;"
                ),
                "abc1 https://abc1.blob.core.chinacloudapi.cn/",
            ),
            (
                format!(
                    "AccountName=abc1;AccountKey={key};BlobEndpoint=http://127.0.0.1:1/abc1/;QueueEndpoint=x"
                ),
                "abc1 http://127.0.0.1:1/abc1",
            ),
            (
                "UseDevelopmentStorage=true".into(),
                "devstoreaccount1 http://127.0.0.1:10000/devstoreaccount1",
            ),
        ] {
            let Ok(Connection::Account(account)) = Connection::parse(&text) else {
                panic!("{text} names no account");
            };
            assert_eq!(format!("{} {}", account.name, account.endpoint), expected);
            assert!(account.key == key || account.key == DEVELOPMENT_KEY);
        }
        assert!(matches!(Connection::parse("demo"), Ok(Connection::Own)));
    }

    #[test]
    fn a_wrong_connection_string_is_refused_and_its_values_are_not_told() {
        for (text, expected) in [
            ("AccountKey=c2VjcmV0", "AccountName is missing"),
            ("AccountName=abc1", "AccountKey is missing"),
            ("AccountName=abc1;AccountKey=", "AccountKey is missing"),
            ("AccountName=abc1;AccountKey=secret!", "AccountKey must be base64"),
            (
                "BlobEndpoint=https://x/;SharedAccessSignature=secret",
                "AccountName is missing; a SharedAccessSignature cannot",
            ),
            ("AccountName=secret.example/;AccountKey=c2VjcmV0", "AccountName must be"),
            ("AccountName=abc1;AccountName=abc1;AccountKey=c2VjcmV0", "a name stands in it twice"),
            ("AccountName=abc1;secret", "it must be Name=value pairs"),
            ("AccountName=abc1;AccountKey=c2VjcmV0;EndpointSuffix=secret/x", "EndpointSuffix must"),
            (
                "AccountName=abc1;AccountKey=c2VjcmV0;DefaultEndpointsProtocol=ftp",
                "DefaultEndpointsProtocol must",
            ),
            (
                "AccountName=abc1;AccountKey=c2VjcmV0;BlobEndpoint=file:///secret",
                "BlobEndpoint must",
            ),
            (
                "AccountName=abc1;AccountKey=c2VjcmV0;BlobEndpoint=http://u:secret@x/",
                "BlobEndpoint must",
            ),
            (
                "AccountName=abc1;AccountKey=c2VjcmV0;BlobEndpoint=http://x/?secret",
                "BlobEndpoint must",
            ),
            ("UseDevelopmentStorage=false", "AccountName is missing"),
        ] {
            let problem = Connection::parse(text).err().unwrap_or_default();
            assert!(problem.starts_with(expected), "{text}: {problem:?}");
            assert!(!problem.contains("secret") && !problem.contains("c2Vj"), "{problem}");
        }
    }
}
