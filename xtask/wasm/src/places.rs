//! Where panics were: the file, line and column of each, which nobody reads where every panic is a trap.

use std::ops::Range;

use walrus::{ConstExpr, DataKind, Module, ir::Value};

/// `core::panic::Location` in memory: where its path lies, the path's length, line and column.
const SIZE: usize = 16;
/// What length, line and column may at most be.
const LIMITS: [u32; 3] = [300, 100_000, 1_000];

/// Puts zeros in place of each location and of its path, and tells how many bytes that were. Compressed, zeros are nothing.
pub(crate) fn forget(module: &mut Module) -> usize {
    let mut forgotten = 0;
    let ids: Vec<_> = module.data.iter().map(|data| data.id()).collect();
    for id in ids {
        let data = module.data.get_mut(id);
        let DataKind::Active { offset: ConstExpr::Value(Value::I32(start)), .. } = data.kind else { continue };
        for gone in locations(&data.value, start.cast_unsigned()) {
            forgotten += gone.len();
            data.value[gone].fill(0);
        }
    }
    forgotten
}

/// The bytes of locations, and of the paths that they name.
fn locations(data: &[u8], start: u32) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    // Aligned in memory, whatever the segment starts with.
    let first = (start.next_multiple_of(4) - start) as usize;
    for at in (first..data.len().saturating_sub(SIZE - 1)).step_by(4) {
        let field = |field: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&data[at + 4 * field..][..4]);
            u32::from_le_bytes(bytes)
        };
        let [path, numbers @ ..] = [0, 1, 2, 3].map(field);
        let Some(from) = path.checked_sub(start).map(|from| from as usize) else { continue };
        let path = from..from.saturating_add(numbers[0] as usize);
        let plausible = numbers.iter().zip(LIMITS).all(|(number, most)| (1..=most).contains(number));
        if plausible && data.get(path.clone()).is_some_and(is_source) {
            found.extend([at..at + SIZE, path]);
        }
    }
    found
}

fn is_source(path: &[u8]) -> bool {
    path.ends_with(b".rs") && path.contains(&b'/') && path.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u32 = 1_048_577;
    const PATH: &str = "core/src/gate.rs";

    /// A segment: the path, and behind it, aligned in memory, these four words.
    fn segment(words: [u32; 4]) -> Vec<u8> {
        let mut data = PATH.as_bytes().to_vec();
        while !(START as usize + data.len()).is_multiple_of(4) {
            data.push(0xff);
        }
        data.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        data.extend(b"what follows");
        data
    }

    fn check(words: [u32; 4], is_location: bool) {
        let data = segment(words);
        let kept = data.len() - b"what follows".len();
        let expected = if is_location { vec![kept - SIZE..kept, 0..PATH.len()] } else { vec![] };
        assert_eq!(locations(&data, START), expected, "{words:?}");
    }

    #[test]
    fn only_locations_are_forgotten() {
        let length = u32::try_from(PATH.len()).unwrap();
        check([START, length, 7, 12], true);
        check([START, length, 100_000, 1_000], true);
        // A line or a column that no file has.
        check([START, length, 0, 12], false);
        check([START, length, 100_001, 12], false);
        check([START, length, 7, 1_001], false);
        // A text that is no path, one before the segment, one behind it.
        check([START, length - 1, 7, 12], false);
        check([START + 9, length - 9, 7, 12], false);
        check([START - 1, length, 7, 12], false);
        check([START, 299, 7, 12], false);
        check([u32::MAX, length, 7, 12], false);
    }

    #[test]
    fn what_is_shorter_than_a_location_has_none() {
        for length in 0..SIZE + 4 {
            assert_eq!(locations(&vec![1; length], START), []);
        }
    }
}
