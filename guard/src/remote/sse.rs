//! Server-sent events, as bytes come in. The parsers that there are keep what they read without a bound, or end at a field
//! that they do not know, which the standard passes over.

/// One event, as far as the protocol uses it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    /// Its type; empty for a message.
    pub(super) kind: String,
    pub(super) data: Vec<u8>,
    /// What to name when the stream is taken up again.
    pub(super) id: Option<String>,
    /// How long to wait before that, in milliseconds.
    pub(super) retry: Option<u64>,
}

/// An event is longer than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// What has been read of an event.
pub(super) struct Parser {
    longest: usize,
    line: Vec<u8>,
    event: Event,
    /// Whether the line before ended with a carriage return: a line feed behind it ends the same line.
    returned: bool,
    begun: bool,
}

impl Parser {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, line: Vec::new(), event: Event::default(), returned: false, begun: false }
    }

    /// Reads on, and gives the events that are whole.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        if std::mem::take(&mut self.returned) {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, rest) = bytes.split_at(end);
            self.line.extend_from_slice(line);
            events.extend(self.line_ended()?);
            bytes = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.returned = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.line.extend_from_slice(bytes);
        self.bounded()?;
        Ok(events)
    }

    /// Bytes of the event that has not come to its end.
    pub(super) fn held(&self) -> usize {
        [self.line.len(), self.event.data.len(), self.event.kind.len()].into_iter().fold(0, usize::saturating_add)
    }

    fn bounded(&self) -> Result<(), TooLong> {
        if self.held() > self.longest { Err(TooLong) } else { Ok(()) }
    }

    fn line_ended(&mut self) -> Result<Option<Event>, TooLong> {
        self.bounded()?;
        let line = std::mem::take(&mut self.line);
        let line = match std::mem::replace(&mut self.begun, true) {
            true => line.as_slice(),
            false => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line),
        };
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Ok((event != Event::default()).then_some(event));
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => line.split_at(colon),
            None => (line, [].as_slice()),
        };
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let text = || std::str::from_utf8(value).ok().map(str::to_owned);
        match name {
            b"data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push(b'\n');
                }
                self.event.data.extend_from_slice(value);
            }
            b"event" => self.event.kind = text().unwrap_or_default(),
            b"id" if !value.contains(&0) => self.event.id = text(),
            b"retry" => self.event.retry = text().and_then(|text| text.parse().ok()),
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of all events, however the bytes are cut.
    fn check(text: &str, expected: &[&str]) {
        let bytes = text.as_bytes();
        for size in 1..=bytes.len() {
            let mut parser = Parser::new(100);
            let events = bytes.chunks(size).flat_map(|chunk| parser.read(chunk).unwrap());
            let data: Vec<_> = events.map(|event| String::from_utf8(event.data).unwrap()).collect();
            assert_eq!(data, expected, "{text:?} by {size}");
        }
    }

    #[test]
    fn events_are_the_same_however_they_come() {
        check("data: a\n\ndata:b\n\n", &["a", "b"]);
        check("data: a\r\n\r\ndata: b\r\rdata: c\n\n", &["a", "b", "c"]);
        check("data: a\ndata: b\n\n", &["a\nb"]);
        check("\u{feff}data: a\n\n", &["a"]);
        check(": keep alive\n\n\n\ndata: a\nunknown: x\nunknown\n\n", &["a"]);
        check("data: half", &[]);
        check("data: half\n", &[]);
        check("id: 7\ndata:\n\n", &[""]);
    }

    #[test]
    fn what_belongs_to_an_event() {
        let mut parser = Parser::new(100);
        let events = parser.read(b"event: message\nid: 7\nretry: 500\ndata: a\n\nid: \0\ndata: b\n\n").unwrap();
        let first = Event { kind: "message".into(), data: b"a".to_vec(), id: Some("7".into()), retry: Some(500) };
        assert_eq!(events, [first, Event { data: b"b".to_vec(), ..Event::default() }]);
    }

    #[test]
    fn what_has_no_end_is_not_kept() {
        let mut one_line = Parser::new(100);
        assert_eq!(one_line.read(&[b'x'; 101]), Err(TooLong));
        let mut many_lines = Parser::new(100);
        let read: Result<Vec<_>, _> = (0..20).map(|_| many_lines.read(b"data: 123456\n")).collect();
        assert_eq!(read, Err(TooLong));
    }
}
