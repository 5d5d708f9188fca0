//! One connection: each message to the server is a request of its own, and what comes back is put into one stream.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::{
    Remote,
    headers::{self, Mirrored, PROTOCOL_VERSION, SESSION},
    trust::distrusted,
};
use crate::{
    lines::Line,
    message::{self, Id, Message},
    queue::Drain,
};

/// Requests that are on their way at once, each over a connection; others wait.
const OPEN: usize = 256;
/// How long the server may take to accept what it does not answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to end a session.
const FAREWELL: Duration = Duration::from_secs(2);
/// Lines that wait until they are taken.
const WAITING: usize = 4;

/// What both kinds of answers are.
const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("toolgate-guard/", env!("CARGO_PKG_VERSION")));

/// One connection to a server, with a session of its own up to 2025-11-25.
pub(crate) struct Talk {
    remote: Remote,
    pub(super) longest: usize,
    /// Permits for requests on their way.
    open: Semaphore,
    /// Bytes of messages that have not come to their end.
    pub(super) held: AtomicUsize,
    says: mpsc::Sender<Line>,
    state: Mutex<State>,
    /// Told when the server has ended the session.
    over: Notify,
}

#[derive(Default)]
struct State {
    session: Option<HeaderValue>,
    /// The revision that the handshake has come to, up to 2025-11-25.
    version: Option<HeaderValue>,
    mirrored: Mirrored,
}

/// A request on its way.
pub(super) struct Asked {
    pub(super) id: Id,
    pub(super) method: String,
    /// What stands in its headers, from 2026-07-28 on.
    pub(super) headers: Option<HeaderMap>,
}

/// Why there is no answer.
pub(super) struct Fault {
    pub(super) why: String,
    /// Whether there will be no other, either.
    pub(super) over: bool,
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self { why, over: false }
    }
}

impl Talk {
    /// A connection, and what comes over it.
    pub(crate) fn new(remote: Remote, longest: usize) -> (Self, mpsc::Receiver<Line>) {
        let (says, said) = mpsc::channel(WAITING);
        let (open, held, state, over) = (Semaphore::new(OPEN), AtomicUsize::new(0), Mutex::default(), Notify::new());
        (Self { remote, longest, open, held, says, state, over }, said)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // It is whole between any two steps.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says everything that there is to say, until there will be no more or the server has ended the session.
    pub(crate) async fn carry(self, mut drain: Drain) {
        let talk = Arc::new(self);
        let (mut tasks, mut open) = (JoinSet::new(), HashMap::new());
        loop {
            let line = tokio::select! {
                biased;
                () = talk.over.notified() => break,
                Some(_) = tasks.join_next() => continue,
                line = drain.next() => line,
            };
            let Some(line) = line else { break };
            talk.say(line, &mut tasks, &mut open).await;
        }
        // Nobody waits for these any longer.
        tasks.shutdown().await;
        talk.farewell().await;
    }

    async fn say(self: &Arc<Self>, line: String, tasks: &mut JoinSet<()>, open: &mut HashMap<Id, AbortHandle>) {
        match Message::of_server(&line) {
            Ok(Message::Request { id, method, params }) => {
                let headers = headers::repeated(&method, params.map(|params| params.get()), &self.state().mirrored);
                let asked = Asked { id: id.clone(), method: method.into_owned(), headers };
                if asked.method == "initialize" {
                    // What follows belongs to the session that it begins.
                    return self.ask(asked, line).await;
                }
                // Not at each request: that would be a walk over all that wait.
                if open.len() > tasks.len().saturating_mul(2).saturating_add(OPEN) {
                    open.retain(|_, task| !task.is_finished());
                }
                let talk = Arc::clone(self);
                let asking = async move {
                    // Who waits here can still be cancelled. It is never closed.
                    let _permit = talk.open.acquire().await;
                    talk.ask(asked, line).await;
                };
                open.insert(id, tasks.spawn(asking));
            }
            Ok(Message::Notification { method, params }) if method == "notifications/cancelled" => {
                let id = params.and_then(|params| message::members(params.get())?.remove("requestId"));
                let id = id.and_then(|id| Id::parse(id.get()));
                // From 2026-07-28 on, who stops to listen has cancelled; before, that has to be said.
                if let Some(task) = id.and_then(|id| open.remove(&id)) {
                    task.abort();
                }
                if self.state().version.is_some() {
                    self.tell(line).await;
                }
            }
            Ok(Message::Notification { method, .. }) => {
                let initialized = method == "notifications/initialized";
                self.tell(line).await;
                if initialized {
                    tasks.spawn(Arc::clone(self).listen());
                }
            }
            // The guard sends what is a message.
            Ok(Message::Response { .. }) | Err(_) => self.tell(line).await,
        }
    }

    /// Sends what has no answer.
    async fn tell(&self, line: String) {
        let taken = tokio::time::timeout(PATIENCE, self.post(line, None)).await;
        let why = match taken {
            Ok(Ok(response)) if response.status().is_success() => return,
            Ok(Ok(response)) if self.ended(response.status()) => return self.lose().await,
            Ok(Ok(response)) => format!("it answered {}", response.status()),
            Ok(Err(fault)) => fault.why,
            Err(_) => "it did not say so in time".to_owned(),
        };
        self.put(Line::Trouble(format!("the server has not taken a message: {why}"))).await;
    }

    /// Puts a line where it is taken. Whoever has gone needs none.
    pub(super) async fn put(&self, line: Line) {
        let _ = self.says.send(line).await;
    }

    /// Answers in the server's place.
    pub(super) async fn fail(&self, id: &Id, fault: &Fault) {
        let text = format!("toolgate: {}", fault.why);
        self.put(Line::Text(message::error(Some(id), -32_603, &text, None))).await;
        if fault.over {
            self.lose().await;
        } else {
            self.put(Line::Trouble(fault.why.clone())).await;
        }
    }

    /// Whether this status says that the session is no more.
    pub(super) fn ended(&self, status: StatusCode) -> bool {
        status == StatusCode::NOT_FOUND && self.state().session.is_some()
    }

    /// The server knows nothing of the session any more, and with it of what the client had set up in it: only the client can
    /// begin another.
    pub(super) async fn lose(&self) {
        if self.state().session.take().is_some() {
            self.put(Line::Trouble("the server has ended the session".to_owned())).await;
        }
        self.over.notify_one();
    }

    /// Keeps what a handshake has come to, and what headers will have to repeat.
    pub(super) fn learned(&self, asked: &Asked, result: &str) {
        match &*asked.method {
            "initialize" => {
                let version = message::member(result, "protocolVersion");
                self.state().version = version.and_then(|version| HeaderValue::from_str(version.as_str()?).ok());
            }
            "tools/list" => headers::learn(&mut self.state().mirrored, result),
            _ => {}
        }
    }

    /// Keeps the session that an answer to `initialize` begins.
    pub(super) fn begun(&self, headers: &HeaderMap) {
        self.state().session = headers.get(SESSION).cloned();
    }

    /// Sends a message; `headers` are those of one that stands by itself.
    pub(super) async fn post(&self, line: String, headers: Option<&HeaderMap>) -> Result<Response<Incoming>, Fault> {
        let mut request = self.request(Method::POST, ACCEPTED, headers)?;
        request.headers_mut().insert(header::CONTENT_TYPE, JSON);
        *request.body_mut() = Full::new(Bytes::from(line));
        self.send(request).await
    }

    /// Asks for a stream of events: the one that belongs to no request, or one that broke off behind the event of this id.
    pub(super) async fn get(&self, last: Option<&HeaderValue>) -> Result<Response<Incoming>, Fault> {
        let mut request = self.request(Method::GET, EVENTS, None)?;
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.clone());
        }
        self.send(request).await
    }

    async fn farewell(&self) {
        if self.state().session.is_none() {
            return;
        }
        if let Ok(request) = self.request(Method::DELETE, ACCEPTED, None) {
            // A server need not take it.
            let _ = tokio::time::timeout(FAREWELL, self.send(request)).await;
        }
    }

    fn request(
        &self,
        method: Method,
        accept: HeaderValue,
        headers: Option<&HeaderMap>,
    ) -> Result<Request<Full<Bytes>>, Fault> {
        let request = Request::builder().method(method).uri(self.remote.url.clone()).body(Full::default());
        let mut request = request.map_err(|error| format!("the request cannot be written: {error}"))?;
        let said = request.headers_mut();
        said.insert(header::USER_AGENT, AGENT);
        said.extend((*self.remote.headers).clone());
        said.insert(header::ACCEPT, accept);
        match headers {
            Some(headers) => said.extend(headers.clone()),
            None => {
                let state = self.state();
                let known = [(SESSION, &state.session), (PROTOCOL_VERSION, &state.version)];
                said.extend(known.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
            }
        }
        Ok(request)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
        self.remote.http.request(request).await.map_err(|error| {
            if let Some(why) = distrusted(&error) {
                return Fault::from(why);
            }
            // Its own text is only which step failed.
            let mut why = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(error) = source {
                why = format!("{why}: {error}");
                source = error.source();
            }
            let step =
                if error.is_connect() { "the server is not reached" } else { "the connection to the server broke" };
            Fault::from(format!("{step}: {why}"))
        })
    }
}
