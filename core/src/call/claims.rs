//! Who asks, from the claims of a token that the host has verified.

use super::{Binding, Credential, Principal, PrincipalKind, ToolCall};
use crate::{
    gather::Gather as _,
    json::{Json, Number, Object},
    time::Timestamp,
};

/// How claims name actors: `[identity]` of the manifest.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    /// Whose tokens count. Subjects of the first keep their bare id; those of others are `iss#sub`.
    pub(crate) issuers: Vec<String>,
    /// What `sub` is.
    pub(crate) subject: PrincipalKind,
    /// What an `act` is.
    pub(crate) actor: PrincipalKind,
    /// What `azp` or `client_id` is; `None` where the client is no actor.
    pub(crate) client: Option<PrincipalKind>,
    /// The claim that names the tenant.
    pub(crate) tenant: String,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            issuers: Vec::new(),
            subject: PrincipalKind::User,
            actor: PrincipalKind::Agent,
            client: Some(PrincipalKind::Agent),
            tenant: "tenant".to_owned(),
        }
    }
}

/// Who asks, and with what token: what `Gate::identify` makes of verified claims.
#[derive(Clone)]
pub struct Identity {
    /// The caller.
    pub principal: Principal,
    /// On whose behalf, nearest first, the initiator last.
    pub on_behalf_of: Vec<Principal>,
    /// Facts of the token.
    pub credential: Credential,
}

impl Identity {
    /// A `tools/call` by this identity, with nothing else known.
    pub fn call(self, server: impl Into<String>, tool: impl Into<String>) -> ToolCall {
        let Self { principal, on_behalf_of, credential } = self;
        ToolCall { on_behalf_of, credential: Some(credential), ..ToolCall::new(server, tool, principal) }
    }
}

/// Claims that are about the token, not about its subject.
const OF_THE_TOKEN: [&str; 14] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "act",
    "may_act",
    "cnf",
    "scope",
    "azp",
    "client_id",
    "authorization_details",
];

/// What is wrong with a token's claims.
pub(crate) enum ClaimsError {
    /// They are not of the form that their standard gives them.
    Malformed(String),
    /// They name an issuer that does not count, or an id that only another issuer could give.
    Untrusted(String),
}

impl Claims {
    /// The chain and the credential of a token: `sub` is the initiator, `act` the caller, `act` within it who acted
    /// before (RFC 8693 section 4.1). `azp` or `client_id` is the caller where no `act` names it.
    pub(crate) fn identify(&self, claims: &Json, most: usize) -> Result<Identity, ClaimsError> {
        let claims = object(claims, "the token")?;
        let issuer = required(claims, "iss")?;
        let subject = required(claims, "sub")?;
        let client = match (text(claims, "azp")?, text(claims, "client_id")?) {
            (Some(azp), Some(client)) if azp != client => {
                return Err(ClaimsError::Malformed("`azp` and `client_id` name two clients".to_owned()));
            }
            (azp, client) => azp.or(client),
        };
        let mut chain = Vec::new();
        let mut next = claims.get("act");
        while let Some(act) = next {
            if chain.len() >= most {
                return Err(ClaimsError::Malformed(format!("`act` is nested deeper than the {most} actors allowed")));
            }
            let act = object(act, "`act`")?;
            let named = text(act, "iss")?.unwrap_or(issuer);
            // Only the first issuer speaks for the others; another one speaks for itself.
            if named != issuer && self.issuers.first().is_none_or(|first| first != issuer) {
                let message = format!("`{}` cannot name actors of `{}`", issuer.escape_debug(), named.escape_debug());
                return Err(ClaimsError::Untrusted(message));
            }
            let issuer = named;
            chain.push(self.principal(self.actor, issuer, required(act, "sub")?, act)?);
            next = act.get("act");
        }
        let acts_for_itself = client == Some(subject);
        match (self.client, client) {
            // Nobody acts for anybody: the client asks in its own name, and is no user.
            (_, Some(_)) if acts_for_itself => {}
            (Some(kind), Some(client)) => {
                let client = self.principal(kind, issuer, client, &Object::new())?;
                // The client that an `act` names is a hop already; another one is one more, and the caller.
                if chain.iter().all(|actor: &Principal| actor.id != client.id) {
                    chain.insert(0, client);
                }
            }
            _ => {}
        }
        let kind = if acts_for_itself { self.client.unwrap_or(PrincipalKind::Workload) } else { self.subject };
        chain.push(self.principal(kind, issuer, subject, claims)?);
        let principal = chain.remove(0);
        Ok(Identity { principal, on_behalf_of: chain, credential: credential(claims)? })
    }

    fn principal(
        &self,
        kind: PrincipalKind,
        issuer: &str,
        subject: &str,
        claims: &Object,
    ) -> Result<Principal, ClaimsError> {
        let Some(place) = self.issuers.iter().position(|known| known == issuer) else {
            let issuers = self.issuers.iter().map(|known| format!("`{known}`")).collect::<Vec<_>>().join(", ");
            return Err(ClaimsError::Untrusted(match issuers.as_str() {
                "" => "the manifest names no `issuers` under [identity], so no token counts".to_owned(),
                issuers => format!("tokens of `{}` do not count; those of {issuers} do", issuer.escape_debug()),
            }));
        };
        let foreign = |issuer: &String| subject.strip_prefix(issuer.as_str()).is_some_and(|rest| rest.starts_with('#'));
        if place == 0 && self.issuers.iter().any(foreign) {
            let message = format!("`{}` is an id that only another issuer gives", subject.escape_debug());
            return Err(ClaimsError::Untrusted(message));
        }
        let id = if place == 0 { subject.to_owned() } else { format!("{issuer}#{subject}") };
        let mut own: Object = claims
            .iter()
            .filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str()) && *name != "tenant")
            .map(|(name, value)| (name.clone(), value.clone()))
            .gather();
        if let Some(tenant) = claims.get(&self.tenant) {
            own.insert("tenant".to_owned(), tenant.clone());
        }
        Ok(Principal { claims: own, ..Principal::new(kind, id) })
    }
}

fn credential(claims: &Object) -> Result<Credential, ClaimsError> {
    let (bound, key) = binding(claims)?;
    Ok(Credential {
        id: text(claims, "jti")?.map(str::to_owned),
        issuer: text(claims, "iss")?.map(str::to_owned),
        audience: strings(claims, "aud")?,
        expires: time(claims, "exp")?,
        issued: time(claims, "iat")?,
        not_before: time(claims, "nbf")?,
        bound,
        key,
        scopes: match claims.get("scope") {
            Some(Json::String(scopes)) => scopes.split(' ').filter(|one| !one.is_empty()).map(str::to_owned).collect(),
            _ => strings(claims, "scope")?,
        },
    })
}

/// `cnf`: `jkt` (RFC 9449 section 6.1) or `x5t#S256` (RFC 8705 section 3.1).
fn binding(claims: &Object) -> Result<(Binding, Option<String>), ClaimsError> {
    let Some(cnf) = claims.get("cnf") else { return Ok((Binding::None, None)) };
    let cnf = object(cnf, "`cnf`")?;
    match (text(cnf, "jkt")?, text(cnf, "x5t#S256")?) {
        (Some(key), None) => Ok((Binding::Dpop, Some(key.to_owned()))),
        (None, Some(key)) => Ok((Binding::Mtls, Some(key.to_owned()))),
        (None, None) => Err(ClaimsError::Malformed("`cnf` has neither `jkt` nor `x5t#S256`".to_owned())),
        (Some(_), Some(_)) => Err(ClaimsError::Malformed("`cnf` binds the token to two keys".to_owned())),
    }
}

fn object<'a>(value: &'a Json, what: &str) -> Result<&'a Object, ClaimsError> {
    value.as_object().ok_or_else(|| ClaimsError::Malformed(format!("{what} is no JSON object")))
}

fn text<'a>(claims: &'a Object, name: &str) -> Result<Option<&'a str>, ClaimsError> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(ClaimsError::Malformed(format!("`{name}` is not a string with something in it"))),
    }
}

fn required<'a>(claims: &'a Object, name: &str) -> Result<&'a str, ClaimsError> {
    text(claims, name)?.ok_or_else(|| ClaimsError::Malformed(format!("the claims have no `{name}`")))
}

/// A string, or a list of strings.
fn strings(claims: &Object, name: &str) -> Result<Vec<String>, ClaimsError> {
    let wrong = || ClaimsError::Malformed(format!("`{name}` is neither a string nor a list of strings"));
    let items = match claims.get(name) {
        None => return Ok(Vec::new()),
        Some(Json::String(one)) => return Ok(vec![one.clone()]),
        Some(items) => items.as_array().ok_or_else(wrong)?,
    };
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, fractions allowed; cut to milliseconds.
fn time(claims: &Object, name: &str) -> Result<Option<Timestamp>, ClaimsError> {
    let wrong = || ClaimsError::Malformed(format!("`{name}` is no time in seconds since 1970"));
    let millis = match claims.get(name) {
        None => return Ok(None),
        Some(Json::Number(Number::Int(seconds))) => seconds.checked_mul(1_000).ok_or_else(wrong)?,
        Some(Json::Number(Number::Float(seconds))) if seconds.abs() < 1e12 => {
            #[expect(clippy::cast_possible_truncation, reason = "in range: the seconds were held to twelve digits")]
            let millis = (seconds * 1_000.0).floor() as i64;
            millis
        }
        Some(_) => return Err(wrong()),
    };
    // The years that RFC 3339 can write.
    (-62_135_596_800_000..=253_402_207_200_000)
        .contains(&millis)
        .then(|| Some(Timestamp::from_millis(millis)))
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chain as `Kind::id` with claims, then what is known of the token.
    fn check(claims: &str, expected: &str) {
        let rules = Claims {
            issuers: vec!["https://idp.example".into(), "https://partner.example".into()],
            tenant: "org".into(),
            ..Claims::default()
        };
        let claims = match claims.starts_with(r#"{"iss""#) {
            true => claims.to_owned(),
            false => claims.replacen('{', r#"{"iss":"https://idp.example","#, 1),
        };
        let told = match rules.identify(&Json::parse(claims.as_bytes()).unwrap(), 4) {
            Err(ClaimsError::Malformed(why)) => format!("malformed: {why}"),
            Err(ClaimsError::Untrusted(why)) => format!("untrusted: {why}"),
            Ok(Identity { principal, on_behalf_of, credential }) => {
                let chain = std::iter::once(&principal).chain(&on_behalf_of);
                let chain = chain.map(|one| format!("{one:?} {}", Json::Object(one.claims.clone())));
                let Credential { id, audience, expires, bound, key, scopes, .. } = credential;
                let token = format!("{id:?} {audience:?} {expires:?} {} {key:?} {scopes:?}", bound.name());
                format!("{}; {token}", chain.collect::<Vec<_>>().join(" < "))
            }
        };
        assert_eq!(told, expected, "{claims}");
    }

    #[test]
    fn claims_become_a_chain_and_a_credential() {
        let none = r#"; None [] None none None []"#;
        check(r#"{"sub":"alice"}"#, &format!(r#"User::"alice" {{}}{none}"#));
        check(
            r#"{"sub":"alice","azp":"app","org":"acme","tenant":"evil","groups":["a"]}"#,
            &format!(r#"Agent::"app" {{}} < User::"alice" {{"groups":["a"],"org":"acme","tenant":"acme"}}{none}"#),
        );
        check(r#"{"sub":"app","client_id":"app"}"#, &format!(r#"Agent::"app" {{}}{none}"#));
        check(
            r#"{"sub":"alice","client_id":"app","act":{"sub":"sub-agent","org":"acme","act":{"sub":"agent"}}}"#,
            &format!(
                r#"Agent::"app" {{}} < Agent::"sub-agent" {{"org":"acme","tenant":"acme"}} < Agent::"agent" {{}} < User::"alice" {{}}{none}"#
            ),
        );
        check(
            r#"{"sub":"alice","act":{"iss":"https://partner.example","sub":"bot"}}"#,
            &format!(r#"Agent::"https://partner.example#bot" {{}} < User::"alice" {{}}{none}"#),
        );
        check(
            r#"{"sub":"alice","jti":"j","aud":"https://a","exp":1767610800,"scope":"read  write","cnf":{"jkt":"t"}}"#,
            r#"User::"alice" {}; Some("j") ["https://a"] Some(Timestamp(1767610800000)) dpop Some("t") ["read", "write"]"#,
        );
        check(
            r#"{"sub":"alice","aud":["a","b"],"exp":1767610800.9999,"cnf":{"x5t#S256":"t"}}"#,
            r#"User::"alice" {}; None ["a", "b"] Some(Timestamp(1767610800999)) mtls Some("t") []"#,
        );
    }

    #[test]
    fn claims_that_are_not_what_they_should_be() {
        check(r#"{"azp":"app"}"#, "malformed: the claims have no `sub`");
        check(r#"{"sub":""}"#, "malformed: `sub` is not a string with something in it");
        check(r#"{"sub":7}"#, "malformed: `sub` is not a string with something in it");
        check(r#"{"sub":"a","act":"b"}"#, "malformed: `act` is no JSON object");
        check(r#"{"sub":"a","act":{}}"#, "malformed: the claims have no `sub`");
        check(r#"{"sub":"a","azp":"b","client_id":"c"}"#, "malformed: `azp` and `client_id` name two clients");
        check(r#"{"sub":"a","exp":"soon"}"#, "malformed: `exp` is no time in seconds since 1970");
        check(r#"{"sub":"a","exp":1000000000000.5}"#, "malformed: `exp` is no time in seconds since 1970");
        check(r#"{"sub":"a","exp":9223372036854775807}"#, "malformed: `exp` is no time in seconds since 1970");
        check(r#"{"sub":"a","aud":[1]}"#, "malformed: `aud` is neither a string nor a list of strings");
        check(r#"{"sub":"a","cnf":{}}"#, "malformed: `cnf` has neither `jkt` nor `x5t#S256`");
        check(r#"{"sub":"a","cnf":{"jkt":"a","x5t#S256":"b"}}"#, "malformed: `cnf` binds the token to two keys");
        let deep = (0..5).fold(r#"{"sub":"x"}"#.to_owned(), |inner, _| format!(r#"{{"sub":"x","act":{inner}}}"#));
        check(&deep, "malformed: `act` is nested deeper than the 4 actors allowed");
        check(
            r#"{"sub":"a","act":{"iss":"https://evil.example","sub":"b"}}"#,
            "untrusted: tokens of `https://evil.example` do not count; those of `https://idp.example`, `https://partner.example` do",
        );
        check(
            r#"{"iss":"https://partner.example","sub":"eve","act":{"iss":"https://idp.example","sub":"triage"}}"#,
            "untrusted: `https://partner.example` cannot name actors of `https://idp.example`",
        );
        check(
            r#"{"sub":"https://partner.example#bot"}"#,
            "untrusted: `https://partner.example#bot` is an id that only another issuer gives",
        );
    }
}
