//! Work on many things at once, where the platform has threads.

/// What `work` makes of each item, in their order.
#[cfg(target_family = "wasm")]
pub(super) fn each<T, R>(items: &[T], work: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(work).collect()
}

/// What `work` makes of each item, in their order. Each thread takes the next item that nobody has; a thread that cannot be
/// started leaves its share to the others.
#[cfg(not(target_family = "wasm"))]
pub(super) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    /// More threads than this only wait for memory.
    const MOST: usize = 8;

    let workers = thread::available_parallelism().map_or(1, usize::from).min(MOST).min(items.len());
    let next = AtomicUsize::new(0);
    let share = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done = thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let others: Vec<_> = (1..workers).filter_map(start).collect();
        let mut done = share();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
