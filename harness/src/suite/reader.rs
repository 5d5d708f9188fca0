//! Reads mappings key by key, and keeps what is wrong with its place.

use toolgate::{Diagnostic, Json, Place, Timestamp};

use super::clock;
use crate::node::{Entry, Mark, Node, Texts, Value};

/// Faults that are told of one file, and warnings; what lies behind is not told any more.
const MOST: usize = 200;

/// What is found while a suite is read.
pub(super) struct Reader<'t> {
    pub(super) texts: &'t mut Texts,
    pub(super) found: Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(super) fn place(&self, mark: Mark) -> Place {
        self.texts.place(mark)
    }

    pub(super) fn tell(&mut self, mark: Mark, told: Diagnostic) {
        // However many warnings there are, a file with a fault is never one without.
        if self.found.iter().filter(|one| one.severity == told.severity).take(MOST).count() < MOST {
            let told = told.at(self.texts.place(mark));
            self.found.push(told);
        }
    }

    pub(super) fn error(&mut self, mark: Mark, code: &'static str, message: impl Into<String>, help: &str) {
        let told = Diagnostic::error(code, message);
        self.tell(mark, if help.is_empty() { told } else { told.help(help) });
    }

    /// A mapping that is to be read key by key. `what` it is, with its article.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &'static str, example: &str) -> Option<Keys<'n>> {
        match &node.value {
            Value::Map(entries) => Some(Keys { mark: node.mark, entries, what, asked: Vec::new() }),
            _ => {
                let message = format!("{what} is a mapping, and this is {}", node.kind());
                self.error(node.mark, "wrong_type", message, &format!("write {example}"));
                None
            }
        }
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n str> {
        let text = node.as_text();
        if text.is_none() {
            self.wrong_type(node, what, "a text", example);
        }
        text
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n [Node]> {
        let list = node.as_list();
        if list.is_none() {
            self.wrong_type(node, what, "a list", example);
        }
        list
    }

    pub(super) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        match &node.value {
            Value::Scalar(Json::Bool(flag)) => Some(*flag),
            _ => {
                self.wrong_type(node, what, "`true` or `false`", "one of the two; YAML 1.2 knows no `yes` and `no`");
                None
            }
        }
    }

    pub(super) fn count(&mut self, node: &Node, what: &str, most: u32) -> Option<u32> {
        let number = match &node.value {
            Value::Scalar(Json::Number(toolgate::Number::Int(number))) => u32::try_from(*number).ok(),
            _ => None,
        };
        let number = number.filter(|number| (1..=most).contains(number));
        if number.is_none() {
            let message = format!("{what} is a whole number from 1 to {most}");
            self.error(node.mark, "wrong_type", message, "write it in digits");
        }
        number
    }

    pub(super) fn time(&mut self, node: &Node, what: &str) -> Option<Timestamp> {
        let time = node.as_text().and_then(Timestamp::parse);
        if time.is_none() {
            let message = format!("{what} is no time");
            self.error(node.mark, "wrong_time", message, "write it as RFC 3339 does: 2026-01-05T10:00:00Z");
        }
        time
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<i64> {
        let millis = node.as_text().and_then(clock::duration);
        if millis.is_none() {
            let message = format!("{what} is no duration");
            self.error(node.mark, "wrong_time", message, "write it with its unit: 90s, 5m, 1h, 2d or 1h 30m");
        }
        millis
    }

    fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str, example: &str) {
        let message = format!("{what} is {wanted}, and this is {}", node.kind());
        let help = if example.is_empty() { String::new() } else { format!("write {example}") };
        self.error(node.mark, "wrong_type", message, &help);
    }
}

/// A mapping whose keys are being asked for.
pub(super) struct Keys<'n> {
    pub(super) mark: Mark,
    entries: &'n [Entry],
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'n> Keys<'n> {
    /// The member of that name; one without a value is as good as absent.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'n Node> {
        self.asked.push(key);
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value).filter(|value| !value.is_null())
    }

    pub(super) fn required(&mut self, key: &'static str, example: &str, reader: &mut Reader<'_>) -> Option<&'n Node> {
        let value = self.get(key);
        // A key that is nearly this one is told of as such.
        let near = |entry: &&Entry| {
            entry.key != key
                && Diagnostic::error("", "").suggest(&entry.key, [key]).help.is_some()
                && !self.asked.contains(&entry.key.as_str())
        };
        if value.is_none() && !self.entries.iter().any(|entry| near(&entry)) {
            let message = format!("{} has no `{key}`", self.what);
            let mark = self.entries.iter().find(|entry| entry.key == key).map_or(self.mark, |entry| entry.mark);
            reader.error(mark, "missing_key", message, &format!("write {example}"));
        }
        value
    }

    /// As [`Keys::get`], where a key without a value would leave out what it was to say.
    pub(super) fn valued(&mut self, key: &'static str, reader: &mut Reader<'_>) -> Option<&'n Node> {
        let value = self.get(key);
        if let Some(empty) = self.entries.iter().find(|entry| entry.key == key && entry.value.is_null()) {
            let help = "write what is meant, or leave the key out";
            reader.error(empty.mark, "missing_value", format!("`{key}` has no value"), help);
        }
        value
    }

    /// Which of these keys are there, with their places.
    pub(super) fn present(&self, keys: &[&'static str]) -> Vec<(&'static str, Mark)> {
        let place = |key: &&'static str| {
            let entry = self.entries.iter().find(|entry| entry.key == **key)?;
            Some((*key, entry.mark))
        };
        keys.iter().filter_map(place).collect()
    }

    /// Refuses keys that nobody asked for.
    pub(super) fn finish(self, reader: &mut Reader<'_>) {
        for entry in self.entries.iter().filter(|entry| !self.asked.contains(&entry.key.as_str())) {
            let message = format!("{} has no key `{}`", self.what, entry.key);
            let known = self.asked.join("`, `");
            let told = Diagnostic::error("unknown_key", message).suggest(&entry.key, self.asked.iter().copied());
            let told = if told.help.is_none() { told.help(format!("its keys are `{known}`")) } else { told };
            reader.tell(entry.mark, told);
        }
    }
}
