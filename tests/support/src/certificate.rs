//! The development certificate: self-signed, for `localhost` and 127.0.0.1, good for 30 days; and for
//! tests an authority that issues others.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};

const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A certificate and its key.
pub struct Certificate {
    pub certificate_pem: String,
    pub key_pem: String,
}

impl Certificate {
    /// Its own trust anchor, for the given DNS names and addresses; a test's TLS backend uses it too.
    pub fn self_signed(names: &[&str]) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = server(names, SystemTime::now() + LIFETIME)?.self_signed(&key)?;
        Ok(Self { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// A certificate authority: what trusts it trusts what it issues.
pub struct Authority {
    pub certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = server(&[], SystemTime::now() + LIFETIME)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { certificate_pem, issuer: Issuer::new(params, key) })
    }

    /// A server's certificate for the given DNS names and addresses.
    pub fn issue(&self, names: &[&str]) -> Result<Certificate, rcgen::Error> {
        self.issue_until(names, SystemTime::now() + LIFETIME)
    }

    /// The same, good until then; in the past it has expired.
    pub fn issue_until(
        &self,
        names: &[&str],
        not_after: SystemTime,
    ) -> Result<Certificate, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = server(names, not_after)?.signed_by(&key, &self.issuer)?;
        Ok(Certificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

fn server(names: &[&str], not_after: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params =
        CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name = DistinguishedName::new();
    // A subject of its own: OpenSSL and BoringSSL find the trust anchor by its subject.
    let name = names.first().copied().unwrap_or("azureml-gateway");
    params.distinguished_name.push(DnType::CommonName, name);
    // Not an authority: rustls refuses an authority's certificate as a server's own.
    params.is_ca = IsCa::ExplicitNoCa;
    // Two days back, for a client whose clock is behind; one that expired yesterday was good before.
    params.not_before = (SystemTime::now() - Duration::from_hours(48)).into();
    params.not_after = not_after.into();
    Ok(params)
}

/// Makes `server.crt` and `server.key` in `folder` unless they are there and have a day left.
/// The file's age tells, so that no X.509 parser is needed: what wrote it gave it 30 days.
pub fn ensure(folder: &Path) -> io::Result<()> {
    let (certificate, key) = (folder.join("server.crt"), folder.join("server.key"));
    if is_fresh(&certificate) && key.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let made = Certificate::self_signed(&["localhost", "127.0.0.1"]).map_err(io::Error::other)?;
    // A file's mode is given when it is made only: an old key goes first.
    if key.exists() {
        fs::remove_file(&key)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key)?;
    file.write_all(made.key_pem.as_bytes())?;
    fs::write(&certificate, made.certificate_pem)
}

fn is_fresh(certificate: &Path) -> bool {
    let age = fs::metadata(certificate).and_then(|data| data.modified()).map(|made| made.elapsed());
    matches!(age, Ok(Ok(age)) if age < LIFETIME - Duration::from_hours(24))
}
