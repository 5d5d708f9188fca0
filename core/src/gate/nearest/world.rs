//! Facts in which some claims are other than they are: concrete values where there can be any, held against the policies
//! themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::discriminant,
    sync::Arc,
};

use super::claims::{About, Claim, ClaimId, Claims, Point};
use crate::{
    ToolCall, Truth,
    catalog::{Admission, Admitted, Catalog},
    engine::{Asked, Program, Question, Stand, Supposed, Var},
    entity::Entity,
    facts::{CONTEXT, FactType},
    id::EntityRef,
    json::Json,
    time::Timestamp,
    value::{Record, Value},
};

/// A text that no policy names: any other would do as well.
const OTHER: &str = "(another)";

/// What is demanded of claims.
pub(super) type Demands = BTreeMap<ClaimId, bool>;

/// A claim, and what it is to come to.
type Wanted<'c> = (ClaimId, &'c Claim, bool);

/// The facts that a world is made of.
pub(super) struct Ground<'w> {
    pub(super) program: &'w Program,
    pub(super) catalog: &'w Catalog,
    pub(super) call: &'w ToolCall,
    pub(super) admitted: &'w Admitted<'w>,
    pub(super) questions: &'w [Question<'w>],
    pub(super) asked: &'w [Asked<'w>],
    pub(super) levels: Arc<[Entity]>,
}

/// Facts, some of which differ.
pub(super) struct World {
    /// For each question.
    pub(super) supposed: Vec<Supposed>,
    /// The values that were found for claims about one path.
    pub(super) values: BTreeMap<ClaimId, Option<Value>>,
}

impl<'w> Ground<'w> {
    /// A world that is as demanded; nothing if the demands contradict each other, as far as can be told.
    pub(super) fn world(&self, claims: &Claims, demands: &Demands) -> Option<World> {
        let mut world = World { supposed: vec![self.nothing(); self.questions.len()], values: BTreeMap::new() };
        let mut points: BTreeMap<(&Point, &About), Vec<Wanted<'_>>> = BTreeMap::new();
        for (id, wanted) in demands {
            let claim = claims.get(*id)?;
            points.entry((&claim.point, &claim.about)).or_default().push((*id, claim, *wanted));
        }
        for ((point, _), wanted) in points {
            let (_, first, _) = wanted.first()?;
            let at = self.questions.iter().position(|question| first.concerns(question))?;
            match point {
                Point::Fixed => return None,
                Point::Grant(_) => {}
                Point::Opaque => {
                    for (_, claim, wanted) in &wanted {
                        for (question, supposed) in self.questions.iter().zip(&mut world.supposed) {
                            let atoms = claim.atoms.iter().filter(|_| claim.concerns(question));
                            supposed.atoms.extend(atoms.map(|atom| (*atom, *wanted)));
                        }
                    }
                }
                Point::Slot(slot) => {
                    let value = self.value(at, *slot, &wanted)?;
                    world.values.extend(wanted.iter().map(|(id, ..)| (*id, value.clone())));
                    for (question, supposed) in self.questions.iter().zip(&mut world.supposed) {
                        if first.concerns(question) {
                            supposed.slots.insert(*slot, value.clone());
                        }
                    }
                }
                Point::Stand(var) => {
                    let stand = self.stand(at, *var, &wanted)?;
                    for (question, supposed) in self.questions.iter().zip(&mut world.supposed) {
                        if first.concerns(question) {
                            *place(supposed, *var) = Some(stand.clone());
                        }
                    }
                }
            }
        }
        Some(world)
    }

    /// Nothing supposed.
    fn nothing(&self) -> Supposed {
        Supposed { levels: self.levels.clone(), ..Supposed::default() }
    }

    /// Whether claims are as demanded in a question where something is supposed.
    fn holds(&self, at: usize, supposed: &Supposed, wanted: &[Wanted<'_>]) -> bool {
        let Some(asked) = self.asked.get(at) else { return false };
        wanted.iter().all(|(_, claim, wanted)| {
            let atom = claim.atoms.first();
            atom.is_some_and(|(policy, atom)| {
                self.program.suppose_atom(asked, supposed, *policy, *atom) == Truth::from(*wanted)
            })
        })
    }

    /// What would have to stand at a path.
    fn value(&self, at: usize, slot: u32, wanted: &[Wanted<'_>]) -> Option<Option<Value>> {
        let now = self.asked.get(at)?.stands(self.program, slot);
        let (root, names) = self.program.names(slot);
        let context = if root == Some(Var::Context) { names.as_slice() } else { &[] };
        self.candidates(context, now.as_ref(), wanted).into_iter().find(|value| {
            let supposed = Supposed { slots: [(slot, value.clone())].into(), ..self.nothing() };
            self.holds(at, &supposed, wanted) && self.fits(context, value.as_ref())
        })
    }

    /// The values that are tried, the plainest first.
    fn candidates(&self, path: &[&str], now: Option<&Value>, wanted: &[Wanted<'_>]) -> Vec<Option<Value>> {
        let of = |kept: bool| {
            let claims = wanted.iter().filter(move |(_, _, wanted)| *wanted == kept);
            claims
                .flat_map(|(_, claim, _)| &claim.looks.constants)
                .flat_map(Value::elements)
                .cloned()
                .collect::<BTreeSet<_>>()
        };
        let (there, gone) = (of(true), of(false));
        let fact = CONTEXT.iter().find(|fact| fact.names().eq(path.iter().copied()));
        if let Some(FactType::Word(words)) = fact.map(|fact| fact.ty) {
            return words.iter().map(|word| Some(Value::string(*word))).collect();
        }
        let levels = || self.catalog.levels.names().iter().map(|name| Value::Entity(crate::facts::level(name)));
        if matches!(now, Some(Value::Entity(id)) if &*id.kind == "Level") {
            return levels().map(Some).collect();
        }
        if path.is_empty() && now.is_none() && there.is_empty() && gone.is_empty() {
            // Something is to stand there, and of what type is not known here.
            return vec![Some(Value::string(OTHER)), None];
        }
        let mut all: Vec<Value> = there.iter().chain(&gone).cloned().collect();
        all.extend(there.iter().chain(&gone).flat_map(beside));
        match now {
            Some(Value::Set(own)) => all.extend(sets(own, &there, &gone)),
            None => all.extend(sets(&[], &there, &gone)),
            _ => {}
        }
        all.extend([Value::Bool(true), Value::Bool(false), Value::string(OTHER), Value::Record(Default::default())]);
        let may = |value: &Option<Value>| match (fact, now, value) {
            (Some(fact), ..) => fact.admits(value.as_ref()),
            (None, Some(now), Some(value)) => discriminant(now) == discriminant(value),
            _ => true,
        };
        all.into_iter().map(Some).chain([None]).filter(may).collect()
    }

    /// Whether a value can stand there, as far as it is an argument: the call must still be about the same.
    fn fits(&self, path: &[&str], value: Option<&Value>) -> bool {
        let Some((&"input", rest)) = path.split_first() else { return true };
        let mut call = self.call.clone();
        if !put(&mut call.input, rest, value.map(Value::to_json)) {
            return false;
        }
        match self.catalog.admit(&call) {
            Ok(Admission::Decide(admitted)) => {
                member(admitted.record(), rest) == value
                    && admitted.action.id == self.admitted.action.id
                    && admitted.resources == self.admitted.resources
                    && admitted.destinations == self.admitted.destinations
            }
            _ => false,
        }
    }

    /// Who or what would have to be asked about, and what that would have to be in.
    fn stand(&self, at: usize, var: Var, wanted: &[Wanted<'_>]) -> Option<Stand> {
        let (asked, question) = (self.asked.get(at)?, self.questions.get(at)?);
        let own = if var == Var::Principal { question.principal } else { question.resource };
        let there = entities(wanted, true);
        let gone = entities(wanted, false);
        let kinds = wanted.iter().flat_map(|(_, claim, _)| &claim.looks.kinds);
        let mut ids = vec![own.clone()];
        let exactly: Vec<_> =
            wanted.iter().filter(|(_, claim, _)| claim.looks.text.contains(" == ")).copied().collect();
        ids.extend(entities(&exactly, true));
        ids.extend(kinds.chain([&own.kind.to_string()]).map(|kind| EntityRef::new(kind.as_str(), OTHER)));
        let above = |id: &EntityRef| asked.above(id);
        let levels = self.catalog.levels.names().iter().map(|name| Some(crate::facts::level(name)));
        let levels: Vec<_> = std::iter::once(None).chain(levels).collect();
        // Nobody stands in a chain twice, and nothing is touched twice.
        let taken = |id: &EntityRef| {
            self.questions.iter().any(|one| *id == *if var == Var::Principal { one.principal } else { one.resource })
        };
        ids.retain(|id| id == own || !taken(id));
        for id in &ids {
            let like = if asked.entities.get(id).is_some() { id } else { own };
            let mut parents: Vec<_> = match asked.entities.get(like) {
                Some(entity) if like.kind == id.kind => entity.parents.iter().cloned().collect(),
                _ => Vec::new(),
            };
            // Another resource is in the same server, and has the tool's level unless it has its own.
            if var == Var::Resource && id != own {
                let of_own = asked.entities.get(own).into_iter().flat_map(|entity| &entity.parents);
                let level = above(id).iter().any(|one| &*one.kind == "Level");
                parents
                    .extend(of_own.filter(|one| &*one.kind == "Server" || (&*one.kind == "Level" && !level)).cloned());
            }
            for level in &levels {
                let mut parents = parents.clone();
                parents.retain(|parent| !gone.iter().any(|group| parent == group || above(parent).contains(&group)));
                let groups = there
                    .iter()
                    .filter(|group| *group != id && !matches!(&*group.kind, "AtLeast" | "AtMost" | "Level"));
                parents.extend(groups.cloned());
                if let Some(level) = level {
                    parents.retain(|parent| &*parent.kind != "Level");
                    parents.push(level.clone());
                }
                let stand = Stand { id: id.clone(), parents };
                let mut supposed = self.nothing();
                *place(&mut supposed, var) = Some(stand.clone());
                if self.holds(at, &supposed, wanted) {
                    return Some(stand);
                }
            }
        }
        None
    }
}

fn place(supposed: &mut Supposed, var: Var) -> &mut Option<Stand> {
    if var == Var::Principal { &mut supposed.principal } else { &mut supposed.resource }
}

/// The entities that claims name which are to be true, or to be false.
fn entities(wanted: &[Wanted<'_>], kept: bool) -> Vec<EntityRef> {
    let claims = wanted.iter().filter(|(_, _, wanted)| *wanted == kept);
    let constants = claims.flat_map(|(_, claim, _)| &claim.looks.constants).flat_map(Value::elements);
    let entity = |value: &Value| match value {
        Value::Entity(id) => Some(id.clone()),
        _ => None,
    };
    constants.filter_map(entity).collect()
}

/// The values next to one that has neighbours.
fn beside(value: &Value) -> Vec<Value> {
    let both = |value: i64, make: fn(i64) -> Value| {
        [value.checked_add(1), value.checked_sub(1)].into_iter().flatten().map(make).collect()
    };
    match value {
        Value::Long(value) => both(*value, Value::Long),
        Value::Decimal(value) => both(*value, Value::Decimal),
        Value::Duration(value) => both(*value, Value::Duration),
        Value::Datetime(time) => both(time.millis(), |millis| Value::Datetime(Timestamp::from_millis(millis))),
        _ => Vec::new(),
    }
}

/// Elements of which every subset is tried.
const NAMED: usize = 6;

/// The sets that are tried: with what claims that are to be true name, and without what the others name; then every choice
/// of the elements that claims name, if they are few, beside what is there and without it.
fn sets(own: &[Value], there: &BTreeSet<Value>, gone: &BTreeSet<Value>) -> Vec<Value> {
    let set: BTreeSet<_> = own.iter().chain(there).filter(|item| !gone.contains(item)).cloned().collect();
    let mut all = vec![set, there.clone(), BTreeSet::new(), [Value::string(OTHER)].into()];
    let named: BTreeSet<_> = there.union(gone).collect();
    if named.len() <= NAMED {
        let besides: BTreeSet<_> = own.iter().filter(|item| !named.contains(item)).cloned().collect();
        for chosen in 0..1_u32 << named.len() {
            let some = named.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1);
            let some: BTreeSet<_> = some.map(|(_, item)| (*item).clone()).collect();
            all.push(&besides | &some);
            if !besides.is_empty() {
                all.push(some);
            }
        }
    }
    all.into_iter().map(Value::set).collect()
}

/// Whether a value stands for any other.
pub(super) fn is_other(value: &Value) -> bool {
    matches!(value, Value::String(text) if &**text == OTHER)
}

/// The argument at a path, as policies see it.
fn member<'r>(record: &'r Record, path: &[&str]) -> Option<&'r Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(record.get(*first)?, |here, name| match here {
        Value::Record(members) => members.get(*name),
        _ => None,
    })
}

/// Puts an argument, or takes it away; false if there is no place for it.
fn put(input: &mut Json, path: &[&str], value: Option<Json>) -> bool {
    let (Some((last, way)), mut here) = (path.split_last(), input) else { return true };
    for name in way {
        here = match here {
            Json::Object(members) => {
                members.entry((*name).to_owned()).or_insert_with(|| Json::Object(Default::default()))
            }
            _ => return false,
        };
    }
    match (here, value) {
        (Json::Object(members), Some(value)) => drop(members.insert((*last).to_owned(), value)),
        (Json::Object(members), None) => drop(members.remove(*last)),
        _ => return false,
    }
    true
}
