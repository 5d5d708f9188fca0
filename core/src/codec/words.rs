//! How the vocabulary is packed: ids, values, JSON, entities.

use std::ops::Range;

use super::{Broken, Packed, Reader, ascending, packed_enum, packed_struct};
use crate::{
    digest::Digest,
    entity::Entity,
    error::Place,
    id::EntityRef,
    ip::Ip,
    json::{Json, Number, Pointer, Step},
    obligation::Obligation,
    time::Timestamp,
    value::Value,
};

impl Packed for Range<usize> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.start.pack(out);
        self.end.saturating_sub(self.start).pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let (start, length) = <(usize, usize)>::unpack(from)?;
        Ok(start..start.checked_add(length).ok_or(Broken("a number is too large"))?)
    }
}

impl Packed for Timestamp {
    fn pack(&self, out: &mut Vec<u8>) {
        self.millis().pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        i64::unpack(from).map(Self::from_millis)
    }
}

impl Packed for Digest {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend(self.bytes());
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        from.array().map(Self::from_bytes)
    }
}

impl Packed for Ip {
    fn pack(&self, out: &mut Vec<u8>) {
        self.text.pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(from.text()?.into())
    }
}

packed_struct!(EntityRef { kind, id });
packed_struct!(Entity { id, attributes, tags, parents });
packed_struct!(Obligation { kind, value });
packed_struct!(Place { file, line, column, start, end });
packed_enum!(Step { 0 = Member(name), 1 = Each });
packed_enum!(Number { 0 = Int(number), 1 = Float(number), 2 = Literal(text) });

impl Packed for Pointer {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Packed::unpack(from).map(Self)
    }
}

impl Packed for Json {
    fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Bool(value) => out.push(1 + u8::from(*value)),
            Self::Number(number) => {
                out.push(3);
                number.pack(out);
            }
            Self::String(text) => {
                out.push(4);
                text.pack(out);
            }
            Self::Array(items) => {
                out.push(5);
                items.pack(out);
            }
            Self::Object(members) => {
                out.push(6);
                members.pack(out);
            }
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(match from.byte()? {
            0 => Self::Null,
            1 => Self::Bool(false),
            2 => Self::Bool(true),
            3 => Self::Number(Packed::unpack(from)?),
            4 => Self::String(Packed::unpack(from)?),
            5 => Self::Array(from.within(Packed::unpack)?),
            6 => Self::Object(from.within(Packed::unpack)?),
            _ => return Err(Broken("JSON of no kind")),
        })
    }
}

impl Packed for Value {
    fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.push(u8::from(*value)),
            Self::Long(value) => {
                out.push(2);
                value.pack(out);
            }
            Self::String(text) => {
                out.push(3);
                text.pack(out);
            }
            Self::Decimal(value) => {
                out.push(4);
                value.pack(out);
            }
            Self::Datetime(value) => {
                out.push(5);
                value.pack(out);
            }
            Self::Duration(value) => {
                out.push(6);
                value.pack(out);
            }
            Self::Ip(value) => {
                out.push(7);
                value.pack(out);
            }
            Self::Entity(id) => {
                out.push(8);
                id.pack(out);
            }
            Self::Set(items) => {
                out.push(9);
                items.pack(out);
            }
            Self::Record(members) => {
                out.push(10);
                members.pack(out);
            }
        }
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(match from.byte()? {
            0 => Self::Bool(false),
            1 => Self::Bool(true),
            2 => Self::Long(Packed::unpack(from)?),
            3 => Self::String(Packed::unpack(from)?),
            4 => Self::Decimal(Packed::unpack(from)?),
            5 => Self::Datetime(Packed::unpack(from)?),
            6 => Self::Duration(Packed::unpack(from)?),
            7 => Self::Ip(Packed::unpack(from)?),
            8 => Self::Entity(Packed::unpack(from)?),
            9 => {
                let items: Vec<Self> = from.within(Packed::unpack)?;
                // Elements are looked for by halves: out of order, they would be missed.
                ascending(&items)?;
                Self::Set(items)
            }
            10 => Self::Record(from.within(Packed::unpack)?),
            _ => return Err(Broken("a value of no kind")),
        })
    }
}
