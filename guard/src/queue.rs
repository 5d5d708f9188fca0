//! Lines on their way out: in order, and no more of them in memory than a bound allows.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _, BufWriter},
    sync::{Notify, mpsc},
};

/// Bytes that wait, until those who put more in have to wait too.
const FULL: usize = 8 << 20;

/// Where lines are put in. Putting in never waits, so that it can be done under a lock; [`Queue::room`] is what waits.
#[derive(Clone)]
pub(crate) struct Queue {
    lines: mpsc::UnboundedSender<Option<String>>,
    depth: Arc<Depth>,
}

#[derive(Default)]
struct Depth {
    bytes: AtomicUsize,
    written: Notify,
}

/// Where they come out.
pub(crate) struct Drain {
    lines: mpsc::UnboundedReceiver<Option<String>>,
    depth: Arc<Depth>,
}

pub(crate) fn queue() -> (Queue, Drain) {
    let ((sender, receiver), depth) = (mpsc::unbounded_channel(), Arc::new(Depth::default()));
    (Queue { lines: sender, depth: Arc::clone(&depth) }, Drain { lines: receiver, depth })
}

impl Queue {
    /// Puts a line in. Nobody is told when there is nobody left to read it.
    pub(crate) fn put(&self, line: String) {
        self.depth.bytes.fetch_add(line.len(), Ordering::AcqRel);
        let _ = self.lines.send(Some(line));
    }

    /// Puts in no more: what waits is still written.
    pub(crate) fn close(&self) {
        let _ = self.lines.send(None);
    }

    /// Returns when there is room for more, or nobody left to make any.
    pub(crate) async fn room(&self) {
        while self.depth.bytes.load(Ordering::Acquire) >= FULL && !self.lines.is_closed() {
            let written = self.depth.written.notified();
            if self.depth.bytes.load(Ordering::Acquire) < FULL {
                return;
            }
            tokio::select! {
                () = written => {}
                () = self.lines.closed() => {}
            }
        }
    }
}

impl Drain {
    /// The next line, or `None` when there will be none.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let line = self.lines.recv().await.flatten()?;
        self.passed(&line);
        Some(line)
    }

    fn passed(&self, line: &str) {
        self.depth.bytes.fetch_sub(line.len(), Ordering::AcqRel);
        self.depth.written.notify_waiters();
    }

    /// Writes all lines, each with its end, until there will be none or nobody reads them.
    pub(crate) async fn write_to(mut self, out: impl AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        while let Some(line) = self.next().await {
            out.write_all(line.as_bytes()).await?;
            out.write_all(b"\n").await?;
            if self.lines.is_empty() {
                out.flush().await?;
            }
        }
        out.shutdown().await
    }
}
