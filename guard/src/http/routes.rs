//! The endpoint: what comes in by POST, GET and DELETE.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::post,
};
use futures_util::{StreamExt as _, stream};
use serde_json::value::RawValue;

use super::{
    check::local,
    sessions::{Open, Session, Sessions, Stream},
};
use crate::{
    host::Notice,
    message::{self, Id, Malformed, Message},
    remote::headers::{self, METHOD, NAME, PROTOCOL_VERSION, SESSION},
};

/// The member of a request's `_meta` that names its revision (2026-07-28 and later).
const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// MCP's code for headers that say something else than the body.
const HEADER_MISMATCH: i64 = -32_020;

pub(super) fn router(sessions: Arc<Sessions>) -> Router {
    let longest = sessions.longest();
    Router::new()
        .route("/mcp", post(posted).get(listened).delete(deleted))
        .layer(DefaultBodyLimit::max(longest))
        .with_state(sessions)
}

async fn posted(State(sessions): State<Arc<Sessions>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = local(&headers) {
        return refused.into_response();
    }
    let Ok(body) = std::str::from_utf8(&body) else {
        return problem(StatusCode::BAD_REQUEST, None, -32_700, "Refused: no UTF-8 text");
    };
    // Between tokens, where alone they can stand: what the server reads is one line.
    let line = body.trim().replace(['\r', '\n'], " ");
    let (request, modern) = match Message::of_client(&line) {
        Err(Malformed { id, code, why }) => {
            sessions.tell(Notice::Note(&format!("a message of a client is refused: {why}")));
            return problem(StatusCode::BAD_REQUEST, id.as_ref(), code, &format!("Refused: {why}"));
        }
        Ok(Message::Request { id, method, params }) => {
            let meta = params.and_then(|params| message::member(params.get(), "_meta"));
            let version = meta.as_ref().and_then(|meta| meta.get(META_VERSION)).and_then(|one| one.as_str());
            if let Err(why) = same(&headers, &method, params, version) {
                return problem(StatusCode::BAD_REQUEST, Some(&id), HEADER_MISMATCH, why);
            }
            (Some((id, method.into_owned())), version.is_some())
        }
        Ok(_) => (None, false),
    };
    let named = headers.get(SESSION).and_then(|id| id.to_str().ok());
    let (session, begun) = match (&request, named) {
        (Some(_), _) if modern => (sessions.shared(), None),
        (_, Some(id)) => match sessions.get(id) {
            Some(session) => (Ok(session), None),
            None => return (StatusCode::NOT_FOUND, "Not Found: there is no such session").into_response(),
        },
        (Some((_, method)), None) if method == "initialize" => match sessions.begin() {
            Ok((id, session)) => (Ok(session), Some(id)),
            Err(why) => (Err(why), None),
        },
        _ => return (StatusCode::BAD_REQUEST, "Bad Request: begin with `initialize`").into_response(),
    };
    let session = match session {
        Ok(session) => session,
        Err(why) => {
            let id = request.as_ref().map(|(id, _)| id);
            // The client alone would know, and many show no reason.
            sessions.tell(Notice::Warning(&format!("no session can begin: {why}")));
            return problem(StatusCode::SERVICE_UNAVAILABLE, id, -32_603, &format!("toolgate: {why}"));
        }
    };
    let mut response = match request {
        None => {
            session.tell(line);
            StatusCode::ACCEPTED.into_response()
        }
        Some((id, method)) => answer(&session, id, &method, line).await,
    };
    if let Some(id) = begun.and_then(|id| HeaderValue::from_str(&id).ok()) {
        response.headers_mut().insert(SESSION, id);
    }
    response
}

/// The answer to a request: as JSON if nothing comes before it, as a stream otherwise.
async fn answer(session: &Arc<Session>, id: Id, method: &str, line: String) -> Response {
    let again = id.clone();
    let Some((mut lines, open)) = session.request(id, method, line) else {
        let why = "Refused: a request with this id has not been answered yet";
        return problem(StatusCode::BAD_REQUEST, Some(&again), -32_600, why);
    };
    let Some(first) = lines.recv().await else {
        return problem(StatusCode::BAD_GATEWAY, Some(&again), -32_603, "toolgate: the server has ended");
    };
    match Message::of_server(&first) {
        Ok(Message::Response { result, .. }) => {
            let code =
                result.err().and_then(|error| message::member(error.get(), "code")).and_then(|code| code.as_i64());
            json(status(code), first)
        }
        _ => events(stream::once(async { first }).chain(received(lines, Some(open)))),
    }
}

/// The status that goes with an error, so that what only looks at the status knows.
fn status(code: Option<i64>) -> StatusCode {
    match code {
        Some(-32_601) => StatusCode::NOT_FOUND,
        Some(-32_022..=-32_020) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

async fn listened(State(sessions): State<Arc<Sessions>>, headers: HeaderMap) -> Response {
    if let Err(refused) = local(&headers) {
        return refused.into_response();
    }
    match headers.get(SESSION).and_then(|id| id.to_str().ok()).map(|id| sessions.get(id)) {
        None => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        Some(None) => (StatusCode::NOT_FOUND, "Not Found: there is no such session").into_response(),
        Some(Some(session)) => events(received(session.stand(), None)),
    }
}

async fn deleted(State(sessions): State<Arc<Sessions>>, headers: HeaderMap) -> Response {
    if let Err(refused) = local(&headers) {
        return refused.into_response();
    }
    match headers.get(SESSION).and_then(|id| id.to_str().ok()).and_then(|id| sessions.get(id)) {
        None => (StatusCode::NOT_FOUND, "Not Found: there is no such session").into_response(),
        Some(session) => {
            session.end();
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// The headers of a request from 2026-07-28 on repeat what stands in its body, for whoever only sees headers: what he has let
/// through is what runs. A request of a revision before needs none of them, and those that it has say the same.
fn same(
    headers: &HeaderMap,
    method: &str,
    params: Option<&RawValue>,
    version: Option<&str>,
) -> Result<(), &'static str> {
    let says = |name: &HeaderName, text: &str| {
        let mut values = headers.get_all(name).iter().peekable();
        (version.is_none() || values.peek().is_some()) && values.all(|value| headers::says(value, text))
    };
    let named = headers::named(method).and_then(|member| message::member(params?.get(), member));
    let named = named.as_ref().and_then(|name| name.as_str());
    if !says(&METHOD, method) {
        return Err("Mcp-Method does not say what the body says");
    }
    if !version.is_none_or(|version| says(&PROTOCOL_VERSION, version)) {
        return Err("MCP-Protocol-Version does not say what the body says");
    }
    match named.is_none_or(|name| says(&NAME, name)) {
        true => Ok(()),
        false => Err("Mcp-Name does not say what the body says"),
    }
}

fn received(lines: Stream, open: Option<Open>) -> impl futures_util::Stream<Item = String> {
    // The request is open as long as somebody listens.
    stream::unfold((lines, open), |(mut lines, open)| async move { Some((lines.recv().await?, (lines, open))) })
}

fn events(lines: impl futures_util::Stream<Item = String> + Send + 'static) -> Response {
    let events = lines.map(|line| Ok::<_, Infallible>(Event::default().data(line)));
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], text).into_response()
}

fn problem(status: StatusCode, id: Option<&Id>, code: i64, why: &str) -> Response {
    json(status, message::error(id, code, why, None))
}
