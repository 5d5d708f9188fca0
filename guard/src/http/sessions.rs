//! Connections over HTTP: which line goes into which stream.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::value::RawValue;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::Instant,
};

use super::line::{Renamed, addressed, renamed};
use crate::{
    connection::Connection,
    host::{Host, Notice, handle},
    lines::Line,
    message::{self, Id, Message},
    pump::{Ended, Link, Pump},
    server::Upstream,
};

/// Sessions of the protocol at once: each has a server of its own.
const SESSIONS: usize = 64;
/// Lines that wait until a client listens.
const WAITING: usize = 1_024;
/// Lines in one stream that the client has not taken. A client that takes none is given up.
const STREAM: usize = 4_096;

/// What a client reads: lines, until there will be none.
pub(super) type Stream = mpsc::Receiver<String>;

/// All connections of one guard.
pub(super) struct Sessions {
    host: Arc<Host>,
    upstream: Upstream,
    legacy: Mutex<HashMap<String, Arc<Session>>>,
    /// The one connection of all clients from 2026-07-28 on.
    shared: Mutex<Option<Arc<Session>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// One connection.
pub(super) struct Session {
    pump: Pump,
    streams: Mutex<Streams>,
    stop: Notify,
    shared: bool,
}

#[derive(Default)]
struct Streams {
    /// The stream of each request, by the id that the server sees.
    open: HashMap<Id, mpsc::Sender<String>>,
    /// Which request a progress token belongs to, by its JSON.
    tokens: HashMap<String, Id>,
    renamed: HashMap<Id, Renamed>,
    /// The stream that belongs to no request.
    standing: Option<mpsc::Sender<String>>,
    waiting: VecDeque<String>,
    next: u64,
    used: Option<Instant>,
    /// There will be no more lines.
    over: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole between any two steps.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sessions {
    pub(super) fn new(host: Arc<Host>, upstream: Upstream) -> Self {
        Self { host, upstream, legacy: Mutex::default(), shared: Mutex::default(), tasks: Mutex::default() }
    }

    /// The longest message.
    pub(super) fn longest(&self) -> usize {
        self.host.settings.longest
    }

    /// Tells people.
    pub(super) fn tell(&self, notice: Notice<'_>) {
        self.host.tell(notice);
    }

    /// The session of that id.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Session>> {
        locked(&self.legacy).get(id).cloned()
    }

    /// Begins a session, with a server of its own.
    pub(super) fn begin(self: &Arc<Self>) -> Result<(String, Arc<Session>), String> {
        let mut legacy = locked(&self.legacy);
        if legacy.len() >= SESSIONS {
            // A client that nobody has heard of for the longest, and that waits for nothing, has probably gone.
            let quiet = legacy.iter().filter(|(_, session)| locked(&session.streams).open.is_empty());
            let oldest = quiet.min_by_key(|(_, session)| locked(&session.streams).used).map(|(id, _)| id.clone());
            let oldest = oldest.ok_or_else(|| format!("{SESSIONS} sessions are open, and all are in use"))?;
            if let Some(session) = legacy.remove(&oldest) {
                session.stop.notify_one();
            }
        }
        let id = handle()?;
        let session = self.start(false, Some(id.clone()))?;
        legacy.insert(id.clone(), Arc::clone(&session));
        Ok((id, session))
    }

    /// The connection that all clients from 2026-07-28 on share.
    pub(super) fn shared(self: &Arc<Self>) -> Result<Arc<Session>, String> {
        let mut shared = locked(&self.shared);
        if let Some(session) = &*shared {
            return Ok(Arc::clone(session));
        }
        let session = self.start(true, None)?;
        *shared = Some(Arc::clone(&session));
        Ok(session)
    }

    fn start(self: &Arc<Self>, shared: bool, id: Option<String>) -> Result<Arc<Session>, String> {
        let connection = Connection::new(Arc::clone(&self.host), "http")?;
        let (server, side) = self.upstream.start(self.host.settings.longest)?;
        let (mut link, mut drain) = Link::new(connection, Arc::clone(&self.host), side);
        let (pump, streams, stop) = (link.pump.clone(), Mutex::default(), Notify::new());
        let session = Arc::new(Session { pump, streams, stop, shared });
        let (delivering, waiting, sessions) = (Arc::clone(&session), Arc::clone(&session), Arc::clone(self));
        let task = tokio::spawn(async move {
            let deliver = async {
                while let Some(line) = drain.next().await {
                    delivering.deliver(line);
                }
                delivering.hang_up();
            };
            let carry = async {
                let ended = link.ended(waiting.stop.notified()).await;
                match id {
                    Some(id) => drop(locked(&sessions.legacy).remove(&id)),
                    None => drop(locked(&sessions.shared).take()),
                }
                link.finish(&ended).await;
                if let Some(server) = server {
                    server.end().await;
                }
                match ended {
                    Ended::Client => {}
                    Ended::Server => sessions.host.tell(Notice::Warning("the server of a session has ended")),
                    Ended::Refused(why) => sessions.host.tell(Notice::Warning(&format!("a session ends: {why}"))),
                }
            };
            tokio::join!(deliver, carry);
        });
        let mut tasks = locked(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
        Ok(session)
    }

    /// Ends all sessions, and waits for their servers.
    pub(super) async fn end(&self) {
        let sessions: Vec<_> = locked(&self.legacy).values().cloned().chain(locked(&self.shared).clone()).collect();
        sessions.iter().for_each(|session| session.stop.notify_one());
        let tasks = std::mem::take(&mut *locked(&self.tasks));
        for task in tasks {
            // A task that panicked has ended.
            let _ = task.await;
        }
    }
}

impl Session {
    /// A request of a client: the stream of its answer. `None`: its id is in use.
    pub(super) fn request(self: &Arc<Self>, id: Id, method: &str, line: String) -> Option<(Stream, Open)> {
        let (sender, stream) = mpsc::channel(STREAM);
        let mut streams = locked(&self.streams);
        streams.used = Some(Instant::now());
        let params = match Message::of_client(&line) {
            Ok(Message::Request { params, .. }) => params.map(RawValue::to_owned),
            _ => None,
        };
        let (line, id) = if self.shared {
            streams.next = streams.next.wrapping_add(1);
            let own = Id::own(&format!("h{}", streams.next));
            let (line, renamed) = renamed(id, method, params.as_deref(), own.clone());
            streams.renamed.insert(own.clone(), renamed);
            (line, own)
        } else {
            if streams.open.contains_key(&id) {
                return None;
            }
            let meta = params.and_then(|params| message::member(params.get(), "_meta"));
            if let Some(token) = meta.as_ref().and_then(|meta| meta.get("progressToken")) {
                streams.tokens.insert(token.to_string(), id.clone());
            }
            (line, id)
        };
        // Without a sender, the stream is at its end.
        if !streams.over {
            streams.open.insert(id.clone(), sender);
        }
        drop(streams);
        self.pump.client_says(Line::Text(line));
        Some((stream, Open { session: Arc::clone(self), id }))
    }

    /// A notification or a response of a client.
    pub(super) fn tell(&self, line: String) {
        locked(&self.streams).used = Some(Instant::now());
        self.pump.client_says(Line::Text(line));
    }

    /// The stream that belongs to no request.
    pub(super) fn stand(&self) -> Stream {
        let (sender, stream) = mpsc::channel(STREAM);
        let mut streams = locked(&self.streams);
        for line in std::mem::take(&mut streams.waiting) {
            // There is room for more than can wait.
            let _ = sender.try_send(line);
        }
        streams.standing = Some(sender);
        stream
    }

    pub(super) fn end(&self) {
        self.stop.notify_one();
    }

    /// There will be no more lines.
    fn hang_up(&self) {
        *locked(&self.streams) = Streams { over: true, ..Streams::default() };
    }

    /// Puts a line into the stream where its client expects it.
    fn deliver(&self, line: String) {
        let mut streams = locked(&self.streams);
        if self.shared {
            return self.deliver_shared(&mut streams, line);
        }
        let id = match Message::of_server(&line) {
            Ok(Message::Response { id: Some(id), .. }) => {
                if let Some(stream) = streams.open.remove(&id) {
                    streams.tokens.retain(|_, of| *of != id);
                    // A client that has gone needs no answer.
                    let _ = stream.try_send(line);
                }
                return;
            }
            Ok(Message::Notification { method, params }) if method == "notifications/progress" => {
                let token = params.and_then(|params| message::member(params.get(), "progressToken"));
                token.and_then(|token| streams.tokens.get(&token.to_string()).cloned())
            }
            _ => None,
        };
        let Streams { open, standing, waiting, .. } = &mut *streams;
        let of_request = id.and_then(|id| open.get(&id));
        let any = || standing.as_ref().filter(|stream| !stream.is_closed()).or_else(|| open.values().next());
        match of_request.or_else(any) {
            Some(stream) if stream.try_send(line.clone()).is_ok() => {}
            _ => {
                if waiting.len() >= WAITING {
                    waiting.pop_front();
                }
                waiting.push_back(line);
            }
        }
    }

    fn deliver_shared(&self, streams: &mut Streams, line: String) {
        match addressed(&line, &streams.renamed) {
            Some(addressed) => {
                if let Some(stream) = streams.open.get(&addressed.id) {
                    let _ = stream.try_send(addressed.line);
                }
                if addressed.last {
                    streams.open.remove(&addressed.id);
                    streams.renamed.remove(&addressed.id);
                }
            }
            // Nobody knows whose it is, unless there is only one.
            None => match (Message::of_server(&line), streams.open.values().next()) {
                (Ok(Message::Request { id, .. }), _) => {
                    let why = "there are no requests of servers from 2026-07-28 on";
                    self.pump.server.put(message::error(Some(&id), -32_601, why, None));
                }
                (Ok(Message::Notification { .. }), Some(stream)) if streams.open.len() == 1 => {
                    let _ = stream.try_send(line);
                }
                _ => {}
            },
        }
    }
}

/// A request whose client listens. From 2026-07-28 on, a client that stops to listen cancels.
pub(super) struct Open {
    session: Arc<Session>,
    id: Id,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut streams = locked(&self.session.streams);
        let was = streams.open.remove(&self.id);
        streams.renamed.remove(&self.id);
        streams.tokens.retain(|_, of| *of != self.id);
        drop(streams);
        if was.is_some() && self.session.shared {
            let params = format!(r#"{{"requestId":{}}}"#, self.id);
            self.session.tell(message::notification("notifications/cancelled", &params));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::error::TryRecvError::{Disconnected, Empty};
    use toolgate::{Gate, PolicyBundle, Principal, PrincipalKind, SharedLedger, Sources, Timestamp};

    use super::*;
    use crate::{Parts, Settings, queue::queue};

    fn session() -> Arc<Session> {
        let mut sources = Sources::default();
        sources.insert("toolgate.toml", "[bundle]\nname = \"s\"\nversion = \"1\"\n[servers.s]\n");
        sources.insert("tools/s.json", r#"{"tools":[]}"#);
        sources.insert("policies/a.cedar", r#"@id("a") permit (principal, action in Action::"call", resource);"#);
        let host = Host::new(Parts {
            gate: Gate::new(PolicyBundle::load(&sources).unwrap()),
            ledger: SharedLedger::default(),
            settings: Settings::new("s", Principal::new(PrincipalKind::User, "me")),
            records: None,
            tell: Box::new(|_| ()),
            confirm: Box::new(|_| false),
            clock: Box::new(|| Timestamp::from_millis(0)),
        });
        let host = Arc::new(host.unwrap());
        let connection = Connection::new(Arc::clone(&host), "http").unwrap();
        let (pump, _) = Pump::new(connection, host, (queue().0, queue().0));
        Arc::new(Session { pump, streams: Mutex::default(), stop: Notify::new(), shared: false })
    }

    fn ping(session: &Arc<Session>, id: &str) -> (Stream, Open) {
        let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        session.request(Id::parse(id).unwrap(), "ping", line).unwrap()
    }

    /// Whoever waits when a session ends, or comes after, would wait for ever.
    #[test]
    fn nobody_waits_for_lines_of_a_session_that_is_over() {
        let session = session();
        let (mut waiting, _open) = ping(&session, "1");
        let mut standing = session.stand();
        assert_eq!((waiting.try_recv(), standing.try_recv()), (Err(Empty), Err(Empty)));
        session.hang_up();
        assert_eq!((waiting.try_recv(), standing.try_recv()), (Err(Disconnected), Err(Disconnected)));
        let (mut late, _open) = ping(&session, "2");
        assert_eq!(late.try_recv(), Err(Disconnected));
    }
}
