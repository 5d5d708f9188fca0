//! What a server answers: as one message, as a stream of events, or not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, StatusCode, header, response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::{
    sse::{Event, Parser, TooLong},
    talk::{Asked, Fault, Talk},
};
use crate::{
    lines::Line,
    message::{self, Message},
};

/// How often a stream that breaks off is taken up again, if nothing new comes.
const TRIES: usize = 10;
/// How long to wait before that, unless the server says; and the bounds of what it may say.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));
/// How much of what a server says of itself stands in an error, in characters.
const SHOWN: usize = 300;
/// Messages that have not come to their end hold no more memory than so many of the longest.
const HELD: usize = 4;

/// Where a stream of events has come to.
#[derive(Default)]
struct Place {
    last: Option<HeaderValue>,
    retry: Option<Duration>,
    /// Events, since the stream was taken up.
    events: usize,
}

impl Place {
    /// Moves behind an event.
    fn pass(&mut self, event: &Event) {
        self.events = self.events.saturating_add(1);
        if let Some(id) = &event.id {
            self.last = HeaderValue::from_str(id).ok().filter(|id| !id.is_empty());
        }
        if let Some(retry) = event.retry {
            self.retry = Some(Duration::from_millis(retry).clamp(PAUSES.0, PAUSES.1));
        }
    }
}

impl Talk {
    /// Sends a request, and puts what the server answers where it is taken; an error, if it answers nothing.
    pub(super) async fn ask(&self, asked: Asked, line: String) {
        if let Err(fault) = self.answered(&asked, line).await {
            self.fail(&asked.id, &fault).await;
        }
    }

    async fn answered(&self, asked: &Asked, line: String) -> Result<(), Fault> {
        let (head, body) = self.post(line, asked.headers.as_ref()).await?.into_parts();
        if asked.method == "initialize" && head.status.is_success() {
            self.begun(&head.headers);
        }
        if head.status.is_success() && is(&head.headers, "text/event-stream") {
            return self.events(asked, body).await;
        }
        let text = if is(&head.headers, "application/json") { self.whole(body).await? } else { String::new() };
        // Who refuses the guard's credentials says nothing of the call.
        let refused = matches!(head.status, StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED);
        match Message::of_server(&text) {
            Ok(Message::Response { id: Some(id), result })
                if id == asked.id && !refused && (head.status.is_success() || result.is_err()) =>
            {
                if let Ok(result) = result {
                    self.learned(asked, result.get());
                }
            }
            _ => return Err(self.refused(&head, &text)),
        }
        self.put(Line::Text(text)).await;
        Ok(())
    }

    /// Why there is no answer.
    fn refused(&self, head: &response::Parts, text: &str) -> Fault {
        let said = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).map(shown);
        let status = head.status;
        let why = match status {
            status if self.ended(status) => {
                return Fault { why: "the server has ended the session: begin another".to_owned(), over: true };
            }
            StatusCode::UNAUTHORIZED => {
                let asks = said(header::WWW_AUTHENTICATE).map(|asks| format!(", it asks for {asks}"));
                let asks = asks.unwrap_or_default();
                format!("the server does not take the guard's credentials ({status}{asks}): see `--header-env`")
            }
            status if status.is_redirection() => {
                let to = said(header::LOCATION).unwrap_or_default();
                format!("the server sends elsewhere ({status} {to}), where the guard does not follow: see `--url`")
            }
            status if status.is_success() => "what the server answered is no answer to the request".to_owned(),
            status => {
                let error = message::members(text).and_then(|mut members| members.remove("error"));
                let told = error.and_then(|error| message::member(error.get(), "message"));
                let told = told.as_ref().and_then(|told| told.as_str()).map(|told| format!(": {}", shown(told)));
                format!("the server answered {status}{}", told.unwrap_or_default())
            }
        };
        Fault::from(why)
    }

    /// A body that is one text.
    async fn whole(&self, mut body: Incoming) -> Result<String, Fault> {
        let (mut bytes, mut held) = (Vec::new(), Held::new(&self.held));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("the server's answer broke off: {error}"))?;
            let Ok(data) = frame.into_data() else { continue };
            held.come_to(bytes.len().saturating_add(data.len()), self.longest).map_err(|TooLong| self.too_long())?;
            bytes.extend_from_slice(&data);
        }
        String::from_utf8(bytes).map_err(|_| "the server's answer is no UTF-8 text".to_owned().into())
    }

    fn too_long(&self) -> Fault {
        format!("a message of the server is longer than the {} bytes allowed", self.longest).into()
    }

    /// A stream that ends with the answer. Up to 2025-11-25 it may break off in between, and is taken up again where the server
    /// has said how.
    async fn events(&self, asked: &Asked, mut body: Incoming) -> Result<(), Fault> {
        let (mut place, mut tries) = (Place::default(), 0_usize);
        loop {
            let broken = match self.stream(body, Some(asked), &mut place).await? {
                Ended::Answered => return Ok(()),
                Ended::Broken(why) => why,
            };
            tries = if place.events > 0 { 1 } else { tries.saturating_add(1) };
            place.events = 0;
            let last = place.last.as_ref().filter(|_| asked.headers.is_none() && tries <= TRIES);
            let Some(last) = last else { return Err(format!("the server's answer broke off{broken}").into()) };
            tokio::time::sleep(place.retry.unwrap_or(PAUSE)).await;
            let (head, resumed) = self.get(Some(last)).await?.into_parts();
            if !head.status.is_success() || !is(&head.headers, "text/event-stream") {
                return Err(self.refused(&head, ""));
            }
            body = resumed;
        }
    }

    /// Puts what comes where it is taken, until the stream ends or the answer has come.
    async fn stream(&self, mut body: Incoming, asked: Option<&Asked>, place: &mut Place) -> Result<Ended, Fault> {
        let (mut parser, mut held) = (Parser::new(self.longest), Held::new(&self.held));
        while let Some(frame) = body.frame().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Ok(Ended::Broken(format!(": {error}"))),
            };
            let Ok(data) = frame.into_data() else { continue };
            let events = parser.read(&data).map_err(|TooLong| self.too_long())?;
            held.come_to(parser.held(), self.longest).map_err(|TooLong| self.too_long())?;
            for event in events {
                place.pass(&event);
                if event.data.is_empty() || !matches!(&*event.kind, "" | "message") {
                    continue;
                }
                let Ok(text) = String::from_utf8(event.data) else {
                    self.put(Line::NoText).await;
                    continue;
                };
                let last = asked.is_some_and(|asked| self.is_answer(asked, &text));
                self.put(Line::Text(text)).await;
                if last {
                    return Ok(Ended::Answered);
                }
            }
        }
        Ok(Ended::Broken(String::new()))
    }

    fn is_answer(&self, asked: &Asked, text: &str) -> bool {
        match Message::of_server(text) {
            Ok(Message::Response { id: Some(id), result }) if id == asked.id => {
                if let Ok(result) = result {
                    self.learned(asked, result.get());
                }
                true
            }
            _ => false,
        }
    }

    /// Listens to what belongs to no request, where the server has such a stream (up to 2025-11-25).
    pub(super) async fn listen(self: Arc<Self>) {
        let (mut place, mut pause) = (Place::default(), PAUSE);
        loop {
            if let Ok(response) = self.get(place.last.as_ref()).await {
                let (head, body) = response.into_parts();
                match head.status {
                    status if self.ended(status) => return self.lose().await,
                    status if status.is_success() && is(&head.headers, "text/event-stream") => {
                        // Nobody knows which request a message that is too long answers.
                        if self.stream(body, None, &mut place).await.is_err() {
                            return self.put(Line::TooLong).await;
                        }
                    }
                    status if status.is_server_error() => {}
                    // There is none.
                    _ => return,
                }
            }
            pause = if std::mem::take(&mut place.events) > 0 { PAUSE } else { pause.saturating_mul(2).min(PAUSES.1) };
            tokio::time::sleep(place.retry.unwrap_or(pause)).await;
        }
    }
}

/// How a stream ended.
enum Ended {
    Answered,
    /// Before the answer, and why, where that is known.
    Broken(String),
}

/// What one message holds of the memory that all messages of a connection share before they have come to their end.
struct Held<'t> {
    all: &'t AtomicUsize,
    mine: usize,
}

impl<'t> Held<'t> {
    fn new(all: &'t AtomicUsize) -> Self {
        Self { all, mine: 0 }
    }

    fn come_to(&mut self, bytes: usize, longest: usize) -> Result<(), TooLong> {
        let before = std::mem::replace(&mut self.mine, bytes);
        self.all.fetch_add(bytes, Ordering::AcqRel);
        let all = self.all.fetch_sub(before, Ordering::AcqRel).saturating_sub(before);
        if bytes > longest || all > longest.saturating_mul(HELD) { Err(TooLong) } else { Ok(()) }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.mine, Ordering::AcqRel);
    }
}

fn is(headers: &HeaderMap, wanted: &str) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)
}

/// Text of a server, on one line and no longer than it should be.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{}`", shown.escape_debug())
}
