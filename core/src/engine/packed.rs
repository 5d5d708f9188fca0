//! The program as a packed bundle holds it. Tables of names and the index are made again from what was read.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Root,
    form::{Form, Leaf, Term},
    index::Index,
    like::{Pattern, Tail},
    ops::{Binary, Fault, Unary},
    program::{ActionScope, Guard, Is, Need, Op, Program, Rule, Scope, ScopeEntity, Slot, Var},
    reads::Reads,
};
use crate::{
    codec::{Broken, Packed, Reader, ascending, packed_enum, packed_struct},
    gather::Gather as _,
    hash::{self, Table},
    sorted::Sorted,
};

packed_enum!(Var { 0 = Principal, 1 = Action, 2 = Resource, 3 = Context });
packed_enum!(Root { 0 = Principal, 1 = Resource, 2 = Context });
packed_enum!(Op {
    0 = Constant(at),
    1 = Var(var),
    2 = Slot(slot),
    3 = HasSlot { slot, from },
    4 = Attribute(name),
    5 = Has(list),
    6 = Tag,
    7 = HasTag,
    8 = Like(pattern),
    9 = Is(kind),
    10 = IsElse { kind, target },
    11 = In,
    12 = VarIn { var, entity },
    13 = VarIs { var, entity },
    14 = Unary(op),
    15 = Binary(op),
    16 = SlotEq { slot, constant },
    17 = SlotOrder { slot, constant, op },
    18 = Set(count),
    19 = Record(list),
    20 = And(target),
    21 = Or(target),
    22 = Bool,
    23 = Unless(target),
    24 = Jump(target),
    25 = Require,
    26 = Fail(fault),
});
packed_enum!(Unary {
    0 = Not,
    1 = Neg,
    2 = IsEmpty,
    3 = Decimal,
    4 = Datetime,
    5 = Duration,
    6 = Ip,
    7 = IsIpv4,
    8 = IsIpv6,
    9 = IsLoopback,
    10 = IsMulticast,
    11 = ToDate,
    12 = ToTime,
    13 = ToMilliseconds,
    14 = ToSeconds,
    15 = ToMinutes,
    16 = ToHours,
    17 = ToDays,
});
packed_enum!(Binary {
    0 = Eq,
    1 = NotEq,
    2 = Less,
    3 = LessEq,
    4 = Greater,
    5 = GreaterEq,
    6 = Add,
    7 = Sub,
    8 = Mul,
    9 = Contains,
    10 = ContainsAll,
    11 = ContainsAny,
    12 = IsInRange,
    13 = Offset,
    14 = DurationSince,
    15 = DecimalLess,
    16 = DecimalLessEq,
    17 = DecimalGreater,
    18 = DecimalGreaterEq,
});
packed_enum!(ScopeEntity { 0 = Any, 1 = Is(entity), 2 = In(entity), 3 = IsSlot, 4 = InSlot });
packed_enum!(ActionScope { 0 = Any, 1 = Is(action), 2 = In(groups) });
packed_enum!(Is { 0 = Present, 1 = Asked(depth), 2 = Bool, 3 = Long, 4 = String, 5 = Entity });
packed_struct!(Slot { root, above, name, depth });
packed_struct!(Scope { kind, entity });
packed_struct!(Need { slot, is });
packed_struct!(Guard { slot, values, needs });
packed_struct!(Rule { policy, forbids, principal, action, resource, code, guards, form });
packed_struct!(Form { terms, clauses, leaves });
packed_enum!(Term {
    0 = Leaf(leaf),
    1 = Not(inner),
    2 = And(left, right),
    3 = Or(left, right),
    4 = If { cond, then, otherwise },
});
packed_enum!(Leaf { 0 = Code(code), 1 = Constant(value), 2 = Never });
packed_struct!(Pattern { head, tail });
packed_struct!(Tail { middle, end });

impl Packed for Fault {
    fn pack(&self, out: &mut Vec<u8>) {
        self.text().to_owned().pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Box::<str>::unpack(from).map(Self::new)
    }
}

impl Packed for Program {
    fn pack(&self, out: &mut Vec<u8>) {
        self.code.pack(out);
        self.constants.pack(out);
        self.names.pack(out);
        self.lists.pack(out);
        self.patterns.pack(out);
        self.faults.pack(out);
        self.slots.pack(out);
        self.kind_names.pack(out);
        self.entities.pack(out);
        self.rules.pack(out);
        let mut templates: Vec<_> = self.templates.values().collect();
        templates.sort_by_key(|rule| rule.policy);
        templates.len().pack(out);
        templates.into_iter().for_each(|rule| rule.pack(out));
    }

    /// What it refers to is not verified yet.
    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut program = Self {
            code: Packed::unpack(from)?,
            constants: Packed::unpack(from)?,
            names: Packed::unpack(from)?,
            lists: Packed::unpack(from)?,
            patterns: Packed::unpack(from)?,
            faults: Packed::unpack(from)?,
            slots: Packed::unpack(from)?,
            kind_names: Packed::unpack(from)?,
            entities: Packed::unpack(from)?,
            rules: Packed::unpack(from)?,
            ..Self::default()
        };
        for rule in Vec::<Rule>::unpack(from)? {
            program.templates.insert(rule.policy, rule);
        }
        program.kinds = program.kind_names.iter().cloned().zip(0..).gather();
        let mut entities: Table<u64, Vec<u32>> = Table::default();
        for (id, place) in program.entities.iter().zip(0..) {
            entities.entry(hash::of(id)).or_default().push(place);
        }
        program.entity_ids = entities;
        program.index = Index::of(&program.rules, &program.code, &program.constants);
        Ok(program)
    }
}

/// A path, as policies read it.
type Path = (Root, Arc<[String]>);

impl Packed for Path {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
        self.1.to_vec().pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok((Packed::unpack(from)?, Vec::unpack(from)?.into()))
    }
}

/// Writes what the policies of each action may look at. Every path is written once: most actions share most of them.
pub(crate) fn pack_reads(reads: &Sorted<String, Arc<Reads>>, out: &mut Vec<u8>) {
    let paths: BTreeSet<&Path> = reads.values().flat_map(|reads| &reads.paths).gather();
    let entities: BTreeSet<_> = reads.values().flat_map(|reads| &reads.entities).gather();
    paths.iter().map(|path| (*path).clone()).collect::<Vec<_>>().pack(out);
    entities.iter().map(|id| (*id).clone()).collect::<Vec<_>>().pack(out);
    let paths: BTreeMap<_, u32> = paths.into_iter().zip(0..).gather();
    let entities: BTreeMap<_, u32> = entities.into_iter().zip(0..).gather();
    reads.len().pack(out);
    for (action, reads) in reads {
        action.pack(out);
        reads.paths.iter().filter_map(|path| paths.get(path)).copied().collect::<Vec<_>>().pack(out);
        reads.entities.iter().filter_map(|id| entities.get(id)).copied().collect::<Vec<_>>().pack(out);
    }
}

/// Reads what [`pack_reads`] wrote.
pub(crate) fn unpack_reads(from: &mut Reader<'_>) -> Result<Sorted<String, Arc<Reads>>, Broken> {
    let (paths, entities) = (Vec::<Path>::unpack(from)?, Vec::unpack(from)?);
    ascending(&paths)?;
    ascending(&entities)?;
    let actions: Sorted<String, (Vec<u32>, Vec<u32>)> = Packed::unpack(from)?;
    let reads = actions.into_iter().map(|(action, (own, named))| {
        let reads = Reads { paths: chosen(&paths, &own)?, entities: chosen(&entities, &named)? };
        Ok((action, Arc::new(reads)))
    });
    reads.try_gather()
}

/// The elements at these places, which ascend.
fn chosen<T: Clone + Ord>(all: &[T], places: &[u32]) -> Result<BTreeSet<T>, Broken> {
    ascending(places)?;
    let at = |place: &u32| all.get(*place as usize).cloned().ok_or(Broken("there is nothing at that place"));
    places.iter().map(at).try_gather()
}
