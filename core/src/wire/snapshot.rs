//! A ledger as JSON Lines: a head, a line for each thing it holds, and an end that says how many there were.

use std::{
    hash::{DefaultHasher, Hash, Hasher as _},
    sync::Arc,
};

use super::{
    JournalError, Shown,
    event::{read, write},
    fields::{Fields, only_member},
    line,
    members::{Members, number},
};
use crate::{
    Ledger, Timestamp,
    gather::order,
    json::{Caps, Json, Number, Numbers, read as json},
    ledger::{Bucket, McpTask, OpenCall, Seen, Session, Task, Tracked, Usage},
};

const VERSION: u64 = 1;

impl Ledger {
    /// The ledger as text: a JSON object a line. Equal ledgers give equal text.
    pub fn snapshot(&self) -> String {
        let now = self.now.unwrap_or(Timestamp::from_millis(0));
        let ledger = self.settled(now);
        let head = Members::default()
            .count("toolgate_ledger", VERSION)
            .maybe_time("now", ledger.now)
            .count("sequence", ledger.sequence);
        let mut lines = vec![head.end()];
        lines.extend(sorted(&ledger.sessions).map(|(id, one)| named("session", session(id, one, now))));
        lines.extend(sorted(&ledger.tasks).map(|(_, one)| named("task", task(one))));
        lines.extend(sorted(&ledger.grants).map(|(_, one)| named("grant", write::grant(one))));
        lines.extend(sorted(&ledger.calls).map(|(_, one)| named("call", call(one))));
        let approvals = sorted(&ledger.approvals).flat_map(|(_, all)| all.iter());
        lines.extend(approvals.map(|one| named("approval", write::approval(one))));
        let waiting = sorted(&ledger.waiting).flat_map(|(_, all)| all.values());
        lines.extend(waiting.map(|one| named("waiting", write::request(one))));
        let revoked = sorted(&ledger.revoked);
        lines.extend(
            revoked.map(|(what, until)| named("revoked", write::revocation(what).maybe_time("until", *until).end())),
        );
        lines.extend(sorted(&ledger.halted).map(|(scope, ())| named("halted", write::scope(scope))));
        let drifted = sorted(&ledger.drifted);
        lines.extend(
            drifted.map(|(tool, pin)| named("drifted", Members::default().text("tool", tool).digest("pin", pin).end())),
        );
        lines.extend(sorted(&ledger.mcp_tasks).map(|((server, id), task)| {
            let members = Members::default().text("server", server).text("id", id).entity("owner", &task.owner);
            named("mcp_task", members.maybe("session", task.session.as_deref()).time("since", task.since).end())
        }));
        lines.extend(sorted(&ledger.tools).map(|(id, one)| named("tool", tracked(one, now).text("id", id).end())));
        let principals = sorted(&ledger.principals);
        lines.extend(principals.map(|(id, one)| named("principal", tracked(one, now).entity("id", id).end())));
        lines.extend(sorted(&ledger.credentials).map(|(id, one)| {
            let members = Members::default().text("id", id).list("audiences", &one.audiences);
            named("credential", members.time("until", one.until).end())
        }));
        lines.push(named("end", number(lines.len() as u64)));
        lines.iter().map(|one| line(&Shown(one)) + "\n").collect()
    }

    /// The ledger of a snapshot.
    ///
    /// # Errors
    /// The first line that is not what [`Ledger::snapshot`] writes; a snapshot that was cut off has no end.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use toolgate::{Event, Ledger, Scope, Timestamp};
    ///
    /// let mut ledger = Ledger::new();
    /// ledger.apply(Event::Halted(Scope::All), Timestamp::from_millis(1_767_607_200_000))?;
    /// let text = ledger.snapshot();
    /// assert_eq!(Ledger::restore(&text)?.snapshot(), text);
    /// # Ok(())
    /// # }
    /// ```
    pub fn restore(text: &str) -> Result<Self, JournalError> {
        let mut snapshot = Snapshot::default();
        text.lines().try_for_each(|line| snapshot.line(line))?;
        snapshot.end()
    }
}

/// A snapshot, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    ledger: Ledger,
    /// Lines, the head included.
    read: usize,
    ended: bool,
    /// The lines, digested: what a ledger would write must be what was read.
    lines: Vec<u64>,
}

impl Snapshot {
    /// Whether this is the head of a snapshot.
    pub(super) fn begins(line: &str) -> bool {
        let head = json(line.as_bytes(), &Caps::file(Numbers::Exact)).ok();
        head.as_ref().and_then(Json::as_object).is_some_and(|members| members.contains_key("toolgate_ledger"))
    }

    /// Takes the next line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), JournalError> {
        let before = self.read;
        let fault = |message: String| JournalError { line: before + 1, message };
        if self.ended {
            return Err(fault("something stands behind the end".to_owned()));
        }
        let value = json(line.as_bytes(), &Caps::file(Numbers::Exact)).map_err(|e| fault(e.to_string()))?;
        match before {
            0 => head(&mut self.ledger, value).map_err(fault)?,
            _ => self.ended = thing(&mut self.ledger, value, before).map_err(fault)?,
        }
        self.read = before + 1;
        self.lines.push(digest(line));
        Ok(())
    }

    /// Whether the last line was its end.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// The ledger of a whole snapshot.
    pub(super) fn end(self) -> Result<Ledger, JournalError> {
        if self.ended {
            let written = self.ledger.snapshot();
            let differs = written.lines().map(digest).zip(&self.lines).position(|(wrote, read)| wrote != *read);
            let differs = differs.or((written.lines().count() != self.lines.len()).then_some(0));
            let message =
                || "the line is not as a ledger writes it: something stands twice, out of order or out of time";
            return differs
                .map_or(Ok(self.ledger), |line| Err(JournalError { line: line + 1, message: message().to_owned() }));
        }
        Err(JournalError { line: self.read + 1, message: "the snapshot has no end: it was cut off".to_owned() })
    }
}

fn digest(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

/// The entries of a map, by key.
fn sorted<K: Ord + Hash, V>(map: &rpds::HashTrieMapSync<K, V>) -> impl Iterator<Item = (&K, &V)> {
    let mut entries: Vec<_> = map.iter().collect();
    order(&mut entries, |(a, _), (b, _)| a.cmp(b));
    entries.into_iter()
}

fn named(name: &str, value: Json) -> Json {
    Members::default().put(name, value).end()
}

fn session(id: &str, one: &Session, now: Timestamp) -> Json {
    let members = Members::default().text("id", id).entity("owner", &one.owner).maybe("key", one.key.as_deref());
    let members =
        members.time("since", one.since).time("used", one.used).flag("over", one.over).flag("lowered", one.lowered);
    let members = members.list("labels", one.labels.kept()).list("levels", one.levels.kept());
    let members = members.list("tools", one.tools.kept()).list("servers", one.servers.kept());
    members.count("denials", one.denials).put("usage", usage(&one.usage, now)).end()
}

fn task(one: &Task) -> Json {
    let members = Members::default().put("opened", write::task(&one.opened)).count("calls", one.calls);
    members.maybe_time("over", one.over).end()
}

fn call(one: &OpenCall) -> Json {
    let members = Members::default().put("reservation", write::reservation(&one.reservation)).time("at", one.at);
    let members = members.flag("started", one.started).flag("overdue", one.overdue);
    match one.approvals.as_slice() {
        [] => members.end(),
        approvals => members.put("approvals", Json::Array(approvals.iter().map(write::approval).collect())).end(),
    }
}

fn tracked(one: &Tracked, now: Timestamp) -> Members {
    Members::default().time("used", one.used).put("usage", usage(&one.usage, now))
}

fn usage(one: &Usage, now: Timestamp) -> Json {
    let (windows, total) = one.parts(now);
    let [seconds, minutes] = windows.map(|buckets| {
        let pair = |one: &Bucket| Json::Array(vec![Json::Number(Number::Int(one.last.millis())), number(one.count)]);
        Json::Array(buckets.iter().map(pair).collect())
    });
    Members::default().put("seconds", seconds).put("minutes", minutes).count("total", total).end()
}

fn head(ledger: &mut Ledger, value: Json) -> Result<(), String> {
    Fields::of(value, "")?.read(|fields| {
        let version = fields.count("toolgate_ledger")?;
        if version != VERSION {
            return Err(format!("the snapshot is of version {version}; this toolgate reads version {VERSION}"));
        }
        ledger.now = fields.maybe_instant("now")?;
        ledger.sequence = fields.count("sequence")?;
        Ok(())
    })
}

/// Puts one thing into the ledger. Whether it was the end.
fn thing(ledger: &mut Ledger, value: Json, before: usize) -> Result<bool, String> {
    let one = only_member(value);
    let (name, value) = one.ok_or("the line is not an object with one member that names what it holds")?;
    let of = |value| Fields::of(value, format!("/{name}"));
    match name.as_str() {
        "session" => {
            let (id, session) = of(value)?.read(read_session)?;
            past(ledger, session.used)?;
            ledger.put_session(id.into(), session);
        }
        "task" => ledger.put_task(of(value)?.read(read_task)?),
        "grant" => {
            let grant = of(value)?.read(read::grant)?;
            if !ledger.tasks.contains_key(grant.task.as_str()) {
                return Err(format!(
                    "the grant `{}` is of the task `{}`, which no line before holds",
                    grant.id, grant.task
                ));
            }
            ledger.put_grant(grant);
        }
        "call" => {
            let call = of(value)?.read(read_call)?;
            past(ledger, call.at)?;
            if call.reservation.id > ledger.sequence {
                return Err(format!("call {} is behind the head's `sequence`", call.reservation.id));
            }
            ledger.put_call(call);
        }
        "approval" => {
            let approval = of(value)?.read(read::approval)?;
            ledger.restore_approval(approval).map_err(|why| why.to_string())?;
        }
        "waiting" => {
            let request = of(value)?.read(read::request)?;
            ledger.restore_waiting(request).map_err(|why| why.to_string())?;
        }
        "revoked" => {
            let (what, until) =
                of(value)?.read(|fields| Ok((read::revocation(fields)?, fields.maybe_instant("until")?)))?;
            ledger.put_revocation(what, until);
        }
        "halted" => {
            ledger.halted.insert_mut(read::scope(value, "/halted")?, ());
        }
        "drifted" => {
            let (tool, pin) = of(value)?.read(|fields| Ok((fields.required("tool")?, fields.digest("pin")?)))?;
            ledger.drifted.insert_mut(tool, pin);
        }
        "mcp_task" => of(value)?.read(|fields| {
            let key = (fields.required("server")?.into(), fields.required("id")?.into());
            let (owner, session) = (fields.entity("owner")?, fields.string("session")?);
            ledger.put_mcp_task(key, McpTask { owner, session, since: fields.instant("since")? });
            Ok(())
        })?,
        "tool" => {
            let (id, tracked) = of(value)?.read(|fields| Ok((fields.required("id")?, read_tracked(fields)?)))?;
            past(ledger, tracked.used)?;
            ledger.tools.insert_mut(id.into(), Arc::new(tracked));
        }
        "principal" => {
            let (id, tracked) = of(value)?.read(|fields| Ok((fields.entity("id")?, read_tracked(fields)?)))?;
            past(ledger, tracked.used)?;
            ledger.put_principal(id, tracked);
        }
        "credential" => of(value)?.read(|fields| {
            let audiences = fields.set("audiences")?.unwrap_or_default();
            ledger.put_credential(fields.required("id")?.into(), Seen::restored(&audiences, fields.instant("until")?));
            Ok(())
        })?,
        "end" => {
            let count = value.as_u64().ok_or("`/end` is no number of lines")?;
            if count != before as u64 {
                return Err(format!("the end counts {count} lines before it, and there are {before}"));
            }
            return Ok(true);
        }
        other => return Err(format!("a ledger holds no `{}`", other.escape_debug())),
    }
    Ok(false)
}

/// A ledger knows nothing of what comes.
fn past(ledger: &Ledger, time: Timestamp) -> Result<(), String> {
    match ledger.now {
        Some(now) if time <= now => Ok(()),
        _ => Err(format!("the time {time} is ahead of the head's `now`")),
    }
}

fn read_session(fields: &mut Fields<'_>) -> Result<(String, Session), String> {
    let mut session = Session::new(&fields.entity("owner")?, fields.string("key")?.as_deref(), fields.instant("used")?);
    session.since = fields.instant("since")?;
    session.over = fields.maybe_flag("over")?;
    session.lowered = fields.maybe_flag("lowered")?;
    session.denials = fields.count("denials")?;
    session.usage = read_usage(fields)?;
    let id = fields.required("id")?;
    let parts = [
        (&mut session.labels, "labels"),
        (&mut session.levels, "levels"),
        (&mut session.tools, "tools"),
        (&mut session.servers, "servers"),
    ];
    for (tally, name) in parts {
        fields.set(name)?.into_iter().flatten().for_each(|one| tally.keep(&one));
    }
    Ok((id, session))
}

fn read_task(fields: &mut Fields<'_>) -> Result<Task, String> {
    let value = fields.value("opened").ok_or_else(|| fields.missing("opened"))?;
    let mut task = Task::new(Fields::of(value, fields.pointer("opened"))?.read(read::task)?);
    task.calls = fields.count("calls")?;
    task.over = fields.maybe_instant("over")?;
    Ok(task)
}

fn read_call(fields: &mut Fields<'_>) -> Result<OpenCall, String> {
    let value = fields.value("reservation").ok_or_else(|| fields.missing("reservation"))?;
    Ok(OpenCall {
        reservation: Fields::of(value, fields.pointer("reservation"))?.read(read::reservation)?.into(),
        at: fields.instant("at")?,
        approvals: fields.each("approvals", read::approval)?,
        started: fields.maybe_flag("started")?,
        overdue: fields.maybe_flag("overdue")?,
    })
}

fn read_tracked(fields: &mut Fields<'_>) -> Result<Tracked, String> {
    Ok(Tracked::restored(fields.instant("used")?, read_usage(fields)?))
}

fn read_usage(fields: &mut Fields<'_>) -> Result<Usage, String> {
    let at = fields.pointer("usage");
    let value = fields.value("usage").ok_or_else(|| fields.missing("usage"))?;
    Fields::of(value, at.clone())?.read(|fields| {
        let (seconds, minutes) = (buckets(fields, "seconds")?, buckets(fields, "minutes")?);
        let usage = Usage::from_parts([seconds, minutes], fields.count("total")?);
        usage.ok_or_else(|| format!("`{at}` holds windows that do not follow each other"))
    })
}

fn buckets(fields: &mut Fields<'_>, key: &'static str) -> Result<Vec<Bucket>, String> {
    let wrong = || format!("`{key}` is no list of times and counts");
    let items = fields.value(key).ok_or_else(wrong)?;
    let bucket = |item: &Json| match item.as_array() {
        Some([Json::Number(Number::Int(last)), count]) => {
            Some(Bucket { last: Timestamp::from_millis(*last), count: count.as_u64()? })
        }
        _ => None,
    };
    items.as_array().ok_or_else(wrong)?.iter().map(|item| bucket(item).ok_or_else(wrong)).collect()
}
