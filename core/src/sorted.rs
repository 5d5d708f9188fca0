//! A map in one sorted list: for what is put together in its order, mostly, and then only read. A [`BTreeMap`] brings two to
//! four kilobytes along for every type of its elements, which counts where a browser loads it.
//!
//! [`BTreeMap`]: std::collections::BTreeMap

use std::{borrow::Borrow, cmp::Ordering, fmt, slice, vec};

/// Among so many keys, one is looked for one by one: most texts differ in their length already, which an order does not see.
const FEW: usize = 16;

/// Has of `BTreeMap` what is used of it, under the same names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Sorted<K, V> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn last_key_value(&self) -> Option<(&K, &V)> {
        self.0.last().map(|(key, value)| (key, value))
    }

    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        Iter(self.0.iter())
    }

    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }
}

impl<K: Ord, V> Sorted<K, V> {
    /// Where a key stands, or would stand.
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        K: Borrow<Q>,
    {
        self.0.binary_search_by(|(own, _)| own.borrow().cmp(key))
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    pub(crate) fn get_key_value<Q: Ord + ?Sized>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        if self.0.len() <= FEW {
            return self.iter().find(|(own, _)| (*own).borrow() == key);
        }
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(key, value)| (key, value))
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).is_ok()
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.place(key).ok()?;
        Some(self.0.remove(at).1)
    }

    /// Both in one pass. `both` says what becomes of a key that each of them has; with nothing, it is gone.
    pub(crate) fn merge(self, other: Self, mut both: impl FnMut(&K, V, V) -> Option<V>) -> Self {
        let mut all = Vec::with_capacity(self.len().max(other.len()));
        let (mut left, mut right) = (self.0.into_iter().peekable(), other.0.into_iter().peekable());
        while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                Ordering::Less => all.extend(left.next()),
                Ordering::Greater => all.extend(right.next()),
                Ordering::Equal => {
                    if let Some(((key, a), (_, b))) = left.next().zip(right.next()) {
                        all.extend(both(&key, a, b).map(|value| (key, value)));
                    }
                }
            }
        }
        all.extend(left.chain(right));
        Self(all)
    }

    /// Puts a value in the place of the one before.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(at) => {
                if let Some((_, before)) = self.0.get_mut(at) {
                    *before = value;
                }
            }
            Err(at) => self.0.insert(at, (key, value)),
        }
    }
}

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Sorted<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl<K: Ord, V> Extend<(K, V)> for Sorted<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, items: I) {
        items.into_iter().for_each(|(key, value)| self.insert(key, value));
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let mut all = Self::new();
        all.extend(items);
        all
    }
}

impl<K: Ord, V, const N: usize> From<[(K, V); N]> for Sorted<K, V> {
    fn from(items: [(K, V); N]) -> Self {
        items.into_iter().collect()
    }
}

impl<K, V> IntoIterator for Sorted<K, V> {
    type Item = (K, V);
    type IntoIter = vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Walks through a [`Sorted`].
#[derive(Clone)]
pub(crate) struct Iter<'a, K, V>(slice::Iter<'a, (K, V)>);

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(key, value)| (key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}

impl<'a, K, V> IntoIterator for &'a Sorted<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Both after the same events: a value is put there, or what is there is taken away.
    fn both(events: &[(u8, Option<u8>)]) -> (Sorted<u8, u8>, BTreeMap<u8, u8>) {
        let (mut own, mut other) = (Sorted::new(), BTreeMap::new());
        for (key, value) in events {
            match value {
                Some(value) => {
                    own.insert(*key, *value);
                    other.insert(*key, *value);
                }
                None => assert_eq!(own.remove(key), other.remove(key)),
            }
        }
        (own, other)
    }

    proptest! {
        #[test]
        fn is_what_the_standard_library_has(a: Vec<(u8, Option<u8>)>, b: Vec<(u8, Option<u8>)>, key: u8) {
            let ((own, other), (own_b, other_b)) = (both(&a), both(&b));
            prop_assert_eq!(own.iter().collect::<Vec<_>>(), other.iter().collect::<Vec<_>>());
            prop_assert_eq!(own.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
            prop_assert_eq!(own.values().collect::<Vec<_>>(), other.values().collect::<Vec<_>>());
            prop_assert_eq!(own.get_key_value(&key), other.get_key_value(&key));
            prop_assert_eq!(own.contains_key(&key), other.contains_key(&key));
            prop_assert_eq!(own.last_key_value(), other.last_key_value());
            prop_assert_eq!((own.len(), own.is_empty()), (other.len(), other.is_empty()));
            prop_assert_eq!(format!("{own:?}"), format!("{other:?}"));
            prop_assert_eq!(own.cmp(&own_b), other.cmp(&other_b));
            let kept = |a: u8, b: u8| (a != b).then(|| a.wrapping_sub(b));
            let merged = own.clone().merge(own_b.clone(), |_, a, b| kept(a, b));
            let mut expected = other_b.clone();
            for (key, a) in &other {
                match other_b.get(key).map(|b| kept(*a, *b)) {
                    Some(None) => drop(expected.remove(key)),
                    Some(Some(value)) => drop(expected.insert(*key, value)),
                    None => drop(expected.insert(*key, *a)),
                }
            }
            prop_assert_eq!(merged.into_iter().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(own.into_iter().collect::<Vec<_>>(), other.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn collects_as_the_standard_library(items: Vec<(u8, u8)>, key: u8) {
            let (mut own, mut other): (Sorted<_, _>, BTreeMap<_, _>) = (items.iter().copied().collect(), items.into_iter().collect());
            prop_assert_eq!(own.get_mut(&key), other.get_mut(&key));
            own.iter_mut().for_each(|(key, value)| *value ^= key);
            other.iter_mut().for_each(|(key, value)| *value ^= key);
            prop_assert_eq!(own.into_iter().collect::<Vec<_>>(), other.into_iter().collect::<Vec<_>>());
        }
    }
}
