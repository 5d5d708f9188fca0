//! A gate and its bundle.

use std::ffi::c_char;

use toolgate::{PolicyBundle, Sources, wire};
use toolgate_folder::Found;

use crate::{
    fault::{Fault, Status},
    host,
};

/// Decides calls by one bundle. It never changes; one gate serves many threads.
pub struct Gate(pub(crate) toolgate::Gate);

impl Gate {
    fn of(bundle: PolicyBundle) -> Self {
        Self(toolgate::Gate::new(bundle))
    }
}

/// The version of this library.
#[unsafe(no_mangle)]
pub extern "C" fn toolgate_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Makes a gate of what lies at a path: the folder of a bundle, or the file of a packed one.
///
/// With `strict`, warnings are errors. `*gate` is freed with `toolgate_gate_free`; on failure it is NULL, and `*error`, unless
/// `error` is NULL, says what is wrong and where, and is freed with `toolgate_text_free`.
///
/// # Safety
/// `path` ends with a zero byte; `gate` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_gate_open(
    path: *const c_char,
    strict: bool,
    gate: *mut *mut Gate,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::made("gate", gate, error, || match toolgate_folder::find(host::path("path", path)?)? {
            Found::Packed(bytes) => Ok(Gate::of(PolicyBundle::unpack(&bytes)?)),
            Found::Folder(sources) => load(&sources, strict),
        })
    }
}

/// Makes a gate of the files of a bundle: a JSON object from their names (`"policies/a.cedar"`) to their texts, of at most
/// 64 MiB in all.
///
/// The rest is as for `toolgate_gate_open`.
///
/// # Safety
/// `length` bytes can be read from `files`; `gate` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_gate_load(
    files: *const c_char,
    length: usize,
    strict: bool,
    gate: *mut *mut Gate,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::made("gate", gate, error, || {
            let files = host::bytes("files", files.cast(), length)?;
            let sources = wire::read_sources(files).map_err(|why| Fault::usage(&format!("`files`: {why}")))?;
            load(&sources, strict)
        })
    }
}

/// Makes a gate of the bytes of a packed bundle, which `toolgate pack` writes.
///
/// `keys` holds `key_count` Ed25519 public keys of 32 bytes each, one behind the other: then the bundle counts only if one of
/// them signed it. If `keys` is NULL and `key_count` is 0, a signature is not asked for. The rest is as for
/// `toolgate_gate_open`.
///
/// # Safety
/// `length` bytes can be read from `packed` and 32 times `key_count` from `keys`; `gate` and `error` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_gate_unpack(
    packed: *const u8,
    length: usize,
    keys: *const u8,
    key_count: usize,
    gate: *mut *mut Gate,
    error: *mut *mut c_char,
) -> Status {
    // SAFETY: as the caller vouches.
    unsafe {
        host::made("gate", gate, error, || {
            let packed = host::bytes("packed", packed, length)?;
            // A key that the host has lost must not make the bundle one that needs none.
            if keys.is_null() && key_count == 0 {
                return Ok(Gate::of(PolicyBundle::unpack(packed)?));
            }
            let all = key_count.checked_mul(32).ok_or_else(|| Fault::usage("`key_count` is too large"))?;
            let (keys, _) = host::bytes("keys", keys, all)?.as_chunks::<32>();
            Ok(Gate::of(PolicyBundle::unpack_signed(packed, keys)?))
        })
    }
}

/// What the bundle is, as JSON: its name, version and digests, its servers, its policies, and what deserves a second look.
///
/// Freed with `toolgate_text_free`. NULL if `gate` is NULL.
///
/// # Safety
/// `gate` is a gate.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_gate_bundle(gate: *const Gate) -> *mut c_char {
    // SAFETY: as the caller vouches.
    unsafe { host::told(gate, |gate| wire::bundle(gate.0.bundle())) }
}

/// Frees a gate. NULL is fine.
///
/// # Safety
/// `gate` is NULL or a gate, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn toolgate_gate_free(gate: *mut Gate) {
    // SAFETY: as the caller vouches.
    unsafe { host::take(gate) };
}

fn load(sources: &Sources, strict: bool) -> Result<Gate, Fault> {
    Ok(Gate::of(if strict { PolicyBundle::load_strict(sources)? } else { PolicyBundle::load(sources)? }))
}
