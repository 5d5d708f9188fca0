//! Collecting into ordered maps and sets with little code, which counts where a browser loads it.

/// [`Iterator::collect`] sorts before it builds an ordered collection, and brings a sorting algorithm along for every type of
/// its elements: of the module for the edge, a fifth was sorting. This inserts.
pub(crate) trait Gather: Iterator + Sized {
    /// Collects by inserting one by one.
    fn gather<C: Default + Extend<Self::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}

impl<I: Iterator> Gather for I {}
