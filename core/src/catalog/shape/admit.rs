//! One input: completed, checked, and turned into the record that policies see.

use std::{
    borrow::Cow,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use smallvec::SmallVec;

use super::{
    Shape,
    check::{Check, FUEL, MISFITS, Path},
    doubt::{self, Absent},
    fill,
    graph::ROOT,
    input::Input,
    slot::{Member, Members, Slot},
};
use crate::{
    catalog::kind::Kind,
    json::{Json, Number, Object, Pointer, Step},
    time::Timestamp,
    value::{Record, Value},
};

/// How the fault of an array starts.
const ELEMENT: &str = "has an element that";

/// An input that fits.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Admitted<'i> {
    /// The input as given, with the schema's defaults.
    pub(crate) input: Input<'i>,
    /// What they cannot see although its place has a type.
    pub(crate) inexact: Vec<Inexact>,
    /// Members that are absent, and that the tool may see filled in otherwise than policies do; they are inexact, too.
    pub(crate) unsure: Absent,
}

/// A value that its Cedar type cannot hold exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inexact {
    /// Member names from the top. An array's elements add nothing.
    pub(crate) path: Vec<String>,
    pub(crate) why: String,
}

/// What policies see of one argument.
pub(crate) enum Argument<'i> {
    /// A value that is the same in JSON and in Cedar.
    Plain(Plain<'i>),
    /// Nothing.
    Absent,
    /// Something that has to be made: it stands in the record.
    Made,
}

/// A value that is the same in JSON and in Cedar.
#[derive(Clone, Copy)]
pub(crate) enum Plain<'i> {
    Bool(bool),
    Long(i64),
    Text(&'i str),
}

impl<'i> Plain<'i> {
    pub(super) fn of(slot: &Slot, value: &'i Json) -> Option<Self> {
        match (slot, value) {
            (Slot::Bool, Json::Bool(value)) => Some(Self::Bool(*value)),
            (slot, Json::Number(Number::Int(value))) if slot.is_long() => Some(Self::Long(*value)),
            (Slot::Text, Json::String(text)) => Some(Self::Text(text)),
            _ => None,
        }
    }
}

/// Something in the input that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Where, with array indexes; empty for the input itself.
    pub(crate) pointer: String,
    /// What is wrong, and what would fit.
    pub(crate) why: String,
    /// Whether that was said in the knowledge that the value is secret.
    pub(super) veiled: bool,
}

impl Shape {
    /// Fills in defaults, and checks the input against schema and kinds.
    ///
    /// The input's depth is the caller's to cap.
    ///
    /// # Errors
    /// Everything that does not fit, kinds first.
    pub(crate) fn admit<'i>(&'i self, mut input: Cow<'i, Json>) -> Result<Admitted<'i>, Vec<Misfit>> {
        if let (Some(quick), Json::Object(members)) = (&self.quick, &*input)
            && quick.sees(&self.graph, members)
        {
            return Ok(Admitted {
                input: Input::new(input, quick.defaults()),
                inexact: Vec::new(),
                unsure: Absent::new(),
            });
        }
        let mut fuel = FUEL;
        let endless = || {
            let why = "the input schema takes too long to check, or refers to itself without end";
            vec![Misfit { pointer: String::new(), why: why.to_owned(), veiled: true }]
        };
        let mut unsure = match self.doubtful {
            true => doubt::find(&self.graph, ROOT, &input, &mut fuel),
            false => Absent::new(),
        };
        if self.has_defaults && !fill::fill(&self.graph, ROOT, input.to_mut(), &mut fuel, &mut unsure) {
            return Err(endless());
        }
        let Json::Object(members) = &*input else {
            let why = format!("the arguments are {}; write an object", described(&input));
            return Err(vec![Misfit { pointer: String::new(), why, veiled: true }]);
        };
        let mut taker = Taker::default();
        taker.look(&self.members, members, &Path::Root);
        let Taker { mut misfits, forms, mut inexact, .. } = taker;
        let why = "is not given, and its default cannot be told beforehand; write it";
        inexact.extend(unsure.iter().map(|path| Inexact { path: path.clone(), why: why.to_owned() }));
        let mut check = Check::new(&self.graph, fuel);
        check.input(members, &input, self.extra_arguments);
        if check.stuck {
            return Err(endless());
        }
        match check.misfits.is_empty() {
            true => misfits.extend(forms.into_iter().take(MISFITS)),
            false => misfits.append(&mut check.misfits),
        }
        // One schema may say what fits, and another that it is secret.
        for misfit in misfits.iter_mut().filter(|misfit| !misfit.veiled && self.is_secret(&misfit.pointer)) {
            misfit.why = "does not fit its schema".to_owned();
        }
        if misfits.is_empty() { Ok(Admitted { input: Input::plain(input), inexact, unsure }) } else { Err(misfits) }
    }

    /// Whether what stands at a place, written with array indexes, is secret or part of a secret.
    fn is_secret(&self, place: &str) -> bool {
        let leads = |secret: &Pointer| {
            let mut parts = place.split('/').skip(1);
            secret.0.iter().all(|step| match (step, parts.next()) {
                (Step::Member(name), Some(part)) => part.replace("~1", "/").replace("~0", "~") == *name,
                (Step::Each, part) => part.is_some(),
                (Step::Member(_), None) => false,
            })
        };
        self.secrets.iter().any(leads)
    }

    /// What policies see of an input that was admitted.
    pub(crate) fn record(&self, input: &Input<'_>) -> Record {
        Taker::default().members(&self.members, &|name| input.get(name), &Path::Root)
    }

    /// What policies see of one argument of an input that was admitted.
    pub(crate) fn argument<'i>(&self, input: &'i Input<'_>, name: &str) -> Argument<'i> {
        match self.members.typed.get(name).zip(input.get(name)) {
            None => Argument::Absent,
            Some((member, value)) => Plain::of(&member.slot, value).map_or(Argument::Made, Argument::Plain),
        }
    }
}

fn described(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

#[derive(Default)]
struct Taker<'s> {
    misfits: Vec<Misfit>,
    /// What the schema may admit, and has not the form that the manifest gives a kind to.
    forms: Vec<Misfit>,
    inexact: Vec<Inexact>,
    /// The member names from the top to where the walk stands.
    names: SmallVec<[&'s str; 8]>,
}

impl<'s> Taker<'s> {
    /// `find`: the member of a name.
    fn members<'v>(
        &mut self,
        members: &'s Members,
        find: &dyn Fn(&str) -> Option<&'v Json>,
        path: &Path<'_>,
    ) -> Record {
        let mut record = Record::new();
        for (name, member) in &members.typed {
            if let Some(value) = find(name) {
                self.member(name, member, value, path, &mut record);
            }
        }
        record
    }

    fn member(&mut self, name: &'s Arc<str>, member: &'s Member, value: &Json, path: &Path<'_>, record: &mut Record) {
        let path = Path::Member { up: path, name, secret: path.secret() || member.secret };
        self.names.push(name);
        if let Some(value) = self.value(&member.slot, value, &path) {
            record.insert(name.clone(), value);
        }
        self.names.pop();
    }

    /// Notes what does not fit and what is inexact, and makes no value where none is needed to tell.
    fn look(&mut self, members: &'s Members, object: &Object, path: &Path<'_>) {
        for (name, value) in object {
            let Some((name, member)) = members.typed.get_key_value(name.as_str()) else { continue };
            let path = Path::Member { up: path, name, secret: path.secret() || member.secret };
            self.names.push(name);
            match (&member.slot, value) {
                (slot, value) if Plain::of(slot, value).is_some() => {}
                (Slot::Record(members), Json::Object(object)) => self.look(members, object, &path),
                (Slot::Set(slot), Json::Array(items)) if items.iter().all(|item| Plain::of(slot, item).is_some()) => {}
                (slot, value) => drop(self.value(slot, value, &path)),
            }
            self.names.pop();
        }
    }

    /// The typed value. `None` when it is a misfit or inexact, which is then noted.
    fn value(&mut self, slot: &'s Slot, value: &Json, path: &Path<'_>) -> Option<Value> {
        if let Some(plain) = Plain::of(slot, value) {
            return Some(match plain {
                Plain::Bool(value) => Value::Bool(value),
                Plain::Long(value) => Value::Long(value),
                Plain::Text(text) => Value::string(text),
            });
        }
        match (slot, value) {
            (Slot::Kind(Kind::Integer), Json::Number(_)) => {
                self.misfit(path, format!("not an integer: {}; write a whole number", path.show(value)))
            }
            (Slot::Decimal, Json::Number(number)) => match number.ten_thousandths() {
                Some(value) => Some(Value::Decimal(value)),
                None => self.inexact("has more than 4 decimals or is beyond ±922337203685477.5807"),
            },
            (Slot::Datetime, Json::String(text)) => match datetime(text) {
                Some((time, true)) => Some(Value::Datetime(time)),
                Some((_, false)) => self.inexact("is finer than a millisecond, or a leap second"),
                None => {
                    let example = "write it as `2026-01-05T10:00:00Z`";
                    self.misfit(path, format!("{} is not an RFC 3339 date-time; {example}", path.show(value)))
                }
            },
            (Slot::Ip { v4, v6 }, Json::String(text)) => match address(text, *v4, *v6) {
                Some(address) => Some(Value::Ip(address.into())),
                None => {
                    let wanted = match (v4, v6) {
                        (true, true) => "an IP address",
                        (true, false) => "an IPv4 address; write it as `192.0.2.1`",
                        _ => "an IPv6 address; write it as `2001:db8::1`",
                    };
                    self.misfit(path, format!("{} is not {wanted}", path.show(value)))
                }
            },
            (Slot::Kind(kind), Json::String(text)) => match kind.check(text) {
                Ok(value) => Some(value),
                Err(why) => self.misfit(path, path.veil(why, kind.fault())),
            },
            (Slot::Set(slot), Json::Array(items)) => self.set(slot, items, path),
            (Slot::Record(members), Json::Object(object)) => {
                let mut record = Record::new();
                // Of the two, there may be many objects, and many members that none of them has.
                for (name, value) in object {
                    if let Some((name, member)) = members.typed.get_key_value(name.as_str()) {
                        self.member(name, member, value, path, &mut record);
                    }
                }
                Some(Value::Record(record))
            }
            (_, Json::Null) => self.inexact("is null, which no Cedar type holds; leave the argument out instead"),
            (slot, other) if slot.is_checked() => {
                let why = format!("is {}, where the manifest asks for `{}`", described(other), slot.name());
                self.forms.push(Misfit { pointer: path.to_string(), why, veiled: true });
                None
            }
            // The schema's keywords can admit what its type does not tell, such as a member of a branch not taken.
            (slot, other) => self.inexact(&format!("is {}, where policies see {}", described(other), slot.ty())),
        }
    }

    fn set(&mut self, slot: &'s Slot, items: &[Json], path: &Path<'_>) -> Option<Value> {
        let before = self.inexact.len();
        let mut out = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            out.extend(self.value(slot, item, &Path::Index { up: path, at, secret: path.secret() }));
        }
        // A set without one of its elements would be another set.
        let first = self.inexact.drain(before..).next();
        match first {
            Some(Inexact { why, .. }) if why.starts_with(ELEMENT) => self.inexact(&why),
            Some(Inexact { why, .. }) => self.inexact(&format!("{ELEMENT} {why}")),
            None => Some(Value::set(out)),
        }
    }

    fn misfit(&mut self, path: &Path<'_>, why: String) -> Option<Value> {
        if self.misfits.len() < MISFITS {
            self.misfits.push(Misfit { pointer: path.to_string(), why, veiled: path.secret() });
        }
        None
    }

    fn inexact(&mut self, why: &str) -> Option<Value> {
        self.inexact
            .push(Inexact { path: self.names.iter().map(|name| (*name).to_owned()).collect(), why: why.to_owned() });
        None
    }
}

/// An RFC 3339 time, and whether milliseconds hold it exactly.
fn datetime(text: &str) -> Option<(Timestamp, bool)> {
    let time = Timestamp::parse(text)?;
    let (_, clock) = text.split_at_checked(11)?;
    let (seconds, rest) = clock.split_at_checked(8)?;
    let rest = rest.trim_start_matches('.');
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (fraction, zone) = rest.split_at_checked(digits)?;
    let bytes = zone.as_bytes();
    let utc = zone.eq_ignore_ascii_case("z");
    let offset = bytes.len() == 6 && matches!(bytes.first(), Some(b'+' | b'-')) && bytes.get(3) == Some(&b':');
    let fine = fraction.get(3..).is_some_and(|below| below.bytes().any(|digit| digit != b'0'));
    (utc || offset).then_some((time, !fine && !seconds.ends_with("60")))
}

/// An address in a spelling that Cedar reads: it refuses IPv4 inside IPv6, so that is written out.
fn address(text: &str, v4: bool, v6: bool) -> Option<String> {
    if v4 && text.parse::<Ipv4Addr>().is_ok() {
        return Some(text.to_owned());
    }
    let address = text.parse::<Ipv6Addr>().ok().filter(|_| v6)?;
    Some(match text.contains('.') {
        true => address.segments().map(|segment| format!("{segment:x}")).join(":"),
        false => text.to_owned(),
    })
}
