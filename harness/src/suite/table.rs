//! Tables: a call with some of its members varied, a row for each combination.

use std::collections::{BTreeMap, BTreeSet};

use super::{Act, Asked, expect, reader::Reader, steps::Scene};
use crate::{
    node::{Mark, Node, Value},
    words::Words,
};
use toolgate::{EntityRef, Outcome, Status};

/// Combinations that are looked through for one that is not listed.
const COMBINATIONS: usize = 1 << 20;

/// Missing combinations that are told by name.
const TOLD: usize = 3;

/// A row, as a case.
pub(super) struct Row {
    /// Its values, as the case's name shows them.
    pub(super) label: String,
    pub(super) place: toolgate::Place,
    pub(super) act: Act,
}

/// Reads a table. `base` is the call that every row varies, if the test has one.
pub(super) fn read(
    node: &Node,
    base: Option<&Node>,
    scene: &Scene<'_, '_>,
    reader: &mut Reader<'_>,
) -> Option<Vec<Row>> {
    let example = "`table: {vary: [principal], rows: [['User::\"bob\"', allow]]}`";
    let mut keys = reader.map(node, "a table", example)?;
    let vary = keys.required("vary", "`vary: [principal, tool]`", reader);
    let rows = keys.required("rows", "a row for each combination, each ending in what is expected", reader);
    let exhaustive = keys.get("exhaustive").map_or(Some(true), |node| reader.flag(node, "`exhaustive`"));
    keys.finish(reader);
    let columns = reader.list(vary?, "`vary`", "the members of the call that change")?;
    let mut paths = Vec::new();
    for column in columns {
        let path = reader.text(column, "what varies", "a member of the call, as in `principal` or `input.path`")?;
        if paths.contains(&path) {
            reader.error(column.mark, "duplicate_name", format!("`{path}` varies twice"), "name each member once");
            return None;
        }
        // What one column puts there, the other would put away again.
        let within = |other: &&&str| members(other).zip(members(path)).all(|(one, other)| one == other);
        if let Some(other) = paths.iter().find(within) {
            let message = format!("`{path}` and `{other}` are one member, or one is in the other");
            reader.error(column.mark, "duplicate_name", message, "name each member once");
            return None;
        }
        paths.push(path);
    }
    if paths.is_empty() {
        reader.error(vary?.mark, "wrong_table", "nothing varies", "name the members that change, as in `[principal]`");
        return None;
    }
    let rows = reader.list(rows?, "`rows`", "a list of rows")?;
    let (mut read, mut labels) = (Vec::new(), BTreeSet::new());
    let mut seen: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for row in rows {
        let cells = row.as_list().unwrap_or_default();
        let Some((wanted, values)) = cells.split_last().filter(|(_, values)| values.len() == paths.len()) else {
            let list = paths.join(", ");
            let message =
                format!("a row has a value for each of {list}, and its expectation: {} in all", paths.len() + 1);
            let help = format!("write `[{list}, allow]` with the values in place of the names");
            reader.error(row.mark, "wrong_row", message, &help);
            continue;
        };
        let written: Vec<_> = values.iter().map(|value| value.json().to_string()).collect();
        let place = reader.place(row.mark);
        if let Some(first) = seen.insert(written, place.to_string()) {
            reader.error(
                row.mark,
                "duplicate_row",
                format!("this combination stands at {first} already"),
                "keep one of them",
            );
            continue;
        }
        let mut call = match base {
            Some(base) => base.clone(),
            None => Node { mark: row.mark, value: Value::Map(Vec::new()) },
        };
        call.mark = row.mark;
        if paths
            .iter()
            .zip(values)
            .any(|(path, value)| *path == "tool" && value.as_text().and_then(Words::target).is_some())
        {
            untargeted(&mut call);
        }
        for ((path, column), value) in paths.iter().zip(columns).zip(values) {
            varied(&mut call, path, column.mark, value);
        }
        let Some(expect) = expect::read(wanted, scene.check.words, reader) else { continue };
        let Some(call) = scene.calls.written(&call, reader) else { continue };
        let before = reader.found.len();
        let call = scene.asked(&call, &expect.answer, reader);
        let columns = columns.iter().map(|column| reader.place(column.mark)).collect::<Vec<_>>();
        let cells = values.iter().map(|value| reader.place(value.mark)).collect::<Vec<_>>();
        for told in reader.found.iter_mut().skip(before).filter(|told| told.code == "invalid_call") {
            let column = columns.iter().position(|column| told.place.as_ref() == Some(column));
            // A member that there is not is wrong in every row; a value is wrong where it stands.
            let value = !["not declared", "unknown member"].iter().any(|what| told.message.contains(what));
            if let Some(cell) = column.and_then(|at| cells.get(at)).filter(|_| value) {
                told.place = Some(cell.clone());
            }
        }
        let Some(call) = call else { continue };
        let mut label = values.iter().map(label).collect::<Vec<_>>().join(", ");
        // Two values may look the same: actors that differ in their claims.
        if !labels.insert(label.clone()) {
            label.push_str(&format!(" #{}", read.len() + 1));
        }
        let asked = Asked { call, repeat: 1, expect, outcome: Some(Outcome::new(Status::Done)) };
        read.push(Row { label, place, act: Act::Call(Box::new(asked)) });
    }
    if rows.is_empty() {
        reader.error(node.mark, "wrong_table", "the table has no rows", "write one for each combination");
    }
    if exhaustive? {
        missing(node, &paths, seen.keys(), reader);
    }
    Some(read)
}

/// Refuses to vary what a call extends that extends one already: what it has from there would stay, whatever a row says.
pub(super) fn extended_once(call: Option<&Node>, table: &Node, reader: &mut Reader<'_>) {
    let extends = call.is_some_and(|call| call.as_text().is_some() || call.get("extends").is_some());
    let columns = table.get("vary").and_then(Node::as_list).unwrap_or_default();
    let varies = |column: &&Node| column.as_text().is_some_and(|path| members(path).eq(["extends"]));
    if let Some(column) = columns.iter().find(varies).filter(|_| extends) {
        let message = "the call of the table extends one already, whose members would hide those of each row's";
        reader.error(column.mark, "wrong_table", message, "leave `call` out, or let it extend nothing");
    }
}

/// Without the server and the method of the call that is varied: a row that says `server/tool` names both.
fn untargeted(call: &mut Node) {
    if let Value::Map(entries) = &mut call.value {
        entries.retain(|entry| !matches!(entry.key.as_str(), "server" | "method"));
    }
}

/// The keys on the way to what varies.
fn members(path: &str) -> impl Iterator<Item = &str> {
    let (rest, between) = path.strip_prefix('/').map_or((path, '.'), |rest| (rest, '/'));
    rest.split(between)
}

/// Puts a value where a row says. As in a call that extends another, one that is empty takes out what was there.
fn varied(call: &mut Node, path: &str, key: Mark, value: &Node) {
    let steps: Vec<_> = members(path).collect();
    match value.is_null() {
        true => call.take_at(&steps),
        false => call.put_at(&steps, key, value),
    }
}

/// A value in the name of a case. An actor is shown without its claims.
fn label(value: &Node) -> String {
    let part = |key| value.get(key).and_then(Node::as_text);
    match (value.as_text(), part("type").zip(part("id"))) {
        (Some(text), _) => text.to_owned(),
        (None, Some((kind, id))) => EntityRef::new(kind, id).to_string(),
        (None, None) => value.json().to_string(),
    }
}

/// Tells of combinations that no row lists: an answer that nobody wrote down is not a deny.
fn missing<'s>(
    node: &Node,
    paths: &[&str],
    seen: impl Iterator<Item = &'s Vec<String>> + Clone,
    reader: &mut Reader<'_>,
) {
    let columns: Vec<BTreeSet<&str>> =
        (0..paths.len()).map(|at| seen.clone().filter_map(|row| row.get(at).map(String::as_str)).collect()).collect();
    let all = columns.iter().try_fold(1_usize, |all, column| all.checked_mul(column.len()));
    let listed: BTreeSet<Vec<&str>> = seen.map(|row| row.iter().map(String::as_str).collect()).collect();
    let lacking = all.unwrap_or(usize::MAX).saturating_sub(listed.len());
    if lacking == 0 {
        return;
    }
    let mut found = Vec::new();
    let mut at = vec![0_usize; columns.len()];
    let columns: Vec<Vec<&str>> = columns.into_iter().map(|column| column.into_iter().collect()).collect();
    for _ in 0..all.unwrap_or(usize::MAX).min(COMBINATIONS) {
        let row: Vec<&str> = columns.iter().zip(&at).filter_map(|(column, at)| column.get(*at).copied()).collect();
        if !listed.contains(&row) {
            found.push(format!("[{}]", row.join(", ")));
            if found.len() == TOLD {
                break;
            }
        }
        for (column, at) in columns.iter().zip(at.iter_mut()).rev() {
            *at += 1;
            if *at < column.len() {
                break;
            }
            *at = 0;
        }
    }
    let more = if lacking > found.len() { format!(", and {} more", lacking - found.len()) } else { String::new() };
    let message = format!("no row says what is expected of {}{more}", found.join(", "));
    let help = "write the missing rows, or `exhaustive: false`";
    reader.error(node.mark, "missing_rows", message, help);
}
