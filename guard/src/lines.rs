//! Lines of a stream, bounded.

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::codec::{Decoder as _, LinesCodec, LinesCodecError};

/// Bytes that are asked for at once.
const CHUNK: usize = 16 << 10;

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
    from: Box<dyn AsyncRead + Send + Unpin>,
    codec: LinesCodec,
    bytes: BytesMut,
    ended: bool,
}

impl Lines {
    pub(crate) fn new(from: impl AsyncRead + Send + Unpin + 'static, longest: usize) -> Self {
        let codec = LinesCodec::new_with_max_length(longest);
        Self { from: Box::new(from), codec, bytes: BytesMut::new(), ended: false }
    }

    /// The next line; `None` at the end of the stream, and where it cannot be read any more.
    ///
    /// Nothing is lost if it is given up while it waits. More is read only once what has come holds no whole line: `FramedRead`
    /// would read on behind a line that is refused, and the lines that came with it would wait for others to come.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        loop {
            let decoded = match self.ended {
                true => self.codec.decode_eof(&mut self.bytes),
                false => self.codec.decode(&mut self.bytes),
            };
            match decoded {
                Ok(Some(line)) if line.trim().is_empty() => {}
                Ok(Some(line)) => return Some(Line::Text(line)),
                Ok(None) if self.ended => return None,
                Ok(None) => {
                    self.bytes.reserve(CHUNK);
                    self.ended = !matches!(self.from.read_buf(&mut self.bytes).await, Ok(1..));
                }
                Err(LinesCodecError::MaxLineLengthExceeded) => return Some(Line::TooLong),
                // Nothing is read here, so that only the text can be at fault.
                Err(LinesCodecError::Io(_)) => return Some(Line::NoText),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What has come, as far as it is there.
    async fn check(sent: &[u8], closed: bool, expected: &[&str]) {
        let (mut near, far) = tokio::io::duplex(1 << 10);
        near.write_all(sent).await.unwrap();
        let _open = (!closed).then_some(near);
        let (mut lines, mut came) = (Lines::new(far, 8), Vec::new());
        while let Some(Some(line)) = lines.next().now_or_never() {
            came.push(match line {
                Line::Text(text) => text,
                Line::TooLong => "too long".to_owned(),
                Line::NoText => "no text".to_owned(),
                Line::Trouble(why) => why,
            });
        }
        assert_eq!(came, expected, "{:?}", String::from_utf8_lossy(sent));
    }

    #[tokio::test]
    async fn what_came_with_a_line_that_is_refused_waits_for_nothing() {
        check(b"a\n\xff\nb\n\xfe\xff\nc\n", false, &["a", "no text", "b", "no text", "c"]).await;
        check(b"123456789\nb\n1234567890\n\xff\nc\n", false, &["too long", "b", "too long", "no text", "c"]).await;
        check(b"\n \r\na\r\nhalf", false, &["a"]).await;
    }

    #[tokio::test]
    async fn the_end_of_a_stream_ends_its_last_line() {
        check(b"a\nhalf", true, &["a", "half"]).await;
        check(b"a\n\xff", true, &["a", "no text"]).await;
        check(b"a\n123456789", true, &["a", "too long"]).await;
        check(b"", true, &[]).await;
    }
}
