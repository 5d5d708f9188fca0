//! One side of a connection: the messages that it says, and where those to it go, whatever carries them.

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use crate::{
    lines::{Line, Lines},
    queue::Drain,
    remote::{Remote, Talk},
};

/// One side of a connection.
pub(crate) struct Side {
    pub(crate) says: Says,
    pub(crate) hears: Hears,
}

impl Side {
    /// The other end of two streams; line ends separate messages.
    pub(crate) fn streams(
        read: impl AsyncRead + Send + Unpin + 'static,
        write: impl AsyncWrite + Send + Unpin + 'static,
        longest: usize,
    ) -> Self {
        Self { says: Says::Lines(Lines::new(read, longest)), hears: Hears::Stream(Box::new(write)) }
    }

    /// A server that is reached by HTTP.
    pub(crate) fn remote(remote: &Remote, longest: usize) -> Self {
        let (talk, said) = Talk::new(remote.clone(), longest);
        Self { says: Says::Carried(said), hears: Hears::Remote(Box::new(talk)) }
    }
}

/// What one side says.
pub(crate) enum Says {
    Lines(Lines),
    Carried(mpsc::Receiver<Line>),
}

impl Says {
    /// The next message; `None` when there will be none.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        match self {
            Self::Lines(lines) => lines.next().await,
            Self::Carried(said) => said.recv().await,
        }
    }
}

/// Where messages to one side go.
pub(crate) enum Hears {
    Stream(Box<dyn AsyncWrite + Send + Unpin>),
    Remote(Box<Talk>),
}

impl Hears {
    /// Carries all messages, until there will be none or nobody takes them.
    pub(crate) async fn carry(self, drain: Drain) {
        match self {
            // Who does not listen any more does not speak any more, either: that is what ends a connection.
            Self::Stream(stream) => drop(drain.write_to(stream).await),
            Self::Remote(talk) => talk.carry(drain).await,
        }
    }
}
