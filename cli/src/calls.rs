//! Splits an input into calls: one JSON document, or JSON Lines, read as they come.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

/// A call as it came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Document {
    /// Its bytes.
    Whole(Vec<u8>),
    /// It is longer than a call may be; it was not kept.
    TooLong,
}

/// The documents of an input.
///
/// JSON Lines if the caller knows, or if some line from its start to its end is a document; otherwise the whole input is
/// one document, whose lines are indented. A line that is no call thus never takes the lines behind it with it.
pub(crate) struct Documents<R> {
    input: R,
    /// Bytes of one document.
    longest: usize,
    next: Next,
    /// Lines that were read before it was seen that lines are documents.
    waiting: VecDeque<Placed>,
    /// Lines that were read, blank ones included.
    lines: usize,
}

/// A document, and how many lines stand before it.
pub(crate) type Placed = (usize, Document);

enum Next {
    First,
    Line,
    Nothing,
}

impl<R: BufRead> Documents<R> {
    /// Documents of at most `longest` bytes. `lines`: the input is known to be JSON Lines.
    pub(crate) fn new(input: R, longest: usize, lines: bool) -> Self {
        Self { input, longest, next: if lines { Next::Line } else { Next::First }, waiting: VecDeque::new(), lines: 0 }
    }

    fn document(&mut self) -> io::Result<Option<Placed>> {
        if let Some(document) = self.waiting.pop_front() {
            return Ok(Some(document));
        }
        match self.next {
            Next::Nothing => Ok(None),
            Next::Line => Ok(self.line()?.map(Line::document)),
            Next::First => self.first(),
        }
    }

    /// Reads until it is clear what the input is.
    fn first(&mut self) -> io::Result<Option<Placed>> {
        let mut lines = Vec::new();
        let mut length = 0_usize;
        self.next = Next::Nothing;
        while let Some(line) = self.line()? {
            let alone = line.is_document();
            let blank = line.before.saturating_sub(lines.last().map_or(0, |last: &Line| last.before + 1));
            length = length.saturating_add(line.kept.len()).saturating_add(blank);
            let too_long = line.too_long;
            lines.push(line);
            if alone {
                self.next = Next::Line;
                self.waiting.extend(lines.into_iter().map(Line::document));
                return Ok(self.waiting.pop_front());
            }
            if too_long || length > self.longest {
                return Ok(Some((0, Document::TooLong)));
            }
        }
        // Blank lines count, so that places in the document are those in the file.
        let (mut whole, mut at) = (Vec::with_capacity(length), 0);
        for line in lines {
            whole.resize(whole.len() + line.before - at, b'\n');
            at = line.before + 1;
            whole.extend(line.kept);
        }
        Ok((!whole.is_empty()).then_some((0, Document::Whole(whole))))
    }

    /// The next line that is not blank, with its end. What is too long is passed over, not kept.
    fn line(&mut self) -> io::Result<Option<Line>> {
        loop {
            let mut line = Line { before: self.lines, ..Line::default() };
            self.lines += 1;
            loop {
                let chunk = match self.input.fill_buf() {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    other => other?,
                };
                let end = chunk.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
                let length = end.unwrap_or(chunk.len());
                line.add(chunk.get(..length).unwrap_or_default(), self.longest);
                self.input.consume(length);
                if end.is_some() || length == 0 {
                    break;
                }
            }
            if line.kept.is_empty() {
                return Ok(None);
            }
            if line.too_long || !line.kept.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

impl<R: BufRead> Iterator for Documents<R> {
    type Item = io::Result<Placed>;

    fn next(&mut self) -> Option<Self::Item> {
        let document = self.document();
        if document.is_err() {
            self.next = Next::Nothing;
            self.waiting.clear();
        }
        document.transpose()
    }
}

#[derive(Default)]
struct Line {
    /// How many stand before it.
    before: usize,
    kept: Vec<u8>,
    too_long: bool,
    scan: Scan,
}

impl Line {
    fn document(self) -> Placed {
        (self.before, if self.too_long { Document::TooLong } else { Document::Whole(self.kept) })
    }

    /// Whether the line is a document of its own.
    fn is_document(&self) -> bool {
        self.kept.starts_with(b"{")
            && (self.too_long || self.kept.trim_ascii_end().ends_with(b"}"))
            && self.scan.complete()
    }

    fn add(&mut self, chunk: &[u8], longest: usize) {
        self.scan.feed(chunk);
        // The line's end does not count.
        let body = chunk.strip_suffix(b"\n").unwrap_or(chunk);
        self.too_long |= self.kept.len().saturating_add(body.len()) > longest;
        if !self.too_long || self.kept.is_empty() {
            let room = longest.saturating_sub(self.kept.len()).saturating_add(1);
            self.kept.extend(chunk.iter().take(room));
        }
    }
}

/// Counts brackets outside strings: enough to see whether a line is a document of its own.
#[derive(Default)]
struct Scan {
    depth: usize,
    opened: bool,
    string: bool,
    escaped: bool,
}

impl Scan {
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (self.string, byte) {
                (true, _) if self.escaped => self.escaped = false,
                (true, b'\\') => self.escaped = true,
                (true, b'"') => self.string = false,
                (true, _) => {}
                (false, b'"') => self.string = true,
                (false, b'{' | b'[') => {
                    self.opened = true;
                    self.depth = self.depth.saturating_add(1);
                }
                (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                (false, _) => {}
            }
        }
    }

    fn complete(&self) -> bool {
        self.opened && self.depth == 0 && !self.string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, longest: usize, lines: bool) -> Vec<String> {
        // A small buffer, so that lines span several reads.
        let input = io::BufReader::with_capacity(3, text.as_bytes());
        let documents = Documents::new(input, longest, lines);
        documents
            .map(|document| match document.unwrap().1 {
                Document::Whole(bytes) => String::from_utf8(bytes).unwrap().trim_end().to_owned(),
                Document::TooLong => "too long".to_owned(),
            })
            .collect()
    }

    #[test]
    fn one_document_or_one_a_line() {
        assert_eq!(split("", 99, false), [""; 0]);
        assert_eq!(split("\n \n", 99, false), [""; 0]);
        assert_eq!(split("{\n\"a\": 1\n}\n", 99, false), ["{\n\"a\": 1\n}"]);
        assert_eq!(split("\n{\"a\": 1}\r\n\n{\"b\": \n{}", 99, false), ["{\"a\": 1}", "{\"b\":", "{}"]);
        assert_eq!(split("{\"a\": \"}\n{}", 99, false), ["{\"a\": \"}", "{}"]);
        assert_eq!(split("{\"a\": \"\\\"{\"}\n{}", 99, false), ["{\"a\": \"\\\"{\"}", "{}"]);
        assert_eq!(split("nonsense\n{}", 99, false), ["nonsense", "{}"]);
        assert_eq!(split("nonsense\n{", 99, false), ["nonsense\n{"]);
        assert_eq!(split("nonsense\n{}", 99, true), ["nonsense", "{}"]);
    }

    #[test]
    fn where_they_stand() {
        let before = |text: &str| -> Vec<usize> {
            Documents::new(text.as_bytes(), 99, false).map(|document| document.unwrap().0).collect()
        };
        assert_eq!(before("\n{}\n\n \n{}\n{}"), [1, 4, 5]);
        assert_eq!(before("\n\n{\n}"), [0]);
        // With its blank lines, so that places in it are those in the file.
        assert_eq!(split("\n\n{\n \n}", 99, false), ["\n\n{\n\n}"]);
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        assert_eq!(split("{    }\n{}\n{     }\n", 6, false), ["{    }", "{}", "too long"]);
        assert_eq!(split("{     }\n{}", 6, false), ["too long", "{}"]);
        assert_eq!(split("{\n     }\n ", 6, false), ["too long"]);
        assert_eq!(split("{\n   }", 6, false), ["{\n   }"]);
        assert_eq!(split("         \n{}", 6, false), ["too long"]);
        assert_eq!(split("         \n{}", 6, true), ["too long", "{}"]);
    }
}
