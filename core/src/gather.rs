//! Collecting and sorting with little code, which counts where a browser loads it.

use std::cmp::Ordering;

/// [`Iterator::collect`] sorts before it builds an ordered collection, and brings a sorting algorithm along for every type of
/// its elements: of the module for the edge, a fifth was sorting. This inserts.
pub(crate) trait Gather: Iterator + Sized {
    /// Collects by inserting one by one.
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }

    /// As [`Gather::gather`], up to the first error.
    fn try_gather<T, E, C: Default + Extend<T>>(mut self) -> Result<C, E>
    where
        Self: Iterator<Item = Result<T, E>>,
    {
        self.try_fold(C::default(), |mut all, item| {
            all.extend([item?]);
            Ok(all)
        })
    }
}

impl<I: Iterator> Gather for I {}

/// Sorts, and leaves equals in their order. As [`slice::sort_by`], which would be an algorithm of its own for every type of
/// elements; here it is that of their places.
pub(crate) fn order<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    let mut places: Vec<usize> = (0..items.len()).collect();
    let at = |a: usize, b: usize| items.get(a).zip(items.get(b)).map_or(Ordering::Equal, |(a, b)| compare(a, b));
    places_by(&mut places, &at);
    // Each round of exchanges is put right from its first place on.
    for start in 0..places.len() {
        let mut to = start;
        while let Some(from) = places.get_mut(to).map(|from| std::mem::replace(from, to)).filter(|from| *from != start)
        {
            items.swap(to, from);
            to = from;
        }
    }
}

fn places_by(places: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    places.sort_by(|a, b| compare(*a, *b));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn orders_as_the_standard_library(mut items: Vec<(u8, u16)>) {
            let mut other = items.clone();
            order(&mut items, |a, b| a.0.cmp(&b.0));
            other.sort_by_key(|item| item.0);
            prop_assert_eq!(items, other);
        }
    }
}
