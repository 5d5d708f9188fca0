//! Reads a test file into a suite.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use toolgate::{Conditions, Diagnostic, EntityRef, Gate, Ledger, Sources, Timestamp};

use super::{
    Case, Start, Step, Suite,
    call::{Check, Named},
    import, invariant,
    reader::Reader,
    steps::{self, Scene, Script},
    table,
};
use crate::{
    node::{Node, Texts},
    words::Words,
    yaml,
};

/// What a suite is loaded from.
pub(crate) struct From<'a> {
    pub(crate) gate: &'a Gate,
    pub(crate) words: &'a Words,
    /// The bundle's files, and the fixtures and test files in it. The texts of a packed bundle are these alone.
    pub(crate) sources: &'a Sources,
    pub(crate) packed: bool,
}

/// What is checked for every call of a suite: a suite, and the conditions of its invariants.
pub(crate) type Loaded = (Suite, Option<Conditions>);

/// Reads the test file `name`.
pub(crate) fn load(from: &From<'_>, name: &str) -> Loaded {
    let mut texts = Texts::default();
    let mut found = Vec::new();
    let mut suite =
        Suite { file: name.into(), cases: Vec::new(), invariants: Vec::new(), found: Vec::new(), texts: Vec::new() };
    let mut conditions = None;
    let text = from.sources.text(name).unwrap_or_default();
    match yaml::read(&mut texts, name, text) {
        Err(fault) => found.push(*fault),
        Ok(document) => {
            let fixtures = fixtures(from.sources, name, &document, &mut texts, &mut found);
            let mut reader = Reader { texts: &mut texts, found };
            conditions = read(from, &document, &fixtures, &mut suite, &mut reader);
            found = reader.found;
        }
    }
    found.sort_by(|a, b| a.place.cmp(&b.place));
    found.dedup();
    suite.found = found;
    suite.texts = texts.into_files().collect();
    (suite, conditions)
}

/// The documents of the files that a suite uses.
fn fixtures(
    sources: &Sources,
    name: &str,
    document: &Node,
    texts: &mut Texts,
    found: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    let mut read = Vec::new();
    let Some(uses) = document.get("use").filter(|node| !node.is_null()) else { return read };
    let mut reader = Reader { texts, found: std::mem::take(found) };
    let list = reader.list(uses, "`use`", "a list of files, as in `[fixtures/people.yaml]`").unwrap_or_default();
    let mut seen = BTreeSet::from([name.to_owned()]);
    for one in list {
        let Some(file) = reader.text(one, "a file's name", "its path from this file on") else { continue };
        let Some(path) = beside(name, file, one, sources, &mut reader) else { continue };
        if !seen.insert(path.clone()) {
            reader.error(one.mark, "duplicate_name", format!("`{file}` is used already"), "name each file once");
            continue;
        }
        match yaml::read(reader.texts, &path, sources.text(&path).unwrap_or_default()) {
            Ok(fixture) => read.push(fixture),
            Err(fault) => reader.found.push(*fault),
        }
    }
    *found = reader.found;
    read
}

/// The bundle's name of a file that a test file names from where it stands.
fn beside(name: &str, file: &str, node: &Node, sources: &Sources, reader: &mut Reader<'_>) -> Option<String> {
    let Some(path) = resolve(name, file) else {
        let message = format!("`{file}` lies outside the bundle");
        reader.error(
            node.mark,
            "outside_bundle",
            message,
            "put the file into the bundle, and write its path from this file on",
        );
        return None;
    };
    if sources.text(&path).is_none() {
        let unknown = Diagnostic::error("unknown_file", format!("the bundle has no file `{path}`"));
        let near = sources.names().filter(|name| !name.ends_with(".cedar"));
        reader.tell(node.mark, unknown.suggest(&path, near));
        return None;
    }
    Some(path)
}

/// A relative path from the folder of `name` on. `None` if it leaves the bundle.
fn resolve(name: &str, file: &str) -> Option<String> {
    if file.starts_with('/') || file.contains(['\\', '\0']) || file.contains("://") || file.get(1..2) == Some(":") {
        return None;
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Refuses a version of the format that is not this one.
fn versioned(version: &Node, reader: &mut Reader<'_>) {
    if version.json().to_string() != "1" {
        reader.error(version.mark, "wrong_version", "this version of the format is not known", "write `version: 1`");
    }
}

fn read<'n>(
    from: &From<'_>,
    document: &'n Node,
    fixtures: &'n [Node],
    suite: &mut Suite,
    reader: &mut Reader<'_>,
) -> Option<Conditions> {
    if import::is_foreign(document) {
        let check = Check { gate: from.gate, words: from.words, strangers: Vec::new() };
        import::read(document, from.sources, &check, suite, reader);
        return None;
    }
    let mut keys = reader.map(document, "a test file", "`version: 1` and `tests:`")?;
    if let Some(version) = keys.required("version", "`version: 1`", reader) {
        versioned(version, reader);
    }
    let now = keys.required("now", "`now: 2026-01-05T10:00:00Z`, the time at which the tests begin", reader);
    let now = now.and_then(|node| reader.time(node, "`now`")).unwrap_or(Timestamp::from_millis(0));
    keys.get("use");
    keys.get("name").map(|name| reader.text(name, "`name`", "what the file is about, in words"));
    let (mut given, mut strangers) = (Vec::new(), Vec::new());
    let mut calls = Named::default();
    for fixture in fixtures {
        let Some(mut keys) = reader.map(fixture, "a fixture", "`calls:`, `given:` or `strangers:`") else { continue };
        keys.get("version").into_iter().for_each(|version| versioned(version, reader));
        if let Some(node) = keys.get("calls") {
            calls.add(node, reader);
        }
        given.extend(keys.get("given"));
        strangers.extend(keys.get("strangers"));
        keys.finish(reader);
    }
    if let Some(node) = keys.get("calls") {
        calls.add(node, reader);
    }
    calls.merge(reader);
    given.extend(keys.get("given"));
    strangers.extend(keys.get("strangers"));
    let strangers = strangers_of(&strangers, reader);
    let check = Check { gate: from.gate, words: from.words, strangers };
    let scene = Scene { check: &check, calls: &calls };
    let mut files = |node: &Node, reader: &mut Reader<'_>| {
        let file = reader.text(node, "`journal`", "a file of events")?;
        let path = beside(reader.texts.name(node.mark.file).to_owned().as_str(), file, node, from.sources, reader)?;
        let text = from.sources.text(&path)?;
        reader.texts.add(&path, text);
        Some(text.to_owned())
    };
    let empty = |now| Start { ledger: Ledger::new(), now };
    let start = Arc::new(steps::given(&given, empty(now), &scene, &mut files, reader).unwrap_or_else(|| empty(now)));
    let tests = keys.get("tests");
    let invariants = keys.get("invariants");
    if tests.is_none() && invariants.is_none() {
        let message = "the file has no tests";
        reader.error(
            document.mark,
            "no_tests",
            message,
            "write `tests:` and below it `- {name: .., call: .., expect: ..}`",
        );
    }
    let (mut names, mut cases) = (BTreeMap::new(), BTreeMap::new());
    for node in tests.and_then(|node| reader.list(node, "`tests`", "a list of tests")).unwrap_or_default() {
        let Some(test) = Test::read(node, &given, now, &start, &scene, &mut files, reader) else { continue };
        if let Some(first) = names.insert(test.name.clone(), test.place.clone()) {
            let mark = node.get("name").map_or(node.mark, |name| name.mark);
            let message = format!("the test `{}` stands at {first} already", test.name);
            reader.error(mark, "duplicate_name", message, "give each test a name of its own");
            continue;
        }
        for case in test.cases(&suite.file) {
            if let Some(first) = cases.insert(case.name.clone(), case.place.clone()) {
                let mark = node.get("name").map_or(node.mark, |name| name.mark);
                let message = format!("the case `{}` stands at {first} already", case.name);
                reader.error(mark, "duplicate_name", message, "give each test a name of its own");
            }
            suite.cases.push(case);
        }
    }
    keys.finish(reader);
    let sources = (!from.packed).then_some(from.sources);
    let (read, conditions) = invariants.map(|node| invariant::read(node, sources, reader)).unwrap_or_default();
    for invariant in &read {
        let first = names.get(&invariant.name).or(cases.get(&invariant.name));
        if let (Some(first), Some(node)) = (first, invariants) {
            let message = format!("the test at {first} is called `{}`, as this invariant is", invariant.name);
            reader.error(node.mark, "duplicate_name", message, "give the invariant a name of its own");
        }
    }
    suite.invariants = read;
    conditions
}

fn strangers_of(nodes: &[&Node], reader: &mut Reader<'_>) -> Vec<EntityRef> {
    let mut found = Vec::new();
    for node in nodes {
        for one in reader.list(node, "`strangers`", "the entities that the bundle does not name").unwrap_or_default() {
            match one.as_text().and_then(EntityRef::parse) {
                Some(entity) => found.push(entity),
                None => reader.error(one.mark, "wrong_entity", "this is no entity", "write `'User::\"eve\"'`"),
            }
        }
    }
    found
}

/// One test, before it is made into cases.
struct Test {
    name: String,
    place: toolgate::Place,
    skip: Option<String>,
    start: Arc<Start>,
    /// The steps of its one case, or a case for each row.
    body: Vec<(Option<String>, toolgate::Place, Vec<Step>)>,
}

impl Test {
    fn read<'n>(
        node: &'n Node,
        given: &[&'n Node],
        now: Timestamp,
        start: &Arc<Start>,
        scene: &Scene<'_, '_>,
        files: &mut dyn FnMut(&Node, &mut Reader<'_>) -> Option<String>,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let mut keys = reader.map(node, "a test", "`{name: .., call: .., expect: ..}`")?;
        let named = keys.required("name", "`name: what the test shows`", reader);
        let name = named.and_then(|node| reader.text(node, "`name`", "a text")).unwrap_or_default();
        if let Some(node) = named.filter(|_| name.trim().is_empty() || name.contains(char::is_control)) {
            reader.error(node.mark, "wrong_name", "a test's name is one line of text", "say what the test shows");
        }
        let skip = keys.get("skip").and_then(|node| {
            let reason = reader.text(node, "`skip`", "why the test is not run, as a text")?;
            Some(reason.to_owned())
        });
        let own_now = keys.get("now").and_then(|node| reader.time(node, "`now`"));
        let own_given = keys.get("given");
        let start = match (own_now, own_given) {
            (None, None) => start.clone(),
            (own_now, own_given) => {
                let all: Vec<_> = given.iter().copied().chain(own_given).collect();
                let empty = Start { ledger: Ledger::new(), now: own_now.unwrap_or(now) };
                Arc::new(
                    steps::given(&all, empty, scene, files, reader).unwrap_or(Start { ledger: Ledger::new(), now }),
                )
            }
        };
        let place = reader.place(node.mark);
        let mut script = Script::new(start.now);
        let forms = keys.present(&["expect", "table", "steps"]);
        if let [_, (second, mark), ..] = forms.as_slice() {
            let message = format!("a test is a call, a table or steps, and this one has `{second}` too");
            reader.error(*mark, "wrong_test", message, "make two tests of it");
            return None;
        }
        let body = match forms.first() {
            Some(("table", _)) => {
                let call = keys.get("call");
                let base = match call {
                    Some(base) => Some(scene.calls.used(base, reader)?),
                    None => None,
                };
                let table = keys.valued("table", reader)?;
                table::extended_once(call, table, reader);
                let rows = table::read(table, base.as_ref(), scene, reader).unwrap_or_default();
                let case = |row: table::Row| {
                    let step = Step { place: row.place.clone(), act: row.act };
                    (Some(row.label), row.place, vec![step])
                };
                rows.into_iter().map(case).collect()
            }
            Some(("steps", _)) => {
                let steps = keys.valued("steps", reader);
                for step in steps.and_then(|node| reader.list(node, "`steps`", "a list of steps")).unwrap_or_default() {
                    script.step(step, scene, reader);
                }
                let asks = |step: &Node| ["call", "confirm", "refused"].iter().any(|key| step.get(key).is_some());
                let nothing = |node: &&Node| node.as_list().is_some_and(|list| !list.iter().any(asks));
                if let Some(node) = steps.filter(nothing) {
                    let help = "add a step with `call` and `expect`";
                    reader.error(node.mark, "no_expectation", "no step expects anything", help);
                }
                vec![(None, place.clone(), script.end())]
            }
            _ => {
                let act = script.call(&mut keys, scene, reader);
                let steps = act.map(|act| Step { place: place.clone(), act });
                vec![(None, place.clone(), steps.into_iter().collect())]
            }
        };
        keys.finish(reader);
        Some(Self { name: name.to_owned(), place, skip, start, body })
    }

    fn cases(self, file: &str) -> impl Iterator<Item = Case> {
        let Self { name, skip, start, body, .. } = self;
        let file = file.to_owned();
        body.into_iter().map(move |(row, place, steps)| {
            let name = match row {
                Some(row) => format!("{name} [{row}]"),
                None => name.clone(),
            };
            Case { id: format!("{file}::{name}"), name, place, skip: skip.clone(), start: start.clone(), steps }
        })
    }
}
