//! Lines of a stream, bounded.

use futures_util::StreamExt as _;
use tokio::io::AsyncRead;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

/// What came.
pub(crate) enum Line {
    /// A line without its end.
    Text(String),
    /// A line over the limit. The stream goes on behind it.
    TooLong,
    /// A line that is not UTF-8. The stream goes on behind it.
    NoText,
    /// None, and what went wrong on the way.
    Trouble(String),
}

/// The lines of a stream.
pub(crate) struct Lines {
    framed: FramedRead<Box<dyn AsyncRead + Send + Unpin>, LinesCodec>,
    /// Behind an error the decoder ends once, and goes on.
    resuming: bool,
}

impl Lines {
    pub(crate) fn new(from: impl AsyncRead + Send + Unpin + 'static, longest: usize) -> Self {
        Self { framed: FramedRead::new(Box::new(from), LinesCodec::new_with_max_length(longest)), resuming: false }
    }

    /// The next line; `None` at the end of the stream, and where it cannot be read any more.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            match self.framed.next().await {
                None if std::mem::take(&mut self.resuming) => {}
                None => return None,
                Some(Ok(line)) if line.trim().is_empty() => {}
                Some(Ok(line)) => return Some(Line::Text(line)),
                Some(Err(LinesCodecError::MaxLineLengthExceeded)) => {
                    self.resuming = true;
                    return Some(Line::TooLong);
                }
                Some(Err(LinesCodecError::Io(error))) if error.kind() == std::io::ErrorKind::InvalidData => {
                    self.resuming = true;
                    return Some(Line::NoText);
                }
                Some(Err(LinesCodecError::Io(_))) => return None,
            }
        }
    }
}
