//! Carries the lines of one connection between two streams.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use crate::{
    connection::{Connection, Output},
    host::{Host, Notice},
    lines::Line,
    message,
    queue::{Drain, Queue, queue},
    side::Side,
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

/// A connection, and where its output goes.
#[derive(Clone)]
pub(crate) struct Pump {
    connection: Arc<Mutex<Connection>>,
    host: Arc<Host>,
    pub(crate) client: Queue,
    pub(crate) server: Queue,
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
    pub(crate) fn client_says(&self, line: Line) {
        match line {
            Line::Text(line) => self.step(|connection| connection.client_says(&line)),
            Line::NoText => self.refuse("no UTF-8 text"),
            Line::TooLong => self.refuse(&format!("longer than the {} bytes allowed", self.host.settings.longest)),
            Line::Trouble(why) => self.host.tell(Notice::Warning(&why)),
        }
    }

    fn refuse(&self, why: &str) {
        self.host.tell(Notice::Note(&format!("a message of the client is refused: {why}")));
        self.client.put(message::error(None, -32_600, &format!("Refused: {why}"), None));
    }

    /// A line of the server.
    pub(crate) fn server_says(&self, line: Line) {
        match line {
            Line::Trouble(why) => self.host.tell(Notice::Warning(&why)),
            Line::Text(line) => self.step(|connection| connection.server_says(&line)),
            Line::NoText => self.host.tell(Notice::Note("a line of the server is no UTF-8 text, and is left out")),
            // Nobody knows which request it answers, so that the client would wait for ever.
            Line::TooLong => {
                let longest = self.host.settings.longest;
                let _ = self.end.send(format!("a message of the server is longer than the {longest} bytes allowed"));
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
}

/// A connection whose server is being listened to.
pub(crate) struct Link {
    pub(crate) pump: Pump,
    ends: mpsc::UnboundedReceiver<String>,
    from_server: JoinHandle<()>,
    to_server: JoinHandle<()>,
}

impl Link {
    /// Begins to carry lines to and from the server. What is for the client comes out of the drain.
    pub(crate) fn new(connection: Connection, host: Arc<Host>, server: Side) -> (Self, Drain) {
        let ((client, drain), (to_server, server_drain)) = (queue(), queue());
        let (pump, ends) = Pump::new(connection, host, (client, to_server));
        let to_server = tokio::spawn(server.hears.carry(server_drain));
        let (mut says, listening) = (server.says, pump.clone());
        let from_server = tokio::spawn(async move {
            while let Some(line) = says.next().await {
                listening.server_says(line);
                listening.client.room().await;
            }
        });
        (Self { pump, ends, from_server, to_server }, drain)
    }

    /// Waits until the server has gone, the guard would not go on, or `gone` says that the client has.
    pub(crate) async fn ended(&mut self, gone: impl Future<Output = ()>) -> Ended {
        let mut gone = std::pin::pin!(gone);
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                biased;
                Some(why) = self.ends.recv() => return Ended::Refused(why),
                () = &mut gone => return Ended::Client,
                _ = &mut self.from_server => return self.ends.try_recv().map_or(Ended::Server, Ended::Refused),
                _ = second.tick() => self.pump.step(Connection::tick),
            }
        }
    }

    /// Ends the connection: who waits is told, and nothing more is said to the server.
    pub(crate) async fn finish(mut self, ended: &Ended) {
        let why = match ended {
            Ended::Client => "the guard has ended",
            Ended::Server => "the server has ended",
            Ended::Refused(why) => why,
        };
        self.pump.step(|connection| connection.close(why));
        self.pump.server.close();
        if tokio::time::timeout(FAREWELL, &mut self.to_server).await.is_err() {
            self.to_server.abort();
        }
        if *ended != Ended::Server {
            // What it still says is passed on for a while.
            let _ = tokio::time::timeout(FAREWELL, &mut self.from_server).await;
        }
        self.from_server.abort();
        self.pump.client.close();
    }
}

/// Carries lines until one side ends, or `stop` does.
pub(crate) async fn run(
    connection: Connection,
    host: Arc<Host>,
    client: Side,
    server: Side,
    stop: impl Future<Output = ()>,
) -> Ended {
    let Side { mut says, hears } = client;
    let (mut link, drain) = Link::new(connection, host, server);
    let to_client = tokio::spawn(hears.carry(drain));
    let pump = link.pump.clone();
    let listening = pump.clone();
    let mut from_client = tokio::spawn(async move {
        while let Some(line) = says.next().await {
            listening.client_says(line);
            // What it is answered with, or what is forwarded, may be more than the other side can take.
            listening.client.room().await;
            listening.server.room().await;
        }
    });
    let listener = from_client.abort_handle();
    let gone = async {
        let last_words = async {
            let _ = (&mut from_client).await;
            let _ = tokio::time::timeout(LAST_WORDS, pump.quiet()).await;
        };
        tokio::select! {
            () = last_words => {}
            () = stop => {}
        }
    };
    let ended = link.ended(gone).await;
    listener.abort();
    link.finish(&ended).await;
    let _ = tokio::time::timeout(FAREWELL, to_client).await;
    ended
}
