//! A quick hash for tables whose keys come from policies. It does not withstand keys that were chosen to collide, and
//! none that a caller chooses is ever put into such a table.

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, Hash, Hasher},
};

/// Multiplies and rotates, eight bytes at a time.
#[derive(Clone, Copy, Default)]
pub(crate) struct Quick(u64);

const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;

impl Quick {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        // Tables look at the low bits and at the highest: both must depend on everything.
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.add(rest.iter().fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.add(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.add(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }
}

/// A map that a bundle keeps. What is looked up in it comes from calls; what is in it does not.
pub(crate) type Table<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// The hash of one value.
pub(crate) fn of(value: &(impl Hash + ?Sized)) -> u64 {
    BuildHasherDefault::<Quick>::default().hash_one(value)
}
