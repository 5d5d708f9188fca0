//! Facts of the presented token. Never the token.

use crate::time::Timestamp;

/// How a token is bound to its sender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// A bearer token: whoever has it may use it.
    None,
    /// DPoP proof of possession (RFC 9449).
    Dpop,
    /// Mutual TLS (RFC 8705).
    Mtls,
}

impl Binding {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Dpop, Self::Mtls];

    /// `none`, `dpop` or `mtls`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dpop => "dpop",
            Self::Mtls => "mtls",
        }
    }
}

/// What the host learned from the token it verified. There is no field for the token itself, and the type can be
/// neither printed nor serialised, so that none of it reaches a log by accident.
///
/// ```compile_fail
/// fn printed(credential: toolgate::Credential) { println!("{credential:?}"); }
/// ```
#[derive(Clone)]
pub struct Credential {
    /// The token's id (`jti`), the handle for revoking it.
    pub id: Option<String>,
    /// Who issued it (`iss`).
    pub issuer: Option<String>,
    /// Whom it is for (`aud`, RFC 8707).
    pub audience: Vec<String>,
    /// When it ends (`exp`).
    pub expires: Option<Timestamp>,
    /// When it was issued (`iat`).
    pub issued: Option<Timestamp>,
    /// When it begins to be good (`nbf`).
    pub not_before: Option<Timestamp>,
    /// How it is bound to its sender (`cnf`).
    pub bound: Binding,
    /// The thumbprint of the key it is bound to: `jkt` (RFC 9449) or `x5t#S256` (RFC 8705).
    pub key: Option<String>,
    /// What it was issued for (`scope`).
    pub scopes: Vec<String>,
}

impl Credential {
    /// A token of which nothing is known.
    pub(crate) const NOTHING: Self = Self {
        id: None,
        issuer: None,
        audience: Vec::new(),
        expires: None,
        issued: None,
        not_before: None,
        bound: Binding::None,
        key: None,
        scopes: Vec::new(),
    };
}
