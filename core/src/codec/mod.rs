//! The bytes of a packed bundle: how each kind of thing is written, and read back from bytes that may be hostile.
//!
//! Numbers are LEB128, lengths stand before what they count, a variant is one byte. Nothing is believed: a count is held
//! against the bytes that are left, memory grows only with what was read, and nesting is capped.

#[cfg(test)]
mod tests;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{gather::Gather as _, limits::BUNDLE_DEPTH, sorted::Sorted};

/// Levels within each other. A value of a policy or an entity is no deeper than a file of a bundle may be, twice over.
const DEPTH: usize = 2 * BUNDLE_DEPTH;

/// Elements that memory is set aside for before any of them was read.
const AHEAD: usize = 1024;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

/// What is left to read.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
    depth: usize,
}

/// Something that a packed bundle holds.
pub(crate) trait Packed: Sized {
    /// Writes it behind what is there.
    fn pack(&self, out: &mut Vec<u8>);

    /// Reads it.
    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken>;
}

impl<'b> Reader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    /// That nothing is left.
    pub(crate) fn end(&self) -> Result<(), Broken> {
        if self.rest.is_empty() { Ok(()) } else { Err(Broken("there is more than there should be")) }
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'b [u8], Broken> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Broken("it ends too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// So many bytes as it takes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        self.bytes(N)?.first_chunk().copied().ok_or(Broken("it ends too early"))
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Broken> {
        let (byte, rest) = self.rest.split_first().ok_or(Broken("it ends too early"))?;
        self.rest = rest;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u64, Broken> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken("a number is too large"))
    }

    /// How many elements follow, of at least a byte each.
    fn count(&mut self) -> Result<usize, Broken> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        if count > self.rest.len() { Err(Broken("a count is more than the bytes there are")) } else { Ok(count) }
    }

    fn text(&mut self) -> Result<&'b str, Broken> {
        let count = self.count()?;
        std::str::from_utf8(self.bytes(count)?).map_err(|_| Broken("a text is not UTF-8"))
    }

    /// Elements, each read by `read`, into whatever collects them.
    fn each<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, Broken>) -> Result<Vec<T>, Broken> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(AHEAD));
        for _ in 0..count {
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Reads what is one level further in.
    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Broken>) -> Result<T, Broken> {
        if self.depth >= DEPTH {
            return Err(Broken("something is nested too deep"));
        }
        self.depth += 1;
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }
}

fn number(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn each<'t, T: Packed + 't>(items: impl ExactSizeIterator<Item = &'t T>, out: &mut Vec<u8>) {
    items.len().pack(out);
    items.for_each(|item| item.pack(out));
}

/// Says that a struct is packed member by member.
macro_rules! packed_struct {
    ($ty:ty { $($field:ident),* $(,)? }) => {
        impl $crate::codec::Packed for $ty {
            fn pack(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.pack(out);)*
            }

            fn unpack(from: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::Broken> {
                Ok(Self { $($field: $crate::codec::Packed::unpack(from)?),* })
            }
        }
    };
}

/// Says which byte stands for each variant of an enum. A byte never changes its meaning within a format version.
macro_rules! packed_enum {
    ($ty:ty { $($tag:literal = $variant:ident $(($($item:ident),*))? $({ $($field:ident),* })?),* $(,)? }) => {
        impl $crate::codec::Packed for $ty {
            fn pack(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($item),*))? $({ $($field),* })? => {
                        out.push($tag);
                        $($($item.pack(out);)*)?
                        $($($field.pack(out);)*)?
                    })*
                }
            }

            fn unpack(from: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::Broken> {
                Ok(match from.byte()? {
                    $($tag => Self::$variant
                        $(($({ let $item = $crate::codec::Packed::unpack(from)?; $item }),*))?
                        $({ $($field: $crate::codec::Packed::unpack(from)?),* })?,)*
                    _ => return Err($crate::codec::Broken(concat!(stringify!($ty), ": an unknown kind"))),
                })
            }
        }
    };
}

pub(crate) use {packed_enum, packed_struct};

impl Packed for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        match from.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Broken("neither yes nor no")),
        }
    }
}

impl Packed for u32 {
    fn pack(&self, out: &mut Vec<u8>) {
        number((*self).into(), out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        from.number()?.try_into().map_err(|_| Broken("a number is too large"))
    }
}

impl Packed for usize {
    fn pack(&self, out: &mut Vec<u8>) {
        number(*self as u64, out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        from.number()?.try_into().map_err(|_| Broken("a number is too large"))
    }
}

/// Zigzag: small numbers are short, whatever their sign.
impl Packed for i64 {
    fn pack(&self, out: &mut Vec<u8>) {
        number(((*self << 1) ^ (*self >> 63)) as u64, out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let folded = from.number()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }
}

impl Packed for f64 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let number = Self::from_le_bytes(from.array()?);
        if number.is_finite() { Ok(number) } else { Err(Broken("a number is not finite")) }
    }
}

/// Says how each kind of text is read from a `&str`.
macro_rules! packed_text {
    ($($ty:ty),*) => {$(
        impl Packed for $ty {
            fn pack(&self, out: &mut Vec<u8>) {
                self.len().pack(out);
                out.extend(self.as_bytes());
            }

            fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
                Ok(from.text()?.into())
            }
        }
    )*};
}

packed_text!(String, Box<str>, Arc<str>);

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.is_some().pack(out);
        self.iter().for_each(|value| value.pack(out));
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        if bool::unpack(from)? { T::unpack(from).map(Some) } else { Ok(None) }
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        each(self.iter(), out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        from.each(T::unpack)
    }
}

impl<T: Packed> Packed for Box<[T]> {
    fn pack(&self, out: &mut Vec<u8>) {
        each(self.iter(), out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        from.each(T::unpack).map(Into::into)
    }
}

impl<T: Packed + Ord> Packed for BTreeSet<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        each(self.iter(), out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        let items = from.each(T::unpack)?;
        ascending(&items)?;
        Ok(items.into_iter().gather())
    }
}

impl<A: Packed, B: Packed> Packed for (A, B) {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
        self.1.pack(out);
    }

    fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok((A::unpack(from)?, B::unpack(from)?))
    }
}

/// Says that a map is packed entry by entry, in order.
macro_rules! packed_map {
    ($($map:ident),*) => {$(
        impl<K: Packed + Ord, V: Packed> Packed for $map<K, V> {
            fn pack(&self, out: &mut Vec<u8>) {
                self.len().pack(out);
                for (key, value) in self {
                    key.pack(out);
                    value.pack(out);
                }
            }

            fn unpack(from: &mut Reader<'_>) -> Result<Self, Broken> {
                let mut all = Self::new();
                for _ in 0..from.count()? {
                    let key = K::unpack(from)?;
                    if all.last_key_value().is_some_and(|(last, _)| *last >= key) {
                        return Err(Broken("what should be in order is not"));
                    }
                    all.insert(key, V::unpack(from)?);
                }
                Ok(all)
            }
        }
    )*};
}

packed_map!(BTreeMap, Sorted);

/// That each element is greater than the one before.
pub(crate) fn ascending<T: Ord>(items: &[T]) -> Result<(), Broken> {
    let sorted = items.iter().zip(items.iter().skip(1)).all(|(a, b)| a < b);
    if sorted { Ok(()) } else { Err(Broken("what should be in order is not")) }
}
