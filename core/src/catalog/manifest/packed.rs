//! The manifest as a packed bundle holds it: what it says, without the places where it says it.

use super::{
    Attribute, AttributeType, Entries, FILE, Manifest, Operations, Output, Part, Placed, Principals, Require,
    ResourceMap, Says, ServerEntry, ToolEntry,
};
use crate::{
    PrincipalKind,
    call::Claims,
    catalog::{effect::Effect, kind::Kind, level::Levels},
    codec::{Broken, Packed, Reader, packed_enum, packed_struct},
    error::Place,
};

impl<T: Packed> Packed for Placed<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.value.pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(Self { value: T::unpack(from)?, place: Place::whole(&FILE.into()) })
    }
}

packed_struct!(Manifest { name, version, levels, entries, principals, require, disabled });
packed_struct!(Entries { servers, tools });
packed_struct!(ServerEntry { tools, origin, audience, owner, environment, verified, trust_hints, extra_arguments });
packed_struct!(ToolEntry { owner, purpose, says, output, operations, arguments, extra_arguments });
packed_struct!(Says { effect, egress, level, resources, destinations });
packed_struct!(Output { labels, level });
packed_struct!(Operations { argument, verbs });
packed_struct!(ResourceMap { kind, parts, fold_case });
packed_struct!(Require { session, task, credential, initiator });
packed_struct!(Principals { attributes, groups_claim, claims });
packed_struct!(Attribute { ty, claim, required });
packed_struct!(Claims { issuers, subject, actor, client, tenant });
packed_enum!(Part { 0 = Text(text), 1 = Value(pointer) });
packed_enum!(AttributeType { 0 = Bool, 1 = Long, 2 = String, 3 = Strings, 4 = Level });
packed_enum!(Effect { 0 = Read, 1 = Write, 2 = Destructive, 3 = Execute });
packed_enum!(Kind { 0 = Path { root }, 1 = Url, 2 = Email, 3 = Integer });
packed_enum!(PrincipalKind { 0 = User, 1 = Agent, 2 = Workload });

impl Packed for Levels {
    fn pack(&self, out: &mut Vec<u8>) {
        let (names, default) = self.parts();
        names.to_vec().pack(out);
        default.pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let (names, default) = <(Vec<String>, Option<usize>)>::unpack(from)?;
        if names.is_empty() || default.is_some_and(|default| default >= names.len()) {
            return Err(Broken("there is no such sensitivity level"));
        }
        Ok(Self::new(names, default))
    }
}
