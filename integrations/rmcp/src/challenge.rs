//! HTTP 403 for what is missing nothing but scopes: a layer around rmcp's service, since a handler has no say in the status.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, Limited, combinators::BoxBody};
use serde::Deserialize;
use serde_json::value::RawValue;
use toolgate::{
    Json,
    wire::mcp::{self, Challenge, Refusal},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    caller::{Caller, Came},
    host::Host,
};

/// Answers calls that lack nothing but scopes with HTTP 403 and the scopes (RFC 6750, section 3), for
/// [`Rendering::ScopeChallenge`](mcp::Rendering::ScopeChallenge). Everything else passes, to be decided by the handler.
///
/// It stands behind the layer that verifies tokens and puts a [`Caller`] into the request, and in front of rmcp's service.
#[derive(Clone)]
pub struct ChallengeLayer {
    host: Host,
    longest: usize,
}

/// The longest body that is looked into; rmcp's own limit for a request.
const LONGEST: usize = 4 << 20;

impl ChallengeLayer {
    /// A layer that decides by this host.
    pub fn new(host: Host) -> Self {
        Self { host, longest: LONGEST }
    }
}

impl<S> Layer<S> for ChallengeLayer {
    type Service = Challenged<S>;

    fn layer(&self, inner: S) -> Challenged<S> {
        Challenged { inner, host: self.host.clone(), longest: self.longest }
    }
}

/// A service behind a [`ChallengeLayer`].
#[derive(Clone)]
pub struct Challenged<S> {
    inner: S,
    host: Host,
    longest: usize,
}

/// The body that rmcp's service answers with.
type Answer = Response<BoxBody<Bytes, Infallible>>;

impl<S, B> Service<Request<B>> for Challenged<S>
where
    S: Service<Request<Full<Bytes>>, Response = Answer> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Answer;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that is ready is this one; its clone may not be.
        let ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, ready);
        let (host, longest) = (self.host.clone(), self.longest);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(body) = Limited::new(body, longest).collect().await else {
                return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
            };
            let body = body.to_bytes();
            let caller = parts.extensions.get::<Caller>().cloned();
            if parts.method == Method::POST
                && let Some(authenticate) = host.challenge(&body, caller)
            {
                let mut response = plain(StatusCode::FORBIDDEN);
                if let Ok(value) = HeaderValue::from_str(&authenticate) {
                    response.headers_mut().insert(WWW_AUTHENTICATE, value);
                }
                return Ok(response);
            }
            inner.call(Request::from_parts(parts, Full::new(body))).await
        })
    }
}

fn plain(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default().boxed());
    *response.status_mut() = status;
    response
}

/// As much of a request as tells which call it is.
#[derive(Deserialize)]
struct Wire<'b> {
    method: String,
    #[serde(borrow)]
    params: Option<&'b RawValue>,
}

impl Host {
    /// The header of the challenge, if a body is a call that lacks nothing but scopes. The denial is recorded.
    fn challenge(&self, body: &[u8], caller: Option<Caller>) -> Option<String> {
        let shared = &*self.shared;
        let wire: Wire<'_> = serde_json::from_slice(body).ok()?;
        if shared.rendering != mcp::Rendering::ScopeChallenge || wire.method != "tools/call" {
            return None;
        }
        let params = Json::parse(wire.params?.get().as_bytes()).ok()?;
        let (caller, transport) = shared.caller(Came { transport: "http", caller }).ok()?;
        let request = mcp::call(&shared.server, &wire.method, &params, caller.principal.clone()).ok()?;
        let call = shared.vouch(request.call, caller, transport);
        let missing = shared.missing_scopes(&call);
        if missing.is_empty() {
            return None;
        }
        let record = shared.ledger.authorize(&shared.gate, &call, shared.now());
        let challenge = Challenge { scopes: &missing, metadata: shared.metadata.as_deref() };
        let Some(Refusal::Challenge { authenticate }) =
            mcp::refusal(&shared.gate, &record, shared.rendering, challenge)
        else {
            // Allowed in the meantime: the handler decides anew.
            record.id.filter(|_| record.decision.is_allow()).into_iter().for_each(|id| shared.abort(id));
            return None;
        };
        if let Err(error) = shared.record(&record) {
            tracing::error!(target: "toolgate", %error, "a record cannot be written");
        }
        Some(authenticate)
    }
}
