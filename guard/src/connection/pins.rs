//! Whether the server's tools are those that were reviewed: the guard's own `tools/list`, held against the pins.

use std::mem;

use serde_json::{Map, Value, value::RawValue};
use toolgate::{Drift, Timestamp};

use super::{Connection, Output, Says, calls::DENIED};
use crate::{
    host::Notice,
    message::{self, Id},
    settings::OnDrift,
};

/// How long the server may take for its list, in milliseconds.
const PATIENCE: i64 = 60_000;
/// Pages of one list.
const PAGES: usize = 1_000;
/// Calls that wait for the first list.
const HELD: usize = 1_024;

/// What is known of the server's tools.
#[derive(Default)]
pub(super) struct Pins {
    state: State,
    /// Whether a list was held against the pins, ever.
    verified: bool,
    /// Whether the list has changed since the one that is under way was asked for.
    again: bool,
    /// Calls that wait for the first list.
    held: Vec<(Id, String)>,
    /// What the client says of itself, which the server may make its list by (2026-07-28 and later).
    meta: Option<Map<String, Value>>,
}

/// A page of a list. The definitions stay the text that they are, since pins cover it.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    pub(crate) tools: Vec<Box<RawValue>>,
    pub(crate) next_cursor: Option<String>,
}

/// All pages as one list.
pub(crate) fn whole(tools: &[Box<RawValue>]) -> String {
    let tools: Vec<_> = tools.iter().map(|tool| tool.get()).collect();
    format!(r#"{{"tools":[{}]}}"#, tools.join(","))
}

#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// A page was asked for.
    Listing { id: Id, since: Timestamp, tools: Vec<Box<RawValue>>, pages: usize },
}

impl Pins {
    pub(super) fn verified(&self) -> bool {
        self.verified
    }

    pub(super) fn modern(&self) -> bool {
        self.meta.is_some()
    }

    /// Keeps what a client says of itself, for the guard's own requests.
    pub(super) fn meta(&mut self, says: &Says) {
        if let (None, Some(meta)) = (&self.meta, &says.meta) {
            let mut meta = meta.clone();
            meta.remove("progressToken");
            self.meta = Some(meta);
        }
    }

    pub(super) fn asked(&self, by: &Id) -> bool {
        matches!(&self.state, State::Listing { id, .. } if id == by)
    }

    pub(super) fn hold(&mut self, id: Id, line: String) {
        self.held.push((id, line));
    }

    pub(super) fn holds(&self, id: &Id) -> bool {
        self.held.iter().any(|(held, _)| held == id)
    }

    /// Whether no list is under way, and no call waits for one.
    pub(super) fn idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.held.is_empty()
    }

    /// Answers the calls that wait in the server's place.
    pub(super) fn refuse_held(&mut self, why: &str, out: &mut Vec<Output>) {
        let held = mem::take(&mut self.held).into_iter();
        let text = format!("Denied: {why}.");
        out.extend(held.map(|(id, _)| Output::ToClient(message::error(Some(&id), DENIED, &text, None))));
    }

    pub(super) fn let_go(&mut self, id: &Id) {
        self.held.retain(|(held, _)| held != id);
    }
}

impl Connection {
    /// The server says that its tools are others now. However often it says so, one list is under way at a time.
    pub(super) fn list_changed(&mut self) {
        match self.pins.state {
            State::Idle if self.pins.verified => self.list_tools(),
            State::Idle => {}
            State::Listing { .. } => self.pins.again = true,
        }
    }

    /// Asks for the list, unless it was held against the pins before.
    pub(super) fn list_tools_once(&mut self) {
        if !self.pins.verified {
            self.list_tools();
        }
    }

    /// Asks for the list, unless it is under way.
    pub(super) fn list_tools(&mut self) {
        if self.pins.held.len() > HELD {
            self.refuse_held("too many calls wait for it");
        }
        if matches!(self.pins.state, State::Idle) {
            self.ask_page(Vec::new(), 0, None);
        }
    }

    fn ask_page(&mut self, tools: Vec<Box<RawValue>>, pages: usize, cursor: Option<&str>) {
        let id = self.own_id();
        let mut params = Map::new();
        if let Some(cursor) = cursor {
            params.insert("cursor".to_owned(), cursor.into());
        }
        if let Some(meta) = &self.pins.meta {
            params.insert("_meta".to_owned(), meta.clone().into());
        }
        self.tell_server(message::request(&id, "tools/list", &Value::from(params).to_string()));
        self.pins.state = State::Listing { id, since: self.host.now(), tools, pages };
    }

    /// A page of the guard's own list, or the server's error.
    pub(super) fn tools_page(&mut self, result: Result<&RawValue, &RawValue>) {
        let State::Listing { mut tools, pages, .. } = mem::take(&mut self.pins.state) else { return };
        let result = match result {
            Ok(result) => result.get(),
            Err(error) => {
                let why = message::member(error.get(), "message");
                let why = why.as_ref().and_then(Value::as_str).unwrap_or("no reason is given");
                return self.refuse_held(&format!("the server does not give its list of tools: {why}"));
            }
        };
        let Ok(page) = serde_json::from_str::<Page>(result) else {
            return self.refuse_held("the server's answer to `tools/list` has no list `tools`");
        };
        tools.extend(page.tools);
        match page.next_cursor.as_deref() {
            Some(_) if pages >= PAGES => self.refuse_held("the server's list of tools has no end"),
            Some(cursor) => self.ask_page(tools, pages.saturating_add(1), Some(cursor)),
            None => self.compare(&whole(&tools)),
        }
    }

    /// The list is late.
    pub(super) fn listing_due(&mut self) {
        if let State::Listing { since, .. } = self.pins.state
            && since.plus(PATIENCE) <= self.host.now()
        {
            self.pins.state = State::Idle;
            self.refuse_held("the server did not answer `tools/list` in time");
        }
    }

    /// Holds the whole list against the pins.
    fn compare(&mut self, live: &str) {
        let host = self.host.clone();
        let (gate, settings) = (host.gate(), &host.settings);
        let drifts = match gate.bundle().drift(&settings.server, live) {
            Ok(drifts) => drifts,
            Err(error) => return self.refuse_held(&error.to_string()),
        };
        let known = self.pins.verified;
        self.pins.verified = true;
        // A tool that is gone cannot be called, and one that is not pinned is denied: what differs is what matters.
        let changed = drifts.iter().any(|drift| matches!(drift, Drift::Changed(..)));
        if !drifts.is_empty() && (!known || changed) {
            host.tell(Notice::Drifted(&drifts));
        }
        if changed {
            self.drifted(live);
            if settings.on_drift == OnDrift::Refuse && !settings.observe {
                let why = format!("the tools of `{}` are not those that were reviewed", settings.server);
                self.pins.refuse_held(&why, &mut self.out);
                self.over = Some(why.clone());
                return self.out.push(Output::End(why));
            }
        }
        for (id, line) in mem::take(&mut self.pins.held) {
            // It was read before, as a request.
            if let Ok(message::Message::Request { method, params, .. }) = message::Message::of_client(&line) {
                let says = params.map(|params| Says::of(params.get())).unwrap_or_default();
                self.decide(id, &method, params, &says, &line);
            }
        }
        if mem::take(&mut self.pins.again) {
            self.list_tools();
        }
    }

    /// Tells the ledger which tools of a page differ from their pins.
    pub(super) fn drifted(&mut self, page: &str) {
        let gate = self.host.gate();
        if let Ok(Some(event)) = gate.bundle().page_listed(&self.host.settings.server, page) {
            self.host.apply(event);
        }
    }

    /// Nobody knows whether the tools are those that were reviewed.
    fn refuse_held(&mut self, why: &str) {
        self.warn(&format!("the server's tools cannot be held against their pins: {why}"));
        self.pins.refuse_held(why, &mut self.out);
    }
}
