//! Carries the lines of one connection between two streams.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, mpsc},
};

use crate::{
    connection::{Connection, Output},
    host::{Host, Notice},
    lines::{Line, Lines},
    message,
    queue::{Queue, queue},
};

/// How long answers are waited for once the client has said its last word.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long the server has to end once nothing more is said to it.
const FAREWELL: Duration = Duration::from_secs(3);

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The client has gone, or somebody asked the guard to end.
    Client,
    /// The server has gone.
    Server,
    /// The guard would not go on, and why.
    Refused(String),
}

/// One side of a connection.
pub(crate) struct Side<R, W> {
    pub(crate) read: R,
    pub(crate) write: W,
}

/// A connection, and where its output goes.
#[derive(Clone)]
pub(crate) struct Pump {
    connection: Arc<Mutex<Connection>>,
    host: Arc<Host>,
    client: Queue,
    server: Queue,
    end: mpsc::UnboundedSender<String>,
    /// Told whenever nobody waits for anything.
    quiet: Arc<Notify>,
}

impl Pump {
    pub(crate) fn new(
        connection: Connection,
        host: Arc<Host>,
        (client, server): (Queue, Queue),
    ) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (end, ends) = mpsc::unbounded_channel();
        let (connection, quiet) = (Arc::new(Mutex::new(connection)), Arc::default());
        (Self { connection, host, client, server, end, quiet }, ends)
    }

    /// A step that panicked elsewhere decided nothing: what it would have forwarded stays where it is.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one step, and puts what comes of it where it belongs, in order.
    fn step(&self, step: impl FnOnce(&mut Connection) -> Vec<Output>) {
        let mut connection = self.lock();
        for output in step(&mut connection) {
            match output {
                Output::ToClient(line) => self.client.put(line),
                Output::ToServer(line) => self.server.put(line),
                Output::Ask { key, question } => self.ask(key, question),
                Output::End(why) => {
                    // Whoever waits for the end gets the first reason.
                    let _ = self.end.send(why);
                }
            }
        }
        let idle = connection.idle();
        drop(connection);
        if idle {
            self.quiet.notify_waiters();
        }
    }

    /// Asks the person at the terminal, one question at a time, while everything else goes on.
    fn ask(&self, key: String, question: String) {
        let pump = self.clone();
        tokio::task::spawn_blocking(move || {
            let approved = pump.host.confirm(&question);
            pump.step(|connection| connection.answered(&key, approved));
        });
    }

    /// A line of the client.
    pub(crate) fn from_client(&self, line: Line) {
        match line {
            Line::Text(line) => self.step(|connection| connection.from_client(&line)),
            Line::Unusable(why) => {
                self.host.tell(Notice::Note(&format!("a message of the client is refused: {why}")));
                self.client.put(message::error(None, -32_600, &format!("Refused: {why}"), None));
            }
        }
    }

    /// A line of the server.
    pub(crate) fn from_server(&self, line: Line) {
        match line {
            Line::Text(line) => self.step(|connection| connection.from_server(&line)),
            // Nobody knows which request it answers, so that the client would wait for ever.
            Line::Unusable(why) => {
                let _ = self.end.send(format!("a message of the server cannot be passed on: {why}"));
            }
        }
    }

    /// Returns when nobody waits for anything.
    async fn quiet(&self) {
        loop {
            let told = self.quiet.notified();
            if self.lock().idle() {
                return;
            }
            told.await;
        }
    }

    /// The connection is over.
    pub(crate) fn close(&self, why: &str) {
        self.step(|connection| connection.close(why));
    }
}

/// Carries lines until one side ends, or `stop` does.
pub(crate) async fn run(
    connection: Connection,
    host: Arc<Host>,
    client: Side<impl AsyncRead + Unpin + Send + 'static, impl AsyncWrite + Unpin + Send + 'static>,
    server: Side<impl AsyncRead + Unpin + Send + 'static, impl AsyncWrite + Unpin + Send + 'static>,
    stop: impl Future<Output = ()>,
) -> Ended {
    let longest = host.settings.longest;
    let ((to_client, client_drain), (to_server, server_drain)) = (queue(), queue());
    let (pump, mut ends) = Pump::new(connection, host, (to_client, to_server));
    let client_writer = tokio::spawn(client_drain.write_to(client.write));
    let server_writer = tokio::spawn(server_drain.write_to(server.write));

    let mut client_lines = Lines::new(client.read, longest);
    let from_client = {
        let pump = pump.clone();
        async move {
            while let Some(line) = client_lines.next().await {
                pump.from_client(line);
                // What it is answered with, or what is forwarded, may be more than the other side can take.
                pump.client.room().await;
                pump.server.room().await;
            }
        }
    };
    let mut server_lines = Lines::new(server.read, longest);
    let from_server = {
        let pump = pump.clone();
        async move {
            while let Some(line) = server_lines.next().await {
                pump.from_server(line);
                pump.client.room().await;
            }
        }
    };
    let (mut from_client, mut from_server) = (tokio::spawn(from_client), tokio::spawn(from_server));
    let abort_client = from_client.abort_handle();
    let last_words = async {
        let _ = (&mut from_client).await;
        let _ = tokio::time::timeout(LAST_WORDS, pump.quiet()).await;
    };
    let (mut last_words, mut stop) = (std::pin::pin!(last_words), std::pin::pin!(stop));
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let ended = loop {
        tokio::select! {
            biased;
            Some(why) = ends.recv() => break Ended::Refused(why),
            () = &mut stop => break Ended::Client,
            _ = &mut from_server => break ends.try_recv().map_or(Ended::Server, Ended::Refused),
            () = &mut last_words => break Ended::Client,
            _ = second.tick() => pump.step(Connection::tick),
        }
    };
    abort_client.abort();
    let why = match &ended {
        Ended::Client => "the guard has ended",
        Ended::Server => "the server has ended",
        Ended::Refused(why) => why,
    };
    pump.close(why);
    // Nothing more is said to the server; what it still says is passed on for a while.
    pump.server.close();
    let _ = tokio::time::timeout(FAREWELL, server_writer).await;
    if ended != Ended::Server {
        let _ = tokio::time::timeout(FAREWELL, &mut from_server).await;
    }
    from_server.abort();
    pump.client.close();
    let _ = tokio::time::timeout(FAREWELL, client_writer).await;
    ended
}
