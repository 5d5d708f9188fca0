//! Whose certificates count, and what is said of one that does not.

use std::{error::Error, io, sync::Arc};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// How many names of a certificate stand in an error.
const NAMES: usize = 5;

/// Who vouches that a server is the one that its URL names.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Whoever the system trusts.
    #[default]
    System,
    /// The authorities whose certificates stand in this PEM text, and nobody else.
    Authorities(Vec<u8>),
}

impl Trust {
    /// `secure`: whether certificates are asked for at all.
    pub(super) fn config(&self, secure: bool) -> Result<ClientConfig, String> {
        let failed = |error: &dyn std::fmt::Display| format!("TLS cannot be used: {error}");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?;
        let trusting = match self {
            Self::Authorities(_) if !secure => {
                return Err(
                    "certificates to trust are given, and the URL begins with `http://`, where none is asked for: \
                            write `https://`"
                        .to_owned(),
                );
            }
            Self::Authorities(pem) => builder.with_root_certificates(roots(pem)?),
            Self::System if secure => builder.with_native_roots().map_err(|error| failed(&error))?,
            // A machine without certificates reaches what needs none.
            Self::System => builder.with_root_certificates(RootCertStore::empty()),
        };
        Ok(trusting.with_no_client_auth())
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("the certificates to trust are no PEM: {error}"))?;
        let added = roots.add(certificate);
        added.map_err(|error| format!("a certificate to trust cannot be read: {error}"))?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate to trust in it: PEM has `-----BEGIN CERTIFICATE-----`".to_owned()),
        false => Ok(roots),
    }
}

/// What is wrong with the server's certificate, if that is why a connection was not made.
pub(super) fn distrusted(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        // What an I/O error wraps is not among its sources.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let wrapped = wrapped.map(|error| error as &(dyn Error + 'static));
        if let Some(rustls::Error::InvalidCertificate(why)) = wrapped.unwrap_or(error).downcast_ref() {
            return Some(format!("the server's certificate does not count: {}", told(why)));
        }
        next = wrapped.map_or_else(|| error.source(), Some);
    }
    None
}

fn told(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "it was issued by nobody who is trusted here; `--ca-file` names an authority of your own".to_owned()
        }
        CertificateError::BadSignature => "it is not signed by the authority that it names".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its time has not come; is the clock of this machine right?".to_owned()
        }
        CertificateError::NotValidForName => "it is for another host".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().take(NAMES).map(|name| name.escape_debug().to_string()).collect();
            format!("it is for another host than `{}`: for {}", expected.to_str(), names.join(", "))
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    }
}
