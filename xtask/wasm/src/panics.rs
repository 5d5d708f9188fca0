//! Panics without words.

use walrus::{FunctionBuilder, FunctionKind, Module};

/// Where the standard library ends in a panic. None of these functions returns.
const PANICS: [&str; 11] = [
    "core::panicking::",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::slice::index::slice_index_fail",
    "core::str::slice_error_fail",
    "core::cell::panic_already_",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "alloc::alloc::handle_alloc_error",
];

/// Makes every panic a trap at once. Nobody could read what it says: the module has no place to say it, and its host sees a
/// trap in any case. What would have worded it is no longer called, and wasm-opt leaves it out.
pub(crate) fn silence(module: &mut Module) {
    let named = |name: &str| PANICS.iter().any(|panic| name.starts_with(panic));
    let ends = module.funcs.iter().filter(|function| function.name.as_deref().is_some_and(|name| named(&plain(name))));
    let ends: Vec<_> = ends.map(|function| (function.id(), function.ty())).collect();
    for (id, ty) in ends {
        let (parameters, results) = module.types.params_results(ty);
        let parameters = parameters.to_vec();
        if results.is_empty() {
            let mut trap = FunctionBuilder::new(&mut module.types, &parameters, &[]);
            trap.func_body().unreachable();
            let arguments = parameters.iter().map(|one| module.locals.add(*one)).collect();
            module.funcs.get_mut(id).kind = FunctionKind::Local(trap.local_func(arguments));
        }
    }
}

/// The path of a function, without the hashes of crates in it.
fn plain(name: &str) -> String {
    name.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_no_part_of_a_path() {
        assert_eq!(plain("core[2f1c]::panicking::panic_fmt"), "core::panicking::panic_fmt");
        assert_eq!(plain("<alloc[77]::vec::Vec<T>>::push"), "<alloc::vec::Vec<T>>::push");
        assert_eq!(plain("malloc"), "malloc");
    }
}
